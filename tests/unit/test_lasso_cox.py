import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from habitat_radiomics.cox import derivatives, maximise, risk_sets
from habitat_radiomics.lasso_cox import LassoCox, cox_path, cross_validate_cox_path, stratified_cox_folds
from habitat_radiomics.lasso_paths import LassoPath, chosen_penalties
from habitat_radiomics.persist import load_object, save_object
from habitat_radiomics.survival_outcome import survival_outcome
from oracles.oracle import Oracle, assert_close

GLMNET = ["glmnet_cox_pbc", "glmnet_cox_transbig"]
# glmnet's own distance from the optimum at thresh = 1e-11 (its gradients are off by up to 4e-6): see the test below.
GLMNET_COEFFICIENT_ERROR = 1e-4
# The same late in its folds, where the events are nearly separated; 1e-4 before.
GLMNET_LATE_DEVIANCE_ERROR = 5e-4


@pytest.fixture(params=GLMNET)
def glmnet(request):
    """R's answers, design matrix (a table) and outcome."""
    oracle = Oracle(request.param)
    table = oracle.table()
    return oracle, table.drop(columns=["time", "event"]), survival_outcome(table["time"], table["event"])


def correlated(n, p, *, seed=0):
    """Columns in correlated groups on very different scales, one doubled, one constant; tied times."""
    generator = np.random.default_rng(seed)
    factors = generator.normal(size=(n, 5))
    X = factors[:, np.arange(p) % 5] + 0.3 * generator.normal(size=(n, p))
    X[:, 1] = X[:, 0]
    X[:, 2] = 0.1
    time = generator.exponential(np.exp(-factors[:, 0]))
    y = survival_outcome(time.round(1), generator.random(n) < 0.6)
    return X * 10.0 ** generator.integers(-3, 4, p), y


def kkt_violation(X, y, coefficients, penalty, *, l1_ratio=1.0):
    """Largest violation of the optimality conditions, by the partial likelihood of another module."""
    scale = np.where(np.ptp(X, axis=0) > 0, X.std(axis=0), 1)
    sets = risk_sets(y, ties="breslow")
    Z, b = ((X - X.mean(axis=0)) / scale)[sets.order], coefficients * scale
    slope = derivatives(Z, sets, b).residuals.sum(axis=0) / len(X) - penalty * (1 - l1_ratio) * b
    chosen = b != 0
    inside = np.abs(slope[chosen] - penalty * l1_ratio * np.sign(b[chosen])).max(initial=0)
    return max(inside, (np.abs(slope[~chosen]) - penalty * l1_ratio).max(initial=0))


def full(names, expected):
    wanted = dict(zip(expected["name"], expected["coef"], strict=True))
    return np.array([wanted.get(name, 0.0) for name in names])


# Against R ------------------------------------------------------------------------------------------------------


def test_path_has_the_penalties_sizes_and_deviances_of_glmnet(glmnet):
    oracle, X, y = glmnet
    path = cox_path(X, y)
    oracle.check("path", **{"lambda": path.penalties, "df": path.n_nonzero, "dev_ratio": path.deviance_ratio})


def test_path_has_the_support_of_glmnet_and_coefficients_nearer_the_optimum(glmnet):
    oracle, X, y = glmnet
    path, values = cox_path(X, y), X.to_numpy(dtype=float)
    for expected in oracle["path"]["coef_at"]:
        index = int(np.argmin(np.abs(path.penalties - expected["lambda"])))
        ours, theirs = path.coefficients[:, index], full(X.columns, expected)
        assert_close(ours, theirs, tolerance=GLMNET_COEFFICIENT_ERROR)
        assert set(np.flatnonzero(ours)) == set(np.flatnonzero(theirs))
        assert kkt_violation(values, y, ours, path.penalties[index]) < 1e-8
        assert kkt_violation(values, y, theirs, expected["lambda"]) > 1e-7


def test_elastic_net_agrees_with_glmnet_at_alpha_one_half(glmnet):
    oracle, X, y = glmnet
    expected = oracle["elastic_net_half"]
    path = cox_path(X, y, l1_ratio=0.5)
    assert_close(path.penalties[19], expected["lambda"], tolerance=1e-8)
    tolerance = oracle.cases["elastic_net_half"]["tolerance"]
    assert_close(path.coefficients[:, 19], full(X.columns, expected), tolerance=tolerance)


def test_cross_validation_agrees_with_cv_glmnet(glmnet):
    oracle, X, y = glmnet
    expected = oracle["cv.deviance"]
    result = cross_validate_cox_path(X, y, oracle["foldid"]["foldid"], penalties=expected["lambda"])
    early = slice(0, 25)
    tolerance = oracle.cases["cv.deviance"]["tolerance"]
    assert_close(result.deviance_mean[early], expected["cvm"][early], tolerance=tolerance)
    assert_close(result.deviance_mean, expected["cvm"], tolerance=GLMNET_LATE_DEVIANCE_ERROR)
    assert_close(result.deviance_se[early], expected["cvsd"][early], tolerance=3 * tolerance)
    assert_close(result.penalty_min, expected["lambda_min"], tolerance=1e-12)
    assert_close(result.penalty_1se, expected["lambda_1se"], tolerance=1e-12)
    assert (result.index_min + 1, result.index_1se + 1) == (expected["index_min"], expected["index_1se"])
    chosen = result.path.coefficients[:, result.index_min]
    assert_close(chosen, full(X.columns, expected["coef_min"]), tolerance=GLMNET_COEFFICIENT_ERROR)


# By property ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n, p, l1_ratio", [(60, 200, 1.0), (60, 200, 0.5), (150, 20, 1.0)])
def test_solutions_fulfil_the_optimality_conditions(n, p, l1_ratio):
    X, y = correlated(n, p)
    path = cox_path(X, y, l1_ratio=l1_ratio, n_penalties=30)
    for penalty, b in zip(path.penalties, path.coefficients.T, strict=True):
        assert kkt_violation(X, y, b, penalty, l1_ratio=l1_ratio) < 2e-6


def test_a_vanishing_penalty_gives_the_unpenalised_model():
    X, y = correlated(150, 8)
    X = np.delete(X, [1, 2], axis=1)
    path = cox_path(X, y, penalties=[1e-3, 1e-12])
    exact = maximise(X, risk_sets(y, ties="breslow")).beta
    np.testing.assert_allclose(path.coefficients[:, -1], exact, rtol=1e-6)


def test_the_first_penalty_is_the_smallest_that_leaves_the_model_empty():
    X, y = correlated(60, 30)
    first = cox_path(X, y, n_penalties=5).penalties[0]
    assert not cox_path(X, y, penalties=[first * 1.000001]).coefficients.any()
    assert cox_path(X, y, penalties=[first * 0.999]).n_nonzero[0] > 0


def test_the_path_does_not_depend_on_row_order_origin_or_units():
    X, y = correlated(60, 30)
    X = np.delete(X, 1, axis=1)  # its copy: which of two equal columns enters is arbitrary
    order = np.random.default_rng(1).permutation(60)
    plain = cox_path(X, y, n_penalties=20)
    other = cox_path((X * 50 - 3)[order], y[order], n_penalties=20)
    np.testing.assert_allclose(other.penalties, plain.penalties, rtol=1e-9)
    scale = X.std(axis=0)[:, None]
    np.testing.assert_allclose(other.coefficients * 50 * scale, plain.coefficients * scale, atol=1e-6)


def test_the_deviance_of_the_folds_is_that_of_the_formula():
    X, y = correlated(60, 12)
    folds = stratified_cox_folds(y, folds=4, seed=2)
    penalties = [0.2, 0.1, 0.05]
    result = cross_validate_cox_path(X, y, folds, penalties=penalties)

    def loss(rows, b):
        outcome = y[rows]
        sets = risk_sets(outcome, ties="breslow")
        deaths = np.unique(outcome["time"][outcome["event"]], return_counts=True)[1]
        return 2 * (-(deaths * np.log(deaths)).sum() - derivatives(X[rows][sets.order], sets, b).log_likelihood)

    each, events = np.empty((4, 3)), np.bincount(folds, y["event"])
    for fold in range(4):
        trained = folds != fold
        fits = cox_path(X[trained], y[trained], penalties=penalties).coefficients.T
        everyone = np.ones(60, dtype=bool)
        each[fold] = [(loss(everyone, b) - loss(trained, b)) / events[fold] for b in fits]
    mean = np.average(each, axis=0, weights=events)
    error = np.sqrt(np.average((each - mean) ** 2, axis=0, weights=events) / 3)
    np.testing.assert_allclose(result.deviance_mean, mean, rtol=1e-6)
    np.testing.assert_allclose(result.deviance_se, error, rtol=1e-5)


def test_own_penalties_of_the_folds_lead_to_nearly_the_same_deviance():
    X, y = correlated(80, 20)
    folds = stratified_cox_folds(y, folds=5, seed=0)
    master = cross_validate_cox_path(X, y, folds, n_penalties=60)
    own = cross_validate_cox_path(X, y, folds, n_penalties=60, fold_penalties="own")
    length = min(master.deviance_mean.size, 40)
    np.testing.assert_allclose(own.deviance_mean[:length], master.deviance_mean[:length], rtol=0.02)


def test_weights_are_copies():
    X, y = correlated(40, 10)
    times = np.random.default_rng(0).integers(1, 4, 40)
    rows = np.repeat(np.arange(40), times)
    weighted = cross_validate_cox_path(X, y, np.arange(40) % 4, penalties=[0.2, 0.1, 0.05], weights=times)
    repeated = cross_validate_cox_path(X[rows], y[rows], rows % 4, penalties=[0.2, 0.1, 0.05])
    scale = X.std(axis=0)[:, None]
    np.testing.assert_allclose(weighted.path.coefficients * scale, repeated.path.coefficients * scale, atol=1e-6)
    np.testing.assert_allclose(weighted.deviance_mean, repeated.deviance_mean, rtol=1e-7)


# The estimator --------------------------------------------------------------------------------------------------


def test_the_score_is_higher_for_patients_who_have_the_event_earlier():
    X, y = correlated(120, 40)
    model = LassoCox().fit(X, y)
    early = y["time"] < np.median(y["time"])
    score = model.decision_function(X)
    assert score[early & y["event"]].mean() > score[~early].mean()
    np.testing.assert_allclose(score, X @ model.coef_[0], rtol=1e-9)
    assert model.intercept_.tolist() == [0.0]
    assert not model.empty_
    assert not model.saturated_
    assert model.folds_ == 10


def test_the_1se_rule_chooses_fewer_columns():
    X, y = correlated(120, 40)
    smallest, simpler = LassoCox().fit(X, y), LassoCox(rule="1se").fit(X, y)
    assert simpler.penalty_ == smallest.penalty_1se_ >= smallest.penalty_min_ == smallest.penalty_
    assert np.count_nonzero(simpler.coef_) <= np.count_nonzero(smallest.coef_)


def test_an_empty_model_gives_everyone_the_same_score_and_says_so():
    generator = np.random.default_rng(5)
    y = survival_outcome(generator.exponential(size=60), generator.random(60) < 0.5)
    model = LassoCox(rule="1se").fit(generator.normal(size=(60, 30)), y)
    assert model.empty_
    assert model.penalty_ == model.penalties_[0]
    assert (model.decision_function(generator.normal(size=(5, 30))) == 0).all()


def test_events_ordered_by_one_column_end_in_a_finite_model():
    generator = np.random.default_rng(0)
    X = generator.normal(size=(60, 20))
    X[:, 0] = -np.arange(60)
    y = survival_outcome(np.arange(60) + 1.0, np.ones(60))
    model = LassoCox(n_penalties=50).fit(X, y)
    assert np.isfinite(model.coef_).all()
    assert model.coef_[0, 0] > 0
    assert np.isfinite(model.deviance_mean_).all()


def test_few_events_reduce_the_folds_and_fewer_than_two_are_refused():
    X, y = correlated(40, 6)
    events = np.flatnonzero(y["event"])
    few = survival_outcome(y["time"], np.isin(np.arange(40), events[:5]))
    assert LassoCox().fit(X, few).folds_ == 5
    two = survival_outcome(y["time"], np.isin(np.arange(40), events[3:5]))
    model = LassoCox().fit(X, two)
    assert model.folds_ == 3
    assert np.isfinite(model.deviance_mean_).all()
    one = survival_outcome(y["time"], np.arange(40) == events[0])
    with pytest.raises(ValueError, match="cross-validation of a Cox model needs at least 2 events; of 40"):
        LassoCox().fit(X, one)
    with pytest.raises(ValueError, match="all are censored"):
        cox_path(X, survival_outcome(y["time"], np.zeros(40)))


def test_copies_of_a_patient_share_a_fold_and_count_as_weight():
    X, y = correlated(50, 12)
    rows = np.random.default_rng(0).integers(0, 50, 50)
    model = LassoCox(folds=4, seed=3).fit(X[rows], y[rows], patients=rows)
    distinct, first, times = np.unique(rows, return_index=True, return_counts=True)
    kept = rows[np.sort(first)]
    folds = stratified_cox_folds(y[kept], folds=4, seed=3)
    weights = times[np.searchsorted(distinct, kept)]
    by_hand = cross_validate_cox_path(X[kept], y[kept], folds, weights=weights)
    np.testing.assert_array_equal(model.deviance_mean_, by_hand.deviance_mean)
    with pytest.raises(ValueError, match="rows of one patient differ"):
        LassoCox(folds=4).fit(X, y, patients=np.arange(50) // 2)


def test_folds_hold_equal_numbers_of_events_and_the_same_seed_gives_the_same_folds():
    _, y = correlated(53, 3)
    folds = stratified_cox_folds(y, folds=5, seed=1)
    assert np.ptp(np.bincount(folds, y["event"])) <= 1
    assert np.ptp(np.bincount(folds)) <= 1
    np.testing.assert_array_equal(folds, stratified_cox_folds(y, folds=5, seed=1))


def test_a_stored_model_scores_alike_and_has_what_the_tables_of_signatures_read(tmp_path):
    X, y = correlated(80, 40)
    X = pd.DataFrame(X, columns=[f"T1|tumour|feature{i}" for i in range(40)])
    model = clone(LassoCox(folds=5)).fit(X, y)
    save_object(tmp_path / "model.skops", model)
    assert load_object(tmp_path / "model.skops").decision_function(X).tobytes() == model.decision_function(X).tobytes()
    length = model.penalties_.size
    assert model.coefficient_path_.shape == (40, length)
    assert model.deviance_mean_.shape == model.deviance_se_.shape == model.n_nonzero_.shape == (length,)


def test_importing_the_module_does_not_import_numba():
    code = (
        "import sys; sys.path.insert(0, 'scripts'); import habitat_radiomics.lasso_cox; print('numba' in sys.modules)"
    )
    root = Path(__file__).resolve().parents[2]
    answer = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "False"


@pytest.mark.parametrize(
    "change, message",
    [
        ({"rule": "best"}, "rule is 'best': use 'min' or '1se'"),
        ({"folds": 2}, "folds is 2: use a whole number of at least 3"),
        ({"l1_ratio": 0}, "l1_ratio is 0: use a number above 0"),
    ],
)
def test_unknown_settings_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        LassoCox(**change).fit(*correlated(40, 6))


def test_unusable_columns_and_folds_are_refused():
    X, y = correlated(40, 6)
    with pytest.raises(ValueError, match="NaN or infinity: 1 values in 1 of 6 columns"):
        LassoCox().fit(np.where(np.arange(240).reshape(40, 6) == 7, np.nan, X), y)
    with pytest.raises(ValueError, match=r"X has shape \(5, 6\) and y \(40,\): needed"):
        cox_path(X[:5], y)
    with pytest.raises(ValueError, match="None of the 2 columns varies"):
        cox_path(np.ones((40, 2)), y)
    with pytest.raises(ValueError, match="one fold label for each of the 40 patients"):
        cross_validate_cox_path(X, y, [0, 1])
    with pytest.raises(ValueError, match="Fold 1 holds out every event"):
        cross_validate_cox_path(X, y, y["event"].astype(int))


def test_penalties_at_which_a_fold_ran_off_to_infinity_are_not_chosen():
    path = LassoPath(np.array([3.0, 2.0, 1.0, 0.5]), np.zeros((1, 4)), np.zeros(4), np.zeros(4))
    mean, error = np.array([5.0, 4.0, 4.2, np.nan]), np.array([0.5, 0.5, 0.5, np.nan])
    chosen = chosen_penalties(path, mean, error)
    assert (chosen.penalty_min, chosen.penalty_1se) == (2.0, 2.0)
    with pytest.raises(ValueError, match="undefined at every penalty"):
        chosen_penalties(path, mean * np.nan, error)
