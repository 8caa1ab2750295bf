"""Features of the neighbourhood of every voxel of a tumour in plain and filtered images: values and moments."""

import numpy as np
import SimpleITK as sitk

from habitat_radiomics.banks import BIN_OPTIONS, bank_of, complete_settings, image_names
from habitat_radiomics.boxes import bounding_box
from habitat_radiomics.features import intensity_mask
from habitat_radiomics.image_filters import filtered_images, filters_of
from habitat_radiomics.reference_engine import grey_levels, unusable_reason
from habitat_radiomics.voxel_maps import voxel_slabs


def local_slabs(image, mask, names, *, bank, settings, radius, threads=1):
    """Yield features of the neighbourhood of every voxel, by filtered image and slab of voxels.

    Parameters
    ----------
    image, mask : SimpleITK.Image
        On one grid; the mask is non-zero inside the tumour.
    names : list of str
        Local features of the bank.
    bank : str or dict
        See ``banks.bank_of``: it says which filters there are.
    settings : dict
        As for ``features.extract_features``.
    radius, threads : int
        See ``voxel_maps.voxel_values``.

    Yields
    ------
    wanted : list of str
        Names of the slab's columns: the features of one filtered image.
    values : ndarray, shape (voxels of the slab, features)
        Voxels of the intensity mask (`used_voxels`) in array order; NaN where a value does not exist.
    """
    settings = complete_settings(settings)
    inside = used_voxels(image, mask, settings)
    box = bounding_box(inside)
    options = {
        "voxel_volume_mm3": float(np.prod(image.GetSpacing())),
        "voxel_array_shift": settings["voxel_array_shift"],
        "gldm_alpha": settings["gldm_alpha"],
        "threads": threads,
    }
    for name, filtered, bins, reason in _filtered_images(image, inside, names, bank, settings):
        wanted = [feature for feature in names if feature.partition("_")[0] == name]
        array = None if filtered is None else sitk.GetArrayFromImage(filtered).astype(float)
        reason = reason or unusable_reason(array[inside[box]], bins)
        if reason:
            yield wanted, np.full((int(inside.sum()), len(wanted)), np.nan)
            continue
        levels, _ = grey_levels(array, inside[box], bins)
        kernels = [feature.partition("_")[2] for feature in wanted]
        for slab in voxel_slabs(array, inside[box], levels, features=kernels, radius=radius, **options):
            yield wanted, slab


def _filtered_images(image, inside, names, bank, settings):
    """Yield name, filtered image cropped to the tumour's box, bins and reason of every image that a feature is from."""
    images = {name.partition("_")[0] for name in names}
    bins_of_settings = {option: settings[option] for option in BIN_OPTIONS}
    for chosen, own in filters_of(bank_of(bank)).items():
        expected = image_names(chosen.kind, dict(chosen.options))
        if not images & set(expected):
            continue
        for name, filtered, reason in filtered_images(image, chosen, inside, settings):
            if name in images:
                yield name, filtered, own or bins_of_settings, reason


def used_voxels(image, mask, settings):
    """Voxels of the tumour that features are taken from: those that stay after re-segmentation (bool, z, y, x)."""
    settings = complete_settings(settings)
    drawn = sitk.GetArrayViewFromImage(mask) != 0
    return intensity_mask(sitk.GetArrayViewFromImage(image), drawn, settings=settings)


def local_values(image, mask, names, *, bank, settings, radius, threads=1):
    """Return the features of every voxel of the mask; NaN in voxels that re-segmentation leaves out.

    Parameters
    ----------
    image, mask, names, bank, settings, radius, threads
        See `local_slabs`.

    Returns
    -------
    ndarray, shape (voxels of the mask, features)
        Voxels in array order.
    """
    drawn = sitk.GetArrayViewFromImage(mask) != 0
    rows = np.flatnonzero(used_voxels(image, mask, settings)[drawn])
    values, filled = np.full((int(drawn.sum()), len(names)), np.nan), dict.fromkeys(names, 0)
    slabs = local_slabs(image, mask, names, bank=bank, settings=settings, radius=radius, threads=threads)
    for wanted, slab in slabs:
        start = filled[wanted[0]]
        values[np.ix_(rows[start : start + len(slab)], [names.index(name) for name in wanted])] = slab
        filled[wanted[0]] = start + len(slab)
    return values


def local_moments(image, mask, names, *, bank, settings, radius, threads=1):
    """Return number, mean and variance of every local feature over a tumour, slab by slab.

    Parameters
    ----------
    image, mask, names, bank, settings, radius, threads
        See `local_slabs`.

    Returns
    -------
    dict of str to list of float
        Feature to [voxels with a value, mean, population variance]; mean and variance NaN without any.
    """
    moments = {}
    slabs = local_slabs(image, mask, names, bank=bank, settings=settings, radius=radius, threads=threads)
    for wanted, slab in slabs:
        for name, column in zip(wanted, slab.T, strict=True):
            moments[name] = _merged(moments.get(name, (0, 0.0, 0.0)), column[np.isfinite(column)])
    return {name: _moments(*moments[name]) for name in names}


def _merged(known, values):
    """Number, mean and sum of squared deviations after some more values (Chan, Golub and LeVeque 1983)."""
    number, mean, squares = known
    if values.size == 0:
        return known
    total, apart = number + values.size, values.mean() - mean
    more = float(np.square(values - values.mean()).sum())
    return (
        total,
        float(mean + apart * values.size / total),
        float(squares + more + apart**2 * number * values.size / total),
    )


def _moments(number, mean, squares):
    return [number, mean, squares / number] if number else [0, float("nan"), float("nan")]
