"""Alignment of one sequence to another of the same patient."""

import math

import numpy as np
import SimpleITK as sitk

from habitat_radiomics.bias import shrink_factors

LEVELS = (4, 2, 1)  # shrink factor of each resolution, coarse to fine
HISTOGRAM_BINS = 32
FEWEST_SAMPLES = 50_000  # or all voxels: a joint histogram of 32 x 32 bins from fewer is noise
FEWEST_VOXELS = 20_000  # of a coarse level: large steps on fewer may lose the way for good
WORSE = 0.02  # share of mutual information that may be lost to interpolation between two aligned images


def register(
    fixed,
    moving,
    *,
    method="rigid",
    fixed_mask=None,
    seed,
    sampling=0.05,
    max_translation_mm=50.0,
    max_rotation_degrees=30.0,
):
    """Find the movement that aligns a moving image to a fixed one, from coarse to fine.

    Starts where the scanner's headers place the images; centres are aligned first only if the images do not
    overlap there. The metric is Mattes mutual information, which different contrasts may share. The same
    seed gives the same transform, on one thread.

    Parameters
    ----------
    fixed, moving : SimpleITK.Image
        Two sequences of one patient, on any grids.
    method : {"rigid", "affine"}
        Rotation and translation; affine adds scaling and shear, starting from the rigid solution.
    fixed_mask : SimpleITK.Image, optional
        Part of the fixed image to compare, non-zero inside.
    seed : int
        Choice of the sampled points; 0 or more.
    sampling : float
        Share of the fixed image's voxels compared at each level, at least 50,000 of them.
    max_translation_mm, max_rotation_degrees : float
        A larger movement within one session counts as failed.

    Returns
    -------
    transform : SimpleITK.Transform
        Maps points of the fixed image to points of the moving one; hand it to `resample_image`.
    record : dict
        method, start ("header" or "centre"), metric_before, metric_after (negative mutual information in nats:
        lower is better), rotation_degrees, translation_mm (at the fixed image's centre), failed, reason.

    Notes
    -----
    Mattes et al. 2003, IEEE Trans Med Imaging 22:120.
    """
    start, placed = _start(fixed, moving)
    radius_mm = float(np.linalg.norm(_half_extent(fixed)) / math.sqrt(3))
    images = [_rescaled(sitk.Cast(image, sitk.sitkFloat32), 1 / radius_mm) for image in (fixed, moving)]
    settings = {"mask": fixed_mask and _rescaled(fixed_mask != 0, 1 / radius_mm), "seed": seed, "sampling": sampling}
    begin = _rescaled_transform(start, 1 / radius_mm)
    try:
        before = _metric(*images, begin, **settings)
        end = _from_coarse_to_fine(*images, begin, method, settings)
        after = _metric(*images, end, **settings)
    except RuntimeError as error:  # ITK: the samples left the moving image
        reason = f"the images lost their overlap ({str(error).strip().splitlines()[-1].strip()})"
        return start, _record(method, placed, math.nan, math.nan, math.nan, math.nan, reason)
    transform = _rescaled_transform(end, radius_mm)
    rotation, translation = _movement(transform)
    reason = _failure(before, after, rotation, translation, max_rotation_degrees, max_translation_mm)
    return transform, _record(method, placed, before, after, rotation, translation, reason)


def _start(fixed, moving):
    """Identity about the fixed image's centre, or centres aligned when the headers leave no overlap."""
    start = sitk.Euler3DTransform()
    start.SetCenter(_centre(fixed))
    apart = np.abs(np.subtract(_centre(fixed), _centre(moving)))
    reach = (_half_extent(fixed) + _half_extent(moving)) / 2
    if (apart < reach).all():
        return start, "header"
    start.SetTranslation(np.subtract(_centre(moving), _centre(fixed)).tolist())
    return start, "centre"


def _centre(image):
    return image.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in image.GetSize()])


def _half_extent(image):
    """Half the side lengths of the box, along the world's axes, that holds the image."""
    sides_mm = np.multiply(image.GetSize(), image.GetSpacing()) / 2
    return np.abs(np.reshape(image.GetDirection(), (3, 3))) @ sides_mm


def _rescaled(image, factor):
    """The image in a world of another unit.

    Measured in root mean square radii of the fixed image, a radian moves voxels as far as a unit of
    translation. ITK's optimiser needs that: it gives every step the same length, whatever the direction, so
    in mm a first step of one voxel along a pure rotation would be a radian.
    """
    rescaled = sitk.Image(image)
    rescaled.SetSpacing(np.multiply(image.GetSpacing(), factor).tolist())
    rescaled.SetOrigin(np.multiply(image.GetOrigin(), factor).tolist())
    return rescaled


def _rescaled_transform(transform, factor):
    rescaled = type(transform)(transform)
    rescaled.SetCenter(np.multiply(transform.GetCenter(), factor).tolist())
    rescaled.SetTranslation(np.multiply(transform.GetTranslation(), factor).tolist())
    return rescaled


def _from_coarse_to_fine(fixed, moving, transform, method, settings):
    """Optimised rigid, then perhaps affine, transform; coarse levels of few voxels are left out."""
    for level in LEVELS:
        shrunk = np.floor_divide(fixed.GetSize(), shrink_factors(fixed.GetSize(), level))
        if level == 1 or math.prod(shrunk.tolist()) >= FEWEST_VOXELS:
            transform = _optimised(fixed, moving, transform, level=level, **settings)
    if method == "affine":
        transform = _optimised(fixed, moving, _as_affine(transform), level=1, **settings)
    return transform


def _level_image(image, level):
    """Image smoothed and shrunk in plane and, where there are slices enough, across."""
    factors = shrink_factors(image.GetSize(), level)
    sigma = np.where(np.array(factors) > 1, np.multiply(factors, image.GetSpacing()) / 2, 0.0)
    if not sigma.any():
        return image
    return sitk.Shrink(sitk.DiscreteGaussian(image, np.square(sigma).tolist(), 64, 0.01, True), factors)


def _registration(fixed, *, mask, seed, sampling):
    registration = sitk.ImageRegistrationMethod()
    registration.SetMetricAsMattesMutualInformation(HISTOGRAM_BINS)
    registration.MetricUseFixedImageGradientFilterOff()  # the gradient of the interpolated image itself
    registration.MetricUseMovingImageGradientFilterOff()
    registration.SetMetricSamplingStrategy(registration.RANDOM)
    share = min(1.0, max(sampling, FEWEST_SAMPLES / fixed.GetNumberOfPixels()))
    registration.SetMetricSamplingPercentage(share, seed + 1)  # ITK takes 0 for the time of day
    registration.SetInterpolator(sitk.sitkLinear)
    if mask is not None:
        registration.SetMetricFixedMask(mask)
    return registration


def _optimised(fixed, moving, transform, *, level, mask, seed, sampling):
    """Transform improved at one resolution by steps that start at a voxel and end at a five-hundredth."""
    fixed, moving = _level_image(fixed, level), _level_image(moving, level)
    registration = _registration(fixed, mask=mask, seed=seed, sampling=sampling)
    voxel = min(fixed.GetSpacing())
    registration.SetOptimizerAsRegularStepGradientDescent(
        learningRate=voxel,
        minStep=0.002 * voxel,
        numberOfIterations=200,
        relaxationFactor=0.7,
        gradientMagnitudeTolerance=1e-8,
    )
    registration.SetInitialTransform(transform, inPlace=False)
    return _simple(registration.Execute(fixed, moving))


def _metric(fixed, moving, transform, *, mask, seed, sampling):
    registration = _registration(fixed, mask=mask, seed=seed, sampling=sampling)
    registration.SetInitialTransform(transform)
    return registration.MetricEvaluate(fixed, moving)


def _as_affine(rigid):
    affine = sitk.AffineTransform(3)
    affine.SetMatrix(rigid.GetMatrix())
    affine.SetTranslation(rigid.GetTranslation())
    affine.SetCenter(rigid.GetCenter())
    return affine


def _simple(transform):
    """The transform itself: ITK may hand an optimised one back inside composites of one."""
    transform = transform.Downcast()
    while isinstance(transform, sitk.CompositeTransform):
        transform = transform.GetNthTransform(0).Downcast()
    return transform


def _movement(transform):
    """Rotation angle (degrees; of the nearest rotation if affine) and length of the centre's shift (mm)."""
    left, _, right = np.linalg.svd(np.reshape(transform.GetMatrix(), (3, 3)))
    cosine = (np.trace(left @ right) - 1) / 2
    shift = np.subtract(transform.TransformPoint(transform.GetCenter()), transform.GetCenter())
    return math.degrees(math.acos(min(1.0, max(-1.0, cosine)))), float(np.linalg.norm(shift))


def _failure(before, after, rotation, translation, max_rotation, max_translation):
    if after > before * (1 - WORSE):
        return f"mutual information fell from {-before:.3f} to {-after:.3f}"
    if translation > max_translation:
        return f"it moved the image by {translation:.1f} mm, more than {max_translation:g} mm"
    if rotation > max_rotation:
        return f"it turned the image by {rotation:.1f} degrees, more than {max_rotation:g}"
    return None


def _record(method, start, before, after, rotation, translation, reason):
    return {
        "method": method,
        "start": start,
        "metric_before": before,
        "metric_after": after,
        "rotation_degrees": rotation,
        "translation_mm": translation,
        "failed": reason is not None,
        "reason": reason,
    }
