"""K-means of weighted points with numpy alone: the optimum in one dimension, the best of many starts in more.

Points are arrays of shape (dimensions, points), so that every sum runs along memory; sums are taken in one order, so
that the bytes of a result do not depend on the number of threads.
"""

from typing import NamedTuple

import numpy as np

CHUNK = 16384  # points at a time, so that the temporaries stay in the processor's cache
STARTING_POINTS = 20_000  # among which the starts compete before all points refine the best
DISTINCT = 1024  # values on a line among which every cut is considered
GROUPS = 512  # of equal width, and as many of equal weight, at whose edges a cut may lie at first
MAX_ROUNDS = 300
SMALLEST_MOVE = 1e-9  # of the spread; smaller moves of the centres end the rounds


class Clusters(NamedTuple):
    """Centres, shape (k, dimensions), in ascending order of their mean coordinate, and the weighted sum of squares."""

    centres: np.ndarray
    inertia: float


def kmeans(points, weights, *, k, seed=0, starts=20):
    """Cluster weighted points into k groups of least squared distance to their centres.

    Parameters
    ----------
    points : ndarray of float64, shape (dimensions, points)
    weights : ndarray of float64, shape (points,)
        Positive.
    k : int
        At least 1; at most the number of distinct points.
    seed : int
        Of the starts; without effect in one dimension, where the start is the optimum over groups of points.
    starts : int
        Number of k-means++ starts (Arthur and Vassilvitskii 2007) in more than one dimension.

    Returns
    -------
    Clusters

    Raises
    ------
    ValueError
        Fewer distinct points than k.
    """
    _check_distinct(points, k)
    if points.shape[0] == 1:
        return kmeans_1d(points[0], weights, k=k)
    step = -(-points.shape[1] // STARTING_POINTS)
    few, few_weights = np.ascontiguousarray(points[:, ::step]), weights[::step]
    random = np.random.default_rng(seed)
    tried = [_refined(few, few_weights, _spread_out(random, few, few_weights, k)) for _ in range(starts)]
    best = min(tried, key=lambda clusters: clusters.inertia)
    return best if step == 1 else _refined(points, weights, best.centres)


def kmeans_1d(values, weights, *, k):
    """K-means on a line: the best cuts between sorted points, by dynamic programming (Wang and Song 2011, R J 3(2):29).

    With at most `DISTINCT` distinct values every cut is considered, and the result is the optimum. With more, first
    those at the edges of about a thousand groups of neighbours, then finer and finer ones around the best so far, down
    to single points: the sum of squares is within about 1e-5 of the optimum, usually equal.

    Parameters
    ----------
    values, weights : ndarray of float64, shape (points,)
    k : int

    Returns
    -------
    Clusters
    """
    middle = float(np.average(values, weights=weights))
    moments, edges = _line(values - middle, weights)
    cuts, reach = _best_cuts(moments, edges, k), 2 * int(np.diff(edges).max())
    while reach > 1 and k > 1:
        cuts = _best_cuts(moments, _edges_near(cuts, reach), k)
        reach = reach // 8
    weight, first, _ = np.diff(moments[:, cuts], axis=1)
    return Clusters((first / weight + middle)[:, None], float(_costs(moments, cuts[:-1], cuts[1:]).sum()))


def least_inertias(values, weights, *, k_max):
    """Inertia on a line of 1 to k_max clusters, cut at the edges of groups only (exact up to `DISTINCT` values).

    Parameters
    ----------
    values, weights : ndarray of float64, shape (points,)
    k_max : int

    Returns
    -------
    ndarray, shape (k_max,)
    """
    moments, edges = _line(values - np.average(values, weights=weights), weights)
    cost = _cost_table(moments, edges)
    best, found = cost[0], [cost[0, -1]]
    for _ in range(k_max - 1):
        best = (np.concatenate([[np.inf], best[:-1]])[:, None] + cost).min(axis=0)
        found.append(best[-1])
    return np.minimum.accumulate(found)


def nearest(points, centres):
    """Index of the nearest centre of every point, the lowest of equals.

    Parameters
    ----------
    points : ndarray, shape (dimensions, points)
    centres : ndarray, shape (k, dimensions)

    Returns
    -------
    ndarray of int64, shape (points,)
    """
    labels = np.empty(points.shape[1], np.int64)
    for part in parts(points.shape[1]):
        labels[part] = _nearest(points[:, part], centres)[0]
    return labels


def centroid_order(centres):
    """Order of centres (k, dimensions) by their mean coordinate, ties by the first: what habitats are numbered by."""
    return np.lexsort((centres[:, 0], np.round(centres.mean(axis=1), 9)))


def inertia(points, weights, centres):
    """Weighted sum of the squared distances of points to their nearest centre."""
    sums = [np.sum(weights[part] * _nearest(points[:, part], centres)[1]) for part in parts(points.shape[1])]
    return float(sum(sums))


def _check_distinct(points, k):
    if k < 1:
        raise ValueError(f"k is {k}: at least 1 cluster is needed.")
    first = points[:, : 50 * k]  # nearly always enough to see k distinct points
    if len(np.unique(first, axis=1).T) < k and len(np.unique(points, axis=1).T) < k:
        raise ValueError(f"there are fewer than {k} distinct points, so {k} clusters cannot be formed. Lower k.")


# One dimension


def _line(values, weights):
    """Running moments of the sorted values, and the positions at which a cut may lie at first."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    moments = _running_moments(ordered, weights[order])
    return moments, _group_edges(ordered, moments[0])


def _running_moments(ordered, weights):
    """Sums of weight, weight x and weight x^2 of the first 0, 1, ... points; shape (3, points + 1)."""
    moments = np.zeros((3, len(ordered) + 1))
    np.cumsum(weights, out=moments[0, 1:])
    np.cumsum(weights * ordered, out=moments[1, 1:])
    np.cumsum(weights * ordered * ordered, out=moments[2, 1:])
    return moments


def _costs(moments, start, stop):
    """Sum of squares about their own mean of the points from start to before stop; 0 for none."""
    weight, first, second = moments[:, stop] - moments[:, start]
    safe = np.where(weight > 0, weight, 1.0)
    return np.maximum(second - first * first / safe, 0.0)


def _group_edges(ordered, running_weight):
    """Positions at which a cut may lie: everywhere between few distinct values, else by width and by weight."""
    jumps = np.flatnonzero(np.diff(ordered)) + 1
    if len(jumps) < DISTINCT:
        inner = jumps
    else:
        even = np.searchsorted(ordered, np.linspace(ordered[0], ordered[-1], GROUPS + 1)[1:-1])
        heavy = np.searchsorted(running_weight, np.linspace(0, running_weight[-1], GROUPS + 1)[1:-1])
        inner = np.unique(np.concatenate([even, heavy]))
    inner = inner[(inner > 0) & (inner < len(ordered))]
    return np.concatenate([[0], inner, [len(ordered)]])


def _edges_near(cuts, reach):
    """Positions within a reach of the inner cuts, every one when there are few."""
    steps = np.unique(np.linspace(-reach, reach, 65).astype(np.int64))
    inner = np.unique((cuts[1:-1, None] + steps).ravel())
    return np.concatenate([[0], inner[(inner > 0) & (inner < cuts[-1])], [cuts[-1]]])


def _best_cuts(moments, edges, k):
    """Positions of the k + 1 cuts, ends included, with the least cost among the given edges."""
    count, cost = len(edges) - 1, _cost_table(moments, edges)
    best, choices = cost[0], []
    for _ in range(k - 1):
        total = np.concatenate([[np.inf], best[:-1]])[:, None] + cost  # rows: where the last cluster begins
        choices.append(total.argmin(axis=0))
        best = total[choices[-1], np.arange(count)]
    cuts = [count]
    for choice in reversed(choices):
        cuts.append(choice[cuts[-1] - 1])
    return edges[np.array([0, *cuts[::-1]])]


def _cost_table(moments, edges):
    """Cost of the cluster from a row's group to a column's; infinite where it would end before it begins."""
    cost = _costs(moments, edges[:-1, None], edges[None, 1:])
    cost[np.tri(len(cost), k=-1, dtype=bool)] = np.inf
    return cost


# More dimensions


def parts(count):
    """Slices of so many points, each small enough for the processor's cache."""
    return [slice(start, start + CHUNK) for start in range(0, count, CHUNK)]


def _nearest(points, centres):
    """Index of and squared distance to the nearest centre."""
    labels = np.zeros(points.shape[1], np.int64)
    least = _squared_distance(points, centres[0])
    for number, centre in enumerate(centres[1:], start=1):
        distance = _squared_distance(points, centre)
        labels[distance < least] = number
        np.minimum(least, distance, out=least)
    return labels, least


def _squared_distance(points, centre):
    total = np.square(points[0] - centre[0])
    for values, middle in zip(points[1:], centre[1:], strict=True):
        total += np.square(values - middle)
    return total


def _spread_out(random, points, weights, k):
    """Starting centres by k-means++: each drawn in proportion to weight and squared distance to those before."""
    chosen = points[:, _drawn(random, weights)][None]
    least = _squared_distance(points, chosen[0])
    for _ in range(k - 1):
        new = points[:, _drawn(random, weights * least)]
        chosen = np.vstack([chosen, new])
        np.minimum(least, _squared_distance(points, new), out=least)
    return chosen


def _drawn(random, shares):
    running = np.cumsum(shares)
    return min(int(np.searchsorted(running, random.random() * running[-1], side="right")), len(shares) - 1)


def _refined(points, weights, centres):
    """Lloyd's rounds: points to their nearest centre, centres to the mean of their points, until nothing moves."""
    spread = np.sqrt(points.var(axis=1).sum())
    for _ in range(MAX_ROUNDS):
        moved = _moved(points, weights, centres)
        still = np.abs(moved - centres).max() <= SMALLEST_MOVE * spread
        centres = moved
        if still:
            break
    centres = centres[centroid_order(centres)]
    return Clusters(centres, inertia(points, weights, centres))


def _moved(points, weights, centres):
    """Mean of the points nearest to each centre; a centre that has none stays."""
    k = len(centres)
    total, sums = np.zeros(k), np.zeros((points.shape[0], k))
    for part in parts(points.shape[1]):
        labels, weight = _nearest(points[:, part], centres)[0], weights[part]
        total += np.bincount(labels, weight, k)
        sums += [np.bincount(labels, weight * values, k) for values in points[:, part]]
    return np.where(total > 0, sums / np.where(total > 0, total, 1.0), centres.T).T
