"""The whole way from an acquired image to the working grid, on planted limbs and real patients."""

import copy
import json

import numpy as np
import pytest
import SimpleITK as sitk

from habitat_radiomics.bias import correct_bias
from habitat_radiomics.body import body_mask
from habitat_radiomics.faults import DataFault
from habitat_radiomics.images import read_image, read_mask
from habitat_radiomics.intensity import intensity_statistics
from habitat_radiomics.preprocess import outside_share, preprocess_image, working_grid
from habitat_radiomics.resample import grid_of, resample_image, resample_mask, resampling_grid
from imaging_phantoms import array_of, ball, image_of, limb

PLAIN = {
    "grid": {"spacing_mm": [1.0, 1.0, 1.0], "margin_mm": 5.0, "padding_voxels": 3},
    "resample": {"interpolator": "bspline", "antialias": False, "round_intensity": False},
    "registration": {"method": "none", "seed": 1},
    "bias": {"enabled": False, "engine": "fast", "shrink_factor": 4, "iterations": [20, 10], "convergence": 0.001},
    "body": {"fraction": 0.1, "smoothing_mm": 2.0},
    "quality": {"minimum_voxels": 10, "maximum_outside_share": 0.05},
}


def settings(**changes):
    """Plain settings with some values of some steps replaced."""
    changed = copy.deepcopy(PLAIN)
    for step, values in changes.items():
        changed[step] |= values
    return changed


def shifted(image, offset_mm):
    moved = sitk.Image(image)
    moved.SetOrigin(np.add(image.GetOrigin(), offset_mm).tolist())
    return moved


@pytest.fixture(scope="module")
def small_limb():
    return limb((12, 48, 48), spacing=(2.0, 2.0, 4.0), field=0.3)


def test_without_any_step_the_image_is_its_own_crop(small_limb):
    image, tumour = small_limb["image"], small_limb["tumour"]
    on_grid, body, record = preprocess_image(image, {"r1": tumour}, settings(grid={"spacing_mm": None}))
    start = image.TransformPhysicalPointToIndex(on_grid.GetOrigin())
    cut = sitk.RegionOfInterest(image, on_grid.GetSize(), start)
    np.testing.assert_array_equal(array_of(on_grid), array_of(cut))
    assert grid_of(body) == grid_of(on_grid)
    assert record["masks"]["r1"]["voxels_on_grid"] == array_of(tumour).sum()
    assert record["bias"] == {"enabled": False}
    assert record["registration"] == {"method": "none"}
    assert record["warnings"] == []


def test_the_result_is_the_corrected_whole_image_resampled_once_and_cropped(small_limb):
    image, tumour = small_limb["image"], small_limb["tumour"]
    on_grid, body_on_grid, record = preprocess_image(image, {"r1": tumour}, settings(bias={"enabled": True}))
    body = body_mask(image)
    corrected, _ = correct_bias(image, body, iterations=[20, 10])
    whole = resample_image(corrected, resampling_grid(image, (1, 1, 1)))
    start = whole.TransformPhysicalPointToIndex(on_grid.GetOrigin())
    np.testing.assert_array_equal(array_of(on_grid), array_of(sitk.RegionOfInterest(whole, on_grid.GetSize(), start)))
    np.testing.assert_array_equal(array_of(body_on_grid), array_of(resample_mask(body, grid_of(on_grid))))
    assert record["statistics"] == intensity_statistics(corrected, body)
    assert record["bias"]["shrink_factors"] == [4, 4, 1]
    assert record["bias"]["engine"] == "fast"
    assert 1.3 < record["bias"]["field_ratio"] < 3


def test_the_record_holds_plain_values_only(small_limb):
    _, _, record = preprocess_image(small_limb["image"], {"r1": small_limb["tumour"]}, settings(bias={"enabled": True}))
    assert json.loads(json.dumps(record)) == record
    assert record["image"]["size"] == [48, 48, 12]
    assert record["grid"]["spacing_mm"] == [1.0, 1.0, 1.0]
    assert record["snr"]["snr"] > 10


def test_every_reading_finds_its_whole_region_on_the_grid(small_limb):
    image, first = small_limb["image"], small_limb["tumour"]
    second = ball((12, 48, 48), (20, 22, 4), 9.0, spacing=(2.0, 2.0, 4.0))
    grids = [working_grid(image, masks, **PLAIN["grid"]) for masks in ([first], [first, second])]
    whole = resampling_grid(image, (1, 1, 1))
    for mask in (first, second):
        counts = [array_of(resample_mask(mask, grid)).sum() for grid in (grids[1], whole)]
        assert counts[0] == counts[1]
    assert np.prod(grids[1].size) > np.prod(grids[0].size)


def test_a_second_sequence_lands_on_the_grid_of_the_reference(small_limb):
    image, tumour = small_limb["image"], small_limb["tumour"]
    coarse = resample_image(image, resampling_grid(image, (4.0, 4.0, 6.0)))
    first, _, _ = preprocess_image(image, {"r1": tumour}, PLAIN)
    second, body, _ = preprocess_image(coarse, {"r1": tumour}, PLAIN, reference=image)
    assert grid_of(second) == grid_of(first) == grid_of(body)
    agreement = np.corrcoef(array_of(first).ravel(), array_of(second).ravel())[0, 1]
    assert agreement > 0.9


def test_a_shifted_sequence_is_registered_to_the_reference_and_interpolated_once(small_limb):
    image, tumour = small_limb["image"], small_limb["tumour"]
    moved = shifted(image, (4.0, -6.0, 3.0))
    on_grid, body, record = preprocess_image(
        moved, {"r1": tumour}, settings(registration={"method": "rigid"}), reference=image
    )
    still, _, _ = preprocess_image(image, {"r1": tumour}, PLAIN)
    assert record["registration"]["translation_mm"] == pytest.approx(np.linalg.norm((4, 6, 3)), abs=0.5)
    unregistered, _, _ = preprocess_image(moved, {"r1": tumour}, PLAIN, reference=image)
    errors = [np.abs(array_of(found) - array_of(still)).mean() for found in (on_grid, unregistered)]
    assert errors[0] < 0.25 * errors[1]
    tumour_mean = array_of(image)[array_of(tumour) != 0].mean() / 1.0
    assert record["snr"]["snr"] * 4.0 * np.sqrt(2 - np.pi / 2) == pytest.approx(tumour_mean, rel=0.05)
    assert array_of(body).mean() > 0.9


def test_a_failed_registration_is_a_fault_of_the_patient(small_limb):
    moved = shifted(small_limb["image"], (12.0, 0.0, 0.0))
    limits = {"method": "rigid", "max_translation_mm": 2.0}
    with pytest.raises(DataFault, match=r"registration to the reference sequence failed: it moved the image") as caught:
        preprocess_image(
            moved, {"r1": small_limb["tumour"]}, settings(registration=limits), reference=small_limb["image"]
        )
    assert caught.value.code == "registration_failed"


def test_a_tumour_of_few_voxels_is_refused(small_limb):
    tiny = sitk.Image(small_limb["tumour"]) * 0
    tiny[24, 24, 6] = tiny[25, 24, 6] = 1
    with pytest.raises(DataFault, match="has 2 voxels on the working grid") as caught:
        preprocess_image(small_limb["image"], {"r1": tiny}, settings(grid={"spacing_mm": None}))
    assert caught.value.code == "mask_too_small"


def test_a_tumour_beyond_the_image_is_a_warning_or_a_fault_by_its_share(small_limb):
    image, tumour = small_limb["image"], small_limb["tumour"]
    beyond = shifted(tumour, (34.0, 0.0, 0.0))
    share = outside_share(beyond, image)
    lost = array_of(tumour)[:, :, 31:].sum() / array_of(tumour).sum()  # 34 mm are 17 voxels: the last inside is 30
    assert share == pytest.approx(lost)
    assert 0.05 < share < 0.6
    with pytest.raises(DataFault, match=rf"{share:.0%} of the tumour \(reading r1\) lies outside the image") as caught:
        preprocess_image(image, {"r1": beyond}, PLAIN)
    assert caught.value.code == "mask_outside_image"
    _, _, record = preprocess_image(image, {"r1": beyond}, settings(quality={"maximum_outside_share": 0.7}))
    assert record["warnings"] == [f"reading r1: {share:.1%} of the tumour lies outside the image"]


def test_a_second_reading_elsewhere_warns_and_a_drawing_at_the_border_too(small_limb):
    image, tumour = small_limb["image"], small_limb["tumour"]
    at_border = sitk.Image(tumour)
    at_border[24, 24, 11] = 1
    masks = {"r1": at_border, "r2": shifted(tumour, (900.0, 0.0, 0.0))}
    _, _, record = preprocess_image(image, masks, PLAIN)
    assert record["warnings"] == [
        "reading r1 touches the border of its image: the tumour may be cut off",
        "reading r2: 100.0% of the tumour lies outside the image",
        "reading r2 has no voxel on the working grid",
    ]


def test_padding_has_no_ratio_of_signal_to_noise_but_a_reason(small_limb):
    values = array_of(small_limb["image"])
    values[array_of(small_limb["body"]) == 0] = 0
    padded = image_of(values, spacing=(2.0, 2.0, 4.0))
    _, _, record = preprocess_image(padded, {"r1": small_limb["tumour"]}, PLAIN)
    assert np.isnan(record["snr"]["snr"])
    assert record["snr"]["reason"] == "the background is padding of one value"


def test_a_real_patient_has_both_sequences_on_one_grid(shared_data):
    folder = shared_data / "sts36" / "nifti" / "STS_042"
    mask = read_mask(folder / "MR_T1_mask.nii.gz")
    mr, pet = (read_image(folder / f"{sequence}_image.nii.gz") for sequence in ("MR_T1", "PET"))
    on_grid, body, record = preprocess_image(mr, {"r1": mask}, PLAIN)
    second, _, _ = preprocess_image(pet, {"r1": mask}, settings(body={"fraction": 0.02}), reference=mr)
    assert grid_of(second) == grid_of(on_grid)
    volume = record["masks"]["r1"]["volume_mm3"]
    assert record["masks"]["r1"]["voxels_on_grid"] == pytest.approx(volume, rel=0.03)
    tumour = array_of(resample_mask(mask, grid_of(on_grid))) != 0
    inside = array_of(mr)[array_of(mask) != 0]
    assert array_of(on_grid)[tumour].mean() == pytest.approx(inside.mean(), rel=0.01)
    assert array_of(body)[tumour].mean() > 0.99


def test_an_image_below_the_asked_signal_to_noise_ratio_is_refused(small_limb):
    image, tumour = small_limb["image"], small_limb["tumour"]
    with pytest.raises(
        DataFault, match=r"signal-to-noise ratio is [0-9.]+, below 1000\. .* lower quality\.min_snr"
    ) as fault:
        preprocess_image(image, {"r1": tumour}, settings(quality={"minimum_snr": 1000}))
    assert fault.value.code == "snr_low"
