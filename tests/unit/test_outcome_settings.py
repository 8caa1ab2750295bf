"""What a configuration may say of its outcome."""

import pytest
from test_config import faults, only

SURVIVAL = {"type": "survival", "time": "t", "event": "e", "horizons": [12, 24]}
SIGNATURES = {"a": {"regions": ["tumour"], "steps": [{"univariable_cox": {}}, {"cox_lasso": {}}]}}
MODELS = {"m": {"signatures": ["a"], "estimator": "cox"}}
STUDY = {"outcome": SURVIVAL, "signatures": SIGNATURES, "models": MODELS}


def test_a_complete_survival_study_is_valid():
    assert faults(**STUDY) == []


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        ({**SURVIVAL, "event": None}, "outcome.event is empty. Name its column of the patients table."),
        ({**SURVIVAL, "time": None}, "outcome.time is empty. Name its column of the patients table."),
        ({**SURVIVAL, "column": "y"}, "outcome.column belongs to a binary outcome, and outcome.type is survival."),
        ({**SURVIVAL, "horizons": []}, "outcome.horizons is empty. Name the times at which risks are predicted"),
        ({**SURVIVAL, "horizons": [24, 12]}, "outcome.horizons are 24, 12. Give them in ascending order."),
    ],
)
def test_a_survival_outcome_names_time_event_and_horizons(outcome, expected):
    assert any(expected in sentence for sentence in faults(**{**STUDY, "outcome": outcome}))


def test_a_binary_outcome_has_no_time():
    assert "outcome.time belongs to a survival outcome, and outcome.type is binary" in only(
        faults(outcome={"column": "y", "time": "t"})
    )


@pytest.mark.parametrize(
    ("step", "instead"),
    [("anova", "univariable_cox"), ("t_or_u", "univariable_cox"), ("select_k_best", "univariable_cox")],
)
def test_a_step_for_classes_is_refused_in_a_survival_study_and_the_cure_named(step, instead):
    signature = {"regions": ["tumour"], "steps": [{step: {}}, {"cox_lasso": {}}]}
    found = only(faults(**{**STUDY, "signatures": {"a": signature}}))
    assert found == (
        f"config: signatures.a.steps has {step}, which learns from a binary outcome; this study's is survival. "
        f"Use {instead}."
    )


def test_a_step_for_times_is_refused_in_a_binary_study():
    signature = {"regions": ["tumour"], "steps": [{"univariable_cox": {}}, {"lasso": {}}]}
    assert "learns from a survival outcome; this study's is binary. Use anova or t_or_u." in only(
        faults(signatures={"a": signature})
    )
    assert "Use lasso." in only(faults(signatures={"a": {"regions": ["tumour"], "steps": [{"cox_lasso": {}}]}}))


def test_an_estimator_of_the_other_kind_is_refused_and_the_cure_named():
    assert (
        "models.m.estimator is logistic, which predicts a binary outcome; this study's is survival. Use cox."
        in only(faults(**{**STUDY, "models": {"m": {"signatures": ["a"]}}}))
    )
    sentence = only(faults(models=MODELS))
    assert "predicts a survival outcome; this study's is binary. Use logistic, svm, " in sentence
    assert sentence.endswith(" or best.")


def test_stepwise_choice_of_clinical_factors_is_refused_for_survival():
    assert "clinical_factors.flow is stepwise" in only(faults(**STUDY, clinical_factors={"flow": "stepwise"}))


def test_covariates_of_combat_are_clinical_variables():
    assert "harmonise.covariates names 'age', which is not defined" in only(
        faults(harmonise={"method": "combat", "covariates": ["age"]})
    )
