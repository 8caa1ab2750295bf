"""What a nested model is learnt from: features of the tumours and moments of local features, from per-patient files."""

import numpy as np
import pandas as pd
import SimpleITK as sitk

from habitat_radiomics.entry import read_json
from habitat_radiomics.faults import StudyFault
from habitat_radiomics.features import read_features
from habitat_radiomics.nested_patient import REGION, column_of
from habitat_radiomics.simulate import AGGRESSIVE


def read_training(patients, *, settings, features, feature_records, moments, records):
    """Return the features (patients x columns) and the moments of the patients whose scans can be used.

    Parameters
    ----------
    patients : list of str
        Training patients.
    settings : dict
        See `nested_settings.nested_fit`: names by sequence, primary reading.
    features, feature_records, moments, records : str
        Path patterns with ``{patient}``, the first two with ``{sequence}`` too.

    Raises
    ------
    StudyFault
        Nobody can be used, or no feature has a local counterpart.
    """
    if not any(settings["names"].values()):
        raise StudyFault(
            "no feature of the tumour's bank matches nested.features and has a local counterpart. Choose features of "
            "its image types and classes."
        )
    usable = [
        patient
        for patient in patients
        if not _faults(patient, settings["sequences"], feature_records)
        and not read_json(records.format(patient=patient))["faults"]
    ]
    if not usable:
        raise StudyFault(f"None of {len(patients)} training patients can be used; the reasons are in {records}.")
    rows = {patient: _row(patient, settings, features) for patient in usable}
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("patient")
    return table, {patient: _numbers(read_json(moments.format(patient=patient))) for patient in usable}


def _faults(patient, sequences, records):
    return [f for s in sequences for f in read_json(records.format(patient=patient, sequence=s))["faults"]]


def _row(patient, settings, pattern):
    """Features of the tumour in the primary reading, in the order of the settings."""
    row = {}
    for sequence in settings["sequences"]:
        found = {
            each.feature: each.value
            for each in read_features(pattern.format(patient=patient, sequence=sequence))
            if each.region == REGION and each.reading == settings["primary"]
        }
        row |= {column_of(sequence, name): found[name] for name in settings["names"][sequence]}
    return row


def _numbers(moments):
    """JSON has no NaN: null stands for it."""
    return {column: [np.nan if value is None else value for value in values] for column, values in moments.items()}


def dice_with_planted(labels, planted, *, k):
    """Return Dice of the microregion with the aggressive subregion, and what the whole tumour would reach.

    Parameters
    ----------
    labels : SimpleITK.Image
        Subregions up to k.
    planted : SimpleITK.Image
        As `simulate_images` writes it, on any grid.
    k : int
    """
    truth = sitk.Resample(planted, labels, sitk.Transform(), sitk.sitkNearestNeighbor)
    aggressive, found = sitk.GetArrayFromImage(truth) == AGGRESSIVE, sitk.GetArrayFromImage(labels)
    return {"dice": _dice(found == k, aggressive), "dice_whole_tumour": _dice(found > 0, aggressive)}


def _dice(one, other):
    total = np.count_nonzero(one) + np.count_nonzero(other)
    return 2 * np.count_nonzero(one & other) / total if total else np.nan


def planted_summary(table):
    """Return median and quartiles of Dice by cohort.

    Parameters
    ----------
    table : DataFrame
        patient, cohort, dice, dice_whole_tumour.
    """
    grouped = table.groupby("cohort", sort=False)
    low, middle, high = (grouped["dice"].quantile(share) for share in (0.25, 0.5, 0.75))
    whole = grouped["dice_whole_tumour"].median()
    return pd.DataFrame(
        {"patients": grouped.size(), "dice": middle, "dice_low": low, "dice_high": high, "dice_whole_tumour": whole}
    ).reset_index()
