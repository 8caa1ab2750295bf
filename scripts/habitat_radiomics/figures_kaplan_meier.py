"""Kaplan-Meier curves of the risk groups by cohort or subgroup, with numbers at risk, log-rank test, hazard ratio."""

import numpy as np
from matplotlib.transforms import ScaledTranslation

from habitat_radiomics.labels import DASH, cohort_label, missing, number, p_value, percent, ratio, ratio_interval
from habitat_radiomics.risk_cut import HIGH, LOW
from habitat_radiomics.risk_groups import ALL
from habitat_radiomics.style import (
    BLUE,
    DOUBLE_COLUMN_MM,
    GREY,
    SINGLE_COLUMN_MM,
    VERMILION,
    new_figure,
    styled,
    write_note,
)
from habitat_radiomics.time_axis import rows_height_mm, time_ticks, write_counts

GROUP_COLOURS = {LOW: BLUE, HIGH: VERMILION}
GROUP_LABELS = {LOW: "Low risk", HIGH: "High risk"}
SHORT_LABELS = {LOW: "Low", HIGH: "High"}
PANEL_MM, LEFT_MM, RIGHT_MM, TOP_MM = 56.0, 15.0, 4.0, 7.0
KEY_MM = 21.5  # group sizes, medians and tests stand above the curves, where they hide nothing


@styled
def draw_kaplan_meier(curves, compared, *, time_unit, outcome="Survival", level=0.95):
    """Draw the curves of both risk groups, one panel a row of ``compared``, two panels beside each other.

    Parameters
    ----------
    curves : DataFrame
        See `risk_groups.curves_within`.
    compared : DataFrame
        See `risk_groups.compare_within`; the rows to be drawn. A further column ``p_corrected`` holds the p of
        `risk_cut.RiskCut` for the patients the cut was chosen in, whose log-rank p means nothing, NaN for others.
    time_unit : str
        Unit of time: ``days``, ``months``, ``years``.
    outcome : str
        What survival is free of, for example ``Progression-free survival``.
    level : float
        Level of bands and intervals.

    Returns
    -------
    matplotlib.figure.Figure
    """
    across = min(len(compared), 2)
    down = -(-len(compared) // 2)
    panel_height = TOP_MM + KEY_MM + PANEL_MM + rows_height_mm(2) + 2
    width = SINGLE_COLUMN_MM if across < 2 else DOUBLE_COLUMN_MM
    figure = new_figure(width, down * panel_height, layout="none")
    longest = curves["time"].max() if len(curves) else 1
    for k, row in enumerate(compared.itertuples(index=False)):
        left, top = (k % 2) * width / across, (k // 2) * panel_height
        axes = _panel(figure, left, top, width / across)
        axes.text(
            0, 1, title(row), transform=_above(axes, figure, KEY_MM), fontsize=8.5, fontweight="bold", va="bottom"
        )
        keys = ("cohort", "subgroup", "level")
        chosen = curves[np.logical_and.reduce([curves[key] == getattr(row, key) for key in keys])]
        if chosen.empty:
            write_note(axes, "No patients." if compared["n"].any() else "No risk groups:\nthe score has no cut.")
            continue
        _draw_panel(axes, chosen, time_ticks(longest, time_unit))
        axes.set(xlim=(0, longest * 1.02), xlabel=f"Time ({time_unit})", ylabel=f"{outcome} ({percent(level)} CI)")
        _write_key(figure, axes, row, time_unit)
    return figure


def panels_of(compared, curves, *, model, subgroup):
    """Return the rows of one model and one subgroup (`ALL` for whole cohorts), and its curves.

    Within subgroups the cross-validated training patients are left out: they are the training patients once more.
    """
    if compared.empty:
        return compared, curves
    kept = []
    for table in (compared, curves):
        of_model = table[(table["model"] == model) & (table["subgroup"] == subgroup)]
        kept.append(of_model if subgroup == ALL else of_model[of_model["cohort"] != "train_cv"])
    return tuple(table.reset_index(drop=True) for table in kept)


def title(row):
    """Return the title of a panel: the cohort, and the subgroup where it is one."""
    cohort = cohort_label(row.cohort)
    return cohort if row.subgroup == ALL else f"{cohort}: {row.subgroup} {row.level}"


def group_text(row, group, time_unit):
    """Return ``Low risk: 65 of 106 with the event, median 433 days``."""
    n, events, median = (getattr(row, f"{name}_{group}") for name in ("n", "events", "median"))
    if n == 0:
        return f"{GROUP_LABELS[group]}: no patients"
    text = f"{GROUP_LABELS[group]}: {events} of {n} with the event"
    return text + (", median not reached" if missing(median) else f", median {significant_time(median)} {time_unit}")


def log_rank_text(row):
    """Return the p of the log-rank test (and the corrected one where the cut was chosen), or why there is none."""
    if missing(row.p):
        return f"Log-rank test: {row.p_reason}"
    text = "Log-rank p < 0.001" if row.p < 0.001 else f"Log-rank p = {row.p:.3f}"
    corrected = getattr(row, "p_corrected", None)
    return text if missing(corrected) else f"{text}; corrected for choosing the cut: {p_value(corrected)}"


def hazard_ratio_text(row):
    """Return ``HR, high to low: 2.04 (1.47 to 2.83)``; Firth's is named."""
    if missing(row.hr):
        return f"HR {DASH}: {row.hr_reason}"
    firth = ", Firth" if row.hr_method == "Firth" else ""
    return f"HR, high to low: {ratio(row.hr)} ({ratio_interval(row.hr_low, row.hr_high)}{firth})"


def significant_time(value):
    """Return a time with one decimal where it is below 100."""
    return number(value, 0 if value >= 100 or value == int(value) else 1)


def _panel(figure, left_mm, top_mm, width_mm):
    width, height = (25.4 * size for size in figure.get_size_inches())
    bottom = height - top_mm - TOP_MM - KEY_MM - PANEL_MM
    box = (left_mm + LEFT_MM) / width, bottom / height, (width_mm - LEFT_MM - RIGHT_MM) / width, PANEL_MM / height
    return figure.add_axes(box)


def _above(axes, figure, millimetres):
    """Coordinates of the axes, shifted up."""
    return axes.transAxes + ScaledTranslation(0, millimetres / 25.4, figure.dpi_scale_trans)


def _draw_panel(axes, curves, ticks):
    rows = []
    for group, colour in GROUP_COLOURS.items():
        curve = curves[curves["group"] == group]
        if curve.empty:
            rows.append((SHORT_LABELS[group], np.zeros(len(ticks), dtype=int), colour))
            continue
        time, survival = curve["time"].to_numpy(), curve["survival"].to_numpy()
        band = curve[["ci_low", "ci_high"]].to_numpy().T
        axes.fill_between(time, *band, step="post", color=colour, alpha=0.13, linewidth=0)
        axes.step(time, survival, where="post", color=colour, solid_joinstyle="miter")
        censored = curve["censored"].to_numpy() > 0
        axes.plot(time[censored], survival[censored], "|", color=colour, markersize=4.5, markeredgewidth=0.8)
        rows.append((SHORT_LABELS[group], _at_risk(curve, ticks), colour))
    axes.axhline(0.5, color=GREY, linewidth=0.6, linestyle=(0, (2, 2)), zorder=0.5)
    axes.set(ylim=(0, 1.02), xticks=ticks, yticks=[0, 0.25, 0.5, 0.75, 1])
    write_counts(axes, ticks, rows, heading="Number at risk")


def _at_risk(curve, ticks):
    """Patients still observed just before each tick."""
    leaving = (curve["events"] + curve["censored"]).to_numpy()
    gone = np.concatenate([[0], np.cumsum(leaving)])
    return curve["at_risk"].iloc[0] - gone[np.searchsorted(curve["time"].to_numpy(), ticks, side="left")]


def _write_key(figure, axes, row, time_unit):
    """Sizes and medians with a stroke of the group's colour, and the test, above the curves."""
    for k, (group, colour) in enumerate(GROUP_COLOURS.items()):
        place = _above(axes, figure, KEY_MM - 4.5 - 4.2 * k)
        axes.plot([0, 0.055], [1.0, 1.0], transform=place, color=colour, clip_on=False)
        axes.text(0.075, 1, group_text(row, group, time_unit), transform=place, va="center", fontsize=7)
    for k, text in enumerate((log_rank_text(row), hazard_ratio_text(row)), start=len(GROUP_COLOURS)):
        axes.text(0, 1, text, transform=_above(axes, figure, KEY_MM - 4.5 - 4.2 * k), va="center", fontsize=7)
