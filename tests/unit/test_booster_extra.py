"""Optional classifiers are asked for by name, and a missing library is told with its cure."""

import copy

import pytest
import yaml

from habitat_radiomics.booster_extra import OPTIONAL, asked_for, missing
from habitat_radiomics.classifiers import CLASSIFIERS
from habitat_radiomics.config import complete_config
from small_study import CONFIG, ROOT

SCHEMA = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())


def config(**model):
    changed = copy.deepcopy(CONFIG)
    changed["models"]["combined"] |= model
    complete, faults = complete_config(changed, SCHEMA)
    assert faults == []
    return complete


def none(name):
    return None


@pytest.mark.parametrize(
    ("model", "asked"),
    [
        ({}, []),
        ({"estimator": "gradient_boosting"}, []),
        ({"estimator": "lightgbm"}, ["lightgbm"]),
        ({"estimator": "best"}, []),
        ({"estimator": "best", "classifiers": ["lda", "lightgbm", "xgboost"]}, ["xgboost", "lightgbm"]),
        ({"estimator": "lda", "classifiers": ["lda", "xgboost"]}, []),
    ],
)
def test_only_what_a_model_is_or_chooses_from_needs_its_library(model, asked):
    assert asked_for(config(**model)) == asked
    assert bool(missing(config(**model), find=none)) is bool(asked)
    assert missing(config(**model), find=lambda name: object()) == []


def test_a_missing_library_is_told_with_the_models_that_need_it_and_the_cure():
    (fault,) = missing(config(estimator="xgboost"), find=none)
    assert fault == (
        "models combined need the Python package xgboost. Run `make boosting`, which installs envs/boosting.txt, "
        "or use gradient_boosting, which is scikit-learn's own."
    )


def test_optional_classifiers_are_in_the_registry_and_in_no_default():
    assert set(OPTIONAL) < set(CLASSIFIERS)
    assert not set(OPTIONAL) & set(config()["models"]["combined"]["classifiers"])
