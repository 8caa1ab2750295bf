"""Decision curves of all models in one cohort."""

from fractions import Fraction

import numpy as np
import pandas as pd

from habitat_radiomics.decision_curve import TREAT_ALL, TREAT_NONE, decision_band, decision_curve
from habitat_radiomics.labels import MINUS, cohort_label, percent
from habitat_radiomics.style import BLACK, GREY, SINGLE_COLUMN_MM, model_styles, new_figure, styled, write_note

LABELS = {
    "net_benefit": "Net benefit",
    "standardised": "Standardised net benefit",
    "interventions_avoided": "Interventions avoided per 100 patients",
}
MOST_BANDS = 3  # more would hide each other
STRATEGIES = {
    TREAT_ALL: {"label": "Treat all", "color": GREY, "linewidth": 1.0},
    TREAT_NONE: {"label": "Treat none", "color": BLACK, "linewidth": 1.0},
}
COLUMNS = ["model", "threshold", *(name + end for name in LABELS for end in ("", "_low", "_high")), "n", "events"]


def decision_table(predictions, cohort, *, thresholds, resamples, seed, level, prevalence=None):
    """Return the decision curves of one cohort with their bands as one table.

    Models may have been measured in different patients: each is then compared with treating all of its own, and the
    strategies are those of the first model.

    Parameters
    ----------
    predictions : dict
        Model name to its stored predictions (cohort, outcome, probability).
    thresholds, resamples, seed, level, prevalence
        See `decision_curve.decision_band`.
    """
    parts = []
    for model, table in predictions.items():
        chosen = table[table["cohort"] == cohort]
        if chosen.empty:
            continue
        y, p = chosen["outcome"].to_numpy(dtype=int), {model: chosen["probability"].to_numpy(dtype=float)}
        curve = decision_curve(y, p, thresholds, prevalence=prevalence)
        band = decision_band(y, p, thresholds, resamples=resamples, seed=seed, level=level, prevalence=prevalence)
        both = curve.merge(band, on=["model", "threshold"]).assign(n=len(y), events=int(y.sum()))
        parts.append(both if not parts else both[both["model"] == model])
    if not parts:
        return pd.DataFrame(columns=COLUMNS)
    return pd.concat(parts, ignore_index=True)[COLUMNS]


@styled
def draw_decision(curves, *, cohort, models, level, quantity="net_benefit"):
    """Draw the decision curves of all models in one cohort.

    Parameters
    ----------
    curves : DataFrame
        See `decision_table`.
    models : list of dict
        ``name`` and ``label``, in the order of the study.
    level : float
        Level of the bands; of more than three models none is drawn.
    quantity : {"net_benefit", "standardised", "interventions_avoided"}

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure = new_figure(SINGLE_COLUMN_MM, 88 + 3.7 * (len(models) + 3))
    axes = figure.add_subplot()
    axes.set_title(f"{cohort_label(cohort)}\n{_size(curves)}")
    if not curves[quantity].notna().any():
        write_note(axes, f"No curve: {LABELS[quantity].lower()}\ncannot be computed in this cohort.")
        return figure
    styles, banded = model_styles([model["name"] for model in models]), len(models) <= MOST_BANDS
    for model in models:
        rows = curves[curves["model"] == model["name"]]
        axes.plot(rows["threshold"], rows[quantity], label=model["label"], **styles[model["name"]])
        if banded:
            _draw_band(axes, rows, quantity, styles[model["name"]]["color"])
    for name, style in STRATEGIES.items():
        rows = curves[curves["model"] == name]
        axes.plot(rows["threshold"], rows[quantity], zorder=1.5, **style)
    axes.set(ylabel=LABELS[quantity], ylim=value_range(curves, quantity, banded=banded))
    _draw_thresholds(axes, curves["threshold"].min(), curves["threshold"].max())
    title = f"Band: {percent(level)} bootstrap, pointwise" if banded else None
    figure.legend(title=title, loc="outside lower left", alignment="left", handlelength=2.6)
    return figure


def value_range(curves, quantity, *, banded):
    """Return the range of the vertical axis: all that is gained, bands included, and a little of what can be lost."""
    highest = np.nanmax(curves[quantity].to_numpy(), initial=0)
    if banded:
        of_models = curves[~curves["model"].isin(STRATEGIES)]
        highest = max(highest, np.nanmax(of_models[f"{quantity}_high"].to_numpy(), initial=0))
    return -0.15 * (highest or 1), 1.05 * (highest or 1)


def odds_text(threshold):
    """Return the harm of treating in vain against the benefit of treating rightly: 0.2 is ``1:4``."""
    share = Fraction(threshold).limit_denominator(100)
    odds = share / (1 - share)
    return f"{odds.numerator}:{odds.denominator}"


def _draw_band(axes, rows, quantity, colour):
    low, high = rows[f"{quantity}_low"], rows[f"{quantity}_high"]
    axes.fill_between(rows["threshold"], low, high, color=colour, alpha=0.13, linewidth=0)


def _draw_thresholds(axes, low, high):
    """Horizontal axis in percent, with the odds that each threshold stands for."""
    step = 0.2 if high - low > 0.6 else 0.1
    ticks = np.round(np.arange(np.ceil(low / step - 1e-9), np.floor(high / step + 1e-9) + 1) * step, 10)
    ticks = ticks[(ticks > 0) & (ticks < 1)]
    axes.set_xticks(ticks, [f"{100 * tick:g} %\n{odds_text(tick)}" for tick in ticks])
    axes.set(
        xlim=(max(0, low - 0.01), min(1, high + 0.01)), xlabel="Threshold probability, and harm : benefit it stands for"
    )
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}".replace("-", MINUS))


def _size(curves):
    if curves.empty:
        return "no patients"
    n, events = ("\N{EN DASH}".join(map(str, sorted(set(map(int, curves[name]))))) for name in ("n", "events"))
    return f"n = {n}, {events} event{'' if events == '1' else 's'}"
