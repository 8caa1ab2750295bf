"""What would run again and why, in words: from the jobs of a plan and the files they depended on, then and now."""

import csv
import io
import json
from collections import defaultdict

SHOWN = 6  # names listed before the rest is counted
LONGEST = 60  # characters of a value


def change_report(plan):
    """Return the lines that say, by patient and step, what would run and why.

    Parameters
    ----------
    plan : dict
        ``total`` (number of jobs of the study), ``patients``, and ``jobs``: ``rule``, ``wildcards``, ``changed``
        (``path``, text ``before`` or None, text ``now``), ``missing``, ``incomplete``, ``edited``, ``has_run``.

    Returns
    -------
    list of str
        First how many jobs would run; then those with a cause of their own; then those that follow from them.
    """
    jobs = plan["jobs"]
    if not jobs:
        return [f"Nothing would run: all {plan['total']} jobs of the study are up to date."]
    causes = [(job, tuple(job_causes(job))) for job in jobs]
    caused = [f"{place}, because {'; '.join(why)}" for place, why in _by_place(causes, plan["patients"]) if why]
    following = [place for place, why in _by_place(causes, plan["patients"]) if not why]
    heading = ["", "These follow, because their inputs come from the jobs above:"] if caused and following else []
    return [f"{len(jobs)} of {plan['total']} jobs would run.", *caused, *heading, *following]


def job_causes(job):
    """Return why a job itself would run, as clauses; none when it only follows from others."""
    causes = [clause for change in job["changed"] for clause in file_changes(**change)]
    if job["incomplete"]:
        causes.append("its last run did not end")
    elif not job["has_run"]:
        causes.append("it has not been run yet")
    elif job["missing"]:
        causes.append(f"its result is missing ({_some(job['missing'])})")
    if job["edited"]:
        causes.append(f"{_some(job['edited'])} was changed by hand")
    return causes


def file_changes(path, before, now):
    """Return what differs between two versions of a file of settings, tables or hashes, as clauses.

    Parameters
    ----------
    path : str
        ``.../state/scans/<patient>.<sequence>.json``, ``.../state/code/<rule>.json``, any other JSON, or CSV.
    before, now : str or None
        Text of both versions; ``before`` is None where it is not known any more.
    """
    name = path.split("/state/")[-1].split("/cohort/")[-1]
    if before is None:
        return [f"{name} changed (what it held before is not on record)"]
    if path.endswith(".csv"):
        return _table_changes(name.removesuffix(".csv").replace("_", " "), before, now)
    old, new = json.loads(before), json.loads(now)
    if name.startswith("scans/"):
        return _scan_changes(old, new)
    if name.startswith("code/"):
        files = sorted(file.split("/")[-1] for file in old.keys() | new.keys() if old.get(file) != new.get(file))
        return [f"its code changed ({_some(files)})"]
    return value_changes(old, new, name=())


def value_changes(old, new, *, name):
    """Return what differs between two plain values, as clauses that name the setting by its path (``a.b.c``)."""
    label = ".".join(name) or "its settings"
    if old == new:
        return []
    if isinstance(old, dict) and isinstance(new, dict):
        return [
            clause
            for key in sorted(old.keys() | new.keys())
            for clause in _entry_changes(old, new, key=key, name=(*name, key))
        ]
    if isinstance(old, list) and isinstance(new, list):
        return _list_changes(old, new, name=name, label=label)
    return [f"{label} changed from {_short(old)} to {_short(new)}"]


def _entry_changes(old, new, *, key, name):
    if key not in old:
        return [f"{'.'.join(name)} was added"]
    if key not in new:
        return [f"{'.'.join(name)} was removed"]
    return value_changes(old[key], new[key], name=name)


def _list_changes(old, new, *, name, label):
    if all(isinstance(item, str) for item in old + new) and len({*old}) == len(old):
        return _name_changes(old, new, label=label)
    if len(old) == len(new):
        pairs = enumerate(zip(old, new, strict=True), start=1)
        return [clause for number, pair in pairs for clause in value_changes(*pair, name=(*name, str(number)))]
    return [f"{label} changed from {_short(old)} to {_short(new)}"]


def _name_changes(old, new, *, label):
    """Names that came and went, or their order."""
    added, removed = [item for item in new if item not in {*old}], [item for item in old if item not in {*new}]
    found = [f"{_some(added)} was added to {label}"] * bool(added)
    found += [f"{_some(removed)} was removed from {label}"] * bool(removed)
    return found or [f"the order of {label} changed"]


def _scan_changes(old, new):
    """Image and masks of one scan, by their hashes."""
    found = [f"its image changed ({_hashes(old['image'], new['image'])})"] if old["image"] != new["image"] else []
    masks, others = ({mask["reading"]: mask["sha256"] for mask in scan["masks"]} for scan in (old, new))
    for reading in sorted(masks.keys() | others.keys()):
        if masks.get(reading) != others.get(reading):
            found.append(f"its mask by {reading} changed ({_hashes(masks.get(reading), others.get(reading))})")
    return found or ["the order of its masks changed"]


def _table_changes(name, before, now):
    """Rows that came and went and cells that changed, by patient."""
    old, new = _rows(before), _rows(now)
    found = _name_changes(list(old), list(new), label=f"the {name} table") if list(old) != list(new) else []
    cells = [
        f"{patient}: {column} changed from {_short(old[patient].get(column))} to {_short(value)}"
        for patient, row in new.items()
        if patient in old
        for column, value in row.items()
        if old[patient].get(column) != value
    ]
    more = [f"and {len(cells) - SHOWN} more cells"] if len(cells) > SHOWN else []
    return found + [f"in the {name} table {'; '.join(cells[:SHOWN] + more)}"] * bool(cells)


def _rows(text):
    return {row["patient"]: row for row in csv.DictReader(io.StringIO(text))}


def _by_place(causes, patients):
    """Pairs of place and causes: one for all patients in whom the same step would run for the same causes."""
    groups = defaultdict(list)
    for job, why in causes:
        groups[_step(job), why].append(job["wildcards"].get("patient"))
    for (step, why), found in groups.items():
        yield f"{_who(found, patients)}: {step}", why


def _step(job):
    """Name of a rule with what it is about, apart from the patient: ``extract features (T1)``."""
    about = [value for name, value in sorted(job["wildcards"].items()) if name != "patient"]
    return job["rule"].replace("_", " ") + (f" ({', '.join(about)})" if about else "")


def _who(found, patients):
    named = [patient for patient in dict.fromkeys(found) if patient]
    if not named:
        return "cohort"
    return f"all {len(patients)} patients" if set(named) >= set(patients) else _some(named)


def _some(names):
    names = list(names)
    rest = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {rest} more" if rest > 0 else "")


def _hashes(old, new):
    first = [value[:10] if value else "none" for value in (old, new)]
    return f"sha256 {first[0]} to {first[1]}"


def _short(value):
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)
    return "empty" if value in ("", None) else text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
