"""Selection steps for a time-to-event outcome, fitted on training patients and applied to the others.

They follow `habitat_radiomics.selection`: a filter that nothing passes keeps its single best feature (``fell_back_``).
``y`` is the outcome of `survival_outcome`.
"""

from habitat_radiomics.cox_univariable import univariable_cox
from habitat_radiomics.lasso_cox import LassoCox
from habitat_radiomics.selection import CorrelationFilter, SignificanceFilter


class CoxFilter(SignificanceFilter):
    """Keep features that are associated with the hazard in a Cox model of their own (likelihood-ratio test).

    The likelihood ratio, unlike Wald's test, also judges features that order the events completely.
    """

    def _test(self, X, y):
        table = univariable_cox(X, y)
        return table["lr_chi2"].to_numpy(), table["p_lr"].to_numpy()


class CoxCorrelationFilter(CorrelationFilter):
    """Of features correlated above the threshold keep the one with the largest univariable Cox chi-square.

    Visited by falling likelihood ratio instead of ANOVA's F. Needs complete features.
    """

    def _strength(self, X, y):
        return univariable_cox(X, y)["lr_chi2"].to_numpy()


SURVIVAL_STEPS = {
    "univariable_cox": CoxFilter,
    "correlation": CoxCorrelationFilter,
    "cox_lasso": LassoCox,
}
