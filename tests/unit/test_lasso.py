import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.utils.estimator_checks import check_estimator

from habitat_radiomics import lasso_kernel
from habitat_radiomics.lasso import (
    LassoLogistic,
    cross_validate_path,
    logistic_path,
    stratified_folds,
)
from habitat_radiomics.lasso_paths import penalty_sequence
from oracles.oracle import Oracle, assert_close

GLMNET = ["glmnet_binomial_golub", "glmnet_binomial_sonar"]


@pytest.fixture(params=GLMNET)
def glmnet(request):
    """R's answers, design matrix (a table) and outcome."""
    oracle = Oracle(request.param)
    table = oracle.table()
    return oracle, table.drop(columns="y"), table["y"].to_numpy()


def correlated(n, p, *, seed=0):
    """Columns in correlated groups on very different scales, one doubled, one constant; y depends on the first."""
    generator = np.random.default_rng(seed)
    factors = generator.normal(size=(n, 5))
    X = factors[:, np.arange(p) % 5] + 0.3 * generator.normal(size=(n, p))
    X[:, 1] = X[:, 0]
    X[:, 2] = 0.1
    y = (factors[:, 0] + generator.logistic(size=n) > 0).astype(float)
    return X * 10.0 ** generator.integers(-4, 6, p), y


def assert_coefficients(path, index, names, expected, *, tolerance):
    """Compare one model with glmnet's list of non-zero coefficients; all others must be zero."""
    wanted = dict(zip(expected["name"], expected["coef"], strict=True))
    full = [wanted.get(name, 0.0) for name in ["(Intercept)", *names]]
    ours = np.concatenate([[path.intercepts[index]], path.coefficients[:, index]])
    assert_close(ours, full, tolerance=tolerance)
    assert set(np.flatnonzero(ours[1:])) == {i for i, name in enumerate(names) if name in wanted}


# Against R ------------------------------------------------------------------------------------------------------


def test_path_has_the_penalties_sizes_and_deviances_of_glmnet(glmnet):
    oracle, X, y = glmnet
    path = logistic_path(X, y)
    oracle.check("path", **{"lambda": path.penalties, "df": path.n_nonzero, "dev_ratio": path.deviance_ratio})


def test_path_has_the_coefficients_of_glmnet_on_the_input_scale(glmnet):
    oracle, X, y = glmnet
    path = logistic_path(X, y)
    for expected in oracle["path"]["coef_at"]:
        index = int(np.argmin(np.abs(path.penalties - expected["lambda"])))
        assert_coefficients(path, index, X.columns, expected, tolerance=oracle.cases["path"]["tolerance"])


def test_elastic_net_agrees_with_glmnet_at_alpha_one_half(glmnet):
    oracle, X, y = glmnet
    expected = oracle["elastic_net_half"]
    path = logistic_path(X, y, l1_ratio=0.5)
    assert_close(path.penalties[19], expected["lambda"], tolerance=1e-12)
    assert_coefficients(path, 19, X.columns, expected, tolerance=oracle.cases["elastic_net_half"]["tolerance"])


@pytest.mark.parametrize("case, mode", [("cv.deviance_explicit_lambda", "master"), ("cv.deviance", "own")])
def test_cross_validation_agrees_with_cv_glmnet(glmnet, case, mode):
    oracle, X, y = glmnet
    given = oracle[case]["lambda"] if mode == "master" else None
    result = cross_validate_path(X, y, oracle["foldid"]["foldid"], penalties=given, fold_penalties=mode)
    oracle.check(
        case,
        **{"lambda": result.path.penalties, "cvm": result.deviance_mean, "cvsd": result.deviance_se},
        lambda_min=result.penalty_min,
        lambda_1se=result.penalty_1se,
        index_min=result.index_min + 1,
        index_1se=result.index_1se + 1,
    )
    # At its own first penalty glmnet's column is in or out by rounding.
    assert result.path.n_nonzero[1:].tolist() == oracle[case]["nzero"][1:]
    tolerance = oracle.cases[case]["tolerance"]
    assert_coefficients(result.path, result.index_min, X.columns, oracle[case]["coef_min"], tolerance=tolerance)
    assert_coefficients(result.path, result.index_1se, X.columns, oracle[case]["coef_1se"], tolerance=tolerance)


# By property ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n, p, l1_ratio", [(60, 200, 1.0), (60, 200, 0.5), (150, 20, 1.0)])
def test_solutions_fulfil_the_optimality_conditions(n, p, l1_ratio):
    X, y = correlated(n, p)
    path = logistic_path(X, y, l1_ratio=l1_ratio, n_penalties=30)
    scale = np.where(np.ptp(X, axis=0) > 0, X.std(axis=0), 1)
    Z = (X - X.mean(axis=0)) / scale
    for penalty, b, b0 in zip(path.penalties, path.coefficients.T, path.intercepts, strict=True):
        residual = y - 1 / (1 + np.exp(-(X @ b + b0)))
        slope = Z.T @ residual / n - penalty * (1 - l1_ratio) * b * scale
        assert abs(residual.mean()) < 1e-7
        chosen = b != 0
        np.testing.assert_allclose(slope[chosen], penalty * l1_ratio * np.sign(b[chosen]), atol=1e-7)
        assert (np.abs(slope[~chosen]) <= penalty * l1_ratio * (1 + 2e-6)).all()


def test_a_single_penalty_agrees_with_scikit_learns_saga():
    X, y = correlated(80, 12)
    Z = X[:, 3:] / X[:, 3:].std(axis=0)
    path = logistic_path(Z, y, penalties=[0.03])
    saga = LogisticRegression(l1_ratio=1, C=1 / (80 * 0.03), solver="saga", tol=1e-9, max_iter=20000).fit(Z, y)
    np.testing.assert_allclose(path.coefficients[:, 0], saga.coef_[0], atol=1e-5)


def test_each_fold_is_standardised_and_fitted_without_its_held_out_patients():
    X, y = correlated(50, 8)
    folds = stratified_folds(y, folds=5, seed=3)
    result = cross_validate_path(X, y, folds, n_penalties=20)
    deviance = []
    for fold in range(5):
        held = folds == fold
        path = logistic_path(X[~held], y[~held], penalties=result.path.penalties)
        linear = X[held] @ path.coefficients + path.intercepts
        deviance.append(2 * np.log1p(np.exp(np.where(y[held, None] == 1, -linear, linear))).mean(axis=0))
    np.testing.assert_allclose(result.deviance_mean, np.mean(deviance, axis=0), rtol=1e-6)
    np.testing.assert_allclose(result.deviance_se, np.std(deviance, axis=0, ddof=1) / np.sqrt(5), rtol=1e-5)


def test_folds_of_fewer_than_three_patients_are_averaged_over_patients_as_in_glmnet():
    X, y = correlated(20, 4)
    result = cross_validate_path(X, y, np.arange(20), penalties=[0.1])
    deviance = []
    for patient in range(20):
        others = np.arange(20) != patient
        path = logistic_path(X[others], y[others], penalties=[0.1])
        linear = X[patient] @ path.coefficients[:, 0] + path.intercepts[0]
        deviance.append(2 * np.log1p(np.exp(-linear if y[patient] else linear)))
    assert result.deviance_mean[0] == pytest.approx(np.mean(deviance), rel=1e-6)
    assert result.deviance_se[0] == pytest.approx(np.std(deviance, ddof=1) / np.sqrt(20), rel=1e-5)


def test_shifting_and_scaling_the_columns_leaves_the_scores_alone():
    X, y = correlated(60, 30)
    path = logistic_path(X, y, n_penalties=20)
    moved = logistic_path(X * 7 - 1000, y, n_penalties=20)
    np.testing.assert_allclose(moved.penalties, path.penalties, rtol=1e-9)
    np.testing.assert_allclose(
        (X * 7 - 1000) @ moved.coefficients + moved.intercepts, X @ path.coefficients + path.intercepts, atol=1e-5
    )


def test_swapping_the_classes_turns_the_signs():
    X, y = correlated(60, 30)
    X = np.delete(X, 1, axis=1)  # of a doubled column either copy may be chosen
    path, swapped = logistic_path(X, y, n_penalties=20), logistic_path(X, 1 - y, n_penalties=20)
    np.testing.assert_allclose(swapped.intercepts, -path.intercepts, atol=1e-5)
    np.testing.assert_allclose(swapped.coefficients, -path.coefficients, rtol=1e-5, atol=1e-9)


def test_the_smallest_penalty_is_1e4_or_1e2_of_the_largest_by_the_shape_of_the_matrix():
    assert penalty_sequence(2.0, n=10, p=10, n_penalties=3) == pytest.approx([2, 2e-2, 2e-4])
    assert penalty_sequence(2.0, n=10, p=11, n_penalties=3) == pytest.approx([2, 0.2, 0.02])


def separable(n):
    """One column that separates the classes with a gap as wide as their spread."""
    x = np.concatenate([np.linspace(-2, -1, n // 2), np.linspace(1, 2, n - n // 2)])
    return x[:, None], (x > 0).astype(int)


def test_the_path_of_separable_data_ends_early_with_the_deviance_explained():
    x, y = separable(40)
    path = logistic_path(x, y)
    assert path.penalties.size < 100
    assert path.deviance_ratio[-1] > 0.999
    assert (path.deviance_ratio[:-1] <= 0.999).all()


def test_separable_data_stay_finite_at_a_tiny_given_penalty():
    x, y = separable(40)
    path = logistic_path(x, y, penalties=[1e-6])
    assert np.isfinite(path.coefficients).all()
    assert path.deviance_ratio[0] > 0.999


def test_the_first_model_of_a_path_is_empty_and_predicts_the_prevalence():
    X, y = correlated(60, 30)
    path = logistic_path(X, y, n_penalties=5)
    assert path.n_nonzero[0] == 0
    assert path.intercepts[0] == pytest.approx(np.log(y.mean() / (1 - y.mean())))


def test_stratified_folds_differ_by_one_patient_at_most_in_size_and_in_each_class():
    y = np.array([0] * 33 + [1] * 14)
    folds = stratified_folds(y, folds=5, seed=1)
    for part in (folds, folds[y == 0], folds[y == 1]):
        assert np.ptp(np.bincount(part, minlength=5)) <= 1
    assert (folds == stratified_folds(y, folds=5, seed=1)).all()
    assert (folds != stratified_folds(y, folds=5, seed=2)).any()


# The estimator --------------------------------------------------------------------------------------------------


def noise(n, p, *, seed):
    generator = np.random.default_rng(seed)
    return generator.normal(size=(n, p)), np.arange(n) % 2


def test_the_estimator_fulfils_scikit_learns_contract():
    check_estimator(LassoLogistic(folds=3, n_penalties=10), on_skip=None)


@pytest.mark.parametrize("rule", ["min", "1se"])
def test_the_estimator_keeps_the_model_of_its_rule(rule):
    X, y = correlated(80, 40)
    model = LassoLogistic(rule=rule, seed=4).fit(X, y)
    result = cross_validate_path(X, y, stratified_folds(y, folds=10, seed=4))
    index = {"min": result.index_min, "1se": result.index_1se}[rule]
    assert model.penalty_ == result.path.penalties[index]
    np.testing.assert_array_equal(model.coef_[0], result.path.coefficients[:, index])
    np.testing.assert_array_equal(model.deviance_mean_, result.deviance_mean)
    assert model.penalty_1se_ >= model.penalty_min_


def test_the_rad_score_is_intercept_plus_coefficients_times_features():
    X, y = correlated(80, 40)
    model = LassoLogistic().fit(X, y)
    score = model.decision_function(X)
    np.testing.assert_allclose(score, model.intercept_ + X @ model.coef_[0], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(
        model.predict_proba(X), np.column_stack([1 / (1 + np.exp(score)), 1 / (1 + np.exp(-score))])
    )
    assert score[y == 1].mean() > score[y == 0].mean()


def test_the_same_seed_gives_the_same_bytes_and_another_seed_other_folds():
    X, y = correlated(80, 40)
    first, second, other = (LassoLogistic(seed=seed).fit(X, y) for seed in (1, 1, 2))
    assert first.deviance_mean_.tobytes() == second.deviance_mean_.tobytes()
    assert first.coef_.tobytes() == second.coef_.tobytes()
    assert (first.deviance_mean_ != other.deviance_mean_).any()


def test_noise_can_end_in_the_empty_model_with_one_score_for_all():
    X, y = noise(60, 20, seed=0)
    model = LassoLogistic(rule="1se").fit(X, y)
    assert model.empty_
    assert np.unique(model.decision_function(X)).size == 1
    assert not LassoLogistic().fit(*correlated(80, 40)).empty_


def test_a_single_column_and_constant_columns_are_handled():
    X, y = correlated(60, 4)
    model = LassoLogistic().fit(X[:, [0]], y)
    assert model.coef_.shape == (1, 1) and model.coef_[0, 0] != 0
    assert LassoLogistic().fit(X, y).coef_[0, 2] == 0


def test_a_column_constant_in_the_training_part_of_a_fold_only_is_handled():
    X, y = correlated(60, 4)
    X[:, 3] = np.arange(60) == 17
    assert np.isfinite(LassoLogistic().fit(X, y).deviance_mean_).all()


@pytest.mark.parametrize("smaller, expected", [(2, 3), (3, 3), (7, 7), (12, 10)])
def test_few_patients_in_a_class_reduce_the_folds_to_their_number_but_not_below_three(smaller, expected):
    X, _ = noise(40, 3, seed=1)
    model = LassoLogistic().fit(X, np.arange(40) < smaller)
    assert model.folds_ == expected
    assert np.isfinite(model.deviance_mean_).all()


def test_separable_data_choose_the_last_penalty_of_a_path_that_ended_early():
    model = LassoLogistic().fit(*separable(60))
    assert model.penalties_.size < 100
    assert model.penalty_ == model.penalties_[-1]
    assert np.isfinite(model.coef_).all()


def test_class_names_are_kept_and_the_second_in_order_is_the_event():
    X, y = correlated(80, 40)
    names = np.where(y == 1, "yes", "no")
    model = LassoLogistic().fit(X, names)
    assert list(model.classes_) == ["no", "yes"]
    assert (model.predict(X)[model.decision_function(X) > 0] == "yes").all()


def test_a_stored_model_scores_alike_and_holds_nothing_that_must_be_trusted(tmp_path):
    X, y = correlated(80, 40)
    X = pd.DataFrame(X, columns=[f"T1|tumour|feature{i}" for i in range(40)])
    model = LassoLogistic().fit(X, y)
    skops.io.dump(model, tmp_path / "model.skops")
    unknown = skops.io.get_untrusted_types(file=tmp_path / "model.skops")
    assert unknown == ["habitat_radiomics.lasso.LassoLogistic"]
    loaded = skops.io.load(tmp_path / "model.skops", trusted=unknown)
    assert loaded.decision_function(X).tobytes() == model.decision_function(X).tobytes()
    assert list(loaded.feature_names_in_) == list(X.columns)


def test_importing_the_module_does_not_import_numba():
    library = Path(lasso_kernel.__file__).parents[1]
    code = "import sys, habitat_radiomics.lasso; print('numba' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": str(library)}
    answer = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "False"


def test_one_compilation_serves_every_kind_of_input():
    X, y = correlated(40, 9)
    table = pd.DataFrame(X).assign(y=y.astype(int))
    logistic_path(table.drop(columns="y"), table["y"], penalties=[1, 0.1], tolerance=1e-10, l1_ratio=1)
    cross_validate_path(np.asfortranarray(X), y > 0, [i % 3 for i in range(40)], fold_penalties="own", n_penalties=5)
    LassoLogistic().fit(table[[0, 3, 5]], table["y"])
    assert len(lasso_kernel.walk_paths.signatures) == 1


# Messages -------------------------------------------------------------------------------------------------------


def test_missing_values_are_refused_with_the_names_of_their_columns():
    X, y = correlated(40, 9)
    X = pd.DataFrame(X, columns=list("abcdefghi"))
    X.iloc[3, 1] = np.nan
    X.iloc[[3, 5], 4] = np.inf
    with pytest.raises(ValueError, match=r"3 values in 2 of 9 columns \(b, e\).*impute or drop"):
        LassoLogistic().fit(X, y)
    X.iloc[3] = np.nan
    with pytest.raises(ValueError, match=r"\(a, b, c, d, e, \.\.\.\)"):
        LassoLogistic().fit(X, y)
    with pytest.raises(ValueError, match="NaN or infinity: 10 values in 9 of 9 columns"):
        logistic_path(X, y)


def test_missing_values_are_refused_in_new_patients_too():
    X, y = correlated(40, 9)
    model = LassoLogistic().fit(X, y)
    X[0, 0] = np.nan
    with pytest.raises(ValueError, match="1 values in 1 of 9 columns"):
        model.predict_proba(X)


def test_one_class_is_refused():
    X, _ = correlated(40, 9)
    with pytest.raises(ValueError, match=r"one class only, 1 \(patients: 40\).*needs two"):
        LassoLogistic().fit(X, np.ones(40, dtype=int))
    with pytest.raises(ValueError, match="one class only"):
        logistic_path(X, np.ones(40))


def test_three_classes_and_other_codings_are_refused():
    X, _ = correlated(40, 9)
    with pytest.raises(ValueError, match="Only binary classification is supported.*3 classes"):
        LassoLogistic().fit(X, np.arange(40) % 3)
    with pytest.raises(ValueError, match="y holds 2: the outcome must be coded 0"):
        logistic_path(X, np.arange(40) % 2 + 1)


def test_a_class_of_one_patient_is_refused():
    X, _ = correlated(40, 9)
    with pytest.raises(ValueError, match="single patient: cross-validation needs at least 2"):
        LassoLogistic().fit(X, np.arange(40) == 0)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"rule": "minimum"}, "rule is 'minimum': use 'min' or '1se'"),
        ({"folds": 2}, "folds is 2: use a whole number of at least 3"),
        ({"folds": 10.0}, "folds is 10.0: use a whole number"),
        ({"l1_ratio": 0}, "l1_ratio is 0: use a number above 0"),
    ],
)
def test_unknown_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        clone(LassoLogistic(**settings)).fit(*correlated(40, 9))


def test_columns_without_any_variation_are_refused():
    with pytest.raises(ValueError, match="None of the 2 columns varies together with y"):
        LassoLogistic().fit(np.full((20, 2), 0.1), np.arange(20) % 2)


def test_faulty_shapes_folds_and_penalties_are_refused():
    X, y = correlated(40, 9)
    with pytest.raises(ValueError, match=r"X has shape \(40, 9\) and y \(39,\)"):
        logistic_path(X, y[1:])
    with pytest.raises(ValueError, match="one fold label for each of the 40 patients"):
        cross_validate_path(X, y, np.zeros(3))
    with pytest.raises(ValueError, match="Fold 0 holds out every patient of one class"):
        cross_validate_path(X, y, y.astype(int))
    with pytest.raises(ValueError, match="fold_penalties is 'mine': use 'master' or 'own'"):
        cross_validate_path(X, y, np.arange(40) % 4, fold_penalties="mine")
    for penalties in ([0.1, 0.2], [0.1, 0.0], []):
        with pytest.raises(ValueError, match="positive numbers in decreasing order"):
            logistic_path(X, y, penalties=penalties)


def test_a_tolerance_that_cannot_be_reached_is_reported():
    X, y = correlated(40, 9)
    with pytest.warns(ConvergenceWarning, match="did not reach the tolerance 0 at some penalty between 0.05 and 0.1"):
        logistic_path(X[:, [0, 3]], y, penalties=[0.1, 0.05], tolerance=0)


def test_an_unfitted_model_says_so():
    with pytest.raises(NotFittedError):
        LassoLogistic().predict(np.zeros((2, 2)))
