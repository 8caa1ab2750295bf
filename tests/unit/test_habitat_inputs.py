import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from habitat_examples import SEQUENCES, layered_patient
from habitat_radiomics.faults import DataFault
from habitat_radiomics.habitat_inputs import (
    channel_names,
    complete_inputs,
    local_statistics,
    resels,
    supervoxels,
    voxel_values,
)
from imaging_phantoms import array_of, image_of, noise_image


@pytest.fixture(scope="module")
def patient():
    return layered_patient()


def whole(shape, **geometry):
    return image_of(np.ones(shape, np.uint8), **geometry)


def test_values_are_those_of_the_voxels_in_memory_order(patient):
    values = voxel_values(patient.images, patient.mask)
    inside = array_of(patient.mask) > 0
    assert values.dtype == np.float64
    for row, sequence in zip(values, SEQUENCES, strict=True):
        np.testing.assert_array_equal(row, array_of(patient.images[sequence])[inside])


def test_local_statistics_follow_each_sequence(patient):
    inputs = {"local_statistics": ["sd", "mean"], "radius_mm": 1}
    values = voxel_values(patient.images, patient.mask, inputs=inputs)
    names = channel_names(SEQUENCES, inputs)
    assert names == ["T1", "T1 local sd", "T1 local mean", "T2", "T2 local sd", "T2 local mean"]
    mean, sd = local_statistics(patient.images["T2"], patient.mask, radius_mm=1)
    inside = array_of(patient.mask) > 0
    np.testing.assert_array_equal(values[4], array_of(sd)[inside])
    np.testing.assert_array_equal(values[5], array_of(mean)[inside])


def test_local_statistics_are_those_of_the_tumours_voxels_in_the_box():
    random = np.random.default_rng(3)
    values = (1000 + 5 * random.standard_normal((5, 6, 7))).astype(np.float32)
    inside = random.uniform(size=values.shape) < 0.7
    image, mask = image_of(values, spacing=(1.0, 1.0, 2.5)), image_of(inside.astype(np.uint8), spacing=(1.0, 1.0, 2.5))
    mean, sd = local_statistics(image, mask, radius_mm=2)
    for z, y, x in np.argwhere(inside)[::7]:
        box = (slice(max(z - 1, 0), z + 2), slice(max(y - 2, 0), y + 3), slice(max(x - 2, 0), x + 3))
        near = values[box][inside[box]].astype(float)
        assert array_of(mean)[z, y, x] == pytest.approx(near.mean(), abs=1e-3)
        assert array_of(sd)[z, y, x] == pytest.approx(near.std(), abs=1e-3)
    assert (array_of(sd)[~inside] == 0).all()


def test_bright_tissue_outside_does_not_enter_local_statistics(patient):
    brighter = {s: image_of(np.where(array_of(patient.mask) > 0, array_of(i), 9e5)) for s, i in patient.images.items()}
    inputs = {"local_statistics": ["mean", "sd"], "radius_mm": 2}
    np.testing.assert_allclose(
        voxel_values(brighter, patient.mask, inputs=inputs), voxel_values(patient.images, patient.mask, inputs=inputs)
    )


def test_supervoxels_cover_the_tumour_follow_its_layers_and_are_reproduced(patient):
    numbers = array_of(supervoxels(patient.images, patient.mask, edge_mm=3))
    inside = array_of(patient.mask) > 0
    assert ((numbers > 0) == inside).all()
    purity = [np.bincount(patient.truth[numbers == n]).max() / (numbers == n).sum() for n in np.unique(numbers[inside])]
    assert 5 < len(purity) < inside.sum() / 3
    assert np.mean(purity) > 0.97
    np.testing.assert_array_equal(numbers, array_of(supervoxels(patient.images, patient.mask, edge_mm=3)))


def test_values_of_a_supervoxel_are_its_mean(patient):
    numbers = array_of(supervoxels(patient.images, patient.mask, edge_mm=3))[array_of(patient.mask) > 0]
    averaged = voxel_values(patient.images, patient.mask, inputs={"supervoxel_mm": 3})
    single = voxel_values(patient.images, patient.mask)
    one = numbers == numbers[0]
    np.testing.assert_allclose(averaged[:, one], single[:, one].mean(axis=1, keepdims=True) * np.ones(one.sum()))
    np.testing.assert_allclose(averaged.mean(axis=1), single.mean(axis=1))


def test_white_noise_has_an_element_for_little_more_than_each_voxel():
    image = noise_image((30, 40, 40))
    width = np.sqrt(2 * np.log(2))  # voxels: neighbours of white noise differ by twice its variance
    assert resels(image, whole((30, 40, 40))) == pytest.approx(48_000 / width**3, rel=0.03)


@pytest.mark.parametrize("sigma", [1.5, 2.5])
def test_smoothed_noise_has_as_many_elements_as_its_width_predicts(sigma):
    noise = np.random.default_rng(1).standard_normal((60, 60, 60))
    smooth = gaussian_filter(noise, sigma, mode="wrap").astype(np.float32)
    full_width = sigma * np.sqrt(8 * np.log(2))
    assert resels(image_of(smooth), whole(smooth.shape)) == pytest.approx(smooth.size / full_width**3, rel=0.15)


def test_one_slice_and_one_intensity_have_elements_too():
    assert resels(noise_image((1, 30, 30)), whole((1, 30, 30))) == pytest.approx(900 / (2 * np.log(2)), rel=0.15)
    assert resels(image_of(np.ones((3, 4, 5), np.float32)), whole((3, 4, 5))) == 1.0


def test_an_empty_mask_is_refused(patient):
    empty = image_of(np.zeros(patient.truth.shape, np.uint8))
    with pytest.raises(DataFault, match="no voxel: there is nothing to cluster") as caught:
        voxel_values(patient.images, empty)
    assert caught.value.code == "mask_empty"


def test_a_sequence_on_another_grid_is_refused(patient):
    images = {**patient.images, "T2": noise_image((4, 5, 6))}
    with pytest.raises(DataFault, match="sequence T2: mask and image differ in size.*patient's working grid") as caught:
        voxel_values(images, patient.mask)
    assert caught.value.code == "geometry_mismatch"


def test_voxels_without_a_number_are_refused(patient):
    values = array_of(patient.images["T1"])
    values[4, 5, 6] = np.nan
    with pytest.raises(DataFault, match="sequence T1 holds 1 NaN or infinite voxels in the tumour") as caught:
        voxel_values({"T1": image_of(values)}, patient.mask)
    assert caught.value.code == "image_not_finite"


@pytest.mark.parametrize("inputs", [{"local": ["mean"]}, {"local_statistics": ["entropy"]}])
def test_unknown_inputs_are_refused_with_the_allowed_ones(inputs):
    with pytest.raises(ValueError, match="unknown habitat input '(local|entropy)'; allowed: local_statistics, .* sd"):
        complete_inputs(inputs)
