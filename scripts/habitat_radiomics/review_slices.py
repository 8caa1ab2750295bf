"""Pictures of one patient's scan for the review pages: slices as small JPEGs, maps as PNGs, contours as paths.

All volumes are cut around the tumour and turned to the patient's axes (LPS), so that a picture is always seen from the
feet, the front or a side, as radiologists look at it. The slices of one plane lie below each other in one picture.
"""

import base64
import io
import math
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from PIL import Image

from habitat_radiomics.regions import REGION_LABELS

MARGIN_MM = 15.0  # of image shown around the tumours of all readers
MOST_SLICES = 9  # of the axial plane, from one end of the tumour to the other
LONGEST_PIXELS = 160  # of the longer side of a picture
JPEG_QUALITY = 80
CHECKER_MM = 12.0
SHARES = (0.5, 99.5)  # percentiles between which grey values are shown
MAP_SHARES = (2, 98)
# From dark to bright, even in lightness and the same to colour-blind readers, as cividis (Nunez et al. 2018).
MAP_COLOURS = ((0, 34, 78), (65, 77, 107), (124, 123, 120), (188, 175, 111), (254, 232, 56))
# Plane: axis of the array (z, y, x) it is cut across; axes (x, y, z) of rows and columns; letters at its edges.
PLANES = {
    "Axial": (0, (1, 0), "RLAP"),
    "Coronal": (1, (2, 0), "RLSI"),
    "Sagittal": (2, (2, 1), "APSI"),
}


@dataclass(frozen=True)
class Plane:
    """Where the pictures of one plane are cut.

    Attributes
    ----------
    name, axis, indices, first
        Name; axis of the array (z, y, x); slices from the feet up; which of them holds the largest tumour area.
    positions_mm : list of float
        Along the axis, in the patient's coordinates (LPS).
    extent_mm, pixels : tuple
        Width and height.
    ends : str
        Letters of the left, right, upper and lower edge.
    """

    name: str
    axis: int
    indices: tuple
    first: int
    positions_mm: tuple
    extent_mm: tuple
    pixels: tuple
    ends: str


def tumour_box(readings):
    """Start and size (x, y, z) of the tumours of all readings with a margin; the whole image when they are empty."""
    size, spacing = readings[0].GetSize(), readings[0].GetSpacing()
    inside = np.any([sitk.GetArrayViewFromImage(image) == REGION_LABELS["tumour"][0] for image in readings], axis=0)
    if not inside.any():
        return [0, 0, 0], list(size)
    start, end = [], []
    for axis in range(3):
        used = np.flatnonzero(inside.any(axis=tuple({0, 1, 2} - {2 - axis})))
        margin = math.ceil(MARGIN_MM / spacing[axis])
        start.append(max(int(used[0]) - margin, 0))
        end.append(min(int(used[-1]) + margin + 1, size[axis]))
    return start, [stop - begin for begin, stop in zip(start, end, strict=True)]


def cut(image, box):
    """Return a part of an image, turned to the nearest of the patient's axes."""
    start, size = box
    return sitk.DICOMOrient(sitk.RegionOfInterest(image, size, start), "LPS")


def on_grid(image, grid, interpolator=sitk.sitkLinear):
    """Return an image where its header puts it, without any registration, on the grid of another; 0 outside."""
    return sitk.Resample(image, grid, sitk.Transform(), interpolator, 0.0)


def planes_of(tumour):
    """Return the planes through a tumour's largest extent; the axial one with slices from end to end.

    Parameters
    ----------
    tumour : SimpleITK.Image
        Mask turned by `cut`.
    """
    inside = sitk.GetArrayViewFromImage(tumour) != 0
    planes = []
    for name, (axis, sides, ends) in PLANES.items():
        areas = inside.sum(axis=tuple({0, 1, 2} - {axis}))
        largest = int(np.argmax(areas))
        chosen = _spread(np.flatnonzero(areas), largest) if name == "Axial" else [largest]
        rows_mm, columns_mm = (tumour.GetSize()[side] * tumour.GetSpacing()[side] for side in sides)
        scale = LONGEST_PIXELS / max(rows_mm, columns_mm)
        planes.append(
            Plane(
                name,
                axis,
                tuple(chosen),
                chosen.index(largest),
                tuple(_position_mm(tumour, axis, index) for index in chosen),
                (columns_mm, rows_mm),
                (max(round(columns_mm * scale), 1), max(round(rows_mm * scale), 1)),
                ends,
            )
        )
    return planes


def _spread(used, largest):
    """At most so many slices of a tumour: both ends, the largest, and evenly between."""
    if not used.size:
        return [largest]
    steps = np.linspace(used[0], used[-1], min(MOST_SLICES, used.size)).round().astype(int)
    steps[np.argmin(np.abs(steps - largest))] = largest
    return sorted(set(steps.tolist()))


def _position_mm(image, axis, index):
    place = [0, 0, 0]
    place[2 - axis] = index
    return image.TransformIndexToPhysicalPoint(place)[2 - axis]


def tiles_of(image, plane):
    """Return the slices of a plane, shape (slice, row, column), head and front up."""
    tiles = np.moveaxis(sitk.GetArrayViewFromImage(image), plane.axis, 0)[list(plane.indices)]
    return tiles if plane.axis == 0 else tiles[:, ::-1]


def grey_range(image):
    """Return the grey values shown as black and white."""
    low, high = np.percentile(sitk.GetArrayViewFromImage(image), SHARES)
    return float(low), float(max(high, low + 1e-9))


def grey_tiles(image, plane, limits):
    """Return the slices of a plane in the pixels of the page, uint8."""
    low, high = limits
    scaled = np.clip((tiles_of(image, plane).astype(np.float32) - low) / (high - low), 0, 1)
    resized = [Image.fromarray(tile).resize(plane.pixels, Image.Resampling.BICUBIC) for tile in scaled]
    return (np.clip(np.stack([np.asarray(tile) for tile in resized]), 0, 1) * 255).round().astype(np.uint8)


def checkerboard(first, second, plane):
    """Return fields of two pictures in turn; edges that go on across fields show a good registration."""
    side = max(round(CHECKER_MM * plane.pixels[0] / plane.extent_mm[0]), 1)
    rows, columns = (np.arange(size) // side for size in first.shape[1:])
    return np.where((rows[:, None] + columns[None, :]) % 2 == 0, first, second)


def jpeg_uri(tiles):
    """Return pictures below each other as one JPEG in a data address."""
    stream = io.BytesIO()
    Image.fromarray(np.concatenate(list(tiles))).save(stream, "JPEG", quality=JPEG_QUALITY, optimize=True)
    return _uri(stream, "jpeg")


def label_uri(tiles, colours, opacity):
    """Return labels (0 transparent, 1..k in the colours ``#rrggbb``) as one PNG in a data address."""
    palette = [0, 0, 0, *(int(colour[at : at + 2], 16) for colour in colours for at in (1, 3, 5))]
    return _png_uri(np.concatenate(list(tiles)).astype(np.uint8), palette, [0] + [round(255 * opacity)] * len(colours))


def map_uri(tiles, limits):
    """Return a map (0 transparent) in the colours of its range as one PNG in a data address."""
    low, high = limits
    values = np.concatenate(list(tiles))
    steps = np.where(values > 0, 1 + np.clip((values - low) / (high - low), 0, 1) * 254, 0).round().astype(np.uint8)
    at = np.linspace(0, len(MAP_COLOURS) - 1, 255)
    channels = [np.interp(at, range(len(MAP_COLOURS)), [colour[c] for colour in MAP_COLOURS]) for c in range(3)]
    palette = [0, 0, 0, *np.stack(channels, axis=1).round().astype(int).ravel().tolist()]
    return _png_uri(steps, palette, [0] + [255] * 255)


def map_range(image):
    """Return the ends of a map's colours: of this tumour, because maps show where in it."""
    values = sitk.GetArrayViewFromImage(image)
    low, high = np.percentile(values[values > 0], MAP_SHARES) if (values > 0).any() else (0.0, 1.0)
    return float(low), float(max(high, low + 1e-3))


def _png_uri(indices, palette, opacities):
    image = Image.fromarray(indices)
    image.putpalette(palette)
    stream = io.BytesIO()
    image.save(stream, "PNG", optimize=True, transparency=bytes(opacities))
    return _uri(stream, "png")


def _uri(stream, kind):
    return f"data:image/{kind};base64,{base64.b64encode(stream.getvalue()).decode('ascii')}"


def contour_path(tiles):
    """Return the edges of masks, along voxels, as an SVG path in voxels; the slices lie below each other."""
    parts = []
    for number, inside in enumerate(tiles):
        padded, top = np.pad(inside, 1).astype(np.int8), number * inside.shape[0]
        across = np.diff(padded, axis=0)[:, 1:-1] != 0
        along = (np.diff(padded, axis=1)[1:-1] != 0).T
        parts += [f"M{x} {y + top}h{n}" for y, x, n in _runs(across)]
        parts += [f"M{x} {y + top}v{n}" for x, y, n in _runs(along)]
    return "".join(parts)


def _runs(edges):
    """Line, start and length of every run along the last axis."""
    steps = np.diff(np.pad(edges, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    lines, starts = np.nonzero(steps == 1)
    return zip(lines.tolist(), starts.tolist(), (np.nonzero(steps == -1)[1] - starts).tolist(), strict=True)


def dice(first, second):
    """Return the overlap of two masks, 0 to 1; NaN when both are empty."""
    a, b = (sitk.GetArrayViewFromImage(image) != 0 for image in (first, second))
    size = int(a.sum()) + int(b.sum())
    return 2 * int((a & b).sum()) / size if size else math.nan
