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

from habitat_radiomics.banks import BIN_OPTIONS, intensity_feature_names, shape_feature_names
from habitat_radiomics.boxes import bounding_box, cropped, union_of
from habitat_radiomics.feature_names import CLASS_FEATURES
from habitat_radiomics.image_filters import filtered_images, filters_of, plane

radiomics.setVerbosity(60)  # it warns once per call that SumAverage is redundant

MOST_GREY_LEVELS = 2000  # a GLCM of 13 directions then takes 0.4 GB, and several copies are made
LABEL = 1  # must be a Python int: SimpleITK 2.5 refuses numpy integers


class RegionMask(NamedTuple):
    """Voxels of one region as boolean arrays (z, y, x); None where the region cannot be used.

    ``morphological`` serves shape, ``intensity`` (re-segmented) everything else (IBSI 1, section 2.6).
    """

    morphological: np.ndarray | None
    intensity: np.ndarray | None


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
    union = union_of(list(intensity.values()))
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
        for name, filtered, reason in filtered_images(image, chosen, union, settings):
            for key, region in regions.items():
                if chosen in region.bins:
                    bins = region.bins[chosen] or settings_bins
                    yield key, _intensity_values(name, filtered, reason, region, bins, settings)


def _region(mask, bank):
    box = bounding_box(mask)
    inside = mask[box]
    return Region(box, inside, _mask_image(inside), bank["classes"], filters_of(bank))


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
        **plane(settings),
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


def _mask_image(inside):
    return sitk.GetImageFromArray(inside.astype(np.uint8))
