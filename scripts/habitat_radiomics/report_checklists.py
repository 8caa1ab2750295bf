"""The section of the report page on reporting checklists, composed from the filled lists."""

import pandas as pd

from habitat_radiomics.checklists import LISTS, STATUSES, counts, metrics_score
from habitat_radiomics.labels import count, number
from habitat_radiomics.report_blocks import paragraph, section, stored, table

SOURCES = {
    "CLEAR": "CLEAR v1.0 (Kocak 2023, doi:10.1186/s13244-023-01415-8, CC BY)",
    "METRICS": "METRICS v1.0 (Kocak 2024, doi:10.1186/s13244-023-01572-w, CC BY)",
    "TRIPOD+AI": "TRIPOD+AI (Collins 2024, doi:10.1136/bmj-2023-078378, CC BY)",
}
TITLES = ("Answered", "Partly", "To be answered by the authors", "Not applicable")


def checklists_section(results, captions):
    """Counts of answered items, range of the METRICS score, and the lists, folded; None when they were not filled."""
    paths = results.files.get("checklists")
    if not paths:
        return None
    tables = {name: pd.read_csv(paths[name], dtype=str, keep_default_na=False) for name in LISTS}
    blocks = [_overview(tables, captions), _score(tables["METRICS"])]
    blocks += [_list(name, tables[name], paths[name]) for name in LISTS]
    return section("checklists", "Reporting checklists", blocks)


def _overview(tables, captions):
    rows = []
    for name, filled in tables.items():
        found = counts(filled)
        rows.append([SOURCES[name], *(count(found[status]) for status in STATUSES)])
    return table("Items of the checklists", ["List", *TITLES], rows, note=captions("checklists"))


def _score(filled):
    low, high = metrics_score(filled)
    decided = int(filled[filled["weight"] != ""]["credit"].isin(("yes", "no")).sum())
    return paragraph(
        f"METRICS score: between {number(low, 1)} and {number(high, 1)} % with the published weights. The results "
        f"decide {count(decided)} items; the lower end counts every open item as not met, the upper end as met."
    )


def _list(name, filled, path):
    """Items under their sections."""
    rows, last = [], None
    for row in filled.to_dict("records"):
        if row["section"] != last:
            last = row["section"]
            rows.append([last])
        rows.append(_cells(row))
    header = ["Item", "Subject", "Status", "Answer", "For the authors"]
    conditions = int(filled["number"].str.startswith("Condition").sum())
    size = f"{count(len(filled) - conditions)} items" + (f" and {count(conditions)} conditions" if conditions else "")
    return table(f"{name}: {size}", header, rows, download=stored(path), folded=True)


def _cells(row):
    detail = [f"credit {row['credit']}"] if row.get("credit") else []
    place = row["report"].partition("#")[2]
    return [
        row["number"],
        row["item"],
        (row["status"], "; ".join(detail)),
        (row["answer"], f"(section {place})" if place else ""),
        row["for the authors"],
    ]
