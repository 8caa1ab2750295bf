"""Audit of the numbers of a survival study: derived again from its stored predictions, by other code.

Nothing here uses the modules that made the numbers. Harrell's concordance, Kaplan-Meier curves, log-rank tests and
hazard ratios of the risk groups come from lifelines; what it lacks (Uno's concordance, intervals of the infinitesimal
jackknife, censoring weights with events before censorings) is counted over pairs and written out patient by patient.
"""

import numpy as np
import pandas as pd
from lifelines import CoxPHFitter, KaplanMeierFitter
from lifelines.statistics import logrank_test
from lifelines.utils import concordance_index
from scipy.special import ndtr, ndtri

from habitat_radiomics import number_relations as relations
from habitat_radiomics.number_audit import TOLERANCE, audit_flow, audit_known_groups, check_table, same_number
from habitat_radiomics.number_relations import Check, exact

UNIT = ("c_harrell", "c_uno", "auc", "brier", "ibs")
ALL = "all"
GROUPS = ("low", "high")
UNPENALISED = "maximum partial likelihood"
NEWTON = {"precision": 1e-14, "r_precision": 1e-16}
NEWTON_TOLERANCE = 1e-6  # lifelines halves its last steps, and stops up to 1e-7 from the maximum


def audit_survival(
    metrics, predictions, curves, cutoffs, *, comparisons, compared, steps, funnels, flow, horizons, level
):
    """Derive the stored numbers of a survival study again and compare.

    Parameters
    ----------
    metrics, comparisons : DataFrame
        ``validate/metrics.csv`` and ``validate/comparisons.csv``, see `survival_validation`.
    predictions, curves : dict
        Model to its stored predictions, and to its survival curves.
    cutoffs : dict
        Model to its cut of the score; NaN where there is none.
    compared, steps : DataFrame
        ``validate/risk_groups.csv`` and ``validate/kaplan_meier.csv``, see `survival_cohort_tables`.
    funnels : dict
        Signature to ``select/<signature>/funnel.csv``.
    flow : DataFrame
        ``cohort/flow.csv``.
    horizons : list of float
    level : float

    Returns
    -------
    DataFrame
        One row a check: where, check, passed, found, expected, kind.
    """
    rows = _audit_rows(metrics)
    for model, table in predictions.items():
        for cohort, patients in table.groupby("cohort", sort=False):
            where = f"{model}, {cohort}"
            stored = metrics[(metrics["model"] == model) & (metrics["cohort"] == cohort)].set_index("metric")
            rows += [(where, check) for check in _prediction_checks(patients, cutoffs[model], horizons)]
            rows += [(where, check) for check in _curve_checks(patients, curves[model], horizons)]
            derived = derive_metrics(patients, curves[model], horizons, level=level)
            rows += [(where, check) for check in _derived_checks(stored, derived)]
    rows += _same_patients(predictions) + audit_known_groups(metrics, predictions)
    rows += _comparison_rows(comparisons, metrics) + _group_rows(compared, predictions) + _step_rows(steps, predictions)
    for signature, funnel in funnels.items():
        check = relations.counts_never_rise(signature, list(funnel["step"]), list(funnel["features"]))
        rows.append((f"signature {signature}", check))
    return check_table(rows + audit_flow(flow, predictions))


# Derived again ----------------------------------------------------------------------------------------------------


def derive_metrics(patients, curves, horizons, *, level):
    """Derive concordance, AUC, Brier scores and their integral of one model in one cohort.

    Returns
    -------
    dict
        Metric to a dict of estimate and, where they are derived, ci_low and ci_high.
    """
    time, event = patients["time"].to_numpy(dtype=float), patients["event"].to_numpy() == 1
    score, last = patients["score"].to_numpy(dtype=float), horizons[-1]
    uncensored = np.array([uncensored_until(time, event, t) for t in time])
    outcome = time, event, uncensored
    derived = {"c_harrell": _pair_share(time, event, score, np.ones(len(time)), level)}
    if np.isfinite(derived["c_harrell"]["estimate"]):
        derived["c_harrell"]["estimate"] = concordance_index(time, -score, event)
    opened = np.divide(time <= last, uncensored**2, out=np.zeros(len(time)), where=event)
    derived["c_uno"] = _pair_share(time, event, score, opened, level)
    free = KaplanMeierFitter().fit(time, event)
    for horizon in horizons:
        derived[f"auc_{horizon:g}"] = {"estimate": _area(outcome, score, horizon)}
        error = _error(outcome, 1 - patients[f"risk_{horizon:g}"].to_numpy(dtype=float), horizon)
        null = _error(outcome, np.full(len(time), free.predict(horizon)), horizon)
        derived[f"brier_{horizon:g}"] = {"estimate": error}
        derived[f"ipa_{horizon:g}"] = {"estimate": 1 - error / null if null > 0 else np.nan}
    derived["ibs"] = {"estimate": _integral(outcome, patients, curves, last)}
    return derived


def uncensored_until(time, event, until, *, including=False):
    """Probability of being uncensored just before a time (or after it); events come before censorings."""
    product = 1.0
    for t in sorted(set(time[~event])):
        if t < until or (t == until and including):
            product *= 1 - np.sum(~event & (time == t)) / (np.sum(time >= t) - np.sum(event & (time == t)))
    return product


def _pair_share(time, event, score, weight, level):
    """Share of the comparable pairs ranked rightly, with the interval of the derivative by each patient's weight."""
    first = (time[:, None] < time) | ((time[:, None] == time) & ~event)
    pair = np.where(event[:, None] & first, weight[:, None], 0.0)
    np.fill_diagonal(pair, 0.0)
    total = pair.sum()
    if total == 0:
        return dict.fromkeys(("estimate", "ci_low", "ci_high"), np.nan)
    won = pair * np.where(score[:, None] == score, 0.5, score[:, None] > score)
    share = won.sum() / total
    slope = ((won + won.T).sum(axis=1) - share * (pair + pair.T).sum(axis=1)) / total
    half = ndtri((1 + level) / 2) * np.sqrt((slope**2).sum())
    return {"estimate": share, "ci_low": max(share - half, 0.0), "ci_high": min(share + half, 1.0)}


def _area(outcome, score, horizon):
    time, event, uncensored = outcome
    case, control = event & (time <= horizon), time > horizon
    if not case.any() or not control.any():
        return np.nan
    weight = 1 / uncensored[case]
    higher = (score[case][:, None] > score[control]) + 0.5 * (score[case][:, None] == score[control])
    return float((weight @ higher.mean(axis=1)) / weight.sum())


def _error(outcome, survival, horizon):
    """Brier score at a horizon; NaN once everyone at risk was censored."""
    time, event, uncensored = outcome
    left = uncensored_until(time, event, horizon, including=True)
    if left <= 0:
        return np.nan
    total = 0.0
    for t, died, g, s in zip(time, event, uncensored, survival, strict=True):
        if t > horizon:
            total += (1 - s) ** 2 / left
        elif died:
            total += s**2 / g
    return total / len(time)


def _integral(outcome, patients, curves, until):
    """Area under the error curve over its length, each error held until the next time."""
    of_cohort = curves[curves["cohort"] == patients["cohort"].iloc[0]].set_index("patient").loc[patients["patient"]]
    steps = {float(name): of_cohort[name].to_numpy(dtype=float) for name in of_cohort.columns if name != "cohort"}
    moments = sorted(t for t in {*steps, *map(float, patients["time"])} if 0 < t < until)
    area = 0.0
    for start, end in zip(moments, [*moments[1:], until][: len(moments)], strict=True):
        last = max((t for t in steps if t <= start), default=None)
        survival = np.ones(len(patients)) if last is None else steps[last]
        area += (end - start) * _error(outcome, survival, start)
    reached = np.isfinite(_error(outcome, np.ones(len(patients)), until))
    return area / until if reached else np.nan


# Checks -----------------------------------------------------------------------------------------------------------


def _audit_rows(metrics):
    """Relations every row of the metrics obeys by itself."""
    rows = []
    for row in metrics.itertuples(index=False):
        where, known = f"{row.model}, {row.cohort}", np.isfinite(row.estimate)
        rows.append(
            (where, Check(f"events of {row.metric}", 0 <= row.events <= row.n, str(row.events), f"0 to {row.n}"))
        )
        rows.append(
            (where, Check(f"{row.metric} has a number or a reason", known or _told(row.note), row.note, "either"))
        )
        if not known:
            continue
        if row.metric.startswith(UNIT):
            rows.append((where, relations.lies_in_unit_interval(row.metric, exact(row.estimate))))
        if np.isfinite(row.ci_low) and np.isfinite(row.ci_high):
            low, high = exact(row.ci_low), exact(row.ci_high)
            rows.append((where, relations.interval_contains_point(row.metric, exact(row.estimate), low, high)))
    return rows


def _told(note):
    return isinstance(note, str) and note != ""


def _prediction_checks(patients, cutoff, horizons):
    """Relations inside one table of predictions of one cohort."""
    risks = patients[[f"risk_{horizon:g}" for horizon in horizons]].to_numpy(dtype=float)
    yield _none("every patient is there once", patients["patient"].duplicated())
    yield _none("events are 0 or 1", ~patients["event"].isin([0, 1]))
    yield _none("times are zero or more", ~(patients["time"] >= 0))
    yield _none("risks lie between 0 and 1", ~((risks >= 0) & (risks <= 1)).all(axis=1))
    yield _none("risks never fall with the horizon", (np.diff(risks, axis=1) < -TOLERANCE).any(axis=1))
    if (patients["cohort"] != "train_cv").all():  # cross-validated folds have baselines of their own
        ordered = risks[np.argsort(patients["score"].to_numpy(), kind="stable")]
        yield _none("risks rise with the score", (np.diff(ordered, axis=0) < -TOLERANCE).any(axis=1))
    if np.isnan(cutoff):
        yield _none("without a cut nobody has a group", patients["group"].notna())
    else:
        expected = np.where(patients["score"] > cutoff, "high", "low")
        yield _none("groups follow from score and cut", patients["group"] != expected)


def _none(name, wrong):
    found = int(np.sum(wrong))
    return Check(name, found == 0, f"{found} otherwise", "none")


def _curve_checks(patients, curves, horizons):
    """Survival curves never rise, lie between 0 and 1, and agree with the risks at the horizons."""
    of_cohort = curves[curves["cohort"] == patients["cohort"].iloc[0]].set_index("patient")
    columns = [name for name in of_cohort.columns if name != "cohort"]
    survival = of_cohort.loc[patients["patient"], columns].to_numpy(dtype=float)
    yield _none("survival never rises", (np.diff(survival, axis=1) > TOLERANCE).any(axis=1))
    yield _none("survival lies between 0 and 1", ~((survival >= 0) & (survival <= 1)).all(axis=1))
    times, ones = np.array(list(map(float, columns))), np.ones((len(survival), 1))
    bounded = np.hstack([ones, survival, 0 * ones])
    for horizon in horizons:
        place = np.searchsorted(times, horizon, side="right")
        own = 1 - patients[f"risk_{horizon:g}"].to_numpy(dtype=float)
        outside = (own > bounded[:, place] + TOLERANCE) | (own < bounded[:, place + 1] - TOLERANCE)
        yield _none(f"risk by {horizon:g} lies on the survival curve", outside)


def _derived_checks(stored, derived):
    for metric, values in derived.items():
        if metric not in stored.index:
            yield Check(f"{metric} is in the table", False, "no row", "a row")
            continue
        for part, expected in values.items():
            yield same_number(f"{metric}: {part} follows from the predictions", stored.loc[metric, part], expected)


def _same_patients(predictions):
    """All models speak of the same outcomes, and no patient is in two cohorts."""
    everyone = pd.concat(predictions.values(), ignore_index=True)
    outcomes = everyone.groupby("patient")[["time", "event"]].nunique()
    homes = (
        everyone.assign(cohort=everyone["cohort"].replace("train_cv", "train")).groupby("patient")["cohort"].nunique()
    )
    return [
        ("all models", _none("a patient has one outcome", (outcomes > 1).any(axis=1))),
        ("all models", _none("a patient is in one cohort", homes > 1)),
    ]


def _comparison_rows(comparisons, metrics):
    """Differences follow from the measures, lie in their interval, and p follows from z."""
    measures = metrics.set_index(["model", "cohort", "metric"])["estimate"]
    rows = []
    for row in comparisons.itertuples(index=False):
        where = f"{row.model} against {row.reference}, {row.cohort}, {row.measure}"
        ours, theirs = (measures.get((name, row.cohort, row.measure), np.nan) for name in (row.model, row.reference))
        rows.append((where, same_number("difference follows from the measures", row.difference, ours - theirs)))
        if np.isfinite(row.p) and np.isfinite(row.ci_low):
            limits = exact(row.ci_low), exact(row.ci_high)
            rows.append((where, relations.interval_contains_point("difference", exact(row.difference), *limits)))
            rows.append((where, same_number("p follows from z", row.p, 2 * ndtr(-abs(row.z)))))
    return rows


def _group_rows(compared, predictions):
    """Sizes of the risk groups, log-rank tests and hazard ratios."""
    rows = []
    for row in compared.itertuples(index=False):
        where = f"{row.model}, {row.cohort}, {row.subgroup} {row.level}"
        rows.append((where, relations.totals_close("risk groups", [row.n_low, row.n_high], row.n)))
        rows.append(
            (where, relations.totals_close("events of the groups", [row.events_low, row.events_high], row.events))
        )
        rows.append((where, Check("events are patients", row.events <= row.n, str(row.events), f"at most {row.n}")))
        if np.isfinite(row.hr):
            low, high = exact(row.hr_low), exact(row.hr_high)
            rows.append((where, relations.interval_contains_point("hazard ratio", exact(row.hr), low, high)))
        if row.subgroup == ALL:
            table = predictions[row.model]
            rows += [(where, check) for check in _whole_group_checks(row, table[table["cohort"] == row.cohort])]
    return rows


def _whole_group_checks(row, patients):
    """Counts, log-rank test and hazard ratio of a whole cohort, from its predictions."""
    grouped = patients[patients["group"].isin(GROUPS)]
    time, event = grouped["time"].to_numpy(dtype=float), grouped["event"].to_numpy() == 1
    high = grouped["group"].to_numpy() == "high"
    yield same_number("high risk patients are those of the predictions", row.n_high, high.sum())
    yield same_number("events of high risk patients", row.events_high, (high & event).sum())
    if np.isfinite(row.chi2):
        test = logrank_test(time[high], time[~high], event[high], event[~high])
        yield same_number("log-rank chi-square follows from the predictions", row.chi2, test.test_statistic)
        yield same_number("p follows from chi-square", row.p, test.p_value)
    if row.hr_method == UNPENALISED:
        table = pd.DataFrame({"time": time, "event": event, "high": high.astype(float)})
        log_ratio = CoxPHFitter().fit(table, "time", "event", fit_options=NEWTON).params_["high"]
        name = "log hazard ratio follows from the predictions"
        yield same_number(name, np.log(row.hr), log_ratio, tolerance=NEWTON_TOLERANCE)


def _step_rows(steps, predictions):
    """Kaplan-Meier tables: survival and numbers at risk never rise, who leaves is counted, curves are lifelines'."""
    rows, keys = [], ["model", "cohort", "subgroup", "level", "group"]
    if steps.empty:
        return rows
    for key, curve in steps.groupby(keys, sort=False):
        where, survival = ", ".join(map(str, key)), curve["survival"].to_numpy(dtype=float)
        leaving = (curve["events"] + curve["censored"]).to_numpy()
        rows.append((where, _none("survival never rises", np.diff(survival) > TOLERANCE)))
        rows.append((where, _none("survival lies between 0 and 1", ~((survival >= 0) & (survival <= 1)))))
        at_risk = curve["at_risk"].to_numpy()
        rows.append(
            (where, _none("the number at risk falls by those who left", at_risk[1:] + leaving[:-1] != at_risk[:-1]))
        )
        rows.append((where, relations.totals_close("patients who left", [int(leaving.sum())], int(at_risk[0]))))
        factors = 1 - curve["events"].to_numpy() / np.maximum(at_risk, 1)
        rows.append(
            (where, _none("survival is the product of its steps", np.abs(np.cumprod(factors) - survival) > TOLERANCE))
        )
        model, cohort, subgroup, _, group = key
        if subgroup == ALL:
            rows.append((where, _curve_check(curve, predictions[model], cohort, group)))
    return rows


def _curve_check(curve, predictions, cohort, group):
    """A stored Kaplan-Meier curve is the one of the predictions of its group."""
    own = predictions[(predictions["cohort"] == cohort) & (predictions["group"] == group)]
    expected = KaplanMeierFitter().fit(own["time"], own["event"] == 1).survival_function_at_times(curve["time"])
    apart = np.abs(expected.to_numpy() - curve["survival"].to_numpy(dtype=float)) > TOLERANCE
    return _none("survival follows from the predictions", apart)
