import numpy as np
import pandas as pd
import pytest

from habitat_radiomics.bootstrap_tables import NOT_FITTED_HERE
from habitat_radiomics.brier import out_of_bag_errors, plus_632
from habitat_radiomics.concordance import concordance
from habitat_radiomics.cox import CoxModel
from habitat_radiomics.model import build_model
from habitat_radiomics.resampling import resample_indices
from habitat_radiomics.survival_bootstrap import (
    bootstrap_tables,
    error_curve,
    fixed_features_bootstrap,
    measure_replicates,
    plus_632_value,
)
from habitat_radiomics.survival_outcome import survival_outcome
from oracles.oracle import FOLDER, Oracle

ORACLE = Oracle("timeauc_lung")
TABLE = ORACLE.table()
TIME, EVENT = TABLE["time"].to_numpy(float), TABLE["event"].to_numpy()
X = np.column_stack([TABLE["age"], TABLE["sex"] == "female", TABLE["ph_ecog"]]).astype(float)
PATIENTS = np.array([f"P{i:03d}" for i in range(len(TIME))])
OUTCOME = pd.DataFrame({"time": TIME, "event": EVENT}, index=PATIENTS)
RESAMPLES = np.loadtxt(FOLDER / "inputs/lung_632_idx.csv", delimiter=",", skiprows=1, dtype=int)[:12] - 1
HORIZONS = [180, 365]
TIMES = np.unique(TIME[EVENT == 1])


def replicate(number, rows):
    """What the workflow stores of one resample."""
    model = CoxModel(ties="breslow").fit(X[rows], survival_outcome(TIME[rows], EVENT[rows]))
    table = pd.DataFrame({"replicate": number, "patient": PATIENTS, "drawn": np.bincount(rows, minlength=len(TIME))})
    table["score"], table["reason"] = model.decision_function(X), ""
    table[["risk_180", "risk_365"]] = 1 - model.predict_survival(X, HORIZONS)
    baseline = {"replicate": number, "time": model.event_times_, "cumulative_hazard": model.cumulative_hazard_}
    return table, pd.DataFrame(baseline)


@pytest.fixture(scope="module")
def stored():
    parts = [replicate(k, rows) for k, rows in enumerate([np.arange(len(TIME)), *RESAMPLES])]
    return tuple(pd.concat(tables, ignore_index=True) for tables in zip(*parts, strict=True))


@pytest.fixture(scope="module")
def tables(stored):
    return bootstrap_tables(*stored, OUTCOME, horizons=HORIZONS, times=TIMES, level=0.95, cross_fitted=False)


def test_errors_from_stored_scores_and_hazards_are_those_of_refitting(stored):
    times = np.array([*TIMES[TIMES < 365], 365])

    def fit(rows, time, event):
        model = CoxModel(ties="breslow").fit(rows, survival_outcome(time, event))
        return lambda others: model.predict_survival(others, times)

    left_out = out_of_bag_errors(fit, X, TIME, EVENT, RESAMPLES, times, numbers=range(len(RESAMPLES)))
    curve, integrated = error_curve(*stored, OUTCOME, times=TIMES, until=365)
    found = curve.set_index("time")["out_of_bag"]
    np.testing.assert_allclose(found, left_out.groupby("time")["brier"].mean(), rtol=1e-10)
    again, expected = plus_632(times, curve["apparent"], left_out, curve["no_information"])
    np.testing.assert_allclose(curve["corrected"], again["corrected"], rtol=1e-10)
    assert integrated["corrected"] == pytest.approx(expected["corrected"], rel=1e-10)


def test_the_optimism_is_the_mean_of_resample_less_all_patients(stored, tables):
    measures = measure_replicates(stored[0], OUTCOME, horizons=HORIZONS, at=np.array([0.5]))
    of_c = measures.query("statistic == 'c_harrell' and replicate > 0")
    row = tables[0].set_index("statistic").loc["c_harrell"]
    assert row["optimism"] == pytest.approx((of_c["train"] - of_c["test"]).mean())
    assert row["corrected"] == pytest.approx(row["apparent"] - row["optimism"]) and row["resamples"] == 12
    study = stored[0].query("replicate == 0")["score"].to_numpy()
    assert row["apparent"] == concordance(TIME, EVENT, study).c
    assert row["low"] <= row["corrected"] <= row["high"]


def test_the_integrated_error_has_apparent_out_of_bag_and_632_plus_values(tables):
    statistics, calibration, errors = tables
    row = statistics.set_index("statistic").loc["ibs"]
    assert row["apparent"] < row["corrected_632"] < row["out_of_bag"] and row["horizon"] == 365
    assert np.isnan(row["corrected"])  # Harrell's correction is not asked of it
    assert set(calibration["horizon"]) == {180, 365} and errors["time"].iloc[-1] == 365
    known = calibration.query("horizon == 365").dropna()
    assert len(known) > 20 and (known["resamples"] >= 11).all()
    assert (calibration["resamples"] < 11).any()


def test_the_slope_of_a_model_fitted_on_cross_fitted_scores_is_not_corrected(stored):
    options = {"horizons": HORIZONS, "times": TIMES, "level": 0.95}
    row = bootstrap_tables(*stored, OUTCOME, cross_fitted=True, **options)[0].set_index("statistic").loc["slope"]
    assert np.isnan(row["corrected"]) and row["note"] == NOT_FITTED_HERE and np.isfinite(row["apparent"])


def test_a_replicate_that_could_not_be_fitted_is_left_out(stored, tables):
    predictions, baseline = (table.copy() for table in stored)
    lost = predictions["replicate"] == 3
    predictions.loc[lost, ["score", "risk_180", "risk_365"]] = np.nan
    predictions.loc[lost, "reason"] = "nobody had the event"
    baseline = baseline[baseline["replicate"] != 3]
    options = {"horizons": HORIZONS, "times": TIMES, "level": 0.95, "cross_fitted": False}
    found = bootstrap_tables(predictions, baseline, OUTCOME, **options)[0].set_index("statistic")
    assert found.loc["c_harrell", "resamples"] == 11 == found.loc["ibs", "resamples"]
    assert found.loc["c_harrell", "apparent"] == tables[0].set_index("statistic").loc["c_harrell", "apparent"]


def test_the_632_plus_rule_by_hand():
    assert plus_632_value(0.1, 0.1, 0.5) == pytest.approx((0.1, 0.632))
    assert plus_632_value(0.0, 0.5, 0.5) == pytest.approx((0.5, 1.0))
    error, weight = plus_632_value(0.2, 0.3, 0.5)
    assert weight == pytest.approx(0.632 / (1 - 0.368 / 3)) and error == pytest.approx(0.2 + 0.1 * weight)
    assert np.isnan(plus_632_value(np.nan, 0.3, 0.5)).all()


def test_with_fixed_features_a_score_keeps_its_concordance_and_loses_nothing_but_noise():
    predictors = pd.DataFrame({"s": X[:, 0]}, index=PATIENTS)
    pipeline = build_model(signatures=["s"], variables={}, estimator="cox", horizons=HORIZONS)
    table = fixed_features_bootstrap(pipeline, predictors, OUTCOME, count=40, seed=3).set_index("statistic")
    assert table.loc["c_harrell", "apparent"] == pytest.approx(concordance(TIME, EVENT == 1, X[:, 0]).c, abs=1e-12)
    assert abs(table.loc["c_harrell", "optimism"]) < 0.02
    assert list(table.index) == ["c_harrell", "brier_180", "brier_365", "slope"]
    assert (table["resamples"] == 40).all()


def test_fixed_features_measure_what_refitting_by_hand_measures():
    predictors = pd.DataFrame(X, columns=["age", "female", "ecog"], index=PATIENTS)
    variables = {name: {"type": "number"} for name in predictors}
    pipeline = build_model(signatures=[], variables=variables, estimator="cox", horizons=HORIZONS)
    table = fixed_features_bootstrap(pipeline, predictors, OUTCOME, count=3, seed=3).set_index("statistic")
    found = []
    for rows in resample_indices(OUTCOME["event"], count=3, seed=3, start=1):
        score = CoxModel().fit(X[rows], survival_outcome(TIME[rows], EVENT[rows])).decision_function(X)
        train = concordance(TIME[rows], EVENT[rows] == 1, score[rows]).c
        found.append(train - concordance(TIME, EVENT == 1, score).c)
    assert table.loc["c_harrell", "optimism"] == pytest.approx(np.mean(found), abs=1e-9)
