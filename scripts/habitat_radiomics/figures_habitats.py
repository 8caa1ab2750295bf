"""Habitats on slices: beside the plain image for one patient, and a montage of all patients."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import SimpleITK as sitk
from matplotlib.colors import to_rgb
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke

from habitat_radiomics.figures_regions import (
    ON_IMAGE,
    _draw_scale_bar,
    _height,
    _show,
    _slice_title,
    _voxel_edges,
    common_scale_bar_mm,
    scale_bar_mm,
)
from habitat_radiomics.habitats import COLOURS
from habitat_radiomics.slices import largest_slice
from habitat_radiomics.style import BLACK, DOUBLE_COLUMN_MM, GREY, new_figure, styled, write_note, write_title

FILL = 0.55  # opacity of a habitat: the grey values below stay visible
MOST_TILES = 56  # of a montage on one page
TITLE_MM, LEGEND_MM, GAP_MM, KEY_MM = 8.0, 10.0, 3.0, 37.0
MID_GREY = 0.55
TILE_MARGIN_MM = 5.0  # of image shown around the tumour in a montage


def habitat_slice(image, labels):
    """Return the slice (third axis) with the largest tumour area, the first of equals, with its habitats.

    Parameters
    ----------
    image, labels : SimpleITK.Image
        On one grid; labels 0 outside the tumour, 1..k inside.

    Returns
    -------
    slices.Slice
        Its labels are the numbers of the habitats.
    """
    tumour = sitk.Cast(labels > 0, sitk.sitkUInt8)
    numbers = largest_slice(labels, tumour).values.astype(np.uint8)
    return replace(largest_slice(image, tumour), labels=numbers)


@styled
def draw_habitats(slices, *, patient, names):
    """Draw every sequence of a patient twice: the plain slice, and beside it its habitats and the tumour's contour.

    Parameters
    ----------
    slices : dict
        Sequence to `habitat_slice`, or to the reason (str) why there is none.
    patient : str
    names : dict
        Sequence to the names of its habitats in their order; joint habitats have the same names in each.
    """
    width = (DOUBLE_COLUMN_MM - 4 * GAP_MM - KEY_MM) / 2
    heights = [_height(found, width) for found in slices.values()]
    total = sum(heights) + TITLE_MM * (len(heights) + 0.8) + GAP_MM
    figure = new_figure(DOUBLE_COLUMN_MM, total, layout="none")
    title = {"fontsize": 9, "fontweight": "bold", "va": "center"}
    figure.text(GAP_MM / DOUBLE_COLUMN_MM, 1 - 4 / total, f"Patient {patient}: habitats", **title)
    top, keyed = total - TITLE_MM * 0.8, None
    for (sequence, found), height in zip(slices.items(), heights, strict=True):
        top -= TITLE_MM + height
        boxes = [(GAP_MM, top, width, height), (2 * GAP_MM + width, top, width, height)]
        _draw_row(figure, sequence, found, [_relative(box, total) for box in boxes], common_scale_bar_mm(slices))
        if not isinstance(found, str) and names[sequence] != keyed:
            keyed = names[sequence]
            _draw_key(figure, keyed, (3 * GAP_MM + 2 * width) / DOUBLE_COLUMN_MM, (top + height) / total)
    return figure


def _relative(box, total):
    left, bottom, width, height = box
    return (left / DOUBLE_COLUMN_MM, bottom / total, width / DOUBLE_COLUMN_MM, height / total)


def _draw_row(figure, sequence, found, boxes, bar_mm):
    if isinstance(found, str):
        left, bottom, width, height = boxes[0]
        write_note(figure.add_axes((left, bottom, 2 * width, height)), f"{sequence} cannot be shown:\n{found}")
        return
    plain, overlaid = (figure.add_axes(box) for box in boxes)
    _show(plain, found)
    plain.set_title(_slice_title(sequence, found), fontsize=7.5, fontweight="normal")
    _draw_scale_bar(plain, found, bar_mm)
    _show(overlaid, found)
    _draw_labels(overlaid, found)


def _draw_labels(axes, found):
    """Fill every habitat with its colour and draw the contour of the tumour."""
    rows, columns = found.labels.shape
    overlay = np.zeros((rows, columns, 4))
    for number in range(1, int(found.labels.max(initial=0)) + 1):
        overlay[found.labels == number] = (*to_rgb(COLOURS[number - 1]), FILL)
    extent = (0, columns * found.spacing_mm[0], rows * found.spacing_mm[1], 0)
    axes.imshow(overlay, extent=extent, interpolation="nearest")
    _draw_contour(axes, found, width=1.0)


def _draw_contour(axes, found, *, width):
    """A white line with a dark rim, as the tumour may be brighter or darker than what is around."""
    for colour, linewidth in ((BLACK, 2 * width), ("white", width)):
        edges = _voxel_edges(found.labels > 0, found.spacing_mm, to_rgb(colour))
        edges.set(linewidths=linewidth, capstyle="projecting" if colour == BLACK else "round")
        axes.add_collection(edges)


def _draw_key(figure, names, left, top):
    handles = [*habitat_patches(names, opacity=FILL), _contour_handle()]
    figure.legend(handles=handles, loc="upper left", bbox_to_anchor=(left - 0.01, top + 0.01), handlelength=1.4)


def habitat_patches(names, *, opacity=1.0):
    """Legend entries of habitats: number, name, and colour as it looks over a grey picture."""
    return [
        Patch(facecolor=_over_grey(colour, opacity), edgecolor=GREY, linewidth=0.5, label=f"{number}  {_broken(name)}")
        for number, (name, colour) in enumerate(zip(names, COLOURS, strict=False), start=1)
    ]


def _over_grey(colour, opacity):
    return tuple(opacity * np.array(to_rgb(colour)) + (1 - opacity) * MID_GREY)


def _broken(name):
    return name.replace(", ", ",\n    ")


def _contour_handle():
    effects = [withStroke(linewidth=2.0, foreground=BLACK)]
    return Line2D([], [], color="white", linewidth=1.0, path_effects=effects, label="contour of the tumour")


@styled
def draw_montage(tiles, *, names, title, columns=8):
    """Draw the habitats of many patients on one page, all at one scale.

    Parameters
    ----------
    tiles : list of (str, Slice or str)
        Caption, and `habitat_slice` or the reason why there is none; at most `MOST_TILES` (see `montage_pages`).
    names : list of str
        Of the habitats in their order.
    title : str
    columns : int
    """
    side_mm = max((max(_tumour_mm(found)[1]) for _, found in tiles if not isinstance(found, str)), default=1.0)
    side_mm += 2 * TILE_MARGIN_MM
    rows = -(-len(tiles) // columns)
    width = (DOUBLE_COLUMN_MM - (columns + 1) * 1.0) / columns
    legend = LEGEND_MM + 3.0 * max(name.count(", ") for name in names)
    height = TITLE_MM + rows * (width + 4.5) + legend
    figure = new_figure(DOUBLE_COLUMN_MM, height, layout="none")
    write_title(figure, title)
    for position, (caption, found) in enumerate(tiles):
        row, column = divmod(position, columns)
        left, bottom = 1.0 + column * (width + 1.0), height - TITLE_MM - (row + 1) * (width + 4.5)
        axes = figure.add_axes(_relative((left, bottom, width, width), height))
        _draw_tile(axes, caption, found, side_mm, bar=position == 0)
    handles = [*habitat_patches(names, opacity=FILL), _contour_handle()]
    figure.legend(handles=handles, loc="lower left", ncols=len(handles), bbox_to_anchor=(0.0, 0.0), handlelength=1.4)
    return figure


def montage_pages(tiles):
    """Parts of a list of tiles that fit on a page each, as even as possible."""
    pages = max(1, -(-len(tiles) // MOST_TILES))
    ends = [round(number * len(tiles) / pages) for number in range(pages + 1)]
    return [tiles[start:stop] for start, stop in pairwise(ends)]


def _tumour_mm(found):
    """Centre and size x, y of the tumour in the picture."""
    sides = [np.flatnonzero((found.labels > 0).any(axis=axis)) for axis in (0, 1)]
    ends = [(used[0] * step, (used[-1] + 1) * step) for used, step in zip(sides, found.spacing_mm, strict=True)]
    return [(low + high) / 2 for low, high in ends], [high - low for low, high in ends]


def _draw_tile(axes, caption, found, side_mm, *, bar):
    axes.set_title(caption, fontsize=6, fontweight="normal", pad=1.5)
    if isinstance(found, str):
        write_note(axes, "not shown")
        return
    low, high = np.percentile(found.values, (0.5, 99.5))
    grey = np.clip((found.values - low) / max(high - low, 1e-9), 0, 1)
    picture = np.repeat(grey[..., None], 3, axis=2)
    for number in range(1, int(found.labels.max(initial=0)) + 1):
        inside = found.labels == number
        picture[inside] = (1 - FILL) * picture[inside] + FILL * np.array(to_rgb(COLOURS[number - 1]))
    rows, columns = found.labels.shape
    width, height = columns * found.spacing_mm[0], rows * found.spacing_mm[1]
    axes.imshow(picture, extent=(0, width, height, 0), interpolation="nearest")
    _draw_contour(axes, found, width=0.5)
    (x, y), half = _tumour_mm(found)[0], side_mm / 2
    axes.set(xlim=(x - half, x + half), ylim=(y + half, y - half))
    axes.set(xticks=[], yticks=[], facecolor=BLACK)
    axes.spines[:].set_visible(False)
    if bar:
        _draw_bar(axes, side_mm)


def _draw_bar(axes, side_mm):
    length = scale_bar_mm(side_mm)
    at = {"transform": axes.transAxes}
    axes.plot([0.06, 0.06 + length / side_mm], [0.07, 0.07], color="white", linewidth=1.6, solid_capstyle="butt", **at)
    axes.text(0.06, 0.1, f"{length} mm", va="bottom", **at, **{**ON_IMAGE, "fontsize": 6})
