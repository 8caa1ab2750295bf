"""What a bootstrap of the whole chain says of a model: three answers side by side, a curve, and which features last."""

import numpy as np
import pandas as pd

from habitat_radiomics.calibration import calibration_grid
from habitat_radiomics.model import fit_model, model_prediction
from habitat_radiomics.optimism import bias_corrected_calibration
from habitat_radiomics.resampling import (
    corrected_632,
    measure_bootstrap,
    optimism_corrected,
    resample_indices,
    selection_frequency,
)

UNBOUNDED = ("intercept", "slope", "joint_intercept")
FEWEST_DEFINED = 0.9  # share of the resamples in which a slope must exist for their mean to say something
NOT_FITTED_HERE = "the model was fitted on cross-fitted scores, so that slopes on its own patients mean nothing"


def bootstrap_tables(predictions, selected, outcome, *, level, cross_fitted):
    """Return what is stored of the bootstrap of one model.

    Parameters
    ----------
    predictions, selected : DataFrame
        See `resampling.merge_bootstrap`.
    outcome : Series
        0 or 1 by training patient.
    level : float
        Of the percentiles ``low`` and ``high``.
    cross_fitted : bool
        The model was fitted on cross-fitted scores. Its own scores separate the classes of a resample further, which
        leaves recalibration there without bounds: intercepts and slopes then have no correction.

    Returns
    -------
    statistics : DataFrame
        See `resampling.optimism_corrected`, with ``corrected_632`` and its ``weight_632`` (AUC and Brier score only).
    curve : DataFrame
        Apparent and corrected calibration curve.
    frequency : DataFrame
        See `resampling.selection_frequency`.
    """
    predictions = predictions.fillna({"reason": ""})
    of_study = predictions.loc[predictions["replicate"] == 0, "probability"]
    measures = measure_bootstrap(predictions, outcome, at=calibration_grid(of_study))
    statistics, curve = optimism_corrected(measures, level=level)
    rule = corrected_632(measures, predictions, outcome).set_index("statistic")
    statistics["corrected_632"] = statistics["statistic"].map(rule["corrected"])
    statistics["weight_632"] = statistics["statistic"].map(rule["weight"])
    return without_unbounded(statistics, cross_fitted=cross_fitted), curve, selection_frequency(selected, predictions)


def without_unbounded(statistics, *, cross_fitted):
    """Take back the correction of intercepts and slopes where resamples do not bound them, and say why."""
    of_slopes, fitted = statistics["statistic"].isin(UNBOUNDED), statistics["resamples"].max()
    rare = of_slopes & (statistics["resamples"] < FEWEST_DEFINED * fitted)
    lost = of_slopes if cross_fitted else rare
    defined = statistics["resamples"].astype(str) + f" of {fitted} resamples define it"
    reason = np.where(cross_fitted, NOT_FITTED_HERE, defined)
    note = statistics["note"].where(~lost | (statistics["note"] != ""), reason)
    corrected = statistics[["corrected", "low", "high"]].mask(lost)
    return statistics.assign(note=note, **corrected)


def fixed_features_bootstrap(pipeline, predictors, outcome, *, count, seed):
    """Correct a model for optimism with its scores held as they are: the quicker variant that most papers report.

    Only the last fit is repeated in the resamples (validate of R's rms). What the selection of the features owes to the
    same patients stays in the result, which is why it is named after what it leaves out.

    Parameters
    ----------
    pipeline : Pipeline
        Unfitted model, see `model.build_model`.
    predictors : DataFrame
        The signatures' own training scores, and clinical variables.
    outcome : Series
        0 or 1 by patient, same index.
    count, seed : int
        Of the resamples, stratified by outcome.

    Returns
    -------
    DataFrame
        See `optimism.corrected_performance`.
    """

    def fit(rows, y):
        fitted = fit_model(pipeline, rows, pd.Series(y, index=rows.index))
        return lambda others: model_prediction(fitted, others)["probability"].to_numpy()

    y = outcome.to_numpy(dtype=int)
    resamples = resample_indices(y, count=count, seed=seed, start=1)
    return bias_corrected_calibration(fit, predictors, y, resamples, at=[])[0]
