"""Maps of features equal those of pyradiomics' voxel mode, whatever the slab, the thread and the features asked for."""

import warnings
from pathlib import Path

import numpy as np
import pytest
import radiomics
import SimpleITK as sitk
from radiomics import imageoperations

from habitat_radiomics.local_names import LOCAL_FEATURES, bank_names, local_feature
from habitat_radiomics.reference_engine import grey_levels
from habitat_radiomics.voxel_maps import SLAB_VOXELS, voxel_values

CACHE = Path(__file__).resolve().parents[1] / "cache" / "pyradiomics"
ALL = [f"{kind}_{name}" for kind, names in LOCAL_FEATURES.items() for name in names]
BIN_WIDTH = 25.0
NAN_IN_PYRADIOMICS = "glcm_JointAverage"  # where one direction of a neighbourhood has no pair


def brain():
    """400 neighbouring voxels of brain1 and 30 at its rim."""
    if not (CACHE / "brain1_image.nrrd").is_file():
        pytest.skip("brain1 not found: make test unpacks it from pyradiomics' source archive")
    image = sitk.ReadImage(str(CACHE / "brain1_image.nrrd"))
    array = sitk.GetArrayFromImage(image).astype(float)
    places = np.argwhere(sitk.GetArrayFromImage(sitk.ReadImage(str(CACHE / "brain1_label.nrrd"))) == 1)
    apart = ((places - places[len(places) // 2]) ** 2).sum(axis=1)
    chosen = np.zeros(array.shape, bool)
    chosen[tuple(places[np.argsort(apart, kind="stable")[:400]].T)] = True
    chosen[tuple(places[:30].T)] = True
    return array, chosen, image.GetSpacing()


def speckle():
    """A region full of holes, with a solid part of one intensity, lone voxels, and few grey levels."""
    random = np.random.default_rng(1)
    array = np.round(random.normal(100, 40, (9, 12, 11)) / 10) * 10
    inside = random.random(array.shape) < 0.35
    inside[4, 5:9, 3:9], array[4, 5:9, 3:6] = True, 60.0
    inside[:3, :3, :3] = False
    inside[0, 0, 0] = True
    return array, inside, (1.0, 2.0, 0.5)


def values(array, inside, spacing, radius, **options):
    levels, _ = grey_levels(array, inside, {"bin_width": BIN_WIDTH, "bin_count": None})
    asked = {"features": ALL, "voxel_volume_mm3": float(np.prod(spacing)), **options}
    return voxel_values(array, inside, levels, radius=radius, **asked)


def pyradiomics_values(array, inside, spacing, radius, kind):
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(spacing)
    mask = sitk.GetImageFromArray(inside.astype(np.uint8))
    mask.CopyInformation(image)
    box, _ = imageoperations.checkMask(image, mask)
    image, mask = imageoperations.cropToTumorMask(image, mask, box, padDistance=radius)
    options = {"label": 1, "voxelBased": True, "kernelRadius": radius, "binWidth": BIN_WIDTH}
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pyradiomics' means of nothing, on the way to NaN
        calculator = radiomics.getFeatureClasses()[kind](image, mask, **options)
        for name in LOCAL_FEATURES[kind]:
            calculator.enableFeatureByName(name)
        maps = calculator.execute()
    kept = sitk.GetArrayFromImage(mask) == 1
    return np.stack([sitk.GetArrayFromImage(maps[name])[kept] for name in LOCAL_FEATURES[kind]], axis=1)


@pytest.mark.parametrize("radius", [1, 2])
@pytest.mark.parametrize("region", [brain, speckle])
def test_every_map_equals_that_of_pyradiomics(region, radius):
    array, inside, spacing = region()
    found = values(array, inside, spacing, radius)
    for kind, names in LOCAL_FEATURES.items():
        expected = pyradiomics_values(array, inside, spacing, radius, kind)
        for at, name in enumerate(names):
            column = f"{kind}_{name}"
            mine, theirs = found[:, ALL.index(column)], expected[:, at]
            if column == NAN_IN_PYRADIOMICS:
                mine = np.where(np.isnan(theirs), np.nan, mine)
            np.testing.assert_allclose(mine, theirs, rtol=1e-6, atol=2e-8, err_msg=column)


def test_joint_average_is_half_the_sum_average_also_where_a_direction_has_no_pair():
    found = values(*speckle(), 1)
    joint, double = found[:, ALL.index("glcm_JointAverage")], found[:, ALL.index("glcm_SumAverage")]
    np.testing.assert_allclose(2 * joint, double)
    assert np.isnan(joint).sum() == 1  # the lone voxel


def test_features_asked_for_are_those_of_all_features():
    array, inside, spacing = speckle()
    chosen = ["glszm_ZoneEntropy", "glcm_Id", "firstorder_Mean", "gldm_DependenceVariance"]
    few = values(array, inside, spacing, 1, features=chosen)
    np.testing.assert_array_equal(few, values(array, inside, spacing, 1)[:, [ALL.index(name) for name in chosen]])


def test_slabs_and_threads_change_no_bit():
    random = np.random.default_rng(0)
    array, inside = random.normal(100, 30, (24, 24, 24)), np.ones((24, 24, 24), bool)
    array[0, 0, 0] = 400  # the highest grey level, to which Idn and Idmn refer, is in the corner
    assert inside.sum() > 3 * SLAB_VOXELS
    one = values(array, inside, (1, 1, 1), 1)
    np.testing.assert_array_equal(one, values(array, inside, (1, 1, 1), 1, threads=2))
    corner = np.zeros_like(inside)
    corner[:4, :4, :4] = True
    levels, _ = grey_levels(array, inside, {"bin_width": BIN_WIDTH, "bin_count": None})
    alone = voxel_values(array[:6, :6, :6], inside[:6, :6, :6], levels[:6, :6, :6], features=ALL, radius=1)
    np.testing.assert_array_equal(alone[corner[:6, :6, :6].ravel()], one[corner.ravel()])


def test_a_feature_without_a_map_is_refused():
    with pytest.raises(ValueError, match="glcm_MCC has no map; the classes are firstorder"):
        values(*speckle(), 1, features=["glcm_MCC"])


def test_another_radius_is_refused():
    with pytest.raises(ValueError, match="1 or 2 voxels, found 3"):
        values(*speckle(), 3)


def test_too_many_grey_levels_are_refused():
    array, inside, _ = speckle()
    with pytest.raises(ValueError, match="choose a wider bin"):
        voxel_values(array, inside, np.full(array.shape, 200_000), features=["glcm_Id"])


def test_names_of_the_feature_table_say_whether_they_have_a_map():
    assert local_feature("original_glcm_Contrast") and local_feature("log-sigma-1-0-mm-3D_firstorder_Mean")
    assert not local_feature("original_glcm_MCC") and not local_feature("original_shape_Sphericity")


def test_features_bound_to_the_number_of_voxels_are_left_out():
    bank = {"image_types": {"Original": {}}, "classes": ["firstorder", "ngtdm", "glszm"], "shape": True}
    names = bank_names(bank, ["original_*"])
    assert "original_firstorder_Mean" in names and "original_ngtdm_Contrast" in names
    assert "original_glszm_SizeZoneNonUniformityNormalized" in names
    bound = ("firstorder_Energy", "ngtdm_Busyness", "glszm_LargeAreaEmphasis", "glszm_SizeZoneNonUniformity")
    assert not {f"original_{name}" for name in bound} & set(names)
    assert not [name for name in names if "shape" in name]
