"""L1-penalised logistic regression in glmnet's conventions: path, cross-validated penalty, Rad-score.

Conventions (Friedman, Hastie and Tibshirani 2010, J Stat Softw 33(1); glmnet 4.1): columns are standardised with
the population standard deviation inside every fit, the intercept is not penalised, coefficients are returned on
the scale of the input. ``l1_ratio`` is glmnet's alpha, ``penalty`` its lambda. The solver is in
`habitat_radiomics.lasso_kernel` and is imported (numba) only by a fit, so that a stored model loads quickly.
"""

import numbers
import warnings
from dataclasses import dataclass

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_is_fitted, validate_data

TOLERANCE = 1e-10  # of the objective; coefficients are then within about 1e-7 of the optimum
PROBABILITY_LIMIT = 1e-5  # cv.glmnet keeps held-out probabilities this far from 0 and 1 in the deviance
FEWEST_FOLDS = 3
FEWEST_PER_FOLD = 3  # below this mean fold size cv.glmnet averages patients instead of folds
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


@dataclass(frozen=True)
class _Design:
    columns: np.ndarray  # (p, n) standardised over all rows
    y: np.ndarray  # (n,) 0.0 or 1.0
    mean: np.ndarray  # (p,)
    deviation: np.ndarray  # (p,)
    weights: np.ndarray  # (n,) how often each row counts

    @property
    def n(self):
        return self.y.size


def logistic_path(X, y, *, l1_ratio=1.0, penalties=None, n_penalties=100, tolerance=TOLERANCE):
    """Fit the penalised logistic model at each of a decreasing sequence of penalties.

    Parameters
    ----------
    X : array of float, shape (n, p)
    y : array of 0 and 1, shape (n,)
    l1_ratio : float in (0, 1]
        1 is the LASSO, less an elastic net (glmnet's alpha).
    penalties : array of float, decreasing, optional
        Without it glmnet's sequence of ``n_penalties`` values is used, which starts where the first column enters and
        ends early once the deviance is explained (separable data) or no longer falls.
    tolerance : float
        Largest change of the objective that counts as none.

    Returns
    -------
    LassoPath

    Raises
    ------
    ValueError
        For NaN or infinite values, an outcome other than 0/1 or of one class, or penalties that do not decrease.
    """
    return _master_path(_design(X, y), l1_ratio, penalties, n_penalties, tolerance)


def cross_validate_path(
    X,
    y,
    folds,
    *,
    l1_ratio=1.0,
    penalties=None,
    n_penalties=100,
    fold_penalties="master",
    weights=None,
    tolerance=TOLERANCE,
):
    """Fit a path on all patients and estimate the deviance of its penalties on patients held out.

    Mean, standard error and the two chosen penalties are those of cv.glmnet (type.measure = "deviance").

    Parameters
    ----------
    X, y, l1_ratio, penalties, n_penalties, tolerance
        As in `logistic_path`.
    folds : array of int, shape (n,)
        Label of the fold in which each patient is held out.
    fold_penalties : {"master", "own"}
        "master" fits every fold at the penalties of the whole data (cv.glmnet with ``lambda=`` given; exact). "own"
        gives every fold its own sequence and interpolates it linearly at the master's penalties (cv.glmnet's default).
    weights : array of float, shape (n,), optional
        How often each patient counts (copies in a bootstrap resample), above 0; once by default.

    Returns
    -------
    CrossValidatedPath

    Raises
    ------
    ValueError
        As in `logistic_path`; for folds of another length, and when a fold leaves only one class to train on.
    """
    design = _design(X, y, weights)
    folds = _checked_folds(folds, design.y)
    path = _master_path(design, l1_ratio, penalties, n_penalties, tolerance)
    if fold_penalties == "master":
        held_out = _held_out_at_master(design, folds, path.penalties, l1_ratio, tolerance)
    elif fold_penalties == "own":
        held_out = _held_out_interpolated(design, folds, path.penalties, l1_ratio, n_penalties, tolerance)
    else:
        raise ValueError(f"fold_penalties is {fold_penalties!r}: use 'master' or 'own'.")
    mean, error = _summarise_deviance(_patient_deviance(design.y, held_out), folds, design.weights)
    index_min = int(np.argmin(mean))
    index_1se = int(np.flatnonzero(mean <= mean[index_min] + error[index_min])[0])
    return CrossValidatedPath(path, mean, error, index_min, index_1se)


def penalty_sequence(largest, *, n, p, n_penalties):
    """glmnet's penalties: geometric from the largest down to 1e-4 (n >= p) or 1e-2 (n < p) of it."""
    return np.geomspace(largest, largest * (1e-4 if n >= p else 1e-2), n_penalties)


def stratified_folds(y, *, folds, seed):
    """Fold number (0 .. folds - 1) of each patient: the classes are shuffled and dealt out one after the other."""
    generator = np.random.default_rng(seed)
    y = np.asarray(y)
    order = np.concatenate([generator.permutation(np.flatnonzero(y == label)) for label in np.unique(y)])
    fold_of = np.empty(y.size, dtype=np.int64)
    fold_of[order] = np.arange(y.size) % folds
    return fold_of


class LassoLogistic(ClassifierMixin, BaseEstimator):
    """LASSO logistic regression whose penalty is chosen by stratified cross-validation, as a scikit-learn estimator.

    The linear predictor on the scale of the input is the Rad-score (`decision_function`); higher means the second
    class is more likely. Fewer than ``folds`` patients in the smaller class reduce the folds to their number, but not
    below 3. All fitted attributes are plain arrays and numbers.

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

    def fit(self, X, y, patients=None):
        """Choose the penalty and keep the model at it.

        Parameters
        ----------
        X : array or DataFrame, shape (n, p)
        y : array of two values, shape (n,)
        patients : array, shape (n,), optional
            Who is in each row, where patients occur more than once (a bootstrap resample): copies then count as weight
            and share a fold. Without it every row is another patient.

        Raises
        ------
        ValueError
            For NaN or infinite values, other than two classes, a class of one patient, unknown settings, or rows of one
            patient that differ.
        """
        X, y = validate_data(self, X, y, dtype=np.float64, ensure_all_finite=False)
        if self.rule not in RULES:
            raise ValueError(f"rule is {self.rule!r}: use 'min' or '1se'.")
        outcome = self._encode(y)
        _refuse_missing(X, getattr(self, "feature_names_in_", None))
        X, outcome, weights = _without_copies(X, outcome, patients)
        self.folds_ = _possible_folds(self.folds, outcome)
        labels = stratified_folds(outcome, folds=self.folds_, seed=self.seed)
        settings = {"l1_ratio": self.l1_ratio, "n_penalties": self.n_penalties}
        self._keep(cross_validate_path(X, outcome, labels, weights=weights, **settings))
        return self

    def decision_function(self, X):
        """Rad-score of each patient: intercept + sum of coefficient x feature, shape (n,)."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, ensure_all_finite=False, reset=False)
        _refuse_missing(X, getattr(self, "feature_names_in_", None))
        chosen = np.flatnonzero(self.coef_[0])
        # einsum, not matmul: the sum must not depend on the number of threads.
        return self.intercept_[0] + np.einsum("ij,j->i", X[:, chosen], self.coef_[0, chosen])

    def predict_proba(self, X):
        """Probability of the first and the second class, shape (n, 2)."""
        second = _probability(self.decision_function(X))
        return np.column_stack([1 - second, second])

    def predict(self, X):
        """The likelier class of each patient."""
        second = self.decision_function(X) > 0
        return self.classes_[second.astype(int)]

    def _encode(self, y):
        check_classification_targets(y)
        self.classes_ = np.unique(y)
        if self.classes_.size > 2:
            raise ValueError(
                "Only binary classification is supported. The type of the target is "
                f"{type_of_target(y)}, with {self.classes_.size} classes."
            )
        _refuse_one_class(self.classes_, y.size)
        return (y == self.classes_[1]).astype(np.float64)

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

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags


def _without_copies(X, y, patients):
    """One row for each patient, in the order of first occurrence, and how often it was there."""
    if patients is None:
        return X, y, None
    _, first, who, times = np.unique(patients, return_index=True, return_inverse=True, return_counts=True)
    if not (np.array_equal(X, X[first[who]]) and np.array_equal(y, y[first[who]])):
        raise ValueError("rows of one patient differ: only copies of a row may share a patient.")
    order = np.argsort(first)
    return X[first[order]], y[first[order]], times[order].astype(np.float64)


def _design(X, y, weights=None):
    X = np.asarray(X, dtype=np.float64)
    y = np.array(y, dtype=np.float64)  # a copy: contiguous and writable, so that one compiled solver serves all
    if X.ndim != 2 or y.shape != (X.shape[0],):
        raise ValueError(f"X has shape {X.shape} and y {y.shape}: needed are (patients, columns) and (patients,).")
    _refuse_missing(X, None)
    wrong = y[(y != 0) & (y != 1)]
    if wrong.size:
        raise ValueError(f"y holds {wrong[0]:g}: the outcome must be coded 0 (did not happen) or 1 (happened).")
    _refuse_one_class(np.unique(y), y.size)
    mean, deviation = X.mean(axis=0), X.std(axis=0)
    deviation = np.where((np.ptp(X, axis=0) > 0) & (deviation > 0), deviation, 1.0)
    weights = np.ones(y.size) if weights is None else np.asarray(weights, dtype=np.float64)
    if weights.shape != y.shape or not (weights > 0).all():
        raise ValueError(f"weights must be {y.size} numbers above 0, one for each patient.")
    return _Design(np.ascontiguousarray(((X - mean) / deviation).T), y, mean, deviation, weights)


def _refuse_missing(X, names):
    bad = ~np.isfinite(X)
    if not bad.any():
        return
    columns = np.flatnonzero(bad.any(axis=0))
    named = ", ".join(str(c if names is None else names[c]) for c in columns[:5])
    raise ValueError(
        f"X contains NaN or infinity: {bad.sum()} values in {columns.size} of {X.shape[1]} columns "
        f"({named}{', ...' if columns.size > 5 else ''}). The LASSO needs complete columns: impute or drop them first."
    )


def _refuse_one_class(classes, n):
    if classes.size < 2:
        raise ValueError(
            f"y holds one class only, {classes[0]} (patients: {n}); a logistic model needs two. "
            "Check the outcome column and the cohort it was taken from."
        )


def _checked_folds(folds, y):
    folds = np.asarray(folds)
    if folds.shape != y.shape:
        raise ValueError(f"folds has shape {folds.shape}: one fold label for each of the {y.size} patients is needed.")
    for label in np.unique(folds):
        if np.unique(y[folds != label]).size < 2:
            raise ValueError(f"Fold {label} holds out every patient of one class: use fewer or stratified folds.")
    return np.unique(folds, return_inverse=True)[1]


def _possible_folds(folds, y):
    if not isinstance(folds, numbers.Integral) or folds < FEWEST_FOLDS:
        raise ValueError(f"folds is {folds!r}: use a whole number of at least {FEWEST_FOLDS}.")
    smaller = int(min(y.sum(), (1 - y).sum()))
    if smaller < 2:
        raise ValueError("One class has a single patient: cross-validation needs at least 2 in each class.")
    return int(min(folds, max(smaller, FEWEST_FOLDS)))


def _master_path(design, l1_ratio, penalties, n_penalties, tolerance):
    if not 0 < l1_ratio <= 1:
        raise ValueError(f"l1_ratio is {l1_ratio!r}: use a number above 0 and up to 1 (1 is the LASSO).")
    weights = design.weights[None, :] / design.weights.sum()
    own_sequence = penalties is None
    if own_sequence:
        penalties = _own_penalties(design, weights, l1_ratio, n_penalties)[0]
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


def _own_penalties(design, weights, l1_ratio, n_penalties):
    """glmnet's sequence for every fit (row of weights), shape (fits, n_penalties)."""
    from habitat_radiomics import lasso_kernel

    scales = lasso_kernel.column_scales(design.columns, weights)
    fits = lasso_kernel.new_fits(design.y, weights, scales)
    lasso_kernel.set_null_gradients(design.columns, design.y, fits)
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
    fits = lasso_kernel.new_fits(design.y, weights, scales)
    paths, converged = lasso_kernel.walk_paths(
        design.columns, design.y, fits, penalties, float(l1_ratio), float(tolerance), may_stop, keep_coefficients
    )
    if not converged:
        warnings.warn(
            f"The penalised logistic model did not reach the tolerance {tolerance:g} at some penalty between "
            f"{penalties.min():.3g} and {penalties.max():.3g}: raise the tolerance or drop the smallest penalties.",
            ConvergenceWarning,
            stacklevel=2,
        )
    return paths


def _fold_weights(folds, weights):
    trained = weights * (folds[None, :] != np.arange(folds.max() + 1)[:, None])
    return trained / trained.sum(axis=1, keepdims=True)


def _held_out_at_master(design, folds, penalties, l1_ratio, tolerance):
    """Linear predictor (L, n) of each patient by the fits that did not see them, at the master's penalties."""
    weights = _fold_weights(folds, design.weights)
    each = np.tile(penalties, (weights.shape[0], 1))
    paths = _walk(design, weights, each, l1_ratio, tolerance, may_stop=False, keep_coefficients=False)
    return paths.linear[folds, :, np.arange(design.n)].T


def _held_out_interpolated(design, folds, penalties, l1_ratio, n_penalties, tolerance):
    """As `_held_out_at_master`, each fold on its own penalties, interpolated linearly and held constant outside."""
    weights = _fold_weights(folds, design.weights)
    own = _own_penalties(design, weights, l1_ratio, n_penalties)
    paths = _walk(design, weights, own, l1_ratio, tolerance, may_stop=True, keep_coefficients=False)
    held_out = np.empty((penalties.size, design.n))
    for patient, fold in enumerate(folds):
        upwards = slice(paths.lengths[fold] - 1, None, -1)
        held_out[:, patient] = np.interp(penalties, own[fold, upwards], paths.linear[fold, upwards, patient])
    return held_out


def _probability(linear):
    """Logistic function, without overflow."""
    decay = np.exp(-np.abs(linear))
    return np.where(linear >= 0, 1, decay) / (1 + decay)


def _patient_deviance(y, linear):
    """-2 log-likelihood of each patient (L, n), probabilities kept off 0 and 1 as cv.glmnet does."""
    probability = np.clip(_probability(linear), PROBABILITY_LIMIT, 1 - PROBABILITY_LIMIT)
    return -2 * np.log(np.where(y == 1, probability, 1 - probability))


def _summarise_deviance(deviance, folds, weights):
    """Mean and standard error over folds weighted by their size, over patients when folds are very small."""
    sizes = np.bincount(folds, weights)
    values = deviance
    if folds.size / sizes.size >= FEWEST_PER_FOLD:
        sums = np.stack([(deviance * weights)[:, folds == fold].sum(axis=1) for fold in range(sizes.size)], axis=1)
        values, weights = sums / sizes, sizes
    mean = np.average(values, axis=1, weights=weights)
    variance = np.average((values - mean[:, None]) ** 2, axis=1, weights=weights)
    return mean, np.sqrt(variance / (values.shape[1] - 1))
