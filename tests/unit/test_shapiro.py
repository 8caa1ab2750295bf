import warnings

import numpy as np
import pytest
from scipy import stats
from test_table_one import by_sex, lung

from habitat_radiomics import shapiro
from habitat_radiomics.shapiro import shapiro_wilk
from oracles.oracle import Oracle

SIZES = (3, 4, 5, 6, 7, 11, 12, 13, 20, 21, 75, 150, 499, 5000)


def columns(n):
    """Normal, skewed, tied, resampled, shifted, equidistant, almost constant and constant columns."""
    rng = np.random.default_rng(n)
    spike = np.zeros(n)
    spike[0] = 1.0
    parts = [rng.normal(size=(n, 9)), rng.lognormal(size=(n, 9)), rng.integers(0, 3, (n, 9)), spike, np.arange(n)]
    parts += [rng.choice(rng.normal(size=n), (n, 9)), rng.normal(1e6, 1e-3, (n, 3)), np.full(n, 7.0), spike * 1e-200]
    return np.column_stack(parts)


def of_scipy(X):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of constant columns
        return np.array([stats.shapiro(column) for column in X.T]).T


def nine_digit_quantile(p):
    """Normal quantile of AS 111 (Beasley and Springer 1977, Appl Stat 26:118), which scipy's Shapiro-Wilk uses."""
    q = p - 0.5
    polynomial = np.polynomial.polynomial.polyval
    a, b = (2.50662823884, -18.61500062529, 41.39119773534, -25.44106049637), (1, -8.4735109309, 23.08336743743)
    centre = q * polynomial(q**2, a) / polynomial(q**2, (*b, -21.06224101826, 3.13082909833))
    r = np.sqrt(-np.log(np.minimum(p, 1 - p)))
    c, d = (-2.78718931138, -2.29796479134, 4.85014127135, 2.32121276858), (1, 3.54388924762, 1.63706781897)
    return np.where(np.abs(q) <= 0.42, centre, np.sign(q) * polynomial(r, c) / polynomial(r, d))


@pytest.mark.parametrize("name", ["age", "ph_karno", "wt_loss"])
def test_w_and_p_are_those_of_r(name):
    oracle = Oracle("tests_lung_golub")
    W, p = np.array([shapiro_wilk(np.asarray(sample, float)[:, None]) for sample in by_sex(lung(), name)])[..., 0].T
    oracle.check(f"two_groups.{name}", shapiro_W=W, shapiro_p=p)
    np.testing.assert_allclose(W, oracle[f"two_groups.{name}"]["shapiro_W"], rtol=1e-13)
    np.testing.assert_allclose(p, oracle[f"two_groups.{name}"]["shapiro_p"], rtol=1e-12)


@pytest.mark.parametrize("n", SIZES)
def test_w_and_p_are_those_of_scipy_as_far_as_its_normal_scores_go(n):
    W, p = shapiro_wilk(columns(n))
    expected_W, expected_p = of_scipy(columns(n))
    np.testing.assert_allclose(W, expected_W, rtol=0, atol=1e-8)
    np.testing.assert_allclose(p, expected_p, rtol=5e-6, atol=1e-10)


@pytest.mark.parametrize("n", SIZES)
def test_with_the_normal_scores_of_scipy_every_digit_agrees(n, monkeypatch):
    monkeypatch.setattr(shapiro, "ndtri", nine_digit_quantile)
    W, p = shapiro_wilk(columns(n))
    expected_W, expected_p = of_scipy(columns(n))
    np.testing.assert_allclose(W, expected_W, rtol=0, atol=1e-12)
    np.testing.assert_allclose(p, expected_p, rtol=0, atol=1e-10)


def test_weights_are_antisymmetric_with_a_sum_of_squares_of_one():
    for n in SIZES:
        a = shapiro.weights(n)
        np.testing.assert_allclose(a, -a[::-1], rtol=0, atol=1e-15)
        assert np.sum(a**2) == pytest.approx(1, abs=1e-12)


def test_a_constant_column_counts_as_normal_and_a_missing_value_makes_the_test_missing():
    X = np.column_stack([np.ones(8), np.r_[np.nan, np.arange(7)], np.arange(8)])
    W, p = shapiro_wilk(X)
    assert (W[0], p[0]) == (1, 1)
    assert np.isnan([W[1], p[1]]).all()
    assert 0.9 < W[2] < 1


def test_fewer_than_three_patients_have_no_test():
    assert np.isnan(shapiro_wilk(np.array([[1.0, 2.0], [3.0, 5.0]]))).all()


def test_shift_and_scale_leave_w_as_it_is():
    X = columns(30)[:, :9]
    np.testing.assert_allclose(shapiro_wilk(3 * X + 100)[0], shapiro_wilk(X)[0], rtol=1e-12)
