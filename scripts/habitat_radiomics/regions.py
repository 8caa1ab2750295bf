"""Regions around the drawn tumour: the tumour itself, the shell outside it, and both together."""

import math

import numpy as np
import SimpleITK as sitk

from habitat_radiomics.faults import DataFault
from habitat_radiomics.resample import mask_box, mask_part

REGION_LABELS = {"tumour": (1,), "peritumour": (2,), "expansion": (1, 2)}
ROUNDING_MM = 1e-4  # the distance map is float32; 5 voxels of 1 mm must still be within 5 mm


def make_regions(tumour, *, margin_mm, body=None):
    """Label the tumour 1 and the shell around it 2.

    The shell holds the voxels outside the tumour whose centre lies within the margin of the centre of some
    tumour voxel (exact Euclidean distance in mm, whatever the spacing), clipped to the body. The drawing
    itself is never changed, not even where it leaves the body.

    Parameters
    ----------
    tumour : SimpleITK.Image
        Mask on the working grid, non-zero inside.
    margin_mm : float
        Thickness of the shell; 0 gives none.
    body : SimpleITK.Image, optional
        Mask on the same grid; without it the shell is not clipped.

    Returns
    -------
    SimpleITK.Image
        uint8 labels as in `REGION_LABELS`, 0 elsewhere.

    Raises
    ------
    DataFault
        mask_empty.
    """
    inside = sitk.GetArrayViewFromImage(tumour) != 0
    if not inside.any():
        raise DataFault("mask_empty", "the tumour mask has no voxel on the working grid. Check the drawing.")
    shell = _near(tumour, margin_mm) & ~inside
    if body is not None:
        shell &= sitk.GetArrayViewFromImage(body) != 0
    labels = sitk.GetImageFromArray(inside.astype(np.uint8) + 2 * shell.astype(np.uint8))
    labels.CopyInformation(tumour)
    return labels


def region_mask(labels, name):
    """Mask (uint8, 1 inside) of a region by its name in `REGION_LABELS`."""
    array = np.isin(sitk.GetArrayViewFromImage(labels), REGION_LABELS[name]).astype(np.uint8)
    mask = sitk.GetImageFromArray(array)
    mask.CopyInformation(labels)
    return mask


def describe_mask(mask):
    """Size of a mask as facts for the quality record.

    Parameters
    ----------
    mask : SimpleITK.Image
        Non-zero inside.

    Returns
    -------
    dict
        voxels, volume_mm3, components (26-connected), touches_border: whether it reaches the first or last voxel
        of an axis, where the drawing may have been cut off.
    """
    inside = sitk.GetArrayViewFromImage(mask) != 0
    voxels = int(np.count_nonzero(inside))
    if voxels == 0:
        return {"voxels": 0, "volume_mm3": 0.0, "components": 0, "touches_border": False}
    first, last = mask_box(mask)
    components = sitk.ConnectedComponentImageFilter()
    components.FullyConnectedOn()
    components.Execute(mask_part(mask))
    return {
        "voxels": voxels,
        "volume_mm3": voxels * math.prod(mask.GetSpacing()),
        "components": components.GetObjectCount(),
        "touches_border": min(first) == 0 or bool((np.add(last, 1) == mask.GetSize()).any()),
    }


def check_size(mask, *, minimum_voxels=10):
    """Refuse a mask too small for shape and texture features.

    Raises
    ------
    DataFault
        mask_too_small.
    """
    voxels = int(np.count_nonzero(sitk.GetArrayViewFromImage(mask)))
    if voxels < minimum_voxels:
        raise DataFault(
            "mask_too_small",
            f"the tumour has {voxels} voxels on the working grid, fewer than {minimum_voxels}. Check the drawing, "
            "choose a finer preprocess.spacing_mm, or lower regions.min_voxels.",
        )


def _near(tumour, margin_mm):
    """Whether each voxel lies within the margin; distances are computed in the part that can be near."""
    first, last = mask_box(tumour)
    reach = np.ceil(np.divide(margin_mm, tumour.GetSpacing())).astype(int) + 1
    low = np.maximum(np.subtract(first, reach), 0)
    high = np.minimum(np.add(last, reach) + 1, tumour.GetSize())
    part = sitk.RegionOfInterest(sitk.Cast(tumour != 0, sitk.sitkUInt8), (high - low).tolist(), low.tolist())
    distance_mm = sitk.SignedMaurerDistanceMap(
        part, insideIsPositive=False, squaredDistance=False, useImageSpacing=True
    )
    near = np.zeros(tumour.GetSize()[::-1], dtype=bool)
    where = tuple(slice(start, stop) for start, stop in zip(low[::-1], high[::-1], strict=True))
    near[where] = sitk.GetArrayViewFromImage(distance_mm) <= margin_mm + ROUNDING_MM
    return near
