"""N4 against a planted field, and against SimpleITK's filter called directly."""

import numpy as np
import pytest
import SimpleITK as sitk

from habitat_radiomics.bias import correct_bias, shrink_factors
from habitat_radiomics.faults import DataFault
from imaging_phantoms import array_of, image_of, limb

FEW = {"iterations": (30, 20, 10)}


@pytest.fixture(scope="module")
def corrected_limb():
    truth = limb(field=0.4)
    corrected, log_field = correct_bias(truth["image"], truth["body"], **FEW)
    return truth, corrected, log_field


def test_a_planted_field_is_found_up_to_a_constant(corrected_limb):
    truth, _, log_field = corrected_limb
    inside = array_of(truth["body"]) != 0
    planted = truth["log_field"][inside]
    error = array_of(log_field)[inside] - planted
    assert planted.std() > 0.15
    assert error.std() < 0.2 * planted.std()


def test_the_corrected_image_is_the_image_over_the_field_at_full_resolution(corrected_limb):
    truth, corrected, log_field = corrected_limb
    assert corrected.GetSize() == log_field.GetSize() == truth["image"].GetSize()
    assert corrected.GetPixelID() == log_field.GetPixelID() == sitk.sitkFloat32
    expected = array_of(truth["image"]) / np.exp(array_of(log_field).astype(float))
    np.testing.assert_allclose(array_of(corrected), expected, rtol=1e-5)


def test_the_mean_inside_the_mask_is_kept(corrected_limb):
    truth, corrected, _ = corrected_limb
    inside = array_of(truth["body"]) != 0
    before, after = (array_of(image)[inside].mean(dtype=float) for image in (truth["image"], corrected))
    assert after == pytest.approx(before, rel=1e-5)


@pytest.mark.parametrize("engine", ["fast", "reference"])
def test_without_shrinking_it_is_simpleitks_n4_but_for_the_level(engine):
    truth = limb((16, 32, 32), field=0.4)
    corrected, _ = correct_bias(truth["image"], truth["body"], shrink_factor=1, iterations=(3, 2), engine=engine)
    n4 = sitk.N4BiasFieldCorrectionImageFilter()
    n4.SetMaximumNumberOfIterations([3, 2])
    plain = array_of(n4.Execute(truth["image"], truth["body"]))
    ratio = array_of(corrected) / plain
    np.testing.assert_allclose(ratio, np.median(ratio), rtol=1e-5)


def test_no_axis_is_shrunk_below_eight_voxels():
    assert shrink_factors((320, 96, 24), 4) == [4, 4, 3]
    assert shrink_factors((64, 15, 5), 4) == [4, 1, 1]
    assert shrink_factors((320, 320, 40), 1) == [1, 1, 1]


def test_voxels_without_a_logarithm_do_not_spoil_the_field():
    truth = limb((16, 48, 48), field=0.3)
    values = array_of(truth["image"])
    values[:, ::5, ::5] = 0
    values[:, 1::5, ::5] = -3
    corrected, log_field = correct_bias(image_of(values, spacing=(1, 1, 3)), truth["body"], shrink_factor=2, **FEW)
    assert np.isfinite(array_of(corrected)).all()
    assert np.ptp(array_of(log_field)) < 2


@pytest.mark.parametrize(
    ("value", "found"), [(7.5, "only the value 7.5"), (-1.0, "no positive voxel"), (0.0, "no positive voxel")]
)
def test_an_image_without_signal_is_refused(value, found):
    image = image_of(np.full((8, 12, 12), value, np.float32))
    with pytest.raises(DataFault, match=f"bias correction: {found} inside the body mask") as caught:
        correct_bias(image, image_of(np.ones((8, 12, 12), np.uint8)))
    assert caught.value.code == "bias_no_signal"


def test_an_empty_mask_is_refused():
    truth = limb((8, 24, 24))
    with pytest.raises(DataFault, match="no positive voxel inside the body mask"):
        correct_bias(truth["image"], image_of(np.zeros((8, 24, 24), np.uint8), spacing=(1, 1, 3)))
