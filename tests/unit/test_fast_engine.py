"""The fast engine against the reference engine, which is itself tested against pyradiomics' ``execute``."""

import numpy as np
import pytest
import SimpleITK as sitk

from feature_examples import around, ball, case_images, mask_like, synthetic_image, voxels
from habitat_radiomics import fast_engine
from habitat_radiomics.banks import WEIGHTING_NORMS
from habitat_radiomics.features import extract_features

TEXTURES = {"image_types": {"Original": {}}, "shape": False}


def assert_engines_agree(image, regions, bank, **settings):
    """Same rows and reasons; values within 1e-9 relative, and 1e-10 of zero."""
    settings, banks = {"min_voxels": 1, **settings}, dict.fromkeys(regions, bank)
    ours, theirs = (
        extract_features(image, regions, banks=banks, settings=settings, engine=engine)
        for engine in ("fast", "reference")
    )
    assert [(row[0], row[1], row[3]) for row in ours] == [(row[0], row[1], row[3]) for row in theirs]
    wrong = {
        row[:2]: (row[2], other[2])
        for row, other in zip(ours, theirs, strict=True)
        if not (np.isclose(row[2], other[2], rtol=1e-9, atol=1e-10, equal_nan=True))
    }
    assert wrong == {}


# real and synthetic images


@pytest.mark.parametrize("settings", [{"bin_width": 25}, {"bin_count": 32}], ids=["width", "count"])
@pytest.mark.parametrize("case", ["brain1", "brain2", "breast1"])
def test_every_feature_of_mr_images_equals_the_reference(pyradiomics_folder, case, settings):
    image, mask = around(*case_images(pyradiomics_folder, case), pad=12)
    assert_engines_agree(image, {"t": mask}, "A_deprecated", **settings)


@pytest.mark.parametrize("bank", ["A_deprecated", "B"])
@pytest.mark.parametrize("centre", [(9, 13, 15), (4, 5, 27)], ids=["inside", "at the border"])
def test_every_bank_of_an_anisotropic_image_equals_the_reference(bank, centre):
    image = synthetic_image()
    assert_engines_agree(image, {"t": ball(image, centre)}, bank)


def test_a_sarcoma_equals_the_reference(shared_data):
    folder = shared_data / "sts36" / "nifti"
    patient = sorted(path for path in folder.iterdir() if path.is_dir())[0]
    image = sitk.ReadImage(str(next(patient.glob("*T1*image*"))), sitk.sitkFloat32)
    mask = sitk.ReadImage(str(next(patient.glob("*T1*mask*"))))
    image, mask = around(image, mask, pad=15)
    assert_engines_agree(image, {"t": mask}, {"image_types": {"Original": {}, "LoG": {"sigma": [3]}}})


@pytest.mark.parametrize("kind", [sitk.sitkInt16, sitk.sitkFloat64], ids=["int16", "float64"])
def test_images_of_other_types_equal_the_reference(kind):
    image = sitk.Cast(synthetic_image(), kind)
    assert_engines_agree(image, {"t": ball(image)}, "A")


# settings


@pytest.mark.parametrize("distances", [[1], [2], [3], [1, 2], [1, 2, 3]])
@pytest.mark.parametrize("plane", [None, 0, 1, 2])
def test_every_distance_in_3d_and_in_every_plane_equals_the_reference(distances, plane):
    image = synthetic_image()
    slices = {} if plane is None else {"force_2d": True, "force_2d_dimension": plane}
    assert_engines_agree(image, {"t": ball(image)}, TEXTURES, distances=distances, **slices)


@pytest.mark.parametrize(
    "settings",
    [
        *({"weighting_norm": norm, "distances": [1, 2]} for norm in WEIGHTING_NORMS),
        {"gldm_alpha": 1, "bin_width": 10},
        {"gldm_alpha": 40},
        {"voxel_array_shift": 300},
        {"bin_width": 3.3},
        {"bin_width": 0.1, "resegment_range": [100, 110]},
        {"bin_width": 1e4},
        {"bin_count": 2},
        {"outlier_sd": 1.5},
    ],
    ids=str,
)
def test_every_setting_means_what_it_means_in_the_reference(settings):
    image = synthetic_image()
    assert_engines_agree(image, {"t": ball(image)}, TEXTURES, **settings)


# odd regions


ODD = {
    "cube of 8 voxels, complex axes": [np.s_[9:11, 9:11, 9:11]],
    "single slice": [np.s_[9, 9:15, 9:15]],
    "single slice across x": [np.s_[5:9, 9:15, 7]],
    "two voxels across": [np.s_[9, 9, 9], np.s_[10, 10, 10]],
    "two voxels in no line": [np.s_[9, 9, 9], np.s_[9, 12, 10]],
    "three voxels far apart": [np.s_[2, 2, 2], np.s_[5, 9, 11], np.s_[11, 10, 20]],
    "no voxel has a neighbour": [np.s_[5:15:3, 5:25:3, 5:25:3]],
    "touches the image's border": [np.s_[0:6, 0:7, 0:8]],
    "two parts": [np.s_[2:5, 2:9, 3:8], np.s_[12:15, 14:20, 20:29]],
    "fills the image": [np.s_[:]],
}


@pytest.mark.parametrize("settings", [{}, {"distances": [1, 2]}, {"force_2d": True}, {"bin_width": 1e4}], ids=str)
@pytest.mark.parametrize("places", ODD.values(), ids=ODD)
def test_odd_regions_equal_the_reference_and_are_undefined_alike(places, settings):
    image = synthetic_image()
    assert_engines_agree(image, {"t": voxels(image, *places)}, "D", **settings)


@pytest.mark.parametrize("places", ODD.values(), ids=ODD)
def test_odd_regions_with_merged_directions_equal_the_reference(places):
    image = synthetic_image()
    assert_engines_agree(image, {"t": voxels(image, *places)}, "D", weighting_norm="no_weighting")


@pytest.mark.parametrize("places", [[np.s_[1:11:3, 1:11:3, 1:11:3]], [np.s_[1:5, 1:5, 1:5]]], ids=["apart", "joined"])
@pytest.mark.parametrize("settings", [{}, {"bin_count": 8}], ids=str)
def test_a_flat_region_equals_the_reference(places, settings):
    image = mask_like(np.full((12, 12, 12), 7), synthetic_image((12, 12, 12)))
    assert_engines_agree(image, {"t": voxels(image, *places)}, "D", **settings)


def test_scattered_and_overlapping_regions_together_equal_the_reference():
    image = synthetic_image((24, 30, 31), spacing=(1, 1, 1))
    whole = ball(image, (12, 15, 15), 9)
    kind = np.random.default_rng(3).integers(1, 4, whole.GetSize()[::-1])
    inside = sitk.GetArrayFromImage(whole) > 0
    habitats = {f"habitat{i}": mask_like(inside & (kind == i), image) for i in (1, 2, 3)}
    assert_engines_agree(image, {"tumour": whole, **habitats}, "A")


def test_rare_levels_of_a_large_region_keep_the_maximal_correlation_of_the_reference():
    # two voxels far above the others: pyradiomics' epsilon is no longer small beside their probabilities
    image = synthetic_image((60, 60, 60), spacing=(1, 1, 1)) * 0.2
    image[30, 30, 30] = image[31, 30, 30] = 400.0
    whole = voxels(image, np.s_[2:58, 2:58, 2:58])
    assert_engines_agree(image, {"t": whole}, {**TEXTURES, "classes": ["glcm"]})


# reasons


REASONS = [
    (TEXTURES, {"bin_width": 1e-6}, " grey levels at bin_width 1e-06, at most 2000 are handled"),
    ({"image_types": {"LoG": {"sigma": [90]}}, "shape": False}, {}, "is too small for a LoG of sigma 90.0 mm"),
    ({"image_types": {"Square": {}}, "shape": False}, {}, "square image: not finite everywhere inside the region"),
]


@pytest.mark.parametrize(("bank", "settings", "reason"), REASONS)
def test_what_cannot_be_extracted_has_the_reason_of_the_reference(bank, settings, reason):
    image = synthetic_image() * (0 if "Square" in bank["image_types"] else 1)
    rows = extract_features(image, {"t": ball(image)}, banks={"t": bank}, settings=settings, engine="fast")
    assert len(rows) == 93
    assert all(np.isnan(row[2]) and row[3].endswith(reason) for row in rows)
    assert_engines_agree(image, {"t": ball(image)}, bank, **settings)


# how it works


def test_only_the_classes_of_the_bank_are_calculated(monkeypatch):
    monkeypatch.setattr(fast_engine, "texture_matrices", None)
    image = synthetic_image()
    assert_engines_agree(image, {"t": ball(image)}, {**TEXTURES, "classes": ["firstorder"]})


def test_the_arguments_are_left_as_they_are():
    image = synthetic_image()
    mask = ball(image)
    before = [sitk.GetArrayFromImage(each) for each in (image, mask)]
    extract_features(image, {"t": mask}, banks={"t": "A"}, settings={}, engine="fast")
    for array, each in zip(before, (image, mask), strict=True):
        np.testing.assert_array_equal(array, sitk.GetArrayFromImage(each))


def test_the_same_bytes_come_out_every_time():
    image = synthetic_image()
    first, second = (
        extract_features(image, {"t": ball(image)}, banks={"t": "A"}, settings={}, engine="fast") for _ in range(2)
    )
    assert first == second
