"""A study on a real SLURM: it ends, costs few cluster jobs, and gives the same bytes as without."""

import hashlib
import re

OF_THE_RUN = ("logs/", "benchmarks/")  # how long a step took, and what it said: no results


def hashes(folder):
    """SHA-256 of every result by path."""
    files = (file for file in folder.rglob("*") if file.is_file())
    names = {file.relative_to(folder).as_posix(): file for file in files}
    results = {name: file for name, file in names.items() if not name.startswith(OF_THE_RUN)}
    return {name: hashlib.sha256(file.read_bytes()).hexdigest() for name, file in results.items()}


def test_a_study_on_slurm_gives_the_same_bytes_as_on_one_machine(study, reference):
    checkout, config, _ = study
    found, expected = hashes(checkout.results), hashes(reference.results)
    kinds = {name.split("/")[0] for name in expected}
    assert kinds >= {"preprocess", "habitats", "features", "select", "train", "validate", "figures", "report"}
    assert {name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name)} == set()


def test_few_cluster_jobs_on_all_nodes_carry_all_steps(study):
    _, _, run = study
    assert {job["state"] for job in run.jobs} == {"COMPLETED"}
    assert {job["node"] for job in run.jobs} == {"n1", "n2", "n3"}
    steps = int(re.findall(r"^total +(\d+)", run.said, re.MULTILINE)[-1])
    assert len(run.jobs) < steps / 8, (len(run.jobs), steps)


def test_a_study_that_ran_on_slurm_has_nothing_left_to_do(study):
    checkout, config, run = study
    assert checkout.jobs(config) == {}
    assert "patients are in the study. Report: results/" in run.said
