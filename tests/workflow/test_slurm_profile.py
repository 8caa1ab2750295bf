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
    assert {entry.split("=")[0] for entry in PROFILE["group-components"]} >= {
        "prepare",
        "measure",
        "patient",
        "features",
    }


@pytest.fixture(scope="module")
def rule_graph(tmp_path_factory):
    """Rules that depend directly on each rule of the default study."""
    command = [sys.executable, "-m", "snakemake", "--rulegraph", "dot"]
    done = subprocess.run(command, cwd=copy_code(tmp_path_factory.mktemp("graph")), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    names = dict(re.findall(r'(\d+)\[label = "(\w+)"', done.stdout))
    edges = [(names[a], names[b]) for a, b in re.findall(r"(\d+) -> (\d+)", done.stdout)]
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
    assert len(members) > 1
    assert after(rule_graph, between) & members == set()
