"""make slurm: submit a study and see it through. Other arguments go to snakemake, for example --configfile FILE."""

import argparse
import sys
from pathlib import Path

import yaml

from habitat_radiomics.controller import ControllerFault, group_components, run_study

PROFILE = "workflow/profiles/slurm"

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--stall-seconds", type=float, default=600, help="restart a controller that has no job for so long"
    )
    parser.add_argument("--poll-seconds", type=float, default=15, help="how often to look")
    parser.add_argument(
        "--patients-per-job", type=int, help="patients whose steps share one cluster job, if not as the profile says"
    )
    own, arguments = parser.parse_known_args()
    try:
        profile = yaml.safe_load(Path(PROFILE, "config.yaml").read_text(encoding="utf-8"))
        groups = group_components(profile["group-components"], own.patients_per_job)
        program = [sys.executable, "-m", "snakemake", *groups, "--workflow-profile", PROFILE]
        code = run_study(program, arguments, stall_seconds=own.stall_seconds, poll_seconds=own.poll_seconds)
    except ControllerFault as fault:
        code = str(fault)
    sys.exit(code)
