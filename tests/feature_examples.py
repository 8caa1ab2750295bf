"""Images and regions on which features are extracted in tests."""

import numpy as np
import SimpleITK as sitk


def case_images(folder, case):
    return tuple(sitk.ReadImage(str(folder / f"{case}_{kind}.nrrd")) for kind in ("image", "label"))


def around(image, mask, pad):
    """Crop both to the box of the mask and ``pad`` voxels around it; (image as float32, mask)."""
    box = bounding(sitk.GetArrayViewFromImage(mask) != 0)
    low = [max(start - pad, 0) for start, _ in box][::-1]
    high = [min(stop + pad, size) for (_, stop), size in zip(box, mask.GetSize()[::-1], strict=True)][::-1]
    window = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    return sitk.Cast(image[window], sitk.sitkFloat32), mask[window]


def bounding(mask):
    return [(int(index.min()), int(index.max()) + 1) for index in np.nonzero(mask)]


def synthetic_image(shape=(19, 26, 31), *, spacing=(0.8, 0.8, 3.0), seed=1):
    """Smooth structure and noise, -60 to 420, on an anisotropic grid (spacing x, y, z in mm)."""
    z, y, x = np.indices(shape)
    waves = 180 + 150 * np.sin(x / 3.1) * np.cos(y / 2.7) + 60 * np.sin(z / 1.9 + x / 7)
    noise = np.random.default_rng(seed).normal(scale=15, size=shape)
    image = sitk.GetImageFromArray((waves + noise).astype(np.float32))
    image.SetSpacing(spacing)
    return image


def mask_like(array, image):
    mask = sitk.GetImageFromArray(array.astype(np.uint8))
    mask.CopyInformation(image)
    return mask


def ball(image, centre=(9, 13, 15), radius=6):
    """A ball in voxels (z, y, x), as a mask on the grid of the image."""
    grid = np.indices(image.GetSize()[::-1])
    distance = sum((axis - middle) ** 2 for axis, middle in zip(grid, centre, strict=True))
    return mask_like(distance <= radius**2, image)


def voxels(image, *places):
    """A mask of boxes given as tuples of slices or indices (z, y, x)."""
    array = np.zeros(image.GetSize()[::-1], bool)
    for place in places:
        array[place] = True
    return mask_like(array, image)
