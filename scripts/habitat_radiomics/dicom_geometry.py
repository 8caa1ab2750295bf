"""From the slices of a series to one grid, or the reason why they make none."""

from collections import Counter, defaultdict
from dataclasses import dataclass

import numpy as np
import pydicom

from habitat_radiomics.dicom_privacy import words
from habitat_radiomics.faults import DataFault

SAME_MM = 0.01  # two slices closer than this are at one place
SAME_COSINE = 1e-3
STEP_TOLERANCE = 0.02  # of the step between slices; positions are rounded by scanners
TELLING = words(
    "ImageType EchoTime EchoNumbers DiffusionBValue TemporalPositionIdentifier TriggerTime InversionTime "
    "AcquisitionNumber InstanceNumber"
)
CHOOSE = "Choose slices of one kind by `where` in the mapping, or another series."
PLANES = ("sagittal", "coronal", "axial")


@dataclass(frozen=True)
class Stack:
    """Slices of one series in the order of the grid.

    Attributes
    ----------
    grid : dict
        size (voxels), spacing_mm, origin_mm, direction (row-major cosines), as `images.image_geometry`; x runs along
        rows, y along columns, z along the normal of the slices.
    files : list of str
        Files that hold the slices, each once.
    slice_of : dict
        SOP instance UID to the set of slice numbers its file holds, duplicates included.
    series, frame_of_reference : str
        UIDs of the series and of its coordinate system.
    notes : list of str
        What was put right.
    """

    grid: dict
    files: list
    slice_of: dict
    series: str
    frame_of_reference: str
    notes: list


def slice_stack(instances):
    """Sort the slices of a series into one grid by their positions in space.

    The step between slices is that of the positions: SliceThickness leaves out gaps and overlaps, and the order of
    file names or instance numbers is no order in space.

    Parameters
    ----------
    instances : list of dicom_files.Instance
        Of one series.

    Returns
    -------
    Stack

    Raises
    ------
    DataFault
        series_without_geometry, series_mixed_sizes, series_mixed_orientations, series_several_volumes,
        series_one_slice, series_sheared, series_slices_missing, series_uneven.
    """
    slices = [(instance, frame) for instance in instances for frame in instance.frames]
    if not slices:
        raise DataFault(
            "series_without_geometry",
            "no file states where its slice lies (ImagePositionPatient, ImageOrientationPatient, PixelSpacing). "
            "Export the original images, not secondary captures.",
        )
    _check_alike([frame for _, frame in slices])
    axes = _axes(slices[0][1].orientation)
    places = [float(np.dot(axes[2], frame.position_mm)) for _, frame in slices]
    order = np.argsort(places, kind="stable")
    groups = _groups([slices[i] for i in order], [places[i] for i in order])
    notes = _check_duplicates(groups)
    positions = np.array([group[0][1].position_mm for group in groups])
    step_mm = _step(positions, axes)
    grid = _grid(groups[0][0][1], axes, len(groups), step_mm)
    uids = [groups[0][0][0][keyword] for keyword in ("SeriesInstanceUID", "FrameOfReferenceUID")]
    return Stack(grid, _files(groups), _slice_of(groups), *uids, notes)


def _axes(orientation):
    """Unit vectors along rows, along columns, and normal to the slices."""
    along_row, along_column = (np.array(part) / np.linalg.norm(part) for part in (orientation[:3], orientation[3:]))
    return along_row, along_column, np.cross(along_row, along_column)


def _check_alike(frames):
    shapes = Counter((frame.shape, tuple(np.round(frame.spacing_mm, 4))) for frame in frames)
    if len(shapes) > 1:
        listed = ", ".join(
            f"{n} slices of {rows} x {columns} at {spacing[0]:g} x {spacing[1]:g} mm"
            for ((rows, columns), spacing), n in shapes.most_common()
        )
        raise DataFault("series_mixed_sizes", f"slices differ in size or spacing ({listed}). {CHOOSE}")
    kinds = Counter()
    for frame in frames:
        same = (kind for kind in kinds if np.allclose(kind, frame.orientation, rtol=0, atol=SAME_COSINE))
        kinds[next(same, frame.orientation)] += 1
    if len(kinds) > 1:
        listed = ", ".join(f"{n} {_plane(orientation)}" for orientation, n in kinds.items())
        raise DataFault("series_mixed_orientations", f"slices differ in orientation ({listed}), as scouts do. {CHOOSE}")


def _plane(orientation):
    normal = np.abs(_axes(orientation)[2])
    return PLANES[int(normal.argmax())] + ("" if normal.max() > 0.99 else " oblique")


def _groups(slices, places):
    """Slices at the same place, in the order of places."""
    groups = []
    for item, place in zip(slices, places, strict=True):
        if groups and place - groups[-1][0] < SAME_MM:
            groups[-1][1].append(item)
        else:
            groups.append((place, [item]))
    return [members for _, members in groups]


def _check_duplicates(groups):
    """Accept copies of one slice (equal pixels), refuse different slices at one place."""
    doubled = [group for group in groups if len(group) > 1]
    for group in doubled:
        first = group[0][0]
        if any(other.path == first.path or not _same_pixels(first.path, other.path) for other, _ in group[1:]):
            raise DataFault(
                "series_several_volumes",
                f"{len(doubled)} of {len(groups)} places have several different slices, for example {first.path} and "
                f"{group[1][0].path}; {_differences(groups)}. Choose one of them by `where` in the mapping.",
            )
    copies = sum(len(group) - 1 for group in doubled)
    return [f"{copies} slices were there twice with equal content; one of each was taken"] if doubled else []


def _same_pixels(first, second):
    contents = [pydicom.dcmread(path, force=True).get("PixelData") for path in (first, second)]
    return contents[0] is not None and contents[0] == contents[1]


def _differences(groups):
    values = defaultdict(Counter)
    for instance, _ in (item for group in groups for item in group):
        for keyword in TELLING:
            values[keyword][instance[keyword]] += 1
    telling = {keyword: found for keyword, found in values.items() if 1 < len(found) < len(groups)}
    if not telling:
        return "no header value tells them apart"
    listed = [f"{keyword}: {', '.join(value or 'empty' for value in found)}" for keyword, found in telling.items()]
    return f"they differ in {'; '.join(listed)}"


def _step(positions, axes):
    """Step between slices in mm; refuses one slice, shear, gaps and uneven steps."""
    if len(positions) == 1:
        raise DataFault("series_one_slice", "it is one slice; a volume is needed. Choose another series.")
    steps = np.diff(positions, axis=0)
    along = steps @ axes[2]
    sideways_mm = np.linalg.norm(steps - np.outer(along, axes[2]), axis=1).max()
    if sideways_mm > STEP_TOLERANCE * along.min() + SAME_MM:
        raise DataFault(
            "series_sheared",
            f"slices are shifted sideways against each other by {sideways_mm:.2f} mm (tilted gantry, or a moving "
            "stack). Resample the series to a straight grid first.",
        )
    whole = np.rint(along / along.min())
    if np.abs(along - along.min() * whole).max() > STEP_TOLERANCE * along.min() * whole.max() + SAME_MM:
        raise DataFault(
            "series_uneven",
            f"slices are {along.min():.2f} to {along.max():.2f} mm apart; even steps are needed. Find out whether "
            "slices of two series were mixed, or resample.",
        )
    if whole.max() > 1:
        raise _missing(positions, along, whole, axes)
    return float(along.mean())


def _missing(positions, along, whole, axes):
    gap = int(whole.argmax())
    lost = int((whole - 1).sum())
    places = positions[gap : gap + 2] @ axes[2]
    return DataFault(
        "series_slices_missing",
        f"{lost} slices are missing: {len(positions)} are there, {along.min():.2f} mm apart, but none between "
        f"{places[0]:.2f} and {places[1]:.2f} mm along the stack. Export the whole series again.",
    )


def _grid(first, axes, slices, step_mm):
    rows, columns = first.shape
    return {
        "size": [columns, rows, slices],
        "spacing_mm": [first.spacing_mm[1], first.spacing_mm[0], step_mm],
        "origin_mm": list(first.position_mm),
        "direction": np.column_stack(axes).ravel().tolist(),
    }


def _files(groups):
    return list(dict.fromkeys(group[0][0].path for group in groups))


def _slice_of(groups):
    numbers = defaultdict(set)
    for number, group in enumerate(groups):
        for instance, _ in group:
            numbers[instance["SOPInstanceUID"]].add(number)
    return dict(numbers)


def grid_affine(grid):
    """Return the 4 x 4 matrix from voxel numbers (x, y, z) to mm in patient coordinates (LPS)."""
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(grid["direction"], (3, 3)) * grid["spacing_mm"]
    affine[:3, 3] = grid["origin_mm"]
    return affine
