import pytest

from habitat_radiomics.faults import LeakageError
from habitat_radiomics.leakage import digests, require_training

TRAINING = ["P1", "P2", "P3"]


def test_training_patients_pass():
    require_training("model", digests(["P1", "P3"]), TRAINING)


def test_a_stranger_stops_the_run():
    with pytest.raises(LeakageError, match="model was fitted on 2 patients, 1 of them outside the training cohort"):
        require_training("model", digests(["P1", "P9"]), TRAINING)


def test_an_object_that_does_not_say_whom_it_saw_stops_the_run():
    with pytest.raises(LeakageError, match="does not say on which patients"):
        require_training("model", None, TRAINING)


def test_digests_do_not_depend_on_the_order_and_do_not_name_anybody():
    assert digests(["P2", "P1"]) == digests(["P1", "P2"])
    assert not any("P1" in digest for digest in digests(["P1"]))
