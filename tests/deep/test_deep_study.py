"""A small study with deep features, from images to a bundle that predicts what the study stored."""

import copy
import json

import onnx
import pytest
from onnx import TensorProto, helper

from applied_study import apply_bundle, lines_by_patient, of_cohort, stored_lines, write_clinic
from habitat_radiomics.bundle import read_bundle
from habitat_radiomics.deep_settings import PACKAGE_SHA256
from habitat_radiomics.entry import read_json
from habitat_radiomics.tables import read_table
from small_study import CONFIG as SMALL
from small_study import STEPS, Checkout, copy_code

PATIENTS = 36
CONFIG = {
    **{key: copy.deepcopy(SMALL[key]) for key in ("data", "outcome", "split", "preprocess", "features", "report")},
    "study": "deep",
    "demo": {"patients": PATIENTS, "readings_patients": 8},
    "sequences": {"T1": None, "T2": None},
    "clinical": {"age": {"type": "number"}},
    "signatures": {
        "radiomics": {"regions": ["tumour"], "steps": STEPS},
        "deep": {"regions": ["tumour", "deep"], "sequences": ["T1"], "steps": STEPS},
    },
    "models": {"Rad-M": {"signatures": ["radiomics"]}, "DRad-M": {"signatures": ["deep"], "clinical": ["age"]}},
    "training": {"repeats": 1},
    "bootstrap": {"replicates": 0},
}
CONFIG["features"]["banks"].pop("zone")


@pytest.fixture(scope="module")
def deep_checkout(tmp_path_factory):
    """The study, run once to its bundle and predictions; what is drawn and written of them is the same as elsewhere."""
    checkout = Checkout(copy_code(tmp_path_factory.mktemp("tief")), "deep")
    predicted = [f"results/deep/validate/{model}/predictions.csv" for model in CONFIG["models"]]
    checkout.run(CONFIG, "--quiet", "rules", "--", "results/deep/model/bundle.zip", *predicted)
    return checkout


def own_network(path, *, power):
    """A network of one open size that raises its picture to a power and averages each channel."""
    value = {
        name: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in (("picture", [1, 3, "h", "w"]), ("out", [1, 3, "h", "w"]))
    }
    constant = onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(helper.make_tensor("p", 1, [], [power])), "p")
    nodes = [helper.make_node("Pow", ["picture", "p"], ["out"])]
    graph = helper.make_graph(nodes, "own", [value["picture"]], [value["out"]], [constant])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def test_deep_features_stand_beside_the_others_in_the_table_for_the_sequences_that_are_asked_for(deep_checkout):
    table = read_table(deep_checkout.results / "features/training.parquet")
    deep = [column for column in table if "|deep|" in column]
    assert deep == [f"T1|deep|deep_gap_{number:04d}" for number in range(1, 1281)]
    assert table[deep].notna().all(axis=None) and (table[deep] >= 0).all(axis=None)
    assert (table[deep].std() > 0).mean() > 0.9
    readings = read_table(deep_checkout.results / "features/training_readings.parquet")
    assert set(deep) <= set(readings)
    description = read_json(deep_checkout.results / "features/network.json")
    assert (description["features"], description["weights_sha256"]) == (1280, PACKAGE_SHA256)


def test_only_the_signature_that_names_the_region_takes_them_and_readers_have_to_agree_on_them(deep_checkout):
    def funnel(signature):
        return read_table(deep_checkout.results / f"select/{signature}/funnel.csv").set_index("step")["features"]

    assert funnel("deep")["extracted"] == funnel("radiomics")["extracted"] / 2 + 1280
    icc = read_table(deep_checkout.results / "reproducibility/icc.csv").set_index("feature")["icc"]
    kept = icc[icc.index.str.startswith("T1|") & (icc > 0.75)]
    assert funnel("deep")["icc"] == len(kept) and 0 < kept.index.str.contains("deep").sum() < 1280


def test_the_bundle_brings_the_network_and_predicts_what_the_study_stored(deep_checkout):
    bundle = deep_checkout.results / "model/bundle.zip"
    members = read_bundle(bundle).members
    assert members["features/network.onnx"] == (deep_checkout.results / "features/network.onnx").read_bytes()
    assert json.loads(members["needs.json"])["network"]
    assert "run `make deep` once" in " ".join(members["README.txt"].decode().split())
    patients = of_cohort(deep_checkout, "external", 2)
    tables = write_clinic(deep_checkout, deep_checkout.folder / "Klinik", patients)
    apply_bundle(deep_checkout, bundle, tables, "there", "--quiet", "rules")
    there = Checkout(deep_checkout.folder, "there")
    columns = ["score", "probability", "group"]
    for model in CONFIG["models"]:
        found = lines_by_patient(there.results / f"predictions/{model}.csv", columns)
        stored = stored_lines(deep_checkout.results, model, columns)
        assert found == {patient: stored[patient] for patient in patients}
    assert not (there.results / "logs/prepare_network.log").exists()


def test_weights_that_are_not_there_stop_the_study_before_any_job(deep_checkout):
    output = deep_checkout.run({**CONFIG, "deep": {"weights": "absent.onnx"}}, "--dry-run", check=False)
    assert "The study cannot start: deep.weights: absent.onnx does not exist." in output


def test_another_box_or_network_runs_the_deep_features_again_and_no_others(deep_checkout):
    boxes = deep_checkout.jobs({**CONFIG, "deep": {"margin_mm": 8}})
    assert boxes["extract_deep"] == PATIENTS and "prepare_network" not in boxes
    weights = deep_checkout.folder / "own.onnx"
    own_network(weights, power=1.0)
    config = {**CONFIG, "deep": {"weights": weights.name, "size": 32, "mean": [0, 0, 0], "sd": [1, 1, 1]}}
    networks = deep_checkout.jobs(config)
    assert networks["prepare_network"] == 1 and networks["extract_deep"] == PATIENTS
    for jobs in (boxes, networks):
        assert not {"preprocess_image", "normalise_image", "extract_features", "make_regions"} & set(jobs)
    patient = read_table(deep_checkout.results / "features/training.parquet")["patient"][0]
    target = f"results/deep/features/{patient}/deep/T1.csv"
    deep_checkout.run(config, "--", target)
    before = read_table(deep_checkout.folder / target)["value"]
    assert "Nothing to be done" in deep_checkout.run(config, "--dry-run", "--", target)
    weights.touch()
    assert "Nothing to be done" in deep_checkout.run(config, "--dry-run", "--", target)
    own_network(weights, power=2.0)
    deep_checkout.run(config, "--", target)
    after = read_table(deep_checkout.folder / target)["value"]
    assert ((after > 0) & (after < before)).all() and len(after) % 3 == 0
