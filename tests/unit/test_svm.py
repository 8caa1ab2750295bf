"""The machine equals R's e1071; its probabilities come from patients it did not see."""

import numpy as np
import pandas as pd
import pytest

from habitat_radiomics.persist import load_object, save_object
from habitat_radiomics.svm import SupportVectorModel, platt_sigmoid
from oracles.oracle import Oracle

ORACLE = Oracle("svm_iris")


def iris():
    table = ORACLE.table()
    table = table[table.iloc[:, -1] != "setosa"].reset_index(drop=True)
    X = table.select_dtypes("number").to_numpy()[:, :4]
    y = (table.iloc[:, -1] == "virginica").to_numpy(dtype=int)
    train = (np.arange(100) + 1) % 4 != 0
    return X[train], y[train], X[~train]


@pytest.mark.parametrize("cost", [1, 10])
def test_decision_values_are_those_of_e1071(cost):
    X, y, new = iris()
    fitted = SupportVectorModel(cost=cost).fit(X, y)
    of_new = fitted.decision_function(new)
    ORACLE.check(
        f"svm.radial.C{cost}",
        n_sv=fitted.machine_.n_support_.sum(),
        decision_first10=fitted.decision_function(X)[:10],
        decision_new_first10=of_new[:10],
        decision_new_sum=of_new.sum(),
        train_accuracy=np.mean(fitted.predict(X) == y),
    )


def sample(n=80, inputs=3, signal=1.0, seed=0):
    random = np.random.default_rng(seed)
    y = np.arange(n) % 2
    return random.normal(size=(n, inputs)) + signal * y[:, None], y


def test_probabilities_rise_with_the_score_and_mean_what_they_say():
    X, y = sample(n=400)
    new, truth = sample(n=2000, seed=1)
    fitted = SupportVectorModel().fit(X, y)
    order = np.argsort(fitted.decision_function(new))
    risk = fitted.predict_proba(new)[:, 1]
    assert (np.diff(risk[order]) >= 0).all()
    low, high = risk < 0.3, risk > 0.7
    assert abs(truth[low].mean() - risk[low].mean()) < 0.08
    assert abs(truth[high].mean() - risk[high].mean()) < 0.08


def test_noise_gets_probabilities_near_the_share_of_events():
    X, y = sample(signal=0.0)
    risk = SupportVectorModel().fit(X, y).predict_proba(X)[:, 1]
    assert risk.std() < 0.2
    assert abs(risk.mean() - 0.5) < 0.15


def test_a_sigmoid_that_would_fall_stays_level():
    y = np.array([0, 0, 0, 1, 1, 1])
    slope, offset = platt_sigmoid(np.array([3.0, 2.0, 1.0, -1.0, -2.0, -3.0]), y)
    assert (slope, offset) == (0.0, 0.0)


def test_separated_values_give_a_finite_sigmoid():
    slope, offset = platt_sigmoid(np.array([-2.0, -1.5, -1.0, 1.0, 1.5, 2.0]), np.array([0, 0, 0, 1, 1, 1]))
    assert 0 < slope < 10
    assert abs(offset) < 1e-9


def test_equal_values_give_everybody_the_smoothed_share_of_events():
    slope, offset = platt_sigmoid(np.zeros(5), np.array([0, 0, 0, 1, 1]))
    share = (3 * (1 / 5) + 2 * (3 / 4)) / 5
    assert slope == 0
    assert 1 / (1 + np.exp(-offset)) == pytest.approx(share)


def test_given_held_out_values_decide_on_the_sigmoid_and_leave_the_machine():
    X, y = sample()
    own = SupportVectorModel().fit(X, y)
    given = SupportVectorModel().fit(X, y, held_out=np.zeros(len(y)))
    np.testing.assert_array_equal(own.decision_function(X), given.decision_function(X))
    assert given.slope_ == 0 < own.slope_


def test_copies_of_a_patient_are_held_out_together():
    X, y = sample(n=30, inputs=8, signal=0.0, seed=3)
    rows = np.tile(np.arange(30), 6)
    apart = SupportVectorModel().fit(X[rows], y[rows])
    together = SupportVectorModel().fit(X[rows], y[rows], patients=pd.Index([f"P{row}" for row in rows]))
    assert together.slope_ < 0.5 * apart.slope_


def test_a_constant_input_changes_nothing_but_the_width_of_the_kernel():
    X, y = sample()
    plain = SupportVectorModel(gamma=0.25).fit(X, y)
    constant = SupportVectorModel(gamma=0.25).fit(np.column_stack([X, np.full(len(y), 7.0)]), y)
    np.testing.assert_allclose(
        plain.decision_function(X), constant.decision_function(np.column_stack([X, np.full(len(y), 7.0)])), atol=1e-6
    )


def test_equal_fits_are_stored_in_equal_bytes_and_read_back_exactly(tmp_path):
    X, y = sample()
    for name in ("a", "b"):
        save_object(tmp_path / name, SupportVectorModel().fit(X, y))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    loaded = load_object(tmp_path / "a")
    np.testing.assert_array_equal(loaded.predict_proba(X), SupportVectorModel().fit(X, y).predict_proba(X))
