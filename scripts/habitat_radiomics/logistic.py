"""Unpenalised logistic regression with an answer to separation (Firth's bias reduction)."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import chdtri, expit, log_expit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from habitat_radiomics.weighted_sum import weighted_sum

LARGEST_STEP = 5.0
SEPARATED_ETA = 15.0
FARTHEST_ERRORS = 64  # a profile interval that reaches beyond so many standard errors has no end


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
        return weighted_sum(validate_data(self, X, reset=False, dtype=float), self.coef_[0]) + self.intercept_[0]

    def predict_proba(self, X):
        """Probabilities of 0 and 1."""
        risk = expit(self.decision_function(X))
        return np.column_stack([1 - risk, risk])

    def predict(self, X):
        """Class by probability 0.5."""
        return (self.decision_function(X) > 0).astype(int)


@dataclass(frozen=True)
class Maximum:
    """Where an iteration of `maximise` ended."""

    beta: np.ndarray  # (parameters,)
    covariance: np.ndarray  # (parameters, parameters) inverse information
    log_likelihood: float  # with firth the penalised one
    converged: bool


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
    limit = np.inf if firth else SEPARATED_ETA
    solution = maximise(design, y, firth=firth, largest_eta=limit, iterations=iterations, tolerance=tolerance)
    return (solution.beta, solution.covariance) if firth or solution.converged else None


def maximise(design, y, *, firth, free=None, start=None, largest_eta=np.inf, iterations=200, tolerance=1e-10):
    """Maximise the (penalised) likelihood over some or all coefficients, the others held at their start.

    Parameters
    ----------
    design, y, firth
        As in `newton`. With ``firth`` the penalty is that of the whole design also where coefficients are held, as in
        the penalised likelihood ratio of Heinze and Schemper 2002 (Stat Med 21:2409).
    free : ndarray of bool, shape (parameters,), optional
        Coefficients to move; all of them by default.
    start : ndarray, shape (parameters,), optional
        Where the iteration starts; zero by default.
    largest_eta : float
        Linear predictor beyond which the iteration gives up (the classes are taken as separated).

    Returns
    -------
    Maximum
    """
    scale = np.maximum(np.abs(design).max(axis=0), 1e-300)
    Z = design / scale
    if np.linalg.matrix_rank(Z) < Z.shape[1]:
        raise ValueError("predictors of the logistic model are linearly dependent. Remove one of them from the model.")
    free = np.ones(Z.shape[1], dtype=bool) if free is None else free
    beta = np.zeros(Z.shape[1]) if start is None else start * scale
    converged = False
    for _ in range(iterations):
        weight, covariance, score = _derivatives(Z, y, beta, firth)
        step = _newton_step(Z, weight, covariance, score, free)
        longest = np.abs(Z @ step).max()
        beta = beta + step * min(1.0, LARGEST_STEP / max(longest, 1e-300))
        converged = longest < tolerance
        if converged or np.abs(Z @ beta).max() > largest_eta:
            break
    covariance = covariance / np.outer(scale, scale)
    return Maximum(beta / scale, covariance, log_likelihood(design, y, beta / scale, firth=firth), converged)


def _derivatives(Z, y, beta, firth):
    """Weights, inverse information and (modified) score at beta."""
    risk = expit(Z @ beta)
    weight = np.maximum(risk * (1 - risk), 1e-12)
    covariance = np.linalg.inv((Z.T * weight) @ Z)
    leverage = weight * np.einsum("ij,jk,ik->i", Z, covariance, Z) if firth else 0.0
    return weight, covariance, Z.T @ (y - risk + leverage * (0.5 - risk))


def _newton_step(Z, weight, covariance, score, free):
    if free.all():
        return covariance @ score
    step = np.zeros(free.size)
    if free.any():
        chosen = Z[:, free]
        step[free] = np.linalg.solve((chosen.T * weight) @ chosen, score[free])
    return step


def log_likelihood(design, y, beta, *, firth=False):
    """Log-likelihood of a logistic model; with ``firth`` plus half the log determinant of the information."""
    eta = design @ beta
    value = float(np.sum(np.where(y == 1, log_expit(eta), log_expit(-eta))))
    if firth:
        risk = expit(eta)
        value += 0.5 * np.linalg.slogdet((design.T * np.maximum(risk * (1 - risk), 1e-12)) @ design)[1]
    return value


def profile_interval(design, y, column, maximum, *, level, firth):
    """Profile likelihood interval of one coefficient: where twice the loss of log-likelihood reaches chi-square(1).

    R's ``confint`` interpolates the same profile between a few points: its limits differ in the fourth or fifth digit.

    Parameters
    ----------
    design, y, firth
        As in `newton`.
    column : int
    maximum : Maximum
        The fit whose coefficient is meant.
    level : float

    Returns
    -------
    low, high : float
        Infinite where the likelihood never falls that far.
    """
    allowed = chdtri(1, 1 - level) / 2
    free = np.arange(design.shape[1]) != column
    centre, error = maximum.beta[column], np.sqrt(maximum.covariance[column, column])

    def excess(errors):
        start = np.where(free, maximum.beta, centre + errors * error)
        at = maximise(design, y, firth=firth, free=free, start=start)
        return maximum.log_likelihood - at.log_likelihood - allowed

    return tuple(centre + error * _crossing(excess, side) for side in (-1, 1))


def _crossing(excess, side):
    """Distance (standard errors) at which the function turns positive on one side of zero."""
    inner, outer = 0.0, 2.0 * side
    while excess(outer) < 0:
        inner, outer = outer, 2 * outer
        if abs(outer) > FARTHEST_ERRORS:
            return side * np.inf
    return brentq(excess, inner, outer, xtol=1e-11)
