"""Every comparison of the library as used with ours, one table, written to benchmarks/results/<date>.md.

    python benchmarks/run.py                       # all rows, about a quarter of an hour on one core
    python benchmarks/run.py n4 lasso              # rows whose names contain one of these words, printed only
    python benchmarks/run.py --write n4 lasso      # the same, written too

Each row runs in a process of its own, theirs and ours in turn; see `harness`.
"""

import argparse
import datetime
import importlib
import os
import platform
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path

import harness
from study import study_table

MODULES = ("rows_images", "rows_features", "rows_statistics")
PACKAGES = ("numpy", "scipy", "numba", "SimpleITK", "pyradiomics", "scikit-learn", "lifelines", "pandas", "statsmodels")
RESULTS = Path(__file__).resolve().parent / "results"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("words", nargs="*", help="rows to measure; without it all, and the table is written")
    parser.add_argument("--write", action="store_true", help="write the table of some rows too")
    asked = parser.parse_args()
    words = asked.words
    rows = {}
    for module, name in named_rows(words):
        row = rows[name] = measured_alone(module, name)
        print(
            f"{name}: {row.theirs_s:.3g} s, ours {row.ours_s:.3g} s, {row.ratio:.0f} times; {row.difference}",
            file=sys.stderr,
            flush=True,
        )
    part = f" Rows asked for: {', '.join(words)}; `make bench` measures all." if words else ""
    title = f"# Benchmarks of {datetime.date.today():%Y-%m-%d}"
    report = "\n\n".join([title, machine() + part, harness.as_table(rows.values()), study_table(rows)]).rstrip() + "\n"
    print(report)
    if asked.write or not words:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{datetime.date.today():%Y-%m-%d}.md").write_text(report, encoding="utf-8")


def named_rows(words):
    """Module and function of every row whose name contains one of the words; all without words."""
    rows = [(module, row.__name__) for module in MODULES for row in importlib.import_module(module).ROWS]
    return [(module, name) for module, name in rows if not words or any(word in name for word in words)]


def measured_alone(module, name):
    """One row, measured in a process of its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(measure_row, module, name).result()


def measure_row(module, name):
    """Make a row's inputs and measure it."""
    return harness.measure(getattr(importlib.import_module(module), name)())


def machine():
    """Processor, memory, load and versions, as sentences."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = {line.split(":")[1].strip() for line in lines if line.startswith("model name")} or {platform.processor()}
    memory_gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    versions = ", ".join(f"{package} {version(package)}" for package in PACKAGES)
    return (
        f"{os.cpu_count()} x {', '.join(sorted(names))}, {memory_gb:.0f} GB, {platform.system()}; load over the last"
        f" quarter of an hour {os.getloadavg()[2]:.1f}. Commit {commit()}. Python {platform.python_version()},"
        f" {versions}.\n\nCPU seconds on one thread, medians of rounds in which both ran in turn; a first run of ours"
        " on a small input, which compiles, is left out. MB is the peak above what was in use before."
    )


def commit():
    """Short hash of the commit that was measured, with a plus when files differ from it."""

    def git(*words):
        return subprocess.run(["git", *words], cwd=harness.ROOT, capture_output=True, text=True).stdout.strip()

    return git("rev-parse", "--short", "HEAD") + ("+" if git("status", "--porcelain", "-uno") else "")


if __name__ == "__main__":
    main()
