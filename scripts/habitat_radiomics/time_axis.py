"""A time axis with whole units, and rows of counts (number at risk) below it."""

import numpy as np

from habitat_radiomics.style import BLACK

STEPS = {
    "days": (1, 2, 5, 10, 20, 30, 60, 90, 100, 180, 200, 365, 500, 730, 1000, 1825),
    "months": (1, 2, 3, 6, 12, 24, 36, 60, 120),
    "years": (0.5, 1, 2, 5, 10, 20),
}
MOST_TICKS = 7
ROW_POINTS = 10.5  # height of a row of counts
FIRST_ROW_POINTS = 38.0  # from the axis to the heading of the rows, below tick labels and axis label


def time_ticks(longest, unit):
    """Return ticks from 0 on, at most seven, at steps that people use for the unit (a step twice the last is next)."""
    steps = list(STEPS.get(unit, (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)))
    while longest / steps[-1] >= MOST_TICKS:
        steps.append(2 * steps[-1])
    step = next(step for step in steps if longest / step < MOST_TICKS)
    return np.arange(0, longest + 1e-9, step)


def rows_height_mm(rows):
    """Return the room that a heading and so many rows of counts need below an axis."""
    return (FIRST_ROW_POINTS + ROW_POINTS * (rows + 1)) * 25.4 / 72


def write_counts(axes, ticks, rows, *, heading):
    """Write rows of counts below an axis, each under its tick.

    Parameters
    ----------
    axes : Axes
    ticks : array of float
        Where the counts belong.
    rows : list of (label, counts, colour)
        Labels are short: they stand left of the axis.
    heading : str
    """
    place = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points", "annotation_clip": False}
    left = {"xycoords": "axes fraction", "textcoords": "offset points", "annotation_clip": False}
    small = {"fontsize": 7, "va": "center"}
    axes.annotate(heading, (0, 0), (0, -FIRST_ROW_POINTS), ha="left", fontweight="bold", **left, **small)
    for k, (label, counts, colour) in enumerate(rows):
        y = -FIRST_ROW_POINTS - ROW_POINTS * (k + 1)
        axes.annotate(label, (0, 0), (-14, y), ha="right", color=colour, **left, **small)
        for tick, number in zip(ticks, counts, strict=True):
            axes.annotate(f"{number:d}", (tick, 0), (0, y), ha="center", color=BLACK, **place, **small)
