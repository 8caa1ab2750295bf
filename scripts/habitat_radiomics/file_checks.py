"""Faults of image and mask files that show without reading the voxels: absent, a folder, unreadable, other geometry."""

from pathlib import Path

from habitat_radiomics.faults import DataFault
from habitat_radiomics.images import geometry_difference, header_geometry


def scan_faults(image, masks, facts, *, tolerance_mm):
    """List what is wrong with the files of one scan.

    Parameters
    ----------
    image : str
        Path of the image.
    masks : list of str
        Paths of masks that must lie on the image's grid.
    facts : state.FileFacts
        Remembers headers between runs.
    tolerance_mm : float
        Largest difference of geometry.
    """
    headers = {path: _header(path, kind, facts) for path, kind in _kinds(image, masks).items()}
    faults = [header["fault"] for header in headers.values() if "fault" in header]
    if faults:
        return faults
    differences = [geometry_difference(headers[m], headers[image], tolerance_mm=tolerance_mm) for m in masks]
    return [
        f"{difference} ({Path(mask).name}). Resample the mask to the image, or set data.geometry_tolerance_mm."
        for mask, difference in zip(masks, differences, strict=True)
        if difference
    ]


def _kinds(image, masks):
    return {image: "image", **dict.fromkeys(masks, "mask")}


def _header(path, kind, facts):
    """Return the geometry of a file, or its fault."""
    try:
        if not Path(path).is_file():
            return header_geometry(path, kind=kind)
        return facts.geometry(path, lambda file: header_geometry(file, kind=kind))
    except DataFault as fault:
        return {"fault": str(fault)}
