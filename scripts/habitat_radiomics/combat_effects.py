"""The arithmetic of ComBat: regression on batches and covariates, empirical Bayes estimates of batch effects.

Johnson, Li and Rabinovic 2007 (Biostatistics 8:118), in the form of R's sva::ComBat. Values are arrays of patients x
features; missing values are left out feature by feature.
"""

from dataclasses import dataclass

import numpy as np

STOP_CHANGE = 1e-4  # sva's stopping rule; a smaller one moves results by about 2e-6
MOST_ITERATIONS = 1000
PAIRS_AT_ONCE = 4_000_000  # of features, in the non-parametric estimate: 32 MB
DEPENDENT = 1e-9


@dataclass(frozen=True)
class BatchEffect:
    """Location and scale of one batch for every feature, in units of the feature's residual deviation."""

    location: np.ndarray  # (features,) gamma
    scale: np.ndarray  # (features,) delta, a variance


def batch_regression(values, members, covariates):
    """Least squares of every feature on batch means and covariates, over the patients who have the feature.

    Parameters
    ----------
    values : ndarray, shape (patients, features)
    members : ndarray of bool, shape (batches, patients)
    covariates : ndarray, shape (patients, columns)

    Returns
    -------
    batch_means : ndarray, shape (batches, features)
    effects : ndarray, shape (columns, features)
    """
    design = np.column_stack([members.T.astype(float), covariates])
    coefficients = np.empty((design.shape[1], values.shape[1]))
    known = np.isfinite(values)
    whole = known.all(axis=0)  # told apart first, because to sort whole columns is slow
    coefficients[:, whole] = np.linalg.lstsq(design, values[:, whole], rcond=None)[0]
    lacking = np.flatnonzero(~whole)
    patterns, pattern_of = np.unique(known[:, lacking], axis=1, return_inverse=True)
    for number, rows in enumerate(patterns.T):
        columns = lacking[pattern_of == number]
        coefficients[:, columns] = np.linalg.lstsq(design[rows], values[np.ix_(rows, columns)], rcond=None)[0]
    return coefficients[: len(members)], coefficients[len(members) :]


def independent_columns(basis, columns):
    """Positions of the columns that do not follow linearly from the basis and the columns before them."""
    kept, basis = [], np.linalg.qr(basis)[0]
    for position, column in enumerate(columns.T):
        rest = column - basis @ (basis.T @ column)
        rest -= basis @ (basis.T @ rest)
        if np.linalg.norm(rest) > DEPENDENT * max(np.linalg.norm(column), 1e-300):
            kept.append(position)
            basis = np.column_stack([basis, rest / np.linalg.norm(rest)])
    return np.array(kept, dtype=int)


def batch_effect(standard, *, prior, with_scale):
    """Estimate the effect of one batch.

    Parameters
    ----------
    standard : ndarray, shape (patients, features)
        Values of the batch's patients after mean, covariates and residual deviation are taken out. With ``with_scale``
        every feature varies.
    prior : {"parametric", "nonparametric", "none"}
    with_scale : bool
        False: location only, scale 1.

    Returns
    -------
    BatchEffect
    """
    location = np.nanmean(standard, axis=0)
    scale = np.nanvar(standard, axis=0, ddof=1) if with_scale else np.ones_like(location)
    if prior == "nonparametric":
        return _nonparametric(standard, location, scale, with_scale)
    if prior == "parametric":
        return _parametric(standard, location, scale, with_scale)
    return BatchEffect(location, scale)


def unseen_effect(standard, *, prior, with_scale):
    """Estimate the effect of a batch without training patients where its patients allow it, else leave a feature."""
    known = np.isfinite(standard).sum(axis=0)
    enough = known > (1 if with_scale else 0)
    if with_scale:
        enough[enough] = np.nanmax(standard[:, enough], axis=0) > np.nanmin(standard[:, enough], axis=0)
    location, scale = np.zeros(standard.shape[1]), np.ones(standard.shape[1])
    if enough.any():
        effect = batch_effect(standard[:, enough], prior=prior if enough.sum() > 1 else "none", with_scale=with_scale)
        location[enough], scale[enough] = effect.location, effect.scale
    return BatchEffect(location, scale)


def _parametric(standard, location, scale, with_scale):
    """Normal prior of the locations, inverse gamma prior of the scales, by the method of moments (Johnson eq. 3)."""
    centre, spread = location.mean(), location.var(ddof=1)
    if not with_scale:
        return BatchEffect((spread * location + centre) / (spread + 1), scale)  # sva: as if of one patient
    mean, variance = scale.mean(), scale.var(ddof=1)
    if variance == 0:
        return BatchEffect(location, scale)
    shape, rate = 2 + mean**2 / variance, mean + mean**3 / variance
    known = np.isfinite(standard).sum(axis=0)
    squares = np.nansum((standard - location) ** 2, axis=0)
    gamma, delta = location, scale
    for _ in range(MOST_ITERATIONS):
        new_gamma = (spread * known * location + delta * centre) / (spread * known + delta)
        about = squares + known * (location - new_gamma) ** 2
        new_delta = (0.5 * about + rate) / (known / 2 + shape - 1)
        change = max(_largest_change(new_gamma, gamma), _largest_change(new_delta, delta))
        gamma, delta = new_gamma, new_delta
        if change <= STOP_CHANGE:
            break
    return BatchEffect(gamma, delta)


def _largest_change(new, old):
    # sva divides by the old value with its sign: a negative one never delays the end. Kept, to equal its results.
    return np.max(np.divide(np.abs(new - old), old, out=np.zeros_like(old), where=old != 0))


def _nonparametric(standard, location, scale, with_scale):
    """Weigh the estimates of all other features by the likelihood of this feature's values under them."""
    known = np.isfinite(standard).sum(axis=0)
    squares = np.nansum((standard - location) ** 2, axis=0)
    ours = np.column_stack([squares + known * location**2, known * location, known])
    theirs = np.stack([-0.5 / scale, location / scale, -0.5 * location**2 / scale - 0.5 * np.log(2 * np.pi * scale)])
    gamma, delta = np.empty((2, location.size))
    step = max(1, PAIRS_AT_ONCE // location.size)
    for start in range(0, location.size, step):
        rows = np.arange(start, min(start + step, location.size))
        weights = ours[rows] @ theirs
        weights[np.arange(rows.size), rows] = -np.inf
        weights -= weights.max(axis=1, keepdims=True)
        np.exp(weights, out=weights)
        total = weights.sum(axis=1)
        gamma[rows], delta[rows] = weights @ location / total, weights @ scale / total
    return BatchEffect(gamma, delta if with_scale else scale)
