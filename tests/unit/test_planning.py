"""Groups of jobs are refused where Snakemake refuses them, and checked in a time that grows with their number."""

import os
import random
import subprocess
import sys
import time

import pytest

from habitat_radiomics.job_circles import depends_on_itself
from small_study import ROOT

# c shares a group with a, and needs a and b; b needs a and is in no group.
LEAVES_AND_RETURNS = {"a": [], "b": ["a"], "c": ["a", "b"]}


def test_a_group_that_is_left_and_entered_again_depends_on_itself():
    assert depends_on_itself(LEAVES_AND_RETURNS, {"a": "g", "c": "g"}.get)
    assert not depends_on_itself(LEAVES_AND_RETURNS, {"a": "g", "b": "g", "c": "g"}.get)
    assert not depends_on_itself(LEAVES_AND_RETURNS, {"a": "g", "b": "g"}.get)
    assert not depends_on_itself(LEAVES_AND_RETURNS, {}.get)


def reaches(needed, job, jobs):
    return job in jobs or any(reaches(needed, other, jobs) for other in needed[job])


def returns(needed, group):
    """The question as it is defined: does some path lead out of a group and back into it?"""
    outside = {other for job in group for other in needed[job]} - group
    return any(reaches(needed, other, group) for other in outside)


@pytest.mark.parametrize("seed", range(200))
def test_every_group_that_a_path_leaves_and_enters_again_is_found(seed):
    draw = random.Random(seed)
    jobs = range(9)
    needed = {job: [other for other in range(job) if draw.random() < 0.25] for job in jobs}
    groups = {job: draw.choice(["g", "h", None]) for job in jobs}
    of_g = {job: group for job, group in groups.items() if group == "g"}
    assert depends_on_itself(needed, of_g.get) == returns(needed, set(of_g))
    assert depends_on_itself(needed, groups.get) or not returns(needed, set(of_g))


def test_ten_thousand_patients_are_checked_in_seconds():
    patients = range(10_000)
    needed = {("sample", p): [] for p in patients} | {"fit": [("sample", p) for p in patients]}
    needed |= {("label", p): ["fit", ("sample", p)] for p in patients}
    needed |= {("extract", p): ["fit", ("label", p)] for p in patients}
    groups = {("sample", p): ("before", p // 10) for p in patients}
    groups |= {(step, p): ("after", p // 10) for p in patients for step in ("label", "extract")}
    start = time.process_time()
    assert not depends_on_itself(needed, groups.get)
    assert time.process_time() - start < 20  # one second; the square of the patients would be hours


SNAKEFILE = """
import sys

sys.path.insert(0, {scripts!r})
{install}

rule c:
    input: "a", "b"
    output: "c"
    group: "g"
    shell: "touch c"

rule b:
    input: "a"
    output: "b"
    {group}
    shell: "touch b"

rule a:
    output: "a"
    group: "g"
    shell: "touch a"
"""


@pytest.fixture
def dry_run(tmp_path):
    """Plan a workflow of three steps, with or without our check."""

    def run(group, install="import planning; planning.prepare()"):
        text = SNAKEFILE.format(scripts=str(ROOT / "scripts"), install=install, group=group)
        (tmp_path / "Snakefile").write_text(text)
        command = [sys.executable, "-m", "snakemake", "--cores", "1", "--dry-run", "--quiet", "host"]
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)

    return run


def test_snakemake_refuses_in_its_own_words_what_it_refused_before(dry_run):
    ours, own = dry_run(""), dry_run("", install="")
    assert ours.returncode == own.returncode == 1
    assert "not allowed" in own.stdout
    assert ours.stdout == own.stdout
    assert dry_run('group: "g"').returncode == 0
