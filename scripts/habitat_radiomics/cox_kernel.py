"""Compiled univariable Cox regressions: one Newton iteration after the other for thousands of columns.

Rows are sorted from the latest time to the earliest. A missing value leaves its row out of that column's model.
This module imports numba and is itself imported only when something is fitted.
"""

import numpy as np
from numba import njit

compiled = njit(cache=True, error_model="numpy")

MOST_ITERATIONS = 40
MOST_HALVINGS = 30
LARGEST_STEP = 2.0  # in standard deviations of the column
LARGEST_EXPONENT = 200.0
TOLERANCE = 1e-9
FLAT_GAIN = 1e-9
FLAT_STEP = 1e-3


@compiled
def univariable_fits(columns, starts, event, efron):
    """Fit a Cox model to every column.

    Parameters
    ----------
    columns : ndarray, shape (p, n)
        Rows sorted from the latest time to the earliest; NaN where missing.
    starts : ndarray of int, shape (distinct times + 1,)
        First row of every distinct time, and n.
    event : ndarray of bool, shape (n,)
    efron : bool
        Efron's ties, else Breslow's.

    Returns
    -------
    ndarray, shape (p, 7)
        Coefficient, standard error, twice the gain of log-likelihood, score statistic, converged, patients, events.
        NaN in the first four where the column is constant or has no event.
    """
    p, n = columns.shape
    result = np.full((p, 7), np.nan)
    x, known = np.empty(n), np.empty(n, dtype=np.bool_)
    for j in range(p):
        used, events, deviation = _standardise(columns[j], event, x, known)
        result[j, 4] = 0.0
        result[j, 5], result[j, 6] = used, events
        if deviation > 0 and events > 0:
            beta, information, gain, score_chi2, converged = _fit(x, known, starts, event, efron)
            result[j, 0], result[j, 1] = beta / deviation, 1 / (np.sqrt(information) * deviation)
            result[j, 2], result[j, 3], result[j, 4] = 2 * gain, score_chi2, converged
    return result


@compiled
def _standardise(column, event, x, known):
    """Fill x with the standardised column; returns patients, events and standard deviation (0: constant)."""
    used, events, mean, low, high = 0, 0, 0.0, np.inf, -np.inf
    for i in range(column.size):
        known[i] = not np.isnan(column[i])
        if known[i]:
            used += 1
            events += event[i]
            mean += column[i]
            low, high = min(low, column[i]), max(high, column[i])
    if used == 0 or not high > low:
        return used, events, 0.0
    mean /= used
    square = 0.0
    for i in range(column.size):
        if known[i]:
            square += (column[i] - mean) ** 2
    deviation = np.sqrt(square / used)
    if not deviation > 0:
        return used, events, 0.0
    for i in range(column.size):
        x[i] = (column[i] - mean) / deviation if known[i] else 0.0
    return used, events, deviation


@compiled
def _fit(x, known, starts, event, efron):
    limit = LARGEST_EXPONENT / max(1.0, np.abs(x).max())
    value, score, information = _derivatives(x, known, starts, event, efron, 0.0)
    null, beta = value, 0.0
    if not information > 0:
        return 0.0, np.nan, 0.0, np.nan, 0.0
    score_chi2 = score * score / information
    for _ in range(MOST_ITERATIONS):
        step = min(max(score / information, -LARGEST_STEP), LARGEST_STEP)
        new_value, new_score, new_information = _derivatives(x, known, starts, event, efron, beta + step)
        halvings = 0
        while new_value < value - 1e-10 and halvings < MOST_HALVINGS:
            step /= 2
            halvings += 1
            new_value, new_score, new_information = _derivatives(x, known, starts, event, efron, beta + step)
        gain, beta = new_value - value, beta + step
        value, score = new_value, new_score
        if abs(step) < TOLERANCE:
            return beta, new_information, value - null, score_chi2, 1.0
        if abs(beta) > limit or not new_information > 1e-12 or (gain < FLAT_GAIN and abs(step) > FLAT_STEP):
            break
        information = new_information
    return beta, np.nan, value - null, score_chi2, 0.0


@compiled
def _derivatives(x, known, starts, event, efron, beta):
    """Log-likelihood, score and information of one coefficient."""
    value, score, information = 0.0, 0.0, 0.0
    c0, c1, c2 = 0.0, 0.0, 0.0
    for g in range(starts.size - 1):
        t0, t1, t2, deaths = 0.0, 0.0, 0.0, 0
        for i in range(starts[g], starts[g + 1]):
            if known[i]:
                risk = np.exp(beta * x[i])
                c0 += risk
                c1 += risk * x[i]
                c2 += risk * x[i] * x[i]
                if event[i]:
                    deaths += 1
                    value += beta * x[i]
                    score += x[i]
                    t0 += risk
                    t1 += risk * x[i]
                    t2 += risk * x[i] * x[i]
        for number in range(deaths):
            share = number / deaths if efron else 0.0
            s0 = c0 - share * t0
            mean = (c1 - share * t1) / s0
            value -= np.log(s0)
            score -= mean
            information += (c2 - share * t2) / s0 - mean * mean
    return value, score, information
