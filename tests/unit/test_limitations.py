"""Limitations are found where they are, and not where they are not."""

from dataclasses import replace

import pandas as pd
import pytest

from example_results import example_settings, write_example
from habitat_radiomics import limitations as judge
from habitat_radiomics.results import load_results


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    files = write_example(tmp_path_factory.mktemp("study"))
    return load_results(example_settings(), files)


def with_auc(results, **aucs):
    """The results with other AUCs (estimate, low, high) of the combined model by cohort."""
    metrics = results.metrics.copy()
    for cohort, values in aucs.items():
        rows = (metrics["model"] == "combined") & (metrics["cohort"] == cohort) & (metrics["metric"] == "auc")
        metrics.loc[rows, ["estimate", "ci_low", "ci_high"]] = values
    return replace(results, metrics=metrics)


def with_config(results, section, **changes):
    return replace(results, config={**results.config, section: {**results.config[section], **changes}})


def test_simulated_patients_are_named_first(results):
    assert "simulated" in judge.limitations(results)[0]
    assert judge.simulated_data(with_config(results, "data", source="tables")) == []


def test_given_features_are_named(results):
    assert judge.given_features(results) == []
    assert "given in tables" in judge.given_features(with_config(results, "data", source="features"))[0]


@pytest.mark.parametrize(
    ("cohorts", "words"),
    [(["train", "train_cv"], "no validation cohort"), (["train", "train_cv", "internal"], "no external cohort")],
)
def test_missing_cohorts_are_named(results, cohorts, words):
    assert words in judge.missing_cohorts(replace(results, cohorts=cohorts))[0]
    assert judge.missing_cohorts(results) == []


def test_a_wide_interval_and_one_that_includes_chance_are_named(results):
    found = judge.wide_intervals(with_auc(results, external=(0.7, 0.45, 0.95)))
    assert found == [
        "External validation: the AUC of the headline model is uncertain (0.45 to 0.95).",
        "External validation: the interval of the AUC includes 0.50, which is chance.",
    ]
    assert judge.wide_intervals(with_auc(results, external=(0.9, 0.85, 0.95))) == []


def test_an_interval_without_width_is_named(results):
    some = replace(results, metrics=results.metrics.assign(ci_low=0.5, ci_high=0.9))
    sentence = judge.perfect_aucs(with_auc(some, train=(1.0, 1.0, 1.0)))[0]
    assert sentence.endswith("hides the uncertainty: Combined (training, apparent).")
    assert judge.perfect_aucs(some) == []


def test_a_fall_from_apparent_to_honest_performance_is_named(results):
    same = (0.8, 0.7, 0.9)
    fallen = with_auc(results, train=(0.99, 0.9, 1), train_cv=(0.7, 0.6, 0.8), internal=same, external=same)
    sentence = next(text for text in judge.optimism(fallen) if "Combined" in text)
    assert "falls from 0.99 on the patients it was fitted on to 0.70 (training, cross-validated), 0.80" in sentence
    level = with_auc(results, train=same, train_cv=same, internal=same, external=same)
    assert not any("Combined" in text for text in judge.optimism(level))


def test_parameters_are_held_against_the_smaller_class(results):
    metrics = results.metrics.assign(n=40, events=12)
    sentence = judge.few_events_per_parameter(replace(results, metrics=metrics))[0]
    assert "12 patients in the smaller training class" in sentence
    assert "Combined has 3 (4.0 patients each)" in sentence
    assert "Radiomics" not in sentence
    assert judge.few_events_per_parameter(replace(results, metrics=metrics.assign(n=400, events=200))) == []


def test_small_validation_cohorts_and_many_candidates_are_named(results):
    assert "7 patients (internal validation) and 9 patients (external" in judge.few_validation_events(results)[0]
    assert "Tumour 2,260" in judge.many_candidates(results)[0]


def test_separation_is_named_with_its_remedy(results):
    assert judge.separation(results)[0].startswith("Model Combined: the predictors separate the classes")
    plain = {
        name: {**t, "coefficients": t["coefficients"].assign(method="maximum likelihood")}
        for name, t in results.models.items()
    }
    assert judge.separation(replace(results, models=plain)) == []


def test_empty_signatures_and_filters_that_nothing_passed_are_named(tmp_path):
    results = load_results(example_settings(), write_example(tmp_path, empty=("peritumour",)))
    assert judge.empty_signatures(results) == [
        "Signature Peritumour selected no feature: its score is the same for every patient.",
        "Signature Peritumour, step anova: nothing passed; the best feature was kept.",
    ]


def test_few_or_missing_readings_are_named(results):
    few = replace(results, icc=results.icc.assign(n_inter=8, n_intra=0))
    assert judge.few_readings(few) == [
        "Agreement between readers rests on 8 patients; its correlations are uncertain.",
        "Agreement between repeated readings was not assessed: no training patient was read that way.",
    ]
    assert judge.few_readings(results) == []
    assert judge.few_readings(replace(results, icc=None)) == []


def test_many_exclusions_and_filled_values_are_named(results):
    flow = pd.DataFrame({"step": ["screened", "excluded", "included"], "reason": "", "patients": [100, 20, 80]})
    assert judge.excluded_patients(replace(results, flow=flow)) == ["20 of 100 screened patients (20 %) were excluded."]
    assert judge.excluded_patients(results) == []
    assert judge.missing_values(results) == ["Missing values were filled in: age in 1 of 71 patients."]


def test_apparent_scores_and_unadjusted_tests_are_named(results):
    assert "overstates" in judge.apparent_scores(with_config(results, "training", scores="apparent"))[0]
    assert judge.apparent_scores(results) == []
    assert judge.many_tests(results) == ["The 20 tests between models are not adjusted for their number."]


def test_habitats_without_readers_are_named_where_there_are_habitats(results):
    assert "primary reading alone" in judge.unassessed_habitats(results)[0]
    assert "does not learn habitats anew" in judge.unassessed_habitats(results)[1]
    assert judge.unassessed_habitats(replace(results, config={**results.config, "habitats": {}})) == []


def test_every_limitation_is_a_sentence(results):
    assert all(text.endswith(".") for text in judge.limitations(results))


def test_models_on_features_of_their_own_patients_are_named(results):
    assert judge.features_of_the_same_patients(results) == []
    models = {name: dict(chosen) for name, chosen in results.config["models"].items()}
    models["radiomics"]["inputs"] = "features"
    changed = replace(results, config={**results.config, "models": models})
    sentence = judge.features_of_the_same_patients(changed)[0]
    assert sentence.startswith(f"Model {models['radiomics']['label']}: the features were selected on the patients")


def with_coefficient(results, model, predictor, value):
    tables = results.models[model]
    coefficients = tables["coefficients"].copy()
    coefficients.loc[coefficients["predictor"] == predictor, "coefficient"] = value
    return replace(results, models={**results.models, model: {**tables, "coefficients": coefficients}})


def test_a_model_that_turns_its_score_round_is_named(results):
    (score,) = (
        name for name in results.signatures if name in set(results.models["combined"]["coefficients"]["predictor"])
    )
    reversed_ = with_coefficient(results, "combined", score, -0.4)
    found = judge.reversed_scores(reversed_)
    assert len(found) == 1 and found[0].startswith("Model Combined turns the score of ")
    assert "no evidence for the signature" in found[0]
    assert judge.reversed_scores(with_coefficient(results, "combined", score, 0.4)) == []
    assert judge.reversed_scores(with_config(reversed_, "training", scores="apparent")) == []


def with_statistics(results, **tables):
    return replace(results, statistics={**results.statistics, **tables})


def test_a_model_no_better_than_the_volume_and_features_that_follow_it_are_named(results):
    rows = [("external", 0.99, 0.9, 1.0, 18), ("train", 0.5, 0.4, 0.6, 40)]
    alone = pd.DataFrame(rows, columns=["cohort", "estimate", "ci_low", "ci_high", "n"])
    proxies = pd.DataFrame({"signature": "tumour", "feature": ["a", "b"], "rho": [-0.9, 0.2]})
    found = judge.volume_in_disguise(with_statistics(results, volume=alone, volume_proxies=proxies))
    assert found[0] == (
        "External validation: the AUC of the tumour's volume alone is 0.99, no less than that of the headline model."
    )
    assert found[1].startswith("1 of 2 selected features follows the tumour's volume")
    small = with_statistics(results, volume=alone.assign(estimate=0.4), volume_proxies=proxies.assign(rho=0.1))
    assert judge.volume_in_disguise(small) == []


def test_images_with_too_few_bins_are_named(results):
    widths = pd.DataFrame({"used": [True, True, False], "share_usual": [0.1, 0.9, 0.0], "median": [8, 40, 3]})
    (sentence,) = judge.unusual_bins(with_statistics(results, bin_width=widths))
    assert "1 of 2 filtered images have fewer than 16 or more than 128 bins" in sentence
    assert judge.unusual_bins(with_statistics(results, bin_width=widths.assign(share_usual=1.0))) == []


def test_a_nested_machine_at_chance_is_said_to_draw_maps_that_mean_nothing(results):
    machines = {name: {"artifact": {"models": [{"auc_held_out": area}]}} for name, area in (("a", 0.47), ("b", 0.78))}
    (found,) = judge.nested_at_chance(replace(results, nested=machines))
    assert "behind the maps of a ranked tumours that it had not seen with an AUC of 0.47" in found
    assert judge.nested_at_chance(results) == []


def test_a_network_that_was_trained_elsewhere_is_named(results):
    assert judge.foreign_network(results) == []
    name = next(iter(results.config["signatures"]))
    asking = {**results.config["signatures"][name], "regions": ["tumour", "deep"]}
    deep = with_config(results, "signatures", **{name: asking})
    assert "trained on photographs and not adapted" in judge.foreign_network(deep)[0]
    own = with_config(deep, "deep", weights="mine.onnx")
    assert "trained elsewhere and not adapted" in judge.foreign_network(own)[0]
