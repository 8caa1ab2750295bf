"""Size, shape and neighbourhood of habitats as features: the same names for every patient, given k."""

from typing import NamedTuple

import numpy as np
import SimpleITK as sitk

EMPTY = "the habitat is empty"
PARTNER_EMPTY = "the other habitat is empty"


class ShapeRow(NamedTuple):
    """One feature of one habitat; ``value`` is NaN exactly where ``reason`` is not empty."""

    region: str
    feature: str
    value: float
    reason: str


def shape_names(k):
    """Region and feature names for k habitats, in the order of `habitat_shape`.

    Contact between two habitats belongs to the one with the lower number.
    """
    own = ("voxels", "volume_mm3", "fraction", "components", "largest_component_share", "contact_outside_mm2")
    return [
        (f"habitat{number}", f"habitat_{feature}")
        for number in range(1, k + 1)
        for feature in (*own, *(f"contact_habitat{other}_mm2" for other in range(number + 1, k + 1)))
    ]


def habitat_shape(labels, *, k):
    """Measure the habitats of one patient.

    Parameters
    ----------
    labels : SimpleITK.Image
        0 outside the tumour, 1..k inside.
    k : int

    Returns
    -------
    list of ShapeRow
        For every habitat: voxels; volume_mm3; fraction of the tumour's voxels; components (26-connected);
        largest_component_share of its voxels; contact_outside_mm2 and contact_habitat<j>_mm2: area of the voxel faces
        shared with what is outside the tumour (the border of the image included) and with a habitat of higher
        number. An empty habitat has 0 voxels, volume and fraction, the rest is NaN with a reason.

    Raises
    ------
    ValueError
        A label above k.
    """
    array = sitk.GetArrayViewFromImage(labels)
    counts = np.bincount(array.ravel(), minlength=k + 1)
    if len(counts) > k + 1:
        raise ValueError(f"labels reach {len(counts) - 1}, but there are {k} habitats. Use the k they were made with.")
    areas = contact_areas(labels, k=k)
    values = {}
    for number in range(1, k + 1):
        values.update(_size_values(labels, number, counts))
        values.update(_contact_values(areas, number, counts))
    return [ShapeRow(*name, *values[name]) for name in shape_names(k)]


def contact_areas(labels, *, k):
    """Area in mm2 of the voxel faces between every two labels.

    Parameters
    ----------
    labels : SimpleITK.Image
        0 outside, 1..k inside; beyond the border of the image is outside.
    k : int

    Returns
    -------
    ndarray, shape (k + 1, k + 1)
        Symmetric; 0 on the diagonal.
    """
    array = np.pad(sitk.GetArrayViewFromImage(labels).astype(np.int64), 1)
    x, y, z = labels.GetSpacing()
    areas = np.zeros((k + 1, k + 1))
    for axis, face_mm2 in enumerate((x * y, x * z, y * z)):
        moved = np.moveaxis(array, axis, 0)
        pairs = np.bincount((moved[1:] * (k + 1) + moved[:-1]).ravel(), minlength=(k + 1) ** 2)
        areas += pairs.reshape(k + 1, k + 1) * face_mm2
    areas = areas + areas.T
    np.fill_diagonal(areas, 0.0)
    return areas


def _size_values(labels, number, counts):
    region, voxels = f"habitat{number}", int(counts[number])
    components, largest = _components(labels, number) if voxels else (np.nan, np.nan)
    reason = "" if voxels else EMPTY
    volume = float(np.prod(labels.GetSpacing()))
    return {
        (region, "habitat_voxels"): (float(voxels), ""),
        (region, "habitat_volume_mm3"): (voxels * volume, ""),
        (region, "habitat_fraction"): _fraction(voxels, int(counts[1:].sum())),
        (region, "habitat_components"): (float(components), reason),
        (region, "habitat_largest_component_share"): (largest / voxels if voxels else np.nan, reason),
    }


def _fraction(voxels, total):
    return (voxels / total, "") if total else (np.nan, "the tumour is empty")


def _contact_values(areas, number, counts):
    region = f"habitat{number}"
    reason = "" if counts[number] else EMPTY
    values = {(region, "habitat_contact_outside_mm2"): (np.nan if reason else float(areas[number, 0]), reason)}
    for other in range(number + 1, len(areas)):
        why = reason or ("" if counts[other] else PARTNER_EMPTY)
        value = np.nan if why else float(areas[number, other])
        values[region, f"habitat_contact_habitat{other}_mm2"] = (value, why)
    return values


def _components(labels, number):
    """Number of 26-connected components of a habitat and the voxels of the largest."""
    islands = sitk.GetArrayFromImage(sitk.ConnectedComponent(labels == number, True))
    sizes = np.bincount(islands.ravel())[1:]
    return len(sizes), int(sizes.max())
