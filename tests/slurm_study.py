"""The study that runs on the cluster, and a checkout that submits it."""

import copy
import os
import subprocess
import sys

import yaml

from small_study import CONFIG, ROOT, Checkout

SMALL = {
    **copy.deepcopy(CONFIG),
    "study": "cluster",
    "demo": {"patients": 24, "readings_patients": 4},
    "sequences": {"T1": {"intensity": {"method": "nyul"}}},
    "preprocess": {**CONFIG["preprocess"], "bias_correction": False},
    "habitats": {"zone": {**CONFIG["habitats"]["zone"], "k_range": [2, 3], "stability_patients": 5}},
    "training": {"folds": 3, "repeats": 1},
    "bootstrap": {"replicates": 0},
    "models": {name: CONFIG["models"][name] for name in ("clinical", "combined")},
}
# The first look at a job after 5 s instead of 20 s; a controller without jobs for 240 s is one that stalled.
FAST = ("--poll-seconds", "5", "--stall-seconds", "240", "--slurm-init-seconds-before-status-checks", "5")


WHOLE_DEMO = os.environ.get("HABITAT_SLURM_STUDY", "small") == "demo"
LONGEST_SECONDS = 5400 if WHOLE_DEMO else 1200  # the demo takes ten minutes on two idle cores without SLURM


def chosen_study():
    """The small study, or with HABITAT_SLURM_STUDY=demo the whole demo study."""
    if WHOLE_DEMO:
        return yaml.safe_load((ROOT / "config/config.yaml").read_text())
    return SMALL


class SlurmCheckout(Checkout):
    """A checkout whose studies are submitted as `make slurm` does it."""

    def __init__(self, folder, study, cluster):
        super().__init__(folder, study)
        self.cluster = cluster

    def submit(self, config, *arguments):
        """Start the controller and return its process; what it says is in ``controller.out``."""
        (self.folder / "study.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
        environment = {name: value for name, value in self.cluster.environment.items() if name != "PYTHONPATH"}
        command = [sys.executable, "scripts/run_on_slurm.py", "--configfile", "study.yaml", *FAST, *arguments]
        with (self.folder / "controller.out").open("w") as out:
            return subprocess.Popen(command, cwd=self.folder, env=environment, stdout=out, stderr=out)

    def said(self):
        """What the controller said so far."""
        return (self.folder / "controller.out").read_text()

    def job_logs(self):
        """What failed cluster jobs left; the logs of the others are removed."""
        logs = sorted((self.folder / ".snakemake/slurm_logs").rglob("*.log"))
        return "\n".join(log.read_text(errors="replace") for log in logs)

    def finish(self, process, seconds=LONGEST_SECONDS):
        """Wait for a controller that has to succeed."""
        assert process.wait(seconds) == 0, self.said()[-6000:]
