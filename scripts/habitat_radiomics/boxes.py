"""Boxes around regions, and SimpleITK images cut by them or made from arrays."""

import numpy as np
import SimpleITK as sitk


def bounding_box(mask):
    """Return the tight box of a boolean array as a tuple of slices (z, y, x)."""
    axes = range(mask.ndim)
    spans = [np.flatnonzero(mask.any(axis=tuple(other for other in axes if other != a))) for a in axes]
    return tuple(slice(int(span[0]), int(span[-1]) + 1) for span in spans)


def union_of(masks):
    """Return the voxels of any of several boolean arrays; one by one, because they may fill the memory together."""
    union = np.zeros_like(next(iter(masks)))
    for mask in masks:
        union |= mask
    return union


def cropped(image, box):
    """Crop a SimpleITK image to slices given in array order (z, y, x)."""
    return image[tuple(reversed(box))]


def image_like(array, image):
    """Wrap an array (z, y, x) as an image with the geometry of another."""
    wrapped = sitk.GetImageFromArray(array)
    wrapped.CopyInformation(image)
    return wrapped
