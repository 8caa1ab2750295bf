"""A study whose features are given in tables: from selection to report without an image."""

import numpy as np
import pandas as pd
import pytest

from applied_study import lines_by_patient, stored_lines
from habitat_radiomics.tables import read_table
from small_study import Checkout, copy_code

BEST = {"inputs": "features", "estimator": "best", "classifiers": ["lda", "naive_bayes"]}
CONFIG = {
    "study": "given",
    "data": {
        "source": "features",
        "folder": "mine",
        "patients": "patients.csv",
        "features": {"T1": {"tumour": "T1.csv"}, "T2": {"tumour": "T2.csv"}},
        "incomplete_patients": "exclude",
    },
    "sequences": {"T1": None, "T2": None},
    "clinical": {"age": {"type": "number"}},
    "outcome": {"column": "y"},
    "split": {"method": "site", "train_sites": ["A"]},
    "signatures": {
        "all": {"regions": ["tumour"], "steps": [{"complete": {}}, {"zscore": {}}, {"lasso": {"folds": 4}}]}
    },
    "models": {
        "score": {"signatures": ["all"]},
        "best": {"signatures": ["all"], **BEST},
        "with_age": {"signatures": ["all"], "clinical": ["age"], **BEST},
    },
    "training": {"folds": 3, "repeats": 1},
    "bootstrap": {"replicates": 0},
    "partial_dependence": {"models": ["with_age"], "points": 5},
    "validation": {"pairs": [["with_age", "best"]]},
}


def write_tables(folder, patients=90):
    """Features of noise and one of signal in each sequence; patient P01 lacks the second."""
    folder.mkdir(exist_ok=True)
    random = np.random.default_rng(3)
    y = np.arange(patients) % 2
    names = [f"P{i:02d}" for i in range(patients)]
    site = np.where(np.arange(patients) < 60, "A", "B")
    table = pd.DataFrame({"patient": names, "y": y, "site": site, "age": random.normal(60 + 4 * y, 8).round()})
    table.to_csv(folder / "patients.csv", index=False)
    for sequence in ("T1", "T2"):
        values = random.normal(size=(patients, 8))
        values[:, 0] += 1.2 * y
        features = pd.DataFrame(values, columns=[f"f{k}" for k in range(8)])
        features.insert(0, "patient", names)
        features.drop(index=1 if sequence == "T2" else []).to_csv(folder / f"{sequence}.csv", index=False)


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    checkout = Checkout(copy_code(tmp_path_factory.mktemp("given")), "given")
    write_tables(checkout.folder / "mine")
    checkout.run(CONFIG)
    return checkout


def change(given, table, patient, column, value):
    path = given.folder / "mine" / table
    content = pd.read_csv(path, dtype=str).set_index("patient")  # every other cell as it is written
    content.loc[patient, column] = str(value)
    content.to_csv(path)


def test_a_study_without_images_ends_in_a_report(given):
    page = (given.results / "report/index.html").read_text()
    for words in ("Features given", "Features were given in tables", "nested cross-validation", "has no row in T2.csv"):
        assert words in page
    assert not (given.results / "preprocess").exists()
    areas = pd.read_csv(given.results / "validate/classifiers.csv")
    assert set(areas["cohort"]) == {"train", "train_cv", "external"}
    assert set(areas["n"]) == {59, 30}
    metrics = pd.read_csv(given.results / "validate/metrics.csv").query("metric == 'auc'")
    metrics = metrics.set_index(["model", "cohort"])
    choice = pd.read_csv(given.results / "validate/choice.csv").set_index("scope")
    for model in ("best", "with_age"):
        assert choice.loc[model, "auc_nested"] == pytest.approx(metrics.loc[(model, "train_cv"), "estimate"], abs=0.05)
        chosen = areas.query("model == @model and chosen and cohort == 'external'")["auc"].item()
        assert metrics.loc[(model, "external"), "estimate"] == pytest.approx(chosen, abs=1e-12)
    assert choice.loc["all", "candidates"] == 4
    curves = read_table(given.results / "validate/with_age/partial_dependence.csv")
    assert set(curves["cohort"]) == {"external"} and set(curves["n"]) == {30}
    assert "all/T1|tumour|f0" in set(curves["predictor"]) and "Risk by the value of an input" in page
    provenance = (given.results / "provenance.json").read_text()
    assert "T1.tumour" in provenance
    credits = pd.read_csv(given.results / "report/checklists/METRICS.csv", dtype=str).set_index("number")["credit"]
    assert credits[["Condition 1", "26", "27"]].tolist() == ["open", "no", "yes"]


def test_only_what_changed_is_computed_again(given):
    assert given.jobs(CONFIG) == {}
    fitted = given.fitted()
    change(given, "T1.csv", "P70", "f3", 5.0)
    jobs = given.jobs(CONFIG)
    assert jobs["import_features"] == 1
    assert "fit_signature" not in jobs
    change(given, "T1.csv", "P10", "f3", 5.0)
    jobs = given.jobs(CONFIG)
    assert jobs["import_features"] == 2
    assert jobs["fit_signature"] == 1
    given.run(CONFIG)
    assert given.fitted().keys() == fitted.keys()
    assert given.fitted() != fitted


def test_the_bundle_of_a_study_of_features_predicts_what_the_study_stored(given):
    data = {name: CONFIG["data"][name] for name in ("folder", "patients", "features")}
    config = {"study": "given_there", "bundle": "results/given/model/bundle.zip", "data": data}
    printed = given.run(config, "--quiet", "rules")
    assert "89 of 90 patients were predicted. Report: results/given_there/report/index.html" in printed
    there, columns = Checkout(given.folder, "given_there"), ["score", "probability", "group"]
    for model in CONFIG["models"]:
        stored = stored_lines(given.results, model, columns)
        found = lines_by_patient(there.results / f"predictions/{model}.csv", columns)
        assert len(found) == 89 and found == stored
    refused = read_table(there.results / "warnings.csv").query("severity == 'refused'")
    assert refused["message"].tolist() == ["P01 is not predicted: has no row in T2.csv."]
    assert there.jobs(config) == {}
