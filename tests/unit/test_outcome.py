import numpy as np
import pandas as pd
import pytest

from habitat_radiomics import outcome as kinds

BINARY = pd.Series([0, 1, 1, 0, 1], index=list("abcde"), name="outcome")
SURVIVAL = pd.DataFrame({"time": [5.0, 1.0, 2.0, 4.0, 3.0], "event": [0, 1, 1, 0, 1]}, index=list("abcde"))


def test_a_stored_table_says_itself_what_kind_its_outcome_is():
    table = SURVIVAL.assign(cohort="train")
    assert kinds.is_survival(kinds.outcome_of(table))
    assert not kinds.is_survival(kinds.outcome_of(BINARY.to_frame().assign(cohort="train")))
    assert list(kinds.outcome_of(table)) == ["time", "event"]


@pytest.mark.parametrize("outcome", [BINARY, SURVIVAL])
def test_what_a_fit_gets_can_be_turned_back(outcome):
    again = kinds.outcome_by_patient(kinds.fitted_outcome(outcome), outcome.index)
    assert (again == outcome).all(axis=None)
    assert list(kinds.happened(again)) == [0, 1, 1, 0, 1]
    assert kinds.events(again) == 3


def test_a_score_that_orders_patients_rightly_discriminates_perfectly_in_either_kind():
    score = np.array([0.0, 4.0, 3.0, 1.0, 2.0])
    assert (kinds.measure_name(BINARY), kinds.measure_name(SURVIVAL)) == ("auc", "c_index")
    for outcome in (BINARY, SURVIVAL):
        assert kinds.discrimination(outcome, score) == 1
        assert kinds.discrimination(outcome, -score) == 0
        found = kinds.discrimination_interval(outcome, np.zeros(5))
        assert found.ci_low <= found.estimate == 0.5 <= found.ci_high


def test_nothing_is_learnt_from_one_class_or_from_no_event():
    assert "one class only" in kinds.why_not(BINARY * 0)
    assert "nobody had the event" in kinds.why_not(SURVIVAL.assign(event=0))
    assert kinds.why_not(SURVIVAL.assign(event=1)) == kinds.why_not(BINARY) == ""  # nobody need be censored


def test_the_scarcer_class_limits_folds_but_censored_patients_do_not():
    assert kinds.scarcest(BINARY) == 2
    assert kinds.scarcest(SURVIVAL) == 3
    assert kinds.scarcest(SURVIVAL.assign(event=1)) == 5
