import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from habitat_radiomics.time_auc import (
    NO_CASES,
    NO_CONTROLS,
    follow_up_grid,
    median_auc,
    time_auc,
    time_auc_test,
)
from oracles.oracle import Oracle

ORACLE = Oracle("timeauc_lung")
TABLE, PREDICTIONS = ORACLE.table(), ORACLE["predictions"]
TIME, EVENT, HORIZONS = TABLE["time"].to_numpy(), TABLE["event"].to_numpy(), PREDICTIONS["times"]
RISKS = [np.column_stack([PREDICTIONS[name][str(h)] for h in HORIZONS]) for name in ("risk1", "risk2")]
SCORE = np.array(PREDICTIONS["lp2"])


def test_auc_error_and_comparison_agree_with_risk_regression():
    first, second = (time_auc(TIME, EVENT, risk, HORIZONS).table for risk in RISKS)
    compared = time_auc_test(TIME, EVENT, RISKS[1], RISKS[0], HORIZONS)
    ORACLE.check(
        "Score_auc",
        m1=first["auc"],
        m1_se=first["se"],
        m2=second["auc"],
        m2_se=second["se"],
        delta=compared["difference"],
        delta_se=compared["se"],
        delta_p=compared["p"],
    )
    assert (compared["ci_low"] < compared["difference"]).all()


@pytest.mark.parametrize(("model", "name"), [(0, "m1"), (1, "m2")])
def test_auc_agrees_with_time_roc_where_no_event_falls_on_the_horizon(model, name):
    # timeROC counts cases with T < t, riskRegression and this with T <= t: in lung they differ on day 180 only.
    table = time_auc(TIME, EVENT, RISKS[model], HORIZONS).table
    case = ORACLE[f"timeROC.{name}"]
    assert table["auc"][1:].to_numpy() == pytest.approx(case["AUC"][1:], abs=1e-6)
    assert table["se"].to_numpy() == pytest.approx(case["se"], abs=5e-4)
    assert table["ci_low"][1:].to_numpy() == pytest.approx(case["ci_low"][1:], abs=6e-5)
    assert table["ci_high"][1:].to_numpy() == pytest.approx(case["ci_high"][1:], abs=6e-5)
    for column, key in (("cases", "cases"), ("controls", "controls_at_risk"), ("censored", "censored")):
        assert table[column][1:].tolist() == case[key][1:]
    compared = time_auc_test(TIME, EVENT, RISKS[1], RISKS[0], HORIZONS)
    assert compared["p"][1:].to_numpy() == pytest.approx(ORACLE["timeROC_compare"]["p"][1:], abs=2e-5)


def test_without_censoring_it_is_the_usual_auc():
    random = np.random.default_rng(0)
    time, score = random.exponential(1, 90), random.integers(0, 12, 90)
    table = time_auc(time, np.ones(90), score, [0.3, 0.8]).table
    expected = [roc_auc_score(time <= horizon, score) for horizon in (0.3, 0.8)]
    assert table["auc"].to_numpy() == pytest.approx(expected, abs=1e-12)
    assert (table["censored"] == 0).all()


def test_cases_are_weighted_by_the_chance_of_being_seen():
    # Half of those at risk at 2 are censored there: the case at 3 counts for two. Control is the patient of 5.
    time, event, score = [1, 2, 3, 5], [1, 0, 1, 0], [0, 9, 2, 1]
    table = time_auc(time, event, score, [4]).table
    weights = np.array([1, 1 / (2 / 3)])  # G(3-) = 2/3: one of three at risk is censored at 2
    assert table["auc"][0] == pytest.approx(weights[1] / weights.sum())


def test_interval_covers_the_truth_about_as_often_as_it_says():
    covered = []
    for seed in range(150):
        random = np.random.default_rng(seed)
        score = random.normal(size=120)
        time, censored = random.exponential(np.exp(-score)), random.exponential(2, 120)
        table = time_auc(np.minimum(time, censored), time <= censored, score, [0.7]).table
        covered.append(table["ci_low"][0] < TRUE_AUC < table["ci_high"][0])
    assert 0.9 <= np.mean(covered) <= 0.99


def true_auc():
    random = np.random.default_rng(99)
    score = random.normal(size=400_000)
    return roc_auc_score(random.exponential(np.exp(-score)) <= 0.7, score)


TRUE_AUC = true_auc()


def test_reversing_the_score_mirrors_the_auc_and_keeps_its_error():
    up, down = (time_auc(TIME, EVENT, sign * SCORE, [365]).table for sign in (1, -1))
    assert down["auc"][0] == pytest.approx(1 - up["auc"][0])
    assert down["se"][0] == pytest.approx(up["se"][0])


def test_scores_that_rank_alike_are_no_different():
    table = time_auc_test(TIME, EVENT, SCORE, np.exp(SCORE), [180, 365])
    assert (table["difference"] == 0).all() and (table["p"] == 1).all() and (table["reason"] == "").all()


def test_times_beyond_the_follow_up_and_before_the_first_event_are_missing_with_a_reason():
    table = time_auc(TIME, EVENT, SCORE, [1, 365, 5000]).table
    assert table["reason"].tolist() == [NO_CASES, "", NO_CONTROLS]
    assert table["auc"].isna().tolist() == [True, False, True]
    compared = time_auc_test(TIME, EVENT, SCORE, -SCORE, [1, 365, 5000])
    assert compared["p"].isna().tolist() == [True, False, True]
    assert compared["reason"].tolist() == [NO_CASES, "", NO_CONTROLS]


def test_all_censored_has_no_auc():
    table = time_auc(TIME, np.zeros(TIME.size), SCORE, [180, 365]).table
    assert table["auc"].isna().all() and (table["reason"] == NO_CASES).all()
    estimate, low, high, used = median_auc(TIME, np.zeros(TIME.size), SCORE, [180], resamples=3, seed=1)
    assert np.isnan([estimate, low, high]).all() and used == 0
    assert follow_up_grid(TIME, np.zeros(TIME.size)).size == 0


def test_median_is_that_of_the_curve_and_its_interval_depends_on_the_seed_alone():
    grid = follow_up_grid(TIME, EVENT, points=9)
    result = median_auc(TIME, EVENT, SCORE, grid, resamples=60, seed=1)
    assert result[0] == pytest.approx(time_auc(TIME, EVENT, SCORE, grid).table["auc"].median())
    assert result[1] < result[0] < result[2]
    assert result == median_auc(TIME, EVENT, SCORE, grid, resamples=60, seed=1)
    assert result[1:3] != median_auc(TIME, EVENT, SCORE, grid, resamples=60, seed=2)[1:3]


def test_the_grid_ends_where_enough_patients_are_left():
    grid = follow_up_grid(TIME, EVENT, points=20, fewest_at_risk=10)
    assert np.count_nonzero(grid[-1] < TIME) >= 10
    assert np.isfinite(time_auc(TIME, EVENT, SCORE, grid).table["auc"]).all()
