"""Classifiers side by side, and what having chosen the best of them is worth."""

import numpy as np
import pandas as pd
import pytest

from habitat_radiomics.best_classifier import BestClassifier
from habitat_radiomics.classifier_tables import ALL, choice_table, classifier_areas, fold_auc, repeated_choice
from habitat_radiomics.figures_classifiers import draw_classifiers
from habitat_radiomics.model import build_model, cross_validated_prediction, fit_chain, score_table
from habitat_radiomics.roc import auc, auc_with_interval
from habitat_radiomics.style import figure_bytes

KINDS = ("knn", "lda")
CHEAP = ("lda", "naive_bayes")
SETTINGS = {"folds": 3, "repeats": 1, "seed": 1}


def by_patient(**columns):
    return pd.DataFrame(columns, index=[f"P{i}" for i in range(len(next(iter(columns.values()))))])


def study(n=60, signal=1.0):
    """A model of one clinical variable: fitted on the first patients, with its cross-validation and all outcomes."""
    random = np.random.default_rng(0)
    y = np.arange(2 * n) % 2
    table = by_patient(age=random.normal(size=2 * n) + signal * y)
    outcome = by_patient(cohort=np.repeat(["train", "internal"], n), outcome=y)
    model = build_model(
        signatures=[], variables={"age": {"type": "number"}}, estimator="best", folds=3, seed=1, classifiers=KINDS
    )
    train = outcome["cohort"] == "train"
    data = {"features": None, "clinical": table[train], "outcome": outcome.loc[train, "outcome"], "scores": "apparent"}
    chain = fit_chain({}, model, **data, **SETTINGS)
    table_cv = cross_validated_prediction({}, model, **data, **SETTINGS)
    return chain.model, score_table(chain.model, table), table_cv, outcome


def test_every_classifier_is_measured_in_every_cohort_and_one_is_chosen():
    fitted, scores, table_cv, outcome = study()
    areas = classifier_areas("m", fitted, scores, table_cv, outcome, level=0.95).set_index(["classifier", "cohort"])
    assert len(areas) == 6
    internal = outcome["cohort"] == "internal"
    by_hand = auc(outcome.loc[internal, "outcome"], scores.loc[internal, "score:knn"])
    assert areas.loc[("knn", "internal"), "auc"] == by_hand
    train = outcome.loc[~internal, "outcome"]
    assert areas.loc[("lda", "train_cv"), "auc"] == auc(train, table_cv["score:lda"])
    assert areas["chosen"].groupby("cohort").sum().eq(1).all()
    assert areas.loc[(fitted["estimator"].choice_, "train"), "chosen"]


def test_what_is_left_of_the_best_when_the_choice_is_repeated():
    outcome = by_patient(y=[0, 1, 0, 1])["y"]
    fold, chosen_by = [0, 0, 1, 1], {"a": [0.9, 0.9, 0.6, 0.6], "b": [0.7, 0.7, 0.8, 0.8]}
    scores = {"a": [1.0, 2.0, 5.0, 4.0], "b": [3.0, 1.0, 11.0, 12.0]}
    tables = {
        name: by_patient(fold=fold, score=scores[name], choice_auc=chosen_by[name], **{f"score:{kind}": candidate})
        for name, kind, candidate in (("a", "lda", [0, 1, 0, 0]), ("b", "knn", [0, 0, 0, 1]))
    }
    tables["a"]["score:mlp"] = [0, 1, 5, 6]
    assert repeated_choice(tables)["score"].tolist() == [1.0, 2.0, 11.0, 12.0]  # of a in the first fold, then of b
    rows = [("a", "lda", 0.9, True), ("a", "mlp", 0.95, False), ("b", "knn", 0.8, True)]
    areas = pd.DataFrame(rows, columns=["model", "classifier", "auc", "chosen"]).assign(cohort="train_cv", events=2)
    table = choice_table(areas, tables, outcome, level=0.95).set_index("scope")
    assert table.loc[ALL, ["model", "classifier", "candidates", "n"]].tolist() == ["a", "lda", 3, 4]
    assert table.loc[ALL, ["auc_nested", "auc_chosen", "auc_largest"]].tolist() == [1.0, 0.75, 1.0]
    assert table.loc[ALL, "optimism"] == -0.25
    assert table.loc["a", ["auc_nested", "optimism", "optimism_largest"]].tolist() == [0.5, 0.25, 0.5]
    assert list(choice_table(areas.head(2), {"a": tables["a"]}, outcome, level=0.95)["scope"]) == ["a"]


def test_the_auc_within_folds_does_not_compare_patients_of_different_folds():
    random = np.random.default_rng(0)
    y, fold = np.tile([0, 1], 20), np.repeat([0, 1], 20)
    table = by_patient(fold=fold, score=random.normal(size=40) + y + 100 * fold)
    outcome = by_patient(y=y)["y"]
    first, second = (auc_with_interval(y[fold == k], table["score"].to_numpy()[fold == k]) for k in (0, 1))
    found = fold_auc(outcome, table, "score", 0.95)
    assert found.estimate == pytest.approx((first.auc + second.auc) / 2)
    assert found.estimate - found.ci_low == pytest.approx(1.959964 * np.sqrt(first.variance + second.variance) / 2)


def test_a_choice_among_models_needs_the_same_folds():
    tables = {name: by_patient(fold=folds, score=[0.0, 1.0], choice_auc=[0.5, 0.5]) for name, folds in FOLDS.items()}
    with pytest.raises(ValueError, match="different folds"):
        repeated_choice(tables)


FOLDS = {"a": [0, 1], "b": [1, 0]}


def test_the_best_of_noise_looks_better_than_the_repeated_choice_gives():
    random = np.random.default_rng(1)
    y = by_patient(y=np.arange(80) % 2)["y"]
    gains = []
    for _ in range(3):
        tables, rows = {}, []
        for name in ("a", "b", "c", "d"):
            data = {"features": None, "clinical": pd.DataFrame({"x": random.normal(size=80)}, index=y.index)}
            model = build_model(
                signatures=[], variables={"x": {"type": "number"}}, estimator="best", folds=3, classifiers=CHEAP
            )
            tables[name] = cross_validated_prediction({}, model, **data, outcome=y, scores="apparent", **SETTINGS)
            fitted = BestClassifier(classifiers=CHEAP, folds=3, seed=1).fit(data["clinical"].to_numpy(), y.to_numpy())
            rows += [{**row, "model": name, "cohort": "train_cv"} for row in fitted.candidates_]
        gains.append(choice_table(pd.DataFrame(rows), tables, y, level=0.95).iloc[-1]["optimism_largest"])
    assert np.mean(gains) > 0.05


def test_the_heat_map_names_every_classifier_and_frames_the_chosen():
    fitted, scores, table_cv, outcome = study()
    areas = classifier_areas("m", fitted, scores, table_cv, outcome, level=0.95)
    figure = draw_classifiers(areas, models=[{"name": "m", "label": "Age alone"}], level=0.95)
    panels = figure.axes[:2]
    assert [len(panel.patches) for panel in panels] == [1, 1]
    assert [label.get_text() for label in panels[0].get_yticklabels()] == [
        "linear discriminant\nanalysis",
        "k nearest neighbours",
    ]
    assert panels[0].get_title(loc="left") == "Training, cross-validated\n(n = 60, 30 events)"
    assert figure_bytes(figure, ".png").startswith(b"\x89PNG")
