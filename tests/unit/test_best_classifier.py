"""The best of several classifiers: chosen by held-out scores, the simpler where the difference is chance."""

import numpy as np
import pandas as pd
import pytest
from test_signature import cohort
from test_signature import pipeline as signature_pipeline

from habitat_radiomics import classifiers
from habitat_radiomics.best_classifier import BestClassifier, simplest_within_one_error
from habitat_radiomics.cutoff import learn_cutoff
from habitat_radiomics.model import build_model, cross_validated_prediction, cutoff_scores, fit_chain, model_prediction
from habitat_radiomics.persist import load_object, save_object
from habitat_radiomics.roc import auc

KINDS = ("tuned_svm", "knn", "penalised_logistic")


@pytest.fixture(autouse=True)
def small_forests(monkeypatch):
    monkeypatch.setattr(classifiers, "TREES", 5)


def rows(**areas):
    return [{"classifier": name, "auc": area, "standard_error": error} for name, (area, error) in areas.items()]


def test_the_simplest_within_one_standard_error_of_the_largest_is_chosen():
    assert simplest_within_one_error(rows(mlp=(0.80, 0.03), knn=(0.78, 0.2), lda=(0.76, 0.2))) == "knn"
    assert simplest_within_one_error(rows(mlp=(0.80, 0.05), knn=(0.78, 0.0), lda=(0.76, 0.0))) == "lda"
    assert simplest_within_one_error(rows(mlp=(0.80, 0.00), knn=(0.79, 0.5))) == "mlp"
    assert simplest_within_one_error(rows(mlp=(0.80, np.nan), knn=(0.80, np.nan))) == "knn"


def test_a_ring_is_left_to_a_classifier_that_can_see_it():
    random = np.random.default_rng(3)
    X = random.normal(size=(160, 2))
    y = (np.square(X).sum(axis=1) < 1.3).astype(int)
    fitted = BestClassifier(classifiers=KINDS, folds=4).fit(X, y)
    table = pd.DataFrame(fitted.candidates_).set_index("classifier")
    assert fitted.choice_ == "tuned_svm" == table.index[table["chosen"]].item()
    assert table.loc["penalised_logistic", "auc"] < 0.7 < 0.9 < table.loc["tuned_svm", "auc"]
    assert "support vector machine (rbf kernel" in fitted.method_
    assert "chosen of 3" in fitted.method_


def chain(features, outcome, kinds=KINDS):
    signatures = {"s": (signature_pipeline(features), list(features.columns))}
    model = build_model(signatures=["s"], variables={}, estimator="best", inputs="features", folds=3, classifiers=kinds)
    data = {"features": features, "clinical": pd.DataFrame(index=features.index), "outcome": outcome}
    return signatures, model, {**data, "scores": "cross_fitted", "folds": 3, "repeats": 1, "seed": 1}


def test_choice_and_calibration_come_from_whole_chains_that_did_not_see_the_patient():
    features, outcome = cohort(n=60, signal=0.0, seed=4)
    signatures, model, data = chain(features, outcome)
    fitted = fit_chain(signatures, model, **data)
    estimator = fitted.model["estimator"]
    table = cross_validated_prediction(signatures, model, **data)
    for row in estimator.candidates_:
        assert row["auc"] == pytest.approx(auc(outcome, table[f"score:{row['classifier']}"]), abs=1e-12)
    on_its_own = BestClassifier(classifiers=KINDS, folds=3).fit(
        fitted.model[:-1].transform(fitted.predictors(features, data["clinical"])), outcome.to_numpy()
    )
    seen = max(row["auc"] for row in on_its_own.candidates_)
    assert max(row["auc"] for row in estimator.candidates_) < seen - 0.1  # noise, selected on the same patients


def test_the_cross_validation_repeats_the_choice_and_holds_a_patient_out_of_it():
    features, outcome = cohort(n=60)
    signatures, model, data = chain(features, outcome, kinds=("penalised_logistic", "knn"))
    before = cross_validated_prediction(signatures, model, **data)
    assert set(before["choice"]) <= {"penalised_logistic", "knn"}
    assert before.groupby("fold")["choice_auc"].nunique().eq(1).all()
    changed = features.copy()
    changed.loc["P000"] *= 50
    after = cross_validated_prediction(signatures, model, **{**data, "features": changed})
    fold = before.index[before["fold"] == before.loc["P000", "fold"]].drop("P000")
    pd.testing.assert_frame_equal(before.loc[fold], after.loc[fold])


def test_the_cut_off_is_learnt_on_held_out_scores():
    features, outcome = cohort(n=60, signal=0.0, seed=4)
    signatures, model, data = chain(features, outcome, kinds=("random_forest", "lda"))
    fitted = fit_chain(signatures, model, **data)
    predictors = fitted.predictors(features, data["clinical"])
    held_out, own = cutoff_scores(fitted.model, predictors), model_prediction(fitted.model, predictors)["score"]
    table = cross_validated_prediction(signatures, model, **data)
    best = fitted.model["estimator"]
    assert auc(outcome, held_out) == pytest.approx(
        max(auc(outcome, table[f"score:{best.choice_}"]), 0.5 * (best._best().slope_ == 0)), abs=1e-12
    )
    assert learn_cutoff(outcome, held_out) != learn_cutoff(outcome, own)


def test_what_is_stored_is_read_back_exactly(tmp_path):
    features, outcome = cohort(n=60)
    signatures, model, data = chain(features, outcome, kinds=("lda", "random_forest"))
    fitted = fit_chain(signatures, model, **data)
    save_object(tmp_path / "a", fitted.model)
    save_object(tmp_path / "b", fit_chain(signatures, model, **data).model)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    predictors = fitted.predictors(features, data["clinical"])
    pd.testing.assert_frame_equal(
        model_prediction(load_object(tmp_path / "a"), predictors), model_prediction(fitted.model, predictors)
    )
