"""What is said of patients who differ from those on whom the models were fitted."""

import numpy as np
import pandas as pd
import pytest

from habitat_radiomics.application_warnings import (
    COLUMNS,
    RANGE_COLUMNS,
    Applied,
    NewPatients,
    all_warnings,
    clinical_warnings,
    feature_warnings,
    known_patients,
    refusals,
    scan_warnings,
    site_warnings,
    software_warnings,
    warning_table,
)
from habitat_radiomics.combat import metadata_column
from habitat_radiomics.leakage import digests
from habitat_radiomics.signature import build_signature, fit_signature
from habitat_radiomics.training_ranges import SCAN_MEASURES, training_ranges

FEATURES = [f"T1|tumour|original_firstorder_{name}" for name in ("Mean", "Energy", "Range")]
SPAN = {"low": 10.0, "high": 20.0, "mean": 15.0, "sd": 2.0, "n": 30}


def fitted_signature(**harmonise):
    random = np.random.default_rng(7)
    patients = [f"T{i:02d}" for i in range(30)]
    table = pd.DataFrame(random.normal(size=(30, 3)), index=patients, columns=FEATURES)
    outcome = pd.Series((table[FEATURES[0]] - table[FEATURES[1]] > 0).astype(int))
    if harmonise:
        table[metadata_column("site")] = np.repeat(["A", "B"], 15)
    steps = [{"complete": {}}, {"zscore": {}}, {"lasso": {"folds": 5}}]
    return fit_signature(build_signature(steps, seed=1, harmonise=harmonise), table, outcome), table


@pytest.fixture(scope="module")
def applied():
    fitted, table = fitted_signature()
    clinical = pd.DataFrame({"age": np.linspace(40, 70, 30), "sex": "F"}, index=table.index)
    scans = pd.DataFrame({"patient": table.index, "sequence": "T1", **dict.fromkeys(SCAN_MEASURES, 1.0)})
    variables = {
        "age": {"type": "number", "label": "Age"},
        "sex": {"type": "category", "levels": ["F", "M"], "label": ""},
    }
    ranges = training_ranges({"tumour": fitted}, table, clinical, scans, variables=variables)
    return Applied(
        ranges={**ranges, "sites": ["A", "B"], "scans": {"T1": dict.fromkeys(SCAN_MEASURES, SPAN)}},
        signatures={"tumour": fitted},
        fitted_on={"combined": digests(table.index)},
        models={"combined": {"label": "Combined", "signatures": ["tumour"], "clinical": ["age", "sex"]}},
        variables=variables,
        fills={"age": 55.0, "sex": "F"},
        normalised={"T1": True},
    )


def test_features_outside_the_range_are_counted_and_the_farthest_is_named(applied):
    inside = pd.DataFrame(0.0, index=["N1", "N2", "N3"], columns=FEATURES)
    span = applied.ranges["features"]["tumour"][FEATURES[0]]
    inside.loc["N2", FEATURES[0]] = span["high"] + 2 * span["sd"]
    inside.loc["N3", FEATURES[1]] = np.nan
    rows, outside = feature_warnings(applied, inside)
    total = len(applied.ranges["features"]["tumour"])
    assert [(row["patient"], row["kind"]) for row in rows] == [("N2", "feature_range"), ("N3", "feature_missing")]
    message = rows[0]["message"]
    assert f"1 of {total} features of model Combined lie outside the range of the training patients" in message
    assert "by chance about 6% do" in message and "2.0 SD above" in message
    assert f"1 of {total} features of model Combined could not be computed" in rows[1]["message"]
    assert outside["patient"].tolist() == ["N2", "N3"] and outside["model"].unique().tolist() == ["combined"]
    np.testing.assert_allclose(outside["sd_outside"], [2, np.nan])


def test_a_value_barely_outside_is_worth_a_note_only(applied):
    span = applied.ranges["features"]["tumour"][FEATURES[0]]
    table = pd.DataFrame(0.0, index=["N1", "N2"], columns=FEATURES)
    table[FEATURES[0]] = [span["high"] + 0.4 * span["sd"], span["high"] + 0.6 * span["sd"]]
    rows, _ = feature_warnings(applied, table)
    assert [row["severity"] for row in rows] == ["note", "warning"]
    assert [row["severity"] for row in clinical_warnings(applied, ages(39.0, 30.0))] == ["note", "warning"]


def ages(*values):
    return pd.DataFrame({"age": values, "sex": "F"}, index=[f"N{i}" for i in range(len(values))])


def test_training_patients_are_all_inside_their_own_range(applied):
    _, table = fitted_signature()
    rows, outside = feature_warnings(applied, table)
    assert rows == [] and outside.empty


def test_clinical_values_that_are_missing_or_never_seen_are_said_with_what_stands_in(applied):
    clinical = pd.DataFrame({"age": [55.0, 85.0, np.nan], "sex": ["F", "M", None]}, index=["N1", "N2", "N3"])
    messages = {row["patient"]: [] for row in clinical_warnings(applied, clinical)}
    for row in clinical_warnings(applied, clinical):
        messages[row["patient"]].append(row["message"])
    assert set(messages) == {"N2", "N3"}
    assert messages["N2"] == [
        "Age is 85; the training patients had 40 to 70.",
        "sex is M, a level that no training patient had: the models know nothing of it.",
    ]
    assert messages["N3"] == [
        "Age is missing; 55, the median of the training patients, stands in.",
        "sex is missing; F, the most frequent level of the training patients, stands in.",
    ]


def scans(**values):
    return pd.DataFrame([{"patient": "N1", "sequence": "T1", **dict.fromkeys(SCAN_MEASURES, 15.0), **values}])


def test_other_voxel_sizes_intensities_and_noise_are_said(applied):
    assert scan_warnings(applied, scans()) == []
    assert scan_warnings(applied, scans(spacing_z_mm=20.1)) == []  # within a hundredth
    (row,) = scan_warnings(applied, scans(spacing_z_mm=25.0))
    assert (
        row["message"] == "T1: voxel size along z is 25 mm, in training 10 to 20 mm." and row["severity"] == "warning"
    )
    (row,) = scan_warnings(applied, scans(intensity_median=500.0))
    assert row["severity"] == "note" and row["message"].endswith("in training 10 to 20. The image is normalised.")
    (row,) = scan_warnings(applied, scans(signal_to_noise=4.0))
    assert row["kind"] == "noise" and row["sd_outside"] == 3
    assert scan_warnings(applied, scans(signal_to_noise=400.0)) == []
    assert scan_warnings(applied, scans(signal_to_noise=np.nan)) == []


def test_a_new_centre_is_said_where_nothing_is_harmonised(applied):
    features = pd.DataFrame(0.0, index=["N1", "N2", "N3"], columns=FEATURES)
    (row,) = site_warnings(applied, features, {"N1": "A", "N2": "C", "N3": None})
    assert row["patient"] == "N2"
    assert row["message"] == "Centre C had no training patient (A, B had); the study does not harmonise centres."


@pytest.mark.parametrize(
    ("unseen", "patients", "said"),
    [
        ("leave", 12, "site C is not in the training: left as it is."),
        ("estimate", 3, "site C is not in the training and fewer than 10 patients: left as it is."),
        (
            "estimate",
            12,
            "site C is not in the training: estimated from its own 12 patients, without outcomes. Its predictions "
            "depend on which of its patients are predicted together.",
        ),
    ],
)
def test_what_combat_does_to_a_new_centre_is_said(applied, unseen, patients, said):
    fitted, _ = fitted_signature(batch="site", unseen=unseen)
    other = Applied(**{**vars(applied), "signatures": {"tumour": fitted}})
    features = pd.DataFrame(np.random.default_rng(1).normal(size=(patients + 1, 3)), columns=FEATURES)
    features.index = [f"N{i}" for i in range(patients + 1)]
    features[metadata_column("site")] = ["A", *["C"] * patients]
    rows = list(site_warnings(other, features, {}))
    assert [row["patient"] for row in rows] == list(features.index[1:])
    assert {row["message"] for row in rows} == {said}


def test_a_training_patient_is_recognised_without_a_list_of_names(applied):
    (row,) = known_patients(applied, ["N1", "T05"])
    assert row["patient"] == "T05"
    assert row["message"] == (
        "The identifier is that of a training patient (Combined): if it is the same person, the prediction is too good."
    )


def test_who_is_not_predicted_is_named_with_what_is_missing():
    quality = pd.DataFrame(
        {"patient": ["N1", "N2", "N2"], "sequence": ["T1", "T1", "T2"], "usable": [True, False, False]}
        | {"message": ["", "the mask is empty", "the mask is empty too"]}
    )
    rows = refusals({"N3": ("sequence_missing", "has no T2 in the images table.")}, quality)
    assert [row["message"] for row in rows] == [
        "N3 is not predicted: has no T2 in the images table.",
        "N2 is not predicted: the mask is empty",
    ]
    assert {row["severity"] for row in rows} == {"refused"}


def test_other_code_and_packages_are_said():
    manifest = {"code": {"a.py": "1", "b.py": "2"}, "versions": {"numpy": "2.1", "skops": "0.13"}}
    assert software_warnings(manifest, code=manifest["code"], versions=manifest["versions"]) == []
    code, version = software_warnings(manifest, code={"a.py": "1", "b.py": "3"}, versions={"numpy": "2.1"})
    assert code["message"].startswith("1 source files differ from those of the study (b.py)")
    assert version["message"] == "skops is not installed here and was 0.13 in the study." and version["patient"] == ""


def test_the_table_begins_with_what_concerns_all_and_names_refusals_first():
    rows = [
        dict(zip(COLUMNS, (patient, severity, "k", "", "", "", np.nan, "m"), strict=True))
        for patient, severity in (("N2", "note"), ("N1", "warning"), ("N2", "refused"), ("", "note"))
    ]
    table = warning_table(rows)
    assert table[["patient", "severity"]].to_numpy().tolist() == [
        ["", "note"],
        ["N1", "warning"],
        ["N2", "refused"],
        ["N2", "note"],
    ]
    assert list(warning_table([])) == COLUMNS


def test_all_findings_come_together_in_one_table(applied):
    quality = pd.DataFrame({"patient": ["N0", "N1"], "sequence": "T1", "usable": True, "message": ""})
    new = NewPatients(
        features=pd.DataFrame(0.0, index=["N0", "N1"], columns=FEATURES),
        clinical=ages(50.0, 99.0),
        scans=scans(spacing_x_mm=40.0),
        sites={"N0": "C", "N1": "A"},
        quality=quality,
        excluded={"N2": ("sequence_missing", "has no T1.")},
    )
    table, outside = all_warnings(applied, new, software=[])
    assert table[["patient", "kind"]].to_numpy().tolist() == [
        ["N0", "site"],
        ["N1", "spacing"],
        ["N1", "clinical_range"],
        ["N2", "not_predicted"],
    ]
    assert outside.empty and list(outside) == RANGE_COLUMNS
