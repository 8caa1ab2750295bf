"""Shape features of a region: pyradiomics' values without comparing every vertex of its surface with every other.

Area and volume of a marching-cubes mesh (Lorensen and Cline 1987) are sums over cubes of 8 voxels, of which there are
256 kinds. What each kind adds is asked once of pyradiomics' own mesh, so that both triangulate alike (and both leave
holes where voxels touch at edges only: the volume of a scattered region depends on its place in the box). The largest
diameters are found among the corners of convex hulls.
This module imports numba and is itself imported only when features are extracted.
"""

from functools import cache
from typing import NamedTuple

import numpy as np
from radiomics import cShape

from habitat_radiomics.texture_matrices import compiled

NEGLIGIBLE_EIGENVALUE = -1e-10  # mm^2; between this and 0 pyradiomics takes it as 0
FAR = 1 << 30


class CubeTable(NamedTuple):
    """What each of the 256 kinds of cubes adds; bit 4z + 2y + x of the kind is the voxel at corner (z, y, x)."""

    areas: np.ndarray  # (256,) mm^2
    volumes: np.ndarray  # (256,) mm^3, of a cube at the origin
    shifts: np.ndarray  # (256, 3) mm^3 that a cube adds further on per voxel of its place (z, y, x)


def shape_values(inside, spacing):
    """Return the shape features of a region.

    Parameters
    ----------
    inside : ndarray of bool, shape (z, y, x)
        The region in its bounding box.
    spacing : sequence of float
        Voxel spacing in mm (z, y, x).

    Returns
    -------
    dict
        Feature (pyradiomics' name) to value in mm, mm^2, mm^3 or without unit; NaN where an axis is undefined.
    """
    spacing = np.array(spacing, dtype=float)
    padded = np.pad(inside, 1).view(np.uint8)
    area, volume = _area_and_volume(padded, *cube_table(tuple(spacing)))
    least, minor, major = _axis_variances(padded, spacing)
    with np.errstate(invalid="ignore", divide="ignore"):  # a flat region has no volume and no least axis
        return {
            "VoxelVolume": float(np.count_nonzero(inside) * np.prod(spacing)),
            "MeshVolume": volume,
            "SurfaceArea": area,
            "SurfaceVolumeRatio": np.divide(area, volume),
            "Sphericity": (36 * np.pi * volume**2) ** (1 / 3) / area,
            "Compactness1": volume / (area**1.5 * np.sqrt(np.pi)),
            "Compactness2": 36 * np.pi * volume**2 / area**3,
            "SphericalDisproportion": np.divide(area, (36 * np.pi * volume**2) ** (1 / 3)),
            "MajorAxisLength": 4 * np.sqrt(major),
            "MinorAxisLength": 4 * np.sqrt(minor),
            "LeastAxisLength": 4 * np.sqrt(least),
            "Elongation": np.sqrt(minor / major),
            "Flatness": np.sqrt(least / major),
            **diameters(padded, spacing),
        }


def _axis_variances(padded, spacing):
    """Variances along the principal axes in mm^2, ascending; NaN where negative.

    Summed in pyradiomics' order: the least axis of a flat region is the root of a rounding error.
    """
    places = np.array(np.nonzero(padded)).T * spacing
    places -= places.mean(axis=0)
    places /= np.sqrt(len(places))
    variances = np.real(np.linalg.eigvals(places.T.copy() @ places))
    variances = np.where((variances < 0) & (variances > NEGLIGIBLE_EIGENVALUE), 0, variances)
    return np.where(variances < 0, np.nan, variances)[np.argsort(variances)]


# area and volume


@cache
def cube_table(spacing):
    """Ask pyradiomics' mesh what every kind of cube adds, at a voxel spacing in mm (z, y, x)."""
    cubes = [_corners(kind) for kind in range(256)]
    areas, volumes = np.array([_meshed(cube, spacing) for cube in cubes]).T
    shifts = np.array([[_shift(cube, axis, volumes, spacing) for axis in range(3)] for cube in cubes])
    return CubeTable(areas, volumes, shifts)


def _corners(kind):
    return np.array([kind >> bit & 1 for bit in range(8)], dtype=bool).reshape(2, 2, 2)


def _kind(cube):
    return int(cube.ravel() @ (1 << np.arange(8)))


def _meshed(mask, spacing):
    area, volume, _ = cShape.calculate_coefficients(mask, np.array(spacing))
    return area, volume


def _shift(cube, axis, volumes, spacing):
    """What a cube adds to the volume when it stands one voxel further on: its piece of the mesh is open."""
    outside = np.zeros_like(np.take(cube, [0], axis))
    moved = np.concatenate([outside, cube], axis)
    before = np.concatenate([outside, np.take(cube, [0], axis)], axis)  # the cube that now stands at the origin
    return _meshed(moved, spacing)[1] - volumes[_kind(before)] - volumes[_kind(cube)]


@compiled
def _area_and_volume(mask, areas, volumes, shifts):
    area, volume = 0.0, 0.0
    for z in range(mask.shape[0] - 1):
        for y in range(mask.shape[1] - 1):
            near = _face(mask, z, y, 0)
            for x in range(mask.shape[2] - 1):
                far = _face(mask, z, y, x + 1)
                kind = near | far << 1
                near = far
                if kind != 0 and kind != 255:
                    area += areas[kind]
                    volume += volumes[kind] + z * shifts[kind, 0] + y * shifts[kind, 1] + x * shifts[kind, 2]
    return area, volume


@compiled
def _face(mask, z, y, x):
    """The four voxels of a cube at one x, as bits 0, 2, 4 and 6."""
    return mask[z, y, x] | mask[z, y + 1, x] << 2 | mask[z + 1, y, x] << 4 | mask[z + 1, y + 1, x] << 6


# diameters


def diameters(padded, spacing):
    """Largest distances (mm) between two vertices of the mesh: anywhere, and within planes across each axis.

    Vertices lie half way between neighbouring voxels of which one is inside, so that planes stand at every half voxel.

    Parameters
    ----------
    padded : ndarray of uint8, shape (z, y, x)
        1 inside; the border is 0.
    spacing : ndarray, shape (3,)
    """
    in_plane, hulls = [], []
    for axis in range(3):
        order = (axis, *(other for other in range(3) if other != axis))
        largest, corners = plane_hulls(np.ascontiguousarray(padded.transpose(order)), spacing[list(order)])
        in_plane.append(largest)
        hulls.append(corners)
    fewest = min(range(3), key=lambda axis: len(hulls[axis]))
    return {
        "Maximum2DDiameterSlice": in_plane[0],
        "Maximum2DDiameterColumn": in_plane[1],
        "Maximum2DDiameterRow": in_plane[2],
        "Maximum3DDiameter": _largest_distance(hulls[fewest]),
    }


@compiled
def plane_hulls(mask, spacing):
    """Hulls of the vertices in each plane across axis 0: largest distance in a plane, and all hull corners in mm."""
    depth, height, _ = mask.shape
    low, high = np.empty(2 * height, dtype=np.int64), np.empty(2 * height, dtype=np.int64)
    points, hull = np.empty((4 * height, 2), dtype=np.int64), np.empty(4 * height + 1, dtype=np.int64)
    corners, number, largest = np.empty((2 * depth * 4 * height, 3)), 0, 0.0
    for plane in range(2 * depth - 1):
        low[:], high[:] = FAR, -1
        _plane_vertices(mask, plane, low, high)
        size = _hull(points, _row_ends(low, high, points), hull)
        for i in range(number, number + size):
            corners[i, 0] = plane * spacing[0] / 2
            corners[i, 1] = points[hull[i - number], 0] * spacing[1] / 2
            corners[i, 2] = points[hull[i - number], 1] * spacing[2] / 2
            for j in range(number, i):
                largest = max(largest, _squared(corners, i, j))
        number += size
    return np.sqrt(largest), corners[:number].copy()


@compiled
def _plane_vertices(mask, plane, low, high):
    """Note the first and last vertex of every row (index: twice y) of a plane (index: twice z), as twice x."""
    z, depth, height, width = plane // 2, mask.shape[0], mask.shape[1], mask.shape[2]
    for y in range(height):
        for x in range(width):
            if plane % 2:
                if z + 1 < depth and mask[z, y, x] != mask[z + 1, y, x]:
                    _note(low, high, 2 * y, 2 * x)
            else:
                if x + 1 < width and mask[z, y, x] != mask[z, y, x + 1]:
                    _note(low, high, 2 * y, 2 * x + 1)
                if y + 1 < height and mask[z, y, x] != mask[z, y + 1, x]:
                    _note(low, high, 2 * y + 1, 2 * x)


@compiled
def _note(low, high, row, place):
    low[row] = min(low[row], place)
    high[row] = max(high[row], place)


@compiled
def _row_ends(low, high, points):
    """List the ends of all rows that have vertices, sorted by row and place; returns their number."""
    number = 0
    for row in range(len(low)):
        if high[row] >= 0:
            points[number, 0], points[number, 1] = row, low[row]
            number += 1
            if high[row] > low[row]:
                points[number, 0], points[number, 1] = row, high[row]
                number += 1
    return number


@compiled
def _hull(points, number, hull):
    """Convex hull of sorted points (Andrew's monotone chain, 1979); returns the number of its corners."""
    size = 0
    for i in range(number):
        size = _turn(points, hull, size, 0, i)
    lower = size
    for i in range(number - 2, -1, -1):
        size = _turn(points, hull, size, lower - 1, i)
    return size - 1 if size > 1 else size


@compiled
def _turn(points, hull, size, fixed, new):
    """Add a point to a chain after dropping those that it makes superfluous."""
    while size >= fixed + 2:
        a, b = hull[size - 2], hull[size - 1]
        along = (points[b, 1] - points[a, 1]) * (points[new, 0] - points[a, 0])
        if along < (points[b, 0] - points[a, 0]) * (points[new, 1] - points[a, 1]):
            break
        size -= 1
    hull[size] = new
    return size + 1


@compiled
def _squared(points, i, j):
    z, y, x = points[i, 0] - points[j, 0], points[i, 1] - points[j, 1], points[i, 2] - points[j, 2]
    return z * z + y * y + x * x


def _largest_distance(points):
    """Largest distance between two points; those far from the middle first, so that the search can stop early."""
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    radius = np.sqrt(((points - middle) ** 2).sum(axis=1))
    order = np.argsort(-radius)
    return _farthest_pair(points[order], radius[order])


@compiled
def _farthest_pair(points, radius):
    largest = 0.0
    for i in range(len(points)):
        if radius[i] + radius[0] <= largest:
            break
        for j in range(i):
            if radius[i] + radius[j] <= largest:
                break
            largest = max(largest, np.sqrt(_squared(points, i, j)))
    return largest
