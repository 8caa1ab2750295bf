"""Brier score of survival predictions with censoring weights, the prediction-error curve and its integral.

The error of a predicted survival S(t) is (1[T > t] - S(t))^2, weighted by 1 / G(T-) for patients with the event by t
and 1 / G(t) for those event-free after t, G by Kaplan-Meier in the patients measured (Graf, Schmoor, Sauerbrei and
Schumacher 1999, Stat Med 18:2529), as riskRegression::Score and pec (R). 0 is best. Predictions are arrays of
patients x times; the reference is the Kaplan-Meier curve that knows no patient from another.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import special

from habitat_radiomics.faults import DataFault
from habitat_radiomics.kaplan_meier import (
    censoring_distribution,
    censoring_influence,
    checked_survival,
    event_weights,
    kaplan_meier,
    step_values,
    uncensored_at,
)

NOBODY_LEFT = "everyone at risk was censored by this time"
PLUS_632_COLUMNS = ["time", "apparent", "out_of_bag", "no_information", "weight", "corrected", "resamples"]


@dataclass(frozen=True)
class PredictionError:
    """Error at every time and its integral."""

    table: pd.DataFrame  # time, brier, se, ci_low, ci_high, reference (Kaplan-Meier's), ipa, reason
    ibs: float  # integrated Brier score over [0, last time], per unit of time
    ibs_se: float
    ibs_reference: float


def brier_scores(time, event, survival, times, *, censoring=None):
    """Return the Brier score at every time; NaN once everyone at risk has been censored.

    Parameters
    ----------
    time, event : arrays, one a patient
    survival : array, patients x times
        Predicted probability of being event-free after each time.
    times : array of float
    censoring : Censoring, optional
        From other patients than these, for example those of whom these are a part; by default from these.
    """
    losses, weights = _losses(time, event, survival, times, censoring)
    return np.sum(losses * weights, axis=0) / len(losses)


def prediction_error(time, event, survival, times, *, level=0.95, reference=None):
    """Return the prediction-error curve with intervals, beside that of the Kaplan-Meier estimate.

    Parameters
    ----------
    time, event, survival, times
        See `brier_scores`.
    level : float
    reference : array of survival at the times, optional
        Kaplan-Meier's of the training patients; by default of these patients.

    Returns
    -------
    PredictionError
        ipa is the index of prediction accuracy 1 - brier / reference (Kattan and Gerds 2018): 1 best, 0 useless.
    """
    time, event, survival = checked_survival(time, event, survival)
    times = np.atleast_1d(np.asarray(times, dtype=float))
    censoring = censoring_distribution(time, event)
    reference = km_survival(time, event, times) if reference is None else np.asarray(reference, dtype=float)
    brier = brier_scores(time, event, survival, times)
    null = brier_scores(time, event, np.broadcast_to(reference, survival.shape), times)
    influence = _influences(time, event, survival, times, censoring)
    se = influence.std(axis=1, ddof=1) / np.sqrt(time.size) if time.size > 1 else np.full(times.size, np.nan)
    half = special.ndtri((1 + level) / 2) * se
    ipa = 1 - np.divide(brier, null, out=np.full(times.size, np.nan), where=null > 0)
    table = pd.DataFrame({"time": times, "brier": brier, "se": se, "ci_low": np.maximum(brier - half, 0)})
    table = table.assign(ci_high=brier + half, reference=null, ipa=ipa)
    table["reason"] = np.where(np.isfinite(brier), "", NOBODY_LEFT)
    each = np.array([integrated_brier(times, values) for values in influence.T])
    ibs_se = float(each.std(ddof=1) / np.sqrt(time.size)) if time.size > 1 else np.nan
    return PredictionError(table, integrated_brier(times, brier), ibs_se, integrated_brier(times, null))


def integrated_brier(times, brier):
    """Return the mean of the curve over its times as a left-continuous step function, as pec::crps (R).

    A curve without a value at the first time 0 starts there with 0, as an error before the first event is; NaN where
    the curve ends early.
    """
    times, brier = np.asarray(times, dtype=float), np.asarray(brier, dtype=float)
    if times.size and times[0] > 0:
        times, brier = np.concatenate([[0.0], times]), np.concatenate([[0.0], brier])
    if times.size < 2:
        return np.nan
    return float(np.sum(brier[:-1] * np.diff(times)) / (times[-1] - times[0]))


def km_survival(time, event, times):
    """Return the Kaplan-Meier estimate at the times, the same for every patient; after the last it stays as it was."""
    curve = kaplan_meier(time, event)
    return step_values(curve.time, curve.survival, times, first=1.0)


def _losses(time, event, survival, times, censoring):
    """Squared errors and weights, patients x times."""
    time, event, survival = checked_survival(time, event, survival)
    times = np.atleast_1d(np.asarray(times, dtype=float))
    if survival.shape != (time.size, times.size):
        raise ValueError(f"survival has shape {survival.shape}: give {time.size} patients x {times.size} times.")
    censoring = censoring_distribution(time, event) if censoring is None else censoring
    alive = time[:, None] > times[None, :]
    return (alive - survival) ** 2, _weights(time, event, times, censoring)


def _weights(time, event, times, censoring):
    columns = []
    for horizon in times:
        cases, controls = event_weights(time, event, horizon, censoring)
        # Once everyone at risk has been censored the weights no longer make up for the patients lost.
        known = uncensored_at(censoring, horizon) > 0
        columns.append(cases + controls if known else np.full(time.size, np.nan))
    return np.stack(columns, axis=1) if columns else np.empty((time.size, 0))


def _influences(time, event, survival, times, censoring):
    """Influence of every patient, times x patients, the estimation of G included, as riskRegression::Score."""
    losses, weights = _losses(time, event, survival, times, censoring)
    values = losses * weights
    influence = np.full((times.size, time.size), np.nan)
    for k, horizon in enumerate(times):
        if np.isfinite(values[:, k]).all():
            taken = np.where(time > horizon, np.nextafter(horizon, np.inf), time)  # G(horizon) or G(T-)
            influence[k] = values[:, k] + censoring_influence(time, event, values[:, k], censoring, before=taken)
    return influence


# The .632+ bootstrap ----------------------------------------------------------------------------------------------


def out_of_bag_errors(fit, X, time, event, resamples, times, *, numbers):
    """Fit the model on some of the resamples and measure its error in the patients left out of each.

    Parameters
    ----------
    fit : callable
        ``fit(X, time, event)`` returns a callable that takes rows like X and returns survival, rows x times. It holds
        every step that looks at the outcome, and raises a DataFault where a resample cannot be fitted.
    X : ndarray or DataFrame, one row a patient
    time, event : arrays, one a patient
    resamples : array of int, shape (count, n)
        See `optimism.draw_resamples`.
    times : array of float
    numbers : iterable of int
        Which of the resamples, so that any division into chunks gives the same.

    Returns
    -------
    pandas.DataFrame
        resample, time, brier (NaN where the resample failed), reason.
    """
    time, event = checked_survival(time, event)
    censoring = censoring_distribution(time, event)
    parts = []
    for b in numbers:
        left_out = np.setdiff1d(np.arange(time.size), resamples[b])
        brier, reason = np.full(len(times), np.nan), "" if left_out.size else "nobody is left out"
        try:
            predict = fit(_rows(X, resamples[b]), time[resamples[b]], event[resamples[b]])
        except DataFault as fault:
            reason = fault.code
        if not reason:
            survival = predict(_rows(X, left_out))
            brier = brier_scores(time[left_out], event[left_out], survival, times, censoring=censoring)
        parts.append(pd.DataFrame({"resample": b, "time": times, "brier": brier, "reason": reason}))
    return pd.concat(parts, ignore_index=True)


def no_information_errors(time, event, survival, times):
    """Return the error if predictions were shuffled among the patients: the mean over all pairs of them."""
    time, event, survival = checked_survival(time, event, survival)
    weights = _weights(time, event, np.asarray(times, dtype=float), censoring_distribution(time, event))
    alive = time[:, None] > np.asarray(times)[None, :]
    mean, mean_square = survival.mean(axis=0), (survival**2).mean(axis=0)
    return np.mean(weights * (alive - 2 * alive * mean + mean_square), axis=0)


def plus_632(times, apparent, out_of_bag, no_information):
    """Weigh apparent and out-of-bag errors by the relative overfitting (Efron and Tibshirani 1997), time by time.

    Gerds and Schumacher 2007 (Biometrics 63:1283); pec's Boot632plus.

    Parameters
    ----------
    times, apparent, no_information : arrays
        The latter two see `brier_scores`, `no_information_errors`.
    out_of_bag : DataFrame
        See `out_of_bag_errors`, all chunks.

    Returns
    -------
    curve : pandas.DataFrame
        time, apparent, out_of_bag (mean over the resamples), no_information, weight, corrected, resamples.
    integrated : dict
        Integrated Brier score of apparent, out_of_bag, no_information and corrected.
    """
    groups = out_of_bag.groupby("time", sort=True)["brier"]
    mean = groups.mean().reindex(times).to_numpy()
    bounded = np.minimum(mean, no_information)
    overfits = (bounded > apparent) & (no_information > apparent)
    gap = np.where(overfits, no_information - apparent, 1.0)
    rate = np.where(overfits, (bounded - apparent) / gap, np.where(np.isnan(mean), np.nan, 0.0))
    weight = 0.632 / (1 - 0.368 * rate)
    corrected = (1 - weight) * apparent + weight * bounded
    values = (times, apparent, mean, no_information, weight, corrected, groups.count().reindex(times).to_numpy())
    curve = pd.DataFrame(dict(zip(PLUS_632_COLUMNS, values, strict=True)))
    names = ["apparent", "out_of_bag", "no_information", "corrected"]
    return curve, {name: integrated_brier(times, curve[name]) for name in names}


def _rows(X, rows):
    return X.iloc[rows] if hasattr(X, "iloc") else X[rows]
