"""The cluster profile fits the workflow: nothing of the common profile is lost, and groups of steps can be run."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from small_study import ROOT, copy_code

PROFILE = yaml.safe_load((ROOT / "workflow/profiles/slurm/config.yaml").read_text())
GROUPS = dict(entry.split("=") for entry in PROFILE["groups"])


def test_what_the_default_profile_sets_holds_on_the_cluster_too():
    common = yaml.safe_load((ROOT / "profiles/default/config.yaml").read_text())
    assert {name: PROFILE.get(name) for name in common} == common


def test_every_step_in_a_group_exists():
    text = "".join(file.read_text() for file in sorted(Path(ROOT, "workflow/rules").glob("*.smk")))
    assert set(GROUPS) <= set(re.findall(r"^ *rule (\w+):", text, re.MULTILINE))


def test_every_group_of_steps_is_made_of_several_chains():
    text = "".join(file.read_text() for file in sorted(Path(ROOT, "workflow/rules").glob("*.smk")))
    (constants,) = re.findall(r"^PREPARE, MEASURE = (.+)", text, re.MULTILINE)
    used = set(re.findall(r"group:\s+(\S+)", text)) - {"PREPARE", "MEASURE"} | set(re.findall(r'"\w+"', constants))
    known = {entry.split("=")[0] for entry in PROFILE["group-components"]}
    assert {name.strip('"') for name in used} | set(GROUPS.values()) - {"tables"} == known  # tables are one chain


def test_memory_and_time_of_every_step_grow_with_the_attempt():
    files = sorted(Path(ROOT, "workflow/rules").glob("*.smk"))
    fixed = [
        f"{file.name}: {line.strip()}"
        for file in files
        for line in file.read_text().splitlines()
        if re.match(r" *(mem_mb|runtime)=(?!scaled\()", line)
    ]
    assert fixed == [], "write mem_mb=scaled(1000), so that a job that wanted more gets it when it is submitted again"


@pytest.fixture(scope="module")
def default_study(tmp_path_factory):
    """Say what Snakemake, run in a copy of the checkout, prints about the default study."""
    folder = copy_code(tmp_path_factory.mktemp("graph"))

    def ask(*arguments):
        command = [sys.executable, "-m", "snakemake", *arguments]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return ask


def test_a_second_attempt_has_twice_the_memory_and_time(default_study):
    target = "results/demo/preprocess/P001/T1.corrected.nii.gz"
    first, second = (default_study("--dry-run", "--attempt", n, "--", target) for n in "12")
    for resource in ("mem_mb", "runtime"):
        asked = [[int(value) for value in re.findall(rf"{resource}=(\d+)", text)] for text in (first, second)]
        assert asked[1] == [2 * value for value in asked[0]]
        assert len(asked[0]) == 2


@pytest.fixture(scope="module")
def rule_graph(default_study):
    """Rules that depend directly on each rule of the default study."""
    graph = default_study("--rulegraph", "dot")
    names = dict(re.findall(r'(\d+)\[label = "(\w+)"', graph))
    edges = [(names[a], names[b]) for a, b in re.findall(r"(\d+) -> (\d+)", graph)]
    assert len(edges) > 100
    return {name: {b for a, b in edges if a == name} for name in names.values()}


def after(graph, rules):
    """Everything that depends on some rules, directly or not."""
    found, waiting = set(), set(rules)
    while waiting:
        new = {follower for rule in waiting for follower in graph[rule]} - found
        found |= new
        waiting = new
    return found


@pytest.mark.parametrize("group", sorted(set(GROUPS.values())))
def test_no_group_waits_for_a_step_that_waits_for_the_group(rule_graph, group):
    members = {rule for rule, name in GROUPS.items() if name == group} & set(rule_graph)
    between = after(rule_graph, members) - members
    assert members
    assert after(rule_graph, between) & members == set()
