"""What a bundle says it needs is what its configuration asks for."""

import pytest
import yaml

from habitat_radiomics.bundle_config import kept_config, learnt_members
from habitat_radiomics.bundle_needs import model_sequences, needs_of, needs_text, span
from habitat_radiomics.config import complete_config
from small_study import CONFIG, ROOT
from survival_tables import survival_config

SCHEMA = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
SPAN = {"low": 0.5, "high": 0.5, "mean": 0.5, "sd": 0.0, "n": 30}
RANGES = {
    "patients": 30,
    "scans": {s: {f"spacing_{axis}_mm": SPAN for axis in "xyz"} for s in ("T1", "T2")},
    "clinical": {"age": {**SPAN, "low": 31.0, "high": 80.0, "missing": 2}, "sex": {"levels": ["F", "M"], "n": 30}},
    "batches": {},
    "features": {"tumour": {"T1|tumour|original_glcm_Contrast": SPAN}},
    "site_column": "site",
    "sites": ["A", "B"],
}


def kept(**changes):
    complete, faults = complete_config({**CONFIG, **changes}, SCHEMA)
    assert not faults
    return kept_config(complete)


def test_the_text_names_images_masks_columns_units_and_models():
    text = needs_text(needs_of(kept(), RANGES), study="small")
    for words in (
        "Models of the study small",
        "fitted on 30 others",
        "T1: one image a patient, with a mask, voxels of 0.5 x 0.5 x 0.5 mm in training.",
        "label 1, on the grid of its image. The reading used is that of reader 1.",
        "age: a number, 31 to 80 in training; empty where unknown.",
        "sex: one of F, M; empty where unknown.",
        "site: optional; centres are compared by it. Known: A, B.",
        "progression: optional, the outcome (1 (happened) or 0). Where it is known the models are validated on it.",
        "combined (logistic regression): T1, T2; age.",
        "A research tool, not for diagnosis.",
    ):
        assert " ".join(words.split()) in " ".join(text.split()), words
    assert max(map(len, text.splitlines())) <= 100
    assert "hold values of training patients" not in text


def test_a_support_vector_machine_is_said_to_hold_values_of_patients():
    models = {"machine": {"signatures": ["tumour"], "estimator": "svm"}}
    needs = needs_of(kept(models=models), RANGES)
    assert needs["models"][0]["holds_values"]
    text = " ".join(needs_text(needs, study="s").split())
    assert "Models other than regressions (machine) hold values of training patients without their identifiers" in text


def test_a_bundle_with_nested_habitats_says_how_patients_with_known_identifiers_are_mapped():
    needs = {**needs_of(kept(), RANGES), "nested": ["core"]}
    text = " ".join(needs_text(needs, study="s").split())
    assert "Models other than regressions (core) hold values" in text
    assert "with the identifier of a training patient is mapped (core), as in the study, by a machine" in text
    assert "is mapped" not in " ".join(needs_text({**needs, "nested": []}, study="s").split())


def test_a_study_of_feature_tables_needs_these_and_no_images():
    config = {**kept(), "data": {"source": "features"}}
    text = " ".join(needs_text(needs_of(config, {**RANGES, "scans": {}}), study="s").split())
    assert "One table for each sequence and region, with all columns that the study had" in text
    assert "Signature tumour takes T1|tumour|original_glcm_Contrast." in text
    assert "images.tsv: patient" not in text and "Masks" not in text
    assert not [name for name in learnt_members(config) if "intensity_scale" in name]


def test_combat_needs_the_centre_of_every_patient():
    config = kept(harmonise={"method": "combat", "covariates": ["age"]})
    needs = needs_of(config, {**RANGES, "batches": {"tumour": ["A", "B"]}})
    assert needs["site"]["required"] and needs["site"]["unseen"] == "estimate"
    assert "site: needed of every patient; ComBat removes" in needs_text(needs, study="s")


def test_a_survival_outcome_is_described_with_its_unit():
    needs = needs_of(kept_config(survival_config()), {**RANGES, "clinical": SURVIVAL_CLINICAL})
    text = " ".join(needs_text(needs, study="s").split())
    assert "months and event: optional, the outcome (time in months, and 1 (happened) or 0)" in text
    assert "age (years): a number, 31 to 80 in training" in text


SURVIVAL_CLINICAL = {"age": RANGES["clinical"]["age"], "grade": {"levels": ["low"], "n": 30}}


def test_the_sequences_of_a_model_include_those_of_its_habitats():
    config = kept()
    config["signatures"]["habitat"]["sequences"] = ["T2"]
    assert model_sequences(config, "habitat") == ["T1", "T2"]
    assert model_sequences(config, "clinical") == []
    nested = {"core": config["habitats"].pop(next(iter(config["habitats"])))}
    config["signatures"]["habitat"]["regions"] = ["core3"]
    assert model_sequences({**config, "nested": nested}, "habitat") == ["T1", "T2"]


@pytest.mark.parametrize(("low", "high", "text"), [(0.5, 0.5, "0.5"), (1, 2.25, "1 to 2.25")])
def test_a_span_of_one_value_is_that_value(low, high, text):
    assert span(low, high) == text
