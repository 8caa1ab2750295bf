"""How many habitats: criteria over a range of k, on the pooled voxels of training patients, once for the cohort.

The likelihood criteria, BIC and AIC, take voxels for independent observations. They are not: neighbours share noise,
partial volume and tissue, and with hundreds of thousands of voxels BIC almost always asks for more components, to
describe the shape of one tissue's histogram rather than another tissue. ``effective_voxels`` states how many
independent observations a patient is taken to be worth; the likelihood is that of all sampled voxels, scaled.
`design_effect` estimates that number from the data.
"""

import numpy as np
import pandas as pd

from habitat_radiomics.habitat_kmeans import kmeans, least_inertias, nearest
from habitat_radiomics.habitat_mixture import fit_mixtures, gather, log_likelihood, parameter_count
from habitat_radiomics.habitats import MOST_HABITATS, pooled, scaled

LOWER_IS_BETTER = ("bic", "aic")
CRITERIA = ("bic", "aic", "silhouette", "calinski_harabasz", "elbow", "gap")
GAP_POINTS, SILHOUETTE_POINTS = 1_000, 3_000
GAP_REFERENCES = 20
COLUMNS = ["criterion", "k", "value", "se", "log_likelihood", "parameters", "observations", "reason", "chosen"]


def count_curve(
    samples, scaling, *, criterion="bic", also=(), k_min=1, k_max=8, effective_voxels=None, spread="full", seed=0
):
    """Values of one or several criteria for every number of habitats, and the number each of them chooses.

    Parameters
    ----------
    samples : dict of str to ndarray
        Patient to ``habitats.voxel_sample``; training patients only, each weighs the same.
    scaling : dict
        From ``habitats.fit_scaling``.
    criterion : str
        One of `CRITERIA`; decides. bic and aic of Gaussian mixtures (lower is better), mean silhouette and
        Calinski-Harabasz index of k-means (higher is better, undefined for k = 1), elbow (inertia of k-means; the k
        farthest from the chord of the curve), gap (Tibshirani et al. 2001, J R Stat Soc B 63:411; the smallest k
        within one standard error of the next).
    also : iterable of str
        Further criteria for the record.
    k_min, k_max : int
        Range; k = 1 is a legal answer.
    effective_voxels : float or dict of str to float, optional
        Independent observations a patient counts as (one number, or one by patient), at most its sampled voxels;
        None counts every sampled voxel.
    spread : {"full", "tied", "diag"}
        Covariances of the mixtures; on a line full is mclust's V, tied its E.
    seed : int
        Of subsamples, starts in several channels, and gap references.

    Returns
    -------
    DataFrame
        One row per criterion and k with `COLUMNS`: value (NaN with a reason where undefined), se (gap only),
        log_likelihood, parameters and observations (bic and aic only), chosen (one row of each criterion). BIC is
        -2 log L + parameters x log(observations), the negative of mclust's.

    Raises
    ------
    ValueError
        Unknown criterion, or a range outside 1 to 8.
    """
    wanted = list(dict.fromkeys([criterion, *also]))
    _check(wanted, k_min, k_max)
    points, weights = pooled(samples)
    points = scaled(points, scaling)
    observations = _observations(samples, effective_voxels)
    ks = range(k_min, k_max + 1)
    rows = []
    if {"bic", "aic"} & set(wanted):
        rows += _likelihood_rows(points, weights, ks, observations, spread, seed)
    if set(wanted) - {"bic", "aic"}:
        rows += _partition_rows(points, weights, ks, wanted, seed)
    table = pd.DataFrame([row for row in rows if row["criterion"] in wanted]).reindex(columns=COLUMNS[:-1])
    table["reason"] = table["reason"].fillna("")
    picks = {name: choose_k(part, name) for name, part in table.groupby("criterion")}
    table["chosen"] = table["k"] == table["criterion"].map(picks)
    return table.sort_values(["criterion", "k"], key=lambda c: c.map(wanted.index) if c.name == "criterion" else c)[
        COLUMNS
    ].reset_index(drop=True)


def design_effect(samples, scaling, resels):
    """How many independent observations a patient is worth: voxels are alike, and so are elements of one patient.

    A tumour counts as its m resolution elements instead of its voxels, and these, correlated within patients by r, as
    m / (1 + (m - 1) r) (Kish 1965, Survey Sampling, section 5.4).

    Parameters
    ----------
    samples : dict of str to ndarray
        Patient to ``habitats.voxel_sample``; training patients only.
    scaling : dict
        From ``habitats.fit_scaling``.
    resels : dict of str to float
        Patient to ``habitat_inputs.resels``, the mean over sequences.

    Returns
    -------
    dict
        effective_voxels (of a patient, at least 1), resels (mean over patients), correlation (share of the variance of
        intensities that lies between patients, mean over channels).
    """
    mean, sd = np.array(scaling["mean"]), np.array(scaling["sd"])
    levels = np.array([(samples[patient].mean(axis=0, dtype=np.float64) - mean) / sd for patient in sorted(samples)])
    correlation = float(levels.var(axis=0).mean())
    elements = float(np.mean([resels[patient] for patient in sorted(samples)]))
    worth = elements / (1 + (elements - 1) * correlation)
    return {"effective_voxels": max(1.0, worth), "resels": elements, "correlation": correlation}


def choose_k(curve, criterion):
    """Number of habitats a criterion chooses from its rows of a curve; the smaller of equals.

    Parameters
    ----------
    curve : DataFrame
        Columns k and value, for gap also se.
    criterion : str
    """
    known = curve[np.isfinite(curve["value"])].sort_values("k")
    if known.empty:
        return int(curve["k"].min())
    k, value = known["k"].to_numpy(), known["value"].to_numpy(dtype=float)
    if criterion == "elbow":
        return int(k[_knee(k, value)])
    if criterion == "gap":
        enough = np.flatnonzero(value[:-1] >= value[1:] - known["se"].to_numpy(dtype=float)[1:])
        return int(k[enough[0]] if len(enough) else k[-1])
    return int(k[np.argmin(value) if criterion in LOWER_IS_BETTER else np.argmax(value)])


def selection_record(curve, *, criterion):
    """The choice of k as plain JSON types, for the artifact of the habitats; observations is None off BIC and AIC."""
    part = curve[curve["criterion"] == criterion]
    values = [None if not np.isfinite(value) else float(f"{value:.12g}") for value in part["value"]]
    return {
        "criterion": criterion,
        "chosen": int(part.loc[part["chosen"], "k"].iloc[0]),
        "observations": None if part["observations"].isna().all() else float(part["observations"].max()),
        "curve": [{"k": int(k), "value": value} for k, value in zip(part["k"], values, strict=True)],
    }


def _check(wanted, k_min, k_max):
    unknown = [name for name in wanted if name not in CRITERIA]
    if unknown:
        raise ValueError(f"unknown criterion {unknown[0]!r} for the number of habitats; allowed: {', '.join(CRITERIA)}")
    if not 1 <= k_min <= k_max <= MOST_HABITATS:
        raise ValueError(f"the range of k is {k_min} to {k_max}; allowed: within 1 to {MOST_HABITATS}, in this order.")


def _observations(samples, effective_voxels):
    if effective_voxels is None:
        return float(sum(len(sample) for sample in samples.values()))
    worth = effective_voxels if isinstance(effective_voxels, dict) else dict.fromkeys(samples, effective_voxels)
    return float(sum(min(len(samples[patient]), worth[patient]) for patient in sorted(samples)))


def _thinned(points, weights, limit):
    step = -(-points.shape[1] // limit)
    return np.ascontiguousarray(points[:, ::step]), weights[::step]


def _likelihood_rows(points, weights, ks, observations, spread, seed):
    fits = fit_mixtures(gather(points, weights), ks, observations=observations, spread=spread, seed=seed)
    rows = []
    for k in ks:
        if k not in fits:
            reason = f"fewer than {k} distinct intensities"
            rows += [{"criterion": name, "k": k, "value": np.nan, "reason": reason} for name in ("bic", "aic")]
            continue
        parameters = parameter_count(k, len(points), spread=spread)
        likelihood = observations * log_likelihood(points, weights, fits[k])
        fact = {"k": k, "log_likelihood": likelihood, "parameters": parameters, "observations": observations}
        rows.append({"criterion": "bic", "value": parameters * np.log(observations) - 2 * likelihood, **fact})
        rows.append({"criterion": "aic", "value": 2 * parameters - 2 * likelihood, **fact})
    return rows


def _partition_rows(points, weights, ks, wanted, seed):
    fits = {k: kmeans(points, weights, k=k, seed=seed) for k in ks}
    rows = [{"criterion": "elbow", "k": k, "value": fits[k].inertia} for k in ks]
    if "calinski_harabasz" in wanted:
        rows += [
            _undefined("calinski_harabasz") if k == 1 else _calinski_harabasz(points, weights, fits, k) for k in ks
        ]
    if "silhouette" in wanted:
        few = _thinned(points, weights, SILHOUETTE_POINTS)[0]
        rows += [_undefined("silhouette") if k == 1 else _silhouette(few, fits[k].centres, k) for k in ks]
    return rows + (_gap_rows(*_thinned(points, weights, GAP_POINTS), ks, seed) if "gap" in wanted else [])


def _undefined(criterion):
    return {"criterion": criterion, "k": 1, "value": np.nan, "reason": "undefined for one habitat"}


def _calinski_harabasz(points, weights, fits, k):
    """Variance between over variance within habitats, each by its degrees of freedom (Calinski and Harabasz 1974)."""
    n = points.shape[1]
    middle = (points * weights).sum(axis=1, keepdims=True) / weights.sum()
    total = float((np.square(points - middle) * weights).sum())
    within = fits[k].inertia
    return {"criterion": "calinski_harabasz", "k": k, "value": (total / within - 1) * (n - k) / (k - 1)}


def _silhouette(points, centres, k):
    """Mean silhouette (Rousseeuw 1987) of the points."""
    from sklearn.metrics import silhouette_score

    labels = nearest(points, centres)
    if len(np.unique(labels)) < 2:
        return {"criterion": "silhouette", "k": k, "value": np.nan, "reason": "one habitat holds all sampled voxels"}
    return {"criterion": "silhouette", "k": k, "value": float(silhouette_score(points.T, labels))}


def _knee(k, value):
    """Position farthest below the straight line from the first to the last point of a falling curve."""
    span = value[0] - value[-1]
    if len(k) < 3 or span <= 0:
        return 0
    below = (value[0] - value) / span - (k - k[0]) / (k[-1] - k[0])
    return int(np.argmax(below))


def _gap_rows(points, weights, ks, seed):
    """Gap to uniform reference samples in the box of the points' principal axes."""
    random = np.random.default_rng(seed)
    middle = (points * weights).sum(axis=1, keepdims=True) / weights.sum()
    axes = np.linalg.svd(points - middle, full_matrices=False)[0]
    turned = axes.T @ (points - middle)
    low, high = turned.min(axis=1, keepdims=True), turned.max(axis=1, keepdims=True)
    references = np.array(
        [_log_inertia(random.uniform(low, high, points.shape), weights, ks, seed) for _ in range(GAP_REFERENCES)]
    )
    gaps = references.mean(axis=0) - _log_inertia(points, weights, ks, seed)
    errors = references.std(axis=0) * np.sqrt(1 + 1 / GAP_REFERENCES)
    return [{"criterion": "gap", "k": k, "value": g, "se": e} for k, g, e in zip(ks, gaps, errors, strict=True)]


def _log_inertia(points, weights, ks, seed):
    if len(points) == 1:
        return np.log(least_inertias(points[0], weights, k_max=ks[-1])[ks[0] - 1 :])
    return np.log([kmeans(points, weights, k=k, seed=seed, starts=5).inertia for k in ks])
