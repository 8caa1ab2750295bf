import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from habitat_radiomics.calibration import ONE_CLASS
from habitat_radiomics.faults import DataFault
from habitat_radiomics.logistic import LogisticModel
from habitat_radiomics.optimism import (
    STATISTICS,
    apparent_performance,
    bias_corrected_calibration,
    corrected_error,
    corrected_performance,
    draw_resamples,
    merge_chunks,
    optimism_chunk,
    resample_faults,
)
from oracles.oracle import Oracle, assert_close

ORACLE = Oracle("calibration_nomogram_birthwt")


def fit_logistic(X, y):
    model = LogisticModel().fit(X, y)
    return lambda X: model.predict_proba(X)[:, 1]


def births():
    table = ORACLE.table()
    X = table[["lwt", "smoke", "ht", "ui"]].assign(black=table.race == "black", other=table.race == "other")
    return X.astype(float), table.low.to_numpy()


def simulated(n=60, *, predictors=3, seed=0):
    generator = np.random.default_rng(seed)
    X = generator.normal(size=(n, predictors))
    return X, (generator.random(n) < expit(X[:, 0] - 0.3)).astype(int)


@pytest.fixture(scope="module")
def replay():
    """The 200 resamples that R was given."""
    X, y = births()
    return bias_corrected_calibration(
        fit_logistic, X, y, ORACLE.table(1).to_numpy() - 1, at=ORACLE["optimism_replay"]["predy"]
    )


def test_optimism_on_the_same_resamples_agrees_with_r(replay):
    table = replay[0].set_index("statistic")
    ORACLE.check(
        "optimism_replay",
        C_apparent=table.apparent["auc"],
        C_train=table.train["auc"],
        C_test=table.test["auc"],
        C_corrected=table.corrected["auc"],
        brier_apparent=table.apparent["brier"],
        brier_corrected=table.corrected["brier"],
        slope_corrected=table.corrected["slope"],
        intercept_corrected=table.corrected["joint_intercept"],
    )


def test_bias_corrected_curve_on_the_same_resamples_agrees_with_r(replay):
    curve = replay[1]
    ORACLE.check(
        "optimism_replay",
        predy=curve["at"],
        curve_apparent=curve.apparent,
        curve_corrected=curve.corrected,
        n_na=200 - curve.resamples,
    )


def test_the_estimator_is_that_of_rms_with_its_own_resamples(replay):
    table = replay[0].set_index("statistic")
    ORACLE.check("optimism_replay_vs_rms", C_corrected_rms=table.corrected["auc"])
    ORACLE.check("optimism_replay_vs_rms", slope_corrected_rms=table.corrected["slope"])
    rms = ORACLE["validate_boot1000"]
    known = {name: rms["corrected"][rms["index"].index(name)] for name in ("Slope", "B", "Intercept")}
    ours = table.corrected[["slope", "brier", "joint_intercept"]]
    assert_close(ours, list(known.values()), tolerance=0.025, label="200 against 1000 resamples")
    assert_close(replay[1].corrected[2:], ORACLE["calibrate_boot1000"]["corrected"][2:], tolerance=0.015)


def test_any_division_into_chunks_gives_the_same_bytes():
    X, y = simulated()
    resamples, at = draw_resamples(len(y), count=12, seed=4), np.linspace(0.2, 0.7, 5)
    whole = optimism_chunk(fit_logistic, X, y, resamples, numbers=range(12), at=at)
    parts = [
        optimism_chunk(fit_logistic, X, y, resamples, numbers=numbers, at=at)
        for numbers in (range(7, 12), [0], range(1, 7))
    ]
    pd.testing.assert_frame_equal(merge_chunks(parts), merge_chunks([whole]), check_exact=True)


def test_the_first_resamples_do_not_depend_on_how_many_are_drawn():
    few, many = draw_resamples(30, count=5, seed=9), draw_resamples(30, count=50, seed=9)
    np.testing.assert_array_equal(few, many[:5])
    assert (few.min() >= 0, few.max() < 30) == (True, True)
    assert not np.array_equal(few, draw_resamples(30, count=5, seed=10))


def test_tables_and_row_numbers_do_as_well_as_arrays():
    X, y = simulated()
    resamples = draw_resamples(len(y), count=5, seed=1)
    numbers = np.arange(len(y))

    def fit_rows(rows, y):
        predict = fit_logistic(X[rows], y)
        return lambda rows: predict(X[rows])

    answers = [
        bias_corrected_calibration(fit, data, y, resamples, at=[0.5])[0]
        for fit, data in ((fit_logistic, X), (fit_logistic, pd.DataFrame(X)), (fit_rows, numbers))
    ]
    pd.testing.assert_frame_equal(answers[0], answers[1])
    pd.testing.assert_frame_equal(answers[0], answers[2])


def test_a_model_that_learns_nothing_from_the_patients_has_no_optimism():
    X, y = simulated(400)
    statistics, curve = bias_corrected_calibration(
        lambda X, y: lambda X: expit(X[:, 0] - 0.3), X, y, draw_resamples(400, count=150, seed=2), at=[0.3, 0.5]
    )
    assert statistics.optimism.abs().max() < 0.03
    assert curve.optimism.abs().max() < 0.02


def test_selection_inside_the_resample_costs_what_selection_outside_hides():
    generator = np.random.default_rng(5)
    X, y = generator.normal(size=(60, 200)), np.arange(60) % 2

    def select_then_fit(X, y):
        strongest = np.argsort(-np.abs(X[y == 1].mean(axis=0) - X[y == 0].mean(axis=0)))[:3]
        predict = fit_logistic(X[:, strongest], y)
        return lambda X: predict(X[:, strongest])

    resamples = draw_resamples(60, count=40, seed=6)
    whole = bias_corrected_calibration(select_then_fit, X, y, resamples, at=[0.5])[0]
    chosen = X[:, np.argsort(-np.abs(X[y == 1].mean(axis=0) - X[y == 0].mean(axis=0)))[:3]]
    fixed = bias_corrected_calibration(fit_logistic, chosen, y, resamples, at=[0.5])[0]
    assert whole.apparent[0] == fixed.apparent[0] > 0.7
    assert whole.corrected[0] < fixed.corrected[0] - 0.05  # there is nothing to be found


def test_resamples_that_cannot_be_fitted_are_counted_and_left_out():
    X, y = simulated(20)
    resamples = draw_resamples(20, count=6, seed=3)
    resamples[1] = np.flatnonzero(y == 1)[0]

    def fit(X, y):
        if y.sum() == y_of_third:
            raise DataFault("no_feature", "no feature was selected")
        return fit_logistic(X, y)

    y_of_third = y[resamples[3]].sum()
    same = sum(y[rows].sum() == y_of_third for rows in resamples)
    apparent = apparent_performance(fit_logistic, X, y, at=[0.4])
    resampled = merge_chunks([optimism_chunk(fit, X, y, resamples, numbers=range(6), at=[0.4])])
    assert resample_faults(resampled) == {"no_feature": same, ONE_CLASS: 1}
    statistics, _ = corrected_performance(apparent, resampled)
    assert statistics.set_index("statistic").resamples["brier"] == 6 - 1 - same


def test_without_a_usable_resample_nothing_is_corrected():
    X, y = simulated(20)
    same = np.full((2, 20), np.flatnonzero(y == 0)[0])
    statistics, curve = bias_corrected_calibration(fit_logistic, X, y, same, at=[0.4])
    assert statistics.resamples.tolist() == [0] * len(STATISTICS)
    assert statistics.corrected.isna().all()
    assert statistics.apparent.notna().all()
    assert curve.corrected.isna().all()
    assert np.isnan(corrected_error(curve, np.array([0.4]))).all()


def test_a_missing_or_repeated_resample_is_refused():
    X, y = simulated(20)
    resamples = draw_resamples(20, count=4, seed=3)
    first, last = (optimism_chunk(fit_logistic, X, y, resamples, numbers=k, at=[]) for k in ([0, 1], [3]))
    with pytest.raises(ValueError, match="chunks hold resample 2 0 times .1 such resamples of 4.: every resample must"):
        merge_chunks([first, last])
    with pytest.raises(ValueError, match="chunks hold resample 0 2 times"):
        merge_chunks([first, first])


def test_the_error_of_the_corrected_curve_is_the_mean_distance_from_the_diagonal():
    curve = pd.DataFrame({"at": [0.0, 1.0, 2.0], "corrected": [0.1, 1.1, np.nan]})
    assert corrected_error(curve, np.array([0.2, 0.4, 1.5])) == pytest.approx((0.1, 0.1))
