"""Build the two tables of the example with four sequences of one head from its files.

Run by the workflow (data.prepare) as ``python prepare_ms26.py FOLDER TABLES``. FOLDER holds {T1,T1POST,T2,FLAIR}.nii.gz
and mask.nii.gz, all on one grid; the mask was drawn once and stands with the reference sequence.
"""

import sys
from pathlib import Path

from habitat_radiomics.settings import csv_text
from habitat_radiomics.state import write_if_changed

PATIENT, REFERENCE = "MS26", "FLAIR"
SEQUENCES = ("T1", "T1POST", "T2", "FLAIR")


def patient_rows():
    """The one patient, from whom habitats are learnt; there is no outcome."""
    return [{"patient": PATIENT, "cohort": "train"}]


def image_rows():
    """One row per sequence; the mask stands with the reference."""
    return [
        {
            "patient": PATIENT,
            "sequence": sequence,
            "image": f"{sequence}.nii.gz",
            "mask": "mask.nii.gz" if sequence == REFERENCE else None,
        }
        for sequence in SEQUENCES
    ]


if __name__ == "__main__":
    folder, tables = map(Path, sys.argv[1:])
    write_if_changed(tables / "patients.tsv", csv_text(patient_rows(), delimiter="\t"))
    write_if_changed(tables / "images.tsv", csv_text(image_rows(), delimiter="\t"))
