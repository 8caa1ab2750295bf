"""Intensity scales against hand calculations and pyradiomics."""

import numpy as np
import pytest
import SimpleITK as sitk

from habitat_radiomics.faults import DataFault
from habitat_radiomics.intensity import (
    NYUL_PERCENTILES,
    PERCENTILES,
    apply_nyul,
    fit_nyul,
    intensity_landmarks,
    intensity_statistics,
    normalise_intensity,
)
from imaging_phantoms import array_of, image_of, noise_image


def row(*values):
    return image_of(np.array([[values]], np.float32))


def everywhere(image):
    return image_of(np.ones(image.GetSize()[::-1], np.uint8), spacing=image.GetSpacing())


def statistics_of(image):
    return intensity_statistics(image, everywhere(image))


def test_statistics_are_those_inside_the_mask():
    image = row(1, 2, 3, 4, 1000)
    found = intensity_statistics(image, image_of(np.array([[[1, 1, 1, 1, 0]]], np.uint8)))
    assert found["voxels"] == 4
    assert found["mean"] == 2.5
    assert found["sd"] == pytest.approx(np.sqrt(5 / 3))
    assert found["percentiles"]["50"] == 2.5
    assert found["percentiles"]["0"] == 1
    assert list(found["percentiles"]) == [f"{p:g}" for p in PERCENTILES]
    assert all(type(value) is float for value in found["percentiles"].values())


def test_an_empty_body_has_no_statistics():
    image = row(1, 2)
    with pytest.raises(DataFault, match="the body mask holds 0 voxels") as caught:
        intensity_statistics(image, image_of(np.zeros((1, 1, 2), np.uint8)))
    assert caught.value.code == "intensity_no_voxels"


def test_none_keeps_every_value():
    image = noise_image()
    found = normalise_intensity(image, statistics_of(image), method="none")
    np.testing.assert_array_equal(array_of(found), array_of(image))
    assert found.GetPixelID() == sitk.sitkFloat32


def test_zscore_is_pyradiomics_normalisation_with_its_scale():
    from radiomics import imageoperations

    image = noise_image(spacing=(0.5, 0.5, 3.0), origin=(1.0, 2.0, 3.0))
    found = normalise_intensity(image, statistics_of(image), method="zscore")
    expected = imageoperations.normalizeImage(image, normalizeScale=100)
    np.testing.assert_allclose(array_of(found), array_of(expected), atol=1e-3)
    shifted = normalise_intensity(image, statistics_of(image), method="zscore", settings={"scale": 1, "shift": 3})
    assert array_of(shifted).mean() == pytest.approx(3, abs=1e-5)
    assert shifted.GetOrigin() == image.GetOrigin()
    assert shifted.GetSpacing() == image.GetSpacing()


def test_normalising_a_crop_by_the_whole_equals_cropping_the_normalised():
    image = noise_image()
    for method, settings in (
        ("zscore", {}),
        ("range_0_255", {}),
        ("nyul", {"standard": list(np.linspace(1, 100, 11))}),
    ):
        options = {"method": method, "settings": settings}
        whole = normalise_intensity(image, statistics_of(image), **options)
        part = normalise_intensity(image[4:9, 3:9, 2:7], statistics_of(image), **options)
        np.testing.assert_array_equal(array_of(part), array_of(whole[4:9, 3:9, 2:7]))


def test_two_percentiles_become_0_and_255_and_the_rest_is_cut_or_not():
    image = row(*range(101))
    options = {"method": "range_0_255", "settings": {"percentiles": (10, 90)}}
    found = array_of(normalise_intensity(image, statistics_of(image), **options)).ravel()
    assert found[[0, 10, 50, 90, 100]].tolist() == [0, 0, 127.5, 255, 255]
    options["settings"]["clip"] = False
    found = array_of(normalise_intensity(image, statistics_of(image), **options)).ravel()
    np.testing.assert_allclose(found[[0, 100]], [-31.875, 286.875])


def test_a_body_of_one_value_cannot_be_scaled():
    image = row(5, 5, 5, 5)
    with pytest.raises(DataFault, match="their standard deviation is 0") as caught:
        normalise_intensity(image, statistics_of(image), method="zscore")
    assert caught.value.code == "intensity_constant"
    with pytest.raises(DataFault, match=r"percentiles 0.5 and 99.5 are both 5\.") as caught:
        normalise_intensity(image, statistics_of(image), method="range_0_255")
    assert caught.value.code == "intensity_constant"


def test_unknown_methods_and_percentiles_are_named_with_the_allowed_ones():
    image = row(1, 2, 3)
    with pytest.raises(ValueError, match="unknown intensity method 'whitestripe'; allowed: none, zscore, range_0_255"):
        normalise_intensity(image, statistics_of(image), method="whitestripe")
    with pytest.raises(ValueError, match=r"percentile 3 is not measured; allowed: 0, 0\.5, 1, 2, 5, 10"):
        intensity_landmarks(statistics_of(image), percentiles=(3, 97))


def test_standard_landmarks_are_the_mean_of_landmarks_mapped_to_the_scale():
    # first: (10, 20, 40, 110) -> (0, 10, 30, 100); second: (0, 1, 3, 5) -> (0, 20, 60, 100)
    assert fit_nyul([[10, 20, 40, 110], [0, 1, 3, 5]], scale=(0, 100)) == pytest.approx([0, 15, 45, 100])
    assert fit_nyul([[10, 20, 40, 110]]) == pytest.approx([1, 10.9, 30.7, 100])  # 1 + 0.99 * (0, 10, 30, 100)


def test_values_move_linearly_between_landmarks_and_the_end_segments_continue():
    image = row(-10, 0, 5, 10, 15, 30, 50)
    # segments: 0..10 -> 0..20 (slope 2), 10..30 -> 20..30 (slope 1/2)
    found = array_of(apply_nyul(image, [0, 10, 30], [0, 20, 30])).ravel()
    np.testing.assert_allclose(found, [-20, 0, 10, 20, 22.5, 30, 40])


def test_nyul_undoes_gain_and_offset_between_scanners():
    image = noise_image()
    other = image_of(array_of(noise_image()) * 7.5 + 300, spacing=image.GetSpacing())
    landmarks = [intensity_landmarks(statistics_of(scan)) for scan in (image, other)]
    settings = {"standard": fit_nyul(landmarks)}
    found = [
        normalise_intensity(scan, statistics_of(scan), method="nyul", settings=settings) for scan in (image, other)
    ]
    np.testing.assert_allclose(array_of(found[0]), array_of(found[1]), atol=1e-3)
    mapped = intensity_landmarks(statistics_of(found[0]))
    np.testing.assert_allclose(mapped, settings["standard"], atol=1e-3)
    assert len(NYUL_PERCENTILES) == 11


def test_landmarks_that_do_not_increase_are_refused():
    image = row(0, 0, 0, 0, 0, 0, 0, 0, 5, 6)
    landmarks = intensity_landmarks(statistics_of(image), percentiles=(1, 50, 99))
    for call in (lambda: fit_nyul([[1, 2, 3], landmarks]), lambda: apply_nyul(image, landmarks, [1, 50, 100])):
        with pytest.raises(DataFault, match=r"landmarks do not increase \(0, 0, 5.91\)") as caught:
            call()
        assert caught.value.code == "landmarks_not_increasing"
