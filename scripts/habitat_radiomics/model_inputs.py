"""Bring together what a model is fitted on or applied to: scores and clinical variables of usable patients."""

import pandas as pd

from habitat_radiomics.entry import read_json
from habitat_radiomics.model import build_model, named_features
from habitat_radiomics.outcome import outcome_of
from habitat_radiomics.signature_inputs import signature_pipeline
from habitat_radiomics.tables import read_by_patient, read_table


def model_inputs(settings, clinical_path, outcome_path, quality_paths, score_paths):
    """Return predictors (DataFrame) and outcome (see `outcome`) of the patients all of whose scans can be used.

    Parameters
    ----------
    settings : dict
        As `settings.model`.
    score_paths : list of str
        One table per signature, in the order of ``settings["signatures"]``: its scores or, for a model on selected
        features, their values. Empty when these come later.
    """
    predictors = model_predictors(settings, clinical_path, quality_paths, score_paths)
    return predictors, outcome_of(read_by_patient(outcome_path)).loc[predictors.index]


def model_predictors(settings, clinical_path, quality_paths, score_paths):
    """Return the predictors alone, as `model_inputs`: whoever is predicted needs no outcome."""
    kept = usable_patients([read_table(path) for path in quality_paths])
    variables = settings["variables"]
    text = [name for name, variable in variables.items() if variable["type"] == "category"]
    table = pd.read_csv(clinical_path, dtype=dict.fromkeys(["patient", *text], str)).set_index("patient")
    predictors = [table.loc[kept, list(variables)]]
    for name, path in zip(signature_names(settings) if score_paths else [], score_paths, strict=True):
        values = read_by_patient(path).loc[kept]
        scores = settings["inputs"] == "scores"
        predictors.append(values["score"].rename(name) if scores else named_features(name, values))
    return pd.concat(predictors, axis=1)


def usable_patients(quality_tables):
    """Return patients without a fault in any scan, in table order."""
    quality = pd.concat(quality_tables)
    usable = quality.groupby("patient", sort=False)["usable"].all()
    return list(usable.index[usable])


def signature_names(settings):
    """Return the signatures of a model in the order of the study."""
    return [chosen["name"] for chosen in settings["signatures"]]


def model_pipeline(settings, times=()):
    """Return the unfitted pipeline of a model; ``times`` are those at which survival is predicted, if any."""
    chosen = {name: settings[name] for name in ("variables", "estimator", "inputs", "folds", "seed")}
    chosen |= {"horizons": settings.get("horizons", ()), "times": times}
    chosen["classifiers"] = settings.get("classifiers", ())
    return build_model(signatures=signature_names(settings), **chosen)


def model_signatures(settings, features, icc_paths):
    """Return the unfitted pipeline and the feature columns of every signature in a model."""
    return {
        chosen["name"]: signature_pipeline(chosen, features.columns, icc_paths) for chosen in settings["signatures"]
    }


def read_cutoff(path):
    """Return the cut-off learnt with a model; NaN when no threshold did better than chance."""
    threshold = read_json(path)["threshold"]
    return float("nan") if threshold is None else threshold
