"""The nomogram of a fitted model: exact points, and models that have none."""

import numpy as np
import pandas as pd
import pytest

from habitat_radiomics.figures_nomogram import draw_no_nomogram
from habitat_radiomics.model import build_model, fit_model, model_prediction
from habitat_radiomics.model_nomogram import model_nomogram
from habitat_radiomics.nomogram import probabilities, total_points
from habitat_radiomics.nomogram_page import no_nomogram_page

VARIABLES = {"age": {"type": "number"}, "sex": {"type": "category", "levels": ["F", "M"]}}
WORDS = {"labels": {"score": "Score", "age": "Age (years)"}, "outcome_label": "progression"}


@pytest.fixture
def training():
    random = np.random.default_rng(5)
    table = pd.DataFrame({"score": random.normal(0, 1, 60), "age": random.normal(60, 9, 60).round()})
    return table.assign(sex=random.choice(["F", "M"], 60)).set_index([[f"P{i:02d}" for i in range(60)]])


def fitted_on(training):
    risk = 1 / (1 + np.exp(-training["score"]))
    outcome = pd.Series((np.random.default_rng(6).uniform(size=60) < risk).astype(int), index=training.index)
    return fit_model(build_model(signatures=["score"], variables=VARIABLES, estimator="logistic"), training, outcome)


def test_points_give_the_probability_of_the_model(training):
    fitted = fitted_on(training)
    nomogram = model_nomogram(fitted, training, VARIABLES, **WORDS)
    found = probabilities(nomogram, total_points(nomogram, training))["Risk of progression"]
    np.testing.assert_allclose(found, model_prediction(fitted, training)["probability"], rtol=0, atol=1e-12)
    assert [term.label for term in nomogram.terms] == ["Score", "Age (years)", "sex"]


def test_a_predictor_that_is_the_same_in_all_patients_has_no_axis(training):
    alike = training.assign(score=0.3, sex="M")
    outcome = pd.Series([0, 1] * 30, index=alike.index)
    pipeline = build_model(signatures=["score"], variables=VARIABLES, estimator="logistic")
    fitted = fit_model(pipeline, alike, outcome)
    nomogram = model_nomogram(fitted, alike, VARIABLES, **WORDS)
    assert [term.name for term in nomogram.terms] == ["age"]
    found = probabilities(nomogram, total_points(nomogram, alike))["Risk of progression"]
    np.testing.assert_allclose(found, model_prediction(fitted, alike)["probability"], rtol=0, atol=1e-12)


def test_a_model_without_effects_has_no_nomogram_and_the_files_say_so(training):
    alike = training[["score"]].assign(score=0.0)
    outcome = pd.Series([0, 1] * 30, index=alike.index)
    fitted = fit_model(build_model(signatures=["score"], variables={}, estimator="logistic"), alike, outcome)
    assert model_nomogram(fitted, alike, {}, **WORDS) is None
    reason = "no predictor of the model Rad changes the risk"
    assert f"N{reason[1:]}: there is nothing to set." in no_nomogram_page("Title", reason)
    texts = [text.get_text() for axes in draw_no_nomogram(reason).axes for text in axes.texts]
    assert texts == [f"No nomogram: {reason}."]


def test_a_machine_without_coefficients_has_no_nomogram(training):
    outcome = pd.Series([0, 1] * 30, index=training.index)
    pipeline = build_model(signatures=["score"], variables=VARIABLES, estimator="svm")
    assert model_nomogram(fit_model(pipeline, training, outcome), training, VARIABLES, **WORDS) is None
