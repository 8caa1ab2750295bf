import pandas as pd
import pytest

from habitat_radiomics.agreement import feature_agreement
from habitat_radiomics.cohort import exclusion_flow, patient_table
from habitat_radiomics.collect import collect_features
from habitat_radiomics.entry import write_json
from habitat_radiomics.faults import StudyFault
from habitat_radiomics.features import FeatureRow, write_features

FAULT = {"code": "mask_empty", "message": "mask P2.nii.gz is empty. Draw it."}


def scan(folder, patient, sequence, readings, fault=None):
    rows = [
        FeatureRow(reading, region, feature, 1.0 / 3 + number, "")
        for number, reading in enumerate(readings)
        for region in ("tumour", "peritumour")
        for feature in ("z_last", "a_first")
    ]
    (folder / patient).mkdir(exist_ok=True)
    write_features(folder / patient / f"{sequence}.csv", [] if fault else rows)
    measures = {} if fault else {"snr": 12.5, "voxels": 900, "warnings": ["reading reader2 was not used"]}
    if patient == "P1":
        measures["cross_check"] = {"values": 40, "largest_difference": 1e-9}
    write_json(folder / patient / f"{sequence}.json", {"faults": [fault] if fault else [], "measures": measures})


def habitats(folder, patient, fault=None):
    check = {"values": 2, "largest_difference": 3e-9} if patient == "P1" else {"values": 0, "largest_difference": None}
    rows = [FeatureRow("reader1", f"core{number}", "mean", float(number), "") for number in (1, 2)]
    write_features(folder / patient / "T2.core.csv", [] if fault else rows)
    write_json(
        folder / patient / "T2.core.json",
        {"faults": [fault] if fault else [], "measures": {"voxels": -1, "cross_check": check}},
    )


@pytest.fixture
def collect(tmp_path):
    for patient in ("P1", "P2", "P3"):
        for sequence in ("T1", "T2"):
            fault = FAULT if (patient, sequence) == ("P2", "T2") else None
            scan(tmp_path, patient, sequence, ["reader1", "reader2"] if patient == "P1" else ["reader1"], fault)
        habitats(tmp_path, patient, fault=FAULT if patient == "P2" else None)

    def run(policy="exclude", patients=("P1", "P2", "P3"), deep=()):
        return collect_features(
            patients=list(patients),
            sequences=["T1", "T2"],
            habitats={"T1": [], "T2": ["core"]},
            patterns={
                "tables": f"{tmp_path}/{{patient}}/{{sequence}}.csv",
                "records": f"{tmp_path}/{{patient}}/{{sequence}}.json",
                "habitat_tables": f"{tmp_path}/{{patient}}/{{sequence}}.{{habitats}}.csv",
                "habitat_records": f"{tmp_path}/{{patient}}/{{sequence}}.{{habitats}}.json",
                "deep_tables": f"{tmp_path}/{{patient}}/deep_{{sequence}}.csv",
                "deep_records": f"{tmp_path}/{{patient}}/deep_{{sequence}}.json",
            },
            primary="reader1",
            incomplete_patients=policy,
            drawn_regions=["tumour", "peritumour", *(["deep"] if deep else [])],
            deep=deep,
        )

    return run


def test_features_keep_the_order_of_the_files_and_every_digit(collect):
    features, _, _ = collect()
    assert list(features.columns[:3]) == ["patient", "T1|tumour|z_last", "T1|tumour|a_first"]
    assert len(features.columns) == 1 + 2 * 2 * 2 + 2
    assert features.loc[0, "T1|tumour|z_last"] == 1.0 / 3


def test_values_checked_by_the_reference_engine_are_counted_over_regions_and_habitats(collect):
    _, _, quality = collect()
    checked = quality.set_index(["patient", "sequence"])
    assert checked.loc[("P1", "T1"), ["checked_values", "largest_difference"]].tolist() == [40, 1e-9]
    assert checked.loc[("P1", "T2"), ["checked_values", "largest_difference"]].tolist() == [42, 3e-9]
    assert checked.loc[("P3", "T2"), "checked_values"] == 0
    assert pd.isna(checked.loc[("P3", "T2"), "largest_difference"])


def test_habitats_of_a_sequence_follow_its_drawn_regions_and_have_the_primary_reading_alone(collect):
    features, readings, quality = collect()
    assert list(features.columns[-2:]) == ["T2|core1|mean", "T2|core2|mean"]
    assert features["T2|core2|mean"].tolist() == [2.0, 2.0]
    assert not [column for column in readings if "core" in column]
    assert quality["voxels"].dropna().tolist() == [900] * 5


def test_a_feature_that_only_some_patients_have_is_missing_in_the_others(collect, tmp_path):
    more = [FeatureRow("reader1", f"core{number}", "mean", float(number), "") for number in (1, 3, 2)]
    write_features(tmp_path / "P3" / "T2.core.csv", more)
    features, readings, _ = collect()
    assert list(features.columns[-3:]) == ["T2|core1|mean", "T2|core2|mean", "T2|core3|mean"]
    assert features.set_index("patient")["T2|core3|mean"].fillna(-1).to_dict() == {"P1": -1, "P3": 3}
    assert features.set_index("patient").loc["P3", "T2|core2|mean"] == 2
    assert list(features.columns[1:9]) == list(readings.columns[2:])


def test_habitats_that_cannot_be_measured_exclude_the_patient_too(collect, tmp_path):
    habitats(tmp_path, "P3", fault={"code": "habitat_values_too_few", "message": "the tumour has 2 intensities."})
    features, _, quality = collect()
    assert list(features["patient"]) == ["P1"]
    row = quality.set_index(["patient", "sequence"]).loc[("P3", "T2")]
    assert (row["usable"], row["code"]) == (False, "habitat_values_too_few")
    with pytest.raises(StudyFault, match="patient P3, T2: the tumour has 2 intensities"):
        collect("stop")


def test_deep_features_of_a_sequence_come_last_and_have_every_reading(collect, tmp_path):
    for patient, names in (("P1", ["reader1", "reader2"]), ("P3", ["reader1"])):
        rows = [FeatureRow(name, "deep", "deep_gap_0001", float(number), "") for number, name in enumerate(names)]
        write_features(tmp_path / patient / "deep_T1.csv", rows)
        write_json(tmp_path / patient / "deep_T1.json", {"faults": [], "measures": {"warnings": []}})
    features, readings, _ = collect(patients=("P1", "P3"), deep=["T1"])
    assert [column for column in features if "|deep|" in column] == ["T1|deep|deep_gap_0001"]
    assert readings["T1|deep|deep_gap_0001"].tolist() == [0.0, 1.0]
    fault = {"code": "deep_box_constant", "message": "the image is constant around the tumour."}
    write_json(tmp_path / "P3/deep_T1.json", {"faults": [fault], "measures": {}})
    features, _, quality = collect(patients=("P1", "P3"), deep=["T1"])
    assert features["patient"].tolist() == ["P1"]
    assert quality.set_index(["patient", "sequence"]).loc[("P3", "T1"), "code"] == "deep_box_constant"


def test_only_patients_read_more_than_once_are_among_the_readings(collect):
    _, readings, _ = collect()
    assert readings[["patient", "reading"]].values.tolist() == [["P1", "reader1"], ["P1", "reader2"]]


def test_an_unusable_scan_excludes_the_patient_and_says_why(collect):
    features, _, quality = collect()
    assert list(features["patient"]) == ["P1", "P3"]
    row = quality.set_index(["patient", "sequence"]).loc[("P2", "T2")]
    assert (row["usable"], row["code"]) == (False, "mask_empty")
    assert quality.loc[0, "snr"] == 12.5
    assert quality.loc[0, "warnings"] == "reading reader2 was not used"


def test_under_the_other_policy_every_unusable_scan_is_named_and_the_study_stops(collect):
    with pytest.raises(
        StudyFault, match=r"Patients that cannot be used: 1 .*\n  - patient P2, T2: mask P2.nii.gz is empty"
    ):
        collect("stop")


def test_a_cohort_of_which_nobody_is_left_stops(collect):
    with pytest.raises(StudyFault, match="None of 1 patients can be used"):
        collect(patients=["P2"])


def test_the_flow_closes_and_counts_every_reason(collect):
    *_, quality = collect()
    outcome = pd.DataFrame(
        {"patient": ["P1", "P2", "P3"], "cohort": ["train", "train", "external"], "outcome": [0, 1, 1]}
    )
    clinical = pd.DataFrame({"patient": ["P1", "P2", "P3"], "age": [50, 60, 70]})
    settings = {
        "screened": 5,
        "excluded": {"P4": ["outcome_missing", "column y is empty."], "P5": ["excluded_by_hand", "motion"]},
        "sites": {"P1": "A", "P2": "A", "P3": "B"},
    }
    patients = patient_table(outcome, clinical, [quality], settings)
    flow = exclusion_flow(patients, settings)
    assert flow.values.tolist() == [
        ["screened", "", 5],
        ["excluded", "mask empty", 1],
        ["excluded", "outcome missing", 1],
        ["excluded", "excluded by hand (column exclude)", 1],
        ["included", "", 2],
        ["cohort", "train", 1],
        ["cohort", "external", 1],
    ]
    assert patients.set_index("patient").loc["P2", "reason"] == FAULT["message"]


def readings(values):
    rows = [{"patient": p, "reading": r, "T1|tumour|f": v} for (p, r), v in values.items()]
    return pd.DataFrame(rows)


SETTINGS = {"primary_reader": "1", "inter": "ICC(2,1)", "intra": "ICC(3,1)"}


def test_agreement_between_and_within_readers_is_assessed_apart_and_the_smaller_counts():
    values = {}
    for number, patient in enumerate(["P1", "P2", "P3", "P4", "P5"]):
        values[patient, "reader1"] = number
        values[patient, "reader1-repeat2"] = number + 0.01 * (-1) ** number
        values[patient, "reader2"] = number + 0.8 * (-1) ** number
    table = feature_agreement(readings(values), training=["P1", "P2", "P3", "P4", "P5"], **SETTINGS).iloc[0]
    assert table["icc_intra"] > 0.999 > table["icc_inter"]
    assert table["icc"] == table["icc_inter"]
    assert table["n_inter"] == table["n_intra"] == 5


def test_readings_of_other_than_training_patients_are_refused():
    values = {("P1", "reader1"): 1, ("P1", "reader2"): 2, ("P9", "reader1"): 1, ("P9", "reader2"): 2}
    with pytest.raises(ValueError, match="1 patients with repeated readings are not training patients"):
        feature_agreement(readings(values), training=["P1"], **SETTINGS)


def test_without_repeats_of_one_reader_only_the_agreement_between_readers_counts():
    values = {
        (p, r): i + 0.1 * j for i, p in enumerate(["P1", "P2", "P3"]) for j, r in enumerate(["reader1", "reader2"])
    }
    table = feature_agreement(readings(values), training=["P1", "P2", "P3"], **SETTINGS).iloc[0]
    assert table["n_intra"] == 0
    assert table["icc"] == table["icc_inter"]
