"""Do features differ between batches (sites, scanners)? A test per feature, and the patients in two dimensions."""

import numpy as np
import pandas as pd
from scipy import stats
from scipy.sparse.linalg import eigsh

from habitat_radiomics.column_blocks import in_blocks

TESTS = {
    "kruskal": "Kruskal-Wallis test of location",
    "anova": "one-way analysis of variance of location",
    "levene": "Brown-Forsythe test of spread",
}


STATISTICS = ("patients", "batches", "statistic", "p", "explained")


def batch_tests(features, batch, *, test="kruskal"):
    """Test every feature for a difference between batches, in patients who have it.

    Parameters
    ----------
    features : DataFrame, patients x features
    batch : Series
        Name of the batch by patient, same index.
    test : {"kruskal", "anova", "levene"}
        Kruskal and Wallis 1952; one-way analysis of variance; Brown and Forsythe 1974 (spread about the median).

    Returns
    -------
    DataFrame
        feature, patients, batches, statistic, p, q (adjusted for the number of features, Benjamini and Hochberg 1995)
        and explained, the share of the variance (Kruskal: of the ranks) that lies between batches, 0 to 1. NaN where a
        feature is constant or known in fewer than two batches of which one has two patients.

    Raises
    ------
    ValueError
        For an unknown test.
    """
    if test not in TESTS:
        raise ValueError(f"test is {test!r}: use one of {', '.join(TESTS)}.")
    members = np.array([(batch == name).to_numpy() for name in sorted(batch.dropna().unique())])
    found = in_blocks(lambda columns: _tested(columns, members, test), features.to_numpy(dtype=float))
    table = pd.DataFrame(dict(zip(STATISTICS, found, strict=True))).astype({"patients": int, "batches": int})
    known = table["p"].notna()
    table["q"] = np.nan
    table.loc[known, "q"] = stats.false_discovery_control(table.loc[known, "p"]) if known.any() else np.nan
    return table.assign(feature=features.columns)[
        ["feature", "patients", "batches", "statistic", "p", "q", "explained"]
    ]


def _tested(values, members, test):
    """`STATISTICS` of every column, as rows."""
    values = np.where(members.any(axis=0)[:, None], values, np.nan)
    if test == "kruskal":
        values = stats.rankdata(values, axis=0, nan_policy="omit")
    elif test == "levene":
        values = _distance_from_median(values, members)
    return _between_batches(values, members, test)


def batch_summary(before, after, *, alpha=0.05):
    """Return how many features differ between batches before and after harmonisation.

    Parameters
    ----------
    before, after : DataFrame
        As `batch_tests` gives them.
    alpha : float
        Level of p and q.

    Returns
    -------
    DataFrame
        when, features (tested), p_below, q_below (numbers), median_explained.
    """
    rows = [
        {
            "when": when,
            "features": int(table["p"].notna().sum()),
            "p_below": int((table["p"] < alpha).sum()),
            "q_below": int((table["q"] < alpha).sum()),
            "median_explained": float(table["explained"].median()),
        }
        for when, table in (("before", before), ("after", after))
    ]
    return pd.DataFrame(rows)


def principal_components(features):
    """Return the first two principal components of the standardised features, and the variance each explains.

    Missing values count as the feature's mean, constant features are left out.

    Parameters
    ----------
    features : DataFrame, patients x features

    Returns
    -------
    coordinates : DataFrame
        ``PC1``, ``PC2`` by patient; the largest loading of each is positive.
    explained : tuple of float
        Shares of the total variance, 0 to 1.

    Raises
    ------
    ValueError
        If fewer than two features vary, or there are fewer than three patients.
    """
    standard = in_blocks(_standardised, features.to_numpy(dtype=float))
    standard = standard[:, standard.any(axis=0)]
    if standard.shape[1] < 2 or len(standard) < 3:
        raise ValueError(
            f"{standard.shape[1]} varying features of {len(standard)} patients: principal components need 2 and 3."
        )
    among_patients = standard @ standard.T  # of which two directions are needed, not a decomposition of the table
    start = np.random.default_rng(0).normal(size=len(standard))
    square, left = eigsh(among_patients, k=2, v0=start)
    square, left = np.maximum(square[::-1], 0), left[:, ::-1]
    loadings = left.T @ standard
    sign = np.sign(loadings[[0, 1], np.abs(loadings).argmax(axis=1)])
    coordinates = pd.DataFrame(left * np.sqrt(square) * sign, index=features.index, columns=["PC1", "PC2"])
    return coordinates, tuple(float(share) for share in square / np.trace(among_patients))


def _standardised(values):
    """Mean 0 and standard deviation 1 of every column, 0 where a value is missing or a column does not vary."""
    known = np.isfinite(values)
    number = np.maximum(known.sum(axis=0), 1)
    centred = np.where(known, values - np.where(known, values, 0).sum(axis=0) / number, 0)
    deviation = np.sqrt((centred**2).sum(axis=0) / number)
    varies = _spread(values, known) > 0
    return np.where(varies, centred, 0) / np.where(varies, deviation, 1)


def _distance_from_median(values, members):
    """Distance of every value from the median of its batch."""
    distance = np.full_like(values, np.nan)
    for rows in members:
        known = np.isfinite(values[rows]).any(axis=0)
        distance[np.ix_(rows, known)] = np.abs(
            values[np.ix_(rows, known)] - np.nanmedian(values[np.ix_(rows, known)], axis=0)
        )
    return distance


def _between_batches(values, members, test):
    """Sums of squares between and within batches, and the test made of them: `STATISTICS` of every column."""
    known = np.isfinite(values)
    filled = np.where(known, values, 0.0)
    counts = members.astype(float) @ known
    patients, batches = counts.sum(axis=0), (counts > 0).sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        filled = np.where(known, filled - filled.sum(axis=0) / patients, 0.0)
        total = (filled**2).sum(axis=0)
        sums = members.astype(float) @ filled
        between = np.where(counts > 0, sums**2 / counts, 0.0).sum(axis=0)
        varies = (batches > 1) & (patients > batches) & (_spread(values, known) > 0)
        explained = np.where(varies, np.clip(between / total, 0, 1), np.nan)
        if test == "kruskal":
            statistic = (patients - 1) * explained
            p = stats.chi2.sf(statistic, batches - 1)
        else:
            statistic = explained / (1 - explained) * (patients - batches) / (batches - 1)
            p = stats.f.sf(statistic, batches - 1, patients - batches)
    return np.array([patients, batches, statistic, np.where(varies, p, np.nan), explained])


def _spread(values, known):
    return np.where(known, values, -np.inf).max(axis=0) - np.where(known, values, np.inf).min(axis=0)
