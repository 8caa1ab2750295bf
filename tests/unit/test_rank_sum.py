import numpy as np
import pytest
from scipy import stats

from habitat_radiomics.rank_sum import mann_whitney


def groups(m, n):
    """Columns without ties, with ties, and of a spike."""
    rng = np.random.default_rng(m + n)
    first = [rng.normal(size=(m, 20)), rng.integers(0, 3, (m, 20)), np.ones((m, 1))]
    second = [rng.normal(0.5, size=(n, 20)), rng.integers(0, 4, (n, 20)), np.r_[np.ones((n - 1, 1)), [[2.0]]]]
    return np.column_stack(first), np.column_stack(second)


@pytest.mark.parametrize("sizes", [(2, 3), (5, 80), (80, 5), (75, 75)])
def test_p_values_are_those_of_scipy(sizes):
    first, second = groups(*sizes)
    expected = stats.mannwhitneyu(first, second, method="asymptotic").pvalue
    np.testing.assert_allclose(mann_whitney(first, second), expected, rtol=1e-13)


def test_a_column_worked_by_hand():
    # 1, 2 and 2, 4: ranks 1, 2.5 and 2.5, 4; U = 0.5, expected 2; variance 4/12 * (5 - 6/12) = 1.5
    p = mann_whitney(np.array([[1.0], [2.0]]), np.array([[2.0], [4.0]]))
    assert p[0] == pytest.approx(2 * stats.norm.sf(1 / np.sqrt(1.5)), rel=1e-14)


def test_the_order_of_groups_and_a_monotone_change_of_scale_do_not_matter():
    first, second = groups(12, 9)
    np.testing.assert_array_equal(mann_whitney(first, second), mann_whitney(second, first))
    np.testing.assert_array_equal(mann_whitney(first, second), mann_whitney(np.exp(first), np.exp(second)))


def test_a_constant_column_has_no_p_value():
    assert np.isnan(mann_whitney(np.ones((4, 1)), np.ones((5, 1)))).all()
