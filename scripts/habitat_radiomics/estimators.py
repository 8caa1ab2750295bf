"""Estimators a model may end in. One more needs an entry here, in `estimator_words` and in the configuration's schema.

An estimator has ``fit(X, y)``, ``decision_function`` (the score; higher means a higher risk), ``predict_proba`` and,
after fitting, ``method_`` (how it was fitted, in words). Where it has coefficients it also has ``coef_``,
``intercept_`` and ``covariance_`` (intercept first), and gets odds ratios and a nomogram. Where its ``fit`` takes
``patients`` and ``held_out`` it calibrates its probabilities; see `model.fit_model`.
"""

from habitat_radiomics.logistic import LogisticModel
from habitat_radiomics.svm import SupportVectorModel

ESTIMATORS = {"logistic": LogisticModel, "svm": SupportVectorModel}
