"""Mann and Whitney's U test for all columns of a table at once."""

import numpy as np
from scipy.special import ndtr


def mann_whitney(first, second):
    """Two-sided p of every column by the normal approximation, with continuity and tie correction.

    The values of R's ``wilcox.test(exact = FALSE)`` and of ``scipy.stats.mannwhitneyu(method="asymptotic")``: Mann and
    Whitney 1947, Ann Math Stat 18:50; variance under ties: Lehmann 1975, Nonparametrics, equation 1.35.

    Parameters
    ----------
    first, second : ndarray, shape (patients of the group, columns)
        Complete columns; NaN is ranked like a value and must not occur.

    Returns
    -------
    ndarray, shape (columns,)
        NaN for a constant column.
    """
    m, n = len(first), len(first) + len(second)
    values = np.ascontiguousarray(np.concatenate([first, second]).T)
    order = np.argsort(values, axis=1)
    ordered = np.take_along_axis(values, order, axis=1)
    tied = (ordered[:, 1:] == ordered[:, :-1]).any(axis=1)
    is_first = (order < m).astype(float)
    rank_sum, ties = is_first @ np.arange(1.0, n + 1), np.zeros(len(values))
    rank_sum[tied], ties[tied] = _with_ties(ordered[tied], is_first[tied])
    u = rank_sum - m * (m + 1) / 2
    variance = m * (n - m) / 12 * (n + 1 - ties / (n * (n - 1)))
    distance = np.maximum(np.abs(u - m * (n - m) / 2) - 0.5, 0.0)
    z = np.divide(distance, np.sqrt(variance), out=np.full(len(u), np.nan), where=variance > 0)
    return 2 * ndtr(-z)


def _with_ties(ordered, is_first):
    """Sum of the first group's ranks, equal values sharing theirs, and sum of t^3 - t over groups of t equal values."""
    low, high = _tied_places(ordered)
    rank_sum = np.einsum("ij,ij->i", (low + high) / 2 + 1, is_first)
    return rank_sum, np.sum((high - low + 1.0) ** 2 - 1, axis=1)


def _tied_places(ordered):
    """First and last place (from 0) of the group of equal values each sorted value belongs to."""
    places = np.arange(ordered.shape[1])
    starts = np.ones(ordered.shape, dtype=bool)
    starts[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    ends = np.roll(starts, -1, axis=1)  # the first value always starts a group, so the last ends one
    low = np.maximum.accumulate(np.where(starts, places, 0), axis=1)
    high = np.minimum.accumulate(np.where(ends, places, places[-1])[:, ::-1], axis=1)[:, ::-1]
    return low, high
