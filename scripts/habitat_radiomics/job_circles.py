"""Whether groups of jobs wait for each other, asked of all of them at once."""

from graphlib import CycleError, TopologicalSorter


def depends_on_itself(dependencies, group_of):
    """Say whether jobs depend on each other in a circle once every group counts as one job.

    Every job and every dependency is looked at once, however many groups there are.

    Parameters
    ----------
    dependencies : mapping
        Job to the jobs it needs.
    group_of : callable
        Group of a job, or None.
    """
    unit = {job: job if (group := group_of(job)) is None else ("group", group) for job in dependencies}
    needed = {one: set() for one in unit.values()}
    for job, jobs in dependencies.items():
        needed[unit[job]].update(unit[other] for other in jobs)
        needed[unit[job]].discard(unit[job])
    try:
        TopologicalSorter(needed).prepare()
    except CycleError:
        return True
    return False
