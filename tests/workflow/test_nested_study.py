"""Nested habitats in a study: training patients are mapped out of fold, test patients change nothing that is learnt."""

import json
import shutil

import pytest
import SimpleITK as sitk

from habitat_radiomics.leakage import digests
from habitat_radiomics.tables import read_by_patient, read_table
from small_study import Checkout

NESTED = {"core": {"sequences": ["T1"], "features": ["original_firstorder_*"], "k": 3, "write_maps": True}}


@pytest.fixture(scope="module")
def nested(own_data, tmp_path_factory):
    """The half cohort with a nested set, as far as its features, in a copy of the checkout."""
    own, config, data = own_data
    folder = shutil.copytree(own.folder, tmp_path_factory.mktemp("nested") / "copy")
    study = Checkout(folder, "own")
    banks = {**config["features"]["banks"], "core": "small"}
    config = {**config, "nested": NESTED, "features": {**config["features"], "banks": banks}}
    patient = cohort_of(study).index[0]
    targets = [f"results/own/{name}" for name in ("features/training.parquet", "features/validation.parquet")]
    study.run(config, *targets, f"results/own/review/{patient}.html")
    return study, config, folder / data.name


def cohort_of(study):
    return read_table(study.results / "cohort/outcome.csv").set_index("patient")["cohort"]


def record(study, patient):
    return json.loads((study.results / f"habitats/core/{patient}/labels.json").read_text())


def test_every_training_patient_is_mapped_by_a_machine_that_did_not_see_the_patient(nested):
    study, _, _ = nested
    artifact = json.loads((study.results / "habitats/core/habitats.json").read_text())
    seen = {model["name"]: model["fitted_on"] for model in artifact["models"]}
    cohorts = cohort_of(study)
    assert seen["all"] == artifact["fitted_on"] == digests(cohorts.index[cohorts == "train"])
    for patient, cohort in cohorts.items():
        model = record(study, patient)["measures"]["model"]
        assert digests([patient])[0] not in seen[model]
        assert (model == "all") == (cohort != "train")


def test_the_review_page_of_a_patient_shows_subregions_and_probability_beside_every_sequence(nested):
    study, config, _ = nested
    (page,) = (study.results / "review").glob("*.html")
    text = page.read_text()
    assert page.stem in text
    for sequence in config["sequences"]:
        assert f'alt="{sequence}, axial slices: As acquired."' in text
    for name in ("zone", "core"):
        assert f'alt="T1, axial slices: Habitats of T1 ({name})."' in text
    assert 'alt="T1, axial slices: Habitats of T1 (core): probability, ' in text
    assert len(text) < 400_000


def test_everybody_has_a_microregion_its_features_and_on_request_the_map(nested):
    study, _, _ = nested
    for part in ("training", "validation"):
        features = read_by_patient(study.results / f"features/{part}.parquet").filter(regex=r"^T1\|core3\|original")
        assert features.shape[1] == 42 and features["T1|core3|original_firstorder_Mean"].notna().all()
    for patient in cohort_of(study).index:
        labels = sitk.GetArrayFromImage(sitk.ReadImage(study.results / f"habitats/core/{patient}/labels.nii.gz"))
        probability = sitk.ReadImage(study.results / f"habitats/core/{patient}/probability.nii.gz")
        chance = sitk.GetArrayFromImage(probability)
        assert ((chance > 0) == (labels > 0)).all()
        assert chance[labels == 3].mean() >= chance[labels > 0].mean()


def test_a_changed_test_patient_reruns_nothing_that_is_learnt(nested):
    study, config, data = nested
    tested = next(patient for patient, cohort in cohort_of(study).items() if cohort != "train")
    image = sitk.ReadImage(data / tested / "T1.nii.gz")
    sitk.WriteImage(image + 1, data / tested / "T1.nii.gz")
    jobs = study.jobs(config, "--", "results/own/features/training.parquet", "results/own/features/validation.parquet")
    assert jobs["preprocess_image"] == 1 and jobs["map_microregion"] == 1
    assert not {"fit_nested", "measure_neighbourhoods"} & set(jobs)
    assert jobs["collect_features"] == 1
