"""Texture matrices, grey levels and first order: counted by hand, and against numpy."""

import numpy as np
import pytest

from habitat_radiomics.first_order import percentile
from habitat_radiomics.grey_levels import bin_edges, grey_levels_of
from habitat_radiomics.texture_features import maximal_correlation, zone_matrix
from habitat_radiomics.texture_matrices import backward_offsets, neighbourhood, texture_matrices

# one slice of four voxels in a row with the levels 1 1 3 1, above a voxel of level 3 under the second
LEVELS = np.array([[1, 1, 3, 1], [0, 3, 0, 0]])


def counted(alpha=0, distances=(1,)):
    inside = (LEVELS > 0)[None]
    around = neighbourhood(inside, distances=distances)
    ranks = np.append(np.searchsorted([1, 3], LEVELS[LEVELS > 0]) + 1, 0).astype(np.int32)
    return around, texture_matrices(ranks, np.array([0, 1, 3], dtype=np.int32), around, alpha)


def direction(around, offset):
    return around.offsets.tolist().index(list(offset))


def test_neighbours_along_a_row_are_counted_by_level():
    around, matrices = counted()
    pairs = matrices.pairs[direction(around, (0, 0, -1))][1:, 1:]
    assert pairs.tolist() == [[1, 1], [1, 0]]  # (1, 1), then 3 after 1, then 1 after 3


def test_runs_along_a_row_are_counted_by_length():
    around, matrices = counted()
    runs = matrices.runs[direction(around, (0, 0, -1))]
    assert runs[1, 1:3].tolist() == [1, 1]  # one run of 1, one of 2
    assert runs[2, 1:3].tolist() == [2, 0]


def test_zones_join_across_corners():
    _, matrices = counted()
    assert sorted(zip(matrices.zone_ranks.tolist(), matrices.zone_sizes.tolist(), strict=True)) == [
        (1, 1),
        (1, 2),
        (2, 2),  # the two voxels of level 3 touch at a corner
    ]


def test_dependent_voxels_include_the_voxel_itself():
    _, matrices = counted()
    assert matrices.dependences[1, 1:4].tolist() == [1, 2, 0]
    assert matrices.dependences[2, 1:4].tolist() == [0, 2, 0]
    _, tolerant = counted(alpha=2)
    assert tolerant.dependences.sum(axis=0)[1:6].tolist() == [0, 1, 1, 3, 0]  # then all neighbours depend


def test_differences_are_taken_to_the_mean_of_the_neighbours():
    _, matrices = counted()
    # level 1: |1 - (1 + 3) / 2|, |1 - (1 + 3 + 3) / 3|, |1 - 3|; level 3: |3 - (1 + 1 + 3) / 3|, |3 - (1 + 1 + 3) / 3|
    assert matrices.differences[1:] == pytest.approx([1 + 4 / 3 + 2, 4 / 3 + 4 / 3])


def test_directions_at_two_voxels_have_their_own_pairs_and_leave_runs_alone():
    near, far = counted(), counted(distances=(2,))
    np.testing.assert_array_equal(near[1].runs, far[1].runs)
    pairs = far[1].pairs[direction(far[0], (0, 0, -2)) - far[0].first_pair][1:, 1:]
    assert pairs.tolist() == [[1, 0], [1, 0]]


@pytest.mark.parametrize(("distance", "plane", "number"), [(1, None, 13), (1, 0, 4), (2, None, 49), (3, 2, 12)])
def test_half_of_all_directions_at_a_distance_are_listed(distance, plane, number):
    offsets = backward_offsets(distance, plane)
    assert len(offsets) == number
    assert (np.abs(offsets).max(axis=1) == distance).all()
    both = {tuple(o) for o in offsets} | {tuple(-o) for o in offsets}
    assert len(both) == 2 * number


def test_a_direction_counts_as_aligned_where_a_line_meets_two_voxels_however_far_apart():
    inside = np.zeros((1, 4, 7), bool)
    inside[0, 0, 0] = inside[0, 0, 5] = inside[0, 3, 3] = True
    around = neighbourhood(inside, distances=[1])
    aligned = {tuple(offset) for offset, yes in zip(around.offsets[:13], around.aligned, strict=True) if yes}
    assert aligned == {(0, 0, -1), (0, -1, -1)}


def test_equal_zones_are_counted_together():
    sizes, zones = zone_matrix(np.array([2, 1, 2]), np.array([7, 1, 7]), 2)
    assert sizes.tolist() == [1, 7]
    assert zones.tolist() == [[1, 0], [0, 2]]


def test_levels_that_depend_on_each_other_wholly_have_correlation_one():
    always_equal = np.diag([0.25, 0.5, 0.25])
    independent = np.outer([0.25, 0.5, 0.25], [0.25, 0.5, 0.25])
    assert maximal_correlation(always_equal[None]) == pytest.approx(1)
    assert maximal_correlation(independent[None]) == pytest.approx(0, abs=1e-12)


# grey levels and percentiles


@pytest.mark.parametrize("bins", [{"bin_width": 25}, {"bin_width": 0.3}, {"bin_count": 32}, {"bin_count": 7}], ids=str)
@pytest.mark.parametrize("kind", [np.float32, np.float64, np.int16])
def test_every_value_gets_the_level_that_numpy_gives_it(kind, bins):
    bins = {"bin_width": None, "bin_count": None, **bins}
    values = (100 * np.random.default_rng(1).normal(size=5000)).astype(kind)
    values[:200] = np.round(values[:200] / 25) * 25  # on the edges
    ordered = np.sort(values)
    found = grey_levels_of(values, ordered, bins)
    expected = np.digitize(values, bin_edges(ordered[0], ordered[-1], bins))
    np.testing.assert_array_equal(found.levels[found.ranks[:-1]], expected)
    np.testing.assert_array_equal(found.voxels[1:], np.unique(expected, return_counts=True)[1])


@pytest.mark.parametrize("n", [2, 3, 10, 11, 21, 31, 101, 1000])
def test_percentiles_are_those_of_numpy_to_the_last_bit(n):
    ordered = np.sort(np.random.default_rng(n).normal(size=n))
    for fraction in (0.1, 0.25, 0.75, 0.9):
        assert percentile(ordered, fraction) == np.percentile(ordered, 100 * fraction)
