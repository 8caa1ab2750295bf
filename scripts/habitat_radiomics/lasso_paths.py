"""Penalised paths in glmnet's conventions that hold for every model: designs, penalties, folds, copies of patients.

The models are in `habitat_radiomics.lasso` (logistic) and `habitat_radiomics.lasso_cox`; the solver is in
`habitat_radiomics.lasso_kernel` and is imported (numba) only by a fit, so that a stored model loads quickly.
"""

import warnings
from dataclasses import dataclass

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted, validate_data

from habitat_radiomics.weighted_sum import weighted_sum

RULES = ("min", "1se")


@dataclass(frozen=True)
class LassoPath:
    """Solutions along decreasing penalties; axis L is the penalty."""

    penalties: np.ndarray  # (L,)
    coefficients: np.ndarray  # (p, L), on the scale of the input
    intercepts: np.ndarray  # (L,)
    deviance_ratio: np.ndarray  # (L,) fraction of the null deviance explained

    @property
    def n_nonzero(self):
        """Number of columns in the model at each penalty, (L,) integers."""
        return np.count_nonzero(self.coefficients, axis=0)


@dataclass(frozen=True)
class CrossValidatedPath:
    """A path with the cross-validated deviance (-2 log-likelihood per patient) of each of its penalties."""

    path: LassoPath
    deviance_mean: np.ndarray  # (L,)
    deviance_se: np.ndarray  # (L,) standard error of the mean, glmnet's cvsd
    index_min: int  # position of the smallest mean deviance
    index_1se: int  # position of the largest penalty within one standard error of it

    @property
    def penalty_min(self):
        """Penalty of the smallest mean deviance."""
        return float(self.path.penalties[self.index_min])

    @property
    def penalty_1se(self):
        """Largest penalty whose mean deviance is within one standard error of the smallest."""
        return float(self.path.penalties[self.index_1se])


class PenalisedScore(BaseEstimator):
    """A score at the penalty chosen by cross-validation: what `lasso.LassoLogistic` and `lasso_cox.LassoCox` share.

    Parameters
    ----------
    folds : int, at least 3
    rule : {"min", "1se"}
        Penalty of the smallest deviance, or the largest penalty within one standard error of it.
    n_penalties : int
    l1_ratio : float in (0, 1]
    seed : int
        Of the shuffle that deals out the folds.

    Attributes
    ----------
    coef_ : array (1, p); intercept_ : array (1,)
    penalty_, penalty_min_, penalty_1se_ : float
    empty_ : bool
        No column was chosen; the score is the same for every patient.
    folds_ : int
        Folds really used.
    penalties_, deviance_mean_, deviance_se_, n_nonzero_ : array (L,)
    coefficient_path_ : array (p, L)
    """

    def __init__(self, *, folds=10, rule="min", n_penalties=100, l1_ratio=1.0, seed=0):
        self.folds = folds
        self.rule = rule
        self.n_penalties = n_penalties
        self.l1_ratio = l1_ratio
        self.seed = seed

    def decision_function(self, X):
        """Score of each patient: intercept + sum of coefficient x feature, shape (n,)."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, ensure_all_finite=False, reset=False)
        refuse_missing(X, getattr(self, "feature_names_in_", None))
        chosen = np.flatnonzero(self.coef_[0])
        return self.intercept_[0] + weighted_sum(X[:, chosen], self.coef_[0, chosen])

    def _refuse_unknown_rule(self):
        if self.rule not in RULES:
            raise ValueError(f"rule is {self.rule!r}: use 'min' or '1se'.")

    def _keep(self, result):
        path = result.path
        index = result.index_min if self.rule == "min" else result.index_1se
        self.coef_ = path.coefficients[:, index][None, :].copy()
        self.intercept_ = path.intercepts[[index]]
        self.penalty_ = float(path.penalties[index])
        self.penalty_min_ = result.penalty_min
        self.penalty_1se_ = result.penalty_1se
        self.empty_ = bool(not self.coef_.any())
        self.penalties_ = path.penalties
        self.coefficient_path_ = path.coefficients
        self.n_nonzero_ = path.n_nonzero
        self.deviance_mean_ = result.deviance_mean
        self.deviance_se_ = result.deviance_se


@dataclass(frozen=True)
class Design:
    """What a path is fitted to; see `standardised_design`."""

    columns: np.ndarray  # (p, n) standardised over all rows
    response: object  # lasso_kernel.Response
    mean: np.ndarray  # (p,)
    deviation: np.ndarray  # (p,)
    weights: np.ndarray  # (n,) how often each row counts

    @property
    def n(self):
        """Number of rows."""
        return self.weights.size


def standardised_design(X, response, weights):
    """Return the design of columns X (n, p), a response and the rows' weights (once each when None)."""
    mean, deviation = X.mean(axis=0), X.std(axis=0)
    deviation = np.where((np.ptp(X, axis=0) > 0) & (deviation > 0), deviation, 1.0)
    weights = np.ones(len(X)) if weights is None else np.asarray(weights, dtype=np.float64)
    if weights.shape != (len(X),) or not (weights > 0).all():
        raise ValueError(f"weights must be {len(X)} numbers above 0, one for each patient.")
    return Design(np.ascontiguousarray(((X - mean) / deviation).T), response, mean, deviation, weights)


def penalty_sequence(largest, *, n, p, n_penalties):
    """glmnet's penalties: geometric from the largest down to 1e-4 (n >= p) or 1e-2 (n < p) of it."""
    return np.geomspace(largest, largest * (1e-4 if n >= p else 1e-2), n_penalties)


def master_path(design, *, l1_ratio, penalties, n_penalties, tolerance):
    """Fit all rows at the penalties given, or at glmnet's sequence; a `LassoPath`."""
    if not 0 < l1_ratio <= 1:
        raise ValueError(f"l1_ratio is {l1_ratio!r}: use a number above 0 and up to 1 (1 is the LASSO).")
    weights = design.weights[None, :] / design.weights.sum()
    own_sequence = penalties is None
    if own_sequence:
        penalties = own_penalties(design, weights, l1_ratio, n_penalties)[0]
    penalties = _checked_penalties(penalties)
    paths = _walk(design, weights, penalties[None, :], l1_ratio, tolerance, own_sequence, keep_coefficients=True)
    length = paths.lengths[0]
    coefficients = paths.coefficients[0, :length].T / design.deviation[:, None]
    intercepts = paths.intercepts[0, :length] - np.einsum("pl,p->l", coefficients, design.mean)
    return LassoPath(penalties[:length], coefficients, intercepts, paths.explained[0, :length])


def _checked_penalties(penalties):
    penalties = np.array(penalties, dtype=np.float64)
    if penalties.ndim != 1 or penalties.size == 0 or not (penalties > 0).all() or (np.diff(penalties) >= 0).any():
        raise ValueError("penalties must be positive numbers in decreasing order.")
    return penalties


def own_penalties(design, weights, l1_ratio, n_penalties):
    """glmnet's sequence for every fit (row of weights), shape (fits, n_penalties)."""
    from habitat_radiomics import lasso_kernel

    scales = lasso_kernel.column_scales(design.columns, weights)
    fits = lasso_kernel.new_fits(design.response, weights, scales)
    lasso_kernel.set_null_gradients(design.columns, design.response, fits)
    steepness = np.divide(np.abs(fits.gradient), scales, out=np.zeros_like(scales), where=scales > 0)
    largest = steepness.max(axis=1, initial=0) / l1_ratio
    if not (largest > 1e-12).all():
        raise ValueError(
            f"None of the {scales.shape[1]} columns varies together with y (all are constant or exactly uncorrelated "
            "with it): there is nothing to choose from."
        )
    used = np.count_nonzero(weights, axis=1)
    p = scales.shape[1]
    return np.array(
        [penalty_sequence(a, n=n, p=p, n_penalties=n_penalties) for a, n in zip(largest, used, strict=True)]
    )


def _walk(design, weights, penalties, l1_ratio, tolerance, may_stop, keep_coefficients):
    from habitat_radiomics import lasso_kernel

    scales = lasso_kernel.column_scales(design.columns, weights)
    fits = lasso_kernel.new_fits(design.response, weights, scales)
    paths, converged = lasso_kernel.walk_paths(
        design.columns, design.response, fits, penalties, float(l1_ratio), float(tolerance), may_stop, keep_coefficients
    )
    if not converged:
        warnings.warn(
            f"The penalised model did not reach the tolerance {tolerance:g} at some penalty between "
            f"{penalties.min():.3g} and {penalties.max():.3g}: raise the tolerance or drop the smallest penalties.",
            ConvergenceWarning,
            stacklevel=2,
        )
    return paths


def fold_linear(design, folds, penalties, *, l1_ratio, n_penalties, tolerance, fold_penalties):
    """Linear predictor of every row by the fits that leave out each fold, at the master's penalties.

    Parameters
    ----------
    design : Design
    folds : ndarray of int, shape (n,)
        0, 1, ...
    penalties : ndarray, shape (L,)
        The master's.
    fold_penalties : {"master", "own"}
        "master" fits every fold at these penalties (cv.glmnet with ``lambda=`` given; exact). "own" gives every fold
        its own sequence and interpolates it linearly, held constant outside (cv.glmnet's default).

    Returns
    -------
    ndarray, shape (folds, L, n)
    """
    trained = design.weights * (folds[None, :] != np.arange(folds.max() + 1)[:, None])
    weights = trained / trained.sum(axis=1, keepdims=True)
    if fold_penalties == "master":
        each = np.tile(penalties, (len(weights), 1))
        return _walk(design, weights, each, l1_ratio, tolerance, may_stop=False, keep_coefficients=False).linear
    if fold_penalties != "own":
        raise ValueError(f"fold_penalties is {fold_penalties!r}: use 'master' or 'own'.")
    own = own_penalties(design, weights, l1_ratio, n_penalties)
    paths = _walk(design, weights, own, l1_ratio, tolerance, may_stop=True, keep_coefficients=False)
    parts = zip(own, paths.linear, paths.lengths, strict=True)
    return np.array([_interpolated(penalties, known[:length], linear[:length]) for known, linear, length in parts])


def _interpolated(at, penalties, values):
    """Values (L, n) of decreasing penalties, linearly between them and constant outside."""
    position = np.interp(at, penalties[::-1], np.arange(penalties.size)[::-1])
    lower = np.minimum(position.astype(int), max(penalties.size - 2, 0))
    upper = np.minimum(lower + 1, penalties.size - 1)
    part = (position - lower)[:, None]
    return (1 - part) * values[lower] + part * values[upper]


def chosen_penalties(path, mean, error):
    """Return the path with its cross-validated deviance and the two penalties glmnet chooses from it.

    Penalties at which the fit of a fold ran off to infinity (deviance NaN) are not chosen.

    Raises
    ------
    ValueError
        If that holds for all of them.
    """
    usable = np.isfinite(mean) & np.isfinite(error)
    if not usable.any():
        raise ValueError(
            "the cross-validated deviance is undefined at every penalty: too few patients or events are held out. Use "
            "fewer folds."
        )
    index_min = int(np.argmin(np.where(usable, mean, np.inf)))
    index_1se = int(np.flatnonzero(usable & (mean <= mean[index_min] + error[index_min]))[0])
    return CrossValidatedPath(path, mean, error, index_min, index_1se)


def without_copies(X, y, patients):
    """One row for each patient, in the order of first occurrence, and how often it was there."""
    if patients is None:
        return X, y, None
    _, first, who, times = np.unique(patients, return_index=True, return_inverse=True, return_counts=True)
    if not (np.array_equal(X, X[first[who]]) and np.array_equal(y, y[first[who]])):
        raise ValueError("rows of one patient differ: only copies of a row may share a patient.")
    order = np.argsort(first)
    return X[first[order]], y[first[order]], times[order].astype(np.float64)


def refuse_missing(X, names):
    """Stop, naming the columns, where X holds NaN or infinity."""
    bad = ~np.isfinite(X)
    if not bad.any():
        return
    columns = np.flatnonzero(bad.any(axis=0))
    named = ", ".join(str(c if names is None else names[c]) for c in columns[:5])
    raise ValueError(
        f"X contains NaN or infinity: {bad.sum()} values in {columns.size} of {X.shape[1]} columns "
        f"({named}{', ...' if columns.size > 5 else ''}). The LASSO needs complete columns: impute or drop them first."
    )
