"""The body against planted bodies and real images."""

import numpy as np
import pytest

from habitat_radiomics.body import body_mask
from habitat_radiomics.faults import DataFault
from habitat_radiomics.images import read_image
from imaging_phantoms import array_of, image_of, limb


def dice(first, second):
    first, second = array_of(first) != 0, array_of(second) != 0
    return 2 * (first & second).sum() / (first.sum() + second.sum())


@pytest.mark.parametrize("noise", [2.0, 6.0, 30.0])
@pytest.mark.parametrize("field", [0.0, 0.6])
def test_the_body_is_found_in_rician_noise_under_a_strong_bias_field(noise, field):
    truth = limb(noise=noise, field=field)  # tissue of 100: a ratio of signal to noise from 50 down to 3
    assert dice(body_mask(truth["image"]), truth["body"]) > 0.97


def test_an_image_cut_out_before_keeps_all_but_its_rim():
    truth = limb(noise=0.0)
    assert dice(body_mask(truth["image"]), truth["body"]) > 0.94


def test_the_edge_stays_within_a_voxel_or_so_of_the_skin():
    truth = limb(noise=2.0)
    widths = [array_of(mask)[12, 48].sum() for mask in (body_mask(truth["image"]), truth["body"])]
    assert abs(int(widths[0]) - int(widths[1])) <= 3


def test_air_inside_the_body_is_filled():
    truth = limb(noise=2.0)
    values = array_of(truth["image"])
    values[:, 30:45, 40:60] = 1.0  # an airway through every slice
    assert dice(body_mask(image_of(values, spacing=(1, 1, 3))), truth["body"]) > 0.97


def test_a_smaller_second_limb_belongs_to_the_body_and_a_speck_does_not():
    values = array_of(limb(noise=2.0)["image"])
    values[:, :16, :16] = 100.0
    values[12, 90:92, 90:92] = 200.0
    body = array_of(body_mask(image_of(values, spacing=(1, 1, 3))))
    assert body[12, 4, 4] == 1
    assert body[12, 91, 91] == 0


def test_an_image_within_the_body_is_nearly_all_body():
    values = array_of(limb(noise=2.0)["image"])[:, 30:66, 30:66]
    assert array_of(body_mask(image_of(values, spacing=(1, 1, 3)))).mean() > 0.99


def test_padding_of_zeros_around_air_is_not_the_noise_floor():
    truth = limb(noise=8.0)
    values = array_of(truth["image"])
    values[:, :10] = values[:, -10:] = values[:, :, :10] = values[:, :, -10:] = 0
    assert dice(body_mask(image_of(values, spacing=(1, 1, 3))), truth["body"]) > 0.97


def test_the_mask_lies_on_the_image_and_holds_zeros_and_ones():
    image = limb()["image"]
    body = body_mask(image)
    assert body.GetOrigin() == image.GetOrigin()
    assert body.GetSpacing() == image.GetSpacing()
    assert set(np.unique(array_of(body))) == {0, 1}


def test_an_image_of_background_is_refused():
    values = np.zeros((8, 20, 20), np.float32)
    values[4, 10, 10] = 1.0
    with pytest.raises(DataFault, match="nothing can be told from the background") as caught:
        body_mask(image_of(values))
    assert caught.value.code == "body_not_found"


@pytest.mark.parametrize("sequence", ["T1", "T1POST", "T2", "FLAIR"])
def test_a_crop_of_a_real_head_is_nearly_all_body(shared_data, sequence):
    assert array_of(body_mask(read_image(shared_data / "ms26_crop_4seq" / f"{sequence}.nii.gz"))).mean() > 0.98


def test_real_heads_and_limbs_fill_the_share_seen_in_the_pictures(shared_data):
    head = read_image(shared_data / "pyradiomics_baseline" / "brain1_image.nrrd")
    assert 0.56 < array_of(body_mask(head)).mean() < 0.63
    limb_in_padding = read_image(shared_data / "sts36" / "nifti" / "STS_019" / "MR_T1_image.nii.gz")
    assert 0.16 < array_of(body_mask(limb_in_padding)).mean() < 0.22
