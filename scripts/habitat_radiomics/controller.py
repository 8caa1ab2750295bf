"""Keep the one process alive that submits a study to SLURM, through what is known to end or stop it.

A controller that was killed leaves its jobs running; started again, it would submit the same jobs beside them, into the
same files. One that loses track of a job (after an outage of SLURM, or a long freeze) waits for it for ever.
"""

import fcntl
import getpass
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

JOB_PREFIX = "habitat"  # of the names of our jobs, see slurm-jobname-prefix in the profile
LOCK = Path(".snakemake/controller.lock")
SECONDS_TO_CANCEL = 300
OF_PATIENTS = ("patient", "prepare", "measure", "habitats")  # groups that chain the short steps of one patient


class ControllerFault(Exception):
    """The study cannot be submitted; the message says why and what to do."""


def group_components(profile, patients):
    """Return the option by which the short steps of so many patients share one cluster job; it changes no result.

    Parameters
    ----------
    profile : list of str
        ``group-components`` of the profile: name=count. The option replaces all of them.
    patients : int or None
        None for the profile's own number.

    Raises
    ------
    ControllerFault
        If it is not a positive number.
    """
    if patients is None:
        return []
    if patients < 1:
        raise ControllerFault(f"{patients} patients cannot share a cluster job. Give a number from 1, for example 10.")
    counts = dict(entry.split("=") for entry in profile) | dict.fromkeys(OF_PATIENTS, patients)
    return ["--group-components", *(f"{name}={count}" for name, count in counts.items())]


def jobs_of_folder(listing, folder):
    """Return the ids of our jobs in a listing of ``squeue -o '%A|%j|%Z'`` (id, name, working directory).

    Other jobs of the same person, also those started in the same folder, are left alone: one of them may be the very
    job that runs the controller.
    """
    rows = [line.split("|", 2) for line in listing.splitlines() if line.count("|") >= 2]
    return sorted(
        {job for job, name, place in rows if name.startswith(f"{JOB_PREFIX}_") and same_folder(place, folder)}
    )


def same_folder(one, other):
    """Say whether two paths lead to the same folder, links resolved."""
    return os.path.realpath(one) == os.path.realpath(other)


def waiting_jobs(folder):
    """Return the ids of our jobs of a folder that wait or run; None if SLURM does not answer."""
    command = ["squeue", "--noheader", "--user", getpass.getuser(), "--format", "%A|%j|%Z"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except FileNotFoundError:
        raise ControllerFault(
            "squeue was not found: this is for the login node of a SLURM cluster. On one machine: snakemake --cores N."
        ) from None
    except subprocess.TimeoutExpired:
        return None
    return None if done.returncode else jobs_of_folder(done.stdout, folder)


def cancel_orphans(folder, say=print):
    """Cancel what an earlier controller left in SLURM and wait until it is gone.

    Raises
    ------
    ControllerFault
        If SLURM does not answer, or the jobs do not end.
    """
    deadline = time.monotonic() + SECONDS_TO_CANCEL
    orphans = waiting_jobs(folder)
    if orphans:
        say(f"Cancelling {len(orphans)} jobs that an earlier controller left: {' '.join(orphans)}")
        subprocess.run(["scancel", *orphans], check=False)
    while orphans is None or orphans:
        if time.monotonic() > deadline:
            left = "SLURM does not answer" if orphans is None else f"jobs {' '.join(orphans)} do not end"
            raise ControllerFault(f"{left}. Nothing was started; try again later, or ask the administrator.")
        time.sleep(1)
        orphans = waiting_jobs(folder)


def has_children(process):
    """Say whether a process has child processes: a step that the controller runs itself."""
    try:
        return any(task.read_text().split() for task in Path(f"/proc/{process}/task").glob("*/children"))
    except OSError:
        return False


def only_controller(path=LOCK):
    """Lock a folder for one controller and return the open file; the lock lives as long as a process holds it.

    Raises
    ------
    ControllerFault
        If another controller is at work, naming it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("a+", encoding="utf-8")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        with file:
            file.seek(0)
            holder = file.read().strip()
        raise ControllerFault(
            f"A controller is at work in this folder ({holder}). Wait for it, or end it there with Ctrl-C."
        ) from None
    file.truncate(0)
    file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
    file.flush()
    return file


def unlock(program, arguments, folder):
    """Remove the lock of a controller that was killed.

    Raises
    ------
    ControllerFault
        With what the program says, if it cannot even do that: usually a fault in the configuration or the tables.
    """
    if any(Path(folder, ".snakemake/locks").glob("*")):
        done = subprocess.run([*program, "--unlock", *arguments], capture_output=True, text=True)
        if done.returncode:
            raise ControllerFault(f"The folder could not be unlocked:\n{done.stdout}{done.stderr}")


def start(command, lock):
    """Start a controller that Ctrl-C does not reach directly, and hand signals on to it once."""
    interrupted = {}
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: interrupted["process"].send_signal(signal.SIGINT))
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # a lost connection ends neither the study nor its jobs
    interrupted["process"] = subprocess.Popen(command, start_new_session=True, pass_fds=[lock.fileno()])
    return interrupted["process"]


def watch(process, folder, *, stall_seconds, poll_seconds):
    """Wait for a controller; return its exit code, or None if it waits for nothing.

    Parameters
    ----------
    stall_seconds : float
        It waits for nothing when for so long neither a job of the folder nor a child of the process existed. Has to be
        longer than the controller takes to notice that its last job ended (up to 180 s).
    """
    active = time.monotonic()
    while True:
        try:
            return process.wait(poll_seconds)
        except subprocess.TimeoutExpired:
            jobs = waiting_jobs(folder)
        if jobs is None or jobs or has_children(process.pid):
            active = time.monotonic()
        elif time.monotonic() - active > stall_seconds:
            return None


def run_study(program, arguments, *, stall_seconds=600, poll_seconds=15, restarts=5, say=print):
    """Run a controller in the current folder until it ends by itself; return its exit code.

    Parameters
    ----------
    program, arguments : list of str
        The controller and what it is given; started again it takes up the work where it stands.
    restarts : int
        How often a controller that waits for nothing is started again.

    Raises
    ------
    ControllerFault
        If another controller is at work here, SLURM does not answer, or the controller stalls again and again.
    """
    folder = Path.cwd()
    with only_controller() as lock:
        for _ in range(restarts + 1):
            cancel_orphans(folder, say)
            unlock(program, arguments, folder)
            process = start([*program, *arguments], lock)
            code = watch(process, folder, stall_seconds=stall_seconds, poll_seconds=poll_seconds)
            if code is not None:
                return code
            say(f"No job for {stall_seconds} s: the controller waits for one it lost track of and is started again.")
            process.kill()
            process.wait()
    raise ControllerFault(f"The controller stalled {restarts + 1} times. See .snakemake/log and .snakemake/slurm_logs.")
