"""Review pages: one of every patient, one that lists all. They show no outcome and nothing that identifies."""

import csv
import math
from pathlib import Path

from jinja2 import DictLoader, Environment, StrictUndefined
from markupsafe import Markup

from habitat_radiomics.review_flags import MEASURES, OUTLYING, TITLES, flags_of, number_of

COLOURS = ("#E69F00", "#56B4E9", "#CC79A7", "#009E73", "#F0E442", "#D55E00")  # of readings
COHORTS = {"train": "training", "internal": "internal validation", "external": "external validation"}
STYLES, SCRIPTS = ("page.css", "review.css"), {"patient": "review.js", "index": "review_index.js"}
DASH, MINUS = "\N{EN DASH}", "\N{MINUS SIGN}"


def patient_page(patient, scans, tables, parts, *, study, patients_table):
    """Return the page of one patient as HTML text.

    Parameters
    ----------
    patient : str
    scans : list of dict
        See `review_scan.draw_scan`.
    tables : dict
        Rows of this patient: quality, outliers, far (as text), and ``records`` (sequence to the preprocessing record).
    parts : dict
        File name to text: templates, style sheets and scripts.
    study, patients_table : str
        Names that the page states.
    """
    readings = list(dict.fromkeys(name for scan in scans for name in scan["readings"]))
    return _rendered(
        parts,
        "patient",
        patient=patient,
        cohort=cohort_of(tables["outliers"]),
        study=study,
        patients_table=patients_table,
        flags=_titled(flags_of(tables["quality"], tables["outliers"], tables["far"], _dices(scans))),
        scans=scans,
        readings=[{"name": name, "colour": COLOURS[at % len(COLOURS)]} for at, name in enumerate(readings)],
        shell=any("shell" in plane["contours"] for scan in scans for plane in scan["planes"]),
        checks=check_table(scans, tables),
        outliers=[_outlier_row(row) for row in tables["outliers"]],
        far=[_far_row(row) for row in tables["far"]],
    )


def patient_summary(patient, scans):
    """Return what the index needs of one patient, as plain values: thumbnail of the first usable scan, overlaps."""
    thumbnails = [(scan["name"], scan["thumbnail"]) for scan in scans if scan["thumbnail"]]
    sequence, picture = thumbnails[0] if thumbnails else ("", "")
    return {"patient": patient, "sequence": sequence, "thumbnail": picture, "dice": _dices(scans)}


def index_page(summaries, tables, excluded, parts, *, study, patients_table):
    """Return the page that lists all patients as HTML text.

    Parameters
    ----------
    summaries : list of dict
        See `patient_summary`.
    tables : dict
        quality, outliers, far: all rows, as text.
    excluded : dict
        Patient to the reason why the tables leave it out.
    """
    of = {name: by_patient(rows) for name, rows in tables.items()}
    patients = []
    for summary in summaries:
        rows = {name: found.get(summary["patient"], []) for name, found in of.items()}
        flags = _titled(flags_of(rows["quality"], rows["outliers"], rows["far"], summary["dice"]))
        patients.append(
            {**summary, "cohort": cohort_of(rows["outliers"]), "flags": flags, "page": True, **_sizes(rows)}
        )
    patients += [_left_out(patient, reason) for patient, reason in excluded.items()]
    patients.sort(key=lambda row: row["patient"])
    counts = {code: sum(any(flag["code"] == code for flag in row["flags"]) for row in patients) for code in TITLES}
    return _rendered(
        parts,
        "index",
        study=study,
        patients_table=patients_table,
        patients=patients,
        cohorts=sorted({row["cohort"] for row in patients}),
        filters=[{"code": code, "title": TITLES[code], "count": n} for code, n in counts.items() if n],
        unflagged=sum(not row["flags"] for row in patients),
    )


def read_rows(paths, patient=None):
    """Return rows of some tables as text, of one patient or of all."""
    rows = []
    for path in paths:
        with Path(path).open(encoding="utf-8", newline="") as stream:
            rows += [row for row in csv.DictReader(stream) if patient in (None, row["patient"])]
    return rows


def by_patient(rows):
    """Return rows by patient."""
    found = {}
    for row in rows:
        found.setdefault(row["patient"], []).append(row)
    return found


def cohort_of(outliers):
    """Return the cohort of a patient in words."""
    return COHORTS[outliers[0]["cohort"]]


def check_table(scans, tables):
    """Return the stored checks as rows: title, then one cell for every scan."""
    quality = {row["sequence"]: row for row in tables["quality"]}
    rows = [
        ("Usable", lambda name: "yes" if quality[name]["usable"] == "True" else "no: " + quality[name]["message"]),
        ("Signal-to-noise ratio", lambda name: _number(quality[name]["snr"], 1)),
        ("Bias field, largest to smallest", lambda name: _number(quality[name]["field_ratio"], 2)),
        ("Tumour volume (cm³)", lambda name: _number(quality[name]["volume_mm3"], 2, 1000)),
        ("Tumour voxels on the working grid", lambda name: _number(quality[name]["voxels"], 0)),
        ("Pieces of the tumour", lambda name: _number(quality[name]["components"], 0)),
        ("Grey-level bins in the tumour", lambda name: _number(quality[name]["bins"], 0)),
        ("Voxel as acquired (mm)", lambda name: _spacing(tables["records"][name])),
        ("Registration", lambda name: _registration(tables["records"][name])),
        ("Warnings", lambda name: quality[name]["warnings"] or "none"),
    ]
    checks = [[title, *(cell(scan["name"]) for scan in scans)] for title, cell in rows]
    others = dict.fromkeys(name for scan in scans for name in scan["dice"])
    checks += [
        [f"Dice of {name} with the primary reading", *(_number(scan["dice"].get(name), 2) for scan in scans)]
        for name in others
    ]
    return {"header": ["Check", *(scan["name"] for scan in scans)], "rows": checks}


def _dices(scans):
    return {scan["name"]: scan["dice"] for scan in scans}


def _titled(flags):
    return [{"code": code, "title": TITLES[code], "words": words} for code, words in flags]


def _sizes(rows):
    """Numbers by which the index is sorted: volume in the first sequence, largest |z|, share of outlying features."""
    volumes = [number_of(row["value"]) for row in rows["outliers"] if row["measure"] == "volume_mm3"]
    extremes = [abs(number_of(row["z"]) or 0) for row in rows["outliers"]]
    features, far = (sum(int(row[name]) for row in rows["far"]) for name in ("features", "far"))
    return {
        "volume": _number(volumes[0] if volumes else None, 1, 1000),
        "largest": f"{max(extremes, default=0):.1f}",
        "far": f"{100 * far / features:.1f}" if features else DASH,
    }


def _left_out(patient, reason):
    flags = _titled([("excluded", reason)])
    empty = {"sequence": "", "thumbnail": "", "dice": {}, "volume": DASH, "largest": DASH, "far": DASH}
    return {**empty, "patient": patient, "cohort": "not in the study", "flags": flags, "page": False}


def _outlier_row(row):
    scale = 1000 if row["measure"] == "volume_mm3" else 1
    z = number_of(row["z"])
    unit = {"mm3": "cm³"}.get(row["unit"], row["unit"])
    title = MEASURES[row["measure"]]
    return {
        "cells": [
            row["sequence"],
            f"{title[0].upper()}{title[1:]}" + (f" ({unit})" if unit else ""),
            _number(row["value"], 2, scale),
            _number(row["median"], 2, scale),
            _signed(row["z"]) if z is not None else row["reason"],
        ],
        "outlying": z is not None and abs(z) > OUTLYING,
    }


def _far_row(row):
    farthest = f"{row['farthest']} ({_signed(row['z'])})" if row["farthest"] else DASH
    return [row["sequence"], row["region"], f"{int(row['far']):,} of {int(row['features']):,}", farthest]


def _number(value, decimals, scale=1):
    value = number_of(value)
    return DASH if value is None or math.isnan(value) else f"{value / scale:,.{decimals}f}".replace("-", MINUS)


def _signed(text):
    return f"{float(text):+.1f}".replace("-", MINUS)


def _spacing(record):
    spacing = record["measures"].get("image", {}).get("spacing_mm")
    return " × ".join(f"{step:.3g}" for step in spacing) if spacing else DASH


def _registration(record):
    found = record["measures"].get("registration", {"method": "none"})
    if found["method"] == "none":
        return "none"
    moved = f"moved {found['translation_mm']:.1f} mm, {found['rotation_degrees']:.1f} degrees"
    information = f"mutual information {-found['metric_before']:.3f} to {-found['metric_after']:.3f}"
    return f"{found['method']}: {moved}; {information}"


def _rendered(parts, kind, **words):
    environment = Environment(
        loader=DictLoader(parts), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    style = Markup("\n".join(parts[name] for name in STYLES))
    template = environment.get_template(f"review_{kind}.html.j2")
    return template.render(**words, style=style, script=Markup(parts[SCRIPTS[kind]]))
