"""The Kaplan-Meier estimator with its intervals, medians and numbers at risk, and the censoring distribution.

Outcomes are a time to event or censoring (finite, not negative, any unit) and an event (1 = happened, 0 = censored).
A patient censored at a time when others have the event was at risk of it, as everywhere in R's survival. What cannot
be computed is NaN, with a reason beside it. Written out in numpy because resampling calls it a million times.
"""

from dataclasses import dataclass

import numpy as np
from scipy import special

from habitat_radiomics.survival_outcome import survival_outcome

INTERVALS = ("log", "log-log", "plain")
NOT_REACHED = "survival stays above one half"
NO_PATIENTS = "no patients"
BEYOND = "beyond the follow-up"
SMALL = 1e-9  # a survival this near to one half is one half


@dataclass(frozen=True)
class KaplanMeier:
    """Survival just after each distinct time, ascending; before the first time it is 1."""

    time: np.ndarray
    at_risk: np.ndarray
    events: np.ndarray
    censored: np.ndarray
    survival: np.ndarray
    greenwood: np.ndarray  # variance of log survival; infinite once survival is 0


@dataclass(frozen=True)
class Median:
    """Time at which survival falls to one half."""

    median: float
    ci_low: float
    ci_high: float
    reason: str  # why the median is NaN; empty where it is not


def checked_survival(time, event, *columns):
    """Return time as float, event as bool and further columns as float, or raise a ValueError that says what is wrong.

    Parameters
    ----------
    time, event : arrays, one a patient
        See `survival_outcome`; here there may be no patients, as in an empty group.
    columns : arrays of float, one value (or row) a patient
        Scores or predictions; NaN and infinity are refused.
    """
    if len(time) == 0 == len(event):
        return np.empty(0), np.empty(0, dtype=bool), *[_checked_column(column, 0) for column in columns]
    outcome = survival_outcome(time, event)
    return outcome["time"], outcome["event"], *[_checked_column(column, outcome.size) for column in columns]


def _checked_column(column, n):
    column = np.asarray(column, dtype=np.float64)
    if column.shape[:1] != (n,):
        raise ValueError(f"a prediction has shape {column.shape}: one value or row for each of {n} patients.")
    missing = np.count_nonzero(~np.isfinite(column.reshape(n, -1)).all(axis=1)) if n else 0
    if missing:
        raise ValueError(
            f"a prediction is NaN or infinite for {missing} of {n} patients: leave them out and say how many."
        )
    return column


def kaplan_meier(time, event):
    """Estimate survival (Kaplan and Meier 1958, J Am Stat Assoc 53:457) with Greenwood's variance."""
    time, event = checked_survival(time, event)
    distinct, place = np.unique(time, return_inverse=True)
    leaving = np.bincount(place, minlength=distinct.size)
    events = np.bincount(place[event], minlength=distinct.size)
    at_risk = time.size - np.concatenate([[0], np.cumsum(leaving)])[:-1].astype(int)
    survivors = at_risk - events
    # Written as an integral over d / (n (n - d)); the last factor may be 0 / 0, which adds nothing but infinity.
    steps = np.divide(events, at_risk * survivors, out=np.full(distinct.size, np.inf), where=survivors > 0)
    steps = np.where(events > 0, steps, 0.0)
    survival = np.cumprod(survivors / np.maximum(at_risk, 1))
    return KaplanMeier(distinct, at_risk, events, leaving - events, survival, np.cumsum(steps))


def step_values(times, values, at, *, first, left=False):
    """Return a right-continuous step function at ``at``; ``left`` gives its limits from the left.

    Parameters
    ----------
    times : array, ascending, where the function steps; values : array of its values from there on
    first : float
        Value before the first step.
    """
    place = np.searchsorted(times, at, side="left" if left else "right")
    return np.concatenate([[first], values])[place]


def survival_at(curve, at):
    """Return survival at the times ``at``; NaN beyond the longest follow-up, unless survival is 0 by then."""
    at = np.asarray(at, dtype=float)
    survival = step_values(curve.time, curve.survival, at, first=1.0)
    last = curve.time[-1] if curve.time.size else -np.inf
    return np.where((at <= last) | (survival == 0), survival, np.nan)


def at_risk(time, at):
    """Return the number of patients still observed just before the times ``at``."""
    return np.asarray(time).size - np.searchsorted(np.sort(time), at, side="left")


def survival_interval(curve, *, level=0.95, kind="log-log"):
    """Return the pointwise limits (low, high) of survival at every time of the curve.

    ``log-log`` (Kalbfleisch and Prentice 1980) keeps between 0 and 1 and holds its level best in small groups;
    ``log`` is R's default; ``plain`` is Wald's, cut off at 0 and 1. NaN where survival is 0, and for ``log-log``
    where it is 1.
    """
    if kind not in INTERVALS:
        raise ValueError(f"kind is {kind!r}: use one of {', '.join(INTERVALS)}.")
    half = special.ndtri((1 + level) / 2) * np.sqrt(np.where(np.isfinite(curve.greenwood), curve.greenwood, np.nan))
    survival = np.where(curve.survival > 0, curve.survival, np.nan)
    if kind == "log":
        low, high = survival * np.exp(-half), survival * np.exp(half)
    elif kind == "plain":
        low, high = survival - survival * half, survival + survival * half
    else:
        log_survival = np.log(np.where(survival < 1, survival, np.nan))
        low, high = (survival ** np.exp(sign * half / np.abs(log_survival)) for sign in (1, -1))
    return np.clip(low, 0, 1), np.clip(high, 0, 1)


def median_survival(curve, *, level=0.95, kind="log-log"):
    """Return the median with the limits of Brookmeyer and Crowley (1982), as R's quantile.survfit.

    Where survival is exactly one half from one time to the next the median is midway. A limit that is not reached is
    NaN: the interval is open there.
    """
    if curve.time.size == 0:
        return Median(np.nan, np.nan, np.nan, NO_PATIENTS)
    median = _half_time(curve.time, curve.survival)
    low, high = survival_interval(curve, level=level, kind=kind)
    limits = [_half_time(curve.time, _filled(values, curve.survival)) for values in (low, high)]
    return Median(median, *limits, NOT_REACHED if np.isnan(median) else "")


def _filled(limit, survival):
    """Limits for reading off a median: NaN at survival 1 is 1; at survival 0 R carries no limit."""
    return np.where(survival >= 1, 1.0, limit)


def _half_time(time, values):
    known = np.flatnonzero(values <= 0.5 + SMALL)
    if known.size == 0:
        return np.nan
    first = known[0]
    if abs(values[first] - 0.5) > SMALL:
        return float(time[first])
    below = np.flatnonzero(values < 0.5 - SMALL)
    return float((time[first] + time[below[0]]) / 2) if below.size else float(time[first])


def median_follow_up(time, event, *, level=0.95, kind="log-log"):
    """Return the median follow-up by the reverse Kaplan-Meier estimator (Schemper and Smith 1996)."""
    time, event = checked_survival(time, event)
    return median_survival(kaplan_meier(time, ~event), level=level, kind=kind)


# Censoring --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Censoring:
    """The censoring distribution G and what every patient added to its estimate."""

    time: np.ndarray  # distinct times
    survival: np.ndarray  # G(t), share still uncensored
    at_risk: np.ndarray
    censored: np.ndarray


def censoring_distribution(time, event):
    """Estimate the probability G of being still uncensored; at equal times events come before censorings."""
    curve = kaplan_meier(time, event)
    remaining = curve.at_risk - curve.events
    factors = np.divide(remaining - curve.censored, remaining, out=np.ones(curve.time.size), where=remaining > 0)
    return Censoring(curve.time, np.cumprod(factors), curve.at_risk, curve.censored)


def uncensored_before(censoring, at):
    """Return G(t-), the probability of being uncensored just before the times ``at``."""
    return step_values(censoring.time, censoring.survival, at, first=1.0, left=True)


def uncensored_at(censoring, at):
    """Return G(t)."""
    return step_values(censoring.time, censoring.survival, at, first=1.0)


def event_weights(time, event, horizon, censoring):
    """Return inverse-probability-of-censoring weights at a horizon (Graf 1999; Blanche 2013), one a patient.

    Parameters
    ----------
    horizon : float

    Returns
    -------
    cases, controls : ndarray
        1 / G(T-) of patients with the event by the horizon, and 1 / G(horizon) of those still event-free after it; 0
        for all others. Patients censored by the horizon have neither weight. NaN for controls where nobody is left.
    """
    before = uncensored_before(censoring, time)
    cases = np.where(event & (time <= horizon), 1 / np.where(before > 0, before, np.nan), 0.0)
    at_horizon = float(uncensored_at(censoring, horizon))
    later = time > horizon
    return cases, np.where(later, 1 / at_horizon if at_horizon > 0 else np.nan, 0.0)


def censoring_influence(time, event, values, censoring, *, before):
    """Return what each patient's part in estimating G adds to mean(values / G), one number a patient.

    The term is mean_i values_i M_k(t_i-), with M_k(t) = integral to t of dN_k(s) - Y_k(s) dL(s), over at risk(s) / n:
    the censoring martingale of patient k (Blanche, Dartigues and Jacqmin-Gadda 2013, Stat Med 32:5381, appendix). As
    in riskRegression a patient with an event at s counts as at risk of being censored at s.

    Parameters
    ----------
    values : array, one a patient
        Already divided by G.
    before : array, one a patient
        Times t_i at which G was taken; their left limits.
    """
    at_risk = censoring.at_risk.astype(float)
    # Sum of the values whose time lies after s: these are the ones a patient's increment at s goes into.
    order = np.argsort(before, kind="stable")
    after = np.concatenate([np.cumsum(values[order][::-1])[::-1], [0.0]])
    weight = after[np.searchsorted(before[order], censoring.time, side="right")]
    compensator = np.cumsum(weight * censoring.censored / at_risk**2)
    own = np.searchsorted(censoring.time, time)
    return np.where(event, 0.0, weight[own] / at_risk[own]) - compensator[own]
