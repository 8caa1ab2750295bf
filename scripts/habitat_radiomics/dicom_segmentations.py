"""One segment of a DICOM segmentation to a mask on the grid of the series it was drawn on."""

import highdicom
import numpy as np

from habitat_radiomics.dicom_geometry import grid_affine
from habitat_radiomics.dicom_structures import chosen_region
from habitat_radiomics.faults import DataFault

FRACTION = 0.5  # of a voxel that must be occupied, where a segmentation states fractions
TOLERANCE = 1e-3  # voxels and mm between its grid and that of the series


def segment_names(segmentation):
    """Return the labels of the segments by number."""
    numbers = segmentation.segment_numbers
    return {int(n): str(segmentation.get_segment_description(n).segment_label) for n in numbers}


def segmented_series(segmentation, series_of_sop):
    """Return the UID of the series a segmentation was drawn on.

    Raises
    ------
    DataFault
        mask_series_unknown, when it names no series of this patient's files; mask_slices_unknown, when it names
        slices of it that are not there.
    """
    named = {str(item.SeriesInstanceUID) for item in segmentation.get("ReferencedSeriesSequence", [])}
    slices = _named_slices(segmentation)
    found = (named | {series_of_sop.get(uid) for uid in slices}) & set(series_of_sop.values())
    if len(found) != 1:
        listed = ", ".join(sorted(named)) or "none"
        raise DataFault(
            "mask_series_unknown",
            f"it was drawn on series {listed}, of which {len(found)} are among the files of this patient. Add the one "
            "series it was drawn on to the folder, or remove the segmentation.",
        )
    if unknown := [uid for uid in slices if uid not in series_of_sop]:
        raise DataFault(
            "mask_slices_unknown",
            f"it names {len(unknown)} slices that are not in the series (first {unknown[0]}). Slices are missing, or "
            "it belongs to another series: export both again.",
        )
    return found.pop()


def _named_slices(segmentation):
    items = [item for series in segmentation.get("ReferencedSeriesSequence", []) for item in _instances(series)]
    if items:
        return [str(item.ReferencedSOPInstanceUID) for item in items]
    frames = segmentation.get("PerFrameFunctionalGroupsSequence", [])
    sources = [
        s for f in frames for d in f.get("DerivationImageSequence", []) for s in d.get("SourceImageSequence", [])
    ]
    return list(dict.fromkeys(str(item.ReferencedSOPInstanceUID) for item in sources))


def _instances(series):
    return series.get("ReferencedInstanceSequence", [])


def segment_mask(segmentation, stack, *, roi):
    """Return one segment on the grid of its series; its slices may be fewer and in another order.

    Parameters
    ----------
    segmentation : highdicom.seg.Segmentation
        Binary, fractional (a voxel counts from one half) or label map.
    stack : dicom_geometry.Stack
        Slices of the series.
    roi : str or None
        Regular expression of the segment's label; see `dicom_structures.chosen_region`.

    Returns
    -------
    mask : ndarray of bool, shape (z, y, x)
    notes : list of str

    Raises
    ------
    DataFault
        mask_region_ambiguous, mask_region_absent, mask_other_frame, mask_other_grid, mask_empty.
    """
    number = chosen_region(segment_names(segmentation), roi)
    if segmentation.FrameOfReferenceUID != stack.frame_of_reference:
        raise DataFault(
            "mask_other_frame", "its frame of reference is not that of the series. Draw or export it on that series."
        )
    occupied, drawn = _occupied(segmentation, number, stack)
    if not occupied.any():
        raise DataFault("mask_empty", "it marks no voxel of the series. Check that the drawing was saved.")
    cut = drawn - int(occupied.sum())
    return occupied, [f"{cut} voxels of the segmentation lie beyond the image and were cut off"] if cut else []


def _occupied(segmentation, number, stack):
    """Segment on the grid, and how many voxels it has on its own."""
    affine = grid_affine(stack.grid)[:, [2, 1, 0, 3]]  # highdicom counts slices, rows, columns
    target = highdicom.VolumeGeometry(
        affine, stack.grid["size"][::-1], "PATIENT", frame_of_reference_uid=stack.frame_of_reference
    )
    try:
        volume = segmentation.get_volume(segment_numbers=[number])
        matched = volume.match_geometry(target, tol=TOLERANCE)
    except RuntimeError as error:
        raise DataFault(
            "mask_other_grid", f"it does not lie on the grid of the series ({error}). Resample it to the series first."
        ) from error
    marked = [np.asarray(part.array)[..., 0] >= FRACTION for part in (matched, volume)]
    return marked[0], int(marked[1].sum())
