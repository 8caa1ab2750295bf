"""The signal-to-noise ratio against planted signal and noise."""

import math

import numpy as np
import pytest

from habitat_radiomics.snr import signal_to_noise
from imaging_phantoms import array_of, image_of, limb


def ratio(truth, image=None, **options):
    return signal_to_noise(image or truth["image"], truth["tumour"], truth["body"], **options)


@pytest.mark.parametrize("noise", [5.0, 20.0])
def test_the_ratio_is_the_tumours_mean_over_the_spread_of_rayleigh_air(noise):
    truth = limb(noise=noise)
    found = ratio(truth)
    signal = array_of(truth["image"])[array_of(truth["tumour"]) != 0].mean()
    assert found["snr"] == pytest.approx(signal / (noise * math.sqrt(2 - math.pi / 2)), rel=0.02)
    assert found["reason"] is None
    assert found["background_voxels"] > 10_000


def test_an_image_without_air_or_with_padding_has_no_ratio_but_a_reason():
    truth = limb()
    full = {**truth, "body": image_of(np.ones((24, 96, 96), np.uint8), spacing=(1, 1, 3))}
    found = ratio(full)
    assert math.isnan(found["snr"])
    assert found["reason"] == "0 voxels of air, 100 needed"
    values = array_of(truth["image"])
    values[array_of(truth["body"]) == 0] = 0
    found = ratio(truth, image_of(values, spacing=(1, 1, 3)))
    assert math.isnan(found["snr"])
    assert found["reason"] == "the background is padding of one value"


def test_a_tumour_outside_the_image_has_no_ratio():
    truth = limb()
    truth["tumour"] = image_of(np.zeros((24, 96, 96), np.uint8), spacing=(1, 1, 3))
    assert ratio(truth)["reason"] == "no tumour voxel lies in the image"


def test_air_close_to_the_body_does_not_count():
    truth = limb()
    counts = [ratio(truth, clearance_mm=mm)["background_voxels"] for mm in (0.0, 5.0, 10.0)]
    assert counts[0] == (array_of(truth["body"]) == 0).sum()
    assert counts[0] > counts[1] > counts[2]
