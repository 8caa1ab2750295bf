"""How much habitats change when what should not matter is changed a little (their features: habitat_feature_stability).

Labelling one patient under every perturbation needs numpy and SimpleITK only; refitting and summarising are for the
cohort and import what they need themselves.
"""

from typing import NamedTuple

import numpy as np
import SimpleITK as sitk

from habitat_radiomics.habitats import MOST_HABITATS, fit_habitats, label_habitats
from habitat_radiomics.resample import grid_of, resample_image

REFERENCE, ALL = "reference", "all"
FEWER, MORE, SEED, PATIENTS = "k - 1", "k + 1", "another seed", "half of the patients"
NOISE, ERODED, DILATED, SHIFTED = "noise", "mask - 1 voxel", "mask + 1 voxel", "shift"
PERTURBATIONS = (FEWER, MORE, SEED, PATIENTS, NOISE, ERODED, DILATED, SHIFTED)
OTHER_NUMBER = (FEWER, MORE)  # habitats are then compared with those they overlap most


class AgreementRow(NamedTuple):
    """Dice of a habitat, or the adjusted Rand index of all; ``value`` is NaN exactly where ``reason`` is not empty."""

    perturbation: str
    measure: str
    habitat: str
    value: float
    reason: str


# Cohort: the same habitats learnt again


def refitted(samples, artifact, *, seed):
    """Habitats learnt again with one fewer and one more, from another seed, and from half of the patients.

    Parameters
    ----------
    samples : dict of str to ndarray
        Patient to ``habitats.voxel_sample``: those the artifact was fitted on.
    artifact : dict
        From ``habitats.fit_habitats``.
    seed : int
        Draws the half of the patients and, for another seed, half of each patient's voxels and new starts.

    Returns
    -------
    dict of str to dict
        Perturbation to artifact, without those that do not exist (k - 1 = 0, k + 1 = 9, half of one patient).
    """
    random, k = np.random.default_rng(seed), artifact["k"]
    patients = sorted(samples)
    half = sorted(random.choice(patients, len(patients) // 2, replace=False).tolist())
    thinned = {patient: _half_of(random, samples[patient]) for patient in patients}
    found = {}
    if k > 1:
        found[FEWER] = _fit_again(samples, artifact, k=k - 1)
    if k < MOST_HABITATS:
        found[MORE] = _fit_again(samples, artifact, k=k + 1)
    found[SEED] = _fit_again(thinned, artifact | {"seed": artifact["seed"] + 1}, k=k)
    if half:
        found[PATIENTS] = _fit_again({patient: samples[patient] for patient in half}, artifact, k=k)
    return found


def _half_of(random, sample):
    return sample[np.sort(random.choice(len(sample), -(-len(sample) // 2), replace=False))]


def _fit_again(samples, artifact, *, k):
    same = ("sequences", "method", "scope", "spread", "inputs", "tidying", "seed", "starts")
    return fit_habitats(samples, k=k, scaling=artifact["scaling"]["method"], **{name: artifact[name] for name in same})


# One patient


def perturbed_images(images, artifact, *, noise_sd=0.1, shift_voxels=0.5, seed=0):
    """Images of one patient with noise, and moved; the other perturbations leave them as they are.

    Parameters
    ----------
    images : dict of str to SimpleITK.Image
        Normalised images by sequence.
    artifact : dict
        From ``habitats.fit_habitats``.
    noise_sd : float
        Standard deviation of the white noise added to the images, in training standard deviations of the tumour.
    shift_voxels : float
        By which the images move along every axis while the mask stays.
    seed : int
        Of the noise.

    Returns
    -------
    dict of str to dict
        `NOISE` and `SHIFTED` to images by sequence.
    """
    moved = {name: shifted(image, shift_voxels=shift_voxels) for name, image in images.items()}
    return {NOISE: noisy_images(images, artifact, noise_sd=noise_sd, seed=seed), SHIFTED: moved}


def perturbed_labels(images, changed, mask, artifact, again):
    """Habitats of one patient as they are, and under every perturbation.

    Parameters
    ----------
    images : dict of str to SimpleITK.Image
        Normalised images by sequence, on the grid of the mask, with at least a voxel around the tumour.
    changed : dict of str to dict
        From `perturbed_images`.
    mask : SimpleITK.Image
        Tumour, non-zero inside.
    artifact : dict
        From ``habitats.fit_habitats``.
    again : dict of str to dict
        From `refitted`.

    Returns
    -------
    dict of str to (SimpleITK.Image or None)
        Labels by perturbation, `REFERENCE` first; None where erosion leaves nothing.
    """
    drawn = sitk.Cast(mask != 0, sitk.sitkUInt8)
    eroded = sitk.BinaryErode(drawn, (1, 1, 1), sitk.sitkCross)
    labels = {REFERENCE: label_habitats(images, mask, artifact)}
    labels |= {name: label_habitats(images, mask, other) for name, other in again.items()}
    labels[NOISE] = label_habitats(changed[NOISE], mask, artifact)
    labels[ERODED] = label_habitats(images, eroded, artifact) if sitk.GetArrayViewFromImage(eroded).any() else None
    labels[DILATED] = label_habitats(images, sitk.BinaryDilate(drawn, (1, 1, 1), sitk.sitkCross), artifact)
    labels[SHIFTED] = label_habitats(changed[SHIFTED], mask, artifact)
    return labels


def noisy_images(images, artifact, *, noise_sd, seed):
    """Images with white Gaussian noise, its standard deviation relative to that of training tumours."""
    random = np.random.default_rng(seed)
    noisy = {}
    for sequence in artifact["sequences"]:
        sd = noise_sd * artifact["scaling"]["sd"][artifact["channels"].index(sequence)]
        values = sitk.GetArrayFromImage(images[sequence])
        noisy[sequence] = sitk.GetImageFromArray(
            (values + sd * random.standard_normal(values.shape)).astype(np.float32)
        )
        noisy[sequence].CopyInformation(images[sequence])
    return noisy


def shifted(image, *, shift_voxels):
    """An image moved along every axis by a part of a voxel; cubic B-spline, linear where there are too few slices."""
    move_mm = [-shift_voxels * spacing for spacing in image.GetSpacing()]
    direction = np.array(image.GetDirection()).reshape(3, 3)
    transform = sitk.TranslationTransform(3, (direction @ move_mm).tolist())
    interpolator = "bspline" if min(image.GetSize()) >= 4 else "linear"
    return resample_image(image, grid_of(image), interpolator=interpolator, transform=transform)


def agreement_rows(labels, *, k):
    """Compare the labels of every perturbation with the reference.

    Parameters
    ----------
    labels : dict of str to (SimpleITK.Image or None)
        From `perturbed_labels`.
    k : int
        Habitats of the reference.

    Returns
    -------
    list of AgreementRow
        For each perturbation: Dice of habitats 1..k over the whole image (with the habitat of the same number or,
        for another k, of the largest overlap), and adjusted Rand index (habitat ``all``) over voxels in both tumours.
    """
    reference = sitk.GetArrayViewFromImage(labels[REFERENCE])
    rows = []
    for name in (name for name in PERTURBATIONS if name in labels):
        if labels[name] is None:
            missing = (np.nan, "the eroded tumour has no voxel")
            rows += [AgreementRow(name, "dice", str(number), *missing) for number in range(1, k + 1)]
            rows.append(AgreementRow(name, "ari", ALL, *missing))
            continue
        other = sitk.GetArrayViewFromImage(labels[name])
        for number in range(1, k + 1):
            partners = range(1, int(other.max()) + 1) if name in OTHER_NUMBER else [number]
            rows.append(AgreementRow(name, "dice", str(number), *_best_dice(reference, other, number, partners)))
        common = (reference > 0) & (other > 0)
        rows.append(AgreementRow(name, "ari", ALL, adjusted_rand_index(reference[common], other[common]), ""))
    return rows


def _best_dice(reference, other, number, partners):
    here = reference == number
    found = [dice(here, other == partner) for partner in partners]
    known = [value for value in found if not np.isnan(value)]
    return (max(known), "") if known else (np.nan, "the habitat is empty")


def dice(first, second):
    """Overlap of two boolean arrays, 2 |A and B| / (|A| + |B|); NaN when both are empty."""
    total = np.count_nonzero(first) + np.count_nonzero(second)
    return 2.0 * np.count_nonzero(first & second) / total if total else float("nan")


def adjusted_rand_index(first, second):
    """Agreement of two labellings beyond chance, 1 at best and about 0 for unrelated ones (Hubert and Arabie 1985).

    Parameters
    ----------
    first, second : ndarray of int, shape (n,)
        Labels, from 0; names do not matter.

    Returns
    -------
    float
        1 where both put all points in one group, or each in its own.
    """
    table = np.bincount(first.astype(np.int64) * (int(second.max(initial=0)) + 1) + second).astype(np.float64)
    rows, columns = (np.bincount(labels).astype(np.float64) for labels in (first, second))
    together, in_first, in_second = (float((n * (n - 1) / 2).sum()) for n in (table, rows, columns))
    pairs = len(first) * (len(first) - 1) / 2
    expected = in_first * in_second / pairs if pairs else 0.0
    most = (in_first + in_second) / 2
    return 1.0 if most == expected else (together - expected) / (most - expected)


# Summary of the cohort


def stability_table(tables):
    """One table of all patients' `agreement_rows`.

    Parameters
    ----------
    tables : dict of str to DataFrame
        Patient to the table of `AgreementRow`.

    Returns
    -------
    DataFrame
        patient, perturbation, measure, habitat, value, reason; patients in alphabetical order.
    """
    import pandas as pd

    return pd.concat({patient: tables[patient] for patient in sorted(tables)}, names=["patient"]).reset_index("patient")


def stability_summary(table):
    """Median and quartiles over patients of every measure.

    Returns
    -------
    DataFrame
        perturbation, measure, habitat, n (patients with a value), median, q25, q75; perturbations in their order.
    """
    import pandas as pd

    rows = []
    for (perturbation, measure, habitat), part in table.groupby(["perturbation", "measure", "habitat"], sort=False):
        values = part["value"].dropna()
        quartiles = values.quantile([0.5, 0.25, 0.75]).tolist() if len(values) else [np.nan] * 3
        rows.append((perturbation, measure, habitat, len(values), *quartiles))
    return pd.DataFrame(rows, columns=["perturbation", "measure", "habitat", "n", "median", "q25", "q75"])
