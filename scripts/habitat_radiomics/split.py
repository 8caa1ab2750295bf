"""Which patients train and which validate: decided from the table alone, before any image is read."""

import hashlib
from collections import defaultdict


def assign_cohorts(patients, split, *, outcome_column, seed):
    """Give every patient its cohort.

    Parameters
    ----------
    patients : list of dict
        Rows of the checked patients table, each with ``patient`` and the columns the method needs.
    split : dict
        The ``split`` section of the configuration.
    outcome_column : str or None
        Column by which the random split is stratified, if there is an outcome.
    seed : int
        Seed of the random split.

    Returns
    -------
    dict
        Patient to ``train``, ``internal`` or ``external``.
    """
    cohorts = METHODS[split["method"]](patients, split, outcome_column, seed)
    external = {row["patient"] for row in patients if row.get(split["site_column"]) in split["external_sites"]}
    return {patient: "external" if patient in external else cohort for patient, cohort in cohorts.items()}


def _random(patients, split, outcome_column, seed):
    """Within each outcome class the patients with the smallest hash train, so a new patient moves at most one other."""
    classes = defaultdict(list)
    for row in patients:
        if row.get(split["site_column"]) not in split["external_sites"]:
            classes[row.get(outcome_column)].append(row["patient"])
    train = set()
    for members in classes.values():
        members.sort(key=lambda patient: hash_rank(seed, patient))
        train.update(members[: round(split["train_fraction"] * len(members))])
    return {row["patient"]: "train" if row["patient"] in train else "internal" for row in patients}


def hash_rank(seed, patient):
    """Return a pseudo-random rank of a patient that depends on the seed and the identifier only."""
    return hashlib.sha256(f"{seed}:{patient}".encode()).hexdigest()


def _by_date(patients, split, outcome_column, seed):
    until = split["train_until"]
    return {row["patient"]: "train" if row[split["date_column"]] <= until else "internal" for row in patients}


def _by_site(patients, split, outcome_column, seed):
    return {
        row["patient"]: "train" if row[split["site_column"]] in split["train_sites"] else "external" for row in patients
    }


def _by_column(patients, split, outcome_column, seed):
    return {row["patient"]: row[split["column"]] for row in patients}


METHODS = {"random": _random, "date": _by_date, "site": _by_site, "column": _by_column}
