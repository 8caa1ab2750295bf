import numpy as np
import pytest
import SimpleITK as sitk

from habitat_radiomics.habitat_labels import box_sum, radius_voxels, remove_small_components, smooth_labels
from imaging_phantoms import array_of, image_of


def slice_image(rows, **geometry):
    """Label image of one slice."""
    return image_of(np.array([rows], dtype=np.uint8), **geometry)


def slice_of(image):
    return array_of(image)[0].tolist()


def brute_mode(array, radius):
    """Most frequent label above 0 in a box, by counting voxel by voxel; ties keep the own label, else the lowest."""
    result = array.copy()
    for place in np.argwhere(array):
        box = tuple(slice(max(p - r, 0), p + r + 1) for p, r in zip(place, radius, strict=True))
        counts = np.bincount(array[box].ravel(), minlength=int(array.max()) + 1)[1:]
        own = array[tuple(place)]
        result[tuple(place)] = own if counts[own - 1] == counts.max() else int(np.argmax(counts)) + 1
    return result


def random_labels(seed=0, k=3, shape=(5, 9, 8)):
    random = np.random.default_rng(seed)
    return np.where(random.uniform(size=shape) < 0.8, random.integers(1, k + 1, shape), 0).astype(np.uint8)


@pytest.mark.parametrize("seed", range(3))
def test_smoothing_takes_the_most_frequent_habitat_of_the_box(seed):
    labels = random_labels(seed)
    smoothed = smooth_labels(image_of(labels, spacing=(1.0, 1.0, 3.0)), radius_mm=1.2)
    np.testing.assert_array_equal(array_of(smoothed), brute_mode(labels, (0, 1, 1)))


def test_two_rounds_of_smoothing_are_one_after_the_other():
    image = image_of(random_labels())
    once = smooth_labels(image, radius_mm=1)
    np.testing.assert_array_equal(
        array_of(smooth_labels(image, radius_mm=1, iterations=2)), array_of(smooth_labels(once, radius_mm=1))
    )


def test_smoothing_fills_a_pinhole_and_leaves_the_outside_alone():
    image = slice_image([[0, 1, 1, 1], [0, 1, 2, 1], [0, 1, 1, 1]])
    assert slice_of(smooth_labels(image, radius_mm=1)) == [[0, 1, 1, 1]] * 3


def test_no_iteration_and_no_minimum_change_nothing():
    labels = random_labels()
    assert (array_of(smooth_labels(image_of(labels), radius_mm=1, iterations=0)) == labels).all()
    assert (array_of(remove_small_components(image_of(labels), min_voxels=1)) == labels).all()


def test_an_island_goes_to_the_habitat_around_it():
    image = slice_image([[1, 1, 1, 3, 3], [1, 2, 1, 3, 3], [1, 1, 1, 3, 2]])
    assert slice_of(remove_small_components(image, min_voxels=2)) == [[1, 1, 1, 3, 3], [1, 1, 1, 3, 3], [1, 1, 1, 3, 3]]


def test_parts_that_touch_at_a_corner_are_one_island():
    image = slice_image([[1, 1, 1, 1], [1, 2, 1, 1], [1, 1, 2, 1], [1, 1, 1, 1]])
    assert slice_of(remove_small_components(image, min_voxels=2)) == slice_of(image)
    assert slice_of(remove_small_components(image, min_voxels=3)) == [[1] * 4] * 4


def test_a_large_island_is_eaten_from_outside_in_by_each_neighbour():
    image = slice_image([[1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 3]] * 3)
    tidied = slice_of(remove_small_components(image, min_voxels=13))
    assert tidied == [[3] * 12] * 3
    assert slice_of(remove_small_components(image, min_voxels=9)) == slice_of(image)


def test_no_island_below_the_minimum_is_left_where_a_large_one_can_be_reached():
    solid = np.ones((6, 14, 14), np.uint8)
    solid[:, 7:, :] = 2
    solid[2:4, 2:5, 2:5] = np.random.default_rng(1).integers(1, 4, (2, 3, 3))
    tidied = remove_small_components(image_of(solid), min_voxels=20)
    for label in (1, 2, 3):
        islands = array_of(sitk.ConnectedComponent(tidied == label, True))
        sizes = np.bincount(islands.ravel())[1:]
        assert (sizes >= 20).all()


def test_a_tumour_of_small_islands_only_stays_as_it_is():
    labels = random_labels(k=3, shape=(1, 3, 3))
    assert (array_of(remove_small_components(image_of(labels), min_voxels=100)) == labels).all()


def test_an_island_that_touches_no_other_habitat_stays():
    image = slice_image([[1, 1, 1, 0, 2], [1, 1, 1, 0, 0]])
    assert slice_of(remove_small_components(image, min_voxels=4)) == slice_of(image)


def test_the_grid_is_kept():
    image = image_of(random_labels(), spacing=(0.7, 0.8, 2.0), origin=(3.0, -4.0, 5.0))
    for result in (smooth_labels(image, radius_mm=1), remove_small_components(image, min_voxels=3)):
        assert result.GetSpacing() == image.GetSpacing()
        assert result.GetOrigin() == image.GetOrigin()


def test_box_sums_are_those_of_slices():
    values = np.random.default_rng(0).integers(0, 9, (4, 6, 5))
    sums = box_sum(values, (1, 2, 0))
    assert sums[2, 3, 4] == values[1:4, 1:6, 4].sum()
    assert sums[0, 0, 0] == values[0:2, 0:3, 0].sum()


def test_a_radius_is_rounded_to_voxels_along_z_y_x():
    assert radius_voxels(image_of(np.zeros((2, 2, 2), np.uint8), spacing=(1.0, 2.0, 5.0)), 2.4) == (0, 1, 2)
