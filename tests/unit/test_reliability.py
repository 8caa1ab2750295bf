import numpy as np
import pytest

from habitat_radiomics.reliability import FORMS, icc
from oracles.oracle import Oracle, assert_close

PSYCH = ["icc_shrout_fleiss", "icc_lung_karno"]


def one(matrix, form):
    """Intraclass correlation of a single feature, ratings (targets, raters)."""
    return icc(np.asarray(matrix, dtype=float)[:, :, None], form=form)


def assert_equals_psych(result, values, row):
    """Compare with a row of psych::ICC's table."""
    pairs = {"ICC": result.estimate, "low": result.ci_low, "high": result.ci_high, "F": result.f, "p": result.p}
    for name in pairs.keys() & values.keys():
        assert_close(pairs[name], values[name][row], tolerance=1e-8, label=name)


@pytest.mark.parametrize("fixture", PSYCH)
@pytest.mark.parametrize("row, form", list(enumerate(FORMS)))
def test_estimate_interval_f_and_p_agree_with_psych(fixture, row, form):
    oracle = Oracle(fixture)
    result = one(oracle.table().drop(columns="target"), form)
    assert_equals_psych(result, oracle["psych_ICC"], row)


@pytest.mark.parametrize("pair", ["J1_J3", "J1_J2"])
@pytest.mark.parametrize("row, form", list(enumerate(FORMS)))
def test_two_raters_agree_with_psych_also_where_the_correlation_is_negative(pair, row, form):
    oracle = Oracle("icc_shrout_fleiss")
    assert_equals_psych(one(oracle.table()[pair.split("_")], form), oracle[f"two_raters.{pair}"], row)


@pytest.mark.parametrize("form, published", list(zip(FORMS, [0.17, 0.29, 0.71], strict=True)))
def test_estimates_are_those_printed_by_shrout_and_fleiss(form, published):
    table = Oracle("icc_shrout_fleiss").table().drop(columns="target")
    assert one(table, form).estimate[0] == pytest.approx(published, abs=0.006)


def ratings(*, seed=0, targets=20, raters=2, features=8):
    generator = np.random.default_rng(seed)
    truth = generator.normal(size=(targets, 1, features))
    return truth + 0.5 * generator.normal(size=(targets, raters, features))


@pytest.mark.parametrize("form", FORMS)
def test_features_do_not_influence_each_other(form):
    values = ratings()
    values[2, 1, 3] = np.nan
    values[:, :, 5] = 0.1
    together = icc(values, form=form)
    for feature in range(values.shape[2]):
        alone = one(values[:, :, feature], form)
        for name in ("estimate", "ci_low", "ci_high", "f", "p"):
            np.testing.assert_allclose(getattr(together, name)[feature], getattr(alone, name)[0], rtol=1e-12)


@pytest.mark.parametrize("form", FORMS)
def test_a_target_with_a_missing_rating_is_left_out_for_that_feature_only(form):
    values = ratings(features=2)
    values[4, 0, 1] = np.nan
    values[7, 1, 1] = np.inf
    result = icc(values, form=form)
    kept = one(np.delete(values[:, :, 1], [4, 7], axis=0), form)
    assert result.n.tolist() == [20, 18]
    assert result.estimate[1] == pytest.approx(kept.estimate[0], rel=1e-12)
    assert result.ci_low[1] == pytest.approx(kept.ci_low[0], rel=1e-9)


@pytest.mark.parametrize("form", FORMS)
def test_constant_features_and_too_few_targets_are_nan_with_a_reason(form):
    values = ratings(features=4)
    values[:, :, 0] = 0.1
    values[1:, 0, 1] = np.nan
    values[:, :, 2] = np.nan
    result = icc(values, form=form)
    assert result.reason.tolist() == ["constant", *["fewer than two complete targets"] * 2, ""]
    for name in ("estimate", "ci_low", "ci_high", "f", "p"):
        assert np.isnan(getattr(result, name)).tolist() == [True, True, True, False]


def test_a_feature_constant_up_to_rounding_counts_as_constant():
    values = np.full((6, 2), 0.3)
    values[::2] = 0.1 + 0.2
    assert values[0, 0] != values[1, 0]
    assert one(values, "ICC(2,1)").reason[0] == "constant"


@pytest.mark.parametrize("form", FORMS)
def test_identical_ratings_have_correlation_one_with_an_interval_at_one(form):
    result = one(np.repeat(np.arange(6.0)[:, None], 2, axis=1), form)
    values = [result.estimate[0], result.ci_low[0], result.ci_high[0], result.p[0]]
    assert values == [1, 1, 1, 0]
    assert result.f[0] == np.inf


def test_a_constant_shift_between_raters_lowers_agreement_but_not_consistency():
    shifted = np.arange(6.0)[:, None] + [0, 2]
    assert one(shifted, "ICC(3,1)").estimate[0] == pytest.approx(1)
    # By hand: MS targets 7, MS raters 12, MS error 0, n = 6, k = 2: 7 / (7 + 2 * 12 / 6).
    assert one(shifted, "ICC(2,1)").estimate[0] == pytest.approx(7 / 11)


def test_opposite_ratings_without_any_target_effect_are_undefined_in_icc21_with_a_reason():
    result = one([[0, 1], [1, 0]], "ICC(2,1)")
    assert np.isnan(result.estimate[0])
    assert result.reason[0] == "zero variance in the denominator"


@pytest.mark.parametrize("form", FORMS)
def test_shift_and_scale_of_a_feature_do_not_matter(form):
    values = ratings()
    result, moved = icc(values, form=form), icc(values * 1e6 - 3e7, form=form)
    np.testing.assert_allclose(moved.estimate, result.estimate, rtol=1e-9)
    np.testing.assert_allclose(moved.ci_high, result.ci_high, rtol=1e-9)


@pytest.mark.parametrize("form", FORMS)
def test_a_higher_level_widens_the_interval_around_the_same_estimate(form):
    wide, narrow = icc(ratings(), form=form, level=0.99), icc(ratings(), form=form, level=0.8)
    assert (wide.ci_low < narrow.ci_low).all() and (narrow.ci_low < narrow.estimate).all()
    assert (wide.ci_high > narrow.ci_high).all() and (narrow.ci_high > narrow.estimate).all()


def test_one_rater_a_flat_array_and_an_unknown_form_are_refused():
    with pytest.raises(ValueError, match=r"shape \(20, 1, 8\).*at least two raters"):
        icc(ratings(raters=1), form="ICC(2,1)")
    with pytest.raises(ValueError, match=r"shape \(6, 2\): needed are \(targets, raters, features\)"):
        icc(np.zeros((6, 2)), form="ICC(2,1)")
    with pytest.raises(ValueError, match=r"form is 'ICC2': use one of ICC\(1,1\)"):
        icc(ratings(), form="ICC2")
