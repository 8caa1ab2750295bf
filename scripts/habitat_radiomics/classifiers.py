"""Classifiers with a few hyper-parameters, tuned and calibrated on training patients alone, as scikit-learn pipelines.

One more needs an entry here, in `estimator_words` (its place in the order of simplicity too) and in the schema. Every
grid begins with the simplest settings, which are taken of equals. Folds of tuning depend on the seed and the patients,
so that they are the same for all classifiers. Classes weigh the same in every fit (`class_weight`, `sample_weight` or
equal priors) except in k nearest neighbours, which know no weights.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import expit, logit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.validation import check_is_fitted, validate_data
from threadpoolctl import threadpool_limits

from habitat_radiomics.boosters import LightgbmClassifier, XgboostClassifier
from habitat_radiomics.estimator_words import WORDS
from habitat_radiomics.roc import auc
from habitat_radiomics.signature import stratified_folds
from habitat_radiomics.svm import platt_sigmoid

TUNING_FOLDS = 5
TREES = 100
SHARPEST = 1e-12  # nearest a probability comes to 0 or 1 before it becomes a log odds


@dataclass(frozen=True)
class Classifier:
    """A pipeline, the settings among which it is tuned, and what its score is.

    Attributes
    ----------
    build : callable
        ``build(seed, **settings)`` returns the unfitted pipeline.
    grid : tuple of dict
        Settings, the simplest first.
    score : {"decision", "log_odds", "probability"}
        What is compared and calibrated: distance from a boundary or log odds, both in standard deviations of the
        patients of the fit (see `Machine`), or share of trees or neighbours.
    """

    build: Callable
    grid: tuple
    score: str


def _scaled(classifier):
    return make_pipeline(StandardScaler(), classifier)


def _penalised_logistic(seed, *, C):
    return _scaled(LogisticRegression(C=C, class_weight="balanced", tol=1e-8, max_iter=1000))


def _support_vectors(seed, *, kernel, C):
    return _scaled(SVC(kernel=kernel, C=C, class_weight="balanced", tol=1e-6))


def _neighbours(seed, *, n_neighbors):
    return _scaled(KNeighborsClassifier(n_neighbors, algorithm="brute"))


def _random_forest(seed, *, min_samples_leaf):
    settings = {"min_samples_leaf": min_samples_leaf, "class_weight": "balanced", "random_state": seed, "n_jobs": 1}
    return make_pipeline(RandomForestClassifier(TREES, **settings))


def _extra_trees(seed, *, min_samples_leaf):
    settings = {"min_samples_leaf": min_samples_leaf, "class_weight": "balanced", "random_state": seed, "n_jobs": 1}
    return make_pipeline(ExtraTreesClassifier(TREES, **settings))


def _gradient_boosting(seed, *, max_leaf_nodes, max_iter):
    settings = {"max_leaf_nodes": max_leaf_nodes, "max_iter": max_iter, "min_samples_leaf": 5, "learning_rate": 0.1}
    settings |= {"class_weight": "balanced", "early_stopping": False, "random_state": seed}
    return make_pipeline(HistGradientBoostingClassifier(**settings))


def _xgboost(seed, *, max_depth, max_iter):
    return make_pipeline(XgboostClassifier(max_depth=max_depth, max_iter=max_iter, seed=seed))


def _lightgbm(seed, *, max_leaf_nodes, max_iter):
    return make_pipeline(LightgbmClassifier(max_leaf_nodes=max_leaf_nodes, max_iter=max_iter, seed=seed))


def _perceptron(seed, *, hidden, alpha):
    return _scaled(MLPClassifier((hidden,), alpha=alpha, solver="lbfgs", max_iter=200, random_state=seed))


def _naive_bayes(seed, *, var_smoothing):
    return _scaled(GaussianNB(priors=[0.5, 0.5], var_smoothing=var_smoothing))


def _discriminant(seed):
    return _scaled(LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto", priors=[0.5, 0.5]))


def _grid(**values):
    """All combinations, the last named varying fastest."""
    rows = [{}]
    for name, options in values.items():
        rows = [{**row, name: option} for row in rows for option in options]
    return tuple(rows)


CLASSIFIERS = {
    "penalised_logistic": Classifier(_penalised_logistic, _grid(C=(0.001, 0.01, 0.1, 1.0, 10.0)), "decision"),
    "lda": Classifier(_discriminant, ({},), "decision"),
    "naive_bayes": Classifier(_naive_bayes, _grid(var_smoothing=(1.0, 0.1, 1e-9)), "log_odds"),
    "knn": Classifier(_neighbours, _grid(n_neighbors=(25, 15, 9, 5, 3)), "probability"),
    "tuned_svm": Classifier(_support_vectors, _grid(kernel=("linear", "rbf"), C=(0.01, 0.1, 1.0, 10.0)), "decision"),
    "random_forest": Classifier(_random_forest, _grid(min_samples_leaf=(10, 5, 2)), "probability"),
    "extra_trees": Classifier(_extra_trees, _grid(min_samples_leaf=(10, 5, 2)), "probability"),
    "gradient_boosting": Classifier(_gradient_boosting, _grid(max_leaf_nodes=(2, 4), max_iter=(25, 100)), "decision"),
    "lightgbm": Classifier(_lightgbm, _grid(max_leaf_nodes=(2, 4), max_iter=(25, 100)), "decision"),
    "xgboost": Classifier(_xgboost, _grid(max_depth=(1, 2), max_iter=(25, 100)), "decision"),
    "mlp": Classifier(_perceptron, _grid(hidden=(3, 8), alpha=(10.0, 1.0)), "log_odds"),
}


class TunedClassifier(ClassifierMixin, BaseEstimator):
    """One of `CLASSIFIERS`, its settings those of the largest AUC in cross-validation among the patients of the fit.

    The score is the classifier's own (see `Classifier.score`). Probabilities are Platt's sigmoid of it, fitted to
    scores of training patients by classifiers that did not see them, tuned anew without them: those of a forest for
    its own training patients are near 0 and 1 whatever it learnt. It also undoes the equal weight of the classes.

    Parameters
    ----------
    kind : str
        Name in `CLASSIFIERS`.
    folds, seed : int
        Of the cross-fitting behind the sigmoid; the seed is also that of tuning, trees and networks.

    Attributes
    ----------
    machine_ : Machine or None
        None where no input varies: everybody scores 0 then.
    settings_ : dict
        Chosen settings.
    slope_, offset_ : float
        Log odds = slope x score + offset.
    held_out_ : ndarray, shape (patients,)
        Scores behind the sigmoid.
    held_out_score_ : ndarray, shape (patients,)
        The same as the estimator's scores, on which a cut-off is learnt.
    method_ : str
    """

    def __init__(self, *, kind="penalised_logistic", folds=5, seed=0):
        self.kind = kind
        self.folds = folds
        self.seed = seed

    def fit(self, X, y, patients=None, held_out=None, calibrate=True):
        """Tune, fit, calibrate.

        Parameters
        ----------
        X : ndarray, shape (patients, inputs)
        y : array of 0 and 1
        patients : Index, optional
            Who is in each row; folds keep the copies of a patient (bootstrap resample) together.
        held_out : array of float, optional
            Scores by classifiers that did not see the patient, where a longer chain than this has made them;
            cross-fitted here when None.
        calibrate : bool
            False where only the score is wanted.
        """
        X, y = validate_data(self, X, dtype=float), np.asarray(y, dtype=int)
        outcome = pd.Series(y, range(len(y)) if patients is None else patients)
        self.classes_ = np.array([0, 1])
        with threadpool_limits(1):  # boosting stores the number of threads it was given
            self.machine_, self.settings_ = tune(self.kind, X, outcome, seed=self.seed)
            if calibrate and held_out is None:
                held_out = self._cross_fitted(X, outcome)
        self.method_ = f"{WORDS[self.kind].name}{settings_words(self.settings_)}"
        if calibrate:
            self.held_out_ = np.asarray(held_out, dtype=float)
            self.held_out_score_ = self.held_out_
            self.slope_, self.offset_ = calibrated(self.held_out_, y)
        return self

    def _cross_fitted(self, X, outcome):
        number = stratified_folds(outcome, folds=self.folds, seed=self.seed).to_numpy()
        values = np.full(len(X), np.nan)
        for fold in np.unique(number):
            out = number == fold
            machine, _ = tune(self.kind, X[~out], outcome[~out], seed=self.seed)
            values[out] = machine_score(machine, X[out])
        return values

    def decision_function(self, X):
        """Score: higher means a higher risk."""
        check_is_fitted(self)
        return machine_score(self.machine_, validate_data(self, X, reset=False, dtype=float))

    def log_odds(self, X):
        """Calibrated log odds."""
        return self.slope_ * self.decision_function(X) + self.offset_

    def standardised_coefficients(self):
        """Calibrated log odds per training standard deviation of every input, of a linear classifier; None of another.

        They are shrunk by the penalty and the calibration, and have no standard error.
        """
        last = None if self.machine_ is None else self.machine_.pipeline[-1]
        if not hasattr(last, "coef_"):
            return None
        return self.slope_ * last.coef_.ravel() / self.machine_.spread

    def predict_proba(self, X):
        """Probabilities of 0 and 1."""
        risk = expit(self.log_odds(X))
        return np.column_stack([1 - risk, risk])

    def predict(self, X):
        """Class with the larger probability."""
        return (self.log_odds(X) > 0).astype(int)


def tune(kind, X, outcome, *, seed):
    """Return the classifier fitted with the best settings of its grid, and these settings.

    Parameters
    ----------
    X : ndarray, shape (patients, inputs)
    outcome : Series of 0 and 1, by patient

    Raises
    ------
    ValueError
        If a class is too small for two folds.
    """
    y, grid = outcome.to_numpy(), _possible(CLASSIFIERS[kind].grid, len(X))
    if not np.ptp(X, axis=0).any():
        return None, grid[0]
    chosen = grid[0]
    if len(grid) > 1:
        number = stratified_folds(outcome, folds=TUNING_FOLDS, seed=seed).to_numpy()
        areas = [round(auc(y, _held_out(kind, settings, X, y, number, seed)), 12) for settings in grid]
        chosen = grid[int(np.argmax(areas))]
    return fit_machine(kind, chosen, X, y, seed=seed), chosen


def _possible(grid, patients):
    """Settings that suit the number of patients: no more neighbours than a third of them."""
    return [s for s in grid if s.get("n_neighbors", 0) <= patients / 3] or [{"n_neighbors": 1}]


def _held_out(kind, settings, X, y, number, seed):
    values = np.full(len(y), np.nan)
    for fold in np.unique(number):
        out = number == fold
        machine = fit_machine(kind, settings, X[~out], y[~out], seed=seed)
        values[out] = machine_score(machine, X[out])
    return values


def fit_machine(kind, settings, X, y, *, seed):
    """Return the fitted `Machine`, or None where no input varies."""
    if not np.ptp(X, axis=0).any():
        return None
    pipeline = CLASSIFIERS[kind].build(seed, **settings)
    if kind != "mlp":
        return Machine(kind, pipeline.fit(X, y), X)
    with warnings.catch_warnings():  # where its iterations end is part of a network's definition
        warnings.simplefilter("ignore", ConvergenceWarning)
        pipeline.fit(X, y, mlpclassifier__sample_weight=compute_sample_weight("balanced", y))
    return Machine(kind, pipeline, X)


class Machine:
    """A fitted pipeline with a score whose scale does not depend on its settings.

    Distances and log odds are divided by their standard deviation in the patients of the fit: a strong penalty shrinks
    them thirtyfold, so that scores of folds that were tuned differently could neither be pooled nor calibrated.

    Parameters
    ----------
    kind : str
    pipeline : Pipeline
        Fitted.
    X : ndarray, shape (patients, inputs)
        What it was fitted on.
    """

    def __init__(self, kind, pipeline, X):
        self.kind = kind
        self.pipeline = pipeline
        spread = 1.0 if CLASSIFIERS[kind].score == "probability" else float(np.std(self._own_score(X)))
        self.spread = spread or 1.0

    def score(self, X):
        """Score of patients; above 0, or 0.5 of a share, on the side of the event."""
        return self._own_score(X) / self.spread

    def _own_score(self, X):
        score = CLASSIFIERS[self.kind].score
        if score == "decision":
            return self.pipeline.decision_function(X)
        if self.kind == "naive_bayes":  # their difference stays finite where a probability is 0
            joint = self.pipeline[-1].predict_joint_log_proba(self.pipeline[:-1].transform(X))
            return joint[:, 1] - joint[:, 0]
        risk = self.pipeline.predict_proba(X)[:, 1]
        return logit(np.clip(risk, SHARPEST, 1 - SHARPEST)) if score == "log_odds" else risk


def machine_score(machine, X):
    """Score by a fitted `Machine`; 0 for everybody without one."""
    return np.zeros(len(X)) if machine is None else machine.score(X)


def calibrated(values, y):
    """Return slope and offset of Platt's sigmoid (see `svm.platt_sigmoid`), whatever the scale of the values."""
    scale = float(np.std(values)) or 1.0
    slope, offset = platt_sigmoid(values / scale, y)
    return slope / scale, offset


def settings_words(settings):
    """Return chosen settings in brackets; nothing where there are none."""
    words = [f"{SETTING_WORDS[name]} {value:g}" for name, value in settings.items() if not isinstance(value, str)]
    words = [f"{value} {SETTING_WORDS[name]}" for name, value in settings.items() if isinstance(value, str)] + words
    return f" ({', '.join(words)})" if words else ""


SETTING_WORDS = {
    "C": "C",
    "kernel": "kernel",
    "var_smoothing": "share of variance added",
    "n_neighbors": "neighbours",
    "min_samples_leaf": "patients in a leaf at least",
    "max_leaf_nodes": "leaves of a tree at most",
    "max_depth": "depth of a tree at most",
    "max_iter": "trees",
    "hidden": "hidden units",
    "alpha": "weight decay",
}
