"""First-order features of a region's intensities, by the definitions in pyradiomics 3.0.1's documentation.

Everything is taken from the sorted intensities, so that percentiles cost nothing further.
This module imports numba and is itself imported only when features are extracted.
"""

from math import floor, sqrt

import numpy as np

from habitat_radiomics.feature_names import CLASS_FEATURES
from habitat_radiomics.texture_matrices import compiled

EPSILON = np.spacing(1.0)


def first_order_values(ordered, voxels, *, shift, voxel_mm3):
    """Return the first-order features.

    Parameters
    ----------
    ordered : ndarray of float
        Intensities, ascending, finite.
    voxels : ndarray of int
        Voxels of each grey level that occurs.
    shift : float
        Added to intensities before energy and root mean square (pyradiomics' ``voxelArrayShift``).
    voxel_mm3 : float
        Volume of a voxel, of which total energy is a multiple.

    Returns
    -------
    dict
    """
    values = _first_order(ordered, voxels / voxels.sum(), float(shift), voxel_mm3)
    return dict(zip(CLASS_FEATURES["firstorder"], values, strict=True))


@compiled
def _first_order(ordered, p, shift, voxel_mm3):
    n, low, high = len(ordered), percentile(ordered, 0.1), percentile(ordered, 0.9)
    energy, mean, inner_mean, inner = 0.0, 0.0, 0.0, 0
    for value in ordered:
        energy += (value + shift) ** 2
        mean += value
        if low <= value <= high:
            inner_mean += value
            inner += 1
    mean, inner_mean = mean / n, inner_mean / inner
    second, third, fourth, absolute, inner_absolute = 0.0, 0.0, 0.0, 0.0, 0.0
    for value in ordered:
        deviation = value - mean
        second += deviation**2
        third += deviation**3
        fourth += deviation**4
        absolute += abs(deviation)
        if low <= value <= high:
            inner_absolute += abs(value - inner_mean)
    variance = second / n
    scale = variance if variance > 0 else 1.0
    return (
        low,
        high,
        energy,
        -(p * np.log2(p + EPSILON)).sum(),
        percentile(ordered, 0.75) - percentile(ordered, 0.25),
        fourth / n / scale**2,
        ordered[-1],
        absolute / n,
        mean,
        (ordered[(n - 1) // 2] + ordered[n // 2]) / 2,
        ordered[0],
        ordered[-1] - ordered[0],
        inner_absolute / inner,
        sqrt(energy / n),
        third / n / scale**1.5,
        energy * voxel_mm3,
        (p**2).sum(),
        variance,
    )


@compiled
def percentile(ordered, fraction):
    """Linear interpolation between order statistics, rounded exactly as numpy does.

    A voxel on the percentile counts as inside it, so the last bit matters to the robust deviation.
    """
    position = (len(ordered) - 1) * fraction
    below = int(floor(position))
    above = min(below + 1, len(ordered) - 1)
    weight, step = position - below, ordered[above] - ordered[below]
    return ordered[above] - step * (1 - weight) if weight >= 0.5 else ordered[below] + step * weight
