"""Planning of many jobs: what Snakemake 9.27 does slowly there is done once, or not at all.

Groups: Snakemake makes sure that no group of jobs depends on itself by looking back, from every job of a group, through
all that the job depends on. Steps of one patient depend on steps that depend on all patients (habitats, figures), so
that this takes the square of the number of patients: a quarter of the planning at 1,000, most of an hour at 10,000, and
on a cluster, where groups are larger, many times that. Here it looks only where a circle of groups shows that it would
find something.

Garbage: the graph is made of millions of objects that all stay. Python looks through them for garbage again and again,
in a third of the time of planning.
"""

import gc

from snakemake import __version__
from snakemake.dag import DAG
from snakemake_interface_executor_plugins.registry import ExecutorPluginRegistry

from habitat_radiomics.job_circles import depends_on_itself

CHECKED_VERSION = "9.27."  # its two checks only refuse what they find; those of another version may do more
CHECK_GROUP, CHECK_GROUPS = DAG.validate_group, DAG._check_groups


def prepare():
    """Have groups handed on to cluster jobs and checked at once, and garbage looked for among young objects mostly."""
    # The plugin tells no groups; a cluster job that does not know them starts Snakemake anew for every chain of steps.
    if ExecutorPluginRegistry().is_installed("slurm"):
        ExecutorPluginRegistry().get_plugin("slurm").common_settings.pass_group_args = True
    if __version__.startswith(CHECKED_VERSION):
        DAG.validate_group, DAG._check_groups = (lambda dag, group: None), check_groups
    gc.freeze()
    gc.set_threshold(200_000, 20, 20)


def check_groups(dag):
    """Let Snakemake look, and refuse in its own words, only where a group may depend on itself."""
    if depends_on_itself(dag.dependencies, dag.get_job_group):
        for group in {group for group in map(dag.get_job_group, dag.jobs) if group is not None}:
            CHECK_GROUP(dag, group)
        CHECK_GROUPS(dag)
