"""Files of one patient's review page, from the lists in which the workflow names them."""

from pathlib import Path

from habitat_radiomics.entry import read_json
from habitat_radiomics.review_scan import ScanFiles


def read_parts(paths):
    """Return the template files by name."""
    return {Path(path).name: Path(path).read_text(encoding="utf-8") for path in paths}


def patient_files(settings, files):
    """Return `ScanFiles` of every sequence.

    Parameters
    ----------
    settings : dict
        See `review_settings.pages`.
    files : object
        Attributes are lists of paths: images, corrected and records by sequence; regions and region_records by
        ``readings`` (``sequence:reading``); artifacts, labels and label_records by set; probabilities by nested set.
    """
    sequences = settings["sequences"]
    corrected = dict(zip(sequences, files.corrected, strict=True))
    regions, region_faults = _regions(files)
    maps = _maps(settings, files)
    found = {}
    for sequence, raw, record in zip(sequences, files.images, files.records, strict=True):
        reference = settings["reference"]
        elsewhere = reference is not None and reference != sequence
        found[sequence] = ScanFiles(
            raw=raw,
            corrected=corrected[sequence],
            faults=_messages(record) + region_faults[sequence],
            readings=regions[sequence],
            maps={chosen["label"]: chosen for chosen in maps if chosen["sequence"] == sequence},
            registered=sequence in settings["registered"],
            reference=corrected[reference] if elsewhere else None,
            reference_name=reference or "",
        )
    return found


def _regions(files):
    """Label images by sequence and reading, and the faults of the primary readings."""
    regions, faults = {}, {}
    for name, path, record in zip(files.readings, files.regions, files.region_records, strict=True):
        sequence, reading = name.split(":")
        faults.setdefault(sequence, _messages(record))
        regions.setdefault(sequence, {})[reading] = path
    return regions, faults


def _maps(settings, files):
    probabilities = dict(zip(settings["nested"], files.probabilities, strict=True))
    return [
        {
            "label": chosen["label"],
            "sequence": chosen["sequence"],
            "labels": labels,
            "probability": None if _messages(record) else probabilities.get(chosen["name"]),
            **_legend(artifact),
        }
        for chosen, artifact, labels, record in zip(
            settings["sets"], files.artifacts, files.labels, files.label_records, strict=True
        )
    ]


def _legend(path):
    artifact = read_json(path)
    return {"names": artifact["names"], "colours": artifact["colours"]}


def _messages(record):
    return [fault["message"] for fault in read_json(record)["faults"]]
