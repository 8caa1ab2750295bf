"""Write envs/conda.yaml from the pins of requirements.txt and build.txt: the same versions in every environment."""

import re
from pathlib import Path

ENVS = Path(__file__).resolve().parent
HEAD = """\
# Written by envs/write_conda.py from requirements.txt and build.txt (make lock); do not edit.
# PIP_NO_BUILD_ISOLATION=0 conda env create --file envs/conda.yaml
# The variable (0 is how pip spells "no isolation") lets pyradiomics be built with the numpy and setuptools below.
name: habitat-radiomics
channels:
  - conda-forge
  - nodefaults
dependencies:
  - python=3.11
  - pip
  - c-compiler
"""


def pins(name):
    """Return ``package==version`` (with its marker, if any) of every entry of a compiled requirements file."""
    lines = (ENVS / name).read_text(encoding="utf-8").splitlines()
    return [line.rstrip(" \\") for line in lines if re.match(r"[A-Za-z0-9]", line)]


def conda_file():
    """Return the text of the conda file: what pyradiomics is built with from conda, everything else by pip."""
    first = pins("build.txt")
    build = [f"  - {pin.replace('==', '=')}" for pin in first]
    rest = [f"      - {pin}" for pin in pins("requirements.txt") if pin not in first]
    return HEAD + "\n".join([*build, "  - pip:", *rest]) + "\n"


if __name__ == "__main__":
    (ENVS / "conda.yaml").write_text(conda_file(), encoding="utf-8")
