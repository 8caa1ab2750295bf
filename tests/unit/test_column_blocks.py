import numpy as np
import pandas as pd
import pytest

from habitat_radiomics import column_blocks, selection
from habitat_radiomics.batch_tests import batch_tests, principal_components
from habitat_radiomics.column_blocks import in_blocks
from habitat_radiomics.combat import Combat, metadata_column


@pytest.fixture
def one_column_at_a_time(monkeypatch):
    monkeypatch.setattr(column_blocks, "VALUES_AT_ONCE", 1)


def patients(*, count=40, features=7, seed=0):
    random = np.random.default_rng(seed)
    X = random.normal(size=(count, features))
    X[:, ::2] = np.exp(2 * X[:, ::2])
    X[3, 1], X[:, 4] = np.nan, 2.0
    return X, np.arange(count) % 2


def test_columns_come_together_in_their_order_whatever_the_block():
    values = np.arange(12.0).reshape(2, 6)
    for limit in (1, 4, 5, 100):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(column_blocks, "VALUES_AT_ONCE", limit)
            np.testing.assert_array_equal(in_blocks(lambda part: part[::-1], values), values[::-1])
            np.testing.assert_array_equal(in_blocks(lambda part: part.sum(axis=0), values), values.sum(axis=0))


def test_a_table_without_columns_has_results_without_columns():
    assert in_blocks(lambda part: part.sum(axis=0), np.empty((3, 0))).shape == (0,)


@pytest.mark.parametrize(
    "judge",
    [
        lambda X, y: selection.anova(np.nan_to_num(X), y),
        lambda X, y: selection.t_or_u(np.nan_to_num(X), y, normality_alpha=0.05),
        lambda X, y: selection.known_medians(X),
        lambda X, y: batch_tests(pd.DataFrame(X), pd.Series(y)).drop(columns="feature").to_numpy(),
        lambda X, y: principal_components(pd.DataFrame(X))[0].abs().to_numpy(),
    ],
)
def test_tests_of_a_column_do_not_depend_on_the_block_it_is_in(judge, one_column_at_a_time):
    X, y = patients()
    alone = judge(X, y)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(column_blocks, "VALUES_AT_ONCE", 10**9)
        np.testing.assert_allclose(alone, judge(X, y), rtol=1e-12, atol=1e-14)


def test_harmonisation_does_not_depend_on_the_blocks(one_column_at_a_time):
    X, y = patients()
    table = pd.DataFrame(X, columns=[f"f{number}" for number in range(X.shape[1])])
    table[metadata_column("site")] = np.where(np.arange(len(y)) % 3 > 0, "A", "B")
    alone = Combat().fit(table).transform(table)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(column_blocks, "VALUES_AT_ONCE", 10**9)
        np.testing.assert_allclose(alone, Combat().fit(table).transform(table), rtol=1e-12)


def test_the_principal_directions_are_those_of_the_singular_value_decomposition():
    X, _ = patients(features=30, seed=1)
    coordinates, explained = principal_components(pd.DataFrame(X))
    filled = np.where(np.isnan(X), np.nanmean(X, axis=0), X)[:, np.nanstd(X, axis=0) > 0]
    deviation = np.nanstd(X, axis=0)[np.nanstd(X, axis=0) > 0]
    left, size, _ = np.linalg.svd((filled - filled.mean(axis=0)) / deviation, full_matrices=False)
    np.testing.assert_allclose(np.abs(coordinates), np.abs(left[:, :2] * size[:2]), rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(explained, (size**2 / (size**2).sum())[:2], rtol=1e-10)
