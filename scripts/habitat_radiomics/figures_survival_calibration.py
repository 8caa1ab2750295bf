"""Calibration of survival predictions at a horizon, all models in one cohort: smooth curves, and groups."""

import numpy as np

from habitat_radiomics.labels import cohort_label, interval, missing, number, percent
from habitat_radiomics.style import GREY, SINGLE_COLUMN_MM, model_styles, new_figure, styled, write_legend, write_note

PANEL_MM, LEFT_MM, TOP_MM, STRIP_MM, LINE_MM = 72.0, 13.0, 12.0, 7.0, 3.3
MOST_BANDS = 3  # more would hide each other
STRIP_BINS = 50
APPARENT = (0, (4, 2))
SHIFT = 0.008  # of the groups of one model against another's, so that their intervals do not cover each other


@styled
def draw_survival_calibration(curves, groups, measures, patients, *, cohort, horizon, models, time_unit, level):
    """Draw observed against predicted risk by a horizon, and below it how the predictions are distributed.

    Parameters
    ----------
    curves : DataFrame
        model, at (predicted risk), apparent, low, high, corrected (NaN where not corrected for optimism): where it is
        there it is drawn solid and the apparent curve dashed. Bands belong to the apparent curves.
    groups : DataFrame
        model, and the columns of `survival_calibration.group_calibration`.
    measures : DataFrame
        model, and the columns of `survival_calibration.survival_calibration`.
    patients : DataFrame
        model, time, event, risk by the horizon: one row a patient and model.
    horizon : float
        In ``time_unit``.
    models : list of dict
        ``name`` and ``label``, in the order of the study.
    level : float
        Level of bands and intervals; of more than three models no band is drawn.

    Returns
    -------
    matplotlib.figure.Figure
    """
    shown = [model for model in models if (patients["model"] == model["name"]).any()]
    legends = {model["name"]: [model["label"], *calibration_text(measures, model["name"])] for model in shown}
    strips = TOP_MM + PANEL_MM + 3
    legend = LINE_MM * (6.5 + sum(len(lines) + 0.2 for lines in legends.values()))
    figure = new_figure(SINGLE_COLUMN_MM, strips + STRIP_MM * len(shown) + 9 + legend, layout="none")
    axes = _panel(figure, TOP_MM, PANEL_MM)
    corrected = curves["corrected"].notna().any()
    axes.set_title(f"{'Training' if corrected else cohort_label(cohort)}\n{size(patients, horizon, time_unit)}")
    if not shown or not (curves["apparent"].notna().any() or groups["observed"].notna().any()):
        write_note(axes, "No curve: too few events, nobody followed\nto the horizon, or predictions all alike.")
        return figure
    colours = {name: style["color"] for name, style in model_styles([model["name"] for model in models]).items()}
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.8, linestyle=(0, (2, 2)), label="Ideal")
    for k, (name, lines) in enumerate(legends.items()):
        _draw_model(axes, curves[curves["model"] == name], "\n".join(lines), colours[name], len(shown) <= MOST_BANDS)
        _draw_groups(axes, groups[groups["model"] == name], colours[name], SHIFT * (k - (len(shown) - 1) / 2))
    axes.set(xlim=(0, 1), ylim=(0, 1), ylabel=f"Observed risk by {horizon:g} {time_unit}")
    axes.tick_params(labelbottom=False)
    _draw_strips(figure, strips, patients, {name: colours[name] for name in legends}, horizon, time_unit)
    write_legend(figure, axes, _explanation(corrected, len(shown) <= MOST_BANDS and curves["low"].notna().any(), level))
    return figure


def calibration_text(measures, model):
    """Return the lines of the legend: slope, predicted / observed, and ICI."""
    rows = measures[measures["model"] == model].set_index("metric")
    return [
        f"slope {_with_interval(rows, 'slope')}",
        f"predicted / observed {_with_interval(rows, 'ratio')}, ICI {_value(rows, 'ici', 3)}",
    ]


def size(patients, horizon, time_unit):
    """Return ``n = 212, 107 events by 365 days``, of the first model's patients."""
    if patients.empty:
        return "no patients"
    rows = patients[patients["model"] == patients["model"].iloc[0]]
    events = int(((rows["time"] <= horizon) & (rows["event"] == 1)).sum())
    return f"n = {len(rows)}, {events} event{'' if events == 1 else 's'} by {horizon:g} {time_unit}"


def _value(rows, metric, decimals=2):
    value = rows["estimate"].get(metric)
    return "not estimable" if missing(value) else number(value, decimals)


def _with_interval(rows, metric):
    ends = rows.loc[metric, ["ci_low", "ci_high"]] if metric in rows.index else (np.nan, np.nan)
    return _value(rows, metric) + ("" if any(map(missing, ends)) else f" ({interval(*ends)})")


def _panel(figure, top_mm, height_mm):
    width, height = (25.4 * length for length in figure.get_size_inches())
    return figure.add_axes((LEFT_MM / width, 1 - (top_mm + height_mm) / height, PANEL_MM / width, height_mm / height))


def _draw_model(axes, curve, label, colour, banded):
    if banded:
        axes.fill_between(curve["at"], curve["low"], curve["high"], color=colour, alpha=0.13, linewidth=0)
    corrected = curve["corrected"].notna().any()
    if corrected:
        axes.plot(curve["at"], curve["apparent"], color=colour, linewidth=0.9, linestyle=APPARENT)
    axes.plot(curve["at"], curve["corrected" if corrected else "apparent"], color=colour, label=label)


def _draw_groups(axes, groups, colour, shift):
    """Points with intervals; a group nobody of which is followed to the horizon has none."""
    groups = groups[groups["observed"].notna()]
    at, observed = groups["mean_predicted"] + shift, groups["observed"]
    spread = np.abs(groups[["ci_low", "ci_high"]].to_numpy().T - observed.to_numpy())
    axes.errorbar(at, observed, np.nan_to_num(spread), fmt="o", color=colour, markersize=3.5, elinewidth=0.8)


def _draw_strips(figure, top_mm, patients, colours, horizon, time_unit):
    """One strip of bars per model; the last carries the horizontal axis of all."""
    edges = np.linspace(0, 1, STRIP_BINS + 1)
    for k, (name, colour) in enumerate(colours.items()):
        axes, last = _panel(figure, top_mm + k * STRIP_MM, STRIP_MM), k == len(colours) - 1
        counts = np.histogram(patients.loc[patients["model"] == name, "risk"], edges)[0]
        axes.vlines(edges[:-1] + 0.5 / STRIP_BINS, 0, counts, color=colour, linewidth=1.6)
        axes.set(xlim=(0, 1), ylim=(0, 1.15 * max(counts.max(), 1)), yticks=[])
        axes.spines["left"].set_visible(False)
        axes.tick_params(bottom=last, labelbottom=last)
    axes.set_xlabel(f"Predicted risk by {horizon:g} {time_unit}")


def _explanation(corrected, banded, level):
    lines = [f"Points: groups of equal size, Kaplan-Meier ({percent(level)} CI)", "Bars: number of patients"]
    if corrected:
        lines.insert(0, "Solid: corrected for optimism; dashed: apparent")
    if banded:
        lines.insert(0, f"Smoothed; band: {percent(level)} bootstrap of the apparent curve, pointwise")
    return "\n".join(lines)
