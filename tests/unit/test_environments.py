"""One set of pinned versions for every kind of environment."""

import re
import sys
from importlib.metadata import version
from pathlib import Path

import yaml
from packaging.requirements import Requirement

ENVS = Path(__file__).resolve().parents[2] / "envs"
sys.path.insert(0, str(ENVS))

from write_conda import conda_file, pins  # noqa: E402


def versions(entries):
    """Package to version of the entries that hold for this Python."""
    found = map(Requirement, entries)
    return {entry.name: str(entry.specifier)[2:] for entry in found if not entry.marker or entry.marker.evaluate()}


def pinned(name):
    return versions(pins(name))


def test_the_conda_file_is_the_one_written_from_the_pins():
    assert (ENVS / "conda.yaml").read_text() == conda_file()


def test_conda_and_pip_hold_every_package_once_in_the_same_version():
    *packages, by_pip = yaml.safe_load(conda_file())["dependencies"]
    build = dict(name.split("=") for name in packages if "=" in name)
    assert build.pop("python") == "3.11"
    assert {"numpy", "setuptools"} <= set(build)
    rest = versions(by_pip["pip"])
    assert not set(build) & set(rest)
    assert build | rest == pinned("requirements.txt") | pinned("build.txt")
    assert rest["pyradiomics"] == "3.0.1"


def test_extra_sets_change_no_version_of_the_environment():
    whole = pinned("requirements.txt")
    for extra in ("build.txt", "dev.txt", "slurm.txt", "import.txt", "deep.txt", "boosting.txt"):
        assert {name: found for name, found in pinned(extra).items() if whole.get(name, found) != found} == {}
    assert {"pydicom", "dcm2niix", "highdicom"} <= set(pinned("import.txt"))


def test_the_versions_at_work_are_the_pinned_ones():
    for name in ("numpy", "pandas", "pyradiomics", "scikit-learn", "SimpleITK", "snakemake", "scipy"):
        assert version(name) == pinned("requirements.txt")[name.lower()]


def test_the_container_is_built_from_the_same_files_with_their_hashes():
    text = (ENVS / "habitat.def").read_text()
    files = [line.split()[0] for line in text.split("%files")[1].split("%post")[0].splitlines() if line.strip()]
    assert all((ENVS.parent / file).exists() for file in files)
    installs = re.findall(r"pip install .*", text)
    assert len(installs) == 2
    assert all("--require-hashes -r /opt/envs/" in line.replace(" --no-build-isolation", "") for line in installs)
