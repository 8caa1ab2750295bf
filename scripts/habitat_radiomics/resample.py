"""One interpolation from an image to the patient's working grid, the way the IBSI describes it."""

import math
from typing import NamedTuple

import numpy as np
import SimpleITK as sitk

from habitat_radiomics.faults import DataFault

INTERPOLATORS = {"bspline": sitk.sitkBSpline, "linear": sitk.sitkLinear, "nearest": sitk.sitkNearestNeighbor}
FWHM_PER_SIGMA = 2.0 * math.sqrt(2.0 * math.log(2.0))


class Grid(NamedTuple):
    """Where voxels lie, without their values; all in SimpleITK's x, y, z order, world coordinates in mm."""

    size: tuple
    spacing_mm: tuple
    origin_mm: tuple
    direction: tuple


def grid_of(image):
    """Grid of an image."""
    return Grid(image.GetSize(), image.GetSpacing(), image.GetOrigin(), image.GetDirection())


def resampling_grid(image, spacing_mm):
    """Grid of another spacing whose centre is the image's centre and which covers the image.

    Parameters
    ----------
    image : SimpleITK.Image
        The image to be resampled.
    spacing_mm : sequence of float or None
        New spacing in x, y, z; None for an axis, or instead of the list, keeps the image's.

    Returns
    -------
    Grid
        size = ceil(n * spacing / new spacing) per axis, grid centres aligned.

    Notes
    -----
    IBSI reference manual, image interpolation ("align grid centers"); Zwanenburg et al. 2020,
    Radiology 295:328. A quotient is taken as whole when it is within 1e-5 of it: headers store float32.
    """
    grid = grid_of(image)
    wanted = spacing_mm or (None, None, None)
    spacing = tuple(old if new is None else float(new) for old, new in zip(grid.spacing_mm, wanted, strict=True))
    extent = np.multiply(grid.size, grid.spacing_mm)
    size = tuple(max(1, math.ceil(round(n, 5))) for n in extent / spacing)
    offset_mm = (np.multiply(grid.spacing_mm, np.subtract(grid.size, 1)) - spacing * np.subtract(size, 1)) / 2
    return Grid(size, spacing, _moved_origin(grid, offset_mm), grid.direction)


def crop_grid(grid, masks, *, margin_mm=0.0, padding_voxels=0):
    """Smallest part of a grid that holds all masks with a margin; its voxels are voxels of the whole grid.

    Because the part shares the positions of the whole, resampling onto it gives the very values that
    cropping the wholly resampled image would give (trilinear: to the last digit of float32, as weights of
    exactly one half leave the rounding open).

    Parameters
    ----------
    grid : Grid
        The whole grid.
    masks : iterable of SimpleITK.Image
        Masks, non-zero inside, on any grid of the same world.
    margin_mm : float
        Distance kept around the masks, for the peritumoural shell.
    padding_voxels : int
        Voxels kept beyond that, for the support of image filters.

    Returns
    -------
    Grid
        Clipped to the whole grid.

    Raises
    ------
    DataFault
        mask_outside_image: no part of a mask lies on the grid.
    """
    boxes = [_box_on_grid(grid, mask) for mask in masks]
    margin = np.ceil(np.divide(margin_mm, grid.spacing_mm) - 1e-9) + padding_voxels
    low = np.min([box[0] for box in boxes], axis=0) - margin
    high = np.max([box[1] for box in boxes], axis=0) + margin
    low = np.maximum(low, 0).astype(int)
    high = np.minimum(high, np.subtract(grid.size, 1)).astype(int)
    size = tuple(int(n) for n in high - low + 1)
    return Grid(size, grid.spacing_mm, _moved_origin(grid, low * np.array(grid.spacing_mm)), grid.direction)


def resample_image(image, grid, *, interpolator="bspline", antialias=False, transform=None, round_intensity=False):
    """Values of an image at the points of a grid, interpolated once.

    Points beyond the outermost voxels take the value of the nearest one, so that no dark rim enters a
    texture; `field_of_view` tells which points these are. A grid that is part of the image's own grid is
    copied without interpolation.

    Parameters
    ----------
    image : SimpleITK.Image
        Scalar image.
    grid : Grid
        Where values are wanted.
    interpolator : {"bspline", "linear", "nearest"}
        Cubic B-spline (order 3), trilinear, or nearest neighbour.
    antialias : bool
        Smooth by a Gaussian first along axes that become coarser, see `antialias_sigma_mm`.
    transform : SimpleITK.Transform, optional
        Maps points of the grid to points of the image, as `register` returns it.
    round_intensity : bool
        Round to whole numbers afterwards (half up), as IBSI asks for CT.

    Returns
    -------
    SimpleITK.Image
        float32 on the grid.

    Raises
    ------
    DataFault
        image_too_thin: B-splines need four voxels along each axis.
    """
    image = sitk.Cast(image, sitk.sitkFloat32)
    start = None if transform is not None else _start_within(grid_of(image), grid)
    if start is not None:
        resampled = sitk.RegionOfInterest(image, grid.size, start)
    else:
        _check_thickness(image, interpolator)
        smoothed = _smoothed(image, grid) if antialias else image
        resampled = _resampled(smoothed, grid, interpolator, transform, nearest_outside=True)
    return sitk.Round(resampled) if round_intensity else resampled


def resample_mask(mask, grid, *, transform=None, threshold=0.5):
    """A mask on another grid: trilinear interpolation of zeros and ones, inside where >= threshold.

    Parameters
    ----------
    mask : SimpleITK.Image
        Non-zero inside; nothing lies beyond its own grid.
    grid : Grid
        Where the mask is wanted.
    transform : SimpleITK.Transform, optional
        Maps points of the grid to points of the mask.
    threshold : float
        Share of the interpolation weight that must be inside (IBSI: 0.5).

    Returns
    -------
    SimpleITK.Image
        uint8, 1 inside.
    """
    share = _resampled(sitk.Cast(mask != 0, sitk.sitkFloat32), grid, "linear", transform, nearest_outside=False)
    return share >= threshold - 1e-6  # weights such as 0.3 + 0.2 must reach 0.5 in float32


def field_of_view(image, grid, *, transform=None):
    """Points of a grid that lie within the image's voxels: uint8, 1 inside; elsewhere values are replicated."""
    ones = sitk.Image(image.GetSize(), sitk.sitkUInt8) + 1
    ones.CopyInformation(image)
    return _resampled(ones, grid, "nearest", transform, nearest_outside=False)


def antialias_sigma_mm(spacing_mm, new_spacing_mm):
    """Width of the Gaussian that turns the point spread of one spacing into that of a coarser one.

    A voxel of spacing s is taken as a Gaussian of full width s at half maximum, and widths add in squares:
    sigma = sqrt(new^2 - old^2) / (2 sqrt(2 ln 2)); zero where the new spacing is not coarser
    (Cardoso et al. 2015, MICCAI, "Scale factor point spread function matching", equation 5).

    Parameters
    ----------
    spacing_mm, new_spacing_mm : sequence of float
        Per axis.

    Returns
    -------
    numpy.ndarray
        Standard deviation per axis.
    """
    widening = np.square(new_spacing_mm) - np.square(spacing_mm)
    return np.sqrt(np.maximum(widening, 0.0)) / FWHM_PER_SIGMA


def mask_box(mask):
    """First and last index (x, y, z) of the non-zero voxels of a mask that has some."""
    inside = sitk.GetArrayViewFromImage(mask) != 0
    spans = [np.flatnonzero(inside.any(axis=axes)) for axes in ((0, 1), (0, 2), (1, 2))]
    return [int(span[0]) for span in spans], [int(span[-1]) for span in spans]


def mask_part(mask):
    """Smallest part of a mask (uint8, 1 inside) that holds all its non-zero voxels."""
    first, last = mask_box(mask)
    size = [int(n) for n in np.subtract(last, first) + 1]
    return sitk.RegionOfInterest(mask != 0, size, first)


def _moved_origin(grid, offset_mm):
    return tuple(np.add(grid.origin_mm, np.reshape(grid.direction, (3, 3)) @ offset_mm).tolist())


def _box_on_grid(grid, mask):
    """Lowest and highest index on the grid between which the outer faces of a mask's voxels lie."""
    first, last = mask_box(mask)
    faces = np.array([np.subtract(first, 0.5), np.add(last, 0.5)])
    corners = [[faces[i, 0], faces[j, 1], faces[k, 2]] for i in (0, 1) for j in (0, 1) for k in (0, 1)]
    points = [mask.TransformContinuousIndexToPhysicalPoint(corner) for corner in corners]
    indices = np.array([_continuous_index(grid, point) for point in points])
    low, high = np.floor(indices.min(axis=0) + 1e-6), np.ceil(indices.max(axis=0) - 1e-6)
    if (high < 0).any() or (low > np.subtract(grid.size, 1)).any():
        raise DataFault(
            "mask_outside_image",
            "no voxel of the mask lies within the image: their headers place them apart. "
            "Check that mask and image belong together, or register the image.",
        )
    return low, high


def _continuous_index(grid, point):
    return np.reshape(grid.direction, (3, 3)).T @ np.subtract(point, grid.origin_mm) / grid.spacing_mm


def _start_within(whole, part):
    """Index at which a grid begins inside another whose voxels it shares, or None when it shares none."""
    same_axes = np.allclose(whole.direction, part.direction, rtol=0, atol=1e-9)
    if not same_axes or not np.allclose(whole.spacing_mm, part.spacing_mm, rtol=1e-9, atol=0):
        return None
    index = _continuous_index(whole, part.origin_mm)
    start = np.rint(index)
    fits = (start >= 0).all() and (start + part.size <= whole.size).all()
    return [int(n) for n in start] if fits and np.abs(index - start).max() < 1e-6 else None


def _check_thickness(image, interpolator):
    if interpolator == "bspline" and min(image.GetSize()) < 4:
        raise DataFault(
            "image_too_thin",
            f"the image has {min(image.GetSize())} voxels along one axis; B-spline interpolation needs 4. "
            "Choose interpolator: linear, or keep the native spacing.",
        )


def _smoothed(image, grid):
    """Image with the detail removed that the grid cannot hold; spacings compared along the image's axes."""
    between = np.reshape(image.GetDirection(), (3, 3)).T @ np.reshape(grid.direction, (3, 3))
    along_image = np.sqrt(np.square(between * grid.spacing_mm).sum(axis=1))
    sigma = antialias_sigma_mm(image.GetSpacing(), along_image) / image.GetSpacing()
    if not sigma.any():
        return image
    from scipy.ndimage import gaussian_filter  # 0.12 s that jobs without anti-aliasing need not pay

    smooth = sitk.GetImageFromArray(gaussian_filter(sitk.GetArrayViewFromImage(image), sigma[::-1], mode="nearest"))
    smooth.CopyInformation(image)
    return smooth


def _resampled(image, grid, interpolator, transform, *, nearest_outside):
    resampler = sitk.ResampleImageFilter()
    resampler.SetSize(grid.size)
    resampler.SetOutputSpacing(grid.spacing_mm)
    resampler.SetOutputOrigin(grid.origin_mm)
    resampler.SetOutputDirection(grid.direction)
    resampler.SetInterpolator(INTERPOLATORS[interpolator])
    resampler.SetUseNearestNeighborExtrapolator(nearest_outside)
    if transform is not None:
        resampler.SetTransform(transform)
    return resampler.Execute(image)
