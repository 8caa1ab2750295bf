"""The nested model: whom each machine saw, what it learnt from, and how censored patients count."""

import numpy as np
import pandas as pd
import pytest

from habitat_radiomics.faults import StudyFault
from habitat_radiomics.leakage import digests
from habitat_radiomics.nested_map import decision_values, model_for, probabilities, standardised
from habitat_radiomics.nested_model import (
    fit_nested,
    horizon_outcome,
    local_scale,
    scale_table,
    transfer,
    transferable,
)

COLUMNS = [f"T1|tumour|original_glcm_F{number}" for number in range(6)]
SETTINGS = {
    "sequences": ["T1"], "k": 3, "kernel": "rbf", "cost": 1.0, "gamma": None, "censored": "weight", "horizon": None,
    "min_fraction": 0.05, "min_voxels": 8, "min_transfer": -1.0, "tidying": {}, "folds": 5, "seed": 1,
    "steps": [{"complete": {}}, {"zscore": {}}, {"t_or_u": {"alpha": 0.05}}, {"correlation": {"threshold": 0.9}}],
}  # fmt: skip


def cohort(patients=40, seed=0, effect=2.0):
    """Features of which the first two separate the classes, and moments of their local counterparts."""
    random = np.random.default_rng(seed)
    names = [f"P{number:03}" for number in range(patients)]
    outcome = pd.Series(np.arange(patients) % 2, index=names)
    values = random.normal(size=(patients, len(COLUMNS)))
    values[:, :2] += effect * outcome.to_numpy()[:, None]
    moments = {
        name: {column: [100, 5 + random.normal(), 4.0 + random.random()] for column in COLUMNS} for name in names
    }
    return pd.DataFrame(values, index=names, columns=COLUMNS), moments, outcome


def fitted(**changes):
    features, moments, outcome = cohort()
    return fit_nested(features, moments, outcome, settings={**SETTINGS, **changes})


def test_the_map_of_a_training_patient_comes_from_a_machine_that_did_not_see_the_patient():
    artifact, patients = fitted(), list(cohort()[0].index)
    assert artifact["fitted_on"] == digests(patients)
    used = [model_for(artifact, patient) for patient in patients]
    for patient, model in zip(patients, used, strict=True):
        assert digests([patient])[0] not in model["fitted_on"]
        assert model["patients"] == 32
    assert {model["name"] for model in used} == {f"without fold {number}" for number in range(1, 6)}


def test_everyone_else_is_mapped_by_the_machine_of_all():
    assert model_for(fitted(), "somebody")["name"] == "all"


def test_nothing_of_a_patient_is_in_the_machine_that_maps_the_patient():
    features, moments, outcome = cohort()
    before = fit_nested(features, moments, outcome, settings=SETTINGS)
    patient = "P007"
    own = model_for(before, patient)
    features.loc[patient] *= -3
    moments[patient] = {column: [100, 77.0, 9.0] for column in COLUMNS}
    after = fit_nested(features, moments, outcome, settings=SETTINGS)
    assert model_for(after, patient) == own
    changed = [a["name"] for a, b in zip(after["models"], before["models"], strict=True) if a != b]
    assert set(changed) == {model["name"] for model in before["models"]} - {own["name"]}


def test_the_machine_of_the_artifact_decides_as_scikit_learn_does():
    features, moments, outcome = cohort()
    for kernel in ("rbf", "linear"):
        model = fitted(kernel=kernel)["models"][0]
        from sklearn.svm import SVC

        values = features[model["features"]]
        scaled = (values - values.mean()) / values.std()
        machine = SVC(C=1.0, kernel=kernel, gamma=1 / len(model["features"]), tol=1e-6).fit(scaled.to_numpy(), outcome)
        mine = decision_values(standardised(values.to_numpy(), model, scale="global"), model)
        np.testing.assert_allclose(mine, machine.decision_function(scaled.to_numpy()), atol=1e-9)


def test_a_higher_decision_value_is_a_higher_probability_and_classes_are_told_apart():
    features, _, outcome = cohort()
    model = fitted()["models"][0]
    risk = probabilities(features[model["features"]].to_numpy(), model, scale="global")
    assert risk[outcome == 1].mean() > 0.7 > 0.3 > risk[outcome == 0].mean()
    assert model["auc_held_out"] > 0.9
    assert set(model["features"]) <= {*COLUMNS[:2], *COLUMNS} and COLUMNS[0] in model["features"]


def test_without_a_signal_held_out_patients_are_at_chance():
    areas = []
    for seed in range(6):
        features, moments, outcome = cohort(seed=seed, effect=0.0)
        areas.append(fit_nested(features, moments, outcome, settings=SETTINGS)["models"][0]["auc_held_out"])
    assert 0.38 < np.mean(areas) < 0.62, np.round(areas, 2)


def test_the_local_scale_weighs_every_patient_the_same():
    moments = {"A": {"f": [10, 0.0, 1.0]}, "B": {"f": [90_000, 4.0, 3.0]}}
    scale = local_scale(moments, ["f"], ["A", "B"])
    assert scale["mean"] == [2.0]
    np.testing.assert_allclose(scale["sd"], [np.sqrt(2 + 4)])


def test_features_that_mean_something_else_in_neighbourhoods_are_not_offered():
    features, moments, _ = cohort()
    for patient, row in features.iterrows():
        moments[patient][COLUMNS[0]][1] = 3 + 0.1 * row[COLUMNS[0]]
        moments[patient][COLUMNS[1]][1] = -row[COLUMNS[1]]
    found = transfer(features, moments)
    np.testing.assert_allclose(found.iloc[:2], [1.0, -1.0])
    expected = np.corrcoef(features[COLUMNS[2]], [moments[p][COLUMNS[2]][1] for p in features.index])[0, 1]
    np.testing.assert_allclose(found.iloc[2], expected)
    assert transferable(features, moments, least=0.8) == [COLUMNS[0]]
    assert transferable(features, moments, least=-1.0) == COLUMNS
    assert transferable(features[COLUMNS[1:]], moments, least=0.99) == [found.iloc[1:].idxmax()]


def test_only_transferable_features_reach_the_machine():
    features, moments, outcome = cohort()
    for patient, row in features.iterrows():
        for column in COLUMNS[1:]:
            moments[patient][column][1] = row[column]
    artifact = fit_nested(features, moments, outcome, settings={**SETTINGS, "min_transfer": 0.8})
    assert all(COLUMNS[0] not in model["features"] for model in artifact["models"])
    assert artifact["models"][0]["transferable"] == len(COLUMNS) - 1
    assert artifact["models"][0]["candidates"] == len(COLUMNS)


def test_a_constant_local_mean_transfers_nothing():
    features, moments, _ = cohort()
    for patient in features.index:
        moments[patient][COLUMNS[0]][1] = 7.0
    assert transfer(features, moments).iloc[0] == 0.0


def test_the_table_of_scales_says_how_far_the_tumours_scale_is_off():
    artifact = fitted()
    table = scale_table(artifact)
    model = artifact["models"][0]
    assert list(table["feature"]) == model["features"]
    np.testing.assert_allclose(table["shift"], (table["voxel_mean"] - table["tumour_mean"]) / table["tumour_sd"])
    assert (table["ratio"] > 1).all()


def test_patients_censored_before_the_horizon_are_left_out_and_made_up_for():
    outcome = pd.DataFrame(
        {"time": [5.0, 10.0, 20.0, 30.0, 40.0, 40.0], "event": [1, 0, 1, 0, 0, 1]}, index=list("abcdef")
    )
    label, weight = horizon_outcome(outcome, 25.0, censored="weight")
    assert label.to_dict() == {"a": 1, "c": 1, "d": 0, "e": 0, "f": 0}
    # after b is censored, among 5 at risk, one in 5 is gone: G = 4/5
    np.testing.assert_allclose(weight[["a", "c", "d", "e", "f"]], [1, 1.25, 1.25, 1.25, 1.25])
    np.testing.assert_allclose(weight.sum(), len(outcome))
    assert set(horizon_outcome(outcome, 25.0, censored="exclude")[1]) == {1.0}


def test_an_event_at_the_horizon_counts():
    outcome = pd.DataFrame({"time": [25.0, 25.0, 30.0], "event": [1, 0, 0]}, index=list("abc"))
    label, _ = horizon_outcome(outcome, 25.0, censored="exclude")
    assert label.to_dict() == {"a": 1, "c": 0}


def test_weights_change_the_machine():
    features, moments, outcome = cohort(effect=0.8)
    random = np.random.default_rng(3)
    times = pd.DataFrame({"time": random.exponential(20, len(outcome)), "event": outcome}, index=outcome.index)
    both = [
        fit_nested(features, moments, times, settings={**SETTINGS, "horizon": 15.0, "censored": rule, "folds": 3})
        for rule in ("weight", "exclude")
    ]
    weighted, excluded = (artifact["models"][0] for artifact in both)
    assert weighted["patients"] == excluded["patients"] < len(outcome)
    assert weighted["weights"] != excluded["weights"]


def test_too_few_patients_of_a_class_are_refused():
    features, moments, outcome = cohort(patients=10)
    with pytest.raises(StudyFault, match="needs 6 training patients of each class; there are 5 with and 5 without"):
        fit_nested(features, moments, outcome, settings=SETTINGS)
