import numpy as np
import pytest
from scipy.stats import multivariate_normal
from sklearn.mixture import GaussianMixture
from threadpoolctl import threadpool_limits

from habitat_radiomics.habitat_mixture import (
    FLOOR,
    component_scores,
    fit_mixtures,
    gather,
    log_likelihood,
    parameter_count,
)
from oracles.oracle import Oracle

MODELS = {"gmm_1d.V": "full", "gmm_1d.E": "tied", "gmm_nd.VVV": "full", "gmm_nd.EEE": "tied", "gmm_nd.VVI": "diag"}
ON_A_LINE = {"gmm_faithful": "eruptions", "gmm_iris": "Petal_Length"}


def oracle_points(fixture, case):
    table = Oracle(fixture).table().select_dtypes("number")
    chosen = table[[ON_A_LINE[fixture]]] if "1d" in case else table
    return np.ascontiguousarray(chosen.to_numpy(dtype=float).T)


def fitted(points, ks, weights=None, **options):
    weights = np.ones(points.shape[1]) if weights is None else weights
    return fit_mixtures(gather(points, weights), ks, observations=weights.sum(), **options)


def three_tissues(count=30_000, seed=0):
    random = np.random.default_rng(seed)
    parts = [random.normal(middle, sd, count // 3) for middle, sd in ((-200, 60), (0, 40), (230, 80))]
    return np.concatenate(parts)[None]


@pytest.mark.parametrize("fixture", ON_A_LINE)
@pytest.mark.parametrize("case, spread", MODELS.items())
def test_bic_is_minus_that_of_mclust_wherever_the_likelihoods_agree_and_they_never_are_lower(fixture, case, spread):
    expected = Oracle(fixture)[case]
    points = oracle_points(fixture, case)
    n, found = points.shape[1], fitted(points, expected["G"], spread=spread)
    agreeing = 0
    for k, likelihood, bic in zip(expected["G"], expected["loglik"], expected["bic_mclust"], strict=True):
        if likelihood is None:
            continue
        ours = n * found[k].log_likelihood
        assert ours > likelihood - 1e-3, f"{k} components: another optimum, {likelihood - ours:.3g} lower"
        if ours < likelihood + 1e-3:
            agreeing += 1
            count = parameter_count(k, len(points), spread=spread)
            assert count * np.log(n) - 2 * ours == pytest.approx(-bic, abs=2e-3)
    assert agreeing >= 2


@pytest.mark.parametrize("fixture", ON_A_LINE)
@pytest.mark.parametrize("case, spread", MODELS.items())
def test_parameters_are_counted_as_in_mclust(fixture, case, spread):
    expected = Oracle(fixture)[case]
    dimensions = len(oracle_points(fixture, case))
    pairs = [(k, n) for k, n in zip(expected["G"], expected["n_par"], strict=True) if n is not None]
    assert [parameter_count(k, dimensions, spread=spread) for k, _ in pairs] == [n for _, n in pairs]


def test_cells_of_many_values_lose_neither_parameters_nor_likelihood():
    points = three_tissues()
    weights = np.ones(points.shape[1])
    cells = gather(points, weights)
    found = fitted(points, [3])[3]
    reference = GaussianMixture(3, tol=1e-8, max_iter=1000, random_state=0).fit(points.T)
    order = np.argsort(reference.means_[:, 0])
    assert cells.shares.size < 600
    np.testing.assert_allclose(found.means, reference.means_[order], atol=0.05)
    np.testing.assert_allclose(found.weights, reference.weights_[order], atol=2e-4)
    np.testing.assert_allclose(found.covariances, reference.covariances_[order], rtol=2e-3)
    assert log_likelihood(points, weights, found) == pytest.approx(reference.score(points.T), abs=1e-7)


def test_cells_in_two_dimensions_give_the_likelihood_of_their_points():
    random = np.random.default_rng(4)
    first = np.vstack([random.normal(0, 1, 6000), random.normal(0, 2, 6000)])
    points = np.hstack([first, np.array([[4.0], [3.0]]) + random.standard_normal((2, 4000))])
    weights = np.ones(points.shape[1])
    found = fitted(points, [2])[2]
    reference = GaussianMixture(2, tol=1e-8, max_iter=500, n_init=2, random_state=0).fit(points.T)
    assert gather(points, weights).shares.size < points.shape[1] / 2
    assert log_likelihood(points, weights, found) == pytest.approx(reference.score(points.T), abs=1e-5)


def test_whole_weights_are_repeated_points():
    points = three_tissues(600)
    weights = np.random.default_rng(1).integers(1, 4, 600)
    weighted, repeated = (
        fitted(points, [2], weights.astype(float))[2],
        fitted(np.repeat(points, weights, axis=1), [2])[2],
    )
    assert weighted.log_likelihood == pytest.approx(repeated.log_likelihood, abs=1e-7)
    np.testing.assert_allclose(weighted.means, repeated.means, rtol=1e-3)


def test_scores_are_log_weight_plus_log_density():
    random = np.random.default_rng(0)
    points = random.standard_normal((2, 30))
    mixture = {
        "weights": [0.3, 0.7],
        "means": [[0.0, 1.0], [2.0, -1.0]],
        "covariances": [[[1.0, 0.3], [0.3, 2.0]], [[0.5, 0.0], [0.0, 0.4]]],
    }
    expected = [
        np.log(w) + multivariate_normal(m, c).logpdf(points.T) for w, m, c in zip(*mixture.values(), strict=True)
    ]
    np.testing.assert_allclose(component_scores(points, **mixture), expected, rtol=1e-10)


def test_voxels_clipped_to_one_value_do_not_make_a_component_of_no_width():
    points = np.concatenate([np.random.default_rng(0).normal(100, 30, 3000), np.full(300, 255.0)])[None]
    found = fitted(points, range(1, 5))
    assert all(np.isfinite(mixture.log_likelihood) for mixture in found.values())
    assert min(mixture.covariances.min() for mixture in found.values()) >= (FLOOR * points.std()) ** 2 * 0.999


def test_more_components_never_lower_the_likelihood():
    likelihoods = [mixture.log_likelihood for mixture in fitted(three_tissues(3000), range(1, 9)).values()]
    assert (np.diff(likelihoods) > -1e-6).all()


def test_components_beyond_the_distinct_points_are_left_out():
    assert list(fitted(np.repeat([[1.0, 2.0, 5.0]], 20, axis=0).reshape(1, -1), range(1, 6))) == [1, 2, 3]


def test_threads_do_not_change_a_bit():
    points, results = np.vstack([three_tissues(9000), three_tissues(9000, seed=1)]), []
    for threads in (1, 2):
        with threadpool_limits(threads):
            results.append(fitted(points, [3])[3].means.tobytes())
    assert results[0] == results[1]


def test_an_unknown_spread_is_refused_with_the_allowed_ones():
    with pytest.raises(ValueError, match="unknown spread 'round' of mixture components; allowed: full, tied, diag"):
        fitted(three_tissues(300), [2], spread="round")


def test_a_constant_sequence_has_no_components():
    with pytest.raises(ValueError, match="intensities of a sequence are all alike"):
        gather(np.array([[1.0, 2.0, 3.0], [5.0, 5.0, 5.0]]), np.ones(3))
