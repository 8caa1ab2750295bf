import numpy as np
import pandas as pd
import pytest

from habitat_radiomics.kaplan_meier import BEYOND, NO_PATIENTS, NOT_REACHED
from habitat_radiomics.log_rank import NO_EVENTS, NO_OVERLAP, ONE_GROUP
from habitat_radiomics.risk_cut import HIGH, LOW, apply_cut
from habitat_radiomics.risk_groups import (
    ALL,
    EMPTY_GROUP,
    compare_groups,
    compare_within,
    group_summary,
    hazard_ratio,
    survival_at_times,
    survival_curves,
)
from oracles.oracle import Oracle

ORACLE = Oracle("cox_km_lung")
TABLE = ORACLE.table()
TIME, EVENT, SEX = TABLE["time"].to_numpy(), TABLE["event"].to_numpy(), TABLE["sex"].to_numpy()
SCORE = np.array(ORACLE["cox_multivariable.efron"]["lp_centered"])
GROUP = apply_cut(np.median(SCORE), SCORE)


def test_log_rank_hazard_ratio_and_medians_of_risk_groups_agree_with_r():
    compared = compare_groups(TIME, EVENT, GROUP)
    ORACLE.check(
        "risk_groups_median_lp",
        chi2=compared["chi2"],
        df=compared["df"],
        p=compared["p"],
        HR_high_vs_low=compared["hr"],
        HR_ci=[compared["hr_low"], compared["hr_high"]],
        median_high=compared["median_high"],
        median_low=compared["median_low"],
        n_high=compared["n_high"],
    )
    assert (compared["n"], compared["events"], compared["hr_method"]) == (212, 150, "maximum partial likelihood")


@pytest.mark.parametrize("name", ["lung", "dlbcl"])
def test_groups_of_the_optimal_cut_agree_with_r(name):
    oracle = Oracle(f"cutpoint_{name}")
    table, case = oracle.table(), "xtile_logrank_scan"
    score = np.array(oracle["score"]["score"])
    group = apply_cut(oracle[case]["cutpoint"], score)
    compared = compare_groups(table["time"], table["event" if name == "lung" else "cens"], group)
    oracle.check(
        case,
        HR=compared["hr"],
        HR_ci=[compared["hr_low"], compared["hr_high"]],
        median_low=compared["median_low"],
        median_high=compared["median_high"],
    )


def test_summary_and_survival_at_times_agree_with_survfit():
    summary = group_summary(TIME, EVENT, SEX, groups=("male", "female"), kind="log")
    times = [90, 180, 365, 540, 730]
    at_times = survival_at_times(TIME, EVENT, SEX, times, groups=("male", "female"))
    ORACLE.check(
        "km_by_group.sex",
        n=summary["n"],
        events=summary["events"],
        median=summary["median"],
        low=summary["ci_low"],
        high=summary["ci_high"],
        surv=at_times["survival"],
        n_risk=at_times["at_risk"],
    )
    assert (at_times["ci_low"] < at_times["survival"]).all() and (at_times["reason"] == "").all()


def test_curves_begin_with_everyone_and_count_every_patient():
    curves = survival_curves(TIME, EVENT, GROUP)
    for name in (LOW, HIGH):
        rows = curves[curves["group"] == name]
        assert rows[["time", "survival", "ci_low", "ci_high"]].iloc[0].tolist() == [0, 1, 1, 1]
        assert rows["events"].sum() + rows["censored"].sum() == rows["at_risk"].iloc[0] == 106
        assert rows["survival"].is_monotonic_decreasing


def test_times_beyond_the_follow_up_of_a_group_are_missing_with_a_reason():
    table = survival_at_times(TIME, EVENT, SEX, [100, 1000], groups=("female", "nobody"))
    assert table["reason"].tolist() == ["", BEYOND, EMPTY_GROUP, EMPTY_GROUP]
    assert table["survival"].isna().tolist() == [False, True, True, True]
    assert table["at_risk"].tolist()[1:] == [0, 0, 0]


def test_all_censored_has_neither_test_nor_ratio_nor_median():
    compared = compare_groups(TIME, np.zeros(212), GROUP)
    assert np.isnan([compared[key] for key in ("p", "hr", "hr_p", "median_low", "median_high")]).all()
    assert (compared["p_reason"], compared["hr_reason"]) == (NO_EVENTS, NO_EVENTS)
    assert group_summary(TIME, np.zeros(212), GROUP)["reason"].tolist() == [NOT_REACHED] * 2


def test_a_group_without_events_has_a_finite_ratio_by_firth_that_is_named():
    compared = compare_groups(TIME, EVENT * (GROUP == HIGH), GROUP)
    assert compared["events_low"] == 0
    assert (compared["hr_method"], compared["hr_reason"]) == ("Firth", "")
    assert compared["hr_low"] > 1 and np.isfinite(compared["hr_high"])
    assert compared["p"] < 1e-10


def test_an_empty_group_is_a_row_with_reasons():
    compared = compare_groups(TIME, EVENT, np.full(212, LOW))
    assert (compared["n_low"], compared["n_high"]) == (212, 0)
    assert (compared["p_reason"], compared["hr_reason"]) == (ONE_GROUP, EMPTY_GROUP)
    assert group_summary(TIME, EVENT, np.full(212, LOW))["reason"].tolist() == ["", NO_PATIENTS]
    assert set(survival_curves(TIME, EVENT, np.full(212, LOW))["group"]) == {LOW}


def test_groups_that_were_never_at_risk_together_have_no_ratio():
    ratio = hazard_ratio([1, 1, 2, 3], [0, 0, 1, 1], [LOW, LOW, HIGH, HIGH])
    assert (np.isnan(ratio.hr), ratio.reason) == (True, NO_OVERLAP)


def test_patients_without_a_group_are_left_out():
    group = np.where(np.arange(212) < 30, "", GROUP)
    compared, without = compare_groups(TIME, EVENT, group), compare_groups(TIME[30:], EVENT[30:], GROUP[30:])
    assert compared == without


def test_subgroups_are_compared_in_every_cohort_with_all_levels():
    cohort = np.where(np.arange(212) < 120, "train", "external")
    patients = pd.DataFrame({"cohort": cohort, "time": TIME, "event": EVENT, "group": GROUP})
    patients["grade"] = np.where(np.arange(212) < 60, "I", np.where(np.arange(212) < 205, "II", None))
    table = compare_within(patients, subgroups=["grade"])
    assert table[["cohort", "subgroup", "level"]].values.tolist() == [
        [cohort, *part] for cohort in ("train", "external") for part in ((ALL, ALL), ("grade", "I"), ("grade", "II"))
    ]
    assert table["n"].tolist() == [120, 60, 60, 92, 0, 85]
    assert table["p_reason"].tolist() == ["", "", "", "", ONE_GROUP, ""]
    train = cohort == "train"
    assert table["p"][0] == compare_groups(TIME[train], EVENT[train], GROUP[train])["p"]


def test_groups_of_the_wrong_length_are_refused():
    with pytest.raises(ValueError, match=r"group has shape \(3,\) and time \(212,\): one group a patient"):
        compare_groups(TIME, EVENT, GROUP[:3])
