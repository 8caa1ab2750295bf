import highdicom
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk

from dicom_examples import AXIAL, OBLIQUE, Series, item, rectangle, uid, write_structures
from habitat_radiomics.dicom_files import scan_folder
from habitat_radiomics.dicom_geometry import slice_stack
from habitat_radiomics.dicom_plan import read_drawing
from habitat_radiomics.dicom_segmentations import segment_mask, segmented_series
from habitat_radiomics.dicom_structures import chosen_region, contour_mask, referenced_series, region_names
from habitat_radiomics.faults import DataFault


@pytest.fixture
def drawn(tmp_path):
    """Write a series and a structure set on it; return the mask, its notes and the series."""

    def draw(regions, *, axes=AXIAL, roi=None, **values):
        series = Series(axes=axes)
        series.write(tmp_path / "images")
        contours = regions(series) if callable(regions) else regions
        path = write_structures(tmp_path / "rs.dcm", series, contours, **values)
        stack = slice_stack(scan_folder(tmp_path / "images").instances)
        mask, notes = contour_mask(read_drawing(path), stack, roi=roi)
        return mask, notes, series

    return draw


def box(series, numbers=(1, 2, 3), x=(2.5, 6.5), y=(1.5, 4.5)):
    return [(z, rectangle(series, z, x, y)) for z in numbers]


def fault(raised):
    return raised.value.code, str(raised.value)


@pytest.mark.parametrize("axes", [AXIAL, OBLIQUE], ids=["axial", "oblique"])
def test_voxels_are_inside_when_their_centre_is(drawn, axes):
    mask, notes, series = drawn(lambda s: {"GTV": box(s)}, axes=axes)
    expected = np.zeros(series.voxels.shape, dtype=bool)
    expected[1:4, 2:5, 3:7] = True
    assert (mask == expected).all() and notes == []


def test_a_contour_inside_another_is_a_hole(drawn):
    mask, _, _ = drawn(lambda s: {"GTV": box(s, [2]) + box(s, [2], x=(3.5, 5.5), y=(2.5, 3.5))})
    assert mask.sum() == 3 * 4 - 2 and not mask[2, 3, 4]


def test_one_of_two_regions_is_chosen_by_name(drawn):
    regions = {"GTV": lambda s: box(s), "edema": lambda s: box(s, [4])}
    mask, _, _ = drawn(lambda s: {name: make(s) for name, make in regions.items()}, roi="^EDEMA$")
    assert np.flatnonzero(mask.any(axis=(1, 2))).tolist() == [4]


def test_two_regions_without_a_choice_are_refused_with_their_names():
    with pytest.raises(DataFault) as raised:
        chosen_region({1: "GTV", 2: "GTV_new"}, None)
    assert fault(raised) == (
        "mask_region_ambiguous",
        "it has 2 regions (found: 'GTV', 'GTV_new'). Name one of them by `roi` in the mapping, such as '^GTV$'.",
    )
    with pytest.raises(DataFault, match="2 regions match 'gtv'"):
        chosen_region({1: "GTV", 2: "GTV_new"}, "gtv")


def test_a_region_that_is_not_there_is_refused_with_the_names_that_are():
    with pytest.raises(DataFault, match=r"no region that matches 'tumour' \(found: 'GTV'\)"):
        chosen_region({1: "GTV"}, "tumour")


def test_regions_without_contours_do_not_count(drawn, tmp_path):
    drawn(lambda s: {"GTV": box(s), "empty": []})
    assert region_names(read_drawing(tmp_path / "rs.dcm")) == {1: "GTV"}


def test_a_contour_that_names_a_slice_that_is_not_there_is_refused(drawn):
    series = Series()
    with pytest.raises(DataFault) as raised:
        drawn(lambda s: {"GTV": box(s)}, sops=lambda number: series.sop(number) if number < 3 else uid("elsewhere"))
    code, message = fault(raised)
    assert code == "mask_slices_unknown"
    assert f"1 slices that are not in the series (first {uid('elsewhere')}) beside 2 that are" in message


def test_re_exported_slices_are_found_by_frame_of_reference_and_place(drawn):
    mask, notes, _ = drawn(lambda s: {"GTV": box(s)}, sops=lambda number: uid(f"elsewhere {number}"))
    assert mask.sum() == 36
    assert notes == ["the structure set names none of the slices; placed by series, frame of reference and position"]


def test_unknown_slices_in_another_frame_of_reference_are_refused(drawn):
    with pytest.raises(DataFault) as raised:
        drawn(lambda s: {"GTV": box(s)}, sops=lambda number: uid(f"elsewhere {number}"), frame_uid=uid("another"))
    assert fault(raised)[0] == "mask_other_frame"


def test_known_slices_in_another_frame_of_reference_are_noted(drawn):
    _, notes, _ = drawn(lambda s: {"GTV": box(s)}, frame_uid=uid("another"))
    assert notes == ["the structure set names another frame of reference, but slices of this series"]


def test_a_contour_between_slices_is_refused(drawn):
    with pytest.raises(DataFault, match=r"1.08 mm off the nearest slice \(they are 3.60 mm apart\)"):
        drawn(lambda s: {"GTV": [(2, rectangle(s, 2.3, (2.5, 6.5), (1.5, 4.5)))]})


def test_a_contour_outside_the_stack_is_refused(drawn):
    with pytest.raises(DataFault) as raised:
        drawn(lambda s: {"GTV": [(5, rectangle(s, 6, (2.5, 6.5), (1.5, 4.5)))]}, sops=lambda number: "")
    assert fault(raised)[0] == "mask_outside" and "7 slices along the stack of 6" in fault(raised)[1]


def test_a_contour_on_another_slice_than_it_names_is_refused(drawn):
    with pytest.raises(DataFault, match="names slice 3 but lies on slice 5"):
        drawn(lambda s: {"GTV": [(2, rectangle(s, 4, (2.5, 6.5), (1.5, 4.5)))]})


def test_points_and_open_lines_are_no_region(drawn):
    with pytest.raises(DataFault, match="OPEN_PLANAR contours"):
        drawn(lambda s: {"GTV": [(*contour, "OPEN_PLANAR") for contour in box(s)]})


def test_contours_that_enclose_no_centre_are_refused(drawn):
    with pytest.raises(DataFault, match="enclose no voxel centre"):
        drawn(lambda s: {"GTV": box(s, x=(2.2, 2.8), y=(1.2, 1.8))})


def test_slices_without_contour_and_contours_beyond_the_edge_are_noted(drawn):
    _, notes, _ = drawn(lambda s: {"GTV": box(s, [1, 4], x=(2.5, 30))})
    assert notes == [
        "2 slices between the first and the last contour have none",
        "contours reach beyond the image and were cut at its edge",
    ]


def test_a_series_that_is_not_there_is_named(tmp_path):
    series = Series()
    path = write_structures(tmp_path / "rs.dcm", series, {"GTV": box(series)}, series_uid="1.2.3.4")
    with pytest.raises(DataFault) as raised:
        referenced_series(read_drawing(path), {series.sop(0): series.uid})
    assert fault(raised)[0] == "mask_series_unknown" and "drawn on series 1.2.3.4" in fault(raised)[1]


def test_of_two_named_series_the_slices_of_the_contours_tell_which(tmp_path):
    series, other = Series(), Series(description="t2")
    dataset = read_drawing(write_structures(tmp_path / "rs.dcm", series, {"GTV": box(series)}))
    items = dataset.ReferencedFrameOfReferenceSequence[0].RTReferencedStudySequence[0].RTReferencedSeriesSequence
    items.insert(0, item(SeriesInstanceUID=other.uid))
    sops = {one.sop(number): one.uid for one in (series, other) for number in range(6)}
    assert referenced_series(dataset, sops) == series.uid
    slices = dataset.ROIContourSequence[0].ContourSequence[1].ContourImageSequence[0]
    slices.ReferencedSOPInstanceUID = other.sop(2)
    with pytest.raises(DataFault, match="drawn on 2 series of this patient"):
        referenced_series(dataset, sops)


def test_without_a_named_series_the_slices_tell_it_if_all_are_there(tmp_path):
    series = Series()
    dataset = read_drawing(write_structures(tmp_path / "rs.dcm", series, {"GTV": box(series)}, series_uid=""))
    sops = {series.sop(number): series.uid for number in range(6)}
    assert referenced_series(dataset, sops) == series.uid
    del sops[series.sop(3)]
    with pytest.raises(DataFault, match="names no series, and 1 of its 3 contours"):
        referenced_series(dataset, sops)


# segmentations ------------------------------------------------------------------------------------------------------


def segmentation(series, folder, labels, masks):
    """A DICOM segmentation as highdicom writes it."""
    sources = [pydicom.dcmread(path) for path in series.write(folder).values()]
    code = highdicom.sr.CodedConcept("108369006", "SCT", "Neoplasm")
    described = [
        highdicom.seg.SegmentDescription(number, label, code, code, "MANUAL") for number, label in enumerate(labels, 1)
    ]
    return highdicom.seg.Segmentation(
        sources,
        np.stack(masks, axis=-1),
        "BINARY",
        described,
        uid("seg"),
        9,
        uid("seg 1"),
        1,
        "m",
        "m",
        "1",
        "1",
    )


@pytest.mark.parametrize("axes", [AXIAL, OBLIQUE], ids=["axial", "oblique"])
def test_one_segment_comes_back_on_the_grid_of_its_series(tmp_path, axes):
    series = Series(axes=axes)
    masks = np.zeros((2, *series.voxels.shape), dtype=np.uint8)
    masks[0, 1:3, 2:5, 1:4] = 1
    masks[1, 3:5, 3:8, 2:3] = 1  # not all slices: those without the segment are left out of the file
    made = segmentation(series, tmp_path, ["edema", "tumour"], list(masks))
    stack = slice_stack(scan_folder(tmp_path).instances)
    for roi, expected in (("edema", masks[0]), ("tum", masks[1])):
        found, notes = segment_mask(made, stack, roi=roi)
        assert (found == expected.astype(bool)).all() and notes == []
    with pytest.raises(DataFault, match="'edema', 'tumour'"):
        segment_mask(made, stack, roi=None)
    made.FrameOfReferenceUID = uid("another")
    with pytest.raises(DataFault, match="frame of reference is not that of the series"):
        segment_mask(made, stack, roi="edema")


def test_a_segmentation_on_a_finer_grid_is_refused(tmp_path):
    series = Series()
    masks = [np.ones(series.voxels.shape, dtype=np.uint8)]
    made = segmentation(series, tmp_path / "a", ["tumour"], masks)
    other = Series(step_mm=1.8)
    other.write(tmp_path / "b")
    with pytest.raises(DataFault) as raised:
        stack = slice_stack(scan_folder(tmp_path / "b").instances)
        segment_mask(made, stack, roi=None)
    assert fault(raised)[0] == "mask_other_grid"


def test_the_series_of_a_segmentation_has_to_be_there_whole(tmp_path):
    series = Series()
    made = segmentation(series, tmp_path, ["tumour"], [np.ones(series.voxels.shape, dtype=np.uint8)])
    sops = {series.sop(number): series.uid for number in range(6)}
    assert segmented_series(made, sops) == series.uid
    with pytest.raises(DataFault, match="of which 0 are among the files"):
        segmented_series(made, {uid("x"): uid("y")})
    del sops[series.sop(5)]
    with pytest.raises(DataFault, match="names 1 slices that are not in the series"):
        segmented_series(made, sops)


# real files ---------------------------------------------------------------------------------------------------------


def test_the_real_structure_set_is_the_mask_of_the_data_set(shared_data):
    folder = shared_data / "dicom/STS_025/MR_T1"
    instances = scan_folder(folder / "image").instances
    stack = slice_stack(instances)
    structures = read_drawing(folder / "mask/RS.dcm")
    mask, _ = contour_mask(structures, stack, roi=None)
    truth = sitk.ReadImage(str(shared_data / "sts36/nifti/STS_025/MR_T1_mask.nii.gz"))
    assert np.allclose(truth.GetOrigin(), stack.grid["origin_mm"], atol=1e-3)
    assert np.allclose(truth.GetDirection(), stack.grid["direction"])
    drawn = sitk.GetArrayFromImage(truth) > 0
    assert mask.sum() == 9655
    assert 2 * (mask & drawn).sum() / (mask.sum() + drawn.sum()) == 1.0


def test_the_real_segmentation_is_its_nrrd(shared_data):
    folder = shared_data / "dicom/dcmqi/23x38x3"
    instances = scan_folder(folder / "image").instances
    made = read_drawing(folder / "seg/label.seg")
    stack = slice_stack(instances)
    mask, _ = segment_mask(made, stack, roi="liver")
    truth = sitk.ReadImage(str(folder / "nrrd/label.nrrd"))
    assert np.allclose(truth.GetOrigin(), stack.grid["origin_mm"])
    assert mask.sum() == 322 and (mask == (sitk.GetArrayFromImage(truth) > 0)).all()


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("invalid_reference_rt", "mask_slices_unknown"),
        ("non_existent_reference_rt", "mask_without_series"),
        ("rt", None),
    ],
)
def test_real_structure_sets_with_invalid_references_are_refused(shared_data, name, code):
    folder = shared_data / "dicom/rtutils_mock_data"
    images = [instance for instance in scan_folder(folder).instances if instance.frames]
    structures = read_drawing(folder / f"{name}.dcm")

    def mask():
        referenced_series(structures, {image["SOPInstanceUID"]: image["SeriesInstanceUID"] for image in images})
        return contour_mask(structures, slice_stack(images), roi="^ROI-1$")[0]

    if code is None:
        assert mask()[0].any() and not mask()[1].any()
        return
    with pytest.raises(DataFault) as raised:
        mask()
    assert raised.value.code == code
