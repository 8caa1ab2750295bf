import numpy as np
import pytest
from sklearn.metrics import roc_auc_score, roc_curve

from habitat_radiomics.roc import (
    auc,
    auc_with_interval,
    classification_at,
    delong_test,
    delong_test_unpaired,
    delong_variance,
    proportion_interval,
    roc_points,
    youden_threshold,
)
from oracles.oracle import Oracle, assert_close

ORACLE = Oracle("roc_asah")
TABLE = ORACLE.table()
Y = TABLE["y"].to_numpy()
SCORES = ["s100b", "ndka", "wfns"]  # continuous with ties, nearly without ties, five levels


# Against R ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SCORES)
def test_auc_variance_and_interval_agree_with_proc(name):
    result = auc_with_interval(Y, TABLE[name])
    ORACLE.check(
        f"auc_delong.{name}",
        auc=result.auc,
        ci_low=result.ci_low,
        ci_high=result.ci_high,
        var_delong=result.variance,
        n_pos=result.n_positive,
        n_neg=result.n_negative,
    )
    ORACLE.check(f"auc_mannwhitney.{name}", auc=auc(Y, TABLE[name]))
    ORACLE.check(f"auc_delong.{name}", var_delong=delong_variance(Y, TABLE[name]))


@pytest.mark.parametrize("name", SCORES)
def test_delong_interval_is_close_to_procs_bootstrap_interval(name):
    result = auc_with_interval(Y, TABLE[name])
    ORACLE.check(f"auc_bootstrap.{name}", tolerance=0.015, ci_low=result.ci_low, ci_high=result.ci_high)


@pytest.mark.parametrize("pair", ["s100b_vs_ndka", "wfns_vs_s100b"])
def test_paired_delong_test_agrees_with_proc(pair):
    first, second = pair.split("_vs_")
    result = delong_test(Y, TABLE[first], TABLE[second])
    interval = [result.ci_low, result.ci_high]
    ORACLE.check(
        f"delong_paired.{pair}",
        z=result.statistic,
        p=result.p,
        auc1=result.auc_a,
        auc2=result.auc_b,
        diff_ci=interval,
    )


def test_unpaired_delong_test_agrees_with_proc():
    group = [(TABLE["gender"] == sex).to_numpy() for sex in ("Female", "Male")]
    score = TABLE["s100b"].to_numpy()
    result = delong_test_unpaired(Y[group[0]], score[group[0]], Y[group[1]], score[group[1]])
    ORACLE.check(
        "delong_unpaired.s100b",
        D=result.statistic,
        df=result.df,
        p=result.p,
        auc1=result.auc_a,
        auc2=result.auc_b,
        var1=delong_variance(Y[group[0]], score[group[0]]),
        var2=delong_variance(Y[group[1]], score[group[1]]),
    )


@pytest.mark.parametrize("name", SCORES)
def test_every_roc_point_agrees_with_proc(name):
    points = roc_points(Y, TABLE[name])
    ORACLE.check(
        f"roc_points.{name}",
        n_points=points.threshold.size,
        sensitivity=points.sensitivity,
        specificity=points.specificity,
    )


@pytest.mark.parametrize("name", SCORES)
def test_youden_threshold_and_the_proportions_at_it_agree_with_proc(name):
    cut = youden_threshold(Y, TABLE[name])
    rows = classification_at(Y, TABLE[name], cut.threshold).set_index("metric")
    ORACLE.check(
        f"youden.{name}",
        threshold=cut.threshold,
        youden=cut.youden + 1,  # pROC's column is sensitivity + specificity
        sensitivity=[cut.sensitivity],
        specificity=[cut.specificity],
        tp=rows.k["sensitivity"],
        tn=rows.k["specificity"],
        fp=rows.n["specificity"] - rows.k["specificity"],
        fn=rows.n["sensitivity"] - rows.k["sensitivity"],
        **{metric: rows.estimate[metric] for metric in ("ppv", "npv", "accuracy")},
    )


@pytest.mark.parametrize("name", SCORES)
def test_intervals_of_proportions_agree_with_binom_test_and_prop_test(name):
    threshold = youden_threshold(Y, TABLE[name]).threshold
    short = {"sensitivity": "sens", "specificity": "spec", "ppv": "ppv", "npv": "npv", "accuracy": "acc"}
    for method, suffix in (("clopper-pearson", "exact"), ("wilson", "wilson")):
        rows = classification_at(Y, TABLE[name], threshold, method=method).set_index("metric")
        for metric, word in short.items():
            if f"{word}_{suffix}" in ORACLE[f"diag_ci.{name}"]:
                ORACLE.check(f"diag_ci.{name}", **{f"{word}_{suffix}": rows.loc[metric, ["ci_low", "ci_high"]]})
        assert (rows.method == method).all()


# By hand and by property ----------------------------------------------------------------------------------------


def random_scores(n=200, *, seed=0, levels=20):
    generator = np.random.default_rng(seed)
    y = generator.integers(0, 2, n)
    return y, generator.integers(0, levels, n) + 3 * y


def test_auc_counts_pairs_and_half_of_the_ties():
    # Pairs (event, no event): 2>1, 2=2, 3>1, 3>2: three and a half of four.
    assert auc([1, 1, 0, 0], [2, 3, 1, 2]) == 3.5 / 4


def test_auc_agrees_with_scikit_learn_on_tied_scores():
    y, score = random_scores()
    assert auc(y, score) == pytest.approx(roc_auc_score(y, score), abs=1e-12)


def test_variance_equals_the_definition_by_all_pairs():
    y, score = random_scores(60)
    pairs = score[y == 1][:, None] - score[y == 0][None, :]
    wins = (pairs > 0) + 0.5 * (pairs == 0)
    by_definition = wins.mean(1).var(ddof=1) / wins.shape[0] + wins.mean(0).var(ddof=1) / wins.shape[1]
    assert delong_variance(y, score) == pytest.approx(by_definition, rel=1e-12)


def test_reversing_the_score_mirrors_the_interval():
    y, score = random_scores()
    up, down = auc_with_interval(y, score), auc_with_interval(y, -score)
    assert (down.auc, down.ci_low, down.ci_high) == pytest.approx((1 - up.auc, 1 - up.ci_high, 1 - up.ci_low))


def test_interval_is_cut_off_at_one_and_has_no_length_at_perfect_separation():
    near = auc_with_interval([0, 0, 0, 1, 1, 1], [1, 2, 3.5, 3, 4, 5])
    assert near.auc < 1 and near.ci_high == 1
    perfect = auc_with_interval([0, 0, 1, 1], [1, 2, 3, 4])
    assert (perfect.auc, perfect.ci_low, perfect.ci_high, perfect.variance) == (1, 1, 1, 0)


def test_a_class_of_one_patient_has_an_auc_but_no_interval():
    result = auc_with_interval([0, 0, 1], [1, 3, 2])
    assert result.auc == 0.5
    assert np.isnan([result.variance, result.ci_low, result.ci_high]).all()
    comparison = delong_test([0, 0, 1], [1, 3, 2], [1, 2, 3])
    assert np.isnan(comparison.p)
    assert comparison.reason == "a class has a single patient"


def test_a_constant_score_has_auc_one_half():
    assert auc([0, 1, 0, 1], [7.0, 7, 7, 7]) == 0.5


def test_paired_test_changes_sign_with_the_order_and_is_null_for_scores_that_rank_alike():
    first, second = TABLE["s100b"], TABLE["ndka"]
    forth, back = delong_test(Y, first, second), delong_test(Y, second, first)
    assert (back.statistic, back.difference, back.p) == pytest.approx((-forth.statistic, -forth.difference, forth.p))
    same = delong_test(Y, first, np.exp(first))
    assert (same.difference, same.statistic, same.p, same.reason) == (0, 0, 1, "")


def test_a_difference_without_variance_has_no_p_and_a_reason():
    y = [0, 0, 1, 1]
    result = delong_test(y, [1, 2, 3, 4], [4, 3, 2, 1])
    assert result.difference == 1
    assert np.isnan(result.statistic) and np.isnan(result.p)
    assert result.reason == "the estimated variance is zero"
    assert delong_test_unpaired(y, [1, 2, 3, 4], y, [4, 3, 2, 1]).reason == "the estimated variance is zero"
    assert delong_test_unpaired(y, [1, 2, 3, 4], y, [1, 2, 3, 4]).p == 1


def test_the_same_patients_in_another_order_give_the_same_answer():
    y, score = random_scores()
    order = np.random.default_rng(1).permutation(y.size)
    first, second = auc_with_interval(y, score), auc_with_interval(y[order], score[order])
    assert (first.auc, first.variance) == pytest.approx((second.auc, second.variance), rel=1e-13)


def test_roc_points_equal_scikit_learns_with_no_point_dropped():
    y, score = random_scores()
    points = roc_points(y, score)
    false_positive_rate, true_positive_rate, _ = roc_curve(y, score, drop_intermediate=False)
    np.testing.assert_allclose(points.sensitivity[::-1], true_positive_rate)
    np.testing.assert_allclose(1 - points.specificity[::-1], false_positive_rate, atol=1e-15)
    assert (points.threshold[0], points.threshold[-1]) == (-np.inf, np.inf)


def test_youden_calls_the_same_patients_positive_as_scikit_learns_threshold():
    y, score = random_scores()
    rates = roc_curve(y, score, drop_intermediate=False)
    upper = rates[2][np.argmax(rates[1] - rates[0])]
    cut = youden_threshold(y, score)
    assert ((score >= cut.threshold) == (score >= upper)).all()
    assert cut.tied.tolist() == [cut.threshold]


def test_of_tied_youden_thresholds_the_most_sensitive_is_taken_and_all_are_told():
    # At 1.5: sensitivity 1, specificity 1/2. At 3.5: sensitivity 1/2, specificity 1.
    cut = youden_threshold([0, 1, 0, 1], [1, 2, 3, 4])
    assert cut.threshold == 1.5
    assert cut.tied.tolist() == [1.5, 3.5]
    assert (cut.sensitivity, cut.specificity, cut.youden) == (1, 0.5, 0.5)


def test_tied_thresholds_are_found_where_fractions_would_round_apart():
    # Gains 1/3 - 0 and 3/3 - 2/3: equal as counts, unequal in floating point.
    cut = youden_threshold([1, 0, 0, 1, 0, 1], [1, 2, 3, 4, 5, 6])
    assert (1 - 2 / 3) != (1 / 3 - 0)
    assert cut.tied.tolist() == [3.5, 5.5]


@pytest.mark.parametrize("score", [[5, 5, 5, 5], [4, 3, 2, 1]])
def test_a_score_that_never_beats_chance_has_no_threshold_and_a_reason(score):
    y = [0, 0, 1, 1]
    cut = youden_threshold(y, score)
    assert np.isnan(cut.threshold)
    assert cut.reason == "no threshold does better than chance"
    rows = classification_at(y, score, cut.threshold)
    assert rows[["estimate", "ci_low", "ci_high"]].isna().all(axis=None)
    assert set(rows.reason) == {"no threshold does better than chance"}


def test_neighbouring_floating_point_numbers_are_separated_by_their_threshold():
    low = 1.0
    high = np.nextafter(low, 2)
    cut = youden_threshold([0, 0, 1, 1], [low, low, high, high])
    assert (cut.sensitivity, cut.specificity) == (1, 1)
    assert classification_at([0, 0, 1, 1], [low, low, high, high], cut.threshold).estimate.tolist() == [1] * 5


def test_classification_is_counted_as_in_a_table_written_by_hand():
    #             called positive  negative
    # event             3             1
    # no event          2             4
    y = [1, 1, 1, 1, 0, 0, 0, 0, 0, 0]
    score = [9, 8, 7, 1, 7, 7, 1, 2, 3, 4]
    rows = classification_at(y, score, 7)
    assert rows.metric.tolist() == ["accuracy", "sensitivity", "specificity", "ppv", "npv"]
    assert list(zip(rows.k, rows.n, strict=True)) == [(7, 10), (3, 4), (4, 6), (3, 5), (4, 5)]
    assert rows.estimate.tolist() == [0.7, 0.75, 4 / 6, 0.6, 0.8]


def test_what_cannot_be_computed_is_nan_with_a_reason():
    rows = classification_at([0, 0, 0], [1, 2, 3], 9).set_index("metric")
    assert rows.reason.to_dict() == {
        "accuracy": "",
        "sensitivity": "no patient with the event",
        "specificity": "",
        "ppv": "no patient is called positive",
        "npv": "",
    }
    assert rows.estimate.isna().tolist() == [False, True, False, True, False]
    others = classification_at([1, 1], [1, 2], 0).set_index("metric")
    assert others.reason["specificity"] == "no patient without the event"
    assert others.reason["npv"] == "no patient is called negative"
    assert set(classification_at([], [], 1).reason) >= {"no patients"}


def test_wilson_interval_equals_its_formula():
    k, n, z = 7, 20, 1.959963984540054
    centre, half = k + z**2 / 2, z * np.sqrt(k * (n - k) / n + z**2 / 4)
    assert proportion_interval(k, n) == pytest.approx(((centre - half) / (n + z**2), (centre + half) / (n + z**2)))


def test_clopper_pearson_at_zero_of_n_is_one_minus_the_root_of_half_alpha():
    low, high = proportion_interval(0, 10, method="clopper-pearson")
    assert (low, high) == pytest.approx((0, 1 - 0.025 ** (1 / 10)))


def test_no_trial_has_no_interval():
    assert np.isnan(proportion_interval(0, 0)).all()


def test_auc_of_100000_patients_needs_no_matrix_of_pairs():
    y, score = random_scores(100_000, levels=1000)
    assert_close(auc_with_interval(y, score).auc, roc_auc_score(y, score), tolerance=1e-9)


# Messages -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("function", [auc, auc_with_interval, delong_variance, roc_points, youden_threshold])
def test_one_class_is_refused(function):
    with pytest.raises(ValueError, match=r"one class only \(3 patients with and 0 without the event\)"):
        function([1, 1, 1], [1, 2, 3])


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_missing_scores_are_refused_with_their_number(value):
    with pytest.raises(ValueError, match="score is NaN or infinite for 1 of 3 patients: leave them out"):
        auc([0, 1, 1], [1, 2, value])
    with pytest.raises(ValueError, match="score is NaN or infinite for 1 of 3"):
        classification_at([0, 1, 1], [1, 2, value], 1)


def test_outcomes_other_than_0_and_1_are_refused():
    with pytest.raises(ValueError, match=r"y holds 2 \(and 0 more such values\): the outcome must be 0 or 1"):
        auc([0, 1, 2], [1, 2, 3])
    with pytest.raises(ValueError, match="y holds nan"):
        auc([0, 1, np.nan], [1, 2, 3])


def test_different_lengths_and_unknown_methods_are_refused():
    with pytest.raises(ValueError, match=r"y has shape \(2,\) and score \(3,\)"):
        auc([0, 1], [1, 2, 3])
    with pytest.raises(ValueError, match="method is 'wald': use one of wilson, clopper-pearson"):
        proportion_interval(1, 2, method="wald")
