"""A line on the terminal, now and then, that says how far a run has come; a logging handler for Snakemake's events."""

import logging
import sys
import time
from pathlib import Path

from snakemake.settings.enums import Quietness
from snakemake_interface_logger_plugins.common import LogEvent

from habitat_radiomics.progress import Progress

LINES_OF_LOG = 15
# What Snakemake prints for every job besides what `--quiet rules` takes away. Not `--quiet progress`: its scheduler
# then says nothing of finished jobs to anybody, and no line could be drawn.
OF_EACH_JOB = {LogEvent.JOB_STARTED, LogEvent.JOB_FINISHED, LogEvent.PROGRESS}
SELECTING = "Select jobs to execute..."


def follow(logger, workflow):
    """Draw the line for a run; where Snakemake is told to be quiet about rules, let it alone stand for the jobs."""
    if Quietness.RULES in (workflow.output_settings.quiet or ()):
        for handler in logger.handlers:
            handler.addFilter(not_of_each_job)
    logger.addHandler(ProgressLine(workflow))


def not_of_each_job(record):
    return getattr(record, "event", None) not in OF_EACH_JOB and record.getMessage() != SELECTING


class ProgressLine(logging.Handler):
    """Follow the jobs of a run; where Snakemake is told to be quiet about jobs, say also which one failed and why."""

    def __init__(self, workflow, stream=sys.stderr):
        super().__init__()
        self.workflow, self.stream = workflow, stream
        self.jobs, self.progress = {}, None

    def emit(self, record):
        event = getattr(record, "event", None)
        if event == LogEvent.RUN_INFO:
            dag = self.workflow.dag
            self.jobs = {dag.jobid(job): job for job in dag.needrun_jobs() if job.output}
            about = {number: (job.rule.name, job.wildcards_dict.get("patient")) for number, job in self.jobs.items()}
            self.progress = Progress(about, now=time.monotonic)
        elif self.progress is None:
            return
        elif event == LogEvent.JOB_STARTED:
            for job in record.jobs:
                self.progress.start(job)
        elif event == LogEvent.JOB_FINISHED:
            self.progress.finish(record.job_id)
            if self.progress.due():
                self.say(f"[{time.strftime('%H:%M')}] {self.progress.line()}")
        elif event == LogEvent.JOB_ERROR:
            self.progress.fail(record.jobid)
            if Quietness.RULES in (self.workflow.output_settings.quiet or ()):
                self.say(failure(self.jobs[record.jobid]))

    def say(self, text):
        if Quietness.ALL not in (self.workflow.output_settings.quiet or ()):
            print(text, file=self.stream, flush=True)


def failure(job):
    """Return which job failed, where its log is, and how the log ends."""
    about = " ".join(job.wildcards_dict.values())
    logs = [Path(log) for log in job.log]
    ends = [
        line
        for log in logs
        if log.is_file()
        for line in log.read_text(encoding="utf-8", errors="replace").splitlines()[-LINES_OF_LOG:]
    ]
    head = f"{job.rule.name.replace('_', ' ')} failed{f' for {about}' if about else ''}: {', '.join(map(str, logs))}"
    return "\n    ".join([head, *ends])
