import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.feature_selection import f_classif
from sklearn.utils.estimator_checks import parametrize_with_checks

from habitat_radiomics import selection
from habitat_radiomics.selection import (
    AnovaFilter,
    CorrelationFilter,
    IccFilter,
    MissingFilter,
    StableFilter,
    StrongestFilter,
    TwoGroupFilter,
)
from oracles.oracle import Oracle


def cohort(n=40, features=30, signal=3, seed=0):
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    X = rng.normal(size=(n, features))
    X[:, :signal] += 2 * y[:, None]
    return pd.DataFrame(X, columns=[f"f{i}" for i in range(features)]), y


def test_unstable_features_of_habitats_are_barred_and_other_regions_pass():
    X, y = cohort(features=4)
    stability = {"f0": 0.74, "f1": 0.76, "f2": np.nan}
    fitted = StableFilter(icc=stability, threshold=0.75).fit(X, y)
    assert fitted.get_feature_names_out().tolist() == ["f1", "f3"]
    assert not fitted.fell_back_


def test_where_no_feature_is_stable_the_most_stable_is_kept_and_that_is_said():
    X, y = cohort(features=3)
    fitted = StableFilter(icc={"f0": 0.1, "f1": 0.4, "f2": np.nan}, threshold=0.75).fit(X, y)
    assert fitted.get_feature_names_out().tolist() == ["f1"]
    assert fitted.fell_back_


def test_anova_equals_the_squared_t_of_two_classes():
    X, y = cohort()
    strength, p = selection.anova(X.to_numpy(), y)
    t = stats.ttest_ind(X[y == 0], X[y == 1])
    np.testing.assert_allclose(strength, t.statistic**2, rtol=1e-10)
    np.testing.assert_allclose(p, t.pvalue, rtol=1e-8)


def test_a_feature_that_separates_the_classes_exactly_has_an_infinite_f_and_p_zero():
    y = np.arange(8) % 2
    strength, p = selection.anova(np.column_stack([y * 1.0, np.ones(8)]), y)
    assert (strength[0], p[0]) == (np.inf, 0)
    assert np.isnan([strength[1], p[1]]).all()


def test_anova_is_that_of_scikit_learn_for_three_classes():
    X, y = cohort(n=60)
    y = np.arange(60) % 3
    for mine, expected in zip(selection.anova(X.to_numpy(), y), f_classif(X, y), strict=True):
        np.testing.assert_allclose(mine, expected, rtol=1e-10)


def test_medians_leave_missing_values_out():
    rng = np.random.default_rng(0)
    for n in (7, 8):
        X = rng.normal(size=(n, 50))
        X[rng.random(X.shape) < 0.3] = np.nan
        X[0] = 1.0
        np.testing.assert_array_equal(selection.known_medians(X), np.nanmedian(X, axis=0))


def genes():
    oracle = Oracle("tests_lung_golub")
    table = oracle.table(1)
    return oracle, table.drop(columns="y"), table["y"].to_numpy()


def test_anova_and_its_ten_best_genes_are_those_of_r():
    oracle, X, y = genes()
    strength, _ = selection.anova(X.to_numpy(float), y)
    oracle.check("wide.screen", F=strength)
    best = StrongestFilter(k=10).fit(X, y).get_feature_names_out()
    assert set(best) == set(oracle["wide.screen"]["top10_by_F"])


def test_the_u_test_passes_as_many_genes_as_in_r():
    oracle, X, y = genes()
    p = selection.t_or_u(X.to_numpy(float), y, normality_alpha=1.0)
    oracle.check("wide.screen", u_p=p)
    assert (p < 0.05).sum() == oracle["wide.screen"]["n_u_p_lt_05"]


def test_false_discovery_rates_are_those_of_r():
    oracle, _, _ = genes()
    welch = np.array(oracle["wide.screen"]["welch_p"])
    oracle.check("wide.screen", BH=selection.corrected(welch, "fdr"))


def test_a_constant_feature_never_passes():
    X, y = cohort()
    X["f5"] = 1.0
    for step in (AnovaFilter(alpha=1.0), TwoGroupFilter(alpha=1.0), CorrelationFilter(threshold=0.99)):
        assert "f5" not in step.fit(X, y).get_feature_names_out()


def test_a_filter_that_nothing_passes_keeps_its_best_and_says_so():
    X, y = cohort(signal=0)
    step = AnovaFilter(alpha=1e-12).fit(X, y)
    assert step.fell_back_
    assert step.get_support().sum() == 1
    assert step.get_support()[np.argmin(step.p_values_)]


def test_the_icc_filter_keeps_what_exceeds_the_threshold_and_drops_what_was_not_assessed():
    X, y = cohort(features=4)
    step = IccFilter(icc={"f0": 0.9, "f1": 0.75, "f2": float("nan")}, threshold=0.75).fit(X, y)
    assert list(step.get_feature_names_out()) == ["f0"]
    assert not step.fell_back_


def test_missing_values_become_the_training_median_and_hopeless_features_go():
    X, y = cohort(features=3)
    X.loc[:3, "f0"] = np.nan
    X.loc[:20, "f1"] = np.nan
    step = MissingFilter(max_missing=0.1).fit(X, y)
    assert list(step.get_feature_names_out()) == ["f0", "f2"]
    others = pd.DataFrame({"f0": [np.nan], "f1": [1.0], "f2": [7.0]})
    np.testing.assert_array_equal(step.transform(others), [[X["f0"].median(), 7.0]])


def test_features_missing_everywhere_stop_with_the_cure():
    X, y = cohort(features=2)
    X[:] = np.nan
    with pytest.raises(ValueError, match="missing in more than 10% of the training patients"):
        MissingFilter().fit(X, y)


def test_normal_features_take_the_t_test_and_skewed_ones_the_u_test():
    X, y = cohort(n=60, features=2)
    X["f1"] = np.exp(3 * X["f1"])
    p = selection.t_or_u(X.to_numpy(), y, normality_alpha=0.05)
    first, second = X[y == 0], X[y == 1]
    assert p[0] == pytest.approx(stats.ttest_ind(first["f0"], second["f0"]).pvalue, rel=1e-12)
    assert p[1] == pytest.approx(stats.mannwhitneyu(first["f1"], second["f1"], method="asymptotic").pvalue, rel=1e-12)


def test_false_discovery_correction_is_benjamini_hochberg():
    p = np.array([0.01, 0.02, np.nan, 0.03, 0.5])
    np.testing.assert_allclose(selection.corrected(p, "fdr"), [0.04, 0.04, np.nan, 0.04, 0.5])


def test_select_k_best_keeps_exactly_k_and_all_when_k_is_larger():
    X, y = cohort()
    assert StrongestFilter(k=7).fit(X, y).get_support().sum() == 7
    assert StrongestFilter(k=700).fit(X, y).get_support().sum() == X.shape[1]


def test_of_two_correlated_features_the_stronger_stays():
    X, y = cohort(features=3, signal=1)
    X["f1"] = X["f0"] + np.random.default_rng(1).normal(scale=0.3, size=len(X))
    kept = CorrelationFilter(threshold=0.85).fit(X, y).get_feature_names_out()
    assert list(kept) == ["f0", "f2"]


def test_no_two_kept_features_correlate_above_the_threshold():
    X, y = cohort(n=25, features=200, seed=3)
    kept = CorrelationFilter(threshold=0.4).fit_transform(X, y)
    correlation = np.abs(np.corrcoef(kept, rowvar=False))
    assert np.triu(correlation, 1).max() <= 0.4


@pytest.mark.parametrize("threshold", [0.3, 0.6, 0.9])
def test_columns_in_blocks_are_kept_as_one_by_one(threshold):
    random = np.random.default_rng(5)
    X = random.normal(size=(40, 30))[:, random.integers(0, 30, 3 * selection.BLOCK + 7)]
    X += 0.5 * random.normal(size=X.shape)
    correlation = np.abs(np.corrcoef(X, rowvar=False))
    kept = []
    for column in range(X.shape[1]):
        if (correlation[column, kept] <= threshold).all():
            kept.append(column)
    assert selection.uncorrelated(X, threshold).tolist() == kept
    assert 1 < len(kept) < X.shape[1]


def test_visiting_columns_in_given_order_keeps_those_r_keeps():
    oracle, X, _ = genes()
    kept = X.columns[selection.uncorrelated(X.to_numpy(float), 0.85)]
    assert list(kept) == oracle["wide.correlation_filter.pearson"]["kept_greedy"]


CORRELATIONS = {"age_wt_loss": ("age", "wt_loss"), "ph_karno_time": ("ph_karno", "time")}


@pytest.mark.parametrize("name", CORRELATIONS)
def test_the_correlation_that_decides_is_the_pearson_correlation_of_r(name):
    oracle = Oracle("tests_lung_golub")
    X = oracle.table()[list(CORRELATIONS[name])].dropna().to_numpy(float)
    unit, expected = selection.unit_columns(X), abs(oracle[f"correlation.{name}"]["pearson"])
    for threshold, kept in ((expected * (1 - 1e-10), 1), (expected * (1 + 1e-10), 2)):
        assert selection.uncorrelated(X, threshold).size == kept
    oracle.check(f"correlation.{name}", pearson=unit[0] @ unit[1], n=len(X))


def test_visiting_ranks_in_given_order_keeps_those_r_keeps_by_spearman():
    oracle, X, _ = genes()
    kept = X.columns[selection.uncorrelated(X.rank().to_numpy(), 0.85)]
    assert list(kept) == oracle["wide.correlation_filter.spearman"]["kept_greedy"]


def test_the_filter_visits_by_falling_f_which_is_none_of_the_three_rules_of_r():
    oracle, X, y = genes()
    order = np.argsort(-selection.anova(X.to_numpy(float), y)[0], kind="stable")
    visited = X.iloc[:, order]
    kept = set(visited.columns[selection.uncorrelated(visited.to_numpy(float), 0.85)])
    assert set(CorrelationFilter(threshold=0.85).fit(X, y).get_feature_names_out()) == kept
    expected = oracle["wide.correlation_filter.pearson"]
    of_caret = [set(X.columns) - set(expected[rule]) for rule in ("dropped_exact", "dropped_inexact")]
    assert kept not in [set(expected["kept_greedy"]), *of_caret]


def test_what_is_learnt_does_not_change_with_the_order_of_patients():
    X, y = cohort(features=100)
    order = np.random.default_rng(0).permutation(len(y))
    for step in (AnovaFilter(), TwoGroupFilter(), StrongestFilter(k=9), CorrelationFilter(threshold=0.3)):
        a = step.fit(X, y).get_support().copy()
        np.testing.assert_array_equal(a, step.fit(X.iloc[order], y[order]).get_support())


@parametrize_with_checks([MissingFilter(max_missing=0.5)])
def test_the_missing_value_step_is_a_sound_scikit_learn_transformer(estimator, check):
    check(estimator)
