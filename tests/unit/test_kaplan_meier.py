import numpy as np
import pytest
from lifelines import KaplanMeierFitter

from habitat_radiomics.kaplan_meier import (
    NO_PATIENTS,
    NOT_REACHED,
    at_risk,
    censoring_distribution,
    censoring_influence,
    checked_survival,
    event_weights,
    kaplan_meier,
    median_follow_up,
    median_survival,
    step_values,
    survival_at,
    survival_interval,
    uncensored_at,
    uncensored_before,
)
from oracles.oracle import Oracle

ORACLE = Oracle("cox_km_lung")
TABLE = ORACLE.table()
TIME, EVENT = TABLE["time"].to_numpy(), TABLE["event"].to_numpy()


@pytest.mark.parametrize("kind", ["log", "log-log", "plain"])
def test_survival_limits_median_and_numbers_at_risk_agree_with_survfit(kind):
    curve, case = kaplan_meier(TIME, EVENT), f"km_overall.{kind}"
    at = np.array(ORACLE[case]["times"])
    low, high = (
        step_values(curve.time, values, at, first=1.0) for values in survival_interval(curve, level=0.95, kind=kind)
    )
    median, survival = median_survival(curve, kind=kind), survival_at(curve, at)
    ORACLE.check(
        case,
        surv=survival,
        se=survival * np.sqrt(step_values(curve.time, curve.greenwood, at, first=0.0)),
        low=low,
        high=high,
        n_risk=at_risk(TIME, at),
        median=median.median,
        median_low=median.ci_low,
        median_high=median.ci_high,
    )


def test_median_follow_up_agrees_with_the_reverse_estimate_of_survfit():
    median = median_follow_up(TIME, EVENT, kind="log")
    ORACLE.check("median_followup_reverse_km", median=median.median, low=median.ci_low, high=median.ci_high)


def test_survival_by_hand_with_a_censoring_at_the_time_of_an_event():
    # At 2 three patients are at risk: one event, and one censored who was at risk of it.
    curve = kaplan_meier([1, 2, 2, 3, 4], [0, 1, 0, 1, 0])
    assert curve.time.tolist() == [1, 2, 3, 4]
    assert curve.at_risk.tolist() == [5, 4, 2, 1]
    assert curve.survival == pytest.approx([1, 3 / 4, 3 / 8, 3 / 8])
    assert curve.greenwood == pytest.approx([0, 1 / 12, 1 / 12 + 1 / 2, 1 / 12 + 1 / 2])


def test_survival_equals_that_of_lifelines_with_many_ties():
    random = np.random.default_rng(3)
    time, event = random.integers(0, 12, 80), random.integers(0, 2, 80)
    fitted = KaplanMeierFitter().fit(time, event)
    curve = kaplan_meier(time, event)
    expected = fitted.survival_function_at_times(curve.time).to_numpy()
    np.testing.assert_allclose(curve.survival, expected, rtol=1e-12, atol=1e-14)


def test_median_is_midway_where_survival_is_exactly_one_half():
    assert median_survival(kaplan_meier([1, 2, 3, 4], [1, 1, 1, 1])).median == 2.5
    assert median_survival(kaplan_meier([1, 2, 3, 4], [1, 1, 0, 0])).median == 2


def test_median_that_is_not_reached_says_so():
    all_censored = median_survival(kaplan_meier([3, 5, 8], [0, 0, 0]))
    assert np.isnan([all_censored.median, all_censored.ci_low, all_censored.ci_high]).all()
    assert all_censored.reason == NOT_REACHED
    assert median_survival(kaplan_meier([], [])).reason == NO_PATIENTS


def test_survival_beyond_the_follow_up_is_missing_unless_everyone_had_the_event():
    np.testing.assert_array_equal(survival_at(kaplan_meier([1, 2], [1, 0]), [0.5, 2, 3]), [1, 0.5, np.nan])
    np.testing.assert_array_equal(survival_at(kaplan_meier([1, 2], [1, 1]), [2, 3]), [0, 0])
    assert np.isnan(survival_at(kaplan_meier([], []), [1])).all()


def test_limits_keep_between_zero_and_one_and_are_missing_at_survival_zero():
    for kind in ("log", "log-log", "plain"):
        low, high = survival_interval(kaplan_meier([1, 2, 3], [1, 1, 1]), kind=kind)
        assert ((low[:2] >= 0) & (high[:2] <= 1) & (low[:2] < high[:2])).all()
        assert np.isnan([low[2], high[2]]).all()
    with pytest.raises(ValueError, match="kind is 'arcsin': use one of log, log-log, plain"):
        survival_interval(kaplan_meier([1], [1]), kind="arcsin")


def test_censorings_come_after_events_at_the_same_time():
    # At 2 the patient with the event is not at risk of being censored any more: 1 of 2 is censored.
    censoring = censoring_distribution([1, 2, 2, 3], [1, 1, 0, 1])
    assert uncensored_at(censoring, [1, 2, 3]).tolist() == [1, 0.5, 0.5]
    assert uncensored_before(censoring, [2, 2.5]).tolist() == [1, 0.5]


def test_censoring_weights_add_up_to_all_patients():
    censoring = censoring_distribution(TIME, EVENT)
    for horizon in (90, 180, 365, 700):
        cases, controls = event_weights(TIME.astype(float), EVENT == 1, horizon, censoring)
        assert cases.sum() + controls.sum() == pytest.approx(TIME.size, rel=1e-9)
        lost = (EVENT == 0) & (horizon >= TIME)
        assert not (cases[lost].any() or controls[lost].any())


def test_influence_of_the_censoring_estimate_is_its_derivative():
    # Without ties: the change of mean(values / G) when a patient counts slightly more, against the formula.
    random = np.random.default_rng(1)
    n = 60
    time, event = random.exponential(1, n), random.random(n) < 0.5
    values = random.normal(size=n) * event

    def mean_over_g(weight):
        order = np.argsort(time)
        at_risk = np.cumsum(weight[order][::-1])[::-1]
        hazard = np.where(event[order], 0, weight[order] / at_risk)
        g_before = np.exp(-np.concatenate([[0], np.cumsum(hazard)[:-1]]))  # Nelson-Aalen's, the same to first order
        return np.sum(values[order] / g_before) / n

    base, step = np.ones(n), 1e-6
    taken = values / mean_g(time, event)
    expected = censoring_influence(time, event, taken, censoring_distribution(time, event), before=time)
    for k in (0, 7, 31):
        heavier = base.copy()
        heavier[k] += step
        derivative = n * (mean_over_g(heavier) - mean_over_g(base)) / step
        assert derivative == pytest.approx(expected[k], abs=1e-4)


def mean_g(time, event):
    """Nelson-Aalen's estimate of G(t-) for every patient."""
    order = np.argsort(time)
    hazard = np.where(event[order], 0, 1 / np.arange(time.size, 0, -1))
    g = np.empty(time.size)
    g[order] = np.exp(-np.concatenate([[0], np.cumsum(hazard)[:-1]]))
    return g


def test_unusable_outcomes_and_predictions_are_refused():
    with pytest.raises(ValueError, match=r"time of 1 patient\(s\) cannot be used"):
        kaplan_meier([1, -2], [1, 0])
    with pytest.raises(ValueError, match=r"event of 1 patient\(s\) cannot be used"):
        kaplan_meier([1, 2], [1, 2])
    with pytest.raises(ValueError, match="a prediction is NaN or infinite for 1 of 2 patients"):
        checked_survival([1, 2], [1, 0], [0.5, np.nan])
    with pytest.raises(ValueError, match=r"a prediction has shape \(3,\): one value or row for each of 2 patients"):
        checked_survival([1, 2], [1, 0], [0.5, 1, 2])
