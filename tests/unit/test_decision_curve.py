import numpy as np
import pandas as pd
import pytest

from habitat_radiomics.decision_curve import (
    TREAT_ALL,
    TREAT_NONE,
    decision_band,
    decision_curve,
    net_benefit,
    threshold_grid,
)
from oracles.oracle import Oracle

ORACLE = Oracle("dca_nri_asah")
Y = ORACLE.table()["y"].to_numpy()
MODELS = {name: np.array(ORACLE["predictions"][name]) for name in ("p1", "p2")}
GRID = threshold_grid()


def wide(table, column="net_benefit"):
    return table.pivot(index="threshold", columns="model", values=column)


def test_net_benefit_agrees_with_dcurves_in_r():
    table = wide(decision_curve(Y, MODELS, GRID))
    ORACLE.check(
        "dca_binary",
        threshold=table.index,
        nb_all=table[TREAT_ALL],
        nb_none=table[TREAT_NONE],
        nb_p1=table["p1"],
        nb_p2=table["p2"],
    )


@pytest.mark.parametrize("prevalence", [None, 0.1])
def test_all_quantities_agree_with_dcurves_in_python(prevalence):
    from dcurves import dca

    data = pd.DataFrame({"y": Y, **MODELS})
    theirs = dca(data=data, outcome="y", modelnames=list(MODELS), thresholds=GRID, prevalence=prevalence)
    theirs["model"] = theirs["model"].replace({"all": TREAT_ALL, "none": TREAT_NONE})
    ours = decision_curve(Y, MODELS, GRID, prevalence=prevalence)
    share = Y.mean() if prevalence is None else prevalence
    for column, expected in (
        ("net_benefit", wide(theirs)),
        ("standardised", wide(theirs) / share),
        ("interventions_avoided", 100 * wide(theirs, "net_intervention_avoided")),
    ):
        np.testing.assert_allclose(wide(ours, column), expected, atol=1e-9, rtol=1e-10)


def test_by_hand_two_true_and_one_false_positive_of_five():
    y, p = [1, 1, 1, 0, 0], [0.9, 0.25, 0.1, 0.3, 0.2]
    assert net_benefit(y, p, [0.25]) == pytest.approx([2 / 5 - 1 / 5 / 3])
    rows = decision_curve(y, {"m": p}, [0.25]).set_index("model")
    assert rows.standardised["m"] == pytest.approx((2 / 5 - 1 / 15) / 0.6)
    # Two spared treatments in vain (0.1 and 0.2), the missed event costs three of them: 1 - 3 = -2 of 5.
    assert rows.interventions_avoided["m"] == pytest.approx(100 * (1 - 3) / 5)


def test_perfect_predictions_have_the_share_of_events_as_net_benefit():
    rows = decision_curve(Y, {"m": Y.astype(float)}, [0.1, 0.9]).set_index("model").loc["m"]
    assert rows.net_benefit.tolist() == pytest.approx([Y.mean()] * 2)
    assert rows.standardised.tolist() == pytest.approx([1, 1])


def test_the_sample_s_own_share_as_prevalence_changes_nothing():
    own, given = (decision_curve(Y, MODELS, GRID, prevalence=share) for share in (None, Y.mean()))
    pd.testing.assert_frame_equal(own, given)


def test_the_band_holds_the_curve_and_is_seeded():
    at = [0.1, 0.3, 0.5]
    band = decision_band(Y, MODELS, at, resamples=200, seed=1)
    curve = decision_curve(Y, MODELS, at)
    for column in ("net_benefit", "standardised"):
        assert (band[f"{column}_low"] <= curve[column]).all()
        assert (curve[column] <= band[f"{column}_high"]).all()
    pd.testing.assert_frame_equal(band, decision_band(Y, MODELS, at, resamples=200, seed=1))
    assert not band.equals(decision_band(Y, MODELS, at, resamples=200, seed=2))
    none = band[band.model == TREAT_NONE]
    assert (none[["net_benefit_low", "net_benefit_high"]] == 0).all(axis=None)


def test_the_band_agrees_with_a_plain_bootstrap():
    generator, values = np.random.default_rng(0), []
    for _ in range(2000):
        rows = generator.integers(0, Y.size, Y.size)
        values.append(net_benefit(Y[rows], MODELS["p1"][rows], [0.3])[0])
    band = decision_band(Y, {"p1": MODELS["p1"]}, [0.3], resamples=2000, seed=0).iloc[0]
    assert (band.net_benefit_low, band.net_benefit_high) == pytest.approx(
        tuple(np.quantile(values, [0.025, 0.975])), abs=0.012
    )


def test_with_a_prevalence_the_classes_are_resampled_apart():
    band = decision_band(Y, MODELS, [0.2], resamples=50, seed=1, prevalence=0.1).set_index("model").loc[TREAT_ALL]
    assert band.net_benefit_low == pytest.approx(band.net_benefit_high)  # treating all has no sampling error then
    assert band.net_benefit_low == pytest.approx(0.1 - 0.9 / 4)


def test_without_events_net_benefit_is_a_loss_and_nothing_is_standardised():
    y, p = np.zeros(12), np.arange(1, 13) / 20
    rows = decision_curve(y, {"m": p}, [0.5])
    assert rows.net_benefit[0] == pytest.approx(-3 / 12)
    assert rows.standardised.isna().all()
    band = decision_band(y, {"m": p}, [0.5], resamples=10, seed=0)
    assert band[["standardised_low", "standardised_high"]].isna().all(axis=None)
    assert band.net_benefit_low.notna().all()


@pytest.mark.parametrize("threshold", [0, 1, -0.2, np.nan])
def test_thresholds_outside_zero_and_one_are_refused(threshold):
    with pytest.raises(ValueError, match="is not a threshold probability: it must lie between 0 and 1, both excluded."):
        net_benefit(Y, MODELS["p1"], [0.5, threshold])


def test_a_prevalence_needs_both_classes_and_a_share():
    with pytest.raises(ValueError, match="y holds one class only: a net benefit at another prevalence needs patients"):
        net_benefit([1, 1], [0.2, 0.4], [0.3], prevalence=0.2)
    with pytest.raises(ValueError, match="prevalence is 1.2: give the share of events in the population"):
        net_benefit(Y, MODELS["p1"], [0.3], prevalence=1.2)


def test_the_names_of_the_strategies_are_kept():
    with pytest.raises(ValueError, match="a model is called 'treat all': that name is kept for the strategy."):
        decision_curve(Y, {TREAT_ALL: MODELS["p1"]}, [0.3])


def test_missing_probabilities_are_refused():
    with pytest.raises(ValueError, match="p is NaN or infinite for 1 of 2 patients"):
        decision_curve([0, 1], {"m": [0.1, np.nan]}, [0.3])


def test_the_grid_is_free_of_accumulated_rounding():
    assert GRID.tolist() == [k / 100 for k in range(1, 100)]
    assert threshold_grid(0.05, 0.5, 0.05).tolist() == [k / 20 for k in range(1, 11)]
