"""From tables of features that a study brings to the tables that the cohort steps read."""

import numpy as np
import pandas as pd

from habitat_radiomics.sheets import number, read_sheet
from habitat_radiomics.tables import feature_column


def import_features(*, tables, patients):
    """Bring together the features of some patients.

    Parameters
    ----------
    tables : list of dict
        ``sequence``, ``region`` and ``path`` of each table, checked before (see `feature_sheets`).
    patients : list of str
        Patients in the order of the result; every table has a row of each.

    Returns
    -------
    features : DataFrame
        ``patient`` and one column per sequence, region and feature; an empty cell is NaN.
    quality : DataFrame
        One row per patient and sequence: patient, sequence, usable, code, message, warnings (how many values are
        missing).
    """
    parts = [_wide(**table).loc[patients] for table in tables]
    sequences = list(dict.fromkeys(table["sequence"] for table in tables))
    lost = {
        sequence: sum(
            part.isna().sum(axis=1) for part, t in zip(parts, tables, strict=True) if t["sequence"] == sequence
        )
        for sequence in sequences
    }
    rows = [
        {"patient": p, "sequence": s, "usable": True, "code": "", "message": "", "warnings": _remark(lost[s][p])}
        for p in patients
        for s in sequences
    ]
    return pd.concat(parts, axis=1).rename_axis("patient").reset_index(), pd.DataFrame(rows)


def _remark(missing):
    return f"{missing} missing feature values" if missing else ""


def _wide(*, sequence, region, path):
    values = {}

    def keep(columns, row):
        names = (name for name in columns if name != "patient")
        values[row["patient"]] = np.array([np.nan if row[name] is None else number(row[name]) for name in names])
        return row.line

    sheet = read_sheet(path, keep=keep)
    columns = [feature_column(sequence, region, name) for name in sheet.columns if name != "patient"]
    return pd.DataFrame(np.array(list(values.values())), index=list(values), columns=columns, dtype=float)
