"""The best of several signatures: chosen by cross-validation in training, and in every resample anew."""

import numpy as np
import pandas as pd
import pytest
from test_signature import cohort
from test_signature import pipeline as signature_pipeline

from habitat_radiomics.best_of import CANDIDATE_COLUMNS, BestSignature, candidate_table
from habitat_radiomics.model import build_model, cross_validated_prediction, fit_chain
from habitat_radiomics.persist import load_object, save_object
from habitat_radiomics.resampling import bootstrap_chunk
from habitat_radiomics.roc import auc
from habitat_radiomics.signature import (
    cross_fitted_scores,
    fit_signature,
    penalty_path,
    selected_features,
    selection_funnel,
    signature_coefficients,
    signature_score,
)

STEPS = [{"zscore": {}}, {"select_k_best": {"k": 10}}, {"lasso": {"folds": 4, "rule": "min"}}]
RESAMPLING = {"folds": 4, "repeats": 1, "seed": 5}


def best(features, steps=STEPS, **parts):
    """Best of signatures, each of some columns of the features (by slice)."""
    candidates = [
        (name, signature_pipeline(features, steps=steps), list(features.columns[part])) for name, part in parts.items()
    ]
    return BestSignature(candidates=candidates, folds=4, seed=5)


PARTS = {"noise": slice(100, 150), "signal": slice(0, 50), "other": slice(150, 200)}


def test_the_candidate_with_the_best_cross_validated_auc_is_chosen_and_fitted_to_all():
    features, outcome = cohort()
    fitted = fit_signature(best(features, **PARTS), features, outcome)
    table = candidate_table(fitted).set_index("signature")
    assert list(table.index) == list(PARTS)
    assert fitted.choice_ == "signal" == table["auc"].idxmax()
    assert table.index[table["chosen"]].tolist() == ["signal"]
    alone = fit_signature(signature_pipeline(features, steps=STEPS), features.iloc[:, :50], outcome)
    pd.testing.assert_series_equal(signature_score(fitted, features), signature_score(alone, features))
    scores = cross_fitted_scores(
        signature_pipeline(features, steps=STEPS), features.iloc[:, :50], outcome, **RESAMPLING
    )
    assert table.loc["signal", "auc"] == auc(outcome, scores["score"])


def test_funnel_coefficients_and_path_are_those_of_the_chosen_one():
    features, outcome = cohort()
    fitted = fit_signature(best(features, **PARTS), features, outcome)
    funnel = selection_funnel(fitted)
    assert funnel["step"].tolist() == ["extracted", "best_of", "zscore", "select_k_best", "lasso"]
    assert funnel["features"].tolist()[:4] == [150, 50, 50, 10]
    assert funnel["note"].iloc[1] == "chosen: signal"
    pd.testing.assert_frame_equal(signature_coefficients(fitted), signature_coefficients(fitted.chosen_))
    pd.testing.assert_frame_equal(penalty_path(fitted), penalty_path(fitted.chosen_))
    assert list(selected_features(fitted, features)) == list(signature_coefficients(fitted)["feature"].iloc[1:])


def test_of_equals_the_first_is_chosen():
    features, outcome = cohort()
    fitted = fit_signature(best(features, b=slice(0, 50), a=slice(0, 50)), features, outcome)
    assert candidate_table(fitted)["auc"].nunique() == 1
    assert fitted.choice_ == "b"


def test_a_candidate_that_selects_nothing_has_auc_one_half():
    features, outcome = cohort(n=40, features=40, signal=0.0, seed=1)
    balanced = np.tile([-1.0, -1.0, 1.0, 1.0], 10)[:, None] + 0.01 * np.random.default_rng(0).normal(size=(40, 3))
    features = features.iloc[:, :3] * 0 + balanced  # unrelated to the outcome, which alternates
    steps = [{"zscore": {}}, {"lasso": {"folds": 4, "rule": "1se"}}]
    fitted = fit_signature(best(features, steps=steps, a=slice(0, 2), b=slice(1, 3)), features, outcome)
    assert candidate_table(fitted)["auc"].tolist() == [0.5, 0.5]
    assert len(signature_coefficients(fitted)) == 1
    assert signature_score(fitted, features).nunique() == 1


def test_a_signature_of_its_own_has_no_candidates():
    features, outcome = cohort()
    table = candidate_table(fit_signature(signature_pipeline(features), features, outcome))
    assert table.empty
    assert list(table) == CANDIDATE_COLUMNS


def test_only_the_columns_of_the_chosen_one_are_needed_for_new_patients():
    features, outcome = cohort()
    fitted = fit_signature(best(features, **PARTS), features, outcome)
    assert signature_score(fitted, features.iloc[:, :50]).equals(signature_score(fitted, features))


def test_other_patients_leave_the_stored_choice_unchanged_to_the_byte(tmp_path):
    features, outcome = cohort()
    training = features.index[:40]
    for name, factor in (("a", 1), ("b", 100)):
        table = features.copy()
        table.loc[features.index[40:]] *= factor
        save_object(tmp_path / name, fit_signature(best(features, **PARTS), table.loc[training], outcome[training]))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    loaded = load_object(tmp_path / "a")
    assert loaded.choice_ == "signal"
    assert len(loaded.fitted_on_) == 40
    assert len(signature_score(loaded, features)) == 60


@pytest.mark.parametrize("inputs", ["scores", "features"])
@pytest.mark.parametrize("estimator", ["logistic", "svm"])
def test_validation_patients_leave_a_whole_fitted_chain_unchanged_to_the_byte(tmp_path, estimator, inputs):
    features, outcome = cohort()
    train = features.index[:44]
    model = build_model(signatures=["s"], variables={}, estimator=estimator, inputs=inputs, folds=4)
    stored = []
    for factor in (1, 100):
        table = features.copy()
        table.loc[features.index[44:]] *= factor
        data = {"features": table.loc[train], "clinical": pd.DataFrame(index=train), "outcome": outcome[train]}
        signatures = {"s": (best(features, **PARTS), list(features.columns))}
        chain = fit_chain(signatures, model, **data, scores="cross_fitted", **RESAMPLING)
        save_object(tmp_path / "model", chain.model)
        stored.append((tmp_path / "model").read_bytes())
    assert stored[0] == stored[1]


def chain_of_best(features, outcome):
    model = build_model(signatures=["s"], variables={}, estimator="logistic")
    data = {"features": features, "clinical": pd.DataFrame(index=features.index), "outcome": outcome}
    return {"s": (best(features, **PARTS), list(features.columns))}, model, {**data, "scores": "apparent", **RESAMPLING}


def test_cross_validation_repeats_the_choice_without_the_patient():
    features, outcome = cohort()
    signatures, model, data = chain_of_best(features, outcome)
    before = cross_validated_prediction(signatures, model, **data)
    changed = features.copy()
    changed.loc["P000"] += 3.0
    after = cross_validated_prediction(signatures, model, **{**data, "features": changed})
    fold = before.index[before["fold"] == before.loc["P000", "fold"]]
    pd.testing.assert_frame_equal(before.loc[fold.drop("P000")], after.loc[fold.drop("P000")])


def test_choosing_among_noise_promises_nothing_once_the_choice_is_cross_validated():
    chosen, honest = [], []
    for seed in range(4):
        features, outcome = cohort(signal=0.0, seed=seed)
        parts = {f"c{i}": slice(20 * i, 20 * i + 20) for i in range(6)}
        signatures = {"s": (best(features, **parts), list(features.columns))}
        fitted = fit_signature(signatures["s"][0], features, outcome)
        chosen.append(candidate_table(fitted).query("chosen")["auc"].item())
        scores = cross_fitted_scores(signatures["s"][0], features, outcome, **RESAMPLING)
        honest.append(auc(outcome, scores["score"]))
    assert np.mean(chosen) > 0.55
    assert np.mean(honest) < np.mean(chosen) - 0.03


def test_a_resample_chooses_anew_and_gives_the_same_as_the_whole_table():
    features, outcome = cohort()
    signatures, model, data = chain_of_best(features, outcome)
    chunk = bootstrap_chunk(signatures, model, **data, replicates=range(3))
    study = chunk.predictions.query("replicate == 0").set_index("patient")
    by_hand = fit_chain(signatures, model, **data)(features, data["clinical"])
    np.testing.assert_allclose(study["score"], by_hand["score"].loc[study.index], atol=1e-9)
    assert (chunk.predictions["reason"] == "").all()
    assert set(chunk.selected["signature"]) == {"s"}
