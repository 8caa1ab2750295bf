from pathlib import Path

import pytest
import yaml

from habitat_radiomics.config import complete_config, nearest, overridden

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
CONFIGS = [ROOT / "config/config.yaml", *sorted((ROOT / "config/studies").glob("*.yaml"))]


def minimal():
    return {
        "study": "s",
        "sequences": {"T1": None},
        "outcome": {"column": "y"},
        "signatures": {"a": {"regions": ["tumour"], "steps": [{"lasso": {}}]}},
        "models": {"m": {"signatures": ["a"]}},
    }


def faults(**changes):
    return complete_config({**minimal(), **changes}, SCHEMA)[1]


def only(sentences):
    assert len(sentences) == 1, sentences
    return sentences[0]


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_shipped_configuration_is_valid(path):
    assert complete_config(yaml.safe_load(path.read_text()), SCHEMA)[1] == []


def test_missing_keys_take_their_defaults_and_given_ones_stay():
    config, found = complete_config({**minimal(), "features": {"bin_width": 5}}, SCHEMA)
    assert found == []
    assert config["features"]["bin_width"] == 5
    assert config["features"]["distances"] == [1]
    assert config["signatures"]["a"]["steps"] == [{"lasso": {"folds": 10, "rule": "min"}}]


def test_defaults_are_not_shared_between_configurations():
    first, _ = complete_config(minimal(), SCHEMA)
    first["features"]["distances"].append(7)
    assert complete_config(minimal(), SCHEMA)[0]["features"]["distances"] == [1]


def test_a_sequence_overrides_only_what_it_names():
    config, _ = complete_config(
        {**minimal(), "sequences": {"T1": None, "PET": {"preprocess": {"antialias": False}}}}, SCHEMA
    )
    assert overridden(config, "preprocess", "T1")["antialias"] is True
    assert overridden(config, "preprocess", "PET") == {**config["preprocess"], "antialias": False}


def test_an_unknown_key_names_the_nearest_valid_one():
    assert (
        only(faults(features={"binwidth": 25}))
        == "config: unknown key 'binwidth' in features. Did you mean 'bin_width'?"
    )


def test_an_unknown_key_without_a_near_one_lists_the_allowed():
    assert "Allowed: bank" in only(faults(features={"zzz": 1})).replace("banks", "bank")


def test_a_wrong_type_says_what_is_needed():
    assert "features.bin_width: found 'wide'; a number or empty is needed." in only(
        faults(features={"bin_width": "wide"})
    )


def test_a_value_outside_its_limits_says_the_limit():
    assert "regions.margin_mm: found -1; allowed: above 0." in only(faults(regions={"margin_mm": -1}))


def test_a_wrong_choice_names_the_choices_and_the_nearest():
    sentence = only(faults(split={"method": "randm"}))
    assert "allowed: random, date, site, column. Did you mean 'random'?" in sentence


def test_a_missing_required_key_is_named():
    config = minimal()
    del config["sequences"]
    assert "lacks the key 'sequences'" in only(complete_config(config, SCHEMA)[1])


def test_all_faults_come_together():
    assert len(faults(sead=1, features={"binwidth": 1}, split={"method": "x"})) == 3


def test_a_signature_of_an_undefined_region_is_a_fault():
    signature = {"regions": ["peritumor"], "steps": [{"lasso": {}}]}
    sentence = only(faults(signatures={"a": signature}, regions={"names": ["tumour", "peritumour"]}))
    assert sentence.endswith("Did you mean 'peritumour'?")


def test_a_model_of_an_undefined_signature_is_a_fault():
    assert "models.m.signatures names 'b', which is not defined. Defined: a." in only(
        faults(models={"m": {"signatures": ["b"]}})
    )


def test_a_model_of_nothing_is_a_fault():
    assert "models.m has neither signatures nor clinical variables" in only(faults(models={"m": {}}))


def test_steps_must_end_with_the_score():
    signature = {"regions": ["tumour"], "steps": [{"lasso": {}}, {"zscore": {}}]}
    assert "must end with lasso, the score" in only(faults(signatures={"a": signature}))


def test_a_category_needs_levels():
    assert "clinical.sex is a category without levels" in only(faults(clinical={"sex": {"type": "category"}}))


def test_a_split_by_date_needs_the_date():
    assert "train_until is empty" in only(faults(split={"method": "date"}))


def test_a_split_by_site_needs_the_sites():
    assert "train_sites is empty" in only(faults(split={"method": "site"}))


def test_nearest_finds_nothing_when_nothing_is_similar():
    assert nearest("qqq", ["alpha", "beta"]) is None


def test_thresholds_of_decision_curves_rise():
    found = only(faults(validation={"decision_thresholds": [0.6, 0.2]}))
    assert found == "config: validation.decision_thresholds are 0.6 and 0.2. Give the smaller one first."


def test_a_study_predicts_by_signatures_and_models_or_has_no_outcome():
    assert faults(outcome={}, signatures={}, models={}) == []
    assert only(faults(models={})).startswith("config: the outcome is column y, but there are no models. Add them, or")
    assert "there are no signatures and no models" in only(faults(signatures={}, models={}))
    assert only(faults(outcome={})) == (
        "config: there are signatures and models, but outcome.column is empty. Name it, or remove them."
    )


def best_of(**changes):
    own = {"regions": ["tumour"], "steps": [{"lasso": {}}]}
    return faults(signatures={"a": own, "b": own, "best": {"best_of": ["a", "b"]}, **changes})


def test_the_best_of_several_signatures_needs_no_regions_and_steps():
    assert best_of() == []


def test_a_signature_has_regions_and_steps_or_candidates():
    assert "signatures.c lacks the key 'steps'. Add it, or best_of" in only(best_of(c={"regions": ["tumour"]}))
    assert "signatures.best is the best of others and cannot have regions" in only(
        best_of(best={"best_of": ["a"], "regions": ["tumour"]})
    )


def test_candidates_are_defined_and_not_themselves_the_best_of_others():
    assert "signatures.best.best_of names 'aa', which is not defined" in only(best_of(best={"best_of": ["aa"]}))
    assert "signatures.top.best_of names best, itself the best of others" in only(best_of(top={"best_of": ["best"]}))


def test_a_nomogram_asks_for_a_model_with_coefficients():
    model = {"signatures": ["a"], "estimator": "svm"}
    assert faults(models={"m": model}) == []
    assert "nomogram.model is m, a support vector machine, which has no coefficients" in only(
        faults(models={"m": model}, nomogram={"model": "m"})
    )


def test_subgroups_are_clinical_categories():
    clinical = {"age": {"type": "number"}, "sex": {"type": "category", "levels": ["F", "M"]}}
    assert faults(clinical=clinical, validation={"subgroups": ["sex"]}) == []
    found = only(faults(clinical=clinical, validation={"subgroups": ["age"]}))
    assert "validation.subgroups names 'age', which is not defined. Defined: sex." in found


def test_groups_and_pairs_of_models_name_models():
    assert faults(validation={"figures": {"All": ["m"]}, "pairs": [["m", "m"]]}) == []
    assert "validation.figures.All names 'x', which is not defined" in only(
        faults(validation={"figures": {"All": ["x"]}})
    )
    assert "validation.pairs names 'x', which is not defined" in only(faults(validation={"pairs": [["m", "x"]]}))


def test_importance_names_models_of_a_binary_outcome():
    assert "importance.models names 'x', which is not defined" in only(faults(importance={"models": ["x"]}))
    assert "partial_dependence.models names 'x', which" in only(faults(partial_dependence={"models": ["x"]}))
    survival = {"type": "survival", "time": "t", "event": "e", "horizons": [12]}
    said = faults(outcome=survival, importance={"models": ["m"]})
    assert "config: importance.models is for a binary outcome, this study's is survival. Leave it empty." in said
