"""A study from end to end, and what runs again when something changes."""

import copy
import json
import subprocess
import sys

import numpy as np
import pandas as pd
import SimpleITK as sitk

from habitat_radiomics.model import fit_chain
from habitat_radiomics.model_inputs import model_inputs, model_pipeline, model_signatures
from habitat_radiomics.nomogram import probabilities, read_nomogram, total_points
from habitat_radiomics.tables import read_by_patient, read_table
from small_study import CONFIG, ROOT, change_cell


def metrics(checkout):
    return read_table(checkout.results / "validate/metrics.csv").set_index(["model", "cohort", "metric"])


def test_a_study_ends_with_a_report_and_a_second_run_has_nothing_to_do(checkout):
    page = (checkout.results / "report/index.html").read_text()
    auc = metrics(checkout).loc[("combined", "external", "auc"), "estimate"]
    assert f"{auc:.2f}" in page
    clear, metrics_list = (
        read_table(checkout.results / f"report/checklists/{name}.csv") for name in ("CLEAR", "METRICS")
    )
    assert f"external validation {auc:.2f} (" in clear.set_index("number").loc[47, "answer"]
    assert metrics_list.set_index("number").loc[["4", "14", "27"], "credit"].tolist() == ["yes"] * 3
    assert checkout.jobs(CONFIG) == {}


def test_the_counts_of_the_flow_close(checkout):
    flow = read_table(checkout.results / "cohort/flow.csv").set_index("step")["patients"]
    assert flow["screened"] == flow["included"] + flow.get("excluded", pd.Series(0)).sum()
    assert flow["included"] == flow["cohort"].sum() == 48


def test_every_learnt_object_saw_training_patients_only(checkout):
    report = json.loads((checkout.results / "quality/leakage.json").read_text())
    names = " ".join(report["checked"])
    for part in (
        "signature.skops",
        "model.skops",
        "cutoff.json",
        "fitted_on.json",
        "intensity_scale.T2.json",
        "habitats.json",
        "feature_stability.json",
    ):
        assert part in names
    assert max(report["checked"].values()) <= report["training"]


def test_the_stored_predictions_are_those_of_the_whole_chain(checkout):
    results = checkout.results
    settings = json.loads((results / "state/model.combined.json").read_text())
    features = read_by_patient(results / "features/training.parquet")
    paths = [str(results / f"cohort/training_{kind}.csv") for kind in ("clinical", "outcome")]
    clinical, outcome = model_inputs(settings, *paths, [results / "quality/training.csv"], [])
    predict = fit_chain(
        model_signatures(settings, features, [results / "reproducibility/icc.csv"]),
        model_pipeline(settings),
        features=features,
        clinical=clinical,
        outcome=outcome,
        **{name: settings[name] for name in ("scores", "folds", "repeats", "seed")},
    )
    others = read_by_patient(results / "features/validation.parquet")
    table = pd.read_csv(results / "cohort/clinical.csv", dtype={"patient": str}).set_index("patient").loc[others.index]
    stored = read_table(results / "validate/combined/predictions.csv")
    stored = stored[stored["cohort"].isin(["internal", "external"])].set_index("patient").loc[others.index]
    np.testing.assert_allclose(stored["probability"], predict(others, table)["probability"], rtol=1e-9)


def test_the_planted_signal_is_found(checkout):
    table = metrics(checkout)
    assert table.loc[("radiomics", "train_cv", "auc"), "estimate"] > 0.6
    assert table.loc[("combined", "external", "auc"), "ci_high"] > 0.75


def test_on_null_cohorts_validation_is_at_chance_and_habitats_do_not_beat_the_whole_tumour(checkout):
    found, by_model = [], []
    for seed in range(1, 6):
        config = copy.deepcopy(CONFIG)
        config["demo"].update(outcome="null", outcome_seed=seed)
        target = "results/small/validate/metrics.csv"
        assert set(checkout.jobs(config, "--", target)) <= COHORT_STEPS
        checkout.run(config, "--quiet", "all", "--", target)
        table = metrics(checkout).reset_index().query("metric == 'auc' and cohort in ('internal', 'external')")
        found.append(np.average(table["estimate"], weights=table["n"]))
        weighted = table.assign(estimate=table["estimate"] * table["n"]).groupby("model")[["estimate", "n"]].sum()
        by_model.append(weighted["estimate"] / weighted["n"])
    assert abs(np.mean(found) - 0.5) < 0.1, found
    mean = pd.concat(by_model, axis=1).mean(axis=1)
    # 18 patients validate: the standard error of a mean of five AUCs is 0.06, of their difference 0.08.
    assert abs(mean["habitat"] - 0.5) < 0.15, mean
    assert mean["habitat"] - mean["radiomics"] < 0.2, mean
    checkout.run(CONFIG, "--quiet", "all")


COHORT_STEPS = {
    "collect_features",
    "describe_cohort",
    "assess_reproducibility",
    "fit_intensity_scale",
    "normalise_image",
    "extract_features",
    "sample_voxels",
    "fit_habitats",
    "label_habitats",
    "extract_habitats",
    "refit_habitats",
    "perturb_habitats",
    "assess_habitat_stability",
    "fit_signature",
    "cross_fit_signature",
    "apply_signature",
    "fit_model",
    "cross_validate_model",
    "predict_model",
    "measure_models",
}


def test_changing_a_test_patient_runs_that_patient_and_leaves_everything_learnt_as_it_was(own_data):
    own, config, data = own_data
    assert own.jobs(config) == {}
    before = own.fitted()
    assert len(before) >= 10
    cohorts = read_table(own.results / "cohort/outcome.csv")
    patient = cohorts.query("cohort == 'external'")["patient"].iloc[0]

    image = sitk.ReadImage(data / patient / "T1.nii.gz")
    sitk.WriteImage(
        image + 7 * sitk.Cast(image > 20, image.GetPixelID()), data / patient / "T1.nii.gz", useCompression=True
    )
    change_cell(data / "patients.tsv", patient, "progression", lambda value: str(1 - int(value)))

    jobs = own.jobs(config)
    for rule in (
        "preprocess_image",
        "normalise_image",
        "make_regions",
        "label_habitats",
        "extract_features",
        "extract_habitats",
        "collect_features",
    ):
        assert jobs[rule] == 1 or rule == "make_regions", (rule, jobs)
    assert not {
        "sample_voxels",
        "fit_habitats",
        "assess_habitat_stability",
        "fit_intensity_scale",
        "assess_reproducibility",
        "fit_signature",
        "cross_fit_signature",
        "fit_model",
        "describe_factors",
        "bootstrap_model",
        "merge_bootstrap",
    } & set(jobs)
    own.run(config)
    assert own.fitted() == before

    # And fitted once more with the changed patient in the study: the same bytes.
    own.run(config, "--force", "--quiet", "all", "--", "results/own/preprocess/intensity_scale.T2.json")
    fits = ("assess_reproducibility", "fit_signature", "fit_model")
    own.run(config, "--forcerun", *fits, "--quiet", "all", "--", *(f"results/own/{name}" for name in before))
    assert own.fitted() == before


def test_a_changed_training_patient_relearns_habitats_but_leaves_the_tumours_of_the_others(own_data):
    own, config, data = own_data
    cohorts = read_table(own.results / "cohort/outcome.csv")
    scan = data / cohorts.query("cohort == 'train'")["patient"].iloc[0] / "T1.nii.gz"
    content = scan.read_bytes()
    image = sitk.ReadImage(scan)
    sitk.WriteImage(image + 7 * sitk.Cast(image > 20, image.GetPixelID()), scan, useCompression=True)
    try:
        jobs = own.jobs(config)
    finally:
        scan.write_bytes(content)
    assert jobs["preprocess_image"] == jobs["extract_features"] == jobs["fit_habitats"] == 1
    assert jobs["extract_habitats"] == jobs["label_habitats"] == len(cohorts)


def test_a_printed_number_that_does_not_follow_from_the_predictions_stops_the_run(checkout, tmp_path):
    results = checkout.results
    audit = read_table(results / "quality/audit.csv")
    assert len(audit) > 300
    assert audit["passed"].all()
    table = read_table(results / "validate/metrics.csv")
    table.loc[table["metric"] == "accuracy", "estimate"] += 0.01
    table.to_csv(tmp_path / "metrics.csv", index=False)
    done = run_audit(results, tmp_path / "metrics.csv", tmp_path / "checks.csv")
    assert done.returncode != 0
    assert "AuditError" in done.stderr
    assert "accuracy: estimate follows from the predictions" in done.stderr
    assert not (tmp_path / "checks.csv").exists()


def run_audit(results, metrics_path, checks_path):
    models = list(CONFIG["models"])
    command = [sys.executable, "scripts/audit_numbers.py", "--settings", results / "state/audit_numbers.json"]
    command += ["--predictions", *(results / f"validate/{model}/predictions.csv" for model in models)]
    command += ["--cutoffs", *(results / f"train/{model}/cutoff.json" for model in models)]
    command += ["--metrics", metrics_path, "--comparisons", results / "validate/comparisons.csv"]
    command += ["--funnels", *(results / f"select/{name}/funnel.csv" for name in CONFIG["signatures"])]
    command += ["--flow", results / "cohort/flow.csv", "--checks", checks_path]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def test_the_bootstrap_is_the_same_in_any_number_of_chunks(checkout, tmp_path):
    results, name = checkout.results, "combined"
    assert len(list((results / f"bootstrap/{name}").glob("*of3.parquet"))) == 3
    inputs = ["--outcome", results / "cohort/training_outcome.csv"]
    chunk = [tmp_path / "1of1.parquet", tmp_path / "1of1.selected.csv"]
    run_script(
        "bootstrap_model",
        *("--settings", results / f"state/bootstrap.{name}.json", "--chunk", "1of1", *inputs),
        *("--clinical", results / "cohort/training_clinical.csv", "--quality", results / "quality/training.csv"),
        *("--features", results / "features/training.parquet", "--icc", results / "reproducibility/icc.csv"),
        *("--predictions", chunk[0], "--selected", chunk[1]),
    )
    files = {
        "--statistics": "bootstrap.csv",
        "--curve": "bootstrap_curve.csv",
        "--frequency": "selection_frequency.csv",
    }
    outputs = [part for option, file in files.items() for part in (option, tmp_path / file)]
    settings = ["--settings", results / f"state/merge_bootstrap.{name}.json"]
    run_script("merge_bootstrap", *settings, *inputs, "--predictions", chunk[0], "--selected", chunk[1], *outputs)
    for file in files.values():
        assert (tmp_path / file).read_bytes() == (results / f"validate/{name}" / file).read_bytes(), file


def test_the_bootstrap_starts_from_the_study_itself(checkout):
    table = read_table(checkout.results / "validate/combined/bootstrap.csv").set_index("statistic")
    stored = metrics(checkout).loc[("combined", "train", "auc"), "estimate"]
    assert abs(table.loc["auc", "train"] - table.loc["auc", "test"] - table.loc["auc", "optimism"]) < 1e-12
    assert table.loc["auc", "optimism"] > 0
    assert table.loc["auc", "corrected_632"] < table.loc["auc", "corrected"] <= table.loc["auc", "apparent"]
    assert abs(table.loc["auc", "apparent"] - stored) < 0.15  # one repeat of cross-fitting where the study has five


def run_script(name, *arguments):
    command = [sys.executable, f"scripts/{name}.py", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_nomogram_is_the_headline_model(checkout):
    results = checkout.results
    nomogram = read_nomogram(json.loads((results / "train/combined/nomogram.json").read_text()))
    stored = read_table(results / "validate/combined/predictions.csv").query("cohort == 'external'")
    stored = stored.set_index("patient")["probability"]
    patients = read_by_patient(results / "select/tumour/scores.csv").rename(columns={"score": "tumour"})
    patients = patients.join(read_by_patient(results / "cohort/clinical.csv")["age"]).loc[stored.index].dropna()
    found = probabilities(nomogram, total_points(nomogram, patients))["Risk of progression"]
    np.testing.assert_allclose(found, stored.loc[patients.index], rtol=0, atol=1e-12)
    assert "Risk of progression" in (results / "report/nomogram.html").read_text()


def test_a_permutation_test_is_run_on_request_only(checkout):
    assert not list((checkout.results / "figures").glob("permutation*"))
    asked = {**CONFIG, "permutations": {"replicates": 5, "chunks": 2}}
    jobs = checkout.jobs(asked, "--", "permutation")
    assert (jobs["permute_model"], jobs["merge_permutations"], jobs["draw_permutation"]) == (2, 1, 1)
    assert "permutations.replicates is 0" in checkout.run(CONFIG, "--dry-run", "--", "permutation", check=False)
