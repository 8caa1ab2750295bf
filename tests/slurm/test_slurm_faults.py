"""What becomes of a study on SLURM when nodes, jobs and the controller fail: it ends with the same bytes.

Some images of the finished study are taken away, and made again, one patient a cluster job where it was ten, while
something goes wrong. Jobs are held (SIGSTOP) as soon as they run, so that a fault always meets them in the middle of
their work.
"""

import re
import signal
import time
from pathlib import Path

import pytest

from slurm_cluster import end_process, wait_for, with_descendants

# One job per image; the third patient's first attempt has too little memory, the fourth's too little time (one minute).
LIMITS = (
    "--patients-per-job",
    "1",
    "--set-resources",
    "preprocess_image:mem_mb=150*attempt**2 if wildcards.patient=='{memory}' else 1500*attempt",
    "preprocess_image:runtime=attempt if wildcards.patient=='{time}' else 5*attempt",
)


class Images:
    """Preprocessed images of some patients, taken away to be made again."""

    def __init__(self, checkout, patients):
        self.folder = checkout.folder
        names = ("T1.corrected.nii.gz", "T1.corrected.json", "T1.body.nii.gz")
        self.outputs = {
            patient: [checkout.results / "preprocess" / patient / name for name in names] for patient in patients
        }
        self.bytes = {path: path.read_bytes() for files in self.outputs.values() for path in files}
        for path in self.bytes:
            path.unlink()

    def targets(self):
        """One output of every patient, as Snakemake names it."""
        return [str(files[0].relative_to(self.folder)) for files in self.outputs.values()]

    def differing(self):
        """Outputs that are not there again byte by byte."""
        return [path.name for path, content in self.bytes.items() if not path.exists() or path.read_bytes() != content]


class Jobs:
    """Cluster jobs submitted since, by patient."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.before = {job["id"] for job in cluster.jobs()}
        self.patients = {}

    def of(self, patient):
        """Jobs of a patient, oldest first."""
        return [job for job in self.new() if self.patients[job["id"]] == patient]

    def new(self):
        jobs = [job for job in self.cluster.jobs() if job["id"] not in self.before]
        for job in jobs:
            if job["id"] not in self.patients:
                script = self.cluster.run("scontrol", "write", "batch_script", job["id"], "-")
                (self.patients[job["id"]],) = set(re.findall(r"preprocess_image:patient=(\w+),", script))
        return jobs

    def states(self, patient):
        """How the jobs of a patient ended."""
        return [job["state"] for job in self.of(patient)]

    def hold(self, patient):
        """Wait until a patient's job works, stop it there and return it."""
        found = {}

        def works():
            running = [job for job in self.of(patient) if job["state"] == "RUNNING"]
            found["processes"] = self.cluster.processes_of(running[0]["id"]) if running else []
            found["job"] = running[0] if running else None
            return len(found["processes"]) > 1

        wait_for(works, 300)
        for process in found["processes"]:
            end_process(process, signal.SIGSTOP)
        return found["job"]

    def release(self, job):
        """Let a held job go on."""
        for process in self.cluster.processes_of(job["id"]):
            end_process(process, signal.SIGCONT)


@pytest.fixture
def patients(study):
    """Patients of the study that ran."""
    checkout, _, _ = study
    return sorted(path.name for path in (checkout.results / "preprocess").iterdir() if path.is_dir())


def test_a_lost_node_a_cancelled_job_and_limits_of_memory_and_time_cost_nothing_but_the_job(study, patients):
    checkout, config, _ = study
    cluster = checkout.cluster
    names = dict(zip(("time", "node", "spare", "cancelled", "memory"), patients, strict=False))
    images, jobs = Images(checkout, names.values()), Jobs(cluster)
    limits = [option.format(**names) for option in LIMITS]
    process = checkout.submit(config, *limits, "--quiet", "rules", "--", *images.targets())
    held = {kind: jobs.hold(names[kind]) for kind in ("time", "node", "spare", "cancelled")}
    cluster.run("scancel", held["cancelled"]["id"])
    lost = next(kind for kind in ("node", "spare") if held[kind]["node"] != held["time"]["node"])
    cluster.kill_node(held[lost]["node"])
    jobs.release(held["spare" if lost == "node" else "node"])
    checkout.finish(process)

    assert images.differing() == []
    assert jobs.states(names["cancelled"]) == ["CANCELLED", "COMPLETED"]
    assert jobs.states(names["time"]) == ["TIMEOUT", "COMPLETED"]
    assert jobs.states(names["memory"]) == ["FAILED", "COMPLETED"]  # OUT_OF_MEMORY needs cgroups
    # SLURM itself starts the job of a lost node again, under the same number and on another node.
    (job,) = jobs.of(names[lost])
    assert (job["id"], job["state"]) == (held[lost]["id"], "COMPLETED")
    assert job["node"] != held[lost]["node"]
    assert cluster.restarts(job["id"]) == 1
    assert "memory limit" in checkout.job_logs()
    assert "DUE TO TIME LIMIT" in checkout.job_logs()
    assert checkout.jobs(config) == {}

    cluster.start_node(held[lost]["node"])
    wait_for(lambda: cluster.idle_nodes() == cluster.names, 60)


def test_a_killed_controller_leaves_nothing_that_is_lost_done_twice_or_half_written(study, patients):
    checkout, config, _ = study
    finished, orphans = patients[:2], patients[2:4]
    images, jobs = Images(checkout, [*finished, *orphans]), Jobs(checkout.cluster)
    arguments = ("--patients-per-job", "1", "--", *images.targets())
    wrapper = checkout.submit(config, *arguments)
    held = [jobs.hold(patient)["id"] for patient in orphans]
    wait_for(lambda: "2 of 4 steps" in checkout.said(), 300, checkout.said)
    (controller,) = (process for process in with_descendants({wrapper.pid}) if is_snakemake(process))
    wrapper.kill()
    wrapper.wait()
    end_process(controller)
    images.outputs[orphans[0]][0].write_bytes(b"half")
    assert {job["id"] for job in checkout.cluster.active_jobs()} == set(held)

    checkout.finish(checkout.submit(config, *arguments))
    assert f"Cancelling 2 jobs that an earlier controller left: {' '.join(sorted(held))}" in checkout.said()
    assert images.differing() == []
    assert [jobs.states(patient) for patient in finished] == [["COMPLETED"]] * 2
    assert [jobs.states(patient) for patient in orphans] == [["CANCELLED", "COMPLETED"]] * 2
    assert checkout.jobs(config) == {}


def test_a_controller_that_lost_its_jobs_in_an_outage_of_slurm_is_started_again(study, patients):
    checkout, config, _ = study
    images, jobs = Images(checkout, patients[:1]), Jobs(checkout.cluster)
    controller = checkout.submit(config, "--stall-seconds", "15", "--", *images.targets())
    held = jobs.hold(patients[0])
    checkout.cluster.stop_scheduler()
    wait_for(lambda: "Falling back to 'sacct'" in checkout.said(), 120, checkout.said)
    time.sleep(15)  # 30 questions without an answer, and the plugin forgets the job
    checkout.cluster.start_scheduler()
    jobs.release(held)
    checkout.finish(controller)
    assert "No job for 15.0 s: the controller waits for one it lost track of" in checkout.said()
    assert images.differing() == []
    assert jobs.states(patients[0])[-1] == "COMPLETED"


def is_snakemake(process):
    """Say whether a process is a controller."""
    return "snakemake" in Path(f"/proc/{process}/cmdline").read_text().split("\0")
