"""Tables of calibration and decision curves by cohort, against scikit-learn and against counting."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, brier_score_loss

from example_results import SIZES, example_patients, example_predictions
from habitat_radiomics.calibration import calibration_summary
from habitat_radiomics.cohort_tables import (
    calibration_curves,
    calibration_measures,
    decision_curves,
    precision_table,
    reclassification,
)


@pytest.fixture(scope="module")
def predictions():
    random = np.random.default_rng(7)
    patients = example_patients(random, SIZES)
    return {name: example_predictions(random, patients, strength) for name, strength in (("a", 0.5), ("b", 1.5))}


def of(table, **chosen):
    for name, value in chosen.items():
        table = table[table[name] == value]
    return table


def test_every_model_is_measured_in_every_cohort(predictions):
    table = calibration_measures(predictions, level=0.95, groups=5)
    assert set(zip(table["cohort"], table["model"], strict=True)) == {
        (cohort, model) for cohort in ("train", "train_cv", "internal", "external") for model in "ab"
    }
    patients = of(predictions["b"], cohort="external")
    row = of(table, model="b", cohort="external", metric="brier").iloc[0]
    assert row["estimate"] == pytest.approx(brier_score_loss(patients["outcome"], patients["probability"]), abs=1e-12)
    assert (row["n"], row["events"]) == (len(patients), patients["outcome"].sum())


def test_degrees_of_freedom_are_lost_only_where_the_model_was_fitted(predictions):
    table = calibration_measures(predictions, level=0.95, groups=5)
    tests = of(table, model="a", metric="hosmer_lemeshow").set_index("cohort")["method"]
    assert tests["train"] == "chi-square, 5 groups, 3 df"
    assert tests["train_cv"] == tests["external"] == "chi-square, 5 groups, 5 df"
    patients = of(predictions["a"], cohort="train")
    expected = calibration_summary(patients["outcome"], patients["probability"], groups=5).set_index("metric")
    found = of(table, model="a", cohort="train").set_index("metric")
    assert found.loc["hosmer_lemeshow", "p"] == expected.loc["hosmer_lemeshow", "p"]


def test_a_corrected_curve_belongs_to_the_training_patients(predictions):
    corrected = {"a": pd.DataFrame({"at": [0.4, 0.5, 0.6], "corrected": [0.45, 0.5, 0.55]})}
    curves = calibration_curves(predictions, resamples=20, seed=1, level=0.9, corrected=corrected)
    assert of(curves, model="a", cohort="train")["corrected"].tolist() == [0.45, 0.5, 0.55]
    others = curves[(curves["model"] != "a") | (curves["cohort"] != "train")]
    assert others["corrected"].isna().all()


def test_net_benefit_is_counted_in_every_cohort(predictions):
    curves = decision_curves(predictions, thresholds=(0.1, 0.9), resamples=20, seed=1, level=0.95)
    for cohort in ("train_cv", "external"):
        patients = of(predictions["a"], cohort=cohort)
        treated, y = patients["probability"] >= 0.25, patients["outcome"] == 1
        expected = ((treated & y).sum() - (treated & ~y).sum() / 3) / len(y)
        row = of(curves, cohort=cohort, model="a", threshold=0.25).iloc[0]
        assert row["net_benefit"] == pytest.approx(expected, abs=1e-12)
    assert curves["threshold"].min() == 0.1
    assert curves["threshold"].max() == 0.9


def test_average_precision_stands_beside_the_share_of_events(predictions):
    table = precision_table(predictions, level=0.95)
    patients = of(predictions["b"], cohort="internal")
    row = of(table, model="b", cohort="internal").iloc[0]
    assert row["estimate"] == pytest.approx(average_precision_score(patients["outcome"], patients["score"]), abs=1e-12)
    assert row["prevalence"] == patients["outcome"].mean()


def test_reclassification_pairs_the_models_by_patient(predictions):
    shuffled = {"a": predictions["a"].sample(frac=1, random_state=1), "b": predictions["b"]}
    chosen = {"reference": "a", "model": "b", "cutoffs": [0.5], "level": 0.95}
    table = reclassification(shuffled, **chosen)
    ours, theirs = (of(predictions[name], cohort="external").set_index("patient") for name in "ba")
    change, y = ours["probability"] - theirs["probability"], ours["outcome"] == 1
    row = of(table, cohort="external", metric="idi").iloc[0]
    assert row["estimate"] == pytest.approx(change[y].mean() - change[~y].mean(), abs=1e-12)
    assert {"nri_continuous", "nri_categorical", "idi"} <= set(table["metric"])


def test_without_a_pair_or_with_one_class_there_is_nothing_to_compare(predictions):
    chosen = {"cutoffs": [], "level": 0.95}
    assert reclassification(predictions, reference="b", model="b", **chosen).empty
    alike = {name: table.assign(outcome=1) for name, table in predictions.items()}
    assert reclassification(alike, reference="a", model="b", **chosen).empty
    assert precision_table(alike, level=0.95).empty
