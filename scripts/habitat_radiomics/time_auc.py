"""Cumulative/dynamic time-dependent AUC: does the score tell who has the event by a time from who does not?

At a horizon t, cases had the event by t (T <= t), controls are still event-free after t; patients censored before are
made up for by inverse-probability-of-censoring weights 1 / G(T-) of the cases (Uno 2007; Hung and Chiang 2010), G by
Kaplan-Meier in the patients measured. Standard errors and tests are by the influence function, the estimation of G
included (Blanche, Dartigues and Jacqmin-Gadda 2013, Stat Med 32:5381), as riskRegression::Score (R). A higher score
means a higher risk. Ties of the score count one half.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import special, stats

from habitat_radiomics.kaplan_meier import (
    censoring_distribution,
    censoring_influence,
    checked_survival,
    event_weights,
)

NO_CASES = "nobody has the event by this time"
NO_CONTROLS = "nobody is followed beyond this time"
NO_VARIANCE = "the estimated variance is zero"


@dataclass(frozen=True)
class TimeAuc:
    """AUC at every horizon, with a Wald interval cut off at 0 and 1."""

    table: pd.DataFrame  # time, auc, se, ci_low, ci_high, cases, controls, censored (before the time), reason
    influence: np.ndarray  # horizons x patients; se is the standard deviation over the root of n


def time_auc(time, event, score, horizons, *, level=0.95):
    """Return the AUC at every horizon with its interval.

    Parameters
    ----------
    time, event : arrays, one a patient
    score : array, patients or patients x horizons
        The second where the order of risks depends on the horizon.
    horizons : array of float
    level : float
    """
    time, event, score = checked_survival(time, event, score)
    horizons = np.atleast_1d(np.asarray(horizons, dtype=float))
    by_horizon = np.broadcast_to(score.reshape(time.size, -1), (time.size, horizons.size))
    censoring = censoring_distribution(time, event)
    rows, influence = [], np.full((horizons.size, time.size), np.nan)
    for k, horizon in enumerate(horizons):
        row, influence[k] = _at_horizon(time, event, by_horizon[:, k], horizon, censoring)
        rows.append(row)
    table = pd.DataFrame(rows)
    return TimeAuc(_with_interval(table, influence, level), influence)


def time_auc_test(time, event, score_a, score_b, horizons, *, level=0.95):
    """Test at every horizon whether two scores of the same patients have the same AUC (as DeLong's paired test).

    Parameters as `time_auc`.

    Returns
    -------
    pandas.DataFrame
        time, auc_a, auc_b, difference (first minus second), se, ci_low, ci_high, z, p (two-sided), reason.
    """
    a, b = (time_auc(time, event, score, horizons, level=level) for score in (score_a, score_b))
    table = pd.DataFrame({"time": a.table["time"], "auc_a": a.table["auc"], "auc_b": b.table["auc"]})
    table["difference"] = table["auc_a"] - table["auc_b"]
    table["se"] = _standard_error(a.influence - b.influence)
    half = special.ndtri((1 + level) / 2) * table["se"]
    table["ci_low"], table["ci_high"] = table["difference"] - half, table["difference"] + half
    alike = (table["se"] == 0) & (table["difference"] == 0)
    z = table["difference"] / table["se"].where(table["se"] > 0)
    table["z"] = z.mask(alike, 0.0)
    table["p"] = 2 * stats.norm.sf(np.abs(table["z"]))
    table["reason"] = a.table["reason"].where((a.table["reason"] != "") | table["z"].notna(), NO_VARIANCE)
    return table


def median_auc(time, event, score, horizons, *, resamples, seed, level=0.95):
    """Return the median of AUC(t) over the horizons with a percentile interval over resamples of the patients.

    Horizons at which the AUC is not defined are left out, of the study and of each resample.

    Returns
    -------
    estimate, ci_low, ci_high, horizons used : float, float, float, int
    """
    time, event, score = checked_survival(time, event, score)
    estimate, used = _median(time, event, score, horizons)
    values = [
        _median(time[rows], event[rows], score[rows], horizons)[0]
        for rows in (np.random.default_rng([seed, b]).integers(0, time.size, time.size) for b in range(resamples))
    ]
    known = np.array([value for value in values if np.isfinite(value)])
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2]) if known.size else (np.nan, np.nan)
    return estimate, float(low), float(high), used


def follow_up_grid(time, event, *, points=50, fewest_at_risk=10):
    """Return horizons at which to draw a curve: from the 5 % quantile of the event times to the last with enough left.

    Parameters
    ----------
    fewest_at_risk : int
        Patients that must still be observed after the last horizon.

    Returns
    -------
    ndarray
        Ascending; empty where there is no such time.
    """
    time, event = checked_survival(time, event)
    if not event.any() or time.size <= fewest_at_risk:
        return np.empty(0)
    first = np.quantile(time[event], 0.05)
    last = min(np.sort(time)[-fewest_at_risk - 1], time[event].max())
    return np.linspace(first, last, points) if last > first else np.empty(0)


def _at_horizon(time, event, score, horizon, censoring):
    """One row of the table, and the influence of every patient."""
    case, control = event & (time <= horizon), time > horizon
    row = {
        "time": horizon,
        "auc": np.nan,
        "cases": int(case.sum()),
        "controls": int(control.sum()),
        "censored": int((~event & (time <= horizon)).sum()),
        "reason": "" if case.any() and control.any() else NO_CASES if control.any() else NO_CONTROLS,
    }
    if row["reason"]:
        return row, np.full(time.size, np.nan)
    weight = event_weights(time, event, horizon, censoring)[0]
    total, n = weight.sum(), time.size
    above, below = _placements(score, weight, case, control)
    auc = float(np.sum(weight * above) / total)
    excess = weight * np.where(case, above - auc, 0.0) / total
    own = n * (excess + np.where(control, below / total - auc, 0.0) / control.sum())
    return {**row, "auc": auc}, own + censoring_influence(time, event, n * excess, censoring, before=time)


def _placements(score, weight, case, control):
    """Share of the controls that each patient scores above, and summed weight of the cases that score above them."""
    controls, order = np.sort(score[control]), np.argsort(score[case], kind="stable")
    lower, upper = (np.searchsorted(controls, score, side=side) for side in ("left", "right"))
    cases, sums = score[case][order], np.concatenate([[0.0], np.cumsum(weight[case][order])])
    beaten = sums[-1] - (sums[np.searchsorted(cases, score, "left")] + sums[np.searchsorted(cases, score, "right")]) / 2
    return (lower + upper) / 2 / controls.size, beaten


def _standard_error(influence):
    """Standard deviation of the influences over the root of n; NaN for one patient."""
    n = influence.shape[1]
    return influence.std(axis=1, ddof=1) / np.sqrt(n) if n > 1 else np.full(len(influence), np.nan)


def _with_interval(table, influence, level):
    half = special.ndtri((1 + level) / 2) * _standard_error(influence)
    table["se"] = _standard_error(influence)
    table["ci_low"], table["ci_high"] = (table["auc"] - half).clip(lower=0), (table["auc"] + half).clip(upper=1)
    return table[["time", "auc", "se", "ci_low", "ci_high", "cases", "controls", "censored", "reason"]]


def _median(time, event, score, horizons):
    """Median of the defined AUCs and their number, without the influence function, which resampling does not need."""
    censoring = censoring_distribution(time, event)
    values = []
    for horizon in horizons:
        case, control = event & (time <= horizon), time > horizon
        if case.any() and control.any():
            weight = event_weights(time, event, horizon, censoring)[0]
            values.append(np.sum(weight * _placements(score, weight, case, control)[0]) / weight.sum())
    return (float(np.median(values)) if values else np.nan), len(values)
