"""Decision curves of survival models: what acting on the predicted risk at a horizon is worth (Vickers 2008).

At the threshold pt a patient is treated when the risk of the event by the horizon is pt or more. The share of events
among the treated is Kaplan-Meier's, so that patients censored before the horizon count: net benefit = share treated x
(F - (1 - F) pt / (1 - pt)), F = 1 - S(horizon) among them (Vickers, Cronin, Elkin and Gonen 2008, BMC Med Inform Decis
Mak 8:53; R: dcurves). It is NaN, as there, where no treated patient is followed to the horizon.
"""

import numpy as np
import pandas as pd

from habitat_radiomics.decision_curve import QUANTITIES, TREAT_ALL, TREAT_NONE, checked_thresholds
from habitat_radiomics.kaplan_meier import checked_survival
from habitat_radiomics.survival_calibration import checked_risk

FEWEST_RESAMPLES = 0.9  # share of the resamples in which the net benefit is defined, for a band to be given


def survival_net_benefit(time, event, risk, thresholds, *, horizon):
    """Net benefit per patient of treating those with risk >= threshold, at every threshold.

    Parameters
    ----------
    time, event : arrays, one a patient
    risk : array
        Predicted probability of the event by the horizon.
    thresholds : array of float
        Between 0 and 1, both excluded.
    horizon : float
        In the unit of time.

    Returns
    -------
    ndarray
        At most the share of events by the horizon; 0 where nobody is treated.
    """
    time, event, risk = checked_risk(time, event, risk)
    return _net_benefit(time, event, risk, checked_thresholds(thresholds), horizon, np.ones(time.size))


def survival_decision_curve(time, event, predictions, thresholds, *, horizon):
    """Return the decision curves of models, of treating all and of treating none.

    Parameters
    ----------
    predictions : dict
        Model name to its predicted risk by the horizon, of the same patients.
    time, event, thresholds, horizon
        See `survival_net_benefit`.

    Returns
    -------
    pandas.DataFrame
        Columns as `decision_curve.decision_curve`: model, threshold, net_benefit, standardised,
        interventions_avoided.
    """
    thresholds = checked_thresholds(thresholds)
    curves = _curves(time, event, predictions, thresholds, horizon, np.ones(len(time)))
    return pd.concat(
        [pd.DataFrame({"model": name, "threshold": thresholds, **values}) for name, values in curves.items()],
        ignore_index=True,
    )


def survival_decision_band(time, event, predictions, thresholds, *, horizon, resamples, seed, level=0.95):
    """Return the pointwise percentile band of every decision curve, by resampling patients (the same for all models).

    Predictions are taken as they are. NaN where more than a tenth of the resamples have no net benefit.

    Returns
    -------
    pandas.DataFrame
        Rows as `survival_decision_curve`; model, threshold, then each quantity with the endings _low and _high.
    """
    thresholds, n = checked_thresholds(thresholds), len(time)
    drawn = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=resamples)
    curves = [_curves(time, event, predictions, thresholds, horizon, weights) for weights in drawn]
    tables = []
    for name in [*predictions, TREAT_ALL, TREAT_NONE]:
        table = pd.DataFrame({"model": name, "threshold": thresholds})
        for quantity in QUANTITIES:
            values = np.array([curve[name][quantity] for curve in curves])
            table[f"{quantity}_low"], table[f"{quantity}_high"] = _percentiles(values, level)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def _curves(time, event, predictions, thresholds, horizon, weights):
    """Quantities of every model and both strategies, by name."""
    taken = {TREAT_ALL, TREAT_NONE} & set(predictions)
    if taken:
        raise ValueError(f"a model is called {min(taken)!r}: that name is kept for the strategy. Rename the model.")
    risks = {**predictions, TREAT_ALL: np.ones(len(time))}
    benefits = {}
    for name, risk in risks.items():
        benefits[name] = _net_benefit(*checked_risk(time, event, risk), thresholds, horizon, weights)
    benefits[TREAT_NONE] = np.zeros(thresholds.size)
    share = 1 - _survival(*checked_survival(time, event), horizon, weights)
    share = share if share > 0 else np.nan
    avoided = (1 - thresholds) / thresholds * 100
    return {
        name: dict(zip(QUANTITIES, (benefit, benefit / share, (benefit - benefits[TREAT_ALL]) * avoided), strict=True))
        for name, benefit in benefits.items()
    }


def _net_benefit(time, event, risk, thresholds, horizon, weights):
    """Weights count how often each patient is in the sample."""
    benefit, known = np.zeros(thresholds.size), {}
    for k, threshold in enumerate(thresholds):
        treated = risk >= threshold
        share = weights[treated].sum() / weights.sum()
        if share == 0:
            continue
        members = treated.tobytes()
        if members not in known:
            known[members] = _survival(time[treated], event[treated], horizon, weights[treated])
        survival = known[members]
        benefit[k] = share * (1 - survival - survival * threshold / (1 - threshold))
    return benefit


def _survival(time, event, horizon, weights):
    """Kaplan-Meier's survival at the horizon in a sample with repeats; NaN where nobody is followed so far."""
    present = weights > 0
    time, event, weights = time[present], event[present], weights[present]
    if time.size == 0 or time.max() < horizon:
        return np.nan
    moments, place = np.unique(time, return_inverse=True)
    leaving = np.bincount(place, weights, minlength=moments.size)
    died = np.bincount(place[event], weights[event], minlength=moments.size)
    at_risk = np.cumsum(leaving[::-1])[::-1]
    return float(np.prod((1 - died / at_risk)[moments <= horizon]))


def _percentiles(values, level):
    known = np.isfinite(values).mean(axis=0) >= FEWEST_RESAMPLES
    band = np.full((2, values.shape[1]), np.nan)
    if known.any():
        band[:, known] = np.nanquantile(values[:, known], [(1 - level) / 2, (1 + level) / 2], axis=0)
    return band
