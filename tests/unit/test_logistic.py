import numpy as np
import pytest

from habitat_radiomics.logistic import LogisticModel
from oracles.oracle import Oracle


def birth_weights():
    data = Oracle("logistic_birthwt").table()
    race = [data["race"] == level for level in ("black", "other")]  # white is the reference
    columns = [data[["age", "lwt"]], *race, data[["smoke", "ptl", "ht", "ui"]]]
    return np.column_stack(columns).astype(float), data["low"].to_numpy()


def test_coefficients_and_errors_are_those_of_r():
    oracle = Oracle("logistic_birthwt")
    X, y = birth_weights()
    model = LogisticModel().fit(X, y)
    assert model.method_ == "maximum likelihood"
    beta = np.r_[model.intercept_, model.coef_[0]]
    oracle.check("multivariable", beta=beta, se=np.sqrt(np.diag(model.covariance_)))


def test_one_predictor_equals_r():
    oracle = Oracle("logistic_birthwt")
    X, y = birth_weights()
    model = LogisticModel().fit(X[:, :1], y)
    oracle.check("univariable.age", beta=[model.intercept_[0], model.coef_[0, 0]])


def test_firth_on_a_fourfold_table_adds_a_half_to_every_cell():
    # the saturated model of a 2 x 2 table: Jeffreys' prior is half a count in each cell (Firth 1993, section 3.3)
    cells = {(0, 0): 9, (0, 1): 0, (1, 0): 4, (1, 1): 7}
    x, y = np.array([pair for pair, n in cells.items() for _ in range(n)]).T
    model = LogisticModel().fit(x[:, None].astype(float), y)
    assert model.method_ == "Firth"
    assert model.coef_[0, 0] == pytest.approx(np.log((7.5 * 9.5) / (4.5 * 0.5)), rel=1e-8)
    assert model.intercept_[0] == pytest.approx(np.log(0.5 / 9.5), rel=1e-8)


def test_complete_separation_gives_a_finite_answer():
    x = np.r_[np.linspace(-2, -1, 10), np.linspace(1, 2, 10)][:, None]
    model = LogisticModel().fit(x, (x[:, 0] > 0).astype(int))
    assert model.method_ == "Firth"
    assert 0 < model.coef_[0, 0] < 10
    assert np.isfinite(model.covariance_).all()


def test_the_unit_of_a_predictor_does_not_matter():
    X, y = birth_weights()
    scaled = LogisticModel().fit(X * 1e6, y)
    np.testing.assert_allclose(scaled.predict_proba(X * 1e6), LogisticModel().fit(X, y).predict_proba(X), atol=1e-9)


def test_a_constant_predictor_gets_no_weight():
    X, y = birth_weights()
    model = LogisticModel().fit(np.column_stack([X[:, :1], np.ones(len(X))]), y)
    assert model.coef_[0, 1] == 0
    assert np.isnan(model.covariance_[2, 2])


def test_dependent_predictors_are_refused():
    X, y = birth_weights()
    with pytest.raises(ValueError, match="linearly dependent"):
        LogisticModel().fit(np.column_stack([X, X[:, 0] + X[:, 1]]), y)
