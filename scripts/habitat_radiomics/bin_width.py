"""How many grey-level bins candidate widths give in the tumours of the training patients, and which width suits.

A fixed width makes textures comparable between patients as long as the number of bins stays moderate; 16 to 128 is
usual (Tixier et al. 2012, J Nucl Med 53:693; pyradiomics' own advice). The numbers follow from the stored minimum and
maximum of every filtered image, so that nothing is computed from voxels again.
"""

import numpy as np
import pandas as pd

from habitat_radiomics.tables import column_parts, feature_column

FEWEST_BINS, MOST_BINS = 16, 128
CANDIDATES = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 25, 50, 100, 200, 500, 1000)
ENDS = ("Minimum", "Maximum")
COLUMNS = ["sequence", "image", "width", "patients", "median", "q1", "q3", "fewest", "most", "share_usual"]
COLUMNS += ["used", "suggested"]


def bin_width_table(features, *, region, used, candidates=CANDIDATES):
    """Count the bins of every candidate width in one region, by sequence and filtered image.

    Parameters
    ----------
    features : DataFrame, training patients x features
        Named ``sequence|region|image_class_feature``; images without first-order minimum and maximum are left out.
    region : str
    used : dict
        Sequence to dict of image type (lower case, see `width_of`) to the width of the study; None for a fixed number
        of bins.
    candidates : tuple of float

    Returns
    -------
    DataFrame
        `COLUMNS`: bins by patient (median, quartiles, extremes), share of the patients with a usual number, whether
        the study used the width, and whether it is the one to suggest (see `suggested_width`).
    """
    parts = []
    for sequence, image in images_of(features, region):
        low, high = (features[feature_column(sequence, region, f"{image}_firstorder_{end}")].dropna() for end in ENDS)
        width = width_of(image, used[sequence])
        widths = sorted({*candidates, *([] if width is None else [width])})
        table = pd.DataFrame([_row(bin_counts(low, high, w), w) for w in widths])
        best = suggested_width(table)
        parts.append(
            table.assign(sequence=sequence, image=image, used=table["width"] == width, suggested=table["width"] == best)
        )
    return pd.concat(parts, ignore_index=True)[COLUMNS] if parts else pd.DataFrame(columns=COLUMNS)


def images_of(features, region):
    """Return sequences and filtered images whose minimum in the region is a feature, in the order of the columns."""
    named, ending = map(column_parts, features), f"_firstorder_{ENDS[0]}"
    return [(s, f.removesuffix(ending)) for s, r, f in named if r == region and f.endswith(ending)]


def width_of(image, widths):
    """Width used for a filtered image: that of its type, the longest that its name begins with."""
    fitting = [kind for kind in widths if image.lower().startswith(kind)]
    return widths[max(fitting, key=len)] if fitting else None


def bin_counts(low, high, width):
    """Bins of one width between minima and maxima; edges are multiples of the width, as in pyradiomics."""
    return np.floor(np.asarray(high) / width) - np.floor(np.asarray(low) / width) + 1


def suggested_width(table):
    """Width with which most patients have a usual number of bins; among equals the one in the middle of the range."""
    middle = np.sqrt(FEWEST_BINS * MOST_BINS)
    distance = np.abs(np.log(table["median"] / middle))
    order = np.lexsort([table["width"], distance, -table["share_usual"]])
    return table["width"].iloc[order[0]]


def _row(bins, width):
    q1, median, q3 = np.quantile(bins, [0.25, 0.5, 0.75])
    usual = (bins >= FEWEST_BINS) & (bins <= MOST_BINS)
    row = {"width": width, "patients": bins.size, "median": median, "q1": q1, "q3": q3}
    return row | {"fewest": bins.min(), "most": bins.max(), "share_usual": usual.mean()}
