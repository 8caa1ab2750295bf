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


def mean_over_directions(values):
    """Take of every feature (name to array, shape (directions,)) the mean of the directions that have a value."""
    by_feature = np.array(list(values.values()))
    known = ~np.isnan(by_feature)
    number = known.sum(axis=1)
    means = np.where(known, by_feature, 0).sum(axis=1) / np.where(number, number, np.nan)
    return dict(zip(values, means.tolist(), strict=True))


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
    if len(pairs) and not totals.all():  # directions merged without any pair
        return dict.fromkeys(CLASS_FEATURES["glcm"], np.nan)
    p = symmetric / totals[:, None, None]
    marginal = p.sum(axis=2)
    mean = marginal @ level
    variance = (marginal * (level - mean[:, None]) ** 2).sum(axis=1)
    sums, differences, products = distributions(p, level, mean)
    values = mean_over_directions(
        {
            **_marginal_features(p, marginal, mean, variance, products),
            **_sum_features(sums, mean),
            **_difference_features(differences, level[-1]),
        }
    )
    return values | {"MCC": maximal_correlation(p)}


def _marginal_features(p, marginal, mean, variance, products):
    autocorrelation, covariance = products.T
    joint, independent, uncorrelated = entropies(p, marginal).T
    single = _entropy(marginal)
    excess = uncorrelated - joint
    with np.errstate(invalid="ignore"):  # NaN where rounding makes independent levels more than independent
        information = np.where(excess == 0, 0, np.sqrt(1 - np.exp(-2 * excess)))
    return {
        "Autocorrelation": autocorrelation,
        "Correlation": np.where(variance == 0, 1, covariance / (variance + EPSILON)),
        "Imc1": np.where(single == 0, 0, (joint - independent) / np.where(single == 0, 1, single)),
        "Imc2": information,
        "JointAverage": mean,
        "JointEnergy": (p**2).sum(axis=(1, 2)),
        "JointEntropy": joint,
        "MaximumProbability": p.max(axis=(1, 2)),
        "SumSquares": variance,
    }


def _sum_features(sums, mean):
    """Features of the distribution of the sum of two neighbours' grey levels."""
    k = np.arange(float(sums.shape[1]))
    excess = k - 2 * mean[:, None]
    return {
        "ClusterProminence": (sums * excess**4).sum(axis=1),
        "ClusterShade": (sums * excess**3).sum(axis=1),
        "ClusterTendency": (sums * excess**2).sum(axis=1),
        "SumAverage": sums @ k,
        "SumEntropy": _entropy(sums),
    }


def _difference_features(differences, highest):
    """Features of the distribution of the absolute difference of two neighbours' grey levels."""
    k = np.arange(float(differences.shape[1]))
    average = differences @ k
    return {
        "Contrast": differences @ k**2,
        "DifferenceAverage": average,
        "DifferenceEntropy": _entropy(differences),
        "DifferenceVariance": (differences * (k - average[:, None]) ** 2).sum(axis=1),
        "Id": differences @ (1 / (1 + k)),
        "Idm": differences @ (1 / (1 + k**2)),
        "Idmn": differences @ (1 / (1 + (k / highest) ** 2)),
        "Idn": differences @ (1 / (1 + k / highest)),
        "InverseVariance": differences[:, 1:] @ (1 / k[1:] ** 2),
    }


@compiled
def distributions(p, level, mean):
    """Distributions of the sum and of the absolute difference of two neighbours' levels, product and covariance.

    Parameters
    ----------
    p : ndarray, shape (directions, levels, levels)
    level : ndarray, shape (levels,)
    mean : ndarray, shape (directions,)

    Returns
    -------
    tuple of ndarray
        Shapes (directions, 2 x highest level + 1), (directions, highest level), (directions, 2).
    """
    highest = int(level[-1])
    sums, differences = np.zeros((len(p), 2 * highest + 1)), np.zeros((len(p), highest))
    products = np.zeros((len(p), 2))
    for d in range(len(p)):
        for i in range(len(level)):
            for j in range(len(level)):
                sums[d, int(level[i] + level[j])] += p[d, i, j]
                differences[d, int(abs(level[i] - level[j]))] += p[d, i, j]
                products[d, 0] += p[d, i, j] * level[i] * level[j]
                products[d, 1] += p[d, i, j] * (level[i] - mean[d]) * (level[j] - mean[d])
    return sums, differences, products


@compiled
def entropies(p, marginal):
    """HXY, HXY1 and HXY2 of Haralick's information measures of correlation, shape (directions, 3)."""
    found = np.zeros((len(p), 3))
    for d in range(len(p)):
        for i in range(marginal.shape[1]):
            for j in range(marginal.shape[1]):
                product = marginal[d, i] * marginal[d, j]
                if product > 0:
                    logarithm = log2(product + EPSILON)
                    found[d, 2] -= product * logarithm
                    if p[d, i, j] > 0:
                        found[d, 1] -= p[d, i, j] * logarithm
                        found[d, 0] -= p[d, i, j] * log2(p[d, i, j] + EPSILON)
    return found


def _entropy(p):
    """Entropy in bits over the last axis."""
    return -(p * np.log2(p + EPSILON)).sum(axis=-1)


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
    occurring = counts.any(axis=(0, 1))
    counts, size = counts[:, :, occurring], size[occurring]
    number = counts.sum(axis=(1, 2))
    number = np.where(number == 0, np.nan, number)[:, None]
    by_level, by_size, shares = counts.sum(axis=2) / number, counts.sum(axis=1) / number, counts / number[:, None]
    mean_level, mean_size = (by_level @ level)[:, None], (by_size @ size)[:, None]
    small, large = shares @ size**-2, shares @ size**2
    nothing = np.where(np.isnan(number[:, 0]), np.nan, 0)  # a sum over no size would be 0
    share_of_levels, share_of_sizes = (by_level**2).sum(axis=1), nothing + (by_size**2).sum(axis=1)
    few, many, name, extent = words
    values = {
        f"{few}Emphasis": nothing + by_size @ size**-2,
        f"{many}Emphasis": nothing + by_size @ size**2,
        "GrayLevelNonUniformity": share_of_levels * number[:, 0],
        "GrayLevelNonUniformityNormalized": share_of_levels,
        f"{extent}NonUniformity": share_of_sizes * number[:, 0],
        f"{extent}NonUniformityNormalized": share_of_sizes,
        f"{name}Percentage": 1 / np.where(np.isnan(number[:, 0]), np.nan, mean_size[:, 0]),
        "GrayLevelVariance": (by_level * (level - mean_level) ** 2).sum(axis=1),
        f"{name}Variance": (by_size * (size - mean_size) ** 2).sum(axis=1),
        f"{name}Entropy": -(shares * np.log2(shares + EPSILON)).sum(axis=(1, 2)),
    }
    grey = "" if name == "Dependence" else name
    values |= {
        f"LowGrayLevel{grey}Emphasis": by_level @ level**-2,
        f"HighGrayLevel{grey}Emphasis": by_level @ level**2,
        f"{few}LowGrayLevelEmphasis": nothing + small @ level**-2,
        f"{few}HighGrayLevelEmphasis": nothing + small @ level**2,
        f"{many}LowGrayLevelEmphasis": nothing + large @ level**-2,
        f"{many}HighGrayLevelEmphasis": nothing + large @ level**2,
    }
    return mean_over_directions(values)


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
