"""Regions against brute-force distances."""

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt

from habitat_radiomics.faults import DataFault
from habitat_radiomics.images import read_image, read_mask
from habitat_radiomics.regions import REGION_LABELS, check_size, describe_mask, make_regions, region_mask
from imaging_phantoms import array_of, ball, image_of

SPACING = (0.7, 0.9, 3.3)


def ragged_tumour():
    inside = np.random.default_rng(4).random((14, 30, 34)) < 0.3
    inside[:4] = inside[-4:] = inside[:, :9] = inside[:, -9:] = inside[:, :, :9] = inside[:, :, -9:] = False
    return image_of(inside.astype(np.uint8), spacing=SPACING, origin=(3.0, 2.0, 1.0))


@pytest.mark.parametrize("margin_mm", [0.0, 0.8, 3.3, 5.0, 40.0])
def test_the_shell_is_every_voxel_within_the_margin_of_a_tumour_voxel(margin_mm):
    tumour = ragged_tumour()
    inside = array_of(tumour) != 0
    distance_mm = distance_transform_edt(~inside, sampling=SPACING[::-1])
    labels = array_of(make_regions(tumour, margin_mm=margin_mm))
    np.testing.assert_array_equal(labels == 1, inside)
    np.testing.assert_array_equal(labels == 2, ~inside & (distance_mm <= margin_mm + 1e-9))


def test_a_distance_of_exactly_the_margin_belongs_to_the_shell():
    tumour = ball((11, 11, 11), (5, 5, 5), 0.5, spacing=(0.1, 0.1, 0.1))
    tumour = image_of((array_of(tumour) * 0).astype(np.uint8), spacing=(0.1, 0.1, 0.1))
    tumour[5, 5, 5] = 1
    labels = array_of(make_regions(tumour, margin_mm=0.3))
    assert labels[5, 5].tolist() == [0, 0, 2, 2, 2, 1, 2, 2, 2, 0, 0]


def test_the_shell_is_clipped_to_the_body_and_the_drawing_is_not():
    tumour = ball((20, 20, 20), (10, 10, 10), 4)
    body = np.zeros((20, 20, 20), np.uint8)
    body[:, :, :9] = 1
    labels = array_of(make_regions(tumour, margin_mm=3.0, body=image_of(body)))
    np.testing.assert_array_equal(labels == 1, array_of(tumour) != 0)
    assert (labels == 2).any()
    assert not (labels == 2)[:, :, 9:].any()


def test_regions_by_name_are_unions_of_labels_on_the_same_grid():
    labels = make_regions(ragged_tumour(), margin_mm=2.0)
    masks = {name: array_of(region_mask(labels, name)) for name in REGION_LABELS}
    np.testing.assert_array_equal(masks["expansion"], masks["tumour"] + masks["peritumour"])
    assert masks["tumour"].dtype == np.uint8
    assert region_mask(labels, "tumour").GetOrigin() == (3.0, 2.0, 1.0)
    with pytest.raises(KeyError):
        region_mask(labels, "tumor")


def test_an_empty_tumour_has_no_regions():
    with pytest.raises(DataFault, match="has no voxel on the working grid") as caught:
        make_regions(image_of(np.zeros((5, 5, 5), np.uint8)), margin_mm=3.0)
    assert caught.value.code == "mask_empty"


def test_a_mask_is_described_by_size_components_and_border():
    inside = np.zeros((8, 9, 10), np.uint8)
    inside[2, 2, 2] = inside[3, 3, 3] = 1  # joined at a corner: one component
    inside[6, 6, 6:8] = 1
    mask = image_of(inside, spacing=(0.5, 2.0, 3.0))
    assert describe_mask(mask) == {"voxels": 4, "volume_mm3": 12.0, "components": 2, "touches_border": False}
    inside[6, 6, 9] = 1
    described = describe_mask(image_of(inside))
    assert described["touches_border"] is True
    assert described["components"] == 3
    empty = describe_mask(image_of(inside * 0))
    assert empty == {"voxels": 0, "volume_mm3": 0.0, "components": 0, "touches_border": False}


def test_a_mask_of_two_voxels_is_too_small():
    mask = image_of(np.zeros((5, 5, 5), np.uint8))
    mask[2, 2, 2] = mask[2, 2, 3] = 1
    with pytest.raises(DataFault, match="the tumour has 2 voxels on the working grid, fewer than 10") as caught:
        check_size(mask)
    assert caught.value.code == "mask_too_small"
    check_size(mask, minimum_voxels=2)


@pytest.mark.parametrize(("patient", "sequence"), [("STS_001", "MR_T1"), ("STS_002", "PET")])
def test_real_masks_have_the_published_size(shared_data, patient, sequence):
    rows = (shared_data / "sts36" / "expected_roi_stats.csv").read_text().splitlines()
    found = next(line for line in rows if line.startswith(f"{patient},{sequence}"))
    voxels, volume_ml, mean, sd = map(float, found.split('"')[-1].lstrip(",").split(","))
    folder = shared_data / "sts36" / "nifti" / patient
    mask = read_mask(folder / f"{sequence}_mask.nii.gz")
    inside = array_of(read_image(folder / f"{sequence}_image.nii.gz"))[array_of(mask) != 0]
    described = describe_mask(mask)
    assert described["voxels"] == voxels
    assert described["volume_mm3"] == pytest.approx(1000 * volume_ml, rel=1e-3)
    assert inside.mean(dtype=float) == pytest.approx(mean, rel=1e-5)
    assert inside.std(dtype=float) == pytest.approx(sd, rel=1e-3)
