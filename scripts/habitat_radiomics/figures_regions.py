"""Tumour and peritumoural shell on the slice of every sequence where the tumour is largest."""

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke

from habitat_radiomics.regions import REGION_LABELS
from habitat_radiomics.slices import AXIS_ENDS
from habitat_radiomics.style import DOUBLE_COLUMN_MM, REGION_COLOURS, new_figure, styled, write_note

WORDS = {"tumour": "tumour", "peritumour": "peritumoural shell"}
NICE_MM = (1, 2, 5, 10, 20, 50, 100, 200)
WIDTH_MM = 0.72 * DOUBLE_COLUMN_MM
FILL = 0.22  # opacity: what lies below stays visible
TITLE_MM, LEGEND_MM, GAP_MM, NOTE_MM = 9.0, 9.0, 3.0, 14.0
# White with a dark rim is read on bright and on dark ground.
ON_IMAGE = {"color": "white", "fontsize": 8, "path_effects": [withStroke(linewidth=1.6, foreground="black")]}


@styled
def draw_regions(slices, *, patient, regions):
    """Draw every sequence of a patient twice: the plain slice, and beside it tumour and shell.

    Parameters
    ----------
    slices : dict
        Sequence to `Slice`, or to the reason why there is none.
    patient : str
    regions : list of str
        Regions of the study; the shell is drawn when it belongs to one of them.
    """
    names = ["tumour"] + (["peritumour"] if {"peritumour", "expansion"} & set(regions) else [])
    width = (WIDTH_MM - 3 * GAP_MM) / 2
    heights = [_height(found, width) for found in slices.values()]
    total = sum(heights) + TITLE_MM * (len(heights) + 0.6) + LEGEND_MM
    figure = new_figure(WIDTH_MM, total, layout="none")
    figure.text(
        GAP_MM / (width * 2 + 3 * GAP_MM),
        1 - 4 / total,
        f"Patient {patient}",
        fontsize=9,
        fontweight="bold",
        va="center",
    )
    top = total - TITLE_MM * 0.6
    for (sequence, found), height in zip(slices.items(), heights, strict=True):
        top -= TITLE_MM + height
        _draw_row(figure, sequence, found, names, (width, height, top, total), common_scale_bar_mm(slices))
    handles = [_swatch(name) for name in names]
    figure.legend(handles=handles, loc="lower left", ncols=2, bbox_to_anchor=(0.01, 0.0))
    return figure


def _height(found, width):
    if isinstance(found, str):
        return NOTE_MM
    rows, columns = found.values.shape
    return width * rows * found.spacing_mm[1] / (columns * found.spacing_mm[0])


def _draw_row(figure, sequence, found, names, place, bar_mm):
    width, height, bottom, total = place
    full = 2 * width + 3 * GAP_MM
    boxes = [(x / full, bottom / total, width / full, height / total) for x in (GAP_MM, 2 * GAP_MM + width)]
    if isinstance(found, str):
        axes = figure.add_axes((boxes[0][0], boxes[0][1], 1 - 2 * boxes[0][0], boxes[0][3]))
        write_note(axes, f"{sequence} cannot be shown:\n{found}")
        return
    for number, box in enumerate(boxes):
        axes = figure.add_axes(box)
        _show(axes, found)
        if number:
            _draw_labels(axes, found, names)
        else:
            axes.set_title(_slice_title(sequence, found), fontsize=7.5, fontweight="normal")
            _draw_scale_bar(axes, found, bar_mm)


def _slice_title(sequence, found):
    low, high = AXIS_ENDS[found.axis]
    end = high if found.position_mm >= 0 else low
    return f"{sequence}, slice {found.number} of {found.count} ({end} {abs(found.position_mm):.1f} mm)"


def _extent(found):
    """Left, right, lower and upper edge in mm; the first row is on top."""
    rows, columns = found.values.shape
    return (0, columns * found.spacing_mm[0], rows * found.spacing_mm[1], 0)


def _show(axes, found):
    low, high = np.percentile(found.values, (0.5, 99.5))
    axes.imshow(
        found.values, cmap="gray", vmin=low, vmax=max(high, low + 1e-9), extent=_extent(found), interpolation="nearest"
    )
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
    for letter, x, y in zip(found.ends, (0.02, 0.98, 0.5, 0.5), (0.5, 0.5, 0.97, 0.03), strict=True):
        ha = {0.02: "left", 0.98: "right"}.get(x, "center")
        va = {0.97: "top", 0.03: "bottom"}.get(y, "center")
        axes.text(x, y, letter, transform=axes.transAxes, ha=ha, va=va, **ON_IMAGE)


def _draw_labels(axes, found, names):
    """Fill every region lightly and draw its edge along the voxels."""
    left, right, bottom, top = _extent(found)
    rows, columns = found.labels.shape
    for name in reversed(names):
        inside = found.labels == REGION_LABELS[name][0]
        colour = np.array(to_rgb(REGION_COLOURS[name]))
        overlay = np.zeros((rows, columns, 4))
        overlay[inside] = (*colour, FILL)
        axes.imshow(overlay, extent=(left, right, bottom, top), interpolation="nearest")
        axes.add_collection(_voxel_edges(inside, found.spacing_mm, colour))


def _voxel_edges(inside, spacing_mm, colour):
    """Lines between voxels inside and outside."""
    padded = np.pad(inside, 1).astype(np.int8)
    y, x = np.nonzero(np.diff(padded, axis=0)[:, 1:-1])
    across = [((c, r), (c + 1, r)) for r, c in zip(y, x, strict=True)]
    y, x = np.nonzero(np.diff(padded, axis=1)[1:-1])
    along = [((c, r), (c, r + 1)) for r, c in zip(y, x, strict=True)]
    lines = np.array(across + along, dtype=float).reshape(-1, 2, 2) * np.asarray(spacing_mm)
    return LineCollection(lines, colors=[colour], linewidths=1.0, capstyle="round")


def scale_bar_mm(width_mm):
    """Return the largest round length of at most a third of the picture."""
    return max((length for length in NICE_MM if length <= width_mm / 3), default=NICE_MM[0])


def common_scale_bar_mm(slices):
    """Return the length of the bars of one figure: sequences on almost the same scale must not differ by their bars."""
    return min((scale_bar_mm(_extent(found)[1]) for found in slices.values() if not isinstance(found, str)), default=0)


def _draw_scale_bar(axes, found, length):
    width, height = _extent(found)[1], _extent(found)[2]
    x, y = 0.04 * width, 0.94 * height
    rim = [withStroke(linewidth=3.6, foreground="black")]
    axes.plot([x, x + length], [y, y], color="white", linewidth=2, solid_capstyle="butt", path_effects=rim)
    axes.text(x + length / 2, y - 0.025 * height, f"{length} mm", ha="center", va="bottom", **ON_IMAGE)


def _swatch(name):
    return Patch(facecolor=(*to_rgb(REGION_COLOURS[name]), FILL), edgecolor=REGION_COLOURS[name], label=WORDS[name])
