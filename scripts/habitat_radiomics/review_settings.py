"""What the review pages depend on, as plain values."""

from collections import Counter
from pathlib import PureWindowsPath

from habitat_radiomics.config import overridden
from habitat_radiomics.habitat_sets import all_sets
from habitat_radiomics.settings import habitat_label


def pages(study):
    """Sequences, reference and sets of habitats that the page of a patient shows; lists, because keys are sorted."""
    sets, labels = all_sets(study.config), set_labels(study.config)
    return {
        "sequences": study.sequences,
        "reference": study.config["reference"],
        "registered": [s for s in study.sequences if _is_registered(study, s)],
        "sets": [
            {"name": name, "label": labels[name], "sequence": chosen["sequences"][0]} for name, chosen in sets.items()
        ],
        "nested": list(study.config["nested"]),
        "words": _words(study),
    }


def set_labels(config):
    """Return the label of every set of habitats; sets of one label are told apart by their names."""
    labels = {name: habitat_label(config, name) for name in all_sets(config)}
    times = Counter(labels.values())
    return {name: f"{label} ({name})" if times[label] > 1 else label for name, label in labels.items()}


def index(study):
    """Patients that the tables leave out, beside the words of the page."""
    return {"excluded": {patient: reason for patient, (_, reason) in study.excluded.items()}, "words": _words(study)}


def outliers(study):
    """Cohorts of all patients, and the sequences in their order."""
    return {"cohorts": study.cohorts, "sequences": study.sequences}


def readings(study, patient):
    """Return ``(sequence, masks of, reading)`` for every reading of a patient, the primary one of each first."""
    return [(s, study.mask_sequence(s), reading) for s in study.sequences for reading in study.readings(patient, s)]


def _is_registered(study, sequence):
    chosen = overridden(study.config, "preprocess", sequence)
    return sequence != study.mask_sequence(sequence) and chosen["registration"] != "none"


def _words(study):
    table = PureWindowsPath(study.config["data"]["patients"]).name
    return {"study": study.config["study"], "patients_table": table}
