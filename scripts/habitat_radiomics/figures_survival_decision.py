"""Decision curves of survival models at a horizon: the table, and the common drawing with the horizon in its title."""

import pandas as pd

from habitat_radiomics.figures_decision import COLUMNS, draw_decision
from habitat_radiomics.labels import cohort_label
from habitat_radiomics.style import styled
from habitat_radiomics.survival_decision import survival_decision_band, survival_decision_curve


def survival_decision_table(risks, *, horizon, thresholds, resamples, seed, level):
    """Return the decision curves of one cohort with their bands as one table, columns as `decision_table`.

    Models may have been measured in different patients: each is then compared with treating all of its own, and the
    strategies are those of the first model.

    Parameters
    ----------
    risks : dict
        Model name to a DataFrame of time, event and risk by the horizon.
    horizon, thresholds, resamples, seed, level
        See `survival_decision.survival_decision_band`.
    """
    parts = []
    for model, table in risks.items():
        if table.empty:
            continue
        patients = table["time"].to_numpy(), table["event"].to_numpy(), {model: table["risk"].to_numpy()}
        curve = survival_decision_curve(*patients, thresholds, horizon=horizon)
        band = survival_decision_band(
            *patients, thresholds, horizon=horizon, resamples=resamples, seed=seed, level=level
        )
        events = int(((table["time"] <= horizon) & (table["event"] == 1)).sum())
        both = curve.merge(band, on=["model", "threshold"]).assign(n=len(table), events=events)
        parts.append(both if not parts else both[both["model"] == model])
    return pd.concat(parts, ignore_index=True)[COLUMNS] if parts else pd.DataFrame(columns=COLUMNS)


@styled
def draw_survival_decision(curves, *, cohort, horizon, models, time_unit, level, quantity="net_benefit"):
    """Draw the decision curves of all models in one cohort at a horizon.

    Parameters
    ----------
    curves : DataFrame
        See `survival_decision_table`.
    cohort, models, level, quantity
        See `figures_decision.draw_decision`.
    horizon : float
        In ``time_unit``.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure = draw_decision(curves, cohort=cohort, models=models, level=level, quantity=quantity)
    axes = figure.axes[0]
    size = axes.get_title(loc="left").split("\n")[-1]
    when = "" if curves.empty else f" by {horizon:g} {time_unit}"
    axes.set_title(f"{cohort_label(cohort)}\n{size}{when}")
    return figure
