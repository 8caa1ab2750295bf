"""The outcome of patients, whatever its kind: 0 or 1, or a time and whether the event happened at it.

A Series holds a binary outcome, a DataFrame with the columns ``time`` and ``event`` a survival one, both by patient.
What fits, cross-validates, resamples and chooses asks here and knows nothing else of the kind.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from habitat_radiomics import concordance, roc
from habitat_radiomics.survival_outcome import as_outcome

SURVIVAL_COLUMNS = ["time", "event"]
ONE_CLASS = "the outcomes hold one class only: nothing can be learnt from them."
NO_EVENT = "nobody had the event: nothing can be learnt from that."


@dataclass(frozen=True)
class Discrimination:
    """AUC or Harrell's C with its interval."""

    estimate: float
    ci_low: float
    ci_high: float


def outcome_of(table):
    """Outcome in a stored table by patient: its column ``outcome``, or ``time`` and ``event``."""
    return table["outcome"] if "outcome" in table else table[SURVIVAL_COLUMNS]


def is_survival(outcome):
    """Whether an outcome is of times to an event."""
    return isinstance(outcome, pd.DataFrame)


def measure_name(outcome):
    """Column of `discrimination` in tables: ``auc`` or ``c_index``."""
    return "c_index" if is_survival(outcome) else "auc"


def fitted_outcome(outcome):
    """What ``fit`` takes: 0 and 1, or the structured array of `survival_outcome`."""
    return as_outcome(outcome) if is_survival(outcome) else outcome.to_numpy(dtype=int)


def outcome_by_patient(y, patients):
    """Undo `fitted_outcome`: the outcome by patient of what a ``fit`` was given."""
    if np.asarray(y).dtype.names:
        return pd.DataFrame({name: y[name] for name in SURVIVAL_COLUMNS}, index=patients)
    return pd.Series(y, index=patients)


def happened(outcome):
    """1 where the outcome happened, else 0: the strata of folds, resamples and splits (Series by patient)."""
    return outcome["event"].astype(int) if is_survival(outcome) else outcome


def events(outcome):
    """Number of patients in whom it happened."""
    return int(happened(outcome).sum())


def why_not(outcome):
    """Say why nothing can be learnt from an outcome; empty where something can."""
    if is_survival(outcome):
        return "" if events(outcome) else NO_EVENT
    return "" if outcome.nunique() == 2 else ONE_CLASS


def scarcest(outcome):
    """Patients of the smaller class, which every fold needs; of a survival outcome those with the event."""
    of_event = happened(outcome)
    return int(of_event.sum()) if is_survival(outcome) else int(min((of_event == 0).sum(), (of_event == 1).sum()))


def discrimination(outcome, score):
    """AUC, or Harrell's C, of a score (higher means a higher risk); NaN where it is not defined."""
    if is_survival(outcome):
        return concordance.concordance(outcome["time"], outcome["event"] == 1, score).c
    return roc.auc(outcome, score)


def discrimination_interval(outcome, score, *, level=0.95):
    """`discrimination` with DeLong's interval, or the jackknife's of Harrell's C."""
    if is_survival(outcome):
        found = concordance.concordance(outcome["time"], outcome["event"] == 1, score, level=level)
        return Discrimination(found.c, found.ci_low, found.ci_high)
    area = roc.auc_with_interval(outcome.to_numpy(), np.asarray(score), level=level)
    return Discrimination(area.auc, area.ci_low, area.ci_high)
