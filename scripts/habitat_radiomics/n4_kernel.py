"""Compiled loops over voxels for `habitat_radiomics.n4`, with ITK's roundings where they matter.

ITK holds grey values in single precision and adds them up in the order of voxels. Two consequences move the field by up
to some thousandths, so they are kept: the largest value falls out of the histogram where rounding takes it beyond the
last bin; and the running mean of many thousand voxels stops moving, which shifts the measure of convergence by about a
hundredth and may end a level an iteration earlier or later.

This module imports numba and is itself imported only when a field is estimated.
"""

import numpy as np
from numba import njit

compiled = njit(cache=True, error_model="numpy")
ONE, ZERO = np.float32(1), np.float32(0)


@compiled
def histogram(values, low, width, bins):
    """Counts of values (float32), each shared by the two bins whose centres it lies between.

    Parameters
    ----------
    values : ndarray of float32, shape (voxels,)
    low, width : float32
        Centre of the first bin, and distance between centres.
    bins : int

    Returns
    -------
    ndarray, shape (bins,)
    """
    counts = np.zeros(bins)
    for value in values:
        place = (value - low) / width
        lower = int(place)
        offset = place - np.float32(lower)
        if offset == ZERO:
            counts[lower] += 1.0
        elif lower < bins - 1:
            counts[lower] += ONE - offset
            counts[lower + 1] += offset
    return counts


@compiled
def moved(values, low, width, by, inside, residual):
    """Write what each value moves by, interpolated between bins, to its voxel of a flat array.

    Parameters
    ----------
    values : ndarray of float32, shape (voxels,)
    low, width : float32
        As in `histogram`.
    by : ndarray, shape (bins,)
        Of a value at the centre of each bin.
    inside : ndarray of int, shape (voxels,)
        Place of each voxel in ``residual``.
    residual : ndarray, flat
        Is changed.
    """
    last = by.size - 1
    for voxel in range(values.size):
        place = (values[voxel] - low) / width
        lower = min(int(place), last)
        upper = min(lower + 1, last)
        residual[inside[voxel]] = by[lower] + (by[upper] - by[lower]) * (place - np.float32(lower))


@compiled
def variation(earlier, field):
    """Coefficient of variation of the ratio of two fields, from their logarithms (float32), in one pass."""
    count, mean, spread = 0.0, ONE * 0, ONE * 0
    for voxel in range(field.size):
        ratio = np.exp(earlier[voxel] - field[voxel])
        count += 1.0
        distance = ratio - mean
        if count > 1.0:
            spread = np.float32(spread + distance * distance * (count - 1.0) / count)
        mean = np.float32(mean * (1.0 - 1.0 / count) + ratio / count)
    return np.sqrt(spread / max(count - 1.0, 1.0)) / mean
