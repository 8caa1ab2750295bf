"""Build the tables of the two examples that have features and no images, from the files of RadMLBench.

Run by the workflow (data.prepare) as ``python prepare_radmlbench.py FOLDER TABLES``. FOLDER holds WORC-Lipo.gz and
Arita2018.gz: one row per patient with all features (standardised over all patients by their authors), an identifier and
the outcome. A template for your own features: one table per sequence and region, and one of patients.
"""

import csv
import gzip
import re
import sys
from pathlib import Path

from habitat_radiomics.settings import csv_text
from habitat_radiomics.state import write_if_changed

SEQUENCES = ("T1", "T1Gd", "T2", "FLAIR")
REGIONS = ("core", "edema")


def read_rows(path):
    """Rows of a compressed table as dictionaries of text."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def lipo_place(column):
    """Sequence, region and feature of a column of WORC-Lipo: all are of the tumour on T1-weighted MRI."""
    return "T1", "tumour", column.removeprefix("MR_")


def arita_place(column):
    """Sequence, region and feature of a column of Arita2018; what is no single sequence's is about the location."""
    sequence, _, rest = column.partition("_")
    if sequence not in SEQUENCES:
        return "location", "whole", column
    region, _, feature = rest.partition("_")
    return (sequence, region, feature) if region in REGIONS else (sequence, "whole", rest)


def feature_tables(rows, place):
    """Rows of the table of every (sequence, region)."""
    columns = {}
    for column in rows[0]:
        if column not in ("ID", "Target"):
            sequence, region, feature = place(column)
            columns.setdefault((sequence, region), {})[feature] = column
    return {
        key: [{"patient": row["ID"], **{name: row[column] for name, column in of.items()}} for row in rows]
        for key, of in columns.items()
    }


def patient_rows(rows):
    """Identifier, centre (the letters it begins with) and outcome."""
    return [
        {"patient": row["ID"], "site": re.match("[A-Za-z]+", row["ID"]).group(), "outcome": row["Target"]}
        for row in rows
    ]


def write_study(name, rows, place, folder):
    """Write ``<name>_patients.csv`` and ``<name>_<sequence>_<region>.csv``."""
    write_if_changed(folder / f"{name}_patients.csv", csv_text(patient_rows(rows)))
    for (sequence, region), table in feature_tables(rows, place).items():
        write_if_changed(folder / f"{name}_{sequence}_{region}.csv", csv_text(table))


if __name__ == "__main__":
    source, tables = map(Path, sys.argv[1:])
    write_study("lipo", read_rows(source / "WORC-Lipo.gz"), lipo_place, tables)
    write_study("arita", read_rows(source / "Arita2018.gz"), arita_place, tables)
