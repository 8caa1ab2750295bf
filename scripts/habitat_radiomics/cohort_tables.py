"""Calibration, decision curves and other measures of every model in every cohort, from stored predictions alone."""

import pandas as pd

from habitat_radiomics.calibration import calibration_summary
from habitat_radiomics.decision_curve import threshold_grid
from habitat_radiomics.figures_calibration import calibration_table
from habitat_radiomics.figures_decision import decision_table
from habitat_radiomics.precision_recall import average_precision
from habitat_radiomics.reclassification import categorical_nri, continuous_nri, idi
from habitat_radiomics.validation import cohorts_of

FITTED_ON = "train"  # the cohort whose patients the models were fitted on


def each_cohort(predictions, measure):
    """Return the tables of ``measure(cohort)`` for all cohorts below each other, the cohort in the first column.

    Parameters
    ----------
    predictions : dict
        Model name to its stored predictions.
    """
    tables = {cohort: measure(cohort) for cohort in cohorts_of(pd.concat(predictions.values()))}
    filled = [table.assign(cohort=cohort) for cohort, table in tables.items() if len(table)]
    empty = [table.assign(cohort="") for table in tables.values()][:1]
    table = pd.concat(filled or empty, ignore_index=True)
    return table[["cohort", *table.columns.drop("cohort")]]


def calibration_measures(predictions, *, level, groups):
    """Return `calibration.calibration_summary` of every model in every cohort.

    The Hosmer-Lemeshow test counts degrees of freedom for patients the model was fitted on only where it was.
    """

    def of_cohort(cohort):
        parts = []
        for model, table in predictions.items():
            chosen = table[table["cohort"] == cohort]
            if len(chosen):
                y, p = chosen["outcome"].to_numpy(dtype=int), chosen["probability"].to_numpy(dtype=float)
                summary = calibration_summary(y, p, level=level, groups=groups, external=cohort != FITTED_ON)
                parts.append(summary.assign(model=model, n=len(y), events=int(y.sum())))
        table = pd.concat(parts, ignore_index=True)
        return table[["model", *table.columns.drop(["model", "n", "events"]), "n", "events"]]

    return each_cohort(predictions, of_cohort)


def calibration_curves(predictions, *, resamples, seed, level, corrected=None):
    """Return the calibration curves of every model in every cohort with their bands.

    Parameters
    ----------
    resamples, seed, level
        Of the bands.
    corrected : dict, optional
        Model name to its curve corrected for optimism (at, corrected), which belongs to the training patients.
    """

    def of_cohort(cohort):
        known = corrected if cohort == FITTED_ON else None
        return calibration_table(predictions, cohort, resamples=resamples, seed=seed, level=level, corrected=known)

    return each_cohort(predictions, of_cohort)


def decision_curves(predictions, *, thresholds, resamples, seed, level):
    """Return the decision curves of all models and of treating all or none in every cohort, with their bands.

    Parameters
    ----------
    thresholds : (float, float)
        Smallest and largest threshold probability, one per cent apart.
    """
    grid = threshold_grid(*thresholds)
    return each_cohort(
        predictions,
        lambda cohort: decision_table(
            predictions, cohort, thresholds=grid, resamples=resamples, seed=seed, level=level
        ),
    )


def precision_table(predictions, *, level):
    """Return the average precision of every model in every cohort with both classes, beside the share of events."""

    def of_cohort(cohort):
        rows = []
        for model, table in predictions.items():
            chosen = table[table["cohort"] == cohort]
            if chosen["outcome"].nunique() == 2:
                measured = vars(average_precision(chosen["outcome"], chosen["score"], level=level))
                rows.append({"model": model, **measured, "n": len(chosen), "events": int(chosen["outcome"].sum())})
        return pd.DataFrame(rows, columns=PRECISION_COLUMNS)

    return each_cohort(predictions, of_cohort)


def reclassification(predictions, *, reference, model, cutoffs, level):
    """Return NRI and IDI of a model over the reference in every cohort with both classes; see the module's warning.

    Parameters
    ----------
    cutoffs : list of float
        Limits between risk categories for the categorical NRI; empty for none.
    """

    def of_cohort(cohort):
        ours = predictions[model].query("cohort == @cohort").set_index("patient")
        if model == reference or ours["outcome"].nunique() < 2:
            return pd.DataFrame(columns=RECLASSIFICATION_COLUMNS)
        theirs = predictions[reference].query("cohort == @cohort").set_index("patient")["probability"]
        pair = (ours["outcome"], theirs.loc[ours.index], ours["probability"])
        parts = [continuous_nri(*pair, level=level), idi(*pair, level=level)]
        parts += [categorical_nri(*pair, cutoffs=cutoffs, level=level)] if cutoffs else []
        table = pd.concat(parts, ignore_index=True)
        sizes = {"n": len(ours), "events": int(ours["outcome"].sum())}
        return table.assign(model=model, reference=reference, **sizes)[RECLASSIFICATION_COLUMNS]

    return each_cohort(predictions, of_cohort)


PRECISION_COLUMNS = ["model", "estimate", "ci_low", "ci_high", "prevalence", "n", "events", "reason"]
RECLASSIFICATION_COLUMNS = ["model", "reference", "metric", "estimate", "standard_error", "ci_low", "ci_high"]
RECLASSIFICATION_COLUMNS += ["z", "p", "n", "events", "note"]
