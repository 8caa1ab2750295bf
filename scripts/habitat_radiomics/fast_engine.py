"""Feature values of masked regions by compiled code: those of the reference engine at a fraction of its cost.

Textures, first order, shape and the Laplacian of Gaussian are our own; all other filtered images come from the same
filters as in the reference engine. This module imports numba and is itself imported only when features are extracted.
"""

from typing import NamedTuple

import numpy as np
import SimpleITK as sitk

from habitat_radiomics.banks import BIN_OPTIONS, image_names, intensity_feature_names, shape_feature_names
from habitat_radiomics.boxes import bounding_box, union_of
from habitat_radiomics.first_order import first_order_values
from habitat_radiomics.grey_levels import grey_levels_of
from habitat_radiomics.image_filters import filtered_images, filters_of, too_small_reason
from habitat_radiomics.recursive_gaussian import laplacian_of_gaussian
from habitat_radiomics.reference_engine import unusable_reason
from habitat_radiomics.shape_features import shape_values
from habitat_radiomics.texture_features import texture_values
from habitat_radiomics.texture_matrices import Neighbourhood, neighbourhood, texture_matrices


class Region(NamedTuple):
    """What the feature classes need of one region."""

    places: np.ndarray  # of its voxels, in the flattened box of the union, in raster order
    around: Neighbourhood
    weights: tuple | None
    classes: dict
    bins: dict


def region_values(image, masks, *, banks, settings):
    """Return every feature of every region; arguments and result as for ``reference_engine.region_values``."""
    spacing = np.array(image.GetSpacing()[::-1])
    results = {key: _shape_values(masks[key], banks[key], spacing) for key in masks}
    intensity = {key: mask.intensity for key, mask in masks.items() if mask.intensity is not None}
    if intensity:
        union = union_of(list(intensity.values()))
        box = bounding_box(union)
        regions = {key: _region(mask[box], banks[key], spacing, settings) for key, mask in intensity.items()}
        with np.errstate(divide="ignore", invalid="ignore"):  # pyradiomics' pointwise filters divide by the maximum
            for key, values in _filter_by_filter(image, regions, union, settings):
                results[key].update(values)
    return results


def _filter_by_filter(image, regions, union, settings):
    """Yield (key, values) of one region in one filtered image; only one filter's images are held at a time."""
    settings_bins = {option: settings[option] for option in BIN_OPTIONS}
    voxel_mm3 = float(np.prod(image.GetSpacing()))
    for chosen in dict.fromkeys(each for region in regions.values() for each in region.bins):
        for name, array, reason in _filtered_arrays(image, chosen, union, settings):
            for key, region in regions.items():
                if chosen in region.bins:
                    bins = region.bins[chosen] or settings_bins
                    yield key, _intensity_values(name, array, reason, region, bins, voxel_mm3, settings)


def _region(inside, bank, spacing, settings):
    plane = settings["force_2d_dimension"] if settings["force_2d"] else None
    around = neighbourhood(inside[bounding_box(inside)], distances=settings["distances"], plane=plane)
    weights = direction_weights(around, spacing, settings["weighting_norm"])
    return Region(np.flatnonzero(inside), around, weights, bank["classes"], filters_of(bank))


def direction_weights(around, spacing, norm):
    """Weights with which pyradiomics merges directions: those of GLCM, then those of GLRLM; None without a norm.

    Parameters
    ----------
    around : texture_matrices.Neighbourhood
    spacing : ndarray, shape (3,)
        Voxel spacing in mm (z, y, x).
    norm : str or None
        One of ``banks.WEIGHTING_NORMS``. GLCM falls off as exp(-distance^2), GLRLM grows with the distance.
    """
    if norm is None:
        return None
    steps = np.abs(around.offsets) * spacing
    if norm == "no_weighting":
        distance_mm, nearness = np.ones(len(steps)), np.ones(len(steps))
    else:
        norms = {"infinity": np.inf, "euclidean": 2, "manhattan": 1}
        distance_mm = np.linalg.norm(steps, ord=norms[norm], axis=1)
        nearness = np.exp(-(distance_mm**2))
    return nearness[around.first_pair :], distance_mm[: around.units]


def _shape_values(mask, bank, spacing):
    names = shape_feature_names(bank)
    if not names or mask.morphological is None:
        return {}
    found = shape_values(mask.morphological[bounding_box(mask.morphological)], spacing)
    return {
        f"original_shape_{name}": (value, "" if np.isfinite(value) else "undefined for this shape")
        for name, value in ((name, float(found[name])) for name in names)
    }


def _filtered_arrays(image, chosen, union, settings):
    """Yield (name, array in the box of the union or None, reason) of each image of one filter."""
    single = image.GetPixelID() == sitk.sitkFloat32  # ITK filters other types in their own precision
    if chosen.kind == "LoG" and single and not too_small_reason(image, chosen):
        (name,) = image_names("LoG", dict(chosen.options))
        (sigma,) = dict(chosen.options)["sigma"]
        array, spacing = sitk.GetArrayViewFromImage(image), image.GetSpacing()[::-1]
        yield name, laplacian_of_gaussian(array, sigma_mm=sigma, spacing=spacing, box=bounding_box(union)), ""
        return
    for name, filtered, reason in filtered_images(image, chosen, union, settings):
        yield name, None if reason else sitk.GetArrayViewFromImage(filtered), reason


def _intensity_values(name, array, reason, region, bins, voxel_mm3, settings):
    """Return {feature: (value, reason)} of one region in one (filtered) image."""
    nothing = dict.fromkeys(intensity_feature_names(name, region.classes), (np.nan, reason))
    if reason:
        return nothing
    values = array.ravel()[region.places]
    reason = unusable_reason(values, bins)
    if reason:
        return dict.fromkeys(nothing, (np.nan, f"{name} image: {reason}"))
    ordered = np.sort(values)
    grey = grey_levels_of(values, ordered, bins)
    found = _textures(grey, region, settings) if set(region.classes) - {"firstorder"} else {}
    found["firstorder"] = first_order_values(
        ordered.astype(float), grey.voxels[1:], shift=settings["voxel_array_shift"], voxel_mm3=voxel_mm3
    )
    undefined = (np.nan, f"undefined for {'a flat' if len(grey.levels) == 2 else 'this'} region")
    wanted = ((of, feature, float(found[of][feature])) for of, names in region.classes.items() for feature in names)
    return {f"{name}_{of}_{feature}": (value, "") if np.isfinite(value) else undefined for of, feature, value in wanted}


def _textures(grey, region, settings):
    matrices = texture_matrices(grey.ranks, grey.levels, region.around, settings["gldm_alpha"])
    return texture_values(matrices, grey.levels, grey.voxels, region.around, region.weights)
