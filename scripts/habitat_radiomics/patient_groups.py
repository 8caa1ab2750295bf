"""Table 1 of a study: included patients by cohort, and by outcome within every cohort, as tidy tables."""

import pandas as pd

from habitat_radiomics.cohort import COHORTS
from habitat_radiomics.table_one import TableOne, table_one, table_one_within

BY_COHORT = "cohort"
OUTCOME = "outcome"
TIME = "time"
CLASSES = {0: "no", 1: "yes"}


def included_patients(path, variables):
    """Return the included patients of ``cohort/patients.csv``: cohort, outcome in words and the clinical variables.

    Of a survival outcome that is whether the event was observed, and ``time`` is kept beside it.
    """
    categories = [name for name, variable in variables.items() if variable["type"] == "category"]
    table = pd.read_csv(path, dtype=dict.fromkeys(["patient", "cohort", *categories], str))
    table = table[table["included"]].set_index("patient").rename(columns={"event": OUTCOME})
    return table.assign(outcome=table["outcome"].astype(int).map(CLASSES))


def described_groups(patients, variables, *, outcome_label, time_unit=""):
    """Describe the patients by cohort, and by outcome within every cohort.

    Parameters
    ----------
    patients : DataFrame
        See `included_patients`.
    variables : dict
        Clinical variables, see `table_one`.
    outcome_label : str
    time_unit : str
        Of the column ``time`` of a survival outcome, which is then described by cohort; empty without.

    Returns
    -------
    cells, tests : DataFrame
        As of `table_one.TableOne`, with ``part``: `BY_COHORT`, or the cohort that is divided by outcome.
    """
    cohorts = [cohort for cohort in COHORTS if (patients["cohort"] == cohort).any()]
    outcome = {OUTCOME: {"type": "category", "levels": list(CLASSES.values()), "label": outcome_label}}
    outcome |= {TIME: observed_time(time_unit)} if time_unit else {}
    parts = {BY_COHORT: table_one(patients, {**outcome, **variables}, patients["cohort"], groups=cohorts)}
    if variables:
        classes = list(CLASSES.values())
        parts |= table_one_within(
            patients, variables, patients[OUTCOME], patients["cohort"], order=cohorts, groups=classes
        )
    cells = pd.concat([table.cells.assign(part=part) for part, table in parts.items()], ignore_index=True)
    tests = pd.concat([table.tests.assign(part=part) for part, table in parts.items()], ignore_index=True)
    return cells, tests


def observed_time(unit):
    """Return the description of the time to the event or the last observation, as of a clinical variable."""
    return {"type": "number", "unit": unit, "label": "Time to event or last observation"}


def stored_table_one(cells, tests, part, variables):
    """Return one part of the stored tables as it was computed, for printing."""
    cells = cells[cells["part"] == part].drop(columns="part").fillna({"level": ""})
    tests = tests[tests["part"] == part].drop(columns="part").fillna({"note": ""})
    return TableOne(cells, tests, variables, list(dict.fromkeys(cells["group"])))
