import numpy as np
import pandas as pd
import pytest

from habitat_radiomics.validation import all_comparisons, all_metrics, combine_predictions, model_table
from oracles.oracle import Oracle


def haemorrhage():
    """The aSAH data set as predictions of two models in one cohort."""
    oracle = Oracle("roc_asah")
    table = oracle.table()
    y = table["y"] if "y" in table else (table["outcome"] == "Poor").astype(int)
    index = [f"P{i:03d}" for i in range(len(table))]
    outcome = pd.DataFrame({"cohort": "external", "outcome": y.to_numpy()}, index=index)
    nothing = pd.DataFrame({"fold": [], "score": [], "probability": []}, index=[])
    models = {}
    for name in ("s100b", "ndka"):
        prediction = pd.DataFrame({"score": table[name].to_numpy(float), "probability": 0.5}, index=index)
        models[name] = combine_predictions(
            prediction, nothing, outcome, threshold=np.ravel(oracle["youden.s100b"]["threshold"])[0]
        )
    return oracle, models


def test_the_auc_and_its_interval_are_those_of_r():
    oracle, models = haemorrhage()
    table = all_metrics(models, {"s100b": 0.2, "ndka": 10}, level=0.95, proportion_method="wilson")
    row = table.query("model == 's100b' and metric == 'auc'").iloc[0]
    expected = oracle["auc_delong.s100b"]
    assert row["estimate"] == pytest.approx(expected["auc"], abs=1e-10)
    assert row["n"] == 113
    assert row["ci_low"] < row["estimate"] < row["ci_high"]


def test_proportions_at_the_cut_off_are_those_of_r_and_are_k_over_n():
    oracle, models = haemorrhage()
    expected = oracle["youden.s100b"]
    table = all_metrics(
        models, {"s100b": np.ravel(expected["threshold"])[0], "ndka": 10}, level=0.95, proportion_method="wilson"
    )
    table = table.query("model == 's100b' and metric != 'auc'").set_index("metric")
    for metric in ("accuracy", "sensitivity", "specificity", "ppv", "npv"):
        assert table.loc[metric, "estimate"] == pytest.approx(np.ravel(expected[metric])[0], abs=1e-10)
        assert table.loc[metric, "estimate"] == table.loc[metric, "k"] / table.loc[metric, "n"]


def test_every_model_is_compared_with_the_reference_on_the_same_patients():
    _, models = haemorrhage()
    models["ndka"] = models["ndka"].sample(frac=1, random_state=0)
    table = all_comparisons(models, reference="s100b", level=0.95)
    assert list(table["model"]) == ["ndka"]
    again = all_comparisons({**models, "same": models["s100b"]}, reference="s100b", level=0.95).set_index("model")
    assert again.loc["same", "p"] == 1
    assert again.loc["ndka", "difference"] == table.loc[0, "difference"] < 0


def test_a_study_with_one_model_has_an_empty_table_of_comparisons():
    _, models = haemorrhage()
    table = all_comparisons({"s100b": models["s100b"]}, reference="s100b", level=0.95)
    assert table.empty
    assert "p" in table


def test_cross_validated_predictions_stand_beside_the_apparent_ones():
    index = ["P1", "P2", "P3"]
    outcome = pd.DataFrame({"cohort": ["train", "train", "external"], "outcome": [0, 1, 1]}, index=index)
    prediction = pd.DataFrame({"score": [0.0, 1.0, 2.0], "probability": [0.5, 0.7, 0.9]}, index=index)
    resampled = pd.DataFrame({"fold": [0, 1], "score": [3.0, -1.0], "probability": [0.9, 0.2]}, index=index[:2])
    table = combine_predictions(prediction, resampled, outcome, threshold=1.0)
    assert list(table["cohort"]) == ["train", "train", "train_cv", "train_cv", "external"]
    assert list(table["group"]) == ["low", "high", "high", "low", "high"]


def test_without_a_cut_off_nobody_gets_a_group_and_proportions_say_why():
    _, models = haemorrhage()
    table = all_metrics({"s100b": models["s100b"]}, {"s100b": np.nan}, level=0.95, proportion_method="wilson")
    assert table.query("metric != 'auc'")["estimate"].isna().all()
    assert table.query("metric != 'auc'")["note"].str.len().min() > 0


def test_further_pairs_are_tested_beside_the_reference_and_none_twice():
    _, models = haemorrhage()
    models["third"] = models["ndka"].assign(score=lambda table: -table["score"])
    pairs = [["third", "ndka"], ["ndka", "s100b"]]
    found = all_comparisons(models, reference="s100b", level=0.95, pairs=pairs)
    named = list(zip(found["model"], found["reference"], strict=True))
    assert named == [("ndka", "s100b"), ("third", "s100b"), ("third", "ndka")]
    assert found["difference"].iloc[2] == pytest.approx(found["difference"].iloc[1] - found["difference"].iloc[0])


def test_the_model_table_puts_the_measures_of_a_model_side_by_side_with_its_test():
    oracle, models = haemorrhage()
    cutoff = np.ravel(oracle["youden.s100b"]["threshold"])[0]
    metrics = all_metrics(models, {"s100b": cutoff, "ndka": 10}, level=0.95, proportion_method="wilson")
    tests = all_comparisons(models, reference="s100b", level=0.95, pairs=[["s100b", "ndka"]])
    table = model_table(metrics, tests, reference="s100b").set_index("model")
    assert table.loc["s100b", "auc"] == pytest.approx(oracle["auc_delong.s100b"]["auc"], abs=1e-10)
    assert table.loc["s100b", "sensitivity"] == pytest.approx(np.ravel(oracle["youden.s100b"]["sensitivity"])[0])
    assert np.isnan(table.loc["s100b", "p_delong"])
    assert table.loc["ndka", "p_delong"] == tests["p"].iloc[0]
    assert (table["n"] == 113).all()
    assert (table["accuracy_low"] < table["accuracy"]).all()
