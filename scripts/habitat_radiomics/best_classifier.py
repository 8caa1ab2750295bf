"""The best of several classifiers on the same inputs, chosen by cross-validation among the patients of the fit."""

import numpy as np
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from habitat_radiomics.classifiers import TunedClassifier
from habitat_radiomics.estimator_words import SIMPLICITY
from habitat_radiomics.roc import auc_with_interval

SCORE_OF = "score:"  # before the name of a classifier, in columns of held-out scores


class BestClassifier(ClassifierMixin, BaseEstimator):
    """The simplest of several classifiers whose cross-validated AUC is within one standard error of the largest.

    All are tuned, fitted and calibrated (see `TunedClassifier`) on the same folds, and kept, so that they can be shown
    beside the chosen one. The choice is part of the fit: cross-validation and resampling of a chain that holds it
    repeat it on the patients they are given, so that no performance owes anything to having chosen. The score is the
    calibrated log odds, which means the same whatever was chosen.

    Parameters
    ----------
    classifiers : sequence of str
        Names in `classifiers.CLASSIFIERS`.
    folds, seed : int
        Of the cross-validation, the same folds for every classifier.

    Attributes
    ----------
    fitted_ : list of TunedClassifier
        In the order of ``classifiers``.
    choice_ : str
    candidates_ : list of dict
        classifier, auc (of held-out scores), standard_error (DeLong), chosen.
    held_out_score_ : ndarray, shape (patients,)
        Held-out scores of the chosen one as log odds.
    method_ : str
    """

    def __init__(self, *, classifiers=SIMPLICITY, folds=5, seed=0):
        self.classifiers = classifiers
        self.folds = folds
        self.seed = seed

    @property
    def held_out_columns(self):
        """Columns of the held-out scores that `fit` takes, one for every classifier."""
        return [f"{SCORE_OF}{kind}" for kind in self.classifiers]

    def fit(self, X, y, patients=None, held_out=None, calibrate=True):
        """Fit all and choose.

        Parameters
        ----------
        X : ndarray, shape (patients, inputs)
        y : array of 0 and 1
        patients : Index, optional
            Who is in each row.
        held_out : array of float, shape (patients, classifiers), optional
            Scores by classifiers that did not see the patient; cross-fitted here when None.
        calibrate : bool
            False where only the scores of all are wanted; nothing is chosen then.
        """
        self.classes_ = np.array([0, 1])
        columns = [None] * len(self.classifiers) if held_out is None else np.asarray(held_out, dtype=float).T
        self.fitted_ = [
            TunedClassifier(kind=kind, folds=self.folds, seed=self.seed).fit(X, y, patients, values, calibrate)
            for kind, values in zip(self.classifiers, columns, strict=True)
        ]
        if calibrate:
            self._choose(np.asarray(y, dtype=int))
        return self

    def _choose(self, y):
        areas = [auc_with_interval(y, fitted.held_out_) for fitted in self.fitted_]
        self.candidates_ = [
            {"classifier": kind, "auc": area.auc, "standard_error": float(np.sqrt(area.variance))}
            for kind, area in zip(self.classifiers, areas, strict=True)
        ]
        self.choice_ = simplest_within_one_error(self.candidates_)
        for row in self.candidates_:
            row["chosen"] = row["classifier"] == self.choice_
        best = self._best()
        self.held_out_score_ = best.slope_ * best.held_out_ + best.offset_
        self.method_ = f"{best.method_}, chosen of {len(self.classifiers)} classifiers"

    def _best(self):
        return self.fitted_[list(self.classifiers).index(self.choice_)]

    def candidate_scores(self, X):
        """Score of every classifier, shape (patients, classifiers), each on its own scale."""
        check_is_fitted(self)
        return np.column_stack([fitted.decision_function(X) for fitted in self.fitted_])

    def choice(self):
        """What was chosen and the cross-validated AUC it was chosen by, as columns of a table."""
        area = next(row["auc"] for row in self.candidates_ if row["chosen"])
        return {"choice": self.choice_, "choice_auc": area}

    def standardised_coefficients(self):
        """Those of the chosen classifier, see `TunedClassifier.standardised_coefficients`."""
        return self._best().standardised_coefficients()

    def decision_function(self, X):
        """Calibrated log odds of the chosen classifier."""
        check_is_fitted(self, "choice_")
        return self._best().log_odds(X)

    def predict_proba(self, X):
        """Probabilities of 0 and 1."""
        risk = expit(self.decision_function(X))
        return np.column_stack([1 - risk, risk])

    def predict(self, X):
        """Class with the larger probability."""
        return (self.decision_function(X) > 0).astype(int)


def simplest_within_one_error(candidates):
    """Return the simplest classifier whose AUC reaches the largest less the standard error of that one.

    The order is `estimator_words.SIMPLICITY` (one-standard-error rule: Breiman et al. 1984, Classification and
    Regression Trees, section 3.4.3).

    Parameters
    ----------
    candidates : list of dict
        classifier, auc, standard_error (NaN counts as 0).
    """
    best = max(candidates, key=lambda row: (round(row["auc"], 12), -SIMPLICITY.index(row["classifier"])))
    limit = best["auc"] - np.nan_to_num(best["standard_error"])
    near = [row["classifier"] for row in candidates if row["auc"] >= limit - 1e-12]
    return min(near, key=SIMPLICITY.index)
