"""Stops the set-up early, with the cure, when this machine cannot build the environment."""

import shutil
import sys
import sysconfig
from pathlib import Path


def problems():
    """List what is missing, one sentence each; empty when the environment can be built."""
    found = []
    if not (3, 11) <= sys.version_info[:2] <= (3, 13):
        version = ".".join(map(str, sys.version_info[:3]))
        found.append(f"Python {version} found; 3.11, 3.12 or 3.13 is needed. Name one: make PYTHON=python3.12")
    if not any(map(shutil.which, ("cc", "gcc", "clang"))):
        found.append("no C compiler found (pyradiomics is compiled here): apt-get install gcc")
    if not (Path(sysconfig.get_paths()["include"]) / "Python.h").exists():
        found.append("Python.h not found: apt-get install python3-dev")
    try:
        import ensurepip  # noqa: F401
    except ImportError:
        found.append("Python has no ensurepip: apt-get install python3-venv")
    return found


if __name__ == "__main__":
    sys.exit("\n".join(f"set-up: {problem}" for problem in problems()) or 0)
