"""How far every patient lies from the training patients: a few measures that people know, and all features by count."""

import numpy as np
import pandas as pd

from habitat_radiomics.tables import column_parts, feature_column

TO_SD = 1.4826  # the median absolute deviation of a normal distribution times this is its standard deviation
FAR = 5.0
REGION = "tumour"
# Name, unit and feature; the variance is shown as its root.
FEATURES = {
    "mean": ("normalised intensity", "original_firstorder_Mean"),
    "sd": ("normalised intensity", "original_firstorder_Variance"),
    "entropy": ("bit", "original_firstorder_Entropy"),
}
MEASURED = {"volume_mm3": "mm3", "snr": ""}
UNUSABLE = "the scan cannot be used"
SAME = "at least half of the training patients have the same value"
ABSENT = "not extracted from this region"


def robust_z(values, training):
    """Return how many robust standard deviations each value lies above the median of the training patients.

    Median and median absolute deviation are not moved by the very outliers that are looked for. Patients outside
    training are compared by the same two numbers.

    Parameters
    ----------
    values : DataFrame
        One column per measure, by patient.
    training : list
        Labels of the training patients.

    Returns
    -------
    z : DataFrame
        NaN where the deviation is 0 or the value is missing.
    median, mad : Series
        By measure.

    Notes
    -----
    Iglewicz and Hoaglin 1993, How to detect and handle outliers, section 3.3.
    """
    seen = values.loc[values.index.isin(training)].dropna(axis=1, how="all")
    median = seen.median()
    mad = (seen - median).abs().median()
    median, mad = median.reindex(values.columns), mad.reindex(values.columns)
    return (values - median) / (TO_SD * mad.where(mad > 0)), median, mad


def outlier_table(features, quality, cohorts, sequences):
    """Return volume, intensities and SNR of every scan with their robust z.

    Parameters
    ----------
    features : DataFrame
        Feature columns by patient; usable patients only.
    quality : DataFrame
        See `collect.collect_features`.
    cohorts : dict
        Patient to cohort, of all patients.
    sequences : list of str

    Returns
    -------
    DataFrame
        patient, cohort, sequence, measure, unit, value, median, mad, z, reason (why there is no z).
    """
    training = [patient for patient, cohort in cohorts.items() if cohort == "train"]
    rows = []
    for sequence in sequences:
        for measure, (unit, values, absent) in _measures(features, quality, sequence, list(cohorts)).items():
            z, median, mad = robust_z(values.to_frame("z"), training)
            table = z.assign(value=values, median=median["z"], mad=mad["z"])
            table["reason"] = [_reason(row, absent) for row in table.itertuples()]
            rows.append(table.assign(sequence=sequence, measure=measure, unit=unit))
    table = pd.concat(rows).rename_axis("patient").reset_index()
    table["cohort"] = table["patient"].map(cohorts)
    order = ["patient", "cohort", "sequence", "measure", "unit", "value", "median", "mad", "z", "reason"]
    return table[order].sort_values("patient", kind="stable", ignore_index=True)


def _measures(features, quality, sequence, patients):
    """Unit, values by patient, and whether nobody has the measure."""
    scans = quality[quality["sequence"] == sequence].set_index("patient").reindex(patients)
    found = {name: (unit, pd.to_numeric(scans[name]), False) for name, unit in MEASURED.items()}
    for name, (unit, feature) in FEATURES.items():
        column = feature_column(sequence, REGION, feature)
        absent = column not in features
        values = pd.Series(np.nan, patients) if absent else features[column].reindex(patients)
        found[name] = (unit, np.sqrt(values) if name == "sd" else values, absent)
    return found


def _reason(row, absent):
    if np.isfinite(row.z):
        return ""
    if absent:
        return ABSENT
    return SAME if np.isfinite(row.value) else UNUSABLE


def far_table(features, cohorts):
    """Return how many features of every patient, sequence and region lie beyond |z| > 5, and the farthest of them.

    Returns
    -------
    DataFrame
        patient, sequence, region, features (with a z), far, farthest (feature), z.
    """
    training = [patient for patient, cohort in cohorts.items() if cohort == "train"]
    z, _, _ = robust_z(features, training)
    groups = {}
    for column in features:
        groups.setdefault(tuple(column_parts(column)[:2]), []).append(column)
    tables = [_far_rows(z[columns], *where) for where, columns in groups.items()]
    return pd.concat(tables, ignore_index=True).sort_values("patient", kind="stable", ignore_index=True)


def _far_rows(z, sequence, region):
    values = z.to_numpy()
    sizes = np.where(np.isfinite(values), np.abs(values), -1.0)
    at = sizes.argmax(axis=1)
    known = sizes.max(axis=1) >= 0
    names = np.array([column_parts(column)[2] for column in z], dtype=object)
    return pd.DataFrame(
        {
            "patient": z.index,
            "sequence": sequence,
            "region": region,
            "features": np.isfinite(values).sum(axis=1),
            "far": (sizes > FAR).sum(axis=1),
            "farthest": np.where(known, names[at], ""),
            "z": np.where(known, values[np.arange(len(z)), at], np.nan),
        }
    )
