"""Bring together what a signature is fitted on: its pipeline, its features and the outcome of the training patients."""

import pandas as pd

from habitat_radiomics.best_of import BestSignature
from habitat_radiomics.habitat_stability import ALL
from habitat_radiomics.signature import build_signature, signature_columns
from habitat_radiomics.tables import read_by_patient, read_table


def signature_inputs(settings, features_path, outcome_path, icc_paths):
    """Return the unfitted pipeline, the features (patients x columns of the signature) and the outcome.

    Parameters
    ----------
    settings : dict
        As `settings.signature`.
    icc_paths : list of str
        The agreement tables of readers and of habitats, those that a step asks for.
    """
    features = read_by_patient(features_path)
    pipeline, columns = signature_pipeline(settings, features.columns, icc_paths)
    outcome = read_by_patient(outcome_path)["outcome"].loc[features.index]
    return pipeline, features[columns], outcome


def signature_pipeline(settings, all_columns, icc_paths):
    """Return the unfitted pipeline of a signature and its columns of the feature table.

    Of the best of several (``best_of`` in its settings) the columns are those of all candidates.
    """
    if "best_of" in settings:
        built = [
            (chosen["name"], *signature_pipeline(chosen, all_columns, icc_paths)) for chosen in settings["best_of"]
        ]
        used = {column for _, _, columns in built for column in columns}
        best = BestSignature(candidates=built, folds=settings["folds"], seed=settings["seed"])
        return best, [column for column in all_columns if column in used]
    columns = signature_columns(all_columns, sequences=settings["sequences"], regions=settings["regions"])
    return build_signature(settings["steps"], seed=settings["seed"], **agreement(icc_paths, columns)), columns


def agreement(paths, columns):
    """Return ``icc`` (between readers) and ``stability`` (of habitats under small changes), None where not asked."""
    tables = [read_table(path) for path in paths]
    found = {"icc": None, "stability": None}
    for table in (table for table in tables if "perturbation" not in table):
        found["icc"] = table.set_index("feature")["icc"].reindex(columns).to_dict()
    stable = [table[table["perturbation"] == ALL] for table in tables if "perturbation" in table]
    if stable:
        everything = pd.concat(stable).set_index("feature")["icc"]
        found["stability"] = everything[everything.index.isin(columns)].to_dict()
    return found


def resampling(settings):
    """Return folds, repeats and seed of cross-fitting."""
    return {name: settings[name] for name in ("folds", "repeats", "seed")}
