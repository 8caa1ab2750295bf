"""Alignment of one sequence to another of the same patient."""

import math

import numpy as np
import SimpleITK as sitk

from habitat_radiomics.bias import shrink_factors

LEVELS = (4, 2, 1)  # shrink factor of each resolution, coarse to fine
HISTOGRAM_BINS = 32
SAMPLES = 20_000  # points compared at each resolution; more cost time and do not lower the error
FEWEST_VOXELS = 20_000  # of a coarse level: large steps on fewer may lose the way for good
WORSE = 0.02  # share of mutual information that may be lost to interpolation between two aligned images
NEARBY_MM, NEARBY_VOXELS, NEARBY_DEGREES = 6.0, 1.5, 6.0  # how far a solution is displaced to see that it is a peak
BETTER = 0.02  # share by which no displacement may raise mutual information
MEASURES = ("metric_before", "metric_after", "rotation_degrees", "translation_mm", "hold", "gain")
LOWEST_HOLD = 0.1  # share of it that displacements must cost on average: MR and MR 0.27 and more, MR and PET 0.06
LITTLE_MM, LITTLE_DEGREES = 10.0, 5.0  # a movement that may stand although the images do not hold it


def register(
    fixed,
    moving,
    *,
    method="rigid",
    fixed_mask=None,
    seed,
    samples=SAMPLES,
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
    samples : int
        Points compared at each resolution, inside the mask if there is one; all voxels where there are fewer.
    max_translation_mm, max_rotation_degrees : float
        A larger movement within one session counts as failed.

    Returns
    -------
    transform : SimpleITK.Transform
        Maps points of the fixed image to points of the moving one; hand it to `resample_image`.
    record : dict
        method, start ("header" or "centre"), metric_before, metric_after (negative mutual information in nats:
        lower is better), rotation_degrees, translation_mm (at the fixed image's centre), hold and gain (see
        `displacement_costs`: mean cost, and largest gain), failed, reason.

    Notes
    -----
    Mattes et al. 2003, IEEE Trans Med Imaging 22:120.
    """
    start, placed = _start(fixed, moving)
    radius_mm = float(np.linalg.norm(_half_extent(fixed)) / math.sqrt(3))
    pyramid = [[_rescaled(image, 1 / radius_mm) for image in level] for level in _pyramid(fixed, moving)]
    settings = {"mask": fixed_mask and _rescaled(fixed_mask != 0, 1 / radius_mm), "seed": seed, "samples": samples}
    begin = _rescaled_transform(start, 1 / radius_mm)
    try:
        before = _metric(*pyramid[-1], begin, **settings)
        end = _from_coarse_to_fine(pyramid, begin, method, settings)
        after = _metric(*pyramid[-1], end, **settings)
    except RuntimeError as error:  # ITK: the samples left the moving image
        reason = f"the images lost their overlap ({str(error).strip().splitlines()[-1].strip()})"
        return start, _record(method, placed, dict.fromkeys(MEASURES, math.nan), reason)
    transform = _rescaled_transform(end, radius_mm)
    rotation, translation = _movement(transform)
    costs = displacement_costs(*pyramid[0], end, mask=settings["mask"], mm=1 / radius_mm)
    found = {"metric_before": before, "metric_after": after, "rotation_degrees": rotation}
    found |= {"translation_mm": translation, "hold": float(np.mean(costs)), "gain": float(-np.min(costs))}
    reason = _failure(found, max_rotation_degrees, max_translation_mm)
    return transform, _record(method, placed, found, reason)


def displacement_costs(fixed, moving, transform, *, mask=None, mm=1.0):
    """Share of mutual information lost by displacing a registration a little, for every displacement.

    A registration that found its place loses by every displacement; one that stopped short of it by more than half a
    displacement gains by one of them; and nothing matters to images that have nothing in common. All displacements
    are judged on the same voxels, those that stay inside the moving image, because mutual information grows where
    background leaves it.

    Parameters
    ----------
    fixed, moving : SimpleITK.Image
        Smoothed and coarse images suffice.
    transform : SimpleITK.Transform
        Maps points of the fixed image to points of the moving one.
    mask : SimpleITK.Image, optional
        Part of the fixed image to compare, non-zero inside.
    mm : float
        A millimetre in the images' world.

    Returns
    -------
    ndarray, shape (12,)
        Moved by 6 mm, or one and a half voxels where that is more, along each axis of the fixed image, and turned by 6
        degrees about it; both ways. Negative where a displacement fits better. Zeros where no voxel stays inside.
    """
    fixed, moving = _smooth(fixed), _smooth(moving)
    displaced = [transform, *_displaced(fixed, transform, mm)]
    seen = np.array([sitk.GetArrayFromImage(_seen(fixed, moving, place)) for place in displaced])
    inside = np.isfinite(seen).all(axis=0)
    if mask is not None:
        inside &= sitk.GetArrayFromImage(sitk.Resample(mask, fixed, sitk.Transform(), sitk.sitkNearestNeighbor)) != 0
    if not inside.any():
        return np.zeros(len(displaced) - 1)
    reference = _bins(sitk.GetArrayViewFromImage(fixed)[inside])
    here, *away = [_mutual_information(reference, _bins(values[inside])) for values in seen]
    return 1 - np.array(away) / here if here > 0 else np.zeros(len(away))


def _smooth(image):
    """Without the noise that interpolation at a displaced place would take away, and so raise mutual information."""
    return sitk.DiscreteGaussian(image, np.square(image.GetSpacing()).tolist(), 64, 0.01, True)


def _seen(fixed, moving, transform):
    """The moving image on the fixed one's grid, NaN beyond its border."""
    return sitk.Resample(moving, fixed, transform, sitk.sitkLinear, math.nan, sitk.sitkFloat32)


def _displaced(fixed, transform, mm):
    """The transform after the fixed image was moved along and turned about each of its axes, both ways."""
    directions = np.reshape(fixed.GetDirection(), (3, 3)).T
    for axis, spacing in zip(directions, fixed.GetSpacing(), strict=True):
        for sign in (-1, 1):
            moved = sitk.TranslationTransform(3, (sign * max(NEARBY_MM * mm, NEARBY_VOXELS * spacing) * axis).tolist())
            turned = sitk.VersorTransform(axis.tolist(), sign * math.radians(NEARBY_DEGREES), _centre(fixed))
            yield from (sitk.CompositeTransform([transform, nearby]) for nearby in (moved, turned))


def _bins(values):
    """Bin of each value between the 0.5th and 99.5th percentile, so that few bright voxels do not take most bins."""
    low, high = np.percentile(values, (0.5, 99.5))
    scaled = (values - low) * (HISTOGRAM_BINS / max(high - low, 1e-30))
    return np.clip(scaled, 0, HISTOGRAM_BINS - 1).astype(np.intp)


def _mutual_information(first, second):
    """Mutual information in nats of two rows of bin numbers."""
    joint = np.bincount(first * HISTOGRAM_BINS + second, minlength=HISTOGRAM_BINS**2) / first.size
    joint = joint.reshape(HISTOGRAM_BINS, HISTOGRAM_BINS)
    apart = np.outer(joint.sum(axis=1), joint.sum(axis=0))
    used = joint > 0
    return float((joint[used] * np.log(joint[used] / apart[used])).sum())


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


def _pyramid(fixed, moving):
    """Both images (float32) at each resolution, coarse to fine; coarse ones of few voxels are left out."""
    fixed, moving = map(_single_precision, (fixed, moving))
    levels = [level for level in LEVELS[:-1] if _voxels(fixed, level) >= FEWEST_VOXELS]
    return [(_level_image(fixed, level), _level_image(moving, level)) for level in (*levels, LEVELS[-1])]


def _single_precision(image):
    return image if image.GetPixelID() == sitk.sitkFloat32 else sitk.Cast(image, sitk.sitkFloat32)


def _voxels(image, level):
    return math.prod(np.floor_divide(image.GetSize(), shrink_factors(image.GetSize(), level)).tolist())


def _from_coarse_to_fine(pyramid, transform, method, settings):
    """Optimised rigid, then perhaps affine, transform."""
    for images in pyramid:
        transform = _optimised(*images, transform, **settings)
    return _optimised(*pyramid[-1], _as_affine(transform), **settings) if method == "affine" else transform


def _level_image(image, level):
    """Image smoothed and shrunk in plane and, where there are slices enough, across."""
    factors = shrink_factors(image.GetSize(), level)
    sigma = np.where(np.array(factors) > 1, np.multiply(factors, image.GetSpacing()) / 2, 0.0)
    if not sigma.any():
        return image
    return sitk.Shrink(sitk.DiscreteGaussian(image, np.square(sigma).tolist(), 64, 0.01, True), factors)


def _registration(fixed, *, mask, seed, samples):
    registration = sitk.ImageRegistrationMethod()
    registration.SetMetricAsMattesMutualInformation(HISTOGRAM_BINS)
    registration.MetricUseFixedImageGradientFilterOff()  # the gradient of the interpolated image itself
    registration.MetricUseMovingImageGradientFilterOff()
    registration.SetMetricSamplingStrategy(registration.RANDOM)
    share = min(1.0, samples / (fixed.GetNumberOfPixels() * _masked_share(mask)))
    registration.SetMetricSamplingPercentage(share, seed + 1)  # ITK takes 0 for the time of day
    registration.SetInterpolator(sitk.sitkLinear)
    if mask is not None:
        registration.SetMetricFixedMask(mask)
    return registration


def _masked_share(mask):
    """Share of the image inside the mask: ITK draws points anywhere, then leaves out those outside."""
    return 1.0 if mask is None else max(float(sitk.GetArrayViewFromImage(mask).mean()), 1e-6)


def _optimised(fixed, moving, transform, *, mask, seed, samples):
    """Transform improved at one resolution by steps that start at a voxel and end at a five-hundredth."""
    registration = _registration(fixed, mask=mask, seed=seed, samples=samples)
    voxel = min(fixed.GetSpacing())
    registration.SetOptimizerAsRegularStepGradientDescent(
        learningRate=voxel,
        minStep=0.002 * voxel,
        numberOfIterations=200,
        relaxationFactor=0.6,
        gradientMagnitudeTolerance=1e-8,
    )
    registration.SetInitialTransform(transform, inPlace=False)
    return _simple(registration.Execute(fixed, moving))


def _metric(fixed, moving, transform, *, mask, seed, samples):
    registration = _registration(fixed, mask=mask, seed=seed, samples=samples)
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


def _failure(found, max_rotation, max_translation):
    if found["metric_after"] > found["metric_before"] * (1 - WORSE):
        return f"mutual information fell from {-found['metric_before']:.3f} to {-found['metric_after']:.3f}"
    if found["translation_mm"] > max_translation:
        return f"it moved the image by {found['translation_mm']:.1f} mm, more than {max_translation:g} mm"
    if found["rotation_degrees"] > max_rotation:
        return f"it turned the image by {found['rotation_degrees']:.1f} degrees, more than {max_rotation:g}"
    if found["gain"] > BETTER:
        return f"the images fit better some millimetres or degrees away (mutual information {found['gain']:.0%} higher)"
    if found["hold"] < LOWEST_HOLD and not _moved_little(found):
        return (
            "the images have too little in common to hold it where it is (a displacement costs "
            f"{found['hold']:.1%} of what they share), yet it moved them by {found['translation_mm']:.1f} mm and "
            f"{found['rotation_degrees']:.1f} degrees"
        )
    return None


def _moved_little(found):
    return found["translation_mm"] <= LITTLE_MM and found["rotation_degrees"] <= LITTLE_DEGREES


def registration_doubt(record):
    """What should be looked at in a registration that did not fail; empty without doubt.

    Images of other kinds (PET, diffusion) may share too little for the check of `displacement_costs`. A small movement
    of them stands, because their headers agree with it.
    """
    if record.get("failed", True) or record["hold"] >= LOWEST_HOLD:
        return ""
    return (
        "the registration could not be verified: a displacement of some millimetres costs "
        f"{record['hold']:.1%} of what the images share (it moved them by {record['translation_mm']:.1f} mm and "
        f"{record['rotation_degrees']:.1f} degrees)"
    )


def _record(method, start, found, reason):
    return {"method": method, "start": start, **found, "failed": reason is not None, "reason": reason}
