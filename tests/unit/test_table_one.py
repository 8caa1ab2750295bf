from itertools import product
from math import comb

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from habitat_radiomics.table_one import (
    ComparisonSettings,
    compare_categories,
    compare_numbers,
    fisher_exact,
    is_normal,
    level_counts,
    p_text,
    printed_table,
    smd_categories,
    smd_numbers,
    table_one,
    table_one_within,
)
from oracles.oracle import Oracle, assert_close

NUMBER = {"type": "number"}
NUMBERS = ["time", "age", "bili", "chol", "albumin", "platelet", "protime"]
LEVELS = {
    "status": [0, 1, 2],
    "sex": ["f", "m"],
    "ascites": [0, 1],
    "hepato": [0, 1],
    "edema": [0, 0.5, 1],
    "stage": [1, 2, 3, 4],
}


def liver():
    """The 312 randomised patients of R's pbc, their variables and their arm."""
    table = Oracle("tableone_pbc").table()
    table = table[table["trt"].notna()].reset_index(drop=True)
    variables = dict.fromkeys(NUMBERS, NUMBER)
    variables |= {name: {"type": "category", "levels": levels} for name, levels in LEVELS.items()}
    return table, variables, table["trt"].map({1: "D-penicil", 2: "placebo"})


def lung():
    """R's lung as tests_lung_golub used it: complete cases, ecog2 and wtgrp derived."""
    table = Oracle("tests_lung_golub").table()
    table = table.assign(ecog2=table["ph_ecog"].clip(upper=2))
    return table.assign(wtgrp=np.where(table["wt_loss"] > 10, "gt10", "le10"))


def by_sex(table, name):
    is_male = table["sex"] == "male"
    return [table.loc[is_male, name].to_numpy(float), table.loc[~is_male, name].to_numpy(float)]


# Against R -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("summary", ["mean", "median"])
def test_p_values_of_numbers_are_those_of_tableone(summary):
    oracle, (data, variables, arm) = Oracle("tableone_pbc"), liver()
    chosen = {name: {**variables[name], "summary": summary} for name in NUMBERS}
    # tableone uses Kruskal and Wallis's test, which for two groups is Mann and Whitney's without its correction
    tests = table_one(data, chosen, arm, settings=ComparisonSettings(rank_continuity=False)).tests
    key = {"mean": "p_normal", "median": "p_nonnormal"}[summary]
    oracle.check("p_values_continuous", **{key: tests["p"]})


@pytest.mark.parametrize("exact", [False, True])
def test_p_values_of_categories_are_those_of_tableone(exact):
    oracle, (data, variables, arm) = Oracle("tableone_pbc"), liver()
    below = np.inf if exact else 0
    chosen = {name: variables[name] for name in LEVELS}
    tests = table_one(data, chosen, arm, settings=ComparisonSettings(yates=True, fisher_below=below)).tests
    oracle.check("p_values_categorical", **{"p_exact" if exact else "p_approx": tests["p"]})
    assert (tests["test"] == "Fisher exact").all() == exact


def test_standardised_differences_are_those_of_tableone():
    oracle, (data, variables, arm) = Oracle("tableone_pbc"), liver()
    tests = table_one(data, variables, arm).tests.set_index("variable")
    oracle.check("smd", smd=tests.loc[oracle["smd"]["variable"], "smd"])


def test_every_cell_is_printed_as_tableone_prints_it():
    expected, (data, variables, arm) = Oracle("tableone_pbc")["table1"], liver()
    row, columns = expected["row"], expected["columns"]
    median = {"time", "bili", "chol"}
    chosen = {name: {**v, "summary": "median" if name in median else "mean"} for name, v in variables.items()}
    order = [text.split(" ")[0] for text in row if text and text != "n"]
    printed = printed_table(
        table_one(data, {name: chosen[name] for name in order}, arm), decimals=4, percent_decimals=3
    )
    printed = printed[printed["level"] != "missing"]
    for group in ("D-penicil", "placebo"):
        ours = [text.replace(" ± ", " (") + (")" if "±" in text else "") for text in printed[group]]
        assert ours == columns[group]
    assert list(printed["level"]) == columns["level"]


@pytest.mark.parametrize("name", ["age", "ph_karno", "wt_loss"])
def test_two_groups_are_described_and_compared_as_in_r(name):
    oracle, samples = Oracle("tests_lung_golub"), by_sex(lung(), name)
    case = f"two_groups.{name}"
    data = pd.DataFrame({name: np.concatenate(samples)})
    group = pd.Series(np.repeat(["a", "b"], [len(s) for s in samples]))
    cells = table_one(data, {name: NUMBER}, group).cells
    oracle.check(case, n=cells["n"], mean=cells["mean"], sd=cells["sd"], median=cells["median"])
    oracle.check(case, q25=cells["q25"], q75=cells["q75"])
    student, welch = (compare_numbers(samples, summary="mean", t_test=t) for t in ("student", "welch"))
    oracle.check(case, student_t=student.statistic, student_p=student.p)
    oracle.check(case, welch_t=welch.statistic, welch_p=welch.p, welch_df=welch.df)
    ranks, plain = (compare_numbers(samples, summary="median", rank_continuity=c) for c in (True, False))
    oracle.check(case, U=ranks.statistic, U_p=ranks.p, U_p_nocorrect=plain.p)
    limits = np.array(oracle[case]["shapiro_p"])
    assert [is_normal(sample, alpha=0.05) for sample in samples] == list(limits > 0.05)


@pytest.mark.parametrize("name", ["ecog2", "wtgrp", "event"])
def test_categories_are_compared_as_in_r(name):
    oracle, table = Oracle("tests_lung_golub"), lung()
    case = f"categorical.{name}"
    expected = oracle[case]
    columns = [table.loc[table["sex"] == sex, name] for sex in ("male", "female")]
    counts = level_counts(columns, name, expected["table_rows"])
    oracle.check(case, counts_group1=counts[:, 0], counts_group2=counts[:, 1])
    plain = compare_categories(counts)
    assert plain.test == "chi-square"
    oracle.check(case, chi2=plain.statistic, df=plain.df, p=plain.p, fisher_p=fisher_exact(counts))
    if "p_yates" in expected:
        corrected = compare_categories(counts, yates=True)
        oracle.check(case, chi2_yates=corrected.statistic, p_yates=corrected.p)
        assert corrected.test == "chi-square with Yates' correction"


@pytest.mark.parametrize("name", ["age", "ph_karno", "wt_loss"])
def test_three_groups_are_compared_as_in_r(name):
    oracle, table = Oracle("tests_lung_golub"), lung()
    samples = [table.loc[table["ecog2"] == level, name].to_numpy(float) for level in (0, 1, 2)]
    means, ranks = (compare_numbers(samples, summary=summary) for summary in ("mean", "median"))
    oracle.check(f"anova_kruskal.{name}", F=means.statistic, p=means.p, H=ranks.statistic, kw_p=ranks.p)
    assert (means.test, ranks.test) == ("ANOVA", "Kruskal-Wallis")


# Exact test ------------------------------------------------------------------------------------------------------


def exact_p_by_hand(counts):
    """All tables with the margins of a 3 x 3 table, one by one."""
    rows, columns = counts.sum(axis=1), counts.sum(axis=0)
    ways = {}
    for a, b, c, d in product(*(range(min(rows[i], columns[j]) + 1) for i in (0, 1) for j in (0, 1))):
        table = np.array([[a, b, rows[0] - a - b], [c, d, rows[1] - c - d], [0, 0, 0]])
        table[2] = columns - table.sum(axis=0)
        if (table >= 0).all():
            ways[table.tobytes()] = np.prod(
                [
                    comb(int(columns[j]), int(table[0, j])) * comb(int(columns[j] - table[0, j]), int(table[1, j]))
                    for j in range(3)
                ],
                dtype=object,
            )
    observed = ways[np.ascontiguousarray(counts).tobytes()]
    return sum(way for way in ways.values() if way <= observed) / sum(ways.values())


@pytest.mark.parametrize(
    "counts", [[[3, 0, 1], [0, 4, 2], [1, 1, 5]], [[2, 2, 2], [2, 2, 2], [2, 2, 2]], [[5, 0, 0], [0, 1, 0], [0, 0, 3]]]
)
def test_the_exact_p_of_larger_tables_counts_every_table(counts):
    counts = np.array(counts)
    assert fisher_exact(counts) == pytest.approx(exact_p_by_hand(counts), rel=1e-9)
    assert fisher_exact(counts.T) == pytest.approx(fisher_exact(counts), rel=1e-12)


def test_a_rare_level_takes_the_exact_test_and_its_name():
    result = compare_categories(np.array([[20, 25], [2, 1]]))
    assert result.test == "Fisher exact"
    assert result.p == pytest.approx(stats.fisher_exact([[20, 25], [2, 1]]).pvalue, rel=1e-9)
    assert compare_categories(np.array([[20, 25], [9, 8]])).test == "chi-square"


def test_too_many_tables_leave_the_chi_square_test_with_a_note():
    counts = np.tile([[400, 300, 200], [300, 400, 500]], (4, 1))
    counts[0, 0] = 1
    counts[1, 1] = 1
    assert fisher_exact(counts, most_tables=1000) is None
    result = compare_categories(np.vstack([counts, [[1, 0, 0]]]))
    assert result.test == "chi-square"
    assert "too many tables for Fisher's exact test" in result.note


# Choice of tests -------------------------------------------------------------------------------------------------


def test_normal_numbers_show_means_and_skewed_ones_medians():
    rng = np.random.default_rng(0)
    data = pd.DataFrame({"normal": rng.normal(size=80), "skewed": rng.exponential(size=80)})
    group = pd.Series(["a", "b"] * 40)
    tests = table_one(data, {"normal": NUMBER, "skewed": NUMBER}, group).tests
    assert list(tests["summary"]) == ["mean", "median"]
    assert list(tests["test"]) == ["Student t", "Mann-Whitney U"]
    welch = table_one(data, {"normal": NUMBER}, group, settings=ComparisonSettings(t_test="welch")).tests
    assert list(welch["test"]) == ["Welch t"]


def test_one_group_that_is_not_normal_is_enough_for_medians():
    rng = np.random.default_rng(1)
    data = pd.DataFrame({"x": np.r_[rng.normal(size=50), rng.exponential(size=50)]})
    assert table_one(data, {"x": NUMBER}, pd.Series(np.repeat(["a", "b"], 50))).tests["summary"].item() == "median"


def test_classes_are_described_within_each_cohort():
    data, variables, arm = liver()
    cohort = pd.Series(np.where(data["age"] > 50, "train", "external"))
    parts = table_one_within(data, {"sex": variables["sex"]}, arm, cohort, order=["train", "external"])
    assert list(parts) == ["train", "external"]
    total = sum(part.cells["count"].sum() for part in parts.values())
    assert total == 312


# Missing values --------------------------------------------------------------------------------------------------


def test_missing_values_are_shown_and_stay_out_of_percentages_and_tests():
    data = pd.DataFrame({"grade": ["low"] * 10 + ["high"] * 10 + [None] * 5, "age": [np.nan] + [60.0, 61.0, 63.0] * 8})
    group = pd.Series(["a"] * 12 + ["b"] * 13)
    variables = {"grade": {"type": "category", "levels": ["low", "high"]}, "age": {"type": "number", "unit": "years"}}
    table = table_one(data, variables, group)
    without = data["grade"].notna()
    again = table_one(data[without], variables, group[without]).tests
    assert table.tests["p"].iloc[0] == again["p"].iloc[0]
    cells = table.cells.query("variable == 'grade' and level == 'high'").set_index("group")
    assert list(cells["missing"]) == [0, 5]
    assert cells.loc["b", "percent"] == 100
    printed = printed_table(table)
    assert list(printed["level"]) == ["", "low", "high", "missing", "", "missing"]
    assert printed.loc[4, "variable"] == "age, years, median [IQR]"


def test_patients_without_a_group_are_left_out():
    data, variables, _ = liver()
    group = pd.Series(["a", "b", None, None] * 78)
    assert table_one(data, {"age": NUMBER}, group).cells["n"].sum() == 156


# Broken inputs ---------------------------------------------------------------------------------------------------


def one_test(values, group, variable=NUMBER):
    return table_one(pd.DataFrame({"x": values}), {"x": variable}, pd.Series(group)).tests.iloc[0]


def test_comparisons_that_cannot_be_made_say_why():
    two = ["a"] * 4 + ["b"] * 4
    assert one_test([1.0] * 8, two)["note"] == "the same value in all patients"
    assert one_test([np.nan] * 8, two)["note"] == "fewer than two groups have a value"
    assert one_test([1.0, 2, 3, 4] + [np.nan] * 4, two)["note"] == "fewer than two groups have a value"
    assert one_test(range(8), ["a"] * 8)["note"] == "fewer than two groups have a value"
    mean = {**NUMBER, "summary": "mean"}
    assert one_test([1.0] * 4 + [2.0] * 4, two, mean)["note"] == "no variation within the groups"
    assert one_test([1.0, 2.0, 4.0, 5.0], ["a", "a", "a", "b"], mean)["note"] == "a group has a single value"
    level = {"type": "category", "levels": ["x", "y"]}
    assert one_test(["x"] * 8, two, level)["note"] == "the same level in all patients"
    assert one_test([None] * 8, two, level)["note"] == "fewer than two groups have a value"
    assert np.isnan(one_test([1.0] * 8, two)["p"])


def test_a_group_without_values_is_left_out_of_the_test_and_shown_empty():
    values = [1.0, 2, 4, 7, 2, 3, 5, 9, np.nan, np.nan]
    group = ["a"] * 4 + ["b"] * 4 + ["c"] * 2
    test = one_test(values, group)
    assert test["test"] in ("Student t", "Mann-Whitney U")
    assert test["note"] == "1 group(s) without a value left out"
    table = table_one(pd.DataFrame({"x": values}), {"x": NUMBER}, pd.Series(group))
    assert printed_table(table)["c"].iloc[1].startswith("- ")


def test_an_empty_level_is_shown_and_does_not_disturb_the_test():
    counts = np.array([[10, 12], [0, 0], [9, 20]])
    assert compare_categories(counts).p == compare_categories(counts[[0, 2]]).p
    assert smd_categories(counts) == smd_categories(counts[[0, 2]])


def test_differences_without_a_variance_are_not_given():
    assert np.isnan(smd_numbers([np.ones(4), np.ones(4)]))
    assert np.isnan(smd_numbers([np.ones(1), np.arange(3.0)]))
    assert np.isnan(smd_categories(np.array([[5, 0], [0, 5]])))
    assert np.isnan(smd_categories(np.array([[5, 4]])))


def test_a_proportion_difference_is_the_textbook_formula():
    p, q = 0.3, 0.5
    expected = abs(p - q) / np.sqrt((p * (1 - p) + q * (1 - q)) / 2)
    assert_close(smd_categories(np.array([[7, 5], [3, 5]])), expected, tolerance=1e-12)


def test_huge_and_tiny_groups_are_not_called_normal():
    rng = np.random.default_rng(0)
    assert not is_normal(rng.normal(size=5001), alpha=0.05)
    assert not is_normal(np.array([1.0, 2.0]), alpha=0.05)
    assert is_normal(rng.normal(size=4999), alpha=0.001)


def test_unknown_levels_and_settings_are_refused():
    with pytest.raises(ValueError, match="x holds 'z'; its levels are x, y"):
        one_test(["x", "z"], ["a", "b"], {"type": "category", "levels": ["x", "y"]})
    with pytest.raises(ValueError, match="t_test is 'z': use one of student, welch"):
        table_one(pd.DataFrame(), {}, pd.Series(dtype=str), settings=ComparisonSettings(t_test="z"))


def test_p_values_are_printed_as_journals_do():
    assert [p_text(p) for p in (0.0004, 0.04, np.nan)] == ["<0.001", "0.040", "-"]
