"""Survival of risk groups: Kaplan-Meier curves and medians, log-rank test and hazard ratios, by cohort and subgroup.

Groups come from a cut of the training patients, see `risk_cut`. Everything has an answer: what cannot be computed in a
cohort or a subgroup (no events, an empty group, nobody followed so long) is NaN with a reason beside it.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import special, stats

from habitat_radiomics.cox import CoxModel
from habitat_radiomics.kaplan_meier import (
    BEYOND,
    at_risk,
    checked_survival,
    kaplan_meier,
    median_follow_up,
    median_survival,
    step_values,
    survival_at,
    survival_interval,
)
from habitat_radiomics.log_rank import log_rank
from habitat_radiomics.risk_cut import HIGH, LOW
from habitat_radiomics.survival_outcome import survival_outcome

GROUPS = (LOW, HIGH)
ALL = "all"
EMPTY_GROUP = "a group is empty"


@dataclass(frozen=True)
class HazardRatio:
    """Hazard of a group against that of the reference, by a Cox model with Efron's ties."""

    group: str
    reference: str
    hr: float
    ci_low: float
    ci_high: float
    p: float  # Wald's, two-sided
    method: str  # maximum partial likelihood, or Firth where a group has no events
    reason: str  # why hr is NaN; empty where it is not


def survival_curves(time, event, group, *, groups=GROUPS, level=0.95, kind="log-log"):
    """Return the Kaplan-Meier curve of every group as one table, each beginning with survival 1 at time 0.

    Returns
    -------
    pandas.DataFrame
        group, time, survival, ci_low, ci_high, at_risk (just before), events, censored. A group without patients has
        no rows.
    """
    time, event, group = _checked(time, event, group, groups)
    tables = []
    for name in groups:
        curve = kaplan_meier(time[group == name], event[group == name])
        if not curve.time.size:
            continue
        low, high = survival_interval(curve, level=level, kind=kind)
        columns = {"survival": (1.0, curve.survival), "ci_low": (1.0, low), "ci_high": (1.0, high)}
        columns |= {"at_risk": (curve.at_risk[0], curve.at_risk), "events": (0, curve.events)}
        columns |= {"censored": (0, curve.censored), "time": (0.0, curve.time)}
        values = {key: np.concatenate([[first], rest]) for key, (first, rest) in columns.items()}
        # Up to its first event a curve is 1 without doubt.
        certain = values["survival"] >= 1
        for end in ("ci_low", "ci_high"):
            values[end] = np.where(certain, 1.0, values[end])
        tables.append(pd.DataFrame({"group": name, **values}))
    columns = ["group", "time", "survival", "ci_low", "ci_high", "at_risk", "events", "censored"]
    return pd.concat(tables, ignore_index=True)[columns] if tables else pd.DataFrame(columns=columns)


def group_summary(time, event, group, *, groups=GROUPS, level=0.95, kind="log-log"):
    """Return one row a group with its size and median survival, also for groups without patients.

    Returns
    -------
    pandas.DataFrame
        group, n, events, median, ci_low, ci_high (NaN: not reached), follow_up (median, reverse Kaplan-Meier),
        reason (why the median is NaN).
    """
    time, event, group = _checked(time, event, group, groups)
    rows = []
    for name in groups:
        members = group == name
        median = median_survival(kaplan_meier(time[members], event[members]), level=level, kind=kind)
        rows.append(
            {
                "group": name,
                "n": int(members.sum()),
                "events": int(event[members].sum()),
                "median": median.median,
                "ci_low": median.ci_low,
                "ci_high": median.ci_high,
                "follow_up": median_follow_up(time[members], event[members]).median,
                "reason": median.reason,
            }
        )
    return pd.DataFrame(rows)


def survival_at_times(time, event, group, times, *, groups=GROUPS, level=0.95, kind="log-log"):
    """Return survival and number at risk of every group at fixed times.

    Returns
    -------
    pandas.DataFrame
        group, time, at_risk, survival, ci_low, ci_high, reason (why survival is NaN, for example beyond the
        follow-up of the group).
    """
    time, event, group = _checked(time, event, group, groups)
    times = np.asarray(times, dtype=float)
    tables = []
    for name in groups:
        of_group = time[group == name]
        curve = kaplan_meier(of_group, event[group == name])
        survival = survival_at(curve, times) if curve.time.size else np.full(times.size, np.nan)
        low, high = survival_interval(curve, level=level, kind=kind)
        table = pd.DataFrame({"group": name, "time": times, "at_risk": at_risk(of_group, times), "survival": survival})
        for end, values in (("ci_low", low), ("ci_high", high)):
            limits = step_values(curve.time, values, times, first=1.0)
            table[end] = np.where(np.isnan(survival), np.nan, np.where(survival >= 1, 1.0, limits))
        missing = BEYOND if curve.time.size else EMPTY_GROUP
        tables.append(table.assign(reason=np.where(np.isnan(survival), missing, "")))
    return pd.concat(tables, ignore_index=True)


def hazard_ratio(time, event, group, *, of=HIGH, reference=LOW, level=0.95):
    """Return the hazard ratio of one group against another, patients of other groups left out.

    A group without events has an infinite or zero ratio: Firth's penalised likelihood gives a finite one, and
    ``method`` says so.
    """
    time, event, group = _checked(time, event, group, (of, reference))
    keep = (group == of) | (group == reference)
    time, event, high = time[keep], event[keep], group[keep] == of
    reason = EMPTY_GROUP if high.all() or not high.any() else log_rank(time, event, high).reason
    if reason:
        return HazardRatio(of, reference, *[np.nan] * 4, "", reason)
    model = CoxModel().fit(high[:, None].astype(float), survival_outcome(time, event))
    beta, se = float(model.coef_[0]), float(np.sqrt(model.covariance_[0, 0]))
    half = float(special.ndtri((1 + level) / 2)) * se
    p = float(2 * stats.norm.sf(abs(beta / se)))
    ratios = (float(np.exp(value)) for value in (beta, beta - half, beta + half))
    return HazardRatio(of, reference, *ratios, p, model.method_, "")


def compare_groups(time, event, group, *, level=0.95):
    """Return one row that compares the high with the low risk group.

    Returns
    -------
    dict
        n, events, n_low, n_high, events_low, events_high, median_low, median_high, chi2, df, p (log-rank), p_reason,
        hr, hr_low, hr_high, hr_p, hr_method, hr_reason.
    """
    time, event, group = _checked(time, event, group, GROUPS)
    summary = group_summary(time, event, group, level=level).set_index("group")
    grouped = np.isin(group, GROUPS)
    test = log_rank(time[grouped], event[grouped], group[grouped])
    ratio = hazard_ratio(time, event, group, level=level)
    by_group = {f"{key}_{name}": summary.loc[name, key] for key in ("n", "events", "median") for name in GROUPS}
    return {
        "n": int(grouped.sum()),
        "events": int(event[grouped].sum()),
        **by_group,
        **{"chi2": test.chi2, "df": test.df, "p": test.p, "p_reason": test.reason},
        **{"hr": ratio.hr, "hr_low": ratio.ci_low, "hr_high": ratio.ci_high, "hr_p": ratio.p},
        **{"hr_method": ratio.method, "hr_reason": ratio.reason},
    }


def compare_within(patients, *, subgroups=(), cohorts=None, level=0.95):
    """Compare the risk groups in every cohort, and there within every level of every subgroup.

    Parameters
    ----------
    patients : DataFrame
        cohort, time, event, group, and the columns of the subgroups; one row a patient.
    subgroups : sequence of str
        Columns such as grade. Patients without a value are left out of that subgroup.
    cohorts : sequence of str, optional
        In their order; by default as they come.

    Returns
    -------
    pandas.DataFrame
        cohort, subgroup (`ALL` for everyone), level, and the columns of `compare_groups`. Levels are those of all
        cohorts: a level nobody has in a cohort is a row with n = 0.
    """
    rows = []
    for part, chosen in _parts(patients, subgroups, cohorts):
        rows.append({**part, **compare_groups(*_arrays(chosen), level=level)})
    return pd.DataFrame(rows)


def curves_within(patients, *, subgroups=(), cohorts=None, level=0.95, kind="log-log"):
    """Return the Kaplan-Meier curves behind `compare_within` (parameters there) as one table.

    Returns
    -------
    pandas.DataFrame
        cohort, subgroup, level, and the columns of `survival_curves`.
    """
    tables = []
    for part, chosen in _parts(patients, subgroups, cohorts):
        curves = survival_curves(*_arrays(chosen), level=level, kind=kind)
        tables.append(pd.DataFrame(part, index=curves.index).join(curves))
    return pd.concat([table for table in tables if len(table)] or tables[:1], ignore_index=True)


def _parts(patients, subgroups, cohorts):
    """Every part of the patients: where it is (cohort, subgroup, level), and its rows."""
    levels = {column: _levels(patients[column]) for column in subgroups}
    for cohort in patients["cohort"].unique() if cohorts is None else cohorts:
        of_cohort = patients[patients["cohort"] == cohort]
        yield {"cohort": cohort, "subgroup": ALL, "level": ALL}, of_cohort
        for column, values in levels.items():
            for value in values:
                yield {"cohort": cohort, "subgroup": column, "level": value}, of_cohort[of_cohort[column] == value]


def _levels(values):
    """Levels that somebody has: of a categorical column in its order, else sorted."""
    present = values.dropna().unique()
    if isinstance(values.dtype, pd.CategoricalDtype):
        return [level for level in values.cat.categories if level in set(present)]
    return sorted(present)


def _arrays(patients):
    return tuple(patients[column].to_numpy() for column in ("time", "event", "group"))


def _checked(time, event, group, groups):
    time, event = checked_survival(time, event)
    group = np.asarray(group)
    if group.shape != time.shape:
        raise ValueError(f"group has shape {group.shape} and time {time.shape}: one group a patient.")
    if len(set(groups)) != len(groups):
        raise ValueError(f"groups are {', '.join(map(str, groups))}: name each group once.")
    return time, event, group
