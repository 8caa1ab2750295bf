"""The patient without the air around: where bias correction, normalisation and shells may look."""

from statistics import NormalDist

import numpy as np
import SimpleITK as sitk

from habitat_radiomics.faults import DataFault

NOISE_FLOOR = 0.2  # largest share of the 99th percentile that noise in air is believed to reach
KEPT_COMPONENT = 0.05  # share of the largest component from which another (second leg, arm) counts as body


def body_mask(image, *, fraction=0.1, smoothing_mm=2.0, closing_mm=5.0):
    """Separate the body from the air: a threshold on the smoothed image, closed, with its holes filled.

    The threshold stands at a fraction of the way from the noise floor (1st percentile of the smoothed image,
    at most a fifth of the 99th) to the 99th percentile: low enough for tissue darkened by a bias
    field, above Rician noise, which smoothing flattens. Every
    component of at least 5 % of the largest is kept, so that the other leg or an arm is not lost. Holes are
    filled slice by slice across the coarsest axis (airways and cortical bone are often open in 3-D), and
    the mask is shrunk by as much as smoothing moves the edge of tissue half as bright as the 99th percentile.

    Parameters
    ----------
    image : SimpleITK.Image
        Whole image, not cropped to the tumour if possible. Voxels at its minimum are taken for padding and
        left out of the percentiles.
    fraction : float
        Position of the threshold, above 0 and below 0.5; less for images with a few very bright places, such as PET.
    smoothing_mm : float
        Standard deviation of the Gaussian.
    closing_mm : float
        Radius by which dark clefts are bridged.

    Returns
    -------
    SimpleITK.Image
        uint8, 1 inside the body; nearly all ones for an image that lies inside the body.

    Raises
    ------
    DataFault
        body_not_found: the percentiles are equal, there is nothing to tell from the background.
    """
    smooth = sitk.DiscreteGaussian(image, [smoothing_mm**2] * 3, 64, 0.01, True)
    candidate = _large_components(smooth > _threshold(image, smooth, fraction))
    whole = _filled(_closed(candidate, closing_mm))
    moved_mm = max(0.0, smoothing_mm * NormalDist().inv_cdf(1.0 - 2.0 * fraction))
    return sitk.BinaryErode(whole, _radius(image, moved_mm))


def _threshold(image, smooth, fraction):
    values = sitk.GetArrayViewFromImage(image)
    low, high = np.percentile(sitk.GetArrayViewFromImage(smooth)[values > values.min()], (1, 99))
    if not high > low:
        raise DataFault(
            "body_not_found",
            f"the 1st and 99th percentile of the smoothed image are both {float(low):.4g}: "
            "nothing can be told from the background. Check that the right file was exported.",
        )
    low = min(low, NOISE_FLOOR * high)  # an image without air has tissue at its 1st percentile
    return float(low + fraction * (high - low))


def _large_components(mask):
    labels = sitk.GetArrayFromImage(sitk.ConnectedComponent(mask))
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    kept = (sizes >= KEPT_COMPONENT * sizes.max()) & (sizes > 0)
    return _like(kept[labels], mask)


def _closed(mask, closing_mm):
    """Closing with the edge slices repeated beyond the border, so that no tissue grows into the air there."""
    radius = [max(1, n) for n in _radius(mask, closing_mm)]
    padded = sitk.ZeroFluxNeumannPad(mask, radius, radius)
    return sitk.Crop(sitk.BinaryMorphologicalClosing(padded, radius, sitk.sitkBall), radius, radius)


def _radius(image, distance_mm):
    return [round(distance_mm / spacing) for spacing in image.GetSpacing()]


def _filled(mask):
    """Fill what is enclosed within a slice across the coarsest axis (across z when all are equal)."""
    axis = int(np.argmax(mask.GetSpacing()[::-1]))
    slices = np.moveaxis(sitk.GetArrayFromImage(mask), axis, 0)
    filled = [sitk.GetArrayFromImage(sitk.BinaryFillhole(sitk.GetImageFromArray(part))) for part in slices]
    return _like(np.moveaxis(np.stack(filled), 0, axis), mask)


def _like(array, image):
    result = sitk.GetImageFromArray(array.astype(np.uint8))
    result.CopyInformation(image)
    return result
