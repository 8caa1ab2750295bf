"""Permutation importance of a model's inputs, in patients that the model has not seen.

One input at a time is dealt out anew among the patients of a cohort; the fall of the AUC is what rests on it (Breiman
2001, Mach Learn 45:5, section 10; on held-out patients, because a flexible model may lean on noise in its own).
"""

import zlib

import numpy as np
import pandas as pd

from habitat_radiomics.model import cross_validated_chains, model_prediction, rows_of
from habitat_radiomics.roc import auc

COLUMNS = ["cohort", "predictor", "auc", "fall", "lowest", "highest", "folds", "n", "events"]
MIDDLE = (2.5, 97.5)  # percentiles of the permutations


def cohort_importance(fitted, predictors, outcome, *, cohort, permutations, seed):
    """Return the importance of every input of a fitted model in one cohort, COLUMNS, the largest first.

    Parameters
    ----------
    fitted : Pipeline
        See `model.fit_model`.
    predictors : DataFrame
        What the model takes, of the patients of the cohort.
    outcome : Series of 0 and 1
    permutations : int
        How often every input is dealt out anew.

    Returns
    -------
    DataFrame
        ``fall`` is the mean, ``lowest`` and ``highest`` the middle 95 % over the permutations; ``folds`` is NaN.
    """
    score = model_prediction(fitted, predictors)["score"].to_numpy()
    dealt = _dealt_scores(fitted, predictors, permutations, seed)
    return _table(outcome, score, dealt, cohort, dict.fromkeys(dealt, np.nan))


def cross_validated_importance(signatures, pipeline, data, *, permutations):
    """Return the importance of every input of the chains of a cross-validation, on the patients each did not see.

    Every fold selects its own features. One that a fold did not select changes nothing there; ``folds`` counts those
    that used it.

    Parameters
    ----------
    signatures, pipeline, data
        As `model.cross_validated_chains`.
    """
    score, dealt, used = np.full(len(data["outcome"]), np.nan), {}, {}
    for _, out, chain in cross_validated_chains(signatures, pipeline, data):
        predictors = chain.predictors(rows_of(data["features"], out), data["clinical"][out])
        score[out] = model_prediction(chain.model, predictors)["score"]
        for name, scores in _dealt_scores(chain.model, predictors, permutations, data["seed"]).items():
            dealt.setdefault(name, np.full((permutations, len(score)), np.nan))[:, out] = scores
            used[name] = used.get(name, 0) + 1
    filled = {name: np.where(np.isnan(scores), score, scores) for name, scores in dealt.items()}
    return _table(data["outcome"], score, filled, "train_cv", used)


def model_inputs_of(fitted):
    """Columns that a fitted model takes: of signatures, then clinical variables."""
    encoder = fitted["encoder"]
    return [*encoder.columns_, *encoder.variables]


def _dealt_scores(fitted, predictors, permutations, seed):
    """Scores with each input dealt out anew: name to array (permutations, patients)."""
    return {name: _dealt(fitted, predictors, name, permutations, seed) for name in model_inputs_of(fitted)}


def _dealt(fitted, predictors, name, permutations, seed):
    """All permutations of one input are predicted at once: the patients below each other, again and again."""
    random = np.random.default_rng([seed, zlib.crc32(name.encode())])
    order = np.concatenate([random.permutation(len(predictors)) for _ in range(permutations)])
    repeated = pd.concat([predictors] * permutations, ignore_index=True)
    repeated[name] = predictors[name].to_numpy()[order]
    return model_prediction(fitted, repeated)["score"].to_numpy().reshape(permutations, len(predictors))


def _table(outcome, score, dealt, cohort, folds):
    y = outcome.to_numpy(dtype=int)
    whole = auc(y, score)
    rows = []
    for name, scores in dealt.items():
        falls = whole - np.array([auc(y, permuted) for permuted in scores])
        lowest, highest = np.percentile(falls, MIDDLE)
        measured = {"auc": whole, "fall": falls.mean(), "lowest": lowest, "highest": highest, "folds": folds[name]}
        rows.append({"cohort": cohort, "predictor": name, **measured, "n": len(y), "events": int(y.sum())})
    table = pd.DataFrame(rows, columns=COLUMNS)
    return table.sort_values("fall", ascending=False, kind="stable", ignore_index=True)
