"""Selection steps for a time-to-event outcome, fitted on training patients and applied to the others.

They follow `habitat_radiomics.selection`: a filter that nothing passes keeps its single best feature (``fell_back_``).
``y`` is the outcome of `survival_outcome`.
"""

import numpy as np

from habitat_radiomics.cox_univariable import univariable_cox
from habitat_radiomics.lasso_cox import LassoCox
from habitat_radiomics.selection import _Filter, corrected, uncorrelated


class CoxFilter(_Filter):
    """Keep features that are associated with the hazard in a Cox model of their own (likelihood-ratio test).

    The likelihood ratio, unlike Wald's test, also judges features that order the events completely.

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
        table = univariable_cox(X, y)
        self.p_values_ = table["p_lr"].to_numpy()
        return table["lr_chi2"].to_numpy(), corrected(self.p_values_, self.correction) < self.alpha


class CoxCorrelationFilter(_Filter):
    """Of features correlated above the threshold keep the one with the largest univariable Cox chi-square.

    Features are visited by falling likelihood ratio and kept when no feature kept before correlates with them above
    the threshold, as in `selection.CorrelationFilter`. Needs complete features.

    Parameters
    ----------
    threshold : float
        Largest absolute Pearson correlation of two kept features.
    """

    def __init__(self, threshold=0.85):
        self.threshold = threshold

    def _judge(self, X, y):
        strength = univariable_cox(X, y)["lr_chi2"].to_numpy()
        order = np.argsort(-np.nan_to_num(strength, nan=-1.0), kind="stable")
        order = order[np.isfinite(strength[order])]
        kept = uncorrelated(X[:, order], self.threshold)
        return strength, np.isin(np.arange(len(strength)), order[kept])


SURVIVAL_STEPS = {
    "univariable_cox": CoxFilter,
    "correlation": CoxCorrelationFilter,
    "cox_lasso": LassoCox,
}
