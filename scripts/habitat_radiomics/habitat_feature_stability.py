"""How much the features of habitats change under the perturbations of `habitat_stability`.

Measuring one patient needs numpy and SimpleITK only; the correlations are for the cohort and import what they need.
"""

import csv
import io
from typing import NamedTuple

import numpy as np
import SimpleITK as sitk

from habitat_radiomics.habitat_features import habitat_features
from habitat_radiomics.habitat_stability import ALL, OTHER_NUMBER, PERTURBATIONS, REFERENCE, counterparts
from habitat_radiomics.whole_files import replace_text

NO_COUNTERPART = "no habitat corresponds, or none has the feature"


class PerturbedRow(NamedTuple):
    """One feature of one habitat under one perturbation; ``value`` is NaN exactly where ``reason`` is not empty."""

    perturbation: str
    sequence: str
    region: str
    feature: str
    value: float
    reason: str


# One patient


def perturbed_features(images, changed, labels, artifact, again, *, sets):
    """Features of one patient's habitats as they are, and under every perturbation.

    Habitats that have no counterpart under a perturbation are left out there.

    Parameters
    ----------
    images : dict of str to SimpleITK.Image
        Normalised images by sequence.
    changed : dict of str to dict
        From `habitat_stability.perturbed_images`: features are taken from the changed image.
    labels : dict of str to (SimpleITK.Image or None)
        From `habitat_stability.perturbed_labels`.
    artifact : dict
        From ``habitats.fit_habitats``.
    again : dict of str to dict
        From `habitat_stability.refitted`.
    sets : dict of str to dict
        By sequence: name, bank, shape, settings and engine, as `habitat_features.habitat_features`.

    Returns
    -------
    list of PerturbedRow
    """
    rows = []
    for perturbation, found in labels.items():
        if found is None:
            continue
        numbers = counterparts(artifact, again.get(perturbation, artifact))
        k = max(artifact["k"], int(sitk.GetArrayViewFromImage(found).max()))
        for sequence, chosen in sets.items():
            image = changed.get(perturbation, images)[sequence]
            kept = {f"{chosen['name']}{number}" for number in numbers}
            features = habitat_features(image, found, k=k, **chosen)
            rows += [PerturbedRow(perturbation, sequence, *row[1:]) for row in features if row.region in kept]
    return rows


def write_rows(path, rows):
    """Write named tuples as CSV, whole or not at all; reading it back gives the same numbers to the last bit."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(rows[0]._fields)
    writer.writerows(rows)
    replace_text(path, text.getvalue())


# The cohort


def feature_table(rows_by_patient):
    """One row per patient and perturbation, one column ``sequence|region|feature`` per feature of the reference.

    Parameters
    ----------
    rows_by_patient : dict of str to DataFrame
        Patient to the table of `PerturbedRow`.
    """
    import pandas as pd

    from habitat_radiomics.tables import feature_column

    long = pd.concat({patient: rows_by_patient[patient] for patient in sorted(rows_by_patient)}, names=["patient"])
    parts = zip(long["sequence"], long["region"], long["feature"], strict=True)
    long = long.assign(column=[feature_column(*part) for part in parts]).reset_index("patient")
    order = long.loc[long["perturbation"] == REFERENCE, "column"].drop_duplicates()
    wide = long.pivot(index=["patient", "perturbation"], columns="column", values="value")
    return wide[order].rename_axis(columns=None).reset_index()


def feature_stability(features, *, form="ICC(2,1)"):
    """Intraclass correlation of every habitat feature under perturbations.

    Parameters
    ----------
    features : DataFrame
        ``patient``, ``perturbation`` (`REFERENCE` and others) and one column per feature.
    form : str
        See ``reliability.icc``.

    Returns
    -------
    DataFrame
        feature, perturbation (`ALL` that keep the number of habitats together with the reference, then each one with
        the reference), icc, ci_low, ci_high, n (patients), reason (where there is no icc).

    Raises
    ------
    ValueError
        No reference, or no perturbation that keeps the number of habitats.
    """
    import pandas as pd

    columns = [name for name in features.columns if name not in ("patient", "perturbation")]
    present = [name for name in PERTURBATIONS if name in set(features["perturbation"])]
    kept = [name for name in present if name not in OTHER_NUMBER]
    if not kept or REFERENCE not in set(features["perturbation"]):
        raise ValueError("feature stability needs the reference and at least one perturbation of the same k.")
    by_name = {name: part.set_index("patient")[columns] for name, part in features.groupby("perturbation")}
    tables = [_icc_table(by_name, [REFERENCE, *kept], ALL, form)]
    tables += [_icc_table(by_name, [REFERENCE, name], name, form) for name in present]
    return pd.concat(tables, ignore_index=True)


def _icc_table(by_name, raters, label, form):
    import pandas as pd

    from habitat_radiomics.reliability import icc

    patients = sorted(set().union(*(by_name[name].index for name in raters)))
    columns = by_name[REFERENCE].columns
    ratings = np.stack([by_name[name].reindex(patients).to_numpy(dtype=float) for name in raters], axis=1)
    found = icc(ratings, form=form)
    absent = np.isnan(ratings).all(axis=0).any(axis=0)
    return pd.DataFrame(
        {"feature": columns, "perturbation": label, "icc": found.estimate, "ci_low": found.ci_low,
         "ci_high": found.ci_high, "n": found.n, "reason": np.where(absent, NO_COUNTERPART, found.reason)}
    )  # fmt: skip
