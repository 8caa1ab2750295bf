"""Two ways to the same result, side by side in one process: CPU seconds, peak memory and how far the results differ.

A module of rows (``rows_*.py``) has functions without arguments, listed in its ``ROWS``; each makes its inputs and
returns a `Comparison`. ``python benchmarks/run.py`` measures every row of every module, each in a process of its own.
"""

import math
import os
import resource
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path

for library in ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "NUMBA"):
    os.environ[f"{library}_NUM_THREADS"] = "1"
ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "scripts"))


@dataclass(frozen=True)
class Comparison:
    """What one row of the table compares.

    Attributes
    ----------
    step : str
        What is computed, with its size.
    library : str
        Name of the library, as used by its documentation.
    theirs, ours : callable
        Compute the result; no arguments. ``theirs`` is None where the library is not among ours.
    differ : callable
        Takes both results, theirs first, and returns in words how far they differ.
    goal_s : float
        CPU seconds that ours may take.
    goal_ratio : float
        How many times as fast ours must be; 0 where the goal is seconds alone.
    rounds : int
        How often both are measured, in turn; the table shows medians.
    share, our_share : float
        Part of the work that theirs, or ours, does in a round where all of it would take minutes; its seconds are
        divided by it, and the table says so.
    goal_mb : float
        Memory that the whole process may take, where that is the goal.
    warm : callable
        Ours once on a small input before anything is measured, so that compiling is not.
    """

    step: str
    library: str
    theirs: callable
    ours: callable
    differ: callable
    goal_s: float
    goal_ratio: float = 0.0
    rounds: int = 3
    share: float = 1.0
    our_share: float = 1.0
    goal_mb: float = math.inf
    warm: callable = lambda: None


@dataclass(frozen=True)
class Measured:
    """A row of the table; memory is the peak above what was in use before, in MB."""

    step: str
    library: str
    theirs_s: float
    ours_s: float
    theirs_mb: float
    ours_mb: float
    difference: str
    goal_s: float
    goal_ratio: float
    share: float
    our_share: float
    goal_mb: float
    process_mb: float

    @property
    def ratio(self):
        """How many times as fast ours is."""
        return self.theirs_s / self.ours_s

    @property
    def met(self):
        """Whether ours is as fast as it has to be."""
        return self.ours_s <= self.goal_s and not self.ratio < self.goal_ratio and self.process_mb <= self.goal_mb


def measure(comparison):
    """Measure theirs and ours in turn and compare what they returned last."""
    comparison.warm()
    seconds, peaks, results = {"theirs": [], "ours": []}, {"theirs": [], "ours": []}, {}
    for _ in range(comparison.rounds):
        for side in ("theirs", "ours") if comparison.theirs else ("ours",):
            results[side] = None  # freed before the next is made
            results[side], cpu_s, peak = timed(getattr(comparison, side))
            seconds[side].append(cpu_s)
            peaks[side].append(peak)
    return Measured(
        step=comparison.step,
        library=comparison.library,
        theirs_s=statistics.median(seconds["theirs"] or [math.nan]) / comparison.share,
        ours_s=statistics.median(seconds["ours"]) / comparison.our_share,
        theirs_mb=statistics.median(peaks["theirs"] or [math.nan]),
        ours_mb=statistics.median(peaks["ours"]),
        difference=comparison.differ(results.get("theirs"), results["ours"]),
        goal_s=comparison.goal_s,
        goal_ratio=comparison.goal_ratio,
        share=comparison.share,
        our_share=comparison.our_share,
        goal_mb=comparison.goal_mb,
        process_mb=peak_mb(),
    )


def timed(compute):
    """Result of a computation, its CPU seconds over all threads, and its peak memory above the start in MB."""
    before = forget_peak()
    start = cpu_s()
    result = compute()
    return result, cpu_s() - start, peak_mb() - before


def cpu_s():
    """CPU seconds of this process and of those it started and waited for."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def forget_peak():
    """Let the kernel count the peak of memory anew (Linux); returns the memory now in use, in MB."""
    peak = Path("/proc/self/clear_refs")
    if peak.exists():
        peak.write_text("5")
    return peak_mb()


def peak_mb():
    """Largest resident memory since the last `forget_peak`; without /proc, of the whole process."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return int(status.read_text().split("VmHWM:")[1].split()[0]) / 1024


def as_table(rows):
    """Markdown table of measured rows."""
    lines = [
        "| step | library as used | CPU s | ours, CPU s | times as fast | MB | ours, MB | difference | goal | met |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        cells = [row.step, row.library]
        cells += [f"{significant(row.theirs_s)}{_part(row.share)}", f"{significant(row.ours_s)}{_part(row.our_share)}"]
        cells += [
            significant(row.ratio, 2),
            significant(row.theirs_mb, 2),
            significant(row.ours_mb, 2),
            row.difference,
            _goal(row),
        ]
        lines.append(f"| {' | '.join([*cells, 'yes' if row.met else 'no'])} |")
    return "\n".join(lines) + "\n"


def _part(share):
    return "" if share == 1 else f" ({100 * share:.2g} % measured)"


def _goal(row):
    goals = [f"{row.goal_s:g} s"] if math.isfinite(row.goal_s) else []
    goals += [f"{row.goal_ratio:g} times"] if row.goal_ratio else []
    goals += [f"{row.goal_mb:g} MB in all"] if math.isfinite(row.goal_mb) else []
    return ", ".join(goals)


def significant(value, digits=3):
    """Return a number to some significant digits, without an exponent."""
    if math.isnan(value):
        return "-"
    rounded = float(f"{value:.{digits}g}")
    return f"{rounded:.0f}" if rounded >= 10 ** (digits - 1) else f"{rounded:g}"
