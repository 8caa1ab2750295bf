"""Texture matrices of one region in one image, counted in a single pass over its voxels.

A region is walked once in raster order. The neighbours of every voxel are looked up in a table that depends on the
region alone, so that it is shared by all filtered images; only voxels inside have a row, whatever the bounding box.
This module imports numba and is itself imported only when features are extracted.
"""

from collections import namedtuple
from itertools import product

import numpy as np
from numba import njit

compiled = njit(cache=True, error_model="numpy")

# What the matrices need to know of a region's geometry.
Neighbourhood = namedtuple(
    "Neighbourhood",
    [
        "table",  # (voxels, offsets) index of the neighbour at each offset; number of voxels: no such neighbour
        "offsets",  # (offsets, 3) in voxels (z, y, x), all pointing backwards in raster order; unit steps come first
        "units",  # number of unit steps, along which runs and zones extend
        "first_pair",  # the offsets from this one on are those of GLCM, GLDM and NGTDM
        "counts",  # (voxels,) neighbours of each voxel at the offsets of GLCM, GLDM and NGTDM, both ways
        "aligned",  # (units,) whether any line in this direction meets two or more voxels of the region
        "longest",  # longest run that fits into the bounding box
    ],
)

# Counts over a region. Levels are ranks: 1 for the lowest grey level that occurs; row and column 0 hold scrap.
Matrices = namedtuple(
    "Matrices",
    [
        "pairs",  # (pair offsets, levels + 1, levels + 1) GLCM, one way
        "runs",  # (units, levels + 1, longest run + 1) GLRLM
        "dependences",  # (levels + 1, 2 x pair offsets + 2) GLDM; column: number of dependent voxels, itself included
        "differences",  # (levels + 1,) NGTDM: sum of |level - mean level of the neighbours|
        "zone_ranks",  # (zones,) GLSZM: level of each connected zone
        "zone_sizes",  # (zones,) and its number of voxels
    ],
)


def backward_offsets(distance, plane=None):
    """Return the offsets at a Chebyshev distance that point backwards in raster order, shape (offsets, 3).

    Parameters
    ----------
    distance : int
        In voxels.
    plane : int, optional
        Axis (0, 1, 2 = z, y, x) along which there are no neighbours: textures slice by slice.
    """
    steps = range(-distance, distance + 1)
    offsets = [o for o in product(steps, repeat=3) if o < (0, 0, 0) and max(map(abs, o)) == distance]
    return np.array([o for o in offsets if plane is None or o[plane] == 0], dtype=np.int64).reshape(-1, 3)


def neighbourhood(inside, *, distances, plane=None):
    """Look up the neighbours of every voxel of a region.

    Parameters
    ----------
    inside : ndarray of bool, shape (z, y, x)
        The region in its bounding box.
    distances : sequence of int
        Chebyshev distances (voxels) of GLCM, GLDM and NGTDM.
    plane : int, optional
        See ``backward_offsets``.

    Returns
    -------
    Neighbourhood
    """
    unit = backward_offsets(1, plane)
    further = [backward_offsets(distance, plane) for distance in sorted(set(distances)) if distance > 1]
    offsets = np.concatenate([unit, *further])
    reach = int(np.abs(offsets).max())
    places = np.argwhere(inside)
    index = np.full([size + 2 * reach for size in inside.shape], len(places), dtype=np.int32)
    index[tuple(slice(reach, -reach) for _ in range(3))][inside] = np.arange(len(places), dtype=np.int32)
    table = np.empty((len(places), len(offsets)), dtype=np.int32)
    _look_up(index, places + reach, offsets, table)
    first_pair = 0 if 1 in distances else len(unit)
    return Neighbourhood(
        table,
        offsets,
        len(unit),
        first_pair,
        _counts(table, first_pair),
        _aligned(places, unit, table),
        max(inside.shape),
    )


@compiled
def _look_up(index, places, offsets, table):
    for a in range(len(places)):
        for d in range(len(offsets)):
            z, y, x = places[a, 0] + offsets[d, 0], places[a, 1] + offsets[d, 1], places[a, 2] + offsets[d, 2]
            table[a, d] = index[z, y, x]


@compiled
def _counts(table, first_pair):
    n = len(table)
    counts = np.zeros(n + 1, dtype=np.int64)
    for a in range(n):
        for d in range(first_pair, table.shape[1]):
            if table[a, d] < n:
                counts[a] += 1
                counts[table[a, d]] += 1
    return counts[:n]


def _aligned(places, unit, table):
    """Whether a direction has a line with two voxels: pyradiomics leaves out the runs of the other directions."""
    touching = (table[:, : len(unit)] < len(places)).any(axis=0)
    return np.array([near or _shares_a_line(places, step) for near, step in zip(touching, unit, strict=True)])


def _shares_a_line(places, step):
    axis = int(np.flatnonzero(step)[0])
    starts = places - step * (places[:, axis] * step[axis])[:, None]  # where the line meets the plane 0 of this axis
    return len(np.unique(starts, axis=0)) < len(places)


def texture_matrices(ranks, grey, around, alpha):
    """Count all texture matrices of a region.

    Parameters
    ----------
    ranks : ndarray of int32, shape (voxels + 1,)
        Rank of every voxel's grey level in raster order; the last one, of "no voxel", is 0.
    grey : ndarray of int32, shape (levels + 1,)
        Grey level of each rank, ``grey[0]`` 0.
    around : Neighbourhood
    alpha : int
        Largest difference in grey level of dependent voxels (GLDM).

    Returns
    -------
    Matrices

    Notes
    -----
    Haralick 1973 (GLCM), Galloway 1975 (GLRLM), Thibault 2013 (GLSZM), Sun and Wee 1983 (GLDM), Amadasun and King
    1989 (NGTDM), with pyradiomics 3.0.1's conventions: 26-connected, and only voxels of the region are neighbours.
    """
    pairs, reached, *rest = _counted(ranks, grey, around, alpha)
    return Matrices(pairs, _runs(reached), *rest)


@compiled
def _counted(ranks, grey, around, alpha):
    table, levels = around.table, len(grey) - 1
    n, offsets = table.shape
    pairs = np.zeros((offsets - around.first_pair, levels + 1, levels + 1), dtype=np.int32)
    reached = np.zeros((around.units, levels + 1, around.longest + 2), dtype=np.int32)  # voxels by their run so far
    length = np.ones((n + 1, around.units), dtype=np.uint16)
    dependent, total = np.ones(n + 1, dtype=np.int32), np.zeros(n + 1, dtype=np.int32)
    parent = np.arange(n).astype(np.uint32)
    rank_of, level_of = ranks.astype(np.uint32), grey[ranks]  # unsigned: numba then need not look for negative places
    for a in range(n):
        rank, root = rank_of[a], np.uint32(a)
        for d in range(around.units):
            b = np.uint32(table[a, d])
            if rank_of[b] == rank:
                run = length[b, d] + 1
                length[a, d] = run
                reached[d, rank, run] += 1
                root = _join(parent, root, b)
            else:
                reached[d, rank, 1] += 1
        level, dependents, sum_of_levels = level_of[a], 0, 0
        for d in range(around.first_pair, offsets):
            b = np.uint32(table[a, d])
            other = level_of[b]
            pairs[d - around.first_pair, rank, rank_of[b]] += 1
            near = (b < n) & (abs(other - level) <= alpha)
            dependents += near
            dependent[b] += near
            sum_of_levels += other
            total[b] += level
        dependent[a] += dependents
        total[a] += sum_of_levels
    dependences, differences = _tally(ranks, grey, dependent, total, around.counts, 2 * len(pairs) + 2)
    zone_ranks, zone_sizes = _zones(ranks, parent)
    return pairs, reached, dependences, differences, zone_ranks, zone_sizes


@compiled
def _join(parent, root, other):
    """Join the zone of ``other`` to that of ``root``; the voxel that comes first represents both."""
    while parent[other] != other:
        parent[other] = parent[parent[other]]
        other = parent[other]
    if other < root:
        parent[root] = other
        return other
    parent[other] = root
    return root


def _runs(reached):
    """Count runs by length from how often each length was reached: a run that ends was not prolonged."""
    runs = reached[:, :, :-1].copy()
    runs[:, :, 1:] -= reached[:, :, 2:]
    return runs


@compiled
def _tally(ranks, grey, dependent, total, counts, columns):
    dependences, differences = np.zeros((len(grey), columns), dtype=np.int32), np.zeros(len(grey))
    for a in range(len(counts)):
        rank = ranks[a]
        dependences[rank, dependent[a]] += 1
        if counts[a] > 0:
            differences[rank] += abs(grey[rank] - total[a] / counts[a])
    return dependences, differences


@compiled
def _zones(ranks, parent):
    """Return the rank and size of every zone; a parent is never after its child, so one pass finds all roots."""
    n = len(parent)
    sizes, zones = np.zeros(n, dtype=np.int64), 0
    for a in range(n):
        parent[a] = parent[parent[a]]
        sizes[parent[a]] += 1
        zones += parent[a] == a
    zone_ranks, zone_sizes, zone = np.empty(zones, dtype=np.int32), np.empty(zones, dtype=np.int64), 0
    for a in range(n):
        if parent[a] == a:
            zone_ranks[zone], zone_sizes[zone] = ranks[a], sizes[a]
            zone += 1
    return zone_ranks, zone_sizes
