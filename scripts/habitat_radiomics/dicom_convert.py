"""A series to an image by dcm2niix, on the grid its headers state."""

import json
import re
import tempfile
from pathlib import Path

import dcm2niix
import numpy as np
import SimpleITK as sitk

from habitat_radiomics.faults import DataFault
from habitat_radiomics.images import geometry_difference, header_geometry

TOLERANCE_MM = 0.1  # NIfTI stores geometry as float32


def convert_series(stack):
    """Return the image of a series and what dcm2niix says of its acquisition.

    dcm2niix knows how manufacturers scale, compress and nest images. Its grid is compared with that of the headers,
    on which the masks are drawn, and the axes are put back in DICOM's order; nothing is interpolated, and of its file
    only the voxels are kept (the NIfTI header it writes names the time of the acquisition).

    Parameters
    ----------
    stack : dicom_geometry.Stack
        Slices and grid.

    Returns
    -------
    image : SimpleITK.Image
        In the number type of the DICOM files; float32 where they state a scale.
    sidecar : dict
        Acquisition by BIDS names and units (seconds, tesla).

    Raises
    ------
    DataFault
        series_not_converted, series_several_volumes, series_other_grid, image_not_3d.
    """
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "dicom"), Path(folder, "nifti")
        for part in (source, target):
            part.mkdir()
        for number, path in enumerate(stack.files):
            (source / f"{number:06d}.dcm").symlink_to(Path(path).resolve())
        options = ["-g", "i", "-b", "y", "-ba", "y", "-z", "n", "-f", "image", "-o", str(target), str(source)]
        done = dcm2niix.main(options, capture_output=True, text=True)
        path = _only_image(target, (done.stdout + done.stderr).replace(f"{source}/", ""), stack.files)
        header_geometry(path)
        sidecar = path.with_suffix(".json")
        facts = json.loads(sidecar.read_text(encoding="utf-8")) if sidecar.exists() else {}
        return on_grid(sitk.ReadImage(str(path)), stack.grid), facts


def _only_image(folder, said, files):
    """Path of the one image that was made; messages name the files as the user knows them."""
    images = sorted(folder.glob("*.nii"))
    if not images:
        named = re.sub(r"\b(\d{6})\.dcm", lambda found: files[int(found[1])], said)
        last = (named.strip().splitlines() or ["it said nothing"])[-1].strip()
        raise DataFault(
            "series_not_converted",
            f"dcm2niix makes no image of it ({last}). Check that its pixels are whole.",
        )
    if len(images) > 1:
        raise DataFault(
            "series_several_volumes",
            f"dcm2niix makes {len(images)} images of it ({', '.join(path.stem for path in images)}). Choose one of "
            "them by `where` in the mapping.",
        )
    return images[0]


def on_grid(image, grid):
    """Return the image with its axes ordered and flipped as those of the grid, and with the grid's exact geometry.

    Raises
    ------
    DataFault
        series_other_grid, where more than order and direction of axes would have to change.
    """
    turn = np.reshape(grid["direction"], (3, 3)).T @ np.reshape(image.GetDirection()[:9], (3, 3))
    volume = image if image.GetDimension() == 3 else image[:, :, :, 0]
    order = [int(axis) for axis in np.abs(turn).argmax(axis=1)]
    if sorted(order) == [0, 1, 2]:
        flips = [bool(turn[axis, order[axis]] < 0) for axis in range(3)]
        volume = sitk.Flip(sitk.PermuteAxes(volume, order), flips, False)
    difference = geometry_difference(volume, grid, tolerance_mm=TOLERANCE_MM, names=("converted image", "headers"))
    if difference:
        raise DataFault("series_other_grid", f"{difference}. Resample the series to a straight grid first.")
    return on_plain_grid(sitk.GetArrayViewFromImage(volume), grid)


def on_plain_grid(values, grid):
    """Return an image of an array (z, y, x) on a grid, without any header text."""
    image = sitk.GetImageFromArray(values)
    image.SetSpacing(grid["spacing_mm"])
    image.SetOrigin(grid["origin_mm"])
    image.SetDirection(grid["direction"])
    return image
