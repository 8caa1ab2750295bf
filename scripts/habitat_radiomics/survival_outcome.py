"""The time-to-event outcome that all survival modules share: a structured array with the fields time and event.

``time`` (float, any one unit, zero or more) is the time of the event or of the last observation, ``event`` (bool) says
whether the event happened at it. Estimators and measures take the outcome as ``y``; tables with the columns ``time``
and ``event`` are converted by `as_outcome`, which is the one place where it is checked.
"""

import numpy as np

OUTCOME = np.dtype([("time", np.float64), ("event", np.bool_)])
MOST_NAMED = 5


def survival_outcome(time, event, *, patients=None):
    """Return the checked outcome of patients.

    Parameters
    ----------
    time : array of float, shape (patients,)
        Follow-up until the event or the last observation, zero or more.
    event : array of bool or of 0 and 1, shape (patients,)
        1: the event happened at that time; 0: censored.
    patients : array of str, optional
        Names for messages; row numbers from 0 without it.

    Returns
    -------
    ndarray of `OUTCOME`, shape (patients,)

    Raises
    ------
    ValueError
        For no patients, unequal lengths, times that are missing, infinite or negative, and events other than 0 and 1.
    """
    time, event = np.asarray(time, dtype=np.float64), np.asarray(event)
    if time.ndim != 1 or event.shape != time.shape:
        raise ValueError(f"time has shape {time.shape} and event {event.shape}: both need one value for each patient.")
    if time.size == 0:
        raise ValueError("the survival outcome holds no patients. Check the cohort it was taken from.")
    event = event if event.dtype == bool else event.astype(np.float64)
    names = np.arange(time.size) if patients is None else np.asarray(patients)
    _refuse(~np.isfinite(time), time, names, "time", "finite: enter it, or leave the patient out")
    _refuse(time < 0, time, names, "time", "zero or more: check the dates it was computed from")
    _refuse(~np.isin(event, (0, 1)), event, names, "event", "coded 0 (censored) or 1 (happened)")
    outcome = np.empty(time.size, dtype=OUTCOME)
    outcome["time"], outcome["event"] = time, event == 1
    return outcome


def as_outcome(y):
    """Return the checked outcome of a structured array or of a DataFrame with the columns ``time`` and ``event``.

    Raises
    ------
    ValueError
        As `survival_outcome`, and where the fields are missing.
    """
    dtype = getattr(y, "dtype", None)
    fields = tuple(getattr(y, "columns", None) if hasattr(y, "columns") else getattr(dtype, "names", None) or ())
    if not {"time", "event"} <= set(fields):
        found = ", ".join(map(str, fields)) or f"none ({type(y).__name__})"
        raise ValueError(
            f"a survival outcome needs the fields time and event; found: {found}. Give a table with these columns, or "
            "build it with survival_outcome(time, event)."
        )
    return survival_outcome(y["time"], y["event"], patients=getattr(y, "index", None))


def require_events(outcome, *, purpose, fewest=1):
    """Stop unless enough patients had the event.

    Parameters
    ----------
    outcome : ndarray of `OUTCOME`
    purpose : str
        What needs them, as the subject of the message: ``a Cox model``.
    fewest : int

    Raises
    ------
    ValueError
        If fewer had it (all may be censored).
    """
    events = int(outcome["event"].sum())
    if events < fewest:
        found = "all are censored" if events == 0 else f"{events} had the event"
        raise ValueError(
            f"{purpose} needs at least {fewest} event{'' if fewest == 1 else 's'}; of {outcome.size} patients {found}. "
            "Check the event column and the cohort, or wait for more follow-up."
        )


def _refuse(wrong, values, names, field, needed):
    if not wrong.any():
        return
    rows = np.flatnonzero(wrong)
    shown = ", ".join(f"{names[row]} ({values[row]:g})" for row in rows[:MOST_NAMED])
    more = f" and {rows.size - MOST_NAMED} more" if rows.size > MOST_NAMED else ""
    raise ValueError(f"the {field} of {rows.size} patient(s) cannot be used: {shown}{more}. It must be {needed}.")
