import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit
from sklearn.metrics import brier_score_loss
from statsmodels.api import GLM, families

from habitat_radiomics.calibration import (
    EQUAL,
    FEW,
    NO_INTERVAL,
    ONE_CLASS,
    SEPARATED,
    TIED,
    brier,
    calibration_band,
    calibration_curve,
    calibration_errors,
    calibration_grid,
    calibration_summary,
    checked_probabilities,
    display_limits,
    hosmer_lemeshow,
    likelihood_indices,
    recalibration,
    scaled_brier,
    smooth_observed,
    spiegelhalter,
)
from oracles.oracle import Oracle

ORACLE = Oracle("calibration_nomogram_birthwt")
COHORTS = ["all189", "external63"]  # the development sample; patients the model has not seen


def given(cohort):
    values = ORACLE[f"predictions.{cohort}"]
    return np.array(values["y"]), np.array(values["p"])


def simulated(n=300, *, seed=0, slope=1.0, shift=0.0):
    generator = np.random.default_rng(seed)
    log_odds = generator.normal(-0.5, 1.2, n)
    return (generator.random(n) < expit(shift + slope * log_odds)).astype(int), expit(log_odds)


# Against R ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cohort", COHORTS)
def test_hosmer_lemeshow_and_its_groups_agree_with_resource_selection(cohort):
    test = hosmer_lemeshow(*given(cohort))
    case = f"hosmer_lemeshow.{cohort}"
    ORACLE.check(case, chi2=test.chi2, df=test.df, p=test.p, n_groups=len(test.table))
    ORACLE.check(case, observed_events=test.table.observed, expected_events=test.table.expected)
    ORACLE.check(case, n_per_group=test.table.n, p_external_df_g=hosmer_lemeshow(*given(cohort), external=True).p)


@pytest.mark.parametrize("cohort", COHORTS)
def test_measures_agree_with_val_prob_of_rms(cohort):
    y, p = given(cohort)
    fit, indices, errors = recalibration(y, p), likelihood_indices(y, p), calibration_errors(y, p)
    z, z_p = spiegelhalter(y, p)
    ours = {"Brier": brier(y, p), "Intercept": fit.joint_intercept, "Slope": fit.slope, "S:z": z, "S:p": z_p}
    ours |= {"R2": indices.r2, "D": indices.d, "U": indices.u, "Q": indices.q}
    ours |= {"U:Chi-sq": indices.u_chi2, "U:p": indices.u_p}
    ours |= {"Eavg": errors["ici"], "E90": errors["e90"], "Emax": errors["emax"]}
    ORACLE.check(f"val_prob.{cohort}", **ours)


@pytest.mark.parametrize("cohort", COHORTS)
def test_recalibration_brier_and_smooth_errors_agree_with_glm_and_loess(cohort):
    y, p = given(cohort)
    fit = recalibration(y, p)
    ours = {"brier": brier(y, p), "brier_scaled": scaled_brier(y, p), "intercept": fit.joint_intercept}
    ours |= {"citl": fit.intercept, "citl_se": fit.intercept_se, "slope": fit.slope, "slope_se": fit.slope_se}
    for smoother, ending in (("lowess", "lowess"), ("loess", "loess_direct")):
        for name, value in calibration_errors(y, p, smoother=smoother).items():
            name = f"{name.upper() if name == 'ici' else name.capitalize()}_{ending}"
            if name in ORACLE[f"calibration_basic.{cohort}"]:
                ours[name] = value
    assert {"ICI_lowess", "ICI_loess_direct", "E50_loess_direct", "Emax_loess_direct"} < set(ours)
    ORACLE.check(f"calibration_basic.{cohort}", **ours)


def test_apparent_curve_agrees_with_calibrate_of_rms():
    case = ORACLE["optimism_replay"]
    ORACLE.check("optimism_replay", curve_apparent=calibration_curve(*given("all189"), case["predy"]))


def test_summary_agrees_with_r_and_every_interval_holds_its_estimate():
    y, p = given("external63")
    table = calibration_summary(y, p, external=True).set_index("metric")
    basic, expected_ratio = "calibration_basic.external63", table.estimate["oe_ratio"]
    ORACLE.check(basic, citl=table.estimate["intercept"], slope=table.estimate["slope"], O_over_E=expected_ratio)
    ORACLE.check("hosmer_lemeshow.external63", p_external_df_g=table.p["hosmer_lemeshow"])
    ORACLE.check("val_prob.external63", **{"S:p": table.p["spiegelhalter"]})
    half = 1.959963984540054 * ORACLE[basic]["slope_se"]
    assert table.ci_low["slope"] == pytest.approx(ORACLE[basic]["slope"] - half, abs=1e-6)
    bounded = table.dropna(subset=["ci_low"])
    assert list(bounded.index) == ["intercept", "slope", "oe_ratio", "brier", "brier_scaled"]
    assert ((bounded.ci_low < bounded.estimate) & (bounded.estimate < bounded.ci_high)).all()
    assert (table.note[["ici", "e50", "e90", "emax"]] == NO_INTERVAL).all()


# Against other libraries and by property --------------------------------------------------------------------------


def test_recalibration_agrees_with_statsmodels_on_extreme_predictions():
    y, p = simulated(400, slope=0.3, shift=1.5)
    p = expit(6 * logit(p))  # log odds beyond +-20
    fit, log_odds = recalibration(y, p), logit(p)
    joint = GLM(y, np.column_stack([np.ones(400), log_odds]), family=families.Binomial()).fit(tol=1e-14)
    assert (fit.joint_intercept, fit.slope) == pytest.approx(tuple(joint.params), rel=1e-7)
    assert fit.slope_se == pytest.approx(joint.bse[1], rel=1e-6)
    alone = GLM(y, np.ones((400, 1)), offset=log_odds, family=families.Binomial()).fit(tol=1e-14)
    assert fit.intercept == pytest.approx(alone.params[0], rel=1e-7)
    assert brier(y, p) == pytest.approx(brier_score_loss(y, p))


def test_recalibrated_predictions_have_intercept_zero_and_slope_one():
    y, p = simulated(slope=0.6, shift=0.4)
    fit = recalibration(y, p)
    again = recalibration(y, expit(fit.joint_intercept + fit.slope * logit(p)))
    assert (again.intercept, again.slope, again.joint_intercept) == pytest.approx((0, 1, 0), abs=1e-9)


def test_interval_of_the_scaled_brier_score_agrees_with_the_jackknife():
    y, p = simulated(200)
    left_out = np.array([scaled_brier(np.delete(y, i), np.delete(p, i)) for i in range(200)])
    error = np.sqrt(199 / 200 * np.sum((left_out - left_out.mean()) ** 2))
    row = calibration_summary(y, p).set_index("metric").loc["brier_scaled"]
    assert row.ci_high - row.estimate == pytest.approx(1.96 * error, rel=0.02)


def test_the_order_of_patients_does_not_matter():
    y, p = simulated(80)
    order = np.random.default_rng(1).permutation(80)
    one, other = (calibration_summary(y[i], p[i]).estimate for i in (slice(None), order))
    np.testing.assert_allclose(one, other, rtol=1e-9)


def test_the_curve_of_tied_predictions_is_a_function_and_is_not_extrapolated():
    y, p = simulated(60)
    p = np.round(p, 1)
    curve = calibration_curve(y, p, [p.min() - 0.01, p[0], p.max() + 0.01])
    assert np.isnan(curve[[0, 2]]).all()
    observed, _ = smooth_observed(y, p)
    assert all(np.ptp(observed[p == place]) == 0 for place in p)
    assert curve[1] == observed[0]


def test_the_band_covers_the_curve_is_seeded_and_shrinks_with_patients():
    y, p = simulated(150)
    at = calibration_grid(p, points=9)[1:-1]
    low, high = calibration_band(y, p, at, resamples=60, seed=3)
    curve = calibration_curve(y, p, at)
    assert ((low < curve) & (curve < high)).all()
    np.testing.assert_array_equal(low, calibration_band(y, p, at, resamples=60, seed=3)[0])
    more = calibration_band(np.tile(y, 8), np.tile(p, 8), at, resamples=60, seed=3)
    assert (more[1] - more[0]).mean() < 0.6 * (high - low).mean()


def test_the_band_is_not_given_where_few_resamples_reach():
    y, p = simulated(40)
    low, high = calibration_band(y, p, [np.sort(p)[0], np.median(p), 0.999], resamples=40, seed=0)
    assert np.isnan([low[0], high[0], low[2], high[2]]).all()
    assert np.isfinite([low[1], high[1]]).all()


def test_display_limits_leave_out_ten_patients_at_either_end_as_datadist():
    assert display_limits(np.arange(1000)) == pytest.approx((9.99, 989.01))
    assert display_limits(np.arange(101)) == pytest.approx((5, 95))


# Broken input -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("y", "p", "message"),
    [
        ([0, 1], [0.2], "y has shape (2,) and p (1,): one outcome and one probability a patient."),
        ([], [], "y has shape (0,) and p (0,)"),
        ([0, 2], [0.2, 0.3], "y is neither 0 nor 1 for 1 of 2 patients: leave out patients whose outcome is missing."),
        ([0, np.nan], [0.2, 0.3], "y is neither 0 nor 1 for 1 of 2 patients"),
        ([0, 1], [0.2, np.nan], "p is NaN or infinite for 1 of 2 patients: leave them out and say how many."),
        ([0, 1], [-0.4, 1.7], "p ranges from -0.4 to 1.7: a probability lies between 0 and 1. Give the model's prob"),
    ],
)
def test_wrong_input_is_refused(y, p, message):
    with pytest.raises(ValueError) as caught:
        checked_probabilities(y, p)
    assert str(caught.value).startswith(message)


def test_an_unknown_smoother_is_refused():
    with pytest.raises(ValueError, match="smoother is 'spline': use one of lowess, loess."):
        smooth_observed([0, 1], [0.1, 0.2], smoother="spline")


def notes(y, p, **options):
    table = calibration_summary(y, p, **options).set_index("metric")
    empty = table[table.estimate.isna()]
    assert empty[["ci_low", "ci_high", "p"]].isna().all(axis=None)
    return empty.note.to_dict()


def test_one_class_has_no_recalibration():
    y, p = simulated(50)
    assert notes(0 * y, p) == {
        "intercept": ONE_CLASS,
        "slope": ONE_CLASS,
        "oe_ratio": "no event was observed, or none expected",
        "brier_scaled": ONE_CLASS,
    }
    everyone = calibration_summary(0 * y + 1, p).set_index("metric").loc["oe_ratio"]
    assert everyone.estimate > 1
    assert (np.isnan(everyone.ci_low), everyone.note) == (True, ONE_CLASS)


def test_certain_predictions_have_no_log_odds():
    y, p = simulated(50)
    p[:3] = [0, 1, 1]
    reason = "3 of 50 predictions are exactly 0 or 1: infinite log odds"
    assert notes(y, p) == {"intercept": reason, "slope": reason}
    assert likelihood_indices(y, p).reason == reason


def test_predictions_that_are_all_certain_leave_the_tests_without_variance():
    y, _ = simulated(50)
    found = notes(y, y.astype(float))
    assert found["hosmer_lemeshow"] == "ties leave 2 groups"
    assert found["spiegelhalter"] == "the predictions leave the Brier score no variance"
    external = hosmer_lemeshow(y, y.astype(float), external=True)
    assert (np.isnan(external.p), external.reason) == (True, "a group expects no events, or nothing but events")


@pytest.mark.parametrize("noise", [0.0, 1e-13])
def test_equal_predictions_have_no_slope_and_no_curve(noise):
    y = simulated(50)[0]
    found = notes(y, np.full(50, 0.3) + noise * np.arange(50), groups=2)
    assert found["slope"] == found["ici"] == EQUAL
    assert found["hosmer_lemeshow"] == ("ties leave 2 groups" if noise else "ties leave 1 group")
    assert "intercept" not in found


def test_separated_classes_have_no_slope():
    y, p = simulated(50)
    p = np.where(y == 1, 0.6 + p / 4, 0.1 + p / 4)
    assert notes(y, p) == {"slope": SEPARATED}
    touching = recalibration([0, 0, 1, 1], [0.1, 0.5, 0.5, 0.9])  # the likelihood still has no maximum
    assert (np.isnan(touching.slope), touching.slope_reason) == (True, SEPARATED)


def test_mostly_equal_predictions_have_no_curve():
    y, p = simulated(60)
    p[:45] = 0.25
    found = notes(y, p)
    assert found["ici"] == TIED
    assert np.isnan(calibration_curve(y, p, [0.25, 0.3])).all()


def test_fewer_than_ten_patients_have_no_curve_and_no_test_in_ten_groups():
    y, p = np.array([0, 1, 0, 1, 0, 1, 0, 1]), np.array([0.1, 0.2, 0.3, 0.35, 0.4, 0.5, 0.6, 0.9])
    found = notes(y, p)
    assert found["ici"] == FEW == "fewer than 10 patients"
    assert found["hosmer_lemeshow"] == "8 patients are fewer than 10 groups"
    assert calibration_summary([1], [0.4]).estimate.notna().sum() == 3  # ratio, Brier score, its test


@pytest.mark.parametrize("levels", [[0.1, 0.2, 0.4, 0.7], np.linspace(0.05, 0.8, 6)])
def test_ties_merge_groups_as_pandas_qcut_does_and_degrees_of_freedom_follow(levels):
    y = simulated(156)[0]
    p = np.repeat(levels, 156 // len(levels))
    test = hosmer_lemeshow(y, p)
    groups = pd.DataFrame({"y": y, "p": p}).groupby(pd.qcut(p, 10, duplicates="drop"), observed=True)
    observed, expected, size = groups.y.sum(), groups.p.sum(), groups.size()
    assert test.table.n.tolist() == size.tolist()
    assert test.df == len(size) - 2 < 8
    assert test.chi2 == pytest.approx(((observed - expected) ** 2 / (expected * (1 - expected / size))).sum())
