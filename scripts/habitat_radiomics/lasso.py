"""L1-penalised logistic regression in glmnet's conventions: path, cross-validated penalty, Rad-score.

Conventions (Friedman, Hastie and Tibshirani 2010, J Stat Softw 33(1); glmnet 4.1): columns are standardised with
the population standard deviation inside every fit, the intercept is not penalised, coefficients are returned on
the scale of the input. ``l1_ratio`` is glmnet's alpha, ``penalty`` its lambda. The solver is in
`habitat_radiomics.lasso_kernel` and is imported (numba) only by a fit, so that a stored model loads quickly.
"""

import numbers

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import validate_data

from habitat_radiomics.lasso_paths import (
    PenalisedScore,
    chosen_penalties,
    fold_linear,
    master_path,
    refuse_missing,
    standardised_design,
    without_copies,
)

TOLERANCE = 1e-10  # of the objective; coefficients are then within about 1e-7 of the optimum
PROBABILITY_LIMIT = 1e-5  # cv.glmnet keeps held-out probabilities this far from 0 and 1 in the deviance
FEWEST_FOLDS = 3
FEWEST_PER_FOLD = 3  # below this mean fold size cv.glmnet averages patients instead of folds


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
    settings = {"l1_ratio": l1_ratio, "n_penalties": n_penalties, "tolerance": tolerance}
    return master_path(_design(X, y), penalties=penalties, **settings)


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
    y = design.response.outcome
    folds = _checked_folds(folds, y)
    settings = {"l1_ratio": l1_ratio, "n_penalties": n_penalties, "tolerance": tolerance}
    path = master_path(design, penalties=penalties, **settings)
    linear = fold_linear(design, folds, path.penalties, fold_penalties=fold_penalties, **settings)
    held_out = linear[folds, :, np.arange(design.n)].T
    return chosen_penalties(path, *_summarise_deviance(_patient_deviance(y, held_out), folds, design.weights))


def stratified_folds(y, *, folds, seed):
    """Fold number (0 .. folds - 1) of each patient: the classes are shuffled and dealt out one after the other."""
    generator = np.random.default_rng(seed)
    y = np.asarray(y)
    order = np.concatenate([generator.permutation(np.flatnonzero(y == label)) for label in np.unique(y)])
    fold_of = np.empty(y.size, dtype=np.int64)
    fold_of[order] = np.arange(y.size) % folds
    return fold_of


class LassoLogistic(ClassifierMixin, PenalisedScore):
    """LASSO logistic regression whose penalty is chosen by stratified cross-validation, as a scikit-learn estimator.

    The linear predictor on the scale of the input is the Rad-score (`decision_function`); higher means the second
    class is more likely. Fewer than ``folds`` patients in the smaller class reduce the folds to their number, but not
    below 3. Parameters and fitted attributes are those of `lasso_paths.PenalisedScore`, plain arrays and numbers.
    """

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
        self._refuse_unknown_rule()
        outcome = self._encode(y)
        refuse_missing(X, getattr(self, "feature_names_in_", None))
        X, outcome, weights = without_copies(X, outcome, patients)
        self.folds_ = _possible_folds(self.folds, outcome)
        labels = stratified_folds(outcome, folds=self.folds_, seed=self.seed)
        settings = {"l1_ratio": self.l1_ratio, "n_penalties": self.n_penalties}
        self._keep(cross_validate_path(X, outcome, labels, weights=weights, **settings))
        return self

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

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags


def _design(X, y, weights=None):
    from habitat_radiomics import lasso_kernel

    X = np.asarray(X, dtype=np.float64)
    y = np.array(y, dtype=np.float64)  # a copy: contiguous and writable, so that one compiled solver serves all
    if X.ndim != 2 or y.shape != (X.shape[0],):
        raise ValueError(f"X has shape {X.shape} and y {y.shape}: needed are (patients, columns) and (patients,).")
    refuse_missing(X, None)
    wrong = y[(y != 0) & (y != 1)]
    if wrong.size:
        raise ValueError(f"y holds {wrong[0]:g}: the outcome must be coded 0 (did not happen) or 1 (happened).")
    _refuse_one_class(np.unique(y), y.size)
    return standardised_design(X, lasso_kernel.Response(y, np.empty(0, dtype=np.int64)), weights)


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
