import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import chi2

from habitat_radiomics.logistic import maximise
from habitat_radiomics.logistic_tables import (
    complete_cases,
    encode_term,
    fit_summary,
    fit_terms,
    likelihood_ratio,
    logistic_tables,
    multivariable_table,
    paper_table,
    stepwise,
    univariable_table,
    variance_inflation,
)
from oracles.oracle import Oracle, assert_close

NUMBER = {"type": "number"}
VARIABLES = {
    "age": NUMBER,
    "lwt": NUMBER,
    "race": {"type": "category", "levels": ["white", "black", "other"], "label": "Race"},
    "smoke": NUMBER,
    "ptl": NUMBER,
    "ht": NUMBER,
    "ui": NUMBER,
}


def birth_weights():
    table = Oracle("logistic_birthwt").table()
    return table[list(VARIABLES)], table["low"]


def fit_of(data, outcome, names):
    used = complete_cases(data, outcome, names)
    terms = [encode_term(data.loc[used, name], name, VARIABLES[name]) for name in names]
    return fit_terms(terms, outcome[used].to_numpy(dtype=float))


def separated():
    """Twenty patients: a marker that separates the classes, one that does not, a category with an empty level."""
    index = [f"P{i:02d}" for i in range(20)]
    data = pd.DataFrame({"marker": np.r_[np.arange(10), np.arange(20, 30)], "age": [50, 60] * 10}, index=index)
    data["grade"] = ["low", "high"] * 10
    return data.astype({"marker": float, "age": float}), pd.Series([0] * 10 + [1] * 10, index=index)


# Against R -------------------------------------------------------------------------------------------------------

CASES = ["univariable." + name for name in VARIABLES] + ["multivariable"]


@pytest.mark.parametrize("case", CASES)
def test_estimates_and_wald_intervals_are_those_of_glm(case):
    oracle, (data, outcome) = Oracle("logistic_birthwt"), birth_weights()
    names = list(VARIABLES) if case == "multivariable" else [case.split(".")[1]]
    table, summary = multivariable_table(data, outcome, {name: VARIABLES[name] for name in names})
    rows = table[~table["is_reference"]]
    for ours, theirs in (
        ("coefficient", "beta"),
        ("standard_error", "se"),
        ("z", "z"),
        ("p_wald", "p_wald"),
        ("odds_ratio", "OR"),
        ("odds_ratio_low", "OR_low_wald"),
        ("odds_ratio_high", "OR_high_wald"),
    ):
        expected = oracle[case][theirs][1:]  # without the intercept
        assert_close(rows[ours], expected, tolerance=oracle.cases[case]["tolerance"], label=f"{case} {ours}")
    oracle.check(case, loglik=summary["log_likelihood"], AIC=summary["aic"], BIC=summary["bic"])
    oracle.check(case, LR_chi2=summary["lr_chi2"], LR_df=summary["lr_df"], LR_p=summary["p_lr"])
    oracle.check(case, R2_nagelkerke=summary["nagelkerke"])


@pytest.mark.parametrize("case", CASES)
def test_fitted_intercepts_are_those_of_glm(case):
    oracle, (data, outcome) = Oracle("logistic_birthwt"), birth_weights()
    names = list(VARIABLES) if case == "multivariable" else [case.split(".")[1]]
    fit = fit_of(data, outcome, names)
    oracle.check(case, beta=fit.maximum.beta, se=np.sqrt(np.diag(fit.maximum.covariance)))


def fmm_spline(x, y, at):
    """Cubic spline of Forsythe, Malcolm and Moler (R's spline()): ends take the cubic through the last four points."""
    h, n = np.diff(x), len(x)
    system, right = np.zeros((n, n)), np.zeros(n)
    for i in range(1, n - 1):
        system[i, i - 1 : i + 2] = h[i - 1], 2 * (h[i - 1] + h[i]), h[i]
        right[i] = 6 * ((y[i + 1] - y[i]) / h[i] - (y[i] - y[i - 1]) / h[i - 1])
    for row, end in ((0, slice(0, 4)), (n - 1, slice(n - 4, n))):
        third = 6 * np.polyfit(x[end] - x[end].mean(), y[end], 3)[0]
        a, b = (0, 1) if row == 0 else (n - 2, n - 1)
        system[row, [a, b]] = -1, 1
        right[row] = third * h[a]
    second = np.linalg.solve(system, right)
    i = np.clip(np.searchsorted(x, at) - 1, 0, n - 2)
    left, rest = at - x[i], x[i + 1] - at
    cubic = (second[i] * rest**3 + second[i + 1] * left**3) / (6 * h[i])
    return cubic + (y[i] / h[i] - second[i] * h[i] / 6) * rest + (y[i + 1] / h[i] - second[i + 1] * h[i] / 6) * left


def r_interpolated_interval(fit, column):
    """What MASS:::confint.glm makes of our profile: steps of half an SE, a spline at thrice as many points, lines."""
    beta, error = fit.maximum.beta[column], np.sqrt(fit.maximum.covariance[column, column])
    free = np.arange(len(fit.maximum.beta)) != column
    largest = np.sqrt(chi2.isf(0.05 / 4, 1))
    points = [(beta, 0.0)]
    for side in (-1, 1):
        for step in range(1, 10):
            value = beta + side * step * largest / 5 * error
            at = maximise(fit.design, fit.y, firth=False, free=free, start=np.where(free, fit.maximum.beta, value))
            points.append((value, side * np.sqrt(2 * (fit.maximum.log_likelihood - at.log_likelihood))))
            if abs(points[-1][1]) >= largest:
                break
    x, z = np.array(sorted(points)).T
    fine = np.linspace(x[0], x[-1], 3 * len(x))
    return np.interp([-1.959963984540054, 1.959963984540054], fmm_spline(x, z, fine), fine)


@pytest.mark.parametrize("case", CASES)
def test_profile_intervals_are_those_of_confint_when_the_profile_is_interpolated_as_r_does(case):
    oracle, (data, outcome) = Oracle("logistic_birthwt"), birth_weights()
    names = list(VARIABLES) if case == "multivariable" else [case.split(".")[1]]
    fit = fit_of(data, outcome, names)
    limits = np.exp([r_interpolated_interval(fit, column) for column in range(len(fit.maximum.beta))])
    oracle.check(case, OR_low_profile=limits[:, 0], OR_high_profile=limits[:, 1])


@pytest.mark.parametrize("case", CASES)
def test_exact_profile_intervals_lie_within_the_error_of_that_interpolation(case):
    oracle, (data, outcome) = Oracle("logistic_birthwt"), birth_weights()
    names = list(VARIABLES) if case == "multivariable" else [case.split(".")[1]]
    table, _ = multivariable_table(data, outcome, {name: VARIABLES[name] for name in names}, interval="profile")
    rows = table[~table["is_reference"]]
    for ours, theirs in (("odds_ratio_low", "OR_low_profile"), ("odds_ratio_high", "OR_high_profile")):
        assert_close(rows[ours], oracle[case][theirs][1:], tolerance=3e-4)


def test_likelihood_ratio_of_each_factor_is_that_of_drop1():
    oracle, (data, outcome) = Oracle("logistic_birthwt"), birth_weights()
    fit = fit_of(data, outcome, list(VARIABLES))
    tests = [likelihood_ratio(fit, name) for name in VARIABLES]
    full = fit_summary(fit)["aic"]
    oracle.check("drop1", LRT=[np.nan] + [t[0] for t in tests], p=[np.nan] + [t[2] for t in tests])
    oracle.check("drop1", AIC=[full] + [full + change - 2 * df for change, df, _ in tests])


def test_nested_models_compare_as_in_anova():
    oracle, (data, outcome) = Oracle("logistic_birthwt"), birth_weights()
    small = [name for name in VARIABLES if name not in ("race", "ptl")]
    full, nested = (fit_summary(fit_of(data, outcome, names)) for names in (list(VARIABLES), small))
    oracle.check("likelihood_ratio_nested", LR=2 * (full["log_likelihood"] - nested["log_likelihood"]), df=3)


@pytest.mark.parametrize("direction", ["backward", "forward", "both"])
def test_stepwise_takes_the_path_of_step_aic(direction):
    oracle, (data, outcome) = Oracle("logistic_birthwt"), birth_weights()
    chosen, path = stepwise(data, outcome, VARIABLES, direction=direction)
    expected = oracle[f"stepAIC.{direction}"]
    assert chosen == expected["terms"]
    assert list(path["change"]) == expected["path"]
    oracle.check(f"stepAIC.{direction}", path_AIC=path["aic"], AIC=path["aic"].iloc[-1])


def test_stepwise_by_bic_keeps_what_r_keeps():
    data, outcome = birth_weights()
    chosen, _ = stepwise(data, outcome, VARIABLES, criterion="bic")
    assert chosen == Oracle("logistic_birthwt")["stepBIC.backward"]["terms"]


def test_variance_inflation_is_that_of_car():
    oracle, (data, outcome) = Oracle("logistic_birthwt"), birth_weights()
    table = variance_inflation(fit_of(data, outcome, list(VARIABLES)))
    assert list(table.index) == oracle["vif"]["term"]
    oracle.check("vif", gvif=table["gvif"], df=table["df"])


def test_the_table_of_the_multivariable_model_shows_the_variance_inflation_of_every_term():
    oracle, (data, outcome) = Oracle("logistic_birthwt"), birth_weights()
    rows, _ = multivariable_table(data, outcome, VARIABLES)
    of_terms = rows.groupby("variable", sort=False)["vif"]
    assert of_terms.nunique().max() == 1
    expected = np.array(oracle["vif"]["gvif"]) ** (1 / np.array(oracle["vif"]["df"]))
    np.testing.assert_allclose(of_terms.first(), expected, rtol=1e-6)
    assert univariable_table(data, outcome, VARIABLES)["vif"].isna().all()


# Tables ----------------------------------------------------------------------------------------------------------


def test_a_category_has_a_reference_row_with_its_counts_and_one_test_for_the_factor():
    data, outcome = birth_weights()
    rows = univariable_table(data, outcome, {"race": VARIABLES["race"]})
    assert list(rows["level"]) == ["white", "black", "other"]
    assert list(rows["is_reference"]) == [True, False, False]
    assert list(rows["n"]) == [96, 26, 67]
    assert list(rows["events"]) == [23, 11, 25]
    assert rows["p_lr"].nunique() == 1
    assert np.isnan(rows["odds_ratio"].iloc[0])
    assert (rows["label"] == "Race").all()


def test_every_model_uses_and_reports_its_own_complete_cases():
    data, outcome = birth_weights()
    data, outcome = data.copy(), outcome.astype(float)
    data.loc[data.index[:9], "age"] = np.nan
    data.loc[data.index[5:20], "race"] = None
    outcome.iloc[-1] = np.nan
    alone = univariable_table(data, outcome, {"age": NUMBER, "lwt": NUMBER}).set_index("variable")
    assert list(alone["n"]) == [179, 188]
    together, summary = multivariable_table(data, outcome, {n: VARIABLES[n] for n in ("age", "race")})
    assert summary["n"] == together["n"].iloc[0] == 168
    assert summary["events"] == outcome[complete_cases(data, outcome, ["age", "race"])].sum()


def test_variables_significant_alone_enter_together():
    data, outcome = birth_weights()
    table, summary = logistic_tables(data, outcome, VARIABLES, alpha=0.05)
    assert summary["entered"] == ["lwt", "smoke", "ptl", "ht", "ui"]
    assert summary["flow"] == "univariable p < 0.05 (likelihood ratio)"
    assert set(table.query("analysis == 'multivariable'")["variable"]) == set(summary["entered"])


def test_events_are_counted_for_all_candidates_not_only_those_that_entered():
    data, outcome = birth_weights()
    _, summary = logistic_tables(data, outcome, VARIABLES, alpha=0.01)
    assert summary["entered"] == ["ptl"]
    assert summary["candidate_parameters"] == 8
    assert summary["events_per_parameter"] == 59 / 8
    assert "Only 7.4 patients of the smaller class for each of 8 candidate parameters" in summary["warning"]


def test_all_or_stepwise_chosen_variables_may_enter_instead():
    data, outcome = birth_weights()
    assert logistic_tables(data, outcome, VARIABLES, flow="all")[1]["entered"] == list(VARIABLES)
    _, summary = logistic_tables(data, outcome, VARIABLES, flow="stepwise", criterion="bic")
    assert summary["entered"] == ["lwt", "ht"]
    assert summary["flow"] == "chosen backward by BIC from all variables"


def test_when_nothing_is_significant_there_is_no_multivariable_model():
    data, outcome = birth_weights()
    table, summary = logistic_tables(data, outcome, {"age": NUMBER}, alpha=0.01)
    assert summary is None
    assert set(table["analysis"]) == {"univariable"}


def test_the_smallest_wald_p_of_a_factor_can_decide_instead_of_its_likelihood_ratio():
    data, outcome = birth_weights()
    race = {"race": VARIABLES["race"]}
    assert logistic_tables(data, outcome, race, alpha=0.075, entry="p_lr")[1] is None
    assert logistic_tables(data, outcome, race, alpha=0.075, entry="p_wald")[1]["entered"] == ["race"]


def test_the_printed_table_shows_both_analyses_side_by_side():
    data, outcome = birth_weights()
    printed = paper_table(logistic_tables(data, outcome, VARIABLES)[0]).set_index(["variable", "level"])
    assert printed.loc[("race", "white"), "univariable_odds_ratio"] == "Reference"
    assert printed.loc[("ht", ""), "univariable_odds_ratio"] == "3.37 (1.02-11.1)"
    assert printed.loc[("age", ""), "multivariable_odds_ratio"] == ""
    assert printed.loc[("ptl", ""), "univariable_p"] == "0.011"


# Separation ------------------------------------------------------------------------------------------------------


def test_separated_classes_are_answered_by_firth_and_the_method_is_named():
    data, outcome = separated()
    table = univariable_table(data, outcome, {"marker": NUMBER, "age": NUMBER}).set_index("variable")
    assert list(table["method"]) == ["Firth", "maximum likelihood"]
    assert 1 < table.loc["marker", "odds_ratio"] < 10
    assert paper_table(table.reset_index())["univariable_odds_ratio"].iloc[0].endswith("(Firth)")


def test_firth_profile_interval_of_a_fourfold_table_solves_the_penalised_likelihood_by_hand():
    # 2 x 2 with a zero cell: Jeffreys' prior is half a count a cell (Firth 1993), so that with the log odds ratio held
    # the penalised likelihood is a binomial one of the augmented counts, less the change of the information's weight
    cells = {(0, 0): 9, (0, 1): 0, (1, 0): 4, (1, 1): 7}
    x, y = np.array([pair for pair, n in cells.items() for _ in range(n)]).T
    table = univariable_table(pd.DataFrame({"x": x}), pd.Series(y), {"x": NUMBER}, interval="profile").iloc[0]

    def penalised(intercept, slope):
        risk = 1 / (1 + np.exp(-(intercept + slope * np.array([0, 1]))))
        counts = np.array([[9, 0], [4, 7]])
        information = np.prod(counts.sum(axis=1) * risk * (1 - risk))
        return (counts * np.log(np.column_stack([1 - risk, risk]))).sum() + 0.5 * np.log(information)

    def profile(slope):
        return -minimize_scalar(lambda a: -penalised(a, slope), bounds=(-20, 20), method="bounded").fun

    best = profile(np.log((7.5 * 9.5) / (4.5 * 0.5)))
    for limit in (table["odds_ratio_low"], table["odds_ratio_high"]):
        assert 2 * (best - profile(np.log(limit))) == pytest.approx(3.841458820694124, abs=1e-5)
    assert table["lr_chi2"] == pytest.approx(2 * (best - profile(0.0)), abs=1e-5)


def test_aic_and_r2_are_not_given_for_a_penalised_likelihood():
    data, outcome = separated()
    _, summary = multivariable_table(data, outcome, {"marker": NUMBER})
    assert summary["method"] == "Firth"
    assert np.isnan([summary["aic"], summary["bic"], summary["nagelkerke"]]).all()
    assert 0 < summary["p_lr"] < 0.001


def test_stepwise_survives_separation():
    data, outcome = separated()
    chosen, path = stepwise(data, outcome, {"marker": NUMBER, "age": NUMBER}, direction="forward")
    assert chosen == ["marker"]
    assert path["aic"].iloc[-1] == pytest.approx(4, abs=1e-3)  # the likelihood's limit is 1: two parameters remain


# Broken inputs ---------------------------------------------------------------------------------------------------


def test_a_constant_or_missing_variable_has_a_row_that_says_why_it_has_no_odds_ratio():
    data, outcome = separated()
    data = data.assign(same=1.0, nothing=np.nan)
    table = univariable_table(data, outcome, {"same": NUMBER, "nothing": NUMBER}).set_index("variable")
    assert table["odds_ratio"].isna().all()
    assert table.loc["same", "note"] == "the same in all patients used"
    assert table.loc["nothing", "note"] == "no patient has all variables of the model"
    assert table.loc["nothing", "n"] == 0


def test_patients_of_one_outcome_only_give_a_row_without_an_odds_ratio():
    data, outcome = separated()
    data.loc[outcome == 1, "age"] = np.nan
    row = univariable_table(data, outcome, {"age": NUMBER}).iloc[0]
    assert row["note"] == "the patients used have one outcome only"
    assert row["n"] == 10


def test_an_empty_level_has_a_row_and_an_absent_reference_passes_to_the_next_level():
    data, outcome = separated()
    grade = {"grade": {"type": "category", "levels": ["none", "low", "middle", "high"]}}
    table = univariable_table(data, outcome, grade).set_index("level")
    assert table.loc[["none", "middle"], "note"].eq("no patient at this level").all()
    assert table.index[table["is_reference"]] == ["low"]
    assert np.isfinite(table.loc["high", "odds_ratio"])


def test_a_constant_variable_is_left_out_of_the_multivariable_model_with_a_note():
    data, outcome = separated()
    table, summary = multivariable_table(data.assign(same=3.0), outcome, {"age": NUMBER, "same": NUMBER})
    assert summary["parameters"] == 1
    assert table.set_index("variable").loc["same", "note"] == "the same in all patients used"


def test_a_variable_that_follows_from_others_is_named():
    data, outcome = birth_weights()
    variables = {"age": NUMBER, "lwt": NUMBER, "sum": NUMBER}
    with pytest.raises(ValueError, match="sum follows linearly from age, lwt: leave one of them out"):
        multivariable_table(data.assign(sum=data["age"] + data["lwt"]), outcome, variables)


def test_one_class_and_other_codings_are_refused():
    data, outcome = birth_weights()
    with pytest.raises(ValueError, match="0 of 189 patients have the event"):
        univariable_table(data, outcome * 0, {"age": NUMBER})
    with pytest.raises(ValueError, match="the outcome holds 2"):
        univariable_table(data, outcome + 1, {"age": NUMBER})


def test_unknown_levels_and_settings_are_refused():
    data, outcome = birth_weights()
    with pytest.raises(ValueError, match="race holds 'black'; its levels are white, other"):
        univariable_table(data, outcome, {"race": {"type": "category", "levels": ["white", "other"]}})
    with pytest.raises(ValueError, match="interval is 'exact': use one of wald, profile"):
        univariable_table(data, outcome, {"age": NUMBER}, interval="exact")
    with pytest.raises(ValueError, match="direction is 'up'"):
        stepwise(data, outcome, VARIABLES, direction="up")
