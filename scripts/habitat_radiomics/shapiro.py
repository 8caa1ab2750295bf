"""Shapiro and Wilk's test of normality for all columns of a table at once.

A whole-chain bootstrap tests thousands of features in each of a thousand resamples; one call per feature is what made
it slow. Formulas: Royston 1992, Stat Comput 2:117 (weights) and Royston 1995, Appl Stat 44:547 (algorithm AS R94:
the normalising transformations of W), the source of R's ``shapiro.test`` and of ``scipy.stats.shapiro``.
"""

import numpy as np
from scipy.special import ndtr, ndtri

SMALLEST_RANGE = 1e-19  # below it a column counts as constant
SMALLEST_P = 1e-99  # where a small sample's W lies beyond the transformation

# Polynomials of Royston 1995, constant term first.
LARGEST_WEIGHT = (0.0, 0.221157, -0.147981, -2.071190, 4.434685, -2.706056)  # in n^-1/2
SECOND_WEIGHT = (0.0, 0.042981, -0.293762, -1.752461, 5.682633, -3.582633)
SMALL_BOUND = (-2.273, 0.459)  # in n, 4 <= n <= 11
SMALL_MEAN = (0.5440, -0.39978, 0.025054, -6.714e-4)
SMALL_LOG_SD = (1.3822, -0.77857, 0.062767, -0.0020322)
LARGE_MEAN = (-1.5861, -0.31082, -0.083751, 0.0038915)  # in log n, n >= 12
LARGE_LOG_SD = (-0.4803, -0.082676, 0.0030302)


def shapiro_wilk(X):
    """W and p of every column, as R's ``shapiro.test`` column by column.

    Parameters
    ----------
    X : ndarray, shape (patients, columns)
        Up to 5000 patients; above, W is right and p an extrapolation.

    Returns
    -------
    W, p : ndarray, shape (columns,)
        W in (0, 1], small for columns far from normal. A constant column has W = p = 1; NaN for a column with a NaN and
        for fewer than 3 patients.

    Notes
    -----
    Equal to R to 1e-13. scipy takes the normal scores from a quantile function of nine digits (AS 111), which moves its
    W by up to 5e-9 and its p by up to 3e-6 of itself.
    """
    n = len(X)
    if n < 3:
        return np.full((2, np.shape(X)[1]), np.nan)
    ordered = np.sort(np.ascontiguousarray(np.transpose(X), dtype=float), axis=1)
    spread = ordered[:, -1] - ordered[:, 0]
    varies = spread >= SMALLEST_RANGE
    W, p = np.where(np.isnan(spread), np.nan, np.ones((2, len(ordered))))
    distance = _distance(ordered[varies], spread[varies])
    W[varies], p[varies] = 1 - distance, _p_value(distance, n)
    return W, p


def _distance(ordered, spread):
    """1 - W, of the squared correlation of sorted values and weights, without the cancellation near W = 1."""
    scaled = (ordered - ordered[:, [ordered.shape[1] // 2]]) / spread[:, None]
    scaled -= scaled.mean(axis=1, keepdims=True)
    a = weights(ordered.shape[1])
    agreement = np.einsum("ij,j->i", scaled, a)
    size = np.sqrt(np.einsum("ij,ij->i", scaled, scaled) * np.einsum("j,j->", a, a))
    return np.maximum((size - agreement) * (size + agreement) / size**2, 0.0)


def weights(n):
    """Royston's weights of n sorted values: antisymmetric, sum of squares 1 (1992, equations for a_n and a_n-1)."""
    if n == 3:
        return np.array([-1.0, 0.0, 1.0]) / np.sqrt(2)
    expected = ndtri((np.arange(1, n + 1) - 0.375) / (n + 0.25))  # Blom's approximate normal scores
    square = np.sum(expected**2)
    u = 1 / np.sqrt(n)
    outer = [expected[-1] / np.sqrt(square) + np.polynomial.polynomial.polyval(u, LARGEST_WEIGHT)]
    if n > 5:
        outer.append(expected[-2] / np.sqrt(square) + np.polynomial.polynomial.polyval(u, SECOND_WEIGHT))
    k = len(outer)
    inner = (square - 2 * np.sum(expected[-k:] ** 2)) / (1 - 2 * np.sum(np.square(outer)))
    a = expected / np.sqrt(inner)
    a[-k:] = outer[::-1]
    a[:k] = np.negative(outer)
    return a


def _p_value(distance, n):
    polynomial = np.polynomial.polynomial.polyval
    if n == 3:  # exact
        return np.maximum(6 / np.pi * (np.arcsin(np.sqrt(1 - distance)) - np.arcsin(np.sqrt(0.75))), 0.0)
    with np.errstate(divide="ignore"):  # W = 1: minus infinity, p = 1
        y = np.log(distance)
    if n >= 12:
        x = np.log(n)
        return ndtr(-(y - polynomial(x, LARGE_MEAN)) / np.exp(polynomial(x, LARGE_LOG_SD)))
    bound = polynomial(n, SMALL_BOUND)
    inside = y < bound
    transformed = -np.log(np.where(inside, bound - y, 1.0))
    z = (transformed - polynomial(n, SMALL_MEAN)) / np.exp(polynomial(n, SMALL_LOG_SD))
    return np.where(inside, ndtr(-z), SMALLEST_P)
