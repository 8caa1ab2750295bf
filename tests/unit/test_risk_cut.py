import numpy as np
import pytest

from habitat_radiomics.log_rank import log_rank
from habitat_radiomics.risk_cut import (
    HIGH,
    LOW,
    NO_CANDIDATE,
    NO_DIFFERENCE,
    NO_EVENTS,
    NO_GROUP,
    apply_cut,
    fit_cut,
    improved_p,
    permutation_p,
    selected_p,
    two_cuts,
)
from oracles.oracle import Oracle

EVENT_COLUMN = {"lung": "event", "dlbcl": "cens"}


def data(name):
    oracle = Oracle(f"cutpoint_{name}")
    table = oracle.table()
    score = np.array(oracle["score"]["score"])
    return oracle, table["time"].to_numpy(float), table[EVENT_COLUMN[name]].to_numpy(), score


@pytest.mark.parametrize("name", ["lung", "dlbcl"])
def test_maximally_selected_statistic_cut_and_p_agree_with_maxstat(name):
    oracle, *patients = data(name)
    cut = fit_cut(*patients, method="maxstat", min_share=0.1)
    oracle.check(
        "maxstat_logrank",
        M=cut.statistic,
        cutpoint=cut.cut,
        surv_cutpoint=cut.cut,
        surv_cutpoint_stat=cut.statistic,
        p_Lau92=cut.p_corrected,
        p_Lau94=cut.p_improved,
        n_candidates=len(cut.scan),
        cuts=cut.scan["cut"],
        stats=cut.scan["statistic"],
    )
    permuted = permutation_p(*patients, method="maxstat", permutations=400, seed=1)
    assert permuted == pytest.approx(oracle["maxstat_logrank"]["p_condMC_20000"], abs=0.02)


@pytest.mark.parametrize("name", ["lung", "dlbcl"])
def test_plain_scan_agrees_with_survdiff_at_every_candidate(name):
    oracle, *patients = data(name)
    cut = fit_cut(*patients, method="xtile", min_share=0.1)
    oracle.check(
        "xtile_logrank_scan",
        cutpoint=cut.cut,
        chi2=cut.statistic,
        p_naive=cut.p_naive,
        p_miller_siegmund=cut.p_corrected,
        n_low=cut.n_low,
        n_high=cut.n_high,
        candidates=cut.scan["cut"],
        chi2_all=cut.scan["statistic"],
    )
    assert cut.high_is_worse == (name == "lung")  # in DLBCL a high score is good


@pytest.mark.parametrize("name", ["lung", "dlbcl"])
def test_two_cuts_agree_with_survdiff_over_all_pairs(name):
    oracle, *patients = data(name)
    low, high, chi2 = two_cuts(*patients)
    oracle.check("xtile_two_cuts", c1=low, c2=high, chi2=chi2)
    groups = np.digitize(patients[2], [low, high], right=True)
    assert log_rank(*patients[:2], groups).chi2 == pytest.approx(chi2)


def test_the_statistic_of_the_chosen_cut_is_the_log_rank_test_of_its_groups():
    _, time, event, score = data("lung")
    for method in ("xtile", "median"):
        cut = fit_cut(time, event, score, method=method)
        test = log_rank(time, event, apply_cut(cut.cut, score))
        assert (cut.statistic, cut.p_naive) == pytest.approx((test.chi2, test.p))
    assert cut.cut == np.median(score)
    assert cut.p_corrected == cut.p_naive  # the median was not chosen by survival


def test_corrected_p_is_larger_than_the_naive_one():
    _, *patients = data("dlbcl")
    cut = fit_cut(*patients, method="xtile")
    assert cut.p_naive < 0.005 < 0.08 < cut.p_corrected
    assert permutation_p(*patients, method="xtile", permutations=200, seed=2) == pytest.approx(
        cut.p_corrected, abs=0.06
    )


def test_corrected_p_holds_its_level_on_scores_that_say_nothing():
    _, time, event, score = data("lung")
    small, naive = [], []
    for seed in range(120):
        cut = fit_cut(time, event, np.random.default_rng(seed).permutation(score), method="maxstat")
        small.append(cut.p_corrected < 0.05)
        naive.append(cut.p_naive < 0.05)
    assert np.mean(small) < 0.1
    assert np.mean(naive) > 0.25


def test_p_of_small_statistics_is_one_and_never_above():
    assert selected_p(0.5, min_share=0.1) == 1
    assert selected_p(1.3, min_share=0.01) == 1
    assert np.isnan(selected_p(np.nan, min_share=0.1))
    assert improved_p(0.1, 100, np.arange(10, 91)) == 1


def test_smallest_share_is_kept_on_both_sides():
    _, time, event, score = data("lung")
    for method in ("maxstat", "xtile"):
        cut = fit_cut(time, event, score, method=method, min_share=0.3)
        assert cut.scan["n_low"].min() >= np.floor(0.3 * 212) and cut.scan["n_low"].max() <= 0.7 * 212
        assert cut.n_low + cut.n_high == 212


def test_the_cut_of_training_patients_is_applied_without_looking_at_survival():
    np.testing.assert_array_equal(apply_cut(0.5, [0.4, 0.5, 0.6, np.nan]), [LOW, LOW, HIGH, NO_GROUP])
    assert (apply_cut(np.nan, [0.4, 0.6]) == NO_GROUP).all()


@pytest.mark.parametrize("method", ["maxstat", "xtile", "median"])
def test_without_events_or_candidates_there_is_no_cut_but_a_reason(method):
    score = np.arange(20.0)
    censored = fit_cut(score + 1, np.zeros(20), score, method=method)
    assert (np.isnan(censored.cut), censored.reason) == (True, NO_EVENTS)
    constant = fit_cut(score + 1, np.ones(20), np.zeros(20), method=method)
    assert (np.isnan(constant.cut), constant.reason) == (True, NO_CANDIDATE)
    same = fit_cut(np.ones(20), np.ones(20), score, method=method)
    assert (np.isnan(same.cut), same.reason) == (True, NO_DIFFERENCE)
    assert np.isnan(permutation_p(np.ones(20), np.ones(20), score, method=method, permutations=2, seed=1))
    assert np.isnan(two_cuts(score + 1, np.zeros(20), score)).all()


def test_unknown_methods_and_shares_are_refused():
    with pytest.raises(ValueError, match="method is 'youden': use one of maxstat, xtile, median"):
        fit_cut([1], [1], [1], method="youden")
    with pytest.raises(ValueError, match="min_share is 0.7: give a share of the patients above 0 and at most 0.5"):
        fit_cut([1], [1], [1], min_share=0.7)
