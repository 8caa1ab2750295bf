"""make slurm: submit a study and see it through. Other arguments go to snakemake, for example --configfile FILE."""

import argparse
import sys

from habitat_radiomics.controller import ControllerFault, run_study

PROFILE = "workflow/profiles/slurm"

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--stall-seconds", type=float, default=600, help="restart a controller that has no job for so long"
    )
    parser.add_argument("--poll-seconds", type=float, default=15, help="how often to look")
    own, arguments = parser.parse_known_args()
    program = [sys.executable, "-m", "snakemake", "--workflow-profile", PROFILE]
    try:
        code = run_study(program, arguments, stall_seconds=own.stall_seconds, poll_seconds=own.poll_seconds)
    except ControllerFault as fault:
        code = str(fault)
    sys.exit(code)
