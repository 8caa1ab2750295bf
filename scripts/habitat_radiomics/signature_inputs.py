"""Bring together what a signature is fitted on: its pipeline, its features and the outcome of the training patients."""

from habitat_radiomics.best_of import BestSignature
from habitat_radiomics.signature import build_signature, signature_columns
from habitat_radiomics.tables import read_by_patient, read_table


def signature_inputs(settings, features_path, outcome_path, icc_paths):
    """Return the unfitted pipeline, the features (patients x columns of the signature) and the outcome.

    Parameters
    ----------
    settings : dict
        As `settings.signature`.
    icc_paths : list of str
        The agreement table, or nothing where no step asks for it.
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
    icc = read_table(icc_paths[0]).set_index("feature")["icc"].reindex(columns).to_dict() if icc_paths else None
    return build_signature(settings["steps"], seed=settings["seed"], icc=icc), columns


def resampling(settings):
    """Return folds, repeats and seed of cross-fitting."""
    return {name: settings[name] for name in ("folds", "repeats", "seed")}
