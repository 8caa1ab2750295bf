"""Concordance of a risk score with survival: Harrell's and Uno's C with intervals, and the test of two scores.

Conventions are those of survival::concordance (R): a pair is comparable when the patient with the shorter time had the
event; at equal times an event comes before a censoring, and two events are not comparable; ties of the score count one
half. A higher score means a higher risk.
"""

from dataclasses import dataclass

import numpy as np
from scipy import special, stats

from habitat_radiomics.kaplan_meier import censoring_distribution, checked_survival, uncensored_before

NO_PAIRS = "no two patients can be compared: nobody has the event before another patient's time"
NO_VARIANCE = "the estimated variance is zero"
WEIGHTS = ("harrell", "uno")
BLOCK = 256  # events compared at a time, to bound the memory


@dataclass(frozen=True)
class Concordance:
    """C with its Wald interval, cut off at 0 and 1."""

    c: float
    se: float  # by the infinitesimal jackknife
    ci_low: float
    ci_high: float
    concordant: float  # pairs; weighted in Uno's C
    discordant: float
    tied_score: float
    n: int
    events: int
    reason: str  # why c is NaN; empty where it is not
    influence: np.ndarray  # of each patient on c; se is the root of the sum of their squares


@dataclass(frozen=True)
class ConcordanceComparison:
    """Test of the C of two scores of the same patients; difference is the first minus the second."""

    difference: float
    ci_low: float
    ci_high: float
    se: float
    z: float
    p: float  # two-sided
    c_a: float
    c_b: float
    reason: str  # why z and p are NaN; empty where they are not


def concordance(time, event, score, *, weights="harrell", truncation=np.inf, level=0.95):
    """Return the probability that of two patients the one with the higher score has the event first.

    Parameters
    ----------
    time, event, score : arrays, one a patient
    weights : {"harrell", "uno"}
        ``uno`` weighs a pair by 1 / G(t-)^2, the inverse of the chance that both were still uncensored, so that C
        does not depend on the censoring (Uno 2011, Stat Med 30:1105). As in R, the interval takes G as known.
    truncation : float
        Events after this time are not the first of a pair. Uno's C needs one where few are followed to the end.
    level : float

    Returns
    -------
    Concordance
        c between 0 and 1, 0.5 for a score that says nothing.
    """
    time, event, score = checked_survival(time, event, score)
    better, pairs = _pairs(time, event, score, _pair_weights(time, event, weights, truncation))
    total = pairs["concordant"] + pairs["discordant"] + pairs["tied_score"]
    counts = {**pairs, "n": time.size, "events": int(event.sum())}
    if total == 0:
        return Concordance(*[np.nan] * 4, **counts, reason=NO_PAIRS, influence=np.full(time.size, np.nan))
    c = (pairs["concordant"] + pairs["tied_score"] / 2) / total
    influence = (better[0] - c * better[1]) / total
    se = float(np.sqrt(np.sum(influence**2)))
    low, high = _wald(c, se, level)
    return Concordance(float(c), se, max(low, 0.0), min(high, 1.0), **counts, reason="", influence=influence)


def concordance_test(time, event, score_a, score_b, *, weights="harrell", truncation=np.inf, level=0.95):
    """Test whether two scores of the same patients have the same C, by the jackknife covariance (as R's concordance).

    Parameters as `concordance`.
    """
    options = {"weights": weights, "truncation": truncation, "level": level}
    a, b = concordance(time, event, score_a, **options), concordance(time, event, score_b, **options)
    difference, se = a.c - b.c, float(np.sqrt(np.sum((a.influence - b.influence) ** 2)))
    low, high = _wald(difference, se, level)
    z, p, reason = np.nan, np.nan, a.reason
    if se > 0:
        z = difference / se
        p = float(2 * stats.norm.sf(abs(z)))
    elif not reason:
        z, p, reason = (0.0, 1.0, "") if difference == 0 else (np.nan, np.nan, NO_VARIANCE)
    return ConcordanceComparison(difference, low, high, se, z, p, a.c, b.c, reason)


def _wald(estimate, se, level):
    half = float(special.ndtri((1 + level) / 2)) * se
    return float(estimate - half), float(estimate + half)


def _pair_weights(time, event, weights, truncation):
    """Weight of the pairs that each patient's event opens."""
    if weights not in WEIGHTS:
        raise ValueError(f"weights is {weights!r}: use one of {', '.join(WEIGHTS)}.")
    opens = event & (time <= truncation)
    if weights == "harrell":
        return opens.astype(float)
    uncensored = uncensored_before(censoring_distribution(time, event), time)
    return np.where(opens, 1 / np.where(opens, uncensored, 1.0) ** 2, 0.0)


def _pairs(time, event, score, weight):
    """Weighted pairs won (ties one half) and all pairs of every patient, as either member, and their sums by kind."""
    won, compared = np.zeros(time.size), np.zeros(time.size)
    sums = {"concordant": 0.0, "discordant": 0.0, "tied_score": 0.0}
    openers = np.flatnonzero(weight > 0)
    for start in range(0, openers.size, BLOCK):
        i = openers[start : start + BLOCK]
        comparable = (time[None, :] > time[i, None]) | ((time[None, :] == time[i, None]) & ~event[None, :])
        pair = comparable * weight[i, None]
        difference = np.sign(score[i, None] - score[None, :])
        gain = pair * (difference + 1) / 2
        np.add.at(won, i, gain.sum(axis=1))
        np.add.at(compared, i, pair.sum(axis=1))
        won += gain.sum(axis=0)
        compared += pair.sum(axis=0)
        for name, sign in (("concordant", 1), ("discordant", -1), ("tied_score", 0)):
            sums[name] += float(pair[difference == sign].sum())
    return (won, compared), sums
