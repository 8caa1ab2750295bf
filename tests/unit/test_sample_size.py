import math

import numpy as np
import pytest
from scipy.special import ndtri

from habitat_radiomics.logistic import LogisticModel, log_likelihood
from habitat_radiomics.sample_size import (
    cox_snell_from_auc,
    events_per_parameter,
    expected_shrinkage,
    largest_cox_snell,
    minimum_sample_size,
)

# Sample sizes by criterion and events per parameter from the tests that come with R's pmsampsize 1.1.3
# (tests/testthat/test_bin.R, its cases 4.1 to 4.4). Case 4.1 is the diagnostic model for Chagas disease of Riley et
# al. 2019, whose abstract states "an EPP of at least 4.8".
PMSAMPSIZE = [
    ({"cox_snell": 0.288, "parameters": 24, "prevalence": 0.174}, (623, 662, 221, 662), 4.80),
    ({"cox_snell": 0.55, "parameters": 24, "prevalence": 0.174}, (255, 532, 221, 532), 3.86),
    ({"cox_snell": 0.288, "parameters": 36, "prevalence": 0.174}, (934, 992, 221, 992), 4.79),
    ({"cox_snell": 0.288, "parameters": 24, "prevalence": 0.25}, (623, 590, 289, 623), 6.49),
]


@pytest.mark.parametrize(("given", "patients", "ratio"), PMSAMPSIZE)
def test_the_criteria_ask_for_the_patients_of_pmsampsize(given, patients, ratio):
    size = minimum_sample_size(**given)
    assert (size.shrinkage, size.optimism, size.overall_risk, size.patients) == patients
    assert round(size.events_per_parameter, 2) == ratio


def test_events_are_rounded_up_to_whole_patients():
    assert minimum_sample_size(cox_snell=0.288, parameters=24, prevalence=0.174).events == math.ceil(662 * 0.174)


def test_the_largest_r2_of_an_even_outcome_is_three_quarters():
    # 1 - (0.5^0.5 * 0.5^0.5)^2 = 1 - 0.25, by hand
    assert largest_cox_snell(0.5) == pytest.approx(0.75, abs=1e-14)
    assert largest_cox_snell(0.01) < largest_cox_snell(0.1) < largest_cox_snell(0.3) < 0.75


@pytest.mark.parametrize(("auc", "prevalence"), [(0.7, 0.4), (0.89, 0.174)])
def test_the_r2_of_an_auc_is_that_of_a_logistic_model_of_two_normal_groups(auc, prevalence):
    n = 200_000
    events = round(n * prevalence)
    grid = [ndtri((np.arange(m) + 0.5) / m) for m in (events, n - events)]  # normal quantiles instead of random numbers
    score = np.concatenate([grid[0] + math.sqrt(2) * ndtri(auc), grid[1]])
    y = np.repeat([1.0, 0.0], [events, n - events])
    model = LogisticModel().fit(score[:, None], y)
    design = np.column_stack([np.ones(n), score])
    fitted = log_likelihood(design, y, np.r_[model.intercept_, model.coef_[0]])
    null = n * (prevalence * math.log(prevalence) + (1 - prevalence) * math.log(1 - prevalence))
    assert cox_snell_from_auc(auc, prevalence) == pytest.approx(1 - math.exp(-2 * (fitted - null) / n), abs=1e-4)


def test_a_better_auc_needs_fewer_patients():
    sizes = [
        minimum_sample_size(cox_snell=cox_snell_from_auc(auc, 0.4), parameters=10, prevalence=0.4).patients
        for auc in (0.6, 0.7, 0.8, 0.9)
    ]
    assert sizes == sorted(sizes, reverse=True)


def test_the_expected_shrinkage_of_the_minimum_is_the_target():
    size = minimum_sample_size(cox_snell=0.288, parameters=24, prevalence=0.174)
    shrinkage = expected_shrinkage(patients=size.shrinkage, parameters=24, cox_snell=0.288)
    assert 0.9 <= shrinkage < 0.9003
    assert expected_shrinkage(patients=98, parameters=24, cox_snell=0.288) < 0.65


def test_few_events_for_each_parameter_are_warned_of_in_a_sentence():
    ratio, warning = events_per_parameter(59, 189, 8)
    assert ratio == 59 / 8
    assert warning.startswith("Only 7.4 patients of the smaller class for each of 8 candidate parameters (59 of 189")


def test_the_smaller_class_counts_when_most_patients_have_the_event():
    assert events_per_parameter(70, 100, 3) == (10.0, "")
    assert math.isnan(events_per_parameter(5, 10, 0)[0])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"prevalence": 0}, "prevalence is 0: it must lie between 0 and 1"),
        ({"parameters": 0}, "parameters is 0: a model has at least one"),
        ({"cox_snell": 0.7}, r"cox_snell is 0.7: .* below 0.603. If it is a Nagelkerke R2, multiply it by 0.603"),
        ({"cox_snell": 0.0}, "must lie above 0"),
    ],
)
def test_impossible_expectations_are_refused(changes, message):
    given = {"cox_snell": 0.288, "parameters": 24, "prevalence": 0.174, **changes}
    with pytest.raises(ValueError, match=message):
        minimum_sample_size(**given)


def test_an_expected_auc_outside_its_range_is_refused():
    with pytest.raises(ValueError, match="auc is 0.5: an expected AUC lies between 0.5 and 1"):
        cox_snell_from_auc(0.5, 0.3)
