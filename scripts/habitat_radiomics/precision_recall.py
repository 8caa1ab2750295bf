"""Precision-recall curve: of the patients called positive how many are, against how many of the positives are called.

Outcomes are 0 or 1 and scores finite (higher = higher risk), with both classes; anything else is a ValueError, see
`roc`. Unlike the ROC curve it depends on the share of events: compare it with that share, and not between cohorts.
"""

from dataclasses import dataclass

import numpy as np
from scipy import special

from habitat_radiomics.roc import roc_points

NO_INTERVAL = "no interval when the average precision is 1"


@dataclass(frozen=True)
class PrecisionRecall:
    """Every point of the curve, threshold ascending from -inf (all positive) to +inf (none: precision 1 by custom)."""

    threshold: np.ndarray
    precision: np.ndarray
    recall: np.ndarray
    prevalence: float  # precision of a score without information


@dataclass(frozen=True)
class AveragePrecision:
    """Average precision with its interval; compare it with the prevalence, what chance gives."""

    estimate: float
    ci_low: float
    ci_high: float
    prevalence: float
    reason: str  # why there is no interval; empty where there is one


def precision_recall(y, score):
    """Return all points of the precision-recall curve; thresholds as `roc.roc_points`."""
    points = roc_points(y, score)
    called = points.true_positives + points.false_positives
    precision = np.divide(points.true_positives, called, out=np.ones(called.size), where=called > 0)
    return PrecisionRecall(points.threshold, precision, points.sensitivity, float(precision[0]))


def average_precision(y, score, *, level=0.95):
    """Sum of precision times the step of recall (no interpolation), with a logit interval.

    Source of the interval: Boyd, Eng and Page 2013 (ECML PKDD, LNAI 8190:451); the sample size is the number of events.
    """
    curve = precision_recall(y, score)
    estimate = min(float(np.sum(curve.precision[:-1] * -np.diff(curve.recall))), 1.0)
    if estimate == 1:
        return AveragePrecision(estimate, np.nan, np.nan, curve.prevalence, NO_INTERVAL)
    events = np.count_nonzero(np.asarray(y) == 1)
    half = special.ndtri((1 + level) / 2) / np.sqrt(events * estimate * (1 - estimate))
    low, high = special.expit(special.logit(estimate) + np.array([-half, half]))
    return AveragePrecision(estimate, float(low), float(high), curve.prevalence, "")
