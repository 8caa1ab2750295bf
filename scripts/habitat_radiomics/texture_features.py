"""Texture features from texture matrices, by the definitions in pyradiomics 3.0.1's documentation.

Feature by feature the formulas are those of the IBSI reference manual (Zwanenburg et al. 2020) save the differences
pyradiomics documents; logarithms are taken of p + 2^-52, as there. Where a direction has no pair or run of voxels it
is left out of the mean over directions; without any direction the value is NaN.
This module imports numba and is itself imported only when features are extracted.
"""

from math import log2

import numpy as np

from habitat_radiomics.feature_names import CLASS_FEATURES
from habitat_radiomics.texture_matrices import compiled

EPSILON = np.spacing(1.0)
COARSENESS_WITHOUT_DIFFERENCES = 1e6

# Features of the GLCM in the order of their kernels: of two neighbours' levels, of their sum, of their difference.
JOINT = (
    "Autocorrelation",
    "Correlation",
    "Imc1",
    "Imc2",
    "JointAverage",
    "JointEnergy",
    "JointEntropy",
    "MaximumProbability",
    "SumSquares",
)
SUMS = ("ClusterProminence", "ClusterShade", "ClusterTendency", "SumAverage", "SumEntropy")
DIFFERENCES = (
    "Contrast",
    "DifferenceAverage",
    "DifferenceEntropy",
    "DifferenceVariance",
    "Id",
    "Idm",
    "Idmn",
    "Idn",
    "InverseVariance",
)

# pyradiomics' words for the small and the large sizes, size, and its non-uniformity, by class.
SIZE_WORDS = {
    "glrlm": ("ShortRun", "LongRun", "Run", "RunLength"),
    "glszm": ("SmallArea", "LargeArea", "Zone", "SizeZone"),
    "gldm": ("SmallDependence", "LargeDependence", "Dependence", "Dependence"),
}


def texture_values(matrices, grey, voxels, around, weights):
    """Return the features of all texture classes.

    Parameters
    ----------
    matrices : texture_matrices.Matrices
    grey : ndarray, shape (levels + 1,)
        Grey level of each rank.
    voxels : ndarray, shape (levels + 1,)
        Voxels of each rank.
    around : texture_matrices.Neighbourhood
    weights : tuple of ndarray, or None
        Weights of the directions of GLCM and of GLRLM, merged before features are calculated; None: features are
        averaged over directions.

    Returns
    -------
    dict
        Class to ``{feature: value}`` with pyradiomics' names.
    """
    level = grey[1:].astype(float)
    pair_weights, run_weights = weights or (None, None)
    pairs = merged(matrices.pairs[:, 1:, 1:], pair_weights)
    runs = merged(matrices.runs[:, 1:, 1:] * around.aligned[:, None, None], run_weights)
    sizes, zones = zone_matrix(matrices.zone_ranks, matrices.zone_sizes, len(level))
    dependences = matrices.dependences[None, 1:, 1:].astype(float)
    return {
        "glcm": glcm_features(pairs, level),
        "glrlm": size_features(runs, level, np.arange(1.0, runs.shape[2] + 1), words=SIZE_WORDS["glrlm"]),
        "glszm": size_features(zones[None], level, sizes, words=SIZE_WORDS["glszm"]),
        "gldm": size_features(dependences, level, np.arange(1.0, dependences.shape[2] + 1), words=SIZE_WORDS["gldm"]),
        "ngtdm": ngtdm_features(voxels[1:], matrices.differences[1:], level),
    }


def merged(counts, weights):
    """Add up directions with weights, or drop the empty ones; shape (directions, rows, columns), float."""
    if weights is not None:
        return np.tensordot(weights, counts, axes=1)[None]
    return counts[counts.any(axis=(1, 2))].astype(float)


@compiled
def mean_over_directions(by_direction):
    """Mean of every column over the rows (directions) that have a value; NaN where none has."""
    means = np.empty(by_direction.shape[1])
    for c in range(len(means)):
        total, known = 0.0, 0
        for d in range(len(by_direction)):
            if not np.isnan(by_direction[d, c]):
                total += by_direction[d, c]
                known += 1
        means[c] = total / known if known else np.nan
    return means


# grey level co-occurrence


def glcm_features(pairs, level):
    """Features of the grey level co-occurrence matrix (Haralick 1973), made symmetric, averaged over directions.

    Parameters
    ----------
    pairs : ndarray of float, shape (directions, levels, levels)
        Counts of (voxel, neighbour), not symmetric.
    level : ndarray of float, shape (levels,)

    Returns
    -------
    dict
    """
    p = np.empty(pairs.shape)
    by_direction = _glcm_of_directions(pairs, level, p)
    if len(pairs) and np.isnan(by_direction[:, 0]).any():  # directions merged without any pair
        return dict.fromkeys(CLASS_FEATURES["glcm"], np.nan)
    means = mean_over_directions(by_direction).tolist()
    return dict(zip(JOINT + SUMS + DIFFERENCES, means, strict=True)) | {"MCC": maximal_correlation(p)}


@compiled
def _glcm_of_directions(pairs, level, p):
    """Features of each direction in the order of JOINT, SUMS, DIFFERENCES (NaN without any pair); fills p."""
    found = np.empty((len(pairs), 23))
    sums, differences = np.empty(2 * int(level[-1]) + 1), np.empty(int(level[-1]))
    for d in range(len(pairs)):
        total = 2 * pairs[d].sum()
        if total == 0:
            found[d] = np.nan
            continue
        marginal = _symmetric_shares(pairs[d], total, p[d])
        mean = (marginal * level).sum()
        _distributions(p[d], level, sums, differences)
        _joint_features(p[d], marginal, level, mean, found[d, :9])
        _sum_features(sums, mean, found[d, 9:14])
        _difference_features(differences, level[-1], found[d, 14:])
    return found


@compiled
def _symmetric_shares(counts, total, p):
    """Fill p with the shares of (i, j) and (j, i) alike; returns their marginal distribution."""
    marginal = np.zeros(len(counts))
    for i in range(len(counts)):
        for j in range(len(counts)):
            p[i, j] = (counts[i, j] + counts[j, i]) / total
            marginal[i] += p[i, j]
    return marginal


@compiled
def _distributions(p, level, sums, differences):
    """Distributions of the sum and of the absolute difference of two neighbours' grey levels."""
    sums[:], differences[:] = 0.0, 0.0
    for i in range(len(level)):
        for j in range(len(level)):
            sums[int(level[i] + level[j])] += p[i, j]
            differences[int(abs(level[i] - level[j]))] += p[i, j]


@compiled
def _joint_features(p, marginal, level, mean, row):
    """Features of the levels of two neighbours, in the order of JOINT."""
    variance, single = 0.0, 0.0
    for i in range(len(level)):
        variance += marginal[i] * (level[i] - mean) ** 2
        single -= marginal[i] * log2(marginal[i] + EPSILON)
    product, covariance, energy, largest = 0.0, 0.0, 0.0, 0.0
    joint, independent, uncorrelated = 0.0, 0.0, 0.0  # HXY, HXY1 and HXY2 of Haralick
    for i in range(len(level)):
        for j in range(i + 1):
            share, expected, times = p[i, j], marginal[i] * marginal[j], 1 + (j < i)
            if expected > 0:
                logarithm = log2(expected + EPSILON)
                uncorrelated -= times * expected * logarithm
                if share > 0:
                    independent -= times * share * logarithm
                    joint -= times * share * log2(share + EPSILON)
                    product += times * share * level[i] * level[j]
                    covariance += times * share * (level[i] - mean) * (level[j] - mean)
                    energy += times * share * share
                    largest = max(largest, share)
    excess = uncorrelated - joint
    row[0] = product
    row[1] = 1.0 if variance == 0 else covariance / (variance + EPSILON)
    row[2] = 0.0 if single == 0 else (joint - independent) / single
    row[3] = np.sqrt(1 - np.exp(-2 * excess))  # NaN where rounding makes independent levels more than independent
    row[4], row[5], row[6], row[7], row[8] = mean, energy, joint, largest, variance


@compiled
def _sum_features(sums, mean, row):
    """Features of the distribution of the sum of two neighbours' grey levels, in the order of SUMS."""
    row[:] = 0.0
    for k in range(len(sums)):
        share, apart = sums[k], k - 2 * mean
        if share > 0:
            row[0] += share * apart**4
            row[1] += share * apart**3
            row[2] += share * apart**2
            row[3] += share * k
            row[4] -= share * log2(share + EPSILON)


@compiled
def _difference_features(differences, highest, row):
    """Features of the distribution of the absolute difference of grey levels, in the order of DIFFERENCES."""
    row[:] = 0.0
    for k in range(len(differences)):
        share = differences[k]
        if share > 0:
            row[0] += share * k**2
            row[1] += share * k
            row[2] -= share * log2(share + EPSILON)
            row[4] += share / (1 + k)
            row[5] += share / (1 + k**2)
            row[6] += share / (1 + (k / highest) ** 2)
            row[7] += share / (1 + k / highest)
            row[8] += share / k**2 if k > 0 else 0.0
    for k in range(len(differences)):
        row[3] += differences[k] * (k - row[1]) ** 2


def maximal_correlation(probabilities):
    """Maximal correlation coefficient: mean over directions of the second largest singular value.

    pyradiomics takes the second largest eigenvalue of Q(i, j) = sum over k of p(i, k) p(j, k) / (p_i p_k + epsilon).
    Q is similar to the square of the symmetric matrix used here, whose eigenvalues are cheaper; epsilon enters with
    the same first-order effect (it matters for levels of a few voxels in a large region).

    Parameters
    ----------
    probabilities : ndarray, shape (directions, levels, levels)
        Symmetric, each with sum 1.
    """
    if probabilities.shape[1] < 2:
        return 1.0
    if not len(probabilities):
        return np.nan
    marginal = probabilities.sum(axis=2)
    scaled = probabilities / np.sqrt(marginal[:, :, None] * marginal[:, None, :] + EPSILON)
    return float(np.mean(np.sort(np.abs(np.linalg.eigvalsh(scaled)), axis=1)[:, -2]))


# matrices of grey level and size


def zone_matrix(ranks, sizes, levels):
    """Return the zone sizes that occur, ascending, and the matrix of zones by rank and size; both float."""
    distinct, column = np.unique(sizes, return_inverse=True)
    counts = np.bincount((ranks - 1) * len(distinct) + column, minlength=levels * len(distinct))
    return distinct.astype(float), counts.reshape(levels, len(distinct)).astype(float)


def size_features(counts, level, size, *, words):
    """Features shared by the matrices of runs, zones and dependences (Galloway 1975, Thibault 2013, Sun and Wee 1983).

    Parameters
    ----------
    counts : ndarray of float, shape (directions, levels, sizes)
        Number (or weighted number) of runs, zones or voxels.
    level : ndarray of float, shape (levels,)
    size : ndarray of float, shape (sizes,)
    words : tuple of str
        One of ``SIZE_WORDS``.

    Returns
    -------
    dict
        Means over directions. Of runs merged without any that counts, variance and entropy of the lengths are 0 and
        all others NaN, as in pyradiomics.
    """
    few, many, name, extent = words
    grey = "" if name == "Dependence" else name
    names = (
        f"{few}Emphasis",
        f"{many}Emphasis",
        "GrayLevelNonUniformity",
        "GrayLevelNonUniformityNormalized",
        f"{extent}NonUniformity",
        f"{extent}NonUniformityNormalized",
        f"{name}Percentage",
        "GrayLevelVariance",
        f"{name}Variance",
        f"{name}Entropy",
        f"LowGrayLevel{grey}Emphasis",
        f"HighGrayLevel{grey}Emphasis",
        f"{few}LowGrayLevelEmphasis",
        f"{few}HighGrayLevelEmphasis",
        f"{many}LowGrayLevelEmphasis",
        f"{many}HighGrayLevelEmphasis",
    )
    means = mean_over_directions(_size_features_of_directions(counts, level, size)).tolist()
    return dict(zip(names, means, strict=True))


@compiled
def _size_features_of_directions(counts, level, size):
    """Features of each direction, in the order of `size_features`."""
    found = np.zeros((len(counts), 16))
    for d in range(len(counts)):
        number = counts[d].sum()
        if number == 0:
            found[d], found[d, 8:10] = np.nan, 0.0
        else:
            _size_features(counts[d] / number, number, level, size, found[d])
    return found


@compiled
def _size_features(shares, number, level, size, row):
    by_level, by_size = np.zeros(len(level)), np.zeros(len(size))
    mean_level, mean_size = 0.0, 0.0
    for i in range(len(level)):
        for j in range(len(size)):
            share = shares[i, j]
            if share > 0:
                by_level[i] += share
                by_size[j] += share
                mean_level += share * level[i]
                mean_size += share * size[j]
                row[9] -= share * log2(share + EPSILON)
                square, area = level[i] ** 2, size[j] ** 2
                row[0] += share / area
                row[1] += share * area
                row[10] += share / square
                row[11] += share * square
                row[12] += share / area / square
                row[13] += share / area * square
                row[14] += share * area / square
                row[15] += share * area * square
    row[3], row[5] = (by_level**2).sum(), (by_size**2).sum()
    row[2], row[4], row[6] = row[3] * number, row[5] * number, 1 / mean_size
    row[7] = (by_level * (level - mean_level) ** 2).sum()
    row[8] = (by_size * (size - mean_size) ** 2).sum()


# neighbourhood grey tone difference


def ngtdm_features(voxels, differences, level):
    """Features of the neighbourhood grey tone difference matrix (Amadasun and King 1989).

    Parameters
    ----------
    voxels, differences, level : ndarray, shape (levels,)
        Number of voxels, sum of absolute differences to the neighbours' mean, grey level.

    Returns
    -------
    dict
    """
    number, total, p = voxels.sum(), differences.sum(), voxels / voxels.sum()
    coarse = (p * differences).sum()
    gap, both = np.abs(level[:, None] - level), p[:, None] + p
    spread = np.abs((level * p)[:, None] - level * p).sum()
    weighted = (p * differences)[:, None] + p * differences
    contrast = (p[:, None] * p * gap**2).sum() * total / number
    ordered_pairs = len(level) * (len(level) - 1)
    return {
        "Busyness": coarse / spread if spread != 0 else 0.0,
        "Coarseness": 1 / coarse if coarse != 0 else COARSENESS_WITHOUT_DIFFERENCES,
        "Complexity": (gap * weighted / both).sum() / number,
        "Contrast": contrast / ordered_pairs if ordered_pairs else 0.0,
        "Strength": (both * gap**2).sum() / total if total != 0 else 0.0,
    }
