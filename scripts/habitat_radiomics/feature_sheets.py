"""Tables of features that a study brings in place of images: read and checked before the first job, without pandas.

One table for every sequence and region: a column ``patient`` and one column for every feature, a row for every patient.
"""

import hashlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from habitat_radiomics.config import nearest
from habitat_radiomics.sheets import Row, number, read_sheet

MOST_CELLS = 5  # faulty cells of one table that are listed


@dataclass(frozen=True)
class FeatureSheet:
    """A table of features of one sequence and region.

    Attributes
    ----------
    path : str
    features : list of str
        Names of its columns but ``patient``.
    digests : dict
        Patient to the SHA-256 of the table's header and the patient's row: what a step that reads the row depends on.
    """

    path: str
    features: list
    digests: dict


def read_feature_sheets(config, folder, patients):
    """Read and check all tables of features; return them by (sequence, region), and the list of their faults.

    Parameters
    ----------
    folder : str
        Where relative paths start.
    patients : sheets.Sheet
        The patients table.
    """
    known, sheets, faults = {row["patient"] for row in patients.rows}, {}, []
    for sequence, regions in config["data"]["features"].items():
        for region, name in regions.items():
            path, content = Path(folder, name), _Content()
            sheet = read_sheet(path, keep=content.keep)
            faults += sheet.faults or _faults(sheet, content, known)
            features = [column for column in sheet.columns if column != "patient"]
            sheets[sequence, region] = FeatureSheet(str(path), features, content.digests)
    return sheets, faults


class _Content:
    """What is kept of the rows of one table, whose text may be larger than the memory."""

    def __init__(self):
        self.digests = {}
        self.wrong = []  # (row, column, value) of the first cells that are no numbers
        self.wrong_cells = 0

    def keep(self, columns, row):
        """Note a row's digest and its faulty cells, and keep its patient."""
        patient = Row(row.line, {"patient": row["patient"]})
        text = repr(columns) + repr([row[name] for name in columns if name != "patient"])
        self.digests[row["patient"]] = hashlib.sha256(text.encode()).hexdigest()
        for column, value in row.values.items():
            if column != "patient" and value is not None and number(value) is None:
                self.wrong_cells += 1
                if len(self.wrong) < MOST_CELLS:
                    self.wrong.append((patient, column, value))
        return patient


def _faults(sheet, content, known):
    """Whatever is wrong with one table."""
    if "patient" not in sheet.columns:
        return [f"{sheet.name}: column 'patient' is missing. Found: {', '.join(sheet.columns[:5])}, ..."]
    if len(sheet.columns) < 2:
        return [f"{sheet.name} has no features. Give every feature a column beside 'patient'."]
    named = [column for column in sheet.columns if "|" in column or not column]
    if named:
        return [f"{sheet.name}: column '{named[0]}' cannot name a feature; a name is needed, without '|'."]
    _check_patients(sheet, known)
    for row, column, value in content.wrong:
        sheet.fault(row, f"column {column}: found '{value}'; a number is needed (leave the cell empty when unknown).")
    if content.wrong_cells > MOST_CELLS:
        sheet.faults.append(f"{sheet.name}: {content.wrong_cells - MOST_CELLS} more cells are no numbers.")
    return sheet.faults


def _check_patients(sheet, known):
    counts = Counter(row["patient"] for row in sheet.rows)
    for row in sheet.rows:
        patient = row["patient"]
        if patient not in known:
            hint = nearest(patient, [name for name in known if name])
            advice = f" Is '{hint}' meant?" if hint else ""
            sheet.fault(row, f"the patient is not in the patients table. Add the patient, or remove the row.{advice}")
        elif counts[patient] > 1:
            sheet.fault(row, f"the patient has {counts[patient]} rows. Keep one row per patient.")
