"""The report of a study of times to an event says what its tables say, and only in such a study."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from test_report import PARTS, Page

from habitat_radiomics import limitations_survival as judge
from habitat_radiomics.kaplan_meier import median_follow_up
from habitat_radiomics.limitations import limitations
from habitat_radiomics.methods_text import methods_text
from habitat_radiomics.report import report_page
from habitat_radiomics.report_sections import headline
from habitat_radiomics.report_survival import candidate_parameters
from habitat_radiomics.sample_size_survival import detectable_ratio
from survival_tables import SIZES, survival_config, survival_patients, survival_results


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return survival_results(tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="module")
def text(results):
    return Page(report_page(results, PARTS)).text.replace("\N{NO-BREAK SPACE}", " ")


def test_every_c_index_and_integrated_error_is_on_the_page(results, text):
    for row in results.metrics.query("metric in ('c_harrell', 'c_uno', 'auc_12', 'auc_24', 'auc_median')").itertuples():
        assert f"{row.estimate:.2f} ({row.ci_low:.2f} to {row.ci_high:.2f})" in text
    for row in results.metrics.query("metric == 'ibs'").itertuples():
        assert f"{row.estimate:.3f} ({row.ci_low:.3f} to {row.ci_high:.3f})" in text


def test_the_summary_leads_with_c_in_the_external_cohort_its_size_and_the_risk_groups(results):
    words = " ".join(headline(results)["sentences"]).replace("\N{NO-BREAK SPACE}", " ")
    row = results.metric("combined", "external", "c_harrell")
    assert (
        f"In 40 patients (external validation), {row['events']} of them with progression, the model Combined reached a "
        f"C-index of {row['estimate']:.2f} (95 % CI {row['ci_low']:.2f} to {row['ci_high']:.2f})."
    ) in words
    group = results.statistics["risk_groups"].query(
        "model == 'combined' and cohort == 'external' and subgroup == 'all'"
    )
    assert f"had a hazard ratio of {group['hr'].iloc[0]:.2f} against those below" in words
    assert "integrated Brier score until 24 months was" in words and "paired test)" in words
    assert "AUC" not in words and headline(results)["measure"] == "C-index"


def test_risk_groups_stand_with_events_medians_and_the_corrected_p_of_the_training_cohort(results, text):
    compared = results.statistics["risk_groups"].query(
        "model == 'combined' and not (cohort == 'train_cv' and subgroup != 'all')"
    )
    for row in compared.itertuples():
        if row.n_high:
            assert f"{row.events_high}/{row.n_high}" in text
    assert text.count("(corrected 0.031)") == 1
    assert "Grade: high" in text and "p corrected for the search 0.031, naive <0.001" in text


def test_follow_up_is_told_by_cohort(results, text):
    patients = survival_patients().query("cohort == 'external'")
    median = median_follow_up(patients["time"].to_numpy(), patients["event"].to_numpy() == 1).median
    assert "by the reverse Kaplan-Meier method" in text
    assert f"external validation {median:.1f}" in text


def test_table_one_describes_patients_by_event_and_their_times(text):
    assert "Training: patients by outcome" in text and "With progression" in text
    assert "Time to event or last observation" in text


def test_ratios_are_hazard_ratios_with_tests_of_proportional_hazards(text):
    assert "Hazard ratio (95 % CI)" in text and "Univariable hazard ratio (95 % CI)" in text and "p (PH)" in text
    assert "Odds ratio" not in text and "Youden" not in text


def test_optimism_names_the_632_plus_rule_for_the_integrated_error(text):
    assert "Optimism by 10 bootstraps of the whole chain" in text and "Integrated Brier score" in text


def test_every_section_of_survival_is_in_the_contents(results):
    page = Page(report_page(results, PARTS))
    links = [a["href"] for a in page.attributes("a") if a.get("href", "").startswith("#")]
    assert {"#validation", "#bootstrap", "#groups", "#factors", "#calibration", "#decision"} <= set(links)


def test_sections_without_their_tables_are_left_out(results):
    lost = dict.fromkeys(("risk_groups", "score_factors", "calibration", "bootstrap", "at_horizons"))
    files = {
        **results.files,
        "figures": {k: v for k, v in results.files["figures"].items() if k != "survival_decision"},
    }
    some = replace(results, statistics={**results.statistics, **lost}, files=files)
    page = Page(report_page(some, PARTS))
    links = {a.get("href") for a in page.attributes("a")}
    assert not {"#bootstrap", "#groups", "#factors", "#calibration", "#decision"} & links


def test_candidates_count_features_and_levels(results):
    assert candidate_parameters(results, "combined") == 401 and candidate_parameters(results, "clinical") == 2


# Limitations ------------------------------------------------------------------------------------------------------


def with_metric(results, metric, cohort, **values):
    metrics = results.metrics.copy()
    rows = (metrics["model"] == "combined") & (metrics["cohort"] == cohort) & (metrics["metric"] == metric)
    metrics.loc[rows, list(values)] = list(values.values())
    return replace(results, metrics=metrics)


def with_cut(results, **values):
    models = {name: {**tables, "cutoff": {**tables["cutoff"], **values}} for name, tables in results.models.items()}
    return replace(results, models=models)


def test_few_events_are_said_to_support_few_coefficients(results):
    few = with_metric(results, "c_harrell", "train", events=16)
    sentence = judge.few_events_per_parameter(few)[-1]
    assert "The 16 events of the training cohort support 1 coefficient by that rule" in sentence
    assert (
        f"a hazard ratio below {detectable_ratio(16):.1f}" in sentence
        and "as a question for a larger study" in sentence
    )
    assert (
        "support not even one coefficient"
        in judge.few_events_per_parameter(with_metric(results, "c_harrell", "train", events=7))[-1]
    )
    assert judge.few_events_per_parameter(with_metric(results, "c_harrell", "train", events=300)) == []


def test_effects_that_change_with_time_are_named(results):
    assert judge.non_proportional_hazards(results)[0].startswith("Proportional hazards are doubtful in training")
    steady = {
        name: {**tables, "coefficients": tables["coefficients"].assign(p_zph=0.5)}
        for name, tables in results.models.items()
    }
    assert judge.non_proportional_hazards(replace(results, models=steady)) == []


def test_a_horizon_beyond_the_follow_up_is_named(results):
    lost = with_metric(results, "brier_24", "internal", estimate=np.nan)
    assert judge.short_follow_up(lost) == [
        "The follow-up ends before a horizon, whose measures are missing: 24 months (internal validation)."
    ]
    assert judge.short_follow_up(results) == []


def test_a_cut_without_ground_and_one_the_wrong_way_round_are_named(results):
    assert len(judge.chosen_cut(results)) == 1 and "proves nothing" in judge.chosen_cut(results)[0]
    assert "no firm ground" in judge.chosen_cut(with_cut(results, p_corrected=0.2))[0]
    assert "does not order the risks" in judge.chosen_cut(with_cut(results, high_is_worse=False))[0]
    assert "no risk groups" in judge.chosen_cut(with_cut(results, threshold=None))[0]


def test_predictions_no_better_than_one_curve_for_all_are_called_useless(results):
    assert judge.useless_predictions(results) == []
    worse = with_metric(results, "ibs", "external", estimate=0.4, ci_low=0.3, ci_high=0.5)
    assert "are of no use there" in judge.useless_predictions(worse)[0]


def test_groups_that_may_not_differ_are_named(results):
    compared = results.statistics["risk_groups"]
    rows = compared.assign(hr_low=np.where(compared["cohort"] == "external", 0.8, compared["hr_low"]))
    some = replace(results, statistics={**results.statistics, "risk_groups": rows})
    assert "includes 1" in judge.uncertain_groups(some)[0]
    some = replace(results, statistics={**results.statistics, "risk_groups": rows.assign(hr_method="Firth")})
    assert "has no events, so that the hazard ratio between them is hardly bounded" in judge.uncertain_groups(some)[0]


def test_all_limitations_speak_of_events_not_of_classes(results):
    words = " ".join(limitations(results))
    assert "class" not in words and "AUC" not in words
    assert "more candidate parameters (Combined 401) than training events" in words
    assert "about 200 are advised for a curve" in words and "about 100 are advised to validate" in words


# Methods ----------------------------------------------------------------------------------------------------------


def test_the_methods_name_what_a_survival_study_did():
    config = survival_config(harmonise={"method": "combat", "covariates": ["age"]})
    orders = {name: list(config[name]) for name in ("sequences", "clinical", "signatures", "models")}
    words = " ".join(text for _, text in methods_text(config, orders=orders, reference="clinical", versions={}))
    words = words.replace("\N{NO-BREAK SPACE}", " ")
    for part in (
        "the time to progression or to the last observation, in months",
        "univariable Cox regression, likelihood-ratio p < 0.05",
        "the one with the larger univariable Cox chi-square",
        "Cox LASSO with the penalty",
        "ComBat (Johnson 2007; parametric), the effects of Age preserved",
        "Cox regressions (ties by Efron)",
        "largest standardised log-rank statistic",
        "Harrell's C and as Uno's (2011) until 24 months",
        "AUC by 12 and 24 months",
        "within the levels of Grade",
        "Gerds and Schumacher 2007",
    ):
        assert part in words, part
    assert "DeLong" not in words and "Youden" not in words and "Hosmer" not in words


def test_without_validation_patients_cross_validation_leads(tmp_path):
    alone = survival_results(tmp_path, sizes={"train": SIZES["train"]})
    assert "by cross-validation of the whole chain" in headline(alone)["sentences"][0]
    assert isinstance(alone.metrics, pd.DataFrame)
