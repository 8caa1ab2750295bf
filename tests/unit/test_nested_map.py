"""From local features to the most active microregion: order, size floor, and tumours too small to divide."""

import numpy as np
import pytest
import SimpleITK as sitk

from habitat_radiomics.local_features import local_moments, local_values
from habitat_radiomics.local_names import bank_names
from habitat_radiomics.nested_cohort import dice_with_planted
from habitat_radiomics.nested_map import (
    LIMIT_SD,
    active_subregions,
    join_small,
    map_image,
    map_measures,
    model_for,
    probabilities,
    shown_slice,
    standardised,
)
from habitat_radiomics.nested_patient import column_of, patient_map, patient_moments

BANK = {"image_types": {"Original": {}, "LoG": {"sigma": [1]}}, "classes": ["firstorder", "glcm"], "shape": False}
FEATURES = {"bin_width": 25.0}
ARTIFACT = {
    "k": 3, "sequences": ["T1"], "seed": 0, "min_voxels": 8, "min_fraction": 0.05,
    "tidying": {"radius_mm": 1.0, "iterations": 0, "min_voxels": 0},
}  # fmt: skip


def image_of(array, spacing=(1.0, 1.0, 1.0)):
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(spacing)
    return image


def tumour(size=14, seed=0):
    """A cube inside an image; its right third is brighter."""
    random = np.random.default_rng(seed)
    array = random.normal(100, 10, (size, size, size)).astype(np.float32)
    array[:, :, 2 * size // 3 :] += 150
    mask = np.zeros(array.shape, np.uint8)
    mask[2:-2, 2:-2, 2:-2] = 1
    return {"T1": image_of(array)}, image_of(mask)


def model(columns, **changes):
    """A linear machine that adds the features up."""
    count = len(columns)
    return {
        "name": "all", "features": columns, "kernel": "linear", "vectors": np.eye(count).tolist(),
        "weights": [1.0] * count, "intercept": 0.0, "gamma": None, "slope": 1.0, "offset": 0.0, "fitted_on": ["none"],
        "local": {"mean": [0.0] * count, "sd": [1.0] * count}, "global": {"mean": [0.0] * count, "sd": [1.0] * count},
        **changes,
    }  # fmt: skip


def test_the_most_active_subregion_has_the_highest_number():
    images, mask = tumour()
    inside = sitk.GetArrayFromImage(mask) > 0
    probability = 1 / (1 + np.exp(-(sitk.GetArrayFromImage(images["T1"])[inside] - 175) / 30))
    labels, reason = active_subregions(probability, images, mask, ARTIFACT)
    numbers = sitk.GetArrayFromImage(labels)[inside]
    assert reason == "" and set(np.unique(numbers)) <= {1, 2, 3}
    assert np.mean((numbers == 3) == (probability > 0.5)) > 0.95
    assert not sitk.GetArrayFromImage(labels)[~inside].any()


def test_subregions_below_the_floor_join_the_nearest_in_probability():
    numbers = np.array([1] * 40 + [2] * 3 + [3] * 40)
    probability = np.array([0.1] * 40 + [0.9] * 3 + [0.7] * 40)
    joined = join_small(numbers, probability, floor=5, k=3)
    assert joined.tolist() == [2] * 40 + [3] * 43  # the small hot one makes the neighbour the microregion
    assert join_small(numbers, probability, floor=2, k=3).tolist() == [1] * 40 + [3] * 3 + [2] * 40


def test_a_tumour_too_small_to_divide_is_its_own_microregion():
    images, mask = tumour(size=6)
    inside = sitk.GetArrayFromImage(mask) > 0
    labels, reason = active_subregions(np.linspace(0, 1, inside.sum()), images, mask, ARTIFACT)
    assert reason == "8 voxels are too few for 3 subregions of 8"
    assert (sitk.GetArrayFromImage(labels)[inside] == 3).all()


def test_a_level_map_divides_nothing():
    images, mask = tumour()
    labels, reason = active_subregions(np.full(1000, 0.4), images, mask, ARTIFACT)
    assert reason == "the model gives every voxel the same probability"
    assert set(np.unique(sitk.GetArrayFromImage(labels))) == {0, 3}


def test_the_floor_is_a_share_of_the_tumour_and_never_below_what_features_need():
    images, mask = tumour()
    hot = np.zeros(1000)
    hot[:40] = np.linspace(0.9, 1.0, 40)  # 4 % of the tumour
    hot[40:] = np.linspace(0, 0.1, 960)
    labels, _ = active_subregions(hot, images, mask, ARTIFACT)
    assert np.count_nonzero(sitk.GetArrayFromImage(labels) == 3) >= 50


def test_local_values_are_limited_and_missing_ones_are_average():
    one = model(["f"], local={"mean": [10.0], "sd": [2.0]})
    points = standardised(np.array([[10.0], [12.0], [1e6], [np.nan]]), one)
    assert points.ravel().tolist() == [0.0, 1.0, LIMIT_SD, 0.0]
    constant = model(["f"], local={"mean": [10.0], "sd": [0.0]})
    assert standardised(np.array([[99.0]]), constant).tolist() == [[0.0]]


def test_moments_of_slabs_are_those_of_all_voxels():
    images, mask = tumour(size=24)
    names = bank_names(BANK, ["*"])
    chosen = {"bank": BANK, "settings": FEATURES, "radius": 1}
    values = local_values(images["T1"], mask, names, **chosen)
    assert values.shape == (8000, len(names)) and np.isfinite(values).all()
    moments = local_moments(images["T1"], mask, names, **chosen)
    expected = np.stack([np.full(len(names), 8000), values.mean(axis=0), values.var(axis=0)], axis=1)
    np.testing.assert_allclose([moments[name] for name in names], expected, rtol=1e-9, atol=1e-12)


def test_voxels_that_resegmentation_leaves_out_have_no_value():
    images, mask = tumour()
    chosen = {"bank": BANK, "settings": {**FEATURES, "resegment_range": [0, 175]}, "radius": 1}
    found = local_values(images["T1"], mask, ["original_firstorder_Maximum"], **chosen).ravel()
    intensity = sitk.GetArrayFromImage(images["T1"])[sitk.GetArrayFromImage(mask) > 0]
    assert (np.isnan(found) == (intensity > 175)).all() and np.nanmax(found) <= 175


def test_the_map_follows_the_features_of_the_machine_in_its_order():
    images, mask = tumour()
    bank = {"bank": BANK, "settings": FEATURES, "names": bank_names(BANK, ["*"])}
    settings = {"sequences": ["T1"], "radius": 1, "by_sequence": {"T1": bank}}
    columns = [column_of("T1", f) for f in ("log-sigma-1-0-mm-3D_firstorder_Mean", "original_firstorder_Median")]
    moments = patient_moments(images, mask, settings)
    local = {"mean": [moments[c][1] for c in columns], "sd": [moments[c][2] ** 0.5 for c in columns]}
    artifact = {**ARTIFACT, "models": [model(columns, local=local)]}
    probability, values, used = patient_map(images, mask, artifact, "P1", settings)
    np.testing.assert_allclose(values.mean(axis=0), local["mean"], rtol=1e-9)
    np.testing.assert_array_equal(probability, probabilities(values, used))


def test_the_record_says_what_the_scale_of_tumours_would_have_done():
    images, mask = tumour()
    values = sitk.GetArrayFromImage(images["T1"])[sitk.GetArrayFromImage(mask) > 0][:, None].astype(float)
    used = model(["f"], local={"mean": [values.mean()], "sd": [values.std()]})
    probability = probabilities(values, used)
    labels, reason = active_subregions(probability, images, mask, ARTIFACT)
    measures = map_measures(probability, values, labels, reason, used, ARTIFACT)
    assert sum(measures["voxels"]) == 1000 and measures["model"] == "all" and measures["whole_tumour"] == ""
    assert measures["microregion_mean"] > measures["mean"]
    assert measures["beyond_global_scale"] == 1.0  # 70 and more on a scale of mean 0 and SD 1
    assert measures["spread_global_scale"] == 0.0 < measures["spread"]


def test_a_map_is_kept_on_the_grid_and_shown_where_the_tumour_is_largest():
    images, mask = tumour()
    array = sitk.GetArrayFromImage(mask)
    array[5, 1, 1] = 1
    mask = image_of(array)
    whole = map_image(np.arange(1001) / 1001, mask)
    assert not sitk.GetArrayFromImage(whole)[array == 0].any() and whole.GetSize() == mask.GetSize()
    np.testing.assert_array_equal(sitk.GetArrayFromImage(shown_slice(whole, mask))[0], sitk.GetArrayFromImage(whole)[5])


def test_a_patient_whom_every_machine_has_seen_is_refused():
    from habitat_radiomics.leakage import digests

    with pytest.raises(ValueError, match="every model of the nested set has seen patient P1"):
        model_for({"models": [model(["f"], fitted_on=digests(["P1"]))]}, "P1")


def test_dice_with_the_planted_subregion():
    labels, planted = np.zeros((2, 4, 4), np.uint8), np.zeros((2, 4, 4), np.uint8)
    labels[0], labels[0, :2] = 1, 3
    planted[0], planted[0, 1] = 2, 3
    found = dice_with_planted(image_of(labels), image_of(planted), k=3)
    assert found == {"dice": 2 * 4 / (8 + 4), "dice_whole_tumour": 2 * 4 / (16 + 4)}
