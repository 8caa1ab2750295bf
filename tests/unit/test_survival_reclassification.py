import numpy as np
import pytest

from habitat_radiomics.cox import CoxModel
from habitat_radiomics.reclassification import continuous_nri, idi
from habitat_radiomics.survival_outcome import survival_outcome
from habitat_radiomics.survival_reclassification import UNDEFINED, survival_reclassification
from oracles.oracle import Oracle

ORACLE = Oracle("timeauc_lung")
TABLE, PREDICTIONS = ORACLE.table(), ORACLE["predictions"]
TIME, EVENT = TABLE["time"].to_numpy(), TABLE["event"].to_numpy()
RISKS = [np.array(PREDICTIONS[name]["365"]) for name in ("risk1", "risk2")]
OPTIONS = {"horizon": 365, "resamples": 40, "seed": 1}


def test_idi_and_nri_agree_with_survidinri():
    scores = [np.array(PREDICTIONS["lp1"])[:, None], np.column_stack([PREDICTIONS["lp1"], PREDICTIONS["lp2"]])]
    outcome = survival_outcome(TIME, EVENT)
    risks = [1 - CoxModel().fit(score, outcome).predict_survival(score, [365])[:, 0] for score in scores]
    table = survival_reclassification(TIME, EVENT, *risks, **OPTIONS).set_index("metric")
    ORACLE.check("survIDINRI", IDI=table.estimate["idi"], NRI_continuous=table.estimate["nri"])
    assert (table.ci_low < table.estimate).all() and (table.estimate < table.ci_high).all()


def test_without_censoring_it_is_the_binary_measure():
    time = TIME + np.arange(212) / 1000
    table = survival_reclassification(time, np.ones(212), *RISKS, **OPTIONS).set_index("metric").estimate
    nri, gained = (measure(time <= 365, *RISKS).set_index("metric").estimate for measure in (continuous_nri, idi))
    assert table["nri"] == pytest.approx(nri["nri_continuous"] / 2)  # Uno's is half of Pencina's
    assert table["nri_event"] == pytest.approx(nri["nri_continuous_event"])
    assert table["nri_nonevent"] == pytest.approx(nri["nri_continuous_nonevent"])
    assert table["idi"] == pytest.approx(gained["idi"])


def test_the_same_model_gains_nothing_and_a_swap_reverses_the_signs():
    assert (survival_reclassification(TIME, EVENT, RISKS[0], RISKS[0], **OPTIONS)["estimate"] == 0).all()
    forth = survival_reclassification(TIME, EVENT, *RISKS, **OPTIONS)["estimate"]
    back = survival_reclassification(TIME, EVENT, *RISKS[::-1], **OPTIONS)["estimate"]
    assert forth.to_numpy() == pytest.approx(-back.to_numpy())


@pytest.mark.parametrize(("event", "horizon"), [(EVENT * 0, 365), (EVENT, 1), (EVENT, 5000)])
def test_without_cases_or_controls_it_is_missing_with_a_reason(event, horizon):
    table = survival_reclassification(TIME, event, *RISKS, **{**OPTIONS, "horizon": horizon})
    assert table["estimate"].isna().all() and (table["reason"] == UNDEFINED).all()
