"""Tables of features in place of images: every fault is said before the first job, and rows count by their content."""

import tracemalloc

import numpy as np
import pandas as pd
import pytest
from test_study import SCHEMA, patient_rows

from habitat_radiomics.config import complete_config
from habitat_radiomics.faults import StudyFault
from habitat_radiomics.feature_tables import import_features
from habitat_radiomics.settings import imported_features
from habitat_radiomics.study import load_study

STEPS = [{"lasso": {}}]


def configuration(**changes):
    config = {
        "study": "s",
        "data": {
            "source": "features",
            "patients": "patients.csv",
            "features": {"T1": {"tumour": "T1.csv", "rim": "T1_rim.csv"}},
        },
        "sequences": {"T1": None},
        "outcome": {"column": "y"},
        "split": {"method": "column"},
        "signatures": {"a": {"regions": ["tumour", "rim"], "steps": STEPS}},
        "models": {"m": {"signatures": ["a"]}},
    }
    return complete_config({**config, **changes}, SCHEMA)


def table(names=("volume", "entropy"), patients=24):
    rows = {name: [i * 1.5 + j for i in range(patients)] for j, name in enumerate(names)}
    return pd.DataFrame({"patient": [f"P{i:02d}" for i in range(patients)], **rows}, dtype=object)


def study(folder, tumour=None, rim=None, incomplete="stop", **changes):
    config, faults = configuration(**changes)
    assert faults == []
    config["data"]["incomplete_patients"] = incomplete
    pd.DataFrame(patient_rows()).to_csv(folder / "patients.csv", index=False)
    (table() if tumour is None else tumour).to_csv(folder / "T1.csv", index=False)
    (table(names=["mean"]) if rim is None else rim).to_csv(folder / "T1_rim.csv", index=False)
    return load_study(config, tables=str(folder), folder=str(folder))


def faults_of(folder, **tables):
    with pytest.raises(StudyFault) as caught:
        study(folder, **tables)
    return str(caught.value)


def test_tables_become_columns_by_sequence_region_and_feature(tmp_path):
    changed = table()
    changed.loc[3, "entropy"] = None
    loaded = study(tmp_path, tumour=changed)
    assert not loaded.has_images
    assert len(loaded.patients) == 24
    tables = [
        {"sequence": sequence, "region": region, "path": sheet.path}
        for (sequence, region), sheet in loaded.feature_sheets.items()
    ]
    features, quality = import_features(tables=tables, patients=["P03", "P01"])
    assert list(features) == ["patient", "T1|tumour|volume", "T1|tumour|entropy", "T1|rim|mean"]
    assert features["patient"].tolist() == ["P03", "P01"]
    assert features["T1|tumour|volume"].tolist() == [4.5, 1.5]
    assert features["T1|tumour|entropy"].isna().tolist() == [True, False]
    assert quality["warnings"].tolist() == ["1 missing feature values", ""]
    assert quality["usable"].all()


def test_a_part_depends_on_the_rows_of_its_own_patients_alone(tmp_path):
    before = study(tmp_path)
    changed = table()
    changed.loc[20, "volume"] = 99.0  # a patient of the validation
    after = study(tmp_path, tumour=changed)
    for cohort, same in (("train", True), ("external", False)):
        states = [imported_features(s, s.in_cohort(cohort)) for s in (before, after)]
        assert (states[0] == states[1]) is same


def test_every_fault_of_the_tables_is_said_at_once(tmp_path):
    wrong = table()
    wrong.loc[2, "volume"] = "large"
    wrong.loc[5, "patient"] = "P4"
    said = faults_of(tmp_path, tumour=wrong, rim=pd.concat([table(["mean"]), table(["mean"]).head(1)]))
    assert "T1.csv row 4, patient P02: column volume: found 'large'; a number is needed (leave the cell empty" in said
    assert "T1.csv row 7, patient P4: the patient is not in the patients table. Add the patient, or remove" in said
    assert "T1_rim.csv row 26, patient P00: the patient has 2 rows. Keep one row per patient." in said


def test_many_faulty_cells_are_counted(tmp_path):
    wrong = table().assign(volume="?")
    said = faults_of(tmp_path, tumour=wrong)
    assert said.count("column volume: found '?'") == 5
    assert "T1.csv: 19 more cells are no numbers." in said


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (table().rename(columns={"patient": "id"}), "T1.csv: column 'patient' is missing. Found: id, volume, entropy"),
        (table(names=[]), "T1.csv has no features. Give every feature a column beside 'patient'."),
        (table(names=["T1|a"]), "T1.csv: column 'T1|a' cannot name a feature; a name is needed, without '|'."),
    ],
)
def test_a_table_that_cannot_be_read_says_why(tmp_path, wrong, sentence):
    assert sentence in faults_of(tmp_path, tumour=wrong)


def test_a_patient_without_features_stops_the_study_or_is_excluded_with_the_reason(tmp_path):
    short = table(patients=23)
    assert "patients.csv, patient P23: has no row in T1.csv. Add it, or set data.incomplete_patients: exclude." in (
        faults_of(tmp_path, tumour=short)
    )
    loaded = study(tmp_path, tumour=short, incomplete="exclude")
    assert loaded.excluded["P23"][0] == "features_missing"
    assert "P23" not in loaded.patients


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"sequences": {"T1": None, "T2": None}},
            "data.features has no table for sequence T2. Add one for each",
        ),
        ({"sequences": {"T2": None}}, "data.features names sequence T1, which is not among sequences: T2."),
        (
            {"habitats": {"h": {"sequences": ["T1"]}}},
            "habitats are made from images, and data.source is features. Remove habitats.",
        ),
        (
            {"signatures": {"a": {"regions": ["tumour"], "steps": [{"icc": {}}, {"lasso": {}}]}}},
            "signatures a select by icc or stable, which need several readings of images",
        ),
        (
            {"signatures": {"a": {"regions": ["edge"], "steps": STEPS}}},
            "signatures.a.regions names 'edge', which is not defined. Defined: tumour, rim.",
        ),
        (
            {"outcome": {}, "signatures": {}, "models": {}},
            "data.source is features, and there is no outcome: nothing is left to do. Name one.",
        ),
        (
            {"data": {"source": "tables", "features": {"T1": {"tumour": "T1.csv"}}}},
            "data.features names tables, but data.source is tables. Set it to features, or remove data.features.",
        ),
    ],
)
def test_what_does_not_go_with_tables_of_features_is_said(changes, sentence):
    _, faults = configuration(**changes)
    assert any(sentence in fault for fault in faults), faults


def test_reading_a_wide_table_takes_the_memory_of_its_numbers_not_of_its_text(tmp_path):
    values = np.random.default_rng(0).normal(size=(150, 800))
    wide = pd.DataFrame(values, columns=[f"f{number}" for number in range(800)])
    wide.insert(0, "patient", [f"P{number:03d}" for number in range(150)])
    wide.to_csv(tmp_path / "wide.csv", index=False)
    tracemalloc.start()
    features, _ = import_features(
        tables=[{"sequence": "T1", "region": "tumour", "path": str(tmp_path / "wide.csv")}],
        patients=list(wide["patient"]),
    )
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_array_equal(features.iloc[:, 1:], values)
    assert peak < 6 * values.nbytes
