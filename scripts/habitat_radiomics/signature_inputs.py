"""Bring together what a signature is fitted on: its pipeline, its features and the outcome of the training patients."""

import pandas as pd

from habitat_radiomics.best_of import BestSignature
from habitat_radiomics.combat import metadata_column
from habitat_radiomics.entry import read_json
from habitat_radiomics.habitat_stability import ALL
from habitat_radiomics.outcome import outcome_of
from habitat_radiomics.signature import build_signature, feature_columns, signature_columns
from habitat_radiomics.tables import chosen_columns, read_by_patient, read_table


def signature_inputs(settings, features_path, outcome_path, icc_paths, batches_path=None):
    """Return the unfitted pipeline, the features (patients x columns of the signature) and the outcome.

    Parameters
    ----------
    settings : dict
        As `settings.signature`.
    icc_paths : list of str
        The agreement tables of readers and of habitats, those that a step asks for.
    batches_path : str, optional
        Batch and covariates of every patient, where features are harmonised.
    """
    features = read_features([features_path], batches_path)
    pipeline, columns = signature_pipeline(settings, features.columns, icc_paths)
    outcome = outcome_of(read_by_patient(outcome_path)).loc[features.index]
    return pipeline, chosen_columns(features, columns), outcome


def read_features(paths, batches_path=None):
    """Return the features of all patients in some tables, with what ComBat needs to know of them beside.

    Parameters
    ----------
    paths : list of str
        Feature tables; None is returned without any.
    batches_path : str, optional
        JSON with batch and covariates of all patients, see `settings.batches`; categories are text in it.
    """
    if not paths:
        return None
    tables = [read_by_patient(path) for path in paths]
    features = tables[0] if len(tables) == 1 else pd.concat(tables)
    if not batches_path:
        return features
    stored = read_json(batches_path)
    known = pd.DataFrame(stored["values"], index=pd.Index(stored["patients"], name="patient"))
    return features.join(known[sorted(known)].rename(columns=metadata_column))


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
    features = feature_columns(all_columns)
    asked = {name: settings[name] for name in ("sequences", "regions", "features") if name in settings}
    columns = signature_columns(features, **asked)
    chosen = {"seed": settings["seed"], "survival": "survival" in settings, "harmonise": settings.get("harmonise")}
    pipeline = build_signature(settings["steps"], **chosen, **agreement(icc_paths, columns))
    metadata = [column for column in all_columns if column not in set(features)] if chosen["harmonise"] else []
    return pipeline, [*columns, *metadata]


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
