import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from habitat_radiomics.concordance import concordance
from habitat_radiomics.volume import tumour_volumes, volume_alone, volume_proxies

PATIENTS = [f"P{i:02d}" for i in range(40)]
RANDOM = np.random.default_rng(2)
VOLUME = pd.Series(RANDOM.uniform(1e3, 9e4, 40), index=PATIENTS)
COHORTS = pd.Series(["train"] * 24 + ["external"] * 14 + ["internal"] * 2, index=PATIENTS)


def test_the_volume_is_that_of_the_first_sequence_that_has_one():
    quality = pd.DataFrame(
        [("a", "T1", 10.0), ("a", "T2", 99.0), ("b", "T1", np.nan), ("b", "T2", 7.0), ("c", "T1", np.nan)],
        columns=["patient", "sequence", "volume_mm3"],
    )
    found = tumour_volumes(quality, ["T1", "T2"])
    assert found["a"] == 10 and found["b"] == 7 and np.isnan(found["c"])
    assert tumour_volumes(quality, ["T2", "T1"])["a"] == 99


def test_the_auc_of_the_volume_is_scikit_learns_and_one_class_has_none():
    outcome = pd.Series((RANDOM.normal(size=40) + VOLUME.to_numpy() / 4e4 > 1).astype(int), index=PATIENTS)
    outcome.iloc[-2:] = 1
    table = volume_alone(VOLUME, outcome, COHORTS, level=0.95).set_index("cohort")
    for cohort in ("train", "external"):
        rows = COHORTS.index[cohort == COHORTS]
        assert table.loc[cohort, "estimate"] == pytest.approx(roc_auc_score(outcome[rows], VOLUME[rows]), abs=1e-12)
        assert table.loc[cohort, ["n", "events"]].tolist() == [len(rows), outcome[rows].sum()]
    assert np.isnan(table.loc["internal", "estimate"]) and table.loc["internal", "n"] == 2


def test_of_times_it_is_harrells_c_and_patients_without_a_volume_are_left_out():
    outcome = pd.DataFrame({"time": RANDOM.exponential(20, 40), "event": RANDOM.integers(0, 2, 40)}, index=PATIENTS)
    volumes = VOLUME.mask(VOLUME.index == "P03")
    row = volume_alone(volumes, outcome, COHORTS, level=0.95).set_index("cohort").loc["train"]
    rows = [p for p in PATIENTS[:24] if p != "P03"]
    expected = concordance(outcome.loc[rows, "time"], outcome.loc[rows, "event"] == 1, VOLUME[rows]).c
    assert (row["measure"], row["n"]) == ("c_index", 23)
    assert row["estimate"] == pytest.approx(expected, abs=1e-12)


def test_a_feature_that_is_the_volume_in_other_words_is_found():
    features = pd.DataFrame({"size": np.log(VOLUME), "noise": RANDOM.normal(size=40), "flat": 1.0}, index=PATIENTS)
    table = pd.DataFrame({"feature": ["(intercept)", "size", "noise", "flat"], "coefficient": [0.0, 1.0, -0.5, 0.1]})
    proxies = volume_proxies(VOLUME, features, {"tumour": table}).set_index("feature")
    assert proxies.loc["size", "rho"] == pytest.approx(1)
    assert abs(proxies.loc["noise", "rho"]) < 0.5
    assert np.isnan(proxies.loc["flat", "rho"])
    assert set(proxies["n"]) == {40}
