"""Read and write the tables between the cohort steps: CSV for people, Parquet for machines."""

import os
from pathlib import Path

import pandas as pd


def read_table(path):
    """Return a CSV or Parquet table; identifiers stay text, numbers are read back exactly."""
    if str(path).endswith(".parquet"):
        return pd.read_parquet(path)
    text_columns = dict.fromkeys(("patient", "cohort", "sequence", "model", "reading", "feature"), str)
    return pd.read_csv(path, dtype=text_columns, float_precision="round_trip", keep_default_na=True)


def read_text(path):
    """Return a CSV table with every cell as it is written: a level ``2`` must not become ``2.0`` beside a gap."""
    return pd.read_csv(path, dtype=str)


def read_by_patient(path):
    """Return a table indexed by patient."""
    return read_table(path).set_index("patient")


def write_table(path, table):
    """Write a table without its index under a temporary name, then rename; equal tables give equal bytes."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    if path.suffix == ".parquet":
        table.to_parquet(temporary, index=False)
    else:
        table.to_csv(temporary, index=False, lineterminator="\n")
    temporary.replace(path)


def feature_column(sequence, region, feature):
    """Name of a feature in the cohort tables: ``sequence|region|feature``."""
    return f"{sequence}|{region}|{feature}"


def column_parts(column):
    """Sequence, region and feature of a column."""
    return column.split("|", 2)
