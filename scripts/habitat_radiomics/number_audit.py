"""Audit of numbers: those of a finished study, derived again from its stored predictions, and those of a paper.

`audit_study` does not use the functions that made the numbers (`habitat_radiomics.roc`, `validation`): areas are
counted pair by pair, proportions counted by hand, intervals written out. `audit_published` needs nothing but the
printed table. Both return the relations of `habitat_radiomics.number_relations` one by one.
"""

import difflib

import numpy as np
import pandas as pd
from scipy.special import betaincinv, ndtr, ndtri

from habitat_radiomics import number_relations as relations
from habitat_radiomics.number_relations import IMPOSSIBLE, Check, exact, read_number

TOLERANCE = 1e-9
CHECK_COLUMNS = ["where", "check", "passed", "found", "expected", "kind"]
SHARES = ("accuracy", "sensitivity", "specificity", "ppv", "npv")
AREAS = ("auc", "c_index")
RATIOS = ("odds_ratio", "hazard_ratio")
VALUES = ("estimate", "mean", "median", "ibs", "brier", "difference")
NAMES = ("model", "cohort", "signature", "region", "variable", "level", "group", "step")
COUNTS = ("n_positive", "n_negative", "n", "count", "features", "patients")
LIMITS = ("low", "high")


class AuditError(Exception):
    """A study whose printed numbers contradict its predictions."""


# A finished study ------------------------------------------------------------------------------------------------


def audit_study(metrics, predictions, cutoffs, *, comparisons=None, funnels=None, flow=None, level, proportion_method):
    """Derive every stored number of a study again and compare.

    Parameters
    ----------
    metrics : DataFrame
        ``validate/metrics.csv``: model, cohort, metric, estimate, ci_low, ci_high, k, n, events.
    predictions : dict
        Model to ``validate/<model>/predictions.csv``: patient, cohort, outcome, score, probability, group.
    cutoffs : dict
        Model to its cut-off on the score; NaN where there is none.
    comparisons : DataFrame, optional
        ``validate/comparisons.csv``.
    funnels : dict, optional
        Signature to ``select/<signature>/funnel.csv``.
    flow : DataFrame, optional
        ``cohort/flow.csv``.
    level : float
    proportion_method : {"wilson", "clopper-pearson"}

    Returns
    -------
    DataFrame
        One row a check: where, check, passed, found, expected, kind.
    """
    rows = _audit_rows(metrics)
    for model, table in predictions.items():
        rows += _audit_predictions(model, table, cutoffs[model])
        for cohort, patients in table.groupby("cohort", sort=False):
            stored = metrics[(metrics["model"] == model) & (metrics["cohort"] == cohort)]
            derived = derive_metrics(patients, cutoffs[model], level=level, method=proportion_method)
            rows += _audit_derived(f"{model}, {cohort}", stored, derived)
    rows += _audit_same_patients(predictions)
    rows += audit_known_groups(metrics, predictions)
    rows += _audit_comparisons(comparisons, metrics) if comparisons is not None else []
    for signature, funnel in (funnels or {}).items():
        check = relations.counts_never_rise(signature, list(funnel["step"]), list(funnel["features"]))
        rows.append((f"signature {signature}", check))
    rows += audit_flow(flow, predictions) if flow is not None else []
    return check_table(rows)


def require_sound(checks):
    """Stop when a check failed.

    Raises
    ------
    AuditError
        With a sentence for each failure.
    """
    failed = checks[~checks["passed"]]
    if len(failed):
        raise AuditError(
            f"{len(failed)} of {len(checks)} checks of the printed numbers failed; the tables do not agree with the "
            "stored predictions. " + " ".join(sentences(failed))
        )


def sentences(checks):
    """Return a sentence for every row of a table of checks."""
    return [
        f"{row.where}: must hold: {row.check}; found {row.found}, expected {row.expected}."
        for row in checks.itertuples(index=False)
    ]


def derive_metrics(patients, cutoff, *, level, method):
    """Derive AUC, Brier score and the proportions at the cut-off of one cohort, by counting.

    Returns
    -------
    dict
        Metric to a dict of estimate, ci_low, ci_high (NaN where there is none), k and n (None where there is none).
    """
    y, score = patients["outcome"].to_numpy() == 1, patients["score"].to_numpy(dtype=float)
    area, low, high = area_by_counting(score[y], score[~y], level=level)
    derived = {"auc": {"estimate": area, "ci_low": low, "ci_high": high, "k": None, "n": len(y)}}
    error = float(np.mean((patients["probability"].to_numpy(dtype=float) - y) ** 2))
    derived["brier"] = {"estimate": error, "ci_low": np.nan, "ci_high": np.nan, "k": None, "n": len(y)}
    if np.isnan(cutoff):
        empty = {"estimate": np.nan, "ci_low": np.nan, "ci_high": np.nan, "k": 0, "n": 0}
        return derived | dict.fromkeys(SHARES, empty)
    called = score >= cutoff
    counts = {
        "accuracy": (np.sum(called == y), len(y)),
        "sensitivity": (np.sum(called & y), np.sum(y)),
        "specificity": (np.sum(~called & ~y), np.sum(~y)),
        "ppv": (np.sum(called & y), np.sum(called)),
        "npv": (np.sum(~called & ~y), np.sum(~called)),
    }
    for metric, (k, n) in counts.items():
        low, high = share_interval(int(k), int(n), level=level, method=method)
        estimate = k / n if n else np.nan
        derived[metric] = {"estimate": estimate, "ci_low": low, "ci_high": high, "k": int(k), "n": int(n)}
    return derived


def area_by_counting(positive, negative, *, level):
    """AUC as the share of pairs ranked rightly (ties one half) and DeLong's interval from the same counts."""
    if len(positive) == 0 or len(negative) == 0:
        return np.nan, np.nan, np.nan
    wins = _share_below(positive, negative)
    losses = 1 - _share_below(negative, positive)
    area = wins.mean()
    if min(len(positive), len(negative)) < 2:
        return float(area), np.nan, np.nan
    error = np.sqrt(wins.var(ddof=1) / len(positive) + losses.var(ddof=1) / len(negative))
    half = ndtri((1 + level) / 2) * error
    return float(area), float(max(area - half, 0)), float(min(area + half, 1))


def _share_below(values, others):
    """Share of the others below each value, equal ones counting one half."""
    others = np.sort(others)
    return (np.searchsorted(others, values, "left") + np.searchsorted(others, values, "right")) / (2 * len(others))


def share_interval(k, n, *, level, method):
    """Interval of k / n, formulas written out: Wilson 1927, Clopper and Pearson 1934; NaN for n = 0."""
    if n == 0:
        return np.nan, np.nan
    if method == "wilson":
        z = ndtri((1 + level) / 2)
        middle, spread = k + z**2 / 2, z * np.sqrt(k * (n - k) / n + z**2 / 4)
        return float(max((middle - spread) / (n + z**2), 0)), float(min((middle + spread) / (n + z**2), 1))
    tail = (1 - level) / 2
    low = betaincinv(k, n - k + 1, tail) if k > 0 else 0.0
    high = betaincinv(k + 1, n - k, 1 - tail) if k < n else 1.0
    return float(low), float(high)


def _audit_rows(metrics):
    """Relations every row of the metrics obeys by itself, also those that are not derived again."""
    rows = []
    for row in metrics.itertuples(index=False):
        where = f"{row.model}, {row.cohort}"
        if np.isnan(row.estimate):
            continue
        estimate = exact(row.estimate)
        if not (np.isnan(row.ci_low) or np.isnan(row.ci_high)):
            low, high = exact(row.ci_low), exact(row.ci_high)
            rows.append((where, relations.interval_is_ordered(row.metric, low, high)))
            rows.append((where, relations.interval_contains_point(row.metric, estimate, low, high)))
        if not pd.isna(row.k):
            passed = 0 <= row.k <= row.n and abs(row.k / row.n - row.estimate) <= TOLERANCE
            rows.append((where, Check(f"{row.metric} is k / n", passed, f"{row.estimate:.10g}", f"{row.k}/{row.n}")))
        if row.metric in (*SHARES, *AREAS):
            rows.append((where, relations.lies_in_unit_interval(row.metric, estimate)))
    for (model, cohort), group in metrics.groupby(["model", "cohort"], sort=False):
        rows += [(f"{model}, {cohort}", check) for check in _operating_point_checks(group.set_index("metric"))]
    return rows


def _operating_point_checks(group):
    """Relations between AUC, accuracy, sensitivity and specificity of one model in one cohort."""
    values = group["estimate"].dropna()
    if not {"auc", "accuracy", "sensitivity", "specificity"} <= set(values.index):
        return []
    auc, accuracy, sensitivity, specificity = (
        exact(values[name]) for name in ("auc", "accuracy", "sensitivity", "specificity")
    )
    sizes = int(group.loc["sensitivity", "n"]), int(group.loc["specificity", "n"])
    return [
        relations.accuracy_lies_between(accuracy, sensitivity, specificity),
        relations.accuracy_is_weighted_mean(accuracy, sensitivity, specificity, *sizes),
        relations.auc_admits_operating_point(auc, sensitivity, specificity),
    ]


def _audit_derived(where, stored, derived):
    """Stored metrics of one model in one cohort against those derived again."""
    rows = []
    stored = stored.set_index("metric")
    for metric, values in derived.items():
        if metric not in stored.index:
            if metric != "brier":
                rows.append((where, Check(f"{metric} is in the table", False, "no row", "a row")))
            continue
        row = stored.loc[metric]
        parts = ("estimate", "k", "n") if np.isnan(values["ci_low"]) else ("estimate", "ci_low", "ci_high", "k", "n")
        for part in parts:
            if values[part] is not None:
                rows.append(
                    (where, same_number(f"{metric}: {part} follows from the predictions", row[part], values[part]))
                )
    return rows


def same_number(name, found, expected, *, tolerance=TOLERANCE):
    """A stored number is the one derived again."""
    found = np.nan if pd.isna(found) else float(found)
    passed = abs(found - expected) <= tolerance or (np.isnan(found) and np.isnan(expected))
    return Check(name, bool(passed), f"{found:.10g}", f"{expected:.10g}")


def _audit_predictions(model, table, cutoff):
    """Relations inside one table of predictions."""
    rows = []
    for cohort, patients in table.groupby("cohort", sort=False):
        where = f"{model}, {cohort}"
        doubled = int(patients["patient"].duplicated().sum())
        rows.append((where, Check("every patient is there once", doubled == 0, f"{doubled} doubled", "none")))
        wrong = int((~patients["outcome"].isin([0, 1])).sum())
        rows.append((where, Check("outcomes are 0 or 1", wrong == 0, f"{wrong} others", "none")))
        outside = int((~patients["probability"].between(0, 1)).sum())
        rows.append((where, Check("probabilities lie between 0 and 1", outside == 0, f"{outside} outside", "none")))
        rows.append((where, _probability_rises(patients)))
        rows.append((where, _group_follows(patients, cutoff)))
    return rows


def _probability_rises(patients):
    """A higher score never has a lower probability within models fitted alike (cross-validated folds differ)."""
    if (patients["cohort"] == "train_cv").any():
        return Check("probability rises with the score", True, "not asked of cross-validated folds", "no fall")
    ordered = patients.sort_values("score")["probability"].to_numpy(dtype=float)
    falls = int((np.diff(ordered) < -TOLERANCE).sum())
    return Check("probability rises with the score", falls == 0, f"{falls} falls", "no fall")


def _group_follows(patients, cutoff):
    if np.isnan(cutoff):
        wrong = int(patients["group"].notna().sum())
    else:
        wrong = int((patients["group"] != np.where(patients["score"] >= cutoff, "high", "low")).sum())
    return Check("groups follow from score and cut-off", wrong == 0, f"{wrong} patients otherwise", "none")


def _audit_same_patients(predictions):
    """All models speak of the same outcomes, no patient is in two cohorts, train_cv holds the training patients."""
    everyone = pd.concat(predictions.values(), ignore_index=True)
    several = int((everyone.groupby("patient")["outcome"].nunique() > 1).sum())
    rows = [("all models", Check("a patient has one outcome", several == 0, f"{several} with two", "none"))]
    homes = everyone.assign(cohort=everyone["cohort"].replace("train_cv", "train"))
    several = int((homes.groupby("patient")["cohort"].nunique() > 1).sum())
    return [*rows, ("all models", Check("a patient is in one cohort", several == 0, f"{several} in two", "none"))]


def audit_known_groups(metrics, predictions):
    """Metrics and predictions name the same models and cohorts."""
    told = set(zip(metrics["model"], metrics["cohort"], strict=True))
    seen = {(model, cohort) for model, table in predictions.items() for cohort in table["cohort"].unique()}
    strangers = sorted(told ^ seen)
    found = "; ".join(", ".join(pair) for pair in strangers) or "none"
    return [("all models", Check("metrics and predictions name the same cohorts", not strangers, found, "none else"))]


def _audit_comparisons(comparisons, metrics):
    """Differences of AUCs follow from the AUCs, lie in their interval, and p follows from z."""
    areas = metrics[metrics["metric"] == "auc"].set_index(["model", "cohort"])["estimate"]
    rows = []
    for row in comparisons.itertuples(index=False):
        where = f"{row.model} against {row.reference}, {row.cohort}"
        expected = areas[row.model, row.cohort] - areas[row.reference, row.cohort]
        rows.append((where, same_number("difference follows from the AUCs", row.difference, expected)))
        if np.isnan(row.p):
            continue
        low, high = exact(row.ci_low), exact(row.ci_high)
        rows.append((where, relations.interval_contains_point("difference", exact(row.difference), low, high)))
        rows.append((where, same_number("p follows from z", row.p, 2 * ndtr(-abs(row.z)))))
    return rows


def audit_flow(flow, predictions):
    """The flow of patients closes and ends in the cohorts that were measured."""
    counts = flow.groupby("step")["patients"].apply(list).to_dict()
    screened, included = counts["screened"][0], counts["included"][0]
    rows = [
        ("flow", relations.totals_close("excluded and included", [*counts.get("excluded", []), included], screened)),
        ("flow", relations.totals_close("cohorts", counts.get("cohort", []), included)),
    ]
    named = flow[flow["step"] == "cohort"].set_index("reason")["patients"]
    for model, table in predictions.items():
        sizes = table["cohort"].value_counts()
        for cohort, n in named.items():
            rows.append((f"{model}, {cohort}", same_number("patients are those of the flow", sizes.get(cohort, 0), n)))
    return rows


def check_table(rows):
    """Return pairs of (where, Check) as a table."""
    return pd.DataFrame([{"where": where, **vars(check)} for where, check in rows], columns=CHECK_COLUMNS)


# A published table -----------------------------------------------------------------------------------------------


def audit_published(table):
    """Audit a table typed in from a paper; every cell is text, as printed.

    Parameters
    ----------
    table : DataFrame of text
        One row a line of the paper's table. Columns, all optional:

        - names: model, cohort, signature, region, variable, level, group
        - class sizes: n_positive (with the event), n_negative
        - auc, c_index, accuracy, sensitivity, specificity, ppv, npv; odds_ratio, hazard_ratio; mean, median, brier,
          ibs, difference, estimate. Each may have limits: auc_low, auc_high. Proportions may be percentages, and may
          carry their fraction: ``96 (47/49)``.
        - p: of an odds or hazard ratio
        - count, percent, n: patients at a level of a variable in a group, its percentage, and the size of the group
        - step, features: feature counts in order, by region
        - step, patients: a flow (screened, excluded, included, cohort)

    Returns
    -------
    DataFrame
        One row a check: where, check, passed, found, expected, kind (impossible, or unlikely: look again).

    Raises
    ------
    ValueError
        For unknown columns and cells that are no numbers.
    """
    table = table.fillna("").astype(str).reset_index(drop=True)
    _require_known_columns(table.columns)
    rows = []
    for number, row in table.iterrows():
        where = ", ".join(row[name] for name in NAMES if name in row and row[name]) or f"row {number + 1}"
        values = _numbers(row, number)
        rows += [(where, check) for check in _value_checks(values)]
        rows += [(where, check) for check in _class_checks(values)]
        rows += [(where, check) for check in _group_checks(values)]
    rows += _funnel_checks(table) + _published_flow_checks(table) + _level_checks(table)
    return check_table(rows)


def _require_known_columns(columns):
    estimates = [*AREAS, *SHARES, *RATIOS, *VALUES]
    limits = [f"{name}_{limit}" for name in estimates for limit in LIMITS]
    known = [*NAMES, *COUNTS, *estimates, *limits, "p", "percent", "note"]
    for column in columns:
        if column not in known:
            near = difflib.get_close_matches(column, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else f". Known are {', '.join([*NAMES, *COUNTS, *estimates])}."
            raise ValueError(f"column {column!r} is unknown{hint}")


def _numbers(row, number):
    """Printed numbers of a row by column; whole numbers for counts."""
    values = {}
    for column, text in row.items():
        if column in NAMES or column == "note":
            continue
        try:
            value = read_number(text, is_share=column.removesuffix("_low").removesuffix("_high") in (*SHARES, *AREAS))
        except ValueError as error:
            raise ValueError(f"row {number + 1}, column {column}: {error}") from None
        if value is None:
            continue
        if column in COUNTS:
            if value.middle < 0 or value.middle != round(value.middle):
                raise ValueError(
                    f"row {number + 1}, column {column}: {text!r} is not a number of patients or features."
                )
            value = int(value.middle)
        values[column] = value
    return values


def _value_checks(values):
    """Relations of single numbers and their intervals."""
    checks = []
    for name, value in values.items():
        if name in (*SHARES, *AREAS):
            checks.append(relations.lies_in_unit_interval(name, value))
        low, high = values.get(f"{name}_low"), values.get(f"{name}_high")
        if low is None or high is None:
            continue
        checks.append(relations.interval_is_ordered(name, low, high))
        checks.append(relations.interval_contains_point(name, value, low, high))
        if name in RATIOS and "p" in values:
            checks.append(relations.p_matches_interval(name, value, low, high, values["p"]))
    return [check for check in checks if check is not None]


def _class_checks(values):
    """Relations of the measures at a cut-off, as far as they are printed."""
    sizes = (values.get("n_positive"), values.get("n_negative"))
    known = None not in sizes and min(sizes) > 0
    over = {"accuracy": sum(sizes), "sensitivity": sizes[0], "specificity": sizes[1]} if known else {}
    checks = []
    for name in SHARES:
        if name in values and values[name].k is not None:
            checks.append(relations.fraction_matches(name, values[name], over.get(name)))
        elif name in values and name in over:
            checks.append(relations.is_count_over(name, values[name], over[name]))
    if {"sensitivity", "specificity"} <= set(values):
        checks += _pair_checks(values, sizes if known else None)
    if known and {"auc", "auc_low", "auc_high"} <= set(values):
        limits = values["auc_low"], values["auc_high"]
        checks.append(relations.auc_interval_is_wide_enough(values["auc"], *limits, *sizes))
    return checks


def _pair_checks(values, sizes):
    pair = values["sensitivity"], values["specificity"]
    checks = []
    if "accuracy" in values:
        checks.append(relations.accuracy_lies_between(values["accuracy"], *pair))
        if sizes:
            checks.append(relations.accuracy_is_weighted_mean(values["accuracy"], *pair, *sizes))
    if "auc" in values:
        checks.append(relations.auc_admits_operating_point(values["auc"], *pair))
    if sizes:
        predictive = [name for name in ("ppv", "npv") if name in values]
        checks += [relations.predictive_value_follows(name, values[name], *pair, *sizes) for name in predictive]
    return checks


def _group_checks(values):
    if {"count", "percent", "n"} <= set(values):
        percent = values["percent"]
        share = relations.Printed(percent.text, percent.low / 100, percent.high / 100)
        share = percent if percent.text.endswith("%") else share
        return [relations.percentage_is_over("the level", values["count"], share, values["n"])]
    return []


def _funnel_checks(table):
    if not {"step", "features"} <= set(table.columns):
        return []
    rows = table[table["features"] != ""]
    keys = [name for name in ("cohort", "signature", "model", "region") if name in table]
    groups = rows.groupby(keys, sort=False) if keys else [("all features", rows)]
    checks = []
    for key, part in groups:
        name = key if isinstance(key, str) else ", ".join(text for text in key if text) or "all features"
        checks.append(
            (name, relations.counts_never_rise(name, list(part["step"]), part["features"].astype(int).tolist()))
        )
    return checks


def _published_flow_checks(table):
    if not {"step", "patients"} <= set(table.columns):
        return []
    counts = table[table["patients"] != ""].groupby("step")["patients"].apply(lambda part: part.astype(int).tolist())
    checks = []
    if {"screened", "included"} <= set(counts.index):
        parts = [*counts.get("excluded", []), *counts["included"]]
        checks.append(("flow", relations.totals_close("excluded and included", parts, sum(counts["screened"]))))
    if {"included", "cohort"} <= set(counts.index):
        checks.append(("flow", relations.totals_close("cohorts", counts["cohort"], sum(counts["included"]))))
    return checks


def _level_checks(table):
    """Levels of a variable in a group add up to its patients, and their percentages are over that number."""
    if not {"variable", "level", "group", "count", "n"} <= set(table.columns):
        return []
    checks = []
    for (variable, group), part in table[table["count"] != ""].groupby(["variable", "group"], sort=False):
        sizes = part["n"].unique()
        if len(sizes) == 1 and sizes[0] and len(part) > 1:
            total = relations.totals_close(f"levels of {variable}", part["count"].astype(int).tolist(), int(sizes[0]))
            checks.append((f"{variable}, {group}", total))
    return checks


def published_report(table):
    """Return the sentences of `audit_published` and `explanations` for print, and whether nothing is impossible."""
    checks = audit_published(table)
    failed = checks[~checks["passed"]]
    impossible = failed["kind"] == IMPOSSIBLE
    lines = [f"Impossible: {sentence}" for sentence in sentences(failed[impossible])]
    lines += [f"Unlikely, look again: {sentence}" for sentence in sentences(failed[~impossible])]
    lines += [f"Note: {sentence}" for sentence in explanations(table)]
    lines.append(f"{len(checks)} checks, {int(impossible.sum())} impossible, {int((~impossible).sum())} unlikely.")
    return lines, not impossible.any()


def explanations(table):
    """Return sentences on what the failing rows would fit: other class sizes, other denominators."""
    table = table.fillna("").astype(str).reset_index(drop=True)
    found = []
    for number, row in table.iterrows():
        values = _numbers(row, number)
        if {"accuracy", "sensitivity", "specificity", "n_positive", "n_negative"} <= set(values):
            shares = [values[name] for name in ("accuracy", "sensitivity", "specificity")]
            if all(check.passed for check in _class_checks(values) if check.kind == IMPOSSIBLE):
                continue
            sentence = relations.explain_counts(*shares, values["n_positive"] + values["n_negative"])
            where = ", ".join(row[name] for name in NAMES if name in row and row[name])
            found += [f"{where}: {sentence}"] if sentence else []
    return found + _other_denominators(table)


def _other_denominators(table):
    """Name the number of patients over which more percentages of a group would be right than over its own."""
    if not {"group", "count", "percent", "n"} <= set(table.columns):
        return []
    sentences = []
    for group, part in table[(table["count"] != "") & (table["percent"] != "")].groupby("group", sort=False):
        percents = [read_number(text if text.endswith("%") else f"{text}%") for text in part["percent"]]
        counts = part["count"].astype(int).tolist()
        totals, right = relations.totals_that_fit(counts, percents)
        if right < 2 or len(totals) != 1 or (part["n"] == str(totals[0])).all():
            continue
        sentences.append(f"{group}: {right} of {len(counts)} percentages are right over {totals[0]} patients.")
    return sentences
