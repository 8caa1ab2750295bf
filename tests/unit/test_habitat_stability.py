import json

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import adjusted_rand_score

from habitat_examples import SEQUENCES, layered_cohort, layered_patient, samples_of
from habitat_radiomics.habitat_stability import (
    ALL,
    DILATED,
    ERODED,
    FEWER,
    MORE,
    NOISE,
    PATIENTS,
    PERTURBATIONS,
    REFERENCE,
    SEED,
    SHIFTED,
    adjusted_rand_index,
    agreement_rows,
    dice,
    noisy_images,
    perturbed_images,
    perturbed_labels,
    refitted,
    shifted,
    stability_summary,
    stability_table,
)
from habitat_radiomics.habitats import fit_habitats
from imaging_phantoms import array_of, image_of


@pytest.fixture(scope="module")
def samples():
    return samples_of(layered_cohort())


@pytest.fixture(scope="module")
def artifact(samples):
    return fit_habitats(samples, sequences=SEQUENCES, k=3, tidying={"min_voxels": 4})


@pytest.fixture(scope="module")
def again(samples, artifact):
    return refitted(samples, artifact, seed=1)


@pytest.fixture(scope="module")
def labels(artifact, again):
    patient = layered_patient(seed=3)
    return perturbed_labels(patient.images, perturbed_images(patient.images, artifact), patient.mask, artifact, again)


# Agreement


@pytest.mark.parametrize("seed", range(6))
def test_adjusted_rand_index_is_that_of_scikit_learn(seed):
    random = np.random.default_rng(seed)
    first = random.integers(0, 5, 400)
    second = np.where(random.uniform(size=400) < seed / 6, first, random.integers(0, 3 + seed, 400))
    assert adjusted_rand_index(first, second) == pytest.approx(adjusted_rand_score(first, second), abs=1e-12)


@pytest.mark.parametrize(
    "first, second", [([1, 1, 1], [2, 2, 2]), ([0, 1, 2], [2, 1, 0]), ([1, 1, 2], [3, 3, 3]), ([4], [2]), ([], [])]
)
def test_adjusted_rand_index_of_trivial_labellings_is_that_of_scikit_learn(first, second):
    first, second = np.array(first, dtype=int), np.array(second, dtype=int)
    expected = adjusted_rand_score(first, second) if first.size else 1.0
    assert adjusted_rand_index(first, second) == expected


def test_adjusted_rand_index_takes_labels_of_few_bits():
    labels = np.full(70_000, 255, np.uint8)
    labels[:30_000] = 254
    assert adjusted_rand_index(labels, labels) == 1.0


def test_dice_by_hand_and_unknown_when_both_are_empty():
    first, second = np.array([1, 1, 1, 0, 0], bool), np.array([0, 1, 1, 1, 0], bool)
    assert dice(first, second) == pytest.approx(2 * 2 / 6)
    assert dice(first, ~first) == 0
    assert np.isnan(dice(np.zeros(3, bool), np.zeros(3, bool)))


# Refitting


def test_habitats_are_learnt_again_with_other_numbers_seeds_and_patients(artifact, again):
    assert list(again) == [FEWER, MORE, SEED, PATIENTS]
    assert [again[name]["k"] for name in again] == [2, 4, 3, 3]
    assert len(again[PATIENTS]["fitted_on"]) == 3
    assert set(again[PATIENTS]["fitted_on"]) < set(artifact["fitted_on"])
    assert again[SEED]["sampled_voxels"] == artifact["sampled_voxels"] / 2
    assert all(other["tidying"] == artifact["tidying"] for other in again.values())


def test_refitting_is_reproducible_and_json(samples, artifact, again):
    assert json.dumps(refitted(dict(reversed(samples.items())), artifact, seed=1)) == json.dumps(again)
    assert refitted(samples, artifact, seed=2)[PATIENTS]["fitted_on"] != again[PATIENTS]["fitted_on"]


def test_numbers_that_do_not_exist_are_left_out(samples):
    one = fit_habitats(samples, sequences=SEQUENCES, k=1)
    assert list(refitted(samples, one, seed=0)) == [MORE, SEED, PATIENTS]
    eight = fit_habitats({"L0": samples["L0"]}, sequences=SEQUENCES, k=8)
    assert list(refitted({"L0": samples["L0"]}, eight, seed=0)) == [FEWER, SEED]


# Labels


def test_every_perturbation_has_labels(labels):
    assert list(labels) == [REFERENCE, *PERTURBATIONS]
    sizes = {name: np.count_nonzero(array_of(image)) for name, image in labels.items()}
    assert sizes[ERODED] < sizes[REFERENCE] < sizes[DILATED]
    assert {sizes[name] for name in PERTURBATIONS if name not in (ERODED, DILATED)} == {sizes[REFERENCE]}


def test_noise_has_the_stated_standard_deviation_and_a_seed(artifact):
    patient = layered_patient()
    noisy, same = (noisy_images(patient.images, artifact, noise_sd=0.5, seed=4) for _ in range(2))
    for channel, sequence in enumerate(SEQUENCES):
        added = array_of(noisy[sequence]) - array_of(patient.images[sequence])
        assert added.std() == pytest.approx(0.5 * artifact["scaling"]["sd"][channel], rel=0.1)
        assert array_of(noisy[sequence]).tobytes() == array_of(same[sequence]).tobytes()


def test_a_shift_moves_a_slope_by_the_stated_part_of_a_voxel():
    z, y, x = np.indices((8, 9, 10)).astype(np.float32)
    turned = (0.0, -1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0)
    image = image_of(2 * x + 3 * y + 7 * z, spacing=(0.5, 2.0, 3.0), direction=turned)
    inner = (slice(3, -3),) * 3
    change = array_of(shifted(image, shift_voxels=0.25)) - array_of(image)
    np.testing.assert_allclose(change[inner], -0.25 * (2 + 3 + 7), atol=0.15)


def test_few_slices_are_shifted_too():
    assert shifted(image_of(np.ones((2, 6, 6), np.float32)), shift_voxels=0.5).GetSize() == (6, 6, 2)


def test_an_eroded_tumour_without_voxels_has_a_reason(artifact, again):
    patient = layered_patient()
    thin = np.zeros(patient.truth.shape, np.uint8)
    thin[4, 3:9, 3:12] = 1
    changed = perturbed_images(patient.images, artifact)
    labels = perturbed_labels(patient.images, changed, image_of(thin), artifact, again)
    assert labels[ERODED] is None
    gone = [row for row in agreement_rows(labels, k=3) if row.perturbation == ERODED]
    assert len(gone) == 4
    assert all(np.isnan(row.value) and row.reason == "the eroded tumour has no voxel" for row in gone)


# Tables


def test_agreement_is_that_of_dice_and_scikit_learn(labels):
    reference, noisy = array_of(labels[REFERENCE]), array_of(labels[NOISE])
    rows = {(row.measure, row.habitat): row.value for row in agreement_rows(labels, k=3) if row.perturbation == NOISE}
    for number in (1, 2, 3):
        assert rows["dice", str(number)] == dice(reference == number, noisy == number)
    inside = reference > 0
    assert rows["ari", ALL] == pytest.approx(adjusted_rand_score(reference[inside], noisy[inside]))


def test_other_numbers_of_habitats_are_compared_with_the_largest_overlap():
    reference = image_of(np.array([[[1, 1, 2, 2, 3, 3]]], np.uint8))
    fewer = image_of(np.array([[[1, 1, 1, 1, 2, 2]]], np.uint8))
    rows = {row.habitat: row.value for row in agreement_rows({REFERENCE: reference, FEWER: fewer}, k=3)}
    expected = adjusted_rand_score([1, 1, 2, 2, 3, 3], [1, 1, 1, 1, 2, 2])
    assert rows == pytest.approx({"1": 2 / 3, "2": 2 / 3, "3": 1.0, ALL: expected})


def test_what_should_not_matter_hardly_does_for_tissues_that_stand_apart(labels):
    rows = agreement_rows(labels, k=3)
    assert [row.perturbation for row in rows[::4]] == list(PERTURBATIONS)
    for row in rows:
        if row.perturbation in (SEED, PATIENTS, NOISE):
            assert row.value > 0.97
        assert row.reason == ""
    assert min(row.value for row in rows if row.perturbation == SHIFTED) < 1


def test_an_empty_habitat_has_no_dice_but_a_reason():
    whole = image_of(np.ones((1, 2, 3), np.uint8))
    rows = agreement_rows({REFERENCE: whole, NOISE: whole}, k=2)
    assert [(row.habitat, row.value, row.reason) for row in rows if row.habitat != "2"] == [("1", 1, ""), (ALL, 1, "")]
    (empty,) = (row for row in rows if row.habitat == "2")
    assert np.isnan(empty.value)
    assert empty.reason == "the habitat is empty"


def test_the_summary_has_median_and_quartiles_of_the_patients_with_a_value(labels):
    rows = agreement_rows(labels, k=3)
    whole = pd.DataFrame(rows)
    table = stability_table({"P2": whole, "P1": whole.assign(value=whole["value"] / 2)})
    assert table["patient"].drop_duplicates().tolist() == ["P1", "P2"]
    assert table.columns.tolist() == ["patient", "perturbation", "measure", "habitat", "value", "reason"]
    table.loc[table["patient"].eq("P1") & table["perturbation"].eq(NOISE), "value"] = np.nan
    summary = stability_summary(table).set_index(["perturbation", "measure", "habitat"])
    assert summary.loc[(SEED, "dice", "1"), "n"] == 2
    assert summary.loc[(NOISE, "dice", "1"), "n"] == 1
    full = next(row.value for row in rows if (row.perturbation, row.habitat) == (SEED, "1"))
    found = summary.loc[(SEED, "dice", "1"), ["median", "q25", "q75"]].tolist()
    assert found == pytest.approx([0.75 * full, 0.625 * full, 0.875 * full])
