import numpy as np
import pandas as pd
import pytest

from habitat_radiomics.cox_tables import cox_tables
from habitat_radiomics.figures_survival_decision import survival_decision_table
from habitat_radiomics.risk_cut import fit_cut
from habitat_radiomics.risk_groups import compare_groups
from habitat_radiomics.survival_calibration import smooth_observed, survival_calibration
from habitat_radiomics.survival_cohort_tables import (
    CURVE_GRID,
    calibration_curves,
    calibration_groups,
    calibration_measures,
    decision_curves,
    group_zph,
    risk_group_tables,
    score_factors,
    searched_scores,
    stacked_scores,
)
from survival_tables import HORIZONS, survival_study

PATIENTS, PREDICTIONS, CURVES = survival_study()
CLINICAL = PATIENTS.set_index("patient")[["grade", "age"]]
ONE = {"combined": PREDICTIONS["combined"]}


def part(cohort, model="combined"):
    return PREDICTIONS[model].query("cohort == @cohort")


def arrays(table, horizon):
    return table["time"].to_numpy(), table["event"].to_numpy() == 1, table[f"risk_{horizon}"].to_numpy()


def test_calibration_is_measured_at_every_horizon_in_every_cohort():
    measures = calibration_measures(PREDICTIONS, horizons=HORIZONS, level=0.95)
    found = measures.query("model == 'combined' and cohort == 'external' and horizon == 24").set_index("metric")
    expected = survival_calibration(*arrays(part("external"), 24), horizon=24).set_index("metric")
    pd.testing.assert_series_equal(found["estimate"], expected["estimate"])
    by_then = (part("external")["time"] <= 24) & (part("external")["event"] == 1)
    assert (found["events"] == by_then.sum()).all() and (found["n"] == 40).all()
    assert len(measures) == 2 * 4 * 2 * 8


def test_groups_of_similar_risk_hold_every_patient_once():
    groups = calibration_groups(PREDICTIONS, horizons=HORIZONS, level=0.95)
    sizes = groups.groupby(["model", "cohort", "horizon"])["n"].sum()
    assert sizes["combined", "external", 12] == 40 and sizes["clinical", "train_cv", 24] == 60


def test_only_the_curve_of_the_training_patients_is_corrected():
    corrected = pd.DataFrame({"model": "combined", "horizon": 24, "at": [0.1, 0.9], "corrected": [0.2, 0.8]})
    curves = calibration_curves(ONE, horizons=HORIZONS, resamples=5, seed=1, level=0.95, corrected=corrected)
    known = curves.dropna(subset="corrected")
    assert set(known["cohort"]) == {"train"} and set(known["horizon"]) == {24}
    assert known.set_index("at")["corrected"][0.5] == pytest.approx(0.5)
    found = curves.query("cohort == 'external' and horizon == 12")["apparent"]
    expected, _ = smooth_observed(*arrays(part("external"), 12), CURVE_GRID, horizon=12)
    np.testing.assert_array_equal(found, expected)


def test_decision_curves_are_those_of_each_cohort_and_horizon():
    options = {"resamples": 10, "seed": 1, "level": 0.95}
    curves = decision_curves(PREDICTIONS, horizons=HORIZONS, thresholds=[0.1, 0.5], **options)
    risks = {m: part("internal", m)[["time", "event"]].assign(risk=part("internal", m)["risk_12"]) for m in PREDICTIONS}
    expected = survival_decision_table(risks, horizon=12, thresholds=np.arange(10, 51) / 100, **options)
    found = curves.query("cohort == 'internal' and horizon == 12").reset_index(drop=True)
    pd.testing.assert_frame_equal(found[expected.columns], expected)
    assert set(curves["model"]) == {"clinical", "combined", "treat all", "treat none"}


@pytest.fixture(scope="module")
def groups():
    return risk_group_tables(
        PREDICTIONS,
        CLINICAL,
        subgroups={"grade": ["low", "high"]},
        horizons=HORIZONS,
        level=0.95,
        p_corrected={"combined": 0.0321},
    )


def test_risk_groups_are_compared_by_cohort_and_within_clinical_subgroups(groups):
    compared = groups[0].set_index(["model", "cohort", "subgroup", "level"])
    found = compared.loc[("combined", "external", "grade", "low")]
    members = part("external")[CLINICAL.loc[part("external")["patient"], "grade"].to_numpy() == "low"]
    expected = compare_groups(*(members[column].to_numpy() for column in ("time", "event", "group")))
    assert (found["p"], found["hr"], found["n"]) == (expected["p"], expected["hr"], expected["n"])
    assert len(compared) == 2 * 4 * 3


def test_the_corrected_p_stands_only_where_the_cut_was_chosen(groups):
    known = groups[0].dropna(subset="p_corrected")
    assert known[["model", "cohort", "subgroup"]].to_numpy().tolist() == [["combined", "train", "all"]]


def test_survival_at_the_horizons_is_stored_for_every_group(groups):
    at = groups[2].query("model == 'combined' and cohort == 'internal' and group == 'high'")
    curve = groups[1].query("model == 'combined' and cohort == 'internal' and subgroup == 'all' and group == 'high'")
    expected = curve.loc[curve["time"] <= 12, "survival"].iloc[-1]
    assert at.set_index("time").loc[12, "survival"] == expected


def test_a_model_without_a_cut_has_empty_groups_and_says_so():
    table = PREDICTIONS["clinical"].assign(group=np.nan)
    compared, curves, at = risk_group_tables({"a": table}, CLINICAL, subgroups={}, horizons=HORIZONS, level=0.95)
    assert (compared["n"] == 0).all() and compared["p_reason"].str.contains("fewer than two groups").all()
    assert list(compared["cohort"]) == ["train", "train_cv", "internal", "external"] and curves.empty
    assert at["survival"].isna().all() and compared["median_low"].isna().all()


def test_a_hazard_ratio_that_changes_with_time_is_noticed():
    random = np.random.default_rng(1)
    n = 400
    group = np.where(np.arange(n) % 2 == 0, "high", "low")
    early, late = random.exponential(20, n), random.exponential(20, n)
    time = np.where((group == "high") & (early < 8), early / 4, 5 + late)
    crossing = pd.DataFrame({"time": time, "event": 1, "group": group})
    steady = pd.DataFrame({"time": random.exponential(np.where(group == "high", 10, 20)), "event": 1, "group": group})
    assert group_zph(crossing) < 0.001 < group_zph(steady)


def test_a_score_is_an_independent_factor_where_it_holds_beside_the_clinical_variables():
    truth = PATIENTS.set_index(["cohort", "patient"])["truth"]
    variables = {"age": {"type": "number"}, "grade": {"type": "category", "levels": ["low", "high"]}}
    outcome = PATIENTS.set_index("patient")[["time", "event"]]
    table, summaries = score_factors(truth.to_frame("radiomics"), outcome, CLINICAL, variables, level=0.95)
    rows = table.set_index(["cohort", "analysis", "variable"]).sort_index()
    assert (rows.loc[("external", "multivariable", "radiomics"), "p_wald"] < 0.001).all()
    assert (rows.loc[("external", "multivariable", "age"), "p_wald"] > 0.01).all()
    scaled = truth.loc["external"] / truth.loc["train"].std(ddof=1)
    data = pd.concat([scaled.rename("radiomics"), CLINICAL.loc[scaled.index]], axis=1)
    expected = cox_tables(data, outcome.loc[scaled.index], {"radiomics": {"type": "number"}, **variables}, flow="all")[
        0
    ]
    found = table.query("cohort == 'external'").reset_index(drop=True)
    np.testing.assert_allclose(found["hazard_ratio"], expected["hazard_ratio"])
    assert set(summaries) == {"train", "internal", "external"} and summaries["external"]["parameters"] == 3


def test_a_cohort_without_events_and_a_constant_score_have_no_factor():
    truth = PATIENTS.set_index(["cohort", "patient"])["truth"].to_frame("radiomics").assign(empty=0.0)
    outcome = PATIENTS.set_index("patient")[["time", "event"]]
    outcome.loc[PATIENTS.query("cohort == 'internal'")["patient"], "event"] = 0
    table, summaries = score_factors(truth, outcome, CLINICAL, {}, level=0.95)
    assert set(table["cohort"]) == {"train", "external"} == set(summaries)
    assert set(table["variable"]) == {"radiomics"}


def test_training_patients_keep_the_scores_of_signatures_that_did_not_see_them():
    applied = {"tumour": pd.DataFrame({"score": [1.0, 2, 3]}, index=["a", "b", "c"])}
    held_out = {"tumour": pd.DataFrame({"score": [0.5, 0.7]}, index=["a", "b"])}
    cohorts = pd.Series(["train", "train", "external", "external"], index=["a", "b", "c", "unusable"])
    found = stacked_scores(applied, held_out, cohorts)["tumour"]
    assert found.to_dict() == {("train", "a"): 0.5, ("train", "b"): 0.7, ("external", "c"): 3.0}


def test_scores_that_do_not_lead_to_the_stored_cut_are_refused():
    training = part("train").set_index("patient")
    cut = fit_cut(training["time"].to_numpy(), training["event"].to_numpy() == 1, training["score"].to_numpy()).cut
    found = searched_scores(training[["time", "event"]], training["score"], threshold=cut)
    assert list(found.columns) == ["patient", "time", "event", "score"] and len(found) == 60
    with pytest.raises(ValueError, match="and 0.5 is stored: fit the model anew"):
        searched_scores(training[["time", "event"]], training["score"], threshold=0.5)


def test_levels_of_a_subgroup_keep_their_order(groups):
    rows = groups[0].query("model == 'combined' and cohort == 'external' and subgroup == 'grade'")
    assert list(rows["level"]) == ["low", "high"]
