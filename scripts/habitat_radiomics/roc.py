"""ROC analysis: AUC with DeLong's interval and tests, ROC points, Youden's cut-off, proportions at a cut-off.

Conventions are those of pROC (R) with direction "<": outcome 1 = happened, a higher score means a higher risk, a
patient is called positive when score >= threshold, ties between classes count one half. Outcomes must be 0 or 1 and
scores finite; curves and AUCs need both classes. All of this is refused otherwise, with a ValueError.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import special, stats

INTERVALS = {"wilson": "wilson", "clopper-pearson": "exact"}  # our name: scipy's
NO_VARIANCE = "the estimated variance is zero"
NO_THRESHOLD = "no threshold does better than chance"


@dataclass(frozen=True)
class AucEstimate:
    """Area under the ROC curve with DeLong's Wald interval, cut off at 0 and 1."""

    auc: float
    ci_low: float
    ci_high: float
    variance: float  # NaN when a class has a single patient; the interval too
    n_positive: int
    n_negative: int


@dataclass(frozen=True)
class AucComparison:
    """Test of two AUCs; difference is the first minus the second."""

    difference: float
    ci_low: float
    ci_high: float
    statistic: float  # z (paired) or t (unpaired)
    df: float  # infinite for z
    p: float  # two-sided
    auc_a: float
    auc_b: float
    reason: str  # why statistic and p are NaN; empty where they are not


@dataclass(frozen=True)
class RocPoints:
    """Every point of a ROC curve, threshold ascending from -inf (all positive) to +inf (none)."""

    threshold: np.ndarray
    sensitivity: np.ndarray
    specificity: np.ndarray
    true_positives: np.ndarray
    false_positives: np.ndarray


@dataclass(frozen=True)
class YoudenCut:
    """Threshold of the largest sensitivity + specificity - 1."""

    threshold: float
    youden: float  # sensitivity + specificity - 1
    sensitivity: float
    specificity: float
    tied: np.ndarray  # all thresholds that reach the maximum, ascending
    reason: str  # why the threshold is NaN; empty where it is not


def auc(y, score):
    """Probability that a patient with the event scores higher than one without, ties counting one half."""
    positive, negative = _classes(y, score)
    return float(_placements(positive, negative)[0].mean())


def delong_variance(y, score):
    """Variance of the AUC by DeLong, DeLong and Clarke-Pearson 1988 (Biometrics 44:837); NaN for a class of one."""
    return float(_variance(*_placements(*_classes(y, score))))


def auc_with_interval(y, score, *, level=0.95):
    """AUC with the interval auc +- z sqrt(DeLong variance), cut off at 0 and 1, as pROC's ci.auc.

    Near 1 the interval is too short (at AUC = 1 it has length zero): the Wald interval does not know better.
    """
    positive, negative = _classes(y, score)
    placements = _placements(positive, negative)
    estimate, variance = placements[0].mean(), _variance(*placements)
    half = special.ndtri((1 + level) / 2) * np.sqrt(variance)
    return AucEstimate(
        auc=float(estimate),
        ci_low=float(np.maximum(estimate - half, 0)),
        ci_high=float(np.minimum(estimate + half, 1)),
        variance=float(variance),
        n_positive=positive.size,
        n_negative=negative.size,
    )


def delong_test(y, score_a, score_b, *, level=0.95):
    """Paired DeLong test: two scores of the same patients, z test of the difference of their AUCs (two-sided).

    Two scores that rank the patients alike give difference 0, statistic 0 and p 1.
    """
    a = _placements(*_classes(y, score_a))
    b = _placements(*_classes(y, score_b))
    variance = _variance(a[0] - b[0], a[1] - b[1])
    return _compare(a[0].mean(), b[0].mean(), variance, np.inf, level)


def delong_test_unpaired(y_a, score_a, y_b, score_b, *, level=0.95):
    """DeLong test of AUCs in different patients: Welch's t with Satterthwaite's degrees of freedom, as pROC."""
    a = _placements(*_classes(y_a, score_a))
    b = _placements(*_classes(y_b, score_b))
    variance_a, variance_b = _variance(*a), _variance(*b)
    total = variance_a + variance_b
    parts = variance_a**2 / (np.size(y_a) - 1) + variance_b**2 / (np.size(y_b) - 1)
    df = total**2 / parts if parts > 0 else np.inf
    return _compare(a[0].mean(), b[0].mean(), total, df, level)


def roc_points(y, score):
    """All points of the ROC curve; no collinear point is dropped.

    Thresholds lie midway between neighbouring distinct scores (pROC), so that no score equals one.
    """
    positive, negative = _classes(y, score)
    distinct = np.unique(np.concatenate([positive, negative]))
    threshold = np.concatenate([[-np.inf], _midpoints(distinct), [np.inf]])
    true_positives = positive.size - np.searchsorted(np.sort(positive), threshold, side="left")
    false_positives = negative.size - np.searchsorted(np.sort(negative), threshold, side="left")
    return RocPoints(
        threshold=threshold,
        sensitivity=true_positives / positive.size,
        specificity=1 - false_positives / negative.size,
        true_positives=true_positives,
        false_positives=false_positives,
    )


def youden_threshold(y, score):
    """Threshold that maximises Youden's index (1950, Cancer 3:32), to be found on the training cohort.

    It lies midway between two observed scores, where scikit-learn gives the upper of the two: the same patients are
    called positive. Of several thresholds that reach the maximum the lowest (most sensitive) is taken; ``tied`` holds
    all. A score that nowhere does better than chance (constant, or reversed) has no threshold: NaN with a reason.
    """
    points = roc_points(y, score)
    n_positive, n_negative = points.true_positives[0], points.false_positives[0]
    # Compared as whole numbers: sums of fractions would break ties by rounding.
    gain = points.true_positives * n_negative - points.false_positives * n_positive
    if gain.max() <= 0:
        return YoudenCut(np.nan, np.nan, np.nan, np.nan, np.empty(0), NO_THRESHOLD)
    best = np.flatnonzero(gain == gain.max())
    return YoudenCut(
        threshold=float(points.threshold[best[0]]),
        youden=float(gain.max() / (n_positive * n_negative)),
        sensitivity=float(points.sensitivity[best[0]]),
        specificity=float(points.specificity[best[0]]),
        tied=points.threshold[best],
        reason="",
    )


def classification_at(y, score, threshold, *, level=0.95, method="wilson"):
    """Accuracy, sensitivity, specificity, PPV and NPV of the rule score >= threshold.

    Parameters
    ----------
    y : array of 0 and 1; score : array of float
        One class is enough here: what it does not allow to compute is NaN with a reason.
    threshold : float
        From the training cohort. NaN (no threshold was found) makes every row NaN.
    level : float
    method : {"wilson", "clopper-pearson"}

    Returns
    -------
    pandas.DataFrame
        One row a metric: metric, k, n, estimate = k / n, ci_low, ci_high, method, reason.
    """
    y, score = _checked(y, score)
    called = score >= threshold
    counts = {
        "accuracy": (called == y, np.ones(y.size, dtype=bool), "no patients"),
        "sensitivity": (called, y, "no patient with the event"),
        "specificity": (~called, ~y, "no patient without the event"),
        "ppv": (y, called, "no patient is called positive"),
        "npv": (~y, ~called, "no patient is called negative"),
    }
    rows = []
    for metric, (correct, among, reason) in counts.items():
        n = 0 if np.isnan(threshold) else int(among.sum())
        k = int((correct & among).sum()) if n else 0
        reason = NO_THRESHOLD if np.isnan(threshold) else reason
        rows.append({"metric": metric, **_proportion(k, n, level, method), "reason": "" if n else reason})
    return pd.DataFrame(rows)


def proportion_interval(k, n, *, level=0.95, method="wilson"):
    """Confidence interval (low, high) of k successes among n: Wilson's score or Clopper-Pearson's exact; NaN for n = 0.

    Sources: Wilson 1927 (J Am Stat Assoc 22:209), Clopper and Pearson 1934 (Biometrika 26:404).
    """
    if method not in INTERVALS:
        raise ValueError(f"method is {method!r}: use one of {', '.join(INTERVALS)}.")
    if n == 0:
        return np.nan, np.nan
    interval = stats.binomtest(k, n).proportion_ci(confidence_level=level, method=INTERVALS[method])
    return float(interval.low), float(interval.high)


def _proportion(k, n, level, method):
    low, high = proportion_interval(k, n, level=level, method=method)
    return {"k": k, "n": n, "estimate": k / n if n else np.nan, "ci_low": low, "ci_high": high, "method": method}


def _checked(y, score):
    """Outcome as bool and score as float, or a ValueError that says what is wrong."""
    y, score = np.asarray(y, dtype=np.float64), np.asarray(score, dtype=np.float64)
    if y.ndim != 1 or y.shape != score.shape:
        raise ValueError(f"y has shape {y.shape} and score {score.shape}: one outcome and one score a patient.")
    wrong = y[(y != 0) & (y != 1)]
    if wrong.size:
        raise ValueError(
            f"y holds {wrong[0]:g} (and {wrong.size - 1} more such values): the outcome must be 0 or 1. "
            "Leave out patients whose outcome is missing."
        )
    missing = np.count_nonzero(~np.isfinite(score))
    if missing:
        raise ValueError(
            f"score is NaN or infinite for {missing} of {score.size} patients: leave them out and report their number."
        )
    return y == 1, score


def _classes(y, score):
    """Scores of the patients with and without the event."""
    y, score = _checked(y, score)
    positive, negative = score[y], score[~y]
    if positive.size == 0 or negative.size == 0:
        raise ValueError(
            f"y holds one class only ({positive.size} patients with and {negative.size} without the event): "
            "a ROC curve needs both."
        )
    return positive, negative


def _placements(positive, negative):
    """Share of the other class that each patient is ranked rightly against; the mean of either is the AUC.

    By midranks, n log n (Sun and Xu 2014, IEEE Signal Process Lett 21:1389).
    """
    m, n = positive.size, negative.size
    ranks = stats.rankdata(np.concatenate([positive, negative]))
    of_positive = (ranks[:m] - stats.rankdata(positive)) / n
    of_negative = 1 - (ranks[m:] - stats.rankdata(negative)) / m
    return of_positive, of_negative


def _variance(of_positive, of_negative):
    if min(of_positive.size, of_negative.size) < 2:
        return np.nan
    return of_positive.var(ddof=1) / of_positive.size + of_negative.var(ddof=1) / of_negative.size


def _compare(auc_a, auc_b, variance, df, level):
    difference = auc_a - auc_b
    half = stats.t.ppf((1 + level) / 2, df) * np.sqrt(variance)
    statistic, p, reason = np.nan, np.nan, NO_VARIANCE
    if variance > 0:
        statistic, reason = difference / np.sqrt(variance), ""
        p = 2 * stats.t.sf(abs(statistic), df)
    elif variance == 0 and difference == 0:
        statistic, p, reason = 0.0, 1.0, ""
    elif np.isnan(variance):
        reason = "a class has a single patient"
    low, high = difference - half, difference + half
    return AucComparison(*map(float, (difference, low, high, statistic, df, p, auc_a, auc_b)), reason)


def _midpoints(ascending):
    """Midway between neighbours; the upper one where no number lies between."""
    low, high = ascending[:-1], ascending[1:]
    middle = low + (high - low) / 2
    return np.where(middle > low, middle, high)
