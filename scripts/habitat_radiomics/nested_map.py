"""From a nested model to one patient: a map of aggressiveness, subregions, and the most active microregion.

The model was fitted to features of whole tumours. A feature of a neighbourhood of 27 voxels has another mean and
another spread than that of a tumour of thousands, so that the tumours' scale would put most voxels beyond every
patient the model has seen; local features are therefore standardised by their own distribution over the voxels of the
training patients (each patient weighing the same) before the model sees them.
"""

import numpy as np
import SimpleITK as sitk

from habitat_radiomics.habitat_kmeans import kmeans, nearest
from habitat_radiomics.habitat_labels import label_image, remove_small_components, smooth_labels
from habitat_radiomics.leakage import digests

LIMIT_SD = 5.0  # further out, a local feature counts as this far
VOXELS_AT_A_TIME = 8192
STARTS = 20


def model_for(artifact, patient):
    """Return the model of the artifact that has not seen the patient: the full one, or that of the patient's fold.

    Raises
    ------
    ValueError
        Every model has seen the patient.
    """
    (own,) = digests([patient])
    unseen = [model for model in artifact["models"] if own not in model["fitted_on"]]
    if not unseen:
        raise ValueError(
            f"every model of the nested set has seen patient {patient}: fit it again with two folds or more"
        )
    return unseen[0]


def standardised(values, model, *, scale="local"):
    """Return local features in training standard deviations: of voxels (``local``) or of tumours (``global``).

    Parameters
    ----------
    values : ndarray, shape (voxels, features of the model)
    model : dict
        Of `nested_model.fit_nested`.
    scale : {"local", "global"}

    Returns
    -------
    ndarray
        Between -`LIMIT_SD` and `LIMIT_SD`; 0 where a value is missing or the feature constant.
    """
    mean, spread = (np.array(model[scale][part], dtype=float) for part in ("mean", "sd"))
    apart = np.divide(values - mean, spread, out=np.zeros_like(values), where=spread > 0)
    return np.clip(np.where(np.isfinite(apart), apart, 0.0), -LIMIT_SD, LIMIT_SD)


def decision_values(points, model):
    """Return the decision values of the support vector machine, above 0 on the side of the event.

    Parameters
    ----------
    points : ndarray, shape (voxels, features)
        Standardised.
    """
    vectors, weights = np.array(model["vectors"], dtype=float), np.array(model["weights"], dtype=float)
    parts = [points[at : at + VOXELS_AT_A_TIME] for at in range(0, len(points), VOXELS_AT_A_TIME)]
    return np.concatenate([_kernel(part, vectors, model) @ weights + model["intercept"] for part in parts])


def _kernel(points, vectors, model):
    product = points @ vectors.T
    if model["kernel"] == "linear":
        return product
    squares = np.square(points).sum(axis=1)[:, None] + np.square(vectors).sum(axis=1) - 2 * product
    return np.exp(-model["gamma"] * np.maximum(squares, 0.0))


def probabilities(values, model, *, scale="local"):
    """Return the probability of the event that the model gives the neighbourhood of every voxel."""
    decisions = decision_values(standardised(values, model, scale=scale), model)
    return _sigmoid(model["slope"] * decisions + model["offset"])


def _sigmoid(odds):
    return 1 / (1 + np.exp(-np.clip(odds, -500, 500)))


def active_subregions(probability, images, mask, artifact):
    """Divide a tumour by the map and the intensities, subregions numbered by ascending probability.

    The most active microregion is always number k. Subregions smaller than the floor are joined to the one nearest in
    mean probability, so that lower numbers may be missing. Where a tumour is too small for k subregions of that size,
    or the model gives the same probability everywhere, the whole tumour is the microregion.

    Parameters
    ----------
    probability : ndarray, shape (voxels of the mask,)
    images : dict of str to SimpleITK.Image
        Normalised images by sequence, on the grid of the mask.
    mask : SimpleITK.Image
        Tumour, non-zero inside.
    artifact : dict
        Of `nested_model.fit_nested`: k, tidying, min_voxels, min_fraction, sequences, seed.

    Returns
    -------
    labels : SimpleITK.Image
        uint8, 0 outside, up to k inside.
    reason : str
        Why the whole tumour is the microregion; empty where it is not.
    """
    inside, k = sitk.GetArrayViewFromImage(mask) != 0, artifact["k"]
    floor = smallest_microregion(int(inside.sum()), artifact)
    reason = _why_whole(probability, floor, k)
    if reason:
        return label_image(np.where(inside, k, 0), mask), reason
    intensities = [sitk.GetArrayViewFromImage(images[name])[inside] for name in artifact["sequences"]]
    points = np.stack([_scaled(np.asarray(values, dtype=float)) for values in (probability, *intensities)])
    centres = kmeans(points, np.ones(points.shape[1]), k=k, seed=artifact["seed"], starts=STARTS).centres
    numbers = np.zeros(inside.shape, np.int64)
    numbers[inside] = 1 + nearest(points, centres)
    tidied = _tidied(numbers, mask, artifact["tidying"])
    joined = join_small(tidied[inside], probability, floor=floor, k=k)
    numbers[inside] = joined
    return label_image(numbers, mask), ""


def smallest_microregion(voxels, artifact):
    """Smallest number of voxels of a subregion: a share of the tumour, and never fewer than features need."""
    return max(artifact["min_voxels"], int(np.ceil(artifact["min_fraction"] * voxels)))


def _why_whole(probability, floor, k):
    if len(probability) < k * floor:
        return f"{len(probability)} voxels are too few for {k} subregions of {floor}"
    if np.ptp(probability) == 0:
        return "the model gives every voxel the same probability"
    if len(np.unique(probability)) < k:
        return f"the map has fewer than {k} different probabilities"
    return ""


def _scaled(values):
    spread = values.std()
    return (values - values.mean()) / spread if spread > 0 else np.zeros_like(values)


def _tidied(numbers, mask, tidying):
    labels = smooth_labels(label_image(numbers, mask), radius_mm=tidying["radius_mm"], iterations=tidying["iterations"])
    return sitk.GetArrayFromImage(remove_small_components(labels, min_voxels=tidying["min_voxels"])).astype(np.int64)


def join_small(numbers, probability, *, floor, k):
    """Join subregions below a size to the nearest in mean probability, and number the rest by it, the highest k.

    Parameters
    ----------
    numbers : ndarray of int
        Subregion of every voxel.
    probability : ndarray of float
    floor : int
        Smallest number of voxels.
    k : int

    Returns
    -------
    ndarray of int
    """
    numbers = numbers.copy()
    while True:
        found, sizes = np.unique(numbers, return_counts=True)
        means = np.array([probability[numbers == number].mean() for number in found])
        if len(found) == 1 or sizes.min() >= floor:
            break
        small = int(np.argmin(sizes))
        apart = np.where(np.arange(len(found)) == small, np.inf, np.abs(means - means[small]))
        numbers[numbers == found[small]] = found[int(np.argmin(apart))]
    order = found[np.argsort(means, kind="stable")]
    ranks = {number: k - len(order) + place for place, number in enumerate(order, start=1)}
    return np.array([ranks[number] for number in found])[np.searchsorted(found, numbers)]


def map_image(probability, mask):
    """Return the map as an image (float32), 0 outside the tumour: readers of NIfTI take NaN for 0."""
    array = np.zeros(sitk.GetArrayViewFromImage(mask).shape, np.float32)
    array[sitk.GetArrayViewFromImage(mask) != 0] = probability
    image = sitk.GetImageFromArray(array)
    image.CopyInformation(mask)
    return image


def shown_slice(image, mask):
    """Return the slice (third axis) where the tumour is largest, the first of equals, as an image of one slice."""
    area = (sitk.GetArrayViewFromImage(mask) != 0).sum(axis=(1, 2))
    at = int(np.argmax(area))
    return image[:, :, at : at + 1]


def map_measures(probability, values, labels, reason, model, artifact):
    """Return what the quality record says of a map.

    ``spread`` is the range between the 10th and 90th percentile of the probabilities, ``spread_global_scale`` what it
    would be on the tumours' scale, ``beyond_global_scale`` the share of voxels that lie more than 3 standard
    deviations of the tumours from their mean in some feature.
    """
    other = probabilities(values, model, scale="global")
    beyond = np.abs(standardised(values, model, scale="global")) > 3
    sizes = np.bincount(sitk.GetArrayViewFromImage(labels).ravel(), minlength=artifact["k"] + 1)[1:]
    inside = sitk.GetArrayFromImage(labels)
    microregion = inside[inside > 0] == artifact["k"]
    return {
        "voxels": sizes.tolist(),
        "whole_tumour": reason,
        "model": model["name"],
        "mean": float(probability.mean()),
        "microregion_mean": float(probability[microregion].mean()),
        "spread": _spread(probability),
        "spread_global_scale": _spread(other),
        "beyond_global_scale": float(beyond.any(axis=1).mean()) if beyond.size else 0.0,
    }


def _spread(probability):
    low, high = np.quantile(probability, (0.1, 0.9))
    return float(high - low)
