"""Print what the jobs that would run will cost: core hours, memory, disk; nothing is run and nothing on disk changes.

python scripts/estimate_cost.py [arguments of snakemake: --cores, --configfile, targets]
"""

import sys

from snakemake.exceptions import WorkflowError

from habitat_radiomics.cost import cost_report, cost_rows
from planned_jobs import planned_jobs

try:
    plan = planned_jobs(sys.argv[1:], with_finished=True)
except WorkflowError as fault:
    sys.exit(str(fault))
rows = cost_rows(plan["jobs"], plan["finished"], plan["elsewhere"])
print("\n".join(cost_report(rows, cores=plan["cores"])))
