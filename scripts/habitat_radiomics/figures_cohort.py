"""The flow of the cohort: screened, excluded with counted reasons, included, by cohort."""

import textwrap

from matplotlib.patches import FancyBboxPatch

from habitat_radiomics.labels import cohort_label, count
from habitat_radiomics.style import GREY, new_figure, styled

WIDTH_MM, BOX_MM, LINE_MM, GAP_MM = 120, 52, 3.6, 9
LETTERS_PER_LINE = 34


def flow_boxes(flow):
    """Return the text of every box of the flow diagram.

    Parameters
    ----------
    flow : DataFrame
        step (screened, excluded, included, cohort), reason, patients.

    Returns
    -------
    dict
        ``screened``, ``included`` (str), ``excluded`` (list of lines, empty without exclusions), ``cohorts`` (list).

    Raises
    ------
    ValueError
        If the counts do not close.
    """
    total = {step: int(rows["patients"].sum()) for step, rows in flow.groupby("step")}
    excluded = flow[(flow["step"] == "excluded") & (flow["patients"] > 0)]
    left_out = total.get("excluded", 0)
    if not total["screened"] - left_out == total["included"] == total["cohort"]:
        raise ValueError(
            f"the flow of the cohort does not close: {total['screened']} screened, {left_out} excluded, "
            f"{total['included']} included, {total['cohort']} in cohorts."
        )
    reasons = [f"{count(row.patients)}  {row.reason}" for row in excluded.itertuples()]
    cohorts = flow[flow["step"] == "cohort"]
    return {
        "screened": f"Screened\nn = {count(total['screened'])}",
        "excluded": [f"Excluded, n = {count(left_out)}", *reasons] if reasons else [],
        "included": f"Included\nn = {count(total['included'])}",
        "cohorts": [f"{_short(row.reason)}\nn = {count(row.patients)}" for row in cohorts.itertuples()],
    }


def _short(cohort):
    return "Training" if cohort == "train" else cohort_label(cohort)


@styled
def draw_flow(flow):
    """Draw the flow diagram of the cohort (table as in `flow_boxes`)."""
    boxes = flow_boxes(flow)
    lines = [
        line for text in boxes["excluded"] for line in textwrap.wrap(text, LETTERS_PER_LINE, subsequent_indent="    ")
    ]
    box, side = 2 * LINE_MM + 4, len(lines) * LINE_MM + 4
    middle = max(GAP_MM, side + 6) if lines else GAP_MM
    height = 3 * box + middle + GAP_MM + 6
    figure = new_figure(WIDTH_MM, height, layout="none")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, WIDTH_MM), ylim=(0, height))
    axes.set_axis_off()
    centre = 34 if lines else WIDTH_MM / 2
    screened, included, cohort = height - 3 - box / 2, height - 3 - 1.5 * box - middle, 3 + box / 2
    _box(axes, (centre, screened), (BOX_MM, box), boxes["screened"])
    _box(axes, (centre, included), (BOX_MM, box), boxes["included"])
    _arrow(axes, (centre, screened - box / 2), (centre, included + box / 2))
    if lines:
        level = (screened + included) / 2
        _box(axes, (WIDTH_MM - 3 - BOX_MM / 2, level), (BOX_MM, side), "\n".join(lines), align="left")
        _arrow(axes, (centre, level), (WIDTH_MM - 3 - BOX_MM, level))
    _draw_cohorts(axes, boxes["cohorts"], (centre, included - box / 2), cohort, box)
    return figure


def _draw_cohorts(axes, texts, start, level, box):
    """Draw the boxes of the cohorts side by side and the arrows from the included patients to them."""
    width = (WIDTH_MM - 6 - 4 * (len(texts) - 1)) / max(len(texts), 3)
    left = (WIDTH_MM - len(texts) * width - 4 * (len(texts) - 1)) / 2 if len(texts) < 3 else 3
    fork = level + box / 2 + GAP_MM / 2
    for number, text in enumerate(texts):
        x = start[0] if len(texts) == 1 else left + width / 2 + number * (width + 4)
        _box(axes, (x, level), (width, box), text)
        axes.plot([start[0], start[0], x], [start[1], fork, fork], color=GREY, linewidth=0.8, solid_capstyle="butt")
        _arrow(axes, (x, fork), (x, level + box / 2))


def _box(axes, centre, size, text, *, align="center"):
    corner = (centre[0] - size[0] / 2, centre[1] - size[1] / 2)
    axes.add_patch(FancyBboxPatch(corner, *size, boxstyle="round,pad=0,rounding_size=1.2", fc="white", ec=GREY, lw=0.8))
    x = centre[0] if align == "center" else corner[0] + 2
    axes.text(x, centre[1], text, ha=align, va="center", linespacing=1.35)


def _arrow(axes, start, end):
    axes.annotate(
        "", end, start, arrowprops={"arrowstyle": "-|>", "color": GREY, "linewidth": 0.8, "shrinkA": 0, "shrinkB": 0}
    )
