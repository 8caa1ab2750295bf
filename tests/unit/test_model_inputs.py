"""What a model is fitted on is read under the right names."""

import json

import pandas as pd
import pytest

from habitat_radiomics.model_inputs import model_inputs, model_pipeline, signature_names
from habitat_radiomics.state import as_json

PATIENTS = ["P1", "P2", "P3"]
MODEL = {
    "signatures": [{"name": "tumour"}, {"name": "habitat"}],  # not in the order of the alphabet
    "variables": {"age": {"type": "number"}},
    "estimator": "svm",
    "inputs": "scores",
    "folds": 4,
    "seed": 9,
}


@pytest.fixture
def read(tmp_path):
    def store(name, **columns):
        pd.DataFrame({"patient": PATIENTS, **columns}).to_csv(tmp_path / name, index=False)
        return tmp_path / name

    paths = [store("clinical.csv", age=[50, 60, 70]), store("outcome.csv", outcome=[0, 1, 1])]
    quality = [store("quality.csv", usable=[True, True, False])]

    def read(settings, **tables):
        scores = [store(f"{name}.csv", **table) for name, table in tables.items()]
        return model_inputs(json.loads(as_json(settings)), *paths, quality, scores)

    return read


def test_scores_stand_under_the_name_of_their_signature_in_any_order(read):
    predictors, outcome = read(MODEL, tumour={"score": [1.0, 2.0, 3.0]}, habitat={"score": [-1.0, -2.0, -3.0]})
    assert list(predictors) == ["age", "tumour", "habitat"]
    assert predictors["tumour"].tolist() == [1.0, 2.0]
    assert predictors["habitat"].tolist() == [-1.0, -2.0]
    assert outcome.tolist() == [0, 1]


def test_selected_features_bear_the_name_of_their_signature_too(read):
    tables = {"tumour": {"T1|tumour|a": [1, 2, 3], "T1|tumour|b": [4, 5, 6]}, "habitat": {"score": [0, 0, 0]}}
    predictors, _ = read({**MODEL, "inputs": "features"}, **tables)
    assert list(predictors) == ["age", "tumour/T1|tumour|a", "tumour/T1|tumour|b", "habitat/score"]


def test_scores_may_come_later(read):
    assert list(read(MODEL)[0]) == ["age"]


def test_a_score_table_too_few_is_refused(read):
    with pytest.raises(ValueError, match="zip"):
        read(MODEL, tumour={"score": [1.0, 2.0, 3.0]})


def test_the_pipeline_takes_folds_and_seed_of_the_study_where_it_calibrates():
    built = model_pipeline(json.loads(as_json(MODEL)))
    assert (built["estimator"].folds, built["estimator"].seed) == (4, 9)
    assert built["encoder"].signatures == signature_names(MODEL) == ["tumour", "habitat"]
    assert not hasattr(model_pipeline({**MODEL, "estimator": "logistic"})["estimator"], "folds")
