"""Models: signature scores and clinical variables into one estimator, fitted on training patients."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from habitat_radiomics.collinearity import generalised_vif
from habitat_radiomics.leakage import digests
from habitat_radiomics.logistic import LogisticModel
from habitat_radiomics.signature import cross_fitted_scores, fit_signature, signature_score, stratified_folds

ESTIMATORS = {"logistic": LogisticModel}


class PredictorEncoder(TransformerMixin, BaseEstimator):
    """Scores as they are, numbers with missing values filled by the training median, categories as indicators.

    Parameters
    ----------
    scores : list of str
        Columns that hold signature scores.
    variables : dict
        Clinical variable to ``{"type": "number"}`` or ``{"type": "category", "levels": [...]}``; the first level is
        the reference. A missing category becomes the most frequent training level.

    Attributes
    ----------
    names_ : list of str
        Columns of the design matrix, for example ``sex=M``.
    fill_ : dict
        Value that stands for a missing one.
    """

    def __init__(self, scores=(), variables=None):
        self.scores = scores
        self.variables = variables

    def fit(self, X, y=None):
        numbers = [name for name, variable in self.variables.items() if variable["type"] == "number"]
        empty = [name for name in self.variables if X[name].isna().all()]
        if empty:
            raise ValueError(
                f"clinical variable {empty[0]} is missing in every training patient. Leave it out of the model."
            )
        self.fill_ = {
            name: float(X[name].median())
            if name in numbers
            else _most_frequent(X[name], self.variables[name]["levels"])
            for name in self.variables
        }
        self.names_ = [*self.scores, *(column for name in self.variables for column in self._columns(name))]
        return self

    def transform(self, X):
        check_is_fitted(self)
        parts = [X[list(self.scores)].to_numpy(dtype=float)]
        for name, variable in self.variables.items():
            values = X[name].where(X[name].notna(), self.fill_[name])
            if variable["type"] == "number":
                parts.append(values.to_numpy(dtype=float)[:, None])
            else:
                parts.append(np.column_stack([values == level for level in variable["levels"][1:]]).astype(float))
        return np.column_stack(parts)

    def get_feature_names_out(self, input_features=None):
        """Columns of the design matrix."""
        return np.array(self.names_, dtype=object)

    def _columns(self, name):
        variable = self.variables[name]
        return [name] if variable["type"] == "number" else [f"{name}={level}" for level in variable["levels"][1:]]


def _most_frequent(values, levels):
    """Most frequent level; of equals the one named first."""
    counts = values.value_counts()
    return max(levels, key=lambda level: counts.get(level, 0))


def build_model(*, scores, variables, estimator):
    """Return the unfitted pipeline of a model (see `PredictorEncoder` and `ESTIMATORS`)."""
    encoder = PredictorEncoder(scores=list(scores), variables=variables)
    return Pipeline([("encoder", encoder), ("estimator", ESTIMATORS[estimator]())])


def fit_model(pipeline, predictors, outcome):
    """Fit a clone of the pipeline on training patients and note whom it saw.

    Parameters
    ----------
    predictors : DataFrame, patients x (scores and clinical variables)
    outcome : Series
        0 or 1 by patient, same index.
    """
    fitted = clone(pipeline).fit(predictors, outcome.to_numpy(dtype=int))
    fitted.fitted_on_ = digests(predictors.index)
    return fitted


def model_prediction(fitted, predictors):
    """Linear predictor and probability of the outcome for every patient (DataFrame ``score``, ``probability``)."""
    return pd.DataFrame(
        {"score": fitted.decision_function(predictors), "probability": fitted.predict_proba(predictors)[:, 1]},
        index=predictors.index,
    )


def model_coefficients(fitted):
    """Return log odds ratios with Wald intervals (95 %) and p values, the intercept first."""
    from scipy.stats import norm

    estimator = fitted["estimator"]
    table = pd.DataFrame({"predictor": ["(intercept)", *fitted["encoder"].names_]})
    table["coefficient"] = np.r_[estimator.intercept_, estimator.coef_[0]]
    table["standard_error"] = np.sqrt(np.diag(estimator.covariance_))
    half = norm.ppf(0.975) * table["standard_error"]
    table["odds_ratio"] = np.exp(table["coefficient"])
    table["odds_ratio_low"] = np.exp(table["coefficient"] - half)
    table["odds_ratio_high"] = np.exp(table["coefficient"] + half)
    table["p_wald"] = 2 * norm.sf(np.abs(table["coefficient"] / table["standard_error"]))
    table["vif"] = variance_inflation(fitted)
    table["method"] = estimator.method_
    return table


def variance_inflation(fitted):
    """Variance inflation factor of every coefficient, the levels of a category as one term; NaN for the intercept."""
    owners = [name.partition("=")[0] for name in fitted["encoder"].names_]
    return np.r_[np.nan, generalised_vif(fitted["estimator"].covariance_[1:, 1:], owners)["vif"].reindex(owners)]


@dataclass(frozen=True)
class FittedChain:
    """Fitted signatures of a model, and the model on their scores."""

    signatures: dict
    model: Pipeline

    def __call__(self, features, clinical):
        """Predict other patients, as `model_prediction`."""
        scores = {name: signature_score(fitted, features) for name, fitted in self.signatures.items()}
        return model_prediction(self.model, with_scores(clinical, scores))


def fit_chain(signatures, pipeline, *, features, clinical, outcome, scores, folds, repeats, seed):
    """Fit a whole chain, selection included: the signatures of a model, then the model on their scores.

    Parameters
    ----------
    signatures : dict
        Signature name to (unfitted pipeline, its feature columns).
    pipeline : Pipeline
        Unfitted model, see `build_model`.
    features, clinical : DataFrame
        Indexed by patient like ``outcome``; ``features`` may be None without signatures.
    scores : {"cross_fitted", "apparent"}
        Which training scores the model is fitted on.
    folds, repeats, seed : int
        Of the cross-fitting.

    Returns
    -------
    FittedChain
        To be called with features and clinical variables of other patients.
    """
    fitted, training = {}, {}
    resampling = {"folds": folds, "repeats": repeats, "seed": seed}
    for name, (signature, columns) in signatures.items():
        fitted[name] = fit_signature(signature, features[columns], outcome)
        if scores == "apparent":
            training[name] = signature_score(fitted[name], features)
        else:
            training[name] = cross_fitted_scores(signature, features[columns], outcome, **resampling)["score"]
    return FittedChain(fitted, fit_model(pipeline, with_scores(clinical, training), outcome))


def with_scores(clinical, scores):
    """Return clinical variables and signature scores side by side."""
    return clinical.assign(**scores)


def cross_validated_prediction(signatures, pipeline, *, features, clinical, outcome, scores, folds, repeats, seed):
    """Predict every training patient by a whole chain that did not see the patient (parameters as `fit_chain`).

    Returns
    -------
    DataFrame
        ``fold``, ``score`` and ``probability`` by patient.
    """
    number = stratified_folds(outcome, folds=folds, seed=seed)
    parts = []
    for fold in np.unique(number):
        held_out = number == fold
        predict = fit_chain(
            signatures,
            pipeline,
            features=None if features is None else features[~held_out],
            clinical=clinical[~held_out],
            outcome=outcome[~held_out],
            scores=scores,
            folds=folds,
            repeats=repeats,
            seed=seed,
        )
        parts.append(predict(None if features is None else features[held_out], clinical[held_out]).assign(fold=fold))
    return pd.concat(parts).reindex(outcome.index)[["fold", "score", "probability"]]
