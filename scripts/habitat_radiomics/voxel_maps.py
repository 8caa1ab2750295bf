"""Maps of features: first order and texture of the neighbourhood of every voxel, as pyradiomics' voxel mode has them.

Grey levels are those of the whole region; a neighbourhood holds the voxels of the region at most ``radius`` from its
centre along each axis (pyradiomics' ``kernelRadius`` with ``maskedKernel``); pairs, runs, zones and neighbours end at
its border, at distance 1. What differs from pyradiomics 3.0.1, and why:

- MCC has no map. pyradiomics' fails as a whole, and stays at 0, when a single voxel has no pair in some direction.
- JointAverage is the mean over the directions that have pairs, as every other feature of the GLCM; pyradiomics gives
  NaN there, because it forgets to leave out the empty ones.
- Imc2 of a direction whose levels are independent is 0; there pyradiomics' rounding decides between 0, a root of
  1e-16 and NaN.
- Skewness and kurtosis of a neighbourhood of one intensity are 0; in filtered images, where rounding makes such a
  neighbourhood's variance 1e-30 instead of 0, pyradiomics' are of rounding errors.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from habitat_radiomics.feature_names import CLASS_FEATURES
from habitat_radiomics.local_names import LOCAL_FEATURES

SLAB_VOXELS = 4096  # whose features are held at a time by each thread
MOST_GREY_LEVELS = 100_000

# Columns of the matrices of level by size, as voxel_kernels orders them: those of GLRLM by its own names.
_SHARED = CLASS_FEATURES["glrlm"]
_SHARED_AS = {
    "glszm": (("Run", "Zone"), ("LongZone", "LargeArea"), ("ShortZone", "SmallArea"), ("ZoneLength", "SizeZone")),
    "gldm": (("Run", "Dependence"), ("LongDependence", "LargeDependence"), ("ShortDependence", "SmallDependence"),
             ("DependenceLength", "Dependence"), ("GrayLevelDependence", "GrayLevel")),
}  # fmt: skip


def voxel_values(array, mask, levels, *, features, radius=1, voxel_volume_mm3=1.0, voxel_array_shift=0, gldm_alpha=0,
                 threads=1):  # fmt: skip
    """Return the features of the neighbourhood of every voxel of a region.

    Parameters
    ----------
    array : ndarray, shape (z, y, x)
        Intensities.
    mask : ndarray of bool, shape (z, y, x)
    levels : ndarray of int, shape (z, y, x)
        Grey levels from 1 of the voxels of the mask (``reference_engine.grey_levels``).
    features : list of str
        As ``glcm_Contrast``, in the order of the columns.
    radius : int
        1 or 2: 3 or 5 voxels along each axis.
    voxel_volume_mm3, voxel_array_shift, gldm_alpha
        As in pyradiomics.
    threads : int
        Values are the same for any number.

    Returns
    -------
    ndarray of float64, shape (voxels of the mask, features)
        Voxels in array order; NaN where a neighbourhood has no value (a lone voxel has no pairs).

    Raises
    ------
    ValueError
        A feature that has no map, another radius, or more grey levels than a neighbourhood could ever tell apart.
    """
    slabs = list(voxel_slabs(array, mask, levels, features=features, radius=radius, voxel_volume_mm3=voxel_volume_mm3,
                             voxel_array_shift=voxel_array_shift, gldm_alpha=gldm_alpha, threads=threads))  # fmt: skip
    return np.concatenate(slabs) if slabs else np.empty((0, len(features)))


def voxel_slabs(array, mask, levels, *, features, radius, voxel_volume_mm3, voxel_array_shift, gldm_alpha, threads):
    """Yield `voxel_values` slab by slab, so that memory does not grow with the region; arguments are the same."""
    from habitat_radiomics.voxel_kernels import neighbourhood_values

    columns, classes, entropies = _columns(features)
    _check(levels[mask], radius)
    padded, intensities, voxels, offsets = _padded(array, mask, levels, radius)
    constants = np.array([voxel_volume_mm3, voxel_array_shift, gldm_alpha], float)
    fixed = (offsets, 2 * radius + 1, classes, entropies, int(padded.max(initial=0)), constants, columns)

    def values_of(first):
        chosen = voxels[first : first + SLAB_VOXELS]
        out = np.empty((chosen.size, columns.size))
        neighbourhood_values(padded, intensities, chosen, *fixed, out)
        return out

    firsts = range(0, voxels.size, SLAB_VOXELS)
    if threads == 1:
        yield from map(values_of, firsts)
        return
    with ThreadPoolExecutor(threads) as pool:
        for start in range(0, len(firsts), threads):
            yield from pool.map(values_of, firsts[start : start + threads])


def _check(levels, radius):
    if radius not in (1, 2):
        raise ValueError(f"the radius of a neighbourhood is 1 or 2 voxels, found {radius}")
    if levels.size and (levels.min() < 1 or levels.max() > MOST_GREY_LEVELS):
        raise ValueError(
            f"grey levels must lie between 1 and {MOST_GREY_LEVELS}, found {levels.min()} to {levels.max()}: choose a "
            "wider bin"
        )


def _padded(array, mask, levels, radius):
    """Raveled levels and intensities of the padded box of a region, where its voxels stand, offsets to neighbours."""
    spans = [np.flatnonzero(mask.any(axis=tuple(other for other in range(3) if other != axis))) for axis in range(3)]
    box = tuple(slice(int(span[0]), int(span[-1]) + 1) if span.size else slice(0, 0) for span in spans)
    inside = mask[box]
    padded = np.pad(np.where(inside, levels[box], 0).astype(np.int32), radius)
    intensities = np.pad(np.where(inside, array[box], 0).astype(np.float64), radius)
    steps = np.array([padded.shape[1] * padded.shape[2], padded.shape[2], 1])
    around = np.arange(-radius, radius + 1)
    offsets = (np.stack(np.meshgrid(around, around, around, indexing="ij"), axis=-1).reshape(-1, 3) @ steps).astype(int)
    voxels = ((np.argwhere(inside) + radius) @ steps).astype(np.int64)
    return padded.ravel(), intensities.ravel(), voxels, offsets


def _columns(features):
    """Columns of the kernel's row, classes to compute, and whether the GLCM's distributions are needed."""
    unknown = [feature for feature in features if feature not in _PLACES]
    if unknown:
        raise ValueError(f"{unknown[0]} has no map; the classes are {', '.join(LOCAL_FEATURES)}, without MCC")
    kinds = {feature.partition("_")[0] for feature in features}
    classes = np.array([kind in kinds for kind in _ORDER])
    return np.array([_PLACES[feature] for feature in features], int), classes, bool(_DISTRIBUTIONS & set(features))


_ORDER = ("firstorder", "glcm", "glrlm", "glszm", "gldm", "ngtdm")
_DISTRIBUTIONS = {
    f"glcm_{name}"
    for name in ("ClusterProminence", "ClusterShade", "ClusterTendency", "Correlation", "DifferenceEntropy",
                 "DifferenceVariance", "Imc1", "Imc2", "SumEntropy", "SumSquares")
}  # fmt: skip


def _renamed(kind):
    names = _SHARED
    for old, new in _SHARED_AS[kind]:
        names = [name.replace(old, new) for name in names]
    return names


def _places():
    """Column of every feature in the kernel's row."""
    named = {**LOCAL_FEATURES, "glszm": _renamed("glszm"), "gldm": _renamed("gldm")}
    rows = [f"{kind}_{name}" for kind in _ORDER for name in named[kind]]
    known = {f"{kind}_{name}" for kind, names in LOCAL_FEATURES.items() for name in names}
    return {name: place for place, name in enumerate(rows) if name in known}


_PLACES = _places()
