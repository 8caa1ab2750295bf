"""Write a page to scroll through the volumes of one patient of a study that has been run."""

import argparse
import sys
from pathlib import Path

import yaml

from habitat_radiomics.faults import StudyFault
from habitat_radiomics.viewer import patient_layers, viewer_page
from habitat_radiomics.whole_files import replace_text

ROOT = Path(__file__).resolve().parents[1]
parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--patient", required=True)
parser.add_argument("--study", default="config/config.yaml", help="configuration of the study")
parser.add_argument("--library", default=ROOT / "envs/viewer/niivue.umd.js", help="NiiVue, see envs/fetch_viewer.py")
a = parser.parse_args()
study = yaml.safe_load(Path(a.study).read_text(encoding="utf-8"))["study"]
try:
    layers = patient_layers(f"results/{study}", a.patient)
except StudyFault as fault:
    sys.exit(str(fault))
library, templates = Path(a.library).read_text(encoding="utf-8"), ROOT / "workflow/report"
page = f"results/{study}/review/{a.patient}.viewer.html"
replace_text(page, viewer_page(a.patient, layers, library=library, templates=templates, study=study))
print(f"{page} ({Path(page).stat().st_size / 1e6:.1f} MB)")
