"""Rows of the table for image preprocessing."""

import math
import tempfile
from pathlib import Path

from harness import Comparison  # isort: skip  sets threads before numpy is imported

import numpy as np
import SimpleITK as sitk
from inputs import head, resized, source

from habitat_radiomics.bias import ENGINES, shrink_factors
from habitat_radiomics.body import body_mask
from habitat_radiomics.images import single_thread, write_image
from habitat_radiomics.preprocess import preprocess_image
from habitat_radiomics.register import register

SIZE = [320, 320, 24]
LARGE, LARGE_REGION = [512, 512, 300], 500_000


def n4_shrink_4():
    return n4(head("brain1", size=SIZE), source("brain1"), shrink=4, goal_s=0.3, rounds=1)


def n4_shrink_2():
    return n4(head("brain1", size=SIZE), source("brain1"), shrink=2, goal_s=1.0, rounds=1)


def n4_native():
    return n4(head("brain2"), source("brain2"), shrink=4, goal_s=0.3, rounds=1)


def n4(image, name, *, shrink, goal_s, rounds=3):
    single_thread()
    body = body_mask(image)
    factors = shrink_factors(image.GetSize(), shrink)
    coarse = sitk.Shrink(image, factors), sitk.Shrink(sitk.And(body, image > 0), factors)

    def field(engine):
        return sitk.GetArrayFromImage(ENGINES[engine](*coarse, image, (50, 50, 50, 50), 1e-3))

    def differ(theirs, ours):
        inside = sitk.GetArrayViewFromImage(body) != 0
        largest, spread = np.abs(theirs - ours)[inside].max(), theirs[inside].std()
        return f"log field at most {largest:.1e} in the mask (SD of the field {spread:.2f})"

    return Comparison(
        step=f"N4, {' x '.join(map(str, image.GetSize()))} ({name}), shrink factor {shrink}, 4 x 50 iterations",
        library="SimpleITK",
        theirs=lambda: field("reference"),
        ours=lambda: field("fast"),
        differ=differ,
        goal_s=goal_s,
        goal_ratio=100,
        rounds=rounds,
    )


def writing():
    single_thread()
    image = resized(head("brain1"), SIZE)
    folder = Path(tempfile.mkdtemp(prefix="benchmark-"))

    def size(name):
        file = folder / name
        megabytes = file.stat().st_size / 1e6
        file.unlink()
        return megabytes

    def differ(_, __):
        sitk.WriteImage(image, str(folder / "theirs.nii.gz"), useCompression=True)
        write_image(image, folder / "ours.nii.gz")
        values = [sitk.GetArrayFromImage(sitk.ReadImage(str(folder / f"{n}.nii.gz"))) for n in ("theirs", "ours")]
        same = "same voxels" if np.array_equal(*values) else "voxels differ"
        return f"{same}; {size('theirs.nii.gz'):.1f} and {size('ours.nii.gz'):.1f} MB"

    return Comparison(
        step=f"writing {' x '.join(map(str, SIZE))} float32 as .nii.gz, seen to be whole",
        library="SimpleITK",
        theirs=lambda: sitk.WriteImage(image, str(folder / "theirs.nii.gz"), useCompression=True),
        ours=lambda: write_image(image, folder / "ours.nii.gz"),
        differ=differ,
        goal_s=0.1,
    )


def registration():
    """Another contrast of the same head, moved; the error is the largest at the corners of a cube of 120 mm."""
    single_thread()
    fixed = head("brain1", size=SIZE)
    true = movement(fixed)
    moved = sitk.Resample(fixed, fixed, true.GetInverse(), sitk.sitkBSpline, 0.0)
    moving = sitk.Cast(100 * sitk.Log(sitk.Threshold(moved, 0, 1e9, 0) + 50), sitk.sitkFloat32)
    corners = np.add(true.GetCenter(), 120 * (np.indices((2, 2, 2)).reshape(3, -1).T - 0.5))

    def error_mm(result):
        transform, _ = result
        return max(np.linalg.norm(np.subtract(transform.TransformPoint(c), true.TransformPoint(c))) for c in corners)

    return Comparison(
        step=f"registration, rigid then affine, {' x '.join(map(str, SIZE))} ({source('brain1')})",
        library="SimpleITK, 20 % of the voxels",
        theirs=lambda: register(fixed, moving, method="affine", seed=1, samples=fixed.GetNumberOfPixels() // 5),
        ours=lambda: register(fixed, moving, method="affine", seed=1),
        differ=lambda theirs, ours: f"largest error {error_mm(theirs):.2f} and {error_mm(ours):.2f} mm",
        goal_s=3.0,
        rounds=1,
    )


def memory_of_preprocessing_a_large_volume():
    """A sequence read, registered to another, corrected, resampled and cropped; ours alone."""
    single_thread()
    folder = tempfile.TemporaryDirectory()
    write_large_scan(Path(folder.name))
    settings = {
        "registration": {"method": "rigid", "seed": 1},
        "bias": {"enabled": True, "engine": "fast", "shrink_factor": 4, "iterations": (50, 50, 50, 50)},
        "grid": {"spacing_mm": [1.0, 1.0, 1.0], "margin_mm": 10, "padding_voxels": 30},
        "resample": {"interpolator": "bspline", "antialias": True, "round_intensity": False},
        "body": {"fraction": 0.1},
        "quality": {"maximum_outside_share": 0.1, "minimum_voxels": 30, "minimum_snr": 0},
    }

    def read(name):
        return sitk.ReadImage(str(Path(folder.name, f"{name}.nii")))

    def ours():
        on_grid, _, record = preprocess_image(
            read("image"), {"reader1": read("tumour")}, settings, reference=read("reference")
        )
        return on_grid.GetSize(), record["registration"]["translation_mm"]

    return Comparison(
        step=f"registration, N4 and resampling of {' x '.join(map(str, LARGE))} voxels, a region of {LARGE_REGION:,}",
        library="none",
        theirs=None,
        ours=ours,
        differ=lambda _, ours: f"grid {ours[0]}, moved by {ours[1]:.1f} mm",
        goal_s=math.inf,
        goal_mb=2000,
        rounds=1,
    )


def write_large_scan(folder):
    """Write a large sequence, the reference it is registered to, and the tumour."""
    reference = large_volume(0)
    moved = sitk.Resample(reference, reference, movement(reference).GetInverse(), sitk.sitkLinear, 0.0)
    for name, image in (("reference", reference), ("image", moved), ("tumour", ball(reference, LARGE_REGION))):
        sitk.WriteImage(image, str(folder / f"{name}.nii"))


def large_volume(seed):
    """A head-like image: bright ellipsoid with texture, a smooth field and noise; float32, half a millimetre."""
    random = np.random.default_rng(seed)
    x, y, z = (np.linspace(-1, 1, n, dtype=np.float32) for n in LARGE)
    inside = z[:, None, None] ** 2 + y[:, None] ** 2 + x**2 < 0.7
    array = np.where(inside, np.float32(300), np.float32(5))
    array += inside * 60 * np.sin(15 * x) * np.cos(12 * y)[:, None] * np.cos(9 * z)[:, None, None]
    array *= 1 + 0.2 * x
    for plane in array:
        plane += random.normal(0, 5, plane.shape).astype(np.float32)
    image = sitk.GetImageFromArray(np.maximum(array, 0))
    image.SetSpacing((0.5, 0.5, 0.5))
    return image


def ball(image, voxels):
    """Mask of so many voxels about the centre of an image."""
    x, y, z = (np.arange(n, dtype=np.float32) - n / 2 for n in image.GetSize())
    inside = z[:, None, None] ** 2 + y[:, None] ** 2 + x**2 < (3 * voxels / (4 * np.pi)) ** (2 / 3)
    mask = sitk.GetImageFromArray(inside.astype(np.uint8))
    mask.CopyInformation(image)
    return mask


def movement(fixed):
    """Some degrees and millimetres about the centre of an image."""
    transform = sitk.Euler3DTransform()
    transform.SetCenter(fixed.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in fixed.GetSize()]))
    transform.SetRotation(0.04, -0.03, 0.06)
    transform.SetTranslation((4.0, -3.0, 2.5))
    return transform


ROWS = [n4_native, n4_shrink_4, n4_shrink_2, registration, writing, memory_of_preprocessing_a_large_volume]
