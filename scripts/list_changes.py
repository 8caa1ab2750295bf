"""Say what would run again and why, by patient and step; nothing is run and nothing on disk changes.

python scripts/list_changes.py [--json] [arguments of snakemake: --configfile, targets]
"""

import json
import sys

from snakemake.exceptions import WorkflowError

from habitat_radiomics.changes import change_report
from planned_jobs import planned_jobs

arguments = sys.argv[1:]
try:
    plan = planned_jobs([argument for argument in arguments if argument != "--json"])
except WorkflowError as fault:
    sys.exit(str(fault))
if "--json" in arguments:
    print(json.dumps(plan))
else:
    print("\n".join(change_report(plan)))
