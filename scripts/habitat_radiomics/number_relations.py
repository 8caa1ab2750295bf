"""Relations that numbers of a performance table must obey, whatever the data were.

A printed number stands for every value that rounds to it, so it is kept as the interval of these values; a number
known exactly is an interval of length zero. A relation fails only when *no* values inside the intervals fulfil it.
"""

import re
from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy.special import ndtr, ndtri

ROUNDING = 1e-9  # slack for numbers that are exact but for floating point
IMPOSSIBLE = "impossible"
UNLIKELY = "unlikely"
NARROWEST = 0.5  # an interval of an AUC this many times as wide as Hanley and McNeil's is unlikely narrow
P_FACTOR = 3.0  # a p value this many times larger or smaller than its interval implies does not belong to it
SMALLEST_PERCENTAGE = 2  # a proportion printed without a sign: 1.2 is a wrong proportion, 82 a percentage
MOST_FITS = 5  # explanations listed; more fit by chance
Z_95 = float(ndtri(0.975))

_NUMBER = r"[-+]?\d*\.?\d+"
_PRINTED = re.compile(
    rf"^\s*(?P<sign>[<>])?\s*(?P<number>{_NUMBER})\s*(?P<percent>%)?"
    r"(?:\s*\(\s*(?P<k>\d+)\s*/\s*(?P<n>\d+)\s*\))?\s*$"
)


@dataclass(frozen=True)
class Printed:
    """A number as printed: the values it may stand for, and the fraction printed with it."""

    text: str
    low: float
    high: float
    k: int | None = None
    n: int | None = None

    @property
    def middle(self):
        """The number itself."""
        return (self.low + self.high) / 2

    def overlaps(self, low, high):
        """Whether some of its values lie between two bounds.

        Touching ends are not enough when both are ranges: rounding keeps the order of numbers, so that 0.94 was not
        below 0.93 before either.
        """
        slack = ROUNDING if self.low == self.high or low == high else -ROUNDING
        return self.low <= high + slack and self.high >= low - slack


@dataclass(frozen=True)
class Check:
    """One relation: what it asks (``expected``), what was there (``found``)."""

    check: str
    passed: bool
    found: str
    expected: str
    kind: str = IMPOSSIBLE


def exact(value):
    """A number known exactly."""
    return Printed(f"{value:.10g}", float(value), float(value))


def read_number(text, *, is_share=False):
    """Read a printed number; None for an empty cell.

    Parameters
    ----------
    text : str
        Like ``0.821``, ``82.1%``, ``96 (47/49)``, ``<0.001``. A decimal point may be a middle dot.
    is_share : bool
        A proportion: values of 2 and more and those with a per cent sign are divided by 100.

    Raises
    ------
    ValueError
        For anything else.
    """
    plain = str(text).replace("·", ".").replace("−", "-").strip()
    if plain in ("", "nan", "None", "-"):
        return None
    match = _PRINTED.match(plain)
    if not match:
        raise ValueError(f"{text!r} is not a number. Write it as printed: 0.821, 82.1%, 82 (47/57) or <0.001.")
    number = match["number"]
    decimals = len(number.split(".")[1]) if "." in number else 0
    value, half = float(number), 0.5 * 10.0**-decimals
    scale = 0.01 if match["percent"] or (is_share and value >= SMALLEST_PERCENTAGE) else 1.0
    low, high = (value - half) * scale, (value + half) * scale
    if match["sign"]:
        low, high = (-np.inf, value * scale) if match["sign"] == "<" else (value * scale, np.inf)
    k, n = (int(match[part]) if match[part] else None for part in ("k", "n"))
    return Printed(plain, low, high, k, n)


# One number ------------------------------------------------------------------------------------------------------


def lies_in_unit_interval(name, value):
    """An AUC or a proportion lies between 0 and 1."""
    return Check(f"{name} lies between 0 and 1", value.overlaps(0, 1), value.text, "0 to 1")


def interval_is_ordered(name, low, high):
    """The lower limit is not above the upper one."""
    return Check(
        f"interval of {name} is in order", low.low <= high.high + ROUNDING, f"{low.text} to {high.text}", "rising"
    )


def interval_contains_point(name, value, low, high):
    """An interval contains the estimate it belongs to."""
    passed = value.overlaps(min(low.low, high.low), max(low.high, high.high))
    return Check(f"{name} lies inside its own interval", passed, value.text, f"{low.text} to {high.text}")


def is_count_over(name, value, n):
    """A proportion is k / n for a whole number k, to the precision printed."""
    nearest = round(value.middle * n)
    near = f"{nearest}/{n} = {nearest / n:.4f}" if n else "nothing over 0"
    return Check(f"{name} is a whole number over {n}", bool(counts_that_fit(value, n)), value.text, f"nearest {near}")


def fraction_matches(name, value, n):
    """A printed fraction gives the printed proportion, and its denominator is the number of patients it is over."""
    fits = value.n > 0 and 0 <= value.k <= value.n and value.overlaps(value.k / value.n, value.k / value.n)
    passed = fits and (n is None or value.n == n)
    return Check(f"{name} is the fraction printed with it", passed, value.text, f"over {n or value.n} patients")


def counts_that_fit(value, n):
    """Whole numbers k with k / n among the values of a printed number."""
    if n <= 0:
        return []
    first, last = int(np.ceil((value.low - ROUNDING) * n)), int(np.floor((value.high + ROUNDING) * n))
    return list(range(max(first, 0), min(last, n) + 1))


# Sensitivity, specificity and what follows from them -------------------------------------------------------------


def accuracy_lies_between(accuracy, sensitivity, specificity):
    """Accuracy is a weighted mean of sensitivity and specificity, so it lies between them."""
    low, high = min(sensitivity.low, specificity.low), max(sensitivity.high, specificity.high)
    expected = f"between sensitivity {sensitivity.text} and specificity {specificity.text}"
    return Check(
        "accuracy lies between sensitivity and specificity", accuracy.overlaps(low, high), accuracy.text, expected
    )


def accuracy_is_weighted_mean(accuracy, sensitivity, specificity, n_positive, n_negative):
    """Accuracy is the mean of sensitivity and specificity weighted by the sizes of the classes."""
    n = n_positive + n_negative
    low = (sensitivity.low * n_positive + specificity.low * n_negative) / n
    high = (sensitivity.high * n_positive + specificity.high * n_negative) / n
    return Check(
        "accuracy is the mean of sensitivity and specificity weighted by class size",
        accuracy.overlaps(low, high),
        accuracy.text,
        _range_text(low, high),
    )


def predictive_value_follows(name, value, sensitivity, specificity, n_positive, n_negative):
    """PPV and NPV follow from sensitivity, specificity and the class sizes (Bayes)."""
    own, other, n_own, n_other = (
        (sensitivity, specificity, n_positive, n_negative)
        if name == "ppv"
        else (specificity, sensitivity, n_negative, n_positive)
    )
    ends = [_predictive(o, x, n_own, n_other) for o, x in ((own.low, other.low), (own.high, other.high))]
    passed = np.isnan(ends).any() or value.overlaps(min(ends), max(ends))
    return Check(f"{name} follows from sensitivity and specificity", bool(passed), value.text, _range_text(*ends))


def _predictive(own, other, n_own, n_other):
    """Share of right calls: own class called rightly over all called so."""
    right, wrong = max(own, 0.0) * n_own, (1 - min(other, 1.0)) * n_other
    return right / (right + wrong) if right + wrong > 0 else np.nan


def auc_admits_operating_point(auc, sensitivity, specificity):
    """A rising ROC curve through a point has an area of at least se x sp and at most 1 - (1 - se)(1 - sp)."""
    low = max(sensitivity.low, 0) * max(specificity.low, 0)
    high = 1 - (1 - min(sensitivity.high, 1)) * (1 - min(specificity.high, 1))
    return Check(
        "a ROC curve of this AUC can pass through sensitivity and specificity",
        auc.overlaps(low, high),
        auc.text,
        _range_text(low, high),
    )


def auc_interval_is_wide_enough(auc, low, high, n_positive, n_negative):
    """A 95 % interval of an AUC is hardly half as wide as Hanley and McNeil's (1982, Radiology 143:29)."""
    area = min(max(auc.middle, 0.0), 1.0)
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    variance = area * (1 - area) + (n_positive - 1) * (q1 - area**2) + (n_negative - 1) * (q2 - area**2)
    expected = 2 * Z_95 * np.sqrt(variance / (n_positive * n_negative))
    width = high.high - low.low
    return Check(
        "interval of the AUC is as wide as this many patients allow",
        width >= NARROWEST * min(expected, 1.0),
        f"{low.text} to {high.text} (width {high.middle - low.middle:.3f})",
        f"about {expected:.3f} for {n_positive} with and {n_negative} without the event",
        UNLIKELY,
    )


def p_matches_interval(name, ratio, low, high, p):
    """The p value of a ratio is about the one its 95 % Wald interval implies; None where that cannot be judged.

    Profile intervals and likelihood-ratio tests differ a little, hence the factor `P_FACTOR` and kind ``unlikely``.
    """
    if low.low <= 0 or ratio.low <= 0 or low.high >= high.low:
        return None
    implied = [_wald_p(*corner) for corner in product(*((x.low, x.middle, x.high) for x in (ratio, low, high)))]
    implied += [1.0] if ratio.low <= 1 <= ratio.high else []
    passed = p.overlaps(min(implied) / P_FACTOR, max(implied) * P_FACTOR)
    expected = f"about {_wald_p(ratio.middle, low.middle, high.middle):.2g}"
    return Check(f"p of {name} fits its interval", passed, p.text, expected, UNLIKELY)


def _wald_p(ratio, low, high):
    error = np.log(high / low) / (2 * Z_95)
    return float(2 * ndtr(-abs(np.log(ratio)) / error))


# Counts ----------------------------------------------------------------------------------------------------------


def counts_never_rise(name, steps, counts):
    """A selection never has more features after a step than before."""
    rises = [i for i in range(1, len(counts)) if counts[i] > counts[i - 1]]
    found = " -> ".join(str(count) for count in counts)
    where = f"no rise (rises at {steps[rises[0]]})" if rises else "no rise"
    return Check(f"feature counts of {name} never rise", not rises, found, where)


def totals_close(name, parts, total):
    """Parts add up to their total."""
    added = f"{' + '.join(str(part) for part in parts)} = {sum(parts)}"
    return Check(f"{name} add up", sum(parts) == total, added, str(total))


def percentage_is_over(name, count, percent, n):
    """A percentage is the count over the number of patients stated."""
    passed = n > 0 and percent.overlaps(count / n, count / n)
    expected = f"{100 * count / n:.1f} % of {n}" if n else "no patients"
    return Check(f"percentage of {name} is over its own {n} patients", passed, f"{count} ({percent.text})", expected)


# Explanations ----------------------------------------------------------------------------------------------------


def class_sizes_that_fit(accuracy, sensitivity, specificity, n):
    """Class sizes with which accuracy, sensitivity and specificity are all whole numbers of n patients.

    Returns
    -------
    list of (n_positive, true_positives, true_negatives)
    """
    fits = []
    for n_positive in range(1, n):
        pairs = product(counts_that_fit(sensitivity, n_positive), counts_that_fit(specificity, n - n_positive))
        fits += [(n_positive, a, b) for a, b in pairs if accuracy.overlaps((a + b) / n, (a + b) / n)]
    return fits


def explain_counts(accuracy, sensitivity, specificity, n):
    """Say in a sentence with which class sizes the three numbers would fit; empty when none or too many do.

    Sensitivity and specificity that are really PPV and NPV fit sizes that are the numbers called positive and negative;
    the events they imply are named too, because they are the same for every model of a cohort.
    """
    fits = class_sizes_that_fit(accuracy, sensitivity, specificity, n)
    if not fits or len(fits) > MOST_FITS:
        return ""
    sizes = " or ".join(f"{a} with and {n - a} without the event" for a, _, _ in fits)
    events = " or ".join(str(right + (n - a - wrong)) for a, right, wrong in fits)
    return f"The three numbers would fit {sizes}; read as PPV and NPV they would fit {events} events among {n}."


def totals_that_fit(counts, percents):
    """Numbers of patients over which most of the percentages of counts are right.

    Returns
    -------
    totals : list of int
        All that reach the largest number of right percentages.
    right : int
        That number.
    """
    candidates = {
        total
        for k, share in zip(counts, percents, strict=True)
        if k > 0 and share.low > 0
        for total in range(max(int(k / share.high), k), int(k / share.low) + 2)
    }
    right = {total: len(percentages_right(counts, percents, total)) for total in candidates}
    most = max(right.values(), default=0)
    return sorted(total for total, number in right.items() if number == most), most


def percentages_right(counts, percents, total):
    """Positions of the percentages that are right over a number of patients."""
    pairs = enumerate(zip(counts, percents, strict=True))
    return [position for position, (k, share) in pairs if share.overlaps(k / total, k / total)]


def _range_text(low, high):
    low, high = sorted((low, high))
    return f"{low:.3f}" if f"{low:.3f}" == f"{high:.3f}" else f"{low:.3f} to {high:.3f}"
