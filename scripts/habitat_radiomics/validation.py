"""Measures of every model in every cohort, and tests between models, from stored predictions alone."""

import numpy as np
import pandas as pd

from habitat_radiomics import roc
from habitat_radiomics.cox_predictor import SURVIVAL
from habitat_radiomics.cutoff import risk_groups

COHORT_ORDER = ("train", "train_cv", "internal", "external")


def combine_predictions(prediction, cross_validation, outcome, *, threshold):
    """Stack predictions of all cohorts, the cross-validated training ones as cohort ``train_cv``.

    Parameters
    ----------
    prediction, cross_validation : DataFrame
        As `model.model_prediction`, by patient; survival over times is left out, see `combine_survival`.
    outcome : DataFrame
        ``cohort`` and ``outcome`` (or ``time`` and ``event``) by patient.
    threshold : float
        Cut-off on the score, learnt on training patients; from it on the group is ``high``. NaN: no group.
    """
    kept = [column for column in prediction if not column.startswith(SURVIVAL)]
    table = _stacked(prediction[kept], cross_validation[kept], outcome)
    table["group"] = risk_groups(outcome, table["score"], threshold)
    return table


def combine_survival(prediction, cross_validation, outcome):
    """Stack predicted survival of all cohorts: patient, cohort, and a column for every time (parameters as above)."""
    times = [column for column in prediction if column.startswith(SURVIVAL)]
    table = _stacked(prediction[times], cross_validation[times], outcome[["cohort"]])
    return table.rename(columns=lambda name: name.removeprefix(SURVIVAL))


def patient_predictions(prediction, *, threshold, survival):
    """Return predictions as given to whoever asked for them: patient, score, probability (or risks), group.

    Parameters
    ----------
    prediction : DataFrame
        As `model.model_prediction`.
    threshold : float
        As `combine_predictions`.
    survival : bool
        Whether the outcome is of times, which says on which side of the cut-off its own value lies.
    """
    table = prediction[[column for column in prediction if not column.startswith(SURVIVAL)]]
    group = risk_groups(["event"] if survival else ["outcome"], table["score"], threshold)
    return table.assign(group=group).reset_index(names="patient")


def patient_survival(prediction):
    """Return the predicted survival of patients: patient, and a column for every time."""
    times = [column for column in prediction if column.startswith(SURVIVAL)]
    table = prediction[times].rename(columns=lambda name: name.removeprefix(SURVIVAL))
    return table.reset_index(names="patient")


def judged_predictions(predictions, outcome):
    """Return the predictions of those whose outcome is known, with cohort and outcome, as `combine_predictions`.

    Parameters
    ----------
    predictions : DataFrame
        See `patient_predictions` or `patient_survival`.
    outcome : DataFrame
        ``cohort`` and what is to stand between cohort and prediction, by patient.
    """
    known = outcome.dropna()
    rows = predictions[predictions["patient"].isin(known.index)]
    return known.loc[rows["patient"]].reset_index().join(rows.drop(columns="patient").reset_index(drop=True))


def _stacked(prediction, cross_validation, outcome):
    everyone = outcome.loc[prediction.index].join(prediction)
    resampled = outcome.loc[cross_validation.index].assign(cohort="train_cv").join(cross_validation)
    table = pd.concat([everyone, resampled])
    rank = table["cohort"].map(COHORT_ORDER.index)
    return table.iloc[np.argsort(rank, kind="stable")].reset_index(names="patient")


def cohorts_of(predictions):
    """Return the cohorts of a table of predictions, in the order of every table and figure."""
    return [cohort for cohort in COHORT_ORDER if (predictions["cohort"] == cohort).any()]


def cohort_metrics(predictions, *, threshold, level, proportion_method):
    """Return AUC (DeLong) and the proportions at the cut-off, one row each, for one model in one cohort.

    Columns: metric, estimate, ci_low, ci_high, k, n, events, method, note.
    """
    y, score = predictions["outcome"].to_numpy(dtype=int), predictions["score"].to_numpy(dtype=float)
    area = roc.auc_with_interval(y, score, level=level)
    first = {"metric": "auc", "estimate": area.auc, "ci_low": area.ci_low, "ci_high": area.ci_high}
    first = pd.DataFrame([{**first, "n": len(y), "method": "DeLong", "reason": ""}])
    table = roc.classification_at(y, score, threshold, level=level, method=proportion_method)
    metrics = pd.concat([first, table], ignore_index=True).rename(columns={"reason": "note"})
    return metrics.assign(k=metrics["k"].astype("Int64"), events=int(y.sum()))


def all_metrics(predictions, cutoffs, *, level, proportion_method):
    """Return the long table of metrics: model x cohort x metric.

    Parameters
    ----------
    predictions : dict
        Model name to its table of `combine_predictions`.
    cutoffs : dict
        Model name to its cut-off on the score.
    """
    parts = []
    for model, table in predictions.items():
        for cohort in cohorts_of(table):
            chosen = table[table["cohort"] == cohort]
            metrics = cohort_metrics(chosen, threshold=cutoffs[model], level=level, proportion_method=proportion_method)
            parts.append(metrics.assign(model=model, cohort=cohort))
    columns = ["model", "cohort", "metric", "estimate", "ci_low", "ci_high", "k", "n", "events", "method", "note"]
    return pd.concat(parts, ignore_index=True).reindex(columns=columns)


def all_comparisons(predictions, *, reference, level, pairs=()):
    """Return DeLong's paired test of every model against the reference, in every cohort.

    Parameters
    ----------
    predictions : dict
        As `all_metrics`.
    reference : str
    level : float
    pairs : iterable of (str, str)
        Further tests: a model, and the one it is compared with.
    """
    asked = [(model, reference) for model in predictions if model != reference]
    asked += [pair for pair in map(tuple, pairs) if pair not in asked]
    rows = [row for pair in asked for row in _comparisons(predictions, *pair, level)]
    return pd.DataFrame(rows, columns=COMPARISON_COLUMNS)


def _comparisons(predictions, model, reference, level):
    """Rows of one pair of models, a row for each cohort."""
    table, theirs = predictions[model], predictions[reference].set_index(["cohort", "patient"])
    for cohort in cohorts_of(table):
        ours = table[table["cohort"] == cohort].set_index("patient")
        other = theirs.loc[cohort, "score"].loc[ours.index]
        test = roc.delong_test(ours["outcome"], ours["score"], other, level=level)
        measured = {"difference": test.difference, "ci_low": test.ci_low, "ci_high": test.ci_high}
        measured |= {"z": test.statistic, "p": test.p}
        yield {"model": model, "reference": reference, "cohort": cohort, "n": len(ours), **measured}


def model_table(metrics, comparisons, *, reference):
    """Return the table that papers print: a row for each cohort and model, its measures side by side.

    Parameters
    ----------
    metrics : DataFrame
        See `all_metrics`.
    comparisons : DataFrame
        See `all_comparisons`; of its tests those against the reference.

    Returns
    -------
    DataFrame
        cohort, model, n, events; `TABLE_METRICS`, each with ``_low`` and ``_high``; ``difference`` of the AUC from the
        reference and ``p_delong``, both empty for the reference itself.
    """
    keys = ["cohort", "model"]
    table = metrics[metrics["metric"] == "auc"][[*keys, "n", "events"]].reset_index(drop=True)
    for metric in TABLE_METRICS:
        names = {"estimate": metric, "ci_low": f"{metric}_low", "ci_high": f"{metric}_high"}
        chosen = metrics[metrics["metric"] == metric].rename(columns=names)
        table = table.merge(chosen[[*keys, *names.values()]], on=keys, how="left")
    tests = comparisons[comparisons["reference"] == reference].rename(columns={"p": "p_delong"})
    table = table.merge(tests[[*keys, "difference", "p_delong"]], on=keys, how="left").assign(reference=reference)
    return table.sort_values("cohort", key=lambda c: c.map(COHORT_ORDER.index), kind="stable", ignore_index=True)


TABLE_METRICS = ("auc", "accuracy", "sensitivity", "specificity")


COMPARISON_COLUMNS = ["model", "reference", "cohort", "n", "difference", "ci_low", "ci_high", "z", "p"]
