"""Radiomic features of all regions of one patient-sequence, with the reason wherever there is no value.

Values are those of pyradiomics' ``RadiomicsFeatureExtractor.execute`` on the same image and mask (to 1e-9
relative, in practice to the last digit), except that shape under re-segmentation is that of the whole
morphological mask, as IBSI asks, where pyradiomics crops it to the box of the re-segmented one.
"""

import csv
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import numpy as np
import SimpleITK as sitk

from habitat_radiomics import reference_engine
from habitat_radiomics.banks import BIN_OPTIONS, bank_of, complete_settings, feature_names
from habitat_radiomics.boxes import bounding_box, cropped, union_of
from habitat_radiomics.faults import DataFault
from habitat_radiomics.images import geometry_difference
from habitat_radiomics.reference_engine import RegionMask, grey_levels, unusable_reason
from habitat_radiomics.whole_files import whole_file


def _fast_values(image, masks, *, banks, settings):
    from habitat_radiomics import fast_engine  # imports numba, which only an extraction needs

    return fast_engine.region_values(image, masks, banks=banks, settings=settings)


# An engine takes (image, masks, *, banks, settings) and returns what reference_engine.region_values returns.
ENGINES = {"reference": reference_engine.region_values, "fast": _fast_values}

LIBRARIES = ("pyradiomics", "SimpleITK", "PyWavelets", "numpy", "scipy", "scikit-image", "trimesh")


class FeatureRow(NamedTuple):
    """One feature of one region; ``value`` is NaN exactly where ``reason`` is not empty."""

    reading: str
    region: str
    feature: str
    value: float
    reason: str


class _Checked(NamedTuple):
    """A region's mask and, where it cannot be used, why (shape needs the first mask, the rest the second)."""

    mask: RegionMask
    shape_reason: str
    intensity_reason: str


def extract_features(image, regions, *, banks, settings, engine="reference"):
    """Return the features of all regions of one image.

    Parameters
    ----------
    image : SimpleITK.Image
        3-D, float. Filters see all of it (also its border), so a crop must leave padding around the regions.
    regions : dict
        Region name to SimpleITK mask on the same grid (0 outside), or None when the patient lacks it.
    banks : dict
        Region name to bank (a name of ``banks.BANKS`` or a dict); says which regions get rows, in which order.
    settings : dict
        See ``banks.complete_settings``; every key has a default.
    engine : str
        A key of ``ENGINES``.

    Returns
    -------
    list of (region, feature, value, reason)
        For every region all of ``banks.feature_names``, in that order; value NaN with a reason where a region
        is missing, too small, or the feature is undefined.

    Raises
    ------
    DataFault
        The image holds NaN or infinite values (``image_not_finite``), a mask is on another grid
        (``geometry_mismatch``).
    ValueError
        A bank or setting is wrong, or a region has no bank.
    """
    rows = features_of_readings(image, {"": regions}, banks=banks, settings=settings, engine=engine)
    return [row[1:] for row in rows]


def features_of_readings(image, regions_by_reading, *, banks, settings, engine="reference"):
    """Return the features of all regions of all readings of one image, sharing the filtered images.

    Parameters
    ----------
    image, banks, settings, engine
        As for ``extract_features``.
    regions_by_reading : dict
        Reading id to regions as for ``extract_features``.

    Returns
    -------
    list of FeatureRow
    """
    settings = complete_settings(settings)
    banks = {region: bank_of(bank) for region, bank in banks.items()}
    _check_bank_for_each(regions_by_reading, banks)
    _check_finite(image)
    checked = {
        (reading, region): _checked_mask(image, regions.get(region), settings)
        for reading, regions in regions_by_reading.items()
        for region in banks
    }
    image, masks = _padded_crop(image, {key: each.mask for key, each in checked.items()}, settings)
    bank_of_key = {key: banks[key[1]] for key in masks}
    values = ENGINES[engine](image, masks, banks=bank_of_key, settings=settings)
    names = {region: feature_names(bank, force_2d=settings["force_2d"]) for region, bank in banks.items()}
    return [
        FeatureRow(*key, name, *_value(values[key], name, checked[key])) for key in checked for name in names[key[1]]
    ]


def _value(values, name, checked):
    """Return (value, reason) of one feature of one region."""
    is_shape = name.startswith("original_shape_")
    reason = checked.shape_reason if is_shape else checked.intensity_reason
    return (float("nan"), reason) if reason else values[name]


def _check_bank_for_each(regions_by_reading, banks):
    for regions in regions_by_reading.values():
        without = [region for region in regions if region not in banks]
        if without:
            raise ValueError(f"region '{without[0]}' has no bank; banks are given for {', '.join(banks)}")


def _check_finite(image):
    bad = int(np.count_nonzero(~np.isfinite(sitk.GetArrayViewFromImage(image))))
    if bad:
        raise DataFault(
            "image_not_finite",
            f"the image holds {bad} NaN or infinite voxels, which every filter would spread: repair the image"
            " or exclude the patient",
        )


# masks


def _checked_mask(image, mask, settings):
    """Turn a mask into boolean arrays and say what, if anything, makes it unusable."""
    if mask is None:
        return _unusable("the region is missing: there is no mask of it")
    _check_geometry(image, mask)
    morphological = sitk.GetArrayViewFromImage(mask) != 0
    reason = _size_reason(morphological, settings, "the region has")
    if reason:
        return _unusable(reason)
    if settings["resegment_range"] is None and settings["outlier_sd"] is None:
        return _Checked(RegionMask(morphological, morphological), "", "")
    intensity = intensity_mask(sitk.GetArrayViewFromImage(image), morphological, settings=settings)
    reason = _size_reason(intensity, settings, "after re-segmentation the region has")
    return _Checked(RegionMask(morphological, None if reason else intensity), "", reason)


def _unusable(reason):
    return _Checked(RegionMask(None, None), reason, reason)


def _check_geometry(image, mask):
    difference = geometry_difference(mask, image)
    if difference:
        raise DataFault("geometry_mismatch", f"{difference}: resample the mask onto the image")


def _size_reason(mask, settings, subject):
    voxels, least = int(np.count_nonzero(mask)), settings["min_voxels"] or 1
    found = f"{subject} {voxels} voxel{'' if voxels == 1 else 's'}"
    if voxels < least:
        return f"{found}, fewer than min_voxels {least}"
    spans = sum(side.stop - side.start > 1 for side in bounding_box(mask))
    return f"{found}, not in a plane or volume" if spans < 2 else ""


def intensity_mask(array, mask, *, settings):
    """Return the voxels of a region that stay after re-segmentation by range and by outliers.

    Both limits refer to the region as drawn: mean and standard deviation are those of the region before the
    range is applied, so the order of the two does not matter (IBSI 1, sections USB3 and 7ACA; so does MIRP,
    the implementation of IBSI's authors, for configuration E). Limits are inclusive.

    Parameters
    ----------
    array : ndarray
        Intensities of the unfiltered image (z, y, x).
    mask : ndarray of bool
        The region as drawn.
    settings : dict
        ``resegment_range`` ([low, high] in intensity units, None for an open end) and ``outlier_sd`` (number
        of population standard deviations around the mean); either may be None.

    Returns
    -------
    ndarray of bool
        A new array, a subset of ``mask``.
    """
    values = array[mask].astype(float)
    low, high = _limits(values, settings)
    kept = mask.copy()
    kept[mask] = (values >= low) & (values <= high)
    return kept


def _limits(values, settings):
    low, high = settings["resegment_range"] or (None, None)
    low, high = -np.inf if low is None else low, np.inf if high is None else high
    if settings["outlier_sd"] is not None:
        mean, reach = values.mean(), settings["outlier_sd"] * values.std()
        low, high = max(low, mean - reach), min(high, mean + reach)
    return low, high


def _padded_crop(image, masks, settings):
    """Crop to the box of all regions plus ``pad_voxels``; unchanged when that is None.

    Off by default because it changes values: the recursive LoG has infinite support (30 voxels of padding
    shift a LoG of sigma 5 voxels by up to 1e-3 of its standard deviation) and the pointwise filters scale by
    the maximum of the image. The wavelet is cropped exactly by the engine in any case.
    """
    used = [mask.morphological for mask in masks.values() if mask.morphological is not None]
    pad = settings["pad_voxels"]
    if pad is None or not used:
        return image, masks
    union = union_of(used)
    box = tuple(
        slice(max(side.start - pad, 0), min(side.stop + pad, size))
        for side, size in zip(bounding_box(union), union.shape, strict=True)
    )
    crops = {key: RegionMask(*(None if array is None else array[box] for array in mask)) for key, mask in masks.items()}
    return cropped(image, box), crops


# diagnostics


def extraction_diagnostics(image, regions, *, settings):
    """Return what an extraction was made of, for the quality record of a patient-sequence.

    Parameters
    ----------
    image, regions, settings
        As for ``extract_features``.

    Returns
    -------
    dict
        ``regions``: per region ``voxels``, ``volume_mm3``, ``components`` (26-connected), ``bounding_box``
        (index of the first voxel x, y, z, then size x, y, z, as pyradiomics writes it), ``intensity_voxels``
        (after re-segmentation), ``grey_levels`` (levels that occur in the unfiltered image) and ``bins``
        (highest level; both None where the region cannot be discretised). ``versions``: of the libraries.
    """
    settings = complete_settings(settings)
    present = {region: mask for region, mask in regions.items() if mask is not None}
    return {
        "regions": {region: _diagnostics(image, mask, settings) for region, mask in present.items()},
        "versions": {library: metadata.version(library) for library in LIBRARIES},
    }


def _diagnostics(image, mask, settings):
    array, drawn = sitk.GetArrayViewFromImage(image), sitk.GetArrayViewFromImage(mask) != 0
    voxels = int(np.count_nonzero(drawn))
    box = reversed(bounding_box(drawn)) if voxels else []
    sides = [(side.start, side.stop - side.start) for side in box]
    kept = intensity_mask(array, drawn, settings=settings) if voxels else drawn
    return {
        "voxels": voxels,
        "volume_mm3": voxels * float(np.prod(image.GetSpacing())),
        "components": _components(drawn),
        "bounding_box": [start for start, _ in sides] + [size for _, size in sides],
        "intensity_voxels": int(np.count_nonzero(kept)),
        **_level_counts(array, kept, settings),
    }


def _components(mask):
    labels = sitk.ConnectedComponent(sitk.GetImageFromArray(mask.astype(np.uint8)), True)
    return int(sitk.GetArrayViewFromImage(labels).max())


def _level_counts(array, mask, settings):
    bins = {option: settings[option] for option in BIN_OPTIONS}
    if not mask.any() or unusable_reason(array[mask], bins):
        return {"grey_levels": None, "bins": None}
    _, present = grey_levels(array, mask, bins)
    return {"grey_levels": len(present), "bins": int(present[-1])}


# files


def write_features(path, rows):
    """Write rows as CSV, whole or not at all; reading it back gives the same numbers to the last bit.

    Parameters
    ----------
    path : path-like
    rows : iterable of FeatureRow
    """
    with whole_file(path) as unfinished, unfinished.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(FeatureRow._fields)
        writer.writerows((*row[:3], repr(float(row[3])), row[4]) for row in rows)


def read_features(path):
    """Return the rows of a file of ``write_features``.

    Raises
    ------
    ValueError
        The file has other columns.
    """
    with Path(path).open(newline="", encoding="utf-8") as handle:
        reader = csv.reader(handle)
        header = tuple(next(reader, ()))
        if header != FeatureRow._fields:
            raise ValueError(f"{path}: found columns {header}, expected {FeatureRow._fields}")
        return [FeatureRow(*row[:3], float(row[3]), row[4]) for row in reader]
