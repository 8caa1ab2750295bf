"""What to know before a prediction is believed: where patients differ from those on whom the models were fitted."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from habitat_radiomics.combat import metadata_column
from habitat_radiomics.harmonisation import fitted_combat
from habitat_radiomics.labels import feature_label
from habitat_radiomics.leakage import digests
from habitat_radiomics.signature import used_features
from habitat_radiomics.training_ranges import distance

REFUSED, WARNING, NOTE = "refused", "warning", "note"
COLUMNS = ["patient", "severity", "kind", "where", "found", "training", "sd_outside", "message"]
RANGE_COLUMNS = ["patient", "model", "signature", "feature", "value", "low", "high", "sd_outside"]
FAR_SD = 0.5  # beyond the range by less than this is worth a note only: some of any patient's many values is
SPACING_TOLERANCE = 0.01  # share of the spacing; scanners do not repeat the last digit
SCAN_WORDS = {
    "spacing_x_mm": ("voxel size along x", " mm"),
    "spacing_y_mm": ("voxel size along y", " mm"),
    "spacing_z_mm": ("voxel size along z", " mm"),
    "intensity_median": ("median intensity before normalisation", ""),
    "intensity_99th_percentile": ("99th percentile of the intensities before normalisation", ""),
    "signal_to_noise": ("signal-to-noise ratio", ""),
}


@dataclass(frozen=True)
class Applied:
    """Models that are applied, in what is asked of them here.

    Attributes
    ----------
    ranges : dict
        See `training_ranges.training_ranges`, with ``site_column`` and ``sites``.
    signatures : dict
        Name to fitted signature.
    fitted_on : dict
        Model to the digests of its training patients.
    models : dict
        Model to a description: ``label``, ``signatures``, ``clinical``.
    variables : dict
        Clinical variable to a description: ``type``, ``label``.
    fills : dict
        Clinical variable to the value that stands for a missing one.
    normalised : dict
        Sequence to whether its intensities are normalised.
    """

    ranges: dict
    signatures: dict
    fitted_on: dict
    models: dict
    variables: dict
    fills: dict
    normalised: dict


@dataclass(frozen=True)
class NewPatients:
    """Those who are predicted, and who is not.

    Attributes
    ----------
    features : DataFrame
        patients x features, with the metadata columns of ComBat.
    clinical : DataFrame
        Clinical variables of the same patients, categories as text.
    scans : DataFrame
        See `training_ranges.scan_measures`, of the same patients.
    sites : dict
        Patient to centre, None where it is not stated.
    quality : DataFrame
        Quality of all scans, see `collect.collect_features`.
    excluded : dict
        Patient to (code, sentence), of those left out before the first job.
    """

    features: pd.DataFrame
    clinical: pd.DataFrame
    scans: pd.DataFrame
    sites: dict
    quality: pd.DataFrame
    excluded: dict


def all_warnings(applied, new, *, software):
    """Return everything there is to say of new patients.

    Parameters
    ----------
    applied : Applied
    new : NewPatients
    software : list of dict
        See `software_warnings`.

    Returns
    -------
    warnings, outside : DataFrame
        Columns `COLUMNS` and `RANGE_COLUMNS`.
    """
    patients = list(new.clinical.index)
    of_features, outside = feature_warnings(applied, new.features)
    rows = [
        *software,
        *refusals(new.excluded, new.quality),
        *known_patients(applied, patients),
        *site_warnings(applied, new.features, {patient: new.sites[patient] for patient in patients}),
        *scan_warnings(applied, new.scans),
        *of_features,
        *clinical_warnings(applied, new.clinical),
    ]
    return warning_table(rows), outside


def _row(patient, severity, kind, where, message, *, found="", training="", sd_outside=np.nan):
    values = (patient, severity, kind, where, found, training, sd_outside, message)
    return dict(zip(COLUMNS, values, strict=True))


def warning_table(rows):
    """Return rows as a table: what concerns all first, then by patient; refusals before warnings before notes."""
    table = pd.DataFrame(rows, columns=COLUMNS)
    rank = table["severity"].map([REFUSED, WARNING, NOTE].index)
    return table.iloc[np.lexsort((np.arange(len(table)), rank, table["patient"]))].reset_index(drop=True)


# Patients that are not predicted ----------------------------------------------------------------------------------


def refusals(excluded, quality):
    """Patients without a prediction, and what is missing.

    Parameters
    ----------
    excluded : dict
        Patient to (code, sentence), of those left out before the first job.
    quality : DataFrame
        Quality of scans, see `collect.collect_features`.
    """
    early = {patient: (code.replace("_", " "), sentence) for patient, (code, sentence) in excluded.items()}
    faults = quality[~quality["usable"]].drop_duplicates("patient").set_index("patient")
    late = {patient: (f"{row['sequence']} cannot be used", row["message"]) for patient, row in faults.iterrows()}
    return [
        _row(patient, REFUSED, "not_predicted", what, f"{patient} is not predicted: {sentence}")
        for patient, (what, sentence) in {**early, **late}.items()
    ]


# Features ---------------------------------------------------------------------------------------------------------


def feature_warnings(applied, features):
    """Features of every model that lie outside the range of the training patients, or could not be computed.

    Parameters
    ----------
    features : DataFrame, patients x features
        With the metadata columns of ComBat.

    Returns
    -------
    rows : list of dict
        One for each patient and model that is concerned.
    outside : DataFrame
        `RANGE_COLUMNS`: every such feature; ``value`` and ``sd_outside`` are NaN where it could not be computed.
    """
    values = {name: used_features(fitted, features) for name, fitted in applied.signatures.items()}
    rows, parts = [], []
    for model, described in applied.models.items():
        tables = {name: values[name] for name in described["signatures"]}
        outside = pd.concat(
            [_outside(name, table, applied.ranges["features"][name]) for name, table in tables.items()]
            or [pd.DataFrame(columns=RANGE_COLUMNS)],
            ignore_index=True,
        )
        parts.append(outside.assign(model=model))
        total = sum(table.shape[1] for table in tables.values())
        for patient, own in outside.groupby("patient"):
            rows += _feature_rows(patient, described["label"], own, total, applied.ranges["patients"])
    together = pd.concat(parts, ignore_index=True)[RANGE_COLUMNS]
    return rows, together.sort_values(["patient", "model"], kind="stable", ignore_index=True)


def _outside(signature, values, spans):
    """Values outside their range, and missing ones, one a row."""
    found = []
    for feature, span in spans.items():
        for patient, value in values[feature].items():
            beyond = distance(value, span)
            if beyond != 0:
                limits = {"low": span["low"], "high": span["high"], "sd_outside": beyond}
                found.append({"patient": patient, "signature": signature, "feature": feature, "value": value, **limits})
    return pd.DataFrame(found, columns=[column for column in RANGE_COLUMNS if column != "model"])


def _feature_rows(patient, label, outside, total, n):
    """One row on features that are out of range and one on those that are missing."""
    lost, beyond = outside[outside["value"].isna()], outside.dropna(subset="value")
    if len(lost):
        message = (
            f"{len(lost)} of {total} features of model {label} could not be computed; the median of the training "
            "patients stands in."
        )
        yield _row(patient, WARNING, "feature_missing", label, message, found=f"{len(lost)} of {total}")
    if len(beyond):
        worst = beyond.loc[beyond["sd_outside"].astype(float).idxmax()]
        side, limit = ("above", worst["high"]) if worst["value"] > worst["high"] else ("below", worst["low"])
        message = (
            f"{len(beyond)} of {total} features of model {label} lie outside the range of the training patients (by "
            f"chance about {min(2 / (n + 1), 1):.0%} do). Farthest: {feature_label(worst['feature'])}, "
            f"{worst['value']:.4g}, "
            f"{_far(worst['sd_outside'])} {side} {limit:.4g}."
        )
        found = {"found": f"{len(beyond)} of {total}", "sd_outside": worst["sd_outside"]}
        yield _row(patient, _severity(worst["sd_outside"]), "feature_range", label, message, **found)


def _far(sd_outside):
    return f"{sd_outside:.1f} SD" if np.isfinite(sd_outside) else "which never varied in training,"


# Clinical variables -----------------------------------------------------------------------------------------------


def clinical_warnings(applied, clinical):
    """Clinical values that are missing, outside the range of the training patients, or of a level never seen there.

    Parameters
    ----------
    clinical : DataFrame
        Of the predicted patients, categories as text.
    """
    used = {name for model in applied.models.values() for name in model["clinical"]}
    return [
        row
        for name in applied.variables
        if name in used
        for patient, value in clinical[name].items()
        for row in _clinical_rows(patient, name, value, applied)
    ]


def _clinical_rows(patient, name, value, applied):
    variable, span = applied.variables[name], applied.ranges["clinical"][name]
    title = variable["label"] or name
    if pd.isna(value):
        fill = applied.fills[name]
        shown = f"{fill:g}, the median" if variable["type"] == "number" else f"{fill}, the most frequent level"
        message = f"{title} is missing; {shown} of the training patients, stands in."
        yield _row(patient, WARNING, "clinical_missing", name, message, found="missing")
    elif variable["type"] == "category":
        if value not in span["levels"]:
            message = f"{title} is {value}, a level that no training patient had: the models know nothing of it."
            yield _row(
                patient, WARNING, "clinical_range", name, message, found=value, training=", ".join(span["levels"])
            )
    elif (beyond := distance(float(value), span)) > 0:
        training = _span(span)
        message = f"{title} is {value:g}; the training patients had {training}."
        limits = {"found": f"{value:g}", "training": training, "sd_outside": beyond}
        yield _row(patient, _severity(beyond), "clinical_range", name, message, **limits)


def _severity(sd_outside):
    return WARNING if sd_outside > FAR_SD else NOTE


def _span(span):
    return f"{span['low']:.4g} to {span['high']:.4g}"


# Scans ------------------------------------------------------------------------------------------------------------


def scan_warnings(applied, scans):
    """Voxel sizes, intensities and signal-to-noise ratios outside those of the training scans.

    Parameters
    ----------
    scans : DataFrame
        See `training_ranges.scan_measures`, of the predicted patients.
    """
    rows = []
    for scan in scans.to_dict("records"):
        for measure, span in applied.ranges["scans"].get(scan["sequence"], {}).items():
            beyond = distance(scan[measure], _tolerated(measure, span))
            too_good = measure == "signal_to_noise" and scan[measure] > span["high"]
            if beyond > 0 and not too_good:
                rows.append(_scan_row(scan, measure, span, beyond, applied.normalised[scan["sequence"]]))
    return rows


def _tolerated(measure, span):
    if not measure.startswith("spacing"):
        return span
    return {**span, "low": span["low"] * (1 - SPACING_TOLERANCE), "high": span["high"] * (1 + SPACING_TOLERANCE)}


def _scan_row(scan, measure, span, beyond, normalised):
    words, unit = SCAN_WORDS[measure]
    harmless = measure.startswith("intensity") and normalised
    after = " The image is normalised." if harmless else ""
    message = f"{scan['sequence']}: {words} is {scan[measure]:.4g}{unit}, in training {_span(span)}{unit}.{after}"
    kind = "spacing" if measure.startswith("spacing") else "intensity" if measure.startswith("intensity") else "noise"
    limits = {"found": f"{scan[measure]:.4g}", "training": _span(span), "sd_outside": beyond}
    severity = NOTE if harmless else WARNING if kind == "spacing" else _severity(beyond)
    return _row(scan["patient"], severity, kind, scan["sequence"], message, **limits)


# Centres, and patients that are known already ---------------------------------------------------------------------


def site_warnings(applied, features, sites):
    """Centres that the training patients did not come from, and what ComBat does about them.

    Parameters
    ----------
    features : DataFrame
        As `feature_warnings`.
    sites : dict
        Patient to centre, None where it is not stated.
    """
    combats = [combat for fitted in applied.signatures.values() if (combat := fitted_combat(fitted))]
    if combats:
        return _batch_rows(combats[0], features)
    known = applied.ranges["sites"]
    return [
        _row(
            patient,
            WARNING,
            "site",
            site,
            f"Centre {site} had no training patient ({', '.join(known)} had); the study does not harmonise centres.",
            found=site,
            training=", ".join(known),
        )
        for patient, site in sites.items()
        if site and known and site not in known
    ]


def _batch_rows(combat, features):
    columns = features[list(combat.feature_names_in_)]
    report = combat.report(columns).set_index("batch")
    batch = columns[metadata_column(combat.batch)].astype(str)
    for patient, name in batch.items():
        if not report.loc[name, "in_training"]:
            together = (
                " Its predictions depend on which of its patients are predicted together."
                if report.loc[name, "action"] == "estimated"
                else ""
            )
            message = f"{combat.batch} {name} is {report.loc[name, 'note']}.{together}"
            known = ", ".join(combat.batches_)
            yield _row(patient, WARNING, "site", name, message, found=name, training=known)


def known_patients(applied, patients):
    """Patients on whom the models were fitted: what is predicted of them is too good."""
    models = {digest: [] for digests_of in applied.fitted_on.values() for digest in digests_of}
    for model, digests_of in applied.fitted_on.items():
        for digest in digests_of:
            models[digest].append(applied.models[model]["label"])
    rows = []
    for patient in patients:
        if found := models.get(digests([patient])[0]):
            message = f"The identifier is that of a training patient ({', '.join(found)}): if it is the same person, "
            rows.append(_row(patient, WARNING, "trained_on", "", message + "the prediction is too good."))
    return rows


# The software -----------------------------------------------------------------------------------------------------


def software_warnings(manifest, *, code, versions):
    """Where the code and the packages here differ from those that made the bundle; these concern every patient.

    Parameters
    ----------
    manifest : dict
        See `bundle.bundle_bytes`.
    code : dict
        Source file to SHA-256, of the steps that are applied.
    versions : dict
        Package to version.
    """
    rows = []
    differing = sorted(name for name in {*code, *manifest["code"]} if code.get(name) != manifest["code"].get(name))
    if differing:
        message = (
            f"{len(differing)} source files differ from those of the study ({', '.join(differing[:3])}"
            f"{', ...' if len(differing) > 3 else ''}): predictions may differ from what the study would have given."
        )
        rows.append(_row("", WARNING, "code", "", message, found=str(len(differing)), training="0"))
    for package, version in sorted(manifest["versions"].items()):
        if versions.get(package) != version:
            here = versions.get(package, "not installed")
            message = f"{package} is {here} here and was {version} in the study."
            rows.append(_row("", NOTE, "version", package, message, found=here, training=version))
    return rows
