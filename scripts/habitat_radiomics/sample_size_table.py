"""Training patients of every model against those that it would have needed (Peduzzi 1996, Riley 2019)."""

import numpy as np
import pandas as pd

from habitat_radiomics.sample_size import cox_snell_from_auc, events_per_parameter, minimum_sample_size

INTERCEPT = "(intercept)"
NO_EXPECTATION = "the cross-validated AUC is not between 0.5 and 1"
COLUMNS = ["model", "n", "events", "parameters", "per_parameter", "candidates", "per_candidate"]
COLUMNS += ["auc", "needed_for_parameters", "needed_for_candidates", "note"]


def candidate_counts(coefficients, funnels):
    """Return for every model how many parameters could have entered: features offered to signatures, and the others.

    Parameters
    ----------
    coefficients : dict
        Model to ``train/<model>/coefficients.csv``.
    funnels : dict
        Signature to ``select/<signature>/funnel.csv``; a predictor with the name of a signature is its score, and
        ``<signature>/<feature>`` a feature that it selected.
    """
    offered = {name: int(funnel["features"].iloc[0]) for name, funnel in funnels.items()}
    return {model: _offered(predictors_of(table), offered) for model, table in coefficients.items()}


def predictors_of(coefficients):
    """Return the columns of a model's design matrix, from its stored table."""
    return [predictor for predictor in coefficients["predictor"] if predictor != INTERCEPT]


def _offered(predictors, offered):
    signatures = {name for predictor in predictors if (name := predictor.partition("/")[0]) in offered}
    others = [predictor for predictor in predictors if predictor.partition("/")[0] not in offered]
    return sum(offered[name] for name in signatures) + len(others)


def sample_size_table(metrics, coefficients, candidates):
    """Return one row a model: parameters, candidates, patients of the smaller class for each, and patients needed.

    Riley's criteria are evaluated at the AUC found by cross-validation: what would be needed to develop such a model.

    Parameters
    ----------
    metrics : DataFrame
        ``validate/metrics.csv``.
    coefficients : dict
        See `candidate_counts`.
    candidates : dict
        Model to its number of candidate parameters.
    """
    areas = metrics[metrics["metric"] == "auc"].set_index(["cohort", "model"])
    rows = [
        _row(model, len(predictors_of(table)), candidates[model], areas.loc[("train_cv", model)])
        for model, table in coefficients.items()
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def _row(model, parameters, candidates, area):
    n, events, auc = int(area["n"]), int(area["events"]), area["estimate"]
    known = 0.5 < auc < 1
    row = {"model": model, "n": n, "events": events, "parameters": parameters, "candidates": candidates, "auc": auc}
    row["per_parameter"], row["per_candidate"] = (
        events_per_parameter(events, n, count)[0] for count in (parameters, candidates)
    )
    row["needed_for_parameters"], row["needed_for_candidates"] = (
        _needed(auc, events / n, count) if known else np.nan for count in (parameters, candidates)
    )
    return row | {"note": "" if known else NO_EXPECTATION}


def _needed(auc, prevalence, parameters):
    expected = cox_snell_from_auc(auc, prevalence)
    return minimum_sample_size(prevalence=prevalence, parameters=parameters, cox_snell=expected).patients
