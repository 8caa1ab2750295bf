import numpy as np
import pytest
from lifelines.statistics import multivariate_logrank_test

from habitat_radiomics.log_rank import NO_EVENTS, NO_OVERLAP, ONE_GROUP, log_rank
from oracles.oracle import Oracle

ORACLE = Oracle("cox_km_lung")
TABLE = ORACLE.table()
FEMALE = (TABLE["sex"] == "female").to_numpy()  # survdiff's order: male, female


@pytest.mark.parametrize(
    ("case", "options"),
    [("logrank", {}), ("logrank.rho1", {"rho": 1}), ("logrank.stratified", {"strata": TABLE["ph_ecog"]})],
)
def test_the_test_agrees_with_survdiff(case, options):
    result = log_rank(TABLE["time"], TABLE["event"], FEMALE, **options)
    columns = {"observed": result.table["observed"], "expected": result.table["expected"]}
    ORACLE.check(case, chi2=result.chi2, df=result.df, p=result.p, **columns)


def test_four_groups_with_ties_agree_with_lifelines():
    random = np.random.default_rng(2)
    time, event, group = random.integers(1, 15, 120), random.integers(0, 2, 120), random.integers(0, 4, 120)
    result, expected = log_rank(time, event, group), multivariate_logrank_test(time, group, event)
    assert result.df == 3
    assert result.chi2 == pytest.approx(expected.test_statistic, rel=1e-9)
    assert result.p == pytest.approx(expected.p_value, rel=1e-9)


def test_observed_and_expected_by_hand():
    # Events at 1 (2 of 4 at risk in a), 2 (1 of 3), 3 (1 of 2): expected in a = 1/2 + 1/3 + 1/2.
    table = log_rank([1, 2, 3, 4], [1, 1, 1, 0], ["a", "b", "b", "a"]).table.set_index("group")
    assert table["observed"].to_dict() == {"a": 1, "b": 2}
    assert table["expected"].to_dict() == pytest.approx({"a": 2 / 4 + 1 / 3 + 1 / 2, "b": 2 / 4 + 2 / 3 + 1 / 2})


@pytest.mark.parametrize(
    ("time", "event", "group", "reason"),
    [
        ([1, 2], [1, 1], ["a", "a"], ONE_GROUP),
        ([], [], [], ONE_GROUP),
        ([1, 2, 3], [0, 0, 0], ["a", "a", "b"], NO_EVENTS),
        ([1, 1, 2, 3], [0, 0, 1, 1], ["a", "a", "b", "b"], NO_OVERLAP),
    ],
)
def test_what_cannot_be_tested_has_no_p_but_a_reason(time, event, group, reason):
    result = log_rank(time, event, group)
    assert np.isnan([result.chi2, result.p]).all()
    assert result.reason == reason


def test_a_group_that_left_before_the_first_event_takes_no_degree_of_freedom():
    time, event, group = [1, 2, 3, 4, 5, 6], [0, 1, 1, 1, 0, 1], ["gone", "a", "b", "a", "b", "b"]
    result, without = log_rank(time, event, group), log_rank(time[1:], event[1:], group[1:])
    assert result.df == 1
    assert result.chi2 == pytest.approx(without.chi2)


def test_a_group_of_one_patient_is_tested_by_the_sums_over_event_times():
    rng = np.random.default_rng(3)
    for _ in range(50):
        time, event = rng.exponential(20, 42), rng.random(42) < 0.5
        at_risk = np.array([(time >= moment).sum() for moment in time[event]], dtype=float)
        last = np.argmax(np.where(event, -1, time))  # censored, and at risk at the events before
        known = at_risk[time[event] <= time[last]]
        expected, variance = (1 / known).sum(), (1 / known * (1 - 1 / known)).sum()
        found = log_rank(time, event, np.arange(42) == last)
        assert found.chi2 == pytest.approx(expected**2 / variance, rel=1e-9)
