"""What a study will cost before it is submitted: jobs, core hours, memory and disk, from the jobs that are finished."""

from collections import defaultdict
from statistics import mean

HEADER = ("step", "jobs", "core hours", "memory (MB)", "disk (MB)", "basis")


def cost_rows(jobs, finished):
    """Return one row per rule, and their total.

    Parameters
    ----------
    jobs : list of dict
        That would run: ``rule``, ``threads``, ``resources`` (``mem_mb``; ``runtime`` in minutes).
    finished : list of dict
        That have run, in this study or others: ``rule``, ``seconds`` (wall), ``bytes`` of their results, ``max_rss_mb``
        (None where it was not measured).

    Returns
    -------
    list of dict
        By `HEADER`. Hours are wall hours times cores. A rule without a finished job counts with the limits it asks for,
        which is more than it will need; its disk is None.
    """
    done = defaultdict(list)
    for job in finished:
        done[job["rule"]].append(job)
    asked = defaultdict(list)
    for job in jobs:
        asked[job["rule"]].append(job)
    return [_row(rule, waiting, done[rule]) for rule, waiting in asked.items()]


def _row(rule, waiting, done):
    memory = [job["max_rss_mb"] for job in done if job["max_rss_mb"]]
    cores = sum(job["threads"] for job in waiting)
    limit = sum(job["threads"] * job["resources"]["runtime"] * 60 for job in waiting)
    seconds = cores * mean(job["seconds"] for job in done) if done else limit
    return {
        "step": rule.replace("_", " "),
        "jobs": len(waiting),
        "core hours": seconds / 3600,
        "memory (MB)": max(memory) if memory else max(job["resources"]["mem_mb"] for job in waiting),
        "disk (MB)": len(waiting) * mean(job["bytes"] for job in done) / 1e6 if done else None,
        "basis": f"{len(done)} finished jobs" if done else "limits asked for",
    }


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
