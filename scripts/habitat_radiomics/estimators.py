"""Estimators a model may end in. One more needs an entry here, in `estimator_words` and in the configuration's schema.

An estimator has ``fit(X, y)``, ``decision_function`` (the score; higher means a higher risk), ``predict_proba`` and,
after fitting, ``method_`` (how it was fitted, in words). Where it has coefficients it also has ``coef_``,
``intercept_`` and ``covariance_`` (intercept first), and gets odds ratios and a nomogram. Where its ``fit`` takes
``patients`` and ``held_out`` it calibrates its probabilities; see `model.fit_model`. Where it keeps ``held_out_score_``
its cut-off is learnt on these. One that chooses among others has ``held_out_columns`` and ``candidate_scores`` too; see
`best_classifier`. An estimator of a survival outcome has ``predict`` and ``prediction_columns`` in place of
``predict_proba``; see `cox_predictor`.
"""

from functools import partial

from habitat_radiomics.best_classifier import BestClassifier
from habitat_radiomics.classifiers import CLASSIFIERS, TunedClassifier
from habitat_radiomics.cox_predictor import CoxPredictor
from habitat_radiomics.logistic import LogisticModel
from habitat_radiomics.svm import SupportVectorModel

ESTIMATORS = {
    "logistic": LogisticModel,
    "svm": SupportVectorModel,
    "cox": CoxPredictor,
    **{kind: partial(TunedClassifier, kind=kind) for kind in CLASSIFIERS},
    "best": BestClassifier,
}
