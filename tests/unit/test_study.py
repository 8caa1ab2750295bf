"""Every fault of the tables: what is said, and that all are said at once."""

from pathlib import Path

import openpyxl
import pytest
import yaml

from habitat_radiomics.faults import StudyFault
from habitat_radiomics.settings import batches, outcome_rows
from habitat_radiomics.study import checked_config, load_study

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
STEPS = [{"lasso": {}}]


def configuration(**changes):
    config = {
        "study": "s",
        "sequences": {"T1": None, "T2": None},
        "clinical": {
            "sex": {"type": "category", "levels": ["F", "M"]},
            "age": {"type": "number", "minimum": 0, "maximum": 120},
        },
        "outcome": {"column": "y"},
        "split": {"method": "column"},
        "signatures": {"a": {"regions": ["tumour"], "steps": STEPS}},
        "models": {"m": {"signatures": ["a"]}},
    }
    return checked_config({**config, **changes}, SCHEMA)


def patient_rows(n=24):
    return [
        {
            "patient": f"P{i:02d}",
            "y": i % 2,
            "sex": "FM"[i % 2],
            "age": 40 + i,
            "cohort": "train" if i < 16 else "external",
            "site": "A",
        }
        for i in range(n)
    ]


def image_rows(n=24):
    return [
        {"patient": f"P{i:02d}", "sequence": s, "image": f"P{i:02d}/{s}.nii.gz", "mask": f"P{i:02d}/{s}.mask.nii.gz"}
        for i in range(n)
        for s in ("T1", "T2")
    ]


def text(rows, separator="\t", end="\n"):
    columns = list(dict.fromkeys(column for row in rows for column in row))
    lines = [columns, *([str(row.get(column, "")) for column in columns] for row in rows)]
    return end.join(separator.join(line) for line in lines) + end


@pytest.fixture
def load(tmp_path):
    def load(patients=None, images=None, check_files=None, **changes):
        (tmp_path / "patients.tsv").write_text(text(patients or patient_rows()))
        (tmp_path / "images.tsv").write_text(text(images or image_rows()))
        return load_study(configuration(**changes), tables=tmp_path, folder=tmp_path, check_files=check_files)

    return load


def fault(load, **arguments):
    with pytest.raises(StudyFault) as caught:
        load(**arguments)
    lines = str(caught.value).split("\n")
    assert lines[0].startswith("The study cannot start: one fault"), lines
    return lines[1]


def with_value(rows, index, **values):
    return [{**row, **(values if i == index else {})} for i, row in enumerate(rows)]


def test_a_sound_study_is_read_completely(load):
    study = load()
    assert len(study.patients) == 24
    assert study.in_cohort("external") == [f"P{i:02d}" for i in range(16, 24)]
    assert study.readings("P00", "T1") == ["reader1"]
    assert study.scans["P00", "T2"].image.endswith("P00/T2.nii.gz")


def test_csv_with_semicolons_crlf_and_byte_order_mark_reads_the_same(load, tmp_path):
    expected = load().patients
    (tmp_path / "p.csv").write_text(text(patient_rows(), ";", "\r\n"), encoding="utf-8-sig", newline="")
    data = {"patients": "p.csv"}
    assert load(data=data).patients == expected


def test_xlsx_reads_the_same_and_keeps_leading_zeros(load, tmp_path):
    book = openpyxl.Workbook()
    rows = [{**row, "patient": row["patient"].replace("P", "0")} for row in patient_rows()]
    book.active.append(list(rows[0]))
    for row in rows:
        book.active.append(list(row.values()))
    book.save(tmp_path / "p.xlsx")
    images = [{**row, "patient": row["patient"].replace("P", "0")} for row in image_rows()]
    study = load(images=images, data={"patients": "p.xlsx"})
    assert list(study.patients)[:2] == ["000", "001"]
    assert study.patients["001"]["age"] == "41"


def test_identifiers_such_as_007_stay_text(load):
    study = load(
        [{**r, "patient": r["patient"].replace("P", "0")} for r in patient_rows()],
        [{**r, "patient": r["patient"].replace("P", "0")} for r in image_rows()],
    )
    assert "007" in study.patients


def test_a_missing_table_is_named(load, tmp_path):
    assert "nothing.tsv does not exist. Set data.folder" in fault(load, data={"patients": "nothing.tsv"})


def test_a_folder_as_table_is_named(load, tmp_path):
    (tmp_path / "folder").mkdir()
    assert "folder is a folder, not a table" in fault(load, data={"patients": "folder"})


def test_an_empty_table_is_named(load, tmp_path):
    (tmp_path / "empty.tsv").write_text("")
    assert "empty.tsv is empty" in fault(load, data={"patients": "empty.tsv"})


def test_a_table_that_is_not_text_is_named(load, tmp_path):
    (tmp_path / "latin.tsv").write_bytes("patient\ty\nMüller\t1\n".encode("latin-1"))
    assert "cannot be read as UTF-8 text" in fault(load, data={"patients": "latin.tsv"})


def test_a_missing_column_names_the_similar_one(load):
    rows = [{("Y" if k == "y" else k): v for k, v in row.items()} for row in patient_rows()]
    assert "column 'y' is missing" in fault(load, patients=[{**r, "yy": 1} for r in rows])


def test_a_duplicate_patient_names_both_rows(load):
    message = fault(load, patients=[*patient_rows(), {**patient_rows()[0], "patient": "p00"}])
    assert message.startswith("  - patients.tsv row 26, patient p00: the patient already stands in row 2 (as 'P00').")


def test_an_identifier_that_cannot_name_files_is_refused(load):
    rows = with_value(patient_rows(), 0, patient="P/00")
    images = [{**r, "patient": "P/00"} if r["patient"] == "P00" else r for r in image_rows()]
    assert "'P/00' cannot name files" in fault(load, patients=rows, images=images)


def test_an_outcome_that_is_not_0_or_1_is_a_fault(load):
    message = fault(load, patients=with_value(patient_rows(), 3, y=2))
    assert message.startswith("  - patients.tsv row 5, patient P03: column y: found '2'; allowed are 0")


def test_an_unknown_level_names_the_nearest(load):
    message = fault(load, patients=with_value(patient_rows(), 3, sex="f"))
    assert "column sex: found 'f'; allowed are F, M." in message


def test_a_number_outside_its_limits_is_a_fault(load):
    assert "column age: found 430; allowed is 0 to 120" in fault(load, patients=with_value(patient_rows(), 3, age=430))


def test_text_where_a_number_belongs_is_a_fault(load):
    assert "column age: found 'old'; a number is needed" in fault(
        load, patients=with_value(patient_rows(), 3, age="old")
    )


def test_a_missing_clinical_value_is_allowed(load):
    assert load(patients=with_value(patient_rows(), 3, age="NA")).patients["P03"]["age"] is None


def test_an_unknown_cohort_is_a_fault(load):
    message = fault(load, patients=with_value(patient_rows(), 3, cohort="trian"))
    assert "found 'trian'; allowed are train, internal, external. Is 'train' meant?" in message


def test_a_cohort_with_one_class_is_a_fault(load):
    rows = [{**row, "y": 0} if row["cohort"] == "external" else row for row in patient_rows()]
    assert "cohort external: 8 patients with outcome 0 and 0 with 1" in fault(load, patients=rows)


def test_a_training_cohort_with_too_few_of_a_class_is_a_fault(load):
    rows = [{**row, "y": int(i in (1, 3, 17))} for i, row in enumerate(patient_rows())]
    assert "cohort train: 14 patients with outcome 0 and 2 with 1" in fault(load, patients=rows)


def test_a_split_without_training_patients_is_a_fault(load):
    rows = [{**row, "cohort": "external"} for row in patient_rows()]
    assert "no patient is in the training cohort" in fault(load, patients=rows)


def test_a_date_that_is_none_is_a_fault(load):
    rows = [{**row, "date": "2020-01-01" if i else "1.2.2020"} for i, row in enumerate(patient_rows())]
    split = {"method": "date", "train_until": "2020-06-01"}
    assert "column date: found '1.2.2020'; a date YYYY-MM-DD is needed" in fault(load, patients=rows, split=split)


def test_a_missing_outcome_stops_or_excludes_as_asked(load):
    rows = with_value(patient_rows(), 3, y="")
    assert "patient P03: column y is empty." in fault(load, patients=rows)
    study = load(patients=rows, data={"incomplete_patients": "exclude"})
    assert study.excluded["P03"][0] == "outcome_missing"
    assert "P03" not in study.patients
    assert study.screened == 24


def test_a_missing_sequence_stops_or_excludes_as_asked(load):
    images = [row for row in image_rows() if (row["patient"], row["sequence"]) != ("P03", "T2")]
    assert "patient P03: has no T2 in the images table" in fault(load, images=images)
    assert load(images=images, data={"incomplete_patients": "exclude"}).excluded["P03"][0] == "sequence_missing"


def test_a_patient_without_the_primary_reader_is_incomplete(load):
    images = [{**row, "reader": "2" if row["patient"] == "P03" else "1"} for row in image_rows()]
    assert "has no mask of reader1 for T1 (found: reader2)" in fault(load, images=images)


def test_a_row_with_a_reason_in_exclude_leaves_the_patient_out(load):
    rows = [{**row, "exclude": "motion" if row["patient"] == "P03" else ""} for row in patient_rows()]
    assert load(patients=rows).excluded == {"P03": ("excluded_by_hand", "motion")}


def test_an_image_of_an_unknown_patient_is_a_fault(load):
    extra = {"patient": "P99", "sequence": "T1", "image": "x.nii.gz", "mask": "xm.nii.gz"}
    assert "row 50, patient P99: patient 'P99' is not in the patients table" in fault(
        load, images=[*image_rows(), extra]
    )


def test_the_same_reading_twice_is_a_fault(load):
    again = {**image_rows()[0], "mask": "other.nii.gz"}
    assert "reader and repeat are those of row 2" in fault(load, images=[*image_rows(), again])


def test_two_sequences_cannot_share_one_file(load):
    images = with_value(image_rows(), 1, image="P00/T1.nii.gz")
    assert "image P00/T1.nii.gz is also that of row 2; two sequences cannot share one file" in fault(
        load, images=images
    )


def test_two_patients_cannot_share_one_mask(load):
    images = with_value(image_rows(), 2, mask="P00/T1.mask.nii.gz")
    assert "mask P00/T1.mask.nii.gz is also that of row 2; two patients cannot share one file" in fault(
        load, images=images
    )


def test_readings_of_one_scan_differ_in_masks_only(load):
    again = {**image_rows()[0], "image": "other.nii.gz", "mask": "m2.nii.gz", "reader": "2"}
    assert "names another image than row 2 (P00/T1.nii.gz)" in fault(load, images=[*image_rows(), again])


def test_an_empty_mask_cell_is_a_fault_unless_the_reference_carries_the_mask(load):
    images = [{**row, "mask": "" if row["sequence"] == "T2" else row["mask"]} for row in image_rows()]
    with pytest.raises(StudyFault, match="column mask is empty"):
        load(images=images)
    study = load(images=images, reference="T1")
    assert study.readings("P00", "T2") == ["reader1"]


def test_cells_beyond_the_header_are_a_fault(load, tmp_path):
    (tmp_path / "wide.tsv").write_text(text(patient_rows()).replace("\tA\n", "\tA\tsurplus\n", 1))
    assert "row 2, patient P00: has 7 cells, the header 6" in fault(load, data={"patients": "wide.tsv"})


def test_the_primary_reading_comes_first_whatever_the_order_of_rows(load):
    second = [{**row, "mask": row["mask"] + "2", "reader": "0", "repeat": "1"} for row in image_rows()]
    images = [*second, *({**row, "reader": "1", "repeat": "1"} for row in image_rows())]
    assert load(images=images).readings("P00", "T1") == ["reader1", "reader0"]


def test_selection_by_icc_needs_readings(load):
    signature = {"regions": ["tumour"], "steps": [{"icc": {}}, *STEPS]}
    assert "select by icc, but 0 training patients have a second reading" in fault(load, signatures={"a": signature})


def test_faults_of_files_name_row_patient_and_sequence(load):
    message = fault(load, check_files=lambda image, masks: ["broken"] if "P03/T2" in image else [])
    assert message == "  - images.tsv row 9, patient P03, sequence T2: broken"


def test_all_faults_of_both_tables_come_in_one_message(load):
    rows = with_value(with_value(patient_rows(), 3, y=2), 4, sex="X")
    images = with_value(image_rows(), 1, image="P00/T1.nii.gz")
    with pytest.raises(StudyFault) as caught:
        load(patients=rows, images=images)
    assert "3 faults found" in str(caught.value)


def test_an_unknown_bank_is_a_fault():
    with pytest.raises(StudyFault, match="features.banks.tumour: 'Z' is not a bank"):
        configuration(features={"banks": {"tumour": "Z"}})


def test_a_study_without_an_outcome_needs_no_classes(load):
    described = {"outcome": {}, "signatures": {}, "models": {}}
    rows = [{"patient": "P00", "cohort": "train", "sex": "F", "age": 50}]
    study = load(patients=rows, images=image_rows(1), **described)
    assert not study.predicts
    assert list(study.patients) == ["P00"]
    assert load().predicts


def test_a_random_split_without_an_outcome_draws_from_everybody(load):
    described = {"outcome": {}, "signatures": {}, "models": {}}
    study = load(split={"method": "random", "train_fraction": 0.5}, **described)
    assert len(study.in_cohort("train")) == len(study.in_cohort("internal")) == 12


# times to an event ---------------------------------------------------------------------------------------------------

SURVIVAL = {"type": "survival", "time": "t", "event": "e", "horizons": [12]}
COX = {
    "outcome": SURVIVAL,
    "signatures": {"a": {"regions": ["tumour"], "steps": [{"cox_lasso": {}}]}},
    "models": {"m": {"signatures": ["a"], "estimator": "cox"}},
}


def survival_rows(**values):
    rows = [{**row, "t": 3 + row["age"] / 10, "e": row["y"]} for row in patient_rows()]
    return with_value(rows, 3, **values)


def test_a_study_of_times_to_an_event_is_read_and_its_outcome_table_holds_both(load):
    study = load(survival_rows(), **COX)
    assert study.predicts
    assert outcome_rows(study, ["P01"]) == [{"patient": "P01", "cohort": "train", "time": 7.1, "event": 1}]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"t": -2}, "patients.tsv row 5, patient P03: column t: found -2; a time of zero or more months is needed."),
        ({"t": "soon"}, "row 5, patient P03: column t: found 'soon'; a number of months is needed."),
        ({"e": 2}, "row 5, patient P03: column e: found '2'; allowed are 0 (did not happen) and 1 (happened)."),
        ({"t": ""}, "patients.tsv, patient P03: column t is empty. Add it, or set data.incomplete_patients"),
        ({"e": ""}, "patients.tsv, patient P03: column e is empty."),
    ],
)
def test_a_time_or_event_that_cannot_be_used_is_said_with_its_place(load, values, expected):
    assert expected in fault(load, patients=survival_rows(**values), **COX)


def test_faults_of_times_and_events_come_in_one_go(load):
    rows = with_value(survival_rows(t=-1, e="x"), 4, t="x")
    with pytest.raises(StudyFault, match="3 faults found"):
        load(rows, **COX)


def test_patients_without_follow_up_are_excluded_on_request_with_a_counted_reason(load):
    study = load(survival_rows(t=""), **COX, data={"incomplete_patients": "exclude"})
    assert study.excluded == {"P03": ("outcome_missing", study.excluded["P03"][1])}


def test_a_cohort_needs_events_but_nobody_needs_to_be_censored(load):
    rows = survival_rows()
    everybody = [{**row, "e": 1} for row in rows]
    assert len(load(everybody, **COX).patients) == 24
    nobody = [{**row, "e": 0 if row["cohort"] == "external" else row["e"]} for row in rows]
    assert "cohort external: 0 of 8 patients had the event (column e); nothing can be judged" in fault(
        load, patients=nobody, **COX
    )
    few = [{**row, "e": int(i in (1, 3, 20))} for i, row in enumerate(rows)]
    assert "cohort train: 2 of 16 patients had the event (column e); at least 5 are needed" in fault(
        load, patients=few, **COX
    )


def test_a_random_split_is_stratified_by_the_event(load):
    rows = [{**row, "e": int(i < 12)} for i, row in enumerate(survival_rows())]
    study = load(rows, **COX, split={"method": "random", "train_fraction": 0.5})
    assert sum(study.patients[p]["e"] == "1" for p in study.in_cohort("train")) == 6


def test_harmonisation_needs_the_batch_of_every_patient_and_a_reference_that_trains(load):
    combat = {"method": "combat", "batch": "site"}
    assert load(harmonise=combat).config["harmonise"]["min_patients"] == 10
    missing = with_value(patient_rows(), 2, site="")
    assert "row 4, patient P02: column site is empty; ComBat (harmonise.batch) needs it of every patient." in fault(
        load, patients=missing, harmonise=combat
    )
    assert "column 'scanner' is missing" in fault(load, harmonise={**combat, "batch": "scanner"})
    assert (
        "harmonise.reference_batch is Z, which has no training patient. Batches (column site) that have: A."
        in fault(load, harmonise={**combat, "reference_batch": "Z"})
    )


def test_batches_keep_numbers_as_numbers_and_categories_as_text(load):
    rows = [{**row, "site": i % 2} for i, row in enumerate(patient_rows())]
    study = load(rows, harmonise={"method": "combat", "covariates": ["sex", "age"]})
    stored = batches(study, ["P00", "P01"])
    assert stored == {
        "patients": ["P00", "P01"],
        "values": {"site": ["0", "1"], "sex": ["F", "M"], "age": [40.0, 41.0]},
    }


def applied(load, **arguments):
    """Patients read as those to whom a bundle is applied."""
    return load(bundle="bundle.zip", split={}, data={"incomplete_patients": "exclude"}, **arguments)


def test_models_of_a_bundle_are_applied_to_patients_without_an_outcome_column(load):
    rows = [{name: value for name, value in row.items() if name not in ("y", "cohort")} for row in patient_rows(2)]
    study = applied(load, patients=rows, images=image_rows(2))
    assert study.applied and study.cohorts == {"P00": "external", "P01": "external"}
    assert outcome_rows(study, ["P00"]) == [{"patient": "P00", "cohort": "external", "outcome": None}]


def test_a_patient_whose_outcome_is_unknown_is_predicted_all_the_same(load):
    study = applied(load, patients=with_value(patient_rows(3), 1, y=""), images=image_rows(3))
    assert [row["outcome"] for row in outcome_rows(study, list(study.patients))] == [0, None, 0]


def test_a_patient_without_a_sequence_is_refused_and_the_others_are_predicted(load):
    images = [row for row in image_rows(3) if (row["patient"], row["sequence"]) != ("P01", "T2")]
    study = applied(load, patients=patient_rows(3), images=images)
    assert list(study.patients) == ["P00", "P02"]
    assert study.excluded["P01"][0] == "sequence_missing" and "has no T2" in study.excluded["P01"][1]


def test_where_nobody_can_be_predicted_the_run_stops_and_says_what_is_missing(load):
    images = [row for row in image_rows(1) if row["sequence"] == "T1"]
    assert "patient P00: has no T2 in the images table" in fault(
        lambda **arguments: applied(load, **arguments), patients=patient_rows(1), images=images
    )


def test_a_survival_outcome_in_part_is_a_fault(load):
    outcome = {"type": "survival", "time": "t", "event": "y", "horizons": [12]}
    steps = {"a": {"regions": ["tumour"], "steps": [{"cox_lasso": {}}]}}
    changes = {"outcome": outcome, "signatures": steps, "models": {"m": {"signatures": ["a"], "estimator": "cox"}}}
    message = fault(
        lambda **arguments: applied(load, **arguments), patients=patient_rows(2), images=image_rows(2), **changes
    )
    assert "column 't' is missing" in message
    rows = [{**row, "t": 5 if i else ""} for i, row in enumerate(patient_rows(2))]
    study = applied(load, patients=rows, images=image_rows(2), **changes)
    assert [(row["time"], row["event"]) for row in outcome_rows(study, ["P00", "P01"])] == [(None, None), (5, 1)]
