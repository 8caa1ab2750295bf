"""Tidying of habitat labels inside the tumour: a mode filter, and small islands given to their surroundings."""

import numpy as np
import SimpleITK as sitk


def smooth_labels(labels, *, radius_mm, iterations=1):
    """Give every voxel the most frequent habitat among the tumour's voxels in a box around it.

    Parameters
    ----------
    labels : SimpleITK.Image
        0 outside, 1..k inside; what is outside stays outside and does not vote.
    radius_mm : float
        Half width of the box; along each axis rounded to whole voxels, so that thick slices may not take part.
    iterations : int
        0 changes nothing.

    Returns
    -------
    SimpleITK.Image
        uint8. A voxel keeps its habitat in a tie; of other equals the lowest number wins.
    """
    array = sitk.GetArrayFromImage(labels)
    radius = radius_voxels(labels, radius_mm)
    for _ in range(iterations):
        array = np.where(array > 0, _most_frequent(array, radius, own_bonus=True), 0)
    return label_image(array, labels)


def remove_small_components(labels, *, min_voxels):
    """Give islands (26-connected parts of one habitat) below a size to the habitats around them, from outside in.

    Parameters
    ----------
    labels : SimpleITK.Image
        0 outside, 1..k inside.
    min_voxels : int
        Smaller islands are given away, voxel by voxel to the most frequent habitat among the 26 neighbours; an
        island that touches no other habitat of sufficient size stays. 0 and 1 change nothing.

    Returns
    -------
    SimpleITK.Image
        uint8.
    """
    array = sitk.GetArrayFromImage(labels)
    small = _small_islands(labels, array, min_voxels)
    kept = np.where(small, 0, array)
    while small.any():
        filled = np.where(small, _most_frequent(kept, (1, 1, 1), own_bonus=False), kept)
        reached = small & (filled > 0)
        if not reached.any():
            break
        kept, small = np.where(reached, filled, kept), small & ~reached
    return label_image(np.where(small, array, kept), labels)


def label_image(array, like):
    """A uint8 image of labels on the grid of another."""
    image = sitk.GetImageFromArray(array.astype(np.uint8))
    image.CopyInformation(like)
    return image


def radius_voxels(image, radius_mm):
    """Whole voxels within a distance along z, y, x."""
    return tuple(round(radius_mm / spacing) for spacing in reversed(image.GetSpacing()))


def box_sum(array, radius):
    """Sum over the box of so many voxels to either side along z, y, x; nothing lies beyond the border."""
    for axis, reach in enumerate(radius):
        if reach == 0:
            continue
        padding = [(reach, reach) if axis == other else (0, 0) for other in range(array.ndim)]
        padded = np.moveaxis(np.pad(array, padding), axis, 0)
        count = array.shape[axis]
        array = np.moveaxis(sum(padded[shift : shift + count] for shift in range(2 * reach + 1)), 0, axis)
    return array


def _most_frequent(array, radius, *, own_bonus):
    """Most frequent label above 0 in the box around each voxel, the lowest of equals; 0 where there is none."""
    best, votes = np.zeros_like(array), np.zeros(array.shape, np.int32)
    for label in np.unique(array[array > 0]):
        here = array == label
        found = 2 * box_sum(here.astype(np.int32), radius) + (own_bonus & here)
        best[found > votes] = label
        np.maximum(votes, found, out=votes)
    return best


def _small_islands(labels, array, min_voxels):
    """Voxels of islands below a size; all False when no island reaches it."""
    small = np.zeros(array.shape, bool)
    for label in np.unique(array[array > 0]):
        islands = sitk.GetArrayFromImage(sitk.ConnectedComponent(labels == int(label), True))
        sizes = np.bincount(islands.ravel())
        small |= (sizes < min_voxels)[islands] & (islands > 0)
    return small if (small < (array > 0)).any() else np.zeros(array.shape, bool)
