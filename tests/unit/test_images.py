"""Reading, checking and writing of image files."""

import gzip
import struct

import numpy as np
import pytest
import SimpleITK as sitk

from habitat_radiomics.faults import DataFault
from habitat_radiomics.images import (
    file_sha256,
    geometry_difference,
    header_geometry,
    image_geometry,
    read_image,
    read_mask,
    single_thread,
    write_image,
)
from imaging_phantoms import array_of, image_of, noise_image

GEOMETRY = {
    "spacing": (0.5, 0.5, 3.0),
    "origin": (-10.0, 4.0, 7.0),
    "direction": (1, 0, 0, 0, -1, 0, 0, 0, 1),
}


def fault(call, *arguments, **options):
    with pytest.raises(DataFault) as caught:
        call(*arguments, **options)
    return caught.value.code, str(caught.value)


def hand_made_nifti(values, *, order="<", dimensions=None):
    """NIfTI-1 file written byte by byte from the standard's table, for voxels of int16."""
    dimensions = dimensions or values.shape[::-1]
    header = bytearray(352)
    struct.pack_into(f"{order}i", header, 0, 348)
    struct.pack_into(f"{order}8h", header, 40, len(dimensions), *dimensions, *[1] * (7 - len(dimensions)))
    struct.pack_into(f"{order}2h", header, 70, 4, 16)
    struct.pack_into(f"{order}8f", header, 76, 1, 2, 2, 3, 1, 0, 0, 0)
    struct.pack_into(f"{order}f", header, 108, 352)
    struct.pack_into(f"{order}f", header, 112, 1)
    header[344:348] = b"n+1\0"
    return bytes(header) + values.astype(f"{order}i2").tobytes()


def test_an_image_comes_back_as_float32_with_its_geometry(tmp_path):
    image = sitk.Cast(noise_image(**GEOMETRY), sitk.sitkInt16)
    for suffix in ("nii", "nii.gz", "nrrd", "mha"):
        path = tmp_path / f"image.{suffix}"
        sitk.WriteImage(image, str(path))
        read = read_image(path)
        assert read.GetPixelID() == sitk.sitkFloat32
        np.testing.assert_array_equal(array_of(read), array_of(image))
        assert geometry_difference(read, image, tolerance_mm=1e-4) is None


@pytest.mark.parametrize("order", ["<", ">"])
def test_hand_made_nifti_files_of_both_byte_orders_are_read(tmp_path, order):
    values = np.arange(24).reshape(2, 3, 4)
    whole = hand_made_nifti(values, order=order)
    (tmp_path / "a.nii").write_bytes(whole)
    np.testing.assert_array_equal(array_of(read_image(tmp_path / "a.nii")), values)
    (tmp_path / "a.nii").write_bytes(whole[:-1])
    assert fault(read_image, tmp_path / "a.nii")[0] == "image_unreadable"


def test_one_volume_of_four_dimensions_counts_as_3d_and_two_do_not(tmp_path):
    values = np.arange(48).reshape(2, 2, 3, 4)
    path = tmp_path / "a.nii.gz"
    path.write_bytes(gzip.compress(hand_made_nifti(values[:1], dimensions=(4, 3, 2, 1))))
    assert read_image(path).GetSize() == (4, 3, 2)
    assert header_geometry(path)["size"] == [4, 3, 2]
    sitk.WriteImage(sitk.JoinSeries([image_of(v.astype(np.float32)) for v in values[:1]]), str(tmp_path / "4.nrrd"))
    np.testing.assert_array_equal(array_of(read_image(tmp_path / "4.nrrd")), values[0])
    path.write_bytes(gzip.compress(hand_made_nifti(values)))
    for call in (read_image, header_geometry):
        assert fault(call, path) == (
            "image_not_3d",
            f"image {path} has size 4 x 3 x 2 x 2; a 3-D volume is needed. Export one volume.",
        )


def test_a_colour_image_and_a_slice_are_refused(tmp_path):
    colour = sitk.Compose(*[sitk.Cast(noise_image(), sitk.sitkUInt8)] * 3)
    sitk.WriteImage(colour, str(tmp_path / "colour.nrrd"))
    code, message = fault(read_image, tmp_path / "colour.nrrd")
    assert code == "image_not_3d"
    assert "holds 3 values per voxel" in message
    sitk.WriteImage(noise_image()[:, :, 3], str(tmp_path / "slice.nrrd"))
    assert fault(read_mask, tmp_path / "slice.nrrd")[0] == "mask_not_3d"


def test_missing_files_and_folders_are_named(tmp_path):
    assert fault(read_image, tmp_path / "no.nii.gz") == (
        "image_missing",
        f"image {tmp_path / 'no.nii.gz'} does not exist. Correct the path in the images table.",
    )
    assert fault(read_mask, tmp_path / "no.nii.gz")[0] == "mask_missing"
    code, message = fault(header_geometry, tmp_path, kind="mask")
    assert code == "mask_is_folder"
    assert "is a folder, not a file. Name one image file; DICOM folders go through the import step." in message


@pytest.mark.parametrize("suffix", ["nii.gz", "nii", "nrrd", "mha"])
@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.999])
def test_a_truncated_file_is_unreadable_and_never_zeros(tmp_path, suffix, share, capfd):
    path = tmp_path / f"image.{suffix}"
    sitk.WriteImage(noise_image(), str(path))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    code, message = fault(read_image, path)
    assert code == "image_unreadable"
    assert message.startswith(f"image {path} cannot be read: ")
    assert message.endswith("Copy or export the file again.")


def test_a_damaged_byte_in_a_compressed_file_is_found(tmp_path):
    path = tmp_path / "image.nii.gz"
    sitk.WriteImage(noise_image(), str(path))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    code, message = fault(read_image, path)
    assert code == "image_unreadable"
    assert "it is truncated or damaged" in message


def test_a_file_without_a_nifti_header_says_so(tmp_path):
    (tmp_path / "image.nii.gz").write_bytes(gzip.compress(bytes(1000)))
    assert "it does not begin with a NIfTI-1 header" in fault(read_image, tmp_path / "image.nii.gz")[1]


def test_a_file_that_is_no_image_is_unreadable(tmp_path):
    path = tmp_path / "notes.nrrd"
    path.write_text("no image at all")
    assert fault(read_image, path)[0] == "image_unreadable"
    assert fault(header_geometry, path)[0] == "image_unreadable"


def test_a_changed_file_is_refused_and_the_right_one_is_not(tmp_path):
    path = tmp_path / "image.nrrd"
    sitk.WriteImage(noise_image(), str(path))
    stated = file_sha256(path)
    read_image(path, sha256=stated)
    sitk.WriteImage(noise_image(seed=1), str(path))
    code, message = fault(read_image, path, sha256=stated)
    assert code == "image_changed"
    assert f"planned {stated[:12]}...). Start the run again." in message
    assert fault(read_mask, path, sha256=stated)[0] == "mask_changed"


def test_the_hash_is_the_one_other_tools_print(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")  # FIPS 180-2, appendix B.1
    assert file_sha256(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.mark.parametrize("suffix", ["nii.gz", "nii", "nrrd"])
@pytest.mark.parametrize("number", [np.float32, np.float64])
def test_nan_and_infinity_are_found_though_the_nifti_reader_hides_them(tmp_path, suffix, number):
    path = tmp_path / f"image.{suffix}"
    values = array_of(noise_image()).astype(number)
    values[0, 0, :2] = np.nan, np.inf
    values[-1, -1, -1] = -np.inf
    sitk.WriteImage(image_of(values), str(path))
    code, message = fault(read_image, path)
    assert code == "image_not_finite"
    assert "3 voxels are NaN or infinite" in message
    assert fault(read_mask, path)[0] in ("mask_not_finite", "mask_not_integer")


def test_a_constant_image_is_refused(tmp_path):
    path = tmp_path / "image.nii.gz"
    sitk.WriteImage(image_of(np.full((4, 5, 6), 7.25, np.float32)), str(path))
    code, message = fault(read_image, path)
    assert code == "image_constant"
    assert "every voxel is 7.25" in message


def test_a_mask_is_the_asked_label_or_everything_above_zero(tmp_path):
    path = tmp_path / "mask.nii.gz"
    labels = np.zeros((4, 5, 6), np.int16)
    labels[1, 2, 3], labels[2, 2, 2:4] = 1, 2
    sitk.WriteImage(image_of(labels), str(path))
    assert array_of(read_mask(path)).nonzero() == ([1], [2], [3])
    assert array_of(read_mask(path, label=2)).sum() == 2
    whole = read_mask(path, label=None)
    assert array_of(whole).sum() == 3
    assert whole.GetPixelID() == sitk.sitkUInt8
    code, message = fault(read_mask, path, label=4)
    assert code == "mask_label_absent"
    assert "has no voxel of label 4; it has 1, 2. Set the label to one of these." in message


def test_an_empty_mask_and_a_mask_of_fractions_are_refused(tmp_path):
    path = tmp_path / "mask.nii.gz"
    values = np.zeros((4, 5, 6), np.float32)
    sitk.WriteImage(image_of(values), str(path))
    code, message = fault(read_mask, path)
    assert code == "mask_empty"
    assert "marks no voxel" in message
    values[1, 2, 3] = 0.25
    sitk.WriteImage(image_of(values), str(path))
    code, message = fault(read_mask, path)
    assert code == "mask_not_integer"
    assert "1 voxels are no whole number (for example 0.25)" in message


def test_the_header_alone_gives_the_geometry_of_the_read_image(tmp_path):
    path = tmp_path / "image.nii.gz"
    sitk.WriteImage(noise_image(**GEOMETRY), str(path))
    geometry = header_geometry(path)
    assert geometry == image_geometry(read_image(path))
    assert geometry["spacing_mm"] == [0.5, 0.5, 3.0]
    assert geometry["direction"] == [1, 0, 0, 0, -1, 0, 0, 0, 1]


def test_each_difference_of_geometry_is_named_with_both_values():
    image = noise_image(**GEOMETRY)
    assert geometry_difference(image, image) is None
    assert geometry_difference(image[:, :, :11], image) == (
        "mask and image differ in size (24 x 20 x 11 vs 24 x 20 x 12 voxels)"
    )
    other = noise_image(**GEOMETRY | {"spacing": (0.51, 0.5, 3.3)})
    assert geometry_difference(image, other) == (
        "mask and image differ in spacing along x, z (0.50, 3.00 vs 0.51, 3.30 mm)"
    )
    other = noise_image(**GEOMETRY | {"origin": (-10.0, 4.0, 5.5)})
    assert (
        geometry_difference(image, other, names=("r2", "r1")) == "r2 and r1 differ in origin along z (7.00 vs 5.50 mm)"
    )
    other = noise_image(**GEOMETRY | {"direction": (1, 0, 0, 0, 1, 0, 0, 0, 1)})
    assert geometry_difference(image_geometry(image), other) == (
        "mask and image differ in direction (1 0 0 0 -1 0 0 0 1 vs 1 0 0 0 1 0 0 0 1)"
    )


def test_the_tolerance_is_the_displacement_of_the_outermost_voxel():
    image = noise_image(**GEOMETRY)
    rounded = noise_image(**GEOMETRY | {"spacing": (0.5001, 0.5, 3.0)})  # 24 voxels: 0.0024 mm
    assert geometry_difference(image, rounded, tolerance_mm=0.003) is None
    assert geometry_difference(image, rounded, tolerance_mm=0.002) == (
        "mask and image differ in spacing along x (0.5000 vs 0.5001 mm)"
    )


def test_writing_twice_gives_the_same_bytes_and_nothing_else(tmp_path):
    path = tmp_path / "new folder" / "Müller Zoë.nii.gz"
    image = noise_image(**GEOMETRY)
    write_image(image, path)
    first = path.read_bytes()
    write_image(image, path)
    assert path.read_bytes() == first
    assert first[:2] == b"\x1f\x8b"
    assert first[4:8] == bytes(4)  # RFC 1952: no time stamp
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
    np.testing.assert_array_equal(array_of(read_image(path)), array_of(image))


@pytest.mark.parametrize("shape", [(7, 20, 24), (1, 5, 6), (4, 1, 1)])
@pytest.mark.parametrize("kind", [sitk.sitkFloat32, sitk.sitkInt16, sitk.sitkUInt8])
def test_a_compressed_file_holds_the_bytes_that_simpleitk_writes(tmp_path, shape, kind):
    image = sitk.Cast(noise_image(shape, **GEOMETRY), kind)
    write_image(image, tmp_path / "ours.nii.gz")
    sitk.WriteImage(image, str(tmp_path / "theirs.nii"))
    assert gzip.decompress((tmp_path / "ours.nii.gz").read_bytes()) == (tmp_path / "theirs.nii").read_bytes()


def test_a_write_that_fails_leaves_the_old_file_and_no_remains(tmp_path):
    path = tmp_path / "image.unknown"
    path.write_text("old")
    with pytest.raises(RuntimeError):
        write_image(noise_image(), path)
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    assert path.read_text() == "old"


def test_single_thread_sets_the_number_for_new_filters():
    before = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(3)
    single_thread()
    assert sitk.MedianImageFilter().GetNumberOfThreads() == 1
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(before)
