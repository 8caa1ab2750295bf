"""Habitats in a study: they are those that were planted, everyone has them, and they are regions like others."""

import json
import shutil

import numpy as np
import pytest
import SimpleITK as sitk
from sklearn.metrics import adjusted_rand_score

from habitat_radiomics.cross_check import is_sampled
from habitat_radiomics.habitat_stability import PERTURBATIONS
from habitat_radiomics.tables import read_by_patient, read_table
from small_study import CONFIG, Checkout


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


def test_a_signature_takes_the_features_of_habitats_that_survive_small_changes(checkout):
    results = checkout.results
    stability = read_table(results / "habitats/zone/feature_stability.csv")
    overall = stability[stability["perturbation"] == "all"].set_index("feature")["icc"]
    assert overall.index.str.match(r"T1\|zone[123]\|").all()
    assert set(stability["perturbation"]) == {"all", *PERTURBATIONS}
    funnel = read_table(results / "select/habitat/funnel.csv").set_index("step")["features"]
    assert funnel["extracted"] == len(overall)
    assert funnel["stable"] == (overall > 0.6).sum() < len(overall)
    chosen = read_table(results / "select/habitat/coefficients.csv")["feature"][1:]
    assert (overall[chosen] > 0.6).all()


# Every way to make habitats, in a study without an outcome that ends with their features


@pytest.fixture(scope="module")
def described(checkout):
    """Six patients of the small study, one of them external, with a set of habitats of every kind."""
    data = checkout.folder / "described"
    data.mkdir()
    for name in ("patients", "images"):
        header, *lines = (checkout.results / "tables" / f"{name}.tsv").read_text().splitlines(keepends=True)
        (data / f"{name}.tsv").write_text("".join([header, *(line for line in lines if line[:4] in DESCRIBED)]))
    for patient in DESCRIBED:
        shutil.copytree(checkout.results / "demo" / patient, data / patient)
    config = {
        "study": "described",
        "data": {"folder": data.name},
        "sequences": {"T1": None, "T2": None},
        "reference": "T1",
        "split": {"method": "random", "train_fraction": 0.8},
        "preprocess": {"spacing_mm": [2, 2, 2], "padding_voxels": 4, "registration": "none", "bias_correction": False},
        "habitats": {name: {"k": 3, "stability_patients": 2, **chosen} for name, chosen in SETS.items()},
        "features": CONFIG["features"]
        | {"banks": dict.fromkeys(["tumour", *SETS], "small"), "engine": "fast", "cross_check": 0.5},
    }
    study = Checkout(checkout.folder, "described")
    figures = [f"results/described/figures/habitats/{name}/stability.png" for name in ("mixture", "alone")]
    study.run(config, "--quiet", "all", "--", "features", *figures)
    return study, config


DESCRIBED = ("P001", "P002", "P003", "P004", "P005", "P006")
SETS = {
    "mixture": {"sequences": ["T1"], "method": "gmm"},
    "alone": {"sequences": ["T1"], "scope": "patient"},
    "joint": {"sequences": ["T1", "T2"]},
    "local": {"sequences": ["T1"], "inputs": {"local_statistics": ["mean", "sd"], "radius_mm": 2}},
    "blocks": {"sequences": ["T2"], "inputs": {"supervoxel_mm": 4}},
}


@pytest.mark.parametrize("name", SETS)
def test_habitats_of_every_kind_are_those_that_were_planted(described, name):
    study, _ = described
    artifact = json.loads((study.results / f"habitats/{name}/habitats.json").read_text())
    assert artifact["patients"] == 5
    assert (artifact["centres"] is None) == (name == "alone")
    found = [agreement_with_truth(study, name, patient) for patient in DESCRIBED]
    assert np.median(found) > {"local": 0.4, "blocks": 0.4}.get(name, 0.6), np.round(found, 2)


def agreement_with_truth(study, name, patient):
    labels = sitk.ReadImage(study.results / f"habitats/{name}/{patient}/labels.nii.gz")
    planted = sitk.ReadImage(study.folder / f"described/{patient}/subregions.nii.gz")
    truth = sitk.GetArrayFromImage(sitk.Resample(planted, labels, sitk.Transform(), sitk.sitkNearestNeighbor))
    habitats = sitk.GetArrayFromImage(labels)
    inside = (habitats > 0) & (truth > 0)
    return adjusted_rand_score(truth[inside], habitats[inside])


def test_every_set_has_its_features_in_its_sequences_and_its_size_once(described):
    features = read_by_patient(described[0].results / "features/training.parquet")
    for name, chosen in SETS.items():
        for sequence in ("T1", "T2"):
            columns = features.filter(regex=rf"^{sequence}\|{name}[123]\|").columns
            sizes = [column for column in columns if column.endswith("habitat_voxels")]
            assert (len(columns) > 0) == (sequence in chosen["sequences"])
            assert len(sizes) == (3 if sequence == chosen["sequences"][0] else 0)


def test_scans_of_the_sample_are_extracted_by_both_engines_with_the_same_values(described):
    quality = read_table(described[0].results / "quality/training.csv")
    sampled = [is_sampled(row.patient, row.sequence, fraction=0.5) for row in quality.itertuples()]
    assert 0 < sum(sampled) < len(sampled)
    assert (quality["checked_values"] > 0).tolist() == sampled
    assert (quality.loc[sampled, "largest_difference"] < 1e-9).all()


def test_tumours_clustered_one_by_one_have_no_counterparts_of_another_number(described):
    stability = read_table(described[0].results / "habitats/alone/feature_stability.csv")
    assert not {"k - 1", "k + 1"} & set(stability["perturbation"])
    assert stability.loc[stability["perturbation"] == "another seed", "icc"].notna().any()
    mixture = read_table(described[0].results / "habitats/mixture/feature_stability.csv")
    assert mixture.loc[mixture["perturbation"] == "k + 1", "icc"].notna().any()


def test_a_study_without_an_outcome_ends_with_habitats_and_features(described):
    study, config = described
    jobs = study.jobs(config)
    assert jobs["draw_habitat_montage"] == len(SETS)
    assert not {"extract_features", "fit_signature", "fit_model", "write_report", "describe_cohort"} & set(jobs)
