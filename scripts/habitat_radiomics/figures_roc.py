"""ROC curves of all models in one cohort."""

import pandas as pd

from habitat_radiomics.labels import DASH, cohort_label, interval, missing, number, percent
from habitat_radiomics.roc import roc_points
from habitat_radiomics.style import (
    DOUBLE_COLUMN_MM,
    GREY,
    SINGLE_COLUMN_MM,
    model_styles,
    new_figure,
    styled,
    write_note,
    write_title,
)

MOST_COLUMNS = 2
LEFT_MM, SIDE_MM, BELOW_MM = 12.5, 70.0, 8.5  # of a panel: room of its labels, edge of the axes, start of its legend
TITLE_MM, PANEL_MM, LINE_MM = 15.0, 88.0, 3.9
SPARE_MM = 7.0  # between the rows of panels, for a title; not below the last


def roc_table(predictions, cohort):
    """Return the ROC curves of one cohort as one table; a model whose patients are all of one class has no curve.

    Parameters
    ----------
    predictions : dict
        Model name to its stored predictions (cohort, outcome, score).
    """
    parts = []
    for model, table in predictions.items():
        chosen = table[table["cohort"] == cohort]
        if chosen["outcome"].nunique() == 2:
            points = roc_points(chosen["outcome"].to_numpy(dtype=int), chosen["score"].to_numpy(dtype=float))
            rates = {"false_positive_rate": 1 - points.specificity, "true_positive_rate": points.sensitivity}
            parts.append(pd.DataFrame({"model": model, **rates}))
    columns = ["model", "false_positive_rate", "true_positive_rate"]
    return pd.concat(parts)[columns] if parts else pd.DataFrame(columns=columns)


def auc_text(metrics, model, cohort):
    """Return ``0.82 (0.70 to 0.94)`` from the table of metrics."""
    row = metrics.query("model == @model and cohort == @cohort and metric == 'auc'")
    if row.empty or missing(row["estimate"].iloc[0]):
        return "not estimable"
    row = row.iloc[0]
    return f"{number(row['estimate'])} ({interval(row['ci_low'], row['ci_high'])})"


def cohort_size(metrics, cohort):
    """Return ``n = 18, 9 events``; the range where models differ."""
    rows = metrics.query("cohort == @cohort and metric == 'auc'")
    if rows.empty:
        return "no patients"
    sizes = [DASH.join(sorted({str(int(value)) for value in rows[column]})) for column in ("n", "events")]
    return f"n = {sizes[0]}, {sizes[1]} event{'' if sizes[1] == '1' else 's'}"


@styled
def draw_roc(curves, metrics, *, cohort, groups, level):
    """Draw the ROC curves of one cohort, a panel for each group of models.

    Parameters
    ----------
    curves : DataFrame
        See `roc_table`.
    metrics : DataFrame
        model, cohort, metric, estimate, ci_low, ci_high, n, events.
    groups : list of dict
        ``title`` and ``models``, each with ``name`` and ``label``, in the order of the study.
    level : float
        Level of the intervals.

    Returns
    -------
    matplotlib.figure.Figure
    """
    columns, lines = min(len(groups), MOST_COLUMNS), max(len(group["models"]) for group in groups)
    rows = -(-len(groups) // columns)
    width = SINGLE_COLUMN_MM if columns == 1 else DOUBLE_COLUMN_MM
    figure = new_figure(width, TITLE_MM - SPARE_MM + rows * _row_mm(lines), layout="none")
    size = cohort_size(metrics, cohort)
    for place, group in enumerate(groups):
        title = f"{cohort_label(cohort)}\n{size}" if columns == 1 else group["title"]
        axes = _panel(figure, *divmod(place, columns), columns=columns, lines=lines)
        axes.set_title(title)
        _draw_group(axes, curves, metrics, cohort, group["models"], level)
    if columns > 1:
        write_title(figure, f"{cohort_label(cohort)}: {size}")
    return figure


def _row_mm(lines):
    """Height of a row of panels with legends of so many models."""
    return PANEL_MM + LINE_MM * (lines + 2)


def _panel(figure, row, column, *, columns, lines):
    """Square axes of one group, with room for its legend below."""
    width, height = (25.4 * size for size in figure.get_size_inches())
    left, bottom = column * width / columns + LEFT_MM, TITLE_MM + row * _row_mm(lines) + SIDE_MM
    return figure.add_axes((left / width, 1 - bottom / height, SIDE_MM / width, SIDE_MM / height))


def _draw_group(axes, curves, metrics, cohort, models, level):
    if not curves["model"].isin([model["name"] for model in models]).any():
        write_note(axes, "No curve: a ROC curve needs patients\nwith and without the outcome.")
        return
    styles = model_styles([model["name"] for model in models])
    for model in models:
        curve = curves[curves["model"] == model["name"]]
        label = f"{model['label']}  {auc_text(metrics, model['name'], cohort)}"
        axes.plot(
            curve["false_positive_rate"],
            curve["true_positive_rate"],
            label=label,
            clip_on=False,
            **styles[model["name"]],
        )
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.8, linestyle=(0, (2, 2)), label="Chance  0.50", zorder=1.5)
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="1 \N{MINUS SIGN} specificity", ylabel="Sensitivity")
    axes.legend(
        title=f"AUC ({percent(level)} CI)",
        loc="upper left",
        bbox_to_anchor=(-LEFT_MM / SIDE_MM, -BELOW_MM / SIDE_MM),
        alignment="left",
        handlelength=2.6,
    )
