import numpy as np
import pytest
from scipy.stats import norm

from habitat_radiomics.cox import SEPARATED
from habitat_radiomics.cox_tables import COLUMNS, cox_tables, multivariable_cox_table, univariable_cox_table
from habitat_radiomics.logistic_tables import CONSTANT, EMPTY_LEVEL
from oracles.oracle import Oracle

VARIABLES = {
    "age": {"type": "number", "unit": "years", "label": "Age"},
    "sex": {"type": "category", "levels": ["male", "female"]},
    "ph_ecog": {"type": "number"},
    "wt_loss": {"type": "number"},
}


@pytest.fixture(scope="module")
def lung():
    oracle = Oracle("cox_km_lung")
    data = oracle.table()
    return oracle, data, data[["time", "event"]]


@pytest.mark.parametrize("name", VARIABLES)
def test_univariable_rows_are_those_of_coxph(lung, name):
    oracle, data, outcome = lung
    table = univariable_cox_table(data, outcome, {name: VARIABLES[name]})
    row = table[table["hazard_ratio"].notna()].iloc[0]
    oracle.check(
        f"cox_univariable.{name}",
        HR=row["hazard_ratio"],
        HR_low=row["hazard_ratio_low"],
        HR_high=row["hazard_ratio_high"],
        p=row["p_wald"],
        LR=row["lr_chi2"],
        LR_p=row["p_lr"],
    )


def test_the_multivariable_table_is_that_of_coxph_with_the_test_of_proportional_hazards(lung):
    oracle, data, outcome = lung
    table, summary = multivariable_cox_table(data, outcome, VARIABLES)
    rows = table[table["hazard_ratio"].notna()]
    oracle.check(
        "cox_multivariable.efron",
        HR=rows["hazard_ratio"],
        HR_low=rows["hazard_ratio_low"],
        HR_high=rows["hazard_ratio_high"],
        se=rows["standard_error"],
        z=rows["z"],
        p=rows["p_wald"],
        LR=summary["lr_chi2"],
        LR_p=summary["p_lr"],
        AIC=summary["aic"],
        n=summary["n"],
        nevent=summary["events"],
    )
    oracle.check(
        "cox_zph.terms_km", chi2=[*rows["zph_chi2"], summary["zph_chi2"]], p=[*rows["p_zph"], summary["p_zph"]]
    )
    assert summary["events_per_parameter"] == 150 / 4
    assert summary["warning"] == ""


def test_a_category_has_its_reference_row_counts_and_one_test(lung):
    _, data, outcome = lung
    stage = data.assign(stage=data["ph_ecog"].map({0: "none", 1: "some", 2: "much", 3: "much"}))
    variables = {"stage": {"type": "category", "levels": ["none", "some", "much", "never seen"]}}
    table = univariable_cox_table(stage, outcome, variables)
    assert table.columns.tolist() == COLUMNS
    assert table["level"].tolist() == ["none", "some", "much", "never seen"]
    assert table["is_reference"].tolist() == [True, False, False, False]
    assert table["n"].tolist() == [*stage["stage"].value_counts()[["none", "some", "much"]], 0]
    assert table["events"].sum() == 150
    assert table["note"].tolist() == ["", "", "", EMPTY_LEVEL]
    assert table["lr_df"].nunique() == 1
    assert table["lr_df"].iloc[0] == 2
    assert table["hazard_ratio"].isna().tolist() == [True, False, False, True]


def test_patients_with_missing_values_are_left_out_of_the_models_that_need_them(lung):
    _, data, outcome = lung
    holes, cut = data.astype({"age": float}), outcome.astype(float)
    holes.loc[:9, "age"] = np.nan
    cut.loc[20, "time"] = np.nan
    table = univariable_cox_table(holes, cut, VARIABLES)
    assert table.set_index("variable").loc["age", "n"] == 201
    assert table.set_index("variable").loc["ph_ecog", "n"] == 211


def test_separated_events_get_firths_estimate_and_no_test_of_proportional_hazards(lung):
    _, data, outcome = lung
    table, summary = multivariable_cox_table(
        data.assign(marker=outcome["event"]), outcome, {"marker": {"type": "number"}, "age": VARIABLES["age"]}
    )
    assert (table["method"] == "Firth").all()
    assert np.isfinite(table[["hazard_ratio", "hazard_ratio_low", "hazard_ratio_high", "p_lr"]]).all(axis=None)
    assert table["p_zph"].isna().all()
    assert summary["note"] == SEPARATED
    assert np.isnan([summary["aic"], summary["p_zph"]]).all()


def test_variables_that_cannot_be_fitted_say_why(lung):
    _, data, outcome = lung
    variables = {"same": {"type": "number"}, "age": VARIABLES["age"]}
    table, _ = multivariable_cox_table(data.assign(same=1.0), outcome, variables)
    assert table.set_index("variable")["note"].to_dict() == {"same": CONSTANT, "age": ""}
    none = univariable_cox_table(data, outcome.assign(event=0), {"age": VARIABLES["age"]})
    assert none["note"].tolist() == ["none of the patients used had the event"]
    empty = univariable_cox_table(data.assign(age=np.nan), outcome, {"age": VARIABLES["age"]})
    assert empty["note"].tolist() == ["no patient has all variables of the model"]


def test_a_variable_that_follows_from_others_is_named(lung):
    _, data, outcome = lung
    variables = {name: {"type": "number"} for name in ("age", "ph_ecog", "sum")}
    with pytest.raises(ValueError, match="sum follows linearly from age, ph_ecog: leave one of them out"):
        multivariable_cox_table(data.assign(sum=data["age"] + data["ph_ecog"]), outcome, variables)


def test_variables_with_a_small_univariable_p_enter_together(lung):
    _, data, outcome = lung
    table, summary = cox_tables(data, outcome, VARIABLES)
    assert summary["entered"] == ["age", "sex", "ph_ecog"]
    assert summary["flow"] == "univariable p < 0.05 (likelihood ratio)"
    assert table.groupby("analysis", sort=False).size().to_dict() == {"univariable": 5, "multivariable": 4}
    assert summary["candidate_parameters"] == 4
    whole, summary = cox_tables(data, outcome, VARIABLES, flow="all", entry="p_wald")
    assert summary["entered"] == list(VARIABLES)
    alone, nothing = cox_tables(data, outcome, {"wt_loss": VARIABLES["wt_loss"]})
    assert nothing is None
    assert len(alone) == 1


def test_few_events_are_warned_of_counting_every_candidate(lung):
    _, data, outcome = lung
    _, summary = cox_tables(data[:40], outcome[:40].assign(event=np.arange(40) % 3 == 0), VARIABLES, flow="all")
    assert summary["warning"].startswith("Only 3.5 events for each of 4 candidate parameters (14 events). Below 10")


def test_unknown_flows_are_refused(lung):
    _, data, outcome = lung
    with pytest.raises(ValueError, match="flow is 'stepwise': use one of univariable, all"):
        cox_tables(data, outcome, VARIABLES, flow="stepwise")
    with pytest.raises(ValueError, match="entry is 'p_score'"):
        cox_tables(data, outcome, VARIABLES, entry="p_score")


def test_the_level_of_the_interval_is_used(lung):
    _, data, outcome = lung
    row = univariable_cox_table(data, outcome, {"age": VARIABLES["age"]}, level=0.9).iloc[0]
    assert np.isclose(np.log(row["hazard_ratio_high"]), row["coefficient"] + norm.ppf(0.95) * row["standard_error"])
