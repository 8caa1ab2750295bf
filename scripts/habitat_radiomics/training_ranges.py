"""In what range the training patients lie, in everything a model looks at: beyond it a prediction is an extrapolation.

A range holds the smallest and largest value, mean, standard deviation and number of patients; never a patient's row.
"""

import numpy as np
import pandas as pd

from habitat_radiomics.harmonisation import fitted_combat
from habitat_radiomics.signature import used_features

# Measure of a scan to where it stands in the record of `preprocess_image`.
SCAN_MEASURES = {
    "spacing_x_mm": ("image", "spacing_mm", 0),
    "spacing_y_mm": ("image", "spacing_mm", 1),
    "spacing_z_mm": ("image", "spacing_mm", 2),
    "intensity_median": ("statistics", "percentiles", "50"),
    "intensity_99th_percentile": ("statistics", "percentiles", "99"),
    "signal_to_noise": ("snr", "snr"),
}


def training_ranges(signatures, features, clinical, scans, *, variables):
    """Return the ranges of everything that new patients are compared with.

    Parameters
    ----------
    signatures : dict
        Name to fitted signature.
    features : DataFrame or None
        Features of the usable training patients, with the metadata columns of ComBat.
    clinical : DataFrame
        Clinical variables of the same patients, categories as text.
    scans : DataFrame
        `scan_measures` of the same patients.
    variables : dict
        Clinical variable to a description with ``type``.

    Returns
    -------
    dict
        ``patients`` (number), ``features`` (signature, then feature, to range), ``clinical`` (variable to range, or to
        the levels seen), ``scans`` (sequence, then measure, to range), ``batches`` (signature to its ComBat's).
    """
    return {
        "patients": len(clinical),
        "features": {name: ranges(used_features(fitted, features)) for name, fitted in signatures.items()},
        "clinical": {name: _clinical_range(clinical[name], kind["type"]) for name, kind in variables.items()},
        "scans": {sequence: ranges(rows[list(SCAN_MEASURES)]) for sequence, rows in scans.groupby("sequence")},
        "batches": {name: combat.batches_ for name, fitted in signatures.items() if (combat := fitted_combat(fitted))},
    }


def ranges(table):
    """Return the range of every column of a table of numbers; columns without any value are left out."""
    known = table.astype(float).dropna(axis="columns", how="all")
    return {name: value_range(values) for name, values in known.items()}


def value_range(values):
    """Return low, high, mean, sd (n - 1; 0 for one value) and n of the values that are known."""
    known = np.sort(values.dropna().to_numpy(dtype=float))
    spread = float(known.std(ddof=1)) if known.size > 1 else 0.0
    extremes = {"low": float(known[0]), "high": float(known[-1])}
    return {**extremes, "mean": float(known.mean()), "sd": spread, "n": int(known.size)}


def _clinical_range(values, kind):
    if kind == "number":
        return {**value_range(values.astype(float)), "missing": int(values.isna().sum())}
    return {"levels": sorted(values.dropna().unique()), "n": int(values.notna().sum())}


def scan_measures(records):
    """Return what was measured of scans before normalisation.

    Parameters
    ----------
    records : dict
        (patient, sequence) to the record of `preprocess_image`; those with a fault are left out.

    Returns
    -------
    DataFrame
        patient, sequence, `SCAN_MEASURES`; NaN where a measure could not be taken.
    """
    rows = [
        {"patient": patient, "sequence": sequence, **{n: _at(record["measures"], p) for n, p in SCAN_MEASURES.items()}}
        for (patient, sequence), record in records.items()
        if not record["faults"]
    ]
    return pd.DataFrame(rows, columns=["patient", "sequence", *SCAN_MEASURES])


def _at(value, path):
    """Follow names and positions into nested values; NaN where nothing is."""
    for part in path:
        value = value[part] if isinstance(part, int) else value.get(part)
        if value is None:
            return np.nan
    return value


def distance(value, span):
    """Return how far a value lies outside a range: 0 inside, otherwise in standard deviations of the training patients.

    Infinite where these do not differ; NaN for a missing value.
    """
    beyond = max(span["low"] - value, value - span["high"], 0.0)
    if np.isnan(value) or beyond == 0:
        return beyond if not np.isnan(value) else np.nan
    return beyond / span["sd"] if span["sd"] > 0 else np.inf
