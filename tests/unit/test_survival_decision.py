import numpy as np
import pytest

from habitat_radiomics.decision_curve import net_benefit
from habitat_radiomics.survival_decision import (
    survival_decision_band,
    survival_decision_curve,
    survival_net_benefit,
)
from oracles.oracle import Oracle

ORACLE = Oracle("timeauc_lung")
TABLE = ORACLE.table()
TIME, EVENT = TABLE["time"].to_numpy(), TABLE["event"].to_numpy()
RISKS = {name: np.array(ORACLE["predictions"][f"risk{name[1]}"]["365"]) for name in ("p1", "p2")}
THRESHOLDS = np.array(ORACLE["dca_survival"]["threshold"])


def test_net_benefit_agrees_with_dcurves_also_where_it_is_missing():
    curves = survival_decision_curve(TIME, EVENT, RISKS, THRESHOLDS, horizon=365).set_index("model")["net_benefit"]
    ORACLE.check("dca_survival", nb_p1=curves["p1"], nb_p2=curves["p2"], nb_all=curves["treat all"])
    assert (curves["treat none"] == 0).all()


def test_without_censoring_it_is_the_binary_net_benefit():
    random = np.random.default_rng(0)
    time, risk = random.exponential(1, 200), random.random(200)
    survival = survival_net_benefit(time, np.ones(200), risk, THRESHOLDS, horizon=0.7)
    np.testing.assert_allclose(survival, net_benefit(time <= 0.7, risk, THRESHOLDS), atol=1e-12)


def test_a_resample_counts_as_its_patients_repeated():
    rows = np.random.default_rng(1).integers(0, 212, 212)
    repeated = survival_decision_curve(
        TIME[rows], EVENT[rows], {"p": RISKS["p1"][rows]}, THRESHOLDS, horizon=365
    ).set_index("model")["net_benefit"]["p"]
    from habitat_radiomics.survival_decision import _curves

    weights = np.bincount(rows, minlength=212).astype(float)
    weighted = _curves(TIME, EVENT, {"p": RISKS["p1"]}, THRESHOLDS, 365, weights)["p"]["net_benefit"]
    np.testing.assert_allclose(weighted, repeated, atol=1e-12)


def test_the_band_holds_the_curve_and_depends_on_the_seed_alone():
    thresholds = [0.3, 0.5, 0.95]
    curve = survival_decision_curve(TIME, EVENT, RISKS, thresholds, horizon=365)
    options = {"horizon": 365, "resamples": 60}
    band = survival_decision_band(TIME, EVENT, RISKS, thresholds, seed=1, **options)
    assert band[["model", "threshold"]].equals(curve[["model", "threshold"]])
    known = band["net_benefit_low"].notna() & curve["net_benefit"].notna()
    assert known.sum() >= 9
    assert (band["net_benefit_low"] <= curve["net_benefit"])[known].all()
    assert (band["net_benefit_high"] >= curve["net_benefit"])[known].all()
    assert band.equals(survival_decision_band(TIME, EVENT, RISKS, thresholds, seed=1, **options))
    assert not band.equals(survival_decision_band(TIME, EVENT, RISKS, thresholds, seed=2, **options))


def test_beyond_the_follow_up_and_without_events_nothing_is_gained_or_known():
    beyond = survival_decision_curve(TIME, EVENT, RISKS, [0.1], horizon=5000).set_index("model")["net_benefit"]
    assert beyond[["p1", "p2", "treat all"]].isna().all() and beyond["treat none"] == 0
    censored = survival_decision_curve(TIME, np.zeros(212), RISKS, [0.1], horizon=365).set_index("model")
    assert censored.loc["treat all", "net_benefit"] == pytest.approx(-0.1 / 0.9)
    assert censored["standardised"].isna().all()


def test_scores_and_reserved_names_are_refused():
    with pytest.raises(ValueError, match="risk ranges from .* between 0 and 1, not a score"):
        survival_net_benefit(TIME, EVENT, RISKS["p1"] * 5, [0.1], horizon=365)
    with pytest.raises(ValueError, match="a model is called 'treat all': that name is kept"):
        survival_decision_curve(TIME, EVENT, {"treat all": RISKS["p1"]}, [0.1], horizon=365)
    with pytest.raises(ValueError, match="threshold 1 is not a threshold probability"):
        survival_net_benefit(TIME, EVENT, RISKS["p1"], [1.0], horizon=365)
