"""The nomogram of a fitted model, and the files it is kept in."""

import numpy as np

from habitat_radiomics.model import model_coefficients, model_prediction
from habitat_radiomics.nomogram import build_nomogram, risk_scale, terms_of_model

INTERCEPT = "(intercept)"


def model_nomogram(fitted, training, variables, *, labels, outcome_label):
    """Return the nomogram of a logistic model; None where no predictor changes its risk or it has no coefficients.

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
    """
    if not hasattr(fitted["estimator"], "coef_"):
        return None
    table = model_coefficients(fitted).set_index("predictor")["coefficient"]
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
    scale = risk_scale(f"Risk of {outcome_label}")
    lp_range = (score.min(), score.max())
    return build_nomogram(terms, intercept=table[INTERCEPT], scales=[scale], lp_range=lp_range)


def _belongs(column, names):
    """Whether a column of the design matrix is one of the predictors or a level of it."""
    return column.partition("=")[0] in names
