"""L1-penalised Cox regression in glmnet's conventions: path, cross-validated penalty, score (RPRS).

Objective, for a penalty: -(Breslow's partial log-likelihood) / n + penalty sum |b_j| on standardised columns (Simon,
Friedman, Hastie and Tibshirani 2011, J Stat Softw 39(5)). Conventions and solver are those of
`habitat_radiomics.lasso`. A patient censored at an event time is at risk then, as in every textbook; glmnet 4.1 takes
such a patient partly out, and differs in the third to fifth digit where censored and event times coincide.
"""

import numbers

import numpy as np
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
from habitat_radiomics.survival_outcome import as_outcome, require_events

TOLERANCE = 1e-11  # of the objective
FEWEST_FOLDS = 3


def cox_path(X, y, *, l1_ratio=1.0, penalties=None, n_penalties=100, tolerance=TOLERANCE):
    """Fit the penalised Cox model at each of a decreasing sequence of penalties.

    Parameters
    ----------
    X : array of float, shape (n, p)
    y : structured array or DataFrame
        Outcome, see `survival_outcome`.
    l1_ratio, penalties, n_penalties, tolerance
        As in `lasso.logistic_path`.

    Returns
    -------
    LassoPath
        Intercepts only centre the columns (the hazard ratio of the mean patient is 1).

    Raises
    ------
    ValueError
        For an unusable outcome, no events, NaN or infinite values, or penalties that do not decrease.
    """
    settings = {"l1_ratio": l1_ratio, "n_penalties": n_penalties, "tolerance": tolerance}
    return master_path(_design(X, as_outcome(y))[0], penalties=penalties, **settings)


def cross_validate_cox_path(
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
    """Fit a path on all patients and estimate the partial-likelihood deviance of its penalties on patients held out.

    The deviance of a fold is that of all patients minus that of the training patients, both by the fit that left the
    fold out, per event in the fold; folds count by their events (cv.glmnet, type.measure = "deviance", grouped).

    Parameters
    ----------
    X, y, l1_ratio, penalties, n_penalties, tolerance
        As in `cox_path`.
    folds : array of int, shape (n,)
        Label of the fold in which each patient is held out. A fold without an event does not count.
    fold_penalties, weights
        As in `lasso.cross_validate_path`.

    Returns
    -------
    CrossValidatedPath

    Raises
    ------
    ValueError
        As `cox_path`; for folds of another length, and when a fold leaves no event to train on.
    """
    outcome = as_outcome(y)
    folds = _checked_folds(folds, outcome)
    design, order = _design(X, outcome, weights)
    settings = {"l1_ratio": l1_ratio, "n_penalties": n_penalties, "tolerance": tolerance}
    path = master_path(design, penalties=penalties, **settings)
    linear = fold_linear(design, folds[order], path.penalties, fold_penalties=fold_penalties, **settings)
    return chosen_penalties(path, *_summarise(design, folds[order], linear))


def stratified_cox_folds(y, *, folds, seed):
    """Fold number (0 .. folds - 1) of each patient: events and censored patients are shuffled and dealt out in turn."""
    from habitat_radiomics.lasso import stratified_folds

    return stratified_folds(as_outcome(y)["event"], folds=folds, seed=seed)


class LassoCox(PenalisedScore):
    """LASSO Cox regression whose penalty is chosen by cross-validation stratified by event.

    The score (`decision_function`) is the sum of coefficient x feature on the scale of the input, without an intercept;
    higher means a higher hazard. Fewer events than ``folds`` reduce the folds to their number, but not below 3.
    Parameters and fitted attributes are those of `lasso_paths.PenalisedScore`; `intercept_` is 0, and `saturated_` says
    that the chosen penalty is the last of the path: a smaller one might do better still, or the events are separated.
    """

    def fit(self, X, y, patients=None):
        """Choose the penalty and keep the model at it.

        Parameters
        ----------
        X : array or DataFrame, shape (n, p)
        y : structured array or DataFrame
            Outcome, see `survival_outcome`.
        patients : array, shape (n,), optional
            Who is in each row, as in `lasso.LassoLogistic.fit`.

        Raises
        ------
        ValueError
            For an unusable outcome, fewer than 2 events, NaN or infinite values, unknown settings, or rows of one
            patient that differ.
        """
        X = validate_data(self, X, dtype=np.float64, ensure_all_finite=False)
        self._refuse_unknown_rule()
        refuse_missing(X, getattr(self, "feature_names_in_", None))
        X, outcome, weights = without_copies(X, as_outcome(y), patients)
        self.folds_ = possible_folds(self.folds, outcome)
        labels = stratified_cox_folds(outcome, folds=self.folds_, seed=self.seed)
        settings = {"l1_ratio": self.l1_ratio, "n_penalties": self.n_penalties}
        self._keep(cross_validate_cox_path(X, outcome, labels, weights=weights, **settings))
        return self

    def _keep(self, result):
        super()._keep(result)
        self.intercept_ = np.zeros(1)
        self.saturated_ = bool(self.penalty_ == self.penalties_[-1])


def possible_folds(folds, outcome):
    """Return the folds that can be made with an event in each, at least 3.

    Raises
    ------
    ValueError
        For fewer than 3 folds asked, and fewer than 2 events.
    """
    if not isinstance(folds, numbers.Integral) or folds < FEWEST_FOLDS:
        raise ValueError(f"folds is {folds!r}: use a whole number of at least {FEWEST_FOLDS}.")
    require_events(outcome, purpose="cross-validation of a Cox model", fewest=2)
    return int(min(folds, max(int(outcome["event"].sum()), FEWEST_FOLDS)))


def _design(X, outcome, weights=None):
    """Design with rows from the latest time to the earliest, and that order."""
    from habitat_radiomics import lasso_kernel

    X = np.asarray(X, dtype=np.float64)
    if X.ndim != 2 or len(X) != outcome.size:
        raise ValueError(
            f"X has shape {X.shape} and y {outcome.shape}: needed are (patients, columns) and (patients,)."
        )
    refuse_missing(X, None)
    require_events(outcome, purpose="a Cox model")
    order = np.lexsort((np.arange(outcome.size), -outcome["time"]))
    begins = np.flatnonzero(np.r_[True, np.diff(outcome["time"][order]) != 0])
    response = lasso_kernel.Response(outcome["event"][order].astype(np.float64), np.append(begins, outcome.size))
    return standardised_design(X[order], response, None if weights is None else np.asarray(weights)[order]), order


def _checked_folds(folds, outcome):
    folds = np.asarray(folds)
    if folds.shape != outcome.shape:
        raise ValueError(
            f"folds has shape {folds.shape}: one fold label for each of the {outcome.size} patients is needed."
        )
    for label in np.unique(folds):
        if not outcome["event"][folds != label].any():
            raise ValueError(f"Fold {label} holds out every event: use fewer or stratified folds.")
    return np.unique(folds, return_inverse=True)[1]


def _summarise(design, folds, linear):
    """Mean and standard error over folds of the held-out deviance per event; linear is (folds, L, n)."""
    from habitat_radiomics.lasso_kernel import deviance

    events = np.bincount(folds, design.weights * design.response.outcome)
    used = np.flatnonzero(events)
    each = np.array(
        [
            [
                _total(deviance, design, design.weights, at) - _total(deviance, design, trained, at)
                for at in linear[fold]
            ]
            for fold in used
            for trained in [design.weights * (folds != fold)]
        ]
    )
    each /= events[used, None]
    mean = np.average(each, axis=0, weights=events[used])
    variance = np.average((each - mean) ** 2, axis=0, weights=events[used])
    return mean, np.sqrt(variance / (used.size - 1))


def _total(deviance, design, weights, linear):
    return deviance(design.response, weights, np.ascontiguousarray(linear))
