"""Recalibrated models: on the patients they are fitted on they are calibrated, and they rank them as before."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from habitat_radiomics.calibration import recalibration
from habitat_radiomics.kaplan_meier import kaplan_meier, survival_at
from habitat_radiomics.recalibration import INTERCEPT, ORIGINAL, SLOPE, recalibrated, recalibration_tables
from habitat_radiomics.survival_calibration import calibration_slope
from survival_tables import survival_study


def binary_predictions(n=300, seed=4):
    random = np.random.default_rng(seed)
    truth = random.normal(size=n)
    table = pd.DataFrame({"patient": [f"P{i}" for i in range(n)], "cohort": "external"})
    table["outcome"] = (random.random(n) < expit(truth - 1)).astype(int)
    table["score"] = 2 * truth + 1
    table["probability"] = expit(table["score"])
    return table


def test_an_update_makes_intercept_and_slope_what_they_should_be():
    predictions = binary_predictions()
    updated, coefficients = recalibrated(predictions)
    before = recalibration(predictions["outcome"], predictions["probability"])
    rows = coefficients.set_index("update")
    assert before.slope < 0.8 and rows.loc[SLOPE, "slope"] == before.slope
    assert rows.loc[INTERCEPT, "intercept"] == before.intercept and rows.loc[INTERCEPT, "slope"] == 1
    shifted = recalibration(predictions["outcome"], updated[INTERCEPT]["probability"])
    np.testing.assert_allclose([shifted.intercept, shifted.slope], [0, before.slope], atol=1e-8)
    both = recalibration(predictions["outcome"], updated[SLOPE]["probability"])
    np.testing.assert_allclose([both.intercept, both.slope, both.joint_intercept], [0, 1, 0], atol=1e-8)
    np.testing.assert_allclose(updated[INTERCEPT]["probability"].sum(), predictions["outcome"].sum(), rtol=1e-9)


def test_an_update_changes_no_ranking_and_no_score():
    predictions = binary_predictions()
    updated, _ = recalibrated(predictions)
    assert updated[ORIGINAL] is predictions
    for table in updated.values():
        assert (table["probability"].rank() == predictions["probability"].rank()).all()
        assert (table["score"] == predictions["score"]).all()


def test_an_update_by_hand():
    # Of four patients with probability 1/2 one has the event: the log odds have to fall by log 3.
    table = pd.DataFrame({"outcome": [1, 0, 0, 0], "score": 0.0, "probability": 0.5})
    updated, coefficients = recalibrated(table)
    rows = coefficients.set_index("update")
    np.testing.assert_allclose(rows.loc[INTERCEPT, "intercept"], -np.log(3), rtol=1e-9)
    np.testing.assert_allclose(updated[INTERCEPT]["probability"], 0.25, rtol=1e-9)
    assert SLOPE not in updated and np.isnan(rows.loc[SLOPE, "slope"])
    assert rows.loc[SLOPE, "reason"] == "all predictions are equal"


def test_an_outcome_of_one_class_is_not_recalibrated_and_says_why():
    updated, coefficients = recalibrated(binary_predictions().assign(outcome=1))
    assert list(updated) == [ORIGINAL]
    assert coefficients["reason"].tolist() == ["one class only"] * 2


@pytest.fixture(scope="module")
def survival():
    """External patients of a made-up model whose baseline and spread are wrong."""
    predictions = survival_study()[1]["combined"].query("cohort == 'external'").reset_index(drop=True)
    score = 1.5 * predictions["score"].clip(-2, 2)
    risks = {f"risk_{h}": 1 - np.exp(-(h / 100) * np.exp(score)) for h in (12, 24)}
    return predictions.assign(score=score, **risks)


def test_the_updated_baseline_brings_the_mean_risk_to_the_observed_one(survival):
    updated, coefficients = recalibrated(survival)
    assert set(updated) == {ORIGINAL, INTERCEPT, SLOPE}
    rows = coefficients.set_index(["update", "horizon"])
    assert rows.index.tolist() == [(INTERCEPT, 12), (INTERCEPT, 24), (SLOPE, 12), (SLOPE, 24)]
    assert (rows.loc[INTERCEPT, "slope"] == 1).all()
    time, event = survival["time"].to_numpy(), survival["event"].to_numpy() == 1
    observed = 1 - survival_at(kaplan_meier(time, event), 24)
    gaps = {name: abs(table["risk_24"].mean() - observed) for name, table in updated.items()}
    assert gaps[ORIGINAL] > 0.1
    assert max(gaps[INTERCEPT], gaps[SLOPE]) < gaps[ORIGINAL] / 2


def test_the_updated_slope_of_survival_is_one(survival):
    updated, coefficients = recalibrated(survival)
    slope = coefficients.set_index(["update", "horizon"]).loc[(SLOPE, 24), "slope"]
    time, event = survival["time"].to_numpy(), survival["event"].to_numpy() == 1
    before, _, _ = calibration_slope(time, event, survival["risk_24"].to_numpy())
    after, _, _ = calibration_slope(time, event, updated[SLOPE]["risk_24"].to_numpy())
    np.testing.assert_allclose(slope, before, rtol=1e-2)  # ties by Efron here, by Breslow there
    np.testing.assert_allclose(after, 1, rtol=1e-2)


def test_a_new_baseline_is_breslows_where_nothing_is_predicted():
    # Two of four have the event, at 1 and 2: hazard 1/4 + 1/3 where every score is 0; risks start from hazard 1 at 3.
    table = pd.DataFrame({"time": [1.0, 2.0, 4.0, 5.0], "event": [1, 1, 0, 0], "score": 0.0})
    few, coefficients = recalibrated(table.assign(risk_3=1 - np.exp(-1.0)))
    assert list(few) == [ORIGINAL] and coefficients["reason"].unique().tolist() == ["fewer than 5 events"]
    many = pd.concat([table] * 5, ignore_index=True)
    many["time"] += np.repeat(np.arange(5), 4) * 1e-6
    updated, coefficients = recalibrated(many.assign(score=np.tile([0.0, 1e-12], 10), risk_3=1 - np.exp(-1.0)))
    assert list(updated) == [ORIGINAL] and coefficients["reason"].iloc[0] == "all predictions are equal"


def test_a_survival_update_by_hand():
    times, score = np.arange(1.0, 9.0), np.log([1, 2] * 4)
    table = pd.DataFrame({"time": times, "event": [1, 1, 1, 1, 1, 0, 0, 0], "score": score})
    table["risk_4"] = 1 - np.exp(-0.5 * np.exp(score))
    sums = [sum(np.exp(score)[k:]) for k in range(4)]
    hazard = sum(1 / s for s in sums)
    updated, coefficients = recalibrated(table)
    np.testing.assert_allclose(updated[INTERCEPT]["risk_4"], 1 - np.exp(-hazard * np.exp(score)), rtol=1e-12)
    row = coefficients.set_index("update").loc[INTERCEPT]
    np.testing.assert_allclose(row["intercept"], np.log(hazard / 0.5), rtol=1e-9)


@pytest.mark.parametrize("kind", ["binary", "survival"])
def test_the_tables_show_every_model_with_and_without_update(kind, survival):
    predictions = {"a": binary_predictions() if kind == "binary" else survival}
    coefficients, risks, measures = recalibration_tables(predictions, level=0.95, groups=10)
    assert set(measures["update"]) == set(risks["update"]) == {ORIGINAL, INTERCEPT, SLOPE}
    assert len(risks) == 3 * len(predictions["a"]) and list(risks)[:2] == ["model", "update"]
    assert set(coefficients["update"]) == {INTERCEPT, SLOPE}
    slopes = measures[measures["metric"] == "slope"].groupby("update")["estimate"].first()
    np.testing.assert_allclose(slopes[SLOPE], 1, rtol=1e-2)
    assert abs(slopes[ORIGINAL] - 1) > 0.1
