"""The picture of a tumour that a network sees, worked out by hand on ramps and blocks."""

import numpy as np
import pytest
import SimpleITK as sitk

from habitat_radiomics.deep_input import network_input
from habitat_radiomics.faults import DataFault

Z, Y, X = np.meshgrid(np.arange(9), np.arange(20), np.arange(24), indexing="ij")


def volume(values, spacing_mm=(1.0, 1.0, 1.0)):
    image = sitk.GetImageFromArray(np.asarray(values, dtype=np.float32))
    image.SetSpacing(spacing_mm)
    return image


def tumour(box=(slice(3, 6), slice(8, 12), slice(10, 14)), spacing_mm=(1.0, 1.0, 1.0), larger=4):
    """A block of 4 x 4 voxels in three slices, one voxel wider in slice ``larger``."""
    inside = np.zeros(Z.shape)
    inside[box] = 1
    inside[larger, 8:12, 14] = 1
    return volume(inside, spacing_mm)


def test_the_three_channels_are_the_largest_slice_and_its_neighbours():
    seen = network_input(volume(Z), tumour(), size=8, margin_mm=2, window=(0, 8))
    assert seen.shape == (3, 8, 8) and seen.dtype == np.float32
    np.testing.assert_allclose(seen, np.broadcast_to(np.reshape([3, 4, 5], (3, 1, 1)) / 8, seen.shape), rtol=1e-6)


def test_neighbours_lie_at_the_distance_asked_for_in_whole_slices_and_inside_the_image():
    def slices(distance_mm, spacing_mm, larger=4):
        options = {"size": 4, "margin_mm": 2, "window": (0, 8), "slice_distance_mm": distance_mm}
        image, mask = volume(Z, spacing_mm), tumour(spacing_mm=spacing_mm, larger=larger)
        return (network_input(image, mask, **options)[:, 0, 0] * 8).round().astype(int).tolist()

    assert slices(3, (1, 1, 1)) == [1, 4, 7]
    assert slices(3, (1, 1, 2.9)) == [3, 4, 5]
    assert slices(0.1, (1, 1, 1)) == [3, 4, 5]
    assert slices(30, (1, 1, 1)) == [0, 4, 8]


def test_the_box_is_square_in_mm_about_the_tumour_whatever_the_spacing():
    spacing_mm = (0.5, 1.0, 1.0)  # the tumour is 2.5 mm wide and 4 mm high: 4 mm and twice the margin on a side
    options = {"size": 16, "margin_mm": 1, "window": (0, 24)}
    across = network_input(volume(X, spacing_mm), tumour(spacing_mm=spacing_mm), **options)[1] * 24
    down = network_input(volume(Y, spacing_mm), tumour(spacing_mm=spacing_mm), **options)[1] * 24
    pixel = 6 / 16
    np.testing.assert_allclose(across[0], 12 + (np.arange(16) - 7.5) * pixel / 0.5, atol=1e-4)
    np.testing.assert_allclose(down[:, 0], 9.5 + (np.arange(16) - 7.5) * pixel, atol=1e-4)


def test_beyond_the_image_the_nearest_voxel_is_repeated():
    inside = np.zeros(Z.shape)
    inside[4, 0:4, 0:4] = 1
    seen = network_input(volume(X), volume(inside), size=12, margin_mm=4, window=(0, 24))[1] * 24
    np.testing.assert_allclose(seen[0], [0, 0, 0, 0, *range(8)], atol=1e-5)


def test_where_pixels_are_larger_than_voxels_no_voxel_is_left_out():
    checks = (X + Y) % 2
    fine = network_input(volume(checks), tumour(), size=5, margin_mm=5, window=(0, 1))
    np.testing.assert_allclose(fine, 0.5, atol=0.03)


def test_black_and_white_are_percentiles_of_the_box_in_which_far_voxels_have_no_part():
    image = X.astype(float)
    seen = network_input(volume(image), tumour(), size=8, margin_mm=2)
    image[:, :, :3] = 1e6
    np.testing.assert_array_equal(network_input(volume(image), tumour(), size=8, margin_mm=2), seen)
    assert 0 <= seen.min() < 0.05 and 0.95 < seen.max() <= 1
    scaled = network_input(volume(X * 7.0 - 300), tumour(), size=8, margin_mm=2)
    np.testing.assert_allclose(scaled, seen, atol=1e-6)


def test_a_window_keeps_the_intensities_of_the_study_and_clips_beyond_it():
    seen = network_input(volume(np.full(Z.shape, 150.0)), tumour(), size=4, margin_mm=2, window=(-300, 300))
    np.testing.assert_allclose(seen, 0.75)
    assert network_input(volume(np.full(Z.shape, 900.0)), tumour(), size=4, margin_mm=2, window=(-300, 300)).max() == 1


def test_an_image_that_is_constant_around_the_tumour_cannot_be_scaled():
    with pytest.raises(DataFault, match="constant around the tumour .percentiles 1 and 99 are both 3.") as found:
        network_input(volume(np.full(Z.shape, 3.0)), tumour(), size=4, margin_mm=2)
    assert found.value.code == "deep_box_constant"


def test_an_empty_mask_has_no_box():
    with pytest.raises(DataFault, match="no voxel on the working grid"):
        network_input(volume(X), volume(np.zeros(Z.shape)), size=4, margin_mm=2)
