"""Models: signature scores and clinical variables into one estimator, fitted on training patients."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted, has_fit_parameter

from habitat_radiomics.collinearity import column_vif
from habitat_radiomics.cox_predictor import hazard_ratio_table
from habitat_radiomics.estimators import ESTIMATORS
from habitat_radiomics.leakage import digests
from habitat_radiomics.outcome import fitted_outcome
from habitat_radiomics.signature import (
    cross_fitted_scores,
    fit_signature,
    selected_features,
    signature_score,
    stratified_folds,
)

OF_SIGNATURE = "/"  # between a signature and a feature it selected, in the columns of a model


class PredictorEncoder(TransformerMixin, BaseEstimator):
    """Scores as they are, numbers with missing values filled by the training median, categories as indicators.

    Parameters
    ----------
    signatures : list of str
        Signatures that enter; see `signature_values` for their columns.
    variables : dict
        Clinical variable to ``{"type": "number"}`` or ``{"type": "category", "levels": [...]}``; the first level is
        the reference. A missing category becomes the most frequent training level.
    inputs : {"scores", "features"}
        What enters of each signature: its score, or the features it selected.

    Attributes
    ----------
    columns_ : list of str
        Columns that come from signatures.
    names_ : list of str
        Columns of the design matrix, for example ``sex=M``.
    fill_ : dict
        Value that stands for a missing one.
    """

    def __init__(self, signatures=(), variables=None, inputs="scores"):
        self.signatures = signatures
        self.variables = variables
        self.inputs = inputs

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
        self.columns_ = [c for name in self.signatures for c in X.columns if c.partition(OF_SIGNATURE)[0] == name]
        self.names_ = [*self.columns_, *(column for name in self.variables for column in self._columns(name))]
        return self

    def transform(self, X):
        check_is_fitted(self)
        parts = [X[self.columns_].to_numpy(dtype=float)]
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


def build_model(
    *, signatures, variables, estimator, inputs="scores", folds=5, seed=0, horizons=(), times=(), classifiers=()
):
    """Return the unfitted pipeline of a model (see `PredictorEncoder` and `ESTIMATORS`).

    ``folds`` and ``seed`` are those of an estimator that calibrates its probabilities, ``horizons`` and ``times`` those
    of one that predicts survival, ``classifiers`` those of one that chooses among them; others do without.
    """
    encoder = PredictorEncoder(signatures=list(signatures), variables=variables, inputs=inputs)
    built = ESTIMATORS[estimator]()
    offered = {"folds": folds, "seed": seed, "horizons": tuple(horizons), "times": tuple(times)}
    if classifiers:
        offered["classifiers"] = tuple(classifiers)
    taken = {name: value for name, value in offered.items() if name in built.get_params()}
    return Pipeline([("encoder", encoder), ("estimator", built.set_params(**taken))])


def calibrates(pipeline):
    """Whether the estimator of a model fits its probabilities to decision values of patients it did not see."""
    return has_fit_parameter(pipeline["estimator"], "held_out")


def fit_model(pipeline, predictors, outcome, *, held_out=None, calibrated=True):
    """Fit a clone of the pipeline on training patients and note whom it saw.

    Parameters
    ----------
    predictors : DataFrame, patients x (scores or selected features, and clinical variables)
    outcome : Series or DataFrame
        0 or 1, or time and event, by patient, same index.
    held_out : Series or DataFrame, optional
        Score of every patient by chains that did not see the patient (see `held_out_scores`), for an estimator that
        calibrates its probabilities. Needed where features were selected on the same patients: see `needs_held_out`.
    calibrated : bool
        False where only scores are wanted, which spares the cross-fitting of an estimator that can do without.
    """
    extra = {"patients": predictors.index, "held_out": held_out} if calibrates(pipeline) else {}
    if has_fit_parameter(pipeline["estimator"], "calibrate"):
        extra["calibrate"] = calibrated
    extra = {f"estimator__{name}": value for name, value in extra.items()}
    fitted = clone(pipeline).fit(predictors, fitted_outcome(outcome), **extra)
    fitted.fitted_on_ = digests(predictors.index)
    return fitted


def model_prediction(fitted, predictors):
    """Score of every patient and what follows from it: DataFrame with the columns of `prediction_columns`."""
    estimator = fitted["estimator"]
    score = fitted.decision_function(predictors)
    of_time = hasattr(estimator, "predict_survival")
    others = fitted.predict(predictors) if of_time else fitted.predict_proba(predictors)[:, 1]
    return pd.DataFrame(np.column_stack([score, others]), columns=prediction_columns(fitted), index=predictors.index)


def held_out_scores(pipeline, table):
    """Return of a table of cross-validated predictions what calibrates a model: its scores (Series), or those of all
    classifiers it chooses from (DataFrame).
    """
    return table[getattr(pipeline["estimator"], "held_out_columns", "score")]


def score_table(fitted, predictors):
    """Scores that are there without calibration: the model's, or those of all classifiers it chooses from."""
    estimator = fitted["estimator"]
    if not hasattr(estimator, "candidate_scores"):
        return pd.DataFrame({"score": fitted.decision_function(predictors)}, index=predictors.index)
    scores = estimator.candidate_scores(fitted[:-1].transform(predictors))
    return pd.DataFrame(scores, columns=estimator.held_out_columns, index=predictors.index)


def cutoff_scores(fitted, predictors):
    """Training scores on which the cut-off is learnt: held-out ones where the estimator keeps them, else its own.

    A forest scores its own training patients almost as if it knew their outcome; a cut-off between such scores means
    nothing for other patients.
    """
    held_out = getattr(fitted["estimator"], "held_out_score_", None)
    return model_prediction(fitted, predictors)["score"] if held_out is None else pd.Series(held_out, predictors.index)


def predict_alone(fitted, predictors):
    """Predict every patient alone (columns as `model_prediction`): whoever else is predicted changes no digit then,
    also where an estimator multiplies matrices, whose last digit depends on their size.
    """
    return pd.concat([model_prediction(fitted, predictors.iloc[[row]]) for row in range(len(predictors))])


def prediction_columns(pipeline):
    """Return ``score`` and ``probability``, or ``score`` and the risks by horizon and survival by time."""
    return ["score", *getattr(pipeline["estimator"], "prediction_columns", ["probability"])]


def model_coefficients(fitted):
    """Return log odds ratios with Wald intervals (95 %) and p values, the intercept first; of Cox models hazard ratios.

    An estimator without coefficients gets a row for each input, without an intercept and without numbers but those of a
    penalised linear classifier: log odds per training standard deviation, which have no intervals.
    """
    from scipy.stats import norm

    estimator = fitted["estimator"]
    if hasattr(estimator, "predict_survival"):
        return hazard_ratio_table(estimator, fitted["encoder"].names_)
    if not hasattr(estimator, "coef_"):
        return _inputs_table(fitted)
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
    return table[COEFFICIENT_COLUMNS]


def _inputs_table(fitted):
    estimator, table = fitted["estimator"], dict.fromkeys(COEFFICIENT_COLUMNS, np.nan)
    found = getattr(estimator, "standardised_coefficients", lambda: None)()
    if found is not None:
        table |= {"coefficient": found, "odds_ratio": np.exp(found)}
    return pd.DataFrame({**table, "predictor": fitted["encoder"].names_, "method": estimator.method_})


COEFFICIENT_COLUMNS = ["predictor", "coefficient", "standard_error", "odds_ratio", "odds_ratio_low", "odds_ratio_high"]
COEFFICIENT_COLUMNS += ["p_wald", "vif", "method"]


def signature_values(name, fitted, features, inputs):
    """Return what enters a model of a signature: a column with its score, or one for each feature it selected.

    Features are named ``<signature>/<feature>`` and stand as the last step of the signature sees them. Where nothing
    was selected the score, the same for every patient, stands for them.
    """
    if inputs == "scores":
        return signature_score(fitted, features).to_frame(name)
    return named_features(name, selected_features(fitted, features))


def named_features(name, selected):
    """Name the selected features of a signature as a model knows them."""
    return selected.add_prefix(f"{name}{OF_SIGNATURE}")


def variance_inflation(fitted):
    """Variance inflation factor of every coefficient, the levels of a category as one term; NaN for the intercept."""
    owners = [name.partition("=")[0] for name in fitted["encoder"].names_]
    return np.r_[np.nan, column_vif(fitted["estimator"].covariance_[1:, 1:], owners)]


@dataclass(frozen=True)
class FittedChain:
    """Fitted signatures of a model, and the model on their scores or selected features."""

    signatures: dict
    model: Pipeline

    def __call__(self, features, clinical):
        """Predict other patients, as `model_prediction`."""
        return model_prediction(self.model, self.predictors(features, clinical))

    def held_out(self, features, clinical, *, calibrated):
        """Predict patients held out, all that their chains are asked for: predictions, and scores and choice of a
        model that chooses among classifiers; the scores alone where nothing was calibrated.
        """
        predictors, estimator = self.predictors(features, clinical), self.model["estimator"]
        if not calibrated:
            return score_table(self.model, predictors)
        predicted = model_prediction(self.model, predictors)
        if not hasattr(estimator, "candidate_scores"):
            return predicted
        return pd.concat([predicted, score_table(self.model, predictors)], axis=1).assign(**estimator.choice())

    def predictors(self, features, clinical):
        """What the model is given of other patients: scores or selected features, and clinical variables."""
        inputs = self.model["encoder"].inputs
        values = [signature_values(name, fitted, features, inputs) for name, fitted in self.signatures.items()]
        return beside(clinical, values)


def fit_chain(signatures, pipeline, *, features, clinical, outcome, scores, folds, repeats, seed, calibrated=True):
    """Fit a whole chain, selection included: the signatures of a model, then the model on what they give.

    Parameters
    ----------
    signatures : dict
        Signature name to (unfitted pipeline, its feature columns).
    pipeline : Pipeline
        Unfitted model, see `build_model`.
    features, clinical : DataFrame
        Indexed by patient like ``outcome``; ``features`` may be None without signatures.
    scores : {"cross_fitted", "apparent"}
        Which training scores the model is fitted on. A model on selected features has no cross-fitted inputs, because
        each fold selects others; what is cross-fitted then is the whole chain, to calibrate the probabilities.
    folds, repeats, seed : int
        Of the cross-fitting.
    calibrated : bool
        False where only the score is wanted: spares the cross-fitting of a model on selected features.

    Returns
    -------
    FittedChain
        To be called with features and clinical variables of other patients.
    """
    resampling = {"folds": folds, "repeats": repeats, "seed": seed}
    inputs, fitted, training = pipeline["encoder"].inputs, {}, []
    for name, (signature, columns) in signatures.items():
        fitted[name] = fit_signature(signature, features[columns], outcome)
        if inputs == "scores" and scores == "cross_fitted":
            table = cross_fitted_scores(signature, features[columns], outcome, **resampling)
            training.append(table["score"].rename(name))
        else:
            training.append(signature_values(name, fitted[name], features, inputs))
    data = {"features": features, "clinical": clinical, "outcome": outcome, "scores": scores, **resampling}
    held_out = None
    if signatures and calibrated and scores == "cross_fitted" and needs_held_out(pipeline):
        held_out = held_out_scores(pipeline, _held_out_predictions(signatures, pipeline, data, calibrated=False))
    predictors = beside(clinical, training)
    return FittedChain(fitted, fit_model(pipeline, predictors, outcome, held_out=held_out, calibrated=calibrated))


def needs_held_out(pipeline):
    """Whether a model is calibrated on held-out scores of the whole chain: its features were selected on the same
    patients, so that the estimator's own cross-fitting would not hold them out.
    """
    return pipeline["encoder"].inputs == "features" and calibrates(pipeline)


def beside(clinical, values):
    """Return clinical variables and, beside them, what comes from signatures.

    In a resample, where patients occur several times, rows must be in the same order already.
    """
    if clinical.index.is_unique:
        return pd.concat([clinical, *(table.loc[clinical.index] for table in values)], axis=1)
    tables = [table.reset_index(drop=True) for table in (clinical, *values)]
    return pd.concat(tables, axis=1).set_axis(clinical.index)


def cross_validated_prediction(signatures, pipeline, *, features, clinical, outcome, scores, folds, repeats, seed):
    """Predict every training patient by a whole chain that did not see the patient (parameters as `fit_chain`).

    Returns
    -------
    DataFrame
        ``fold`` and what `FittedChain.held_out` says, by patient.
    """
    data = {"features": features, "clinical": clinical, "outcome": outcome, "scores": scores}
    data |= {"folds": folds, "repeats": repeats, "seed": seed}
    return _held_out_predictions(signatures, pipeline, data, calibrated=True)


def _held_out_predictions(signatures, pipeline, data, *, calibrated):
    parts, number = [], np.zeros(len(data["outcome"]), dtype=int)
    for fold, out, chain in cross_validated_chains(signatures, pipeline, data, calibrated=calibrated):
        predicted = chain.held_out(rows_of(data["features"], out), data["clinical"][out], calibrated=calibrated)
        parts.append(predicted.set_axis(np.flatnonzero(out)))
        number[out] = fold
    table = pd.concat(parts).sort_index()
    table.insert(0, "fold", number)
    return table.set_axis(data["outcome"].index)


def cross_validated_chains(signatures, pipeline, data, *, calibrated=True):
    """Yield the number of every fold, who is in it (mask of patients), and the chain fitted without them.

    Parameters
    ----------
    signatures, pipeline
        As `fit_chain`.
    data : dict
        The other parameters of `fit_chain`.
    """
    number = stratified_folds(data["outcome"], folds=data["folds"], seed=data["seed"]).to_numpy()
    for fold in np.unique(number):
        out = number == fold
        fitted_on = {name: rows_of(data[name], ~out) for name in ("features", "clinical", "outcome")}
        yield fold, out, fit_chain(signatures, pipeline, **{**data, **fitted_on}, calibrated=calibrated)


def rows_of(table, mask):
    """Rows of a table; None of none."""
    return None if table is None else table[mask]
