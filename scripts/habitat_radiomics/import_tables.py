"""The two tables of a study from what an import found; what the user wrote into them stays."""

from pathlib import Path

from habitat_radiomics.faults import StudyFault
from habitat_radiomics.settings import csv_text
from habitat_radiomics.sheets import read_sheet
from habitat_radiomics.whole_files import replace_text

NEXT_STEP = "Next: add your outcome and clinical columns to patients.tsv, and set data.folder to this folder."
REASON = "import: "  # begins what an import writes into the column exclude


def write_study_tables(folder, patients, images):
    """Write patients.tsv and images.tsv.

    Rows of the patients table that are there stay as they are, with every column added to them (outcomes, clinical
    data); only patients who are not yet in it are added, and reasons in column ``exclude`` that an import wrote are
    renewed. Rows of the images table are replaced for the patients given.

    Parameters
    ----------
    folder : str or Path
        Folder of the study.
    patients, images : list of dict
        Rows: column to text or None, every row with a ``patient``.

    Raises
    ------
    StudyFault
        If a table that is there cannot be read.
    """
    folder = Path(folder)
    reasons = {row["patient"]: row.get("exclude") for row in patients}
    known = [_renewed(row, reasons) for row in existing_rows(folder / "patients.tsv")]
    names = {row["patient"] for row in known}
    write_rows(folder / "patients.tsv", known + [row for row in patients if row["patient"] not in names])
    imported = {row["patient"] for row in images} | {row["patient"] for row in patients}
    others = [row for row in existing_rows(folder / "images.tsv") if row["patient"] not in imported]
    write_rows(folder / "images.tsv", sorted(others + images, key=lambda row: row["patient"]))


def _renewed(row, reasons):
    """Row of a patient with the reason of this import, unless the user gave one."""
    own = row.get("exclude")
    if row["patient"] not in reasons or (own and not own.startswith(REASON)):
        return row
    reason = reasons[row["patient"]]
    return row | {"exclude": reason} if own or reason else row


def existing_rows(path):
    """Return the rows of a table, every column of each; empty when it does not exist."""
    if not path.exists():
        return []
    sheet = read_sheet(path)
    if sheet.faults or "patient" not in sheet.columns:
        raise StudyFault("\n".join(sheet.faults) or f"{path}: column 'patient' is missing. Correct or remove the file.")
    return [{column: row[column] for column in sheet.columns} for row in sheet.rows]


def write_rows(path, rows, columns=()):
    """Write rows as TSV; their columns are joined in order of appearance, cells nobody filled are empty."""
    columns = list(dict.fromkeys([*columns, *(column for row in rows for column in row)]))
    whole = [{column: row.get(column) for column in columns} for row in rows]
    replace_text(path, csv_text(whole, delimiter="\t") if whole else "\t".join(columns) + "\n")


def stop_import(faults, advice=""):
    """Raise all faults of an import at once.

    Raises
    ------
    StudyFault
    """
    count = "one fault" if len(faults) == 1 else f"{len(faults)} faults"
    lines = [f"The import stops: {count} found.", *(f"  - {fault}" for fault in faults), *([advice] if advice else [])]
    raise StudyFault("\n".join(lines))
