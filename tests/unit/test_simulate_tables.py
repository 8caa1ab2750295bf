"""The tables of the demo cohort: shares, planted effects, and what they do not depend on."""

import datetime
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from habitat_radiomics import simulate_tables as module
from habitat_radiomics.simulate_tables import simulate_tables

OUTCOMES = ["progression", "time_days", "time_months", "event"]


def frames(**settings):
    return [pd.DataFrame(rows).convert_dtypes() for rows in simulate_tables(settings)]


@pytest.fixture(scope="module")
def many():
    """Patients with their truth, enough of them to measure the planted effects."""
    patients, _, truth = frames(patients=3000, missing_fraction=0.0)
    return patients.merge(truth.drop(columns="age"), on="patient")


def test_the_same_settings_give_the_same_tables():
    assert simulate_tables({}) == simulate_tables({})


def test_the_first_patients_do_not_depend_on_how_many_follow():
    short, long = simulate_tables({"patients": 60}), simulate_tables({"patients": 72})
    for few, more in zip(short, long, strict=True):
        assert few == more[: len(few)]


def test_another_outcome_seed_changes_nothing_but_outcomes():
    before, after = frames(outcome_seed=1), frames(outcome_seed=2)
    pd.testing.assert_frame_equal(before[0].drop(columns=OUTCOMES), after[0].drop(columns=OUTCOMES))
    pd.testing.assert_frame_equal(before[1], after[1])
    pd.testing.assert_frame_equal(before[2], after[2])
    assert not before[0][OUTCOMES].equals(after[0][OUTCOMES])


def test_a_null_outcome_changes_neither_people_nor_images():
    planted, null = frames(), frames(outcome="null")
    pd.testing.assert_frame_equal(planted[0].drop(columns=OUTCOMES), null[0].drop(columns=OUTCOMES))
    pd.testing.assert_frame_equal(planted[1], null[1])


def test_another_seed_gives_other_people():
    assert not frames(seed=1)[0]["age"].equals(frames(seed=2)[0]["age"])


def test_default_cohorts_have_the_stated_sizes_sites_and_events():
    patients = frames()[0]
    assert patients["cohort"].value_counts().to_dict() == {"train": 42, "external": 18, "internal": 12}
    assert set(patients.loc[patients["cohort"] == "external", "site"]) == {"B"}
    assert 0.7 <= (patients.loc[patients["cohort"] == "train", "site"] == "A").mean() <= 0.8
    assert patients.groupby("cohort")["progression"].mean().between(0.43, 0.53).all()
    assert patients["event"].mean() == pytest.approx(0.45, abs=0.06)


def test_cohort_shares_follow_their_setting():
    fractions = {"train": 0.3, "internal": 0.1, "external": 0.6}
    patients = frames(patients=1000, cohort_fractions=fractions)[0]
    shares = patients["cohort"].value_counts(normalize=True)
    assert shares.to_dict() == pytest.approx(fractions, abs=0.01)
    assert set(patients.loc[patients["site"] == "B", "cohort"]) == {"external"}, "site B first goes to external"


def test_planted_truth_separates_outcomes_as_designed(many):
    outcome = many["progression"].to_numpy(int)
    age = many["age"].to_numpy(float)
    logit = many["logit"].to_numpy(float)
    image_part = logit - np.polyval(np.polyfit(age, logit, 1), age)
    assert 0.93 <= roc_auc_score(outcome, many["probability"]) <= 0.96
    assert 0.88 <= roc_auc_score(outcome, image_part) <= 0.92
    assert 0.65 <= roc_auc_score(outcome, age) <= 0.70
    assert roc_auc_score(outcome, many["fraction"]) > roc_auc_score(outcome, many["texture"]) > 0.63


def test_true_probabilities_are_calibrated(many):
    tenths = many.groupby(pd.qcut(many["probability"].astype(float), 10), observed=True)[
        ["progression", "probability"]
    ].mean()
    assert (tenths["progression"] - tenths["probability"]).abs().max() < 0.06


def test_higher_hazard_means_earlier_events(many):
    halves = many.groupby(many["hazard_ratio"] > many["hazard_ratio"].median())
    events_per_day = halves["event"].sum() / halves["time_days"].sum()
    assert events_per_day[True] > 3 * events_per_day[False]


def test_sex_carries_no_signal_and_grade_little(many):
    outcome = many["progression"].to_numpy(int)
    assert roc_auc_score(outcome, many["sex"] == "M") == pytest.approx(0.5, abs=0.03)
    assert 0.55 <= roc_auc_score(outcome, many["grade"].astype(float)) <= 0.68
    assert set(many["grade"]) == {1, 2, 3}


def test_null_outcomes_are_independent_of_the_latent_truth():
    latent = frames(patients=400)[2]["logit"]
    aucs = []
    for outcome_seed in range(1, 9):
        patients, _, truth = frames(patients=400, outcome="null", outcome_seed=outcome_seed)
        assert set(truth["probability"]) == {0.5}
        assert set(truth["hazard_ratio"]) == {1.0}
        aucs.append([roc_auc_score(patients[name].to_numpy(int), latent) for name in ("progression", "event")])
    assert np.mean(aucs, axis=0) == pytest.approx([0.5, 0.5], abs=0.03)
    assert np.ptp(aucs) > 0, "each outcome seed tosses its own coins"


def test_clinical_values_are_missing_at_the_stated_rate_and_outcomes_never():
    patients = frames(patients=1000, missing_fraction=0.03)[0]
    assert patients[["age", "sex", "grade"]].isna().mean().mean() == pytest.approx(0.03, abs=0.01)
    assert not patients.drop(columns=["age", "sex", "grade"]).isna().any(axis=None)
    assert frames()[0].isna().any(axis=None), "the default cohort has gaps"


def test_repeat_readings_are_listed_for_training_patients_only():
    patients, images, _ = frames()
    readings = images.groupby("patient")["mask"].nunique()
    read_again = readings.index[readings == 6]
    assert (len(read_again), set(readings)) == (20, {2, 6})
    assert set(patients.set_index("patient").loc[read_again, "cohort"]) == {"train"}


def test_image_rows_name_files_readers_and_protocol_of_the_site():
    patients, images, _ = simulate_tables({"sequences": ["T1CE", "T2FS"]})
    name = next(row["patient"] for row in images if row["repeat"] == 2)
    rows = [row for row in images if row["patient"] == name]
    assert [row["mask"] for row in rows[:3]] == [f"{name}/T1CE.{reading}.nii.gz" for reading in ("r1", "r1b", "r2")]
    assert [(row["reader"], row["repeat"]) for row in rows[:3]] == [("1", 1), ("1", 2), ("2", 1)]
    assert {row["image"] for row in rows} == {f"{name}/T1CE.nii.gz", f"{name}/T2FS.nii.gz"}
    site = {row["patient"]: row["site"] for row in patients}
    assert {(site[row["patient"]], row["field_strength_t"]) for row in images} == {("A", 1.5), ("B", 3.0)}


def test_rows_are_plain_values_ready_for_a_text_table():
    for table in simulate_tables({}):
        assert {type(value) for row in table for value in row.values()} <= {str, int, float, type(None)}
    for row in simulate_tables({})[0]:
        datetime.date.fromisoformat(row["mri_date"])
        assert row["time_days"] > 0


def test_planning_needs_numpy_alone_and_no_time():
    code = "import sys, habitat_radiomics.simulate_tables; print(*sys.modules)"
    folder = Path(module.__file__).parents[1]
    loaded = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True)
    assert not {"SimpleITK", "pandas", "scipy", "sklearn"} & set(loaded.stdout.split())
    start = time.process_time()
    simulate_tables({})
    assert time.process_time() - start < 0.3
