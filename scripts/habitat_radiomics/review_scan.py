"""One scan of a patient's review page: from its files to planes with panels, contours and the agreement of readers."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from habitat_radiomics.faults import DataFault
from habitat_radiomics.images import read_image
from habitat_radiomics.regions import REGION_LABELS
from habitat_radiomics.review_slices import (
    checkerboard,
    contour_path,
    cut,
    dice,
    grey_range,
    grey_tiles,
    jpeg_uri,
    label_uri,
    map_range,
    map_uri,
    on_grid,
    planes_of,
    tiles_of,
    tumour_box,
)

OPACITY = 0.55  # of habitats
THUMBNAIL_PLANE = "Axial"


@dataclass(frozen=True)
class ScanFiles:
    """Where one scan is.

    Attributes
    ----------
    raw, corrected : path
        As acquired; corrected (and registered) on the working grid.
    faults : list of str
        Messages of the quality records; there are no pictures where there are any.
    readings : dict
        Reading to its label image, the primary one first.
    maps : dict
        Name of a set of habitats to ``labels`` (path), ``names``, ``colours``, and ``probability`` (path or None).
    registered : bool
        Whether the corrected image was moved onto the reference.
    reference : path, optional
        Corrected image of the reference sequence, for the checkerboard; None for the reference itself and without one.
    reference_name : str
    """

    raw: str
    corrected: str
    faults: list
    readings: dict
    maps: dict = field(default_factory=dict)
    registered: bool = False
    reference: str = None
    reference_name: str = ""


def draw_scan(sequence, files):
    """Return what the page shows of one scan.

    Returns
    -------
    dict
        ``reason`` (why there are no pictures), ``notes``, ``planes`` (see `_plane`), ``readings`` (drawn ones),
        ``dice`` (reading to its overlap with the primary one), ``legends`` of the maps, and ``thumbnail``.
    """
    empty = {"name": sequence, "reason": "", "notes": [], "planes": [], "readings": [], "legends": [], "dice": {}}
    empty["thumbnail"] = ""
    drawn = {reading: path for reading, path in files.readings.items() if Path(path).stat().st_size}
    if files.faults or not Path(files.corrected).stat().st_size or next(iter(files.readings)) not in drawn:
        return {**empty, "reason": files.faults[0] if files.faults else "its files are empty."}
    labels = {reading: sitk.ReadImage(str(path)) for reading, path in drawn.items()}
    box = tumour_box(list(labels.values()))
    labels = {reading: cut(image, box) for reading, image in labels.items()}
    masks = {reading: image == REGION_LABELS["tumour"][0] for reading, image in labels.items()}
    primary = next(iter(masks))
    layers, notes = _layers(sequence, files, box, masks[primary])
    shell = labels[primary] == REGION_LABELS["peritumour"][0]
    planes = [_plane(plane, layers, {**masks, "shell": shell}, sequence) for plane in planes_of(masks[primary])]
    return {
        **empty,
        "notes": notes,
        "planes": planes,
        "readings": list(masks),
        "legends": [
            {"label": name, "entries": list(zip(found["names"], found["colours"], strict=True))}
            for name, found in layers["maps"].items()
        ],
        "dice": {name: dice(masks[primary], mask) for name, mask in masks.items() if name != primary},
        "thumbnail": _thumbnail(layers, masks[primary]),
    }


def _layers(sequence, files, box, grid):
    """Volumes behind the panels, cut alike, and notes on what is not there."""
    corrected = cut(sitk.ReadImage(str(files.corrected)), box)
    notes, layers = [], {"corrected": corrected, "maps": {}}
    try:
        layers["raw"] = on_grid(read_image(files.raw), corrected)
    except DataFault as fault:
        notes.append(f"The image as acquired cannot be shown: {fault.code.replace('_', ' ')}.")
    if files.reference and Path(files.reference).stat().st_size:
        layers["reference"] = on_grid(sitk.ReadImage(str(files.reference)), corrected)
    elif files.reference:
        notes.append(f"No checkerboard: {files.reference_name} cannot be used.")
    for name, habitats in files.maps.items():
        if not Path(habitats["labels"]).stat().st_size:
            notes.append(f"No map of {name}: it could not be made.")
            continue
        layers["maps"][name] = {**habitats, "image": cut(sitk.ReadImage(str(habitats["labels"])), box)}
        if habitats["probability"]:
            found = on_grid(sitk.ReadImage(str(habitats["probability"])), grid, sitk.sitkNearestNeighbor)
            layers["maps"][name]["map"] = found
    layers["titles"] = {
        "corrected": f"Corrected, registered to {files.reference_name}" if files.registered else "Corrected",
        "checkerboard": f"Checkerboard with {files.reference_name}",
    }
    return layers, notes


def _plane(plane, layers, masks, sequence):
    """One row of pictures: all slices of the plane for every panel, and the contours in voxels."""
    inside = {name: tiles_of(mask, plane) != 0 for name, mask in masks.items()}
    count, rows, columns = next(iter(inside.values())).shape
    where = f"{plane.name.lower()} slices" if count > 1 else f"{plane.name.lower()} slice"
    panels = [{**panel, "alt": f"{sequence}, {where}: {panel['title']}."} for panel in _panels(plane, layers)]
    return {
        "name": plane.name,
        "count": count,
        "first": plane.first,
        "positions": [round(position, 1) for position in plane.positions_mm],
        "ratio": round(plane.extent_mm[0] / plane.extent_mm[1], 4),
        "box": [columns, rows * count],
        "ends": list(plane.ends),
        "contours": {name: contour_path(tiles) for name, tiles in inside.items() if tiles.any()},
        "panels": panels,
    }


def _panels(plane, layers):
    """Panels of a plane; an overlay lies on the grey picture of the corrected image."""
    grey = {name: _grey(layers[name], plane) for name in ("raw", "corrected", "reference") if name in layers}
    titles, panels = layers["titles"], []
    if "raw" in grey:
        panels.append(_panel("As acquired", jpeg_uri(grey["raw"])))
    panels.append({**_panel(titles["corrected"], jpeg_uri(grey["corrected"])), "base": True})
    if "reference" in grey:
        board = checkerboard(grey["reference"], grey["corrected"], plane)
        panels.append(_panel(titles["checkerboard"], jpeg_uri(board), contours=False))
    for name, found in layers["maps"].items():
        panels.append(_panel(name, overlay=label_uri(tiles_of(found["image"], plane), found["colours"], OPACITY)))
        if "map" in found and (covered := _covered(found, plane)).any():
            panels.append(_probability_panel(name, found["map"], plane, everywhere=covered.all()))
    return panels


def _covered(found, plane):
    """Whether the map covers (most of) the tumour on each slice: a stored map may be one slice."""
    sizes = [(tiles_of(found[name], plane) != 0).sum(axis=(1, 2)) for name in ("map", "image")]
    return sizes[0] > 0.5 * sizes[1]


def _panel(title, picture="", *, overlay="", contours=True):
    return {"title": title, "picture": picture, "overlay": overlay, "contours": contours, "base": False}


def _probability_panel(name, image, plane, *, everywhere):
    low, high = limits = map_range(image)
    where = "" if everywhere else ", on the largest slice only"
    title = f"{name}: probability, {low:.2f} (dark) to {high:.2f} (bright){where}"
    return _panel(title, overlay=map_uri(tiles_of(image, plane), limits))


def _grey(image, plane):
    return grey_tiles(image, plane, grey_range(image))


def _thumbnail(layers, tumour):
    """The axial slice with the largest tumour, its outline in white."""
    plane = next(found for found in planes_of(tumour) if found.name == THUMBNAIL_PLANE)
    tile = _grey(layers["corrected"], plane)[plane.first]
    inside = tiles_of(tumour, plane)[plane.first] != 0
    rows, columns = (np.arange(n) * k // n for n, k in zip(tile.shape, inside.shape, strict=True))
    large = np.pad(inside[np.ix_(rows, columns)], 1)
    edge = large[1:-1, 1:-1] & ~(large[:-2, 1:-1] & large[2:, 1:-1] & large[1:-1, :-2] & large[1:-1, 2:])
    return jpeg_uri([np.where(edge, 255, tile).astype(np.uint8)])
