import numpy as np
import pandas as pd
import pytest

from habitat_radiomics.brier import (
    NOBODY_LEFT,
    brier_scores,
    integrated_brier,
    km_survival,
    no_information_errors,
    out_of_bag_errors,
    plus_632,
    prediction_error,
)
from habitat_radiomics.cox import CoxModel
from habitat_radiomics.faults import DataFault
from habitat_radiomics.survival_outcome import survival_outcome
from oracles.oracle import FOLDER, Oracle

ORACLE = Oracle("timeauc_lung")
TABLE, PREDICTIONS = ORACLE.table(), ORACLE["predictions"]
TIME, EVENT, HORIZONS = TABLE["time"].to_numpy(float), TABLE["event"].to_numpy(), PREDICTIONS["times"]
RISKS = [np.column_stack([PREDICTIONS[name][str(h)] for h in HORIZONS]) for name in ("risk1", "risk2")]
X = np.column_stack([TABLE["age"], TABLE["sex"] == "female", TABLE["ph_ecog"], TABLE["wt_loss"]]).astype(float)
GRID = np.array(ORACLE["pec_brier_ibs_validation"]["grid"], dtype=float)
RESAMPLES = np.loadtxt(FOLDER / "inputs/lung_632_idx.csv", delimiter=",", skiprows=1, dtype=int) - 1


def refit(X, time, event):
    model = CoxModel(ties="breslow").fit(X, survival_outcome(time, event))
    return lambda rows: model.predict_survival(rows, GRID)


def refit_kaplan_meier(X, time, event):
    return lambda rows: np.broadcast_to(km_survival(time, event, GRID), (len(rows), GRID.size))


def test_brier_scores_their_errors_and_ipa_agree_with_risk_regression():
    first, second = (prediction_error(TIME, EVENT, 1 - risk, HORIZONS).table for risk in RISKS)
    ORACLE.check(
        "Score_brier",
        null=first["reference"],
        m1=first["brier"],
        m1_se=first["se"],
        m2=second["brier"],
        m2_se=second["se"],
        IPA_m1=first["ipa"],
        IPA_m2=second["ipa"],
    )


@pytest.mark.parametrize("case", ["pec_brier_ibs_validation", "pec_ibs_exact_times"])
def test_prediction_error_curves_and_their_integrals_agree_with_pec(case):
    grid = GRID if case == "pec_brier_ibs_validation" else np.concatenate([[0], np.unique(TIME[TIME <= 720])])
    errors = []
    for columns in (2, 4):
        model = CoxModel(ties="breslow").fit(X[:, :columns], survival_outcome(TIME, EVENT))
        errors.append(prediction_error(TIME, EVENT, model.predict_survival(X[:, :columns], grid), grid))
    first, second = errors
    ORACLE.check(case, IBS_null=first.ibs_reference, IBS_m1=first.ibs, IBS_m2=second.ibs)
    if case == "pec_brier_ibs_validation":
        curves = {"null": first.table["reference"], "m1": first.table["brier"], "m2": second.table["brier"]}
        ORACLE.check(case, **curves)


@pytest.mark.parametrize(("fit", "kind"), [(refit, "model"), (refit_kaplan_meier, "reference")])
def test_the_632_plus_error_on_stored_resamples_agrees_with_pec(fit, kind):
    survival = fit(X, TIME, EVENT)(X)
    apparent = brier_scores(TIME, EVENT, survival, GRID)
    halves = [
        out_of_bag_errors(fit, X, TIME, EVENT, RESAMPLES, GRID, numbers=numbers)
        for numbers in (range(25, 60), range(25))
    ]
    no_information = no_information_errors(TIME, EVENT, survival, GRID)
    curve, integrated = plus_632(GRID, apparent, pd.concat(halves), no_information)
    names = ("apparent", "out_of_bag", "no_information", "corrected")
    assert (curve["resamples"] == 60).all()
    if kind == "reference":
        curves = {"reference_AppErr": curve["apparent"], "reference_Boot632plus": curve["corrected"]}
        ORACLE.check("pec_boot632plus", crps_reference=[integrated[name] for name in names], **curves)
        return
    columns = dict(zip(("AppErr", "BootCvErr", "NoInfErr", "Boot632plusErr"), names, strict=True))
    values = {key: curve[name] for key, name in columns.items()}
    ORACLE.check("pec_boot632plus", crps_m2=[integrated[name] for name in names], **values)


def test_without_censoring_it_is_the_mean_squared_error():
    time, survival = np.array([1.0, 2, 3, 4]), np.array([[0.9], [0.6], [0.5], [0.2]])
    expected = np.mean((np.array([0, 0, 1, 1]) - survival[:, 0]) ** 2)
    assert brier_scores(time, np.ones(4), survival, [2.5])[0] == pytest.approx(expected)


def test_the_integral_takes_the_value_at_the_left_of_each_step():
    assert integrated_brier([0, 1, 3], [0, 0.2, 0.9]) == pytest.approx((1 * 0 + 2 * 0.2) / 3)
    assert integrated_brier([1, 3], [0.2, 0.9]) == pytest.approx((1 * 0 + 2 * 0.2) / 3)
    assert np.isnan(integrated_brier([], []))
    assert np.isnan(integrated_brier([0, 1, 2], [0, np.nan, 0.1]))


def test_weights_may_come_from_other_patients():
    from habitat_radiomics.kaplan_meier import censoring_distribution

    half, survival = np.arange(TIME.size) % 2 == 0, 1 - RISKS[0]
    everyone = censoring_distribution(TIME, EVENT)
    parts = [brier_scores(TIME[k], EVENT[k], survival[k], HORIZONS, censoring=everyone) for k in (half, ~half)]
    np.testing.assert_allclose(np.mean(parts, axis=0), brier_scores(TIME, EVENT, survival, HORIZONS), rtol=1e-12)


def test_times_beyond_the_follow_up_are_missing_unless_everyone_had_the_event():
    # The last of all had the event: nobody's fate is unknown. The last of all is censored: it is.
    time, survival = np.array([1.0, 2, 3, 4]), np.full((4, 1), 0.1)
    assert brier_scores(time, [1, 0, 1, 1], survival, [9])[0] == pytest.approx(0.01)
    assert np.isnan(brier_scores(time, [1, 1, 1, 0], survival, [9])[0])
    survival = np.full((TIME.size, 2), 0.3)
    table = prediction_error(TIME, np.zeros(TIME.size), survival, [365, 5000]).table
    assert table["brier"].isna().tolist() == [False, True]
    assert table["reason"].tolist() == ["", NOBODY_LEFT]
    assert np.isnan(table["se"][1])


def test_the_shuffled_error_is_the_mean_over_all_pairs():
    random = np.random.default_rng(0)
    time, survival = random.exponential(1, 15), random.random((15, 2))
    alive = time[:, None] > np.array([0.5, 1.0])
    expected = ((alive[:, None, :] - survival[None, :, :]) ** 2).mean(axis=(0, 1))
    np.testing.assert_allclose(no_information_errors(time, np.ones(15), survival, [0.5, 1.0]), expected)


def test_a_resample_that_cannot_be_fitted_is_named_and_left_out():
    def fit(X, time, event):
        if time.max() == TIME.max():
            raise DataFault("no_feature", "no feature was chosen.")
        return refit(X, time, event)

    table = out_of_bag_errors(fit, X, TIME, EVENT, RESAMPLES, GRID, numbers=range(8))
    failed = table["reason"] == "no_feature"
    assert 0 < table.loc[failed, "resample"].nunique() < 8
    assert table.loc[failed, "brier"].isna().all()
    curve, _ = plus_632(GRID, GRID * 0, table, GRID * 0 + 0.25)
    assert (curve["resamples"] == 8 - table.loc[failed, "resample"].nunique()).all()


def test_predictions_of_the_wrong_shape_are_refused():
    with pytest.raises(ValueError, match=r"survival has shape \(212, 3\): give 212 patients x 2 times"):
        brier_scores(TIME, EVENT, 1 - RISKS[0], [100, 200])
