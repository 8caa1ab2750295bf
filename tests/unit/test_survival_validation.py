import numpy as np
import pandas as pd
import pytest

from habitat_radiomics.brier import integrated_brier
from habitat_radiomics.concordance import concordance, concordance_test
from habitat_radiomics.survival_validation import (
    NO_CURVE,
    NO_ERROR_TO_BEAT,
    NO_TIMES,
    all_comparisons,
    all_metrics,
    auc_curves,
    cohort_metrics,
    error_curves,
    model_table,
    predicted_survival,
)
from habitat_radiomics.time_auc import time_auc, time_auc_test
from oracles.oracle import Oracle
from survival_tables import HORIZONS, survival_study

OPTIONS = {"horizons": HORIZONS, "level": 0.95, "resamples": 30, "seed": 1}
PATIENTS, PREDICTIONS, CURVES = survival_study()
ORACLE = Oracle("timeauc_lung")


@pytest.fixture(scope="module")
def metrics():
    return all_metrics(PREDICTIONS, CURVES, **OPTIONS)


@pytest.fixture(scope="module")
def comparisons():
    return all_comparisons(PREDICTIONS, reference="clinical", horizons=HORIZONS, level=0.95)


def row(metrics, model, cohort, metric):
    return metrics.set_index(["model", "cohort", "metric"]).loc[(model, cohort, metric)]


def test_every_model_has_every_measure_in_every_cohort(metrics):
    names = {"c_harrell", "c_uno", "auc_median", "ibs", "ibs_reference"}
    names |= {f"{name}_{horizon}" for name in ("auc", "brier", "ipa") for horizon in HORIZONS}
    for _, part in metrics.groupby(["model", "cohort"]):
        assert set(part["metric"]) == names and part["metric"].is_unique
    assert set(metrics["cohort"]) == {"train", "train_cv", "internal", "external"}
    external = PATIENTS.query("cohort == 'external'")
    found = row(metrics, "combined", "external", "c_harrell")
    assert (found["n"], found["events"]) == (len(external), external["event"].sum())


def test_discrimination_is_that_of_the_functions_compared_with_r(metrics):
    part = PREDICTIONS["combined"].query("cohort == 'external'")
    arrays = (part["time"], part["event"], part["score"])
    harrell, uno = concordance(*arrays), concordance(*arrays, weights="uno", truncation=24)
    for name, expected in (("c_harrell", harrell), ("c_uno", uno)):
        found = row(metrics, "combined", "external", name)
        assert (found["estimate"], found["ci_low"], found["ci_high"]) == (expected.c, expected.ci_low, expected.ci_high)
    areas = time_auc(*(np.asarray(values) for values in arrays), HORIZONS).table
    assert row(metrics, "combined", "external", "auc_24")["estimate"] == areas["auc"][1]


def test_brier_scores_and_ipa_at_a_horizon_agree_with_risk_regression():
    table, stored = ORACLE.table(), ORACLE["predictions"]
    patients = pd.DataFrame({"patient": np.arange(len(table)).astype(str), "cohort": "external"})
    patients = patients.assign(time=table["time"].astype(float), event=table["event"], score=stored["lp1"])
    horizons = stored["times"]
    for horizon in horizons:
        patients[f"risk_{horizon}"] = stored["risk1"][str(horizon)]
    curves = patients[["patient", "cohort"]].assign(**{str(horizons[0]): 1 - patients[f"risk_{horizons[0]}"]})
    found = cohort_metrics(patients, curves, **{**OPTIONS, "horizons": horizons}).set_index("metric")["estimate"]
    ORACLE.check(
        "Score_brier", m1=[found[f"brier_{h}"] for h in horizons], IPA_m1=[found[f"ipa_{h}"] for h in horizons]
    )


def test_the_integrated_error_runs_from_zero_to_the_last_horizon(metrics):
    curves = error_curves(PREDICTIONS, CURVES, until=24, level=0.95).query(
        "model == 'combined' and cohort == 'external'"
    )
    assert (curves["time"].iloc[0], curves["time"].iloc[-1]) == (0, 24)
    found = row(metrics, "combined", "external", "ibs")
    assert found["estimate"] == pytest.approx(integrated_brier(curves["time"], curves["brier"]), abs=1e-12)
    assert found["ci_low"] < found["estimate"] < found["ci_high"] and found["horizon"] == 24
    assert row(metrics, "combined", "external", "ibs_reference")["estimate"] > found["estimate"]


def test_survival_at_the_last_horizon_is_one_minus_the_stored_risk():
    part = PREDICTIONS["combined"].query("cohort == 'train_cv'").reset_index(drop=True)
    times, survival = predicted_survival(part, CURVES["combined"], until=24)
    assert times[-1] == 24 and (np.diff(times) > 0).all() and times.size == survival.shape[1]
    np.testing.assert_array_equal(survival[:, -1], 1 - part["risk_24"])
    own = CURVES["combined"].query("cohort == 'train_cv'").set_index("patient").loc[part["patient"], "10"]
    np.testing.assert_array_equal(survival[:, times == 10][:, 0], own)


def test_models_are_tested_in_pairs_of_the_same_patients(comparisons):
    part, other = (PREDICTIONS[name].query("cohort == 'internal'") for name in ("combined", "clinical"))
    theirs = other.set_index("patient")["score"].loc[part["patient"]]
    expected = concordance_test(part["time"], part["event"], part["score"], theirs)
    found = comparisons.query("cohort == 'internal' and measure == 'c_harrell'").iloc[0]
    assert (found["difference"], found["p"]) == (expected.difference, expected.p)
    arrays = (part["time"].to_numpy(), part["event"].to_numpy(), part["score"].to_numpy(), theirs.to_numpy())
    tested = time_auc_test(*arrays, HORIZONS)
    found = comparisons.query("cohort == 'internal' and measure == 'auc_12'").iloc[0]
    assert (found["difference"], found["p"], found["horizon"]) == (tested["difference"][0], tested["p"][0], 12)


def test_further_pairs_are_tested_once(comparisons):
    pairs = [("combined", "clinical"), ("clinical", "combined")]
    both = all_comparisons(PREDICTIONS, reference="clinical", horizons=HORIZONS, level=0.95, pairs=pairs)
    assert len(both) == 2 * len(comparisons)


def test_the_table_of_a_paper_has_a_row_for_each_cohort_and_model(metrics, comparisons):
    table = model_table(metrics, comparisons, reference="clinical")
    assert list(table["cohort"].unique()) == ["train", "train_cv", "internal", "external"] and len(table) == 8
    first = table.query("cohort == 'external' and model == 'combined'").iloc[0]
    assert first["c_harrell"] == row(metrics, "combined", "external", "c_harrell")["estimate"]
    assert first["ibs_low"] == row(metrics, "combined", "external", "ibs")["ci_low"]
    assert table.query("model == 'clinical'")["p_difference"].isna().all() and np.isfinite(first["p_difference"])


def test_a_cohort_without_events_has_reasons_instead_of_numbers():
    patients = PREDICTIONS["combined"].query("cohort == 'internal'").assign(event=0).reset_index(drop=True)
    found = cohort_metrics(patients, CURVES["combined"], **OPTIONS).set_index("metric")
    for metric in ("c_harrell", "c_uno", "auc_median", "auc_12"):
        assert np.isnan(found.loc[metric, "estimate"]) and found.loc[metric, "note"]
    assert found.loc["auc_median", "note"] == NO_TIMES
    assert np.isnan(found.loc["ipa_12", "estimate"]) and found.loc["ipa_12", "note"] == NO_ERROR_TO_BEAT
    assert auc_curves({"combined": patients}, level=0.95).empty


def test_follow_up_that_ends_before_the_horizon_gives_no_integrated_error():
    patients = PREDICTIONS["combined"].query("cohort == 'internal'").reset_index(drop=True)
    late = patients["time"] > 15
    patients = patients.assign(time=patients["time"].where(~late, 15.0), event=patients["event"].where(~late, 0))
    found = cohort_metrics(patients, CURVES["combined"], **OPTIONS).set_index("metric")
    assert np.isnan(found.loc["ibs", "estimate"]) and found.loc["ibs", "note"] == NO_CURVE
    assert np.isfinite(found.loc["brier_12", "estimate"]) and np.isnan(found.loc["brier_24", "estimate"])
