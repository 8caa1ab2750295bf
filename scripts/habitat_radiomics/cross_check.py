"""A sample of scans extracted again by the reference engine, so that a wrong value of a faster one is found in use.

This module needs no imaging library: the plan of a study asks it which scans are in the sample.
"""

import hashlib
import math

from habitat_radiomics.faults import StudyFault

REFERENCE = "reference"
ALLOWED = 1e-6
SMALLEST_SCALE = 1e-3  # differences of values below this are taken relative to it: 1e-9 absolute is allowed near zero


def is_sampled(patient, sequence, *, fraction):
    """Whether a scan is in the sample, by a hash of its patient and sequence.

    Parameters
    ----------
    patient, sequence : str
    fraction : float
        Expected share of scans, 0 to 1. A scan of the sample stays in every larger one.
    """
    digest = hashlib.sha256(f"{patient}\t{sequence}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < fraction * 2**64


def cross_checked(extract, *, engine, again, scan):
    """Extract with an engine and, when asked, with the reference engine too.

    Parameters
    ----------
    extract : callable
        Takes ``engine``, returns rows of (reading, region, feature, value, reason).
    engine : str
    again : bool
        Whether the scan is in the sample.
    scan : str
        For the message, for example ``patient P07, T2``.

    Returns
    -------
    rows : list
        Of the chosen engine.
    check : dict
        ``values`` that were compared and their ``largest_difference`` (relative; None without values).

    Raises
    ------
    StudyFault
        A value differs by more than 1e-6 of the reference's (1e-9 near zero), or is missing in one of them.
    """
    rows = extract(engine=engine)
    if not again or engine == REFERENCE:
        return rows, {"values": 0, "largest_difference": None}
    return rows, compared(rows, extract(engine=REFERENCE), engine=engine, scan=scan)


def compared(rows, reference, *, engine, scan):
    """Compare rows with those of the reference engine; see ``cross_checked``."""
    differences = [difference(row[3], other[3]) for row, other in zip(rows, reference, strict=True)]
    largest = max(range(len(rows)), key=differences.__getitem__, default=None)
    if largest is not None and differences[largest] > ALLOWED:
        (_, region, feature, value, _), expected = rows[largest], reference[largest][3]
        raise StudyFault(
            f"{scan}: {feature} of {region} is {value!r} by features.engine {engine} and {expected!r} by the reference"
            f" (relative difference {differences[largest]:.1e}, allowed {ALLOWED:g}). Set features.engine: reference,"
            " and report this as a fault of the engine."
        )
    return {"values": len(rows), "largest_difference": max(differences, default=None)}


def difference(value, reference):
    """Relative difference of two values; 0 when both are NaN, infinite when one is."""
    if math.isnan(value) or math.isnan(reference):
        return 0.0 if math.isnan(value) and math.isnan(reference) else math.inf
    if value == reference:
        return 0.0
    return abs(value - reference) / max(abs(reference), SMALLEST_SCALE)
