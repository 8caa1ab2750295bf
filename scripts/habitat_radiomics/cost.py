"""What a study will cost before it is submitted: jobs, core hours, memory and disk, from the jobs that are finished."""

import re
from collections import defaultdict
from pathlib import Path
from statistics import mean

LIMITS = "limits asked for"
HEADER = ("step", "jobs", "core hours", "memory (MB)", "disk (MB)", "basis")


def cost_rows(jobs, finished, elsewhere=()):
    """Return one row per rule, and their total.

    Parameters
    ----------
    jobs : list of dict
        That would run: ``rule``, ``threads``, ``resources`` (``mem_mb``; ``runtime`` in minutes).
    finished : list of dict
        That have run: ``rule``, ``seconds`` (CPU), ``memory_mb`` (peak), ``bytes`` of their results.
    elsewhere : list of dict
        The same of other studies, without ``bytes``: for rules of which no job has run in this one.

    Returns
    -------
    list of dict
        By `HEADER`. A rule without a finished job counts with the limits it asks for, which is more than it will need;
        its disk is None.
    """
    done, other = _by_rule(finished), _by_rule(elsewhere)
    return [_row(rule, waiting, done.get(rule, []), other.get(rule, [])) for rule, waiting in _by_rule(jobs).items()]


def _by_rule(jobs):
    found = defaultdict(list)
    for job in jobs:
        found[job["rule"]].append(job)
    return found


def read_cost(log):
    """Return CPU seconds and peak memory (MB) from the end of a job's log; None without such an end."""
    lines = Path(log).read_text(encoding="utf-8", errors="replace").splitlines() if Path(log).is_file() else []
    found = re.fullmatch(r"cost: ([0-9.]+) CPU s, ([0-9]+) MB", lines[-1]) if lines else None
    return (float(found[1]), float(found[2])) if found else None


def _row(rule, waiting, done, other):
    known = done or other
    limit = sum(job["threads"] * job["resources"]["runtime"] * 60 for job in waiting)
    return {
        "step": rule.replace("_", " "),
        "jobs": len(waiting),
        "core hours": (len(waiting) * mean(job["seconds"] for job in known) if known else limit) / 3600,
        "memory (MB)": max(job["memory_mb"] for job in known) if known else _memory_asked(waiting),
        "disk (MB)": len(waiting) * mean(job["bytes"] for job in done) / 1e6 if done else None,
        "basis": f"{len(known)} {'finished jobs' if done else 'jobs of other studies'}" if known else LIMITS,
    }


def _memory_asked(jobs):
    return max(job["resources"]["mem_mb"] for job in jobs)


def cost_report(rows, *, cores):
    """Return the lines of the sheet: a table, the total, and what to do where costs are not known yet."""
    if not rows:
        return ["Nothing would run."]
    jobs = sum(row["jobs"] for row in rows)
    hours = sum(row["core hours"] for row in rows)
    disk = sum(row["disk (MB)"] or 0 for row in rows)
    unknown = sum(row["basis"] == LIMITS for row in rows)
    other = sum(row["basis"].endswith("other studies") for row in rows)
    width = max(len(row["step"]) for row in rows)
    form = f"{{:<{width}}} {{:>7}} {{:>10}} {{:>11}} {{:>9}}  {{}}"
    lines = [form.format(*HEADER), *(form.format(*_cells(row)) for row in rows), ""]
    lines.append(
        f"{jobs} jobs, {hours:.1f} core hours, {hours / cores:.1f} h or more on {cores} cores;"
        f" up to {max(row['memory (MB)'] for row in rows):.0f} MB for a job; {disk / 1000:.1f} GB of results."
    )
    if other:
        lines.append(f"{other} steps count as in other studies here, whose images may be smaller or larger.")
    if unknown:
        lines.append(f"{unknown} steps have never run here: they count with the most they may use, and without disk.")
    if other or unknown:
        lines.append("Run one patient of this study to know better.")
    return lines


def _cells(row):
    disk = "?" if row["disk (MB)"] is None else f"{row['disk (MB)']:.1f}"
    hours, memory = f"{row['core hours']:.2f}", f"{row['memory (MB)']:.0f}"
    return row["step"], row["jobs"], hours, memory, disk, row["basis"]
