"""Models brought to the level (and spread) of risk of other patients: recalibrated, with the ranking as it was.

Two updates (Steyerberg 2019, Clinical Prediction Models, chapter 20; van Houwelingen 2000, Stat Med 19:3401 for
survival): the intercept alone (survival: the baseline hazard), and intercept with slope. Both are fitted on the very
patients they are then shown for, so that their calibration there is too good; they are for the next patients.
"""

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from habitat_radiomics import cohort_tables, survival_cohort_tables
from habitat_radiomics.calibration import recalibration
from habitat_radiomics.cox import CoxModel, baseline_hazard, risk_sets
from habitat_radiomics.cox_predictor import RISK
from habitat_radiomics.outcome import is_survival, outcome_of
from habitat_radiomics.survival_calibration import EQUAL, FEW_EVENTS, FEWEST_EVENTS, NEGLIGIBLE
from habitat_radiomics.survival_outcome import as_outcome

ORIGINAL, INTERCEPT, SLOPE = "original", "intercept", "slope"
UPDATES = (ORIGINAL, INTERCEPT, SLOPE)
COEFFICIENT_COLUMNS = ["model", "update", "horizon", "intercept", "slope", "reason"]


def recalibrated(predictions):
    """Return the updated predictions of one model, and what the updates are.

    Parameters
    ----------
    predictions : DataFrame
        Stored predictions of patients whose outcome is known.

    Returns
    -------
    updated : dict
        Name in `UPDATES` to the table with its risks replaced; an update that cannot be fitted is left out.
    coefficients : DataFrame
        update, horizon (NaN for a binary outcome), intercept, slope, and the reason where they are NaN. Binary: on the
        log odds. Survival: log of the ratio of the new baseline hazard to the old one by the horizon, and the
        coefficient of the score.
    """
    fit = _survival if is_survival(outcome_of(predictions)) else _binary
    return fit(predictions)


def _binary(predictions):
    y, p = predictions["outcome"].to_numpy(dtype=int), predictions["probability"].to_numpy(dtype=float)
    fit = recalibration(y, p)
    found = {INTERCEPT: (fit.intercept, 1.0, fit.reason), SLOPE: (fit.joint_intercept, fit.slope, fit.slope_reason)}
    updated = {ORIGINAL: predictions}
    for name, (intercept, slope, reason) in found.items():
        if not reason:
            updated[name] = predictions.assign(probability=expit(intercept + slope * logit(p)))
    return updated, pd.DataFrame([_coefficients(name, np.nan, *found[name]) for name in found])


def _coefficients(update, horizon, intercept, slope, reason):
    known = (np.nan, np.nan) if reason else (intercept, slope)
    return dict(zip(COEFFICIENT_COLUMNS[1:], (update, horizon, *known, reason), strict=True))


def _survival(predictions):
    score = predictions["score"].to_numpy(dtype=float)
    horizons = [float(column.removeprefix(RISK)) for column in predictions if column.startswith(RISK)]
    updated, rows = {ORIGINAL: predictions}, []
    for name, hazard in {INTERCEPT: _new_baseline, SLOPE: _new_baseline_and_slope}.items():
        reason = _survival_fault(predictions, score)
        at, slope = (None, np.nan) if reason else hazard(predictions, score)
        if not reason:
            risks = {f"{RISK}{h:g}": -np.expm1(-at(h) * np.exp(slope * score)) for h in horizons}
            updated[name] = predictions.assign(**risks)
        for horizon in horizons:
            change = np.nan if reason else _log_ratio(at(horizon), predictions, score, horizon)
            rows.append(_coefficients(name, horizon, change, slope, reason))
    return updated, pd.DataFrame(rows)


def _survival_fault(predictions, score):
    if predictions["event"].sum() < FEWEST_EVENTS:
        return FEW_EVENTS
    return EQUAL if np.ptp(score) < NEGLIGIBLE else ""


def _new_baseline(predictions, score):
    """Cumulative hazard where the score is 0, by time; the slope stays 1."""
    times, hazard = baseline_hazard(score, risk_sets(as_outcome(predictions[["time", "event"]]), ties="efron"))
    return _step_function(times, hazard), 1.0


def _new_baseline_and_slope(predictions, score):
    model = CoxModel().fit(score[:, None], as_outcome(predictions[["time", "event"]]))
    slope = float(model.coef_[0])
    return lambda horizon: float(model.hazard_at([horizon])[0] * np.exp(-slope * model.mean_[0])), slope


def _step_function(times, hazard):
    return lambda horizon: float(np.r_[0.0, hazard][np.searchsorted(times, horizon, side="right")])


def _log_ratio(new, predictions, score, horizon):
    """Log of the new over the old cumulative hazard where the score is 0; NaN where one of them is 0 or unknown.

    The old one follows from any patient's risk that is not rounded to 1; the median keeps out rounding.
    """
    risk = predictions[f"{RISK}{horizon:g}"].to_numpy(dtype=float)
    below = risk < 1
    old = float(np.median(-np.log1p(-risk[below]) / np.exp(score[below]))) if below.any() else np.nan
    return np.log(new / old) if new > 0 and old > 0 else np.nan


def recalibration_tables(predictions, *, level, groups):
    """Return what the updates of every model are, their risks, and the calibration with and without them.

    Parameters
    ----------
    predictions : dict
        Model to its stored predictions of patients whose outcome is known.
    level : float
        Of the intervals.
    groups : int
        Of Hosmer and Lemeshow's test (binary outcome).

    Returns
    -------
    coefficients : DataFrame
        `COEFFICIENT_COLUMNS`.
    risks : DataFrame
        Updated predictions, with ``model`` and ``update``.
    measures : DataFrame
        As `cohort_tables.calibration_measures` (or of `survival_cohort_tables`), with ``update``.
    """
    coefficients, risks, measures = [], [], []
    for model, table in predictions.items():
        updated, found = recalibrated(table)
        coefficients.append(found.assign(model=model))
        for name, changed in updated.items():
            risks.append(changed.assign(model=model, update=name))
            measures.append(_measures({model: changed}, level=level, groups=groups).assign(update=name))
    keys = ["model", "update"]
    everyone = pd.concat(risks, ignore_index=True)
    return (
        pd.concat(coefficients, ignore_index=True)[COEFFICIENT_COLUMNS],
        everyone[[*keys, *everyone.columns.drop(keys)]],
        pd.concat(measures, ignore_index=True),
    )


def _measures(predictions, *, level, groups):
    (table,) = predictions.values()
    if not is_survival(outcome_of(table)):
        return cohort_tables.calibration_measures(predictions, level=level, groups=groups)
    horizons = [float(column.removeprefix(RISK)) for column in table if column.startswith(RISK)]
    return survival_cohort_tables.calibration_measures(predictions, horizons=horizons, level=level)
