"""What a pretrained network sees of a tumour: a square box around it in its largest slice and the slices beside it.

Such networks read photographs of three colours and a fixed size; three slices in place of colours are the usual way to
show them a volume ("2.5-D": Roth et al. 2014, MICCAI, 520-527).
"""

import numpy as np
import SimpleITK as sitk

from habitat_radiomics.boxes import bounding_box
from habitat_radiomics.faults import DataFault

PERCENTILES = (1, 99)  # of the box, to which black and white are set where no window is given


def network_input(image, tumour, *, size, margin_mm, slice_distance_mm=None, window=None):
    """Return the box around a tumour in three slices, as grey values from 0 to 1.

    Slices are those of the third axis of the grid, the acquired ones. The box is square in mm: the longer side of the
    tumour in its largest slice (the first of equals) and the margin on both sides. It is sampled at the centres of
    ``size`` x ``size`` pixels, bilinearly, over a wider triangle where pixels are larger than voxels. Where it leaves
    the image the nearest voxel is repeated; so is the last slice.

    Parameters
    ----------
    image : SimpleITK.Image
        Preprocessed, 3-D.
    tumour : SimpleITK.Image
        Mask on the same grid, non-zero inside.
    size : int
        Pixels on a side.
    margin_mm : float
        Distance kept around the tumour.
    slice_distance_mm : float, optional
        From the largest slice to the other two, rounded to whole slices (one at least); the next ones when None.
    window : (low, high), optional
        Intensities that become 0 and 1, beyond them clipped; percentiles 1 and 99 of the box when None.

    Returns
    -------
    ndarray of float32, shape (3, size, size)
        Slice before, largest slice, slice after; rows y, columns x.

    Raises
    ------
    DataFault
        mask_empty; deep_box_constant: the percentiles of the box are equal.
    """
    inside = sitk.GetArrayViewFromImage(tumour) != 0
    if not inside.any():
        raise DataFault("mask_empty", "the tumour mask has no voxel on the working grid. Check the drawing.")
    number = int(np.argmax(inside.sum(axis=(1, 2))))
    spacing_mm = image.GetSpacing()
    step = max(1, round(slice_distance_mm / spacing_mm[2])) if slice_distance_mm else 1
    numbers = np.clip([number - step, number, number + step], 0, len(inside) - 1)
    slices = sitk.GetArrayViewFromImage(image)[numbers].astype(float)
    rows, columns = _square(inside[number], spacing_mm, margin_mm)
    low, high = window or _percentiles(slices, rows, columns)
    down, across = _weights(rows, size, slices.shape[1]), _weights(columns, size, slices.shape[2])
    return np.clip((down @ slices @ across.T - low) / (high - low), 0, 1).astype(np.float32)


def _square(inside, spacing_mm, margin_mm):
    """First and last edge (in voxels, the first voxel from -0.5 to 0.5) of the square, down and across."""
    edges = [(side.start - 0.5, side.stop - 0.5) for side in bounding_box(inside)]
    steps_mm = (spacing_mm[1], spacing_mm[0])
    half_mm = max((last - first) * mm for (first, last), mm in zip(edges, steps_mm, strict=True)) / 2 + margin_mm
    centres = [(first + last) / 2 for first, last in edges]
    return [(centre - half_mm / mm, centre + half_mm / mm) for centre, mm in zip(centres, steps_mm, strict=True)]


def _percentiles(slices, rows, columns):
    """Percentiles of the voxels whose centres lie in the box."""
    sides = [
        slice(max(int(np.ceil(first)), 0), int(np.floor(last)) + 1)
        for first, last in (rows, columns)  # the tumour's own voxels are always among them
    ]
    low, high = np.percentile(slices[:, sides[0], sides[1]], PERCENTILES)
    if not high > low:
        raise DataFault(
            "deep_box_constant",
            f"the image is constant around the tumour (percentiles {PERCENTILES[0]} and {PERCENTILES[1]} are both "
            f"{low:g}): repair the image, set deep.intensity_window, or exclude the patient.",
        )
    return low, high


def _weights(edges, size, voxels):
    """Weights of the voxels of one axis in every pixel, shape (size, voxels): triangles that sum to 1."""
    first, last = edges
    pixel = (last - first) / size
    centres = np.clip(first + (np.arange(size) + 0.5) * pixel, 0, voxels - 1)
    reach = max(pixel, 1.0)
    weights = np.maximum(1 - np.abs(centres[:, None] - np.arange(voxels)) / reach, 0)
    return weights / weights.sum(axis=1, keepdims=True)
