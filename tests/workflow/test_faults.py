"""A run that is stopped, killed, started twice or cannot write: nothing finished is lost or computed twice."""

import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time

import pytest
import yaml

from small_study import Checkout

PATIENTS = [f"P{number:03d}" for number in range(1, 9)]
TARGETS = [f"results/faults/preprocess/{patient}/T1.nii.gz" for patient in PATIENTS]


@pytest.fixture
def study(own_data):
    """Checkout and configuration of a study of which only eight images are asked for; nothing of it has run."""
    own, config, _ = own_data
    study = Checkout(own.folder, "faults")
    shutil.rmtree(study.results, ignore_errors=True)
    shutil.rmtree(own.folder / ".snakemake/locks", ignore_errors=True)
    # What a shell starts in the background ignores Ctrl-C, and so do its children.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield study, {**config, "study": "faults"}
    signal.signal(signal.SIGINT, before)
    shutil.rmtree(study.results, ignore_errors=True)


def start(study, config, *arguments, **options):
    """Start a run of one job at a time in a process group of its own."""
    (study.folder / "study.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    command = [sys.executable, "-m", "snakemake", "--configfile", "study.yaml", "--cores", "1", *arguments]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen(
        [*command, "--", *TARGETS], cwd=study.folder, start_new_session=True, env=environment(), **streams, **options
    )


def environment():
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def wait_for(condition, seconds=300):
    """Wait until the condition holds, and return what it returned."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)
    return found


def finished(study):
    """Images of finished jobs, with their dates. One job runs at a time: all but the newest are on record."""
    images = [path for path in study.results.glob("preprocess/*/T1*.nii.gz") if ".body" not in path.suffixes]
    dates = sorted((path.stat().st_mtime_ns, path) for path in images)
    return {path: date for date, path in dates[:-1]}


def assert_all_whole(study, kept):
    """All targets are there, what was finished before was left alone, and nothing half-written lies about."""
    assert [target for target in TARGETS if not (study.folder / target).is_file()] == []
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert list(study.results.rglob(".unfinished*")) == []


def test_an_interrupted_run_resumes_where_it_was(study):
    study, config = study
    run = start(study, config)
    kept = wait_for(lambda: finished(study))
    os.killpg(run.pid, signal.SIGINT)
    run.communicate()
    assert run.returncode != 0
    missing = [target for target in TARGETS if not (study.folder / target).is_file()]
    assert missing
    output = study.run(config, "--", *TARGETS)
    assert_all_whole(study, kept)
    assert "Nothing to be done" in study.run(config, "--", *TARGETS)
    assert "IncompleteFilesException" not in output


def test_a_killed_run_is_unlocked_and_resumes_where_it_was(study):
    study, config = study
    run = start(study, config)
    kept = wait_for(lambda: finished(study))
    os.kill(run.pid, signal.SIGKILL)  # its job goes on as an orphan
    run.wait()
    run.stdout.close()
    output = study.run(config, "--", *TARGETS, check=False)
    assert "LockException" in output
    assert "--unlock" in output
    study.run(config, "--unlock")
    study.run(config, "--", *TARGETS)
    assert_all_whole(study, kept)


def test_a_second_run_at_the_same_time_is_refused_and_changes_no_settings(study):
    study, config = study
    run = start(study, config)
    wait_for(lambda: list((study.folder / ".snakemake/locks").glob("*")))
    os.killpg(run.pid, signal.SIGSTOP)  # so that it is still at work however long the second takes to start
    output = study.run(config, "--", *TARGETS, check=False)
    assert "LockException" in output
    width = {**config, "features": {**config["features"], "bin_width": 99}}
    output = study.run(width, "--", *TARGETS, check=False)
    assert ".json would change, but another run is using this folder" in output
    assert "99" not in (study.results / "state/extract_features.T1.json").read_text()
    (study.folder / "study.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    os.killpg(run.pid, signal.SIGCONT)
    run.communicate()
    assert run.returncode == 0
    assert_all_whole(study, {})


def test_a_job_on_a_full_disk_fails_alone_and_runs_again_when_there_is_room(study):
    """A limit on the size of files stands in for the disk: the images of half of the patients fit."""
    study, config = study
    study.run(config, "--dry-run", "--", *TARGETS)  # writes the settings
    finished_study = study.folder / "results/own/preprocess"
    needed = sorted(max(path.stat().st_size for path in (finished_study / p).glob("T1*.gz")) for p in PATIENTS)
    limit = sum(needed[3:5]) // 2
    full = {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))}
    run = start(study, config, "--quiet", "rules", **full)
    output = run.communicate()[0]
    assert run.returncode != 0
    assert "preprocess image failed for P00" in output  # also where Snakemake is quiet about jobs
    assert "could not be written whole. Is the disk full, or a quota reached?" in output
    there = [study.folder / target for target in TARGETS if (study.folder / target).is_file()]
    assert len(there) == 4
    assert max(path.stat().st_size for path in study.results.glob("preprocess/*/*.gz")) < limit
    kept = {path: path.stat().st_mtime_ns for path in there}
    output = study.run(config, "--quiet", "host", "reason", "rules", "--", *TARGETS)
    assert_all_whole(study, kept)
    assert re.search(r"patients: images 4/4; (cohort .*; )?done in \d+ s", output)
    assert not re.search("Select jobs|Execute|Finished jobid|steps .* done", output)


def test_results_that_cannot_be_written_stop_the_run_before_the_first_job(study, tmp_path):
    """Permissions do not bind the root user, so a file stands where the folder of the study should be."""
    study, config = study
    study.results.write_text("")
    try:
        output = study.run(config, "--", *TARGETS, check=False)
        assert "cannot be written: " in output
        assert "it must be a folder you may write" in output
        assert "Building DAG" not in output
    finally:
        study.results.unlink()
