"""Training patients of every model against those that it would have needed (Peduzzi 1996, Riley 2019)."""

import numpy as np
import pandas as pd

from habitat_radiomics import sample_size_survival
from habitat_radiomics.sample_size import cox_snell_from_auc, minimum_sample_size
from habitat_radiomics.sample_size_survival import cox_snell_from_concordance

INTERCEPT = "(intercept)"
NO_EXPECTATION = "the cross-validated {} is not between 0.5 and 1"
LABELS = {"auc": "AUC", "c_index": "C-index"}
COLUMNS = ["model", "n", "events", "parameters", "per_parameter", "candidates", "per_candidate"]
COLUMNS += ["measure", "needed_for_parameters", "needed_for_candidates", "note"]


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

    def needed(auc, prevalence, parameters):
        expected = cox_snell_from_auc(auc, prevalence)
        return minimum_sample_size(prevalence=prevalence, parameters=parameters, cox_snell=expected).patients

    areas = metrics[metrics["metric"] == "auc"].assign(
        scarce=lambda rows: np.fmin(rows["events"], rows["n"] - rows["events"])
    )
    return _table(areas, "auc", coefficients, candidates, needed)


def survival_sample_size_table(metrics, coefficients, candidates, *, rate, follow_up, horizon):
    """Return the table of `sample_size_table` for times to an event: events for each parameter, at the C-index found.

    Parameters
    ----------
    metrics, coefficients, candidates
        See `sample_size_table`.
    rate, follow_up, horizon : float
        Of the training patients, see `sample_size_survival.minimum_sample_size`.
    """

    def needed(c_index, share, parameters):
        expected = cox_snell_from_concordance(c_index, share)
        if expected >= sample_size_survival.largest_cox_snell(share):
            return np.nan
        times = {"rate": rate, "follow_up": follow_up, "horizon": horizon}
        return sample_size_survival.minimum_sample_size(**times, parameters=parameters, cox_snell=expected).patients

    found = metrics[metrics["metric"] == "c_harrell"].assign(scarce=lambda rows: rows["events"])
    return _table(found, "c_index", coefficients, candidates, needed)


def _table(found, measure, coefficients, candidates, needed):
    found = found.set_index(["cohort", "model"])
    rows = []
    for model, table in coefficients.items():
        row, counts = (
            found.loc[("train_cv", model)],
            {"parameter": len(predictors_of(table)), "candidate": candidates[model]},
        )
        value, known = row["estimate"], 0.5 < row["estimate"] < 1
        cells = {"model": model, "n": int(row["n"]), "events": int(row["events"]), measure: value}
        for kind, count in counts.items():
            cells[f"{kind}s"] = count
            cells[f"per_{kind}"] = row["scarce"] / count if count else np.nan
            cells[f"needed_for_{kind}s"] = needed(value, row["events"] / row["n"], count) if known and count else np.nan
        rows.append(cells | {"note": "" if known else NO_EXPECTATION.format(LABELS[measure])})
    return pd.DataFrame(rows, columns=[name if name != "measure" else measure for name in COLUMNS])
