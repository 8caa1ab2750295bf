"""Gaussian mixtures of weighted points, by expectation-maximisation on sufficient statistics, with numpy alone.

A point may stand for a cell of many: its statistics are then the means of 1, x and x x' over the cell, so that
neither expectations nor variances lose what lies within a cell (Verbeek, Nunnink and Vlassis 2006, Data Min Knowl
Discov 13:291). The state of a fit holds the moments of its components, shape (k, statistics): share, share times mean,
share times second moment. Several states are iterated at once, along a leading axis.
"""

from typing import NamedTuple

import numpy as np

from habitat_radiomics.habitat_kmeans import centroid_order, kmeans, nearest, parts

SPREADS = ("full", "tied", "diag")  # mclust: VVV, EEE, VVI; on a line full is V and tied is E
DISTINCT = 2048  # points that are kept as they are; more are gathered in cells
CELLS_PER_SD = {1: 64, 2: 12, 3: 8}  # by dimension; 6 in more
MOST_CELLS = 8_192  # in use; more points than that, in more than one dimension, are thinned evenly
MOST_DIVISIONS = 65_536  # along an axis, for values that lie far out
FLOOR = 0.01  # least standard deviation of a component, relative to that of all points along the same axis
SHORT_ROUNDS, LONG_ROUNDS = 6, 200  # of three expectation-maximisation steps each
FINALISTS = 3
SMALLEST_GAIN = 1e-4  # of the log-likelihood in a round; a fit that gains less has converged


class Mixture(NamedTuple):
    """Weights (k,), means (k, d) and covariances (k, d, d) by ascending mean coordinate, and mean log-likelihood."""

    weights: np.ndarray
    means: np.ndarray
    covariances: np.ndarray
    log_likelihood: float


class Cells(NamedTuple):
    """What a fit sees of its points, in units of their standard deviation about their mean.

    Attributes
    ----------
    shares : ndarray, shape (n,)
        Of the cells in the total weight; they sum to 1.
    statistics : ndarray, shape (1 + d + d^2, n)
        Means of 1, x and x x' over each cell.
    centre, scale : ndarray, shape (d,)
        Mean and standard deviation of the points.
    """

    shares: np.ndarray
    statistics: np.ndarray
    centre: np.ndarray
    scale: np.ndarray

    @property
    def points(self):
        """Mean point of each cell, shape (d, n)."""
        return self.statistics[1 : len(self.centre) + 1]


def gather(points, weights):
    """Gather many weighted points in cells, small against the standard deviation along each axis.

    Parameters
    ----------
    points : ndarray of float64, shape (dimensions, points)
    weights : ndarray of float64, shape (points,)

    Returns
    -------
    Cells

    Raises
    ------
    ValueError
        Points that are all alike along an axis.
    """
    shares = weights / weights.sum()
    centre = (points * shares).sum(axis=1)
    scale = np.sqrt((np.square(points - centre[:, None]) * shares).sum(axis=1))
    if not (scale > 1e-12 * np.abs(points).max()).all():
        raise ValueError("the intensities of a sequence are all alike, so they have no components.")
    standard = (points - centre[:, None]) / scale[:, None]
    if points.shape[1] <= DISTINCT:
        return Cells(shares, _statistics(standard), centre, scale)
    cell = _cell_numbers(standard)
    if cell.max() >= MOST_CELLS:
        step = -(-points.shape[1] // MOST_CELLS)
        standard, shares, cell = standard[:, ::step], shares[::step] / shares[::step].sum(), cell[::step]
        cell = np.unique(cell, return_inverse=True)[1]
    sums = np.array([np.bincount(cell, shares * row) for row in _statistics(standard)])
    return Cells(sums[0], sums / sums[0], centre, scale)


def _cell_numbers(standard):
    """Number of the cell of each point, counting only cells in use."""
    fineness = CELLS_PER_SD.get(len(standard), 6)
    number = np.zeros(standard.shape[1], np.int64)
    for values in standard:
        division = np.minimum((values - values.min()) * fineness, MOST_DIVISIONS).astype(np.int64)
        number = number * (int(division.max()) + 1) + division
        number = np.unique(number, return_inverse=True)[1] if len(standard) > 1 else number
    used = np.bincount(number) > 0
    return (np.cumsum(used) - 1)[number]


def fit_mixtures(cells, ks, *, observations, spread="full", seed=0, starts=4):
    """Fit mixtures of several numbers of components, the smaller ones helping the larger to start.

    Starts of k components: the k-means clusters, slices of equal weight along the main axis, the mixture of k - 1
    with each of its components halved in turn or joined by a broad one, and seeded k-means clusters. All run for a
    few rounds, the best go on until convergence. A round extrapolates two steps (Varadhan and Roland 2008, Scand J
    Stat 35:335), and is taken back where the likelihood would fall.

    Parameters
    ----------
    cells : Cells
    ks : iterable of int
        Numbers of components; every number up to the largest is fitted, for the starts.
    observations : float
        Number of independent observations that the points stand for; it sets when a gain is negligible.
    spread : {"full", "tied", "diag"}
        Each component its own covariance, all the same one, or own variances along the axes.
    seed, starts : int
        Of the seeded starts, in more than one dimension.

    Returns
    -------
    dict of int to Mixture
        A k that exceeds the number of distinct points is left out.

    Raises
    ------
    ValueError
        Unknown spread.
    """
    if spread not in SPREADS:
        raise ValueError(f"unknown spread {spread!r} of mixture components; allowed: {', '.join(SPREADS)}")
    distinct = np.unique(cells.points, axis=1).shape[1]
    states, last = {}, None
    for k in range(1, min(max(ks), distinct) + 1):
        begun = _starts(cells, k, last, spread, seed, starts)
        last = states[k] = _best_state(cells, begun, spread, SMALLEST_GAIN / observations)
    return {k: _mixture(cells, states[k], spread) for k in sorted(set(ks)) if k in states}


def component_scores(points, *, weights, means, covariances):
    """Log of weight times density of each component at each point: the largest is the most probable component.

    Parameters
    ----------
    points : ndarray, shape (dimensions, points)
    weights, means, covariances : array-like, shapes (k,), (k, d), (k, d, d)

    Returns
    -------
    ndarray, shape (k, points)
    """
    precisions = np.linalg.inv(np.asarray(covariances, np.float64))
    log_determinants = -np.linalg.slogdet(precisions)[1]
    return _coefficients(np.asarray(weights), np.asarray(means), precisions, log_determinants) @ _statistics(points)


def log_likelihood(points, weights, mixture):
    """Weighted mean log-likelihood of the points themselves, without cells, under a mixture."""
    total = 0.0
    for part in parts(points.shape[1]):
        scores = component_scores(
            points[:, part], weights=mixture.weights, means=mixture.means, covariances=mixture.covariances
        )
        highest = scores.max(axis=0)
        total += float(((np.log(np.exp(scores - highest).sum(axis=0)) + highest) * weights[part]).sum())
    return total / float(weights.sum())


def parameter_count(k, dimensions, *, spread):
    """Number of free parameters of a mixture: k - 1 weights, k means and the covariances."""
    one = dimensions * (dimensions + 1) // 2
    covariances = {"full": k * one, "tied": one, "diag": k * dimensions}[spread]
    return k - 1 + k * dimensions + covariances


def _statistics(points):
    """1, x and x x' of points, shape (1 + d + d^2, n)."""
    products = (points[:, None] * points[None]).reshape(-1, points.shape[1])
    return np.vstack([np.ones((1, points.shape[1])), points, products])


# Expectation and maximisation


def _parameters(states, spread):
    """Shares (..., k), means (..., k, d), covariances (..., k, d, d) and their floored eigen-decomposition."""
    d = int(np.sqrt(states.shape[-1]))  # 1 + d + d^2 lies between d^2 and (d + 1)^2
    shares = np.maximum(states[..., 0], 1e-12)
    means = states[..., 1 : d + 1] / shares[..., None]
    second = states[..., d + 1 :].reshape(*means.shape, d) / shares[..., None, None]
    covariances = second - means[..., :, None] * means[..., None, :]
    if spread == "tied":
        covariances[:] = (covariances * shares[..., None, None]).sum(axis=-3, keepdims=True)
    elif spread == "diag":
        covariances *= np.eye(d)
    values, vectors = np.linalg.eigh(covariances) if d > 1 else (covariances[..., 0], np.ones_like(covariances))
    return shares, means, np.maximum(values, FLOOR**2), vectors


def _coefficients(shares, means, precisions, log_determinants):
    """Coefficients of 1, x and x x' in the log of share times density."""
    d = means.shape[-1]
    slopes = (precisions * means[..., None, :]).sum(axis=-1)
    constants = np.log(shares) - (d * np.log(2 * np.pi) + log_determinants + (slopes * means).sum(axis=-1)) / 2
    curvatures = -precisions.reshape(*means.shape[:-1], d * d) / 2
    return np.concatenate([constants[..., None], slopes, curvatures], axis=-1)


def _step(cells, states, spread):
    """Mean log-likelihood of each state, and the states after one step; shapes (runs,) and (runs, k, m)."""
    runs, k, m = states.shape
    shares, means, values, vectors = _parameters(states, spread)
    precisions = (vectors / values[..., None, :]) @ np.swapaxes(vectors, -1, -2)
    coefficients = _coefficients(shares, means, precisions, np.log(values).sum(axis=-1))
    scores = (coefficients.reshape(runs * k, m) @ cells.statistics).reshape(runs, k, -1)
    highest = scores.max(axis=1, keepdims=True)
    scores -= highest
    np.exp(scores, out=scores)
    total = scores.sum(axis=1, keepdims=True)
    likelihood = ((np.log(total) + highest)[:, 0] * cells.shares).sum(axis=1)
    scores *= cells.shares / total
    return likelihood, (scores.reshape(runs * k, -1) @ cells.statistics.T).reshape(runs, k, m)


def _rounds(cells, states, spread, limit, tolerance):
    """Iterate all states together until none gains any more; returns likelihoods (runs,) and states."""
    before = np.full(len(states), -np.inf)
    for _ in range(limit):
        likelihood, first = _step(cells, states, spread)
        if (likelihood - before).max() < tolerance:
            break
        before = likelihood
        after_first, second = _step(cells, first, spread)
        far = _extrapolated(states, first, second)
        after_far, stepped = _step(cells, far, spread)
        better = (after_far >= after_first) & (far[..., 0] > 0).all(axis=1)
        states = np.where(better[:, None, None], stepped, second)
    return before, states


def _extrapolated(states, first, second):
    change = first - states
    bend = second - first - change
    ratio = np.sqrt(np.square(change).sum(axis=(1, 2)) / np.maximum(np.square(bend).sum(axis=(1, 2)), 1e-300))
    length = np.maximum(ratio, 1.0)[:, None, None]
    return states + 2 * length * change + length**2 * bend


def _best_state(cells, states, spread, tolerance):
    likelihood, states = _rounds(cells, np.array(states), spread, SHORT_ROUNDS, tolerance)
    finalists = np.argsort(-likelihood, kind="stable")[:FINALISTS]
    likelihood, states = _rounds(cells, states[finalists], spread, LONG_ROUNDS, tolerance)
    return states[int(np.argmax(likelihood))]


def _mixture(cells, state, spread):
    """Parameters in the units of the points."""
    likelihood = float(_step(cells, state[None], spread)[0][0])
    shares, means, values, vectors = _parameters(state, spread)
    covariances = (vectors * values[..., None, :]) @ np.swapaxes(vectors, -1, -2)
    means = means * cells.scale + cells.centre
    covariances = covariances * cells.scale[:, None] * cells.scale
    order = centroid_order(means)
    return Mixture(shares[order], means[order], covariances[order], likelihood - float(np.log(cells.scale).sum()))


# Starts


def _starts(cells, k, last, spread, seed, starts):
    """States of k components to start from; ``last`` is the state of k - 1 components."""
    labellings = [nearest(cells.points, kmeans(cells.points, cells.shares, k=k, seed=seed).centres), _slices(cells, k)]
    if len(cells.points) > 1:
        tried = [kmeans(cells.points, cells.shares, k=k, seed=seed + n, starts=1) for n in range(1, starts + 1)]
        labellings += [nearest(cells.points, clusters.centres) for clusters in tried]
    begun = [_moments(cells, labels, k) for labels in labellings]
    if last is not None:
        everything = cells.statistics @ cells.shares
        begun += [_halved(last, spread, number) for number in range(k - 1)]
        begun.append(np.vstack([0.9 * last, 0.1 * everything]))
    return begun


def _moments(cells, labels, k):
    return np.array([cells.statistics @ (cells.shares * (labels == number)) for number in range(k)])


def _slices(cells, k):
    """Labels of k slices of equal weight across the direction of largest variance."""
    direction = np.linalg.eigh((cells.points * cells.shares) @ cells.points.T)[1][:, -1]
    order = np.argsort(direction @ cells.points, kind="stable")
    labels = np.empty(len(order), np.int64)
    labels[order] = np.minimum(np.cumsum(cells.shares[order]) * k, k - 1e-9)
    return labels


def _halved(state, spread, number):
    """State with one component cut through its mean, across its widest direction, into two half-Gaussians."""
    shares, means, values, vectors = _parameters(state, spread)
    mean, covariance = means[number], (vectors[number] * values[number]) @ vectors[number].T
    apart = np.sqrt(2 / np.pi * values[number, -1]) * vectors[number, :, -1]
    inner = covariance - np.outer(apart, apart)
    halves = []
    for middle in (mean - apart, mean + apart):
        second = inner + np.outer(middle, middle)
        halves.append(shares[number] / 2 * np.concatenate([[1.0], middle, second.ravel()]))
    return np.vstack([np.delete(state, number, axis=0), halves])
