"""N4 beside SimpleITK's, and its spline algebra by hand."""

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from habitat_radiomics import n4
from habitat_radiomics.bias import ENGINES, correct_bias, shrink_factors
from habitat_radiomics.body import body_mask
from habitat_radiomics.images import read_image, single_thread
from habitat_radiomics.n4 import n4_lattice, refined, spline_basis, spline_surface
from habitat_radiomics.simulate_images import simulate_patient
from imaging_phantoms import array_of, image_of, limb

UNPACKED = Path(__file__).parents[1] / "cache" / "pyradiomics"


@pytest.fixture(autouse=True)
def one_thread():
    before = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    single_thread()
    yield
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(before)


def largest_difference(image, *, shrink_factor, iterations):
    """Largest difference between the engines' log fields inside the body, and the field's standard deviation there."""
    body = body_mask(image)
    factors = shrink_factors(image.GetSize(), shrink_factor)
    usable = sitk.And(body, image > 0)
    coarse = sitk.Shrink(image, factors), sitk.Shrink(usable, factors)
    fields = {name: array_of(engine(*coarse, image, iterations, 1e-3)) for name, engine in ENGINES.items()}
    inside = array_of(body) != 0
    return np.abs(fields["fast"] - fields["reference"])[inside].max(), fields["reference"][inside].std()


@pytest.mark.parametrize("name", ["brain1", "brain2"])
def test_the_field_of_a_real_head_is_simpleitks(name):
    if not UNPACKED.is_dir():
        pytest.skip("pyradiomics' test images are not here: make tests/cache/pyradiomics")
    image = read_image(UNPACKED / f"{name}_image.nrrd")
    difference, spread = largest_difference(image, shrink_factor=4, iterations=(10, 6, 4, 3))
    assert difference < 1e-3 < 0.03 < spread


@pytest.mark.parametrize("sequence", ["T1", "T2"])
def test_the_field_of_a_simulated_patient_is_simpleitks_until_it_has_converged(sequence):
    image = sitk.Cast(simulate_patient({"seed": 537}, "P004")[f"{sequence}.nii.gz"], sitk.sitkFloat32)
    difference, spread = largest_difference(image, shrink_factor=4, iterations=(50, 50, 50, 50))
    assert difference < 1e-3 < 0.03 < spread


def test_the_field_of_a_real_limb_is_simpleitks(shared_data):
    image = read_image(shared_data / "sts36" / "nifti" / "STS_042" / "MR_T1_image.nii.gz")
    difference, spread = largest_difference(image, shrink_factor=4, iterations=(50, 50, 50, 50))
    assert difference < 1e-3 < 0.03 < spread


def test_two_slices_and_anisotropic_voxels_are_no_exception():
    truth = limb((2, 40, 40), field=0.4, spacing=(0.4, 0.6, 9.0))
    settings = {"shrink_factor": 1, "iterations": (4, 3)}
    fields = [array_of(correct_bias(truth["image"], truth["body"], engine=e, **settings)[1]) for e in ENGINES]
    assert np.abs(fields[0] - fields[1])[array_of(truth["body"]) != 0].max() < 1e-4


def test_a_single_slice_which_simpleitk_refuses_is_corrected():
    truth = limb((1, 64, 64), field=0.4)
    _, log_field = correct_bias(truth["image"], truth["body"], shrink_factor=2)
    inside = array_of(truth["body"]) != 0
    error = array_of(log_field)[inside] - truth["log_field"][inside]
    assert error.std() < 0.25 * truth["log_field"][inside].std()


def body_and_values(shape=(10, 30, 32)):
    truth = limb(shape, field=0.4)
    return array_of(truth["image"]), array_of(truth["body"]) != 0


def test_what_lies_outside_the_mask_does_not_count_and_the_same_input_gives_the_same_bytes():
    values, body = body_and_values()
    first, used = n4_lattice(values, body, iterations=(20, 10))
    spoiled = np.where(body, values, np.nan)
    again, used_again = n4_lattice(spoiled, body, iterations=(20, 10))
    assert first.tobytes() == again.tobytes()
    assert used == used_again
    assert first.shape == (5, 5, 5)
    assert np.isfinite(first).all()


def test_the_unit_of_grey_values_does_not_count():
    values, body = body_and_values()
    fields = [
        spline_surface(n4_lattice(unit * values, body, iterations=(10, 10))[0], body.shape)[body] for unit in (1, 0.07)
    ]
    np.testing.assert_allclose(fields[0], fields[1], atol=2e-3)
    assert fields[0].std() > 0.05


def test_no_level_runs_beyond_its_iterations_and_a_loose_threshold_ends_it_at_once():
    values, body = body_and_values()
    assert n4_lattice(values, body, iterations=(3, 2), convergence=0)[1] == [3, 2]
    assert n4_lattice(values, body, iterations=(3, 2), convergence=10)[1] == [1, 1]


def test_a_lone_far_value_moves_no_other_and_leaves_the_field_finite():
    values, body = body_and_values()
    values[5, 15, 16] = 1e-12
    lattice, _ = n4_lattice(values, body, iterations=(5, 5))
    assert np.isfinite(lattice).all()
    assert np.abs(lattice).max() < 1


def test_without_usable_voxels_or_contrast_there_is_no_field():
    with pytest.raises(ValueError, match="no voxel is usable"):
        n4_lattice(np.ones((4, 4, 4)), np.zeros((4, 4, 4), bool))
    with pytest.raises(ValueError, match="all usable voxels have one value"):
        n4_lattice(np.full((4, 4, 4), 3.0), np.ones((4, 4, 4), bool))


def test_a_mask_that_shrinking_loses_is_refused():
    truth = limb((16, 48, 48))
    thin = np.zeros((16, 48, 48), np.uint8)
    thin[:, :, 24] = 1  # shrinking by four keeps the voxels 2, 6, 10, ...
    image = image_of(thin, spacing=(1, 1, 3))
    with pytest.raises(Exception, match=r"no positive voxel inside the body mask \(shrunk by 4, 4, 2\)") as caught:
        correct_bias(truth["image"], image)
    assert caught.value.code == "bias_no_signal"


def test_a_value_between_two_bins_counts_in_both_and_one_beyond_the_last_in_none():
    lower, offset = np.array([0, 1, 1, 198, 199]), np.array([0, 0, 0.25, 0.5, 1e-5], np.float32)
    counts = n4._counts(lower, offset)
    np.testing.assert_allclose(counts[[0, 1, 2, 198, 199]], [1, 1.75, 0.25, 0.5, 0.5])
    assert counts.sum() == 4
    assert n4._counts(lower, np.zeros(5, np.float32))[199] == 1


@pytest.mark.parametrize("spread", [1e-3, 0.1])
def test_rounded_means_are_those_of_a_loop_in_single_precision(spread):
    values = np.exp(np.random.default_rng(0).normal(0, spread, 3000)).astype(np.float32)
    mean, expected = np.float32(0), []
    for count, value in enumerate(values, start=1):
        expected.append(mean)
        mean = np.float32(float(mean) * (1 - 1 / count) + float(value) / count)
    before, last = n4._rounded_means(values)
    assert before[1:].tolist() == expected[1:]
    assert last == mean


def test_the_change_of_a_field_is_the_coefficient_of_variation_of_the_ratio():
    change = np.random.default_rng(0).normal(0, 0.1, 500).astype(np.float32)
    ratio = np.exp(change.astype(float))
    exact = ratio.std(ddof=1) / ratio.mean()
    for threshold in (1e-3, exact):  # far from the threshold, and at it, where roundings could decide
        assert n4._variation(change, threshold) == pytest.approx(exact, rel=1e-5)


@pytest.mark.parametrize("spans", [1, 2, 8])
def test_splines_add_up_to_one_and_have_textbook_weights_at_the_knots(spans):
    basis = spline_basis(8 * spans + 1, spans)
    assert basis.shape == (8 * spans + 1, spans + 3)
    np.testing.assert_allclose(basis.sum(axis=1), 1)
    np.testing.assert_allclose(basis[0, :4], [1 / 6, 4 / 6, 1 / 6, 0], atol=1e-12)
    np.testing.assert_allclose(basis[4, :4], np.array([1, 23, 23, 1]) / 48, atol=1e-12)  # middle of the first span
    np.testing.assert_allclose(basis[-1, -4:], [0, 1 / 6, 4 / 6, 1 / 6], atol=1e-3)


def test_a_refined_lattice_is_the_same_surface():
    lattice = np.random.default_rng(0).normal(size=(4, 5, 7))
    finer = refined(lattice)
    assert finer.shape == (5, 7, 11)
    shape = (9, 13, 24)
    np.testing.assert_allclose(spline_surface(finer, shape), spline_surface(lattice, shape), atol=1e-12)


def test_the_surface_is_the_sum_over_all_control_points():
    lattice = np.random.default_rng(1).normal(size=(4, 5, 7))
    z, y, x = (spline_basis(n, points - 3) for n, points in zip((3, 5, 4), lattice.shape, strict=True))
    by_hand = np.einsum("abc,za,yb,xc->zyx", lattice, z, y, x)
    np.testing.assert_allclose(spline_surface(lattice, (3, 5, 4)), by_hand, atol=1e-12)
