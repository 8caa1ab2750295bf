"""Selection steps as scikit-learn transformers: each is fitted on training patients and applied to the others.

A filter that nothing passes keeps its single best feature and says so (``fell_back_``), so that a resample of a
study without signal still ends in a (worthless) score instead of an error.
"""

import numpy as np
from scipy import stats
from scipy.special import fdtrc
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.feature_selection import SelectorMixin
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted, validate_data

from habitat_radiomics.column_blocks import in_blocks
from habitat_radiomics.lasso import LassoLogistic
from habitat_radiomics.rank_sum import mann_whitney
from habitat_radiomics.shapiro import shapiro_wilk

BLOCK = 128  # columns whose correlations are computed at a time
DOUBT = 1e-5  # more than single precision can be wrong by in a correlation


class Filter(SelectorMixin, BaseEstimator):
    """A filter by a strength per feature (larger is better, NaN never passes) and a rule which of them pass."""

    def fit(self, X, y=None):
        X = validate_data(self, X, dtype=float, ensure_all_finite="allow-nan")
        strength, passes = self._judge(X, y)
        passes = passes & np.isfinite(strength)
        self.fell_back_ = not passes.any()
        if self.fell_back_:
            passes = np.arange(len(strength)) == np.argmax(np.where(np.isfinite(strength), strength, -np.inf))
        self.support_ = passes
        return self

    def _get_support_mask(self):
        check_is_fitted(self)
        return self.support_

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


class IccFilter(Filter):
    """Keep features whose agreement between and within readers both exceed the threshold.

    Parameters
    ----------
    icc : dict
        Feature name to the smaller of its inter- and intra-reader ICC (training patients); NaN where not assessed.
    threshold : float
        Features above it pass. Koo and Li 2016 call 0.75 the lower end of good agreement.
    """

    def __init__(self, icc=None, threshold=0.75):
        self.icc = icc
        self.threshold = threshold

    def _judge(self, X, y):
        icc = np.array([self.icc.get(name, np.nan) for name in self.feature_names_in_], dtype=float)
        return icc, icc > self.threshold


class StableFilter(IccFilter):
    """Keep features of habitats that survive small changes of image, mask and fit; those of other regions all pass.

    Parameters
    ----------
    icc : dict
        Feature of a habitat to its ICC over the changes (training patients); NaN where it could not be assessed.
    threshold : float
        Features above it pass.
    """

    def _judge(self, X, y):
        icc = np.array([self.icc.get(name, 1.0) for name in self.feature_names_in_], dtype=float)
        return icc, icc > self.threshold


class MissingFilter(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Drop features with too many missing values and fill the others with their training median.

    Parameters
    ----------
    max_missing : float
        Largest share of missing values among the training patients.
    """

    def __init__(self, max_missing=0.1):
        self.max_missing = max_missing

    def fit(self, X, y=None):
        X = validate_data(self, X, dtype=float, ensure_all_finite="allow-nan")
        share = np.isnan(X).mean(axis=0)
        self.support_ = share <= self.max_missing
        if not self.support_.any():
            raise ValueError(
                f"every feature is missing in more than {self.max_missing:.0%} of the training patients (least: "
                f"{share.min():.0%}). Check the quality table, or raise max_missing."
            )
        self.medians_ = known_medians(X[:, self.support_])
        return self

    def transform(self, X):
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=float, ensure_all_finite="allow-nan")[:, self.support_]
        np.copyto(X, self.medians_, where=np.isnan(X))  # a boolean index has made a copy
        return X

    def get_feature_names_out(self, input_features=None):
        names = super().get_feature_names_out(input_features)
        return names[self.support_]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


class SignificanceFilter(Filter):
    """Keep features by a test of their own; what is tested, `_test` says: strength and p value of every feature.

    Parameters
    ----------
    alpha : float
        Significance level.
    correction : {"none", "fdr"}
        ``fdr``: Benjamini and Hochberg 1995.
    """

    def __init__(self, alpha=0.05, correction="none"):
        self.alpha = alpha
        self.correction = correction

    def _judge(self, X, y):
        strength, self.p_values_ = self._test(X, y)
        return strength, corrected(self.p_values_, self.correction) < self.alpha


class AnovaFilter(SignificanceFilter):
    """Keep features whose class means differ in a one-way analysis of variance."""

    def _test(self, X, y):
        _, p = anova(X, y)
        return -p, p


class TwoGroupFilter(SignificanceFilter):
    """Keep features that differ between two classes: Student's t where both are normal, Mann-Whitney's U otherwise.

    Parameters
    ----------
    alpha, normality_alpha : float
        Levels of the test and of Shapiro and Wilk's test that chooses it.
    correction : {"none", "fdr"}
        ``fdr``: Benjamini and Hochberg 1995.
    """

    def __init__(self, alpha=0.05, normality_alpha=0.05, correction="none"):
        super().__init__(alpha=alpha, correction=correction)
        self.normality_alpha = normality_alpha

    def _test(self, X, y):
        p = t_or_u(X, y, normality_alpha=self.normality_alpha)
        return -p, p


class StrongestFilter(Filter):
    """Keep the ``k`` features with the largest ANOVA F; of equals the first."""

    def __init__(self, k=100):
        self.k = k

    def _judge(self, X, y):
        strength, _ = anova(X, y)
        best = np.argsort(-np.nan_to_num(strength, nan=-1.0), kind="stable")[: self.k]
        return strength, np.isin(np.arange(len(strength)), best)


class CorrelationFilter(Filter):
    """Of features correlated above the threshold keep the one that separates the classes best.

    Features are visited by falling ANOVA F and kept when no feature kept before correlates with them above the
    threshold. The usual rules (order of columns, caret) keep other numbers; the one used has to be named.

    Parameters
    ----------
    threshold : float
        Largest absolute Pearson correlation of two kept features.
    """

    def __init__(self, threshold=0.85):
        self.threshold = threshold

    def _judge(self, X, y):
        strength = self._strength(X, y)
        order = np.argsort(-np.nan_to_num(strength, nan=-1.0), kind="stable")
        order = order[np.isfinite(strength[order])]
        kept = uncorrelated(X, self.threshold, order=order)
        return strength, np.isin(np.arange(len(strength)), order[kept])

    def _strength(self, X, y):
        return anova(X, y)[0]


def anova(X, y):
    """One-way ANOVA of each column; NaN for a constant column.

    Parameters
    ----------
    X : ndarray, shape (patients, features)
    y : ndarray, shape (patients,)

    Returns
    -------
    F, p : ndarray, shape (features,)
    """
    strength = in_blocks(lambda columns: _varying_ratio(columns, y), X)
    degrees = np.unique(y).size - 1
    return strength, fdtrc(degrees, len(y) - degrees - 1, strength)


def _varying_ratio(X, y):
    varies = np.ptp(X, axis=0) > 0
    strength = np.full(X.shape[1], np.nan)
    strength[varies] = variance_ratio(X[:, varies], y)
    return strength


def variance_ratio(X, y):
    """F of each column: mean square between classes over that within; infinite where classes are single values."""
    groups = [X[y == value] for value in np.unique(y)]
    means = [group.mean(axis=0) for group in groups]
    overall = X.mean(axis=0)
    between = sum(len(group) * (mean - overall) ** 2 for group, mean in zip(groups, means, strict=True))
    within = sum(np.sum((group - mean) ** 2, axis=0) for group, mean in zip(groups, means, strict=True))
    with np.errstate(divide="ignore"):
        return (between / (len(groups) - 1)) / (within / (len(X) - len(groups)))


def t_or_u(X, y, *, normality_alpha):
    """P value per column of Student's t (both classes normal by Shapiro-Wilk) or Mann-Whitney's U; NaN if constant."""
    return in_blocks(lambda columns: _t_or_u(columns, y, normality_alpha), X)


def _t_or_u(X, y, normality_alpha):
    groups = [X[y == value] for value in np.unique(y)]
    varies = np.all([np.ptp(group, axis=0) > 0 for group in groups], axis=0)
    normal = varies & np.all([shapiro_wilk(group)[1] > normality_alpha for group in groups], axis=0)
    p = np.full(X.shape[1], np.nan)
    p[normal] = stats.ttest_ind(*(group[:, normal] for group in groups)).pvalue
    ranked = ~normal & (np.ptp(X, axis=0) > 0)
    p[ranked] = mann_whitney(*(group[:, ranked] for group in groups))
    return p


def known_medians(X):
    """Median of the known values of each column; numpy's ``nanmedian``, seven times as fast."""
    return in_blocks(_known_medians, X)


def _known_medians(X):
    ordered = np.sort(X.T.copy(), axis=1)  # NaN come last
    known = X.shape[0] - np.isnan(X).sum(axis=0)
    columns = np.arange(X.shape[1])
    return (ordered[columns, (known - 1) // 2] + ordered[columns, known // 2]) / 2


def corrected(p_values, correction):
    """Return p values, adjusted for their number when ``correction`` is ``fdr``; NaN stay NaN."""
    adjusted = p_values.copy()
    known = np.isfinite(p_values)
    if correction == "fdr" and known.any():
        adjusted[known] = stats.false_discovery_control(p_values[known])
    return adjusted


def uncorrelated(X, threshold, *, order=None):
    """Visit columns and keep those that none kept before correlates with above ``threshold``.

    Parameters
    ----------
    X : ndarray, shape (patients, columns)
    threshold : float
    order : ndarray of int, optional
        Columns to visit, in their order; all from the first to the last without it.

    Returns
    -------
    ndarray of int
        Places in the order of the columns kept.
    """
    Z = unit_columns(X, order)
    coarse = Z.astype(np.float32)
    passes = np.ones(len(Z), dtype=bool)
    for start in range(0, len(Z), BLOCK):
        block = start + np.flatnonzero(passes[start : start + BLOCK])
        later = start + np.flatnonzero(passes[start:])
        for column, others in zip(block, _related(Z, coarse, block, later, threshold), strict=True):
            if passes[column]:
                passes[later[others & (later > column)]] = False
    return np.flatnonzero(passes)


def _related(Z, coarse, block, later, threshold):
    """Which later columns correlate above the threshold with each of a block: in single precision unless in doubt."""
    products = np.abs(coarse[block] @ coarse[later].T)
    related = products > threshold
    row, column = np.nonzero((products > threshold - DOUBT) & (products < threshold + DOUBT))
    related[row, column] = np.abs(np.einsum("ij,ij->i", Z[block[row]], Z[later[column]])) > threshold
    return related


def unit_columns(X, order=None):
    """Columns, in an order, centred and of length 1, as rows: their products are Pearson's correlations."""
    Z = np.array(X.T if order is None else X.T[order], order="C")
    Z -= Z.mean(axis=1, keepdims=True)
    Z /= np.sqrt(np.einsum("ij,ij->i", Z, Z))[:, None]
    return Z


STEPS = {
    "icc": IccFilter,
    "stable": StableFilter,
    "complete": MissingFilter,
    "zscore": StandardScaler,
    "anova": AnovaFilter,
    "t_or_u": TwoGroupFilter,
    "select_k_best": StrongestFilter,
    "correlation": CorrelationFilter,
    "lasso": LassoLogistic,
}
