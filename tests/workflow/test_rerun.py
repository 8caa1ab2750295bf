"""Exactly what runs again after a change: by content, never by date, for nobody whom the change does not concern."""

import copy
import csv
import os
import random
import shutil
from contextlib import contextmanager

import pytest

from small_study import CODE, Checkout

# Rules by what they see. A rule of none of these groups is an error in the test: see `test_every_rule_is_in_a_group`.
IMAGE = {"preprocess_image", "normalise_image", "make_regions"}
STABILITY = {"perturb_habitats", "assess_habitat_stability", "draw_habitat_stability"}
HABITATS_LEARNT = STABILITY | {"fit_habitats", "refit_habitats", "draw_habitat_centres", "draw_habitat_count"}
HABITATS_SHOWN = {"collect_habitats", "draw_habitat_montage", "draw_habitat_fractions"}
COHORT = {"describe_cohort", "draw_flow", "describe_groups"}
SIGNATURE = {"fit_signature", "cross_fit_signature", "draw_lasso", "draw_coefficients"}
AGREEMENT = {"assess_reproducibility", "draw_reproducibility"}
MODEL = {"fit_model", "cross_validate_model", "bootstrap_model", "bootstrap_fixed", "merge_bootstrap", "build_nomogram"}
NOMOGRAM = {"draw_nomogram", "write_nomogram_page"}
BUNDLE = {"describe_training", "write_bundle"}
FITTED = SIGNATURE | AGREEMENT | MODEL | NOMOGRAM | BUNDLE | {"describe_factors", "check_leakage"}
SCORES = {"apply_signature", "draw_scores"}
MEASURED = {"measure_models", "measure_calibration", "measure_supplement", "measure_decision", "judge_sample_size"}
MEASURED |= {"audit_numbers", "draw_roc", "draw_calibration", "draw_decision"}
VOLUME = {"measure_volume"}  # of the tumours, against outcomes and selected features: no clinical variable
BINS = {"advise_bin_width"}
REPORT = {"write_provenance", "write_checklists", "write_report"}
FEATURES = {"extract_features", "extract_habitats"}
BY_PATIENT = IMAGE | FEATURES | {"sample_voxels", "label_habitats", "draw_habitats", "draw_regions"}


def name_of(job):
    """A job as text: rule and wildcards."""
    return " ".join([job["rule"], *(value for _, value in sorted(job["wildcards"].items()))])


class Study:
    """A finished study, its jobs by name, and what would run after a change."""

    def __init__(self, own, config, data):
        self.own, self.config, self.data = own, config, data
        plan = own.plan(config)
        assert plan["jobs"] == []
        self.jobs = {name_of(job): job for job in plan["study"]}
        self.rules = {job["rule"] for job in plan["study"]}
        with (own.results / "cohort/outcome.csv").open() as stream:
            self.cohorts = {row["patient"]: row["cohort"] for row in csv.DictReader(stream)}

    def planned(self, config=None):
        """Names of the jobs that would run."""
        return {name_of(job) for job in self.own.plan(config or self.config)["jobs"]}

    def jobs_of(self, *rules, **wildcards):
        """Jobs of some rules in which the wildcards, where they have them, are these."""
        return {
            name
            for name, job in self.jobs.items()
            if job["rule"] in rules
            and all(job["wildcards"].get(key, value) == value for key, value in wildcards.items())
        }

    def patient(self, cohort):
        """The last patient of a cohort, who is not among those drawn on slices."""
        return [patient for patient, other in self.cohorts.items() if other == cohort][-1]

    @contextmanager
    def changed(self, path, change):
        """A file in another state, for a while."""
        content = path.read_bytes()
        path.write_bytes(change(content))
        try:
            yield
        finally:
            path.write_bytes(content)

    @property
    def patients_table(self):
        return self.data / "patients.tsv"


@pytest.fixture(scope="module")
def study(own_data):
    study = Study(*own_data)
    yield study
    assert study.planned() == set()  # every change was taken back: nothing is left to run


def other_bytes(content):
    """The same image, compressed differently."""
    return content + b"\0"


def cell(patient, column, value):
    """A change of one cell of a table."""

    def change(content):
        rows = list(csv.DictReader(content.decode().splitlines(), delimiter="\t"))
        next(row for row in rows if row["patient"] == patient)[column] = value
        return "\n".join("\t".join(row) for row in [rows[0].keys(), *(row.values() for row in rows)]).encode() + b"\n"

    return change


def without(patient):
    return lambda content: b"".join(
        line for line in content.splitlines(keepends=True) if not line.startswith(patient.encode() + b"\t")
    )


def reversed_rows(content):
    header, *rows = content.splitlines(keepends=True)
    return b"".join([header, *reversed(rows)])


def after_a_validation_patient(study):
    """What sees the features of validation patients, and nothing that is learnt."""
    return study.jobs_of("collect_features", part="validation") | study.jobs_of(
        *COHORT, *HABITATS_SHOWN, *SCORES, "predict_model", *MEASURED, *VOLUME, *REPORT
    )


def after_the_features(study):
    """What sees the features of training patients: everything learnt and everything measured."""
    applied = *SCORES, "predict_model", *MEASURED, *VOLUME
    return study.jobs_of("collect_features", *BINS, *COHORT, *FITTED, *applied, *REPORT)


def test_every_rule_is_in_a_group(study):
    groups = (
        BY_PATIENT | HABITATS_LEARNT | HABITATS_SHOWN | COHORT | FITTED | SCORES | MEASURED | VOLUME | BINS | REPORT
    )
    assert study.rules - groups == {"fit_intensity_scale", "collect_features", "predict_model"}


def test_a_copied_or_cloned_checkout_runs_nothing(study, tmp_path):
    copied = tmp_path / "a copy/deeper"
    ignored = shutil.ignore_patterns("small")  # the results of another study
    shutil.copytree(study.own.folder, copied, copy_function=shutil.copyfile, ignore=ignored)
    assert Checkout(copied, "own").plan(study.config)["jobs"] == []

    # A clone: all code is younger than the results. Snakemake's records are lost, the results keep their dates.
    shutil.rmtree(copied / ".snakemake")
    shutil.rmtree(copied / "results")
    shutil.copytree(study.own.results, copied / "results/own")
    for name in CODE:
        for file in [copied / name, *(copied / name).rglob("*")]:
            os.utime(file)
    assert Checkout(copied, "own").plan(study.config)["jobs"] == []


def test_other_dates_of_files_run_nothing(study):
    files = [file for file in study.own.folder.rglob("*") if file.is_file() and ".snakemake" not in file.parts]
    dates = {file: file.stat().st_mtime_ns for file in files}
    random.Random(1).shuffle(files)
    for number, file in enumerate(files):
        os.utime(file, (1_700_000_000 + number, 1_700_000_000 + number))
    assert study.planned() == set()
    for file, date in dates.items():
        os.utime(file, ns=(date, date))


def test_one_image_of_a_test_patient_runs_that_scan_and_what_is_measured_on_test_patients(study):
    patient = study.patient("external")
    with study.changed(study.data / patient / "T1.nii.gz", other_bytes):
        assert study.planned() == (
            study.jobs_of(*IMAGE, *FEATURES, "label_habitats", patient=patient, sequence="T1")
            | after_a_validation_patient(study)
        )


def test_one_image_of_a_training_patient_moves_the_habitats_of_all_and_nobodys_tumour_features(study):
    patient = study.patient("train")
    with study.changed(study.data / patient / "T1.nii.gz", other_bytes):
        assert study.planned() == (
            study.jobs_of(*IMAGE, *FEATURES, "sample_voxels", patient=patient, sequence="T1")
            | study.jobs_of(*HABITATS_LEARNT, *HABITATS_SHOWN, "label_habitats", "draw_habitats", "extract_habitats")
            | after_the_features(study)
        )


def test_one_mask_of_a_test_patient_runs_that_scan(study):
    patient = study.patient("internal")
    with study.changed(study.data / patient / "T2.r1.nii.gz", other_bytes):
        assert study.planned() == (
            study.jobs_of(*IMAGE, "extract_features", patient=patient, sequence="T2")
            | after_a_validation_patient(study) - study.jobs_of(*HABITATS_SHOWN)
        )


def test_one_mask_of_a_training_patient_moves_the_landmarks_of_its_sequence(study):
    patient = study.patient("train")
    with study.changed(study.data / patient / "T2.r1.nii.gz", other_bytes):
        assert study.planned() == (
            study.jobs_of("preprocess_image", "make_regions", patient=patient, sequence="T2")
            | study.jobs_of("fit_intensity_scale", "normalise_image", "extract_features", sequence="T2")
            | study.jobs_of("draw_regions")
            | after_the_features(study)
        )


def test_a_clinical_value_of_a_training_patient_runs_the_models_that_use_it(study):
    with study.changed(study.patients_table, cell(study.patient("train"), "age", "33")):
        with_age = [study.jobs_of(*MODEL, "predict_model", model=model) for model in ("clinical", "combined")]
        assert study.planned() == set().union(
            *with_age,
            study.jobs_of(*COHORT, *NOMOGRAM, *BUNDLE, "describe_factors", "check_leakage", *MEASURED, *REPORT),
        )


def test_a_clinical_value_of_a_test_patient_runs_predictions_only(study):
    with study.changed(study.patients_table, cell(study.patient("external"), "sex", "")):
        assert study.planned() == study.jobs_of("predict_model", model="clinical") | study.jobs_of(
            *COHORT, *MEASURED, *REPORT
        )


def test_a_column_that_nothing_uses_runs_nothing_but_the_record(study):
    with study.changed(study.patients_table, cell(study.patient("train"), "diagnosis", "other")):
        assert study.planned() == study.jobs_of(*REPORT)


def test_an_outcome_of_a_training_patient_runs_every_fit_and_no_image(study):
    value = {"0": "1", "1": "0"}[outcome_of(study, patient := study.patient("train"))]
    with study.changed(study.patients_table, cell(patient, "progression", value)):
        assert study.planned() == (
            study.jobs_of(*FITTED - AGREEMENT, *COHORT, *SCORES, "predict_model", "draw_habitat_fractions")
            | study.jobs_of(*MEASURED, *VOLUME, *REPORT)
        )


def outcome_of(study, patient):
    with study.patients_table.open() as stream:
        return next(row["progression"] for row in csv.DictReader(stream, delimiter="\t") if row["patient"] == patient)


def test_an_outcome_of_a_test_patient_runs_what_is_measured(study):
    value = {"0": "1", "1": "0"}[outcome_of(study, patient := study.patient("external"))]
    with study.changed(study.patients_table, cell(patient, "progression", value)):
        assert study.planned() == study.jobs_of(
            *COHORT, "draw_scores", "draw_habitat_fractions", "predict_model", *MEASURED, *VOLUME, *REPORT
        )


@contextmanager
def changed_tables(study, change):
    """Both tables in another state, for a while."""
    with study.changed(study.patients_table, change), study.changed(study.data / "images.tsv", change):
        yield


def steps_of(study, patient, name):
    """What runs for one test patient alone, under another name."""
    jobs = study.jobs_of(*BY_PATIENT, patient=patient) - study.jobs_of("draw_habitats", "draw_regions")
    return {" ".join(name if part == patient else part for part in job.split(" ")) for job in jobs}


def test_a_removed_test_patient_leaves_every_table_and_runs_no_image(study):
    with changed_tables(study, without(study.patient("external"))):
        assert study.planned() == after_a_validation_patient(study)


def test_a_renamed_test_patient_is_another_patient(study):
    patient = study.patient("external")
    with changed_tables(study, lambda content: content.replace(f"\n{patient}\t".encode(), b"\nNew-1\t")):
        assert study.planned() == steps_of(study, patient, "New-1") | after_a_validation_patient(study)


def test_an_added_test_patient_runs_that_patient(study):
    patient = study.patient("external")
    shutil.copytree(study.data / patient, study.data / "New-1")

    def added(content):
        lines = content.splitlines(keepends=True)
        return content + b"".join(
            line.replace(patient.encode(), b"New-1") for line in lines if line.startswith(patient.encode())
        )

    try:
        with changed_tables(study, added):
            assert study.planned() == steps_of(study, patient, "New-1") | after_a_validation_patient(study)
    finally:
        shutil.rmtree(study.data / "New-1")


def test_a_training_patient_moved_to_the_test_cohort_runs_every_fit_and_no_preprocessing(study):
    with study.changed(study.patients_table, cell(study.patient("train"), "cohort", "external")):
        assert study.planned() == (
            study.jobs_of("fit_intensity_scale", "normalise_image", "extract_features", sequence="T2")
            | study.jobs_of(*HABITATS_LEARNT, *HABITATS_SHOWN, "label_habitats", "draw_habitats", "extract_habitats")
            | study.jobs_of("draw_regions")
            | after_the_features(study)
        )


def test_changes_are_told_in_words_and_nothing_on_disk_changes(study):
    files = [file for file in study.own.folder.rglob("*") if file.is_file() and "__pycache__" not in file.parts]
    config = copy.deepcopy(study.config)
    config["features"]["bin_width"] = 20
    patient = study.patient("external")
    with study.changed(study.data / patient / "T1.nii.gz", other_bytes):
        before = {file: (file.stat().st_mtime_ns, file.stat().st_ino) for file in files if file.name != "study.yaml"}
        said = study.own.tool("list_changes", config).splitlines()
        found = {file for file in study.own.folder.rglob("*") if file.is_file() and "__pycache__" not in file.parts}
        assert {file: (file.stat().st_mtime_ns, file.stat().st_ino) for file in before} == before
        assert found == set(files)
    assert f"of {len(study.jobs)} jobs would run." in said[0]
    (image,) = [
        line for line in said if line.startswith(f"{patient}: preprocess image (T1), because its image changed")
    ]
    assert "sha256" in image
    width = "because settings.bin_width changed from 25 to 20"
    assert f"all {len(study.cohorts)} patients: extract features (T1), {width}" in said
    assert f"{patient}: normalise image (T1)" in said[said.index("") :]


def test_the_cost_of_a_change_is_told_from_the_jobs_that_have_run(study):
    config = copy.deepcopy(study.config)
    config["features"]["bin_width"] = 20
    said = study.own.tool("estimate_cost", config, "--cores", "2").splitlines()
    (row,) = [line for line in said if line.startswith("extract features ")]
    count = len(study.jobs_of("extract_features"))
    assert row.split()[2] == str(count)
    assert row.endswith(f"{count} finished jobs")
    planned = study.jobs_of(*FEATURES, *STABILITY) | after_the_features(study)
    (total,) = [line for line in said if line.startswith(f"{len(planned)} jobs, ")]
    assert "on 2 cores" in total


def test_reordered_rows_run_nothing_but_the_record(study):
    with study.changed(study.patients_table, reversed_rows), study.changed(study.data / "images.tsv", reversed_rows):
        assert study.planned() == study.jobs_of(*REPORT)


def test_the_bin_width_runs_the_features_of_all_and_no_image_or_habitat(study):
    config = copy.deepcopy(study.config)
    config["features"]["bin_width"] = 20
    assert study.planned(config) == study.jobs_of(*FEATURES, *STABILITY) | after_the_features(study)


def test_a_parameter_of_the_selection_runs_the_models_with_that_signature(study):
    config = {**study.config, "signatures": copy.deepcopy(study.config["signatures"])}
    steps = copy.deepcopy(config["signatures"]["tumour"]["steps"])
    next(step for step in steps if "correlation" in step)["correlation"]["threshold"] = 0.85
    config["signatures"]["tumour"]["steps"] = steps
    models = [name for name, model in config["models"].items() if "tumour" in model.get("signatures", [])]
    assert len(models) < len(config["models"])
    assert study.planned(config) == set().union(
        *(study.jobs_of(*MODEL, "predict_model", model=model) for model in models),
        study.jobs_of(*SIGNATURE, *SCORES, signature="tumour"),
        study.jobs_of(*NOMOGRAM, *BUNDLE, "check_leakage", *MEASURED, *VOLUME, *REPORT),
    )


def test_a_caption_runs_the_report_only(study):
    with study.changed(study.own.folder / "workflow/report/roc.rst", lambda content: content + b"\nOne more.\n"):
        assert study.planned() == study.jobs_of("write_report")


def test_a_function_of_the_library_runs_the_rules_that_reach_it(study):
    library = study.own.folder / "scripts/habitat_radiomics"
    with study.changed(library / "figures_scores.py", lambda content: content + b"\nCHANGED = 1\n"):
        assert study.planned() == study.jobs_of("draw_scores", "write_report")
    with study.changed(library / "collect.py", lambda content: content + b"\nCHANGED = 1\n"):
        assert study.planned() == after_the_features(study)
