"""Maps of aggressiveness on slices: beside image and subregions for one patient, and a montage of all patients."""

from dataclasses import replace

import numpy as np
import SimpleITK as sitk
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.lines import Line2D

from habitat_radiomics.entry import read_json
from habitat_radiomics.figures_habitats import (
    FILL,
    LEGEND_MM,
    TITLE_MM,
    _contour_handle,
    _draw_bar,
    _draw_contour,
    _draw_labels,
    _relative,
    _tumour_mm,
    habitat_patches,
    habitat_slice,
)
from habitat_radiomics.figures_regions import _draw_scale_bar, _extent, _show, _slice_title, scale_bar_mm
from habitat_radiomics.slices import largest_slice
from habitat_radiomics.style import BLACK, DOUBLE_COLUMN_MM, VERMILION, new_figure, styled, write_note, write_title

COLOURS = "cividis"  # even in lightness, the same to colour-blind readers
PANEL_MM, GAP_MM, BAR_MM = 42.0, 2.0, 2.5
TILE_MARGIN_MM = 5.0
WHOLE = "probability of the event"


def read_map(image, labels, shown, record):
    """Return the slice with its subregions and its map (NaN outside the tumour), or the reason (str) why there is none.

    Parameters
    ----------
    image, labels, shown : path
        Normalised image, label image, and the map's slice of `nested_map.shown_slice`.
    record : path
        Quality record of the labels.

    Returns
    -------
    (slices.Slice, ndarray) or str
    """
    faults = read_json(record)["faults"]
    if faults:
        return faults[0]["message"]
    picture, numbers, probability = (sitk.ReadImage(str(path)) for path in (image, labels, shown))
    found = habitat_slice(picture, numbers)
    return found, _map_of(probability, numbers, found)


def _map_of(probability, labels, found):
    """The map's slice cut as the slice of the image is."""
    flat = sitk.GetArrayFromImage(probability)[0]
    whole = np.full(sitk.GetArrayViewFromImage(labels).shape, np.nan)
    whole[found.number - 1] = flat
    whole[sitk.GetArrayViewFromImage(labels) == 0] = np.nan
    image = sitk.GetImageFromArray(whole)
    image.CopyInformation(labels)
    return largest_slice(image, sitk.Cast(labels > 0, sitk.sitkUInt8)).values


@styled
def draw_probability(maps, *, patient, names):
    """Draw plain slices of every sequence, the map with the microregion's contour, and the subregions, side by side.

    Parameters
    ----------
    maps : dict
        Sequence to `read_map`; the map is the same in each.
    patient : str
    names : list of str
        Of the subregions in their order; the last is the most active microregion.
    """
    first = next(iter(maps.values()))
    panels = len(maps) + 2
    width = (DOUBLE_COLUMN_MM - (panels + 1) * GAP_MM) / panels
    height = 20.0 if isinstance(first, str) else width * _shape_ratio(first[0])
    total = height + 2 * TITLE_MM + 2.0 * LEGEND_MM
    figure = new_figure(DOUBLE_COLUMN_MM, total, layout="none")
    write_title(figure, f"Patient {patient}: probability of the event by neighbourhood")
    boxes = [_relative((GAP_MM + at * (width + GAP_MM), 2.0 * LEGEND_MM, width, height), total) for at in range(panels)]
    if isinstance(first, str):
        write_note(figure.add_axes((0.02, 0.2, 0.96, 0.6)), f"cannot be shown: {first}")
        return figure
    for box, (sequence, (found, _)) in zip(boxes, maps.items(), strict=False):
        axes = figure.add_axes(box)
        _show(axes, found)
        axes.set_title(_slice_title(sequence, found).replace(", slice", ",\nslice"), fontsize=7, fontweight="normal")
        _draw_scale_bar(axes, found, scale_bar_mm(_extent(found)[1]))
    found, probability = first
    mapped, divided = (figure.add_axes(box) for box in boxes[-2:])
    _draw_map_panel(mapped, found, probability, len(names))
    _show(divided, found)
    _draw_labels(divided, found)
    divided.set_title("Subregions", fontsize=7, fontweight="normal")
    _draw_colour_bar(figure, boxes[-2], total, probability)
    handles = [*habitat_patches(names, opacity=FILL), _contour_handle(), _microregion_handle()]
    figure.legend(handles=handles, loc="lower left", ncols=3, bbox_to_anchor=(0.005, 0.0), handlelength=1.4)
    return figure


def _shape_ratio(found):
    _, width, height, _ = _extent(found)
    return height / width


def _limits(probability):
    """Ends of the colours: of this tumour, because maps show where in it, not how aggressive it is as a whole."""
    inside = probability[np.isfinite(probability)]
    low, high = np.quantile(inside, (0.02, 0.98)) if inside.size else (0.0, 1.0)
    return float(low), float(max(high, low + 1e-3))


def _draw_map_panel(axes, found, probability, k):
    _show(axes, found)
    low, high = _limits(probability)
    masked = np.ma.masked_invalid(probability)
    axes.imshow(masked, cmap=COLOURS, vmin=low, vmax=high, extent=_extent(found), interpolation="nearest")
    _draw_contour(axes, found, width=0.8)
    _draw_microregion(axes, found, k, width=1.0)
    axes.set_title("Map", fontsize=7, fontweight="normal")


def _draw_microregion(axes, found, k, *, width):
    from habitat_radiomics.figures_regions import _voxel_edges

    lines = _voxel_edges(found.labels == k, found.spacing_mm, VERMILION)
    lines.set(linewidths=width)
    axes.add_collection(lines)


def _microregion_handle():
    return Line2D([], [], color=VERMILION, linewidth=1.2, label="edge of the most active microregion")


def _draw_colour_bar(figure, box, total, probability):
    low, high = _limits(probability)
    left, bottom, width, _ = box
    axes = figure.add_axes((left, bottom - (BAR_MM + 1.5) / total, width, BAR_MM / total))
    bar = figure.colorbar(ScalarMappable(Normalize(low, high), COLOURS), cax=axes, orientation="horizontal")
    bar.set_ticks([low, high], labels=[f"{low:.2f}", f"{high:.2f}"])
    axes.tick_params(labelsize=6, length=2, pad=1)
    axes.text(0.5, -0.35, WHOLE, ha="center", va="top", fontsize=6, transform=axes.transAxes)


@styled
def draw_probability_montage(tiles, *, title, k, columns=8):
    """Draw the maps of many patients on one page at one scale, each in the colours of its own range.

    Parameters
    ----------
    tiles : list of (str, (Slice, ndarray) or str)
        Caption, and `read_map`; at most ``figures_habitats.MOST_TILES``.
    title : str
    k : int
        Number of the microregion.
    """
    shown = [found for _, found in tiles if not isinstance(found, str)]
    side_mm = max((max(_tumour_mm(found)[1]) for found, _ in shown), default=1.0) + 2 * TILE_MARGIN_MM
    rows = -(-len(tiles) // columns)
    width = (DOUBLE_COLUMN_MM - (columns + 1) * 1.0) / columns
    height = TITLE_MM + rows * (width + 7.5) + LEGEND_MM
    figure = new_figure(DOUBLE_COLUMN_MM, height, layout="none")
    write_title(figure, title)
    for position, (caption, found) in enumerate(tiles):
        row, column = divmod(position, columns)
        left, bottom = 1.0 + column * (width + 1.0), height - TITLE_MM - (row + 1) * (width + 7.5) + 3.0
        axes = figure.add_axes(_relative((left, bottom, width, width), height))
        _draw_tile(axes, caption, found, side_mm, k, bar=position == 0)
    handles = [_contour_handle(), _microregion_handle()]
    words = "Colours: from the 2nd (dark) to the 98th percentile (bright) of each tumour's probabilities, stated below"
    figure.legend(handles=handles, loc="lower left", ncols=2, bbox_to_anchor=(0.0, 0.0), handlelength=1.4)
    figure.text(0.01, 6.0 / height, words, fontsize=6.5, va="bottom")
    return figure


def _draw_tile(axes, caption, found, side_mm, k, *, bar):
    axes.set_title(caption, fontsize=6, fontweight="normal", pad=1.5)
    if isinstance(found, str):
        write_note(axes, "not shown")
        return
    picture, probability = found
    low, high = _limits(probability)
    _show(axes, replace(picture, ends=("", "", "", "")))
    masked = np.ma.masked_invalid(probability)
    axes.imshow(masked, cmap=COLOURS, vmin=low, vmax=high, extent=_extent(picture), interpolation="nearest")
    _draw_contour(axes, picture, width=0.5)
    _draw_microregion(axes, picture, k, width=0.7)
    (x, y), half = _tumour_mm(picture)[0], side_mm / 2
    axes.set(xlim=(x - half, x + half), ylim=(y + half, y - half), facecolor=BLACK)
    axes.text(0.5, -0.03, f"{low:.2f} to {high:.2f}", transform=axes.transAxes, ha="center", va="top", fontsize=5.5)
    if bar:
        _draw_bar(axes, side_mm)
