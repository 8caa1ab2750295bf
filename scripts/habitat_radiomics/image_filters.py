"""Filtered images by pyradiomics' own filters, each computed once and cut to what the regions need."""

import warnings
from typing import NamedTuple

import numpy as np
import SimpleITK as sitk
from radiomics import imageoperations

from habitat_radiomics.banks import BIN_OPTIONS, IMAGE_TYPES, image_names
from habitat_radiomics.boxes import bounding_box, cropped, image_like


class Filter(NamedTuple):
    """One call of a filter, with its options as sorted pairs: the unit that regions and banks share."""

    kind: str
    options: tuple


def filters_of(bank):
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


def filtered_images(image, chosen, union, settings):
    """Yield (name, image cropped to the box of the union or None, reason): every expected name once."""
    expected = image_names(chosen.kind, dict(chosen.options), force_2d=settings["force_2d"])
    reason = too_small_reason(image, chosen)
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
    produced = calculate(image, None, **options, **plane(settings))
    return ((filtered, name) for filtered, name, _ in produced)


def plane(settings):
    return {"force2D": settings["force_2d"], "force2Ddimension": settings["force_2d_dimension"]}


def too_small_reason(image, chosen):
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
        ((filtered, name, _),) = imageoperations.getLBP2DImage(image, None, **options, **plane(settings))
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
