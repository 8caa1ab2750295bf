"""Partial dependence: how the predicted risk of patients that a model has not seen moves with one of its inputs.

One input at a time is set to the same value in everybody, and the predictions are averaged (Friedman 2001, Ann Stat
29:1189, section 8.2); how patients differ is seen from their own curves (Goldstein et al. 2015, J Comput Graph Stat
24:44). Where inputs go together, some of the patients so made could not exist.
"""

import numpy as np
import pandas as pd

from habitat_radiomics.importance import model_inputs_of
from habitat_radiomics.model import model_prediction

COLUMNS = ["cohort", "predictor", "kind", "value", "level", "share", "risk", "low", "high", "n"]
ENDS = (5, 95)  # percentiles of an input between which it is moved
MIDDLE = (25, 75)  # percentiles of the patients' own curves


def partial_dependence(fitted, predictors, cohorts, *, points):
    """Return the mean predicted risk by the value of every input, COLUMNS.

    Parameters
    ----------
    fitted : Pipeline
        See `model.fit_model`.
    predictors : DataFrame
        What the model takes, of the patients of all cohorts.
    cohorts : Series
        Cohort of each of these patients, none of whom the model has seen.
    points : int
        Values of a numeric input: `ENDS` of all these patients and evenly between, each once; of fewer different values
        all of them.

    Returns
    -------
    DataFrame
        ``kind`` is number or category; ``value`` (NaN for a category) or ``level`` (empty for a number) is what the
        input was set to; ``share`` is how many of the cohort's patients have at most that value, or that level;
        ``risk`` is the mean predicted probability, ``low`` and ``high`` the `MIDDLE` of the patients.

    Raises
    ------
    ValueError
        A cohort is the training cohort.
    """
    if "train" in set(cohorts):
        raise ValueError(
            "partial dependence is shown on patients that the model has not seen, not on training patients"
        )
    variables = fitted["encoder"].variables
    rows = []
    for name in model_inputs_of(fitted):
        levels = variables[name]["levels"] if variables.get(name, {}).get("type") == "category" else None
        for value in levels or _values(predictors[name].astype(float), points):
            risk = model_prediction(fitted, predictors.assign(**{name: value}))["probability"]
            rows += [
                _row(cohort, name, value, predictors.loc[own.index, name], risk[own.index])
                for cohort, own in cohorts.groupby(cohorts, sort=False)
            ]
    table = pd.DataFrame(rows, columns=COLUMNS)
    order = {name: position for position, name in enumerate(_by_span(table))}
    return table.sort_values("predictor", key=lambda names: names.map(order), kind="stable", ignore_index=True)


def _values(values, points):
    """The values of a numeric input at which the risk is averaged."""
    known = values.dropna()
    if known.nunique() <= points:
        return np.sort(known.unique())
    return np.unique(np.linspace(*np.percentile(known, ENDS), points))


def _row(cohort, name, value, own, risk):
    known = own.dropna()
    numeric = not isinstance(value, str)
    share = (known.astype(float) <= value).mean() if numeric else (known == value).mean()
    what = {"kind": "number", "value": value, "level": ""} if numeric else {"kind": "category", "level": value}
    low, high = np.percentile(risk, MIDDLE)
    measured = {"share": share, "risk": risk.mean(), "low": low, "high": high, "n": len(risk)}
    return {"cohort": cohort, "predictor": name, "value": np.nan, **what, **measured}


def _by_span(table):
    """Inputs by how far they move the mean risk, averaged over the cohorts, the largest first."""
    spans = table.groupby(["predictor", "cohort"], sort=False)["risk"].agg(np.ptp).groupby("predictor", sort=False)
    return list(spans.mean().sort_values(ascending=False, kind="stable").index)
