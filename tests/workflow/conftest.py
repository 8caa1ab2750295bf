"""A small study run once from a copy of the checkout whose path has a space and an umlaut."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
CODE = ("Snakefile", "workflow", "config", "scripts", "profiles")
BANK = {"image_types": {"Original": {}}, "classes": ["firstorder", "glcm"], "shape": False}
STEPS = [
    {"icc": {"threshold": 0.75}},
    {"complete": {}},
    {"zscore": {}},
    {"anova": {"alpha": 0.2}},
    {"correlation": {"threshold": 0.9}},
    {"lasso": {"folds": 5}},
]
CONFIG = {
    "study": "small",
    "data": {"source": "demo", "incomplete_patients": "exclude"},
    "demo": {"patients": 48, "readings_patients": 8},
    "sequences": {"T1": None, "T2": {"intensity": {"method": "nyul"}}},
    "clinical": {"age": {"type": "number"}, "sex": {"type": "category", "levels": ["F", "M"]}},
    "outcome": {"column": "progression"},
    "split": {"method": "column"},
    "preprocess": {"spacing_mm": [2, 2, 2], "padding_voxels": 4},
    "features": {"banks": {"tumour": "small"}, "custom_banks": {"small": BANK}},
    "signatures": {"tumour": {"regions": ["tumour"], "steps": STEPS}},
    "models": {
        "clinical": {"clinical": ["age", "sex"]},
        "radiomics": {"signatures": ["tumour"]},
        "combined": {"signatures": ["tumour"], "clinical": ["age"]},
    },
}


class Checkout:
    """A copy of the code in which Snakemake is run with a configuration of the test's own."""

    def __init__(self, folder):
        self.folder = folder
        for name in CODE:
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            copy(ROOT / name, folder / name)
        self.results = folder / "results" / "small"

    def run(self, config, *arguments, check=True):
        """Run Snakemake; return what it printed."""
        path = self.folder / "study.yaml"
        path.write_text(yaml.safe_dump(config, sort_keys=False))
        command = [sys.executable, "-m", "snakemake", "--configfile", path.name, "--cores", "2", *arguments]
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        done = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True)
        output = done.stdout + done.stderr
        assert not check or done.returncode == 0, output[-6000:]
        return output

    def jobs(self, config, *arguments):
        """Count the jobs by rule that Snakemake would run now."""
        output = self.run(config, "--dry-run", "--quiet", "rules", *arguments)
        if "Nothing to be done" in output:
            return {}
        table = output.split("Job stats:")[-1].split("Reasons:")[0].splitlines()
        rows = [line.split() for line in table if len(line.split()) == 2 and line.split()[1].isdigit()]
        return {name: int(count) for name, count in rows if name not in ("total", "all")}

    def fitted(self):
        """Bytes of everything learnt, by path."""
        patterns = ("select/*/signature.skops", "train/*/model.skops", "train/*/cutoff.json", "reproducibility/*")
        files = [
            file for pattern in (*patterns, "preprocess/intensity_scale.*.json") for file in self.results.glob(pattern)
        ]
        return {str(file.relative_to(self.results)): file.read_bytes() for file in files}


@pytest.fixture(scope="session")
def checkout(tmp_path_factory):
    """The small demo study, run once to the end."""
    checkout = Checkout(tmp_path_factory.mktemp("Käse und Brot"))
    checkout.run(CONFIG)
    return checkout


@pytest.fixture(scope="session")
def own_data(checkout):
    """The same cohort as somebody's own tables and files: checkout and configuration, run once to the end."""
    data = checkout.folder / "eigene Däten"
    shutil.copytree(checkout.results / "demo", data)
    for name in ("patients", "images"):
        shutil.copy(checkout.results / "tables" / f"{name}.tsv", data)
    config = {**CONFIG, "study": "own", "data": {"folder": data.name, "incomplete_patients": "exclude"}}
    del config["demo"]
    own = Checkout.__new__(Checkout)
    own.folder, own.results = checkout.folder, checkout.folder / "results" / "own"
    own.run(config)
    return own, config, data
