"""The overlays on real data: their tables are built and found sound, headers of all files included."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from habitat_radiomics import settings
from habitat_radiomics.state import FileFacts
from habitat_radiomics.study import checked_config, load_study

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())


def example(name, shared_data, tables):
    config = checked_config(yaml.safe_load((ROOT / f"config/studies/{name}.yaml").read_text()), SCHEMA)
    folder = shared_data / Path(config["data"]["folder"]).name
    subprocess.run([sys.executable, ROOT / config["data"]["prepare"], folder, tables], check=True)
    check_files = settings.file_checker(config, FileFacts(tables / "facts.json"))
    return load_study(config, tables=tables, folder=str(folder), check_files=check_files)


@pytest.mark.parametrize(
    ("name", "sequences"), [("example_sts_habitats", 2), ("example_ms26_habitats", 4)], ids=["sts", "ms26"]
)
def test_joint_habitats_of_three_are_asked_of_every_sequence(shared_data, tmp_path, name, sequences):
    study = example(name, shared_data, tmp_path)
    joint = settings.habitat_fit(study, "joint")
    assert (joint["k"], len(joint["sequences"])) == (3, sequences)
    assert joint["sequences"] == study.sequences
    assert study.in_cohort("train")


def test_one_head_without_an_outcome_is_described(shared_data, tmp_path):
    study = example("example_ms26_habitats", shared_data, tmp_path)
    assert list(study.patients) == ["MS26"]
    assert not study.predicts
    assert all(study.readings("MS26", sequence) == ["reader1"] for sequence in study.sequences)


@pytest.mark.parametrize(("name", "patients", "features"), [("example_lipo", 114, 1015), ("example_arita", 168, 683)])
def test_published_feature_tables_become_studies(shared_data, tmp_path, name, patients, features):
    study = example(name, shared_data, tmp_path)
    assert not study.has_images
    assert len(study.patients) == patients
    assert sum(len(sheet.features) for sheet in study.feature_sheets.values()) == features
    assert study.validation_cohorts == (["internal"] if name == "example_lipo" else ["external"])
