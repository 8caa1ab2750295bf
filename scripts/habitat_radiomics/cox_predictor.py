"""Cox regression as the estimator of a model: hazard ratios, risks by stated horizons, survival over times."""

import numpy as np
import pandas as pd
from scipy.special import ndtri
from scipy.stats import norm

from habitat_radiomics.collinearity import column_vif
from habitat_radiomics.cox import CoxModel, risk_sets
from habitat_radiomics.cox_zph import proportional_hazards_test
from habitat_radiomics.survival_outcome import as_outcome

RISK, SURVIVAL = "risk_", "survival_"  # before a horizon and a time, in the columns of predictions
MOST_TIMES = 100
COX_COLUMNS = ["predictor", "coefficient", "standard_error", "hazard_ratio", "hazard_ratio_low", "hazard_ratio_high"]
COX_COLUMNS += ["p_wald", "p_zph", "vif", "method"]


class CoxPredictor(CoxModel):
    """Cox regression that predicts at stated times; fitting and ties are those of `cox.CoxModel`.

    Parameters
    ----------
    ties : {"efron", "breslow"}
    horizons : tuple of float
        Times by which the risk of the event is predicted.
    times : tuple of float
        Times at which survival is predicted, see `evaluation_times`; none where it is not wanted.

    Attributes
    ----------
    p_zph_ : ndarray, shape (predictors,)
        Of the test of proportional hazards of every column; NaN for constant ones and with Firth's method.
    p_zph_global_ : float
    """

    def __init__(self, *, ties="efron", horizons=(), times=()):
        super().__init__(ties=ties)
        self.horizons = horizons
        self.times = times

    def fit(self, X, y):
        """Fit predictors (patients x predictors) to an outcome, see `survival_outcome`; `cox.CoxModel.fit` raises."""
        super().fit(X, y)
        design, varies = np.asarray(X, dtype=float), np.isfinite(np.diag(self.covariance_))
        self.p_zph_, self.p_zph_global_ = np.full(design.shape[1], np.nan), np.nan
        if self.method_ != "Firth" and varies.any():
            sets = risk_sets(as_outcome(y), ties=self.ties)
            columns = {str(position): np.array([position]) for position in range(varies.sum())}
            test = proportional_hazards_test(design[:, varies], sets, self.coef_[varies], columns=columns)["p"]
            self.p_zph_[varies], self.p_zph_global_ = test.to_numpy()[:-1], float(test.iloc[-1])
        return self

    @property
    def prediction_columns(self):
        """Columns of `predict`."""
        return [*(f"{RISK}{time:g}" for time in self.horizons), *(f"{SURVIVAL}{time!r}" for time in self.times)]

    def predict(self, X):
        """Risk by every horizon and survival at every time, shape (patients, `prediction_columns`)."""
        risk = 1 - self.predict_survival(X, np.asarray(self.horizons, dtype=float))
        return np.column_stack([risk, self.predict_survival(X, np.asarray(self.times, dtype=float))])


def evaluation_times(outcome, *, most=MOST_TIMES):
    """Return the distinct event times of the training patients, thinned evenly to at most so many.

    Parameters
    ----------
    outcome : DataFrame
        ``time`` and ``event`` by patient.

    Returns
    -------
    tuple of float, ascending
    """
    times = np.unique(outcome.loc[outcome["event"] == 1, "time"])
    kept = np.unique(np.linspace(0, len(times) - 1, min(most, len(times))).round().astype(int))
    return tuple(map(float, times[kept]))


def hazard_ratio_table(estimator, names, *, level=0.95):
    """Return a row for every column of a fitted model: hazard ratio with Wald interval, p, proportional hazards, VIF.

    Parameters
    ----------
    estimator : CoxPredictor
        Fitted.
    names : list of str
        Columns of its design, the levels of a category as ``variable=level``.
    """
    error = np.sqrt(np.diag(estimator.covariance_))
    beta, half = estimator.coef_, ndtri((1 + level) / 2) * error
    table = pd.DataFrame({"predictor": names, "coefficient": beta, "standard_error": error})
    table = table.assign(hazard_ratio=np.exp(beta), p_wald=2 * norm.sf(np.abs(beta / error)), p_zph=estimator.p_zph_)
    table = table.assign(hazard_ratio_low=np.exp(beta - half), hazard_ratio_high=np.exp(beta + half))
    owners = [name.partition("=")[0] for name in names]
    table["vif"] = column_vif(estimator.covariance_, owners)
    return table.assign(method=estimator.method_)[COX_COLUMNS]
