"""What a bootstrap of the whole chain says of a survival model: optimism, .632+ prediction error, calibration.

The chain (selection, score, model) was fitted to every resample; stored are the score and the risks it gives to all
training patients, and its baseline hazard. From these everything is measured here, without fitting again.
"""

import numpy as np
import pandas as pd

from habitat_radiomics.bootstrap_tables import FEWEST_DEFINED, NOT_FITTED_HERE
from habitat_radiomics.brier import brier_scores, no_information_errors, plus_632
from habitat_radiomics.concordance import concordance
from habitat_radiomics.faults import DataFault
from habitat_radiomics.kaplan_meier import censoring_distribution, step_values
from habitat_radiomics.model import fit_model, model_prediction, prediction_columns
from habitat_radiomics.resampling import resample_indices
from habitat_radiomics.survival_calibration import calibration_slope, smooth_observed
from habitat_radiomics.survival_validation import at_horizon, risk_column

CURVE, SLOPE, CONCORDANCE, IBS = "curve", "slope", "c_harrell", "ibs"
KEYS = ["statistic", "horizon", "at"]
STATISTIC_COLUMNS = ["statistic", "horizon", "apparent", "train", "test", "optimism", "corrected", "low", "high"]
STATISTIC_COLUMNS += ["out_of_bag", "corrected_632", "weight_632", "resamples", "note"]


def bootstrap_tables(predictions, baseline, outcome, *, horizons, times, level, cross_fitted):
    """Return what is stored of the bootstrap of one survival model.

    Parameters
    ----------
    predictions : DataFrame
        replicate (0 is the study), patient, drawn (times in the resample), score, ``risk_<horizon>``, reason.
    baseline : DataFrame
        replicate, time, cumulative_hazard where the score is 0.
    outcome : DataFrame
        time and event by training patient.
    horizons : list of float
        Ascending; the integrated Brier score ends at the last.
    times : array of float
        At which prediction errors are followed.
    level : float
        Of the percentiles ``low`` and ``high``, which say how much the correction varies.
    cross_fitted : bool
        The model was fitted on cross-fitted scores: slopes on its own patients mean nothing and have no correction.

    Returns
    -------
    statistics : DataFrame
        Columns `STATISTIC_COLUMNS`: Harrell's C, Brier score at the horizons, its integral (.632+ only), slope.
    calibration : DataFrame
        horizon, at, apparent, corrected (NaN where fewer than nine in ten resamples reach), resamples.
    errors : DataFrame
        See `brier.plus_632`.
    """
    predictions = predictions.fillna({"reason": ""})
    outcome = outcome.loc[predictions["patient"].unique()]
    measures = measure_replicates(predictions, outcome, horizons=horizons, at=np.arange(1, 100) / 100)
    table = optimism_table(measures, level=level)
    errors, integrated = error_curve(predictions, baseline, outcome, times=times, until=horizons[-1])
    statistics = table[table["statistic"] != CURVE].drop(columns="at")
    statistics = _with_632(statistics, predictions, outcome, horizons)
    ibs = {"statistic": IBS, "horizon": horizons[-1], "apparent": integrated["apparent"]}
    ibs |= {"out_of_bag": integrated["out_of_bag"], "corrected_632": integrated["corrected"]}
    ibs |= {"resamples": int(errors["resamples"].min()), "note": ""}
    statistics = pd.concat([statistics, pd.DataFrame([ibs])], ignore_index=True).reindex(columns=STATISTIC_COLUMNS)
    lost = (statistics["statistic"] == SLOPE) & cross_fitted
    statistics.loc[lost, ["optimism", "corrected", "low", "high"]] = np.nan
    statistics.loc[lost, "note"] = NOT_FITTED_HERE
    curve = table.loc[table["statistic"] == CURVE, ["horizon", "at", "apparent", "corrected", "resamples"]]
    # Towards the ends of the risks few resamples reach: their mean would be that of a selection.
    fitted = predictions.loc[(predictions["replicate"] > 0) & (predictions["reason"] == ""), "replicate"].nunique()
    curve["corrected"] = curve["corrected"].where(curve["resamples"] >= FEWEST_DEFINED * fitted)
    return statistics, curve.reset_index(drop=True), errors


def fixed_features_bootstrap(pipeline, predictors, outcome, *, count, seed):
    """Correct a survival model for optimism with its scores held as they are, see `bootstrap_tables` of binary models.

    Parameters
    ----------
    pipeline : Pipeline
        Unfitted model with the horizons of its risks, see `model.build_model`.
    predictors : DataFrame
        The signatures' own training scores, and clinical variables.
    outcome : DataFrame
        time and event by patient, same index.
    count, seed : int
        Of the resamples, stratified by event.

    Returns
    -------
    DataFrame
        statistic (Harrell's C, Brier score at the horizons, slope), horizon, apparent, train, test, optimism,
        corrected, resamples.
    """
    draws = resample_indices(outcome["event"], count=count, seed=seed, start=1)
    everyone = np.arange(len(outcome))
    parts = [_fixed_replicate(pipeline, predictors, outcome, b, rows) for b, rows in enumerate([everyone, *draws])]
    horizons = list(pipeline["estimator"].horizons)
    measures = measure_replicates(pd.concat(parts), outcome, horizons=horizons, at=np.array([]))
    table = optimism_table(measures, level=0.95)
    return table[["statistic", "horizon", "apparent", "train", "test", "optimism", "corrected", "resamples"]]


def _fixed_replicate(pipeline, predictors, outcome, number, rows):
    """What `measure_replicates` takes of a model fitted to some rows, with repeats; where it cannot be, the reason."""
    table = pd.DataFrame({"replicate": number, "patient": outcome.index, "reason": ""})
    table["drawn"] = np.bincount(rows, minlength=len(outcome))
    try:
        fitted = fit_model(pipeline, predictors.iloc[rows], outcome.iloc[rows])
    except DataFault as fault:
        columns = dict.fromkeys(prediction_columns(pipeline), np.nan)
        return table.assign(reason=fault.code, **columns)
    return table.assign(**{name: values.to_numpy() for name, values in model_prediction(fitted, predictors).items()})


def measure_replicates(predictions, outcome, *, horizons, at):
    """Measure every replicate on its resample, on all patients, and on those left out.

    Returns
    -------
    DataFrame
        replicate, statistic, horizon, at, train (resample), test (all patients), out_of_bag (no curve), reason.
    """
    places = _places(horizons, at)
    parts = []
    for number, rows in predictions.groupby("replicate", sort=True):
        table = places.assign(
            replicate=number, train=np.nan, test=np.nan, out_of_bag=np.nan, reason=rows["reason"].iloc[0]
        )
        if np.isfinite(rows["score"]).all():
            drawn = rows["drawn"].to_numpy()
            table["train"] = _performance(rows, outcome, np.repeat(np.arange(len(rows)), drawn), horizons, at)
            table["test"] = _performance(rows, outcome, np.arange(len(rows)), horizons, at)
            single = _performance(rows, outcome, np.flatnonzero(drawn == 0), horizons, at[:0])
            table["out_of_bag"] = np.concatenate([single, np.full(len(places) - len(single), np.nan)])
        parts.append(table)
    return pd.concat(parts, ignore_index=True)


def _places(horizons, at):
    rows = [(CONCORDANCE, np.nan, np.nan), *((at_horizon("brier", h), h, np.nan) for h in horizons)]
    rows += [(SLOPE, horizons[-1], np.nan), *((CURVE, h, a) for h in horizons for a in at)]
    return pd.DataFrame(rows, columns=KEYS)


def _performance(predicted, outcome, rows, horizons, at):
    """Values in the order of `_places` for some rows (with repeats) of one replicate; NaN where nobody is left."""
    names = predicted["patient"].to_numpy()[rows]
    if not len(names) or not outcome.loc[names, "event"].any():
        return np.full(2 + len(horizons) + len(horizons) * len(at), np.nan)
    time, event = outcome.loc[names, "time"].to_numpy(dtype=float), outcome.loc[names, "event"].to_numpy() == 1
    risks = predicted[[risk_column(h) for h in horizons]].to_numpy(dtype=float)[rows]
    values = [concordance(time, event, predicted["score"].to_numpy(dtype=float)[rows]).c]
    values += list(brier_scores(time, event, 1 - risks, horizons))
    values.append(calibration_slope(time, event, risks[:, -1])[0])
    for horizon, risk in zip(horizons, risks.T, strict=True):
        values += list(smooth_observed(time, event, risk, at, horizon=horizon)[0]) if len(at) else []
    return np.array(values)


def optimism_table(measures, *, level):
    """Take the mean optimism off the apparent performance (Harrell, Lee and Mark 1996, Stat Med 15:361).

    Returns
    -------
    DataFrame
        `KEYS`, apparent, train, test, optimism, corrected, low, high (percentiles of the corrected values), out_of_bag,
        resamples (with train and test), note.
    """
    apparent = measures.loc[measures["replicate"] == 0, [*KEYS, "train"]].rename(columns={"train": "apparent"})
    replicates = measures[measures["replicate"] > 0].merge(apparent, on=KEYS)
    both = replicates.dropna(subset=["train", "test"]).assign(
        value=lambda rows: rows["apparent"] - (rows["train"] - rows["test"])
    )
    groups = both.groupby(KEYS, dropna=False)
    means = groups[["train", "test"]].mean().assign(resamples=groups.size().to_numpy())
    for end, share in (("low", (1 - level) / 2), ("high", (1 + level) / 2)):
        means[end] = groups["value"].quantile(share).to_numpy()  # by position: the keys hold NaN
    left_out = replicates.groupby(KEYS, dropna=False)["out_of_bag"].mean().reset_index()
    table = apparent.merge(means.reset_index(), on=KEYS, how="left").merge(left_out, on=KEYS, how="left")
    table["optimism"] = table["train"] - table["test"]
    table["corrected"] = table["apparent"] - table["optimism"]
    return table.assign(resamples=table["resamples"].fillna(0).astype(int), note="")


def plus_632_value(apparent, out_of_bag, no_information):
    """Weigh an apparent and an out-of-bag error (Efron and Tibshirani 1997): the corrected error, and the weight."""
    if not np.isfinite([apparent, out_of_bag, no_information]).all():
        return np.nan, np.nan
    bounded = min(out_of_bag, no_information)
    rate = (bounded - apparent) / (no_information - apparent) if bounded > apparent else 0.0
    weight = 0.632 / (1 - 0.368 * rate)
    return (1 - weight) * apparent + weight * bounded, weight


def _with_632(statistics, predictions, outcome, horizons):
    """Add the .632+ estimates of C (no information: 0.5) and of the Brier score at the horizons."""
    study = predictions[predictions["replicate"] == 0]
    of_study = outcome.loc[study["patient"]]
    risks = study[[risk_column(h) for h in horizons]].to_numpy(dtype=float)
    chance = no_information_errors(of_study["time"], of_study["event"], 1 - risks, horizons)
    chance = {at_horizon("brier", h): error for h, error in zip(horizons, chance, strict=True)}
    statistics = statistics.assign(corrected_632=np.nan, weight_632=np.nan)
    for row in statistics.itertuples():
        if row.statistic == CONCORDANCE:
            error, weight = plus_632_value(1 - row.apparent, 1 - row.out_of_bag, 0.5)
            statistics.loc[row.Index, ["corrected_632", "weight_632"]] = 1 - error, weight
        elif row.statistic in chance:
            values = plus_632_value(row.apparent, row.out_of_bag, chance[row.statistic])
            statistics.loc[row.Index, ["corrected_632", "weight_632"]] = values
    return statistics


def error_curve(predictions, baseline, outcome, *, times, until):
    """Return the .632+ prediction-error curve until a horizon and its integrals, see `brier.plus_632`.

    Parameters
    ----------
    predictions, baseline, outcome
        See `bootstrap_tables`.
    times : array of float
    """
    times = np.array([*sorted(t for t in times if 0 < t < until), until], dtype=float)
    hazards = dict(iter(baseline.groupby("replicate")))
    parts, censoring = [], censoring_distribution(outcome["time"], outcome["event"])
    for number, rows in predictions.groupby("replicate", sort=True):
        time, event = (outcome.loc[rows["patient"], name].to_numpy(dtype=float) for name in ("time", "event"))
        brier = np.full(times.size, np.nan)
        survival = _survival(rows, hazards.get(number), times)
        left_out = rows["drawn"].to_numpy() == 0
        if number == 0:
            study = time, event, survival
        elif survival is not None and left_out.any():
            brier = brier_scores(time[left_out], event[left_out], survival[left_out], times, censoring=censoring)
        parts.append(pd.DataFrame({"resample": number, "time": times, "brier": brier}))
    apparent = brier_scores(*study, times)
    left_out = pd.concat(parts).query("resample > 0")
    return plus_632(times, apparent, left_out, no_information_errors(*study, times))


def _survival(rows, hazard, times):
    """Survival of every patient by the chain of one replicate, patients x times; None where it was not fitted."""
    if hazard is None or not np.isfinite(rows["score"]).all():
        return None
    order = hazard.sort_values("time")
    cumulative = step_values(order["time"].to_numpy(), order["cumulative_hazard"].to_numpy(), times, first=0.0)
    return np.exp(-np.exp(rows["score"].to_numpy(dtype=float))[:, None] * cumulative)
