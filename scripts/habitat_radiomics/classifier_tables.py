"""All classifiers of models that chose among several, beside each other, and what having chosen is worth."""

import numpy as np
import pandas as pd
from scipy import special

from habitat_radiomics.best_classifier import SCORE_OF
from habitat_radiomics.outcome import Discrimination
from habitat_radiomics.roc import auc_with_interval
from habitat_radiomics.validation import cohorts_of, combine_predictions

AREA_COLUMNS = ["model", "classifier", "cohort", "auc", "ci_low", "ci_high", "n", "events", "chosen"]
CHOICE_COLUMNS = ["scope", "candidates", "model", "classifier", "auc_chosen", "auc_largest", "auc_nested"]
CHOICE_COLUMNS += ["nested_low", "nested_high", "optimism", "optimism_largest", "n", "events"]
ALL = "all"  # scope of the choice among all models


def classifier_areas(name, fitted, scores, cross_validation, outcome, *, level):
    """Return the AUC (DeLong) of every classifier of one model in every cohort, AREA_COLUMNS.

    Parameters
    ----------
    name : str
        Of the model.
    fitted : Pipeline
        The model, which ends in a `BestClassifier`.
    scores : DataFrame
        See `model.score_table`, of all patients.
    cross_validation : DataFrame
        See `model.cross_validated_prediction`.
    outcome : DataFrame
        ``cohort`` and ``outcome`` by patient.
    """
    chosen, rows = fitted["estimator"].choice_, []
    for column in scores:
        tables = [table[[column]].set_axis(["score"], axis=1) for table in (scores, cross_validation)]
        predicted = combine_predictions(*tables, outcome, threshold=np.nan)
        kind = column.removeprefix(SCORE_OF)
        for cohort in cohorts_of(predicted):
            of_cohort = predicted[predicted["cohort"] == cohort]
            row = {"model": name, "classifier": kind, "cohort": cohort, "chosen": kind == chosen}
            rows.append(row | _area(of_cohort["outcome"], of_cohort["score"], level))
    return pd.DataFrame(rows)[AREA_COLUMNS]


def _area(outcome, score, level):
    found = auc_with_interval(outcome.to_numpy(dtype=int), score.to_numpy(dtype=float), level=level)
    limits = {"auc": found.auc, "ci_low": found.ci_low, "ci_high": found.ci_high}
    return {**limits, "n": len(outcome), "events": int(outcome.sum())}


def choice_table(areas, cross_validations, outcome, *, level):
    """Return what was chosen and how much better it looked than it is, by model and among all models together.

    ``auc_chosen`` is the AUC, in cross-validation on training patients, of the candidate that was chosen;
    ``auc_largest`` of the one that looked best. ``auc_nested`` is the AUC when the choice itself is repeated without
    the patients it is judged on: in every fold by the AUCs of an inner cross-validation. The differences are the
    optimism of having chosen (nested cross-validation; Varma and Simon 2006, BMC Bioinformatics 7:91). All three are
    means of the AUCs within the folds: folds may choose differently, and scores of different classifiers cannot be
    pooled without loss.

    Parameters
    ----------
    areas : DataFrame
        `classifier_areas` of all models.
    cross_validations : dict
        Model to its table of `model.cross_validated_prediction`; all on the same folds.
    outcome : Series
        0 or 1, by patient.

    Returns
    -------
    DataFrame
        CHOICE_COLUMNS; scope is a model, or ALL in the last row where there are several models.
    """
    candidates = areas[areas["cohort"] == "train_cv"].copy()
    candidates["auc_within"] = [
        fold_auc(outcome, cross_validations[row.model], f"{SCORE_OF}{row.classifier}", level).estimate
        for row in candidates.itertuples()
    ]
    rows = [
        _choice_row(name, candidates[candidates["model"] == name], fold_auc(outcome, table, "score", level))
        for name, table in cross_validations.items()
    ]
    if len(cross_validations) > 1:
        nested = fold_auc(outcome, repeated_choice(cross_validations), "score", level)
        rows.append(_choice_row(ALL, candidates, nested))
    judged = outcome.loc[next(iter(cross_validations.values())).index]
    sizes = {"n": len(judged), "events": int(judged.sum())}
    return pd.DataFrame(rows).assign(**sizes)[CHOICE_COLUMNS]


def _choice_row(scope, candidates, nested):
    best = candidates[candidates["chosen"]].sort_values("auc", ascending=False, kind="stable").iloc[0]
    largest = candidates["auc_within"].max()
    return {
        "scope": scope,
        "candidates": len(candidates),
        "model": best["model"],
        "classifier": best["classifier"],
        "auc_chosen": best["auc_within"],
        "auc_largest": largest,
        "auc_nested": nested.estimate,
        "nested_low": nested.ci_low,
        "nested_high": nested.ci_high,
        "optimism": best["auc_within"] - nested.estimate,
        "optimism_largest": largest - nested.estimate,
    }


def fold_auc(outcome, table, column, level):
    """Mean of the AUCs within the folds, with the interval of DeLong's variances within them (`Discrimination`).

    The folds count as independent, although their training patients overlap: the interval is a little too short.
    """
    parts = [
        auc_with_interval(outcome.loc[rows.index].to_numpy(dtype=int), rows[column].to_numpy(dtype=float))
        for _, rows in table.groupby("fold")
    ]
    estimate = float(np.mean([part.auc for part in parts]))
    error = np.sqrt(np.sum([part.variance for part in parts])) / len(parts)
    half = float(special.ndtri((1 + level) / 2) * error)
    return Discrimination(estimate, max(estimate - half, 0.0), min(estimate + half, 1.0))


def repeated_choice(cross_validations):
    """Return fold and score of the model that, in each fold, looked best to the patients of its fit.

    Raises
    ------
    ValueError
        If the models were cross-validated on different folds.
    """
    folds = pd.DataFrame({name: table["fold"] for name, table in cross_validations.items()})
    if folds.nunique(axis=1, dropna=False).gt(1).any():
        raise ValueError("models were cross-validated on different folds; their choice cannot be repeated together.")
    looked = pd.DataFrame({name: table["choice_auc"] for name, table in cross_validations.items()})
    best = looked.round(12).idxmax(axis=1)
    scores = [cross_validations[best[patient]].at[patient, "score"] for patient in best.index]
    return pd.DataFrame({"fold": folds.iloc[:, 0], "score": scores})
