import numpy as np
import pytest
from lifelines.utils import concordance_index

from habitat_radiomics.concordance import NO_PAIRS, concordance, concordance_test
from oracles.oracle import Oracle

ORACLE = Oracle("cox_km_lung")
TABLE = ORACLE.table()
TIME, EVENT = TABLE["time"].to_numpy(), TABLE["event"].to_numpy()
SCORE = np.array(ORACLE["cox_multivariable.efron"]["lp_centered"])


@pytest.mark.parametrize(("weights", "case"), [("harrell", "concordance.harrell"), ("uno", "concordance.uno_ipcw")])
def test_c_with_interval_agrees_with_survival_concordance(weights, case):
    result = concordance(TIME, EVENT, SCORE, weights=weights)
    ORACLE.check(case, C=result.c, se=result.se, ci_low=result.ci_low, ci_high=result.ci_high)
    counts = ORACLE[case]["counts"]
    assert result.concordant == pytest.approx(counts["concordant"], rel=1e-9)
    assert result.discordant == pytest.approx(counts["discordant"], rel=1e-9)
    assert result.tied_score == pytest.approx(counts["tied.x"], rel=1e-9)
    assert (result.n, result.events) == (212, 150)


def test_c_and_its_error_agree_with_hmisc():
    result = concordance(TIME, EVENT, SCORE)
    ORACLE.check("concordance.Hmisc", C=result.c, se_C=result.se)


def test_comparison_of_two_scores_agrees_with_survival_concordance():
    case = "concordance_compare"
    result = concordance_test(TIME, EVENT, ORACLE[case]["lp1"], SCORE)
    named = {"C1": result.c_a, "C2": result.c_b, "diff": result.difference}
    ORACLE.check(case, se=result.se, z=result.z, p=result.p, **named)
    assert result.ci_low < result.difference < result.ci_high
    # compareC estimates the same by U-statistics.
    ORACLE.check(case, tolerance=0.02, compareC_z=-result.z, compareC_p=result.p)


def test_c_of_survcomp_leaves_out_ties_of_score_and_of_event_and_censoring():
    # The package of a published study: the same pairs, were a censoring before an event of the same time.
    result = concordance(TIME - 1e-6 * (EVENT == 0), EVENT, SCORE)
    ORACLE.check("concordance.survcomp", C=result.concordant / (result.concordant + result.discordant))


def test_c_agrees_with_that_of_validate_cph():
    assert Oracle("nomogram_cph_lung")["validate_cph_boot500"]["C_orig"] == pytest.approx(
        concordance(TIME, EVENT, SCORE).c, abs=1e-5
    )


def test_pairs_by_hand_with_ties_of_time_and_score():
    # Comparable: (2;.) event at 2 against 2 censored, 3, 4; event at 3 against 4. Two events at 2 are not comparable.
    time, event, score = [2, 2, 2, 3, 4], [1, 1, 0, 1, 0], [5, 1, 3, 3, 3]
    # First event (5) wins three pairs, second (1) loses three, event at 3 ties with 4.
    result = concordance(time, event, score)
    assert (result.concordant, result.discordant, result.tied_score) == (3, 3, 1)
    assert result.c == pytest.approx(3.5 / 7)


def test_c_agrees_with_lifelines_on_tied_data():
    random = np.random.default_rng(4)
    time, event, score = random.integers(1, 10, 300), random.integers(0, 2, 300), random.integers(0, 6, 300)
    assert concordance(time, event, score).c == pytest.approx(concordance_index(time, -score, event), abs=1e-12)


def test_uno_c_without_censoring_is_harrells():
    time, score = TIME + np.arange(TIME.size) / 1000, SCORE
    harrell, uno = (concordance(time, np.ones(TIME.size), score, weights=name) for name in ("harrell", "uno"))
    assert uno.c == pytest.approx(harrell.c, rel=1e-12)
    assert uno.se == pytest.approx(harrell.se, rel=1e-12)


def test_truncation_leaves_later_events_out():
    result = concordance(TIME, EVENT, SCORE, truncation=365)
    censored_later = np.where(TIME > 365, 0, EVENT)
    assert result.c == pytest.approx(concordance(TIME, censored_later, SCORE).c, rel=1e-12)


def test_jackknife_error_is_close_to_that_of_leaving_out_each_patient():
    keep = ~np.eye(TIME.size, dtype=bool)
    left_out = np.array([concordance(TIME[k], EVENT[k], SCORE[k]).c for k in keep])
    se = np.sqrt((TIME.size - 1) * np.mean((left_out - left_out.mean()) ** 2))
    assert concordance(TIME, EVENT, SCORE).se == pytest.approx(se, rel=0.02)


def test_reversing_the_score_mirrors_c():
    up, down = concordance(TIME, EVENT, SCORE), concordance(TIME, EVENT, -SCORE)
    assert (down.c, down.ci_low, down.ci_high) == pytest.approx((1 - up.c, 1 - up.ci_high, 1 - up.ci_low))


def test_a_score_against_itself_is_no_different_and_a_constant_is_one_half():
    same = concordance_test(TIME, EVENT, SCORE, 2 * SCORE)
    assert (same.difference, same.z, same.p) == (0, 0, 1)
    assert concordance(TIME, EVENT, np.zeros(TIME.size)).c == 0.5


@pytest.mark.parametrize(("time", "event"), [([1, 2], [0, 0]), ([2, 2], [1, 1]), ([1, 2], [0, 1]), ([], [])])
def test_without_comparable_pairs_c_is_missing_with_a_reason(time, event):
    result = concordance(time, event, np.arange(len(time)))
    assert np.isnan([result.c, result.se, result.ci_low]).all()
    assert result.reason == NO_PAIRS
    compared = concordance_test(time, event, np.arange(len(time)), np.ones(len(time)))
    assert np.isnan([compared.difference, compared.p]).all()
    assert compared.reason == NO_PAIRS


def test_unknown_weights_are_refused():
    with pytest.raises(ValueError, match="weights is 'gonen': use one of harrell, uno"):
        concordance(TIME, EVENT, SCORE, weights="gonen")
