"""Table 1 from the sheets on: what a cell says reaches the tables unchanged."""

import json
import subprocess
import sys

from example_results import ROOT
from habitat_radiomics.patient_groups import described_groups, included_patients
from habitat_radiomics.tables import read_table

GRADE = {"grade": {"type": "category", "levels": ["1", "2", "3"], "label": "Grade"}}


def describe_cohort(folder):
    """Run the entry script on six patients whose grades are numbers, one of them missing, and one excluded by hand."""
    (folder / "clinical.csv").write_text("patient,age,grade\nA,50,1\nB,61,2\nC,,3\nD,45,\nE,70,2\nF,38,1\n")
    outcomes = (f"{patient},train,{number % 2}" for number, patient in enumerate("ABCDEF"))
    (folder / "outcome.csv").write_text("\n".join(["patient,cohort,outcome", *outcomes]) + "\n")
    quality = (f"{patient},T1,True,," for patient in "ABCDEF")
    (folder / "quality.csv").write_text("\n".join(["patient,sequence,usable,code,message", *quality]) + "\n")
    settings = {"sites": {}, "screened": 7, "excluded": {"G": ["excluded_by_hand", "moved during the scan"]}}
    (folder / "settings.json").write_text(json.dumps(settings))
    names = {"settings": "settings.json", "patients": "patients.csv", "flow": "flow.csv"}
    names |= {name: f"{name}.csv" for name in ("outcome", "clinical", "quality")}
    command = [sys.executable, ROOT / "scripts/describe_cohort.py"]
    for name, file in names.items():
        command += [f"--{name}", folder / file]
    subprocess.run(command, check=True)
    return folder / "patients.csv"


def test_levels_that_are_numbers_are_counted_although_a_patient_has_none(tmp_path):
    path = describe_cohort(tmp_path)
    assert "A,train,,0,50,1,True" in path.read_text()
    patients = included_patients(path, GRADE)
    cells, _ = described_groups(patients, GRADE, outcome_label="Progression")
    counts = cells.query("part == 'cohort' and variable == 'grade' and group == 'train' and level != ''")
    assert counts.set_index("level")["count"].to_dict() == {"1": 2, "2": 2, "3": 1}
    assert read_table(tmp_path / "flow.csv")["patients"].tolist() == [7, 1, 6, 6]
