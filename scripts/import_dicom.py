"""Turn DICOM files into the files and tables of a study.

python scripts/import_dicom.py DICOM OUT [--map sequences.yaml] [--key names.tsv] [--keep-ids] [--skip-faulty]
"""

import argparse
import sys
from pathlib import Path

from habitat_radiomics.dicom_import import import_dicom
from habitat_radiomics.faults import StudyFault

parser = argparse.ArgumentParser()
parser.add_argument("dicom", help="folder of DICOM files, in any layout")
parser.add_argument("out", help="folder of the study")
parser.add_argument("--map", help="YAML: which series is which sequence; without it, what was found is listed")
parser.add_argument("--key", help="TSV of PatientID and name in the study (default: OUT_key.tsv beside OUT)")
parser.add_argument("--keep-ids", action="store_true", help="patients keep their PatientID")
parser.add_argument("--skip-faulty", action="store_true", help="leave out what cannot be used instead of stopping")
given = parser.parse_args()
out = Path(given.out)
key = given.key or out.with_name(f"{out.name}_key.tsv")
choices = {"keep_ids": given.keep_ids, "skip_faulty": given.skip_faulty, "tell": lambda line: print(line, flush=True)}
try:
    print("\n".join(import_dicom(given.dicom, out, mapping=given.map, key=key, **choices)))
except StudyFault as fault:
    sys.exit(str(fault))
