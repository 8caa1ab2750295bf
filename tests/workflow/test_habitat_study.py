"""Habitats in a study: they are those that were planted, everyone has them, and they are regions like others."""

import json

import numpy as np
import SimpleITK as sitk
from sklearn.metrics import adjusted_rand_score

from habitat_radiomics.tables import read_by_patient, read_table


def labels_of(checkout, patient):
    return sitk.ReadImage(checkout.results / f"habitats/zone/{patient}/labels.nii.gz")


def test_the_planted_number_of_subregions_is_chosen_and_everyone_has_them(checkout):
    artifact = json.loads((checkout.results / "habitats/zone/habitats.json").read_text())
    assert artifact["k"] == 3
    shares = read_table(checkout.results / "habitats/zone/shares.csv")
    assert len(shares) == 48
    for row in shares.itertuples():
        labels = sitk.GetArrayFromImage(labels_of(checkout, row.patient))
        counts = np.bincount(labels.ravel(), minlength=4)
        assert len(counts) == 4 and (counts > 0).all()
        np.testing.assert_allclose(counts[1:] / counts[1:].sum(), row[2:], rtol=1e-12)


def test_the_planted_subregions_are_recovered(checkout):
    found = []
    for patient in read_table(checkout.results / "habitats/zone/shares.csv")["patient"]:
        labels = labels_of(checkout, patient)
        planted = sitk.ReadImage(checkout.results / f"demo/{patient}/subregions.nii.gz")
        truth = sitk.GetArrayFromImage(sitk.Resample(planted, labels, sitk.Transform(), sitk.sitkNearestNeighbor))
        habitats = sitk.GetArrayFromImage(labels)
        inside = (habitats > 0) & (truth > 0)
        found.append(adjusted_rand_score(truth[inside], habitats[inside]))
    assert np.median(found) > 0.7, np.round(found, 2)


def test_features_of_habitats_are_those_of_the_primary_reading(checkout):
    features = read_by_patient(checkout.results / "features/training.parquet")
    assert (
        features.filter(regex=r"^T1\|zone[123]\|").shape[1] == 3 * (42 + 6) + 3
    )  # each pair of habitats has one area of contact
    assert features.filter(regex=r"^T2\|zone").empty
    assert read_table(checkout.results / "features/training_readings.parquet").filter(regex=r"\|zone").empty
