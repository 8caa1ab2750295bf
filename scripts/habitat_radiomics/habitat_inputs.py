"""What voxels are clustered by: grey values of one or more sequences, with local texture or as supervoxel means."""

import numpy as np
import SimpleITK as sitk

from habitat_radiomics.faults import DataFault
from habitat_radiomics.habitat_labels import box_sum, radius_voxels
from habitat_radiomics.images import geometry_difference

STATISTICS = ("mean", "sd")
DEFAULT_INPUTS = {"local_statistics": [], "radius_mm": 2.0, "supervoxel_mm": None}
COMPACTNESS = 1.0  # standard deviations of intensity that weigh as much as one supervoxel's distance
SLIC_STEPS = 10


def complete_inputs(inputs):
    """`DEFAULT_INPUTS` with the given ones in their place.

    Parameters
    ----------
    inputs : dict or None
        local_statistics (any of `STATISTICS`, taken within radius_mm of each voxel, beside the grey value) and
        supervoxel_mm (edge of the supervoxels whose means replace the values of their voxels; None for voxels).

    Raises
    ------
    ValueError
        Unknown input or statistic.
    """
    chosen = inputs or {}
    unknown = [name for name in chosen if name not in DEFAULT_INPUTS]
    unknown += [name for name in chosen.get("local_statistics", ()) if name not in STATISTICS]
    if unknown:
        allowed = ", ".join((*DEFAULT_INPUTS, *STATISTICS))
        raise ValueError(f"unknown habitat input {unknown[0]!r}; allowed: {allowed}")
    complete = {**DEFAULT_INPUTS, **chosen}
    return {**complete, "local_statistics": list(complete["local_statistics"])}


def channel_names(sequences, inputs=None):
    """Names of the clustered channels: each sequence, followed by its local statistics."""
    local = complete_inputs(inputs)["local_statistics"]
    return [name for sequence in sequences for name in (sequence, *(f"{sequence} local {word}" for word in local))]


def voxel_values(images, mask, *, inputs=None):
    """Values of the tumour's voxels in every channel.

    Parameters
    ----------
    images : dict of str to SimpleITK.Image
        Normalised images by sequence, on the grid of the mask.
    mask : SimpleITK.Image
        Tumour, non-zero inside.
    inputs : dict, optional
        See `complete_inputs`.

    Returns
    -------
    ndarray of float64, shape (channels, voxels)
        Channels as in `channel_names`, voxels in memory order (z, y, x).

    Raises
    ------
    DataFault
        mask_empty, geometry_mismatch, image_not_finite.
    """
    inputs = complete_inputs(inputs)
    inside = sitk.GetArrayViewFromImage(mask) != 0
    if not inside.any():
        raise DataFault("mask_empty", "the tumour mask has no voxel: there is nothing to cluster. Check the drawing.")
    rows = []
    for sequence, image in images.items():
        _check(sequence, image, mask, inside)
        rows.append(sitk.GetArrayViewFromImage(image)[inside])
        if inputs["local_statistics"]:
            local = dict(zip(STATISTICS, local_statistics(image, mask, radius_mm=inputs["radius_mm"]), strict=True))
            rows += [sitk.GetArrayFromImage(local[name])[inside] for name in inputs["local_statistics"]]
    values = np.array(rows, dtype=np.float64)
    if inputs["supervoxel_mm"] is None:
        return values
    return _averaged(values, sitk.GetArrayFromImage(supervoxels(images, mask, edge_mm=inputs["supervoxel_mm"]))[inside])


def local_statistics(image, mask, *, radius_mm):
    """Mean and standard deviation of the tumour's voxels in a box around each voxel: local brightness and roughness.

    Parameters
    ----------
    image, mask : SimpleITK.Image
        On one grid. Voxels outside the mask do not enter, so that the border of the tumour is no texture.
    radius_mm : float
        Half width of the box; along each axis rounded to whole voxels.

    Returns
    -------
    tuple of SimpleITK.Image
        Mean and population standard deviation, float32; 0 outside the mask.
    """
    inside = sitk.GetArrayViewFromImage(mask) != 0
    values = sitk.GetArrayFromImage(image).astype(np.float64)
    middle = values[inside].mean()
    values = np.where(inside, values - middle, 0.0)
    radius = radius_voxels(image, radius_mm)
    count = np.maximum(box_sum(inside.astype(np.float64), radius), 1.0)
    mean = box_sum(values, radius) / count
    variance = np.maximum(box_sum(values * values, radius) / count - mean * mean, 0.0)
    return tuple(_image(np.where(inside, part, 0.0), image) for part in (mean + middle, np.sqrt(variance)))


def resels(image, mask):
    """Number of resolution elements of a tumour: how many independent observations its voxels are worth.

    An element is a box as wide as the Gaussian kernel, at half maximum, that would make white noise as smooth as the
    image: sqrt(4 ln 2 / (mean squared difference of neighbours / variance)) along each axis, at least one voxel.

    Parameters
    ----------
    image, mask : SimpleITK.Image
        On one grid.

    Returns
    -------
    float
        Between 1 and the number of voxels; 1 for a tumour of one intensity.

    Notes
    -----
    Smoothness as in Kiebel et al. 1999, NeuroImage 10:756, of the intensities about their mean.
    """
    inside = sitk.GetArrayViewFromImage(mask) != 0
    values = sitk.GetArrayFromImage(image).astype(np.float64)
    variance, voxels = values[inside].var(), int(np.count_nonzero(inside))
    if not variance > 0:
        return 1.0
    volume = 1.0
    for axis in range(3):
        pairs = np.diff(np.moveaxis(values, axis, 0), axis=0)[_both(np.moveaxis(inside, axis, 0))]
        if pairs.size:
            volume *= max(
                1.0, float(np.sqrt(4 * np.log(2) * variance / max(np.square(pairs).mean(), 1e-12 * variance)))
            )
    return max(1.0, voxels / volume)


def _both(inside):
    return inside[1:] & inside[:-1]


def supervoxels(images, mask, *, edge_mm):
    """Number the supervoxels of a tumour: compact groups of voxels that are alike in all sequences (SLIC).

    Parameters
    ----------
    images : dict of str to SimpleITK.Image
        On the grid of the mask; each is scaled to unit standard deviation in the tumour.
    mask : SimpleITK.Image
    edge_mm : float
        Edge of the cubes the supervoxels grow from.

    Returns
    -------
    SimpleITK.Image
        uint32, 0 outside the mask.

    Notes
    -----
    Achanta et al. 2012, IEEE Trans Pattern Anal Mach Intell 34:2274, in ITK's implementation.
    """
    inside = sitk.GetArrayViewFromImage(mask) != 0
    slic = sitk.SLICImageFilter()
    slic.SetNumberOfThreads(1)
    slic.SetSuperGridSize([max(1, round(edge_mm / spacing)) for spacing in mask.GetSpacing()])
    slic.SetSpatialProximityWeight(COMPACTNESS)
    slic.SetMaximumNumberOfIterations(SLIC_STEPS)
    slic.EnforceConnectivityOn()
    numbers = slic.Execute(sitk.Compose([_standardised(image, inside) for image in images.values()]))
    return sitk.Mask(sitk.Cast(numbers + 1, sitk.sitkUInt32), mask != 0)


def _standardised(image, inside):
    """Image with unit standard deviation in the tumour; values outside are limited to the tumour's range."""
    values = sitk.GetArrayFromImage(image).astype(np.float64)
    tumour = values[inside]
    clipped = np.clip(values, tumour.min(), tumour.max())
    return _image((clipped - tumour.mean()) / max(tumour.std(), 1e-12), image)


def _averaged(values, numbers):
    """Values replaced by their means over the groups that the numbers tell."""
    _, group = np.unique(numbers, return_inverse=True)
    sizes = np.bincount(group)
    return np.array([(np.bincount(group, row) / sizes)[group] for row in values])


def _check(sequence, image, mask, inside):
    difference = geometry_difference(mask, image)
    if difference:
        raise DataFault(
            "geometry_mismatch", f"sequence {sequence}: {difference}. Put every sequence on the patient's working grid."
        )
    bad = int(np.count_nonzero(~np.isfinite(sitk.GetArrayViewFromImage(image)[inside])))
    if bad:
        raise DataFault(
            "image_not_finite",
            f"sequence {sequence} holds {bad} NaN or infinite voxels in the tumour. Check it.",
        )


def _image(array, like):
    image = sitk.GetImageFromArray(array.astype(np.float32))
    image.CopyInformation(like)
    return image
