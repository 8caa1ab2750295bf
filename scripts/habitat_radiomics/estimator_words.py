"""What is said of every estimator, as plain data: it is needed while the Snakefile is read, which stays light."""

from dataclasses import dataclass


@dataclass(frozen=True)
class EstimatorWords:
    """Words on an estimator.

    Attributes
    ----------
    name : str
        For people, in running text.
    score : str
        What its score, and so its cut-off, is measured in.
    methods : str
        Sentence of the methods paragraph, about models of this kind.
    has_coefficients : bool
        Whether it gives odds or hazard ratios and a nomogram.
    outcome : {"binary", "survival"}
        Kind of outcome it predicts.
    """

    name: str
    score: str
    methods: str
    has_coefficients: bool
    outcome: str = "binary"


WORDS = {
    "logistic": EstimatorWords(
        name="logistic regression",
        score="log odds",
        methods="unpenalised logistic regressions, by maximum likelihood or, where the classes are separated, by "
        "Firth's penalised likelihood",
        has_coefficients=True,
    ),
    "svm": EstimatorWords(
        name="support vector machine",
        score="decision value",
        methods="support vector machines with a Gaussian kernel on standardised inputs (cost 1, gamma 1 / number of "
        "inputs: the defaults of R's e1071), their probabilities calibrated by Platt's sigmoid on decision values of "
        "training patients held out from the fit",
        has_coefficients=False,
    ),
    "cox": EstimatorWords(
        name="Cox regression",
        score="log hazard ratio",
        methods="unpenalised Cox regressions (ties by Efron), by maximum partial likelihood or, where the events are "
        "ordered completely, by Firth's penalised likelihood",
        has_coefficients=True,
        outcome="survival",
    ),
}
