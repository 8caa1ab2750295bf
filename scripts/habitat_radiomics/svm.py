"""Support vector machine whose probabilities are calibrated on training patients that the machine did not see."""

import numpy as np
import pandas as pd
from scipy.special import expit, logit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.svm import SVC
from sklearn.utils.validation import check_is_fitted, validate_data

from habitat_radiomics.logistic import maximise
from habitat_radiomics.signature import stratified_folds

TOLERANCE = 1e-6  # of libsvm's solution; its default of 1e-3 moves decision values in the third digit


class SupportVectorModel(ClassifierMixin, BaseEstimator):
    """Support vector machine with a Gaussian kernel on standardised inputs, as e1071's ``svm`` by its defaults.

    The score is the decision value. Probabilities are Platt's sigmoid of it (Platt 1999, with the targets of Lin, Lin
    and Weng 2007), fitted to decision values of training patients by machines that did not see them: the machine's own
    decision values of its training patients lie too far apart. A sigmoid that would fall stays level, because a higher
    score never means a lower risk.

    Parameters
    ----------
    cost : float
        Price of a patient on the wrong side of the margin (C).
    gamma : float, optional
        Width of the kernel, exp(-gamma |a - b|^2); 1 / number of inputs when None, as in e1071.
    folds, seed : int
        Of the cross-fitting behind the sigmoid.

    Attributes
    ----------
    mean_, scale_ : ndarray, shape (inputs,)
        Training mean and standard deviation (n - 1) of every input; 1 where it is constant.
    machine_ : sklearn.svm.SVC
    slope_, offset_ : float
        Log odds = slope x decision value + offset.
    method_ : str
    """

    def __init__(self, *, cost=1.0, gamma=None, folds=5, seed=0):
        self.cost = cost
        self.gamma = gamma
        self.folds = folds
        self.seed = seed

    def fit(self, X, y, patients=None, held_out=None):
        """Fit the machine and its sigmoid.

        Parameters
        ----------
        X : ndarray, shape (patients, inputs)
        y : array of 0 and 1
        patients : Index, optional
            Who is in each row; folds keep the copies of a patient (bootstrap resample) together.
        held_out : array of float, optional
            Decision values by machines that did not see the patient, where a longer chain than this machine has made
            them; cross-fitted here when None.
        """
        X, y = validate_data(self, X, dtype=float), np.asarray(y, dtype=int)
        self.classes_ = np.array([0, 1])
        self.mean_, self.scale_, self.machine_ = self._machine(X, y)
        if held_out is None:
            held_out = self._cross_fitted(X, pd.Series(y, range(len(y)) if patients is None else patients))
        self.slope_, self.offset_ = platt_sigmoid(np.asarray(held_out, dtype=float), y)
        self.method_ = "support vector machine"
        return self

    def _machine(self, X, y):
        spread = X.std(axis=0, ddof=1)
        mean, scale = X.mean(axis=0), np.where(np.ptp(X, axis=0) > 0, spread, 1.0)
        gamma = 1 / X.shape[1] if self.gamma is None else self.gamma
        return mean, scale, SVC(C=self.cost, gamma=gamma, tol=TOLERANCE).fit((X - mean) / scale, y)

    def _cross_fitted(self, X, outcome):
        number = stratified_folds(outcome, folds=self.folds, seed=self.seed).to_numpy()
        values = np.full(len(X), np.nan)
        for fold in np.unique(number):
            out = number == fold
            mean, scale, machine = self._machine(X[~out], outcome.to_numpy()[~out])
            values[out] = machine.decision_function((X[out] - mean) / scale)
        return values

    def decision_function(self, X):
        """Decision value: distance from the boundary in margins; above 0 on the side of the event."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=float)
        return self.machine_.decision_function((X - self.mean_) / self.scale_)

    def predict_proba(self, X):
        """Probabilities of 0 and 1."""
        risk = expit(self.slope_ * self.decision_function(X) + self.offset_)
        return np.column_stack([1 - risk, risk])

    def predict(self, X):
        """Class by the side of the boundary."""
        return (self.decision_function(X) > 0).astype(int)


def platt_sigmoid(values, y):
    """Return slope and offset of the log odds that fit decision values best; slope 0 where it would be negative.

    Instead of 1 and 0 the targets are (n1 + 1) / (n1 + 2) and 1 / (n0 + 2), so that a solution exists also where the
    values separate the classes (Platt 1999, equation 4; Lin, Lin and Weng 2007, Mach Learn 68:267).
    """
    events = int(y.sum())
    targets = np.where(y == 1, (events + 1) / (events + 2), 1 / (len(y) - events + 2))
    level = float(logit(targets.mean()))
    if np.ptp(values) == 0:
        return 0.0, level
    offset, slope = maximise(np.column_stack([np.ones(len(y)), values]), targets, firth=False).beta
    return (float(slope), float(offset)) if slope > 0 else (0.0, level)
