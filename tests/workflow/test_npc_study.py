"""The overlays of npc_residual and spine_clinical_radiomics are planned in full."""

import yaml

from small_study import ROOT, Checkout, copy_code


def test_the_study_of_residual_carcinoma_is_planned_with_its_regions_machines_and_figures(tmp_path):
    config = yaml.safe_load((ROOT / "config/studies/npc_residual.yaml").read_text())
    jobs = Checkout(copy_code(tmp_path), "npc_residual").jobs(config)
    assert jobs["fit_habitats"] == 3
    assert jobs["fit_signature"] == jobs["cross_fit_signature"] == 11 + 3
    assert jobs["fit_model"] == jobs["cross_validate_model"] == 11 + 5
    assert jobs["extract_features"] == 3 * config["demo"]["patients"]
    assert jobs["draw_roc"] == jobs["draw_calibration"] == jobs["draw_decision"] == 3
    assert jobs["bootstrap_model"] == 16 * config["bootstrap"]["chunks"]


def test_the_clinical_radiomics_study_is_planned_with_four_sequences_and_its_choice_of_classifiers(tmp_path):
    config = yaml.safe_load((ROOT / "config/studies/spine_clinical_radiomics.yaml").read_text())
    jobs = Checkout(copy_code(tmp_path), "spine_clinical_radiomics").jobs(config)
    assert jobs["extract_features"] == 4 * config["demo"]["patients"]
    assert jobs["fit_model"] == jobs["cross_validate_model"] == 3
    assert jobs["compare_classifiers"] == 2
    assert jobs["measure_choice"] == jobs["draw_classifiers"] == jobs["measure_importance"] == 1
    assert jobs["draw_roc"] == 4  # both readings of training, internal and external
