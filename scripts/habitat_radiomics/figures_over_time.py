"""Performance over follow-up time, all models in one cohort: time-dependent AUC, and prediction error."""

import numpy as np
import pandas as pd

from habitat_radiomics.kaplan_meier import at_risk
from habitat_radiomics.labels import cohort_label, interval, missing, number, percent
from habitat_radiomics.style import (
    BLACK,
    GREY,
    SINGLE_COLUMN_MM,
    model_styles,
    new_figure,
    styled,
    write_legend,
    write_note,
)
from habitat_radiomics.time_axis import rows_height_mm, time_ticks, write_counts

PANEL_MM, LEFT_MM, RIGHT_MM, TOP_MM, LINE_MM = 56.0, 15.0, 4.0, 12.0, 4.0
MOST_BANDS = 3  # more would hide each other
APPARENT = (0, (4, 2))
STEP = "steps-post"  # errors change only where somebody has the event, is censored, or is predicted to


@styled
def draw_time_auc(curves, medians, patients, *, cohort, models, time_unit, level):
    """Draw AUC(t) of all models in one cohort with their bands.

    Parameters
    ----------
    curves : DataFrame
        model, and the columns of `time_auc.TimeAuc.table`.
    medians : DataFrame
        model, estimate, ci_low, ci_high: median over the times, see `time_auc.median_auc`.
    patients : DataFrame
        time, event of the cohort's patients.
    models : list of dict
        ``name`` and ``label``, in the order of the study.
    time_unit : str
    level : float
        Level of bands and intervals; of more than three models no band is drawn.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, axes = _figure(patients, cohort, len(models) + 2)
    if not curves["auc"].notna().any():
        write_note(axes, "No curve: nobody has the event while\nothers are followed beyond it.")
        return figure
    axes.axhline(0.5, color=GREY, linewidth=0.8, linestyle=(0, (2, 2)), label="Chance")
    styles = model_styles([model["name"] for model in models])
    for model in models:
        rows = curves[curves["model"] == model["name"]]
        median = medians[medians["model"] == model["name"]]
        label = f"{model['label']}  {_estimate(median, 'estimate', 2)}"
        axes.plot(rows["time"], rows["auc"], label=label, **styles[model["name"]])
        if len(models) <= MOST_BANDS:
            _band(axes, rows, styles[model["name"]]["color"])
    lowest = min(0.4, np.nanmin(curves["auc"]) - 0.03)
    axes.set(ylim=(lowest, 1), ylabel="AUC(t)")
    _time_axis(axes, curves, patients, time_unit)
    bands = f"; band: {percent(level)} CI, pointwise" if len(models) <= MOST_BANDS else ""
    write_legend(figure, axes, f"Median of AUC(t) ({percent(level)} CI){bands}", handlelength=2.6)
    return figure


@styled
def draw_prediction_error(curves, integrated, patients, *, cohort, models, time_unit, level):
    """Draw the prediction-error curves of all models in one cohort, and Kaplan-Meier's that knows no predictor.

    Parameters
    ----------
    curves : DataFrame
        model, time, brier, ci_low, ci_high, reference; optionally ``corrected`` (.632+), then drawn solid and the
        apparent curve dashed.
    integrated : DataFrame
        model, ibs, ibs_reference; optionally ``ibs_corrected``.
    patients, cohort, models, time_unit, level
        See `draw_time_auc`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    corrected = "corrected" in curves and curves["corrected"].notna().any()
    figure, axes = _figure(patients, cohort, len(models) + 2 + int(corrected), corrected=corrected)
    if not curves["brier"].notna().any():
        write_note(axes, "No curve: nobody is followed long enough.")
        return figure
    styles = model_styles([model["name"] for model in models])
    reference = curves[curves["model"] == curves["model"].iloc[0]]
    of_reference = number(integrated["ibs_reference"].iloc[0], 3)
    axes.plot(
        reference["time"],
        reference["reference"],
        color=BLACK,
        linewidth=1.0,
        label=f"Kaplan-Meier  {of_reference}",
        drawstyle=STEP,
    )
    for model in models:
        rows, style = curves[curves["model"] == model["name"]], styles[model["name"]]
        style = {"color": style["color"]} if corrected else style  # dashed means apparent then
        values = integrated[integrated["model"] == model["name"]]
        if len(models) <= MOST_BANDS:
            _band(axes, rows, style["color"], step="post")
        label = f"{model['label']}  {_estimate(values, 'ibs', 3)}"
        if corrected:
            dashed = {"linewidth": 0.9, "linestyle": APPARENT, "drawstyle": STEP}
            axes.plot(rows["time"], rows["brier"], color=style["color"], **dashed)
            label = f"{model['label']}  {_estimate(values, 'ibs_corrected', 3, limits=False)}"
            label += f" (apparent {_estimate(values, 'ibs', 3, limits=False)})"
        axes.plot(rows["time"], rows["corrected" if corrected else "brier"], label=label, drawstyle=STEP, **style)
    axes.set(
        ylim=(0, max(0.3, 1.05 * np.nanmax(curves[["brier", "reference"]]))), ylabel="Prediction error (Brier score)"
    )
    _time_axis(axes, curves, patients, time_unit)
    band = f"; band: {percent(level)} CI, pointwise{' (apparent)' if corrected else ''}"
    lines = ["Integrated Brier score" + (band if len(models) <= MOST_BANDS else "")]
    if corrected:
        lines.append("Solid: .632+ bootstrap; dashed: apparent")
    write_legend(figure, axes, "\n".join(lines), handlelength=2.6)
    return figure


def with_corrected(errors, corrected, *, cohort):
    """Add the .632+ error to the curves of the training patients; NaN elsewhere.

    Parameters
    ----------
    errors : DataFrame
        model, time, and the rest of `draw_prediction_error`, of one cohort.
    corrected : dict
        Model to its table of `brier.plus_632`; empty without a bootstrap.
    """
    if cohort != "train" or not corrected:
        return errors
    parts = [table[["time", "corrected"]].assign(model=model) for model, table in corrected.items()]
    joined = errors.merge(pd.concat(parts), on=["model", "time"], how="left")
    return joined.assign(corrected=joined["corrected"].where(joined["time"] > 0, 0.0))


def integrated_errors(metrics, bootstrap, *, cohort):
    """Return model, ibs with its limits, ibs_reference, and for the training patients ibs_corrected (.632+).

    Parameters
    ----------
    metrics : DataFrame
        Of one cohort.
    bootstrap : dict
        Model to its table of `survival_bootstrap.bootstrap_tables`; empty without a bootstrap.
    """
    columns = {"estimate": "ibs", "ci_low": "ci_low", "ci_high": "ci_high"}
    table = metrics.loc[metrics["metric"] == "ibs", ["model", *columns]].rename(columns=columns)
    reference = metrics[metrics["metric"] == "ibs_reference"].set_index("model")["estimate"]
    table = table.assign(ibs_reference=table["model"].map(reference).to_numpy())
    if cohort != "train" or not bootstrap:
        return table
    values = {model: rows.set_index("statistic").loc["ibs", "corrected_632"] for model, rows in bootstrap.items()}
    return table.assign(ibs_corrected=table["model"].map(values))


def _figure(patients, cohort, legend_lines, *, corrected=False):
    legend = LINE_MM * legend_lines
    height = TOP_MM + PANEL_MM + rows_height_mm(1) + 3 + legend
    figure = new_figure(SINGLE_COLUMN_MM, height, layout="none")
    bottom = rows_height_mm(1) + 3 + legend
    width = SINGLE_COLUMN_MM
    axes = figure.add_axes((LEFT_MM / width, bottom / height, (width - LEFT_MM - RIGHT_MM) / width, PANEL_MM / height))
    events = int(patients["event"].sum())
    title = "Training" if corrected else cohort_label(cohort)
    axes.set_title(f"{title}\nn = {len(patients)}, {events} event{'' if events == 1 else 's'}")
    return figure, axes


def _time_axis(axes, curves, patients, time_unit):
    longest = float(curves["time"].max())
    ticks = time_ticks(longest, time_unit)
    axes.set(xlim=(0, longest * 1.02), xticks=ticks, xlabel=f"Time t ({time_unit})")
    write_counts(axes, ticks, [("n", at_risk(patients["time"], ticks), GREY)], heading="Number at risk")


def _band(axes, rows, colour, *, step=None):
    band = {"color": colour, "alpha": 0.13, "linewidth": 0, "step": step}
    axes.fill_between(rows["time"], rows["ci_low"], rows["ci_high"], **band)


def _estimate(rows, column, decimals, *, limits=True):
    """Return ``0.71 (0.60 to 0.80)`` from the one row of a model, or the first number alone."""
    if rows.empty or missing(rows[column].iloc[0]):
        return "not estimable"
    row = rows.iloc[0]
    shown = limits and "ci_low" in rows
    return number(row[column], decimals) + (f" ({interval(row['ci_low'], row['ci_high'], decimals)})" if shown else "")
