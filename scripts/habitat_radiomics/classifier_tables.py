"""All classifiers of models that chose among several, beside each other, and what having chosen is worth."""

import numpy as np
import pandas as pd

from habitat_radiomics.best_classifier import SCORE_OF
from habitat_radiomics.roc import auc_with_interval
from habitat_radiomics.validation import cohorts_of, combine_predictions

AREA_COLUMNS = ["model", "classifier", "cohort", "auc", "ci_low", "ci_high", "n", "events", "chosen"]
CHOICE_COLUMNS = ["scope", "candidates", "model", "classifier", "auc_chosen_by", "auc_largest", "auc_nested"]
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

    ``auc_chosen_by`` is the cross-validated AUC that made the choice, ``auc_largest`` that of the best of all
    candidates. ``auc_nested`` is the AUC when the choice itself is repeated without the patients it is judged on: in
    every fold of the cross-validation by the AUCs of an inner one. The differences are the optimism of having chosen
    (nested cross-validation; Varma and Simon 2006, BMC Bioinformatics 7:91).

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
    trained = areas[areas["cohort"] == "train_cv"]
    rows = [
        _choice_row(name, trained[trained["model"] == name], table["score"], outcome, level)
        for name, table in cross_validations.items()
    ]
    if len(cross_validations) > 1:
        rows.append(_choice_row(ALL, trained, repeated_choice(cross_validations), outcome, level))
    return pd.DataFrame(rows)[CHOICE_COLUMNS]


def _choice_row(scope, candidates, nested, outcome, level):
    best = candidates[candidates["chosen"]].sort_values("auc", ascending=False, kind="stable").iloc[0]
    measured = _area(outcome.loc[nested.index], nested, level)
    largest = candidates["auc"].max()
    return {
        "scope": scope,
        "candidates": len(candidates),
        "model": best["model"],
        "classifier": best["classifier"],
        "auc_chosen_by": best["auc"],
        "auc_largest": largest,
        "auc_nested": measured["auc"],
        "nested_low": measured["ci_low"],
        "nested_high": measured["ci_high"],
        "optimism": best["auc"] - measured["auc"],
        "optimism_largest": largest - measured["auc"],
        "n": measured["n"],
        "events": measured["events"],
    }


def repeated_choice(cross_validations):
    """Return the scores (log odds) of the model that, in each fold, looked best to the patients of its fit.

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
    return pd.Series([cross_validations[best[p]].at[p, "score"] for p in best.index], best.index, name="score")
