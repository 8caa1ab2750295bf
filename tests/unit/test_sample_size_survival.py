import numpy as np
import pandas as pd
import pytest

from habitat_radiomics.sample_size_survival import (
    cox_snell_from_concordance,
    detectable_ratio,
    largest_cox_snell,
    minimum_sample_size,
    patients_for_overall_risk,
)
from habitat_radiomics.sample_size_table import survival_sample_size_table

# Patients by criteria 1 and 2 of the R package pmsampsize (its own tests, horizon 2 years, mean follow-up 2.07 years).
# It rounds the events of 10,000 patients up, which moves criterion 2 by one patient.
PMSAMPSIZE = [
    ({"cox_snell": 0.051, "parameters": 25, "rate": 0.065}, (4286, 866)),
    ({"cox_snell": 0.065, "parameters": 25, "rate": 0.065}, (3335, 859)),
    ({"cox_snell": 0.051, "parameters": 50, "rate": 0.065}, (8572, 1731)),
    ({"cox_snell": 0.051, "parameters": 25, "rate": 0.1}, (4286, 731)),
]
TIMES = {"follow_up": 2.07, "horizon": 2}


@pytest.mark.parametrize(("given", "patients"), PMSAMPSIZE)
def test_the_criteria_ask_for_the_patients_of_pmsampsize(given, patients):
    size = minimum_sample_size(**given, **TIMES)
    assert size.shrinkage == patients[0]
    assert abs(size.optimism - patients[1]) <= 1
    assert size.patients == size.shrinkage


def test_the_published_example_of_recurrent_thrombosis_comes_out():
    # Riley et al. 2020 (BMJ 368:m441): 30 parameters, R2 0.051, 0.065 events a year
    size = minimum_sample_size(cox_snell=0.051, parameters=30, rate=0.065, **TIMES)
    assert (size.patients, size.events) == (5143, 692)


def test_the_overall_risk_is_known_to_the_margin_with_so_many_patients_and_not_with_fewer():
    rate, follow_up, horizon = 0.3, 2.0, 1.5

    def half_width(patients):
        error = 1.96 * np.sqrt(rate / (patients * follow_up))
        return (1 - np.exp(-rate * horizon)) - (1 - np.exp(-(rate - error) * horizon))

    n = patients_for_overall_risk(rate, follow_up, horizon)
    assert half_width(n) <= 0.05 < half_width(n - 1)


def test_the_unit_of_time_does_not_matter():
    years = minimum_sample_size(cox_snell=0.1, parameters=3, rate=0.24, follow_up=2, horizon=3)
    assert minimum_sample_size(cox_snell=0.1, parameters=3, rate=0.02, follow_up=24, horizon=36) == years


def test_the_r2_of_a_c_index_is_that_of_simulated_times():
    """The formula of D against the likelihood ratio of a Cox model fitted to times from a normal prognostic index."""
    from habitat_radiomics.concordance import concordance
    from habitat_radiomics.cox import CoxModel
    from habitat_radiomics.survival_outcome import survival_outcome

    generator = np.random.default_rng(7)
    index = generator.normal(size=6000)
    time = generator.exponential(np.exp(-index))
    ends = generator.exponential(1.5, size=index.size)
    event = time <= ends
    observed = np.minimum(time, ends)
    model = CoxModel().fit(index[:, None], survival_outcome(observed, event))
    ratio = 2 * (model.log_likelihood_ - model.null_log_likelihood_)
    found = concordance(observed, event, index).c
    assert cox_snell_from_concordance(found, event.mean()) == pytest.approx(
        1 - np.exp(-ratio / index.size), rel=0.15
    )  # found: -13 %


def test_a_better_c_index_stands_for_more_explained_variation_below_that_of_a_perfect_model():
    found = [cox_snell_from_concordance(c, 0.4) for c in (0.55, 0.6, 0.7, 0.8)]
    assert found == sorted(found)
    assert found[0] > 0 and found[-1] < largest_cox_snell(0.4)


@pytest.mark.parametrize("c", [0.5, 0.3, 1.0])
def test_a_c_index_that_stands_for_nothing_is_refused(c):
    with pytest.raises(ValueError, match="an expected C-index lies between 0.5 and 1"):
        cox_snell_from_concordance(c, 0.4)


def test_an_impossible_r2_is_refused():
    with pytest.raises(ValueError, match=r"cox_snell is 0.6: it must lie above 0 and below 0.555"):
        minimum_sample_size(cox_snell=0.6, parameters=3, rate=0.065, **TIMES)


def test_every_model_has_its_row_and_one_at_chance_has_no_number():
    rows = [("m", "train_cv", 0.7), ("chance", "train_cv", 0.45), ("m", "train", 0.9)]
    metrics = pd.DataFrame(rows, columns=["model", "cohort", "estimate"]).assign(metric="c_harrell", n=50, events=20)
    coefficients = {name: pd.DataFrame({"predictor": ["tumour", "age"]}) for name in ("m", "chance")}
    candidates = {"m": 101, "chance": 101}
    table = survival_sample_size_table(metrics, coefficients, candidates, rate=0.02, follow_up=20, horizon=24)
    first, second = table.to_dict("records")
    assert (first["parameters"], first["per_parameter"], first["candidates"]) == (2, 10, 101)
    expected = cox_snell_from_concordance(0.7, 20 / 50)
    times = {"rate": 0.02, "follow_up": 20, "horizon": 24}
    assert first["needed_for_parameters"] == minimum_sample_size(cox_snell=expected, parameters=2, **times).patients
    assert first["needed_for_candidates"] > first["needed_for_parameters"]
    assert np.isnan(second["needed_for_parameters"])
    assert second["note"] == "the cross-validated C-index is not between 0.5 and 1"


def test_the_smallest_detectable_ratio_is_schoenfelds():
    assert detectable_ratio(66) == pytest.approx(1.99, abs=0.01)  # (1.96 + 0.84)^2 / (0.25 log(1.99)^2) = 66
    assert np.isnan(detectable_ratio(0))
