"""Decision curves: what acting on a model is worth, against acting on everyone and on no one (Vickers and Elkin 2006).

At the threshold probability pt a patient is treated when p >= pt; pt says how many unnecessary treatments one would
accept for one treated event: pt / (1 - pt). The net benefit is true positives minus weighted false positives, per
patient. It measures p as a probability: a miscalibrated model can be worth less than treating everyone.

Outcomes are 0 or 1, p the probability of 1, thresholds lie strictly between 0 and 1; anything else is a ValueError.
"""

import numpy as np
import pandas as pd

from habitat_radiomics.calibration import checked_probabilities

TREAT_ALL, TREAT_NONE = "treat all", "treat none"
QUANTITIES = ("net_benefit", "standardised", "interventions_avoided")


def net_benefit(y, p, thresholds, *, prevalence=None):
    """Net benefit per patient at every threshold.

    Parameters
    ----------
    y : array of 0 and 1; p : array of probabilities
    thresholds : array of float
    prevalence : float, optional
        Share of events in the population, for a case-control sample, whose own share means nothing. Needs both
        classes.

    Returns
    -------
    ndarray
        At most the share of events; 0 for treating no one.
    """
    y, p = checked_probabilities(y, p)
    thresholds = checked_thresholds(thresholds)
    return _net_benefit(np.ones((1, y.size)), y, p, thresholds, _checked_prevalence(y, prevalence))[0]


def decision_curve(y, predictions, thresholds, *, prevalence=None):
    """Return the decision curves of models, of treating all and of treating none.

    Parameters
    ----------
    y : array of 0 and 1
    predictions : dict
        Model name to its probabilities, of the same patients.
    thresholds, prevalence
        See `net_benefit`.

    Returns
    -------
    pandas.DataFrame
        model (the last two are `TREAT_ALL` and `TREAT_NONE`), threshold, net_benefit, standardised (net benefit /
        share of events: 1 is best; NaN without events), interventions_avoided (per 100 patients, against treating
        all, at no loss of treated events).
    """
    thresholds = checked_thresholds(thresholds)
    parts = _all_quantities(y, predictions, thresholds, prevalence, None)
    tables = [
        pd.DataFrame({"model": name, "threshold": thresholds, **{key: value[0] for key, value in of_model.items()}})
        for name, of_model in parts.items()
    ]
    return pd.concat(tables, ignore_index=True)


def decision_band(y, predictions, thresholds, *, resamples, seed, level=0.95, prevalence=None):
    """Return the pointwise percentile band of every decision curve, by resampling patients (the same for all models).

    With a prevalence the two classes are resampled apart, as they were sampled. Predictions are taken as they are.

    Returns
    -------
    pandas.DataFrame
        Rows as `decision_curve`; model, threshold, then each quantity with the endings _low and _high.
    """
    thresholds, ends = checked_thresholds(thresholds), [(1 - level) / 2, (1 + level) / 2]
    weights = _resample_weights(np.asarray(y) == 1, resamples, seed, apart=prevalence is not None)
    tables = []
    for name, quantities in _all_quantities(y, predictions, thresholds, prevalence, weights).items():
        table = pd.DataFrame({"model": name, "threshold": thresholds})
        for key, values in quantities.items():
            table[f"{key}_low"], table[f"{key}_high"] = _percentiles(values, ends)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def threshold_grid(low=0.01, high=0.99, step=0.01):
    """Return equally spaced thresholds, free of accumulated rounding."""
    return np.round(np.arange(round((high - low) / step) + 1) * step + low, 10)


def checked_thresholds(thresholds):
    """Return the thresholds as an array, or raise a ValueError."""
    thresholds = np.atleast_1d(np.asarray(thresholds, dtype=float))
    wrong = thresholds[~((thresholds > 0) & (thresholds < 1))]
    if wrong.size:
        raise ValueError(
            f"threshold {wrong[0]:g} is not a threshold probability: it must lie between 0 and 1, both excluded."
        )
    return thresholds


def _all_quantities(y, predictions, thresholds, prevalence, weights):
    """Quantities by model, each an array resamples x thresholds; without weights a single row."""
    taken = {TREAT_ALL, TREAT_NONE} & set(predictions)
    if taken:
        raise ValueError(f"a model is called {min(taken)!r}: that name is kept for the strategy. Rename the model.")
    everyone = np.ones(len(y))
    y, _ = checked_probabilities(y, everyone)
    weights = np.ones((1, y.size)) if weights is None else weights
    prevalence = _checked_prevalence(y, prevalence)
    benefits = {
        name: _net_benefit(weights, y, checked_probabilities(y, p)[1], thresholds, prevalence)
        for name, p in {**predictions, TREAT_ALL: everyone}.items()
    }
    benefits[TREAT_NONE] = np.zeros_like(benefits[TREAT_ALL])
    share = (weights @ y / weights.sum(axis=1))[:, None] if prevalence is None else np.array([[prevalence]])
    return {name: _quantities(values, benefits[TREAT_ALL], share, thresholds) for name, values in benefits.items()}


def _quantities(benefit, benefit_of_all, share, thresholds):
    share = np.where(share > 0, share, np.nan)
    avoided = 100 * (benefit - benefit_of_all) * (1 - thresholds) / thresholds
    return dict(zip(QUANTITIES, (benefit, benefit / share, avoided), strict=True))


def _percentiles(values, ends):
    """Percentiles over the resamples; a resample without events has no standardised net benefit and is left out."""
    known = values[np.isfinite(values).all(axis=1)]
    return np.quantile(known, ends, axis=0) if len(known) else (np.nan, np.nan)


def _net_benefit(weights, y, p, thresholds, prevalence):
    """Weights count how often each patient is in each resample: resamples x patients."""
    treated = p[:, None] >= thresholds
    true_positives, false_positives = weights @ (treated & y[:, None]), weights @ (treated & ~y[:, None])
    odds = thresholds / (1 - thresholds)
    if prevalence is None:
        return (true_positives - odds * false_positives) / weights.sum(axis=1, keepdims=True)
    sensitivity = true_positives / (weights @ y)[:, None]
    false_positive_rate = false_positives / (weights @ ~y)[:, None]
    return prevalence * sensitivity - (1 - prevalence) * odds * false_positive_rate


def _resample_weights(y, resamples, seed, *, apart):
    generator = np.random.default_rng(seed)
    weights = np.zeros((resamples, y.size))
    for group in (y, ~y) if apart else (np.ones_like(y),):
        size = int(group.sum())
        weights[:, group] = generator.multinomial(size, np.full(size, 1 / size), size=resamples)
    return weights


def _checked_prevalence(y, prevalence):
    if prevalence is None:
        return None
    if not 0 < prevalence < 1:
        raise ValueError(f"prevalence is {prevalence:g}: give the share of events in the population, between 0 and 1.")
    if y.all() or not y.any():
        raise ValueError("y holds one class only: a net benefit at another prevalence needs patients of both.")
    return prevalence
