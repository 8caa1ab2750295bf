"""ROC curves of all models in one cohort."""

import pandas as pd

from habitat_radiomics.labels import DASH, cohort_label, interval, missing, number, percent
from habitat_radiomics.roc import roc_points
from habitat_radiomics.style import GREY, SINGLE_COLUMN_MM, model_styles, new_figure, styled, write_note


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
def draw_roc(curves, metrics, *, cohort, models, level):
    """Draw the ROC curves of all models in one cohort.

    Parameters
    ----------
    curves : DataFrame
        See `roc_table`.
    metrics : DataFrame
        model, cohort, metric, estimate, ci_low, ci_high, n, events.
    models : list of dict
        ``name`` and ``label``, in the order of the study.
    level : float
        Level of the intervals.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure = new_figure(SINGLE_COLUMN_MM, 103.5 + 4.2 * len(models))
    axes = figure.add_subplot()
    axes.set_title(f"{cohort_label(cohort)}\n{cohort_size(metrics, cohort)}")
    if curves.empty:
        write_note(axes, "No curve: a ROC curve needs patients\nwith and without the outcome.")
        return figure
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.8, linestyle=(0, (2, 2)), label="Chance  0.50")
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
    axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal", xlabel="1 \N{MINUS SIGN} specificity", ylabel="Sensitivity")
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(
        handles[1:] + handles[:1],
        labels[1:] + labels[:1],
        title=f"AUC ({percent(level)} CI)",
        loc="outside lower left",
        alignment="left",
        handlelength=2.6,
    )
    return figure
