import time
import tracemalloc

import numpy as np
import pytest
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from habitat_radiomics.habitat_kmeans import (
    DISTINCT,
    STARTING_POINTS,
    centroid_order,
    inertia,
    kmeans,
    kmeans_1d,
    least_inertias,
    nearest,
)
from oracles.oracle import Oracle


def points_of(table):
    return np.ascontiguousarray(table.select_dtypes("number").to_numpy(dtype=float).T)


def least_inertia(values, weights, k):
    """Optimum of one-dimensional k-means over every partition, by the textbook recursion."""
    order = np.argsort(values)
    values, weights = values[order], weights[order]
    sums = np.array([np.concatenate([[0.0], np.cumsum(weights * values**power)]) for power in (0, 1, 2)])
    weight, first, second = sums[:, None, :] - sums[:, :, None]  # points from a row to before a column
    cost = np.where(weight > 0, second - first**2 / np.where(weight > 0, weight, 1), np.inf)
    best = cost[0]
    for _ in range(k - 1):
        best = (best[:, None] + cost).min(axis=0)
    return best[-1]


def overlapping_blobs(count, dimensions, seed=0):
    random = np.random.default_rng(seed)
    centres = 2.5 * random.standard_normal((4, dimensions))
    return np.ascontiguousarray((centres[random.integers(0, 4, count)] + random.standard_normal((count, dimensions))).T)


@pytest.mark.parametrize("fixture", ["gmm_faithful", "gmm_iris"])
@pytest.mark.parametrize("k", [2, 3, 4, 5])
def test_twenty_starts_find_the_best_of_two_hundred_in_r(fixture, k):
    oracle = Oracle(fixture)
    points = points_of(oracle.table())
    found = kmeans(points, np.ones(points.shape[1]), k=k)
    order = np.argsort(found.centres[:, 0])
    oracle.check(f"kmeans.k{k}", tot_withinss=found.inertia, centers_sorted_by_first=found.centres[order])
    sizes = np.bincount(nearest(points, found.centres))[order]
    assert sizes.tolist() == oracle[f"kmeans.k{k}"]["sizes"]


@pytest.mark.parametrize("count", [60, 700, DISTINCT])
@pytest.mark.parametrize("k", [1, 2, 3, 5])
def test_one_dimension_reaches_the_optimum_over_all_partitions(count, k):
    random = np.random.default_rng(count)
    values = np.concatenate([random.normal(0, 1, count // 2), random.standard_t(3, count - count // 2) + 3])
    weights = random.uniform(0.2, 2, count)
    assert kmeans_1d(values, weights, k=k).inertia == pytest.approx(least_inertia(values, weights, k), rel=1e-9)


def test_inertias_of_all_numbers_are_the_optima():
    random = np.random.default_rng(9)
    values, weights = random.standard_normal(400), random.uniform(0.5, 1, 400)
    expected = [least_inertia(values, weights, k) for k in range(1, 7)]
    np.testing.assert_allclose(least_inertias(values, weights, k_max=6), expected, rtol=1e-9)


def test_whole_weights_are_repeated_points():
    random = np.random.default_rng(2)
    for dimensions in (1, 2):
        points, weights = overlapping_blobs(300, dimensions), random.integers(1, 5, 300)
        weighted = kmeans(points, weights.astype(float), k=3)
        repeated = kmeans(np.repeat(points, weights, axis=1), np.ones(weights.sum()), k=3)
        assert weighted.inertia == pytest.approx(repeated.inertia, rel=1e-9)
        np.testing.assert_allclose(weighted.centres, repeated.centres, atol=1e-6)


@pytest.mark.parametrize("dimensions", [1, 2, 3])
def test_more_points_than_start_reach_the_optimum_scikit_learn_finds_among_all(dimensions):
    points = overlapping_blobs(3 * STARTING_POINTS, dimensions, seed=5)
    weights = np.random.default_rng(3).uniform(0.5, 1.5, points.shape[1])
    reference = KMeans(3, n_init=3, tol=0, random_state=0).fit(points.T, sample_weight=weights)
    found = kmeans(points, weights, k=3, starts=5)
    assert found.inertia <= reference.inertia_ * (1 + 1e-6)
    assert found.inertia == pytest.approx(inertia(points, weights, found.centres), rel=1e-12)


def test_pooled_voxels_of_a_large_cohort_are_clustered_in_seconds_and_less_than_a_gigabyte():
    random = np.random.default_rng(0)
    points = random.standard_normal((2, 4_500_000)) + 3 * random.integers(-1, 2, 4_500_000)
    weights = np.ones(points.shape[1])
    tracemalloc.start()
    start = time.process_time()
    found = kmeans(points, weights, k=3)
    assert time.process_time() - start < 5
    assert tracemalloc.get_traced_memory()[1] < 1e9 - points.nbytes - weights.nbytes
    tracemalloc.stop()
    np.testing.assert_allclose(found.centres[:, 0], [-3.0, 0.0, 3.0], atol=0.15)


def test_points_go_to_their_nearest_centre_and_ties_to_the_first():
    centres = np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 5.0]])
    points = np.array([[0.1, 1.0, 1.9, 0.0], [0.0, 0.0, 0.3, 4.0]])
    assert nearest(points, centres).tolist() == [0, 0, 1, 2]


def test_seeds_and_threads_do_not_change_a_bit():
    points = overlapping_blobs(5000, 2)
    results = []
    for seed, threads in ((0, 1), (0, 2), (7, 1)):
        with threadpool_limits(threads):
            results.append(kmeans(points, np.ones(5000), k=4, seed=seed).centres.tobytes())
    assert results[0] == results[1] == results[2]


def test_centres_are_ordered_by_their_mean_coordinate_and_ties_by_the_first():
    centres = np.array([[3.0, 1.0], [0.0, 0.0], [1.0, 3.0], [-1.0, 0.5]])
    assert centroid_order(centres).tolist() == [3, 1, 2, 0]


@pytest.mark.parametrize("points", [np.ones((1, 50)), np.repeat([[1.0, 2.0], [3.0, 4.0]], 100, axis=1)])
def test_fewer_distinct_points_than_clusters_are_refused(points):
    with pytest.raises(ValueError, match="fewer than 3 distinct points, so 3 clusters cannot be formed. Lower k"):
        kmeans(points, np.ones(points.shape[1]), k=3)


def test_no_cluster_is_refused():
    with pytest.raises(ValueError, match="at least 1 cluster is needed"):
        kmeans(np.arange(5.0)[None], np.ones(5), k=0)
