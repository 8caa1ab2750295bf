"""Peak memory of the cohort steps on a table of many patients and features, every step in a process of its own.

    python benchmarks/cohort_memory.py                              # 10,000 patients x 20,000 features
    python benchmarks/cohort_memory.py 1000 20000 select combat     # a smaller table, and only these steps

A step reads its tables from files, as the workflow's jobs do, and its peak includes the interpreter. The goal of the
whole table is 8 GB for each step.
"""

import os
import resource
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

for library in ("OMP", "OPENBLAS", "MKL", "NUMBA"):
    os.environ[f"{library}_NUM_THREADS"] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))

import numpy as np
import pandas as pd

PATIENTS, FEATURES, FAMILIES, SITES, READ_TWICE = 10_000, 20_000, 4_000, 8, 200
STEPS = [{"complete": {}}, {"zscore": {}}, {"t_or_u": {"correction": "fdr"}}, {"correlation": {}}]
SETTINGS = {"sequences": ["T1"], "regions": ["tumour"], "seed": 1}


def write_cohort(folder, patients, features):
    """Write features, outcome and sites; features come in correlated families, of which a tenth follow the outcome."""
    from habitat_radiomics.entry import write_json
    from habitat_radiomics.tables import write_table

    generator = np.random.default_rng(0)
    names, index = feature_names(features), [f"P{number:05d}" for number in range(patients)]
    outcome, site = np.arange(patients) % 2, np.arange(patients) // 2 % SITES
    values = np.empty((features, patients))
    for number, row in enumerate(values):
        if number % (features // FAMILIES) == 0:
            family = generator.normal(size=patients) + 0.1 * site
            family += 0.3 * outcome * (generator.random() < 0.1)
        row[:] = family + generator.normal(size=patients)
    write_table(folder / "features.parquet", with_patients(values, names, index))
    write_table(folder / "outcome.csv", pd.DataFrame({"patient": index, "outcome": outcome, "cohort": "train"}))
    write_json(folder / "batches.json", {"patients": index, "values": {"site": [f"S{number}" for number in site]}})


def feature_names(features):
    return [f"T1|tumour|original_f{number:05d}" for number in range(features)]


def with_patients(values, names, index):
    """Table of values, shape (features, patients)."""
    table = pd.DataFrame(values.T, columns=names, copy=False)
    table.insert(0, "patient", index)
    return table


# the steps; each returns words for what it found


def collect(folder, patients, features):
    """Tables of scans to one table: all patients share ten files here, by links."""
    from habitat_radiomics.collect import collect_features
    from habitat_radiomics.entry import write_json
    from habitat_radiomics.tables import write_table

    scans = folder / "scans"
    scans.mkdir()
    generator = np.random.default_rng(0)
    names = [name.split("|")[2] for name in feature_names(features)]
    for number in range(10):
        table = pd.DataFrame({"reading": "reader1", "region": "tumour", "feature": names, "reason": ""})
        write_table(scans / f"{number}.csv", table.assign(value=generator.normal(size=features)))
    write_json(scans / "record.json", {"faults": [], "measures": {}})
    index = [f"P{number:05d}" for number in range(patients)]
    for number, patient in enumerate(index):
        (scans / f"{patient}.T1.csv").symlink_to(f"{number % 10}.csv")
        (scans / f"{patient}.T1.json").symlink_to("record.json")
    patterns = {"tables": f"{scans}/{{patient}}.{{sequence}}.csv", "records": f"{scans}/{{patient}}.{{sequence}}.json"}
    patterns |= {"habitat_tables": "", "habitat_records": ""}
    found, _, _ = collect_features(
        patients=index,
        sequences=["T1"],
        habitats={"T1": []},
        patterns=patterns,
        primary="reader1",
        incomplete_patients="stop",
        drawn_regions=["tumour"],
    )
    write_table(folder / "collected.parquet", found)
    return f"{found.shape[0]} x {found.shape[1] - 1}"


def agree(folder, patients, features):
    """ICC of every feature in the patients that were read twice."""
    from habitat_radiomics.agreement import feature_agreement

    generator = np.random.default_rng(0)
    count = min(READ_TWICE, patients)
    truth = generator.normal(size=(features, count))
    parts = [
        with_patients(truth + 0.5 * generator.normal(size=truth.shape), feature_names(features), range(count)).assign(
            reading=reading
        )
        for reading in ("reader1", "reader2")
    ]
    readings = pd.concat(parts, ignore_index=True)
    readings.insert(1, "reading", readings.pop("reading"))
    found = feature_agreement(readings, training=range(count), primary_reader="1", inter="ICC(2,1)", intra="ICC(3,1)")
    return f"{count} patients, mean ICC {found['icc'].mean():.3f}"


def select(folder, patients, features):
    """A signature's filters: missing values, scaling, t or U, correlation; of what passes the 50 strongest."""
    return _fitted(folder, {"steps": [*STEPS, {"select_k_best": {"k": 50}}, {"lasso": {"folds": 3}}]})


def correlate(folder, patients, features):
    """The correlation filter on all features, none of them left out before."""
    return _fitted(folder, {"steps": [{"correlation": {}}, {"select_k_best": {"k": 50}}, {"lasso": {"folds": 3}}]})


def combat(folder, patients, features):
    """A signature whose features are harmonised, and the tables of what that did."""
    from habitat_radiomics.harmonisation import fitted_combat, harmonisation_tables
    from habitat_radiomics.signature_inputs import read_features

    steps = [{"select_k_best": {"k": 50}}, {"lasso": {"folds": 3}}]
    harmonise = {"batch": "site", "prior": "parametric"}
    signature = _signature(folder, {"steps": steps, "harmonise": harmonise}, folder / "batches.json")
    table = read_features([folder / "features.parquet"], folder / "batches.json")
    summary = harmonisation_tables(fitted_combat(signature), table)[1]
    return "differ between sites before, after: " + ", ".join(map(str, summary["q_below"]))


def apply(folder, patients, features):
    """Scores of all patients by a signature that is fitted on 200 of them."""
    from habitat_radiomics.signature import build_signature, feature_columns, fit_signature, signature_score
    from habitat_radiomics.signature_inputs import read_features

    table = read_features([folder / "features.parquet"])
    outcome = pd.read_csv(folder / "outcome.csv", index_col="patient")["outcome"]
    steps = [{"complete": {}}, {"zscore": {}}, {"select_k_best": {"k": 50}}, {"lasso": {"folds": 3}}]
    few = table.iloc[:200]
    fitted = fit_signature(build_signature(steps, seed=1), few[feature_columns(few)], outcome.iloc[:200])
    del few
    return f"{np.isfinite(signature_score(fitted, table)).sum()} scores"


def _signature(folder, settings, batches=None):
    from habitat_radiomics.signature import fit_signature
    from habitat_radiomics.signature_inputs import signature_inputs

    return fit_signature(
        *signature_inputs({**SETTINGS, **settings}, folder / "features.parquet", folder / "outcome.csv", [], batches)
    )


def _fitted(folder, settings):
    from habitat_radiomics.signature import selection_funnel

    funnel = selection_funnel(_signature(folder, settings))
    return ", ".join(f"{row.step} {row.features}" for row in funnel.itertuples())


KNOWN = (collect, agree, select, correlate, combat, apply)


def measured(step, folder, patients, features):
    """What a step found, its CPU seconds and its largest memory in GB."""
    start = time.process_time()
    words = step(Path(folder), patients, features)
    return words, time.process_time() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2


def alone(function, *arguments):
    """Run a function in a process of its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def main():
    numbers = [int(word) for word in sys.argv[1:] if word.isdigit()] or [PATIENTS, FEATURES]
    words = [word for word in sys.argv[1:] if not word.isdigit()]
    with tempfile.TemporaryDirectory(prefix="cohort-") as name:
        alone(write_cohort, Path(name), *numbers)
        print(f"{numbers[0]} patients x {numbers[1]} features: a table of {8e-9 * numbers[0] * numbers[1]:.2f} GB")
        for step in KNOWN:
            if not words or step.__name__ in words:
                found, seconds, peak = alone(measured, step, name, *numbers)
                print(f"{step.__name__:10} {seconds:7.1f} CPU s  {peak:5.2f} GB  {found}", flush=True)


if __name__ == "__main__":
    main()
