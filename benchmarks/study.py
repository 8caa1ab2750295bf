"""Arithmetic: what a study of many patients would take, from the measured rows."""

PATIENTS, SEQUENCES, CORES = 259, 4, (2, 32)
SCANS = PATIENTS * SEQUENCES
LIGHT_JOBS = 4 * SCANS + PATIENTS  # preprocessing, normalisation, sampled voxels, map of habitats; regions
EXTRACTIONS = 2 * SCANS  # of drawn regions, and of one set of habitats

# Row (function) that tells the cost of one, what it is, and how many a study has.
PARTS = (
    ("n4_shrink_4", "N4, shrink factor 4", SCANS),
    ("registration", "registration of three sequences to the fourth", PATIENTS * (SEQUENCES - 1)),
    ("writing", "writing the image corrected, then normalised", 2 * SCANS),
    ("five_regions_cropped", "1130 features of five regions", SCANS),
    ("process_start", "starts of jobs that extract: interpreter, imports, machine code", EXTRACTIONS),
    ("process_start_without_kernels", "starts of the other jobs of patients", LIGHT_JOBS),
    ("habitat_number", "number of habitats", 1),
    ("bootstraps_logistic", "1000 bootstraps of the whole chain of one model", 1),
)


def study_table(rows):
    """Markdown table of a study's CPU hours; empty where a part was not measured.

    Parameters
    ----------
    rows : dict of str to harness.Measured
        By the row's function.
    """
    if any(name not in rows for name, _, _ in PARTS):
        return ""
    hours = {name: rows[name].ours_s * times / 3600 for name, _, times in PARTS}
    total = sum(hours.values())
    lines = [
        f"## A study of {PATIENTS} patients x {SEQUENCES} sequences, by arithmetic",
        "",
        "Seconds of a row times how often a study needs it: images of 320 x 320 x 24, tumours of 30,000 voxels.",
        "",
        "| part | CPU s each | times | CPU hours | share |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {words} | {rows[name].ours_s:.3g} | {times:,} | {hours[name]:.3f} | {hours[name] / total:.0%} |"
        for name, words, times in PARTS
    ]
    spread = "; ".join(f"{60 * total / cores:.0f} minutes on {cores} cores" for cores in CORES)
    return "\n".join([*lines, f"| all | | | {total:.2f} | |", "", f"If nothing waited: {spread}.", ""])
