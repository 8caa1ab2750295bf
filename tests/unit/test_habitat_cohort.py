import json

import numpy as np
import pandas as pd
import pytest

from habitat_radiomics.entry import write_json
from habitat_radiomics.faults import StudyFault
from habitat_radiomics.habitat_cohort import fit_set, read_samples, share_table, shares_by_outcome
from habitat_radiomics.habitat_count import COLUMNS
from habitat_radiomics.leakage import digests

FAULT = {"code": "mask_empty", "message": "empty."}
SETTINGS = {
    "sequences": ["T2"], "method": "kmeans", "scope": "cohort", "k": None, "scaling": "zscore", "inputs": {},
    "tidying": {}, "seed": 1, "count": {"criterion": "bic", "k_min": 1, "k_max": 4, "observations": "effective"},
}  # fmt: skip


def write_sample(folder, patient, values, fault=None):
    np.save(folder / f"{patient}.npy", np.asarray(values, np.float32).reshape(-1, 1))
    write_json(folder / f"{patient}.json", {"faults": [fault] if fault else [], "measures": {"resels": 40.0}})


def paths(folder):
    return {"samples": f"{folder}/{{patient}}.npy", "records": f"{folder}/{{patient}}.json"}


@pytest.fixture(scope="module")
def cohort():
    """Ten patients whose voxels come from two well separated tissues."""
    random = np.random.default_rng(2)
    levels = {f"P{i}": np.r_[random.normal(-60, 8, 150), random.normal(80, 8, 250)] for i in range(10)}
    return {patient: values[:, None].astype(np.float32) for patient, values in levels.items()}


def test_patients_that_cannot_be_used_are_not_learnt_from(tmp_path):
    write_sample(tmp_path, "P1", [1, 2])
    write_sample(tmp_path, "P2", [], FAULT)
    samples, resels = read_samples(["P1", "P2"], **paths(tmp_path))
    assert list(samples) == ["P1"] and resels == {"P1": 40.0}


def test_a_set_that_nobody_can_be_used_for_stops_with_the_place_of_the_reasons(tmp_path):
    write_sample(tmp_path, "P1", [], FAULT)
    with pytest.raises(StudyFault, match=r"None of 1 training patients has tumour voxels.*\.json"):
        read_samples(["P1"], **paths(tmp_path))


def test_the_number_is_chosen_for_the_cohort_and_the_curve_kept(cohort):
    artifact, curve = fit_set(cohort, dict.fromkeys(cohort, 100.0), settings=SETTINGS)
    assert artifact["k"] == artifact["selection"]["chosen"] == 2
    assert list(curve["k"]) == [1, 2, 3, 4]
    assert artifact["fitted_on"] == digests(cohort)
    np.testing.assert_allclose(np.ravel(artifact["centroids"]), [-60, 80], atol=1.5)


def test_bic_counts_estimated_observations_or_every_voxel(cohort):
    every = {**SETTINGS, "count": {**SETTINGS["count"], "observations": "voxels"}}
    resels = dict.fromkeys(cohort, 100.0)
    counted = [fit_set(cohort, resels, settings=each)[1]["observations"][0] for each in (SETTINGS, every)]
    assert counted[0] < 1000
    assert counted[1] == 4000


def test_a_given_number_is_taken_without_a_curve(cohort):
    artifact, curve = fit_set(cohort, {}, settings={**SETTINGS, "k": 3, "count": None})
    assert artifact["k"] == 3 and artifact["selection"] is None
    assert list(curve.columns) == COLUMNS and curve.empty


def test_shares_are_those_of_the_labelled_voxels_and_leave_unusable_patients_out(tmp_path):
    write_json(tmp_path / "P1.json", {"faults": [], "measures": {"voxels": [1, 0, 3]}})
    write_json(tmp_path / "P2.json", {"faults": [FAULT], "measures": {}})
    table = share_table(["P1", "P2"], f"{tmp_path}/{{patient}}.json", k=3)
    assert json.loads(table.to_json(orient="values")) == [["P1", 0.25, 0.0, 0.75]]


def test_patients_without_the_outcome_come_first():
    shares = pd.DataFrame({"patient": ["P1", "P2"], "habitat1": [0.1, 0.2]})
    table = shares_by_outcome(shares, pd.DataFrame({"patient": ["P1", "P2"], "outcome": [1, 0]}))
    assert table[["patient", "group"]].values.tolist() == [["P2", "no"], ["P1", "yes"]]
