"""Image files: reading with every check on their content, geometry, and byte-stable writing."""

import gzip
import hashlib
import math
import struct
import zlib
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from habitat_radiomics.faults import DataFault
from habitat_radiomics.whole_files import whole_file

AXES = "xyz"
CHUNK = 1 << 20  # bytes read at a time
GZIP = 31  # zlib's wbits for a window of 32 kB in gzip's format, whose header then holds no time
NIFTI_SIZE = 42  # place of the voxels along x, y, z in the header
NIFTI_HEADER = 348  # bytes; the NIfTI-1 standard's fields below are read at their place in it


def single_thread():
    """Let SimpleITK use one thread: sums over threads would depend on their number, and jobs share cores."""
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)


def file_sha256(path):
    """SHA-256 of a file's bytes as 64 hexadecimal digits."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_image(path, *, sha256=None):
    """Read one 3-D scalar image and refuse content that would spoil every number computed from it.

    Parameters
    ----------
    path : str or Path
        NIfTI, NRRD, MHA or any other format SimpleITK reads; a 4-D image with one volume counts as 3-D.
    sha256 : str, optional
        Hash the file must have, as stated when the study was planned.

    Returns
    -------
    SimpleITK.Image
        float32, finite, not constant.

    Raises
    ------
    DataFault
        image_missing, image_is_folder, image_changed, image_unreadable (also truncated or damaged),
        image_not_3d, image_not_finite, image_constant.
    """
    image = sitk.Cast(_read(path, "image", sha256), sitk.sitkFloat32)
    values = sitk.GetArrayViewFromImage(image)
    bad = values.size - int(np.count_nonzero(np.isfinite(values)))
    if bad:
        raise _not_finite(path, "image", bad)
    if values.min() == values.max():
        raise DataFault(
            "image_constant",
            f"image {path}: every voxel is {float(values.min()):.4g}. Check that the right file was exported.",
        )
    return image


def read_mask(path, *, label=1, sha256=None):
    """Read one reading of a drawn region as a mask of zeros and ones.

    Parameters
    ----------
    path : str or Path
        Label image in any format SimpleITK reads.
    label : int or None
        Value that marks the region; None takes every value above zero.
    sha256 : str, optional
        Hash the file must have, as stated when the study was planned.

    Returns
    -------
    SimpleITK.Image
        uint8, 1 inside.

    Raises
    ------
    DataFault
        mask_missing, mask_is_folder, mask_changed, mask_unreadable, mask_not_3d, mask_not_finite,
        mask_not_integer, mask_empty (no labelled voxel at all), mask_label_absent (other labels only; they are listed).
    """
    image = _read(path, "mask", sha256)
    values = sitk.GetArrayViewFromImage(image)
    _check_integer(values, path)
    inside = values > 0 if label is None else values == label
    if not inside.any():
        raise _absent_label(values, label, path)
    mask = sitk.GetImageFromArray(inside.astype(np.uint8))
    mask.CopyInformation(image)
    return mask


def image_geometry(image):
    """Size (voxels), spacing, origin (mm) and direction cosines of a 3-D image, as plain lists in x, y, z order."""
    return {
        "size": list(image.GetSize()),
        "spacing_mm": list(image.GetSpacing()),
        "origin_mm": list(image.GetOrigin()),
        "direction": list(image.GetDirection()),
    }


def header_geometry(path, *, kind="image"):
    """Geometry of a file from its header alone, for checks before any job: milliseconds, whatever the size.

    Parameters
    ----------
    path : str or Path
        Image or mask file.
    kind : {"image", "mask"}
        First word of the fault codes and messages.

    Returns
    -------
    dict
        As `image_geometry`; x, y, z order.

    Raises
    ------
    DataFault
        <kind>_missing, <kind>_is_folder, <kind>_unreadable, <kind>_not_3d.
    """
    _check_file(path, kind)
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        raise _unreadable(path, kind, _last_line(error)) from error
    size = reader.GetSize()
    _check_dimensions(size, reader.GetNumberOfComponents(), path, kind)
    direction = np.reshape(reader.GetDirection(), (len(size), len(size)))[:3, :3]
    return {
        "size": list(size[:3]),
        "spacing_mm": list(reader.GetSpacing()[:3]),
        "origin_mm": list(reader.GetOrigin()[:3]),
        "direction": direction.ravel().tolist(),
    }


def geometry_difference(first, second, *, tolerance_mm=0.1, names=("mask", "image")):
    """Say in what two grids differ, when a voxel of one lies further than the tolerance from its partner.

    Small differences of headers come from rounding (float32 in NIfTI) and are harmless; what matters is how
    far they move the outermost voxel, so spacing and direction are judged by the displacement they cause.

    Parameters
    ----------
    first, second : dict or SimpleITK.Image
        Geometry as of `image_geometry`, or the images themselves.
    tolerance_mm : float
        Largest displacement of any voxel that is still the same grid.
    names : tuple of str
        What the two are called in the sentence.

    Returns
    -------
    str or None
        For example "mask and image differ in spacing along z (3.00 vs 3.30 mm)"; None when they agree.
    """
    first, second = _as_geometry(first), _as_geometry(second)
    for describe in (_size_difference, _spacing_difference, _direction_difference, _origin_difference):
        found = describe(first, second, tolerance_mm)
        if found:
            return f"{names[0]} and {names[1]} differ in {found}"
    return None


def write_image(image, path):
    """Write an image compressed, with the same bytes for the same content, and never half a file.

    Parameters
    ----------
    image : SimpleITK.Image
        3-D, scalar.
    path : str or Path
        Ends in ``.nii`` or ``.nii.gz``; folders are created.

    Raises
    ------
    OSError
        If the file does not hold all voxels, as on a full disk.
    """
    with whole_file(path) as unfinished:
        try:
            _write(image, unfinished)
        except OSError as error:
            raise OSError(f"{path} could not be written whole. Is the disk full, or a quota reached?") from error


def _write(image, path):
    """Write a file and see that it holds all voxels: SimpleITK does not complain when the disk is full."""
    if path.suffix == ".gz":
        header = _nifti_header(image, path)
        with path.open("wb") as stream:
            stream.writelines(_packed([header, memoryview(sitk.GetArrayViewFromImage(image)).cast("B")]))
        return
    sitk.WriteImage(image, str(path))
    expected = image.GetNumberOfPixels() * image.GetSizeOfPixelComponent()
    if path.suffix == ".nii" and path.stat().st_size < NIFTI_HEADER + expected:
        raise OSError("voxels are missing")


def _packed(parts):
    """Bytes in gzip's format, by runs of one byte only: a quarter of the time, and noise repeats nothing else."""
    packer = zlib.compressobj(1, zlib.DEFLATED, GZIP, zlib.DEF_MEM_LEVEL, zlib.Z_RLE)
    for part in parts:
        for start in range(0, len(part), CHUNK):
            yield packer.compress(part[start : start + CHUNK])
    yield packer.flush()


def _nifti_header(image, path):
    """What SimpleITK puts before the voxels: from a file of the first voxel, with the image's size filled in."""
    plain = path.with_suffix("")
    try:
        sitk.WriteImage(image[:1, :1, :1], str(plain))
        header = bytearray(plain.read_bytes()[: -image.GetSizeOfPixelComponent()])
    finally:
        plain.unlink(missing_ok=True)
    struct.pack_into("=3h", header, NIFTI_SIZE, *image.GetSize())
    return bytes(header)


def _read(path, kind, sha256):
    _check_file(path, kind)
    if sha256 is not None:
        _check_hash(path, kind, sha256)
    _check_nifti(path, kind)
    try:
        image = sitk.ReadImage(str(path))
    except RuntimeError as error:
        raise _unreadable(path, kind, _last_line(error)) from error
    _check_dimensions(image.GetSize(), image.GetNumberOfComponentsPerPixel(), path, kind)
    return image if image.GetDimension() == 3 else image[:, :, :, 0]


def _check_file(path, kind):
    path = Path(path)
    if path.is_dir():
        raise DataFault(
            f"{kind}_is_folder",
            f"{kind} {path} is a folder, not a file. Name one image file; DICOM folders go through the import step.",
        )
    if not path.is_file():
        raise DataFault(f"{kind}_missing", f"{kind} {path} does not exist. Correct the path in the images table.")


def _check_hash(path, kind, stated):
    found = file_sha256(path)
    if found != stated:
        raise DataFault(
            f"{kind}_changed",
            f"{kind} {path} has changed since the run was planned (sha256 {found[:12]}..., "
            f"planned {stated[:12]}...). Start the run again.",
        )


def _check_dimensions(size, components, path, kind):
    if components != 1:
        raise DataFault(
            f"{kind}_not_3d",
            f"{kind} {path} holds {components} values per voxel; one is needed. Export a single channel.",
        )
    if len(size) < 3 or any(n > 1 for n in size[3:]):
        raise DataFault(
            f"{kind}_not_3d",
            f"{kind} {path} has size {' x '.join(map(str, size))}; a 3-D volume is needed. Export one volume.",
        )


def _unreadable(path, kind, cause):
    return DataFault(f"{kind}_unreadable", f"{kind} {path} cannot be read: {cause}. Copy or export the file again.")


def _last_line(error):
    return str(error).strip().splitlines()[-1].strip().rstrip(".")


def _check_nifti(path, kind):
    """Refuse what SimpleITK's NIfTI reader turns into zeros without a word: lost data, NaN and infinity."""
    name = Path(path).name.lower()
    if not name.endswith((".nii", ".nii.gz")):
        return  # for NRRD and MHA files SimpleITK itself raises
    try:
        expected, found, not_finite = _nifti_content(path, compressed=name.endswith(".gz"))
    except (EOFError, gzip.BadGzipFile, zlib.error, struct.error) as error:
        raise _unreadable(path, kind, f"it is truncated or damaged ({_last_line(error)})") from error
    if found < expected:
        raise _unreadable(path, kind, f"it is truncated ({found} of {expected} bytes)")
    if not_finite:
        raise _not_finite(path, kind, not_finite)


def _nifti_content(path, *, compressed):
    """Bytes the header promises, bytes there are, and how many voxels are NaN or infinite."""
    with gzip.open(path) if compressed else Path(path).open("rb") as stream:
        header = stream.read(NIFTI_HEADER)
        expected, first, number = _nifti_layout(header)
        found, not_finite = len(header) + len(stream.read(max(0, first - len(header)))), 0
        while block := stream.read(1 << 20):
            found += len(block)
            if number is not None:
                values = np.frombuffer(block, number, count=len(block) // np.dtype(number).itemsize)
                not_finite += values.size - int(np.count_nonzero(np.isfinite(values)))
    return expected, found, not_finite


def _nifti_layout(header):
    """End and start of the voxel data in bytes, and its type if floating (None else)."""
    order = next((o for o in "<>" if struct.unpack_from(f"{o}i", header)[0] == NIFTI_HEADER), None)
    if order is None:
        raise struct.error("it does not begin with a NIfTI-1 header")
    dimensions = struct.unpack_from(f"{order}8h", header, 40)
    kind, bits = struct.unpack_from(f"{order}2h", header, 70)
    first = int(struct.unpack_from(f"{order}f", header, 108)[0])
    voxels = math.prod(dimensions[1 : dimensions[0] + 1])
    return first + voxels * bits // 8, first, {16: f"{order}f4", 64: f"{order}f8"}.get(kind)


def _not_finite(path, kind, count):
    return DataFault(
        f"{kind}_not_finite",
        f"{kind} {path}: {count} voxels are NaN or infinite. Export it again, or replace these voxels by a "
        "value chosen on purpose.",
    )


def _check_integer(values, path):
    if np.issubdtype(values.dtype, np.integer):
        return
    wrong = values[values != np.rint(values)]
    if wrong.size:
        raise DataFault(
            "mask_not_integer",
            f"mask {path}: {wrong.size} voxels are no whole number (for example {float(wrong[0]):.4g}); "
            "labels are integers. Save the mask without interpolation, or threshold it.",
        )


def _absent_label(values, label, path):
    present = [int(value) for value in np.unique(values) if value > 0]
    if not present:
        return DataFault("mask_empty", f"mask {path} marks no voxel. Check that the drawing was saved.")
    listed = ", ".join(map(str, present[:10])) + (", ..." if len(present) > 10 else "")
    return DataFault(
        "mask_label_absent",
        f"mask {path} has no voxel of label {label}; it has {listed}. Set the label to one of these.",
    )


def _as_geometry(grid):
    return image_geometry(grid) if isinstance(grid, sitk.Image) else grid


def _size_difference(first, second, _tolerance_mm):
    if list(first["size"]) == list(second["size"]):
        return None
    sizes = [" x ".join(map(str, grid["size"])) for grid in (first, second)]
    return f"size ({sizes[0]} vs {sizes[1]} voxels)"


def _spacing_difference(first, second, tolerance_mm):
    change = np.abs(np.subtract(first["spacing_mm"], second["spacing_mm"])) * np.maximum(first["size"], 2)
    return _axes_difference("spacing", first["spacing_mm"], second["spacing_mm"], change > tolerance_mm)


def _origin_difference(first, second, tolerance_mm):
    change = np.abs(np.subtract(first["origin_mm"], second["origin_mm"]))
    return _axes_difference("origin", first["origin_mm"], second["origin_mm"], change > tolerance_mm)


def _axes_difference(name, first, second, differs):
    axes = np.flatnonzero(differs)
    if not axes.size:
        return None
    pairs = [_distinct(first[axis], second[axis]) for axis in axes]
    left, right = (", ".join(pair[side] for pair in pairs) for side in (0, 1))
    return f"{name} along {', '.join(AXES[axis] for axis in axes)} ({left} vs {right} mm)"


def _distinct(first, second):
    """Both numbers with as few decimals (two at least) as show that they differ."""
    for decimals in range(2, 8):
        pair = f"{first:.{decimals}f}", f"{second:.{decimals}f}"
        if pair[0] != pair[1]:
            break
    return pair


def _direction_difference(first, second, tolerance_mm):
    cosines = [np.reshape(grid["direction"], (3, 3)) for grid in (first, second)]
    extent_mm = np.multiply(first["spacing_mm"], np.subtract(first["size"], 1))
    change_mm = np.abs((cosines[0] - cosines[1]) * extent_mm).sum(axis=1)
    if change_mm.max() <= tolerance_mm:
        return None
    left, right = (" ".join(f"{value + 0.0:.3g}" for value in matrix.ravel()) for matrix in cosines)
    return f"direction ({left} vs {right})"
