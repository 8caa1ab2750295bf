"""What Snakemake would run now, with the reasons, as plain values: nothing is run and nothing on disk changes."""

import hashlib
import io
from contextlib import redirect_stderr
from functools import cache
from pathlib import Path

import yaml
from snakemake.api import SnakemakeApi
from snakemake.cli import parse_args, parse_config
from snakemake.settings.types import ConfigSettings, DAGSettings, OutputSettings, Quietness, ResourceSettings

from habitat_radiomics.cost import read_cost
from habitat_radiomics.state import put_back

DEFAULT_CONFIG = "config/config.yaml"
RESULTS = Path("results")


def planned_jobs(arguments, *, with_finished=False):
    """Plan a study as `snakemake` with these arguments would.

    Parameters
    ----------
    arguments : list of str
        As after `snakemake` on the command line: --cores, --configfile, targets.
    with_finished : bool
        Add ``finished`` (`finished_job`) and ``elsewhere`` (`costs_elsewhere`): what jobs have cost.

    Returns
    -------
    dict
        ``total`` (number of jobs) and ``study`` (rule and wildcards of all of them), ``patients``, ``sequences``, and
        ``jobs``: those that would run, in the order of the work, as `described`.
    """
    silence = redirect_stderr(io.StringIO())
    with silence:
        _, args = parse_args(arguments if "--cores" in arguments else ["--cores", "all", *arguments])
    output = OutputSettings(quiet={Quietness.ALL}, dryrun=True)
    with put_back(written_folders(args), unless=a_run_goes_on), silence, SnakemakeApi(output) as api:
        workflow = planned_workflow(api, args)
        jobs = [job for level in workflow.dag.toposorted() for job in level if job.output]
        return {
            "total": len(jobs),
            "study": [{"rule": job.rule.name, "wildcards": dict(job.wildcards_dict)} for job in jobs],
            "patients": list(workflow.globals["PATIENTS"]),
            "sequences": list(workflow.globals["SEQUENCES"]),
            "cores": args.cores,
            "jobs": [described(workflow, job) for job in jobs if workflow.dag.needrun(job)],
            "finished": list(filter(None, map(finished_job, jobs))) if with_finished else [],
            "elsewhere": costs_elsewhere({job.rule.name for job in jobs}) if with_finished else [],
        }


def a_run_goes_on():
    """Whether another process runs jobs here: it may have begun while the plan was made, and reads the same files."""
    return any(Path(".snakemake/locks").glob("*"))


def written_folders(args):
    """Folders of a study in which the rules write while they are read."""
    config = {}
    for path in args.configfile or [DEFAULT_CONFIG]:
        config |= yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    results = Path(RESULTS, str((config | parse_config(args.config)).get("study")))
    return [results / name for name in ("state", "cohort", "tables")]


def planned_workflow(api, args):
    """Read the rules and decide what has to run, as the dry run of the command line does."""
    workflow = api.workflow(
        resource_settings=ResourceSettings(cores=args.cores),
        config_settings=ConfigSettings(config=parse_config(args.config), configfiles=args.configfile),
    )
    dag_settings = DAGSettings(
        targets=args.targets,
        rerun_triggers=args.rerun_triggers,
        max_checksum_file_size=args.max_checksum_file_size,
    )
    workflow.dag(dag_settings)
    planned = workflow._workflow
    planned._prepare_dag(forceall=False, ignore_incomplete=True, lock_warn_only=True)
    planned._build_dag()
    return planned


def described(workflow, job):
    """Return plain values about a job that would run, and why.

    Returns
    -------
    dict
        ``has_run`` whether an earlier run is on record, ``changed`` the files of settings, tables and code that differ
        from those of that run (path, text before if it is known, text now), ``missing`` and ``incomplete`` outputs,
        ``edited`` inputs that another job makes and somebody changed.
    """
    reason, record = workflow.dag.reason(job), workflow.persistence.metadata(job.output[0])
    recorded = (record and record.input_checksums) or {}
    own = workflow.globals["WRITTEN"]
    return {
        "rule": job.rule.name,
        "wildcards": dict(job.wildcards_dict),
        "resources": {name: job.resources.get(name) for name in ("mem_mb", "runtime")},
        "threads": job.threads,
        "output": list(map(str, job.output)),
        "missing": sorted(map(str, reason.missing_output)),
        "incomplete": sorted(map(str, reason.incomplete_output)),
        "edited": sorted(str(file) for file in reason.updated_input if str(file) not in own),
        "has_run": bool(recorded),
        "changed": changes_since(recorded, [str(file) for file in job.input if str(file) in own], workflow),
    }


def changes_since(recorded, files, workflow):
    """List the files that differ from what a finished job is recorded to have read."""
    earlier = Path(workflow.globals["STATE"], "earlier")
    before = {file: recorded.get(file, "").removeprefix("sha256:") for file in files}
    return [
        {"path": file, "before": text_of(earlier / before[file]), "now": text_of(file)}
        for file in files
        if before[file] and before[file] != sha256_of(file)
    ]


def text_of(path):
    """Return the text of a file; None when there is no such file."""
    return Path(path).read_text(encoding="utf-8") if Path(path).is_file() else None


@cache
def sha256_of(file):
    return hashlib.sha256(Path(file).read_bytes()).hexdigest()


def finished_job(job):
    """Return what a job cost when it last ran: CPU seconds, peak memory, bytes of its results; None when not known."""
    cost = read_cost(job.log[0])
    if cost is None or not all(Path(file).is_file() for file in job.output):
        return None
    seconds, memory = cost
    size = sum(Path(file).stat().st_size for file in job.output)
    return {"rule": job.rule.name, "seconds": seconds, "memory_mb": memory, "bytes": size}


def costs_elsewhere(rules):
    """Return what jobs of these rules cost in any study below results/: CPU seconds and peak memory."""
    logs = [
        (path.parent.name if path.parent.name in rules else path.stem, path) for path in RESULTS.glob("*/logs/**/*.log")
    ]
    costs = [(rule, read_cost(path)) for rule, path in logs if rule in rules]
    return [{"rule": rule, "seconds": cost[0], "memory_mb": cost[1]} for rule, cost in costs if cost]
