"""A signature that is the best of several, chosen by cross-validation among the patients it is fitted on."""

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from habitat_radiomics.outcome import discrimination_interval, events, measure_name, outcome_by_patient
from habitat_radiomics.signature import cross_fitted_scores, feature_columns, fit_signature, signature_score

CANDIDATE_COLUMNS = ["signature", "auc", "ci_low", "ci_high", "n", "events", "chosen"]


class BestSignature(BaseEstimator):
    """The candidate whose cross-fitted scores discriminate best (AUC or C), fitted anew to all; of equals the first.

    It is fitted like any other signature: cross-fitting, cross-validation and resampling of a chain that holds it
    repeat the choice on the patients they are given, so that no performance owes anything to having chosen.

    Parameters
    ----------
    candidates : list of (str, Pipeline, list of str)
        Name, unfitted signature and its columns of the features.
    folds, seed : int
        Of the cross-validation, the same folds for every candidate.

    Attributes
    ----------
    choice_ : str
        Name of the chosen candidate.
    chosen_ : Pipeline
        The fitted signature; its steps, coefficients and penalty path are those of this one.
    candidates_ : list of dict
        Rows of `candidate_table`.
    offered_ : int
        Number of different features of all candidates.
    feature_names_in_ : ndarray of str
        Columns that the chosen one needs.
    """

    def __init__(self, candidates=(), folds=5, seed=0):
        self.candidates = candidates
        self.folds = folds
        self.seed = seed

    def fit(self, X, y):
        """Choose and fit; ``X`` is a DataFrame by patient, who may occur several times (bootstrap resample)."""
        outcome = outcome_by_patient(y, X.index)
        self.candidates_ = [
            {"signature": name, **self._performance(pipeline, X[columns], outcome)}
            for name, pipeline, columns in self.candidates
        ]
        best = int(np.argmax([round(row[measure_name(outcome)], 12) for row in self.candidates_]))
        for position, row in enumerate(self.candidates_):
            row["chosen"] = position == best
        self.choice_, pipeline, columns = self.candidates[best]
        self.chosen_ = fit_signature(pipeline, X[columns], outcome)
        self.offered_ = len({column for _, _, columns in self.candidates for column in feature_columns(columns)})
        self.feature_names_in_ = np.array(columns, dtype=object)
        return self

    def _performance(self, pipeline, features, outcome):
        """AUC or C of the cross-fitted scores with its interval, which does not know of the choice."""
        scores = cross_fitted_scores(pipeline, features, outcome, folds=self.folds, repeats=1, seed=self.seed)
        found = discrimination_interval(outcome, scores["score"].to_numpy())
        limits = {measure_name(outcome): found.estimate, "ci_low": found.ci_low, "ci_high": found.ci_high}
        return {**limits, "n": len(outcome), "events": events(outcome)}

    def decision_function(self, X):
        """Score of the chosen signature."""
        check_is_fitted(self)
        return signature_score(self.chosen_, X).to_numpy()


def candidate_table(fitted):
    """Return the candidates of a fitted signature, CANDIDATE_COLUMNS (``c_index`` in place of ``auc`` for survival).

    No row for one that is no best of several.
    """
    rows = getattr(fitted, "candidates_", [])
    survival = any("c_index" in row for row in rows)
    return pd.DataFrame(rows, columns=["c_index" if survival and c == "auc" else c for c in CANDIDATE_COLUMNS])
