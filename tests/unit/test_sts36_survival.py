"""Tumour volume and progression of 33 real sarcomas: what the workflow stores equals lifelines on the clinical file."""

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
from lifelines import KaplanMeierFitter
from lifelines.statistics import logrank_test
from lifelines.utils import concordance_index

from habitat_radiomics.risk_cut import apply_cut
from habitat_radiomics.survival_audit import audit_survival
from habitat_radiomics.survival_cohort_tables import risk_group_tables
from habitat_radiomics.survival_validation import all_comparisons, all_metrics

HORIZONS = [365, 730]


@pytest.fixture(scope="module")
def patients(shared_data):
    """Time, event and mask volume of the patients with follow-up, straight from the files."""
    table = pd.read_csv(shared_data / "sts36/clinical_sts.csv").dropna(subset=["pfs_days", "pfs_event"])
    masks = [shared_data / f"sts36/nifti/{name}/MR_T1_mask.nii.gz" for name in table["patient"]]
    return table[["patient"]].assign(
        time=table["pfs_days"], event=table["pfs_event"].astype(int), volume=[volume_mm3(path) for path in masks]
    )


def volume_mm3(path):
    mask = sitk.ReadImage(str(path))
    return float((sitk.GetArrayViewFromImage(mask) > 0).sum() * np.prod(mask.GetSpacing()))


@pytest.fixture(scope="module")
def stored(patients):
    """Predictions as the workflow stores them, of a model that knows the volume alone."""
    table = patients[["patient", "time", "event"]].assign(cohort="internal", score=np.log(patients["volume"]))
    hazard = np.exp(table["score"] - table["score"].mean()) / 1500
    for horizon in HORIZONS:
        table[f"risk_{horizon}"] = 1 - np.exp(-hazard * horizon)
    times = np.unique(table.loc[table["event"] == 1, "time"])
    curves = pd.DataFrame(np.exp(-np.outer(hazard, times)), columns=[f"{t:g}" for t in times], index=table.index)
    cut = float(table["score"].median())
    return (
        table.assign(group=apply_cut(cut, table["score"])),
        pd.concat([table[["patient", "cohort"]], curves], axis=1),
        cut,
    )


@pytest.fixture(scope="module")
def metrics(stored):
    predictions, curves, _ = stored
    return all_metrics({"volume": predictions}, {"volume": curves}, horizons=HORIZONS, level=0.95, resamples=20, seed=1)


@pytest.fixture(scope="module")
def groups(stored):
    clinical = pd.DataFrame(index=stored[0]["patient"])
    return risk_group_tables({"volume": stored[0]}, clinical, subgroups={}, horizons=HORIZONS, level=0.95)


def test_the_c_index_of_tumour_volume_is_lifelines(patients, metrics):
    found = metrics.set_index("metric").loc["c_harrell"]
    expected = concordance_index(patients["time"], -patients["volume"], patients["event"])
    assert found["estimate"] == pytest.approx(expected, abs=1e-12)
    assert (found["n"], found["events"]) == (33, 16)
    assert found["ci_high"] - found["ci_low"] > 0.2  # 16 events: the report calls such an interval wide


def test_medians_and_the_log_rank_test_of_the_risk_groups_are_lifelines(stored, groups):
    table, row = stored[0], groups[0].iloc[0]
    parts = {name: table[table["group"] == name] for name in ("low", "high")}
    for name, part in parts.items():
        fitted = KaplanMeierFitter().fit(part["time"], part["event"])
        median = fitted.median_survival_time_
        found = row[f"median_{name}"]
        assert found == pytest.approx(median) if np.isfinite(median) else np.isnan(found)
        curve = groups[1].query("group == @name")
        np.testing.assert_allclose(curve["survival"], fitted.survival_function_at_times(curve["time"]), atol=1e-12)
    test = logrank_test(*(part["time"] for part in parts.values()), *(part["event"] for part in parts.values()))
    assert row["chi2"] == pytest.approx(test.test_statistic, rel=1e-10)
    assert row["p"] == pytest.approx(test.p_value, rel=1e-9)


def test_the_audit_passes_on_real_patients(stored, metrics, groups):
    predictions, curves, cut = stored
    flow = pd.DataFrame([("screened", "", 33), ("included", "", 33), ("cohort", "internal", 33)])
    checks = audit_survival(
        metrics,
        {"volume": predictions},
        {"volume": curves},
        {"volume": cut},
        comparisons=all_comparisons({"volume": predictions}, reference="volume", horizons=HORIZONS, level=0.95),
        compared=groups[0],
        steps=groups[1],
        funnels={},
        flow=flow.set_axis(["step", "reason", "patients"], axis=1),
        horizons=HORIZONS,
        level=0.95,
    )
    assert checks["passed"].all(), checks[~checks["passed"].astype(bool)]
