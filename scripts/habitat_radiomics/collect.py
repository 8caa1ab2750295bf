"""From one small table per scan to one table per cohort part."""

from collections import Counter
from typing import NamedTuple

import numpy as np
import pandas as pd

from habitat_radiomics.entry import read_json
from habitat_radiomics.faults import StudyFault
from habitat_radiomics.tables import column_parts, feature_column

MEASURES = ("snr", "field_ratio", "voxels", "volume_mm3", "components", "grey_levels", "bins")


def collect_features(*, patients, sequences, habitats, patterns, primary, incomplete_patients, drawn_regions, deep=()):
    """Collect the features and the quality of all scans.

    Parameters
    ----------
    patients, sequences : list of str
    habitats : dict of str to list of str
        Sets of habitats that apply to each sequence.
    patterns : dict of str to str
        Paths with ``{patient}`` and ``{sequence}`` in place of names: ``tables`` and ``records`` of drawn regions;
        ``habitat_tables`` and ``habitat_records``, with ``{habitats}`` too; ``deep_tables`` and ``deep_records``.
    primary : str
        Reading that is modelled.
    incomplete_patients : {"stop", "exclude"}
        What to do when a scan cannot be used.
    drawn_regions : list of str
        Regions that every reading has; habitats have the primary one only.
    deep : list of str
        Sequences with features of a pretrained network.

    Returns
    -------
    features : DataFrame
        ``patient`` and one column per sequence, region and feature; usable patients only.
    readings : DataFrame
        The same with ``reading``, for patients with more than one reading; drawn regions only.
    quality : DataFrame
        One row per scan: patient, sequence, usable, code, message, measures; ``checked_values`` extracted by the
        reference engine too and their ``largest_difference``. A scan whose habitats cannot be made or measured is
        not usable.

    Raises
    ------
    StudyFault
        Naming every unusable scan, when the policy is to stop.
    """
    others = {s: [("habitat", name) for name in habitats[s]] + [("deep", "")] * (s in deep) for s in sequences}
    scans = {(p, s): _scan_files(p, s, others[s], patterns) for p in patients for s in sequences}
    quality = pd.DataFrame([_quality_row(p, s, files["records"]) for (p, s), files in scans.items()])
    unusable = quality[~quality["usable"]]
    if len(unusable) and incomplete_patients == "stop":
        lines = "\n".join(f"  - patient {r.patient}, {r.sequence}: {r.message}" for r in unusable.itertuples())
        count = unusable["patient"].nunique()
        raise StudyFault(f"Patients that cannot be used: {count} (data.incomplete_patients: stop).\n{lines}")
    kept = [patient for patient in patients if patient not in set(unusable["patient"])]
    if not kept:
        raise StudyFault(f"None of {len(patients)} patients can be used; see the quality table.")
    columns, readings = _read({p: {s: scans[p, s]["tables"] for s in sequences} for p in kept})
    drawn = [column for column in columns if column_parts(column)[1] in drawn_regions]
    times = Counter(one.patient for one in readings)
    repeated = _table([one for one in readings if times[one.patient] > 1], columns)
    features = _table([one for one in readings if one.reading == primary], columns)
    del features["reading"]
    return features, repeated[["patient", "reading", *drawn]], quality


class Reading(NamedTuple):
    """Features of one reading of one patient."""

    patient: str
    reading: str
    places: np.ndarray  # of the columns, among all columns
    values: np.ndarray


def _read(files):
    """Read the tables of all patients: {column: place} in order of first appearance, and the list of readings.

    Names of columns are kept once, not once for each patient: they would take more memory than the values.
    """
    columns, readings, places = {}, [], np.empty(0, dtype=np.int32)
    for patient, by_sequence in files.items():
        wide = pd.concat([_wide(*item) for item in by_sequence.items()], axis=1, join="inner")
        new = np.array([columns.setdefault(column, len(columns)) for column in wide.columns], dtype=np.int32)
        places = places if np.array_equal(places, new) else new
        readings += [Reading(patient, name, places, row) for name, row in zip(wide.index, wide.to_numpy(), strict=True)]
    return columns, readings


def _table(readings, columns):
    """Readings as rows: patient, reading and all columns; NaN where a reading lacks one."""
    values = np.full((len(columns), len(readings)), np.nan)
    for number, one in enumerate(readings):
        values[one.places, number] = one.values
    table = pd.DataFrame(values.T, columns=list(columns), copy=False)
    table.insert(0, "patient", [one.patient for one in readings])
    table.insert(1, "reading", [one.reading for one in readings])
    return table


def _scan_files(patient, sequence, others, patterns):
    """Tables and records of one scan: of its drawn regions, then of each set of habitats and of the network."""
    scan = {"patient": patient, "sequence": sequence}
    return {
        kind: [
            patterns[kind].format(**scan),
            *(patterns[f"{origin}_{kind}"].format(**scan, habitats=name) for origin, name in others),
        ]
        for kind in ("tables", "records")
    }


def _quality_row(patient, sequence, records):
    drawn, *others = map(read_json, records)
    faults = [fault for record in (drawn, *others) for fault in record["faults"]]
    first = faults[0] if faults else {"code": "", "message": ""}
    measures = {name: drawn["measures"].get(name, np.nan) for name in MEASURES}
    warnings = "; ".join(drawn["measures"].get("warnings", []))
    return {
        "patient": patient,
        "sequence": sequence,
        "usable": not faults,
        **first,
        **measures,
        **_cross_check([drawn, *others]),
        "warnings": warnings,
    }


def _cross_check(records):
    checks = [record["measures"]["cross_check"] for record in records if "cross_check" in record["measures"]]
    differences = [check["largest_difference"] for check in checks if check["values"]]
    return {
        "checked_values": sum(check["values"] for check in checks),
        "largest_difference": max(differences, default=np.nan),
    }


def _wide(sequence, tables):
    """One row per reading of a scan, features as columns in the order of the files."""
    text = {"reading": str, "reason": str}
    long = pd.concat([pd.read_csv(table, float_precision="round_trip", dtype=text) for table in tables])
    long["column"] = [feature_column(sequence, r, f) for r, f in zip(long["region"], long["feature"], strict=True)]
    order = list(dict.fromkeys(long["column"]))
    return long.pivot(index="reading", columns="column", values="value")[order]
