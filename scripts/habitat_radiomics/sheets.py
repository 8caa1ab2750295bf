"""Read the patients and images tables and find every fault in them, before the first job."""

import csv
import datetime
from collections import Counter, defaultdict
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from habitat_radiomics.config import nearest
from habitat_radiomics.outcome_settings import event_column, is_survival, outcome_columns

MISSING = {"", "na", "n/a", "nan", "null", "none", "."}
COHORTS = ("train", "internal", "external")
IMAGE_COLUMNS = ("patient", "sequence", "image", "mask", "reader", "repeat")


@dataclass(frozen=True)
class Row:
    """One line of a table: its line number as a spreadsheet shows it, and its values as text (None when missing)."""

    line: int
    values: dict

    def __getitem__(self, column):
        return self.values.get(column)


@dataclass
class Sheet:
    """A table as read: name for messages, header, rows, and the faults found so far."""

    name: str
    columns: list
    rows: list
    faults: list = field(default_factory=list)

    def fault(self, row, sentence):
        """Record ``sentence`` with the place it belongs to."""
        patient = f", patient {row['patient']}" if row["patient"] else ""
        self.faults.append(f"{self.name} row {row.line}{patient}: {sentence}")


def read_sheet(path, *, keep=lambda columns, row: row):
    """Read a TSV, CSV or XLSX table as text; identifiers such as 007 stay as they are.

    Parameters
    ----------
    path : str or Path
        ``.tsv``, ``.txt`` (tab), ``.csv`` (comma or semicolon) or ``.xlsx`` (first worksheet). UTF-8 with or
        without byte-order mark, any line ends.
    keep : callable, optional
        Takes the header and a `Row`, and returns what the sheet keeps of it; text of every cell of a wide table takes
        much memory.

    Returns
    -------
    Sheet
        Faults hold what makes the table itself unreadable.
    """
    path = Path(path)
    if not path.is_file():
        kind = "is a folder, not a table" if path.is_dir() else "does not exist"
        return Sheet(
            path.name,
            [],
            [],
            [f"{path} {kind}. Set data.folder, data.patients and data.images in the config."],
        )
    lines = _xlsx_lines(path) if path.suffix.lower() == ".xlsx" else _text_lines(path)
    try:
        return _sheet(path.name, lines, keep)
    except (UnicodeDecodeError, csv.Error) as error:
        return Sheet(
            path.name,
            [],
            [],
            [f"{path.name} cannot be read as UTF-8 text ({error}). Save it as TSV, CSV (UTF-8) or XLSX."],
        )


def _sheet(name, lines, keep):
    first = next(lines, None)
    if first is None:
        return Sheet(name, [], [], [f"{name} is empty; a header line and one line per row are needed."])
    header = [cell.strip() for cell in first[1]]
    sheet = Sheet(name, header, [])
    sheet.faults = [
        f"{name}: column '{column}' appears {n} times; once is allowed."
        for column, n in Counter(header).items()
        if n > 1 and column
    ]
    for line, cells in lines:
        values = [_value(cell) for cell in cells]
        if any(value is not None for value in values):
            row = Row(line, dict(zip(header, values, strict=False)))
            sheet.rows.append(keep(header, row))
            if any(value is not None for value in values[len(header) :]):
                found = f"has {len(cells)} cells, the header {len(header)}."
                sheet.fault(row, f"{found} Remove the extra cells, or quote text that contains the separator.")
    return sheet


def _value(cell):
    text = cell.strip()
    return None if text.lower() in MISSING else text


def _text_lines(path):
    """Yield the line number and the cells of every row."""
    with path.open(encoding="utf-8-sig", newline="") as stream:
        first = stream.readline()
        stream.seek(0)
        comma = path.suffix.lower() == ".csv"
        delimiter = (";" if first.count(";") > first.count(",") else ",") if comma else "\t"
        reader = csv.reader(stream, delimiter=delimiter)
        for cells in reader:
            yield reader.line_num, cells


def _xlsx_lines(path):
    from openpyxl import load_workbook

    with closing(load_workbook(path, read_only=True, data_only=True)) as workbook:
        for line, cells in enumerate(workbook.worksheets[0].iter_rows(values_only=True), start=1):
            yield line, [_cell_text(cell) for cell in cells]


def _cell_text(cell):
    if cell is None:
        return ""
    if isinstance(cell, datetime.datetime):
        return cell.date().isoformat()
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell)


# patients ------------------------------------------------------------------------------------------------------------


def check_patients(sheet, config):
    """Add to ``sheet.faults`` whatever is wrong with the patients table under this configuration."""
    outcome = needed_outcome(sheet, config)
    batch = [config["harmonise"]["batch"]] if config["harmonise"]["method"] != "none" else []
    needed = ["patient", *outcome, *config["clinical"], *_split_columns(config["split"]), *batch]
    if not _has_columns(sheet, needed):
        return
    _check_ids(sheet)
    for row in sheet.rows:
        if outcome:
            _check_event(sheet, row, event_column(config["outcome"]))
            _check_time(sheet, row, config["outcome"])
        if batch and row[batch[0]] is None:
            sheet.fault(row, f"column {batch[0]} is empty; ComBat (harmonise.batch) needs it of every patient.")
        _check_split(sheet, row, config["split"])
        for column, variable in config["clinical"].items():
            _check_clinical(sheet, row, column, variable)


def needed_outcome(sheet, config):
    """Outcome columns that the table must have: where a bundle is applied, those of an outcome that it has in part."""
    columns = outcome_columns(config["outcome"])
    return columns if not config["bundle"] or any(column in sheet.columns for column in columns) else []


def _split_columns(split):
    by_method = {"column": split["column"], "date": split["date_column"], "site": split["site_column"]}
    columns = [by_method[split["method"]]] if split["method"] in by_method else []
    return columns + ([split["site_column"]] if split["external_sites"] else [])


def _has_columns(sheet, needed):
    missing = [column for column in dict.fromkeys(needed) if column not in sheet.columns]
    for column in missing:
        hint = nearest(column, sheet.columns)
        advice = f" Is '{hint}' meant? Rename it, or name it in the config." if hint else ""
        sheet.faults.append(f"{sheet.name}: column '{column}' is missing. Found: {', '.join(sheet.columns)}.{advice}")
    return not missing


def _check_ids(sheet):
    lines = defaultdict(list)
    for row in sheet.rows:
        patient = row["patient"]
        if patient is None:
            sheet.fault(row, "column patient is empty; every row needs a patient.")
        elif not is_identifier(patient):
            sheet.fault(
                row,
                f"'{patient}' cannot name files; use letters, digits, '-', '_', '.', a letter or digit first.",
            )
        else:
            lines[patient.casefold()].append(row)
    for rows in lines.values():
        for row in rows[1:]:
            earlier = f"row {rows[0].line} (as '{rows[0]['patient']}')"
            sheet.fault(row, f"the patient already stands in {earlier}. Keep one row per patient.")


def is_identifier(text):
    """Whether a text can name patients and files on every system."""
    return text[0].isalnum() and text.isascii() and all(letter.isalnum() or letter in "-_." for letter in text)


def _check_event(sheet, row, column):
    value = row[column]
    if value is not None and number(value) not in (0, 1):
        sheet.fault(row, f"column {column}: found '{value}'; allowed are 0 (did not happen) and 1 (happened).")


def _check_time(sheet, row, outcome):
    """Times are numbers, zero or more."""
    value = row[outcome["time"]] if is_survival(outcome) else None
    if value is None:
        return
    if number(value) is None:
        sheet.fault(row, f"column {outcome['time']}: found '{value}'; a number of {outcome['unit']} is needed.")
    elif number(value) < 0:
        sheet.fault(
            row,
            f"column {outcome['time']}: found {value}; a time of zero or more {outcome['unit']} is needed. Check the "
            "dates it was computed from.",
        )


def _check_split(sheet, row, split):
    if split["method"] == "column":
        value = row[split["column"]]
        if value not in COHORTS:
            hint = nearest(value, COHORTS)
            advice = f" Is '{hint}' meant?" if hint else ""
            sheet.fault(
                row,
                f"column {split['column']}: found {_found(value)}; allowed are {', '.join(COHORTS)}.{advice}",
            )
    if split["method"] == "date" and _date(row[split["date_column"]]) is None:
        sheet.fault(
            row,
            f"column {split['date_column']}: found {_found(row[split['date_column']])}; a date YYYY-MM-DD is needed.",
        )
    if (split["method"] == "site" or split["external_sites"]) and row[split["site_column"]] is None:
        sheet.fault(row, f"column {split['site_column']} is empty; the split needs the centre of every patient.")


def _check_clinical(sheet, row, column, variable):
    value = row[column]
    if value is None:
        return
    if variable["type"] == "category":
        if value not in variable["levels"]:
            hint = nearest(value, variable["levels"])
            advice = (
                f" Is '{hint}' meant?" if hint else f" Correct the cell, or add the level to clinical.{column}.levels."
            )
            sheet.fault(row, f"column {column}: found '{value}'; allowed are {', '.join(variable['levels'])}.{advice}")
        return
    found = number(value)
    low, high = variable.get("minimum", float("-inf")), variable.get("maximum", float("inf"))
    if found is None:
        sheet.fault(row, f"column {column}: found '{value}'; a number is needed (leave the cell empty when unknown).")
    elif not low <= found <= high:
        sheet.fault(
            row,
            f"column {column}: found {value}; allowed is {low:g} to {high:g} {variable['unit']}".rstrip() + ".",
        )


def _found(value):
    return "nothing" if value is None else f"'{value}'"


def number(text):
    """Number in ``text`` or None; NaN and infinity do not count."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if abs(number) < float("inf") else None


def _date(text):
    try:
        return datetime.date.fromisoformat(text or "")
    except ValueError:
        return None


# images --------------------------------------------------------------------------------------------------------------


def check_images(sheet, patients, config):
    """Add to ``sheet.faults`` whatever is wrong with the images table, given the patients table."""
    if not _has_columns(sheet, ["patient", "sequence", "image", "mask"]):
        return
    known = {row["patient"] for row in patients.rows}
    seen = {}
    for row in sheet.rows:
        _check_image_row(sheet, row, known, config)
        key = (row["patient"], row["sequence"], *reader_and_repeat(row))
        if key in seen:
            sheet.fault(
                row,
                f"patient, sequence, reader and repeat are those of row {seen[key]}. Keep one of the two rows.",
            )
        seen.setdefault(key, row.line)
    _check_shared_files(sheet)


def reader_and_repeat(row):
    """Return reader and repeat of an images row, '1' where they are not given."""
    return row["reader"] or "1", row["repeat"] or "1"


def reading_id(reader, repeat):
    """Name of a reading in files and tables, for example ``reader1`` or ``reader1-repeat2``."""
    return f"reader{reader}" if repeat == "1" else f"reader{reader}-repeat{repeat}"


def _check_image_row(sheet, row, known, config):
    patient, sequence = row["patient"], row["sequence"]
    if patient not in known:
        hint = nearest(patient, known)
        advice = f" Is '{hint}' meant?" if hint else ""
        sheet.fault(
            row,
            f"patient {_found(patient)} is not in the patients table. Add the patient, or remove the row.{advice}",
        )
    if sequence is None:
        sheet.fault(row, "column sequence is empty.")
    if row["image"] is None:
        sheet.fault(row, "column image is empty; name the image file.")
    needs_mask = config["reference"] in (None, sequence) and sequence in config["sequences"]
    if row["mask"] is None and needs_mask:
        sheet.fault(
            row,
            "column mask is empty; name the mask file"
            + (" of the reference sequence." if config["reference"] else "."),
        )
    for column in ("reader", "repeat"):
        if row[column] is not None and not is_identifier(row[column]):
            sheet.fault(row, f"column {column}: found '{row[column]}'; use letters and digits.")


def _check_shared_files(sheet):
    """An image belongs to one patient and sequence; a mask to one patient and, there, to one reading."""
    for column, what in (("image", "image"), ("mask", "mask")):
        owners = {}
        for row in sheet.rows:
            if row[column] is None:
                continue
            owner = (row["patient"], row["sequence"]) if column == "image" else (row["patient"],)
            first = owners.setdefault(row[column], (owner, row))
            if first[0] != owner:
                differ = "patients" if first[0][0] != owner[0] else "sequences"
                sheet.fault(
                    row,
                    f"{what} {row[column]} is also that of row {first[1].line}; two {differ} cannot share one file.",
                )
    for rows in _readings_by_image(sheet).values():
        for row in rows[1:]:
            if row["image"] != rows[0]["image"]:
                sheet.fault(
                    row,
                    f"names another image than row {rows[0].line} ({rows[0]['image']}); readings differ in masks only.",
                )


def _readings_by_image(sheet):
    groups = defaultdict(list)
    for row in sheet.rows:
        groups[row["patient"], row["sequence"]].append(row)
    return groups
