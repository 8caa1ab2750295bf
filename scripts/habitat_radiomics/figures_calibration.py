"""Calibration curves of all models in one cohort, with the numbers that describe them."""

import numpy as np
import pandas as pd

from habitat_radiomics.calibration import calibration_band, calibration_curve, calibration_grid
from habitat_radiomics.labels import cohort_label, interval, missing, number, percent
from habitat_radiomics.style import (
    GREY,
    SINGLE_COLUMN_MM,
    model_styles,
    new_figure,
    styled,
    write_legend,
    write_note,
)

CURVE_COLUMNS = ["model", "at", "apparent", "low", "high", "corrected"]
MOST_BANDS = 3  # more would hide each other
PANEL_MM, LEFT_MM, TOP_MM, STRIP_MM, LINE_MM = 72.0, 13.0, 12.0, 8.0, 3.3
STRIP_BINS = 50
APPARENT = (0, (4, 2))


def calibration_table(predictions, cohort, *, resamples, seed, level, corrected=None):
    """Return the calibration curves of one cohort as one table, CURVE_COLUMNS.

    Parameters
    ----------
    predictions : dict
        Model name to its stored predictions (cohort, outcome, probability).
    resamples, seed, level
        Of the band, see `calibration.calibration_band`.
    corrected : dict, optional
        Model name to its bias-corrected curve (at, corrected), see `optimism.corrected_performance`.
    """
    parts = []
    for model in predictions:
        chosen = _of_cohort(predictions, cohort, model)
        if chosen.empty:
            continue
        y, p = chosen["outcome"].to_numpy(dtype=int), chosen["probability"].to_numpy(dtype=float)
        bias_corrected = (corrected or {}).get(model)
        at = calibration_grid(p) if bias_corrected is None else bias_corrected["at"].to_numpy()
        low, high = calibration_band(y, p, at, resamples=resamples, seed=seed, level=level)
        values = np.nan if bias_corrected is None else bias_corrected["corrected"].to_numpy()
        curve = {"at": at, "apparent": calibration_curve(y, p, at), "low": low, "high": high, "corrected": values}
        parts.append(pd.DataFrame({"model": model, **curve}))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=CURVE_COLUMNS)


def calibration_text(summary, model, cohort, optimism=None):
    """Return the lines of the legend from the table of metrics: intercept, slope, ICI and Brier score.

    Parameters
    ----------
    optimism : DataFrame, optional
        statistic and corrected, see `optimism.corrected_performance`; adds a line.
    """
    rows = summary[(summary["model"] == model) & (summary["cohort"] == cohort)].set_index("metric")
    lines = [_with_interval(rows, "intercept", "intercept") + ", " + _with_interval(rows, "slope", "slope")]
    lines.append(f"ICI {_value(rows, 'ici')}, " + _with_interval(rows, "brier", "Brier"))
    if optimism is not None:
        lines.append(_corrected_text(optimism.set_index("statistic")["corrected"].rename({"brier": "Brier"})))
    return lines


def _corrected_text(corrected):
    names = ("intercept", "slope", "Brier")
    known = [f"{name} {number(corrected[name])}" for name in names if not missing(corrected[name])]
    unknown = [name for name in names if missing(corrected[name])]
    undefined = f"{' and '.join(unknown)} not estimable" if unknown else ""
    return "corrected: " + "; ".join(filter(None, (", ".join(known), undefined)))


def distribution(predictions, cohort, model):
    """Return the counts of predicted probabilities in 50 bins, of patients with and without the event."""
    chosen = _of_cohort(predictions, cohort, model)
    edges = np.linspace(0, 1, STRIP_BINS + 1)
    counts = [np.histogram(chosen.loc[chosen["outcome"] == k, "probability"], edges)[0] for k in (1, 0)]
    return edges[:-1] + 0.5 / STRIP_BINS, *counts


@styled
def draw_calibration(curves, predictions, summary, *, cohort, models, level, optimism=None):
    """Draw observed against predicted risk of all models in one cohort, and below it how predictions are distributed.

    Parameters
    ----------
    curves : DataFrame
        See `calibration_table`. Where a corrected curve is there it is drawn solid and the apparent one dashed. Bands
        belong to the apparent curves; of more than three models none is drawn.
    predictions : dict
        Model name to its stored predictions (cohort, outcome, probability).
    summary : DataFrame
        model, cohort, and the columns of `calibration.calibration_summary`.
    models : list of dict
        ``name`` and ``label``, in the order of the study.
    level : float
        Level of intervals and bands.
    optimism : dict, optional
        Model name to its corrected statistics, see `calibration_text`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    shown = [model for model in models if (curves["model"] == model["name"]).any()]
    legends = {
        model["name"]: [
            model["label"],
            *calibration_text(summary, model["name"], cohort, (optimism or {}).get(model["name"])),
        ]
        for model in shown
    }
    strips = TOP_MM + PANEL_MM + 3
    explanation = _explanation(curves, shown, level)
    legend = LINE_MM * (3.5 + explanation.count("\n") + sum(len(lines) + 0.2 for lines in legends.values()))
    figure = new_figure(SINGLE_COLUMN_MM, strips + STRIP_MM * len(shown) + 9 + legend, layout="none")
    axes = _panel(figure, TOP_MM, PANEL_MM)
    title = "Training" if curves["corrected"].notna().any() else cohort_label(cohort)
    axes.set_title(f"{title}\n{_size(predictions, cohort, shown)}")
    if not curves["apparent"].notna().any():
        write_note(axes, "No curve: no model, too few patients,\nor predictions that are all alike.")
        return figure
    colours = {name: style["color"] for name, style in model_styles([model["name"] for model in models]).items()}
    _draw_curves(axes, curves, legends, colours)
    _draw_strips(figure, strips, predictions, cohort, {name: colours[name] for name in legends})
    write_legend(figure, axes, explanation)
    return figure


def _panel(figure, top_mm, height_mm):
    width, height = (25.4 * size for size in figure.get_size_inches())
    return figure.add_axes((LEFT_MM / width, 1 - (top_mm + height_mm) / height, PANEL_MM / width, height_mm / height))


def _draw_curves(axes, curves, legends, colours):
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.8, linestyle=(0, (2, 2)), label="Ideal")
    for name, lines in legends.items():
        curve, colour = curves[curves["model"] == name], colours[name]
        if len(legends) <= MOST_BANDS:
            axes.fill_between(curve["at"], curve["low"], curve["high"], color=colour, alpha=0.13, linewidth=0)
        corrected = curve["corrected"].notna().any()
        if corrected:
            axes.plot(curve["at"], curve["apparent"], color=colour, linewidth=0.9, linestyle=APPARENT)
        axes.plot(curve["at"], curve["corrected" if corrected else "apparent"], color=colour, label="\n".join(lines))
    axes.set(xlim=(0, 1), ylim=(0, 1), ylabel="Observed risk")
    axes.tick_params(labelbottom=False)


def _draw_strips(figure, top_mm, predictions, cohort, colours):
    """One strip of bars per model; the last carries the horizontal axis of all."""
    for k, (name, colour) in enumerate(colours.items()):
        axes, last = _panel(figure, top_mm + k * STRIP_MM, STRIP_MM), k == len(colours) - 1
        centres, events, others = distribution(predictions, cohort, name)
        axes.vlines(centres, -others, events, color=colour, linewidth=1.6)
        axes.axhline(0, color=GREY, linewidth=0.5)
        highest = max(events.max(), others.max(), 1)
        axes.set(xlim=(0, 1), ylim=(-1.15 * highest, 1.15 * highest), yticks=[])
        axes.spines["left"].set_visible(False)
        axes.spines["bottom"].set_visible(last)
        axes.tick_params(bottom=last, labelbottom=last)
    axes.set_xlabel("Predicted risk")


def _explanation(curves, shown, level):
    """What lines, bands and bars are, in the words of the legend's title."""
    lines = ["Bars: patients with the event up, without down"]
    if curves["corrected"].notna().any():
        lines.insert(0, "Solid: corrected for optimism; dashed: apparent")
    if len(shown) <= MOST_BANDS:
        lines.insert(0, f"Smoothed; band: {percent(level)} bootstrap of the apparent curve, pointwise")
    return "\n".join(lines)


def _size(predictions, cohort, shown):
    """Return ``n = 18, 9 events``; the range where models differ."""
    chosen = [_of_cohort(predictions, cohort, model["name"]) for model in shown]
    sizes = {(len(rows), int(rows["outcome"].sum())) for rows in chosen}
    if not sizes:
        return "no patients"
    n, events = ("\N{EN DASH}".join(map(str, sorted({size[k] for size in sizes}))) for k in (0, 1))
    return f"n = {n}, {events} event{'' if events == '1' else 's'}"


def _of_cohort(predictions, cohort, model):
    table = predictions[model]
    return table[table["cohort"] == cohort]


def _value(rows, metric, decimals=3):
    value = rows["estimate"].get(metric)
    return "not estimable" if missing(value) else number(value, decimals)


def _with_interval(rows, metric, word):
    value = _value(rows, metric, 2)
    ends = rows.loc[metric, ["ci_low", "ci_high"]] if metric in rows.index else (np.nan, np.nan)
    return f"{word} {value}" + ("" if any(map(missing, ends)) else f" ({interval(*ends)})")
