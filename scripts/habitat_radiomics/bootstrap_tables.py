"""What a bootstrap of the whole chain says of a model: three answers side by side, a curve, and which features last."""

import numpy as np

from habitat_radiomics.calibration import calibration_grid
from habitat_radiomics.resampling import corrected_632, measure_bootstrap, optimism_corrected, selection_frequency

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
