import numpy as np
import pytest

from habitat_radiomics.bootstrap import (
    NO_VARIANCE,
    bootstrap_comparison,
    bootstrap_interval,
    draw_stratified,
)
from habitat_radiomics.calibration import scaled_brier
from habitat_radiomics.roc import auc, delong_test
from oracles.oracle import Oracle

ORACLE = Oracle("roc_asah")
TABLE = ORACLE.table()
Y = TABLE["y"].to_numpy()


@pytest.mark.parametrize("name", ["s100b", "ndka", "wfns"])
def test_interval_of_the_auc_agrees_with_proc(name):
    result = bootstrap_interval(auc, Y, TABLE[name], count=4000, seed=1)
    ORACLE.check(f"auc_bootstrap.{name}", median=result.median, ci_low=result.ci_low, ci_high=result.ci_high)
    ORACLE.check(f"auc_mannwhitney.{name}", auc=result.estimate)
    assert result.resamples == 4000


@pytest.mark.parametrize("pair", ["s100b_vs_ndka", "wfns_vs_s100b"])
def test_paired_test_of_two_aucs_agrees_with_proc_and_is_close_to_delong(pair):
    a, b = (TABLE[name] for name in pair.split("_vs_"))
    result = bootstrap_comparison(auc, Y, a, b, count=2500, seed=1)
    ORACLE.check(f"bootstrap_paired.{pair}", D=result.z, p=result.p)
    assert result.difference == pytest.approx(delong_test(Y, a, b).difference)
    ORACLE.check(f"delong_paired.{pair}", tolerance=0.02, diff_ci=[result.ci_low, result.ci_high])


def test_stratified_resamples_keep_the_events():
    resamples = draw_stratified(Y, count=20, seed=2)
    assert resamples.shape == (20, Y.size)
    assert (Y[resamples].sum(axis=1) == Y.sum()).all()
    assert len({tuple(rows) for rows in resamples}) == 20
    np.testing.assert_array_equal(resamples[:3], draw_stratified(Y, count=3, seed=2))


def test_resamples_without_the_measure_are_left_out():
    result = bootstrap_interval(scaled_brier, np.zeros(10), np.full(10, 0.2), count=5, seed=0)
    assert result.resamples == 0
    assert np.isnan([result.estimate, result.ci_low, result.ci_high]).all()


def test_scores_that_rank_alike_have_no_test():
    result = bootstrap_comparison(auc, Y, TABLE["wfns"], 2 * TABLE["wfns"], count=5, seed=0)
    assert (result.difference, result.reason) == (0, NO_VARIANCE)
    assert np.isnan(result.p)
