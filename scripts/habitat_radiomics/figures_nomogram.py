"""A nomogram on paper: axes of points, predictors, total points and probabilities below each other."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath

from habitat_radiomics.style import (
    BLACK,
    BLUE,
    DOUBLE_COLUMN_MM,
    GREY,
    LIGHT_GREY,
    SETTINGS,
    new_figure,
    styled,
    write_note,
)

LABEL_SIZE, TICK_SIZE = SETTINGS["axes.labelsize"], SETTINGS["xtick.labelsize"]
MARGIN_MM, AXIS_LEFT_MM, AXIS_RIGHT_MM = 2.0, 46.0, DOUBLE_COLUMN_MM - 6.0
TEXT_MM, GAP_MM, TICK_MM, MINOR_MM, ROW_MM = 3.1, 0.5, 1.3, 0.7, 2.2
BETWEEN_TEXTS_MM = 1.2
MINOR_PARTS, CLOSEST_TICKS_MM = (5, 2), 0.9
EVERY_LABEL = ("discrete", "category", "scale")  # axes on which none can be left out
DIVIDED = ("points", "number", "total", "linear predictor")  # axes with minor ticks
LABEL_LEFT_MM, LABEL_RIGHT_MM = AXIS_LEFT_MM - 3.5, DOUBLE_COLUMN_MM - 0.5
TOTALS = ("total", "linear predictor", "scale")
OWN_COLOUR = {"points": BLUE, "total": BLUE}


@dataclass(frozen=True)
class Row:
    """One axis: where its ticks are and on which line each label stands (0 below, -1 above, 1 further below, ...)."""

    kind: str
    label: str
    x_mm: np.ndarray
    labelled: list  # (text, x_mm, line)
    minor_mm: np.ndarray

    @property
    def height_above(self):
        """Space of the labels above the axis, in mm."""
        lines = -min((line for _, _, line in self.labelled), default=0)
        return ROW_MM + (lines * TEXT_MM + TICK_MM if lines > 0 else 0)

    @property
    def height(self):
        """Whole space, in mm."""
        lines = 1 + max((line for _, _, line in self.labelled), default=0)
        words = len(wrapped(self.label)) * TEXT_MM - TEXT_MM / 2
        return self.height_above + max(TICK_MM + GAP_MM + max(lines, 0) * TEXT_MM, words - TEXT_MM / 2)


@styled
def draw_nomogram(ticks, *, title="", note="", linear_predictor=False):
    """Draw a nomogram.

    Parameters
    ----------
    ticks : DataFrame
        See `nomogram.tick_table`.
    title, note : str
        Above and below; the note says whose model this is, for example ``Training cohort, n = 98, 41 events``.
    linear_predictor : bool
        Draw its axis, too.

    Returns
    -------
    matplotlib.figure.Figure
    """
    rows = nomogram_rows(ticks, linear_predictor=linear_predictor)
    notes = wrapped(note, DOUBLE_COLUMN_MM - 2 * MARGIN_MM)
    top, bottom = (8.0 if title else 2.0), (4.0 + len(notes) * TEXT_MM if note else 3.0)
    height = top + bottom + sum(row.height for row in rows)
    figure = new_figure(DOUBLE_COLUMN_MM, height, layout="none")
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, DOUBLE_COLUMN_MM), ylim=(height, 0))
    axes.set_axis_off()
    lines = top + np.cumsum([0, *(row.height for row in rows[:-1])]) + [row.height_above for row in rows]
    _draw_guides(axes, rows, lines)
    for row, y in zip(rows, lines, strict=True):
        _draw_row(axes, row, y)
    axes.text(MARGIN_MM, 2.5, title, va="top", fontsize=SETTINGS["axes.titlesize"], fontweight="bold")
    axes.text(MARGIN_MM, height - 2, "\n".join(notes), va="bottom", color=GREY, fontsize=TICK_SIZE)
    return figure


@styled
def draw_no_nomogram(reason):
    """Say why a model has no nomogram."""
    figure = new_figure(DOUBLE_COLUMN_MM, 40)
    write_note(figure.add_subplot(), f"No nomogram: {reason}.")
    return figure


def nomogram_rows(ticks, *, linear_predictor=False):
    """Return the axes with everything placed, in mm; no two labels of an axis touch."""
    total = ticks.loc[ticks["kind"] == "total", "position"]
    rows = []
    for _, axis in ticks.groupby("axis"):
        kind, label = axis["kind"].iloc[0], axis["label"].iloc[0]
        if kind == "linear predictor" and not linear_predictor:
            continue
        low, high = (total.min(), total.max()) if kind in TOTALS else (0, 100)
        x = AXIS_LEFT_MM + (axis["position"].to_numpy() - low) / (high - low) * (AXIS_RIGHT_MM - AXIS_LEFT_MM)
        order = np.argsort(x, kind="stable")
        words = axis["value"].to_numpy()[order]
        labelled = (placed_levels if kind in EVERY_LABEL else placed_numbers)(words, x[order])
        minor = minor_ticks(x[order]) if kind in DIVIDED else np.empty(0)
        rows.append(Row(kind, label, _apart(x[order], labelled), labelled, minor))
    return rows


def placed_levels(words, x_mm):
    """Give every level a line, below or above the axis, on which it does not touch its neighbours.

    Lines near the axis come first, and those whose tick crosses no other label.
    """
    ends, labelled = {}, []
    for text, x in zip(words, x_mm, strict=True):
        left, right = _ends(text, x)
        free = [line for line in _lines(len(words)) if left >= ends.get(line, -np.inf) + BETWEEN_TEXTS_MM]
        line = next((line for line in free if not _crosses(x, line, ends)), free[0])
        ends[line] = right
        labelled.append((text, x, line))
    return labelled


def placed_numbers(words, x_mm):
    """Keep every number, or every second, third, ..., so that they do not touch; both ends where nothing else fits."""
    for step in range(1, len(words)):
        labelled = [(text, x, 0) for text, x in zip(words[::step], x_mm[::step], strict=True)]
        if len(labelled) > 1 and not _touching(labelled):
            return labelled
    return placed_levels(words[[0, -1]], x_mm[[0, -1]]) if len(words) > 1 else placed_levels(words, x_mm)


def minor_ticks(x_mm):
    """Return the parts of evenly spaced ticks, fifths or halves by the room there is."""
    steps = np.diff(x_mm)
    if len(x_mm) < 2 or np.ptp(steps) > 1e-6:
        return np.empty(0)
    parts = next((parts for parts in MINOR_PARTS if steps[0] / parts >= CLOSEST_TICKS_MM), 1)
    return np.concatenate([x_mm[:-1] + k * steps[0] / parts for k in range(1, parts)]) if parts > 1 else np.empty(0)


@cache
def width_mm(text, size=TICK_SIZE):
    """Return the printed width of a text, from the font alone."""
    font = FontProperties(family=SETTINGS["font.family"], size=size)
    return TextPath((0, 0), text, prop=font).get_extents().width * 25.4 / 72 if text.strip() else 0.0


def wrapped(label, widest_mm=AXIS_LEFT_MM - 4 * MARGIN_MM):
    """Return the lines of a text that fit a width; a word too long for a line is broken."""
    lines = [""]
    for word in label.split(" "):
        while width_mm(word, LABEL_SIZE) > widest_mm:
            part = next(k for k in range(len(word) - 1, 0, -1) if width_mm(word[:k], LABEL_SIZE) <= widest_mm)
            lines, word = [*filter(None, lines), word[:part], ""], word[part:]
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and width_mm(longer, LABEL_SIZE) > widest_mm:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def _ends(text, x):
    """Left and right end of a label centred at x, moved in where it would leave the axes' part of the figure."""
    half = width_mm(text) / 2
    centre = max(min(x, LABEL_RIGHT_MM - half), LABEL_LEFT_MM + half)
    return centre - half, centre + half


def _touching(labelled):
    ends = [_ends(text, x) for text, x, _ in labelled]
    return any(right[0] < left[1] + BETWEEN_TEXTS_MM for left, right in zip(ends, ends[1:], strict=False))


def _lines(count):
    """0, -1, 1, -2, 2, ..."""
    return [0, *(line for k in range(1, count + 1) for line in (-k, k))]


def _crosses(x, line, ends):
    """Whether a tick drawn out to the line passes a label that stands nearer to the axis."""
    nearer = range(line) if line > 0 else range(line + 1, 0)
    return any(x <= ends.get(other, -np.inf) + GAP_MM for other in nearer)


def _apart(x_mm, labelled):
    """The ticks to draw: all, or where they would run together those with a label."""
    together = len(x_mm) > 1 and np.diff(x_mm).min() < CLOSEST_TICKS_MM
    return np.array(sorted({x for _, x, _ in labelled})) if together else x_mm


def _draw_row(axes, row, y):
    colour = OWN_COLOUR.get(row.kind, BLACK)
    weight = "bold" if row.kind in ("points", *TOTALS) else "normal"
    axes.text(MARGIN_MM, y, "\n".join(wrapped(row.label)), va="center", fontweight=weight, fontsize=LABEL_SIZE)
    axes.plot(row.x_mm[[0, -1]], [y, y], color=colour, linewidth=0.9, solid_capstyle="butt")
    axes.vlines(row.x_mm, y, y + TICK_MM, color=colour, linewidth=0.7)
    axes.vlines(row.minor_mm, y, y + MINOR_MM, color=colour, linewidth=0.5)
    for text, x, line in row.labelled:
        _draw_label(axes, text, x, y, line)


def _draw_label(axes, text, x, y, line):
    """A label below (line 0, 1, ...) or above (-1, -2, ...) with its tick drawn out to it."""
    centre = sum(_ends(text, x)) / 2
    if line < 0:
        foot = y - TICK_MM - (-line - 1) * TEXT_MM
        axes.vlines(x, foot, y, color=BLACK, linewidth=0.7)
        axes.text(centre, foot - GAP_MM, text, ha="center", va="bottom", **_label_style())
        return
    foot = y + TICK_MM + line * TEXT_MM
    if line:
        axes.vlines(x, y, foot, color=BLACK, linewidth=0.7)
    axes.text(centre, foot + GAP_MM, text, ha="center", va="top", **_label_style())


def _label_style():
    """On white, so that no guide line or tick runs through a label."""
    return {
        "fontsize": TICK_SIZE,
        "bbox": {"facecolor": "white", "edgecolor": "none", "pad": 0.4},
        "zorder": 2.5,
    }


def _draw_guides(axes, rows, lines):
    """Carry the ticks of points and total points down through the axes that are read against them."""
    kinds = [row.kind for row in rows]
    total = kinds.index("total")
    for first, last in ((kinds.index("points"), total - 1), (total, len(rows) - 1)):
        axes.vlines(rows[first].x_mm, lines[first], lines[last], color=LIGHT_GREY, linewidth=0.4, zorder=0)
