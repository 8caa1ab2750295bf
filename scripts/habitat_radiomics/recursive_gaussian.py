"""Laplacian of Gaussian by recursive filters, with ITK's values, but only where it is wanted.

ITK filters nine times along whole lines. Here the lines that no wanted voxel needs are left out after each pass,
and neighbouring lines are filtered together, so that the processor's vector units have work.
This module imports numba and is itself imported only when features are extracted.
"""

from math import cos, exp, sin

import numpy as np
from numba import njit

compiled = njit(cache=True, error_model="numpy")  # no fast-math: the order of roundings is ITK's

# Deriche 1993 as revised by Farneback and Westin 2006: parameters of the two damped oscillations whose sum
# approximates a Gaussian (order 0) and its second derivative (order 2).
FREQUENCIES, DECAYS = (0.6681, 2.0787), (-1.3932, -1.3732)
COSINES = {0: (1.3530, -0.3531), 2: (-1.3563, 0.3446)}
SINES = {0: (1.8151, 0.0902), 2: (5.2318, -2.2355)}
LINES = 64  # filtered together
REACH = 20  # sigmas; what lies further away changes a value by less than 1e-11 of its own size


def laplacian_of_gaussian(array, *, sigma_mm, spacing, box):
    """Return the scale-normalised Laplacian of Gaussian inside a box.

    Parameters
    ----------
    array : ndarray of float32, shape (z, y, x)
        At least 4 voxels along every axis; beyond its border it goes on with the values there.
    sigma_mm : float
    spacing : sequence of float
        Voxel spacing in mm (z, y, x).
    box : tuple of slice
        The voxels wanted (z, y, x).

    Returns
    -------
    ndarray of float32
        Values in the box, those of ITK's LaplacianRecursiveGaussianImageFilter with NormalizeAcrossScale: to the last
        bit within 20 sigma of the image's border, and but for a rare last bit elsewhere.
    """
    window = [_reached(b, REACH * sigma_mm / mm, size) for b, mm, size in zip(box, spacing, array.shape, strict=True)]
    array = np.array(array[tuple(window)])  # writable: one compiled version for all
    box = [slice(b.start - w.start, b.stop - w.start) for b, w in zip(box, window, strict=True)]
    total = None
    for derived in (2, 1, 0):
        filtered = array
        for axis in (derived, *(axis for axis in (2, 1, 0) if axis != derived)):
            order = 2 if axis == derived else 0
            filtered = _filtered_along(filtered, axis, coefficients(sigma_mm, spacing[axis], order), box[axis])
        scaled = filtered * np.float64(1.0 / spacing[derived] ** 2)
        total = (scaled if total is None else total + scaled).astype(np.float32)
    return total


def _reached(side, reach, size):
    return slice(max(int(side.start - reach), 0), min(int(side.stop + reach) + 1, size))


def coefficients(sigma_mm, spacing_mm, order):
    """Coefficients of one recursive filter: N0 to N3, D1 to D4, M1 to M4, BN1 to BN4, BM1 to BM4 as ITK names them.

    ``order`` is 0 (Gaussian, sum 1) or 2 (second derivative, times sigma squared).
    """
    sigma = sigma_mm / spacing_mm
    recursion = _denominator(sigma)
    sums = _moments(np.array([1.0, *recursion]))
    smooth = _numerator(sigma, 0)
    if order == 0:
        forward = smooth * (1.0 / (2 * _moments(smooth)[0] / sums[0] - smooth[0]))
    else:
        second = _numerator(sigma, 2)
        balance = -(2 * _moments(second)[0] - sums[0] * second[0]) / (2 * _moments(smooth)[0] - sums[0] * smooth[0])
        forward = second + balance * smooth
        forward = forward * (sigma_mm**2 / _second_moment(_moments(forward), sums))
    backward = np.append(forward[1:], 0.0) - recursion * forward[0]
    ends = [recursion * part.sum() / sums[0] for part in (forward, backward)]
    return np.concatenate([forward, recursion, backward, *ends])


def _numerator(sigma, order):
    """N0 to N3 of Deriche's filter before normalisation."""
    (a1, a2), (b1, b2) = COSINES[order], SINES[order]
    (sin1, sin2), (cos1, cos2) = ([f(w / sigma) for w in FREQUENCIES] for f in (sin, cos))
    exp1, exp2 = (exp(decay / sigma) for decay in DECAYS)
    n1 = exp2 * (b2 * sin2 - (a2 + 2 * a1) * cos2) + exp1 * (b1 * sin1 - (a1 + 2 * a2) * cos1)
    n2 = 2 * exp1 * exp2 * ((a1 + a2) * cos2 * cos1 - (b1 * cos2 * sin1 + b2 * cos1 * sin2))
    n3 = exp2 * exp1 * exp1 * (b2 * sin2 - a2 * cos2) + exp1 * exp2 * exp2 * (b1 * sin1 - a1 * cos1)
    return np.array([a1 + a2, n1, n2 + a2 * exp1 * exp1 + a1 * exp2 * exp2, n3])


def _denominator(sigma):
    """D1 to D4: the recursion."""
    cos1, cos2 = (cos(w / sigma) for w in FREQUENCIES)
    exp1, exp2 = (exp(decay / sigma) for decay in DECAYS)
    return np.array(
        [
            -2 * (exp2 * cos2 + exp1 * cos1),
            4 * cos2 * cos1 * exp1 * exp2 + (exp1 * exp1 + exp2 * exp2),
            -2 * cos1 * exp1 * exp2 * exp2 + -2 * cos2 * exp2 * exp1 * exp1,
            exp1 * exp1 * exp2 * exp2,
        ]
    )


def _moments(values):
    """Sums of the values, of the values times their index, and times its square."""
    index = np.arange(len(values))
    return values.sum(), (values * index).sum(), (values * index**2).sum()


def _second_moment(numerator, denominator):
    """Second derivative that the filter finds in a parabola."""
    sn, dn, en = numerator
    sd, dd, ed = denominator
    return (en * sd * sd - ed * sn * sd - 2 * dn * dd * sd + 2 * dd * dd * sn) / (sd * sd * sd)


def _filtered_along(array, axis, c, kept):
    """Filter all lines along an axis and keep a stretch of them."""
    moved = np.moveaxis(array, axis, 0)
    if axis == 0:
        flat = np.ascontiguousarray(moved).reshape(1, len(moved), -1)
    else:
        flat = np.ascontiguousarray(np.moveaxis(array, axis, 1))
    out = np.empty((flat.shape[0], kept.stop - kept.start, flat.shape[2]), dtype=np.float32)
    _filter_lines(flat, c, kept.start, out)
    return out.reshape(out.shape[1], *array.shape[1:]) if axis == 0 else np.moveaxis(out, 1, axis)


@compiled
def _filter_lines(data, c, start, out):
    """Filter ``data`` (slabs, length, lines) along its middle axis; ``out`` takes the stretch from ``start``."""
    slabs, length, lines = data.shape
    causal, anticausal = np.empty((length + 4, LINES)), np.empty((length + 4, LINES))
    extended = np.empty((length + 8, LINES))
    for slab in range(slabs):
        for first in range(0, lines, LINES):
            wide = min(LINES, lines - first)
            for i in range(length + 8):
                source = min(max(i - 4, 0), length - 1)
                for j in range(wide):
                    extended[i, j] = data[slab, source, first + j]
            _causal(extended, c, wide, start + out.shape[1], causal)
            _anticausal(extended, c, wide, length, start, anticausal)
            for i in range(out.shape[1]):
                for j in range(wide):
                    out[slab, i, first + j] = causal[start + i + 4, j] + anticausal[start + i, j]


@compiled
def _causal(x, c, wide, stop, y):
    """From the first voxel up to ``stop``; row i + 4 of x and y is voxel i; before it x is constant, y has settled."""
    for i in range(4, stop + 4):
        settled = max(8 - i, 0)  # number of former values that lie before the border
        d1, d2, d3, d4 = c[4], c[5], c[6], c[7]
        for j in range(wide):
            forward = x[i, j] * c[0] + x[i - 1, j] * c[1] + x[i - 2, j] * c[2] + x[i - 3, j] * c[3]
            if settled == 0:
                y[i, j] = forward - (y[i - 1, j] * d1 + y[i - 2, j] * d2 + y[i - 3, j] * d3 + y[i - 4, j] * d4)
            else:
                border = x[4, j]
                former = border * c[12] if settled > 3 else y[i - 1, j] * d1
                former += border * c[13] if settled > 2 else y[i - 2, j] * d2
                former += border * c[14] if settled > 1 else y[i - 3, j] * d3
                y[i, j] = forward - (former + border * c[15])


@compiled
def _anticausal(x, c, wide, length, start, y):
    """From the last voxel back, down to ``start``; row i of y is voxel i, row i + 4 of x."""
    for i in range(length - 1, start - 1, -1):
        settled = max(i + 5 - length, 0)
        d1, d2, d3, d4 = c[4], c[5], c[6], c[7]
        for j in range(wide):
            backward = x[i + 5, j] * c[8] + x[i + 6, j] * c[9] + x[i + 7, j] * c[10] + x[i + 8, j] * c[11]
            if settled == 0:
                y[i, j] = backward - (y[i + 1, j] * d1 + y[i + 2, j] * d2 + y[i + 3, j] * d3 + y[i + 4, j] * d4)
            else:
                border = x[length + 3, j]
                former = border * c[16] if settled > 3 else y[i + 1, j] * d1
                former += border * c[17] if settled > 2 else y[i + 2, j] * d2
                former += border * c[18] if settled > 1 else y[i + 3, j] * d3
                y[i, j] = backward - (former + border * c[19])
