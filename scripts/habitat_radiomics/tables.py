"""Read and write the tables between the cohort steps: CSV for people, Parquet for machines."""

import pandas as pd

from habitat_radiomics.whole_files import whole_file


def read_table(path):
    """Return a CSV or Parquet table; identifiers stay text, numbers are read back exactly."""
    if str(path).endswith(".parquet"):
        # Arrow's pool of a single thread, which jobs have, holds on to 70 kB a column: 1.3 GB of 20,000 columns.
        return pd.read_parquet(path, use_threads=False)
    text_columns = dict.fromkeys(("patient", "cohort", "sequence", "model", "reading", "feature"), str)
    return pd.read_csv(path, dtype=text_columns, float_precision="round_trip", keep_default_na=True)


def read_text(path):
    """Return a CSV table with every cell as it is written: a level ``2`` must not become ``2.0`` beside a gap."""
    return pd.read_csv(path, dtype=str)


def read_clinical(path, variables):
    """Return the clinical variables by patient, the values of categories as they are written.

    Parameters
    ----------
    variables : dict
        Name to a description with ``type``.
    """
    text = [name for name, variable in variables.items() if variable["type"] == "category"]
    table = pd.read_csv(path, dtype=dict.fromkeys(["patient", *text], str), float_precision="round_trip")
    return table.set_index("patient")[list(variables)]


def read_by_patient(path):
    """Return a table indexed by patient."""
    table = read_table(path)
    table.index = pd.Index(table.pop("patient"), name="patient")  # set_index would copy the table
    return table


def write_table(path, table):
    """Write a table without its index; equal tables give equal bytes."""
    with whole_file(path) as unfinished:
        if unfinished.suffix == ".parquet":
            table.to_parquet(unfinished, index=False)
        else:
            table.to_csv(unfinished, index=False, lineterminator="\n")


def feature_column(sequence, region, feature):
    """Name of a feature in the cohort tables: ``sequence|region|feature``."""
    return f"{sequence}|{region}|{feature}"


def column_parts(column):
    """Sequence, region and feature of a column."""
    return column.split("|", 2)
