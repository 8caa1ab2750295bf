"""The slice of a scan on which its tumour is largest."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from habitat_radiomics.regions import REGION_LABELS

TUMOUR = REGION_LABELS["tumour"][0]
MARGIN_MM = 12.0  # of image shown around the regions
# Letters of the two ends of the LPS axes: low, high.
AXIS_ENDS = (("R", "L"), ("A", "P"), ("I", "S"))


@dataclass(frozen=True)
class Slice:
    """One slice of an image with its labels.

    Attributes
    ----------
    values, labels : ndarray, shape (y, x)
        Grey values; labels as in `regions.REGION_LABELS`.
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
        On one grid; labels as in `regions.REGION_LABELS`.
    """
    labels = sitk.GetArrayViewFromImage(regions)
    area = (labels == TUMOUR).sum(axis=(1, 2))
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
