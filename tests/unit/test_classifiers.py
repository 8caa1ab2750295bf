"""Every classifier learns, is tuned and calibrated without the patients it is judged on, and is stored exactly."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from habitat_radiomics import classifiers
from habitat_radiomics.booster_extra import OPTIONAL
from habitat_radiomics.classifiers import CLASSIFIERS, TunedClassifier, fit_machine, machine_score, tune
from habitat_radiomics.estimator_words import SIMPLICITY, WORDS
from habitat_radiomics.persist import load_object, save_object
from habitat_radiomics.roc import auc

ROOT = Path(__file__).resolve().parents[2]
HERE = [kind for kind in CLASSIFIERS if kind not in OPTIONAL or find_spec(kind)]  # all of them in `make test-boosting`


def sample(n=90, inputs=3, signal=1.0, seed=0, share=0.5):
    random = np.random.default_rng(seed)
    y = (np.arange(n) < share * n).astype(int)
    return random.normal(size=(n, inputs)) + signal * y[:, None], y


@pytest.fixture(autouse=True)
def small_forests(monkeypatch):
    monkeypatch.setattr(classifiers, "TREES", 15)


def test_every_classifier_has_a_place_in_the_order_of_simplicity_and_words():
    assert set(SIMPLICITY) == set(CLASSIFIERS)
    assert len(SIMPLICITY) == len(CLASSIFIERS)
    assert set(CLASSIFIERS) < set(WORDS)


@pytest.mark.parametrize("kind", HERE)
def test_a_classifier_finds_a_signal_and_its_probabilities_rise_with_its_score(kind):
    X, y = sample()
    new, truth = sample(n=400, seed=1)
    fitted = TunedClassifier(kind=kind, folds=4).fit(X, y)
    assert auc(truth, fitted.decision_function(new)) > 0.8
    order = np.argsort(fitted.decision_function(new), kind="stable")
    assert (np.diff(fitted.predict_proba(new)[order, 1]) >= 0).all()
    assert fitted.settings_ in CLASSIFIERS[kind].grid


@pytest.mark.parametrize("kind", HERE)
def test_a_rare_outcome_gets_probabilities_of_its_frequency_though_classes_weigh_the_same(kind):
    X, y = sample(n=150, share=0.2, signal=0.7)
    new, _ = sample(n=500, share=0.2, signal=0.7, seed=2)
    fitted = TunedClassifier(kind=kind, folds=4).fit(X, y)
    assert fitted.predict_proba(new)[:, 1].mean() == pytest.approx(0.2, abs=0.08)


@pytest.mark.parametrize("kind", [kind for kind in HERE if kind != "knn"])
def test_classes_weigh_the_same(kind):
    X, y = sample(n=200, inputs=1, share=0.15, signal=1.0)
    machine = fit_machine(kind, CLASSIFIERS[kind].grid[-1], X, y, seed=0)
    middle = {"decision": 0.0, "log_odds": 0.0, "probability": 0.5}[CLASSIFIERS[kind].score]
    called = machine_score(machine, X) > middle
    assert 0.25 < called.mean() < 0.6  # a classifier that counts patients would call about one in ten


@pytest.mark.parametrize("kind", HERE)
def test_equal_fits_are_stored_in_equal_bytes_and_read_back_exactly(kind, tmp_path):
    X, y = sample(n=60)
    for name in ("a", "b"):
        save_object(tmp_path / name, TunedClassifier(kind=kind, folds=3).fit(X, y))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    loaded = load_object(tmp_path / "a")
    fresh = TunedClassifier(kind=kind, folds=3).fit(X, y)
    np.testing.assert_array_equal(loaded.predict_proba(X), fresh.predict_proba(X))
    save_object(tmp_path / "again", loaded)
    assert (tmp_path / "again").read_bytes() == (tmp_path / "a").read_bytes()


def test_another_process_with_more_threads_stores_the_same_bytes(tmp_path):
    code = (
        "import sys, numpy as np; sys.path.insert(0, 'scripts')\n"
        "from habitat_radiomics import classifiers\n"
        "from habitat_radiomics.best_classifier import BestClassifier\n"
        "from habitat_radiomics.persist import save_object\n"
        "X = np.random.default_rng(0).normal(size=(40, 2)); y = np.arange(40) % 2; X += y[:, None]\n"
        "classifiers.TREES = 5; kinds = ('random_forest', 'gradient_boosting', 'mlp')\n"
        "save_object(sys.argv[1], BestClassifier(classifiers=kinds, folds=2).fit(X, y))\n"
    )
    for threads in ("1", "4"):
        environment = {**os.environ, "OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads}
        command = [sys.executable, "-c", code, tmp_path / threads]
        subprocess.run(command, cwd=ROOT, env=environment, check=True)
    assert (tmp_path / "1").read_bytes() == (tmp_path / "4").read_bytes()


@pytest.mark.parametrize("kind", HERE)
def test_inputs_that_never_vary_give_everybody_the_share_of_events(kind):
    y = np.repeat([0, 1], [30, 10])
    fitted = TunedClassifier(kind=kind, folds=3).fit(np.ones((40, 2)), y)
    risk = fitted.predict_proba(np.array([[1.0, 1.0], [5.0, -3.0]]))[:, 1]
    assert risk[0] == risk[1] == pytest.approx(0.25, abs=0.02)


def test_the_scale_of_a_score_does_not_depend_on_the_penalty():
    X, y = sample()
    weak, strong = (fit_machine("penalised_logistic", {"C": C}, X, y, seed=0) for C in (10.0, 0.001))
    assert np.std(weak.pipeline.decision_function(X)) > 10 * np.std(strong.pipeline.decision_function(X))
    assert np.std(machine_score(weak, X)) == pytest.approx(np.std(machine_score(strong, X)))


def test_tuning_takes_the_settings_of_the_largest_auc_and_of_equals_the_simplest(monkeypatch):
    X, y = sample(n=60, signal=4.0)
    outcome = pd.Series(y, range(60))
    assert tune("penalised_logistic", X, outcome, seed=0)[1] == {"C": 0.001}  # all separate the classes
    random = np.random.default_rng(3)
    ring = random.normal(size=(200, 2))
    inside = pd.Series((np.square(ring).sum(axis=1) < 1.3).astype(int))
    assert tune("tuned_svm", ring, inside, seed=0)[1]["kernel"] == "rbf"


def test_no_more_neighbours_than_a_third_of_the_patients():
    X, y = sample(n=30)
    assert TunedClassifier(kind="knn", folds=3).fit(X, y).settings_["n_neighbors"] <= 10


def test_copies_of_a_patient_stay_together_in_tuning_and_calibration():
    X, y = sample(n=30, inputs=8, signal=0.0, seed=3)
    rows = np.tile(np.arange(30), 6)
    y = np.random.default_rng(5).permutation(y)
    apart = TunedClassifier(kind="knn", folds=4).fit(X[rows], y[rows])
    together = TunedClassifier(kind="knn", folds=4).fit(X[rows], y[rows], [f"P{row}" for row in rows])
    assert auc(y[rows], apart.held_out_) > 0.95
    assert auc(y[rows], together.held_out_) < 0.8


def test_given_held_out_scores_decide_on_the_sigmoid_and_leave_the_classifier():
    X, y = sample(n=60)
    own = TunedClassifier(kind="lda").fit(X, y)
    given = TunedClassifier(kind="lda").fit(X, y, held_out=np.zeros(60))
    np.testing.assert_array_equal(own.decision_function(X), given.decision_function(X))
    assert given.slope_ == 0 < own.slope_
    assert not hasattr(TunedClassifier(kind="lda").fit(X, y, calibrate=False), "slope_")


@pytest.mark.parametrize("kind", ["penalised_logistic", "lda"])
def test_coefficients_of_a_linear_classifier_are_its_log_odds_per_standard_deviation(kind):
    X, y = sample(inputs=3)
    X[:, 1] *= 10
    fitted = TunedClassifier(kind=kind).fit(X, y)
    found = fitted.standardised_coefficients()
    for k in range(3):
        step = X.copy()
        step[:, k] += X[:, k].std()
        np.testing.assert_allclose(fitted.log_odds(step) - fitted.log_odds(X), found[k])


def test_a_classifier_that_is_not_linear_has_no_coefficients():
    X, y = sample(n=60)
    assert TunedClassifier(kind="knn", folds=3).fit(X, y).standardised_coefficients() is None
    assert TunedClassifier(kind="lda", folds=3).fit(np.ones((60, 2)), y).standardised_coefficients() is None
