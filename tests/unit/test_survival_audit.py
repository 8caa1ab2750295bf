"""The audit passes on what the workflow stores, and every altered number is noticed."""

import numpy as np
import pandas as pd
import pytest

from habitat_radiomics.number_audit import AuditError, require_sound
from habitat_radiomics.survival_audit import audit_survival, derive_metrics, uncensored_until
from habitat_radiomics.survival_cohort_tables import risk_group_tables
from habitat_radiomics.survival_validation import all_comparisons, all_metrics
from oracles.oracle import Oracle
from survival_tables import HORIZONS, SIZES, survival_study

ORACLE = Oracle("timeauc_lung")


@pytest.fixture(scope="module")
def study():
    patients, predictions, curves = survival_study()
    clinical = patients.set_index("patient")[["grade"]]
    options = {"horizons": HORIZONS, "level": 0.95}
    compared, steps, _ = risk_group_tables(predictions, clinical, subgroups={"grade": ["low", "high"]}, **options)
    flow = [("screened", "", 130), ("included", "", 130), *(("cohort", name, n) for name, n in SIZES.items())]
    return {
        "metrics": all_metrics(predictions, curves, resamples=20, seed=1, **options),
        "predictions": predictions,
        "curves": curves,
        "cutoffs": dict.fromkeys(predictions, 0.1),
        "comparisons": all_comparisons(predictions, reference="clinical", **options),
        "compared": compared,
        "steps": steps,
        "funnels": {"tumour": pd.DataFrame({"step": ["extracted", "cox_lasso"], "features": [50, 3]})},
        "flow": pd.DataFrame(flow, columns=["step", "reason", "patients"]),
        **options,
    }


def failed(study):
    checks = audit_survival(**study)
    return checks[~checks["passed"].astype(bool)]


def test_a_sound_study_passes_every_check(study):
    checks = audit_survival(**study)
    require_sound(checks)
    assert len(checks) > 500
    assert {
        "c_harrell: ci_low follows from the predictions",
        "log-rank chi-square follows from the predictions",
        "log hazard ratio follows from the predictions",
        "survival follows from the predictions",
    } <= set(checks["check"])


def altered(table, row, column, value):
    table = table.copy()
    table.loc[row, column] = value
    return table


def place(table, **where):
    return table.index[np.logical_and.reduce([table[key] == value for key, value in where.items()])][0]


@pytest.mark.parametrize(
    ("name", "where", "column", "value", "words"),
    [
        ("metrics", {"metric": "c_harrell", "cohort": "external"}, "estimate", 0.801, "c_harrell: estimate follows"),
        ("metrics", {"metric": "c_uno", "cohort": "internal"}, "ci_high", 0.999, "c_uno: ci_high follows"),
        ("metrics", {"metric": "auc_24", "cohort": "train_cv"}, "estimate", 0.7, "auc_24: estimate follows"),
        ("metrics", {"metric": "brier_12", "cohort": "external"}, "estimate", 0.1, "brier_12: estimate follows"),
        ("metrics", {"metric": "ibs", "cohort": "train"}, "estimate", 0.1, "ibs: estimate follows"),
        ("metrics", {"metric": "ipa_24", "cohort": "train"}, "estimate", 0.9, "ipa_24: estimate follows"),
        ("metrics", {"metric": "auc_median", "cohort": "train"}, "estimate", 1.2, "lies between 0 and 1"),
        ("metrics", {"metric": "ibs", "cohort": "train"}, "events", 99, "events of ibs"),
        ("comparisons", {"measure": "auc_12", "cohort": "internal"}, "difference", 0.5, "difference follows"),
        ("comparisons", {"measure": "c_harrell", "cohort": "internal"}, "p", 0.5, "p follows from z"),
        ("compared", {"subgroup": "all", "cohort": "external"}, "chi2", 9.0, "log-rank chi-square follows"),
        ("compared", {"subgroup": "grade", "cohort": "external"}, "n_low", 99, "risk groups add up"),
        ("compared", {"subgroup": "all", "cohort": "internal"}, "hr", 99.0, "hazard ratio lies inside"),
        ("compared", {"subgroup": "all", "cohort": "external"}, "hr", 2.001, "log hazard ratio follows"),
        ("steps", {"cohort": "internal", "group": "low"}, "survival", 0.9999, "survival follows from the predictions"),
        ("steps", {"cohort": "external", "group": "high"}, "at_risk", 7, "number at risk falls by those who left"),
        ("flow", {"reason": "external"}, "patients", 41, "patients are those of the flow"),
        ("funnels", {"step": "cox_lasso"}, "features", 60, "never rise"),
    ],
)
def test_one_altered_number_stops_the_study(study, name, where, column, value, words):
    table = study[name]["tumour"] if name == "funnels" else study[name]
    changed = altered(table, place(table, **where), column, value)
    found = failed({**study, name: {"tumour": changed} if name == "funnels" else changed})
    assert found["check"].str.contains(words, regex=False).any(), found
    with pytest.raises(AuditError, match="must hold"):
        require_sound(audit_survival(**{**study, name: {"tumour": changed} if name == "funnels" else changed}))


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("risk_12", 1.4, "risks lie between 0 and 1"),
        ("risk_12", 0.999, "risks never fall with the horizon"),
        ("risk_24", 0.0001, "risk by 24 lies on the survival curve"),
        ("group", "unknown", "groups follow from score and cut"),
        ("event", 2, "events are 0 or 1"),
        ("time", 3.25, "a patient has one outcome"),
    ],
)
def test_one_altered_prediction_stops_the_study(study, column, value, words):
    table = study["predictions"]["combined"]
    row = place(table, cohort="external")
    found = failed({**study, "predictions": {**study["predictions"], "combined": altered(table, row, column, value)}})
    assert found["check"].str.contains(words, regex=False).any(), found


def test_a_survival_curve_that_rises_is_noticed(study):
    table = study["curves"]["combined"]
    changed = altered(table, 5, "30", 1.0)
    found = failed({**study, "curves": {**study["curves"], "combined": changed}})
    assert "survival never rises" in set(found["check"])


def test_the_second_derivation_agrees_with_r_too():
    table, stored = ORACLE.table(), ORACLE["predictions"]
    patients = pd.DataFrame({"patient": np.arange(len(table)).astype(str), "cohort": "external"})
    patients = patients.assign(time=table["time"].astype(float), event=table["event"], score=stored["lp1"])
    for horizon in stored["times"]:
        patients[f"risk_{horizon}"] = stored["risk1"][str(horizon)]
    curves = patients[["patient", "cohort"]].assign(
        **{str(stored["times"][0]): 1 - patients[f"risk_{stored['times'][0]}"]}
    )
    found = derive_metrics(patients, curves, stored["times"], level=0.95)
    values = [found[f"brier_{h}"]["estimate"] for h in stored["times"]]
    ORACLE.check("Score_brier", m1=values, IPA_m1=[found[f"ipa_{h}"]["estimate"] for h in stored["times"]])


def test_products_written_out_are_those_counted_by_hand():
    time, event = np.array([1.0, 2, 2, 3, 4]), np.array([True, True, False, False, True])
    assert uncensored_until(time, event, 3) == pytest.approx(2 / 3)  # at 2 one of the three left after the event
    assert uncensored_until(time, event, 3, including=True) == pytest.approx(2 / 3 * 1 / 2)
