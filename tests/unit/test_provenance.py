"""Provenance names software, code and inputs, and nothing of the machine."""

import hashlib
import json
import re
import shutil
import subprocess
from importlib.metadata import version

import pytest

from example_results import ROOT, example_config
from habitat_radiomics.provenance import (
    checksum_list,
    imported_modules,
    package_versions,
    provenance_record,
    repository_state,
    sha256,
)
from habitat_radiomics.settings import public_config

SCRIPTS = sorted((ROOT / "scripts").rglob("*.py"))


def git(folder, *arguments):
    who = ["-c", "user.name=nobody", "-c", "user.email=nobody@localhost"]
    subprocess.run(["git", "-C", str(folder), *who, *arguments], check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path):
    """A repository with one committed file."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    git(tmp_path, "init", "-q")
    (tmp_path / "Snakefile").write_text("rule all:\n")
    git(tmp_path, "add", "Snakefile")
    git(tmp_path, "commit", "-q", "-m", "first")
    return tmp_path


def test_versions_are_those_of_the_packages_the_scripts_import():
    versions = package_versions(SCRIPTS)
    assert {"numpy", "pandas", "SimpleITK".lower(), "snakemake"} <= {name.lower() for name in versions}
    assert all(version(name) == number for name, number in versions.items())
    assert "pytest" not in versions


def test_imports_are_found_wherever_they_stand(tmp_path):
    script = tmp_path / "a.py"
    script.write_text("import os.path\nfrom numpy.linalg import inv\ndef f():\n    import scipy.stats\n")
    assert imported_modules(script) == {"os", "numpy", "scipy"}


def test_a_hash_is_that_of_the_bytes(tmp_path):
    file = tmp_path / "x"
    file.write_bytes(b"abc")
    assert sha256(file) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_a_clean_repository_gives_its_commit_and_a_changed_one_says_so(repository):
    commit, modified = repository_state(repository)
    assert re.fullmatch(r"[0-9a-f]{40}", commit)
    assert modified is False
    (repository / "Snakefile").write_text("rule other:\n")
    assert repository_state(repository) == (commit, True)


def test_a_folder_that_is_no_repository_of_its_own_has_no_commit(repository):
    inside = repository / "copy"
    inside.mkdir()
    assert repository_state(inside) == (None, None)


def test_the_record_holds_no_absolute_path_time_or_host(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "metrics.csv").write_text("a,b\n")
    config = example_config(data={"folder": "/home/someone/secret/sts36", "patients": "patients.tsv"})
    scans = {"P1.T1": {"image": "aa", "masks": {"reader1": "bb"}}, "P2.T1": {"image": None, "masks": {}}}
    record = provenance_record(
        config=public_config(config),
        scripts=SCRIPTS,
        workflow=tmp_path,
        scans=scans,
        tables={"patients": "metrics.csv"},
        results=["metrics.csv"],
    )
    text = json.dumps(record)
    assert "secret" not in text
    assert str(tmp_path) not in text
    assert not re.search(r'"/[a-z]', text)
    assert record["config"]["data"]["folder"] == "sts36"
    assert record["inputs"]["scans"] == {"P1.T1": scans["P1.T1"]}
    assert record["results"] == {"metrics.csv": hashlib.sha256(b"a,b\n").hexdigest()}


def test_the_list_of_hashes_is_what_sha256sum_checks(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a b.csv", "c.csv"):
        (tmp_path / name).write_text(name)
    (tmp_path / "list.sha256").write_text(checksum_list({name: sha256(name) for name in ("a b.csv", "c.csv")}))
    check = ["sha256sum", "--check", "--quiet", "list.sha256"]
    assert subprocess.run(check, capture_output=True).returncode == 0
    (tmp_path / "c.csv").write_text("changed")
    assert subprocess.run(check, capture_output=True).returncode == 1


@pytest.mark.parametrize(
    ("value", "shown"),
    [("/a/b/c", "c"), (r"C:\a\b", "b"), ("data/x", "data/x"), ({"k": ["/a/b", 1, None]}, {"k": ["b", 1, None]})],
)
def test_absolute_paths_of_a_configuration_keep_their_last_name_only(value, shown):
    assert public_config(value) == shown
