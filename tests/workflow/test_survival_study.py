"""A study of times to an event from end to end, on the images of the small study; and where nothing is to be found."""

import copy
import json
import shutil

import numpy as np
import pandas as pd
import pytest
from lifelines import CoxPHFitter

from applied_study import apply_bundle, lines_by_patient, stored_lines
from habitat_radiomics.log_rank import log_rank
from habitat_radiomics.model import build_model, fit_chain
from habitat_radiomics.outcome import discrimination
from habitat_radiomics.simulate_tables import simulate_tables
from habitat_radiomics.tables import read_by_patient, read_table
from small_study import CONFIG, Checkout, change_cell

COX_STEPS = [
    {"complete": {}},
    {"zscore": {}},
    {"univariable_cox": {"alpha": 0.2}},
    {"correlation": {"threshold": 0.9}},
    {"cox_lasso": {"folds": 5}},
]
SURVIVAL = {
    **copy.deepcopy(CONFIG),
    "study": "survival",
    "outcome": {"type": "survival", "time": "time_months", "event": "event", "horizons": [24], "label": "progression"},
    "harmonise": {"method": "combat", "covariates": ["age"]},
    "signatures": {"habitat": {"regions": ["zone*"], "steps": [{"stable": {"threshold": 0.6}}, *COX_STEPS]}},
    "training": {"repeats": 1},
    "bootstrap": {"replicates": 4, "chunks": 1},
    "permutations": {"replicates": 3, "chunks": 2},
    "models": {
        "clinical": {"clinical": ["age", "sex"], "estimator": "cox"},
        "combined": {"signatures": ["habitat"], "clinical": ["age"], "estimator": "cox"},
    },
    "report": {"patients": ["P001"], "review": False},
}


@pytest.fixture(scope="module")
def survival(checkout):
    """The small study's images and features with an outcome of times, run to the end."""
    shutil.copytree(checkout.results, checkout.folder / "results/survival")
    study = Checkout(checkout.folder, "survival")
    study.run(SURVIVAL)
    return study


def test_a_survival_study_ends_with_a_report_and_a_second_run_has_nothing_to_do(survival):
    metrics = read_table(survival.results / "validate/metrics.csv")
    row = metrics.query("model == 'combined' and cohort == 'external' and metric == 'c_harrell'").iloc[0]
    assert f"{row['estimate']:.2f}" in (survival.results / "report/index.html").read_text()
    assert read_table(survival.results / "quality/audit.csv")["passed"].all()
    assert survival.jobs(SURVIVAL) == {}


def test_the_planted_covariate_and_the_planted_texture_are_found(survival):
    predictions = read_table(survival.results / "validate/combined/predictions.csv").set_index("cohort")
    found = {name: discrimination(rows, rows["score"]) for name, rows in _by_cohort(predictions)}
    assert found["external"] > 0.6, found
    factors = read_table(survival.results / "train/clinical_factors.csv").query("analysis == 'univariable'")
    age = factors[factors["variable"] == "age"].iloc[0]
    assert age["hazard_ratio"] > 1
    assert age["p_lr"] < 0.05


def test_the_planted_habitat_and_the_planted_covariate_are_independent_factors(survival):
    factors = read_table(survival.results / "validate/score_factors.csv").query("analysis == 'multivariable'")
    factors = factors[factors["variable"].isin(["habitat", "age"])].set_index(["cohort", "variable"])
    assert len(factors) == 6 and (factors["hazard_ratio"] > 1).all()
    assert (factors.loc["external", "p_lr"] < 0.05).all()

    predictions = read_by_patient(survival.results / "validate/combined/predictions.csv")
    patients = pd.read_csv(survival.results / "tables/patients.tsv", sep="\t", index_col="patient")
    scores = [
        read_by_patient(survival.results / f"select/habitat/{name}.csv") for name in ("cross_fitted_scores", "scores")
    ]
    score = pd.concat([part["score"] for part in scores]).groupby(level=0).first()
    table = predictions[["cohort", "time", "event"]].assign(habitat=score, age=patients["age"]).dropna()
    pooled = CoxPHFitter().fit(table, "time", "event", strata="cohort").summary
    assert (pooled["coef"] > 0).all() and (pooled["p"] < 0.05).all(), pooled


def _by_cohort(predictions):
    return [(name, predictions.loc[[name], ["time", "event", "score"]]) for name in predictions.index.unique()]


def test_what_is_stored_of_a_survival_study_fits_together(survival):
    results = survival.results
    stored = read_table(results / "validate/combined/predictions.csv")
    assert list(stored) == ["patient", "cohort", "time", "event", "score", "risk_24", "group"]
    cutoff = json.loads((results / "train/combined/cutoff.json").read_text())
    assert ((stored["score"] > cutoff["threshold"]) == (stored["group"] == "high")).all()
    curves = read_table(results / "validate/combined/survival.csv")
    assert (curves[["patient", "cohort"]] == stored[["patient", "cohort"]]).all(axis=None)
    times = np.array([float(name) for name in curves.columns[2:]])
    at_24 = curves.iloc[:, 2:].to_numpy()[:, np.searchsorted(times, 24, side="right") - 1]
    np.testing.assert_allclose(1 - at_24, stored["risk_24"], rtol=0, atol=1e-12)
    report = json.loads((results / "quality/leakage.json").read_text())
    assert max(report["checked"].values()) <= report["training"]
    baseline = pd.concat(map(read_table, (results / "bootstrap/combined").glob("*.baseline.csv")))
    assert set(baseline["replicate"]) == set(range(5))


def test_a_group_changed_by_hand_stops_the_study(survival):
    path = survival.results / "validate/combined/predictions.csv"
    before = path.read_bytes()
    table = read_table(path)
    table.loc[0, "group"] = {"high": "low", "low": "high"}[table.loc[0, "group"]]
    table.to_csv(path, index=False)
    output = survival.run(SURVIVAL, "--", "results/survival/quality/audit.csv", check=False)
    assert "Error in rule audit_survival" in output
    log = (survival.results / "logs/audit_survival.log").read_text()
    assert "combined, train: must hold: groups follow from score and cut; found 1 otherwise, expected none." in log
    path.write_bytes(before)
    survival.run(SURVIVAL, "--quiet", "all")
    assert read_table(survival.results / "quality/audit.csv")["passed"].all()


def test_the_judged_tables_speak_of_the_same_patients(survival):
    validate = survival.results / "validate"
    groups = read_table(validate / "risk_groups.csv").query("model == 'combined' and subgroup == 'all'")
    metrics = read_table(validate / "metrics.csv").query("model == 'combined' and metric == 'c_harrell'")
    sizes = metrics.set_index("cohort")[["n", "events"]]
    assert (groups.set_index("cohort")[["n", "events"]].loc[sizes.index] == sizes).all(axis=None)
    bootstrap = read_table(validate / "combined/bootstrap.csv").set_index("statistic")
    assert bootstrap.loc["c_harrell", "resamples"] == 4 and np.isfinite(bootstrap.loc["ibs", "corrected_632"])
    fixed = read_table(validate / "combined/bootstrap_fixed_features.csv").set_index("statistic")
    assert np.isfinite(fixed.loc["c_harrell", "corrected"])
    sizes = read_table(validate / "sample_size.csv").set_index("model")
    assert sizes.loc["clinical", "candidates"] == 2 and sizes.loc["combined", "candidates"] > 50
    factors = read_table(validate / "score_factors.csv")
    assert {"habitat", "age", "sex"} == set(factors["variable"])


def test_permuted_outcomes_are_fitted_and_validated_anew(survival):
    permuted = read_table(survival.results / "validate/permutations.csv")
    assert set(permuted["permutation"]) == {0, 1, 2, 3}
    assert {"internal", "external", "train_cv"} == set(permuted["cohort"])
    test = read_table(survival.results / "validate/permutation_test.csv").set_index("cohort")
    metrics = read_table(survival.results / "validate/metrics.csv").set_index(["model", "cohort", "metric"])
    for cohort in ("internal", "external"):
        study = metrics.loc[("combined", cohort, "c_harrell"), "estimate"]
        assert test.loc[cohort, "observed"] == pytest.approx(study, abs=1e-12)
    assert "permutations" in (survival.results / "report/index.html").read_text()


@pytest.fixture
def own_patients(own_data):
    """The table of patients of the own data, as it was again afterwards."""
    path = own_data[2] / "patients.tsv"
    before = path.read_bytes()
    yield path
    path.write_bytes(before)


def test_a_changed_test_patient_of_a_survival_study_changes_nothing_that_was_learnt(own_data, own_patients):
    own, own_config, _ = own_data
    config = {**SURVIVAL, "study": "own_survival", "data": own_config["data"], "bootstrap": {"replicates": 0}}
    del config["demo"], config["permutations"]
    study = Checkout(own.folder, "own_survival")
    shutil.copytree(own.results, study.results)
    study.run(config)
    before = study.fitted()
    assert {path.split("/")[0] for path in before} >= {"select", "train"}
    cohorts = read_table(study.results / "cohort/outcome.csv")
    patient = cohorts.query("cohort == 'external'")["patient"].iloc[0]
    for column, change in (
        ("event", lambda old: 1 - int(old)),
        ("time_months", lambda old: float(old) / 2),
        ("age", lambda old: int(old) - 9),
    ):
        change_cell(own_patients, patient, column, change)

    jobs = study.jobs(config)
    assert jobs["predict_model"] == len(config["models"]) and jobs["measure_survival"] == 1
    fits = {"fit_signature", "cross_fit_signature", "fit_model", "cross_validate_model", "describe_factors"}
    assert not ({"preprocess_image", "extract_features", "assess_reproducibility"} | fits) & set(jobs)
    study.run(config)
    assert study.fitted() == before
    study.run(config, "-R", "fit_signature", "cross_fit_signature", "fit_model")
    assert study.fitted() == before


def test_on_null_cohorts_survival_is_predicted_no_better_than_by_chance(checkout):
    training, others = (
        read_by_patient(checkout.results / f"features/{part}.parquet") for part in ("training", "validation")
    )
    found, p_values = [], []
    for seed in range(1, 6):
        patients, _, _ = simulate_tables({**CONFIG["demo"], "outcome": "null", "outcome_seed": seed})
        table = pd.DataFrame(patients).set_index("patient")
        clinical, outcome = (
            table[["age"]].astype(float),
            table[["time_months", "event"]].set_axis(["time", "event"], axis=1),
        )
        chain = fit_chain(
            {"tumour": _signature(training)},
            build_model(signatures=["tumour"], variables={"age": {"type": "number"}}, estimator="cox", horizons=(24,)),
            **{"features": training, "clinical": clinical.loc[training.index], "outcome": outcome.loc[training.index]},
            **{"scores": "cross_fitted", "folds": 5, "repeats": 1, "seed": seed},
        )
        score = chain(others, clinical.loc[others.index])["score"]
        truth = outcome.loc[others.index]
        found.append(discrimination(truth, score))
        p_values.append(log_rank(truth["time"], truth["event"], score > score.median()).p)
    assert abs(np.mean(found) - 0.5) < 0.1, found
    assert np.median(p_values) > 0.1, p_values


def test_the_bundle_of_a_survival_study_predicts_what_the_study_stored(survival, clinic):
    clinic, about = clinic
    there = Checkout(clinic.folder, "survival_there")
    for name in (
        "state",
        "preprocess",
        "regions",
        "habitats",
        "features",
    ):  # as they were made with the bundle of the small study
        shutil.copytree(clinic.results / name, there.results / name)
    shutil.copy(clinic.results / "apply.yaml", there.results)
    apply_bundle(there, survival.results / "model/bundle.zip", about["tables"], "survival_there", "--quiet", "rules")
    columns = ["score", "risk_24", "group"]
    for model in SURVIVAL["models"]:
        stored = stored_lines(survival.results, model, columns)
        found = lines_by_patient(there.results / f"predictions/{model}.csv", columns)
        moved = found.pop(about["moved"])
        assert len(found) == 10 and found == {patient: stored[patient] for patient in found}
        assert (moved == stored[about["moved"]]) == (model == "clinical")  # ComBat does not know the new centre
        curves = read_table(there.results / f"predictions/{model}.survival.csv").set_index("patient")
        known = read_table(survival.results / f"validate/{model}/survival.csv").query("cohort != 'train_cv'")
        assert (curves.loc[list(found)] == known.set_index("patient").loc[list(found), list(curves)]).all(axis=None)
    warned = read_table(there.results / "warnings.csv").query("kind == 'site'")
    assert warned["patient"].tolist() == [about["moved"]]
    assert "not in the training and fewer than 10 patients: left as it is" in warned["message"].iloc[0]
    updates = read_table(there.results / "validate/recalibration.csv")
    assert set(zip(updates["model"], updates["horizon"], strict=True)) == {("clinical", 24), ("combined", 24)}
    page = (there.results / "report/index.html").read_text()
    assert "C-index" in page and "Recalibrated figures are fitted on the very patients" in page


def _signature(features):
    from habitat_radiomics.signature import build_signature

    columns = [column for column in features if column.split("|")[1] == "tumour"]
    return build_signature(COX_STEPS, seed=1, survival=True), columns
