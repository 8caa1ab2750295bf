"""Figures of survival: what is written in them, what they do with nothing to draw, and their bytes."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from test_figures import has_no_overlap, words

from habitat_radiomics.brier import prediction_error
from habitat_radiomics.decision_curve import threshold_grid
from habitat_radiomics.figures_forest import draw_forest, factor_rows, ratio_limits, ratio_text, ratio_ticks
from habitat_radiomics.figures_kaplan_meier import (
    draw_kaplan_meier,
    group_text,
    hazard_ratio_text,
    log_rank_text,
    panels_of,
)
from habitat_radiomics.figures_over_time import draw_prediction_error, draw_time_auc, integrated_errors, with_corrected
from habitat_radiomics.figures_risk_cut import cut_text, draw_risk_cut
from habitat_radiomics.figures_survival_calibration import draw_survival_calibration, size
from habitat_radiomics.figures_survival_decision import draw_survival_decision, survival_decision_table
from habitat_radiomics.risk_cut import apply_cut, fit_cut
from habitat_radiomics.risk_groups import compare_within, curves_within
from habitat_radiomics.style import figure_bytes
from habitat_radiomics.survival_calibration import group_calibration, smooth_observed, survival_calibration
from habitat_radiomics.time_auc import time_auc
from habitat_radiomics.time_axis import time_ticks
from oracles.oracle import Oracle

ORACLE = Oracle("timeauc_lung")
TABLE = ORACLE.table()
TIME, EVENT, HORIZON = TABLE["time"].to_numpy(), TABLE["event"].to_numpy(), 365
MODELS = [{"name": "m1", "label": "Clinical"}, {"name": "m2", "label": "Combined"}]
RISKS = {f"m{k}": np.array(ORACLE["predictions"][f"risk{k}"]["365"]) for k in (1, 2)}
OPTIONS = {"cohort": "external", "models": MODELS, "time_unit": "days", "level": 0.95}
PATIENTS = pd.DataFrame({"time": TIME, "event": EVENT})
BY_MODEL = {name: PATIENTS.assign(model=name, risk=risk) for name, risk in RISKS.items()}


def grouped():
    score = np.array(ORACLE["predictions"]["lp2"])
    cohort = np.where(np.arange(212) % 3 < 2, "train", "external")
    return PATIENTS.assign(cohort=cohort, group=apply_cut(np.median(score), score), ecog=TABLE["ph_ecog"])


def draw_groups(patients, **options):
    return draw_kaplan_meier(
        curves_within(patients, **options), compare_within(patients, **options), time_unit="days", outcome="Survival"
    )


# Kaplan-Meier ---------------------------------------------------------------------------------------------------


def test_kaplan_meier_figure_tells_sizes_medians_test_ratio_and_numbers_at_risk():
    patients = grouped()
    row = compare_within(patients).iloc[0]
    text = words(draw_groups(patients))
    for line in (
        "Training, apparent",
        "External validation",
        f"Low risk: {row.events_low} of {row.n_low} with the event, median {row.median_low:.0f} days",
        log_rank_text(row),
        f"HR, high to low: {row.hr:.2f} ({row.hr_low:.2f} to {row.hr_high:.2f})",
        "Number at risk",
        "Survival (95\N{NO-BREAK SPACE}% CI)",
        "Time (days)",
    ):
        assert line in text
    at_180 = (patients["time"] >= 180) & (patients["cohort"] == "train") & (patients["group"] == "low")
    assert str(at_180.sum()) in text.split("\n")


def test_where_the_cut_was_chosen_the_corrected_p_stands_beside_the_log_rank_p():
    patients = grouped()
    compared = compare_within(patients).assign(p_corrected=[0.0123, np.nan])
    figure = draw_kaplan_meier(curves_within(patients), compared, time_unit="days")
    assert words(figure).count("corrected for choosing the cut: 0.012") == 1
    figure.draw_without_rendering()
    left = figure.axes[1].get_window_extent().x0
    assert max(text.get_window_extent().x1 for text in figure.axes[0].texts) < left


def test_subgroups_without_patients_or_with_one_group_are_panels_that_say_so():
    text = words(draw_groups(grouped(), subgroups=["ecog"]))
    assert "External validation: ecog 3" in text and "No patients." in text
    assert "High risk: no patients" in text or "Low risk: no patients" in text
    assert "Log-rank test: fewer than two groups hold patients" in text
    assert "a group is empty" in text


def test_all_censored_groups_are_drawn_flat():
    figure = draw_groups(grouped().assign(event=0))
    assert "median not reached" in words(figure)
    steps = [line for line in figure.axes[0].lines if line.get_drawstyle() == "steps-post"]
    assert len(steps) == 2 and all((line.get_ydata() == 1).all() for line in steps)


def test_firth_is_named_beside_its_ratio():
    row = SimpleNamespace(hr=250.0, hr_low=15.0, hr_high=4150.0, hr_method="Firth", hr_reason="")
    assert hazard_ratio_text(row) == "HR, high to low: 250 (15.00 to 4,150, Firth)"
    row = SimpleNamespace(n_low=3, events_low=1, median_low=12.25)
    assert group_text(row, "low", "months").endswith("median 12.2 months")


def test_nothing_written_overlaps_in_the_kaplan_meier_figure():
    figure = draw_groups(grouped())
    figure.draw_without_rendering()
    texts = [text for axes in figure.axes for text in axes.texts if text.get_text()]
    texts += [axes.xaxis.label for axes in figure.axes]
    assert has_no_overlap(figure, texts)


@pytest.mark.parametrize(
    ("longest", "unit", "step"), [(1022, "days", 180), (60, "months", 12), (7.5, "years", 2), (80000, "days", 14600)]
)
def test_time_ticks_are_whole_units_people_use(longest, unit, step):
    ticks = time_ticks(longest, unit)
    assert (ticks[1] - ticks[0], ticks[0], len(ticks) <= 7) == (step, 0, True)


# Over time ------------------------------------------------------------------------------------------------------


def test_auc_figure_names_the_medians_and_shows_the_curves():
    times = [100, 200, 300, 400]
    curves = pd.concat([time_auc(TIME, EVENT, RISKS[name], times).table.assign(model=name) for name in RISKS])
    medians = pd.DataFrame({"model": ["m1"], "estimate": [0.63], "ci_low": [0.57], "ci_high": [0.7]})
    figure = draw_time_auc(curves, medians, PATIENTS, **OPTIONS)
    text = words(figure)
    assert "External validation\nn = 212, 150 events" in text
    assert "Clinical  0.63 (0.57 to 0.70)" in text and "Combined  not estimable" in text
    drawn = figure.axes[0].lines[1].get_ydata()
    np.testing.assert_array_equal(drawn, curves.loc[curves["model"] == "m1", "auc"])
    assert len(figure.axes[0].collections) == 2


def test_auc_figure_without_events_says_so():
    curves = time_auc(TIME, EVENT * 0, RISKS["m1"], [100]).table.assign(model="m1")
    text = words(draw_time_auc(curves, pd.DataFrame(), PATIENTS.assign(event=0), **OPTIONS))
    assert "No curve: nobody has the event" in text


def prediction_errors(corrected):
    times = np.array([0.0, 180, 365, 540])
    curves, integrated = [], []
    for name, risk in RISKS.items():
        survival = (1 - risk)[:, None] ** (times / 365)
        error = prediction_error(TIME, EVENT, survival, times)
        curves.append(error.table.assign(model=name, corrected=error.table["brier"] + 0.01 if corrected else np.nan))
        integrated.append({"model": name, "ibs": error.ibs, "ibs_reference": error.ibs_reference, "ibs_corrected": 0.2})
    return pd.concat(curves), pd.DataFrame(integrated)


def test_prediction_error_figure_shows_the_reference_and_names_the_correction():
    curves, integrated = prediction_errors(corrected=True)
    text = words(draw_prediction_error(curves, integrated, PATIENTS, **OPTIONS))
    assert f"Kaplan-Meier  {integrated['ibs_reference'][0]:.3f}" in text
    assert f"Clinical  0.200 (apparent {integrated['ibs'][0]:.3f})" in text
    assert "Solid: .632+ bootstrap; dashed: apparent" in text and "Training\n" in text
    text = words(draw_prediction_error(*prediction_errors(corrected=False), PATIENTS, **OPTIONS))
    assert "apparent" not in text and "External validation" in text


# Calibration and decision ---------------------------------------------------------------------------------------


def calibration_figure(event=EVENT):
    at = np.linspace(0.4, 0.7, 7)
    curves, groups, measures = [], [], []
    for name, risk in RISKS.items():
        apparent = smooth_observed(TIME, event, risk, at, horizon=HORIZON)[0]
        curve = {"model": name, "at": at, "apparent": apparent, "low": apparent - 0.1, "high": apparent + 0.1}
        curves.append(pd.DataFrame(curve).assign(corrected=np.nan))
        groups.append(group_calibration(TIME, event, risk, horizon=HORIZON).assign(model=name))
        measures.append(survival_calibration(TIME, event, risk, horizon=HORIZON).assign(model=name))
    patients = pd.concat(BY_MODEL.values()).assign(event=np.tile(event, 2))
    tables = (pd.concat(part) for part in (curves, groups, measures))
    return draw_survival_calibration(*tables, patients, horizon=HORIZON, **OPTIONS)


def test_calibration_figure_holds_the_numbers_of_the_summary():
    text = words(calibration_figure())
    row = survival_calibration(TIME, EVENT, RISKS["m2"], horizon=HORIZON).set_index("metric")
    assert "External validation\nn = 212, 107 events by 365 days" in text
    slope = row.loc["slope"]
    assert f"slope {slope.estimate:.2f} ({slope.ci_low:.2f} to {slope.ci_high:.2f})" in text
    assert f"ICI {row.estimate['ici']:.3f}" in text
    assert "Predicted risk by 365 days" in text and "Points: groups of equal size" in text


def test_calibration_without_events_keeps_the_groups_and_says_what_is_not_estimable():
    text = words(calibration_figure(event=EVENT * 0))
    assert "slope not estimable" in text and "ICI not estimable" in text
    assert size(pd.DataFrame(), 365, "days") == "no patients"


def test_decision_figure_names_the_horizon_and_compares_each_model_with_its_own_patients():
    options = {
        "horizon": HORIZON,
        "thresholds": threshold_grid(0.1, 0.9, 0.2),
        "resamples": 5,
        "seed": 1,
        "level": 0.95,
    }
    table = survival_decision_table(BY_MODEL, **options)
    assert table["model"].drop_duplicates().tolist() == ["m1", "treat all", "treat none", "m2"]
    assert (table["n"] == 212).all() and (table["events"] == 107).all()
    text = words(draw_survival_decision(table, horizon=HORIZON, **OPTIONS))
    assert "External validation\nn = 212, 107 events by 365 days" in text
    nobody = survival_decision_table({"m1": BY_MODEL["m1"][:0]}, **options)
    assert "no patients" in words(draw_survival_decision(nobody, horizon=HORIZON, **OPTIONS))


# Cut and forest -------------------------------------------------------------------------------------------------


def test_cut_figure_marks_the_cut_and_never_gives_the_naive_p_alone():
    score = np.array(ORACLE["predictions"]["lp2"])
    cuts = [fit_cut(TIME, EVENT, score, method=method) for method in ("maxstat", "xtile")]
    figure = draw_risk_cut(cuts, PATIENTS.assign(score=score))
    text = words(figure)
    assert "Cut of the risk score, training\nn = 212, 150 events" in text
    assert text.count("corrected p") == 2 and "(shown for comparison)" in text
    counted = sum(patch.get_height() for patch in figure.axes[-1].patches)
    assert counted == 212


def test_cut_figure_without_a_cut_says_why():
    cut = fit_cut(TIME, EVENT * 0, RISKS["m1"])
    assert cut_text(cut) == "No cut: no events"
    assert "No cut: no events" in words(draw_risk_cut([cut], PATIENTS.assign(event=0, score=RISKS["m1"])))
    median = fit_cut(TIME, EVENT, RISKS["m1"], method="median")
    assert "corrected" not in cut_text(median)


def forest_rows():
    values = [
        ("Age", "uni", 1.02, 1.0, 1.04, 0.02, ""),
        ("Age", "multi", np.nan, np.nan, np.nan, np.nan, "not selected"),
    ]
    values += [("Grade", "uni", 90.0, 5.0, 1500.0, 0.0001, ""), ("Grade", "multi", 2.0, 1.1, 3.6, 0.02, "")]
    table = pd.DataFrame(values, columns=["label", "model", "hr", "ci_low", "ci_high", "p", "note"])
    return table.assign(count="27 / 51")


@pytest.mark.parametrize("limits", [(0.45, 2.2), (0.1, 20), (0.02, 50)])
def test_ticks_of_a_ratio_axis_hold_1_and_leave_room_for_their_labels(limits):
    ticks = ratio_ticks(limits, 18)
    places = np.log(np.array(ticks) / limits[0]) / np.log(limits[1] / limits[0]) * 18
    assert 1 in ticks and len(ticks) > 1 and (np.diff(places) >= 4.6).all()


def test_forest_writes_every_ratio_and_cuts_wide_intervals_off_with_an_arrow():
    columns = [{"name": "uni", "label": "Univariable"}, {"name": "multi", "label": "Multivariable"}]
    figure = draw_forest(forest_rows(), columns=columns, title="Cox regression")
    text = words(figure)
    for line in ("1.02 (1.00 to 1.04)", "90.00 (5.00 to 1,500)", "<0.001", "not selected", "27 / 51", "Cox regression"):
        assert line in text
    markers = [line.get_marker() for line in figure.axes[1].lines]
    assert ">" in markers and "<" not in markers
    assert ratio_limits(forest_rows()) == (pytest.approx(1 / 2.2), 50)
    texts = [item for item in figure.axes[0].texts if item.get_text()]
    figure.draw_without_rendering()
    assert has_no_overlap(figure, texts)
    assert "No hazard ratio." in words(draw_forest(forest_rows()[:0], columns=columns, title="none"))


def test_a_ratio_that_is_missing_gives_its_note():
    assert ratio_text(forest_rows().iloc[1]) == ("not selected", "")


# Bytes ----------------------------------------------------------------------------------------------------------


def test_survival_figures_are_byte_stable():
    for draw in (lambda: draw_groups(grouped()), calibration_figure):
        assert figure_bytes(draw(), ".svg") == figure_bytes(draw(), ".svg")


# What the entries hand over ---------------------------------------------------------------------------------------


def test_panels_of_a_subgroup_leave_out_the_cross_validated_training_patients():
    patients = grouped().assign(cohort="train")
    patients = pd.concat([patients, patients.assign(cohort="train_cv"), patients.assign(cohort="external")])
    compared, curves = (
        part(patients, subgroups=["ecog"]).assign(model="m1") for part in (compare_within, curves_within)
    )
    rows, steps = panels_of(compared, curves, model="m1", subgroup="ecog")
    assert set(rows["cohort"]) == {"train", "external"} == set(steps["cohort"]) and set(rows["subgroup"]) == {"ecog"}
    rows, _ = panels_of(compared, curves, model="m1", subgroup="all")
    assert list(rows["cohort"]) == ["train", "train_cv", "external"]


def test_a_score_without_a_cut_is_a_panel_that_says_so():
    assert "No risk groups:\nthe score has no cut." in words(draw_groups(grouped().assign(group="")))


def test_only_the_training_curve_gets_the_632_plus_error_and_its_integral():
    errors, _ = prediction_errors(corrected=False)
    errors = errors.drop(columns="corrected")
    table = pd.DataFrame({"time": [180.0, 365, 540], "corrected": [0.2, 0.22, 0.24]})
    found = with_corrected(errors, {"m1": table}, cohort="train").query("model == 'm1'")
    assert found["corrected"].tolist() == [0.0, 0.2, 0.22, 0.24]
    assert "corrected" not in with_corrected(errors, {"m1": table}, cohort="external")
    metrics = pd.DataFrame({"model": "m1", "metric": ["ibs", "ibs_reference"], "estimate": [0.15, 0.2]})
    metrics = metrics.assign(ci_low=0.1, ci_high=0.2)
    bootstrap = {"m1": pd.DataFrame({"statistic": ["ibs"], "corrected_632": [0.17]})}
    row = integrated_errors(metrics, bootstrap, cohort="train").iloc[0]
    assert (row["ibs"], row["ibs_reference"], row["ibs_corrected"]) == (0.15, 0.2, 0.17)
    assert "ibs_corrected" not in integrated_errors(metrics, bootstrap, cohort="external")


def test_a_forest_of_factors_names_references_and_reasons():
    rows = pd.DataFrame(
        {
            "analysis": "univariable",
            "variable": ["tumour", "grade", "grade", "sex"],
            "label": ["tumour", "grade", "grade", "Sex"],
            "level": ["", "low", "high", "M"],
            "is_reference": [False, True, False, False],
            "events": [9, 3, 6, 2],
            "n": [30, 14, 16, 8],
            "hazard_ratio": [2.1, np.nan, 1.4, np.nan],
            "hazard_ratio_low": [1.1, np.nan, 0.5, np.nan],
            "hazard_ratio_high": [4.0, np.nan, 3.6, np.nan],
            "p_wald": [0.02, np.nan, 0.5, np.nan],
            "note": ["", "", "", "the same in all patients used"],
        }
    )
    found = factor_rows(rows, labels={"tumour": "Score (per SD)"})
    assert list(found["label"]) == ["Score (per SD)", "Grade: low (reference)", "Grade: high", "Sex: M"]
    assert list(found["count"]) == ["9 / 30", "3 / 14", "6 / 16", "2 / 8"] and list(found["note"])[1] == ""
    text = words(draw_forest(found, columns=[{"name": "univariable", "label": "Univariable"}], title="Factors"))
    assert "2.10 (1.10 to 4.00)" in text and "the same in all patients used" in text
