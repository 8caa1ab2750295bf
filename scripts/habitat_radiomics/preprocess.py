"""From an image as acquired to the patient's working grid, with a record of what was done and found."""

import math

import numpy as np
import SimpleITK as sitk

from habitat_radiomics.bias import correct_bias, shrink_factors
from habitat_radiomics.body import body_mask
from habitat_radiomics.faults import DataFault
from habitat_radiomics.images import image_geometry
from habitat_radiomics.intensity import intensity_statistics
from habitat_radiomics.regions import check_size, describe_mask
from habitat_radiomics.register import register, registration_doubt
from habitat_radiomics.resample import (
    crop_grid,
    field_of_view,
    grid_of,
    mask_part,
    resample_image,
    resample_mask,
    resampling_grid,
)
from habitat_radiomics.snr import signal_to_noise


def preprocess_image(image, masks, settings, *, reference=None):
    """Register, correct the bias field, and interpolate once onto the patient's working grid.

    Normalisation is a later step, because its landmarks are learnt from training patients; what it needs to
    know of the whole image is measured here, before cropping, and stands in the record.

    Parameters
    ----------
    image : SimpleITK.Image
        Sequence as acquired.
    masks : dict of str to SimpleITK.Image
        Readings by their id, the primary one first; in the world of the reference when there is one, else of the
        image, on any grid.
    settings : dict
        grid, resample, registration, bias, body, quality: one flat dict each, see config.
    reference : SimpleITK.Image, optional
        Sequence whose grid all sequences of the patient share.

    Returns
    -------
    image_on_grid : SimpleITK.Image
        float32, not normalised.
    body_on_grid : SimpleITK.Image
        uint8, this image's own body.
    record : dict
        Plain values: image, grid, registration, bias, statistics, snr, masks, warnings.

    Raises
    ------
    DataFault
        registration_failed, mask_too_small, mask_outside_image, snr_low, and those of the steps.
    """
    transform, registration = _aligned(image, reference, settings["registration"])
    readings = {reading: _reading_record(mask, image, transform) for reading, mask in masks.items()}
    _check_inside(readings, settings["quality"]["maximum_outside_share"])
    inside = [mask for reading, mask in masks.items() if readings[reading]["outside_share"] < 1]
    grid = working_grid(image if reference is None else reference, inside, **settings["grid"])
    _check_on_grid(masks, readings, grid, settings["quality"]["minimum_voxels"])
    del reference  # a large image is given up as soon as it has served
    body = body_mask(image, **settings["body"])
    snr = _tumour_snr(image, next(iter(masks.values())), body, transform)
    _check_snr(snr, settings["quality"].get("minimum_snr", 0))
    corrected, bias = _bias_corrected(image, body, settings["bias"])
    geometry = image_geometry(image)
    del image
    on_grid = resample_image(corrected, grid, transform=transform, **settings["resample"])
    record = {
        "image": geometry,
        "grid": {name: list(value) for name, value in grid._asdict().items()},
        "registration": registration,
        "bias": bias,
        "statistics": intensity_statistics(corrected, body),
        "snr": snr,
        "masks": readings,
        "warnings": _warnings(readings, registration),
    }
    return on_grid, resample_mask(body, grid, transform=transform), record


def working_grid(image, masks, *, spacing_mm, margin_mm, padding_voxels):
    """Grid shared by all sequences and regions of a patient.

    Parameters
    ----------
    image : SimpleITK.Image
        Reference sequence (only its geometry counts).
    masks : iterable of SimpleITK.Image
        All readings, so that each finds its region on the grid.
    spacing_mm : sequence of float or None
        x, y, z; None keeps the native spacing.
    margin_mm : float
        Thickness of the peritumoural shell.
    padding_voxels : int
        Room for the support of image filters.

    Returns
    -------
    Grid
        Part of the centre-aligned resampling grid of the whole image.
    """
    whole = resampling_grid(image, spacing_mm)
    return crop_grid(whole, masks, margin_mm=margin_mm, padding_voxels=padding_voxels)


def outside_share(mask, image, *, transform=None):
    """Share of a mask's voxels, 0 to 1, whose centres lie outside the voxels of an image."""
    part = mask_part(mask)
    seen = field_of_view(image, grid_of(part), transform=transform)  # named: a view of a temporary would dangle
    inside = sitk.GetArrayViewFromImage(part) != 0
    return float(1.0 - sitk.GetArrayViewFromImage(seen)[inside].mean())


def _aligned(image, reference, settings):
    """Transform from the reference to the image (None for the same world) and the record of finding it."""
    if reference is None or settings["method"] == "none":
        return None, {"method": "none"}
    transform, record = register(reference, image, **settings)
    if record["failed"]:
        raise DataFault(
            "registration_failed",
            f"registration to the reference sequence failed: {record['reason']}. Check that both images show the "
            "same region, or set preprocess.registration to none if their headers already agree.",
        )
    return transform, record


def _bias_corrected(image, body, settings):
    if not settings["enabled"]:
        return image, {"enabled": False}
    options = {name: value for name, value in settings.items() if name != "enabled"}
    corrected, log_field = correct_bias(image, body, **options)
    field = sitk.GetArrayViewFromImage(log_field)[sitk.GetArrayViewFromImage(body) != 0]
    low, high = np.percentile(field, (1, 99))
    return corrected, {
        "enabled": True,
        "engine": settings["engine"],
        "shrink_factors": shrink_factors(image.GetSize(), settings["shrink_factor"]),
        "field_ratio": math.exp(float(high - low)),
    }


def _reading_record(mask, image, transform):
    return describe_mask(mask) | {"outside_share": outside_share(mask, image, transform=transform)}


def _check_inside(readings, maximum):
    reading, record = next(iter(readings.items()))
    if record["outside_share"] > maximum:
        raise DataFault(
            "mask_outside_image",
            f"{record['outside_share']:.0%} of the tumour (reading {reading}) lies outside the image, more than "
            f"{maximum:.0%}. Check that mask and image belong together, or raise regions.max_outside_fraction.",
        )


def _check_on_grid(masks, readings, grid, minimum_voxels):
    """Count each reading on the grid; the primary one must be large enough."""
    for position, (reading, mask) in enumerate(masks.items()):
        on_grid = resample_mask(mask, grid)
        readings[reading]["voxels_on_grid"] = int(np.count_nonzero(sitk.GetArrayViewFromImage(on_grid)))
        if position == 0:
            check_size(on_grid, minimum_voxels=minimum_voxels)


def _tumour_snr(image, mask, body, transform):
    to_image = None if transform is None else transform.GetInverse()
    return signal_to_noise(image, resample_mask(mask, grid_of(image), transform=to_image), body)


def _check_snr(snr, minimum):
    """An SNR that could not be measured (no air in the image) excludes nobody; its reason stands in the record."""
    if snr["snr"] < minimum:
        raise DataFault(
            "snr_low",
            f"the tumour's signal-to-noise ratio is {snr['snr']:.2f}, below {minimum:g}. Look at the image; if it is "
            "usable, lower quality.min_snr.",
        )


def _warnings(readings, registration):
    found = [doubt] if (doubt := registration_doubt(registration)) else []
    for reading, record in readings.items():
        if record["touches_border"]:
            found.append(f"reading {reading} touches the border of its image: the tumour may be cut off")
        if record["outside_share"] > 0:
            found.append(f"reading {reading}: {record['outside_share']:.1%} of the tumour lies outside the image")
        if record["voxels_on_grid"] == 0:
            found.append(f"reading {reading} has no voxel on the working grid")
    return found
