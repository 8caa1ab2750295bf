"""N4 on a regular grid: ITK's algorithm, its B-spline fit taken axis by axis.

Each iteration sharpens the histogram of the corrected logarithms, fits a smooth surface to what sharpening moved, and
adds it to the field (Tustison et al. 2010, IEEE Trans Med Imaging 29:1310; sharpening: Sled, Zijdenbos and Evans 1998,
IEEE Trans Med Imaging 17:87). ITK weighs 64 control points for every voxel in every iteration (Lee, Wolberg and Shin
1997, IEEE Trans Vis Comput Graph 3:228, equation 5). On a regular grid these weights are products of one factor per
axis, so that the sums over voxels are three small matrix products. Arrays are (z, y, x); spacing plays no part, as in
ITK: the spline mesh spans the grid.

ITK holds grey values in single precision and adds them up in the order of voxels. Two consequences move the field by up
to some thousandths, so they are kept: the largest value falls out of the histogram where rounding takes it beyond the
last bin, and the running mean of many voxels stops moving, which may end a level an iteration earlier or later
(`_rounded_variation`). The rest is double precision. Grey values so far from all others that the sharpened histogram is
empty there stay where they are; ITK divides rounding errors.
"""

import math
from typing import NamedTuple

import numpy as np

HISTOGRAM_BINS = 200
FIELD_FWHM = 0.15  # of the field's histogram, in units of the natural logarithm
WIENER_NOISE = 0.01
PADDED_BINS = 2 ** (math.ceil(math.log2(HISTOGRAM_BINS)) + 1)
EDGE = 1e-3  # of a voxel by which the last one is taken to lie inside the last span
FEW = 100_000  # voxels; the square of the share of these is more than what rounding does to the measure of convergence
EMPTY = 1e-13  # share of the histogram's peak below which a smoothed bin holds rounding errors only


class Mesh(NamedTuple):
    """Cubic B-splines of one resolution over a box of the grid; one matrix per axis z, y, x."""

    basis: list  # (voxels of the axis, control points)
    fit: list  # their cubes over the sum of their squares
    weight: np.ndarray  # (control points z, y, x) sum of squared weights over the usable voxels


def n4_lattice(values, usable, *, iterations=(50, 50, 50, 50), convergence=1e-3):
    """Estimate the logarithm of the bias field as a B-spline surface over the grid.

    Parameters
    ----------
    values : ndarray of float, shape (z, y, x)
        Image, positive wherever usable.
    usable : ndarray of bool, shape (z, y, x)
        Voxels that take part.
    iterations : sequence of int
        Most iterations at each level; the mesh has 1, 2, 4, ... spans per axis.
    convergence : float
        A level ends when the ratio of two successive fields has a coefficient of variation of at most this.

    Returns
    -------
    lattice : ndarray, shape (spans + 3,) * 3
        Control points of the finest level, natural logarithm.
    used : list of int
        Iterations at each level.

    Raises
    ------
    ValueError
        If no voxel is usable, or all have one value.
    """
    box = _box(usable)
    inside = np.flatnonzero(usable[box])
    logarithms = np.log(values[box].ravel()[inside].astype(float)).astype(np.float32)
    if np.ptp(logarithms) == 0:  # also a single voxel
        raise ValueError("all usable voxels have one value: no histogram to sharpen.")
    lattice, used = np.zeros((4, 4, 4)), []
    for level, most in enumerate(iterations):
        if level:
            lattice = refined(lattice)
        mesh = _mesh(usable, box, spans=2**level)
        lattice, count = _fit_level(logarithms, inside, lattice, mesh, most, convergence)
        used.append(count)
    return lattice, used


def spline_surface(lattice, shape):
    """Values of a B-spline surface at all voxels of a grid.

    Parameters
    ----------
    lattice : ndarray, shape (spans + 3,) * 3
        From `n4_lattice`.
    shape : sequence of int
        Voxels in z, y, x; the mesh spans from the first voxel's centre to the last one's.

    Returns
    -------
    ndarray, shape (z, y, x)
        Of the lattice's type: single precision halves the memory of a large volume.
    """
    basis = [spline_basis(n, points - 3) for n, points in zip(shape, lattice.shape, strict=True)]
    return _surface(lattice, [b.astype(lattice.dtype) for b in basis])


def spline_basis(count, spans):
    """Weights (count, spans + 3) of the control points of a uniform cubic B-spline at equidistant voxels."""
    place = np.arange(count) * spans / max(count - 1, 1)
    place[-1] = min(place[-1], spans - EDGE * spans / max(count - 1, 1))
    first = np.minimum(place.astype(int), spans - 1)
    t = place - first
    weights = [(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3]
    basis = np.zeros((count, spans + 3))
    for shift, weight in enumerate(weights):
        basis[np.arange(count), first + shift] = weight / 6
    return basis


def refined(lattice):
    """Control points of the same surface with twice the spans on every axis (Lane and Riesenfeld 1980)."""
    for axis in range(3):
        c = np.moveaxis(lattice, axis, 0)
        finer = np.empty((2 * len(c) - 3, *c.shape[1:]))
        finer[::2] = (c[:-1] + c[1:]) / 2
        finer[1::2] = (c[:-2] + 6 * c[1:-1] + c[2:]) / 8
        lattice = np.moveaxis(finer, 0, axis)
    return lattice


def _box(usable):
    """Smallest box that holds the usable voxels."""
    spans = [np.flatnonzero(usable.any(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1))]
    if not spans[0].size:
        raise ValueError("no voxel is usable.")
    return tuple(slice(int(span[0]), int(span[-1]) + 1) for span in spans)


def _mesh(usable, box, *, spans):
    basis = [spline_basis(n, spans)[part] for n, part in zip(usable.shape, box, strict=True)]
    squares = [b**2 for b in basis]
    fit = [b * s / s.sum(axis=1, keepdims=True) for b, s in zip(basis, squares, strict=True)]
    return Mesh(basis, fit, _gathered(usable[box].astype(float), squares))


def _fit_level(logarithms, inside, lattice, mesh, most, convergence):
    """Add to the lattice until the field no longer changes; returns it and the number of iterations."""
    field = _field(lattice, mesh, inside)
    residual = np.zeros([len(b) for b in mesh.basis])
    used, change = 0, math.inf
    while used < most and change > convergence:
        residual.ravel()[inside] = _moved(logarithms - field)
        sums = _gathered(residual, mesh.fit)
        lattice = lattice + np.divide(sums, mesh.weight, out=np.zeros_like(sums), where=mesh.weight > 0)
        earlier, field = field, _field(lattice, mesh, inside)
        used, change = used + 1, _variation(earlier - field, convergence)
    return lattice, used


def _field(lattice, mesh, inside):
    return _surface(lattice, mesh.basis).ravel()[inside].astype(np.float32)


def _moved(values):
    """What each value moves by when the field's histogram is taken out of the values' histogram."""
    low = values.min()
    width = (values.max() - low) / np.float32(HISTOGRAM_BINS - 1)
    place = (values - low) / width
    lower = place.astype(np.intp)
    offset = place - lower.astype(np.float32)
    low, width = float(low), float(width)
    centres = low + width * np.arange(HISTOGRAM_BINS)
    moved = centres - _expected(_counts(lower, offset), low, width, centres)
    return moved[lower] + np.append(np.diff(moved), 0.0)[lower] * offset


def _counts(lower, offset):
    """Histogram of values, each shared by the two bins whose centres it lies between."""
    shared = np.bincount(lower, offset, minlength=HISTOGRAM_BINS)
    counts = np.bincount(lower, minlength=HISTOGRAM_BINS) - shared
    if shared[-1] > 0:
        counts[-1] = 0.0  # beyond the last bin by rounding
    counts[1:] += shared[:-1]
    return counts


def _expected(counts, low, width, centres):
    """Expected true value of each bin: Wiener deconvolution by a Gaussian, then the mean under that Gaussian."""
    start = (PADDED_BINS - HISTOGRAM_BINS) // 2
    used = slice(start, start + HISTOGRAM_BINS)
    padded = np.zeros(PADDED_BINS)
    padded[used] = counts
    gauss = _gaussian_spectrum(FIELD_FWHM / width)
    true = np.maximum(np.fft.irfft(np.fft.rfft(padded) * (gauss / (gauss**2 + WIENER_NOISE))), 0.0)
    places = low + width * (np.arange(PADDED_BINS) - start)
    both = np.fft.irfft(np.fft.rfft([places * true, true]) * gauss)[:, used]
    return np.divide(*both, out=centres.copy(), where=both[1] > EMPTY * both[1].max())


def _gaussian_spectrum(fwhm_bins):
    """Spectrum (real: it is symmetric) of a Gaussian of unit area around bin 0."""
    distance = np.minimum(np.arange(PADDED_BINS), PADDED_BINS - np.arange(PADDED_BINS))
    height = 2 * math.sqrt(math.log(2) / math.pi) / fwhm_bins
    return np.fft.rfft(height * np.exp(-4 * math.log(2) * (distance / fwhm_bins) ** 2)).real


def _variation(change, convergence):
    """Coefficient of variation of the ratio of two fields, with ITK's roundings where they could decide."""
    ratio = np.exp(change)
    undecided = (ratio.size / FEW) ** 2
    if undecided < 1:
        exact = float(ratio.std(ddof=1, dtype=float) / ratio.mean(dtype=float))
        if abs(exact - convergence) > undecided * convergence:
            return exact
    return _rounded_variation(ratio)


def _rounded_variation(ratio):
    """Coefficient of variation as ITK's single precision has it (Welford 1962, Technometrics 4:419)."""
    before, mean = _rounded_means(ratio)
    count = np.arange(1.0, ratio.size + 1)
    squares = np.square(ratio - before) * ((count - 1) / count)
    spread = np.add.accumulate(squares.astype(np.float32))[-1]
    return float(np.sqrt(spread / np.float32(ratio.size - 1)) / mean)


def _rounded_means(values):
    """Running mean before each value, and the last: single precision, updated value by value.

    A sequence of rounded sums is what ``accumulate`` gives when the steps are known. A step depends on the mean before
    it by one part in the number of values so far, so that a few repetitions find all steps of a block.
    """
    before, mean, start = np.empty_like(values), values[0], 1
    before[0] = mean
    while start < values.size:
        part = slice(start, min(start + max(4, start // 2), values.size))
        before[part], mean = _rounded_block(values[part], mean, start)
        start = part.stop
    return before, mean


def _rounded_block(values, mean, earlier):
    """Mean before each value and after the last, of values that follow a number of ``earlier`` ones of that mean."""
    count = np.arange(earlier + 1.0, earlier + values.size + 1.0)
    steps = np.empty(values.size + 1, np.float32)
    steps[0], known = mean, None
    before = np.full(values.size, mean)
    while not np.array_equal(known, before):
        steps[1:] = (values - before.astype(float)) / count
        means = np.add.accumulate(steps)
        known, before = before, means[:-1]
    return before, means[-1]


def _gathered(array, matrices):
    """Sums over voxels, weighted for every control point: (z, y, x) to (control points z, y, x)."""
    z, y, x = matrices
    along_x = (array.reshape(-1, array.shape[2]) @ x).reshape(*array.shape[:2], -1)
    along_y = np.matmul(y.T, along_x)
    return (z.T @ along_y.reshape(len(along_y), -1)).reshape(z.shape[1], y.shape[1], x.shape[1])


def _surface(lattice, matrices):
    """Weighted sums over control points for every voxel: the way back."""
    z, y, x = matrices
    along_z = (z @ lattice.reshape(len(lattice), -1)).reshape(len(z), *lattice.shape[1:])
    along_y = np.matmul(y, along_z)
    return (along_y.reshape(-1, lattice.shape[2]) @ x.T).reshape(len(z), len(y), len(x))
