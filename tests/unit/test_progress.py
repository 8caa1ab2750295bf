"""One line says how far a run has come."""

import pytest

from habitat_radiomics.progress import SILENCE_SECONDS, Progress, duration

JOBS = {
    1: ("preprocess_image", "P1"),
    2: ("normalise_image", "P1"),
    3: ("preprocess_image", "P2"),
    4: ("normalise_image", "P2"),
    5: ("fit_model", None),
}


class Clock:
    def __init__(self):
        self.seconds = 0.0

    def __call__(self):
        return self.seconds


@pytest.fixture
def clock():
    return Clock()


def run(progress, clock, job, seconds):
    progress.start(job)
    clock.seconds += seconds
    progress.finish(job)


def test_a_patient_is_through_a_stage_when_all_its_jobs_are(clock):
    progress = Progress(JOBS, now=clock)
    assert progress.line() == "patients: images 0/2; cohort steps 0/1; time left not known yet"
    run(progress, clock, 1, 10)
    assert progress.line().startswith("patients: images 0/2; cohort steps 0/1; ")
    run(progress, clock, 2, 10)
    assert progress.line().startswith("patients: images 1/2; cohort steps 0/1; ")


def test_the_time_left_is_the_work_left_at_the_pace_so_far(clock):
    progress = Progress(JOBS, now=clock)
    run(progress, clock, 1, 10)
    run(progress, clock, 2, 20)
    assert progress.line().endswith("about 45 s left")  # 10 + 20, and 15 for the rule not yet seen


def test_two_jobs_at_a_time_halve_the_time_left(clock):
    progress = Progress(JOBS, now=clock)
    for job in (1, 3):
        progress.start(job)
    clock.seconds += 40
    for job in (1, 3):
        progress.finish(job)
    assert progress.line().endswith("about 60 s left")


def test_failures_are_counted_and_the_end_is_said(clock):
    progress = Progress({1: ("fit_model", None), 2: ("fit_model", None)}, now=clock)
    run(progress, clock, 1, 5)
    progress.fail(2)
    assert progress.line() == "cohort steps 1/2; 1 failed; about 5 s left"
    run(progress, clock, 2, 5)
    assert progress.line() == "cohort steps 2/2; 1 failed; done in 10 s"


def test_stages_without_a_job_are_not_mentioned(clock):
    progress = Progress({1: ("make_regions", "P1")}, now=clock)
    assert progress.line() == "patients: regions 0/1; time left not known yet"


def test_a_job_reported_twice_counts_once(clock):
    progress = Progress(JOBS, now=clock)
    for _ in range(2):
        run(progress, clock, 5, 1)
    assert "cohort steps 1/1" in progress.line()


def test_lines_keep_their_distance_but_the_last_one_always_comes_once(clock):
    progress = Progress({5: JOBS[5]}, now=clock)
    clock.seconds = SILENCE_SECONDS - 1
    assert not progress.due()
    clock.seconds = SILENCE_SECONDS
    assert progress.due()
    assert not progress.due()
    run(progress, clock, 5, 1)
    assert progress.due()
    run(progress, clock, 5, 1)  # Snakemake's own last job, `all`, is none of ours
    assert not progress.due()


@pytest.mark.parametrize(
    ("seconds", "said"), [(4.4, "4 s"), (89, "89 s"), (95, "2 min"), (7140, "119 min"), (7500, "2 h 5 min")]
)
def test_durations_are_in_the_unit_that_suits_them(seconds, said):
    assert duration(seconds) == said
