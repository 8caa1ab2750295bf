"""Resampling of patients: intervals of any measure of predictions, and tests of two models, from stored predictions.

This tells how a measure would vary in other patients with the model as it is; what a model owes to being measured where
it was fitted is another question, see `optimism`.
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

NO_VARIANCE = "the difference is the same in every resample"


@dataclass(frozen=True)
class Interval:
    """Percentile interval of a measure."""

    estimate: float
    ci_low: float
    ci_high: float
    median: float  # of the resamples; far from the estimate where the measure is biased in resamples
    resamples: int  # in which the measure is defined


@dataclass(frozen=True)
class Comparison:
    """Test of two models by the bootstrap; difference is the first minus the second."""

    difference: float
    ci_low: float
    ci_high: float
    z: float  # difference over its standard deviation in the resamples
    p: float  # two-sided
    reason: str  # why z and p are NaN; empty where they are not


def draw_stratified(y, *, count, seed):
    """Return resamples that keep the number of patients with and without the event, shape (count, n).

    Resample b depends on the seed and b alone.
    """
    y = np.asarray(y)
    classes = [np.flatnonzero(y == value) for value in np.unique(y)]
    resamples = []
    for b in range(count):
        generator = np.random.default_rng([seed, b])
        resamples.append(np.concatenate([rows[generator.integers(0, rows.size, rows.size)] for rows in classes]))
    return np.array(resamples)


def bootstrap_interval(measure, y, score, *, count, seed, level=0.95):
    """Percentile interval of a measure over stratified resamples, as ci.auc(method = "bootstrap") of pROC.

    Parameters
    ----------
    measure : callable
        ``measure(y, score)``, for example `roc.auc`; NaN where it is not defined, and then left out.
    y : array of 0 and 1; score : array of float
    count, seed : int
        Number of resamples, and their seed.
    """
    y, score = np.asarray(y), np.asarray(score)
    values = np.array([measure(y[rows], score[rows]) for rows in draw_stratified(y, count=count, seed=seed)])
    values = values[np.isfinite(values)]
    low, median, high = np.quantile(values, [(1 - level) / 2, 0.5, (1 + level) / 2]) if values.size else [np.nan] * 3
    return Interval(float(measure(y, score)), float(low), float(high), float(median), values.size)


def bootstrap_comparison(measure, y, score_a, score_b, *, count, seed, level=0.95):
    """Paired test of a measure of two scores of the same patients, as roc.test(method = "bootstrap") of pROC.

    Parameters as `bootstrap_interval`.
    """
    y, score_a, score_b = np.asarray(y), np.asarray(score_a), np.asarray(score_b)
    difference = float(measure(y, score_a) - measure(y, score_b))
    resamples = draw_stratified(y, count=count, seed=seed)
    values = np.array([measure(y[rows], score_a[rows]) - measure(y[rows], score_b[rows]) for rows in resamples])
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    if np.ptp(values) == 0:
        return Comparison(difference, float(low), float(high), np.nan, np.nan, NO_VARIANCE)
    z = difference / values.std(ddof=1)
    return Comparison(difference, float(low), float(high), float(z), float(2 * stats.norm.sf(abs(z))), "")
