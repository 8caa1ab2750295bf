"""Feature values of masked regions by pyradiomics' own filters and feature classes, each image filtered once.

pyradiomics' ``execute`` filters the image again for every region and bins it again for every feature class.
Here all regions share the filtered images and all classes share the grey levels; the values are the same.
"""

import warnings
from typing import NamedTuple

import numpy as np
import radiomics
import SimpleITK as sitk
from radiomics import imageoperations

from habitat_radiomics.banks import (
    BIN_OPTIONS,
    IMAGE_TYPES,
    image_names,
    intensity_feature_names,
    shape_feature_names,
)
from habitat_radiomics.feature_names import CLASS_FEATURES

radiomics.setVerbosity(60)  # it warns once per call that SumAverage is redundant

MOST_GREY_LEVELS = 2000  # a GLCM of 13 directions then takes 0.4 GB, and several copies are made
LABEL = 1  # must be a Python int: SimpleITK 2.5 refuses numpy integers


class RegionMask(NamedTuple):
    """Voxels of one region as boolean arrays (z, y, x); None where the region cannot be used.

    ``morphological`` serves shape, ``intensity`` (re-segmented) everything else (IBSI 1, section 2.6).
    """

    morphological: np.ndarray | None
    intensity: np.ndarray | None


class Filter(NamedTuple):
    """One call of a filter, with its options as sorted pairs: the unit that regions and banks share."""

    kind: str
    options: tuple


class Region(NamedTuple):
    """What the feature classes need of one region, cropped to its tight box inside the union box."""

    box: tuple
    inside: np.ndarray
    mask: sitk.Image
    classes: dict
    bins: dict


def region_values(image, masks, *, banks, settings):
    """Return every feature of every region.

    Parameters
    ----------
    image : SimpleITK.Image
        3-D, finite.
    masks : dict
        Key (any hashable) to ``RegionMask`` on the grid of the image.
    banks : dict
        Key to complete bank (``banks.bank_of``).
    settings : dict
        Complete settings (``banks.complete_settings``).

    Returns
    -------
    dict
        Key to ``{feature name: (value, reason)}``; value NaN exactly where reason is not empty. Features of a
        mask that is None are left out.
    """
    results = {key: _shape_values(image, masks[key], banks[key]) for key in masks}
    intensity = {key: mask.intensity for key, mask in masks.items() if mask.intensity is not None}
    if not intensity:
        return results
    union = np.logical_or.reduce(list(intensity.values()))
    regions = {key: _region(mask[bounding_box(union)], banks[key]) for key, mask in intensity.items()}
    # pyradiomics divides 0 by 0 on the way to values it then replaces, or that stay NaN and get a reason here
    with np.errstate(divide="ignore", invalid="ignore"), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Mean of empty slice", category=RuntimeWarning)
        for key, values in _filter_by_filter(image, regions, union, settings):
            results[key].update(values)
    return results


def _filter_by_filter(image, regions, union, settings):
    """Yield (key, values) of one region in one filtered image; only one filter's images are held at a time."""
    settings_bins = {option: settings[option] for option in BIN_OPTIONS}
    for chosen in dict.fromkeys(each for region in regions.values() for each in region.bins):
        for name, filtered, reason in _filtered(image, chosen, union, settings):
            for key, region in regions.items():
                if chosen in region.bins:
                    bins = region.bins[chosen] or settings_bins
                    yield key, _intensity_values(name, filtered, reason, region, bins, settings)


def _region(mask, bank):
    box = bounding_box(mask)
    inside = mask[box]
    return Region(box, inside, _mask_image(inside), bank["classes"], _filters(bank))


def _filters(bank):
    """Return the filter calls of a bank, each with its own bin options (empty: those of the settings)."""
    filters = {}
    for kind, options in bank["image_types"].items():
        bins = {option: options.get(option) for option in BIN_OPTIONS}
        rest = {option: value for option, value in options.items() if option not in BIN_OPTIONS}
        calls = [{"sigma": (sigma,)} for sigma in rest["sigma"]] if kind == "LoG" else [rest]
        for call in calls:
            key = Filter(kind, tuple(sorted({**IMAGE_TYPES[kind], **call}.items())))
            filters[key] = bins if any(bins.values()) else {}
    return filters


# shape


def _shape_values(image, mask, bank):
    names = shape_feature_names(bank)
    if not names or mask.morphological is None:
        return {}
    box = bounding_box(mask.morphological)
    inside = _mask_image(mask.morphological[box])
    calculator = radiomics.getFeatureClasses()["shape"](cropped(image, box), inside, label=LABEL)
    found = _numbers(calculator, names)
    return {
        f"original_shape_{name}": (value, "" if np.isfinite(value) else "undefined for this shape")
        for name, value in found.items()
    }


# filters


def _filtered(image, chosen, union, settings):
    """Yield (name, image cropped to the box of the union or None, reason): every expected name once."""
    expected = image_names(chosen.kind, dict(chosen.options), force_2d=settings["force_2d"])
    reason = _too_small_reason(image, chosen)
    if reason:
        yield from ((name, None, reason) for name in expected)
        return
    box = bounding_box(union)
    window = _window(box, _support_voxels(chosen), union.shape)
    inner = tuple(slice(b.start - w.start, b.stop - w.start) for b, w in zip(box, window, strict=True))
    produced = _apply(cropped(image, window), chosen, union[window], settings)
    names = []
    for filtered, name in produced:
        names.append(name)
        yield name, cropped(filtered, inner), ""
    if names != expected:
        raise RuntimeError(f"filter {chosen.kind} yielded the images {names}; expected {expected}")


def _apply(image, chosen, voxels, settings):
    """Return (filtered image, name) pairs of one filter, by pyradiomics wherever it still works."""
    options = dict(chosen.options)
    if chosen.kind == "LBP3D":
        return _lbp_3d(image, voxels, options)
    if chosen.kind == "LBP2D":
        return _lbp_2d(image, options, settings)
    calculate = getattr(imageoperations, f"get{chosen.kind}Image")
    produced = calculate(image, None, **options, **_plane(settings))
    return ((filtered, name) for filtered, name, _ in produced)


def _plane(settings):
    return {"force2D": settings["force_2d"], "force2Ddimension": settings["force_2d_dimension"]}


def _too_small_reason(image, chosen):
    """Say why pyradiomics would silently leave a LoG image out; empty when it would not."""
    if chosen.kind != "LoG":
        return ""
    sigma = dict(chosen.options)["sigma"][0]
    size, spacing = np.array(image.GetSize()), np.array(image.GetSpacing())
    if size.min() >= 4 and np.all(size >= np.ceil(sigma / spacing) + 1):
        return ""
    return f"an image of {' x '.join(map(str, size))} voxels is too small for a LoG of sigma {sigma} mm"


def _support_voxels(chosen):
    """How far the filter looks, in voxels; None when a value depends on the whole image.

    The recursive LoG and the spline of LBP-3D look infinitely far; the pointwise filters scale by the maximum
    of the image.
    """
    options = dict(chosen.options)
    if chosen.kind == "Wavelet":
        import pywt

        length = pywt.Wavelet(options["wavelet"]).dec_len
        return length * (options["start_level"] + options["level"])
    return {"Original": 0, "Gradient": 1, "LBP2D": int(options.get("lbp2DRadius", 1)) + 2}.get(chosen.kind)


def _window(box, support, shape):
    """Grow the box by the filter's support; an axis where it does not fit is kept whole.

    The stationary wavelet transform wraps round, so that near a border the far side matters. Elsewhere the
    cropped result is bit for bit the same as that of the whole image.
    """
    whole = tuple(slice(0, size) for size in shape)
    if support is None:
        return whole
    fits = [b.start >= support and b.stop + support <= s for b, s in zip(box, shape, strict=True)]
    grown = [slice(b.start - support, b.stop + support) for b in box]
    return tuple(g if fit else w for g, fit, w in zip(grown, fits, whole, strict=True))


def _lbp_2d(image, options, settings):
    """Local binary patterns slice by slice; scikit-image must be there, pyradiomics would only log it."""
    import skimage.feature  # noqa: F401

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Applying `local_binary_pattern` to floating-point")
        ((filtered, name, _),) = imageoperations.getLBP2DImage(image, None, **options, **_plane(settings))
    return [(filtered, name)]


def _lbp_3d(image, voxels, options):
    """Rotation-invariant local binary patterns on a sphere (Banerjee et al. 2013), as pyradiomics defines them.

    Written anew because pyradiomics 3.0.1 imports names that current scipy no longer has and then drops the
    filter silently. Around each voxel the image is sampled on an icosphere; the signs of (sample - centre)
    are expanded in spherical harmonics, and each map is the norm of one degree; ``k`` is the kurtosis of the
    samples. Defined at ``voxels`` only, NaN elsewhere.
    """
    from scipy.ndimage import map_coordinates
    from trimesh.creation import icosphere

    radius = options["lbp3DIcosphereRadius"]
    sphere = np.array(icosphere(options["lbp3DIcosphereSubdivision"], radius).vertices)
    values = sitk.GetArrayFromImage(image)
    points = np.argwhere(voxels)
    samples = map_coordinates(values, (points[:, None] + sphere).transpose(2, 0, 1), order=3)
    signs = (samples >= values[voxels][:, None]).astype(float)
    maps = [
        (f"lbp-3D-m{degree + 1}", np.linalg.norm(signs @ _degree_projection(sphere / radius, degree), axis=1))
        for degree in range(options["lbp3DLevels"])
    ]
    maps.append(("lbp-3D-k", _excess_kurtosis(samples)))
    return [(_scattered(values_of_map, voxels, image), name) for name, values_of_map in maps]


def _degree_projection(directions, degree):
    """Return the real matrix that takes signs on the sphere to their part of one harmonic degree.

    pyradiomics passes the polar angle where scipy's former ``sph_harm`` took the azimuth; kept, so that the
    values are the same.
    """
    from scipy.special import sph_harm_y

    polar, azimuth = np.arccos(directions[:, 2]), np.arctan2(directions[:, 1], directions[:, 0])
    harmonics = np.array([sph_harm_y(degree, m, azimuth, polar) for m in range(-degree, degree + 1)])
    return np.real(harmonics.T @ harmonics)


def _excess_kurtosis(samples):
    """Biased excess kurtosis of each row, NaN where a row is constant."""
    squares = (samples - samples.mean(axis=1, keepdims=True)) ** 2
    second, fourth = squares.mean(axis=1), (squares**2).mean(axis=1)
    flat = second <= (np.finfo(second.dtype).resolution * samples.mean(axis=1)) ** 2
    return np.where(flat, np.nan, fourth / np.where(flat, 1, second) ** 2 - 3)


def _scattered(values, voxels, image):
    array = np.full(voxels.shape, np.nan)
    array[voxels] = values
    return image_like(array, image)


# first order and texture


class _SharedGreyLevels:
    """Gives pyradiomics' feature classes grey levels computed once, where each would bin for itself."""

    def _applyBinning(self, matrix):  # noqa: N802 (pyradiomics' name)
        discretised, present = self.settings["grey_levels"]
        self.coefficients["grayLevels"] = present
        self.coefficients["Ng"] = int(present[-1])
        return discretised


def _sharing(feature_class):
    """Subclass one of pyradiomics' classes; its logger is named after ``__module__``, which stays radiomics'."""
    return type(feature_class.__name__, (_SharedGreyLevels, feature_class), {"__module__": feature_class.__module__})


FEATURE_CLASSES = {name: _sharing(radiomics.getFeatureClasses()[name]) for name in CLASS_FEATURES}


def _intensity_values(name, filtered, reason, region, bins, settings):
    """Return {feature: (value, reason)} of one region in one (filtered) image."""
    nothing = dict.fromkeys(intensity_feature_names(name, region.classes), (np.nan, reason))
    if reason:
        return nothing
    image = cropped(filtered, region.box)
    array = sitk.GetArrayViewFromImage(image)
    reason = unusable_reason(array[region.inside], bins)
    if reason:
        return dict.fromkeys(nothing, (np.nan, f"{name} image: {reason}"))
    levels = grey_levels(array, region.inside, bins)
    undefined = f"undefined for {'a flat' if len(levels[1]) == 1 else 'this'} region"
    values = {}
    for class_name, features in region.classes.items():
        options = {**_class_options(settings), "grey_levels": levels}
        calculator = FEATURE_CLASSES[class_name](image, region.mask, **options)
        calculator._initCalculation()
        for feature, value in _numbers(calculator, features).items():
            fine = np.isfinite(value)
            values[f"{name}_{class_name}_{feature}"] = (value, "") if fine else (np.nan, undefined)
    return values


def unusable_reason(values, bins):
    """Say why intensities cannot be discretised; empty when they can."""
    if not np.isfinite(values).all():
        return "not finite everywhere inside the region"
    width = bins["bin_width"]
    if width is None:
        return ""
    number = float(values.max()) // width - float(values.min()) // width + 1
    if number <= MOST_GREY_LEVELS:
        return ""
    return f"{number:.0f} grey levels at bin_width {width}, at most {MOST_GREY_LEVELS} are handled"


def grey_levels(array, inside, bins):
    """Discretise the voxels of a region by pyradiomics' rule.

    Parameters
    ----------
    array : ndarray
        Intensities (z, y, x).
    inside : ndarray of bool
        The region.
    bins : dict
        ``bin_width`` (edges at its multiples) or ``bin_count`` (over the range of the region).

    Returns
    -------
    discretised : ndarray of int
        1, 2, ... inside, 0 outside.
    present : ndarray of int
        The levels that occur, ascending.
    """
    values = array[inside]
    extremes = np.array([values.min(), values.max()])  # the edges depend on these two alone
    rule = {"binWidth": bins["bin_width"], "binCount": bins["bin_count"]}
    discretised = np.zeros(array.shape, dtype="int")
    discretised[inside] = np.digitize(values, imageoperations.getBinEdges(extremes, **rule))
    return discretised, np.flatnonzero(np.bincount(discretised[inside]))


def _class_options(settings):
    return {
        "label": LABEL,
        "distances": list(settings["distances"]),
        "weightingNorm": settings["weighting_norm"],
        "gldm_a": settings["gldm_alpha"],
        "voxelArrayShift": settings["voxel_array_shift"],
        **_plane(settings),
    }


def _numbers(calculator, features):
    """Return {feature: float}; pyradiomics' ``execute`` would turn any exception into NaN, this does not."""
    return {feature: _number(getattr(calculator, f"get{feature}FeatureValue")) for feature in features}


def _number(calculate):
    """Return the real part of a value (eigenvalues of symmetric regions come as complex numbers)."""
    try:
        return float(np.real(np.squeeze(calculate())))
    except np.linalg.LinAlgError:  # MCC of a co-occurrence matrix that is empty
        return np.nan


# geometry


def bounding_box(mask):
    """Return the tight box of a boolean array as a tuple of slices (z, y, x)."""
    axes = range(mask.ndim)
    spans = [np.flatnonzero(mask.any(axis=tuple(other for other in axes if other != a))) for a in axes]
    return tuple(slice(int(span[0]), int(span[-1]) + 1) for span in spans)


def cropped(image, box):
    """Crop a SimpleITK image to slices given in array order (z, y, x)."""
    return image[tuple(reversed(box))]


def image_like(array, image):
    """Wrap an array (z, y, x) as an image with the geometry of another."""
    wrapped = sitk.GetImageFromArray(array)
    wrapped.CopyInformation(image)
    return wrapped


def _mask_image(inside):
    return sitk.GetImageFromArray(inside.astype(np.uint8))
