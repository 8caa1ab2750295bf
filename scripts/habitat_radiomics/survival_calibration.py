"""Calibration of survival predictions at a horizon: do as many patients have the event by then as the model says?

``risk`` is the predicted probability of the event by the horizon. Patients censored before it are handled by
Kaplan-Meier (groups) and by a Cox model of the prediction (curve, slope). Where a measure cannot be computed it is NaN,
with a reason beside it. Conventions are those of rms::groupkm and of Austin, Harrell and van Klaveren 2020 (Stat Med
39:2714).
"""

import numpy as np
import pandas as pd
from scipy import special

from habitat_radiomics.brier import brier_scores
from habitat_radiomics.concordance import concordance
from habitat_radiomics.cox import CoxModel
from habitat_radiomics.faults import DataFault
from habitat_radiomics.kaplan_meier import checked_survival, kaplan_meier, step_values, survival_at, survival_interval
from habitat_radiomics.survival_outcome import survival_outcome

KNOT_QUANTILES = (0.1, 0.5, 0.9)
FEWEST_EVENTS = 5  # fewer cannot carry the two coefficients of the curve
FEWEST_RESAMPLES = 0.9
NEGLIGIBLE = 1e-9
NO_FOLLOW_UP = "nobody is followed to the horizon"
FEW_EVENTS = f"fewer than {FEWEST_EVENTS} events"
EQUAL = "all predictions are equal"
CERTAIN = "a prediction is exactly 0 or 1"
EMPTY = "no patients"
STATISTICS = ("c", "brier", "slope")
CURVE, GROUP = "curve", "group"


# Groups -----------------------------------------------------------------------------------------------------------


def group_limits(risk, groups):
    """Return the lowest risk of every group of similar risk, as equal in size as ties allow (Hmisc::cut2).

    Groups hold their lower limit; each takes its share of the patients that are left.
    """
    values, counts = np.unique(risk, return_counts=True)
    limits, start = [], 0
    for group in range(groups):
        if start == values.size:
            break
        limits.append(float(values[start]))
        filled = np.cumsum(counts[start:])
        start += int(np.searchsorted(filled, filled[-1] / (groups - group) - 1e-9)) + 1
    return np.array(limits)


def group_calibration(time, event, risk, *, horizon, groups=4, limits=None, level=0.95, kind="log-log"):
    """Return observed (Kaplan-Meier) against predicted risk in groups of similar prediction.

    Parameters
    ----------
    time, event, risk : arrays, one a patient
    horizon : float
    groups : int
        As equal in size as ties allow.
    limits : array, optional
        Lowest risk of every group but the first in place of ``groups``, see `group_limits`.
    level, kind
        Of the intervals, see `kaplan_meier.survival_interval`.

    Returns
    -------
    pandas.DataFrame
        group (1 has the lowest risk), n, events (by the horizon), mean_predicted, observed, se_log_survival, ci_low,
        ci_high, reason.
    """
    time, event, risk = checked_risk(time, event, risk)
    limits = group_limits(risk, groups) if limits is None else np.asarray(limits)
    place = np.maximum(np.searchsorted(limits, risk, side="right"), 1)
    rows = []
    for group in range(1, len(limits) + 1):
        members = place == group
        row = _observed(time[members], event[members], horizon, level, kind)
        mean = risk[members].mean() if members.any() else np.nan
        rows.append({"group": group, "n": int(members.sum()), "mean_predicted": mean, **row})
    columns = ["group", "n", "events", "mean_predicted", "observed", "se_log_survival", "ci_low", "ci_high", "reason"]
    return pd.DataFrame(rows, columns=columns)


def _observed(time, event, horizon, level, kind):
    """Kaplan-Meier's risk by the horizon with its limits."""
    events = int((event & (time <= horizon)).sum())
    curve = kaplan_meier(time, event)
    survival = float(survival_at(curve, horizon))
    if np.isnan(survival):
        reason = NO_FOLLOW_UP if time.size else EMPTY
        missing = dict.fromkeys(("observed", "se_log_survival", "ci_low", "ci_high"), np.nan)
        return {"events": events, **missing, "reason": reason}
    low, high = survival_interval(curve, level=level, kind=kind)
    se = np.sqrt(step_values(curve.time, curve.greenwood, horizon, first=0.0))
    return {
        "events": events,
        "observed": 1 - survival,
        "se_log_survival": float(se) if np.isfinite(se) else np.nan,
        "ci_low": float(1 - step_values(curve.time, high, horizon, first=np.nan)),
        "ci_high": float(1 - step_values(curve.time, low, horizon, first=np.nan)),
        "reason": "",
    }


# The smooth curve -------------------------------------------------------------------------------------------------


def smooth_observed(time, event, risk, at, *, horizon):
    """Return the smoothed observed risk at the predicted risks ``at``, and the reason where it is NaN.

    A Cox model of the complementary log-log of the prediction, by a restricted cubic spline with knots at its 10, 50
    and 90 % quantiles (linear where these coincide); ties and baseline hazard after Breslow.

    Parameters
    ----------
    at : array
        Between 0 and 1, both excluded; NaN outside the range of the predictions (no extrapolation).
    """
    time, event, risk = checked_risk(time, event, risk)
    at = np.asarray(at, dtype=float)
    reason = _curve_fault(time, event, risk, horizon)
    if reason:
        return np.full(at.shape, np.nan), reason
    knots = np.quantile(cloglog(risk), KNOT_QUANTILES)
    inside = (at >= risk.min() - NEGLIGIBLE) & (at <= risk.max() + NEGLIGIBLE)
    model = CoxModel(ties="breslow").fit(spline(cloglog(risk), knots), survival_outcome(time, event))
    observed = np.full(at.shape, np.nan)
    if inside.any():
        observed[inside] = 1 - model.predict_survival(spline(cloglog(at[inside]), knots), [horizon])[:, 0]
    return observed, ""


def cloglog(risk):
    """Return log(-log(1 - risk)), in which proportional hazards are a shift."""
    return np.log(-np.log1p(-np.asarray(risk, dtype=float)))


def spline(x, knots):
    """Return the restricted cubic spline basis of three knots, linear beyond them (rms::rcs), patients x 2.

    Knots that coincide give the linear part only.
    """
    low, middle, high = knots
    if min(middle - low, high - middle) < NEGLIGIBLE:
        return x[:, None]
    cubes = [np.maximum(x - knot, 0) ** 3 for knot in knots]
    bend = cubes[0] - (cubes[1] * (high - low) - cubes[2] * (middle - low)) / (high - middle)
    return np.column_stack([x, bend / (high - low) ** 2])


def calibration_errors(time, event, risk, *, horizon):
    """Return ici, e50, e90 and emax: mean, median, 90 % quantile and maximum of |risk - observed| over the patients."""
    observed, _ = smooth_observed(time, event, risk, risk, horizon=horizon)
    error = np.abs(np.asarray(risk) - observed)
    values = (error.mean(), np.median(error), np.quantile(error, 0.9), error.max())
    return dict(zip(("ici", "e50", "e90", "emax"), map(float, values), strict=True))


def calibration_slope(time, event, risk):
    """Return slope, its standard error and the reason where they are NaN: Cox's coefficient of cloglog(risk).

    1 is ideal, below 1 predictions are too extreme. For a Cox model it is the slope of the linear predictor.
    """
    time, event, risk = checked_risk(time, event, risk)
    reason = _slope_fault(event, risk)
    if reason:
        return np.nan, np.nan, reason
    model = CoxModel(ties="breslow").fit(cloglog(risk)[:, None], survival_outcome(time, event))
    return float(model.coef_[0]), float(np.sqrt(model.covariance_[0, 0])), model.note_


def calibration_band(time, event, risk, at, *, horizon, resamples, seed, level=0.95):
    """Return the pointwise percentile band (low, high) of the smooth curve at ``at``, by resampling patients.

    It speaks of these predictions as they are, not of the fitting of the model. NaN where fewer than nine in ten
    resamples reach.
    """
    time, event, risk = checked_risk(time, event, risk)
    curves = np.full((resamples, np.size(at)), np.nan)
    for b in range(resamples):
        rows = np.random.default_rng([seed, b]).integers(0, time.size, time.size)
        curves[b] = smooth_observed(time[rows], event[rows], risk[rows], at, horizon=horizon)[0]
    known = np.isfinite(curves).mean(axis=0) >= FEWEST_RESAMPLES
    band = np.full((2, np.size(at)), np.nan)
    if known.any():
        band[:, known] = np.nanquantile(curves[:, known], [(1 - level) / 2, (1 + level) / 2], axis=0)
    return band[0], band[1]


def checked_risk(time, event, risk):
    """Return time, event and risk, or raise a ValueError that says what is wrong."""
    time, event, risk = checked_survival(time, event, risk)
    if risk.size and (risk.min() < 0 or risk.max() > 1):
        raise ValueError(
            f"risk ranges from {risk.min():g} to {risk.max():g}: give the probability of the event by the horizon, "
            "between 0 and 1, not a score."
        )
    return time, event, risk


def _slope_fault(event, risk):
    if event.sum() < FEWEST_EVENTS:
        return FEW_EVENTS
    if risk.min() <= 0 or risk.max() >= 1:
        return CERTAIN
    return EQUAL if np.ptp(risk) < NEGLIGIBLE else ""


def _curve_fault(time, event, risk, horizon):
    if time.size == 0:
        return EMPTY
    return _slope_fault(event, risk) or (NO_FOLLOW_UP if time.max() < horizon else "")


# The summary ------------------------------------------------------------------------------------------------------


def survival_calibration(time, event, risk, *, horizon, level=0.95):
    """Return every measure of calibration at a horizon as one table.

    Returns
    -------
    pandas.DataFrame
        metric, estimate, ci_low, ci_high, note (why a cell is NaN). Metrics: mean_predicted, observed (Kaplan-Meier's
        risk), ratio (predicted / observed), slope, ici, e50, e90, emax.
    """
    time, event, risk = checked_risk(time, event, risk)
    observed = _observed(time, event, horizon, level, "log-log")
    mean = float(risk.mean()) if risk.size else np.nan
    slope, se, slope_note = calibration_slope(time, event, risk) if risk.size else (np.nan, np.nan, EMPTY)
    half = special.ndtri((1 + level) / 2) * se
    share = observed["observed"] if observed["observed"] > 0 else np.nan
    limits = [mean / observed[end] if observed[end] > 0 else np.nan for end in ("ci_high", "ci_low")]
    rows = [
        ("mean_predicted", mean, np.nan, np.nan, "" if risk.size else EMPTY),
        ("observed", observed["observed"], observed["ci_low"], observed["ci_high"], observed["reason"]),
        ("ratio", mean / share, *limits, observed["reason"]),
        ("slope", slope, slope - half, slope + half, slope_note),
    ]
    reason = _curve_fault(time, event, risk, horizon)
    names = ("ici", "e50", "e90", "emax")
    errors = dict.fromkeys(names, np.nan) if reason else calibration_errors(time, event, risk, horizon=horizon)
    rows += [(name, errors[name], np.nan, np.nan, reason) for name in names]
    return pd.DataFrame(rows, columns=["metric", "estimate", "ci_low", "ci_high", "note"])


# Bias correction --------------------------------------------------------------------------------------------------


def survival_performance(time, event, risk, *, horizon, at, limits):
    """Return one model's performance as a table of statistic, at and value.

    Statistics: `STATISTICS` (Harrell's C of the risk, Brier score at the horizon, slope), the curve at every risk of
    ``at``, and for every group observed minus mean predicted risk.

    Parameters
    ----------
    limits : array
        Lowest risk of every group, see `group_limits`.
    """
    slope = calibration_slope(time, event, risk)[0]
    brier = brier_scores(time, event, 1 - np.asarray(risk)[:, None], [horizon])[0]
    single = [concordance(time, event, risk).c, brier, slope]
    curve, _ = smooth_observed(time, event, risk, at, horizon=horizon)
    groups = group_calibration(time, event, risk, horizon=horizon, limits=limits)
    error = groups["observed"] - groups["mean_predicted"]
    names = [*STATISTICS, *[CURVE] * len(at), *[GROUP] * len(limits)]
    places = np.concatenate([np.full(len(STATISTICS), np.nan), at, groups["group"]])
    return pd.DataFrame({"statistic": names, "at": places, "value": np.concatenate([single, curve, error])})


def survival_optimism(fit, X, time, event, resamples, *, numbers, horizon, at, limits):
    """Fit the model on some of the resamples and measure it there and on all patients.

    Parameters
    ----------
    fit : callable
        ``fit(X, time, event)`` returns a callable that takes rows like X and returns their risk by the horizon. It
        holds every step that looks at the outcome, and raises a DataFault where a resample cannot be fitted.
    X : ndarray or DataFrame, one row a patient
    resamples : array of int, shape (count, n)
        See `optimism.draw_resamples`.
    numbers : iterable of int
        Which of them.
    horizon, at, limits
        See `survival_performance`.

    Returns
    -------
    pandas.DataFrame
        resample, statistic, at, train (on the resample), test (on all patients), reason.
    """
    time, event = checked_survival(time, event)
    places = {"horizon": horizon, "at": at, "limits": limits}
    parts = []
    for b in numbers:
        rows = resamples[b]
        of_resample = X.iloc[rows] if hasattr(X, "iloc") else X[rows]
        try:
            predict = fit(of_resample, time[rows], event[rows])
        except DataFault as fault:
            parts.append(_failed(at, limits).assign(resample=b, reason=fault.code))
            continue
        train = survival_performance(time[rows], event[rows], predict(of_resample), **places)
        test = survival_performance(time, event, predict(X), **places)
        table = train.rename(columns={"value": "train"}).assign(test=test["value"], resample=b, reason="")
        parts.append(table)
    return pd.concat(parts, ignore_index=True)[["resample", "statistic", "at", "train", "test", "reason"]]


def corrected_survival_performance(apparent, resampled):
    """Take the mean optimism off the apparent performance (Harrell, Lee and Mark 1996, Stat Med 15:361).

    Parameters
    ----------
    apparent : DataFrame
        See `survival_performance`, of the model where it was fitted.
    resampled : DataFrame
        See `survival_optimism`, all chunks.

    Returns
    -------
    pandas.DataFrame
        statistic, at, apparent, train, test, optimism, corrected, resamples (number with both values).
    """
    keys = ["statistic", "at"]
    both = resampled.dropna(subset=["train", "test"]).sort_values("resample", kind="stable")
    groups = both.groupby(keys, dropna=False)[["train", "test"]]
    means = groups.mean().assign(resamples=groups.size()).reset_index()
    table = apparent.rename(columns={"value": "apparent"}).merge(means, on=keys, how="left")
    table["resamples"] = table["resamples"].fillna(0).astype(int)
    table["optimism"] = table["train"] - table["test"]
    table["corrected"] = table["apparent"] - table["optimism"]
    return table[[*keys, "apparent", "train", "test", "optimism", "corrected", "resamples"]]


def _failed(at, limits):
    names = [*STATISTICS, *[CURVE] * len(at), *[GROUP] * len(limits)]
    places = np.concatenate([np.full(len(STATISTICS), np.nan), at, np.arange(1, len(limits) + 1)])
    return pd.DataFrame({"statistic": names, "at": places, "train": np.nan, "test": np.nan})
