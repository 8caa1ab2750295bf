import json
import time

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import calinski_harabasz_score, silhouette_score
from sklearn.mixture import GaussianMixture

from habitat_examples import demo_cohort, demo_samples
from habitat_radiomics.habitat_count import (
    COLUMNS,
    CRITERIA,
    choose_k,
    count_curve,
    design_effect,
    selection_record,
)
from habitat_radiomics.habitat_inputs import resels
from habitat_radiomics.habitat_kmeans import kmeans, nearest
from habitat_radiomics.habitats import fit_scaling
from oracles.oracle import Oracle

AS_THEY_ARE = {"method": "none"}
PARTITIONS = ("silhouette", "calinski_harabasz", "elbow", "gap")


def values_of(curve, criterion="bic"):
    return curve[curve["criterion"] == criterion].set_index("k")["value"]


def chosen(curve, criterion="bic"):
    part = curve[(curve["criterion"] == criterion) & curve["chosen"]]
    assert len(part) == 1
    return int(part["k"].iloc[0])


def three_tissues(count=1500, seed=0):
    random = np.random.default_rng(seed)
    parts = [random.normal(middle, sd, count // 3) for middle, sd in ((-200, 60), (0, 40), (230, 80))]
    return {"P1": np.concatenate(parts)[:, None]}


def oracle_sample(fixture, column=None):
    table = Oracle(fixture).table().select_dtypes("number")
    return {"R": (table[[column]] if column else table).to_numpy(dtype=float)}


# The demo cohort


@pytest.mark.parametrize("sequences", [("T1",), ("T2",), ("T1", "T2")])
def test_bic_chooses_the_planted_number_of_habitats(sequences):
    samples = demo_samples(sequences=sequences)
    scaling = fit_scaling(samples)
    elements = {
        name: float(np.mean([resels(patient.images[s], patient.mask) for s in sequences]))
        for name, patient in demo_cohort().items()
    }
    effect = design_effect(samples, scaling, elements)
    assert 5 < effect["effective_voxels"] < effect["resels"] < 100
    for effective_voxels in (effect["effective_voxels"], effect["resels"]):
        assert chosen(count_curve(samples, scaling, effective_voxels=effective_voxels)) == 3


# Likelihood


def test_bic_of_150000_voxels_agrees_with_the_raw_voxels_and_costs_less_than_a_second():
    samples = three_tissues(150_000)
    count_curve(three_tissues(), AS_THEY_ARE)
    start = time.process_time()
    curve = count_curve(samples, AS_THEY_ARE)
    assert time.process_time() - start < 1.0
    for k in (1, 2, 3):
        mixture = GaussianMixture(k, tol=1e-6, max_iter=500, random_state=0, reg_covar=1e-9).fit(samples["P1"])
        excess = values_of(curve)[k] - mixture.bic(samples["P1"])  # of about two million
        assert -1 < excess < 0.01
    assert chosen(curve) == 3


@pytest.mark.parametrize(
    "case, spread, column",
    [("gmm_1d.V", "full", "eruptions"), ("gmm_1d.E", "tied", "eruptions"), ("gmm_nd.EEE", "tied", None)],
)
def test_bic_is_minus_that_of_mclust_where_both_find_the_same_likelihood(case, spread, column):
    expected = Oracle("gmm_faithful")[case]
    curve = count_curve(oracle_sample("gmm_faithful", column), AS_THEY_ARE, spread=spread)
    assert (curve["parameters"] == expected["n_par"]).all()
    gain = curve["log_likelihood"] - expected["loglik"]
    same = gain < 1e-3
    assert (gain > -1e-3).all() and same.sum() >= 4
    np.testing.assert_allclose(curve["value"][same], -np.array(expected["bic_mclust"])[same], atol=2e-3)


@pytest.mark.parametrize("case, spread", [("gmm_1d.E", "tied"), ("gmm_nd.VVV", "full"), ("gmm_nd.EEE", "tied")])
def test_the_chosen_number_is_that_of_mclust(case, spread):
    column = "eruptions" if "1d" in case else None
    curve = count_curve(oracle_sample("gmm_faithful", column), AS_THEY_ARE, spread=spread)
    assert chosen(curve) == Oracle("gmm_faithful")[case]["best_G_mclust"]


def test_aic_has_two_for_each_parameter_where_bic_has_the_log_of_the_observations():
    curve = count_curve(three_tissues(), AS_THEY_ARE, also=["aic"], k_max=3)
    bic = curve[curve["criterion"] == "bic"].set_index("k")
    difference = values_of(curve) - values_of(curve, "aic")
    np.testing.assert_allclose(difference, bic["parameters"].astype(float) * (np.log(1500) - 2))


def test_one_habitat_is_a_legal_answer():
    sample = {"P1": np.random.default_rng(0).normal(50, 7, (3000, 1))}
    curve = count_curve(sample, AS_THEY_ARE, also=["gap"])
    assert chosen(curve) == chosen(curve, "gap") == 1


def test_correlated_voxels_ask_for_too_many_habitats_unless_they_are_counted_as_few():
    random = np.random.default_rng(0)
    tissues = [(-200, 40), (0, 40), (230, 40)]
    patients = {
        f"P{n}": np.concatenate([random.normal(m + 50 * random.standard_normal(), s, 2000) for m, s in tissues])[
            :, None
        ]
        for n in range(20)
    }
    assert chosen(count_curve(patients, AS_THEY_ARE)) > 3
    assert chosen(count_curve(patients, AS_THEY_ARE, effective_voxels=50)) == 3


def test_effective_voxels_scale_the_likelihood_and_the_number_of_observations():
    samples = {**three_tissues(), "P2": three_tissues(seed=1)["P1"], "P3": three_tissues(30, seed=2)["P1"]}
    full, few = (count_curve(samples, AS_THEY_ARE, k_max=3, effective_voxels=n) for n in (None, 100))
    assert full["observations"].unique().tolist() == [3030.0]
    assert few["observations"].unique().tolist() == [230.0]
    np.testing.assert_allclose(full["log_likelihood"] / 3030, few["log_likelihood"] / 230, rtol=1e-6)
    each = count_curve(samples, AS_THEY_ARE, k_max=3, effective_voxels={"P1": 10, "P2": 20.5, "P3": 999})
    assert each["observations"].unique().tolist() == [60.5]


def test_patients_weigh_the_same_whatever_their_size():
    random = np.random.default_rng(1)
    big, small = random.normal(0, 1, (9000, 1)), random.normal(30, 1, (300, 1))
    curve = count_curve({"big": big, "small": small}, AS_THEY_ARE, k_max=2)
    even = np.concatenate([big, np.repeat(small, 30, axis=0)])
    reference = GaussianMixture(2, random_state=0, tol=1e-8).fit(even)
    assert curve["log_likelihood"].iloc[1] / 9300 == pytest.approx(reference.score(even), abs=1e-4)


def test_a_number_beyond_the_distinct_intensities_has_no_value_but_a_reason():
    sample = {"P1": np.repeat([[1.0], [2.0], [9.0]], 50, axis=0)}
    curve = count_curve(sample, AS_THEY_ARE, k_max=4)
    last = curve[curve["k"] == 4].iloc[0]
    assert np.isnan(last["value"])
    assert last["reason"] == "fewer than 4 distinct intensities"


# Independent observations


def test_design_effect_counts_alike_patients_by_their_elements_and_uniform_patients_as_one():
    random = np.random.default_rng(0)
    alike = {f"P{n}": random.standard_normal((4000, 2)) for n in range(30)}
    elements = dict.fromkeys(alike, 40.0)
    found = design_effect(alike, fit_scaling(alike), elements)
    assert found["effective_voxels"] == pytest.approx(40, rel=0.05)
    assert found["correlation"] == pytest.approx(1 / 4000, rel=0.5)
    uniform = {f"P{n}": np.full((500, 1), float(n)) for n in range(10)}
    found = design_effect(uniform, fit_scaling(uniform), dict.fromkeys(uniform, 40.0))
    assert found["correlation"] == pytest.approx(1)
    assert found["effective_voxels"] == pytest.approx(1)


def test_design_effect_is_the_variance_of_a_mean_over_that_of_independent_observations():
    random = np.random.default_rng(2)
    between, within, elements, patients = 0.5, 1.0, 25, 4000
    values = between * random.standard_normal((patients, 1)) + within * random.standard_normal((patients, elements))
    samples = {f"P{n:04d}": row[:, None] for n, row in enumerate(np.repeat(values, 4, axis=1))}  # 4 voxels an element
    found = design_effect(samples, fit_scaling(samples), dict.fromkeys(samples, float(elements)))
    per_patient = values.var() / values.mean(axis=1).var()
    assert found["effective_voxels"] == pytest.approx(per_patient, rel=0.2)


# Partitions


@pytest.mark.parametrize("fixture", ["gmm_faithful", "gmm_iris"])
def test_silhouette_and_calinski_harabasz_are_those_of_r(fixture):
    oracle = Oracle(fixture)
    curve = count_curve(
        oracle_sample(fixture), AS_THEY_ARE, criterion="silhouette", also=["calinski_harabasz"], k_max=5
    )
    for k in (2, 3, 4, 5):
        oracle.check(f"kmeans.k{k}", silhouette=values_of(curve, "silhouette")[k])
        oracle.check(f"kmeans.k{k}", calinski_harabasz=values_of(curve, "calinski_harabasz")[k])


def test_partition_criteria_are_those_of_scikit_learn_and_undefined_for_one_habitat():
    samples = three_tissues()
    curve = count_curve(samples, AS_THEY_ARE, criterion="silhouette", also=PARTITIONS, k_max=4)
    points = np.ascontiguousarray(samples["P1"].T)
    for k in (2, 3, 4):
        labels = nearest(points, kmeans(points, np.ones(1500), k=k).centres)
        assert values_of(curve, "silhouette")[k] == pytest.approx(silhouette_score(points.T, labels))
        assert values_of(curve, "calinski_harabasz")[k] == pytest.approx(calinski_harabasz_score(points.T, labels))
    for criterion in ("silhouette", "calinski_harabasz"):
        first = curve[(curve["criterion"] == criterion) & (curve["k"] == 1)].iloc[0]
        assert np.isnan(first["value"])
        assert first["reason"] == "undefined for one habitat"


def test_gap_and_elbow_find_clusters_that_stand_apart():
    random = np.random.default_rng(3)
    centres = np.array([[0, 0], [10, 0], [0, 10], [10, 10]])
    sample = {"P1": centres[random.integers(0, 4, 800)] + random.standard_normal((800, 2))}
    curve = count_curve(sample, AS_THEY_ARE, criterion="gap", also=PARTITIONS)
    assert {criterion: chosen(curve, criterion) for criterion in PARTITIONS} == dict.fromkeys(PARTITIONS, 4)


def rows(value, **columns):
    return pd.DataFrame({"k": np.arange(1, len(value) + 1), "value": value, "reason": "", **columns})


def test_the_elbow_is_the_point_farthest_from_the_chord():
    assert choose_k(rows([10.0, 4.0, 3.0, 2.0, 1.0]), "elbow") == 2
    assert choose_k(rows([10.0, 9.0, 1.0, 0.5, 0.0]), "elbow") == 3


def test_the_gap_takes_the_first_number_within_a_standard_error_of_the_next():
    assert choose_k(rows([0.1, 0.5, 0.55, 0.9], se=[0.1] * 4), "gap") == 2
    assert choose_k(rows([0.1, 0.5, 0.7, 0.9], se=[0.01] * 4), "gap") == 4


def test_the_smaller_of_equals_is_chosen_and_unknown_values_are_not():
    assert choose_k(rows([5.0, 3.0, 3.0]), "bic") == 2
    assert choose_k(rows([np.nan, 3.0, 7.0]), "silhouette") == 3
    assert choose_k(rows([np.nan, np.nan]), "bic") == 1


# The table


def test_the_table_has_a_row_for_every_criterion_and_number_in_the_order_asked_for():
    curve = count_curve(three_tissues(300), AS_THEY_ARE, criterion="elbow", also=["bic", "elbow"], k_min=2, k_max=4)
    assert list(curve.columns) == COLUMNS
    assert curve["criterion"].tolist() == ["elbow"] * 3 + ["bic"] * 3
    assert curve["k"].tolist() == [2, 3, 4] * 2
    assert curve.groupby("criterion")["chosen"].sum().tolist() == [1, 1]


def test_the_order_of_patients_does_not_change_the_table():
    samples = {f"P{n}": three_tissues(600, seed=n)["P1"] for n in range(4)}
    first, second = (count_curve(s, AS_THEY_ARE, also=CRITERIA[1:]) for s in (samples, dict(reversed(samples.items()))))
    pd.testing.assert_frame_equal(first, second, check_exact=True)


def test_the_record_of_the_choice_is_json():
    curve = count_curve(three_tissues(), AS_THEY_ARE, also=["silhouette"], effective_voxels=200)
    record = json.loads(json.dumps(selection_record(curve, criterion="bic")))
    assert record["chosen"] == chosen(curve)
    assert record["observations"] == 200
    assert [row["k"] for row in record["curve"]] == list(range(1, 9))
    without = selection_record(curve, criterion="silhouette")
    assert without["observations"] is None
    assert without["curve"][0] == {"k": 1, "value": None}


@pytest.mark.parametrize(
    "choice, message",
    [
        ({"criterion": "dunn"}, "unknown criterion 'dunn' for the number of habitats; allowed: bic, aic"),
        ({"also": ["wcss"]}, "unknown criterion 'wcss'"),
        ({"k_min": 0}, "the range of k is 0 to 8; allowed: within 1 to 8"),
        ({"k_min": 4, "k_max": 3}, "the range of k is 4 to 3"),
        ({"k_max": 9}, "the range of k is 1 to 9"),
    ],
)
def test_impossible_choices_are_refused_with_what_is_allowed(choice, message):
    with pytest.raises(ValueError, match=message):
        count_curve(three_tissues(30), AS_THEY_ARE, **choice)


def test_sequences_are_scaled_before_clustering():
    random = np.random.default_rng(0)
    values = np.concatenate([random.standard_normal((300, 2)), random.standard_normal((300, 2)) + [6, 6]])
    stretched = {"P1": values * [1.0, 1000.0]}
    curve = count_curve({"P1": values}, fit_scaling({"P1": values}), criterion="silhouette", k_max=3)
    same = count_curve(stretched, fit_scaling(stretched), criterion="silhouette", k_max=3)
    np.testing.assert_allclose(values_of(curve, "silhouette"), values_of(same, "silhouette"))
