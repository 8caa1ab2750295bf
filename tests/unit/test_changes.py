"""What would run again, in words a researcher understands."""

import json

import pytest

from habitat_radiomics.changes import change_report, file_changes, job_causes, value_changes

SCAN = {"image": "a" * 64, "masks": [{"reading": "reader1", "sha256": "b" * 64}]}


def job(rule, *, changed=(), missing=(), incomplete=(), edited=(), has_run=True, **wildcards):
    return {
        "rule": rule,
        "wildcards": wildcards,
        "changed": list(changed),
        "missing": list(missing),
        "incomplete": list(incomplete),
        "edited": list(edited),
        "has_run": has_run,
    }


def change(path, before, now):
    texts = [value if isinstance(value, str | None) else json.dumps(value) for value in (before, now)]
    return {"path": f"results/own/{path}", "before": texts[0], "now": texts[1]}


def changes(path, before, now):
    return file_changes(**change(path, before, now))


def test_nothing_to_run_is_said():
    assert change_report({"total": 7, "patients": ["P1"], "jobs": []}) == [
        "Nothing would run: all 7 jobs of the study are up to date."
    ]


def test_a_changed_image_is_told_by_patient_and_step_and_what_follows_stands_apart():
    image = change("state/scans/P012.T1.json", SCAN, {**SCAN, "image": "c" * 64})
    jobs = [
        job("preprocess_image", patient="P012", sequence="T1", changed=[image]),
        job("normalise_image", patient="P012", sequence="T1"),
        job("fit_signature", signature="tumour"),
    ]
    assert change_report({"total": 90, "patients": ["P011", "P012"], "jobs": jobs}) == [
        "3 of 90 jobs would run.",
        "P012: preprocess image (T1), because its image changed (sha256 aaaaaaaaaa to cccccccccc)",
        "",
        "These follow, because their inputs come from the jobs above:",
        "P012: normalise image (T1)",
        "cohort: fit signature (tumour)",
    ]


def test_one_setting_of_all_patients_is_one_line():
    width = change("state/extract_features.T1.json", {"settings": {"bin_width": 25}}, {"settings": {"bin_width": 20}})
    jobs = [job("extract_features", patient=f"P{n}", sequence="T1", changed=[width]) for n in range(3)]
    report = change_report({"total": 9, "patients": ["P0", "P1", "P2"], "jobs": jobs})
    assert report[1:] == [
        "all 3 patients: extract features (T1), because settings.bin_width changed from 25 to 20",
    ]


def test_many_patients_are_counted_after_the_first_six():
    jobs = [job("extract_features", patient=f"P{n}", sequence="T1", has_run=False) for n in range(8)]
    report = change_report({"total": 9, "patients": [f"P{n}" for n in range(9)], "jobs": jobs})
    assert report[1] == ("P0, P1, P2, P3, P4, P5 and 2 more: extract features (T1), because it has not been run yet")


@pytest.mark.parametrize(
    ("job", "causes"),
    [
        (job("x", has_run=False, missing=["a.csv"]), ["it has not been run yet"]),
        (job("x", missing=["a.csv"]), ["its result is missing (a.csv)"]),
        (job("x", incomplete=["a.csv"], missing=["a.csv"]), ["its last run did not end"]),
        (job("x", edited=["b.csv"]), ["b.csv was changed by hand"]),
        (job("x"), []),
    ],
)
def test_what_is_absent_half_done_or_edited_is_a_cause(job, causes):
    assert job_causes(job) == causes


def test_a_changed_mask_names_its_reading():
    other = {**SCAN, "masks": [{"reading": "reader1", "sha256": "d" * 64}, {"reading": "reader2", "sha256": "e" * 64}]}
    assert changes("state/scans/P1.T1.json", SCAN, other) == [
        "its mask by reader1 changed (sha256 bbbbbbbbbb to dddddddddd)",
        "its mask by reader2 changed (sha256 none to eeeeeeeeee)",
    ]


def test_changed_code_names_the_files():
    before = {"extract_features.py": "1", "habitat_radiomics/features.py": "2", "habitat_radiomics/entry.py": "3"}
    now = {**before, "habitat_radiomics/features.py": "4"}
    assert changes("state/code/extract_features.json", before, now) == ["its code changed (features.py)"]


def test_a_changed_cell_is_told_with_its_patient_and_values():
    before = "patient,age,sex\nP1,61,F\nP2,50,M\n"
    now = "patient,age,sex\nP1,63,F\nP2,,M\n"
    assert changes("cohort/training_clinical.csv", before, now) == [
        "in the training clinical table P1: age changed from 61 to 63; P2: age changed from 50 to empty"
    ]


def test_rows_that_come_go_and_move_are_told():
    old, new = "patient,age\nP1,1\nP2,2\n", "patient,age\nP2,2\nP3,3\n"
    assert changes("cohort/clinical.csv", old, new) == [
        "P3 was added to the clinical table",
        "P1 was removed from the clinical table",
    ]
    assert changes("cohort/clinical.csv", old, "patient,age\nP2,2\nP1,1\n") == [
        "the order of the clinical table changed"
    ]


def test_many_changed_cells_are_counted():
    table = ["patient,age\n" + "".join(f"P{n},{n + shift}\n" for n in range(9)) for shift in (0, 1)]
    assert changes("cohort/clinical.csv", *table)[0].endswith("P5: age changed from 5 to 6; and 3 more cells")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ({"a": {"b": 1}}, {"a": {"b": 2}}, ["a.b changed from 1 to 2"]),
        ({"a": 1}, {"a": 1, "c": 2}, ["c was added"]),
        ({"a": 1, "c": 2}, {"a": 1}, ["c was removed"]),
        ({"p": ["P1", "P2"]}, {"p": ["P1", "P3"]}, ["P3 was added to p", "P2 was removed from p"]),
        ({"p": ["P1", "P2"]}, {"p": ["P2", "P1"]}, ["the order of p changed"]),
        ({"s": [{"icc": {"t": 0.7}}]}, {"s": [{"icc": {"t": 0.8}}]}, ["s.1.icc.t changed from 0.7 to 0.8"]),
        ({"s": [1, 1]}, {"s": [1, 1, 1]}, ["s changed from [1, 1] to [1, 1, 1]"]),
        ({"s": None}, {"s": 5}, ["s changed from empty to 5"]),
        ({"s": 5}, {"s": 5}, []),
    ],
)
def test_differences_of_settings_name_their_path(old, new, said):
    assert value_changes(old, new, name=()) == said


def test_what_is_not_on_record_is_said_and_not_guessed():
    assert changes("state/model.a.json", None, {}) == ["model.a.json changed (what it held before is not on record)"]
