from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from test_signature import cohort
from test_signature import pipeline as signature_pipeline

from habitat_radiomics.booster_extra import OPTIONAL
from habitat_radiomics.estimator_words import WORDS
from habitat_radiomics.estimators import ESTIMATORS
from habitat_radiomics.model import (
    PredictorEncoder,
    beside,
    build_model,
    cross_validated_prediction,
    fit_chain,
    fit_model,
    model_coefficients,
    model_prediction,
    signature_values,
)
from habitat_radiomics.persist import load_object, save_object
from habitat_radiomics.signature import fit_signature, signature_coefficients

VARIABLES = {"age": {"type": "number"}, "sex": {"type": "category", "levels": ["F", "M", "X"]}}


def clinical(index):
    rng = np.random.default_rng(4)
    table = pd.DataFrame(
        {"age": rng.normal(60, 8, len(index)), "sex": rng.choice(["F", "M", "X"], len(index))}, index=index
    )
    table.loc[index[0], "age"] = np.nan
    table.loc[index[1], "sex"] = None
    return table


def test_categories_become_indicators_against_the_first_level():
    encoder = PredictorEncoder(variables=VARIABLES).fit(clinical([f"P{i}" for i in range(30)]))
    rows = pd.DataFrame({"age": [50.0, 50.0], "sex": ["F", "X"]})
    assert encoder.names_ == ["age", "sex=M", "sex=X"]
    np.testing.assert_array_equal(encoder.transform(rows), [[50, 0, 0], [50, 0, 1]])


def test_missing_values_are_filled_from_training_not_from_the_new_patients():
    training = clinical([f"P{i}" for i in range(30)])
    encoder = PredictorEncoder(variables=VARIABLES).fit(training)
    filled = encoder.transform(pd.DataFrame({"age": [np.nan, 99.0], "sex": ["F", "F"]}))
    assert filled[0, 0] == training["age"].median()


def test_a_variable_missing_everywhere_is_refused():
    table = clinical([f"P{i}" for i in range(30)]).assign(age=np.nan)
    with pytest.raises(ValueError, match="clinical variable age is missing in every training patient"):
        PredictorEncoder(variables=VARIABLES).fit(table)


def chain(features, outcome, **changes):
    settings = {"scores": "cross_fitted", "folds": 4, "repeats": 1, "seed": 1, **changes}
    signatures = {"s": (signature_pipeline(features), list(features.columns))}
    model = build_model(signatures=["s"], variables=VARIABLES, estimator="logistic")
    return (
        signatures,
        model,
        {"features": features, "clinical": clinical(features.index), "outcome": outcome, **settings},
    )


def test_a_stored_model_predicts_exactly_as_the_fitted_one(tmp_path):
    features, outcome = cohort()
    predictors = clinical(features.index).assign(s=features.iloc[:, 0])
    fitted = fit_model(build_model(signatures=["s"], variables=VARIABLES, estimator="logistic"), predictors, outcome)
    save_object(tmp_path / "m.skops", fitted)
    loaded = load_object(tmp_path / "m.skops")
    pd.testing.assert_frame_equal(
        model_prediction(loaded, predictors), model_prediction(fitted, predictors), check_exact=True
    )


def test_odds_ratios_carry_their_intervals_in_order():
    features, outcome = cohort()
    predictors = clinical(features.index).assign(s=features.iloc[:, 0])
    fitted = fit_model(build_model(signatures=["s"], variables=VARIABLES, estimator="logistic"), predictors, outcome)
    table = model_coefficients(fitted)
    assert list(table["predictor"]) == ["(intercept)", "s", "age", "sex=M", "sex=X"]
    assert (table["odds_ratio_low"] < table["odds_ratio"]).all()
    assert (table["odds_ratio"] < table["odds_ratio_high"]).all()


def test_predictors_that_tell_the_same_show_it_in_their_variance_inflation():
    features, outcome = cohort()
    predictors = clinical(features.index).assign(s=features.iloc[:, 0])
    noise = np.random.default_rng(0).normal(size=len(outcome))
    pipeline = build_model(signatures=["s"], variables=VARIABLES, estimator="logistic")
    table = model_coefficients(fit_model(pipeline, predictors, outcome)).set_index("predictor")
    assert np.isnan(table.loc["(intercept)", "vif"])
    assert table["vif"].dropna().between(1, 1.5).all()
    assert table.loc["sex=M", "vif"] == table.loc["sex=X", "vif"]
    doubled = predictors.assign(t=predictors["s"] + 0.1 * predictors["s"].std() * noise)
    pipeline = build_model(signatures=["s", "t"], variables=VARIABLES, estimator="logistic")
    table = model_coefficients(fit_model(pipeline, doubled, outcome)).set_index("predictor")
    assert table.loc[["s", "t"], "vif"].min() > 20 > 2 > table.loc["age", "vif"]


def test_a_chain_predicts_patients_it_never_saw():
    features, outcome = cohort(n=80)
    signatures, model, data = chain(features.iloc[:60], outcome.iloc[:60])
    predict = fit_chain(signatures, model, **data)
    new = predict(features.iloc[60:], clinical(features.index).iloc[60:])
    assert new["probability"].between(0, 1).all()
    assert new["score"][outcome.iloc[60:] == 1].mean() > new["score"][outcome.iloc[60:] == 0].mean()


def test_cross_validation_holds_a_patient_out_of_every_step():
    features, outcome = cohort()
    signatures, model, data = chain(features, outcome)
    before = cross_validated_prediction(signatures, model, **data)
    changed = {**data, "features": features.copy(), "clinical": data["clinical"].copy()}
    changed["features"].loc["P000"] *= 50
    changed["clinical"].loc["P000", "age"] = 1000
    after = cross_validated_prediction(signatures, model, **changed)
    fold = before.index[before["fold"] == before.loc["P000", "fold"]].drop("P000")
    pd.testing.assert_frame_equal(before.loc[fold], after.loc[fold])


def test_a_clinical_model_needs_no_features():
    features, outcome = cohort()
    model = build_model(signatures=[], variables=VARIABLES, estimator="logistic")
    table = cross_validated_prediction(
        {},
        model,
        features=None,
        clinical=clinical(features.index),
        outcome=outcome,
        scores="apparent",
        folds=4,
        repeats=1,
        seed=0,
    )
    assert table["probability"].notna().all()


def svm_chain(features, outcome, inputs, **changes):
    signatures, _, data = chain(features, outcome, **changes)
    return signatures, build_model(signatures=["s"], variables=VARIABLES, estimator="svm", inputs=inputs, folds=4), data


@pytest.mark.parametrize("inputs", ["scores", "features"])
def test_a_machine_predicts_patients_it_never_saw(inputs):
    features, outcome = cohort(n=80)
    signatures, model, data = svm_chain(features.iloc[:60], outcome.iloc[:60], inputs)
    predict = fit_chain(signatures, model, **data)
    new = predict(features.iloc[60:], clinical(features.index).iloc[60:])
    assert new["probability"].between(0, 1).all()
    assert new["score"][outcome.iloc[60:] == 1].mean() > new["score"][outcome.iloc[60:] == 0].mean()
    assert (new["probability"].rank() == new["score"].rank()).all()


@pytest.mark.parametrize("inputs", ["scores", "features"])
def test_cross_validation_holds_a_patient_out_of_the_machine_and_its_calibration(inputs):
    features, outcome = cohort()
    signatures, model, data = svm_chain(features, outcome, inputs)
    before = cross_validated_prediction(signatures, model, **data)
    changed = {**data, "features": features.copy(), "clinical": data["clinical"].copy()}
    changed["features"].loc["P000"] *= 50
    changed["clinical"].loc["P000", "age"] = 1000
    after = cross_validated_prediction(signatures, model, **changed)
    fold = before.index[before["fold"] == before.loc["P000", "fold"]].drop("P000")
    pd.testing.assert_frame_equal(before.loc[fold], after.loc[fold])


def test_selected_features_enter_under_the_name_of_their_signature():
    features, outcome = cohort()
    signatures, model, data = svm_chain(features, outcome, "features")
    fitted = fit_chain(signatures, model, **data)
    selected = signature_coefficients(fitted.signatures["s"])["feature"].iloc[1:]
    assert fitted.model["encoder"].names_ == [*(f"s/{name}" for name in selected), "age", "sex=M", "sex=X"]
    np.testing.assert_allclose(fitted.model["estimator"].mean_[: len(selected)], 0, atol=1e-9)  # z-scored before


def test_a_machine_on_selected_features_is_calibrated_on_scores_of_the_held_out_chain():
    features, outcome = cohort(signal=0.0)
    signatures, model, data = svm_chain(features, outcome, "features")
    fitted = fit_chain(signatures, model, **data)
    held_out = cross_validated_prediction(signatures, model, **data)["score"]
    values = [signature_values("s", fitted.signatures["s"], features, "features")]
    predictors = beside(data["clinical"], values)
    by_hand = fit_model(model, predictors, outcome, held_out=held_out)["estimator"]
    naive = fit_model(model, predictors, outcome)["estimator"]
    assert fitted.model["estimator"].slope_ == pytest.approx(by_hand.slope_, abs=1e-12)
    assert by_hand.slope_ < 0.5 * naive.slope_  # noise: the selection alone makes the features look useful


def test_a_signature_that_selects_nothing_leaves_the_machine_a_constant():
    features, outcome = cohort(n=40, features=8, signal=0.0, seed=2)
    steps = [{"zscore": {}}, {"lasso": {"folds": 5, "rule": "1se"}}]
    signatures = {"s": (signature_pipeline(features, steps=steps), list(features.columns))}
    assert len(signature_coefficients(fit_signature(signatures["s"][0], features, outcome))) == 1
    model = build_model(signatures=["s"], variables={}, estimator="svm", inputs="features", folds=4)
    data = {"features": features, "clinical": pd.DataFrame(index=features.index), "outcome": outcome}
    fitted = fit_chain(signatures, model, **data, scores="cross_fitted", folds=4, repeats=1, seed=1)
    assert fitted.model["encoder"].names_ == ["s/score"]
    assert fitted(features, data["clinical"])["score"].nunique() == 1


def test_an_estimator_without_coefficients_lists_its_inputs_alone():
    features, outcome = cohort()
    predictors = clinical(features.index).assign(s=features.iloc[:, 0])
    table = model_coefficients(
        fit_model(build_model(signatures=["s"], variables=VARIABLES, estimator="svm"), predictors, outcome)
    )
    assert list(table["predictor"]) == ["s", "age", "sex=M", "sex=X"]
    assert table[["coefficient", "odds_ratio", "p_wald"]].isna().all(axis=None)
    assert set(table["method"]) == {"support vector machine"}


def test_a_penalised_linear_classifier_lists_shrunk_odds_ratios_without_intervals():
    features, outcome = cohort()
    predictors = clinical(features.index).assign(s=features.iloc[:, 0])
    model = build_model(
        signatures=["s"], variables=VARIABLES, estimator="best", folds=3, classifiers=("penalised_logistic", "lda")
    )
    table = model_coefficients(fit_model(model, predictors, outcome)).set_index("predictor")
    assert list(table.index) == ["s", "age", "sex=M", "sex=X"]
    np.testing.assert_allclose(np.log(table["odds_ratio"]), table["coefficient"])
    assert table["coefficient"].abs().idxmax() == "s"
    assert table[["odds_ratio_low", "p_wald"]].isna().all(axis=None)


def test_every_estimator_has_words_and_an_entry_in_the_schema(monkeypatch):
    monkeypatch.setattr("habitat_radiomics.classifiers.TREES", 3)
    schema = yaml.safe_load((Path(__file__).parents[2] / "workflow/schemas/config.schema.yaml").read_text())
    offered = schema["properties"]["models"]["additionalProperties"]["properties"]["estimator"]["enum"]
    assert set(offered) == set(ESTIMATORS) == set(WORDS)
    features, outcome = cohort()
    predictors = features.iloc[:, [0]].set_axis(["s"], axis=1)
    survival = pd.DataFrame({"time": np.arange(1.0, len(outcome) + 1), "event": outcome})
    for name in (name for name in ESTIMATORS if name not in OPTIONAL or find_spec(name)):  # all in `make test-boosting`
        y = survival if WORDS[name].outcome == "survival" else outcome
        model = build_model(signatures=["s"], variables={}, estimator=name, folds=3, classifiers=("lda", "naive_bayes"))
        fitted = fit_model(model, predictors, y)
        assert hasattr(fitted["estimator"], "coef_") == WORDS[name].has_coefficients
