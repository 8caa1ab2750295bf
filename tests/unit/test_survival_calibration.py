import numpy as np
import pandas as pd
import pytest

from habitat_radiomics.cox import CoxModel
from habitat_radiomics.faults import DataFault
from habitat_radiomics.optimism import draw_resamples
from habitat_radiomics.survival_calibration import (
    CERTAIN,
    EMPTY,
    EQUAL,
    FEW_EVENTS,
    NO_FOLLOW_UP,
    calibration_band,
    calibration_errors,
    calibration_slope,
    corrected_survival_performance,
    group_calibration,
    group_limits,
    smooth_observed,
    survival_calibration,
    survival_optimism,
    survival_performance,
)
from habitat_radiomics.survival_outcome import survival_outcome
from oracles.oracle import Oracle

ORACLE, NOMOGRAM = Oracle("timeauc_lung"), Oracle("nomogram_cph_lung")
TABLE = ORACLE.table()
TIME, EVENT, HORIZON = TABLE["time"].to_numpy(), TABLE["event"].to_numpy(), 365
RISK = np.array(ORACLE["predictions"]["risk2"]["365"])
X = np.column_stack([TABLE["age"], TABLE["sex"] == "female", TABLE["ph_ecog"], TABLE["wt_loss"]]).astype(float)


def refit(X, time, event):
    model = CoxModel().fit(X, survival_outcome(time, event))
    return lambda rows: 1 - model.predict_survival(rows, [HORIZON])[:, 0]


def test_slope_ratio_errors_and_groups_agree_with_r():
    table = survival_calibration(TIME, EVENT, RISK, horizon=HORIZON).set_index("metric")["estimate"]
    groups = group_calibration(TIME, EVENT, RISK, horizon=HORIZON, groups=4)
    ORACLE.check(
        "calibration_survival",
        slope=[table["slope"]],
        slope_se=[calibration_slope(TIME, EVENT, RISK)[1]],
        mean_predicted=table["mean_predicted"],
        observed_KM=table["observed"],
        E_over_O=table["ratio"],
        ICI=table["ici"],
        E50=table["e50"],
        E90=table["e90"],
        Emax=table["emax"],
        group_mean_p=groups["mean_predicted"],
        group_obs=groups["observed"],
        group_n=groups["n"],
    )


def test_groups_agree_with_groupkm_of_rms():
    predicted = np.array(NOMOGRAM["group_km_quartiles"]["predicted"])
    groups = group_calibration(TIME, EVENT, 1 - predicted, horizon=HORIZON, groups=4)[::-1]  # rms: by survival
    NOMOGRAM.check(
        "group_km_quartiles",
        mean_predicted=1 - groups["mean_predicted"],
        n=groups["n"],
        KM=1 - groups["observed"],
        std_err_log=groups["se_log_survival"],
    )
    assert (groups["ci_low"] < groups["observed"]).all() and (groups["observed"] < groups["ci_high"]).all()


def test_corrected_c_slope_and_groups_are_close_to_those_of_rms():
    risk = refit(X, TIME, EVENT)(X)
    places = {"horizon": HORIZON, "at": np.array([0.4, 0.6]), "limits": group_limits(risk, 4)}
    resamples = draw_resamples(len(TIME), count=80, seed=3)
    chunks = [
        survival_optimism(refit, X, TIME, EVENT, resamples, numbers=numbers, **places)
        for numbers in (range(30, 80), range(30))
    ]
    apparent = survival_performance(TIME, EVENT, risk, **places)
    table = corrected_survival_performance(apparent, pd.concat(chunks))
    by_name = table.set_index("statistic")
    validated = NOMOGRAM["validate_cph_boot500"]
    assert by_name.loc["c", "corrected"] == pytest.approx(validated["C_corrected"], abs=0.01)
    slope = dict(zip(validated["index"], validated["optimism"], strict=True))["Slope"]
    assert by_name.loc["slope", "optimism"] == pytest.approx(slope, abs=0.05)
    groups = by_name.loc["group"]
    km = NOMOGRAM["calibrate_cph_km"]
    # rms: survival, so signs and order are reversed.
    expected = np.array(km["KM_corrected"]) - np.array(km["mean_predicted"])
    assert -groups["corrected"].to_numpy()[::-1] == pytest.approx(expected, abs=0.04)
    in_order = corrected_survival_performance(apparent, pd.concat(chunks[::-1]))
    pd.testing.assert_frame_equal(in_order, table, check_exact=True)


def test_perfect_predictions_are_on_the_diagonal_and_timid_ones_have_a_large_slope():
    random = np.random.default_rng(0)
    score = random.normal(size=3000)
    time, censored = random.exponential(np.exp(-score)), random.exponential(3, 3000)
    risk = 1 - np.exp(-np.exp(score))
    outcome = np.minimum(time, censored), time <= censored
    assert calibration_errors(*outcome, risk, horizon=1)["ici"] < 0.015
    assert calibration_slope(*outcome, risk)[0] == pytest.approx(1, abs=0.06)
    timid = 1 - np.exp(-np.exp(0.5 * score))
    slope = calibration_slope(*outcome, risk)[0]
    assert calibration_slope(*outcome, timid)[0] == pytest.approx(slope / 0.5, rel=1e-9)
    assert calibration_errors(*outcome, timid, horizon=1)["ici"] > 0.05


def test_the_curve_does_not_extrapolate_and_lies_in_its_band():
    at = np.array([RISK.min() - 0.01, 0.4, 0.6, RISK.max() + 0.01])
    curve, reason = smooth_observed(TIME, EVENT, RISK, at, horizon=HORIZON)
    assert (np.isnan(curve).tolist(), reason) == ([True, False, False, True], "")
    low, high = calibration_band(TIME, EVENT, RISK, at, horizon=HORIZON, resamples=25, seed=1)
    assert ((low < curve) & (curve < high))[1:3].all()
    assert np.isnan(low[[0, 3]]).all()


def test_groups_share_the_patients_equally_as_far_as_ties_allow():
    assert group_limits(np.arange(8.0), 4).tolist() == [0, 2, 4, 6]
    # Five ties fill the first two quarters: the other two share the rest.
    assert group_limits(np.array([1, 1, 1, 1, 1, 2, 3, 4.0]), 4).tolist() == [1, 2, 3, 4]
    assert group_limits(np.ones(5), 4).tolist() == [1]


@pytest.mark.parametrize(
    ("time", "event", "risk", "reason"),
    [
        (TIME, np.zeros(212), RISK, FEW_EVENTS),
        (TIME, EVENT, np.full(212, 0.4), EQUAL),
        (TIME, EVENT, np.where(np.arange(212) == 3, 1.0, RISK), CERTAIN),
        (np.minimum(TIME, 300), EVENT, RISK, NO_FOLLOW_UP),
        (TIME[:0], EVENT[:0], RISK[:0], EMPTY),
    ],
)
def test_what_cannot_be_measured_is_missing_with_a_reason(time, event, risk, reason):
    table = survival_calibration(time, event, risk, horizon=HORIZON).set_index("metric")
    assert table.loc[["ici", "e50", "e90", "emax"], "estimate"].isna().all()
    assert (table.loc[["ici", "e50", "e90", "emax"], "note"] == reason).all()


def test_a_horizon_beyond_the_follow_up_of_one_group_leaves_the_others():
    lowest = group_limits(RISK, 4)[1]
    time = np.where(lowest > RISK, np.minimum(TIME, 300), TIME)
    groups = group_calibration(time, EVENT, RISK, horizon=HORIZON)
    assert groups["reason"].tolist() == [NO_FOLLOW_UP, "", "", ""]
    assert groups["observed"].isna().tolist() == [True, False, False, False]


def test_a_group_of_whom_all_had_the_event_before_the_horizon_observes_certainty():
    groups = group_calibration([1, 2, 3, 9, 9, 9], [1, 1, 1, 0, 0, 1], [0.9] * 3 + [0.1] * 3, horizon=5, groups=2)
    assert groups["observed"].tolist() == [0, 1]
    assert (groups["reason"] == "").all()


def test_a_group_without_events_observes_no_risk():
    event = np.where(group_limits(RISK, 4)[1] > RISK, 0, EVENT)
    groups = group_calibration(TIME, event, RISK, horizon=HORIZON)
    assert (groups["observed"][0], groups["events"][0], groups["reason"][0]) == (0, 0, "")


def test_a_resample_that_cannot_be_fitted_is_counted():
    def fit(X, time, event):
        raise DataFault("no_feature", "no feature was chosen.")

    places = {"horizon": HORIZON, "at": [0.5], "limits": group_limits(RISK, 2)}
    resampled = survival_optimism(fit, X, TIME, EVENT, draw_resamples(212, count=2, seed=1), numbers=range(2), **places)
    assert (resampled["reason"] == "no_feature").all()
    apparent = survival_performance(TIME, EVENT, RISK, **places)
    table = corrected_survival_performance(apparent, resampled)
    assert (table["resamples"] == 0).all() and table["corrected"].isna().all()


def test_scores_in_place_of_probabilities_are_refused():
    with pytest.raises(ValueError, match="risk ranges from .* give the probability of the event by the horizon"):
        survival_calibration(TIME, EVENT, RISK * 3, horizon=HORIZON)
