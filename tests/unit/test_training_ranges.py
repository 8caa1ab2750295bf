"""The range of the training patients: what it holds, and how far outside a value lies."""

import numpy as np
import pandas as pd
import pytest

from habitat_radiomics.combat import metadata_column
from habitat_radiomics.signature import build_signature, fit_signature, used_features
from habitat_radiomics.training_ranges import distance, ranges, scan_measures, training_ranges, value_range


def test_a_range_holds_extremes_mean_spread_and_number_of_the_known_values():
    span = value_range(pd.Series([4.0, np.nan, 1.0, 7.0]))
    assert span == {"low": 1.0, "high": 7.0, "mean": 4.0, "sd": 3.0, "n": 3}
    assert value_range(pd.Series([5.0]))["sd"] == 0
    assert list(ranges(pd.DataFrame({"a": [1.0, 2.0], "never": [np.nan, np.nan]}))) == ["a"]


@pytest.mark.parametrize(
    ("value", "expected"), [(1.0, 0.0), (7.0, 0.0), (10.0, 1.0), (-5.0, 2.0), (np.nan, np.nan), (7.3, 0.1)]
)
def test_the_distance_is_in_standard_deviations_beyond_the_range(value, expected):
    found = distance(value, {"low": 1.0, "high": 7.0, "sd": 3.0})
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_where_training_patients_do_not_differ_any_other_value_is_infinitely_far():
    assert distance(2.0, {"low": 2.0, "high": 2.0, "sd": 0.0}) == 0
    assert distance(2.1, {"low": 2.0, "high": 2.0, "sd": 0.0}) == np.inf


def fitted_signature(harmonise):
    random = np.random.default_rng(2)
    patients = [f"P{i:02d}" for i in range(40)]
    table = pd.DataFrame(
        random.normal(size=(40, 3)), index=patients, columns=["T1|tumour|a", "T1|tumour|b", "T1|tumour|c"]
    )
    outcome = pd.Series((table["T1|tumour|a"] + 0.3 * random.normal(size=40) > 0).astype(int))
    table[metadata_column("site")] = np.repeat(["A", "B"], 20)
    table.iloc[20:, :3] += 5
    names = list(table) if harmonise else list(table)[:3]
    steps = [{"complete": {}}, {"zscore": {}}, {"lasso": {"folds": 5}}]
    pipeline = build_signature(steps, seed=1, harmonise={"batch": "site"} if harmonise else None)
    return fit_signature(pipeline, table[names], outcome), table


def test_features_are_compared_in_their_own_units_and_harmonised_where_the_signature_harmonises():
    plain, table = fitted_signature(False)
    values = used_features(plain, table)
    assert "T1|tumour|a" in values and (values["T1|tumour|a"] == table["T1|tumour|a"]).all()
    harmonised, table = fitted_signature(True)
    values = used_features(harmonised, table)
    means = values["T1|tumour|a"].groupby(table[metadata_column("site")]).mean()
    assert abs(means["A"] - means["B"]) < 0.5 < abs(table["T1|tumour|a"].iloc[:20].mean() - table.iloc[20:, 0].mean())


def record(median, spacing, faults=()):
    measures = {
        "image": {"spacing_mm": spacing},
        "statistics": {"percentiles": {"50": median, "99": 2 * median}},
        "snr": {"snr": None, "reason": "no background"},
    }
    return {"faults": list(faults), "measures": measures if not faults else {}}


def test_scans_are_described_without_those_that_cannot_be_used():
    records = {("P1", "T1"): record(100.0, [1, 1, 2.5]), ("P2", "T1"): record(0, [1, 1, 1], ["unreadable"])}
    table = scan_measures(records)
    assert table["patient"].tolist() == ["P1"]
    assert table.iloc[0]["spacing_z_mm"] == 2.5 and table.iloc[0]["intensity_99th_percentile"] == 200
    assert np.isnan(table.iloc[0]["signal_to_noise"])


def test_what_is_stored_of_the_training_patients_names_none_of_them():
    fitted, table = fitted_signature(True)
    clinical = pd.DataFrame({"age": [50.0] * 39 + [np.nan], "sex": ["F"] * 39 + [None]}, index=table.index)
    scans = scan_measures({(patient, "T1"): record(100.0 + i, [1, 1, 3]) for i, patient in enumerate(table.index)})
    variables = {"age": {"type": "number"}, "sex": {"type": "category", "levels": ["F", "M"]}}
    found = training_ranges({"tumour": fitted}, table, clinical, scans, variables=variables)
    assert found["patients"] == 40 and found["batches"] == {"tumour": ["A", "B"]}
    assert found["clinical"]["age"]["missing"] == 1 and found["clinical"]["sex"] == {"levels": ["F"], "n": 39}
    assert found["scans"]["T1"]["intensity_median"] == pytest.approx(
        {"low": 100, "high": 139, "mean": 119.5, "sd": np.std(np.arange(40), ddof=1), "n": 40}
    )
    assert "signal_to_noise" not in found["scans"]["T1"]
    assert not [patient for patient in table.index if patient in str(found)]
