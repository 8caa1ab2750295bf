"""Agreement of readings: intraclass correlations of many features at once, with confidence intervals.

Forms are named after Shrout and Fleiss (1979, Psychol Bull 86:420); intervals follow McGraw and Wong (1996, Psychol
Methods 1:30, table 7). Values equal psych::ICC(lmer = FALSE) of R.
"""

from dataclasses import dataclass

import numpy as np
from scipy import special

FORMS = ("ICC(1,1)", "ICC(2,1)", "ICC(3,1)")
ROUNDING = 1e-12  # a feature whose range is below this fraction of its size is constant up to rounding
CONSTANT = "constant"
TOO_FEW = "fewer than two complete targets"
UNDEFINED = "zero variance in the denominator"
BLOCK = 512  # features at a time, so that the temporaries stay in the processor's cache


@dataclass(frozen=True)
class IntraclassCorrelation:
    """Intraclass correlation of each feature; every array has the shape (features,)."""

    form: str
    estimate: np.ndarray  # at most 1; negative values are possible and kept
    ci_low: np.ndarray
    ci_high: np.ndarray
    f: np.ndarray  # between-target F statistic
    p: np.ndarray  # of that F, against an intraclass correlation of 0
    n: np.ndarray  # complete targets
    reason: np.ndarray  # why the values are NaN; empty where they are not


@dataclass(frozen=True)
class _MeanSquares:
    targets: np.ndarray
    raters: np.ndarray
    within: np.ndarray  # within targets, raters included
    error: np.ndarray  # within targets, raters removed
    n: np.ndarray
    k: int


def icc(ratings, *, form, level=0.95):
    """Single-rating intraclass correlation of each feature.

    ICC(1,1): each target is read by other raters (one-way). ICC(2,1): raters are a sample, systematic differences
    between them count as disagreement (absolute agreement; inter-reader). ICC(3,1): these raters only, systematic
    differences are ignored (consistency; intra-reader).

    Parameters
    ----------
    ratings : array of float, shape (targets, raters, features)
        A target with NaN or infinity in any of its ratings is left out, for that feature only.
    form : {"ICC(1,1)", "ICC(2,1)", "ICC(3,1)"}
    level : float
        Confidence level of the two-sided interval.

    Returns
    -------
    IntraclassCorrelation
        NaN with a reason for constant features, fewer than two complete targets, and a denominator of zero.

    Raises
    ------
    ValueError
        For another shape, fewer than two raters, or an unknown form.
    """
    ratings = np.asarray(ratings, dtype=np.float64)
    if ratings.ndim != 3 or ratings.shape[1] < 2:
        raise ValueError(
            f"ratings has shape {ratings.shape}: needed are (targets, raters, features) with at least two raters."
        )
    if form not in FORMS:
        raise ValueError(f"form is {form!r}: use one of {', '.join(FORMS)}.")
    starts = range(0, max(ratings.shape[2], 1), BLOCK)
    blocks = [_icc_of_block(ratings[:, :, start : start + BLOCK], _ESTIMATORS[form], level) for start in starts]
    return IntraclassCorrelation(form, *map(np.concatenate, zip(*blocks, strict=True)))


def _icc_of_block(ratings, estimator, level):
    """What `IntraclassCorrelation` holds beside the form, in its order."""
    complete = np.isfinite(ratings).all(axis=1)
    reason = _reasons(ratings, complete)
    usable = reason == ""
    if usable.all():
        squares = _mean_squares(ratings, complete)
    else:
        squares = _mean_squares(ratings[:, :, usable], complete[:, usable])
    columns = [_spread(value, usable) for value in estimator(squares, (1 + level) / 2)]
    return *columns, complete.sum(axis=0), np.where(usable & np.isnan(columns[0]), UNDEFINED, reason)


def _reasons(ratings, complete):
    inside = _where(complete)
    low = np.min(ratings, axis=(0, 1), where=inside, initial=np.inf)
    high = np.max(ratings, axis=(0, 1), where=inside, initial=-np.inf)
    constant = high - low <= ROUNDING * np.maximum(np.abs(low), np.abs(high))
    return np.select([complete.sum(axis=0) < 2, constant], [TOO_FEW, CONSTANT], default="")


def _mean_squares(ratings, complete):
    """Two-way analysis of variance without replication, per feature, over its complete targets."""
    inside = _where(complete)
    n, k = complete.sum(axis=0), ratings.shape[1]
    values = _only(inside, np.ascontiguousarray(ratings))
    values = _only(inside, values - values.sum(axis=(0, 1)) / (n * k))
    target = values.mean(axis=1)
    rater = values.sum(axis=0) / n
    within = _only(inside, values - target[:, None, :])
    error = _only(inside, within - rater)
    return _MeanSquares(
        targets=k * (target**2).sum(axis=0) / (n - 1),
        raters=n * (rater**2).sum(axis=0) / (k - 1),
        within=(within**2).sum(axis=(0, 1)) / (n * (k - 1)),
        error=(error**2).sum(axis=(0, 1)) / ((n - 1) * (k - 1)),
        n=n,
        k=k,
    )


def _where(complete):
    """Which ratings count; True, which costs no pass over them, where all do."""
    return True if complete.all() else complete[:, None, :]


def _only(inside, values):
    return values if inside is True else np.where(inside, values, 0)


def _one_way(s, quantile):
    """Shrout and Fleiss 1979, case 1: between targets against within targets."""
    return _ratio_form(s.targets, s.within, s.n - 1, s.n * (s.k - 1), s.k, quantile)


def _consistency(s, quantile):
    """Shrout and Fleiss 1979, case 3: between targets against residual error."""
    return _ratio_form(s.targets, s.error, s.n - 1, (s.n - 1) * (s.k - 1), s.k, quantile)


def _ratio_form(between, noise, df_between, df_noise, k, quantile):
    f, p = _f_test(between, noise, df_between, df_noise)
    widen = special.fdtri(df_between, df_noise, quantile)
    narrow = special.fdtri(df_noise, df_between, quantile)
    low = _divide(between - widen * noise, between + (k - 1) * widen * noise)
    high = _divide(narrow * between - noise, narrow * between + (k - 1) * noise)
    return _divide(between - noise, between + (k - 1) * noise), low, high, f, p


def _agreement(s, quantile):
    """Shrout and Fleiss 1979, case 2; interval of McGraw and Wong 1996 with Satterthwaite's degrees of freedom."""
    n, k = s.n, s.k
    estimate = _divide(s.targets - s.error, s.targets + (k - 1) * s.error + k * (s.raters - s.error) / n)
    a = k * estimate * s.raters
    b = (n * (1 + (k - 1) * estimate) - k * estimate) * s.error
    df = _divide((k - 1) * (n - 1) * (a + b) ** 2, (n - 1) * a**2 + b**2)
    widen = special.fdtri(n - 1, df, quantile)
    narrow = special.fdtri(df, n - 1, quantile)
    spread = k * s.raters + (k * n - k - n) * s.error
    low = _divide(n * (s.targets - widen * s.error), widen * spread + n * s.targets)
    high = _divide(n * (narrow * s.targets - s.error), spread + n * narrow * s.targets)
    f, p = _f_test(s.targets, s.error, n - 1, (n - 1) * (k - 1))
    exact = (s.raters == 0) & (s.error == 0)
    return estimate, np.where(exact, 1.0, low), np.where(exact, 1.0, high), f, p


_ESTIMATORS = {"ICC(1,1)": _one_way, "ICC(2,1)": _agreement, "ICC(3,1)": _consistency}


def _f_test(between, noise, df_between, df_noise):
    """F and its upper tail probability; infinite F and p = 0 where the ratings agree exactly."""
    f = _divide(between, noise, otherwise=np.inf)
    return f, special.fdtrc(df_between, df_noise, f)


def _divide(a, b, otherwise=np.nan):
    return np.divide(a, b, out=np.full(np.shape(b), otherwise), where=b != 0)


def _spread(values, usable):
    """Values of the usable features at their places, NaN elsewhere."""
    full = np.full(usable.shape, np.nan)
    full[usable] = values
    return full
