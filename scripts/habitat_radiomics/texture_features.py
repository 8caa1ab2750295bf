"""Texture features from texture matrices, by the definitions in pyradiomics 3.0.1's documentation.

Feature by feature the formulas are those of the IBSI reference manual (Zwanenburg et al. 2020) save the differences
pyradiomics documents; logarithms are taken of p + 2^-52, as there. Where a direction has no pair or run of voxels it
is left out of the mean over directions; without any direction the value is NaN.
This module imports numba and is itself imported only when features are extracted.
"""

from math import log2

import numpy as np

from habitat_radiomics.texture_matrices import compiled

EPSILON = np.spacing(1.0)
COARSENESS_WITHOUT_DIFFERENCES = 1e6

# Columns of ``size_features``; G grey level, S size (run length, zone size or number of dependent voxels).
SIZE_FEATURES = (
    "SmallEmphasis",
    "LargeEmphasis",
    "GrayLevelNonUniformity",
    "GrayLevelNonUniformityNormalized",
    "SizeNonUniformity",
    "SizeNonUniformityNormalized",
    "Percentage",
    "GrayLevelVariance",
    "SizeVariance",
    "Entropy",
    "LowGrayLevelEmphasis",
    "HighGrayLevelEmphasis",
    "SmallLowGrayLevelEmphasis",
    "SmallHighGrayLevelEmphasis",
    "LargeLowGrayLevelEmphasis",
    "LargeHighGrayLevelEmphasis",
)
# pyradiomics' words for the small and the large sizes and for size, by class.
SIZE_WORDS = {"glrlm": ("ShortRun", "LongRun", "Run"), "glszm": ("SmallArea", "LargeArea", "Zone")}
GLCM_FEATURES = (
    "Autocorrelation",
    "ClusterProminence",
    "ClusterShade",
    "ClusterTendency",
    "Contrast",
    "Correlation",
    "DifferenceAverage",
    "DifferenceEntropy",
    "DifferenceVariance",
    "Id",
    "Idm",
    "Idmn",
    "Idn",
    "Imc1",
    "Imc2",
    "InverseVariance",
    "JointAverage",
    "JointEnergy",
    "JointEntropy",
    "MaximumProbability",
    "SumAverage",
    "SumEntropy",
    "SumSquares",
)
NGTDM_FEATURES = ("Busyness", "Coarseness", "Complexity", "Contrast", "Strength")


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
    runs = merged(np.where(around.aligned[:, None, None], matrices.runs[:, 1:, 1:], 0), run_weights)
    sizes, zones = zone_matrix(matrices.zone_ranks, matrices.zone_sizes, len(level))
    lengths = np.arange(1.0, runs.shape[2] + 1)
    dependent = np.arange(1.0, matrices.dependences.shape[1])
    return {
        "glcm": glcm_features(pairs, level),
        "glrlm": _sized("glrlm", mean_over_directions([size_features(run, level, lengths) for run in runs])),
        "glszm": _sized("glszm", size_features(zones, level, sizes)),
        "gldm": _gldm(size_features(matrices.dependences[1:, 1:].astype(float), level, dependent)),
        "ngtdm": dict(zip(NGTDM_FEATURES, ngtdm_features(voxels[1:], matrices.differences[1:], level), strict=True)),
    }


def merged(counts, weights):
    """Add up directions with weights, or drop the empty ones; shape (directions, rows, columns), float."""
    if weights is not None:
        return np.tensordot(weights, counts, axes=1)[None]
    return counts[counts.any(axis=(1, 2))].astype(float)


def mean_over_directions(values):
    """Mean over the first axis of the directions that have a value; NaN where none has."""
    values = np.reshape(values, (-1, len(SIZE_FEATURES) if not len(values) else len(values[0])))
    known = ~np.isnan(values)
    number = known.sum(axis=0)
    return np.where(number > 0, np.where(known, values, 0).sum(axis=0) / np.maximum(number, 1), np.nan)


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
    symmetric = pairs + pairs.transpose(0, 2, 1)
    totals = symmetric.sum(axis=(1, 2))
    if not len(pairs) or not totals.all():
        single = len(level) == 1 and not len(pairs)  # pyradiomics returns MCC 1 before it looks at the matrix
        return dict.fromkeys(GLCM_FEATURES, np.nan) | {"MCC": 1.0 if single else np.nan}
    probabilities = symmetric / totals[:, None, None]
    values = mean_over_directions([_glcm(each, level) for each in probabilities])
    return dict(zip(GLCM_FEATURES, values, strict=True)) | {"MCC": maximal_correlation(probabilities)}


@compiled
def _glcm(p, level):
    """All features of one symmetric normalised matrix except MCC, in the order of ``GLCM_FEATURES``."""
    marginal = p.sum(axis=1)
    mean = (level * marginal).sum()
    sums, differences = _sums_and_differences(p, level)
    joint, independent, uncorrelated, marginal_entropy = _entropies(p, marginal)
    autocorrelation, covariance = _products(p, level, mean)
    variance = (marginal * (level - mean) ** 2).sum()
    k = np.arange(len(sums)).astype(np.float64)
    d, highest = k[: len(differences)], level[-1]
    average = (d * differences).sum()
    excess = k - 2 * mean
    # sqrt(negative) is NaN, as in pyradiomics: rounding where the levels are independent
    information = 0.0 if uncorrelated == joint else np.sqrt(1 - np.exp(-2 * (uncorrelated - joint)))
    return np.array(
        [
            autocorrelation,
            (sums * excess**4).sum(),
            (sums * excess**3).sum(),
            (sums * excess**2).sum(),
            (differences * d**2).sum(),
            1.0 if variance == 0 else covariance / (variance + EPSILON),
            average,
            _entropy(differences),
            (differences * (d - average) ** 2).sum(),
            (differences / (1 + d)).sum(),
            (differences / (1 + d**2)).sum(),
            (differences / (1 + (d / highest) ** 2)).sum(),
            (differences / (1 + d / highest)).sum(),
            0.0 if marginal_entropy == 0 else (joint - independent) / marginal_entropy,
            information,
            (differences[1:] / d[1:] ** 2).sum(),
            mean,
            (p**2).sum(),
            joint,
            p.max(),
            (k * sums).sum(),
            _entropy(sums),
            variance,
        ]
    )


@compiled
def _sums_and_differences(p, level):
    """Distributions of the sum and of the absolute difference of two neighbours' grey levels."""
    highest = int(level[-1])
    sums, differences = np.zeros(2 * highest + 1), np.zeros(highest)
    for i in range(len(level)):
        for j in range(len(level)):
            first, second = int(level[i]), int(level[j])
            sums[first + second] += p[i, j]
            differences[abs(first - second)] += p[i, j]
    return sums, differences


@compiled
def _products(p, level, mean):
    product, covariance = 0.0, 0.0
    for i in range(len(level)):
        for j in range(len(level)):
            product += p[i, j] * level[i] * level[j]
            covariance += p[i, j] * (level[i] - mean) * (level[j] - mean)
    return product, covariance


@compiled
def _entropies(p, marginal):
    """HXY, HXY1, HXY2 and HX of Haralick's information measures of correlation."""
    joint, independent, uncorrelated = 0.0, 0.0, 0.0
    for i in range(len(marginal)):
        for j in range(len(marginal)):
            product = marginal[i] * marginal[j]
            if product > 0:
                logarithm = log2(product + EPSILON)
                uncorrelated -= product * logarithm
                if p[i, j] > 0:
                    independent -= p[i, j] * logarithm
                    joint -= p[i, j] * log2(p[i, j] + EPSILON)
    return joint, independent, uncorrelated, _entropy(marginal)


@compiled
def _entropy(p):
    entropy = 0.0
    for value in p:
        if value > 0:
            entropy -= value * log2(value + EPSILON)
    return entropy


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
    marginal = probabilities.sum(axis=2)
    scaled = probabilities / np.sqrt(marginal[:, :, None] * marginal[:, None, :] + EPSILON)
    return float(np.mean(np.sort(np.abs(np.linalg.eigvalsh(scaled)), axis=1)[:, -2]))


# matrices of grey level and size


def zone_matrix(ranks, sizes, levels):
    """Return the zone sizes that occur, ascending, and the matrix of zones by rank and size; both float."""
    distinct, column = np.unique(sizes, return_inverse=True)
    counts = np.bincount((ranks - 1) * len(distinct) + column, minlength=levels * len(distinct))
    return distinct.astype(float), counts.reshape(levels, len(distinct)).astype(float)


@compiled
def size_features(counts, level, size):
    """Features shared by the matrices of runs, zones and dependences (Galloway 1975, Thibault 2013, Sun and Wee 1983).

    Parameters
    ----------
    counts : ndarray of float, shape (levels, sizes)
        Number (or weighted number) of runs, zones or voxels.
    level : ndarray of float, shape (levels,)
    size : ndarray of float, shape (sizes,)

    Returns
    -------
    ndarray, shape (16,)
        In the order of ``SIZE_FEATURES``; NaN when nothing was counted, save variance and entropy of the sizes (0).
    """
    by_level, by_size = counts.sum(axis=1), counts.sum(axis=0)
    number = by_level.sum()
    if number == 0:
        empty = np.full(16, np.nan)
        empty[8] = empty[9] = 0.0  # pyradiomics sums these two over no size at all
        return empty
    mean_level, mean_size = (by_level * level).sum() / number, (by_size * size).sum() / number
    entropy, crossed = _cross_features(counts, level, size, number)
    return np.array(
        [
            (by_size / size**2).sum() / number,
            (by_size * size**2).sum() / number,
            (by_level**2).sum() / number,
            (by_level**2).sum() / number**2,
            (by_size**2).sum() / number,
            (by_size**2).sum() / number**2,
            1 / mean_size,
            (by_level * (level - mean_level) ** 2).sum() / number,
            (by_size * (size - mean_size) ** 2).sum() / number,
            entropy,
            (by_level / level**2).sum() / number,
            (by_level * level**2).sum() / number,
            crossed[0] / number,
            crossed[1] / number,
            crossed[2] / number,
            crossed[3] / number,
        ]
    )


@compiled
def _cross_features(counts, level, size, number):
    """Entropy, and the sums over the four combinations of small or large sizes with low or high grey levels."""
    entropy, crossed = 0.0, np.zeros(4)
    for i in range(len(level)):
        square = level[i] ** 2
        for j in range(len(size)):
            if counts[i, j] > 0:
                p = counts[i, j] / number
                entropy -= p * log2(p + EPSILON)
                small, large = counts[i, j] / size[j] ** 2, counts[i, j] * size[j] ** 2
                crossed[0] += small / square
                crossed[1] += small * square
                crossed[2] += large / square
                crossed[3] += large * square
    return entropy, crossed


def _sized(class_name, values):
    """Give the features of runs or zones pyradiomics' names."""
    small, large, size = SIZE_WORDS[class_name]
    extent = {"glrlm": "RunLength", "glszm": "SizeZone"}[class_name]
    names = (
        f"{small}Emphasis",
        f"{large}Emphasis",
        "GrayLevelNonUniformity",
        "GrayLevelNonUniformityNormalized",
        f"{extent}NonUniformity",
        f"{extent}NonUniformityNormalized",
        f"{size}Percentage",
        "GrayLevelVariance",
        f"{size}Variance",
        f"{size}Entropy",
        f"LowGrayLevel{size}Emphasis",
        f"HighGrayLevel{size}Emphasis",
        f"{small}LowGrayLevelEmphasis",
        f"{small}HighGrayLevelEmphasis",
        f"{large}LowGrayLevelEmphasis",
        f"{large}HighGrayLevelEmphasis",
    )
    return dict(zip(names, values, strict=True))


def _gldm(values):
    """Name the features of dependences: every voxel has one, so that normalised and percentage say nothing new."""
    word = "Dependence"
    names = (
        f"Small{word}Emphasis",
        f"Large{word}Emphasis",
        "GrayLevelNonUniformity",
        None,
        f"{word}NonUniformity",
        f"{word}NonUniformityNormalized",
        None,
        "GrayLevelVariance",
        f"{word}Variance",
        f"{word}Entropy",
        "LowGrayLevelEmphasis",
        "HighGrayLevelEmphasis",
        f"Small{word}LowGrayLevelEmphasis",
        f"Small{word}HighGrayLevelEmphasis",
        f"Large{word}LowGrayLevelEmphasis",
        f"Large{word}HighGrayLevelEmphasis",
    )
    return {name: value for name, value in zip(names, values, strict=True) if name}


# neighbourhood grey tone difference


@compiled
def ngtdm_features(voxels, differences, level):
    """Features of the neighbourhood grey tone difference matrix (Amadasun and King 1989).

    Parameters
    ----------
    voxels, differences, level : ndarray, shape (levels,)
        Number of voxels, sum of absolute differences to the neighbours' mean, grey level.

    Returns
    -------
    tuple of float
        In the order of ``NGTDM_FEATURES``.
    """
    number, total = voxels.sum(), differences.sum()
    p = voxels / number
    coarse = (p * differences).sum()
    contrast, spread, complexity, strength = 0.0, 0.0, 0.0, 0.0
    for i in range(len(level)):
        for j in range(len(level)):
            gap = abs(level[i] - level[j])
            contrast += p[i] * p[j] * gap**2
            spread += abs(level[i] * p[i] - level[j] * p[j])
            complexity += gap * (p[i] * differences[i] + p[j] * differences[j]) / (p[i] + p[j])
            strength += (p[i] + p[j]) * gap**2
    ordered_pairs = len(level) * (len(level) - 1)
    return (
        coarse / spread if spread != 0 else 0.0,
        1 / coarse if coarse != 0 else COARSENESS_WITHOUT_DIFFERENCES,
        complexity / number,
        contrast * total / number / ordered_pairs if ordered_pairs else 0.0,
        strength / total if total != 0 else 0.0,
    )
