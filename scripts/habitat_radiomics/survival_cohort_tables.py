"""Calibration and usefulness at horizons, and risk groups, of survival models in every cohort, from stored tables.

Predictions are those of `survival_validation`. Risk groups come from the cut of the training patients.
"""

import numpy as np
import pandas as pd

from habitat_radiomics.cohort_tables import FITTED_ON
from habitat_radiomics.cox import maximise_or_penalise, risk_sets
from habitat_radiomics.cox_tables import COLUMNS, cox_tables
from habitat_radiomics.cox_zph import proportional_hazards_test
from habitat_radiomics.decision_curve import threshold_grid
from habitat_radiomics.figures_survival_decision import survival_decision_table
from habitat_radiomics.risk_cut import HIGH, fit_cut
from habitat_radiomics.risk_groups import GROUPS, compare_within, curves_within, survival_at_times
from habitat_radiomics.survival_calibration import (
    calibration_band,
    group_calibration,
    smooth_observed,
    survival_calibration,
)
from habitat_radiomics.survival_outcome import survival_outcome
from habitat_radiomics.survival_validation import each_part, risk_column
from habitat_radiomics.validation import COHORT_ORDER, cohorts_of

CURVE_GRID = np.arange(1, 100) / 100
CURVE_COLUMNS = ["model", "cohort", "horizon", "at", "apparent", "low", "high", "corrected"]
SMALL_GROUPS = 4  # groups of patients whose observed risk is shown beside the smooth curve


# Calibration ------------------------------------------------------------------------------------------------------


def each_risk(predictions, horizons):
    """Yield a dict of model, cohort and horizon, and time, event and risk of its patients."""
    for model, cohort, patients in each_part(predictions):
        for horizon in horizons:
            risk = patients[risk_column(horizon)].to_numpy(dtype=float)
            arrays = patients["time"].to_numpy(dtype=float), patients["event"].to_numpy(dtype=int) == 1, risk
            yield {"model": model, "cohort": cohort, "horizon": horizon}, arrays


def calibration_measures(predictions, *, horizons, level):
    """Return `survival_calibration.survival_calibration` of every model in every cohort at every horizon.

    Further columns: model, cohort, horizon, n, events (by the horizon).
    """
    parts = []
    for key, (time, event, risk) in each_risk(predictions, horizons):
        table = survival_calibration(time, event, risk, horizon=key["horizon"], level=level)
        events = int((event & (time <= key["horizon"])).sum())
        parts.append(table.assign(**key, n=len(time), events=events))
    return pd.concat(parts, ignore_index=True)


def calibration_groups(predictions, *, horizons, level):
    """Return observed against predicted risk in groups of similar risk: model, cohort, horizon, `group_calibration`."""
    parts = [
        group_calibration(*arrays, horizon=key["horizon"], groups=SMALL_GROUPS, level=level).assign(**key)
        for key, arrays in each_risk(predictions, horizons)
    ]
    return pd.concat(parts, ignore_index=True)


def calibration_curves(predictions, *, horizons, resamples, seed, level, corrected=None):
    """Return the smooth calibration curve of every model in every cohort at every horizon, with its band.

    Parameters
    ----------
    resamples, seed, level
        Of the bands.
    corrected : DataFrame, optional
        model, horizon, at, corrected: the curve of the training patients less its optimism.

    Returns
    -------
    DataFrame
        Columns `CURVE_COLUMNS`.
    """
    parts = []
    for key, (time, event, risk) in each_risk(predictions, horizons):
        chosen = {"horizon": key["horizon"]}
        apparent, _ = smooth_observed(time, event, risk, CURVE_GRID, **chosen)
        band = calibration_band(time, event, risk, CURVE_GRID, **chosen, resamples=resamples, seed=seed, level=level)
        table = pd.DataFrame({"at": CURVE_GRID, "apparent": apparent, "low": band[0], "high": band[1]})
        parts.append(table.assign(**key, corrected=_corrected(corrected, key)))
    return pd.concat(parts, ignore_index=True)[CURVE_COLUMNS]


def _corrected(corrected, key):
    """The corrected curve at `CURVE_GRID`; NaN where there is none, as outside the cohort of the fit."""
    if corrected is None or key["cohort"] != FITTED_ON:
        return np.nan
    chosen = corrected[(corrected["model"] == key["model"]) & (corrected["horizon"] == key["horizon"])]
    known = chosen.dropna(subset="corrected")
    ends = {"left": np.nan, "right": np.nan}
    return np.interp(CURVE_GRID, known["at"], known["corrected"], **ends) if len(known) else np.nan


# Decision curves --------------------------------------------------------------------------------------------------


def decision_curves(predictions, *, horizons, thresholds, resamples, seed, level):
    """Return the decision curves of all models and of treating all or none, with bands: cohort, horizon, and
    `figures_survival_decision.survival_decision_table`.

    Parameters
    ----------
    thresholds : (float, float)
        Smallest and largest threshold probability, one per cent apart.
    """
    chosen = {"thresholds": threshold_grid(*thresholds), "resamples": resamples, "seed": seed, "level": level}
    parts = []
    for cohort in cohorts_of(pd.concat(predictions.values())):
        for horizon in horizons:
            risks = {
                model: table.loc[table["cohort"] == cohort, ["time", "event"]].assign(risk=table[risk_column(horizon)])
                for model, table in predictions.items()
            }
            table = survival_decision_table(risks, horizon=horizon, **chosen)
            parts.append(table.assign(cohort=cohort, horizon=horizon))
    return pd.concat(parts, ignore_index=True)


# Risk groups ------------------------------------------------------------------------------------------------------


def with_subgroups(predictions, clinical, subgroups):
    """Return predictions of one model with the columns of the subgroups, in the order of the predictions.

    Parameters
    ----------
    subgroups : dict
        Column of ``clinical`` to its levels in order.
    """
    columns = clinical.reindex(predictions["patient"])[list(subgroups)].reset_index(drop=True)
    columns = columns.astype({name: pd.CategoricalDtype(levels) for name, levels in subgroups.items()})
    grouped = predictions.assign(group=predictions["group"].where(predictions["group"].isin(GROUPS), ""))
    return pd.concat([grouped.reset_index(drop=True), columns], axis=1)


def risk_group_tables(predictions, clinical, *, subgroups, horizons, level, p_corrected=None):
    """Compare the risk groups of every model in every cohort and within subgroups.

    Parameters
    ----------
    predictions : dict
        Model name to its stored predictions. A model without a cut has rows with n = 0.
    clinical : DataFrame
        Indexed by patient.
    subgroups : dict
        Columns of ``clinical`` to their levels in order.
    horizons : list of float
    level : float
    p_corrected : dict, optional
        Model to the p of its cut, corrected for having been chosen; it belongs to the cohort of the fit.

    Returns
    -------
    compared : DataFrame
        model and `risk_groups.compare_within`, with ``p_zph`` (test that the hazard ratio does not change with time)
        and ``p_corrected``.
    curves : DataFrame
        model and `risk_groups.curves_within`.
    at_horizons : DataFrame
        model, cohort and `risk_groups.survival_at_times`.
    """
    compared, curves, at_horizons = [], [], []
    for model, table in predictions.items():
        patients = with_subgroups(table, clinical, subgroups)
        cohorts = [cohort for cohort in COHORT_ORDER if (patients["cohort"] == cohort).any()]
        rows = compare_within(patients, subgroups=list(subgroups), cohorts=cohorts, level=level)
        corrected = (p_corrected or {}).get(model, np.nan)
        at_fit = (rows["cohort"] == FITTED_ON) & (rows["subgroup"] == "all")
        rows = rows.assign(p_zph=_all_zph(patients, rows), p_corrected=np.where(at_fit, corrected, np.nan))
        compared.append(_named(rows, model))
        curves.append(_named(curves_within(patients, subgroups=list(subgroups), cohorts=cohorts, level=level), model))
        at_horizons += [_named(_at_horizons(patients, c, horizons, level), model) for c in cohorts]
    return tuple(pd.concat(parts, ignore_index=True) for parts in (compared, curves, at_horizons))


def _named(table, model):
    """The table with the model in its first column."""
    return table.assign(model=model)[["model", *table.columns]]


def _at_horizons(patients, cohort, horizons, level):
    part = patients[patients["cohort"] == cohort]
    arrays = (part[column].to_numpy() for column in ("time", "event", "group"))
    return survival_at_times(*arrays, horizons, level=level).assign(cohort=cohort)


def _all_zph(patients, rows):
    """p of the test of proportional hazards between the groups, for every row of a comparison."""
    values = []
    for row in rows.itertuples():
        part = patients[patients["cohort"] == row.cohort]
        part = part if row.subgroup == "all" else part[part[row.subgroup] == row.level]
        values.append(group_zph(part) if np.isfinite(row.hr) and row.hr_method != "Firth" else np.nan)
    return values


def group_zph(patients):
    """Return the p of the score test that the hazard ratio of high against low risk does not change with time.

    NaN where a group has no events: the test needs the maximum of the plain partial likelihood.
    """
    part = patients[patients["group"].isin(GROUPS)]
    design = (part["group"] == HIGH).to_numpy(dtype=float)[:, None]
    sets = risk_sets(survival_outcome(part["time"], part["event"]))
    maximum, firth = maximise_or_penalise(design, sets)
    if firth:
        return np.nan
    test = proportional_hazards_test(design, sets, maximum.beta, columns={"group": np.array([0])})
    return float(test["p"].iloc[0])


def searched_scores(outcome, score, *, threshold):
    """Return time, event and score of the training patients on which a cut was sought.

    Parameters
    ----------
    outcome : DataFrame
        ``time`` and ``event`` by patient.
    score : Series
    threshold : float
        The stored cut.

    Raises
    ------
    ValueError
        If these scores do not lead to the stored cut.
    """
    found = fit_cut(outcome["time"].to_numpy(), outcome["event"].to_numpy() == 1, score.loc[outcome.index].to_numpy())
    if not (np.isclose(found.cut, threshold, rtol=1e-9, atol=1e-12) or np.isnan([found.cut, threshold]).all()):
        raise ValueError(
            f"the training scores lead to the cut {found.cut:g}, and {threshold:g} is stored: fit the model anew."
        )
    return outcome[["time", "event"]].assign(score=score).reset_index(names="patient")


def stacked_scores(applied, cross_fitted, cohorts):
    """Return the scores of all patients by cohort and patient, those of the training patients cross-fitted.

    Parameters
    ----------
    applied, cross_fitted : dict
        Signature to its table with ``score`` by patient.
    cohorts : Series
        By patient.
    """
    columns = {}
    for name, table in applied.items():
        training = cross_fitted[name]["score"]
        others = table["score"].drop(index=training.index, errors="ignore")
        columns[name] = pd.concat([training, others])
    scores = pd.DataFrame(columns)
    index = pd.MultiIndex.from_arrays([cohorts.loc[scores.index], scores.index], names=["cohort", "patient"])
    return scores.set_axis(index).sort_index(kind="stable")


def score_factors(scores, outcome, clinical, variables, *, level):
    """Test in every cohort whether scores say something that clinical variables do not (Cox models).

    Parameters
    ----------
    scores : DataFrame
        A column for each score, indexed by cohort and patient; the training patients' scores come from signatures
        that did not see them. Hazard ratios are for one standard deviation among the training patients.
    outcome : DataFrame
        ``time`` and ``event`` by patient.
    clinical : DataFrame
        By patient.
    variables : dict
        Clinical variables, see `logistic_tables`.
    level : float

    Returns
    -------
    table : DataFrame
        cohort, and the rows of `cox_tables.cox_tables`: every variable alone, then all together.
    summaries : dict
        Cohort to the summary of the model of all; cohorts without events have none.
    """
    spread = scores.loc["train"].std(ddof=1).replace(0, np.nan)
    described = {name: {"type": "number", "unit": "SD", "label": name} for name in scores}
    tables, summaries = [], {}
    for cohort in [c for c in COHORT_ORDER if c in scores.index.get_level_values(0)]:
        values = (scores.loc[cohort] / spread).dropna(axis=1, how="all")
        patients = outcome.loc[values.index]
        used = {**{name: described[name] for name in values}, **variables}
        if not patients["event"].any() or not used:
            continue
        data = pd.concat([values, clinical.loc[values.index]], axis=1)
        table, summary = cox_tables(data, patients, used, flow="all", level=level)
        tables.append(table.assign(cohort=cohort)[["cohort", *table.columns]])
        summaries[cohort] = summary
    table = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=["cohort", *COLUMNS])
    return table, summaries
