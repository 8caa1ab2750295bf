"""The controller of a study on SLURM; squeue and scancel are stand-ins on PATH, a script stands for Snakemake."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
import yaml

from habitat_radiomics import controller
from habitat_radiomics.controller import (
    ControllerFault,
    cancel_orphans,
    group_components,
    has_children,
    jobs_of_folder,
    only_controller,
    run_study,
    waiting_jobs,
)

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """A folder of work, and a SLURM whose queue is the file ``queue`` (one line per job, as squeue prints it)."""
    tools, work = tmp_path / "bin", tmp_path / "work"
    tools.mkdir()
    work.mkdir()
    tool(tools / "squeue", f'cat "{tmp_path}/queue"')
    tool(
        tools / "scancel",
        f"""
        echo "$@" >> "{tmp_path}/cancelled"
        for job in "$@"; do sed -i "/^$job|/d" "{tmp_path}/queue"; done
        """,
    )
    (tmp_path / "queue").write_text("")
    monkeypatch.setenv("PATH", str(tools), prepend=os.pathsep)
    monkeypatch.chdir(work)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    yield tmp_path
    for number, handler in handlers.items():
        signal.signal(number, handler)


def tool(path, text):
    path.write_text("#!/bin/sh\n" + textwrap.dedent(text))
    path.chmod(0o755)


def stand_in(folder, text):
    """A script in place of Snakemake; ``starts`` counts how often it began to work (not to unlock)."""
    path = folder / "snakemake"
    start = f'if [ "$1" = --unlock ]; then echo "$@" >> "{folder}/unlocked"; rm -rf .snakemake/locks; exit 0; fi\n'
    tool(path, start + f'echo start >> "{folder}/starts"\n' + textwrap.dedent(text))
    return [str(path)], ["--configfile", "study.yaml", "--", "target"]


def lines(path):
    return path.read_text().splitlines() if path.exists() else []


def test_only_our_jobs_of_this_folder_are_taken_for_ours(tmp_path):
    here, link = tmp_path / "a|b", tmp_path / "link"
    here.mkdir()
    link.symlink_to(here)
    listing = "\n".join(
        [
            f"11|habitat_0a-1|{here}",
            f"12|habitat_0a-1|{link}",
            f"13|habitat_0a-1|{tmp_path}",
            f"14|bash|{here}",
            "slurm_load_jobs error",
            "",
        ]
    )
    assert jobs_of_folder(listing, here) == ["11", "12"]


def test_the_profile_names_jobs_as_the_controller_expects():
    profile = yaml.safe_load((ROOT / "workflow/profiles/slurm/config.yaml").read_text())
    assert profile["slurm-jobname-prefix"] == controller.JOB_PREFIX


def test_jobs_an_earlier_controller_left_are_cancelled_before_anything_is_submitted(slurm, capfd):
    work = Path.cwd()
    (slurm / "queue").write_text(f"7|habitat_x|{work}\n8|habitat_x|{work}\n9|other|{work}\n")
    locks = work / ".snakemake/locks"
    locks.mkdir(parents=True)
    (locks / "0.output.lock").touch()
    command = stand_in(slurm, f'cat "{slurm}/queue" > "{slurm}/seen"; exit 3')
    assert run_study(*command, poll_seconds=0.05) == 3
    assert lines(slurm / "cancelled") == ["7 8"]
    assert lines(slurm / "seen") == [f"9|other|{work}"]
    assert lines(slurm / "unlocked") == ["--unlock --configfile study.yaml -- target"]
    assert "Cancelling 2 jobs that an earlier controller left: 7 8" in capfd.readouterr().out


def test_a_folder_that_is_not_locked_is_not_unlocked(slurm):
    assert run_study(*stand_in(slurm, "exit 0"), poll_seconds=0.05) == 0
    assert not (slurm / "unlocked").exists()
    assert not (slurm / "cancelled").exists()


def test_a_folder_that_cannot_be_unlocked_is_told_why(slurm):
    locks = Path(".snakemake/locks")
    locks.mkdir(parents=True)
    (locks / "0.output.lock").touch()
    program, arguments = stand_in(slurm, "exit 0")
    tool(Path(program[0]), "echo demo.patients: found 20 >&2; exit 1")
    with pytest.raises(ControllerFault, match=r"could not be unlocked:\ndemo.patients: found 20"):
        run_study(program, arguments)


def test_a_controller_that_waits_for_nothing_is_started_again(slurm):
    text = f'if [ $(wc -l < "{slurm}/starts") = 1 ]; then exec sleep 60; fi; exit 0'
    said = []
    began = time.monotonic()
    assert run_study(*stand_in(slurm, text), stall_seconds=0.3, poll_seconds=0.05, say=said.append) == 0
    assert time.monotonic() - began < 30
    assert lines(slurm / "starts") == ["start", "start"]
    assert said == ["No job for 0.3 s: the controller waits for one it lost track of and is started again."]


@pytest.mark.parametrize("busy", ["job", "child"])
def test_a_controller_with_a_job_or_a_step_of_its_own_is_left_alone(slurm, busy):
    work = Path.cwd()
    wait = {"job": f'echo "5|habitat_x|{work}" > "{slurm}/queue"; exec sleep 1.5', "child": "sleep 1.5; true"}[busy]
    assert run_study(*stand_in(slurm, wait), stall_seconds=0.4, poll_seconds=0.05) == 0
    assert lines(slurm / "starts") == ["start"]


def test_a_controller_that_stalls_every_time_is_given_up(slurm):
    with pytest.raises(ControllerFault, match="stalled 3 times. See .snakemake/log"):
        run_study(*stand_in(slurm, "exec sleep 60"), stall_seconds=0.2, poll_seconds=0.05, restarts=2, say=len)
    assert len(lines(slurm / "starts")) == 3


def test_two_controllers_in_one_folder_are_refused_and_a_dead_one_is_not(slurm):
    code = """
        import time
        from habitat_radiomics.controller import only_controller
        with only_controller():
            print("locked", flush=True)
            time.sleep(60)
        """
    other = python(code, stdout=subprocess.PIPE, text=True)
    with other:
        assert other.stdout.readline() == "locked\n"
        with pytest.raises(ControllerFault, match=rf"at work in this folder \(process {other.pid} on .+\)"):
            run_study(*stand_in(slurm, "exit 0"))
        other.kill()
    assert not (slurm / "starts").exists()
    with only_controller() as lock:
        assert f"process {os.getpid()}" in Path(lock.name).read_text()


def test_the_lock_outlives_a_killed_wrapper_as_long_as_its_controller_works(slurm):
    command = stand_in(slurm, "exec sleep 60")
    wrapper = python(f"from habitat_radiomics.controller import run_study; run_study(*{command!r})")
    with wrapper:
        until(lambda: lines(slurm / "starts"))
        child = int(Path(f"/proc/{wrapper.pid}/task/{wrapper.pid}/children").read_text())
        assert has_children(wrapper.pid)
        wrapper.kill()
    with pytest.raises(ControllerFault, match="at work in this folder"):
        only_controller()
    os.kill(child, signal.SIGKILL)
    until(lambda: not Path(f"/proc/{child}/exe").exists())
    only_controller().close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_reaches_the_controller_once_and_a_lost_connection_not_at_all(slurm, number):
    text = f"""
        trap 'echo interrupted >> "{slurm}/signals"; exit 1' INT
        trap 'echo hung up >> "{slurm}/signals"' HUP
        while true; do sleep 0.05; done
        """
    command = stand_in(slurm, text)
    code = f"""
        import sys
        from habitat_radiomics.controller import run_study
        sys.exit(run_study(*{command!r}, poll_seconds=0.1))
        """
    wrapper = python(code, start_new_session=True)
    with wrapper:
        until(lambda: lines(slurm / "starts"))
        time.sleep(0.2)
        os.killpg(wrapper.pid, signal.SIGHUP)
        time.sleep(0.2)
        os.killpg(wrapper.pid, number)
        assert wrapper.wait(20) == 1
    assert lines(slurm / "signals") == ["interrupted"]


def python(code, **options):
    """Run code in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "scripts")}
    return subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], env=environment, **options)


def until(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_machine_without_slurm_is_told_what_to_run_instead(slurm, monkeypatch):
    monkeypatch.setenv("PATH", str(slurm))
    with pytest.raises(ControllerFault, match="squeue was not found: .* snakemake --cores N"):
        waiting_jobs(slurm)


def test_nothing_is_started_while_slurm_does_not_answer_or_jobs_do_not_end(slurm, monkeypatch):
    monkeypatch.setattr(controller, "SECONDS_TO_CANCEL", 0.1)
    tool(slurm / "bin/scancel", "exit 0")
    (slurm / "queue").write_text(f"7|habitat_x|{Path.cwd()}\n")
    with pytest.raises(ControllerFault, match="jobs 7 do not end. Nothing was started"):
        cancel_orphans(Path.cwd(), say=len)
    tool(slurm / "bin/squeue", "exit 1")
    with pytest.raises(ControllerFault, match="SLURM does not answer. Nothing was started"):
        cancel_orphans(Path.cwd(), say=len)


def test_patients_per_job_change_the_groups_of_patients_and_no_other():
    profile = ["patient=10", "prepare=10", "measure=10", "habitats=10", "stability=4"]
    option = ["--group-components", "patient=25", "prepare=25", "measure=25", "habitats=25", "stability=4"]
    assert group_components(profile, 25) == option
    assert group_components(profile, None) == []
    with pytest.raises(ControllerFault, match="0 patients cannot share a cluster job. Give a number from 1"):
        group_components(profile, 0)


def test_the_groups_of_patients_are_those_of_the_profile():
    profile = yaml.safe_load((ROOT / "workflow/profiles/slurm/config.yaml").read_text())
    counts = dict(entry.split("=") for entry in profile["group-components"])
    assert set(controller.OF_PATIENTS) <= set(counts)
    assert {counts[name] for name in controller.OF_PATIENTS} == {"10"}  # what make help and the README say
