"""What a study will cost before it is submitted: jobs, core hours, memory and disk, from the jobs that are finished."""

import re
from collections import defaultdict
from pathlib import Path
from statistics import mean

HEADER = ("step", "jobs", "core hours", "memory (MB)", "disk (MB)", "basis")


def cost_rows(jobs, finished):
    """Return one row per rule, and their total.

    Parameters
    ----------
    jobs : list of dict
        That would run: ``rule``, ``threads``, ``resources`` (``mem_mb``; ``runtime`` in minutes).
    finished : list of dict
        That have run: ``rule``, ``seconds`` (CPU), ``memory_mb`` (peak), ``bytes`` of their results.

    Returns
    -------
    list of dict
        By `HEADER`. A rule without a finished job counts with the limits it asks for, which is more than it will need;
        its disk is None.
    """
    done = defaultdict(list)
    for job in finished:
        done[job["rule"]].append(job)
    asked = defaultdict(list)
    for job in jobs:
        asked[job["rule"]].append(job)
    return [_row(rule, waiting, done[rule]) for rule, waiting in asked.items()]


def read_cost(log):
    """Return CPU seconds and peak memory (MB) from the end of a job's log; None without such an end."""
    lines = Path(log).read_text(encoding="utf-8", errors="replace").splitlines() if Path(log).is_file() else []
    found = re.fullmatch(r"cost: ([0-9.]+) CPU s, ([0-9]+) MB", lines[-1]) if lines else None
    return (float(found[1]), float(found[2])) if found else None


def _row(rule, waiting, done):
    limit = sum(job["threads"] * job["resources"]["runtime"] * 60 for job in waiting)
    return {
        "step": rule.replace("_", " "),
        "jobs": len(waiting),
        "core hours": (len(waiting) * mean(job["seconds"] for job in done) if done else limit) / 3600,
        "memory (MB)": max(job["memory_mb"] for job in done) if done else _memory_asked(waiting),
        "disk (MB)": len(waiting) * mean(job["bytes"] for job in done) / 1e6 if done else None,
        "basis": f"{len(done)} finished jobs" if done else "limits asked for",
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
    unknown = [row["step"] for row in rows if row["basis"] == "limits asked for"]
    width = max(len(row["step"]) for row in rows)
    form = f"{{:<{width}}} {{:>7}} {{:>10}} {{:>11}} {{:>9}}  {{}}"
    lines = [form.format(*HEADER), *(form.format(*_cells(row)) for row in rows), ""]
    lines.append(
        f"{jobs} jobs, {hours:.1f} core hours, {hours / cores:.1f} h or more on {cores} cores;"
        f" up to {max(row['memory (MB)'] for row in rows):.0f} MB for a job; {disk / 1000:.1f} GB of results."
    )
    if unknown:
        lines.append(
            f"No job of {len(unknown)} of {len(rows)} steps has finished yet: they count with the most they may"
            " use, and without disk. Run one patient of your own to know better."
        )
    return lines


def _cells(row):
    disk = "?" if row["disk (MB)"] is None else f"{row['disk (MB)']:.1f}"
    hours, memory = f"{row['core hours']:.2f}", f"{row['memory (MB)']:.0f}"
    return row["step"], row["jobs"], hours, memory, disk, row["basis"]
