"""Contours of an RT structure set to a mask on the grid of the series they were drawn on."""

import re
from collections import Counter

import numpy as np
from skimage.draw import polygon2mask

from habitat_radiomics.dicom_geometry import grid_affine
from habitat_radiomics.faults import DataFault

CLOSED = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR")
OFF_SLICE = 0.1  # of the step between slices: how far a contour may lie from its slice


def chosen_region(names, pattern):
    """Return the number of the one region (ROI or segment) that is meant.

    Parameters
    ----------
    names : dict
        Number to name.
    pattern : str or None
        Regular expression that finds the name, in capitals or not; None where the file may hold one region only.

    Raises
    ------
    DataFault
        mask_region_ambiguous, mask_region_absent; the message lists all names.
    """
    listed = ", ".join(f"'{name}'" for name in names.values()) or "none"
    matching = [number for number, name in names.items() if pattern is None or re.search(pattern, name, re.IGNORECASE)]
    if len(matching) == 1:
        return matching[0]
    if not matching:
        sought = f" that matches '{pattern}'" if pattern else ""
        raise DataFault(
            "mask_region_absent", f"it has no region{sought} (found: {listed}). Correct `roi` in the mapping."
        )
    asked = f"{len(matching)} regions match '{pattern}'" if pattern else f"it has {len(matching)} regions"
    raise DataFault(
        "mask_region_ambiguous",
        f"{asked} (found: {listed}). Name one of them by `roi` in the mapping, such as '^GTV$'.",
    )


def referenced_series(structures, series_of_sop):
    """Return the UID of the series a structure set was drawn on.

    Parameters
    ----------
    structures : pydicom.Dataset
        The structure set.
    series_of_sop : dict
        SOP instance UID to series UID of every image of the patient.

    Raises
    ------
    DataFault
        mask_series_unknown: it names a series that is not there; mask_series_ambiguous: it names several, and its
        contours are not on one of them; mask_without_series: it names none, and its contours do not all name slices
        of one.
    """
    named = _named_series(structures)
    present = set(series_of_sop.values())
    known = [uid for uid in named if uid in present]
    if len(known) == 1:
        return known[0]
    if named and not known:
        raise DataFault(
            "mask_series_unknown",
            f"it was drawn on series {named[0]}, which is not among the files of this patient. Add that series to the "
            "folder, or remove the structure set.",
        )
    slices = [uid for contour in _all_contours(structures) for uid in _named_slices(contour)]
    found = Counter(series_of_sop.get(uid, "unknown") for uid in slices)
    if len(found) == 1 and "unknown" not in found:
        return next(iter(found))
    if known:
        raise DataFault(
            "mask_series_ambiguous",
            f"it was drawn on {len(known)} series of this patient ({', '.join(known)}), and its contours do not name "
            "slices of one of them only. Export one structure set for each series.",
        )
    raise DataFault(
        "mask_without_series",
        f"it names no series, and {found['unknown']} of its {len(slices)} contours name slices that are not among the "
        "files of this patient. Export the structure set again together with its images.",
    )


def region_names(structures):
    """Return the names of the regions of a structure set by number, those without any contour left out."""
    drawn = {int(item.ReferencedROINumber) for item in structures.get("ROIContourSequence", []) if _contours(item)}
    sets = structures.get("StructureSetROISequence", [])
    return {int(item.ROINumber): str(item.get("ROIName", "")) for item in sets if int(item.ROINumber) in drawn}


def contour_mask(structures, stack, *, roi):
    """Draw one region of a structure set: a voxel is inside when its centre is.

    Contours of one slice are combined by exclusive or, so that a contour inside another is a hole.

    Parameters
    ----------
    structures : pydicom.Dataset
        The structure set.
    stack : dicom_geometry.Stack
        Slices of the series it was drawn on.
    roi : str or None
        Regular expression of the region's name; see `chosen_region`.

    Returns
    -------
    mask : ndarray of bool, shape (z, y, x)
    notes : list of str
        What a reader of the study should know.

    Raises
    ------
    DataFault
        mask_region_ambiguous, mask_region_absent, mask_slices_unknown, mask_other_frame, mask_not_closed,
        mask_off_slice, mask_outside, mask_empty.
    """
    number = chosen_region(region_names(structures), roi)
    contours = next(
        _contours(item) for item in structures.ROIContourSequence if int(item.ReferencedROINumber) == number
    )
    notes = _check_references(structures, contours, stack, number)
    places = [_voxel_numbers(contour, stack.grid) for contour in contours]
    slices = [_slice_number(*pair, stack) for pair in zip(contours, places, strict=True)]
    columns, rows, depth = stack.grid["size"]
    mask = np.zeros((depth, rows, columns), dtype=bool)
    for number_of_slice, points in zip(slices, places, strict=True):
        mask[number_of_slice] ^= polygon2mask((rows, columns), points[:, 1::-1])
    if not mask.any():
        raise DataFault("mask_empty", "its contours enclose no voxel centre. Check that the drawing was saved.")
    return mask, notes + _gap_notes(slices) + _edge_notes(places, stack.grid)


def _contours(item):
    """Contours of one region that enclose anything; single points and lines of two do not."""
    contours = list(item.get("ContourSequence") or [])
    return [contour for contour in contours if not _closed(contour) or len(contour.ContourData) >= 9]


def _closed(contour):
    return contour.get("ContourGeometricType") in CLOSED


def _all_contours(structures):
    return [contour for item in structures.get("ROIContourSequence", []) for contour in _contours(item)]


def named_slices(drawing):
    """Return the SOP instance UIDs of all images a structure set or segmentation names, sequences included."""
    return {str(element.value) for element in drawing.iterall() if element.keyword == "ReferencedSOPInstanceUID"}


def _named_slices(contour):
    return [str(item.ReferencedSOPInstanceUID) for item in contour.get("ContourImageSequence", [])]


def _series_items(structures):
    for frame in structures.get("ReferencedFrameOfReferenceSequence", []):
        for study in frame.get("RTReferencedStudySequence", []):
            yield from study.get("RTReferencedSeriesSequence", [])


def _named_series(structures):
    return list(dict.fromkeys(str(item.SeriesInstanceUID) for item in _series_items(structures)))


def _check_references(structures, contours, stack, number):
    """Slices named by the file are those of the series: all of them, or (re-exported images) none."""
    items = [item for item in _series_items(structures) if item.SeriesInstanceUID == stack.series]
    listed = [uid for item in items for uid in _named_slices(item)]
    named = [uid for contour in contours for uid in _named_slices(contour)]
    known = [uid for uid in listed + named if uid in stack.slice_of]
    unknown = [uid for uid in dict.fromkeys(listed + named) if uid not in stack.slice_of]
    if known and unknown:
        raise DataFault(
            "mask_slices_unknown",
            f"it names {len(unknown)} slices that are not in the series (first {unknown[0]}) beside {len(set(known))} "
            "that are. Slices are missing, or it belongs to another series: export both again.",
        )
    same_frame = stack.frame_of_reference in _frames_of_reference(structures, number) - {""}
    if known:
        return [] if same_frame else ["the structure set names another frame of reference, but slices of this series"]
    if not same_frame:
        raise DataFault(
            "mask_other_frame",
            f"it names {len(unknown)} slices, none of them in the series, and another frame of reference. Export "
            "structure set and images again, together.",
        )
    return ["the structure set names none of the slices; placed by series, frame of reference and position"]


def _frames_of_reference(structures, number):
    sets = structures.get("StructureSetROISequence", [])
    frames = structures.get("ReferencedFrameOfReferenceSequence", [])
    own = {str(item.get("ReferencedFrameOfReferenceUID", "")) for item in sets if int(item.ROINumber) == number}
    return own - {""} or {str(i.get("FrameOfReferenceUID", "")) for i in frames}


def _voxel_numbers(contour, grid):
    """Corners of a contour as voxel numbers (x, y, z), not rounded."""
    if not _closed(contour):
        raise DataFault(
            "mask_not_closed",
            f"the region holds {contour.get('ContourGeometricType')} contours; closed planar ones enclose a region. "
            "Choose another `roi`.",
        )
    points = np.array(contour.ContourData, dtype=float).reshape(-1, 3)
    inverse = np.linalg.inv(grid_affine(grid))
    return points @ inverse[:3, :3].T + inverse[:3, 3]


def _slice_number(contour, places, stack):
    """Slice a contour lies on; it must be one it names, where it names any."""
    number = round(float(places[:, 2].mean()))
    off = float(np.abs(places[:, 2] - number).max())
    if off > OFF_SLICE:
        raise DataFault(
            "mask_off_slice",
            f"a contour lies {off * stack.grid['spacing_mm'][2]:.2f} mm off the nearest slice (they are "
            f"{stack.grid['spacing_mm'][2]:.2f} mm apart): it was drawn on another series. Use the series it was "
            "drawn on.",
        )
    if not 0 <= number < stack.grid["size"][2]:
        raise DataFault(
            "mask_outside",
            f"a contour lies {number + 1 if number >= 0 else -number} slices along the stack of "
            f"{stack.grid['size'][2]}, outside it. Slices are missing, or it belongs to another series: export both "
            "again.",
        )
    allowed = set().union(*(stack.slice_of.get(uid, set()) for uid in _named_slices(contour)))
    if allowed and number not in allowed:
        raise DataFault(
            "mask_off_slice",
            f"a contour names slice {min(allowed) + 1} but lies on slice {number + 1}. Export the structure set again.",
        )
    return number


def _gap_notes(slices):
    empty = max(slices) - min(slices) + 1 - len(set(slices))
    return [f"{empty} slices between the first and the last contour have none"] if empty else []


def _edge_notes(places, grid):
    points = np.concatenate(places)[:, :2]
    beyond = max(-points.min() - 0.5, (points - np.subtract(grid["size"][:2], 0.5)).max())
    return ["contours reach beyond the image and were cut at its edge"] if beyond > 0 else []
