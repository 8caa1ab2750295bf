"""Measures of every survival model in every cohort, and tests between models, from stored predictions alone.

Predictions of a model are a table of patient, cohort, time, event, score (linear predictor), ``risk_<horizon>`` (the
probability of the event by that time) and group; its survival curves a table of patient, cohort and a column for each
time. A measure that cannot be computed is NaN, with the reason in ``note``.
"""

import numpy as np
import pandas as pd

from habitat_radiomics.brier import km_survival, prediction_error
from habitat_radiomics.concordance import concordance, concordance_test
from habitat_radiomics.time_auc import follow_up_grid, median_auc, time_auc, time_auc_test
from habitat_radiomics.validation import COHORT_ORDER, cohorts_of

NO_ERROR_TO_BEAT = "Kaplan-Meier's own error is 0 by this time: nobody had the event"

METRIC_COLUMNS = ["model", "cohort", "metric", "horizon", "estimate", "ci_low", "ci_high", "n", "events"]
METRIC_COLUMNS += ["method", "note"]
COMPARISON_COLUMNS = ["model", "reference", "cohort", "measure", "horizon", "n", "difference", "ci_low", "ci_high"]
COMPARISON_COLUMNS += ["z", "p", "note"]
CURVE_KEYS = ["model", "cohort"]
TABLE_METRICS = ("c_harrell", "c_uno", "auc_median", "ibs")
PRIMARY = "c_harrell"
GRID_POINTS = 50
MOST_AT_RISK = 10  # patients still observed at the end of a curve of AUC(t), fewer in small cohorts
NO_TIMES = "too few events and patients for a curve over time"
NO_CURVE = "nobody is followed to the end of the integral"


def at_horizon(name, horizon):
    """Return the name of a measure (or column) at a horizon: ``auc_12``."""
    return f"{name}_{horizon:g}"


def risk_column(horizon):
    """Return the column of the predicted probability of the event by a horizon."""
    return at_horizon("risk", horizon)


def curve_columns(curves):
    """Return the columns of stored survival curves that are times, ascending."""
    return [name for name in curves.columns if name not in ("patient", "cohort")]


def survival_arrays(patients):
    """Return time, event and score of a table of predictions."""
    return (
        patients["time"].to_numpy(dtype=float),
        patients["event"].to_numpy(dtype=int) == 1,
        patients["score"].to_numpy(dtype=float),
    )


def curve_times(time, event):
    """Return the times at which AUC(t) of a cohort is followed; the last leaves a fifth of a small cohort at risk."""
    fewest = min(MOST_AT_RISK, max(2, len(time) // 5))
    return follow_up_grid(time, event, points=GRID_POINTS, fewest_at_risk=fewest)


def predicted_survival(patients, curves, *, until):
    """Return times (the last is ``until``) and the survival predicted there, patients x times.

    The times are all at which predictions step or the outcome of a patient is known, so that errors integrated over
    them are exact.

    Parameters
    ----------
    patients : DataFrame
        Predictions of one model in one cohort, with the risk at the horizon ``until``.
    curves : DataFrame
        The stored survival curves of the same model; the step functions are read at their own times.
    until : float
    """
    of_cohort = curves[curves["cohort"] == patients["cohort"].iloc[0]].set_index("patient").loc[patients["patient"]]
    columns = curve_columns(of_cohort)
    steps = np.array(columns, dtype=float)
    times = np.union1d(steps, patients["time"].to_numpy(dtype=float))
    times = times[(times > 0) & (times < until)]
    known = np.column_stack([np.ones(len(patients)), of_cohort[columns].to_numpy(dtype=float)])
    survival = known[:, np.searchsorted(steps, times, side="right")]
    return np.append(times, until), np.column_stack([survival, 1 - patients[risk_column(until)]])


def cohort_metrics(patients, curves, *, horizons, level, resamples, seed):
    """Return all measures of one model in one cohort, a row each (columns `METRIC_COLUMNS` but model and cohort).

    Parameters
    ----------
    patients, curves : DataFrame
        Predictions of one model in one cohort, and the survival curves of the model.
    horizons : list of float
        Ascending. Uno's C and the integrated Brier score end at the last.
    level : float
    resamples, seed : int
        Of the interval of the median AUC.
    """
    rows = [
        *_concordances(patients, until=horizons[-1], level=level),
        *_areas(patients, horizons, level=level, resamples=resamples, seed=seed),
        *_errors(patients, curves, horizons, level=level),
    ]
    table = pd.DataFrame(rows, columns=["metric", "horizon", "estimate", "ci_low", "ci_high", "method", "note"])
    return table.assign(n=len(patients), events=int(patients["event"].sum()))


def _concordances(patients, *, until, level):
    harrell = concordance(*survival_arrays(patients), level=level)
    uno = concordance(*survival_arrays(patients), weights="uno", truncation=until, level=level)
    for metric, horizon, found in (("c_harrell", np.nan, harrell), ("c_uno", until, uno)):
        method = "Harrell" if metric == "c_harrell" else "Uno, pairs opened until the horizon"
        yield metric, horizon, found.c, found.ci_low, found.ci_high, f"{method}; infinitesimal jackknife", found.reason


def _areas(patients, horizons, *, level, resamples, seed):
    arrays = survival_arrays(patients)
    times = curve_times(*arrays[:2])
    if times.size:
        estimate, low, high, _ = median_auc(*arrays, times, resamples=resamples, seed=seed, level=level)
    else:
        estimate, low, high = [np.nan] * 3
    method = f"median over the times of the curve; percentiles of {resamples} bootstraps"
    yield "auc_median", np.nan, estimate, low, high, method, "" if np.isfinite(estimate) else NO_TIMES
    for row in time_auc(*arrays, horizons, level=level).table.itertuples():
        name = at_horizon("auc", row.time)
        yield (
            name,
            row.time,
            row.auc,
            row.ci_low,
            row.ci_high,
            "cumulative/dynamic, IPCW; influence function",
            row.reason,
        )


def _errors(patients, curves, horizons, *, level):
    time, event, _ = survival_arrays(patients)
    risks = np.column_stack([patients[risk_column(horizon)] for horizon in horizons])
    at_horizons = prediction_error(time, event, 1 - risks, horizons, level=level).table
    for row in at_horizons.itertuples():
        brier = at_horizon("brier", row.time)
        yield brier, row.time, row.brier, row.ci_low, row.ci_high, "IPCW; influence function", row.reason
        reason = row.reason or ("" if np.isfinite(row.ipa) else NO_ERROR_TO_BEAT)
        yield at_horizon("ipa", row.time), row.time, row.ipa, np.nan, np.nan, "1 - Brier / Kaplan-Meier's", reason
    until = horizons[-1]
    times, survival = predicted_survival(patients, curves, until=until)
    error = prediction_error(time, event, survival, times)
    half = _half_width(level) * error.ibs_se
    limits = max(error.ibs - half, 0), error.ibs + half
    note = "" if np.isfinite(error.ibs) else NO_CURVE
    yield "ibs", until, error.ibs, *limits, "integrated from 0 to the horizon; influence function", note
    yield "ibs_reference", until, error.ibs_reference, np.nan, np.nan, "Kaplan-Meier's of these patients", note


def _half_width(level):
    from scipy.special import ndtri

    return float(ndtri((1 + level) / 2))


def all_metrics(predictions, curves, *, horizons, level, resamples, seed):
    """Return the long table of metrics: model x cohort x metric.

    Parameters
    ----------
    predictions, curves : dict
        Model name to its stored predictions, and to its survival curves.
    horizons, level, resamples, seed
        As `cohort_metrics`.
    """
    chosen = {"horizons": horizons, "level": level, "resamples": resamples, "seed": seed}
    parts = [
        cohort_metrics(patients, curves[model], **chosen).assign(model=model, cohort=cohort)
        for model, cohort, patients in each_part(predictions)
    ]
    return pd.concat(parts, ignore_index=True)[METRIC_COLUMNS]


def each_part(predictions):
    """Yield model, cohort and its predictions, the cohorts of a model in the order of every table."""
    for model, table in predictions.items():
        for cohort in cohorts_of(table):
            yield model, cohort, table[table["cohort"] == cohort].reset_index(drop=True)


# Tests between models ---------------------------------------------------------------------------------------------


def all_comparisons(predictions, *, reference, horizons, level, pairs=()):
    """Return paired tests of every model against the reference in every cohort: Harrell's C, and AUC at horizons.

    Parameters
    ----------
    predictions : dict
        As `all_metrics`.
    reference : str
    horizons : list of float
    level : float
    pairs : iterable of (str, str)
        Further tests: a model, and the one it is compared with.
    """
    asked = [(model, reference) for model in predictions if model != reference]
    asked += [pair for pair in map(tuple, pairs) if pair not in asked]
    rows = [row for pair in asked for row in _comparisons(predictions, *pair, horizons, level)]
    return pd.DataFrame(rows, columns=COMPARISON_COLUMNS)


def _comparisons(predictions, model, reference, horizons, level):
    """Rows of one pair of models, for each cohort C and the AUC at every horizon."""
    theirs = predictions[reference].set_index(["cohort", "patient"])["score"]
    for cohort in cohorts_of(predictions[model]):
        ours = predictions[model].query("cohort == @cohort")
        arrays = (*survival_arrays(ours), theirs.loc[cohort].loc[ours["patient"]].to_numpy(dtype=float))
        key = {"model": model, "reference": reference, "cohort": cohort, "n": len(ours)}
        test = concordance_test(*arrays, level=level)
        yield {**key, "measure": PRIMARY, **_tested(vars(test))}
        for row in time_auc_test(*arrays, horizons, level=level).to_dict("records"):
            yield {**key, "measure": at_horizon("auc", row["time"]), "horizon": row["time"], **_tested(row)}


def _tested(row):
    return {**{name: row[name] for name in ("difference", "ci_low", "ci_high", "z", "p")}, "note": row["reason"]}


def model_table(metrics, comparisons, *, reference):
    """Return the table that papers print: a row for each cohort and model, its measures side by side.

    Returns
    -------
    DataFrame
        cohort, model, n, events; `TABLE_METRICS`, each with ``_low`` and ``_high``; ``difference`` of Harrell's C from
        the reference and ``p_difference``, both empty for the reference itself.
    """
    keys = ["cohort", "model"]
    table = metrics[metrics["metric"] == PRIMARY][[*keys, "n", "events"]].reset_index(drop=True)
    for metric in TABLE_METRICS:
        names = {"estimate": metric, "ci_low": f"{metric}_low", "ci_high": f"{metric}_high"}
        chosen = metrics[metrics["metric"] == metric].rename(columns=names)
        table = table.merge(chosen[[*keys, *names.values()]], on=keys, how="left")
    tests = comparisons.query("reference == @reference and measure == @PRIMARY").rename(columns={"p": "p_difference"})
    table = table.merge(tests[[*keys, "difference", "p_difference"]], on=keys, how="left").assign(reference=reference)
    return table.sort_values("cohort", key=lambda c: c.map(COHORT_ORDER.index), kind="stable", ignore_index=True)


# Curves over time -------------------------------------------------------------------------------------------------


def auc_curves(predictions, *, level):
    """Return AUC(t) of every model in every cohort: model, cohort, and the columns of `time_auc.TimeAuc.table`."""
    parts = []
    for model, cohort, patients in each_part(predictions):
        arrays = survival_arrays(patients)
        times = curve_times(*arrays[:2])
        table = time_auc(*arrays, times, level=level).table if times.size else pd.DataFrame()
        parts.append(table.assign(model=model, cohort=cohort))
    columns = [*CURVE_KEYS, "time", "auc", "se", "ci_low", "ci_high", "cases", "controls", "censored", "reason"]
    return pd.concat(parts, ignore_index=True).reindex(columns=columns)


def error_curves(predictions, curves, *, until, level):
    """Return the prediction-error curve of every model in every cohort until the last horizon.

    Returns
    -------
    DataFrame
        model, cohort, and the columns of `brier.PredictionError.table`; from time 0, where nobody has had the event.
    """
    parts = []
    for model, cohort, patients in each_part(predictions):
        times, survival = predicted_survival(patients, curves[model], until=until)
        time, event, _ = survival_arrays(patients)
        reference = km_survival(time, event, times)
        table = prediction_error(time, event, survival, times, level=level, reference=reference).table
        start = pd.DataFrame({"time": [0.0], "brier": 0.0, "se": 0.0, "ci_low": 0.0, "ci_high": 0.0, "reference": 0.0})
        parts.append(pd.concat([start.assign(reason=""), table], ignore_index=True).assign(model=model, cohort=cohort))
    columns = [*CURVE_KEYS, "time", "brier", "se", "ci_low", "ci_high", "reference", "ipa", "reason"]
    return pd.concat(parts, ignore_index=True)[columns]
