"""What rests on an input is seen on patients that the model has not seen."""

import numpy as np
import pandas as pd
import pytest
from test_signature import cohort
from test_signature import pipeline as signature_pipeline

from habitat_radiomics.figures_importance import draw_importance
from habitat_radiomics.importance import COLUMNS, cohort_importance, cross_validated_importance
from habitat_radiomics.model import build_model, cross_validated_prediction, fit_model
from habitat_radiomics.roc import auc
from habitat_radiomics.style import figure_bytes

VARIABLES = {"signal": {"type": "number"}, "noise": {"type": "category", "levels": ["a", "b"]}}
PERMUTATIONS = {"permutations": 20}


def clinical(n=80, seed=0):
    random = np.random.default_rng(seed)
    y = pd.Series(np.arange(n) % 2, index=[f"P{i:03d}" for i in range(n)])
    table = pd.DataFrame(
        {"signal": random.normal(size=n) + 2 * y, "noise": random.choice(["a", "b"], n)}, index=y.index
    )
    return table, y


def model(estimator="logistic"):
    return build_model(signatures=[], variables=VARIABLES, estimator=estimator, folds=3)


def test_the_auc_falls_to_chance_without_the_only_input_that_tells():
    table, y = clinical()
    fitted = fit_model(model(), table, y)
    new, truth = clinical(n=200, seed=1)
    found = cohort_importance(fitted, new, truth, cohort="external", **PERMUTATIONS, seed=3).set_index("predictor")
    assert list(found.index) == ["signal", "noise"]
    assert found.loc["signal", "auc"] - found.loc["signal", "fall"] == pytest.approx(0.5, abs=0.05)
    assert found.loc["noise", "fall"] == pytest.approx(0, abs=0.02)
    assert (found["lowest"] <= found["fall"]).all()
    assert (found["fall"] <= found["highest"]).all()


def test_order_of_inputs_and_patients_outside_leave_no_trace():
    table, y = clinical()
    fitted = fit_model(model(), table, y)
    first = cohort_importance(fitted, table, y, cohort="internal", **PERMUTATIONS, seed=3)
    again = cohort_importance(
        fitted, table.assign(other=1)[["other", "noise", "signal"]], y, cohort="internal", **PERMUTATIONS, seed=3
    )
    pd.testing.assert_frame_equal(first, again)


def test_in_cross_validation_every_fold_is_judged_on_patients_it_did_not_see():
    features, outcome = cohort(n=60)
    signatures = {"s": (signature_pipeline(features), list(features.columns))}
    data = {"features": features, "clinical": pd.DataFrame(index=features.index), "outcome": outcome}
    data |= {"scores": "apparent", "folds": 3, "repeats": 1, "seed": 1}
    chain = build_model(signatures=["s"], variables={}, estimator="lda", inputs="features", folds=3)
    found = cross_validated_importance(signatures, chain, data, **PERMUTATIONS)
    assert list(found) == COLUMNS
    predicted = cross_validated_prediction(signatures, chain, **data)
    assert found["auc"].unique() == [auc(outcome, predicted["score"])]
    assert found["folds"].between(1, 3).all()
    assert found["folds"].max() == 3
    assert found.iloc[0]["fall"] > 0.05
    assert set(found["n"]) == {60}


def test_noise_that_a_machine_leans_on_is_worth_nothing_to_others():
    random = np.random.default_rng(2)
    names = [f"n{k}" for k in range(12)]
    y = pd.Series(np.arange(60) % 2, index=[f"P{i:03d}" for i in range(60)])
    table = pd.DataFrame(random.normal(size=(60, 12)), y.index, names)
    others = pd.DataFrame(random.normal(size=(800, 12)), columns=names)
    noise = build_model(signatures=[], variables=dict.fromkeys(names, {"type": "number"}), estimator="svm", folds=3)
    fitted = fit_model(noise, table, y)
    seen = cohort_importance(fitted, table, y, cohort="train", **PERMUTATIONS, seed=3)
    truth = pd.Series(np.arange(800) % 2)
    unseen = cohort_importance(fitted, others, truth, cohort="external", **PERMUTATIONS, seed=3)
    assert seen["fall"].mean() > 0.02
    assert abs(unseen["fall"].mean()) < 0.01


def test_the_figure_names_inputs_in_words_and_says_where_they_were_not_used():
    table, y = clinical()
    fitted = fit_model(model(), table, y)
    held_out = cohort_importance(fitted, table, y, cohort="train_cv", **PERMUTATIONS, seed=3)
    external = cohort_importance(fitted, table, y, cohort="external", **PERMUTATIONS, seed=3).query(
        "predictor == 'signal'"
    )
    labels = {"signal": "Signal (units)", "noise": "Noise"}
    figure = draw_importance(pd.concat([held_out, external]), label="M", labels=labels, permutations=20)
    left, right = figure.axes
    assert [tick.get_text() for tick in left.get_yticklabels()] == ["Signal (units)", "Noise"]
    assert [text.get_text().strip() for text in right.texts] == ["not selected"]
    assert not len(left.texts)
    assert figure_bytes(figure, ".svg").startswith(b"<?xml")
