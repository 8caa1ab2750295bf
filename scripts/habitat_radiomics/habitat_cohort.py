"""A set of habitats learnt from the samples of the training patients, and its shares in everyone."""

import numpy as np
import pandas as pd

from habitat_radiomics.entry import read_json
from habitat_radiomics.faults import StudyFault
from habitat_radiomics.habitat_count import COLUMNS, count_curve, design_effect, selection_record
from habitat_radiomics.habitats import fit_habitats, fit_scaling
from habitat_radiomics.tables import read_table


def read_samples(patients, *, samples, records):
    """Return the samples and the resels of the patients whose scans can be used.

    Parameters
    ----------
    patients : list of str
        Training patients.
    samples, records : str
        Path patterns with ``{patient}``.

    Raises
    ------
    StudyFault
        Nobody can be used.
    """
    by_patient = {patient: read_json(records.format(patient=patient)) for patient in patients}
    measures = {patient: record["measures"] for patient, record in by_patient.items() if not record["faults"]}
    if not measures:
        raise StudyFault(
            f"None of {len(patients)} training patients has tumour voxels from which habitats could be learnt; the "
            f"reasons are in {records}."
        )
    return (
        {patient: np.load(samples.format(patient=patient)) for patient in measures},
        {patient: found["resels"] for patient, found in measures.items()},
    )


def read_perturbed(patients, *, agreements, features, records):
    """Return the tables of agreement and of features under perturbations, by patient, of those that can be used.

    Parameters
    ----------
    patients : list of str
        Training patients in whom the stability is measured.
    agreements, features, records : str
        Path patterns with ``{patient}``.

    Raises
    ------
    StudyFault
        Nobody can be used.
    """
    usable = [patient for patient in patients if not read_json(records.format(patient=patient))["faults"]]
    if not usable:
        raise StudyFault(
            f"None of the {len(patients)} training patients in whom the stability of habitats is measured can be used; "
            f"the reasons are in {records}. Repair them, or raise stability_patients."
        )
    return tuple(
        {patient: read_table(pattern.format(patient=patient)) for patient in usable}
        for pattern in (agreements, features)
    )


def fit_set(samples, resels, *, settings):
    """Learn one set of habitats; the number is the one given, or chosen for the cohort.

    Parameters
    ----------
    samples : dict of str to ndarray
        Training patient to ``habitats.voxel_sample``.
    resels : dict of str to float
        Training patient to ``habitat_inputs.resels``.
    settings : dict
        As `settings.habitat_fit`.

    Returns
    -------
    artifact : dict
        See ``habitats.fit_habitats``.
    curve : DataFrame
        See ``habitat_count.count_curve``; without rows where the number is given.
    """
    same = ("sequences", "method", "scope", "scaling", "inputs", "tidying", "seed")
    chosen = {name: settings[name] for name in same}
    if settings["count"] is None:
        return fit_habitats(samples, k=settings["k"], **chosen), pd.DataFrame(columns=COLUMNS)
    curve = _curve(samples, resels, settings)
    selection = selection_record(curve, criterion=settings["count"]["criterion"])
    return fit_habitats(samples, k=selection["chosen"], selection=selection, **chosen), curve


def _curve(samples, resels, settings):
    count, scaling = settings["count"], fit_scaling(samples, method=settings["scaling"])
    worth = None
    if count["observations"] == "effective":
        worth = design_effect(samples, scaling, resels)["effective_voxels"]
    steps = {name: count[name] for name in ("criterion", "k_min", "k_max")}
    return count_curve(samples, scaling, effective_voxels=worth, seed=settings["seed"], **steps)


def share_table(patients, records, *, k):
    """Return patient and habitat1 .. habitat<k>: shares of the tumour of those who could be labelled.

    Parameters
    ----------
    patients : list of str
    records : str
        Path pattern with ``{patient}``.
    k : int
    """
    rows = []
    for patient in patients:
        record = read_json(records.format(patient=patient))
        if not record["faults"]:
            voxels = np.array(record["measures"]["voxels"], dtype=float)
            rows.append([patient, *(voxels / voxels.sum()).tolist()])
    return pd.DataFrame(rows, columns=["patient", *(f"habitat{number}" for number in range(1, k + 1))])


def shares_by_outcome(shares, outcome):
    """Add ``group``, ``no`` before ``yes``, to the table of shares, from a table of patient and outcome (or event).

    In a study without an outcome everybody is in group ``all``.
    """
    known = outcome.rename(columns={"event": "outcome"})[["patient", "outcome"]]
    joined = shares.merge(known, on="patient").sort_values(["outcome", "patient"])
    joined.insert(1, "group", joined.pop("outcome").map({0: "no", 1: "yes"}).fillna("all"))
    return joined
