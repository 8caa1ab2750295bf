"""Bringing MR intensities, which have no unit, onto a common scale.

Everything works on the statistics of a whole image's body, taken once before cropping, so that normalising
needs the cropped image and a few numbers only.
"""

import numpy as np
import SimpleITK as sitk

from habitat_radiomics.faults import DataFault

PERCENTILES = (0, 0.5, 1, 2, 5, 10, 20, 25, 30, 40, 50, 60, 70, 75, 80, 90, 95, 98, 99, 99.5, 100)
NYUL_PERCENTILES = (1, 10, 20, 30, 40, 50, 60, 70, 80, 90, 99)


def intensity_statistics(image, mask):
    """Mean, spread and percentiles of the intensities inside a mask.

    Parameters
    ----------
    image, mask : SimpleITK.Image
        On one grid; the mask is non-zero inside.

    Returns
    -------
    dict
        voxels, mean, sd (n - 1 in the denominator), percentiles (keys as text: "0.5", "1", ... "99.5").

    Raises
    ------
    DataFault
        intensity_no_voxels: fewer than two voxels inside.
    """
    values = sitk.GetArrayViewFromImage(image)[sitk.GetArrayViewFromImage(mask) != 0].astype(np.float64)
    if values.size < 2:
        raise DataFault(
            "intensity_no_voxels",
            f"the body mask holds {values.size} voxels; intensities need at least 2. Check body.fraction.",
        )
    percentiles = np.percentile(values, PERCENTILES)
    return {
        "voxels": int(values.size),
        "mean": float(values.mean()),
        "sd": float(values.std(ddof=1)),
        "percentiles": {f"{p:g}": float(v) for p, v in zip(PERCENTILES, percentiles, strict=True)},
    }


def normalise_intensity(image, statistics, *, method, settings=None):
    """Map an image's intensities by one of the methods of `METHODS`.

    Parameters
    ----------
    image : SimpleITK.Image
        Cropped or whole; only its values are mapped.
    statistics : dict
        Of the whole image's body, as `intensity_statistics` returns them.
    method : {"none", "zscore", "range_0_255", "nyul"}
        Which function below.
    settings : dict, optional
        That function's keyword arguments.

    Returns
    -------
    SimpleITK.Image
        float32.

    Raises
    ------
    DataFault
        intensity_constant, landmarks_not_increasing.
    ValueError
        Unknown method or percentile.
    """
    if method not in METHODS:
        raise ValueError(f"unknown intensity method {method!r}; allowed: {', '.join(METHODS)}")
    return METHODS[method](image, statistics, **(settings or {}))


def keep_intensity(image, statistics):
    """The values as they are, for quantitative maps such as ADC or SUV."""
    return sitk.Cast(image, sitk.sitkFloat32)


def zscore(image, statistics, *, scale=100.0, shift=0.0):
    """(x - mean) / sd * scale + shift; pyradiomics calls the last two normalizeScale and voxelArrayShift."""
    if not statistics["sd"] > 0:
        raise _constant("standard deviation is 0")
    return _mapped(image, lambda x: (x - statistics["mean"]) / statistics["sd"] * scale + shift)


def range_0_255(image, statistics, *, percentiles=(0.5, 99.5), clip=True):
    """Two percentiles become 0 and 255, values between them linearly; what lies outside is cut, or not."""
    low, high = intensity_landmarks(statistics, percentiles=percentiles)
    if not high > low:
        raise _constant(f"percentiles {percentiles[0]:g} and {percentiles[1]:g} are both {low:.4g}")
    limits = (0.0, 255.0) if clip else (-np.inf, np.inf)
    return _mapped(image, lambda x: np.clip((x - low) / (high - low) * 255.0, *limits))


def nyul(image, statistics, *, standard, percentiles=NYUL_PERCENTILES):
    """Move an image's landmarks to the standard ones learnt from training patients, see `apply_nyul`."""
    return apply_nyul(image, intensity_landmarks(statistics, percentiles=percentiles), standard)


METHODS = {"none": keep_intensity, "zscore": zscore, "range_0_255": range_0_255, "nyul": nyul}


def intensity_landmarks(statistics, *, percentiles=NYUL_PERCENTILES):
    """Values of an image's statistics at the given percentiles, in their order.

    Raises
    ------
    ValueError
        A percentile that is not one of `PERCENTILES`.
    """
    unknown = [p for p in percentiles if f"{p:g}" not in statistics["percentiles"]]
    if unknown:
        allowed = ", ".join(f"{p:g}" for p in PERCENTILES)
        raise ValueError(f"percentile {unknown[0]:g} is not measured; allowed: {allowed}")
    return [statistics["percentiles"][f"{p:g}"] for p in percentiles]


def fit_nyul(landmarks, *, scale=(1.0, 100.0)):
    """Standard landmarks of a group of training images.

    Each image's landmarks are mapped linearly so that its first and last fall on the ends of the standard
    scale; the standard is their mean over images.

    Parameters
    ----------
    landmarks : array-like, shape (images, landmarks)
        Rows of `intensity_landmarks`; training patients only.
    scale : (float, float)
        Ends of the standard scale. Fixed bin widths of texture features refer to this scale.

    Returns
    -------
    list of float
        One per landmark, from scale[0] to scale[1].

    Raises
    ------
    DataFault
        landmarks_not_increasing.

    Notes
    -----
    Nyul and Udupa 1999, Magn Reson Med 42:1072; Nyul et al. 2000, IEEE Trans Med Imaging 19:143;
    Shah et al. 2011, Med Image Anal 15:267.
    """
    rows = np.asarray(landmarks, dtype=np.float64)
    for row in rows:
        _check_increasing(row)
    first, last = rows[:, :1], rows[:, -1:]
    mapped = scale[0] + (rows - first) / (last - first) * (scale[1] - scale[0])
    return mapped.mean(axis=0).tolist()


def apply_nyul(image, landmarks, standard):
    """Piecewise linear map from an image's landmarks to the standard ones.

    Values below the first and above the last landmark continue the first and last segment, so that bright
    lesions are not cut off.

    Parameters
    ----------
    image : SimpleITK.Image
        Cropped or whole.
    landmarks, standard : sequence of float
        Same length, strictly increasing.

    Returns
    -------
    SimpleITK.Image
        float32.

    Raises
    ------
    DataFault
        landmarks_not_increasing.
    """
    source, target = np.asarray(landmarks, np.float64), np.asarray(standard, np.float64)
    _check_increasing(source)
    slopes = np.diff(target) / np.diff(source)

    def mapped(values):
        segment = np.clip(np.searchsorted(source, values, side="right") - 1, 0, len(slopes) - 1)
        return target[segment] + (values - source[segment]) * slopes[segment]

    return _mapped(image, mapped)


def _check_increasing(landmarks):
    if (np.diff(landmarks) > 0).all():
        return
    listed = ", ".join(f"{value:.4g}" for value in landmarks)
    raise DataFault(
        "landmarks_not_increasing",
        f"intensity landmarks do not increase ({listed}): many voxels share one value. "
        "Check that the body mask excludes padding, or leave out landmarks.",
    )


def _constant(found):
    return DataFault(
        "intensity_constant", f"intensities inside the body cannot be scaled: their {found}. Check the image."
    )


def _mapped(image, function):
    """Apply a function of float64 values to an image, keeping its grid."""
    result = sitk.GetImageFromArray(function(sitk.GetArrayFromImage(image).astype(np.float64)).astype(np.float32))
    result.CopyInformation(image)
    return result
