"""The masks of one scan by reading, with the hashes stated for them when the study was planned."""

from habitat_radiomics.faults import DataFault
from habitat_radiomics.images import read_mask


def read_readings(paths, stated, *, label):
    """Return the usable masks by reading, the primary one first.

    Parameters
    ----------
    paths : list of str
        Mask files, the primary reading first.
    stated : list of dict
        ``reading`` and ``sha256`` of each, in the same order.
    label : int or None
        Value that marks the tumour.

    Raises
    ------
    DataFault
        If the primary reading cannot be used; a faulty further reading is left out here and recorded where its
        regions are made.
    """
    masks = {}
    for path, entry in zip(paths, stated, strict=True):
        try:
            masks[entry["reading"]] = read_mask(path, label=label, sha256=entry["sha256"])
        except DataFault:
            if not masks:
                raise
    return masks


def stated_hash(scan, reading):
    """Return the SHA-256 stated for a reading of a scan (None when the workflow made the file)."""
    return next(entry["sha256"] for entry in scan["masks"] if entry["reading"] == reading)
