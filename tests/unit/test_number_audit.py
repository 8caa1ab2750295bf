import subprocess
import sys
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from habitat_radiomics.number_audit import (
    AuditError,
    area_by_counting,
    audit_published,
    audit_study,
    explanations,
    require_sound,
    sentences,
    share_interval,
)
from habitat_radiomics.number_relations import read_number
from habitat_radiomics.roc import auc_with_interval
from habitat_radiomics.validation import all_comparisons, all_metrics

COMMAND = Path(__file__).parents[2] / "scripts" / "audit_table.py"

# Wu et al. 2025, Scientific Reports (doi 10.1038/s41598-025-00186-0), table 3: residual nasopharyngeal carcinoma. Class
# sizes from its table 1: 31 of 125 training and 12 of 54 validation patients have residual disease.
WU_2025 = """cohort,model,auc,auc_low,auc_high,accuracy,sensitivity,specificity,n_positive,n_negative
train,Clinic,0.759,0.727,0.791,0.728,0.698,0.828,31,94
train,Clinic + FSCE-T1,0.831,0.785,0.876,0.808,0.793,0.837,31,94
train,Clinic + CE-T1,0.834,0.783,0.884,0.784,0.771,0.810,31,94
train,Clinic + T2,0.861,0.812,0.910,0.792,0.803,0.776,31,94
train,Clinic + all,0.921,0.867,0.975,0.824,0.821,0.830,31,94
test,Clinic,0.659,0.620,0.699,0.828,0.705,0.800,12,42
test,Clinic + FSCE-T1,0.781,0.711,0.850,0.778,0.784,0.765,12,42
test,Clinic + CE-T1,0.714,0.642,0.785,0.722,0.725,0.714,12,42
test,Clinic + T2,0.737,0.664,0.810,0.741,0.788,0.667,12,42
test,Clinic + all,0.811,0.730,0.892,0.759,0.778,0.722,12,42
"""
# The same paper, table 2 (three rows of it) and PLR of table 1: median [minimum, maximum].
WU_2025_RATIOS = """variable,odds_ratio,odds_ratio_low,odds_ratio_high,p
Sex,2.87,1.39,5.89,0.0001
EGFR,2.10,1.02,4.32,0.04
SII multivariable,3.51,1.37,0.50,0.01
"""
WU_2025_PLR = "variable,group,median,median_low,median_high\nPLR,train,0.02,0.04,0.12\nPLR,test,0.02,0.01,0.16\n"

# Li et al. 2023, BMC Medical Imaging (doi 10.1186/s12880-023-00978-8), table 2: solitary metastasis or primary tumour
# of the spine. Sensitivities are over 17 validation patients, so that the primary tumours are the positive class there.
LI_2023 = """cohort,model,auc,auc_low,auc_high,sensitivity,specificity,accuracy,n_positive,n_negative
train,Clinical,0.807,0.733,0.868,67 (33/49),71 (35/49),69 (68/98),49,49
train,Radiomics,0.975,0.950,0.993,96 (47/49),90 (44/49),93 (91/98),49,49
train,Nomogram,0.980,0.959,0.995,96 (47/49),90 (44/49),93 (91/98),49,49
validation,Clinical,0.679,0.533,0.791,71 (12/17),60 (12/20),65 (24/37),17,20
validation,Radiomics,0.900,0.702,0.914,88 (15/17),75 (15/20),81 (30/37),17,20
validation,Nomogram,0.924,0.693,0.916,82 (14/17),80 (16/20),81 (30/37),17,20
"""
LI_2023_FUNNEL = "step,features\nextracted,2818\nICC,2732\nANOVA,2352\nSelectKBest,679\nLASSO,26\n"

# Liang et al. 2026, Frontiers in Oncology (doi 10.3389/fonc.2025.1619704), tables 1 (two variables) and 4: progression
# of soft tissue sarcoma in 108 training and 40 validation patients.
LIANG_2026 = """variable,level,group,n,count,percent
Prognosis,None-progression,training,108,67,45.3
Prognosis,Progression,training,108,41,27.7
Gender,Male,training,108,57,38.5
Gender,Female,training,108,51,34.5
Prognosis,None-progression,validation,40,23,15.5
Prognosis,Progression,validation,40,17,11.5
Gender,Male,validation,40,26,17.5
Gender,Female,validation,40,14,9.5
"""
LIANG_2026_MODELS = """model,cohort,c_index,c_index_low,c_index_high,ibs
Radiomics,training,0.868,0.809,0.927,0.091
Clinical,training,0.668,0.563,0.773,0.183
Nomogram,training,0.874,0.819,0.930,0.090
Radiomics,validation,0.761,0.647,0.875,0.131
Clinical,validation,0.336,0.212,0.459,0.175
Nomogram,validation,0.777,0.660,0.894,0.135
"""


def typed(text):
    return pd.read_csv(StringIO(text), dtype=str, keep_default_na=False)


def failures(text, *, kind="impossible"):
    """Failed checks as (where, check)."""
    checks = audit_published(typed(text))
    failed = checks[~checks["passed"] & (checks["kind"] == kind)]
    return set(zip(failed["where"], failed["check"], strict=True))


# Papers ----------------------------------------------------------------------------------------------------------


def test_an_auc_outside_its_own_interval_is_flagged_and_nothing_else_in_that_table():
    assert failures(LI_2023) == {("Nomogram, validation", "auc lies inside its own interval")}


def test_an_accuracy_outside_the_range_of_sensitivity_and_specificity_is_flagged():
    name = "accuracy lies between sensitivity and specificity"
    assert {where for where, check in failures(WU_2025) if check == name} == {"Clinic, test"}


def test_sensitivities_that_are_no_whole_number_of_patients_are_flagged_in_every_row():
    found = failures(WU_2025)
    for model in ("Clinic", "Clinic + FSCE-T1", "Clinic + CE-T1", "Clinic + T2", "Clinic + all"):
        assert (f"{model}, train", "sensitivity is a whole number over 31") in found
        assert (f"{model}, test", "sensitivity is a whole number over 12") in found
    assert ("Clinic, train", "specificity is a whole number over 94") in found
    assert ("Clinic, test", "accuracy is a whole number over 54") in found
    assert ("Clinic + all, train", "accuracy is a whole number over 125") not in found  # 103/125


def test_the_shares_that_fit_no_stated_class_all_fit_ppv_and_npv_of_the_same_number_of_events():
    notes = explanations(typed(WU_2025))
    assert len(notes) == 9  # the tenth row fits nothing
    assert all("read as PPV and NPV they would fit 72 events among 125" in note for note in notes[:5])
    assert all("read as PPV and NPV they would fit 33 events among 54" in note for note in notes[5:])


def test_percentages_over_the_wrong_number_are_flagged_with_the_number_they_fit():
    found = failures(LIANG_2026)
    assert len(found) == 8
    assert ("Prognosis, None-progression, training", "percentage of the level is over its own 108 patients") in found
    assert explanations(typed(LIANG_2026)) == [
        "training: 4 of 4 percentages are right over 148 patients.",
        "validation: 3 of 4 percentages are right over 148 patients.",  # 26 of 148 are 17.6 %, printed 17.5
    ]


def test_a_reversed_interval_and_a_median_below_the_minimum_are_flagged():
    assert failures(WU_2025_RATIOS) == {
        ("SII multivariable", "interval of odds_ratio is in order"),
        ("SII multivariable", "odds_ratio lies inside its own interval"),
    }
    assert failures(WU_2025_PLR) == {("PLR, train", "median lies inside its own interval")}


def test_a_p_value_that_does_not_fit_its_interval_is_unlikely_not_impossible():
    assert failures(WU_2025_RATIOS, kind="unlikely") == {("Sex", "p of odds_ratio fits its interval")}


def test_intervals_too_narrow_for_their_patients_are_unlikely():
    # +- 0.032 around 0.759 with 31 events, where Hanley and McNeil's standard error alone is 0.05
    name = "interval of the AUC is as wide as this many patients allow"
    assert ("Clinic, train", name) in failures(WU_2025, kind="unlikely")
    assert ("Clinic + all, test", name) not in failures(LI_2023, kind="unlikely")


@pytest.mark.parametrize("text", [LI_2023.replace("0.916", "0.961"), LI_2023_FUNNEL, LIANG_2026_MODELS])
def test_a_sound_table_passes(text):
    assert failures(text) == set()
    assert failures(text, kind="unlikely") == set()
    assert explanations(typed(text)) == []


# Single relations ------------------------------------------------------------------------------------------------

SOUND = {
    "n_positive": "20",
    "n_negative": "30",
    "auc": "0.80",
    "auc_low": "0.67",
    "auc_high": "0.93",
    "accuracy": "0.76",
    "sensitivity": "0.85",
    "specificity": "0.70",
    "ppv": "0.654",
    "npv": "0.875",
}


def failed_checks(**changes):
    checks = audit_published(pd.DataFrame([SOUND | changes]))
    return set(checks.loc[~checks["passed"], "check"])


def test_a_row_computed_by_hand_is_sound():
    # 17/20, 21/30, 38/50, 17/26, 21/24
    assert failed_checks() == set()
    assert failed_checks(sensitivity="85%", specificity="70 (21/30)", ppv="65.4") == set()


@pytest.mark.parametrize(
    ("changes", "check"),
    [
        ({"auc": "1.2", "auc_high": "1.3"}, "auc lies between 0 and 1"),
        ({"auc": "0.94"}, "auc lies inside its own interval"),
        ({"auc": "0.55"}, "a ROC curve of this AUC can pass through sensitivity and specificity"),
        ({"auc": "0.98"}, "a ROC curve of this AUC can pass through sensitivity and specificity"),
        ({"sensitivity": "0.83"}, "sensitivity is a whole number over 20"),
        ({"accuracy": "0.86"}, "accuracy lies between sensitivity and specificity"),
        ({"accuracy": "0.80"}, "accuracy is the mean of sensitivity and specificity weighted by class size"),
        ({"ppv": "0.700"}, "ppv follows from sensitivity and specificity"),
        ({"npv": "0.900"}, "npv follows from sensitivity and specificity"),
        ({"sensitivity": "85 (17/21)"}, "sensitivity is the fraction printed with it"),
        ({"sensitivity": "90 (17/20)"}, "sensitivity is the fraction printed with it"),
    ],
)
def test_each_relation_is_flagged_by_its_name(changes, check):
    assert check in failed_checks(**changes)


def test_rounding_is_given_the_benefit_of_the_doubt():
    # 2/3 may be printed 0.67 or 0.667; 0.66 and 0.668 are no rounding of it
    row = {"n_positive": "3", "n_negative": "10"}
    results = {
        text: audit_published(pd.DataFrame([row | {"sensitivity": text}]))["passed"].all()
        for text in ("0.67", "0.667", "66.7%", "0.66", "0.668")
    }
    assert list(results.values()) == [True, True, True, False, False]


def test_feature_counts_that_rise_and_totals_that_do_not_close_are_flagged():
    rising = "region,step,features\ntumour,all,100\ntumour,ICC,120\ntumour,LASSO,5\nshell,all,9\nshell,LASSO,9\n"
    assert failures(rising) == {("tumour", "feature counts of tumour never rise")}
    flow = "step,patients\nscreened,100\nexcluded,20\nexcluded,15\nincluded,64\ncohort,40\ncohort,24\n"
    assert failures(flow) == {("flow", "excluded and included add up")}


def test_levels_that_do_not_add_up_to_their_group_are_flagged():
    found = failures(LIANG_2026.replace("training,108,51", "training,108,50"))
    assert ("Gender, training", "levels of Gender add up") in found


def test_numbers_are_read_as_printed():
    assert (read_number("0.82").low, read_number("0.82").high) == pytest.approx((0.815, 0.825))
    assert read_number("82%").middle == pytest.approx(0.82)
    assert read_number("0·82").middle == pytest.approx(0.82)
    assert (read_number("96 (47/49)", is_share=True).k, read_number("96 (47/49)").n) == (47, 49)
    assert read_number("<0.001").overlaps(0.0005, 0.0005)
    assert not read_number("<0.001").overlaps(0.002, 1)
    assert read_number("") is None


def test_unknown_columns_and_cells_that_are_no_numbers_are_refused():
    with pytest.raises(ValueError, match="column 'specifity' is unknown; did you mean specificity"):
        audit_published(pd.DataFrame([{"specifity": "0.8"}]))
    with pytest.raises(ValueError, match=r"row 1, column auc: 'high' is not a number. Write it as printed"):
        audit_published(pd.DataFrame([{"auc": "high"}]))
    with pytest.raises(ValueError, match="row 1, column n_positive: '3.5' is not a number of patients"):
        audit_published(pd.DataFrame([{"n_positive": "3.5"}]))


def test_empty_classes_and_empty_tables_are_no_crash():
    row = {"n_positive": "0", "n_negative": "10", "sensitivity": "0.5", "specificity": "0.5", "auc": "0.5"}
    assert audit_published(pd.DataFrame([row]))["passed"].all()
    assert audit_published(pd.DataFrame(columns=["auc"])).empty


# Command ---------------------------------------------------------------------------------------------------------


def run(tmp_path, text):
    path = tmp_path / "table.csv"
    path.write_text(text, encoding="utf-8")
    return subprocess.run([sys.executable, str(COMMAND), str(path)], capture_output=True, text=True, check=False)


def test_the_command_names_what_is_impossible_and_returns_one(tmp_path):
    result = run(tmp_path, LI_2023)
    assert result.returncode == 1
    assert (
        "Impossible: Nomogram, validation: must hold: auc lies inside its own interval; found 0.924, expected 0.693 to"
        in result.stdout
    )
    assert result.stdout.endswith("1 impossible, 0 unlikely.\n")


def test_the_command_returns_zero_for_a_sound_table_and_says_what_it_cannot_read(tmp_path):
    assert run(tmp_path, LIANG_2026_MODELS).returncode == 0
    result = run(tmp_path, "specifity\n0.8\n")
    assert result.returncode == 1
    assert "column 'specifity' is unknown; did you mean specificity?" in result.stderr


# A finished study ------------------------------------------------------------------------------------------------


def study(*, cutoff=0.2):
    """Metrics, predictions and cut-offs of two models, as a study stores them."""
    rng = np.random.default_rng(0)
    sizes = {"train": 60, "external": 41}
    people = pd.DataFrame({"cohort": np.repeat(list(sizes), list(sizes.values()))})
    people["patient"] = [f"P{i:03d}" for i in range(len(people))]
    people["outcome"] = (rng.random(len(people)) < 0.4).astype(int)
    predictions, cutoffs = {}, {"clinical": cutoff, "combined": 0.5}
    for model, signal in (("clinical", 0.6), ("combined", 1.5)):
        score = np.round(rng.normal(size=len(people)) + signal * people["outcome"], 1)  # ties on purpose
        table = people.assign(score=score, probability=1 / (1 + np.exp(-score)))
        group = None if np.isnan(cutoffs[model]) else np.where(score >= cutoffs[model], "high", "low")
        predictions[model] = table.assign(group=group)
    return predictions, cutoffs


def audited(predictions, cutoffs, *, method="wilson", change=None, **tables):
    metrics = all_metrics(predictions, cutoffs, level=0.95, proportion_method=method)
    comparisons = all_comparisons(predictions, reference="clinical", level=0.95)
    if change is not None:
        change(metrics, comparisons)
    return audit_study(
        metrics, predictions, cutoffs, comparisons=comparisons, level=0.95, proportion_method=method, **tables
    )


def failed_in(checks):
    return set(checks.loc[~checks["passed"], "check"])


FLOW = pd.DataFrame(
    {
        "step": ["screened", "excluded", "included", "cohort", "cohort"],
        "reason": ["", "outcome missing", "", "train", "external"],
        "patients": [110, 9, 101, 60, 41],
    }
)
FUNNEL = pd.DataFrame({"step": ["extracted", "icc", "lasso"], "features": [100, 80, 3]})


@pytest.mark.parametrize("method", ["wilson", "clopper-pearson"])
def test_a_sound_study_passes_every_check(method):
    checks = audited(*study(), method=method, flow=FLOW, funnels={"tumour": FUNNEL})
    assert checks["passed"].all(), sentences(checks[~checks["passed"]])
    assert len(checks) > 150
    require_sound(checks)


def test_a_study_without_a_cut_off_passes():
    assert audited(*study(cutoff=np.nan))["passed"].all()


def set_metric(metrics, name, column, value):
    metrics.loc[(metrics["model"] == "combined") & (metrics["metric"] == name), column] = value


@pytest.mark.parametrize(
    ("change", "check"),
    [
        (lambda m, c: set_metric(m, "auc", "estimate", 0.99), "auc: estimate follows from the predictions"),
        (lambda m, c: set_metric(m, "auc", "ci_high", 0.5), "auc lies inside its own interval"),
        (lambda m, c: set_metric(m, "auc", "ci_low", 0.5), "auc: ci_low follows from the predictions"),
        (lambda m, c: set_metric(m, "sensitivity", "estimate", 0.83), "sensitivity is k / n"),
        (lambda m, c: set_metric(m, "sensitivity", "k", 3), "sensitivity: k follows from the predictions"),
        (lambda m, c: set_metric(m, "ppv", "ci_high", 0.99), "ppv: ci_high follows from the predictions"),
        (lambda m, c: set_metric(m, "accuracy", "estimate", 1.0), "accuracy lies between sensitivity and specificity"),
        (lambda m, c: m.drop(index=m.index[m["metric"] == "npv"], inplace=True), "npv is in the table"),
        (lambda m, c: c.update({"difference": -c["difference"]}), "difference follows from the AUCs"),
        (lambda m, c: c.update({"p": c["p"] / 2}), "p follows from z"),
    ],
)
def test_a_number_that_was_changed_is_found(change, check):
    checks = audited(*study(), change=change)
    assert check in failed_in(checks)
    with pytest.raises(AuditError, match="do not agree with the stored predictions"):
        require_sound(checks)


@pytest.mark.parametrize(
    ("column", "value", "check"),
    [
        ("outcome", 2, "outcomes are 0 or 1"),
        ("patient", "P000", "every patient is there once"),
        ("probability", 1.5, "probabilities lie between 0 and 1"),
        ("probability", 0.0, "probability rises with the score"),
        ("group", "low", "groups follow from score and cut-off"),
    ],
)
def test_predictions_that_were_changed_are_found(column, value, check):
    predictions, cutoffs = study()
    metrics = all_metrics(predictions, cutoffs, level=0.95, proportion_method="wilson")
    changed = {name: table.copy() for name, table in predictions.items()}
    best = changed["combined"]["score"].idxmax()
    changed["combined"].loc[best, column] = value
    checks = audit_study(metrics, changed, cutoffs, level=0.95, proportion_method="wilson")
    assert check in failed_in(checks)


def test_patients_and_cohorts_that_do_not_match_between_tables_are_found():
    predictions, cutoffs = study()
    moved = {name: table.copy() for name, table in predictions.items()}
    moved["combined"].loc[0, "cohort"] = "external"
    moved["combined"].loc[1, "outcome"] = 1 - moved["combined"].loc[1, "outcome"]
    metrics = all_metrics(predictions, cutoffs, level=0.95, proportion_method="wilson")
    checks = audit_study(metrics, moved, cutoffs, level=0.95, proportion_method="wilson")
    assert {"a patient is in one cohort", "a patient has one outcome"} <= failed_in(checks)
    lost = metrics[metrics["cohort"] != "external"]
    checks = audit_study(lost, predictions, cutoffs, level=0.95, proportion_method="wilson")
    assert "metrics and predictions name the same cohorts" in failed_in(checks)


def test_a_flow_that_does_not_close_and_a_funnel_that_rises_are_found():
    flow = FLOW.assign(patients=[110, 9, 101, 61, 41])
    checks = audited(*study(), flow=flow, funnels={"tumour": FUNNEL.assign(features=[100, 120, 3])})
    assert failed_in(checks) == {
        "cohorts add up",
        "patients are those of the flow",
        "feature counts of tumour never rise",
    }


# Independent formulas --------------------------------------------------------------------------------------------


def test_the_area_by_counting_is_the_mean_over_all_pairs():
    rng = np.random.default_rng(3)
    positive, negative = np.round(rng.normal(0.5, 1, 25), 1), np.round(rng.normal(0, 1, 40), 1)
    pairs = [1.0 if a > b else 0.5 if a == b else 0.0 for a in positive for b in negative]
    area, low, high = area_by_counting(positive, negative, level=0.95)
    assert area == pytest.approx(np.mean(pairs), abs=1e-14)
    y = np.r_[np.ones(25), np.zeros(40)]
    theirs = auc_with_interval(y, np.r_[positive, negative])
    assert (low, high) == pytest.approx((theirs.ci_low, theirs.ci_high), abs=1e-12)


def test_areas_of_tiny_classes_have_no_interval():
    assert np.isnan(area_by_counting(np.array([]), np.array([1.0]), level=0.95)).all()
    area, low, high = area_by_counting(np.array([1.0]), np.array([0.0, 2.0]), level=0.95)
    assert area == 0.5
    assert np.isnan([low, high]).all()


@pytest.mark.parametrize(("method", "theirs"), [("wilson", "wilson"), ("clopper-pearson", "exact")])
@pytest.mark.parametrize(("k", "n"), [(0, 10), (3, 10), (10, 10), (41, 97)])
def test_intervals_written_out_are_those_of_scipy(method, theirs, k, n):
    expected = binomtest(k, n).proportion_ci(confidence_level=0.9, method=theirs)
    ours = share_interval(k, n, level=0.9, method=method)
    assert ours == pytest.approx((expected.low, expected.high), abs=1e-12)
