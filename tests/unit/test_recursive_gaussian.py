"""The Laplacian of Gaussian against ITK's, of which it is a faster copy."""

import numpy as np
import pytest
import SimpleITK as sitk

from habitat_radiomics.recursive_gaussian import REACH, coefficients, laplacian_of_gaussian


def itk_values(array, sigma_mm, spacing):
    image = sitk.GetImageFromArray(array)
    image.SetSpacing([float(mm) for mm in spacing[::-1]])
    calculate = sitk.LaplacianRecursiveGaussianImageFilter()
    calculate.SetNormalizeAcrossScale(True)
    calculate.SetSigma(sigma_mm)
    return sitk.GetArrayFromImage(calculate.Execute(image))


def noise(shape):
    return (300 + 100 * np.random.default_rng(0).normal(size=shape)).astype(np.float32)


def whole(array):
    return tuple(slice(0, size) for size in array.shape)


@pytest.mark.parametrize("sigma_mm", [1.0, 2.5, 5.0])
@pytest.mark.parametrize(
    ("shape", "spacing"),
    [((30, 33, 37), (1, 1, 1)), ((12, 40, 41), (3, 0.7, 0.7)), ((4, 5, 6), (1, 1, 1)), ((9, 80, 7), (2, 1, 1.5))],
)
def test_values_equal_itk_to_the_last_bit(shape, spacing, sigma_mm):
    array = noise(shape)
    found = laplacian_of_gaussian(array, sigma_mm=sigma_mm, spacing=spacing, box=whole(array))
    np.testing.assert_array_equal(found, itk_values(array, sigma_mm, spacing))


def test_a_box_holds_what_the_whole_image_holds_there():
    array = noise((30, 33, 37))
    box = (slice(8, 20), slice(0, 9), slice(11, 37))
    found = laplacian_of_gaussian(array, sigma_mm=3.0, spacing=(1, 1, 1), box=box)
    np.testing.assert_array_equal(found, itk_values(array, 3.0, (1, 1, 1))[box])


def test_what_lies_beyond_the_reach_changes_rarely_the_last_bit():
    array = noise((6, 7, 140))
    box = (slice(0, 6), slice(0, 7), slice(60, 80))
    assert REACH * 1.5 < 60
    found = laplacian_of_gaussian(array, sigma_mm=1.5, spacing=(1, 1, 1), box=box)
    full = itk_values(array, 1.5, (1, 1, 1))[box]
    np.testing.assert_allclose(found, full, rtol=1e-6, atol=1e-6 * full.std())
    assert np.mean(found != full) < 0.01


def test_a_constant_image_has_no_laplacian():
    array = np.full((9, 10, 11), 7, dtype=np.float32)
    found = laplacian_of_gaussian(array, sigma_mm=2.0, spacing=(1, 1, 1), box=whole(array))
    assert np.abs(found).max() < 1e-5


def test_the_smoothing_filter_keeps_a_constant_and_the_derivative_removes_it():
    for order, expected in ((0, 1), (2, 0)):
        c = coefficients(4.0, 2.0, order)
        gain = (c[:4].sum() + c[8:12].sum()) / (1 + c[4:8].sum())
        assert gain == pytest.approx(expected, abs=1e-12)


def test_the_image_is_left_as_it_is():
    array = noise((8, 9, 10))
    before = array.copy()
    laplacian_of_gaussian(array, sigma_mm=1.0, spacing=(1, 1, 1), box=whole(array))
    np.testing.assert_array_equal(array, before)
