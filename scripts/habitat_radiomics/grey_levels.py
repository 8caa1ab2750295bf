"""Grey levels of a region's intensities: the bins of pyradiomics 3.0.1, found without a search.

This module imports numba and is itself imported only when features are extracted.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

compiled = njit(cache=True, error_model="numpy")


class GreyLevels(NamedTuple):
    """Grey levels of a region's voxels; ranks count only the levels that occur."""

    ranks: np.ndarray  # (voxels + 1,) rank of each voxel's level from 1 on; the last one, of "no voxel", is 0
    levels: np.ndarray  # (ranks + 1,) grey level of each rank; levels[0] is 0
    voxels: np.ndarray  # (ranks + 1,) voxels of each rank; voxels[0] is 0


def grey_levels_of(values, ordered, bins):
    """Discretise the intensities of a region.

    Parameters
    ----------
    values : ndarray, shape (voxels,)
        Finite intensities.
    ordered : ndarray
        The same, ascending.
    bins : dict
        See ``bin_edges``.

    Returns
    -------
    GreyLevels
    """
    edges = bin_edges(ordered[0], ordered[-1], bins)
    levels = np.empty(len(values), dtype=np.int32)
    occurring = _find_levels(values.astype(float), edges.astype(float), levels)
    present = np.flatnonzero(occurring)
    rank_of = np.zeros(len(occurring), dtype=np.int32)
    rank_of[present] = np.arange(1, len(present) + 1, dtype=np.int32)
    ranks = np.zeros(len(values) + 1, dtype=np.int32)
    ranks[:-1] = rank_of[levels]
    return GreyLevels(ranks, np.append(0, present).astype(np.int32), np.append(0, occurring[present]))


def bin_edges(low, high, bins):
    """Return the edges of the grey levels, in the precision of the intensities as pyradiomics calculates them.

    Parameters
    ----------
    low, high : numpy scalar
        Lowest and highest intensity.
    bins : dict
        ``bin_count`` (equal parts of the range, the highest value in the last one) or ``bin_width`` (edges at its
        multiples); the other is None.
    """
    if bins["bin_count"] is not None:
        edges = np.histogram_bin_edges(np.array([low, high]), bins["bin_count"])
        edges[-1] += 1
        return edges
    width = bins["bin_width"]
    return np.arange(low - low % width, high + 2 * width, width)


@compiled
def _find_levels(values, edges, levels):
    """Fill in the level (1: first bin) of every value; returns how often each level occurs."""
    occurring = np.zeros(len(edges) + 1, dtype=np.int64)
    width = edges[1] - edges[0]
    for a in range(len(values)):
        level = min(max(int((values[a] - edges[0]) / width) + 1, 0), len(edges))
        while level < len(edges) and edges[level] <= values[a]:
            level += 1
        while level > 0 and edges[level - 1] > values[a]:
            level -= 1
        levels[a] = level
        occurring[level] += 1
    return occurring
