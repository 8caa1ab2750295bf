import numpy as np
import pandas as pd
import pytest

from habitat_examples import SEQUENCES, layered_cohort, layered_patient, samples_of
from habitat_radiomics.habitat_feature_stability import (
    NO_COUNTERPART,
    PerturbedRow,
    counterparts,
    feature_stability,
    feature_summary,
    feature_table,
    perturbed_features,
    renumbered,
    write_rows,
)
from habitat_radiomics.habitat_features import habitat_features
from habitat_radiomics.habitat_stability import (
    ALL,
    DILATED,
    ERODED,
    FEWER,
    MORE,
    NOISE,
    OTHER_NUMBER,
    REFERENCE,
    SEED,
    SHIFTED,
    perturbed_images,
    perturbed_labels,
    refitted,
)
from habitat_radiomics.habitats import fit_habitats
from habitat_radiomics.reliability import icc
from habitat_radiomics.tables import read_table
from imaging_phantoms import array_of, image_of

BANK = {"image_types": {"Original": {}}, "classes": ["firstorder"], "shape": False}


def a_set(sequence):
    return {"name": "core", "bank": BANK, "shape": sequence == SEQUENCES[0], "settings": {"min_voxels": 3}}


SETS = {sequence: a_set(sequence) for sequence in SEQUENCES}


def centres(*rows, scope=True):
    return {"k": len(rows), "standardised": [list(row) for row in rows] if scope else None}


# One patient


def test_with_as_many_habitats_a_number_keeps_its_meaning():
    assert counterparts(centres([0], [9]), centres([1], [2])) == {1: 1, 2: 2}


def test_habitats_correspond_where_each_centre_is_the_others_nearest():
    three = centres([-1, -1], [0, 0], [2, 2])
    assert counterparts(three, centres([-1, -1], [-0.1, 0], [0.5, 0], [2, 2.1])) == {1: 1, 2: 2, 3: 4}
    assert counterparts(three, centres([-0.9, -1], [1.9, 2])) == {1: 1, 3: 2}


def test_tumours_clustered_one_by_one_have_no_counterparts_of_another_number():
    assert counterparts(centres([0], [1], scope=False), centres([0], scope=False)) == {}


def test_counterparts_take_the_numbers_of_the_reference_and_the_others_follow():
    labels = image_of(np.array([[[0, 1, 2, 3, 4]]], np.uint8))
    assert array_of(renumbered(labels, {1: 1, 3: 4}, k=3)).tolist() == [[[0, 1, 4, 5, 3]]]


@pytest.fixture(scope="module")
def measured():
    samples = samples_of(layered_cohort())
    artifact = fit_habitats(samples, sequences=SEQUENCES, k=3)
    again = refitted(samples, artifact, seed=1)
    patient = layered_patient(seed=3)
    changed = perturbed_images(patient.images, artifact)
    labels = perturbed_labels(patient.images, changed, patient.mask, artifact, again)
    rows = perturbed_features(patient.images, changed, labels, artifact, again, sets=SETS)
    return patient, artifact, again, changed, labels, rows


def values(rows, perturbation):
    return {row[1:4]: row.value for row in rows if row.perturbation == perturbation}


def test_features_under_a_perturbation_are_those_of_its_labels_on_its_image(measured):
    patient, artifact, _, changed, labels, rows = measured
    for perturbation, images in ((REFERENCE, patient.images), (ERODED, patient.images), (NOISE, changed[NOISE])):
        expected = {
            (sequence, *row[1:3]): row.value
            for sequence in SEQUENCES
            for row in habitat_features(images[sequence], labels[perturbation], k=3, **SETS[sequence])
        }
        assert values(rows, perturbation) == pytest.approx(expected, nan_ok=True, rel=1e-12)
    key = (SEQUENCES[0], "core1", "habitat_voxels")
    assert values(rows, ERODED)[key] < values(rows, REFERENCE)[key] < values(rows, DILATED)[key]


def test_with_another_number_only_counterparts_are_measured_and_shares_refer_to_the_whole_tumour(measured):
    _, artifact, again, _, labels, rows = measured
    for perturbation in (FEWER, MORE):
        numbers = counterparts(artifact, again[perturbation])
        assert {row.region for row in rows if row.perturbation == perturbation} == {f"core{n}" for n in numbers}
        array, found = array_of(labels[perturbation]), values(rows, perturbation)
        for here, there in numbers.items():
            share = np.count_nonzero(array == there) / np.count_nonzero(array)
            assert found[SEQUENCES[0], f"core{here}", "habitat_fraction"] == pytest.approx(share)


def test_a_perturbation_that_leaves_no_tumour_has_no_rows(measured):
    patient, artifact, again, changed, labels, _ = measured
    kept = {REFERENCE: labels[REFERENCE], ERODED: None}
    rows = perturbed_features(patient.images, changed, kept, artifact, again, sets=SETS)
    assert {row.perturbation for row in rows} == {REFERENCE}


def test_rows_read_back_to_the_last_digit(measured, tmp_path):
    *_, rows = measured
    write_rows(tmp_path / "features.csv", rows)
    table = read_table(tmp_path / "features.csv")
    assert table["value"].tolist() == pytest.approx([row.value for row in rows], rel=0, abs=0, nan_ok=True)
    assert table["region"].tolist() == [row.region for row in rows]


# The cohort


def test_the_table_has_a_row_per_patient_and_perturbation_and_the_columns_of_the_cohort_tables():
    rows = [
        PerturbedRow(perturbation, "T1", f"core{habitat}", "mean", 10.0 * habitat + at, "")
        for at, perturbation in enumerate((REFERENCE, FEWER))
        for habitat in ((1, 2) if perturbation == REFERENCE else (2,))
    ]
    table = feature_table({"P2": pd.DataFrame(rows), "P1": pd.DataFrame(rows)})
    assert table.columns.tolist() == ["patient", "perturbation", "T1|core1|mean", "T1|core2|mean"]
    found = table.set_index(["patient", "perturbation"])
    assert len(found) == 4
    assert found.loc[("P1", FEWER), "T1|core2|mean"] == 21
    assert np.isnan(found.loc[("P2", FEWER), "T1|core1|mean"])


def test_a_habitat_without_counterpart_has_no_correlation_but_a_reason():
    features = simulated()
    features.loc[features["perturbation"] == FEWER, "T1|habitat2|loose"] = np.nan
    row = feature_stability(features).set_index(["perturbation", "feature"]).loc[(FEWER, "T1|habitat2|loose")]
    assert np.isnan(row["icc"])
    assert row["reason"] == NO_COUNTERPART
    assert FEWER in OTHER_NUMBER and SEED not in OTHER_NUMBER


def test_the_summary_has_quartiles_over_the_features_of_a_habitat():
    table = pd.DataFrame(
        {"perturbation": ALL, "feature": [f"T1|core{h}|f{i}" for h in (1, 2) for i in range(3)],
         "icc": [0.1, 0.5, 0.7, np.nan, 0.9, 0.8]}
    )  # fmt: skip
    summary = feature_summary(table).set_index("habitat")
    assert summary.loc["1", ["q25", "median", "q75", "n"]].tolist() == pytest.approx([0.3, 0.5, 0.6, 3])
    assert summary.loc["2", ["median", "n"]].tolist() == pytest.approx([0.85, 2])


def simulated(seed=0, patients=12):
    random = np.random.default_rng(seed)
    truth = {f"P{n}": random.standard_normal(2) for n in range(patients)}
    rows = [
        (patient, name, *(truth[patient] + [0.1, 2.0] * random.standard_normal(2)))
        for name in (REFERENCE, FEWER, NOISE, SHIFTED)
        for patient in truth
    ]
    return pd.DataFrame(rows, columns=["patient", "perturbation", "T1|habitat1|stable", "T1|habitat2|loose"])


def test_stability_is_the_intraclass_correlation_over_perturbations_of_the_same_number_together_and_each_alone():
    features = simulated()
    table = feature_stability(features).set_index(["perturbation", "feature"])
    assert table.index.unique(0).tolist() == [ALL, FEWER, NOISE, SHIFTED]
    wide = features.pivot(index="patient", columns="perturbation", values="T1|habitat1|stable")
    for label, raters in ((ALL, [REFERENCE, NOISE, SHIFTED]), (SHIFTED, [REFERENCE, SHIFTED])):
        expected = icc(wide[raters].to_numpy()[:, :, None], form="ICC(2,1)")
        found = table.loc[(label, "T1|habitat1|stable")]
        assert found["icc"] == pytest.approx(expected.estimate[0])
        assert found["ci_low"] == pytest.approx(expected.ci_low[0])
    assert table.loc[(ALL, "T1|habitat1|stable"), "icc"] > 0.9 > table.loc[(ALL, "T1|habitat2|loose"), "icc"]


def test_patients_without_a_value_are_left_out_of_that_feature():
    features = simulated()
    features.loc[features["patient"].eq("P3") & features["perturbation"].eq(NOISE), "T1|habitat2|loose"] = np.nan
    table = feature_stability(features).set_index(["perturbation", "feature"])
    assert table.loc[(ALL, "T1|habitat2|loose"), "n"] == 11
    assert table.loc[(SHIFTED, "T1|habitat2|loose"), "n"] == 12


@pytest.mark.parametrize("kept", [[NOISE], [REFERENCE, FEWER]])
def test_stability_without_anything_to_compare_is_refused(kept):
    features = simulated()
    with pytest.raises(ValueError, match="needs the reference and at least one perturbation of the same k"):
        feature_stability(features[features["perturbation"].isin(kept)])
