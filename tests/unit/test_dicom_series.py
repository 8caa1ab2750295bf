import numpy as np
import pytest
import SimpleITK as sitk

from dicom_examples import AXIAL, OBLIQUE, SAGITTAL, Series
from habitat_radiomics.dicom_convert import convert_series
from habitat_radiomics.dicom_files import scan_folder
from habitat_radiomics.dicom_geometry import slice_stack
from habitat_radiomics.faults import DataFault
from habitat_radiomics.images import write_image


def stack_of(folder):
    return slice_stack(scan_folder(folder).instances)


def fault_of(folder):
    with pytest.raises(DataFault) as raised:
        stack_of(folder)
    return raised.value.code, str(raised.value)


@pytest.mark.parametrize("axes", [AXIAL, SAGITTAL, OBLIQUE], ids=["axial", "sagittal", "oblique"])
def test_every_voxel_lies_where_the_dicom_formula_puts_it(tmp_path, axes):
    series = Series(axes=axes)
    series.write(tmp_path / "a" / "b")
    write_image(convert_series(stack_of(tmp_path))[0], tmp_path / "image.nii.gz")
    image = sitk.ReadImage(str(tmp_path / "image.nii.gz"))
    values = np.zeros_like(series.voxels)
    for z, y, x in np.ndindex(*series.voxels.shape):
        index = image.TransformPhysicalPointToContinuousIndex(series.point_mm(x, y, z))
        nearest = tuple(int(round(i)) for i in index)
        assert np.abs(np.subtract(index, nearest)).max() < 1e-3
        values[z, y, x] = image[nearest]
    assert (values == series.voxels).all()


def test_the_step_is_that_of_the_positions_not_the_slice_thickness(tmp_path):
    Series(step_mm=3.6).write(tmp_path, SliceThickness=3)
    assert stack_of(tmp_path).grid["spacing_mm"] == pytest.approx([0.75, 1.25, 3.6])


def test_the_number_type_of_the_files_is_kept_and_no_text_stays_in_the_header(tmp_path):
    Series().write(tmp_path)
    image, sidecar = convert_series(stack_of(tmp_path))
    assert image.GetPixelIDTypeAsString() == "16-bit signed integer"
    assert image.GetMetaDataKeys() == ()
    assert sidecar["RepetitionTime"] == 0.55


def test_a_file_that_lost_pixels_is_named(tmp_path):
    paths = Series(shape=(6, 90, 80)).write(tmp_path)
    paths[2].write_bytes(paths[2].read_bytes()[:-9000])
    with pytest.raises(DataFault) as raised:
        convert_series(stack_of(tmp_path))
    assert raised.value.code == "series_not_converted" and str(paths[2]) in str(raised.value)


def test_a_missing_slice_is_refused_with_its_place(tmp_path):
    Series().write(tmp_path, numbers=[0, 1, 2, 4, 5])
    code, message = fault_of(tmp_path)
    assert code == "series_slices_missing"
    assert "1 slices are missing: 5 are there, 3.60 mm apart, but none between 47.20 and 54.40 mm" in message


def test_uneven_steps_are_refused(tmp_path):
    series = Series()
    series.write(tmp_path, numbers=range(5))
    series.write(tmp_path, numbers=[5], ImagePositionPatient=(series.point_mm(0, 0, 5) + [0, 0, 1.3]).tolist())
    code, message = fault_of(tmp_path)
    assert code == "series_uneven" and "3.60 to 4.90 mm apart" in message


def test_a_copy_of_a_slice_is_taken_once_and_noted(tmp_path):
    series = Series()
    series.write(tmp_path / "first")
    series.write(tmp_path / "again", numbers=[2, 3])
    stack = stack_of(tmp_path)
    assert len(stack.files) == 6 and stack.grid["size"][2] == 6
    assert stack.notes == ["2 slices were there twice with equal content; one of each was taken"]


def test_different_slices_at_one_place_are_refused_with_what_tells_them_apart(tmp_path):
    series = Series()
    series.write(tmp_path / "echo1", EchoTime=11)
    series.voxels = series.voxels + 7
    series.uid += ".2"  # other SOP instance UIDs
    series.write(tmp_path / "echo2", EchoTime=90)
    code, message = fault_of(tmp_path)
    assert code == "series_several_volumes"
    assert "6 of 6 places have several different slices" in message and "EchoTime: " in message and "`where`" in message


def test_mixed_orientations_are_refused_with_their_counts(tmp_path):
    Series(description="scout").write(tmp_path / "a", numbers=[0, 1])
    Series(description="scout", axes=SAGITTAL).write(tmp_path / "s", numbers=[3])
    code, message = fault_of(tmp_path)
    assert code == "series_mixed_orientations" and "2 axial, 1 sagittal" in message


def test_mixed_sizes_are_refused(tmp_path):
    Series().write(tmp_path / "a", numbers=[0, 1])
    Series(shape=(6, 5, 8)).write(tmp_path / "b", numbers=[2])
    code, message = fault_of(tmp_path)
    assert code == "series_mixed_sizes" and "2 slices of 9 x 8" in message and "1 slices of 5 x 8" in message


def test_slices_shifted_sideways_are_refused(tmp_path):
    series = Series()
    for number in range(4):
        place = series.point_mm(0, 0, number) + [0, 1.5 * number, 0]
        series.write(tmp_path, numbers=[number], ImagePositionPatient=place.tolist())
    code, message = fault_of(tmp_path)
    assert code == "series_sheared" and "1.50 mm" in message


def test_one_slice_is_no_volume(tmp_path):
    Series().write(tmp_path, numbers=[0])
    assert fault_of(tmp_path)[0] == "series_one_slice"


def test_slices_without_a_place_are_refused():
    with pytest.raises(DataFault, match="ImagePositionPatient"):
        slice_stack([])


def test_files_that_are_no_dicom_are_counted_and_old_ones_without_preamble_read(tmp_path):
    paths = Series().write(tmp_path)
    (tmp_path / "readme.txt").write_text("hello")
    old = paths[0].read_bytes()[132:]
    meta_end = old.index(b"\x08\x00\x05\x00") if b"\x08\x00\x05\x00" in old[:400] else old.index(b"\x08\x00\x08\x00")
    paths[0].write_bytes(old[meta_end:])
    found = scan_folder(tmp_path)
    assert [path.rsplit("/", 1)[1] for path in found.others] == ["readme.txt"]
    assert len(found.instances) == 6


def test_the_enhanced_multi_frame_file_has_the_grid_of_its_single_slices(shared_data):
    single, multi = (stack_of(shared_data / "dicom/dcmqi/23x38x3" / name) for name in ("image", "multiframe"))
    assert single.grid == multi.grid
    images = [convert_series(stack)[0] for stack in (single, multi)]
    assert images[0].GetSize() == images[1].GetSize() == (23, 38, 3)
