"""The nested model: a support vector machine of whole tumours' features that can be computed about every voxel too.

One model of all training patients serves everyone else; for the maps of the training patients there is one model a
fold, selected and fitted without the patients of the fold, local scale included.
"""

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.svm import SVC

from habitat_radiomics.faults import StudyFault
from habitat_radiomics.habitats import COLOURS, DEFAULT_TIDYING
from habitat_radiomics.kaplan_meier import censoring_distribution, event_weights
from habitat_radiomics.leakage import digests
from habitat_radiomics.outcome import is_survival
from habitat_radiomics.roc import auc
from habitat_radiomics.signature import build_signature, stratified_folds
from habitat_radiomics.svm import TOLERANCE, platt_sigmoid

FEWEST_OF_A_CLASS = 6  # so that folds within folds still hold both


def horizon_outcome(outcome, horizon, *, censored):
    """Return 0 and 1 by the horizon, and the weight, of the patients whose outcome is known there.

    Event by the horizon: 1; followed beyond it without: 0; censored before it: left out. What they would have been is
    made up for by inverse-probability-of-censoring weights (`kaplan_meier.event_weights`) where ``censored`` is
    ``weight``; where it is ``exclude``, everybody else weighs the same, as in studies that drop such patients.

    Parameters
    ----------
    outcome : Series of 0 and 1, or DataFrame with ``time`` and ``event``
    horizon : float or None
        In the unit of the times; without effect on a binary outcome.
    censored : {"weight", "exclude"}

    Returns
    -------
    label, weight : Series
        By patient, of those whose outcome is known.
    """
    if not is_survival(outcome):
        return outcome.astype(int), pd.Series(1.0, index=outcome.index)
    time, event = outcome["time"].to_numpy(float), outcome["event"].to_numpy() == 1
    cases, controls = event_weights(time, event, horizon, censoring_distribution(time, event))
    known = (cases > 0) | (time > horizon)
    weight = cases + np.nan_to_num(controls) if censored == "weight" else np.ones(len(time))
    label = pd.Series((cases > 0).astype(int), index=outcome.index)
    return label[known], pd.Series(weight, index=outcome.index)[known]


def fit_nested(features, moments, outcome, *, settings):
    """Learn everything that mapping a patient needs.

    Parameters
    ----------
    features : DataFrame, training patients x features of the tumour
        Columns ``sequence|tumour|feature``, all with a local counterpart.
    moments : dict of str to dict
        Patient to column to [voxels, mean, variance] of the local counterpart (`local_features.local_moments`).
    outcome : Series or DataFrame
        Of the same patients.
    settings : dict
        See `settings.nested_fit`: sequences, k, steps, kernel, cost, gamma, folds, seed, horizon, censored,
        min_voxels, min_fraction, min_transfer, tidying.

    Returns
    -------
    dict
        Plain JSON types: ``models`` (the full one, then one a fold; see `_model`), ``fitted_on``, and what
        `nested_map` needs besides; the words that an artifact of habitats has, so that the subregions are treated as
        habitats from there on.

    Raises
    ------
    StudyFault
        Too few patients of a class at the horizon.
    """
    label, weight = horizon_outcome(outcome, settings["horizon"], censored=settings["censored"])
    _check_classes(label, settings)
    number = stratified_folds(label, folds=settings["folds"], seed=settings["seed"])
    without = {f"without fold {fold + 1}": label.index[number != fold] for fold in sorted(set(number))}
    models = [
        _model(name, features.loc[kept], moments, label[kept], weight[kept], settings)
        for name, kept in {"all": label.index, **without}.items()
    ]
    return {**_words(settings), "models": models, "fitted_on": models[0]["fitted_on"], "patients": len(label)}


def _check_classes(label, settings):
    smaller = int(min((label == 0).sum(), (label == 1).sum()))
    if smaller < FEWEST_OF_A_CLASS:
        at = f" by the horizon of {settings['horizon']:g}" if settings["horizon"] else ""
        raise StudyFault(
            f"a nested model needs {FEWEST_OF_A_CLASS} training patients of each class{at}; there are "
            f"{int((label == 1).sum())} with and {int((label == 0).sum())} without the event. Add patients, or choose "
            "another nested.horizon."
        )


def _words(settings):
    """What a set of habitats says of itself."""
    k = settings["k"]
    names = ["most active microregion"] if k == 1 else [*_lower_names(k - 1), "most active microregion"]
    same = ("sequences", "k", "seed", "min_voxels", "min_fraction", "folds", "horizon", "censored")
    return {
        "format": 1, "method": "nested", "scope": "patient", "names": names, "colours": list(COLOURS[:k]),
        "channels": ["probability", *settings["sequences"]], "centroids": None, "explained": None, "selection": None,
        "tidying": {**DEFAULT_TIDYING, **settings["tidying"]}, **{name: settings[name] for name in same},
    }  # fmt: skip


def _lower_names(count):
    known = {1: ["rest of the tumour"], 2: ["low probability", "medium probability"]}
    return known.get(count, [f"probability level {number}" for number in range(1, count + 1)])


def _model(name, features, moments, label, weight, settings):
    """One model: selected features, both scales, the machine and its sigmoid, whom it saw.

    ``auc_held_out`` is that of the decision values behind the sigmoid: of machines (selection included) that did not
    see the patient.
    """
    columns, machine, scale = _machine(features, moments, label, weight, settings)
    held_out = _held_out(features, moments, label, weight, settings)
    slope, offset = platt_sigmoid(held_out, label.to_numpy())
    return {
        "name": name, "features": columns, "kernel": settings["kernel"], "gamma": _gamma(settings, len(columns)),
        "vectors": machine.support_vectors_.tolist(), "weights": machine.dual_coef_[0].tolist(),
        "intercept": float(machine.intercept_[0]), "slope": slope, "offset": offset,
        "global": scale, "local": local_scale(moments, columns, features.index),
        "transfer": transfer(features[columns], moments).tolist(), "candidates": features.shape[1],
        "transferable": len(transferable(features, moments, least=settings["min_transfer"])),
        "auc_held_out": float(auc(label, held_out)) if np.ptp(held_out) > 0 else 0.5,
        "patients": len(label), "events": int(label.sum()), "fitted_on": digests(features.index),
    }  # fmt: skip


def _machine(features, moments, label, weight, settings):
    """Selected columns, the machine and the scale of whole tumours."""
    features = features[transferable(features, moments, least=settings["min_transfer"])]
    steps = build_signature(settings["steps"], seed=settings["seed"])
    columns = list(clone(steps).fit(features, label.to_numpy()).get_feature_names_out(features.columns))
    values = features[columns]
    scale = {"mean": values.mean().tolist(), "sd": values.std().tolist()}
    machine = SVC(C=settings["cost"], kernel=settings["kernel"], gamma=_gamma(settings, len(columns)), tol=TOLERANCE)
    return columns, machine.fit(_standardised(values, scale), label.to_numpy(), sample_weight=weight.to_numpy()), scale


def _gamma(settings, columns):
    return 1 / columns if settings["gamma"] is None else settings["gamma"]


def _standardised(values, scale):
    """Whole tumours' features in their training standard deviations; 0 where missing or constant."""
    spread = np.array(scale["sd"])
    apart = (values.to_numpy(float) - np.array(scale["mean"])) / np.where(spread > 0, spread, np.inf)
    return np.nan_to_num(apart)


def _held_out(features, moments, label, weight, settings):
    """Decision value of every patient by a machine, selection included, that did not see the patient."""
    number = stratified_folds(label, folds=settings["folds"], seed=settings["seed"] + 1).to_numpy()
    values = np.zeros(len(label))
    for fold in np.unique(number):
        out = number == fold
        columns, machine, scale = _machine(features[~out], moments, label[~out], weight[~out], settings)
        values[out] = machine.decision_function(_standardised(features.loc[out, columns], scale))
    return values


def transfer(features, moments):
    """Correlation, over tumours, of a feature of the tumour with the mean of its local counterpart.

    A feature near 1 means the same of a tumour and of its neighbourhoods (a mean). One near 0 is about something
    else in them: the spread of intensities in a tumour comes from its subregions, that in a neighbourhood from noise
    and from edges, so that a map of it would show edges.

    Parameters
    ----------
    features : DataFrame, patients x columns
    moments : dict
        See `fit_nested`.

    Returns
    -------
    Series
        By column, Pearson's r; 0 where one of the two is constant or missing.
    """
    middle = pd.DataFrame({p: {c: moments[p][c][1] for c in features} for p in features.index}).T[list(features)]
    centred = (features - features.mean()).fillna(0.0), (middle - middle.mean()).fillna(0.0)
    spread = np.sqrt(np.square(centred[0]).sum() * np.square(centred[1]).sum())
    return ((centred[0] * centred[1]).sum() / spread.where(spread > 0)).fillna(0.0)


def transferable(features, moments, *, least):
    """Return the columns whose `transfer` reaches a limit; the best one where none does."""
    found = transfer(features, moments)
    kept = list(found.index[found >= least])
    return kept or [found.idxmax()]


def local_scale(moments, columns, patients):
    """Mean and standard deviation of local features over the voxels of some patients, each patient weighing the same.

    Parameters
    ----------
    moments : dict
        See `fit_nested`.
    columns : list of str
    patients : iterable of str

    Returns
    -------
    dict
        ``mean``, ``sd``: lists in the order of the columns.
    """
    table = np.array([[moments[patient][column][1:] for column in columns] for patient in patients], dtype=float)
    middle, variance = table[..., 0], table[..., 1]
    mean = np.nanmean(middle, axis=0)
    return {"mean": mean.tolist(), "sd": np.sqrt(np.nanmean(variance + np.square(middle - mean), axis=0)).tolist()}


def scale_table(artifact):
    """Return the selected features with both scales: how far the tumours' scale would be off for neighbourhoods.

    Returns
    -------
    DataFrame
        ``feature``, ``tumour_mean``, ``tumour_sd``, ``voxel_mean``, ``voxel_sd``; ``shift``: mean of the voxels in
        standard deviations of the tumours; ``ratio``: of the two standard deviations; ``transfer``: see there.
    """
    model = artifact["models"][0]
    (mean, sd), (voxel_mean, voxel_sd) = (
        (np.array(model[scale]["mean"]), np.array(model[scale]["sd"])) for scale in ("global", "local")
    )
    wide = np.where(sd > 0, sd, np.nan)
    return pd.DataFrame(
        {
            "feature": model["features"],
            "tumour_mean": mean,
            "tumour_sd": sd,
            "voxel_mean": voxel_mean,
            "voxel_sd": voxel_sd,
            "shift": (voxel_mean - mean) / wide,
            "ratio": voxel_sd / wide,
            "transfer": model["transfer"],
        }  # fmt: skip
    )
