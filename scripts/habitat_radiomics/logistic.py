"""Unpenalised logistic regression with an answer to separation (Firth's bias reduction)."""

import numpy as np
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted, validate_data

LARGEST_STEP = 5.0
SEPARATED_ETA = 15.0


class LogisticModel(ClassifierMixin, BaseEstimator):
    """Maximum likelihood; where a combination of predictors separates the classes, Firth's penalised likelihood.

    Maximum likelihood has no finite solution under separation, which is common with a strong score and few events.
    Firth's method (Firth 1993; Heinze and Schemper 2002) always has one; ``method_`` says which was used.

    Attributes
    ----------
    coef_ : ndarray, shape (1, predictors)
        Log odds ratios per unit.
    intercept_ : ndarray, shape (1,)
    covariance_ : ndarray, shape (1 + predictors, 1 + predictors)
        Inverse information, intercept first.
    method_ : {"maximum likelihood", "Firth"}
    """

    def fit(self, X, y):
        X = validate_data(self, X, dtype=float)
        self.classes_ = np.array([0, 1])
        design = np.column_stack([np.ones(len(X)), X])
        varies = np.r_[True, np.ptp(X, axis=0) > 0]
        beta, covariance = np.zeros(design.shape[1]), np.full((design.shape[1],) * 2, np.nan)
        solution = newton(design[:, varies], np.asarray(y, dtype=float), firth=False)
        self.method_ = "maximum likelihood"
        if solution is None:
            solution = newton(design[:, varies], np.asarray(y, dtype=float), firth=True)
            self.method_ = "Firth"
        beta[varies], covariance[np.ix_(varies, varies)] = solution
        self.intercept_, self.coef_, self.covariance_ = beta[:1], beta[None, 1:], covariance
        return self

    def decision_function(self, X):
        """Linear predictor (log odds)."""
        check_is_fitted(self)
        return validate_data(self, X, reset=False, dtype=float) @ self.coef_[0] + self.intercept_[0]

    def predict_proba(self, X):
        """Probabilities of 0 and 1."""
        risk = expit(self.decision_function(X))
        return np.column_stack([1 - risk, risk])

    def predict(self, X):
        """Class by probability 0.5."""
        return (self.decision_function(X) > 0).astype(int)


def newton(design, y, *, firth, iterations=200, tolerance=1e-10):
    """Solve a logistic regression by Newton's method.

    Parameters
    ----------
    design : ndarray, shape (patients, parameters)
        With a column of ones for the intercept.
    y : ndarray of 0 and 1
    firth : bool
        Penalise by Jeffreys' prior: the score gains h (1/2 - p), with h the leverages.

    Returns
    -------
    beta, covariance : ndarray, or None
        None when the classes are separated (or nearly: a linear predictor beyond 15) and ``firth`` is False.

    Raises
    ------
    ValueError
        If predictors are linearly dependent.
    """
    scale = np.maximum(np.abs(design).max(axis=0), 1e-300)
    Z = design / scale
    if np.linalg.matrix_rank(Z) < Z.shape[1]:
        raise ValueError("predictors of the logistic model are linearly dependent. Remove one of them from the model.")
    beta = np.zeros(Z.shape[1])
    for _ in range(iterations):
        risk = expit(Z @ beta)
        weight = np.maximum(risk * (1 - risk), 1e-12)
        covariance = np.linalg.inv((Z.T * weight) @ Z)
        leverage = weight * np.einsum("ij,jk,ik->i", Z, covariance, Z) if firth else 0.0
        step = covariance @ (Z.T @ (y - risk + leverage * (0.5 - risk)))
        longest = np.abs(Z @ step).max()
        beta = beta + step * min(1.0, LARGEST_STEP / max(longest, 1e-300))
        if not firth and np.abs(Z @ beta).max() > SEPARATED_ETA:
            return None
        if longest < tolerance:
            return beta / scale, covariance / np.outer(scale, scale)
    return None if not firth else (beta / scale, covariance / np.outer(scale, scale))
