"""What a person should look at first: flags of one patient from the stored checks."""

OUTLYING = 3.5  # |robust z| above which a measure is called outlying (Iglewicz and Hoaglin 1993)
MANY_FAR = 0.05  # share of all features beyond |z| > 5
POOR_DICE = 0.7  # overlap of two readings (Zijdenbos et al. 1994, IEEE Trans Med Imaging 13:716)
TITLES = {
    "unusable": "Not usable",
    "excluded": "Left out by the tables",
    "warning": "Warning",
    "outlier": "Outlying measure",
    "features": "Many outlying features",
    "pieces": "Tumour in pieces",
    "readers": "Readers differ",
}
MEASURES = {
    "volume_mm3": "tumour volume",
    "snr": "signal-to-noise ratio",
    "mean": "mean intensity",
    "sd": "SD of intensity",
    "entropy": "entropy",
}


def number_of(text):
    """Return a cell of a table as a number; None when it is empty."""
    return float(text) if text not in ("", None) else None


def flags_of(quality, outliers, far, dices):
    """Return the flags of one patient as (code, words).

    Parameters
    ----------
    quality, outliers, far : list of dict
        Rows of the patient in ``quality/*.csv``, ``review/outliers.csv`` and ``review/far.csv``, cells as text.
    dices : dict
        Sequence to reading to overlap with the primary reading.
    """
    return [
        *_quality_flags(quality),
        *_outlier_flags(outliers),
        *_far_flags(far),
        *(
            ("readers", f"{sequence}: {reading} overlaps the primary reading by a Dice of {value:.2f} only")
            for sequence, readings in dices.items()
            for reading, value in readings.items()
            if value < POOR_DICE
        ),
    ]


def _quality_flags(quality):
    flags = []
    for row in quality:
        if row["usable"] != "True":
            flags.append(("unusable", f"{row['sequence']}: {row['message']}"))
        flags += [("warning", f"{row['sequence']}: {text}") for text in row["warnings"].split("; ") if text]
        if (number_of(row["components"]) or 0) > 1:
            pieces = f"{number_of(row['components']):.0f}"
            flags.append(("pieces", f"{row['sequence']}: the primary reading has {pieces} separate pieces"))
    return flags


def _outlier_flags(outliers):
    found = [row for row in outliers if abs(number_of(row["z"]) or 0) > OUTLYING]
    return [
        ("outlier", f"{row['sequence']}: {MEASURES[row['measure']]} lies at z = {float(row['z']):+.1f}")
        for row in found
    ]


def _far_flags(far):
    features, beyond = (sum(int(row[name]) for row in far) for name in ("features", "far"))
    if beyond <= MANY_FAR * features:
        return []
    return [("features", f"{beyond:,} of {features:,} features lie beyond |z| > 5")]
