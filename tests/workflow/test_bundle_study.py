"""The bundle of a study, applied at another centre, predicts what the study stored, whoever comes with whom."""

import hashlib
import json
import shutil
import zipfile

import pandas as pd
import pytest
import yaml

from applied_study import apply_bundle, lines_by_patient, stored_lines, write_clinic
from habitat_radiomics.bundle import read_bundle
from habitat_radiomics.entry import read_json
from habitat_radiomics.model import model_prediction
from habitat_radiomics.model_inputs import model_predictors
from habitat_radiomics.persist import load_object
from habitat_radiomics.signature import signature_score
from habitat_radiomics.tables import read_by_patient, read_table
from small_study import CONFIG

COLUMNS = ["score", "probability", "group"]


@pytest.fixture(scope="module")
def bundle(checkout):
    return checkout.results / "model/bundle.zip"


def test_applied_to_patients_of_the_study_the_bundle_predicts_what_the_study_stored(checkout, clinic):
    there, about = clinic
    for model in CONFIG["models"]:
        stored = stored_lines(checkout.results, model, COLUMNS)
        found = lines_by_patient(there.results / f"predictions/{model}.csv", COLUMNS)
        assert len(found) == 11 and about["lacking"] not in found
        assert found == {patient: stored[patient] for patient in found}
    patient = about["others"][1]
    assert not [rule for rule in there.results.glob("logs/*") if rule.name.startswith(("fit_", "cross_", "sample_"))]
    for file in (f"habitats/zone/{patient}/labels.nii.gz", f"preprocess/{patient}/T2.nii.gz"):
        assert (there.results / file).read_bytes() == (checkout.results / file).read_bytes()
    for name in CONFIG["signatures"]:
        stored = lines_by_patient(checkout.results / f"select/{name}/scores.csv", ["score"])
        found = lines_by_patient(there.results / f"select/{name}/scores.csv", ["score"])
        assert found == {patient: stored[patient] for patient in found}


def test_every_patient_of_the_study_is_predicted_as_stored_alone_and_with_all_others(checkout, bundle, tmp_path):
    checked = read_bundle(bundle)
    for name in checked.members:
        if name.endswith(".skops"):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes(checked.members[name])
    features = pd.concat(
        read_by_patient(checkout.results / f"features/{p}.parquet") for p in ("training", "validation")
    )
    quality = [checkout.results / f"quality/{part}.csv" for part in ("training", "validation")]
    for model in ("combined", "habitat"):
        settings = read_json(checkout.results / f"state/model.{model}.json")
        table = model_predictors(settings, checkout.results / f"cohort/clinical.{model}.csv", quality, [])
        signature = load_object(tmp_path / f"select/{settings['signatures'][0]['name']}/signature.skops")
        fitted = load_object(tmp_path / f"train/{model}/model.skops")
        stored = stored_lines(checkout.results, model, COLUMNS[:2])
        assert len(stored) == 48

        def predicted(patients, table=table, signature=signature, fitted=fitted):
            scores = signature_score(signature, features.loc[patients])
            return model_prediction(fitted, table.loc[patients].assign(**{fitted["encoder"].signatures[0]: scores}))

        together = predicted(list(stored))
        alone = pd.concat([predicted([patient]) for patient in stored])
        assert {patient: list(map(repr, map(float, row))) for patient, row in together.iterrows()} == stored
        assert (alone == together).all(axis=None)


def test_a_patient_alone_gets_the_same_lines_as_among_others(checkout, bundle, clinic):
    there, about = clinic
    patient = about["others"][2]
    tables = write_clinic(checkout, checkout.folder / "allein", [patient])
    targets = [f"results/alone/predictions/{model}.csv" for model in CONFIG["models"]]
    apply_bundle(checkout, bundle, tables, "alone", "--quiet", "all", "--", *targets)
    for target in targets:
        header, line = (checkout.folder / target).read_text().splitlines()
        lines = (there.results / target.removeprefix("results/alone/")).read_text().splitlines()
        assert lines[0] == header and line in lines


def test_what_makes_a_prediction_doubtful_is_said(clinic):
    there, about = clinic
    table = read_table(there.results / "warnings.csv").fillna({"patient": ""})
    refused = table[table["severity"] == "refused"]
    assert refused["patient"].tolist() == [about["lacking"]]
    assert "is not predicted: has no T2 in the images table" in refused["message"].iloc[0]
    assert table[table["kind"] == "site"]["found"].tolist() == ["Z"]
    assert len(table[table["kind"] == "trained_on"]) == 5
    of_training = table[table["patient"].isin(table[table["kind"] == "trained_on"]["patient"])]
    assert not of_training["kind"].isin(["feature_range", "clinical_range", "spacing", "intensity"]).any()
    assert not table["kind"].isin(["code", "version"]).any()
    assert "11 of 12 patients were predicted. Report: results/there/report/index.html" in about["printed"]


def test_where_outcomes_are_known_the_models_are_validated_and_recalibrated(checkout, clinic):
    there, about = clinic
    judged = read_table(there.results / "validate/combined/predictions.csv")
    assert len(judged) == 10 and about["unknown"] not in set(judged["patient"])
    lines = (there.results / "validate/combined/predictions.csv").read_text().splitlines()
    stored = (checkout.results / "validate/combined/predictions.csv").read_text().splitlines()
    assert [line for line in lines if line.split(",")[0] in about["others"][1:4]] == [
        line for line in stored if line.split(",")[0] in about["others"][1:4]
    ]
    metrics = read_table(there.results / "validate/metrics.csv")
    assert metrics["cohort"].unique().tolist() == ["external"] and set(metrics["n"]) <= set(range(11))
    updates = read_table(there.results / "validate/recalibration.csv")
    assert set(updates["model"]) == set(CONFIG["models"]) and set(updates["update"]) == {"intercept", "slope"}
    page = (there.results / "report/index.html").read_text()
    for words in (
        "11 of 12 patients were predicted",
        "Recalibrated figures are fitted on the very patients",
        about["lacking"],
    ):
        assert words in page
    digest = hashlib.sha256((checkout.results / "model/bundle.zip").read_bytes()).hexdigest()
    assert digest in page and digest in (checkout.results / "checksums.sha256").read_text()
    assert f"model/bundle.zip, SHA-256 {digest}" in (checkout.results / "report/index.html").read_text()


def test_applying_again_has_nothing_to_do_and_plans_like_a_study(clinic):
    there, _ = clinic
    config = yaml.safe_load((there.results / "apply.yaml").read_text())
    assert there.jobs(config) == {}


def test_a_bundle_names_no_patient_and_is_written_again_byte_for_byte(checkout, bundle):
    patients = read_table(checkout.results / "cohort/outcome.csv")["patient"]
    before = bundle.read_bytes()
    members = read_bundle(bundle).members
    inside = []
    for name, content in members.items():
        if name.endswith(".skops"):
            with zipfile.ZipFile(bundle) as outer, zipfile.ZipFile(outer.open(name)) as archive:
                inside += [archive.read(part) for part in archive.namelist()]
        else:
            inside.append(content)
    assert not [patient for patient in patients if any(patient.encode() in content for content in inside)]
    checkout.run(CONFIG, "--quiet", "all", "--forcerun", "describe_training", "write_bundle", "--", str(BUNDLE))
    assert bundle.read_bytes() == before
    needs = json.loads(members["needs.json"])
    assert [sequence["name"] for sequence in needs["sequences"]] == list(CONFIG["sequences"])


BUNDLE = "results/small/model/bundle.zip"


def test_a_tampered_bundle_is_refused_before_any_job_starts(checkout, bundle, clinic):
    _, about = clinic
    tampered = checkout.folder / "tampered.zip"
    shutil.copy(bundle, tampered)
    with zipfile.ZipFile(tampered, "a") as archive:
        archive.writestr("train/combined/more.json", "{}")
    output = apply_bundle(checkout, tampered, about["tables"], "tampered", check=False)
    assert "tampered.zip has the member train/combined/more.json, which its manifest.json does not list" in output
    config = {"study": "tampered", "bundle": "tampered.zip", "data": {"folder": "andere Klinik"}}
    output = checkout.run(config, check=False)
    assert "tampered.zip has the member train/combined/more.json" in output
    assert not (checkout.folder / "results/tampered").exists()
