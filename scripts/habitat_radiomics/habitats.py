"""Habitats: subregions of the tumour that mean the same in every patient.

Centres (or only the number of habitats and the scale of intensities, for ``scope: patient``) are learnt from samples of
training patients, each patient weighing the same, and kept in a small artifact of plain JSON types; labelling a patient
needs the artifact and that patient's images, nothing else. Habitats are numbered by ascending centroid: for several
sequences by the mean over channels of the centroid in training standard deviations, ties by the first channel.
"""

import numpy as np
import SimpleITK as sitk

from habitat_radiomics.faults import DataFault
from habitat_radiomics.habitat_inputs import channel_names, complete_inputs, voxel_values
from habitat_radiomics.habitat_kmeans import kmeans, nearest
from habitat_radiomics.habitat_labels import label_image, remove_small_components, smooth_labels
from habitat_radiomics.habitat_mixture import component_scores, fit_mixtures, gather
from habitat_radiomics.leakage import digests

METHODS, SCOPES, SCALINGS = ("kmeans", "gmm"), ("cohort", "patient"), ("zscore", "none")
MOST_HABITATS = 8
# Colour-blind-safe and fixed by number (Okabe and Ito 2008); yellow stands out on grey images.
COLOURS = ("#0072B2", "#F0E442", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#FFFFFF")
LEVELS = {2: ("low", "high"), 3: ("low", "medium", "high")}
SAME_LEVEL = 0.25  # training standard deviations; centroids of a channel that are nearer are not called apart
DIGITS = 12  # significant, in the artifact: the last bits differ between processors
DEFAULT_TIDYING = {"radius_mm": 1.0, "iterations": 0, "min_voxels": 0}


def voxel_sample(images, mask, *, limit, seed, inputs=None):
    """A seeded sample of a tumour's voxels, without replacement: what a cohort fit needs of a patient.

    Parameters
    ----------
    images : dict of str to SimpleITK.Image
        Normalised images by sequence, on the grid of the mask.
    mask : SimpleITK.Image
        Tumour, non-zero inside.
    limit : int
        Largest number of voxels; a smaller tumour is taken whole.
    seed : int
    inputs : dict, optional
        See `habitat_inputs.complete_inputs`.

    Returns
    -------
    ndarray of float32, shape (voxels, channels)
        In memory order (z, y, x); channels as in `habitat_inputs.channel_names`.

    Raises
    ------
    DataFault
        See `habitat_inputs.voxel_values`.
    """
    values = voxel_values(images, mask, inputs=inputs)
    if values.shape[1] > limit:
        values = values[:, np.sort(np.random.default_rng(seed).choice(values.shape[1], limit, replace=False))]
    return np.ascontiguousarray(values.T, dtype=np.float32)


def pooled(samples):
    """Points of all patients, in the order of their ids whatever order they are given in, and their weights.

    Parameters
    ----------
    samples : dict of str to ndarray
        Patient to `voxel_sample`.

    Returns
    -------
    points : ndarray of float64, shape (channels, points)
    weights : ndarray of float64, shape (points,)
        Each patient's sum to 1.

    Raises
    ------
    ValueError
        No patient.
    """
    if not samples:
        raise ValueError("no training patient has a usable sample of voxels, so habitats cannot be fitted.")
    ordered = [samples[patient] for patient in sorted(samples)]
    weights = np.repeat([1.0 / len(sample) for sample in ordered], [len(sample) for sample in ordered])
    return np.ascontiguousarray(np.concatenate(ordered).T, dtype=np.float64), weights


def fit_scaling(samples, *, method="zscore"):
    """Scale of each channel: mean and standard deviation of tumour voxels, each training patient weighing the same.

    Parameters
    ----------
    samples : dict of str to ndarray
        Patient to `voxel_sample`; training patients only.
    method : {"zscore", "none"}
        Cluster in training standard deviations, or in the units of the images.

    Returns
    -------
    dict
        method, mean, sd (lists, one number per channel; known for "none" too, as names refer to them).

    Raises
    ------
    ValueError
        Unknown method; a channel that is constant.
    """
    _choose("scaling", method, SCALINGS)
    points, weights = pooled(samples)
    mean = (points * weights).sum(axis=1) / weights.sum()
    variance = (np.square(points - mean[:, None]) * weights).sum(axis=1) / weights.sum()
    if not (variance > 0).all():
        raise ValueError(f"channel {int(np.argmin(variance)) + 1} is constant in the training tumours: leave it out.")
    return {"method": method, "mean": _rounded(mean), "sd": _rounded(np.sqrt(variance))}


def scaled(points, scaling):
    """Points (channels, n) in the units of clustering."""
    if scaling["method"] == "none":
        return points
    return (points - np.array(scaling["mean"])[:, None]) / np.array(scaling["sd"])[:, None]


def fit_centres(samples, *, k, scaling, method="kmeans", spread="full", seed=0, starts=20):
    """Centres of k habitats from the pooled voxels of training patients, equal weight per patient.

    Parameters
    ----------
    samples : dict of str to ndarray
        Patient to `voxel_sample`.
    k : int
    scaling : dict
        From `fit_scaling`.
    method : {"kmeans", "gmm"}
        A mixture's centres are its means.
    spread : {"full", "tied", "diag"}
        Covariances of a mixture, see `habitat_mixture.fit_mixtures`.
    seed, starts : int
        Of k-means in several channels; in one channel the optimum is found without.

    Returns
    -------
    dict
        centres (k lists, scaled units, in the order of the habitats); mixture (weights, covariances) or None;
        explained: share of the total variance between habitats, by k-means or by the mixture's assignment.
    """
    _choose("method", method, METHODS)
    points, weights = pooled(samples)
    points = scaled(points, scaling)
    if method == "kmeans":
        fitted = {"centres": _rounded(kmeans(points, weights, k=k, seed=seed, starts=starts).centres), "mixture": None}
    else:
        fitted = _fitted_mixture(points, weights, k, spread, seed)
    return {**fitted, "explained": round(_explained(points, weights, _nearest_habitat(points, fitted), k), 9)}


def fit_habitats(
    samples, *, sequences, k, method="kmeans", scope="cohort", scaling="zscore", spread="full",
    inputs=None, tidying=None, selection=None, seed=0, starts=20,
):  # fmt: skip
    """Learn from training patients everything that labelling a patient needs.

    Parameters
    ----------
    samples : dict of str to ndarray
        Patient to `voxel_sample`; training patients only.
    sequences : list of str
        In the order of the samples' columns.
    k : int
        1 to `MOST_HABITATS`.
    method, scaling, spread, seed, starts
        See `fit_centres` and `fit_scaling`.
    scope : {"cohort", "patient"}
        One set of centres for all, or each patient clustered alone with habitats matched by centroid order.
    inputs : dict, optional
        See `habitat_inputs.complete_inputs`; the same as the samples were taken with.
    tidying : dict, optional
        Any of `DEFAULT_TIDYING`: mode filter (radius_mm, iterations) and smallest island (min_voxels).
    selection : dict, optional
        How k was chosen, for the record (`habitat_count.selection_record`).

    Returns
    -------
    dict
        Plain JSON types: format, method, scope, sequences, channels, inputs, k, scaling, centres (scaled), mixture,
        explained, centroids (in intensity) and standardised (in training standard deviations) or None for scope
        patient, names, colours, tidying, selection, seed, starts, spread, patients, sampled_voxels, fitted_on.

    Raises
    ------
    ValueError
        Unknown choice, or k out of range.
    """
    _choose("scope", scope, SCOPES)
    _choose("method", method, METHODS)
    if not 1 <= k <= MOST_HABITATS:
        raise ValueError(f"k is {k}: between 1 and {MOST_HABITATS} habitats can be told apart by name and colour.")
    channels = channel_names(sequences, inputs)
    scale = fit_scaling(samples, method=scaling)
    fitted = {"centres": None, "mixture": None, "explained": None}
    if scope == "cohort":
        fitted = fit_centres(samples, k=k, scaling=scale, method=method, spread=spread, seed=seed, starts=starts)
    return {
        "format": 1, "method": method, "scope": scope, "k": k, "spread": spread, "seed": seed, "starts": starts,
        "sequences": list(sequences), "channels": channels, "inputs": complete_inputs(inputs), "scaling": scale,
        **fitted, **_described(fitted["centres"], scale, channels, k),
        "colours": list(COLOURS[:k]), "tidying": _complete_tidying(tidying), "selection": selection,
        "patients": len(samples), "sampled_voxels": sum(len(sample) for sample in samples.values()),
        "fitted_on": digests(samples),
    }  # fmt: skip


def label_habitats(images, mask, artifact):
    """Habitats of one patient, tidied as the artifact says; see `assign` and `cluster_patient`."""
    label = assign if artifact["scope"] == "cohort" else cluster_patient
    tidying = artifact["tidying"]
    labels = label(images, mask, artifact)
    labels = smooth_labels(labels, radius_mm=tidying["radius_mm"], iterations=tidying["iterations"])
    return remove_small_components(labels, min_voxels=tidying["min_voxels"])


def assign(images, mask, artifact):
    """Give every voxel of a tumour the habitat of its nearest centre, or of its most probable mixture component.

    Parameters
    ----------
    images : dict of str to SimpleITK.Image
        Normalised images by sequence (more than the artifact's are allowed), on the grid of the mask.
    mask : SimpleITK.Image
        Tumour, non-zero inside.
    artifact : dict
        From `fit_habitats` with scope cohort.

    Returns
    -------
    SimpleITK.Image
        uint8, 0 outside, 1..k inside.

    Raises
    ------
    ValueError
        A sequence of the artifact is missing.
    DataFault
        See `habitat_inputs.voxel_values`.
    """
    points = _points_of(images, mask, artifact)
    return _labelled(mask, _nearest_habitat(points, artifact))


def cluster_patient(images, mask, artifact):
    """Cluster the voxels of one tumour by themselves, habitats numbered by the order of their centroids.

    Parameters
    ----------
    images, mask
        As for `assign`.
    artifact : dict
        From `fit_habitats` with scope patient: it says k, method and the scale that makes sequences comparable.

    Returns
    -------
    SimpleITK.Image
        uint8, 0 outside, 1..k inside.

    Raises
    ------
    DataFault
        habitat_values_too_few: fewer distinct voxels than habitats. Also those of `habitat_inputs.voxel_values`.
    """
    points, k = _points_of(images, mask, artifact), artifact["k"]
    distinct = np.unique(points, axis=1).shape[1]
    if distinct < k:
        raise DataFault(
            "habitat_values_too_few",
            f"the tumour has {distinct} distinct intensities, fewer than {k} habitats. Check the image, lower "
            "habitats.k, or use scope: cohort.",
        )
    weights = np.ones(points.shape[1])
    if artifact["method"] == "gmm":
        own = _fitted_mixture(points, weights, k, artifact["spread"], artifact["seed"])
    else:
        clusters = kmeans(points, weights, k=k, seed=artifact["seed"], starts=artifact["starts"])
        own = {"centres": clusters.centres, "mixture": None}
    return _labelled(mask, _nearest_habitat(points, own))


def habitat_masks(labels, *, k):
    """Mask (uint8, 1 inside) of every habitat by region name, ``habitat1`` to ``habitat<k>``; None where empty."""
    array = sitk.GetArrayViewFromImage(labels)
    return {
        f"habitat{number}": label_image(array == number, labels) if (array == number).any() else None
        for number in range(1, k + 1)
    }


def habitat_names(standardised, channels):
    """Names of habitats in their order: low, medium, high by channel.

    Parameters
    ----------
    standardised : array-like, shape (k, channels)
        Centroids in training standard deviations.
    channels : list of str

    Returns
    -------
    list of str
        One channel: ``low, high``; ``low, medium, high``; else ``level 1`` and so on. Several channels: a word for
        each, such as ``T2 high, T1CE low``, where centroids of a channel within `SAME_LEVEL` of the next share a
        word, and the number is added where two habitats would bear one name.
    """
    values = np.asarray(standardised, dtype=np.float64)
    if len(channels) == 1:
        return _level_names(len(values))
    words = [_channel_words(column) for column in values.T]
    names = [", ".join(f"{c} {w[i]}" for c, w in zip(channels, words, strict=True)) for i in range(len(values))]
    return [name if names.count(name) == 1 else f"{name} ({number})" for number, name in enumerate(names, start=1)]


def _level_names(count):
    return list(LEVELS.get(count, [f"level {number}" for number in range(1, count + 1)]))


def _channel_words(values):
    """Word of each habitat in one channel."""
    order = np.argsort(values, kind="stable")
    level = np.empty(len(values), np.int64)
    level[order] = np.cumsum(np.diff(values[order], prepend=values[order[0]]) > SAME_LEVEL)
    count = int(level.max()) + 1
    words = _level_names(count) if count > 1 else ["alike"]
    return [words[number] for number in level]


def _described(centres, scaling, channels, k):
    """Centroids in intensity and in training standard deviations, and the habitats' names."""
    if centres is None:
        return {"centroids": None, "standardised": None, "names": _level_names(k)}
    mean, sd = np.array(scaling["mean"]), np.array(scaling["sd"])
    centroids = np.array(centres) if scaling["method"] == "none" else np.array(centres) * sd + mean
    standardised = (centroids - mean) / sd
    return {
        "centroids": _rounded(centroids),
        "standardised": _rounded(standardised),
        "names": habitat_names(standardised, channels),
    }


def _fitted_mixture(points, weights, k, spread, seed):
    found = fit_mixtures(gather(points, weights), [k], observations=points.shape[1], spread=spread, seed=seed)[k]
    mixture = {"weights": _rounded(found.weights), "covariances": _rounded(found.covariances)}
    return {"centres": _rounded(found.means), "mixture": mixture}


def _nearest_habitat(points, fitted):
    """Index 0..k-1 of the habitat of every scaled point."""
    if fitted["mixture"] is None:
        return nearest(points, np.asarray(fitted["centres"], dtype=np.float64))
    return np.argmax(component_scores(points, means=fitted["centres"], **fitted["mixture"]), axis=0)


def _explained(points, weights, labels, k):
    """Share of the weighted variance that lies between habitats."""
    total = np.bincount(labels, weights, k)
    middle = (points * weights).sum(axis=1) / weights.sum()
    sums = [np.bincount(labels, weights * (row - centre), k) for row, centre in zip(points, middle, strict=True)]
    between = float((np.square(sums) / np.where(total > 0, total, 1.0)).sum())
    return between / float((np.square(points - middle[:, None]) * weights).sum())


def _points_of(images, mask, artifact):
    missing = [sequence for sequence in artifact["sequences"] if sequence not in images]
    if missing:
        raise ValueError(f"habitats need sequence {missing[0]}, which the patient lacks; given: {', '.join(images)}.")
    chosen = {sequence: images[sequence] for sequence in artifact["sequences"]}
    return scaled(voxel_values(chosen, mask, inputs=artifact["inputs"]), artifact["scaling"])


def _labelled(mask, habitats):
    inside = sitk.GetArrayViewFromImage(mask) != 0
    labels = np.zeros(inside.shape, np.uint8)
    labels[inside] = habitats + 1
    return label_image(labels, mask)


def _complete_tidying(tidying):
    for name in tidying or {}:
        _choose("tidying", name, DEFAULT_TIDYING)
    return {**DEFAULT_TIDYING, **(tidying or {})}


def _choose(what, found, allowed):
    if found not in allowed:
        raise ValueError(f"unknown habitat {what} {found!r}; allowed: {', '.join(allowed)}")


def _rounded(values):
    """Plain floats with `DIGITS` significant digits, nested like the array."""
    if np.ndim(values):
        return [_rounded(value) for value in values]
    return float(f"{float(values):.{DIGITS}g}")
