"""Which settings of nested habitats go together, and what its steps depend on."""

import pytest
from test_config import SCHEMA, minimal

from habitat_radiomics import nested_settings, settings
from habitat_radiomics.config import complete_config
from habitat_radiomics.methods_text import nested_text
from habitat_radiomics.study import Study

SURVIVAL = {"type": "survival", "time": "time", "event": "event", "horizons": [12, 36], "unit": "months"}


def completed(nested, **changes):
    config = {**minimal(), "sequences": {"T1": None, "T2": None}, "reference": "T1", "nested": {"core": nested}}
    return complete_config({**config, **changes}, SCHEMA)


def study(nested=None, **changes):
    complete, faults = completed({"sequences": ["T1", "T2"], **(nested or {})}, **changes)
    assert not faults
    return Study(complete, {f"P{i}": {} for i in range(4)}, {}, {})


def faults_of(nested, **changes):
    return completed({"sequences": ["T1"], **nested}, **changes)[1]


def test_a_nested_set_is_a_set_of_habitats_from_extraction_on():
    chosen = study()
    assert chosen.habitat_sets("T1") == chosen.habitat_sets("T2") == ["core"]
    assert settings.habitat_features(chosen, "T1", "core")["shape"]
    assert not settings.habitat_features(chosen, "T2", "core")["shape"]
    assert settings.habitat_figures(chosen, "core")["title"] == "Habitats of T1 and T2"


def test_features_are_those_of_the_tumours_bank_that_have_a_map():
    own = nested_settings.neighbourhoods(study({"features": ["original_firstorder_*"]}), "core")["by_sequence"]["T1"]
    assert len(own["names"]) == 16 and "original_firstorder_Energy" not in own["names"]
    assert nested_settings.nested_fit(study(), "core")["names"]["T2"][-1] == "original_glcm_SumSquares"


def test_the_horizon_is_the_last_of_the_outcome_unless_the_set_names_one():
    models = {"m": {"clinical": ["age"], "estimator": "cox"}}
    changes = {"outcome": SURVIVAL, "signatures": {"s": {"regions": ["tumour"], "steps": [{"cox_lasso": {}}]}}}
    changes |= {"models": models, "clinical": {"age": {"type": "number"}}}
    assert nested_settings.horizon(study(**changes).config, "core") == 36
    assert nested_settings.horizon(study({"horizon": 24}, **changes).config, "core") == 24
    assert nested_settings.horizon(study().config, "core") is None
    assert "event by 36 months; patients censored before were left out and the others" in nested_text(
        study(**changes).config
    )


def test_methods_say_how_maps_were_made():
    text = nested_text(study({"kernel_radius": 2, "k": 4}).config)
    assert "Nested habitats (core): a support vector machine (Gaussian kernel, cost 1)" in text
    assert "5 x 5 x 5 voxels" in text and "core4 is the one with the highest mean probability" in text
    assert nested_text({**study().config, "nested": {}}) == ""


@pytest.mark.parametrize(
    ("nested", "changes", "sentence"),
    [
        ({"horizon": 3}, {}, "nested.core.horizon is for outcomes of times to an event. Remove it."),
        ({"steps": [{"lasso": {}}]}, {}, "lasso is a score of its own. Allowed: complete, zscore, anova"),
        ({"steps": [{"icc": {}}]}, {}, "icc is none of its selection steps. Allowed: complete"),
        ({}, {"features": {"force_2d": True}}, "for which features.force_2d must be False; found True. Leave it out."),
        ({"sequences": ["T1", "T2"]}, {"reference": None}, "nested.core joins T1, T2, which have a grid each."),
        ({"sequences": ["T3"]}, {}, "nested.core.sequences names 'T3', which is not defined. Defined: T1, T2."),
        ({}, {"habitats": {"core": {"sequences": ["T1"]}}}, "core is a set of habitats and a nested one. Rename one"),
        ({}, {"regions": {"names": ["peritumour"]}}, "learns from the tumour, which is not among regions.names."),
    ],
)
def test_settings_that_do_not_go_together_are_refused(nested, changes, sentence):
    assert any(sentence in fault for fault in faults_of(nested, **changes)), faults_of(nested, **changes)


def test_without_an_outcome_there_is_nothing_to_learn_from():
    faults = faults_of({}, outcome={}, signatures={}, models={})
    assert "config: nested.core learns aggressiveness from an outcome, and the study has none. Name it." in faults


def test_stability_of_nested_habitats_cannot_be_asked_for():
    steps = [{"stable": {"threshold": 0.6}}, {"lasso": {}}]
    faults = faults_of({}, signatures={"s": {"regions": ["core3"], "steps": steps}})
    assert any("selects core3 by stable, but the stability of nested habitats is not measured" in f for f in faults)
