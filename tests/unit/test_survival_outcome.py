import numpy as np
import pandas as pd
import pytest

from habitat_radiomics.survival_outcome import OUTCOME, as_outcome, require_events, survival_outcome


def test_times_and_events_become_one_structured_array():
    outcome = survival_outcome([5, 0, 3.5], [1, 0, 1])
    assert outcome.dtype == OUTCOME
    assert outcome["time"].tolist() == [5.0, 0.0, 3.5]
    assert outcome["event"].tolist() == [True, False, True]


def test_a_table_and_a_structured_array_give_the_same_outcome():
    table = pd.DataFrame({"event": [0.0, 1.0], "time": [2, 3], "other": ["a", "b"]}, index=["P1", "P2"])
    outcome = as_outcome(table)
    assert outcome.tolist() == [(2.0, False), (3.0, True)]
    assert as_outcome(outcome).tolist() == outcome.tolist()


@pytest.mark.parametrize(
    ("time", "event", "message"),
    [
        ([1, -2], [1, 1], r"time of 1 patient\(s\) cannot be used: P2 \(-2\)\. It must be zero or more"),
        ([1, np.nan], [1, 1], r"P2 \(nan\)\. It must be finite"),
        ([np.inf, 1], [1, 1], r"P1 \(inf\)\. It must be finite"),
        ([1, 1], [1, 2], r"the event of 1 patient\(s\) cannot be used: P2 \(2\)\. It must be coded 0"),
        ([1, 1], [1, np.nan], r"P2 \(nan\)\. It must be coded 0"),
        ([1, 1], [1], r"time has shape \(2,\) and event \(1,\)"),
        ([], [], "holds no patients"),
    ],
)
def test_an_outcome_that_cannot_be_used_is_refused_by_name(time, event, message):
    with pytest.raises(ValueError, match=message):
        survival_outcome(time, event, patients=np.array(["P1", "P2"]))


def test_only_the_first_wrong_patients_are_named():
    with pytest.raises(ValueError, match=r"time of 7 patient\(s\).*4 \(-1\) and 2 more"):
        survival_outcome(np.full(7, -1.0), np.ones(7))


@pytest.mark.parametrize(
    ("y", "found"), [(np.array([0, 1]), r"none \(ndarray\)"), (pd.DataFrame({"time": [1]}), "time")]
)
def test_a_table_without_the_fields_is_refused(y, found):
    with pytest.raises(ValueError, match=f"fields time and event; found: {found}"):
        as_outcome(y)


def test_too_few_events_are_refused_with_their_number():
    censored = survival_outcome([1, 2], [0, 0])
    with pytest.raises(ValueError, match="a Cox model needs at least 1 event; of 2 patients all are censored"):
        require_events(censored, purpose="a Cox model")
    one = survival_outcome([1, 2], [0, 1])
    require_events(one, purpose="a Cox model")
    with pytest.raises(ValueError, match="needs at least 2 events; of 2 patients 1 had the event"):
        require_events(one, purpose="cross-validation", fewest=2)
