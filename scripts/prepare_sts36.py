"""Build the two tables of the soft-tissue-sarcoma example from the data set's clinical file.

Run by the workflow (data.prepare) as ``python prepare_sts36.py FOLDER TABLES``. FOLDER holds clinical_sts.csv and
nifti/<patient>/<sequence>_{image,mask}.nii.gz. A template for your own data: read what you have, name the columns.
"""

import csv
import sys
from pathlib import Path

from habitat_radiomics.settings import csv_text
from habitat_radiomics.state import write_if_changed

SEQUENCES = ("MR_T1", "PET")
SEX = {"Female": "F", "Male": "M", "": None}


def patient_rows(clinical):
    """Patient, outcomes (progression-free survival counts from the diagnosis) and clinical variables.

    What is unknown stays empty.
    """
    return [
        {
            "patient": row["patient"],
            "lung_metastases": row["lung_mets_vallieres"],
            "age": row["age"],
            "sex": SEX[row["sex"]],
            "grade": _whole(row["grade"]),
            "pfs_days": _whole(row["pfs_days"]),
            "pfs_event": _whole(row["pfs_event"]),
        }
        for row in clinical
    ]


def _whole(text):
    """A whole number as text without its decimal point; None where it is unknown."""
    return str(int(float(text))) if text else None


def image_rows(clinical):
    """One row per patient and sequence."""
    return [
        {
            "patient": row["patient"],
            "sequence": sequence,
            "image": f"nifti/{row['patient']}/{sequence}_image.nii.gz",
            "mask": f"nifti/{row['patient']}/{sequence}_mask.nii.gz",
        }
        for row in clinical
        for sequence in SEQUENCES
    ]


if __name__ == "__main__":
    folder, tables = map(Path, sys.argv[1:])
    with (folder / "clinical_sts.csv").open(encoding="utf-8", newline="") as stream:
        clinical = list(csv.DictReader(stream))
    write_if_changed(tables / "patients.tsv", csv_text(patient_rows(clinical), delimiter="\t"))
    write_if_changed(tables / "images.tsv", csv_text(image_rows(clinical), delimiter="\t"))
