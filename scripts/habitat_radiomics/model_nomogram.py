"""The nomogram of a fitted model, and the files it is kept in."""

import numpy as np

from habitat_radiomics.model import model_coefficients, model_prediction
from habitat_radiomics.nomogram import build_nomogram, risk_scale, survival_scale, terms_of_model

INTERCEPT = "(intercept)"


def model_nomogram(fitted, training, variables, *, labels, outcome_label, unit=""):
    """Return the nomogram of a logistic or Cox model; None without coefficients that change its risk.

    Axes cover the training patients, on the scores the model was fitted on. A predictor that is the same in all of
    them has the coefficient 0 and no axis.

    Parameters
    ----------
    fitted : Pipeline
        See `model.fit_model`.
    training : DataFrame
        Scores and clinical variables of the training patients.
    variables : dict
        Clinical variables of the model, see `model.PredictorEncoder`.
    labels : dict
        Predictor to its printed name.
    outcome_label : str
    unit : str
        Of the horizons of a Cox model.
    """
    if not hasattr(fitted["estimator"], "coef_"):
        return None
    estimator, of_time = fitted["estimator"], hasattr(fitted["estimator"], "predict_survival")
    table = model_coefficients(fitted).set_index("predictor")["coefficient"]
    if of_time:  # its linear predictor is 0 for the mean patient
        table[INTERCEPT] = -float(estimator.mean_ @ estimator.coef_)
    constant = [name for name in training if training[name].nunique() < 2]
    kept = table[[not _belongs(column, constant) for column in table.index]]
    if not np.any(kept.drop(INTERCEPT)):
        return None
    terms = terms_of_model(
        kept.drop(INTERCEPT).to_dict(),
        {name: variable for name, variable in variables.items() if name not in constant},
        training,
        labels=labels,
    )
    score = model_prediction(fitted, training)["score"]
    scales = _survival_scales(estimator, outcome_label, unit) if of_time else [risk_scale(f"Risk of {outcome_label}")]
    lp_range = (score.min(), score.max())
    return build_nomogram(terms, intercept=table[INTERCEPT], scales=scales, lp_range=lp_range)


def _survival_scales(estimator, outcome_label, unit):
    """An axis for every horizon at which survival of the mean patient is neither 1 nor 0."""
    survival = np.exp(-estimator.hazard_at(estimator.horizons))
    return [
        survival_scale(f"{time:g} {unit} without {outcome_label}", value)
        for time, value in zip(estimator.horizons, survival, strict=True)
        if 0 < value < 1
    ]


def _belongs(column, names):
    """Whether a column of the design matrix is one of the predictors or a level of it."""
    return column.partition("=")[0] in names
