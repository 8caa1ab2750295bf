import numpy as np
import pytest

from habitat_radiomics.collinearity import generalised_vif, ordinary_vif
from oracles.oracle import Oracle


def birth_weights():
    return Oracle("logistic_birthwt").table()


def test_plain_variance_inflation_is_that_of_r():
    oracle = Oracle("logistic_birthwt")
    oracle.check("vif_ols", vif=ordinary_vif(birth_weights(), oracle["vif_ols"]["term"]))


def test_two_terms_with_correlated_coefficients_worked_by_hand():
    table = generalised_vif(np.array([[4.0, -1.2], [-1.2, 1.0]]), ["age", "score"])
    np.testing.assert_allclose(table["vif"], 1 / (1 - 0.6**2), rtol=1e-14)


def test_the_columns_of_a_category_count_as_one_term():
    covariance = np.diag([1.0, 2.0, 3.0])
    covariance[1, 2] = covariance[2, 1] = 2.0  # within the category: no inflation
    table = generalised_vif(covariance, ["age", "grade", "grade"])
    assert list(table["df"]) == [1, 2]
    np.testing.assert_allclose(table["vif"], 1, rtol=1e-14)


def test_a_single_predictor_has_no_inflation():
    assert generalised_vif(np.array([[3.0]]), ["score"])["vif"].tolist() == pytest.approx([1])
    assert generalised_vif(np.empty((0, 0)), []).empty


def test_variance_inflation_refuses_constants_and_dependence():
    data = birth_weights()
    with pytest.raises(ValueError, match="same is constant"):
        ordinary_vif(data.assign(same=1), ["age", "same"])
    with pytest.raises(ValueError, match="linearly dependent"):
        ordinary_vif(data.assign(twice=2 * data["age"]), ["age", "twice"])


def test_a_predictor_without_a_variance_has_no_inflation_and_leaves_the_others_theirs():
    covariance = np.array([[4.0, -1.2, np.nan], [-1.2, 1.0, np.nan], [np.nan, np.nan, np.nan]])
    table = generalised_vif(covariance, ["age", "score", "constant"])
    np.testing.assert_allclose(table["vif"], [1 / 0.64, 1 / 0.64, np.nan], rtol=1e-14)
