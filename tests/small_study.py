"""A copy of the checkout with a small study on the demo cohort, for tests that run Snakemake."""

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from habitat_radiomics.kernels import compile_missing

ROOT = Path(__file__).resolve().parents[1]
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
    "habitats": {"zone": {"sequences": ["T1"], "k_range": [1, 4], "voxels_per_patient": 500, "stability_patients": 5}},
    # for jobs of a few thousand voxels loading the compiled code would cost more than pyradiomics does
    "features": {"banks": {"tumour": "small", "zone": "small"}, "custom_banks": {"small": BANK}, "engine": "reference"},
    "signatures": {
        "tumour": {"regions": ["tumour"], "steps": STEPS},
        "habitat": {"regions": ["zone*"], "steps": [{"stable": {"threshold": 0.6}}, *STEPS[1:]]},
    },
    "bootstrap": {"replicates": 12, "chunks": 3},
    "models": {
        "clinical": {"clinical": ["age", "sex"]},
        "radiomics": {"signatures": ["tumour"]},
        "habitat": {"signatures": ["habitat"]},
        "combined": {"signatures": ["tumour"], "clinical": ["age"]},
    },
}


def copy_code(folder):
    """Copy what a study needs of the checkout into a folder, kernels compiled, and return it."""
    compile_missing()
    for name in CODE:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / name)
    return folder


def change_cell(path, patient, column, value):
    """Change one cell of a table of patients: `value` of what it was."""
    with path.open(newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    for row in rows:
        if row["patient"] == patient:
            row[column] = value(row[column])
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), delimiter="\t", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


class Checkout:
    """A folder with the code, in which Snakemake runs one study."""

    def __init__(self, folder, study):
        self.folder = folder
        self.results = folder / "results" / study

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

    def plan(self, config, *arguments):
        """What Snakemake would run now, as `planned_jobs` says it."""
        return json.loads(self.tool("list_changes", config, "--json", *arguments))

    def tool(self, script, config, *arguments):
        """What a script that looks ahead prints: `list_changes` (make changes) or `estimate_cost` (make cost)."""
        path = self.folder / "study.yaml"
        path.write_text(yaml.safe_dump(config, sort_keys=False))
        command = [sys.executable, f"scripts/{script}.py", "--configfile", path.name, *arguments]
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        done = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]
        return done.stdout

    def fitted(self):
        """Bytes of everything learnt, by path."""
        patterns = (
            "select/*/signature.skops",
            "train/*/model.skops",
            "train/*/cutoff.json",
            "reproducibility/*",
            "habitats/*/habitats.json",
        )
        files = [
            file for pattern in (*patterns, "preprocess/intensity_scale.*.json") for file in self.results.glob(pattern)
        ]
        return {str(file.relative_to(self.results)): file.read_bytes() for file in files}
