"""Choice between t and U for 6000 features of 150 patients: one call per feature against all columns at once.

    python benchmarks/two_group_tests.py

``before`` calls scipy's Shapiro-Wilk once per feature and class and its Mann-Whitney test on the table, as the step
``t_or_u`` did; ``now`` is the step. Both run on the same columns, in turn, and must choose alike.
"""

import os
import sys
import time
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))

import numpy as np
from scipy import stats

from habitat_radiomics.rank_sum import mann_whitney
from habitat_radiomics.selection import t_or_u
from habitat_radiomics.shapiro import shapiro_wilk

PATIENTS, FEATURES, ROUNDS, LEVEL = 150, 6000, 5, 0.05


def per_column_levels(group):
    """P of Shapiro and Wilk's test, a call per column."""
    return np.array([stats.shapiro(column).pvalue for column in group.T])


def table_levels(group):
    """The same for all columns at once."""
    return shapiro_wilk(group)[1]


def table_u(first, second):
    """Scipy's Mann-Whitney test."""
    return stats.mannwhitneyu(first, second, method="asymptotic").pvalue


def before(X, y):
    """The step as it was."""
    first, second = X[y == 0], X[y == 1]
    normal = (per_column_levels(first) > LEVEL) & (per_column_levels(second) > LEVEL)
    p = np.empty(X.shape[1])
    p[normal] = stats.ttest_ind(first[:, normal], second[:, normal]).pvalue
    p[~normal] = table_u(first[:, ~normal], second[:, ~normal])
    return p


def now(X, y):
    """The step."""
    return t_or_u(X, y, normality_alpha=LEVEL)


def seconds(compute, *data):
    """CPU seconds of the quickest of some rounds, and the result."""
    times = []
    for _ in range(ROUNDS):
        start = time.process_time()
        result = compute(*data)
        times.append(time.process_time() - start)
    return min(times), result


def main():
    generator = np.random.default_rng(0)
    y = np.arange(PATIENTS) % 2
    X = generator.normal(size=(PATIENTS, FEATURES)) + 0.3 * y[:, None]
    X[:, ::2] = np.exp(X[:, ::2])
    X = X[generator.integers(0, PATIENTS // 2, PATIENTS) * 2 + y]  # a resample has ties
    groups = X[y == 0], X[y == 1]
    pairs = {
        "Shapiro-Wilk, one class": ((per_column_levels, groups[0]), (table_levels, groups[0])),
        "Mann-Whitney": ((table_u, *groups), (mann_whitney, *groups)),
        "t_or_u": ((before, X, y), (now, X, y)),
    }
    print(f"{PATIENTS} patients x {FEATURES} features, CPU ms")
    for name, (old, new) in pairs.items():
        (old_seconds, old_p), (new_seconds, new_p) = seconds(*old), seconds(*new)
        difference = np.abs(old_p - new_p).max()
        print(
            f"{name:24} before {1000 * old_seconds:7.1f}  now {1000 * new_seconds:6.1f}  "
            f"{old_seconds / new_seconds:5.1f} times as fast, largest difference of p {difference:.0e}"
        )


if __name__ == "__main__":
    main()
