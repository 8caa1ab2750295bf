"""Forest plots of hazard ratios: predictors in univariable and multivariable models, or risk groups in subgroups."""

import numpy as np

from habitat_radiomics.labels import DASH, missing, p_value, ratio, ratio_interval
from habitat_radiomics.style import BLACK, DOUBLE_COLUMN_MM, GREY, model_styles, new_figure, styled, write_note

ROW_MM, TOP_MM, BOTTOM_MM, TITLE_MM = 5.2, 9.0, 12.0, 6.0
LABEL_MM, COUNT_MM, TEXT_MM, P_MM = 36.0, 16.0, 31.0, 11.0
LABEL_GAP_MM = 4.6  # between ticks
WIDEST = 50.0  # ratios beyond are cut off with an arrow
TICKS = (0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50)


@styled
def draw_forest(rows, *, columns, title, level_text="95 % CI", count_heading="Events / n", ratio_name="HR"):
    """Draw hazard ratios with their intervals on a log scale, one block of columns a model.

    Parameters
    ----------
    rows : DataFrame
        label, count (text, for example ``27 / 51``), model, hr, ci_low, ci_high, p, note (why hr is NaN). Rows of one
        label stand in one line; a label without hr and with empty note is a heading or a reference.
    columns : list of dict
        ``name`` (in ``model``) and ``label`` of every block, for example univariable and multivariable.
    title, level_text, count_heading, ratio_name : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    labels = list(dict.fromkeys(rows["label"]))
    height = TITLE_MM + TOP_MM + ROW_MM * max(len(labels), 3) + BOTTOM_MM
    figure = new_figure(DOUBLE_COLUMN_MM, height, layout="none")
    figure.text(2 / DOUBLE_COLUMN_MM, 1 - 2 / height, title, fontsize=8.5, fontweight="bold", va="top")
    axes = _panel(figure, 0, DOUBLE_COLUMN_MM, len(labels))
    axes.set_axis_off()
    if not labels:
        write_note(axes, "No hazard ratio.")
        return figure
    _write_labels(axes, rows, labels, count_heading)
    block = (DOUBLE_COLUMN_MM - LABEL_MM - COUNT_MM) / len(columns)
    limits = ratio_limits(rows)
    colours = model_styles([column["name"] for column in columns])
    for k, column in enumerate(columns):
        of_model = rows[rows["model"] == column["name"]].set_index("label")
        left = LABEL_MM + COUNT_MM + k * block
        panel = _panel(figure, left + 2, block - TEXT_MM - P_MM - 4, len(labels))
        _draw_block(panel, of_model, labels, limits, colours[column["name"]]["color"], ratio_name)
        _write_block(axes, of_model, labels, left + block, column["label"], f"{ratio_name} ({level_text})")
    return figure


def factor_rows(factors, *, labels):
    """Return the rows of a table of `cox_tables` as `draw_forest` takes them.

    Parameters
    ----------
    factors : DataFrame
        Of one cohort.
    labels : dict
        Variable to its printed name; others keep the label of the table.
    """
    factors = factors.fillna({"level": "", "note": ""})
    names = factors["variable"].map(labels).fillna(factors["label"])
    names = names.str[:1].str.upper() + names.str[1:]
    marks = np.where(factors["is_reference"], " (reference)", "")
    label = np.where(factors["level"] == "", names, names + ": " + factors["level"].astype(str) + marks)
    limits = {"hr": "hazard_ratio", "ci_low": "hazard_ratio_low", "ci_high": "hazard_ratio_high", "p": "p_wald"}
    rows = factors.assign(
        label=label, model=factors["analysis"], **{key: factors[name] for key, name in limits.items()}
    )
    rows["count"] = factors["events"].astype(str) + " / " + factors["n"].astype(str)
    rows["note"] = np.where(factors["is_reference"], "", factors["note"])
    return rows[["label", "count", "model", *limits, "note"]].reset_index(drop=True)


def ratio_limits(rows):
    """Return the range of the axis: all intervals, 1 included, but at most from 1 / 50 to 50."""
    known = rows[["hr", "ci_low", "ci_high"]].to_numpy(dtype=float)
    known = known[np.isfinite(known) & (known > 0)]
    low, high = np.min(known, initial=0.5), np.max(known, initial=2.0)
    return max(low / 1.1, 1 / WIDEST), min(high * 1.1, WIDEST)


def ratio_ticks(limits, width_mm):
    """Return ratios to mark on an axis, 1 among them, far enough from each other for their labels."""
    place = {tick: np.log(tick / limits[0]) / np.log(limits[1] / limits[0]) * width_mm for tick in TICKS}
    inside = [tick for tick in TICKS if limits[0] <= tick <= limits[1]]
    kept = [1]
    for tick in [t for t in inside if t > 1]:
        kept += [tick] if place[tick] - place[kept[-1]] >= LABEL_GAP_MM else []
    for tick in [t for t in reversed(inside) if t < 1]:
        kept = [tick, *kept] if place[kept[0]] - place[tick] >= LABEL_GAP_MM else kept
    return kept


def _panel(figure, left_mm, width_mm, count):
    width, height = (25.4 * size for size in figure.get_size_inches())
    axes = figure.add_axes((left_mm / width, BOTTOM_MM / height, width_mm / width, ROW_MM * max(count, 3) / height))
    axes.set(ylim=(max(count, 3) - 0.5, -0.5))
    if width_mm == DOUBLE_COLUMN_MM:
        axes.set_xlim(0, DOUBLE_COLUMN_MM)
    return axes


def _write_labels(axes, rows, labels, count_heading):
    first = rows.drop_duplicates("label").set_index("label")
    for y, label in enumerate(labels):
        axes.text(2, y, label, va="center")
        axes.text(LABEL_MM + COUNT_MM - 3, y, first.loc[label, "count"], va="center", ha="right")
        if y % 2 == 0:
            axes.axhspan(y - 0.5, y + 0.5, color=GREY, alpha=0.07, linewidth=0)
    axes.text(LABEL_MM + COUNT_MM - 3, -1.1, count_heading, va="center", ha="right", fontweight="bold")


def _draw_block(axes, of_model, labels, limits, colour, ratio_name):
    axes.patch.set_alpha(0)
    axes.set_xscale("log")
    axes.axvline(1, color=GREY, linewidth=0.8, linestyle=(0, (2, 2)), zorder=0.5)
    for y, label in enumerate(labels):
        if label not in of_model.index or missing(of_model.loc[label, "hr"]):
            continue
        row = of_model.loc[label]
        low, high = max(row["ci_low"], limits[0]), min(row["ci_high"], limits[1])
        axes.plot([low, high], [y, y], color=colour, linewidth=1.1)
        for cut_off, end, marker in ((row["ci_low"] < limits[0], low, "<"), (row["ci_high"] > limits[1], high, ">")):
            if cut_off:
                axes.plot(end, y, marker, color=colour, markersize=3.5, clip_on=False)
        axes.plot(np.clip(row["hr"], *limits), y, "s", color=colour, markersize=4)
    width_mm = axes.get_position().width * axes.figure.get_size_inches()[0] * 25.4
    ticks = ratio_ticks(limits, width_mm)
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.xaxis.minorticks_off()
    axes.set(xlim=limits, yticks=[], xlabel=f"{ratio_name} (log scale)")
    axes.spines["left"].set_visible(False)


def _write_block(axes, of_model, labels, right, heading, ratio_heading):
    axes.text(right - P_MM - 2, -1.1, f"{heading}\n{ratio_heading}", ha="right", va="center", fontweight="bold")
    axes.text(right - 2, -1.1, "p", ha="right", va="center", fontweight="bold")
    for y, label in enumerate(labels):
        row = of_model.loc[label] if label in of_model.index else None
        text, p = (DASH, "") if row is None else ratio_text(row)
        axes.text(right - P_MM - 2, y, text, ha="right", va="center", color=BLACK if p else GREY)
        axes.text(right - 2, y, p, ha="right", va="center")


def ratio_text(row):
    """Return ``2.04 (1.47 to 2.83)`` and its p, or the note where there is no ratio."""
    if missing(row["hr"]):
        return row["note"] or DASH, ""
    return f"{ratio(row['hr'])} ({ratio_interval(row['ci_low'], row['ci_high'])})", p_value(row["p"])
