"""Measures of every model in every cohort, and tests between models, from stored predictions alone."""

import numpy as np
import pandas as pd

from habitat_radiomics import roc

COHORT_ORDER = ("train", "train_cv", "internal", "external")
PROPORTIONS = ("accuracy", "sensitivity", "specificity", "ppv", "npv")


def combine_predictions(prediction, cross_validation, outcome, *, threshold):
    """Stack predictions of all cohorts, the cross-validated training ones as cohort ``train_cv``.

    Parameters
    ----------
    prediction, cross_validation : DataFrame
        ``score`` and ``probability`` by patient.
    outcome : DataFrame
        ``cohort`` and ``outcome`` by patient.
    threshold : float
        Cut-off on the score, learnt on training patients; above it the group is ``high``.
    """
    everyone = outcome.loc[prediction.index].join(prediction)
    resampled = (
        outcome.loc[cross_validation.index].assign(cohort="train_cv").join(cross_validation.drop(columns="fold"))
    )
    table = pd.concat([everyone, resampled])
    table["group"] = np.where(table["score"] > threshold, "high", "low")
    rank = table["cohort"].map(COHORT_ORDER.index)
    return table.iloc[np.argsort(rank, kind="stable")].reset_index(names="patient")


def cohort_metrics(predictions, *, threshold, level, proportion_method):
    """Return AUC (DeLong) and the proportions at the cut-off, one row each, for one model in one cohort.

    Columns: metric, estimate, ci_low, ci_high, k, n, events, method, note.
    """
    y, score = predictions["outcome"].to_numpy(dtype=int), predictions["score"].to_numpy(dtype=float)
    events = int(y.sum())
    estimate, low, high = roc.auc_with_interval(y, score, level=level)
    rows = [dict(metric="auc", estimate=estimate, ci_low=low, ci_high=high, n=len(y), method="DeLong")]
    table = roc.classification_at(y, score, threshold, level=level, method=proportion_method)
    for name in PROPORTIONS:
        rows.append({"metric": name, "method": proportion_method, **table[name]})
    return pd.DataFrame(rows).assign(events=events)


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
        for cohort in [name for name in COHORT_ORDER if name in set(table["cohort"])]:
            chosen = table[table["cohort"] == cohort]
            metrics = cohort_metrics(chosen, threshold=cutoffs[model], level=level, proportion_method=proportion_method)
            parts.append(metrics.assign(model=model, cohort=cohort))
    columns = ["model", "cohort", "metric", "estimate", "ci_low", "ci_high", "k", "n", "events", "method", "note"]
    return pd.concat(parts, ignore_index=True).reindex(columns=columns)


def all_comparisons(predictions, *, reference, level):
    """Return DeLong's paired test of every model against the reference, in every cohort."""
    rows = []
    for model, table in predictions.items():
        for cohort in [name for name in COHORT_ORDER if name in set(table["cohort"])] if model != reference else []:
            ours = table[table["cohort"] == cohort].set_index("patient")
            theirs = predictions[reference].query("cohort == @cohort").set_index("patient").loc[ours.index]
            test = roc.delong_test(
                ours["outcome"].to_numpy(int), ours["score"].to_numpy(), theirs["score"].to_numpy(), level=level
            )
            rows.append({"model": model, "reference": reference, "cohort": cohort, "n": len(ours), **test})
    return pd.DataFrame(rows, columns=["model", "reference", "cohort", "n", *COMPARISON_COLUMNS])


COMPARISON_COLUMNS = ("difference", "ci_low", "ci_high", "z", "p")
