"""Acquisition columns of the images table, from a BIDS sidecar (dcm2niix writes the same names and units)."""

COLUMNS = {
    "manufacturer": ("Manufacturer", 1),
    "scanner": ("ManufacturersModelName", 1),
    "field_strength_t": ("MagneticFieldStrength", 1),
    "tr_ms": ("RepetitionTime", 1000),
    "te_ms": ("EchoTime", 1000),
    "ti_ms": ("InversionTime", 1000),
    "flip_angle_deg": ("FlipAngle", 1),
    "slice_thickness_mm": ("SliceThickness", 1),
}  # column: BIDS name, factor from seconds where it is a time
GRID_COLUMNS = ("slice_step_mm", "matrix", "pixel_mm", "fov_mm")


def acquisition_columns(sidecar, geometry):
    """Return how an image was acquired: what the sidecar states, and what its grid says.

    The step between slices is that of their positions; with the thickness it tells the gap.

    Parameters
    ----------
    sidecar : dict
        BIDS metadata; times in seconds.
    geometry : dict
        size (voxels) and spacing_mm, as `images.image_geometry`.

    Returns
    -------
    dict
        Column to text; None where nothing is stated. ``matrix``, ``pixel_mm`` and ``fov_mm`` are columns x rows.
    """
    stated = {column: _value(sidecar.get(name), factor) for column, (name, factor) in COLUMNS.items()}
    size, spacing = geometry["size"], geometry["spacing_mm"]
    in_plane = [f"{_number(size[axis] * spacing[axis])}" for axis in (0, 1)]
    grid = (
        _number(spacing[2]),
        f"{size[0]} x {size[1]}",
        f"{_number(spacing[0])} x {_number(spacing[1])}",
        " x ".join(in_plane),
    )
    return stated | dict(zip(GRID_COLUMNS, grid, strict=True))


def _value(stated, factor):
    if stated in (None, "", [], "None"):
        return None
    return _number(stated * factor) if isinstance(stated, int | float) else " ".join(str(stated).split())


def _number(value):
    """Text of a number to five digits: headers round differently on every export."""
    return f"{value:.5g}"
