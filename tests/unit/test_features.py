"""Feature extraction, against pyradiomics' own ``execute``, its published baseline tables, and by hand."""

import ast
import csv
import subprocess
import sys
import types
import warnings

import numpy as np
import pytest
import radiomics
import SimpleITK as sitk
from radiomics import imageoperations
from radiomics.featureextractor import RadiomicsFeatureExtractor

from conftest import ROOT
from feature_examples import around, ball, case_images, mask_like, synthetic_image, voxels
from habitat_radiomics.banks import WEIGHTING_NORMS, bank_of, complete_settings, feature_names, shape_feature_names
from habitat_radiomics.faults import DataFault
from habitat_radiomics.features import (
    ENGINES,
    FeatureRow,
    extract_features,
    extraction_diagnostics,
    features_of_readings,
    intensity_mask,
    read_features,
    write_features,
)

CASES = ("brain1", "brain2", "breast1")


# material


def executed(image, mask, bank, **settings):
    """What pyradiomics itself returns: feature to value."""
    bank = bank_of(bank)
    extractor = RadiomicsFeatureExtractor(additionalInfo=False, **settings)
    extractor.enabledImagetypes = bank["image_types"]
    shape = {"shape": shape_feature_names(bank)} if bank["shape"] else {}
    extractor.enabledFeatures = {**shape, **bank["classes"]}
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # pyradiomics' own; ours must be silent without this
        found = extractor.execute(image, mask)
    return {name: float(np.real(value)) for name, value in found.items()}


def extracted(image, mask, bank, **settings):
    """Feature to value by our extraction of one region."""
    rows = extract_features(image, {"roi": mask}, banks={"roi": bank}, settings={"min_voxels": 1, **settings})
    return {feature: value for _, feature, value, _ in rows}


def assert_same(ours, theirs, relative=1e-9):
    """Same features in the same order, NaN at the same places, values within a relative difference."""
    assert list(ours) == list(theirs)
    np.testing.assert_allclose(list(ours.values()), list(theirs.values()), rtol=relative, atol=0)


def watched(monkeypatch, kind):
    """A list that receives (image, options) of every call of one of pyradiomics' filters."""
    calls, name = [], f"get{kind}Image"
    original = getattr(imageoperations, name)

    def filtered(image, mask, **options):
        calls.append((image, options))
        return original(image, mask, **options)

    monkeypatch.setattr(imageoperations, name, filtered)
    return calls


# the same values as pyradiomics


@pytest.mark.parametrize(
    ("ours", "theirs"), [({"bin_width": 25}, {"binWidth": 25}), ({"bin_count": 32}, {"binCount": 32})]
)
@pytest.mark.parametrize("bank", ["A", "B", "D"])
@pytest.mark.parametrize("case", CASES)
def test_values_on_mr_images_equal_pyradiomics(pyradiomics_folder, case, bank, ours, theirs):
    image, mask = around(*case_images(pyradiomics_folder, case), pad=12)
    assert_same(extracted(image, mask, bank, **ours), executed(image, mask, bank, **theirs))


def test_values_on_a_whole_uncropped_integer_image_equal_pyradiomics(pyradiomics_folder):
    image, mask = case_images(pyradiomics_folder, "brain2")
    assert_same(extracted(image, mask, "A"), executed(image, mask, "A"))


@pytest.mark.parametrize("bank", ["A", "A_deprecated", "B", "D"])
@pytest.mark.parametrize("centre", [(9, 13, 15), (4, 5, 27)], ids=["inside", "at the border"])
def test_values_on_an_anisotropic_synthetic_image_equal_pyradiomics(bank, centre):
    image = synthetic_image()
    mask = ball(image, centre)
    assert_same(extracted(image, mask, bank), executed(image, mask, bank))


SAME_SETTINGS = [
    ({"force_2d": True}, {"force2D": True}),
    ({"force_2d": True, "force_2d_dimension": 2}, {"force2D": True, "force2Ddimension": 2}),
    ({"distances": [1, 2]}, {"distances": [1, 2]}),
    ({"gldm_alpha": 1, "voxel_array_shift": 300}, {"gldm_a": 1, "voxelArrayShift": 300}),
    *(({"weighting_norm": norm}, {"weightingNorm": norm}) for norm in WEIGHTING_NORMS),
]


@pytest.mark.parametrize(("ours", "theirs"), SAME_SETTINGS)
def test_each_setting_means_what_it_means_in_pyradiomics(ours, theirs):
    image = synthetic_image()
    bank = {"image_types": {"Original": {}, "Wavelet": {}, "LBP2D": {}}}
    assert_same(extracted(image, ball(image), bank, **ours), executed(image, ball(image), bank, **theirs))


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({"resegment_range": [100, 300]}, {"resegmentRange": [100, 300]}),
        ({"resegment_range": [100, None]}, {"resegmentRange": [100]}),
        ({"outlier_sd": 1.5}, {"resegmentRange": [-1.5, 1.5], "resegmentMode": "sigma"}),
    ],
)
def test_resegmented_intensity_features_equal_pyradiomics_and_shape_is_that_of_the_whole_region(ours, theirs):
    image = synthetic_image()
    mask = ball(image)
    found, reference = extracted(image, mask, "D", **ours), executed(image, mask, "D", **theirs)
    assert_same(found, reference)
    assert found != extracted(image, mask, "D")
    shape = {"image_types": {}, "shape": True}
    assert extracted(image, mask, shape, **ours) == extracted(image, mask, shape)


def test_a_two_level_wavelet_of_another_family_equals_pyradiomics():
    image = synthetic_image((40, 41, 44), spacing=(1, 1, 1))
    bank = {"image_types": {"Wavelet": {"wavelet": "db2", "level": 2}}, "classes": ["firstorder"], "shape": False}
    mask = ball(image, (20, 20, 20), 4)
    assert_same(extracted(image, mask, bank), executed(image, mask, bank))


@pytest.mark.parametrize("kind", ["Wavelet", "Gradient", "LBP2D"])
def test_a_filter_with_finite_support_sees_only_the_surroundings_and_stays_exact(kind, monkeypatch):
    image = synthetic_image((40, 41, 44), spacing=(1, 1, 1))
    mask = ball(image, (20, 20, 20), 4)
    bank = {"image_types": {kind: {}}, "classes": ["firstorder"], "shape": False}
    reference = executed(image, mask, bank)
    seen, original = [], getattr(imageoperations, f"get{kind}Image")
    monkeypatch.setattr(
        imageoperations, f"get{kind}Image", lambda i, *a, **k: seen.append(i.GetSize()) or original(i, *a, **k)
    )
    assert extracted(image, mask, bank) == reference
    assert max(seen[0]) < 40


def test_an_image_type_may_have_its_own_bin_width():
    image = synthetic_image()
    mask = ball(image)
    own = {"image_types": {"LBP2D": {"bin_width": 1}, "Original": {}}, "classes": ["glcm"], "shape": False}
    plain = {**own, "image_types": {"LBP2D": {}}}
    found = extracted(image, mask, own)
    fine = executed(image, mask, plain, binWidth=1)
    assert {name: found[name] for name in fine} == fine
    original = {**own, "image_types": {"Original": {}}}
    assert_same({name: found[name] for name in feature_names(original)}, executed(image, mask, original))


def test_lbp_3d_equals_pyradiomics_once_pyradiomics_finds_what_scipy_has_removed(monkeypatch):
    import scipy.ndimage
    import scipy.special

    former = types.ModuleType("scipy.ndimage.interpolation")
    former.map_coordinates = scipy.ndimage.map_coordinates
    monkeypatch.setitem(sys.modules, "scipy.ndimage.interpolation", former)
    harmonic = scipy.special.sph_harm_y
    monkeypatch.setattr(
        scipy.special, "sph_harm", lambda m, n, azimuth, polar: harmonic(n, m, polar, azimuth), raising=False
    )
    image = synthetic_image((17, 19, 21))
    bank = {"image_types": {"LBP3D": {"lbp3DLevels": 3, "bin_width": 1}}, "shape": False}
    plain = {"image_types": {"LBP3D": {"lbp3DLevels": 3}}, "shape": False}
    mask = ball(image, (8, 9, 10), 5)
    found, reference = extracted(image, mask, bank), executed(image, mask, plain, binWidth=1)
    assert len(reference) == 4 * 93
    assert_same(found, reference)


def test_bank_c_is_complete_although_pyradiomics_would_drop_lbp_3d():
    image = synthetic_image()
    found = extracted(image, ball(image), "C")
    assert len(found) == 1906
    assert np.isfinite(list(found.values())).all()


# regions that pyradiomics refuses or cannot describe


@pytest.mark.parametrize(
    "places",
    [
        [np.s_[9:11, 9:11, 9:11]],
        [np.s_[9, 9:15, 9:15]],
        [np.s_[9, 9, 9], np.s_[10, 10, 10]],
        [np.s_[5:15:3, 5:25:3, 5:25:3]],
    ],
    ids=["cube of 8 voxels, complex axes", "single slice", "two voxels across", "no voxel has a neighbour"],
)
def test_odd_regions_have_the_values_of_pyradiomics_and_nan_where_it_has_nan(places):
    image = synthetic_image()
    mask = voxels(image, *places)
    assert_same(extracted(image, mask, "D"), executed(image, mask, "D"))


def test_directions_merged_without_any_neighbour_give_nan_where_pyradiomics_has_nan():
    image = synthetic_image()
    mask = voxels(image, np.s_[5:15:3, 5:25:3, 5:25:3])
    found = extracted(image, mask, "D", weighting_norm="no_weighting")
    assert np.isnan(found["original_glcm_MCC"])
    assert_same(found, executed(image, mask, "D", weightingNorm="no_weighting"))


def test_the_real_part_is_taken_where_eigenvalues_come_as_complex_numbers(monkeypatch):
    image = synthetic_image()
    expected = extracted(image, ball(image), "A")
    eigvals = np.linalg.eigvals
    monkeypatch.setattr(np.linalg, "eigvals", lambda matrix: eigvals(matrix).astype(complex))  # as numpy 2.5 does
    assert_same(extracted(image, ball(image), "A"), expected)


def test_a_region_that_fills_the_image_has_the_values_it_has_with_a_border():
    image = synthetic_image((6, 7, 8))
    bordered = sitk.ConstantPad(image, [1] * 3, [1] * 3)
    inside = voxels(bordered, np.s_[1:-1, 1:-1, 1:-1])
    bank = {"image_types": {"Original": {}}}
    assert_same(extracted(image, voxels(image, np.s_[:]), bank), executed(bordered, inside, bank))


REASONS = [
    (None, {}, "the region is missing: there is no mask of it"),
    ([], {}, "the region has 0 voxels, fewer than min_voxels 8"),
    ([np.s_[9, 9, 9]], {}, "the region has 1 voxel, fewer than min_voxels 8"),
    ([np.s_[9, 9, 9]], {"min_voxels": 1}, "the region has 1 voxel, not in a plane or volume"),
    ([np.s_[9, 9, 9:20]], {}, "the region has 11 voxels, not in a plane or volume"),
]


@pytest.mark.parametrize(("places", "settings", "reason"), REASONS)
def test_an_unusable_region_gets_every_row_as_nan_with_the_reason(places, settings, reason):
    image = synthetic_image()
    regions = {"habitat": None if places is None else voxels(image, *places), "tumour": ball(image)}
    rows = extract_features(image, regions, banks={"habitat": "A", "tumour": "D"}, settings=settings)
    habitat = [row for row in rows if row[0] == "habitat"]
    assert [feature for _, feature, _, _ in habitat] == feature_names("A")
    assert all(np.isnan(value) for _, _, value, _ in habitat)
    assert {why for *_, why in habitat} == {reason}
    assert all(np.isfinite(value) and why == "" for region, _, value, why in rows if region == "tumour")


def test_a_region_without_an_entry_counts_as_missing():
    rows = extract_features(synthetic_image(), {}, banks={"habitat3": "D"}, settings={})
    assert len(rows) == 93
    assert {why for *_, why in rows} == {"the region is missing: there is no mask of it"}


def test_a_region_that_resegmentation_empties_keeps_its_shape():
    image = synthetic_image()
    rows = extract_features(image, {"t": ball(image)}, banks={"t": "A"}, settings={"resegment_range": [5000, None]})
    shape = [row for row in rows if row[1].startswith("original_shape_")]
    assert len(shape) == 14 and all(np.isfinite(value) for _, _, value, _ in shape)
    assert {why for *_, why in rows[14:]} == {"after re-segmentation the region has 0 voxels, fewer than min_voxels 8"}


def test_a_feature_undefined_in_a_flat_region_says_so():
    image = mask_like(np.full((12, 12, 12), 7), synthetic_image((12, 12, 12)))
    scattered = voxels(image, np.s_[1:11:3, 1:11:3, 1:11:3])
    rows = extract_features(image, {"t": scattered}, banks={"t": "D"}, settings={})
    reasons = {feature: why for _, feature, value, why in rows if np.isnan(value)}
    assert reasons["original_glcm_Contrast"] == "undefined for a flat region"
    assert set(reasons.values()) == {"undefined for a flat region"}
    assert {row[1]: row[2] for row in rows}["original_firstorder_Mean"] == 7


def test_a_feature_undefined_in_a_region_without_neighbours_says_so():
    image = synthetic_image()
    rows = extract_features(image, {"t": voxels(image, np.s_[1:15:3, 1:20:3, 1:20:3])}, banks={"t": "D"}, settings={})
    assert {why for _, _, value, why in rows if np.isnan(value)} == {"undefined for this region"}


def test_a_log_too_wide_for_the_image_is_nan_with_the_reason_where_pyradiomics_leaves_it_out():
    image = synthetic_image()
    bank = {"image_types": {"LoG": {"sigma": [1, 90]}}, "classes": ["ngtdm"], "shape": False}
    rows = extract_features(image, {"t": ball(image)}, banks={"t": bank}, settings={})
    assert [row[1] for row in rows] == feature_names(bank)
    assert [row[3] for row in rows[5:]] == [
        "an image of 31 x 26 x 19 voxels is too small for a LoG of sigma 90.0 mm"
    ] * 5


def test_more_grey_levels_than_memory_allows_are_refused_with_the_bin_width():
    image = synthetic_image()
    rows = extract_features(image, {"t": ball(image)}, banks={"t": "D"}, settings={"bin_width": 1e-6})
    (reason,) = {row[3] for row in rows}
    assert reason.startswith("original image: ")
    assert reason.endswith(" grey levels at bin_width 1e-06, at most 2000 are handled")


def test_a_filter_that_divides_by_a_zero_maximum_is_nan_with_the_reason():
    image = synthetic_image() * 0
    rows = extract_features(image, {"t": ball(image)}, banks={"t": "B"}, settings={})
    reasons = {feature.split("_")[0]: why for _, feature, value, why in rows if np.isnan(value)}
    assert reasons["square"] == "square image: not finite everywhere inside the region"


# faults and errors


def test_nan_in_the_image_is_a_data_fault():
    image = synthetic_image()
    image[3, 4, 5] = float("nan")
    with pytest.raises(DataFault, match="the image holds 1 NaN or infinite voxels") as fault:
        extract_features(image, {"t": ball(image)}, banks={"t": "D"}, settings={})
    assert fault.value.code == "image_not_finite"


def test_a_mask_on_another_grid_is_a_data_fault():
    image = synthetic_image()
    moved = ball(image)
    moved.SetOrigin((5, 0, 0))
    with pytest.raises(DataFault, match="mask and image differ in origin.*resample the mask onto the image") as fault:
        extract_features(image, {"t": moved}, banks={"t": "D"}, settings={})
    assert fault.value.code == "geometry_mismatch"


def test_a_region_without_a_bank_is_an_error():
    image = synthetic_image()
    with pytest.raises(ValueError, match="region 'edema' has no bank; banks are given for tumour"):
        extract_features(image, {"edema": ball(image)}, banks={"tumour": "D"}, settings={})


def test_an_error_inside_a_feature_is_not_turned_into_nan(monkeypatch):
    def broken(self):
        raise TypeError("a programming error")

    monkeypatch.setattr(radiomics.getFeatureClasses()["glcm"], "getContrastFeatureValue", broken)
    image = synthetic_image()
    with pytest.raises(TypeError, match="a programming error"):
        extract_features(image, {"t": ball(image)}, banks={"t": "D"}, settings={})


def test_a_filter_that_drops_an_image_is_an_error(monkeypatch):
    monkeypatch.setattr(imageoperations, "getSquareImage", lambda *a, **k: iter(()))
    image = synthetic_image()
    with pytest.raises(RuntimeError, match=r"filter Square yielded the images \[\]; expected \['square'\]"):
        extract_features(image, {"t": ball(image)}, banks={"t": "B"}, settings={})


def test_a_missing_scikit_image_is_an_error_not_a_missing_filter(monkeypatch):
    monkeypatch.setitem(sys.modules, "skimage.feature", None)
    image = synthetic_image()
    bank = {"image_types": {"LBP2D": {}}, "shape": False}
    with pytest.raises(ImportError, match="skimage"):
        extract_features(image, {"t": ball(image)}, banks={"t": bank}, settings={})


def test_extraction_prints_nothing(tmp_path):
    image = synthetic_image((8, 9, 10))
    sitk.WriteImage(image, str(tmp_path / "image.nii"))
    sitk.WriteImage(ball(image, (4, 4, 5), 3), str(tmp_path / "mask.nii"))
    code = (
        "import sys, SimpleITK; from habitat_radiomics.features import extract_features;"
        "image, mask = map(SimpleITK.ReadImage, sys.argv[1:]);"
        "extract_features(image, {'t': mask}, banks={'t': 'B'}, settings={})"
    )
    files = [str(tmp_path / "image.nii"), str(tmp_path / "mask.nii")]
    # in a process of its own: pytest takes the log records that would reach the user's terminal
    run = subprocess.run([sys.executable, "-c", code, *files], cwd=ROOT / "scripts", capture_output=True, text=True)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


# several regions and readings at once


@pytest.fixture
def three_regions():
    """An image and tumour, shell and both, with different banks."""
    image = synthetic_image()
    tumour, expansion = ball(image, radius=5), ball(image, radius=7)
    regions = {"tumour": tumour, "peritumour": expansion - tumour, "expansion": expansion}
    own = {
        "image_types": {"Original": {}, "LoG": {"sigma": [3, 2]}, "Wavelet": {"bin_width": 10}},
        "classes": ["glrlm"],
    }
    return image, regions, {"tumour": "A", "peritumour": own, "expansion": "D"}


def test_regions_extracted_together_have_the_values_they_have_alone(three_regions):
    image, regions, banks = three_regions
    together = extract_features(image, regions, banks=banks, settings={})
    alone = [
        row
        for name in regions
        for row in extract_features(image, {name: regions[name]}, banks={name: banks[name]}, settings={})
    ]
    assert together == alone


def test_readings_extracted_together_have_the_values_they_have_alone(three_regions):
    image, regions, banks = three_regions
    readings = {"r1": regions, "r2": {**regions, "tumour": ball(image, (9, 12, 14), 5), "peritumour": None}}
    rows = features_of_readings(image, readings, banks=banks, settings={})
    for reading, chosen in readings.items():
        alone = extract_features(image, chosen, banks=banks, settings={})
        np.testing.assert_equal([tuple(row[1:]) for row in rows if row.reading == reading], alone)


def test_each_filter_runs_once_whatever_the_number_of_regions_and_readings(three_regions, monkeypatch):
    image, regions, banks = three_regions
    calls = {kind: watched(monkeypatch, kind) for kind in ("Original", "Wavelet", "LoG")}
    features_of_readings(image, {"r1": regions, "r2": regions}, banks=banks, settings={})
    assert {kind: len(found) for kind, found in calls.items()} == {"Original": 1, "Wavelet": 1, "LoG": 4}
    assert sorted(options["sigma"] for _, options in calls["LoG"]) == [(1.0,), (2.0,), (3.0,), (5.0,)]


def test_the_arguments_are_left_as_they_are(three_regions):
    image, regions, banks = three_regions
    before = [sitk.GetArrayFromImage(each) for each in (image, *regions.values())]
    extract_features(image, regions, banks=banks, settings={"resegment_range": [100, 300]})
    for array, each in zip(before, (image, *regions.values()), strict=True):
        np.testing.assert_array_equal(array, sitk.GetArrayViewFromImage(each))


def test_padding_gives_the_values_of_the_image_cropped_by_hand():
    image = synthetic_image((40, 41, 44), spacing=(1, 1, 1))
    mask = ball(image, (20, 20, 5), 4)
    cropped, cropped_mask = around(image, mask, pad=8)
    assert extracted(image, mask, "A", pad_voxels=8) == executed(cropped, cropped_mask, "A")
    assert extracted(image, mask, "A", pad_voxels=100) == extracted(image, mask, "A")


def test_another_engine_is_chosen_by_name(monkeypatch):
    chosen = {"image_types": {"Original": {}}, "classes": {"firstorder": ["Mean"]}, "shape": False}
    constant = lambda image, masks, **_: {key: {"original_firstorder_Mean": (1.0, "")} for key in masks}  # noqa: E731
    monkeypatch.setitem(ENGINES, "constant", constant)
    image = synthetic_image()
    rows = extract_features(image, {"t": ball(image)}, banks={"t": chosen}, settings={}, engine="constant")
    assert rows == [("t", "original_firstorder_Mean", 1.0, "")]


# re-segmentation


def kept_values(values, **settings):
    array = np.array(values, dtype=np.float32)[None, None]
    kept = intensity_mask(array, np.ones(array.shape, bool), settings=complete_settings(settings))
    return array[kept].tolist()


def test_both_limits_of_a_range_are_kept():
    assert kept_values([1, 2, 3, 4, 5], resegment_range=[2, 4]) == [2, 3, 4]
    assert kept_values([1, 2, 3, 4, 5], resegment_range=[None, 2]) == [1, 2]


def test_the_standard_deviation_of_outliers_is_that_of_the_population():
    # mean 2.5, SD 4.33 (5.0 with n - 1)
    assert kept_values([0, 0, 0, 10], outlier_sd=1.6) == [0, 0, 0]


def test_outliers_are_judged_by_the_region_as_drawn_not_by_what_the_range_leaves():
    # mean 19, SD 20.8: kept up to 39.8; were the range applied first, mean 8.75 and SD 3.8 would drop 15 too
    values = [5, 7, 8, 15, 60]
    assert kept_values(values, outlier_sd=1) == [5, 7, 8, 15]
    assert kept_values(values, outlier_sd=1, resegment_range=[0, 50]) == [5, 7, 8, 15]
    assert kept_values(values, outlier_sd=1, resegment_range=[6, 50]) == [7, 8, 15]


# pyradiomics' published baseline


def baseline_tables(folder):
    """Yield (feature class, test name, {diagnostic or feature: text}) for the MR cases; 2-D shape is not ours."""
    for path in sorted((folder / "baseline").glob("baseline_*.csv")):
        feature_class = path.stem.removeprefix("baseline_")
        with path.open(newline="") as handle:
            header, *rows = csv.reader(handle)
        for column, name in enumerate(header[1:], start=1):
            values = {row[0]: row[column] for row in rows}
            if values["diagnostics_Configuration_TestCase"].split("_")[0] in CASES:
                yield feature_class, name, values


def prepared(image, mask, settings):
    """Normalise and resample as the settings of a baseline say: steps that come before our extraction."""
    if settings["normalize"]:
        image = sitk.Normalize(image) * settings["normalizeScale"]
    if settings["resampledPixelSpacing"]:
        image, mask = imageoperations.resampleImage(image, sitk.Cast(mask, sitk.sitkUInt32), **settings)
    return image, mask


def translated(settings):
    """Our settings for those of a baseline."""
    ours = {
        "bin_width": settings.get("binWidth", 25),
        "bin_count": settings.get("binCount"),
        "force_2d": settings["force2D"],
        "force_2d_dimension": settings["force2Ddimension"],
        "distances": settings["distances"],
        "weighting_norm": settings.get("weightingNorm"),
        "gldm_alpha": settings.get("gldm_a", 0),
        "voxel_array_shift": settings.get("voxelArrayShift", 0),
    }
    limits = settings["resegmentRange"]
    if settings.get("resegmentMode") == "sigma":
        return {**ours, "outlier_sd": limits[1]}
    return {**ours, "resegment_range": [*limits, None] if limits else None}


def relative_error(value, reference):
    return abs(value - reference) / abs(reference) if reference else abs(value)


def test_the_published_baselines_of_pyradiomics_are_met(pyradiomics_folder):
    errors = {"shape": [], "intensity": []}
    for feature_class, name, baseline in baseline_tables(pyradiomics_folder):
        if feature_class == "shape2D":
            continue
        settings = ast.literal_eval(baseline["diagnostics_Configuration_Settings"])
        images = case_images(pyradiomics_folder, baseline["diagnostics_Configuration_TestCase"])
        image, mask = prepared(*images, settings)
        shape = feature_class == "shape"
        bank = {"image_types": {"Original": {}}, "classes": [] if shape else [feature_class], "shape": shape}
        ours = extracted(image, mask, bank, **translated(settings))
        theirs = {key: float(text) for key, text in baseline.items() if key in ours}
        assert theirs.keys() == ours.keys(), (feature_class, name)
        errors["shape" if shape else "intensity"] += [relative_error(ours[key], theirs[key]) for key in ours]
    assert {kind: len(found) for kind, found in errors.items()} == {"shape": 84, "intensity": 1911}
    assert max(errors["intensity"]) < 1e-9
    assert max(errors["shape"]) < 1e-3  # mesh features of brain1 differ by up to 9e-4 between compilers


# diagnostics


def test_diagnostics_equal_those_of_the_published_baselines(pyradiomics_folder):
    seen = set()
    for _, name, baseline in baseline_tables(pyradiomics_folder):
        case = baseline["diagnostics_Configuration_TestCase"]
        if name not in CASES or case in seen:
            continue
        seen.add(case)
        image, mask = case_images(pyradiomics_folder, case)
        found = extraction_diagnostics(image, {"t": mask, "none": None}, settings={})["regions"]
        assert list(found) == ["t"]
        assert found["t"]["voxels"] == int(baseline["diagnostics_Mask-original_VoxelNum"])
        assert found["t"]["components"] == int(baseline["diagnostics_Mask-original_VolumeNum"])
        assert tuple(found["t"]["bounding_box"]) == ast.literal_eval(baseline["diagnostics_Mask-original_BoundingBox"])
    assert seen == set(CASES)


def test_diagnostics_count_grey_levels_as_the_bins_fall():
    image = synthetic_image((6, 6, 6), spacing=(1, 2, 3)) * 0
    image[0, 0, 0], image[1, 0, 0], image[0, 1, 0] = 24.9, 25, 80
    mask = voxels(image, np.s_[0, :2, :2])
    (found,) = extraction_diagnostics(image, {"t": mask}, settings={"resegment_range": [20, None]})["regions"].values()
    assert found == {
        "voxels": 4,
        "volume_mm3": 24.0,
        "components": 1,
        "bounding_box": [0, 0, 0, 2, 2, 1],
        "intensity_voxels": 3,
        "grey_levels": 3,
        "bins": 4,
    }


def test_diagnostics_count_components_of_the_region_as_drawn_joined_also_across_corners():
    image = synthetic_image((6, 6, 6)) * 0
    image[1, 1, 1] = 100
    mask = voxels(image, np.s_[0, 0, 0], np.s_[1, 1, 1], np.s_[2, 2, 2], np.s_[5, 5, 5])
    found = extraction_diagnostics(image, {"t": mask}, settings={"resegment_range": [None, 50]})["regions"]["t"]
    assert (found["components"], found["voxels"], found["intensity_voxels"]) == (2, 4, 3)


def test_diagnostics_of_an_empty_region_are_zeros_without_bins():
    image = synthetic_image()
    found = extraction_diagnostics(image, {"t": voxels(image)}, settings={})["regions"]["t"]
    assert (found["voxels"], found["components"], found["bounding_box"]) == (0, 0, [])
    assert (found["grey_levels"], found["bins"]) == (None, None)


def test_diagnostics_name_the_versions_of_the_libraries():
    versions = extraction_diagnostics(synthetic_image(), {}, settings={})["versions"]
    assert versions["SimpleITK"] == sitk.Version_VersionString()
    assert versions["numpy"] == np.__version__
    assert set(versions) >= {"pyradiomics", "PyWavelets", "scikit-image"}


# files


ROWS = [
    FeatureRow("r1", "tumour", "original_firstorder_Mean", 0.1 + 0.2, ""),
    FeatureRow("r1", "péri-tumour, left", "original_glcm_Idm", -1.7976931348623157e308, ""),
    FeatureRow("r1", "habitat1", "original_glcm_MCC", float("nan"), 'the region has "0" voxels, too few'),
]


def test_features_are_read_back_to_the_last_bit(tmp_path):
    path = tmp_path / "features.csv"
    write_features(path, ROWS)
    np.testing.assert_equal(read_features(path), ROWS)
    assert path.read_bytes().startswith(b"reading,region,feature,value,reason\nr1,tumour,")
    assert [entry.name for entry in tmp_path.iterdir()] == ["features.csv"]


def test_a_failed_write_leaves_the_former_file_and_nothing_else(tmp_path):
    path = tmp_path / "features.csv"
    write_features(path, ROWS)
    with pytest.raises(ValueError, match="could not convert"):
        write_features(path, [*ROWS, FeatureRow("r1", "tumour", "x", "text", "")])
    np.testing.assert_equal(read_features(path), ROWS)
    assert [entry.name for entry in tmp_path.iterdir()] == ["features.csv"]


def test_a_table_with_other_columns_is_refused(tmp_path):
    path = tmp_path / "other.csv"
    path.write_text("patient,value\n")
    with pytest.raises(ValueError, match=r"other.csv: found columns \('patient', 'value'\), expected \('reading', "):
        read_features(path)


def test_importing_the_extraction_loads_no_statistics_library():
    heavy = "{'pandas', 'sklearn', 'matplotlib', 'scipy'} & set(sys.modules)"
    code = f"import sys, habitat_radiomics.features; sys.exit(len({heavy}))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT / "scripts").returncode == 0
