"""Calibration of predicted probabilities: do as many patients have the event as the model says?

Every function takes the outcome y (0 or 1) and the predicted probability p of 1, one of each per patient, and refuses
anything else with a ValueError. Where a measure cannot be computed it is NaN, with a reason beside it:

- one class only: no recalibration, no scaled Brier score, no interval of observed / expected;
- a prediction of exactly 0 or 1 has infinite log odds: no recalibration, no likelihood;
- all predictions equal: no slope, no curve, one Hosmer-Lemeshow group;
- fewer than 10 patients: no curve; fewer patients than groups: no Hosmer-Lemeshow test.

Conventions are those of val.prob (R package rms, Harrell), compared with it in the tests.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import special, stats

FEWEST_FOR_CURVE = 10
LOWESS_SHARE, LOWESS_STEP = 2 / 3, 0.01  # rms: lowess(p, y, iter = 0)
LOESS_SHARE = 0.75  # Austin and Steyerberg 2019
NEGLIGIBLE = 1e-9  # predictions that differ by less are equal up to rounding
FEWEST_RESAMPLES = 0.9  # share of the resamples that reach a place, for the band to be given there
ONE_CLASS = "one class only"
EQUAL = "all predictions are equal"
SEPARATED = "the predictions separate the classes"
FEW = f"fewer than {FEWEST_FOR_CURVE} patients"
TIED = "most predictions are equal"
NO_INTERVAL = "no interval: resampling inflates absolute differences, see the band of the curve"


@dataclass(frozen=True)
class HosmerLemeshow:
    """Hosmer-Lemeshow test; a small p says that observed and expected events differ."""

    chi2: float
    df: int
    p: float
    table: pd.DataFrame  # one row a group: n, observed, expected (events), mean_p
    reason: str  # why chi2 and p are NaN; empty where they are not


@dataclass(frozen=True)
class Recalibration:
    """Logistic recalibration of p; ideal values are 0 (intercepts) and 1 (slope)."""

    intercept: float  # calibration in the large: slope held at 1
    intercept_se: float
    slope: float  # below 1: predictions too extreme
    slope_se: float
    joint_intercept: float  # fitted together with the slope, as val.prob prints it
    reason: str  # why the intercept is NaN
    slope_reason: str  # why the slope is NaN


@dataclass(frozen=True)
class Indices:
    """Likelihood of the predictions as they stand against that of the event rate (val.prob's D, U, Q and R2)."""

    r2: float  # Nagelkerke's, negative when worse than the event rate
    d: float  # discrimination
    u: float  # unreliability; q = d - u
    u_chi2: float  # likelihood-ratio test that intercept = 0 and slope = 1, two degrees of freedom
    u_p: float
    q: float
    reason: str


def checked_probabilities(y, p):
    """Return the outcome as bool and the probability as float, or raise a ValueError that says what is wrong."""
    y, p = np.asarray(y, dtype=np.float64), np.asarray(p, dtype=np.float64)
    if y.ndim != 1 or y.shape != p.shape or y.size == 0:
        raise ValueError(f"y has shape {y.shape} and p {p.shape}: one outcome and one probability a patient.")
    wrong = np.count_nonzero((y != 0) & (y != 1))
    if wrong:
        raise ValueError(
            f"y is neither 0 nor 1 for {wrong} of {y.size} patients: leave out patients whose outcome is missing."
        )
    missing = np.count_nonzero(~np.isfinite(p))
    if missing:
        raise ValueError(f"p is NaN or infinite for {missing} of {p.size} patients: leave them out and say how many.")
    if p.min() < 0 or p.max() > 1:
        raise ValueError(
            f"p ranges from {p.min():g} to {p.max():g}: a probability lies between 0 and 1. "
            "Give the model's probability, not its score."
        )
    return y == 1, p


# Tests and scores -------------------------------------------------------------------------------------------------


def hosmer_lemeshow(y, p, *, groups=10, external=False):
    """Hosmer-Lemeshow test in groups of similar p (2013, Applied Logistic Regression, section 5.2.2).

    Limits are quantiles of p (R's type 7), groups are closed on the right; equal limits are merged, so that ties give
    fewer groups. It has little power in small cohorts and rejects any model in large ones: report the curve with it.

    Parameters
    ----------
    external : bool
        False: the model was fitted on these patients, degrees of freedom are groups - 2. True: it was not, they are
        the number of groups.
    """
    y, p = checked_probabilities(y, p)
    limits = np.unique(_quantiles(p, groups))
    table = pd.DataFrame({"group": np.searchsorted(limits[1:-1], p, side="left") + 1, "y": y, "p": p})
    table = table.groupby("group").agg(
        n=("y", "size"), observed=("y", "sum"), expected=("p", "sum"), mean_p=("p", "mean")
    )
    df = len(table) - (0 if external else 2)
    variance = table["expected"] * (1 - table["mean_p"])
    reason = _hosmer_lemeshow_fault(y.size, groups, df, variance)
    if reason:
        return HosmerLemeshow(np.nan, df, np.nan, table.reset_index(), reason)
    chi2 = float(((table["observed"] - table["expected"]) ** 2 / variance).sum())
    return HosmerLemeshow(chi2, df, float(stats.chi2.sf(chi2, df)), table.reset_index(), "")


def brier(y, p):
    """Brier score: mean squared difference of outcome and probability; 0 is best (Brier 1950)."""
    y, p = checked_probabilities(y, p)
    return float(np.mean((p - y) ** 2))


def scaled_brier(y, p):
    """1 - Brier / Brier of the event rate: 1 is best, 0 no better than the rate, below 0 worse; NaN for one class."""
    y, p = checked_probabilities(y, p)
    reference = y.mean() * (1 - y.mean())
    return 1 - brier(y, p) / reference if reference > 0 else np.nan


def spiegelhalter(y, p):
    """Return z and the two-sided p of Spiegelhalter's test that the Brier score is what p promises (1986, Stat Med)."""
    y, p = checked_probabilities(y, p)
    variance = np.sum((1 - 2 * p) ** 2 * p * (1 - p))
    if variance == 0:
        return np.nan, np.nan
    z = np.sum((y - p) * (1 - 2 * p)) / np.sqrt(variance)
    return float(z), float(2 * stats.norm.sf(abs(z)))


# Recalibration ----------------------------------------------------------------------------------------------------


def recalibration(y, p):
    """Fit the outcome on the log odds of p: calibration in the large and slope (Cox 1958, Biometrika 45:562)."""
    y, p = checked_probabilities(y, p)
    reason = _log_odds_fault(y, p)
    slope_reason = reason or _slope_fault(y, p)
    log_odds = special.logit(p)
    in_the_large = (np.nan, np.nan) if reason else _in_the_large(y, log_odds)
    joint = (np.nan, np.nan, np.nan) if slope_reason else _joint_fit(y, log_odds)
    return Recalibration(*map(float, (*in_the_large, *joint)), reason, slope_reason)


def likelihood_indices(y, p):
    """Nagelkerke's R2 and Harrell's D, U and Q of predictions as they stand (2015, Regression Modeling Strategies)."""
    y, p = checked_probabilities(y, p)
    fit = recalibration(y, p)
    if fit.slope_reason:
        return Indices(*[np.nan] * 6, fit.slope_reason)
    n, log_odds = y.size, special.logit(p)
    null = -2 * n * (special.xlogy(y.mean(), y.mean()) + special.xlogy(1 - y.mean(), 1 - y.mean()))
    as_is, refitted = _deviance(y, log_odds), _deviance(y, fit.joint_intercept + fit.slope * log_odds)
    d, u = (null - as_is - 1) / n, (as_is - refitted - 2) / n
    chi2 = max(as_is - refitted, 0.0)
    r2 = np.expm1(-(null - as_is) / n) / np.expm1(-null / n)
    return Indices(*map(float, (r2, d, u, chi2, stats.chi2.sf(chi2, 2), d - u)), "")


# The smooth curve -------------------------------------------------------------------------------------------------


def lowess(y, p):
    """Observed risk at every patient's p by local lines without robustness steps, as rms (Cleveland 1979)."""
    from statsmodels.nonparametric.smoothers_lowess import lowess as smooth

    return smooth(
        y.astype(float), p, frac=LOWESS_SHARE, it=0, delta=LOWESS_STEP * np.ptp(p), is_sorted=False, return_sorted=False
    )


def loess(y, p):
    """Observed risk at every patient's p by local parabolas, exactly (R: loess with surface = "direct").

    R's default interpolates between a few exact values and differs by up to 0.015. Slow beyond thousands of patients.
    """
    nearest = int(LOESS_SHARE * p.size + 1e-5)
    fitted = {}
    for place in np.unique(p):
        distance = np.abs(p - place)
        bandwidth = np.partition(distance, nearest - 1)[nearest - 1]
        root_weight = np.clip(1 - (distance / bandwidth) ** 3, 0, 1) ** 1.5
        design = np.vander((p - place) / bandwidth, 3, increasing=True) * root_weight[:, None]
        fitted[place] = np.linalg.lstsq(design, y * root_weight, rcond=None)[0][0]
    return np.array([fitted[place] for place in p])


SMOOTHERS = {"lowess": (lowess, LOWESS_SHARE), "loess": (loess, LOESS_SHARE)}


def smooth_observed(y, p, *, smoother="lowess"):
    """Return the smoothed observed risk at every patient's p, and the reason where it is NaN."""
    if smoother not in SMOOTHERS:
        raise ValueError(f"smoother is {smoother!r}: use one of {', '.join(SMOOTHERS)}.")
    y, p = checked_probabilities(y, p)
    smooth, share = SMOOTHERS[smoother]
    reason = _curve_fault(p, share)
    return (np.full(p.size, np.nan) if reason else smooth(y, p)), reason


def calibration_curve(y, p, at, *, smoother="lowess"):
    """Return the smoothed observed risk at the probabilities ``at``; NaN outside the range of p (no extrapolation)."""
    observed, reason = smooth_observed(y, p, smoother=smoother)
    if reason:
        return np.full(np.shape(at), np.nan)
    places, first = np.unique(p, return_index=True)
    return np.interp(at, places, observed[first], left=np.nan, right=np.nan)


def calibration_errors(y, p, *, smoother="lowess"):
    """Return ici, e50, e90 and emax: mean, median, 90 % quantile and maximum of |p - observed risk| over the patients.

    Source: Austin and Steyerberg 2019 (Stat Med 38:4051). With lowess these are Eavg, E90 and Emax of val.prob.
    """
    observed, _ = smooth_observed(y, p, smoother=smoother)
    error = np.abs(np.asarray(p) - observed)
    measures = {"ici": error.mean(), "e50": np.median(error), "e90": np.quantile(error, 0.9), "emax": error.max()}
    return {name: float(value) for name, value in measures.items()}


def calibration_grid(p, *, points=50):
    """Return probabilities at which to draw a curve, over the range with enough patients (see `display_limits`)."""
    return np.linspace(*display_limits(p), points)


def display_limits(values):
    """Return the range worth drawing, as datadist of rms: without the outer 10 of n, or 5 % when n is below 200."""
    outside = 10 / max(len(values), 200)
    return tuple(np.quantile(values, [outside, 1 - outside]))


def calibration_band(y, p, at, *, resamples, seed, level=0.95, smoother="lowess"):
    """Return the pointwise percentile band (low, high) of the curve at ``at``, by resampling patients.

    It speaks of these predictions as they are, not of the fitting of the model. NaN where fewer than nine in ten
    resamples reach.
    """
    y, p = checked_probabilities(y, p)
    generator = np.random.default_rng(seed)
    curves = np.full((resamples, np.size(at)), np.nan)
    for b in range(resamples):
        rows = generator.integers(0, y.size, y.size)
        curves[b] = calibration_curve(y[rows], p[rows], at, smoother=smoother)
    known = np.isfinite(curves).mean(axis=0) >= FEWEST_RESAMPLES
    band = np.full((2, np.size(at)), np.nan)
    band[:, known] = np.nanquantile(curves[:, known], [(1 - level) / 2, (1 + level) / 2], axis=0)
    return band[0], band[1]


# The summary ------------------------------------------------------------------------------------------------------


def calibration_summary(y, p, *, level=0.95, groups=10, external=False, smoother="lowess"):
    """Return every measure of calibration as one table.

    Parameters
    ----------
    y : array of 0 and 1; p : array of probabilities
    level : float
        Level of the intervals.
    groups, external
        See `hosmer_lemeshow`.
    smoother : {"lowess", "loess"}
        Of the curve behind ici, e50, e90 and emax.

    Returns
    -------
    pandas.DataFrame
        metric, estimate, ci_low, ci_high, p (of the test that calibration is perfect), method, note (why a cell is
        NaN). Metrics: intercept (calibration in the large), slope, oe_ratio (observed / expected events), brier,
        brier_scaled, ici, e50, e90, emax, hosmer_lemeshow (chi-square), spiegelhalter (z).
    """
    y, p = checked_probabilities(y, p)
    rows = [*_recalibration_rows(y, p, level), _ratio_row(y, p, level), *_brier_rows(y, p, level)]
    errors, (_, reason) = calibration_errors(y, p, smoother=smoother), smooth_observed(y, p, smoother=smoother)
    rows += [_row(name, value, method=smoother, note=reason or NO_INTERVAL) for name, value in errors.items()]
    test = hosmer_lemeshow(y, p, groups=groups, external=external)
    method = f"chi-square, {len(test.table)} groups, {test.df} df"
    rows.append(_row("hosmer_lemeshow", test.chi2, p=test.p, method=method, note=test.reason))
    z, probability = spiegelhalter(y, p)
    note = "" if np.isfinite(z) else "the predictions leave the Brier score no variance"
    rows.append(_row("spiegelhalter", z, p=probability, method="z", note=note))
    return pd.DataFrame(rows)


def _row(metric, estimate, *, half=np.nan, p=np.nan, method, note=""):
    ends = {"ci_low": estimate - half, "ci_high": estimate + half}
    return {"metric": metric, "estimate": estimate, **ends, "p": p, "method": method, "note": note}


def _recalibration_rows(y, p, level):
    fit, z = recalibration(y, p), special.ndtri((1 + level) / 2)
    for name, value, error, ideal, note in (
        ("intercept", fit.intercept, fit.intercept_se, 0, fit.reason),
        ("slope", fit.slope, fit.slope_se, 1, fit.slope_reason),
    ):
        test = 2 * stats.norm.sf(abs(value - ideal) / error)
        yield _row(name, value, half=z * error, p=test, method="logistic recalibration, Wald", note=note)


def _ratio_row(y, p, level):
    """Observed over expected events, with the interval of its logarithm (Debray et al. 2017, BMJ 356:i6460)."""
    if not y.any() or p.sum() == 0:
        return _row("oe_ratio", np.nan, method="Wald, logarithm", note="no event was observed, or none expected")
    ratio = float(y.sum() / p.sum())
    if y.all():
        return _row("oe_ratio", ratio, method="Wald, logarithm", note=ONE_CLASS)
    factor = np.exp(special.ndtri((1 + level) / 2) * np.sqrt((1 - y.mean()) / y.sum()))
    ends = {"ci_low": ratio / factor, "ci_high": ratio * factor}
    return _row("oe_ratio", ratio, method="Wald, logarithm") | ends


def _brier_rows(y, p, level):
    """Brier score as a mean, scaled Brier score by the delta method; both cut off at their bounds."""
    z, rate, squares = special.ndtri((1 + level) / 2), y.mean(), (p - y) ** 2
    score, reference = squares.mean(), rate * (1 - rate)
    row = _row("brier", float(score), half=z * _standard_error(squares), method="Wald, mean")
    yield row | {"ci_low": np.maximum(row["ci_low"], 0)}
    if reference == 0:
        yield _row("brier_scaled", np.nan, method="Wald, delta method", note=ONE_CLASS)
        return
    influence = -squares / reference + score * (1 - 2 * rate) * (y - rate) / reference**2
    half = z * _standard_error(influence)
    row = _row("brier_scaled", float(1 - score / reference), half=half, method="Wald, delta method")
    yield row | {"ci_high": np.minimum(row["ci_high"], 1)}


def _standard_error(values):
    return values.std(ddof=1) / np.sqrt(values.size) if values.size > 1 else np.nan


# Faults and fits --------------------------------------------------------------------------------------------------


def _hosmer_lemeshow_fault(n, groups, df, variance):
    if n < groups:
        return f"{n} patients are fewer than {groups} groups"
    if df < 1:
        return f"ties leave {len(variance)} group{'s' * (len(variance) > 1)}"
    return "a group expects no events, or nothing but events" if variance.min() <= 0 else ""


def _log_odds_fault(y, p):
    certain = np.count_nonzero((p == 0) | (p == 1))
    if certain:
        return f"{certain} of {p.size} predictions are exactly 0 or 1: infinite log odds"
    return "" if y.any() and not y.all() else ONE_CLASS


def _slope_fault(y, p):
    """Maximum likelihood is finite if and only if the ranges of the two classes overlap (Albert and Anderson 1984)."""
    if np.ptp(p) < NEGLIGIBLE:
        return EQUAL
    overlap = p[y].min() < p[~y].max() and p[~y].min() < p[y].max()
    return "" if overlap else SEPARATED


def _curve_fault(p, share):
    if p.size < FEWEST_FOR_CURVE:
        return FEW
    if np.ptp(p) < NEGLIGIBLE:
        return EQUAL
    most_tied = np.unique(p, return_counts=True)[1].max()
    return TIED if most_tied >= int(share * p.size) else ""  # a window of equal predictions has no width


def _quantiles(values, parts):
    """Quantiles 0, 1 / parts, ..., 1 of type 7; unlike np.quantile's, places that are whole numbers stay whole."""
    ordered, steps = np.sort(values), np.arange(parts + 1) * (values.size - 1)
    below, rest = steps // parts, steps % parts
    above = np.minimum(below + 1, values.size - 1)
    return ordered[below] + rest / parts * (ordered[above] - ordered[below])


def _deviance(y, log_odds):
    return 2 * np.sum(np.logaddexp(0, log_odds) - y * log_odds)


def _in_the_large(y, log_odds):
    """Intercept with the slope held at 1, and its standard error."""
    beta, covariance = _fit_logistic(np.ones((y.size, 1)), y, offset=log_odds)
    return beta[0], np.sqrt(covariance[0, 0])


def _joint_fit(y, log_odds):
    """Slope, its standard error and the intercept, fitted on standardised log odds."""
    centre, scale = log_odds.mean(), log_odds.std()
    design = np.column_stack([np.ones(y.size), (log_odds - centre) / scale])
    beta, covariance = _fit_logistic(design, y)
    slope = beta[1] / scale
    return slope, np.sqrt(covariance[1, 1]) / scale, beta[0] - slope * centre


def _fit_logistic(design, y, *, offset=0.0, iterations=100, tolerance=1e-11):
    """Maximum likelihood by Newton's method with halved steps, for data known to have one; coefficients, covariance."""
    beta, deviance = np.zeros(design.shape[1]), np.inf
    step = np.zeros_like(beta)
    for _ in range(iterations):
        while _deviance(y, offset + design @ (beta + step)) > deviance + 1e-9 and np.abs(step).max() > tolerance:
            step = step / 2
        beta = beta + step
        deviance, risk = _deviance(y, offset + design @ beta), special.expit(offset + design @ beta)
        information = (design.T * (risk * (1 - risk))) @ design
        step = np.linalg.solve(information, design.T @ (y - risk))
        if np.abs(step).max() < tolerance:
            break
    return beta, np.linalg.inv(information)
