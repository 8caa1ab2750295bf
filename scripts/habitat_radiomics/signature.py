"""A signature: features of stated sequences and regions, selected in steps, ending in a score (radiomics score)."""

from fnmatch import fnmatchcase

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import has_fit_parameter

from habitat_radiomics import lasso
from habitat_radiomics.combat import METADATA, Combat
from habitat_radiomics.faults import StudyFault
from habitat_radiomics.habitat_sets import is_region
from habitat_radiomics.leakage import digests
from habitat_radiomics.outcome import fitted_outcome, happened, is_survival, scarcest
from habitat_radiomics.selection import STEPS
from habitat_radiomics.selection_survival import SURVIVAL_STEPS
from habitat_radiomics.tables import chosen_columns, column_parts


def build_signature(steps, *, seed, icc=None, stability=None, survival=False, harmonise=None):
    """Return the unfitted pipeline of a signature.

    Parameters
    ----------
    steps : list of dict
        Each ``{name: settings}`` with a name of `selection.STEPS`; the last gives the score.
    seed : int
        Seed of the folds of the last step.
    icc : dict, optional
        Feature name to its smaller ICC, for the ``icc`` step.
    stability : dict, optional
        Feature of a habitat to its ICC under small changes, for the ``stable`` step.
    survival : bool
        Whether the outcome is of times to an event; steps of `selection_survival` then.
    harmonise : dict, optional
        Settings of `combat.Combat`, which becomes the first step; its batch and covariates travel with the features.
    """
    extra = {"icc": {"icc": icc}, "stable": {"icc": stability}, "lasso": {"seed": seed}}
    extra["cox_lasso"] = extra["lasso"]
    known = {**STEPS, **SURVIVAL_STEPS} if survival else STEPS
    built = [("combat", Combat(**harmonise))] if harmonise else []
    built += [
        (name, known[name](**settings, **extra.get(name, {}))) for step in steps for name, settings in step.items()
    ]
    return Pipeline(list(_distinct(built))).set_output(transform="pandas")


def _distinct(named):
    """Number steps of the same name: zscore, zscore-2."""
    counts = {}
    for name, step in named:
        counts[name] = counts.get(name, 0) + 1
        yield (name if counts[name] == 1 else f"{name}-{counts[name]}", step)


def signature_columns(columns, *, sequences, regions, features=()):
    """Columns of the feature table that belong to the sequences and regions, in table order.

    Parameters
    ----------
    columns : iterable of str
    sequences, regions : list of str
        ``NAME*`` stands for all habitats of a set.
    features : list of str
        Patterns of feature names (``habitat_voxels``, ``original_glcm_*``); all features when empty.

    Raises
    ------
    StudyFault
        A region without a column, as a habitat beyond the number chosen, or a pattern without a feature.
    """
    parts = {column: column_parts(column)[:2] for column in columns}
    found = list(dict.fromkeys(region for sequence, region in parts.values() if sequence in sequences))
    for asked in regions:
        if not any(is_region(region, asked) for region in found):
            raise StudyFault(
                f"a signature asks for region {asked} of {', '.join(sequences)}, which has no features there. Regions "
                f"with features: {', '.join(found)}. Name one of them, or NAME* for all habitats of a set; the number "
                "of habitats is in habitats/NAME/habitats.json."
            )
    wanted = {region for region in found if any(is_region(region, asked) for asked in regions)}
    chosen = [column for column, (sequence, region) in parts.items() if sequence in sequences and region in wanted]
    return _matching(chosen, features) if features else chosen


def _matching(columns, patterns):
    """Columns whose feature matches one of the patterns, each of which must match one."""
    names = {column: column_parts(column)[2] for column in columns}
    idle = [pattern for pattern in patterns if not any(fnmatchcase(name, pattern) for name in names.values())]
    if idle:
        raise StudyFault(
            f"a signature asks for features {idle[0]}, and none of its {len(names)} features is called so (the first: "
            f"{next(iter(names.values()), 'missing')}). Names stand after the second '|' in the columns of "
            "features/training.parquet."
        )
    return [column for column, name in names.items() if any(fnmatchcase(name, pattern) for pattern in patterns)]


def fit_signature(pipeline, features, outcome):
    """Fit a clone of the pipeline on training patients and note whom it saw.

    Parameters
    ----------
    features : DataFrame, patients x features
    outcome : Series or DataFrame
        0 or 1, or time and event, by patient, same index. A patient may occur several times, as in a bootstrap
        resample.
    """
    fitted = clone(pipeline).fit(features, fitted_outcome(outcome), **_copies(pipeline, features.index))
    fitted.fitted_on_ = digests(features.index)
    return fitted


def _copies(pipeline, patients):
    """Tell the last step who is in each row when patients occur several times: its folds must not split copies."""
    if not isinstance(pipeline, Pipeline):
        return {}  # the best of several reads them from the index
    name, last = pipeline.steps[-1]
    return {} if patients.is_unique or not has_fit_parameter(last, "patients") else {f"{name}__patients": patients}


def signature_score(fitted, features):
    """Score of every patient (Series); higher means a higher risk of the outcome."""
    score = fitted.decision_function(chosen_columns(features, fitted.feature_names_in_))
    return pd.Series(score, index=features.index, name="score")


def feature_columns(columns):
    """Return those columns of a feature table that are features: batches and covariates of ComBat are none."""
    return [column for column in columns if not str(column).startswith(METADATA)]


def _chosen(fitted):
    """The fitted pipeline behind a signature: itself, or the one chosen of several (see `best_of`)."""
    return getattr(fitted, "chosen_", fitted)


def selected_features(fitted, features):
    """Return the selected features of every patient, as the last step of the signature sees them.

    Returns
    -------
    DataFrame, patients x selected features
        Where nothing was selected one column, ``score``, which is the same for every patient.
    """
    fitted = _chosen(fitted)
    kept = signature_coefficients(fitted)["feature"].iloc[1:]
    if kept.empty:
        return signature_score(fitted, features).to_frame()
    names = _names_at_last_step(fitted)
    values = fitted[:-1].transform(features[fitted.feature_names_in_]) if len(fitted) > 1 else features[names]
    return pd.DataFrame(np.asarray(values), columns=names, index=features.index)[list(kept)]


def used_features(fitted, features):
    """Return the selected features of every patient in their own units, harmonised where the signature harmonises.

    Missing values are not filled, so that this is what a patient is compared with the training patients by.
    """
    fitted = _chosen(fitted)
    kept = list(signature_coefficients(fitted)["feature"].iloc[1:])
    values = fitted[0].transform(features[fitted.feature_names_in_]) if isinstance(fitted[0], Combat) else features
    return values[kept]


def _names_at_last_step(fitted):
    """Names of the features that reach the last step."""
    if len(fitted) == 1:
        return fitted.feature_names_in_
    return np.asarray(fitted[:-1].get_feature_names_out(fitted.feature_names_in_))


def stratified_folds(outcome, *, folds, seed):
    """Return the fold number (0..) of every patient, balanced by class (or event) and the same for any row order.

    A patient who occurs several times (bootstrap resample) is in one fold.

    Raises
    ------
    ValueError
        If a class has fewer patients than two folds need, or fewer than two had the event.
    """
    ordered = outcome[~outcome.index.duplicated()].sort_index()
    smaller = scarcest(ordered)
    if smaller < 2:
        raise ValueError(
            f"cross-validation needs 2 patients with the event, there is {smaller}."
            if is_survival(outcome)
            else f"cross-validation needs 2 patients of each class, the smaller class has {smaller}."
        )
    number = lasso.stratified_folds(happened(ordered).to_numpy(), folds=min(folds, smaller), seed=seed)
    return pd.Series(number, index=ordered.index, name="fold").reindex(outcome.index)


def cross_fitted_scores(pipeline, features, outcome, *, folds, repeats, seed):
    """Score every training patient by signatures selected and fitted without the patient.

    Returns
    -------
    DataFrame
        ``score``: mean over the repeats, each with other folds; ``score_sd``: standard deviation over them (NaN for
        one repeat), which shows how much the signature depends on who happened to train it.
    """
    scores = [
        _held_out_scores(pipeline, features, outcome, stratified_folds(outcome, folds=folds, seed=seed + repeat))
        for repeat in range(repeats)
    ]
    table = pd.concat(scores, axis=1)
    return pd.DataFrame({"score": table.mean(axis=1), "score_sd": table.std(axis=1)})


def _held_out_scores(pipeline, features, outcome, folds):
    scores = np.full(len(features), np.nan)
    for fold in np.unique(folds):
        held_out = (folds == fold).to_numpy()
        fitted = fit_signature(pipeline, features[~held_out], outcome[~held_out])
        scores[held_out] = signature_score(fitted, features[held_out])
    return pd.Series(scores, index=features.index)


def selection_funnel(fitted):
    """Return a table of the number of features after every step, and whether a filter had to keep its best only.

    Of the best of several, the features of all come first, then those of the chosen one.
    """
    rows = []
    if fitted is not _chosen(fitted):
        rows.append({"step": "extracted", "features": fitted.offered_, "note": ""})
    fitted, note = _chosen(fitted), f"chosen: {fitted.choice_}" if rows else ""
    names = list(fitted.feature_names_in_)
    extracted = len(feature_columns(names))
    rows.append({"step": "best_of" if rows else "extracted", "features": extracted, "note": note})
    for name, step in fitted.steps[:-1]:
        names = list(step.get_feature_names_out(names))
        note = "nothing passed; the best feature was kept" if getattr(step, "fell_back_", False) else ""
        rows.append({"step": name, "features": len(names), "note": note})
    last, model = fitted.steps[-1]
    rows.append({"step": last, "features": int(np.count_nonzero(model.coef_)), "note": ""})
    return pd.DataFrame(rows)


def signature_coefficients(fitted):
    """Return the selected features with their coefficients, strongest first, and the intercept as first row.

    Coefficients act on the features as the last step sees them (standardised when ``zscore`` is among the steps).
    """
    fitted = _chosen(fitted)
    model, names = fitted[-1], _names_at_last_step(fitted)
    table = pd.DataFrame({"feature": names, "coefficient": model.coef_.ravel()}).query("coefficient != 0")
    table = table.sort_values("coefficient", key=np.abs, ascending=False, kind="stable")
    intercept = pd.DataFrame({"feature": ["(intercept)"], "coefficient": [float(np.ravel(model.intercept_)[0])]})
    return pd.concat([intercept, table], ignore_index=True)


def penalty_path(fitted):
    """Return the cross-validated deviance and the coefficients of every feature that ever enters, by penalty."""
    fitted = _chosen(fitted)
    model, names = fitted[-1], _names_at_last_step(fitted)
    entering = np.flatnonzero(np.abs(model.coefficient_path_).max(axis=1) > 0)
    path = pd.DataFrame(
        {
            "penalty": model.penalties_,
            "deviance": model.deviance_mean_,
            "deviance_se": model.deviance_se_,
            "features": model.n_nonzero_,
            "chosen": np.isclose(model.penalties_, model.penalty_, rtol=1e-12),
        }
    )
    coefficients = pd.DataFrame(model.coefficient_path_[entering].T, columns=names[entering])
    return pd.concat([path, coefficients], axis=1)
