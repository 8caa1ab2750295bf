"""The overlay of study npc_residual has the design and the counts of its paper."""

from pathlib import Path

import pytest
import SimpleITK as sitk
import yaml

from habitat_radiomics import settings
from habitat_radiomics.banks import feature_names
from habitat_radiomics.features import extract_features
from habitat_radiomics.model_inputs import model_pipeline
from habitat_radiomics.study import checked_config, load_study
from imaging_phantoms import limb

ROOT = Path(__file__).resolve().parents[2]
OVERLAY = yaml.safe_load((ROOT / "config/studies/npc_residual.yaml").read_text())
SEQUENCES = {"T2": 2, "T1CE": 2, "T2FS": 4}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    config = checked_config(OVERLAY, yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text()))
    folder = tmp_path_factory.mktemp("tables")
    for name, text in settings.demo_tables(config).items():
        (folder / f"{name}.tsv").write_text(text)
    return load_study(config, tables=folder, folder=folder)


def test_three_tumours_and_two_two_and_four_habitats_are_eleven_regions(study):
    habitats = {chosen["sequences"][0]: chosen["k"] for chosen in study.config["habitats"].values()}
    assert habitats == SEQUENCES
    regions = {("tumour", sequence) for sequence in study.sequences}
    sets = study.config["habitats"].items()
    regions |= {(f"{name}{k}", *chosen["sequences"]) for name, chosen in sets for k in range(1, chosen["k"] + 1)}
    assert len(regions) == 11
    own = {name: s for name, s in study.config["signatures"].items() if not s["best_of"]}
    assert len(own) == 11
    assert {(*s["regions"], *s["sequences"]) for s in own.values()} == regions
    machines = {name: m for name, m in study.config["models"].items() if m["inputs"] == "features"}
    assert [m["signatures"] for m in machines.values()] == [[name] for name in own]
    assert {m["estimator"] for m in study.config["models"].values()} == {"svm"}


def test_every_region_has_1133_features_of_which_1130_are_bank_a(study):
    for sequence in study.sequences:
        chosen = settings.features(study, sequence)
        banks = [*chosen["banks"].values(), *(s["bank"] for s in chosen["habitats"])]
        assert [len(feature_names(bank)) for bank in banks] == [1133, 1133]
        assert [len(feature_names({**bank, "deprecated_shape": False})) for bank in banks] == [1130, 1130]
        assert chosen["settings"]["bin_width"] == 25
        assert settings.intensity(study, sequence)["method"] == "range_0_255"


def test_a_region_really_gives_1133_features(study):
    phantom, chosen = limb(shape=(16, 48, 48), spacing=(1.0, 1.0, 1.0)), settings.features(study, "T2")
    rows = extract_features(
        sitk.Cast(phantom["image"], sitk.sitkFloat32),
        {"tumour": phantom["tumour"]},
        banks={"tumour": chosen["banks"]["tumour"]},
        settings=chosen["settings"],
    )
    assert len(rows) == 1133


def test_the_best_region_of_every_sequence_is_one_of_all_its_regions(study):
    signatures = study.config["signatures"]
    for sequence, k in SEQUENCES.items():
        candidates = signatures[f"best_{sequence}"]["best_of"]
        assert len(candidates) == 1 + k
        assert {tuple(signatures[name]["sequences"]) for name in candidates} == {(sequence,)}


def test_the_composites_are_clinic_alone_with_each_best_region_and_with_all_three(study):
    composites = {name: m for name, m in study.config["models"].items() if m["inputs"] == "scores"}
    assert [m["signatures"] for m in composites.values()] == [
        [], ["best_T2FS"], ["best_T1CE"], ["best_T2"], ["best_T2FS", "best_T1CE", "best_T2"]
    ]  # fmt: skip
    assert len({tuple(m["clinical"]) for m in composites.values()}) == 1
    assert settings.reference_model(study.config) == "clinic"
    assert settings.headline_model(study.config) == "combined"
    built = model_pipeline(settings.model(study, "combined"))
    assert built["encoder"].signatures == ["best_T2FS", "best_T1CE", "best_T2"]


def test_every_figure_shows_few_enough_models_and_every_model_is_in_one(study):
    groups = settings.model_groups(study.config)
    assert max(map(len, groups.values())) <= 7
    assert set(settings.drawn_models(study.config)) == set(study.config["models"])


def test_a_study_without_coefficients_says_why_it_has_no_nomogram(study):
    words = settings.nomogram_words(study)
    assert "is a support vector machine, which has no coefficients" in words["reason"]
