"""Load the tables an import wrote as a study, with every check of tables and files."""

from pathlib import Path

import yaml

from habitat_radiomics.settings import file_checker
from habitat_radiomics.state import FileFacts
from habitat_radiomics.study import checked_config, load_study

SCHEMA = yaml.safe_load((Path(__file__).resolve().parents[1] / "workflow/schemas/config.schema.yaml").read_text())


def load_imported(folder, **config):
    """The study of the tables in a folder: habitats and features, no outcome, everybody in training."""
    described = {"study": "imported", "data": {"folder": str(folder)}, "split": {"train_fraction": 0.99}, **config}
    whole = checked_config(described, SCHEMA)
    check = file_checker(whole, FileFacts(Path(folder, "facts.json")))
    return load_study(whole, tables=folder, folder=folder, check_files=lambda image, masks: check(str(image), masks))


def read_rows(path):
    """Rows of a TSV as dicts of text."""
    header, *lines = [line.split("\t") for line in Path(path).read_text(encoding="utf-8").splitlines()]
    return [dict(zip(header, line, strict=True)) for line in lines]
