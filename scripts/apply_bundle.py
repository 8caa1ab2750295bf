"""make apply: predict new patients by the models of a bundle. Other arguments go to snakemake."""

import argparse
import subprocess
import sys

from habitat_radiomics.application_files import prepare_application
from habitat_radiomics.faults import StudyFault

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", required=True, help="file that a study wrote as model/bundle.zip")
    parser.add_argument("--patients", required=True, help="table of patients, as a study's own")
    parser.add_argument("--images", required=True, help="table of images; paths in it start at its folder")
    parser.add_argument("--out", default="applied", help="results go to results/<out>")
    own, arguments = parser.parse_known_args()
    try:
        config = prepare_application(own.bundle, patients=own.patients, images=own.images, name=own.out)
    except StudyFault as fault:
        sys.exit(str(fault))
    sys.exit(subprocess.run([sys.executable, "-m", "snakemake", "--configfile", config, *arguments]).returncode)
