"""One patient of a nested set: what local features are like in the tumour, and the map that a model makes of it."""

import numpy as np

from habitat_radiomics.local_features import local_moments, local_values
from habitat_radiomics.nested_map import model_for, probabilities

REGION = "tumour"


def column_of(sequence, feature):
    """Name of a feature of the tumour in the feature table (`tables.feature_column`, which needs pandas)."""
    return f"{sequence}|{REGION}|{feature}"


def patient_moments(images, mask, settings, *, threads=1):
    """Return column to [voxels, mean, variance] of every local feature of all sequences.

    Parameters
    ----------
    images : dict of str to SimpleITK.Image
        Normalised images by sequence, on the grid of the mask.
    mask : SimpleITK.Image
        Tumour, non-zero inside.
    settings : dict
        See `nested_settings.neighbourhoods`.
    threads : int
    """
    moments = {}
    for sequence, own in settings["by_sequence"].items():
        chosen = {"bank": own["bank"], "settings": own["settings"], "radius": settings["radius"]}
        found = local_moments(images[sequence], mask, own["names"], threads=threads, **chosen)
        moments |= {column_of(sequence, name): values for name, values in found.items()}
    return moments


def patient_map(images, mask, artifact, patient, settings, *, threads=1):
    """Return the probability of every voxel, the local features behind it, and the model, new to the patient.

    Parameters
    ----------
    images, mask, settings, threads
        See `patient_moments`.
    artifact : dict
        Of `nested_model.fit_nested`.
    patient : str

    Returns
    -------
    probability : ndarray, shape (voxels of the mask,)
    values : ndarray, shape (voxels of the mask, features of the model)
    model : dict
    """
    model = model_for(artifact, patient)
    parts = []
    for sequence, own in settings["by_sequence"].items():
        names = [name for name in own["names"] if column_of(sequence, name) in model["features"]]
        if names:
            chosen = {"bank": own["bank"], "settings": own["settings"], "radius": settings["radius"]}
            found = local_values(images[sequence], mask, names, threads=threads, **chosen)
            parts.append(([column_of(sequence, name) for name in names], found))
    columns = [column for names, _ in parts for column in names]
    values = np.concatenate([found for _, found in parts], axis=1)[:, [columns.index(c) for c in model["features"]]]
    return probabilities(values, model), values, model
