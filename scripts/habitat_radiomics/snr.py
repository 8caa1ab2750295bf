"""Signal-to-noise ratio of a tumour against the air around the patient."""

import math

import numpy as np
import SimpleITK as sitk


def signal_to_noise(image, tumour, body, *, minimum_background=100, clearance_mm=5.0):
    """Mean intensity inside the tumour divided by the standard deviation of the background air.

    Measured on the image as it was acquired, before bias correction. Voxels at the image's minimum are left
    out of the background when they are the majority of it: then they are padding, not air.

    Parameters
    ----------
    image, tumour, body : SimpleITK.Image
        On one grid; masks non-zero inside.
    minimum_background : int
        Fewest voxels of air that make a standard deviation.
    clearance_mm : float
        Distance from the body within which voxels are no clean air.

    Returns
    -------
    dict
        snr (float, NaN when it cannot be measured), reason (None, or why not), background_voxels.

    Notes
    -----
    Magnitude noise in air is Rayleigh distributed, with a standard deviation of 0.655 of the noise in tissue
    (Henkelman 1985, Med Phys 12:232); the ratio is not corrected for that.
    """
    values = sitk.GetArrayViewFromImage(image)
    background = values[_air(body, clearance_mm)]
    if background.size < minimum_background:
        return _unmeasured(f"{background.size} voxels of air, {minimum_background} needed", background.size)
    if np.count_nonzero(background == values.min()) > background.size / 2:
        return _unmeasured("the background is padding of one value", background.size)
    inside = values[sitk.GetArrayViewFromImage(tumour) != 0]
    if inside.size == 0:
        return _unmeasured("no tumour voxel lies in the image", background.size)
    ratio = float(inside.mean(dtype=np.float64) / background.std(ddof=1, dtype=np.float64))
    return {"snr": ratio, "reason": None, "background_voxels": int(background.size)}


def _air(body, clearance_mm):
    radius = [round(clearance_mm / spacing) for spacing in body.GetSpacing()]
    return sitk.GetArrayFromImage(sitk.BinaryDilate(body, radius, sitk.sitkBox)) == 0


def _unmeasured(reason, background_voxels):
    return {"snr": math.nan, "reason": reason, "background_voxels": int(background_voxels)}
