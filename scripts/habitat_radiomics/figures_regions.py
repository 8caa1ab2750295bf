"""Tumour and peritumoural shell on the slice of every sequence where the tumour is largest."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from habitat_radiomics.style import DOUBLE_COLUMN_MM, REGION_COLOURS, new_figure, styled, write_note

LABELS = {"tumour": 1, "peritumour": 2}
WORDS = {"tumour": "tumour", "peritumour": "peritumoural shell"}
NICE_MM = (1, 2, 5, 10, 20, 50, 100, 200)
MARGIN_MM = 12.0  # of image shown around the regions
TITLE_MM, LEGEND_MM, GAP_MM = 9.0, 9.0, 3.0
# Letters of the two ends of the LPS axes: low, high.
AXIS_ENDS = (("R", "L"), ("A", "P"), ("I", "S"))


@dataclass(frozen=True)
class Slice:
    """One slice of an image with its labels.

    Attributes
    ----------
    values, labels : ndarray, shape (y, x)
        Grey values; 0 outside, 1 tumour, 2 shell.
    spacing_mm : tuple
        x, y.
    number, count : int
        Position in the stack, from 1, and number of slices.
    position_mm : float
        Along ``axis`` (one of the LPS axes, the nearest to the stack's direction).
    axis : int
    ends : tuple of str
        Letters of the left, right, upper and lower edge of the picture; empty for an oblique edge.
    """

    values: np.ndarray
    labels: np.ndarray
    spacing_mm: tuple
    number: int
    count: int
    position_mm: float
    axis: int
    ends: tuple


def read_scan(image, regions, faults):
    """Return the slice to show of one scan, or the reason (str) why there is none.

    Parameters
    ----------
    image, regions : path
        Preprocessed image and label image on one grid; empty files when the scan has faults.
    faults : list of dict
        ``code`` and ``message`` from the quality records.
    """
    if faults:
        return faults[0]["message"]
    if not all(Path(path).stat().st_size for path in (image, regions)):
        return "the file is empty."
    return largest_slice(sitk.ReadImage(str(image)), sitk.ReadImage(str(regions)))


def largest_slice(image, regions):
    """Return the slice (third axis) with the largest tumour area, the first of equals.

    Parameters
    ----------
    image, regions : SimpleITK.Image
        On one grid; labels as in `LABELS`.
    """
    labels = sitk.GetArrayViewFromImage(regions)
    area = (labels == LABELS["tumour"]).sum(axis=(1, 2))
    k = int(np.argmax(area))
    shown = _part_around(labels[k] > 0, image.GetSpacing()[:2])
    direction = np.array(image.GetDirection()).reshape(3, 3)
    axis = int(np.argmax(np.abs(direction[:, 2])))
    return Slice(
        values=sitk.GetArrayViewFromImage(image)[k][shown].astype(float),
        labels=labels[k][shown].copy(),
        spacing_mm=image.GetSpacing()[:2],
        number=k + 1,
        count=len(area),
        position_mm=image.TransformIndexToPhysicalPoint((0, 0, k))[axis],
        axis=axis,
        ends=(*_ends(direction[:, 0]), *_ends(direction[:, 1])),
    )


def _part_around(inside, spacing_mm):
    """Rows and columns of the regions with a margin, as two slices."""
    if not inside.any():
        return (slice(None), slice(None))
    parts = []
    for axis, step_mm in ((1, spacing_mm[1]), (0, spacing_mm[0])):
        used = np.flatnonzero(inside.any(axis=axis))
        margin = math.ceil(MARGIN_MM / step_mm)
        parts.append(slice(max(used[0] - margin, 0), used[-1] + margin + 1))
    return tuple(parts)


def _ends(direction):
    """Letters at the low and high end of an image axis; empty when it is more than 45 degrees oblique."""
    axis = int(np.argmax(np.abs(direction)))
    if abs(direction[axis]) < math.sqrt(0.5):
        return ("", "")
    return AXIS_ENDS[axis] if direction[axis] > 0 else AXIS_ENDS[axis][::-1]


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
    width = (DOUBLE_COLUMN_MM * 0.72 - 3 * GAP_MM) / 2
    heights = [_height(found, width) for found in slices.values()]
    total = sum(heights) + TITLE_MM * (len(heights) + 0.6) + LEGEND_MM
    figure = new_figure(DOUBLE_COLUMN_MM * 0.72, total, layout="none")
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
        _draw_row(figure, sequence, found, names, (width, height, top, total))
    handles = [_swatch(name) for name in names]
    figure.legend(handles=handles, loc="lower left", ncols=2, bbox_to_anchor=(0.01, 0.0))
    return figure


def _height(found, width):
    if isinstance(found, str):
        return 14.0
    rows, columns = found.values.shape
    return width * rows * found.spacing_mm[1] / (columns * found.spacing_mm[0])


def _draw_row(figure, sequence, found, names, place):
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
            _draw_scale_bar(axes, found)


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
        axes.text(x, y, letter, transform=axes.transAxes, ha=ha, va=va, **_ON_IMAGE)


_ON_IMAGE = {"color": "white", "fontsize": 7}


def _draw_labels(axes, found, names):
    """Fill every region lightly and draw its edge along the voxels."""
    left, right, bottom, top = _extent(found)
    rows, columns = found.labels.shape
    for name in reversed(names):
        inside = found.labels == LABELS[name]
        colour = np.array(_rgb(REGION_COLOURS[name]))
        overlay = np.zeros((rows, columns, 4))
        overlay[inside] = (*colour, 0.3)
        axes.imshow(overlay, extent=(left, right, bottom, top), interpolation="nearest")
        axes.add_collection(_voxel_edges(inside, found.spacing_mm, colour))


def _voxel_edges(inside, spacing_mm, colour):
    """Lines between voxels inside and outside."""
    from matplotlib.collections import LineCollection

    padded = np.pad(inside, 1).astype(np.int8)
    y, x = np.nonzero(np.diff(padded, axis=0)[:, 1:-1])
    across = [((c, r), (c + 1, r)) for r, c in zip(y, x, strict=True)]
    y, x = np.nonzero(np.diff(padded, axis=1)[1:-1])
    along = [((c, r), (c, r + 1)) for r, c in zip(y, x, strict=True)]
    lines = np.array(across + along, dtype=float).reshape(-1, 2, 2) * np.asarray(spacing_mm)
    return LineCollection(lines, colors=[colour], linewidths=1.0, capstyle="round")


def _rgb(colour):
    from matplotlib.colors import to_rgb

    return to_rgb(colour)


def scale_bar_mm(width_mm):
    """Return the largest round length of at most a third of the picture."""
    return max((length for length in NICE_MM if length <= width_mm / 3), default=NICE_MM[0])


def _draw_scale_bar(axes, found):
    width, height = _extent(found)[1], _extent(found)[2]
    length = scale_bar_mm(width)
    x, y = 0.04 * width, 0.94 * height
    axes.plot([x, x + length], [y, y], color="white", linewidth=2, solid_capstyle="butt")
    axes.text(x + length / 2, y - 0.025 * height, f"{length} mm", ha="center", va="bottom", **_ON_IMAGE)


def _swatch(name):
    from matplotlib.patches import Patch

    return Patch(facecolor=(*_rgb(REGION_COLOURS[name]), 0.3), edgecolor=REGION_COLOURS[name], label=WORDS[name])
