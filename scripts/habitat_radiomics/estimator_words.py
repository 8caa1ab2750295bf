"""What is said of every estimator, as plain data: it is needed while the Snakefile is read, which stays light."""

from dataclasses import dataclass


@dataclass(frozen=True)
class EstimatorWords:
    """Words on an estimator.

    Attributes
    ----------
    name : str
        For people, in running text.
    methods : str
        Sentence of the methods paragraph, about models of this kind.
    score : str
        What its score, and so its cut-off, is measured in.
    has_coefficients : bool
        Whether it gives odds or hazard ratios and a nomogram.
    outcome : {"binary", "survival"}
        Kind of outcome it predicts.
    """

    name: str
    methods: str
    score: str = "training SD from the boundary"
    has_coefficients: bool = False
    outcome: str = "binary"


CALIBRATED = "probabilities calibrated by Platt's sigmoid on scores of training patients held out from the fit"
TUNED = f"tuned for the AUC by 5-fold cross-validation among the patients of each fit, {CALIBRATED}"

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
    ),
    "cox": EstimatorWords(
        name="Cox regression",
        score="log hazard ratio",
        methods="unpenalised Cox regressions (ties by Efron), by maximum partial likelihood or, where the events are "
        "ordered completely, by Firth's penalised likelihood",
        has_coefficients=True,
        outcome="survival",
    ),
    "penalised_logistic": EstimatorWords(
        name="penalised logistic regression",
        methods=f"logistic regressions with a ridge penalty (C 0.001 to 10) on standardised inputs, {TUNED}",
    ),
    "lda": EstimatorWords(
        name="linear discriminant analysis",
        methods="linear discriminant analyses with equal priors, their covariance shrunk after Ledoit and Wolf, "
        f"{CALIBRATED}",
    ),
    "naive_bayes": EstimatorWords(
        name="naive Bayes",
        methods=f"Gaussian naive Bayes classifiers with equal priors (share of variance added 1 to 1e-9), {TUNED}",
    ),
    "knn": EstimatorWords(
        name="k nearest neighbours",
        score="share of neighbours",
        methods=f"k nearest neighbours on standardised inputs (k 3 to 25, classes not weighted), {TUNED}",
    ),
    "tuned_svm": EstimatorWords(
        name="tuned support vector machine",
        methods=f"support vector machines on standardised inputs (linear or Gaussian kernel, C 0.01 to 10), {TUNED}",
    ),
    "random_forest": EstimatorWords(
        name="random forest",
        score="share of trees",
        methods=f"random forests of 100 trees (leaves of at least 2, 5 or 10 patients), {TUNED}",
    ),
    "extra_trees": EstimatorWords(
        name="extremely randomised trees",
        score="share of trees",
        methods=f"extremely randomised trees, 100 of them (leaves of at least 2, 5 or 10 patients), {TUNED}",
    ),
    "gradient_boosting": EstimatorWords(
        name="gradient boosting",
        methods="histogram gradient boosting (25 or 100 trees of 2 or 4 leaves, learning rate 0.1), " + TUNED,
    ),
    "lightgbm": EstimatorWords(
        name="gradient boosting by LightGBM",
        methods="gradient boosting by LightGBM (25 or 100 trees of 2 or 4 leaves of at least 5 patients, learning rate "
        f"0.1), {TUNED}",
    ),
    "xgboost": EstimatorWords(
        name="gradient boosting by XGBoost",
        methods=f"gradient boosting by XGBoost (25 or 100 trees of depth 1 or 2, learning rate 0.1), {TUNED}",
    ),
    "mlp": EstimatorWords(
        name="multilayer perceptron",
        methods="multilayer perceptrons on standardised inputs (one layer of 3 or 8 units, weight decay 1 or 10, at "
        f"most 200 iterations of L-BFGS), {TUNED}",
    ),
    "best": EstimatorWords(
        name="best of several classifiers",
        score="calibrated log odds",
        methods="the simplest of several classifiers whose AUC in cross-validation on the training patients was within "
        "one standard error of the largest; the choice was repeated inside every cross-validation and resample",
    ),
}

# Classifiers from the simplest to the most flexible: the order in which the one-standard-error rule prefers them.
SIMPLICITY = ("penalised_logistic", "lda", "naive_bayes", "knn", "tuned_svm", "random_forest", "extra_trees")
SIMPLICITY += ("gradient_boosting", "lightgbm", "xgboost", "mlp")
