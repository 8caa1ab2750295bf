"""A real SLURM of several nodes on this machine: loopback only, this user only, gone when the test is.

Debian's packages are enough (slurmctld, slurmd, slurm-client, munge). Everything lies in one folder; nothing below /etc
or /run is touched, and no service manager is needed. A guard ends all of it also when the test process is killed.
"""

import getpass
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROGRAMS = ("munged", "munge", "slurmctld", "slurmd", "scontrol", "squeue", "sbatch", "srun", "scancel")
NODE_MARK = "TEST_SLURM_NODE"
OVER = ("COMPLETED", "CANCELLED", "FAILED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY")

# Times are the shortest that work: a lost node is noticed after about 30 s, its jobs start elsewhere 10 s later. Jobs
# that ended stay listed (MinJobAge) because squeue is asked for their state. Memory limits need no cgroups: sampling.
CONFIGURATION = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmdPort={node_port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={folder}/munge/socket,cred_expire=10
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
SlurmctldPidFile={folder}/run/slurmctld.pid
SlurmdPidFile={folder}/run/slurmd.%n.pid
SlurmctldLogFile={folder}/log/slurmctld.log
SlurmdLogFile={folder}/log/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
MpiDefault=none
SwitchType=switch/none
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
ReturnToService=2
SlurmdTimeout=10
SlurmctldTimeout=10
InactiveLimit=0
KillWait=5
MinJobAge=3600
OverTimeLimit=0
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=2,bf_interval=2,batch_sched_delay=0,sched_min_interval=0,defer_batch=no
JobRequeue=1
AccountingStorageType=accounting_storage/none
{nodes}
PartitionName=main Nodes=ALL Default=YES MaxTime=1-00:00:00 DefaultTime=10 DefMemPerCPU=200 State=UP
"""
NODE = (
    "NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs={cpus} Sockets=1 CoresPerSocket={cpus}"
    " ThreadsPerCore=1 RealMemory={memory_mb} State=UNKNOWN"
)


class ClusterFault(Exception):
    """SLURM cannot be started here; the message says what is missing and how to get it."""


class Cluster:
    """SLURM with some nodes; a context manager.

    Parameters
    ----------
    nodes : int
        Number of nodes, all on this machine.
    cpus, memory_mb : int
        What every node claims to have; more than the machine has is accepted.
    """

    def __init__(self, nodes=4, *, cpus=1, memory_mb=32000):
        self.names = [f"n{number}" for number in range(1, nodes + 1)]
        self.cpus, self.memory_mb = cpus, memory_mb
        self.folder = Path(tempfile.mkdtemp(prefix="slurm-"))
        self.servers = {}
        self.guard = None
        self.environment = {
            **os.environ,
            "SLURM_CONF": str(self.folder / "etc/slurm.conf"),
            "PATH": os.pathsep.join([str(self.folder / "bin"), os.environ["PATH"], "/usr/sbin"]),
        }

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        """Start munge, the controller and all nodes; return when all nodes are idle."""
        check_machine()
        self._write_files()
        self.guard = subprocess.Popen([sys.executable, __file__, self.folder], stdin=subprocess.PIPE)
        socket_path = self.folder / "munge/socket"
        self._serve("munged", *munge_options(self.folder))
        wait_for(lambda: self._answers("munge", "--no-input", "--socket", socket_path), 20, self._last_words)
        self.start_scheduler()
        for name in self.names:
            self.start_node(name)
        wait_for(lambda: self.idle_nodes() == self.names, 60, self._last_words)

    def start_scheduler(self):
        """Start slurmctld, with the jobs it knew before."""
        self._serve("slurmctld", "-D")
        wait_for(lambda: self._answers("scontrol", "ping"), 20, self._last_words)

    def stop_scheduler(self):
        """End slurmctld; running jobs go on, nobody can be asked about them.

        It may write down what it knows: killed just after it started a job it would start the job again, in vain, and
        hold it for the administrator.
        """
        self.servers["slurmctld"].terminate()
        self.servers.pop("slurmctld").wait()

    def start_node(self, name):
        """Start the server of one node."""
        self._serve("slurmd", "-D", "-N", name, server=name)

    def stop(self):
        """Cancel what runs, end all servers and what they left, remove the folder."""
        if "slurmctld" in self.servers:
            self._answers("scancel", "--user", getpass.getuser())
            wait_for(lambda: not self.active_jobs(), 30, self._last_words)
        for server in reversed(self.servers.values()):
            server.terminate()
            server.wait(20)
        self.servers = {}
        if self.guard:
            self.guard.communicate(timeout=30)

    def run(self, *command, check=True):
        """Run a client of this cluster; return what it printed."""
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=30)
        if check and done.returncode:
            raise ClusterFault(f"{' '.join(map(str, command))}: {done.stderr}")
        return done.stdout

    def idle_nodes(self):
        """Names of the nodes that are up and free."""
        return sorted(set(self.run("sinfo", "-h", "-N", "-t", "idle", "-o", "%N", check=False).split()))

    def jobs(self):
        """All jobs since the start, oldest first: id, state, node, comment, restarts."""
        rows = self.run("squeue", "-h", "--states=all", "-o", "%A|%T|%N|%k", "--sort=i").splitlines()
        return [dict(zip(("id", "state", "node", "comment"), row.split("|", 3), strict=True)) for row in rows]

    def active_jobs(self):
        """Jobs that wait or run."""
        return [job for job in self.jobs() if job["state"] not in OVER]

    def restarts(self, job_id):
        """How often SLURM itself started a job again."""
        fields = dict(part.split("=", 1) for part in self.run("scontrol", "show", "job", job_id).split() if "=" in part)
        return int(fields["Restarts"])

    def kill_node(self, name):
        """Cut the power of a node: its server and everything that runs on it are gone at once."""
        self.servers[name].kill()
        self.servers.pop(name).wait()
        for process in self.processes_on(name):
            end_process(process)

    def processes_on(self, name):
        """Ids of the processes of a node, those of its jobs included."""
        return with_descendants(
            processes_with("SLURM_CONF", self.environment["SLURM_CONF"])
            & (processes_with("SLURMD_NODENAME", name) | processes_with(NODE_MARK, name))
        )

    def processes_of(self, job_id):
        """Ids of the processes of one job."""
        ours = processes_with("SLURM_CONF", self.environment["SLURM_CONF"])
        return with_descendants(ours & processes_with("SLURM_JOB_ID", job_id))

    def _serve(self, program, *options, server=None):
        environment = {**self.environment, **({NODE_MARK: server} if server else {})}
        with (self.folder / "log" / f"{server or program}.out").open("w") as log:
            self.servers[server or program] = subprocess.Popen(
                [program, *map(str, options)], env=environment, stdout=log, stderr=log
            )

    def _answers(self, *command):
        try:
            done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=5)
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == 0

    def _last_words(self):
        logs = sorted((self.folder / "log").iterdir())
        return "\n".join(f"== {log.name}\n{log.read_text(errors='replace')[-1500:]}" for log in logs)

    def _write_files(self):
        for name in ("bin", "etc", "run", "log", "state", "munge", *(f"spool/{name}" for name in self.names)):
            (self.folder / name).mkdir(parents=True)
        self.folder.chmod(0o755)  # munged refuses a socket that others could not reach
        key = self.folder / "etc/munge.key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o400)
        (self.folder / "etc/cgroup.conf").write_text("CgroupAutomount=no\nIgnoreSystemd=yes\n")
        (self.folder / "etc/slurm.conf").write_text(self._configuration())
        # The plugin removes SLURM's variables before its inner srun, which would then look for /etc/slurm/slurm.conf.
        srun = self.folder / "bin/srun"
        srun.write_text(f'#!/bin/sh\nSLURM_CONF={self.environment["SLURM_CONF"]} exec {shutil.which("srun")} "$@"\n')
        srun.chmod(0o755)

    def _configuration(self):
        host = socket.gethostname().split(".")[0]
        port, node_port, *ports = free_ports(2 + len(self.names))
        size = {"host": host, "cpus": self.cpus, "memory_mb": self.memory_mb}
        nodes = [NODE.format(name=name, port=port, **size) for name, port in zip(self.names, ports, strict=True)]
        return CONFIGURATION.format(
            host=host,
            port=port,
            node_port=node_port,
            user=getpass.getuser(),
            folder=self.folder,
            nodes="\n".join(nodes),
        )


def munge_options(folder):
    """Options of a munged in the foreground that keeps to one folder."""
    return (
        "--foreground",
        f"--key-file={folder}/etc/munge.key",
        f"--socket={folder}/munge/socket",
        f"--pid-file={folder}/run/munged.pid",
        f"--log-file={folder}/log/munged.log",
        f"--seed-file={folder}/munge/seed",
        "--num-threads=2",
    )


def check_machine():
    """Say what this machine lacks.

    Raises
    ------
    ClusterFault
        If a program is missing, or the host name leads elsewhere than to loopback.
    """
    search = os.pathsep.join([os.environ["PATH"], "/usr/sbin"])
    missing = [name for name in PROGRAMS if not shutil.which(name, path=search)]
    if missing:
        raise ClusterFault(
            f"Programs not found: {', '.join(missing)}. On Debian or Ubuntu:"
            " apt-get install --no-install-recommends slurmctld slurmd slurm-client munge"
        )
    host = socket.gethostname().split(".")[0]
    if not socket.gethostbyname(host).startswith("127."):
        raise ClusterFault(
            f"Host name {host!r} leads to {socket.gethostbyname(host)}, and SLURM would listen there."
            f" Put the line '127.0.0.1 {host}' at the top of /etc/hosts."
        )


def wait_for(condition, seconds, words=str):
    """Return as soon as ``condition()`` holds.

    Raises
    ------
    ClusterFault
        If it does not within ``seconds``; ``words()`` says more.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise ClusterFault(f"Nothing happened within {seconds} s. {words()}")
        time.sleep(0.1)


def free_ports(count):
    """Return ports of the loopback interface that nobody listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [sock.getsockname()[1] for sock in sockets]
    for sock in sockets:
        sock.close()
    return ports


def processes_with(variable, value):
    """Ids of the processes that were started with an environment variable."""
    mark = f"{variable}={value}".encode()
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (folder / "environ").read_bytes().split(b"\0"):
                found.add(int(folder.name))
        except OSError:  # ended in the meantime, or another user's
            continue
    return found


def with_descendants(processes):
    """Return process ids and those of their children, children's children and so on, parents first."""
    found = list(processes)
    for process in found:
        for task in Path(f"/proc/{process}/task").glob("*/children"):
            try:
                found += [int(child) for child in task.read_text().split() if int(child) not in found]
            except OSError:
                continue
    return found


def end_process(process, how=signal.SIGKILL):
    """Send a signal to a process that may have ended by itself."""
    try:
        os.kill(process, how)
    except ProcessLookupError:
        return


def clear(folder):
    """End every process that belongs to a cluster, and remove its folder."""
    for process in with_descendants(processes_with("SLURM_CONF", f"{folder}/etc/slurm.conf") - {os.getpid()}):
        end_process(process)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":  # the guard of a cluster: waits until the process that started it closes its end, or ends
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.stdin.read()
    clear(sys.argv[1])
