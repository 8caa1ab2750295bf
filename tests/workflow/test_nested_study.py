"""Nested habitats in a study: training patients are mapped out of fold, test patients change nothing that is learnt."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk

from applied_study import apply_bundle, lines_by_patient, of_cohort, stored_lines, write_clinic
from habitat_radiomics.bundle import read_bundle
from habitat_radiomics.habitat_patient import read_patient
from habitat_radiomics.leakage import digests
from habitat_radiomics.local_features import local_values
from habitat_radiomics.nested_cohort import read_training
from habitat_radiomics.nested_map import model_for, probabilities
from habitat_radiomics.nested_model import fit_nested
from habitat_radiomics.nested_patient import column_of
from habitat_radiomics.roc import auc
from habitat_radiomics.tables import read_by_patient, read_table
from small_study import Checkout

NESTED = {"core": {"sequences": ["T1"], "features": ["original_firstorder_*"], "k": 3, "write_maps": True}}
SELECTION = [{"complete": {}}, {"zscore": {}}, {"select_k_best": {"k": 4}}, {"lasso": {"folds": 5}}]
SIGNATURES = {"core": {"sequences": ["T1"], "regions": ["core3"], "steps": SELECTION}}
MODELS = {"core": {"signatures": ["core"]}}


@pytest.fixture(scope="module")
def nested(own_data, tmp_path_factory):
    """The half cohort with a nested set and a model of it, in a copy of the checkout."""
    own, config, data = own_data
    folder = shutil.copytree(own.folder, tmp_path_factory.mktemp("nested") / "copy")
    study = Checkout(folder, "own")
    banks = {**config["features"]["banks"], "core": "small"}
    config = {**config, "nested": NESTED, "features": {**config["features"], "banks": banks}}
    config = {**config, "signatures": SIGNATURES, "models": MODELS}
    patient = cohort_of(study).index[0]
    targets = ["features/validation.parquet", "model/bundle.zip", "validate/core/predictions.csv"]
    study.run(config, *(f"results/own/{name}" for name in targets), f"results/own/review/{patient}.html")
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


def test_applied_to_patients_of_the_study_the_bundle_draws_the_maps_and_predicts_what_the_study_stored(nested):
    study, _, _ = nested
    (learner,), (tested,) = (of_cohort(study, cohort, 1) for cohort in ("train", "external"))
    demo = Checkout(study.folder, "small")
    tables = write_clinic(demo, study.folder / "anderswo", [learner, tested])
    bundle, columns = study.results / "model/bundle.zip", ["score", "probability", "group"]
    apply_bundle(study, bundle, tables, "elsewhere", "--quiet", "all")
    there = Checkout(study.folder, "elsewhere")
    stored = stored_lines(study.results, "core", columns)
    found = lines_by_patient(there.results / "predictions/core.csv", columns)
    assert found == {patient: stored[patient] for patient in (learner, tested)}
    assert len({line[0] for line in stored.values()}) > 20  # a model that tells patients apart
    for patient in found:
        path = f"habitats/core/{patient}/probability.nii.gz"
        assert (there.results / path).read_bytes() == (study.results / path).read_bytes()
    assert record(there, learner)["measures"]["model"] != "all" == record(there, tested)["measures"]["model"]
    page = (there.results / "report/index.html").read_text()
    assert "mapped, as in the study, by the machine that was fitted without that patient" in page
    assert f'alt="Probability map of patient {tested}."' in page and 'alt="Probability maps, page 1."' in page
    assert "is mapped (core), as in the study" in " ".join(read_bundle(bundle).members["README.txt"].decode().split())


def test_with_outcomes_dealt_out_at_random_held_out_patients_and_their_maps_are_at_chance(nested):
    study, _, _ = nested
    features, moments, outcome, settings = learnt_from(study)
    values = {patient: neighbourhoods_of(study, patient) for patient in features.index}
    areas = []
    for seed in range(10):
        dealt = pd.Series(np.random.default_rng(seed).permutation(outcome), index=outcome.index)
        artifact = fit_nested(features, moments, dealt, settings=settings)
        unseen = [mean_of_map(values[p], model_for(artifact, p)) for p in features.index]
        seen = [mean_of_map(values[p], artifact["models"][0]) for p in features.index]
        of_maps = [float(auc(dealt.to_numpy(), means)) for means in (unseen, seen)]
        areas.append([artifact["models"][0]["auc_held_out"], *of_maps])
    held_out, unseen, seen = np.mean(areas, axis=0)
    assert 0.38 < held_out < 0.62, np.round(areas, 2)
    assert 0.38 < unseen < 0.55, np.round(areas, 2)
    assert seen > unseen + 0.08  # what maps of a machine that saw the patient would have leaked


def learnt_from(study):
    """What the nested set was learnt from: features, moments, outcome, settings."""
    settings = json.loads((study.results / "state/fit_nested.core.json").read_text())
    outcome = read_by_patient(study.results / "cohort/training_outcome.csv")["outcome"]
    scans, own = "features/{patient}/{sequence}", "habitats/core/{patient}/moments"
    patterns = {"features": f"{scans}.csv", "feature_records": f"{scans}.json"}
    patterns |= {"moments": f"{own}.json", "records": f"{own}.record.json"}
    paths = {kind: str(study.results / pattern) for kind, pattern in patterns.items()}
    features, moments = read_training(list(outcome.index), settings=settings, **paths)
    return features, moments, outcome.loc[features.index], settings


def neighbourhoods_of(study, patient):
    """Local features of the tumour of one patient."""
    settings = json.loads((study.results / "state/measure_neighbourhoods.core.json").read_text())
    own, files = settings["by_sequence"]["T1"], [study.results / f"preprocess/{patient}/T1.nii.gz"]
    images, mask = read_patient(["T1"], files, study.results / f"regions/{patient}/T1.reader1.nii.gz")
    chosen = {"bank": own["bank"], "settings": own["settings"], "radius": settings["radius"]}
    values = local_values(images["T1"], mask, own["names"], **chosen)
    return pd.DataFrame(values, columns=[column_of("T1", name) for name in own["names"]])


def mean_of_map(values, model):
    return probabilities(values[model["features"]].to_numpy(), model).mean()


def test_a_changed_test_patient_reruns_nothing_that_is_learnt(nested):
    study, config, data = nested
    tested = next(patient for patient, cohort in cohort_of(study).items() if cohort != "train")
    image = sitk.ReadImage(data / tested / "T1.nii.gz")
    sitk.WriteImage(image + 1, data / tested / "T1.nii.gz")
    jobs = study.jobs(config, "--", "results/own/features/training.parquet", "results/own/features/validation.parquet")
    assert jobs["preprocess_image"] == 1 and jobs["map_microregion"] == 1
    assert not {"fit_nested", "measure_neighbourhoods"} & set(jobs)
    assert jobs["collect_features"] == 1
