import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture

from habitat_examples import SEQUENCES, demo_cohort, demo_samples, layered_cohort, layered_patient, samples_of
from habitat_radiomics.faults import DataFault
from habitat_radiomics.habitats import (
    COLOURS,
    MOST_HABITATS,
    assign,
    cluster_patient,
    fit_centres,
    fit_habitats,
    fit_scaling,
    habitat_masks,
    habitat_names,
    label_habitats,
    pooled,
    scaled,
    voxel_sample,
)
from habitat_radiomics.leakage import digests, require_training
from imaging_phantoms import array_of, image_of

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


@pytest.fixture(scope="module")
def cohort():
    return layered_cohort()


@pytest.fixture(scope="module")
def samples(cohort):
    return samples_of(cohort)


@pytest.fixture(scope="module")
def artifact(samples):
    return fit_habitats(samples, sequences=SEQUENCES, k=3)


def only_t1(samples):
    return {patient: sample[:, :1] for patient, sample in samples.items()}


def labels_of(patient, artifact):
    return array_of(label_habitats(patient.images, patient.mask, artifact))


def recovery(artifact):
    """Median adjusted Rand index of labels and planted subregions by site, over voxels whose truth is known."""
    found = {"A": [], "B": []}
    for patient in demo_cohort().values():
        labels = labels_of(patient, artifact)
        known = (labels > 0) & (patient.truth > 0)
        found[patient.site].append(adjusted_rand_score(patient.truth[known], labels[known]))
    return {site: np.median(values) for site, values in found.items()}


# The demo cohort


@pytest.mark.parametrize(
    "choice",
    [{}, {"method": "gmm", "spread": "tied", "tidying": {"iterations": 1}}],
    ids=["kmeans", "smoothed mixture"],
)
def test_joint_centres_of_the_cohort_recover_the_planted_subregions_at_both_sites(choice):
    medians = recovery(fit_habitats(demo_samples(), sequences=SEQUENCES, k=3, **choice))
    assert min(medians.values()) >= 0.8


@pytest.mark.parametrize("sequence", SEQUENCES)
def test_centres_of_one_sequence_recover_the_planted_subregions_after_smoothing(sequence):
    samples = demo_samples(sequences=(sequence,))
    tidied = fit_habitats(samples, sequences=[sequence], k=3, tidying={"iterations": 1, "min_voxels": 20})
    assert tidied["names"] == ["low", "medium", "high"]
    assert min(recovery(tidied).values()) >= 0.8


def test_each_patient_clustered_alone_recovers_the_planted_subregions_too():
    artifact = fit_habitats(demo_samples(), sequences=SEQUENCES, k=3, scope="patient")
    assert min(recovery(artifact).values()) >= 0.8


def test_numbers_follow_the_planted_order_in_every_patient():
    artifact = fit_habitats(demo_samples(), sequences=SEQUENCES, k=3)
    for patient in demo_cohort().values():
        labels = labels_of(patient, artifact)
        for number in (1, 2, 3):
            truth = patient.truth[labels == number]
            assert np.bincount(truth[truth > 0]).argmax() == number


# Samples


def test_a_sample_is_seeded_without_repeats_and_ordered():
    patient = layered_patient()
    first, again, other = (voxel_sample(patient.images, patient.mask, limit=50, seed=seed) for seed in (1, 1, 2))
    everything = voxel_sample(patient.images, patient.mask, limit=10**6, seed=1)
    assert first.shape == (50, 2)
    assert first.dtype == np.float32
    assert first.tobytes() == again.tobytes() != other.tobytes()
    places = [np.flatnonzero((everything == row).all(axis=1))[0] for row in first]
    assert (np.diff(places) > 0).all()


def test_a_small_tumour_is_sampled_whole():
    patient = layered_patient()
    sample = voxel_sample(patient.images, patient.mask, limit=10**6, seed=0)
    assert len(sample) == (patient.truth > 0).sum()


def test_patients_weigh_the_same_whatever_their_size():
    random = np.random.default_rng(0)
    samples = {"big": random.normal(0, 1, (5000, 1)), "small": random.normal(10, 1, (50, 1))}
    points, weights = pooled(samples)
    assert weights[:5000].sum() == pytest.approx(weights[5000:].sum())
    scaling = fit_scaling(samples)
    assert scaling["mean"][0] == pytest.approx(5, abs=0.3)
    assert fit_centres(samples, k=1, scaling=scaling)["centres"][0][0] == pytest.approx(0, abs=1e-9)


def test_scaling_is_that_of_the_pooled_voxels_when_patients_are_alike_in_size(samples):
    everything = np.concatenate(list(samples.values())).astype(float)
    scaling = fit_scaling(samples)
    np.testing.assert_allclose(scaling["mean"], everything.mean(axis=0), rtol=1e-9)
    np.testing.assert_allclose(scaling["sd"], everything.std(axis=0), rtol=1e-9)


# Fitting


def test_centres_are_those_of_scikit_learn(samples):
    scaling = fit_scaling(samples)
    everything = np.concatenate([samples[p] for p in sorted(samples)]).astype(float)
    points = scaled(everything.T, scaling).T
    reference = KMeans(3, n_init=20, random_state=0).fit(points)
    order = np.argsort(reference.cluster_centers_.mean(axis=1))
    np.testing.assert_allclose(
        fit_centres(samples, k=3, scaling=scaling)["centres"], reference.cluster_centers_[order], atol=1e-6
    )


def test_explained_variance_is_one_minus_inertia_over_the_total(samples):
    scaling = fit_scaling(samples)
    points = scaled(pooled(samples)[0], scaling).T
    reference = KMeans(3, n_init=5, random_state=0).fit(points)
    total = np.square(points - points.mean(axis=0)).sum()
    found = fit_centres(samples, k=3, scaling=scaling)["explained"]
    assert found == pytest.approx(1 - reference.inertia_ / total, abs=1e-6)
    assert fit_centres(samples, k=1, scaling=scaling)["explained"] == 0


def test_the_artifact_is_json_and_reads_back_the_same(artifact):
    assert json.loads(json.dumps(artifact)) == artifact


def test_the_artifact_does_not_change_with_the_order_of_patients_or_the_seed_of_the_starts(samples, artifact):
    backwards = fit_habitats(dict(reversed(samples.items())), sequences=SEQUENCES, k=3)
    assert json.dumps(backwards) == json.dumps(artifact)
    reseeded = fit_habitats(samples, sequences=SEQUENCES, k=3, seed=99)
    assert reseeded["centres"] == artifact["centres"]
    assert reseeded["names"] == artifact["names"]


def test_the_artifact_depends_on_the_training_patients_alone():
    texts = []
    for levels in (((10, 5), (20, 9), (40, 2)), ((90, 1), (5, 70), (30, 30))):
        tested = {f"T{n}": layered_patient(levels=levels, seed=50 + n) for n in range(3)}
        everyone = {**layered_cohort(), **tested}
        training = samples_of({name: everyone[name] for name in layered_cohort()})
        fitted = fit_habitats(training, sequences=SEQUENCES, k=3)
        texts.append(json.dumps(fitted))
        [label_habitats(patient.images, patient.mask, fitted) for patient in tested.values()]
        assert json.dumps(fitted) == texts[-1]
    assert texts[0] == texts[1]


def test_the_artifact_says_whom_it_saw(samples, artifact):
    assert artifact["fitted_on"] == digests(samples)
    require_training("habitats", artifact["fitted_on"], samples)


def test_scope_patient_learns_the_scale_and_no_centres(samples):
    learnt = fit_habitats(samples, sequences=SEQUENCES, k=3, scope="patient")
    assert learnt["centres"] is None
    assert learnt["names"] == ["low", "medium", "high"]
    assert learnt["scaling"] == fit_scaling(samples)


# Labels


def test_labels_are_zero_outside_and_the_layers_inside(cohort, artifact):
    for patient in cohort.values():
        labels = labels_of(patient, artifact)
        assert ((labels > 0) == (patient.truth > 0)).all()
        expected = {number: np.bincount(labels[patient.truth == number]).argmax() for number in (1, 2, 3)}
        assert sorted(expected.values()) == [1, 2, 3]
        assert (np.vectorize({0: 0, **expected}.get)(patient.truth) == labels).mean() > 0.99


def test_voxels_go_to_the_nearest_centre_as_in_scikit_learn(cohort, artifact):
    patient = cohort["L2"]
    points = scaled(
        voxel_sample(patient.images, patient.mask, limit=10**6, seed=0).T.astype(float), artifact["scaling"]
    ).T
    reference = KMeans(3, init=np.array(artifact["centres"]), n_init=1, max_iter=1).fit(points)
    reference.cluster_centers_ = np.array(artifact["centres"])
    labels = array_of(assign(patient.images, patient.mask, artifact))
    np.testing.assert_array_equal(labels[labels > 0], reference.predict(points) + 1)


def test_a_mixture_gives_voxels_to_the_most_probable_component_as_in_scikit_learn(samples, cohort):
    fitted = fit_habitats(samples, sequences=SEQUENCES, k=3, method="gmm")
    reference = GaussianMixture(3)
    reference.means_, reference.weights_ = np.array(fitted["centres"]), np.array(fitted["mixture"]["weights"])
    reference.covariances_ = np.array(fitted["mixture"]["covariances"])
    reference.precisions_cholesky_ = np.linalg.cholesky(np.linalg.inv(reference.covariances_))
    patient = cohort["L1"]
    points = scaled(
        voxel_sample(patient.images, patient.mask, limit=10**6, seed=0).T.astype(float), fitted["scaling"]
    ).T
    labels = array_of(assign(patient.images, patient.mask, fitted))
    np.testing.assert_array_equal(labels[labels > 0], reference.predict(points) + 1)


@pytest.mark.parametrize("scope", ["cohort", "patient"])
def test_a_patient_gets_the_same_labels_alone_from_the_stored_artifact(samples, cohort, scope):
    fitted = fit_habitats(samples, sequences=SEQUENCES, k=3, scope=scope)
    in_cohort = {name: labels_of(patient, fitted) for name, patient in cohort.items()}
    stored = json.loads(json.dumps(fitted))
    alone = labels_of(layered_patient(seed=3), stored)
    np.testing.assert_array_equal(alone, in_cohort["L3"])


@pytest.mark.parametrize("method", ["kmeans", "gmm"])
def test_a_patient_clustered_alone_is_ordered_by_centroid_and_the_seed_has_no_say(samples, method):
    patient = layered_patient(noise=1.0)
    results = []
    for seed in (0, 1, 2):
        fitted = fit_habitats(samples, sequences=SEQUENCES, k=3, scope="patient", method=method, seed=seed)
        results.append(array_of(cluster_patient(patient.images, patient.mask, fitted)))
    assert (results[0] == results[1]).all() and (results[0] == results[2]).all()
    levels = [np.mean([array_of(i)[results[0] == n].mean() / s for i, s in zip(patient.images.values(),
              fitted["scaling"]["sd"], strict=True)]) for n in (1, 2, 3)]  # fmt: skip
    assert levels == sorted(levels)


@pytest.mark.parametrize("scope", ["cohort", "patient"])
def test_one_habitat_is_the_whole_tumour(samples, cohort, scope):
    fitted = fit_habitats(samples, sequences=SEQUENCES, k=1, scope=scope)
    assert (labels_of(cohort["L0"], fitted) == (cohort["L0"].truth > 0)).all()
    single = fit_habitats(only_t1(samples), sequences=["T1"], k=1)
    assert single["names"] == ["level 1"]


def test_channels_and_tidying_travel_with_the_artifact(cohort):
    inputs = {"local_statistics": ["mean"], "radius_mm": 1}
    samples = {
        name: voxel_sample(patient.images, patient.mask, limit=300, seed=0, inputs=inputs)
        for name, patient in cohort.items()
    }
    fitted = fit_habitats(samples, sequences=SEQUENCES, k=3, inputs=inputs, tidying={"iterations": 1, "min_voxels": 30})
    assert fitted["channels"] == ["T1", "T1 local mean", "T2", "T2 local mean"]
    assert fitted["tidying"] == {"radius_mm": 1.0, "iterations": 1, "min_voxels": 30}
    assert adjusted_rand_score(cohort["L0"].truth.ravel(), labels_of(cohort["L0"], fitted).ravel()) > 0.99


def test_more_sequences_than_the_artifact_needs_are_allowed(samples, cohort):
    fitted = fit_habitats(only_t1(samples), sequences=["T1"], k=3)
    patient = cohort["L0"]
    only = assign({"T1": patient.images["T1"]}, patient.mask, fitted)
    np.testing.assert_array_equal(array_of(assign(patient.images, patient.mask, fitted)), array_of(only))


def test_masks_are_named_by_habitat_and_missing_where_empty():
    labels = image_of(np.array([[[0, 1, 1, 3]]], np.uint8), spacing=(1.0, 2.0, 3.0))
    masks = habitat_masks(labels, k=3)
    assert list(masks) == ["habitat1", "habitat2", "habitat3"]
    assert masks["habitat2"] is None
    assert array_of(masks["habitat1"]).tolist() == [[[0, 1, 1, 0]]]
    assert masks["habitat3"].GetSpacing() == (1.0, 2.0, 3.0)


# Names


def test_one_sequence_is_named_by_level():
    assert habitat_names([[-1.0], [1.0]], ["T1"]) == ["low", "high"]
    assert habitat_names([[-1.0], [0.1], [1.0]], ["T1"]) == ["low", "medium", "high"]
    assert habitat_names([[-1.0], [0.1], [1.0], [2.0]], ["T1"]) == ["level 1", "level 2", "level 3", "level 4"]


def test_several_sequences_are_named_each_by_its_own_levels():
    centroids = [[-1.0, -0.8], [0.2, 0.1], [1.3, 0.9]]
    names = habitat_names(centroids, ["FS-T2", "CE-T1"])
    assert names == ["FS-T2 low, CE-T1 low", "FS-T2 medium, CE-T1 medium", "FS-T2 high, CE-T1 high"]


def test_levels_that_are_nearly_equal_share_a_word():
    names = habitat_names([[-1.0, 0.1], [0.9, 0.0], [1.0, 2.0]], ["T1", "T2"])
    assert names == ["T1 low, T2 low", "T1 high, T2 low", "T1 high, T2 high"]
    assert habitat_names([[-1.0, 0.1], [1.0, 0.0]], ["T1", "T2"]) == ["T1 low, T2 alike", "T1 high, T2 alike"]


def test_habitats_that_would_bear_one_name_are_told_apart_by_number():
    names = habitat_names([[-1.0, -1.0], [0.0, 0.0], [0.2, 0.2]], ["T1", "T2"])
    assert names == ["T1 low, T2 low", "T1 high, T2 high (2)", "T1 high, T2 high (3)"]


def test_colours_are_fixed_by_number(samples):
    three, five = (fit_habitats(only_t1(samples), sequences=["T1"], k=k)["colours"] for k in (3, 5))
    assert three == five[:3] == list(COLOURS[:3])
    assert len(set(COLOURS)) == MOST_HABITATS


# Messages


def test_too_few_intensities_for_the_habitats_are_a_fault_of_the_patient(samples):
    fitted = fit_habitats(samples, sequences=SEQUENCES, k=3, scope="patient")
    patient = layered_patient(levels=((1.0, 1.0), (2.0, 2.0)), noise=0.0)
    with pytest.raises(DataFault, match="2 distinct intensities, fewer than 3 habitats.*use scope: cohort") as caught:
        label_habitats(patient.images, patient.mask, fitted)
    assert caught.value.code == "habitat_values_too_few"


def test_a_missing_sequence_is_named(artifact):
    patient = layered_patient()
    with pytest.raises(ValueError, match="habitats need sequence T2, which the patient lacks; given: T1"):
        assign({"T1": patient.images["T1"]}, patient.mask, artifact)


@pytest.mark.parametrize(
    "choice, message",
    [
        ({"k": 0}, "k is 0: between 1 and 8 habitats"),
        ({"k": 9}, "k is 9: between 1 and 8 habitats"),
        ({"method": "fuzzy"}, "unknown habitat method 'fuzzy'; allowed: kmeans, gmm"),
        ({"scope": "site"}, "unknown habitat scope 'site'; allowed: cohort, patient"),
        ({"scaling": "rank"}, "unknown habitat scaling 'rank'; allowed: zscore, none"),
        ({"tidying": {"sweeps": 2}}, "unknown habitat tidying 'sweeps'; allowed: radius_mm, iterations, min_voxels"),
    ],
)
def test_unknown_choices_are_refused_with_the_allowed_ones(samples, choice, message):
    with pytest.raises(ValueError, match=message):
        fit_habitats(samples, **{"sequences": SEQUENCES, "k": 3, **choice})


def test_no_patient_and_a_constant_channel_are_refused():
    with pytest.raises(ValueError, match="no training patient has a usable sample"):
        fit_scaling({})
    with pytest.raises(ValueError, match="channel 2 is constant in the training tumours"):
        fit_scaling({"a": np.column_stack([np.arange(5.0), np.ones(5)])})


def test_labelling_a_patient_imports_no_statistics():
    modules = "habitats, habitat_shape, habitat_inputs, habitat_labels, habitat_stability"
    code = f"import sys; from habitat_radiomics import {modules}; print([m for m in sys.modules if m in "
    code += "('sklearn', 'pandas', 'matplotlib', 'scipy', 'numba', 'radiomics')])"
    found = subprocess.run([sys.executable, "-c", code], cwd=SCRIPTS, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
