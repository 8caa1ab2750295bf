"""Small images with known content for the tests of the imaging modules."""

import numpy as np
import SimpleITK as sitk


def image_of(array, *, spacing=(1.0, 1.0, 1.0), origin=(0.0, 0.0, 0.0), direction=None):
    """SimpleITK image of a (z, y, x) array; spacing and origin in x, y, z."""
    image = sitk.GetImageFromArray(np.ascontiguousarray(array))
    image.SetSpacing(spacing)
    image.SetOrigin(origin)
    if direction is not None:
        image.SetDirection(direction)
    return image


def array_of(image):
    """(z, y, x) array of an image."""
    return sitk.GetArrayFromImage(image)


def noise_image(shape=(12, 20, 24), *, seed=0, **geometry):
    """White noise around 100, float32: the hardest image to resample."""
    values = np.random.default_rng(seed).normal(100.0, 20.0, shape)
    return image_of(values.astype(np.float32), **geometry)


def ball(shape, centre, radius_mm, *, spacing=(1.0, 1.0, 1.0)):
    """Mask (uint8) of a ball; centre in voxels (x, y, z)."""
    return image_of((_distance_mm(shape, centre, spacing) <= radius_mm).astype(np.uint8), spacing=spacing)


def _distance_mm(shape, centre, spacing):
    z, y, x = np.indices(shape)
    offsets = [(axis - c) * s for axis, c, s in zip((x, y, z), centre, spacing, strict=True)]
    return np.sqrt(sum(np.square(offset) for offset in offsets))


def limb(shape=(24, 96, 96), *, spacing=(1.0, 1.0, 3.0), noise=4.0, field=0.0, seed=0):
    """A limb in air with Rician noise and a bias field.

    Returns
    -------
    dict
        image; body, tumour (uint8 masks), log_field (array): the truth.
    """
    z, y, x = np.meshgrid(*[np.linspace(-1, 1, n) for n in shape], indexing="ij")
    body = (x**2 + y**2) < 0.6
    tumour = ((x - 0.2) / 0.25) ** 2 + ((y + 0.1) / 0.25) ** 2 + (z / 0.4) ** 2 < 1
    log_field = field * (x - 0.7 * y + 0.5 * x * y)
    signal = (100.0 * body + 60.0 * tumour + 25.0 * (body & (np.sin(7 * x) > 0.3))) * np.exp(log_field)
    real, imaginary = noise * np.random.default_rng(seed).normal(size=(2, *shape))
    values = np.hypot(signal + real, imaginary).astype(np.float32)
    return {
        "image": image_of(values, spacing=spacing),
        "body": image_of(body.astype(np.uint8), spacing=spacing),
        "tumour": image_of(tumour.astype(np.uint8), spacing=spacing),
        "log_field": log_field,
    }
