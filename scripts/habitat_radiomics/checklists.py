"""Reporting checklists (CLEAR, METRICS, TRIPOD+AI) filled from the stored results of a study."""

from collections import Counter

import pandas as pd

from habitat_radiomics import answers_images, answers_models, answers_patients, answers_sharing
from habitat_radiomics.checklist_answers import PAGE, Answer, validation_cohorts
from habitat_radiomics.metrics_score import NO, NOT_APPLICABLE, OPEN, YES, applies, score_range, verdict

LISTS = ("CLEAR", "METRICS", "TRIPOD+AI")
ANSWERED, PARTLY, UNANSWERED = "answered", "partly", "to be answered"
STATUSES = (ANSWERED, PARTLY, UNANSWERED, NOT_APPLICABLE)
OF_AUTHORS = "To be answered by the authors."
COLUMNS = ["number", "section", "item", "status", "answer", "files", "report", "for the authors"]
TOPICS = {
    name: value
    for module in (answers_patients, answers_images, answers_models, answers_sharing)
    for name, value in vars(module).items()
    if callable(value) and getattr(value, "__module__", None) == module.__name__ and not name.startswith("_")
}


def read_checklist(path):
    """Return the items of a list: number, section, item, topic (function that answers), authors (left for them)."""
    return pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)


def filled_checklist(name, items, results):
    """Return a list with status, answer, files and place in the report of every item.

    Parameters
    ----------
    name : str
        One of `LISTS`.
    items : DataFrame
        See `read_checklist`.
    results : results.Results
    """
    if name == "METRICS":
        return _filled_metrics(items, results)
    rows = [_filled(item, results) for item in items.to_dict("records")]
    extra = ["applies"] if "applies" in items else []
    return pd.DataFrame(rows, columns=[COLUMNS[0], *extra, *COLUMNS[1:]])


def _filled(item, results):
    if item.get("applies") == "E" and not validation_cohorts(results):
        return _row(item, NOT_APPLICABLE, "No model was evaluated on other patients.")
    answer = TOPICS[item["topic"]](results) if item["topic"] else None
    return _answered(item, answer)


def _answered(item, answer):
    """Row of an item; partly answered where something is left for the authors."""
    if answer is None:
        return _row(item, UNANSWERED, OF_AUTHORS, authors=item["authors"] or "Answer from your own records.")
    left = " ".join(filter(None, (answer.missing, item["authors"])))
    places = "; ".join(dict.fromkeys(filter(None, answer.places)))
    report = f"{PAGE}#{answer.section}" if answer.section else ""
    return _row(item, PARTLY if left else ANSWERED, answer.text, files=places, report=report, authors=left)


def _row(item, status, answer, *, files="", report="", authors=""):
    found = {"status": status, "answer": answer, "files": files, "report": report, "for the authors": authors}
    return {**{name: item[name] for name in ("number", "section", "item", "applies") if name in item}, **found}


def _filled_metrics(items, results):
    conditions = {n: verdict(n, results)[0] for n in items["number"] if n.startswith("Condition")}
    rows = [_metrics_row(item, results, conditions) for item in items.to_dict("records")]
    return pd.DataFrame(rows, columns=[*COLUMNS[:4], "credit", "weight", *COLUMNS[4:]])


def _metrics_row(item, results, conditions):
    """An item whose credit the results decide is answered; else what they know is an answer in part."""
    if applies(item["condition"], conditions) == NO:
        reason = f"{item['condition']} is not met."
        return {**_row(item, NOT_APPLICABLE, reason), "credit": NOT_APPLICABLE, "weight": item["weight"]}
    credit, reason = verdict(item["number"], results)
    known = TOPICS[item["topic"]](results) if item["topic"] else None
    if reason:
        known = Answer(reason) if known is None else Answer(f"{reason} {known.text}", known.places, known.section)
    decided = {**item, "authors": "" if credit in (YES, NO) else item["authors"]}
    row = _answered(decided, known)
    if credit == OPEN and row["status"] == ANSWERED:
        row |= {"status": PARTLY, "for the authors": "Judge whether the item is met."}
    return {**row, "credit": credit, "weight": item["weight"]}


def counts(table):
    """Return the number of items by status (the conditions of METRICS are not items)."""
    found = Counter(table[~table["number"].str.startswith("Condition")]["status"])
    return {status: found[status] for status in STATUSES}


def metrics_score(table):
    """Return the lowest and highest METRICS score (per cent) of a filled list."""
    items = table[table["weight"].astype(str).str.len() > 0]
    return score_range(items["weight"].astype(float).tolist(), items["credit"].tolist())
