"""From one small table per scan to one table per cohort part."""

import numpy as np
import pandas as pd

from habitat_radiomics.entry import read_json
from habitat_radiomics.faults import StudyFault
from habitat_radiomics.tables import column_parts, feature_column

MEASURES = ("snr", "field_ratio", "voxels", "volume_mm3", "components", "grey_levels", "bins")


def collect_features(*, patients, sequences, tables, records, primary, incomplete_patients, drawn_regions):
    """Collect the features and the quality of all scans.

    Parameters
    ----------
    patients, sequences : list of str
    tables, records : str
        Path patterns with ``{patient}`` and ``{sequence}``.
    primary : str
        Reading that is modelled.
    incomplete_patients : {"stop", "exclude"}
        What to do when a scan cannot be used.
    drawn_regions : list of str
        Regions that every reading has; habitats have the primary one only.

    Returns
    -------
    features : DataFrame
        ``patient`` and one column per sequence, region and feature; usable patients only.
    readings : DataFrame
        The same with ``reading``, for patients with more than one reading; drawn regions only.
    quality : DataFrame
        One row per scan: patient, sequence, usable, code, message, measures.

    Raises
    ------
    StudyFault
        Naming every unusable scan, when the policy is to stop.
    """
    quality = pd.DataFrame([_quality_row(p, s, records) for p in patients for s in sequences])
    unusable = quality[~quality["usable"]]
    if len(unusable) and incomplete_patients == "stop":
        lines = "\n".join(f"  - patient {r.patient}, {r.sequence}: {r.message}" for r in unusable.itertuples())
        count = unusable["patient"].nunique()
        raise StudyFault(f"Patients that cannot be used: {count} (data.incomplete_patients: stop).\n{lines}")
    kept = [patient for patient in patients if patient not in set(unusable["patient"])]
    wide = [pd.concat([_wide(tables, p, s) for s in sequences], axis=1, join="inner") for p in kept]
    if not wide:
        raise StudyFault(f"None of {len(patients)} patients can be used; see the quality table.")
    everything = pd.concat(wide, keys=kept, names=["patient", "reading"])
    features = everything.xs(primary, level="reading").reset_index()
    drawn = everything[[column for column in everything if column_parts(column)[1] in drawn_regions]]
    repeated = drawn.groupby("patient", sort=False).filter(lambda rows: len(rows) > 1)
    return features, repeated.reset_index(), quality


def _quality_row(patient, sequence, records):
    record = read_json(records.format(patient=patient, sequence=sequence))
    first = record["faults"][0] if record["faults"] else {"code": "", "message": ""}
    measures = {name: record["measures"].get(name, np.nan) for name in MEASURES}
    warnings = "; ".join(record["measures"].get("warnings", []))
    return {
        "patient": patient,
        "sequence": sequence,
        "usable": not record["faults"],
        **first,
        **measures,
        "warnings": warnings,
    }


def _wide(tables, patient, sequence):
    """One row per reading of a scan, features as columns in the order of the file."""
    long = pd.read_csv(
        tables.format(patient=patient, sequence=sequence),
        float_precision="round_trip",
        dtype={"reading": str, "reason": str},
    )
    long["column"] = [feature_column(sequence, r, f) for r, f in zip(long["region"], long["feature"], strict=True)]
    order = list(dict.fromkeys(long["column"]))
    return long.pivot(index="reading", columns="column", values="value")[order]
