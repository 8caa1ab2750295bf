"""Write the two tables of a study from a BIDS dataset with masks among its derivatives; nothing is copied.

python scripts/import_bids.py BIDS OUT [--map sequences.yaml] [--session NAME]
"""

import argparse
import sys

from habitat_radiomics.bids_import import import_bids
from habitat_radiomics.faults import StudyFault

parser = argparse.ArgumentParser()
parser.add_argument("bids", help="root of the dataset")
parser.add_argument("out", help="folder of the study")
parser.add_argument("--map", help="YAML: which file is which sequence; without it the suffix names it")
parser.add_argument("--session", help="session to take, where patients have several")
given = parser.parse_args()
try:
    print("\n".join(import_bids(given.bids, given.out, mapping=given.map, session=given.session)))
except StudyFault as fault:
    sys.exit(str(fault))
