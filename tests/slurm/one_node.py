"""A SLURM cluster of one node on this machine, from Debian's packages, without systemd; as root.

Its two graphics cards are pretended: SLURM counts any character device.
"""

import getpass
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

CONFIGURATION = Path("/etc/slurm/slurm.conf")  # jobs lose SLURM_CONF, so no other place works
MARK = "# written by tests/slurm/one_node.py"
FOLDER = Path("/var/lib/slurm-one-node")
MUNGE = Path("/run/munge/munged.pid")  # a munge that runs already is used, and left running
DAEMONS = [FOLDER / f"{name}.pid" for name in ("slurmd", "slurmctld", "munged")]  # as stopped


class Unavailable(Exception):
    """SLURM cannot be installed here; says why."""


@dataclass(frozen=True)
class Job:
    """What SLURM knows about a job of the workflow."""

    id: int
    rule: str
    state: str
    partition: str
    mem: str  # as requested, for instance "4000M"
    gpu: str  # generic resources requested, for instance "gpu:1", or ""


def run(*command: str | Path, check: bool = True) -> str:
    """Return what a command prints."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if check and done.returncode != 0:
        raise RuntimeError(f"{command[0]} failed: {done.stdout}{done.stderr}")
    return done.stdout


def install() -> None:
    """Install SLURM and munge, where they are missing.

    Raises:
        Unavailable: not root, no apt-get, no package, or a cluster's own SLURM is in place.
    """
    if CONFIGURATION.exists() and MARK not in CONFIGURATION.read_text():
        raise Unavailable(f"{CONFIGURATION} exists: this machine belongs to a cluster")
    if os.geteuid() != 0:
        raise Unavailable("SLURM is started by root only")
    if all(map(shutil.which, ("slurmctld", "slurmd", "munged"))):
        return
    if not shutil.which("apt-get"):
        raise Unavailable("SLURM is installed from Debian's packages, and there is no apt-get")
    apt = ("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq")
    try:
        run(*apt, "update")
        run(*apt, "install", "-y", "--no-install-recommends", "slurm-wlm", "munge")
    except RuntimeError as error:
        raise Unavailable(f"Debian's packages cannot be installed: {str(error)[-300:]}") from error


def configure() -> None:
    """Write SLURM's configuration: partitions `cpu` and `gpu`, both on this node."""
    node = socket.gethostname().partition(".")[0]
    size = f"CPUs={max(2, os.cpu_count())} RealMemory=40000"  # MB; pretended, so that all may ask
    CONFIGURATION.write_text(f"""{MARK}
ClusterName=one
SlurmctldHost={node}(127.0.0.1)
SlurmUser=root
StateSaveLocation={FOLDER}/state
SlurmdSpoolDir={FOLDER}/spool
SlurmctldPidFile={FOLDER}/slurmctld.pid
SlurmdPidFile={FOLDER}/slurmd.pid
SlurmctldLogFile={FOLDER}/slurmctld.log
SlurmdLogFile={FOLDER}/slurmd.log
MailProg=/bin/true
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
MinJobAge=86400
EnforcePartLimits=ALL
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=sched_min_interval=0,sched_interval=5,bf_interval=5
SlurmdParameters=config_overrides
ReturnToService=2
MpiDefault=none
GresTypes=gpu
NodeName={node} NodeAddr=127.0.0.1 {size} Gres=gpu:pretended:2 State=UNKNOWN
PartitionName=cpu Nodes=ALL Default=YES MaxTime=INFINITE DefMemPerCPU=500 State=UP
PartitionName=gpu Nodes=ALL MaxTime=INFINITE DefMemPerCPU=500 State=UP
""")
    CONFIGURATION.with_name("gres.conf").write_text(
        "Name=gpu Type=pretended File=/dev/null\nName=gpu Type=pretended File=/dev/zero\n"
    )


def start() -> None:
    """Start munge, the controller and the node; returns when the node takes jobs."""
    stop()
    configure()
    shutil.rmtree(FOLDER, ignore_errors=True)  # the jobs of an earlier run
    for name in ("state", "spool"):
        (FOLDER / name).mkdir(parents=True)
    if not _running(MUNGE):
        MUNGE.parent.mkdir(mode=0o755, exist_ok=True)
        shutil.chown(MUNGE.parent, "munge", "munge")
        run("runuser", "-u", "munge", "--", "/usr/sbin/munged")
        shutil.copy(MUNGE, FOLDER)
    run("slurmctld")
    run("slurmd")
    if not _wait(lambda: set(run("sinfo", "-h", "-o", "%T", check=False).split()) == {"idle"}):
        raise RuntimeError(f"the node did not become idle; see {FOLDER}/*.log")


def stop() -> None:
    """End the jobs and the daemons that `start` started, and remove the configuration.

    With it in place but no controller, each call of Snakemake with the plugin takes 10 s longer.
    """
    if _running(FOLDER / "slurmctld.pid"):
        run("scancel", "--user", getpass.getuser(), check=False)
        _wait(lambda: not run("squeue", "-h", check=False).strip())
    for file in DAEMONS:
        if _running(file):
            os.kill(int(file.read_text()), signal.SIGTERM)
            _wait(lambda file=file: not _running(file))
    for name in ("slurm.conf", "gres.conf"):
        CONFIGURATION.with_name(name).unlink(missing_ok=True)


def _running(file: Path) -> bool:
    """Whether the daemon still runs that left its id in this file, named after it."""
    try:
        status = Path(f"/proc/{int(file.read_text())}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    # an id may be another process's by now, and the first process may never reap a daemon
    return f"Name:\t{file.stem}\n" in status and "State:\tZ" not in status


def _wait(done: Callable[[], bool]) -> bool:
    """Wait up to 20 s, and return whether it is done."""
    for _ in range(100):
        if done():
            return True
        time.sleep(0.2)
    return False


def jobs(folder: Path) -> list[Job]:
    """Return the jobs that a workflow in this folder submitted, in their order."""
    found = []
    for line in run("squeue", "-h", "--states=all", "--format=%i|%k|%T|%P|%m").splitlines():
        number, comment, state, partition, mem = line.split("|")
        details = run("scontrol", "show", "job", number)
        fields = dict(item.partition("=")[::2] for item in details.split())
        if fields["WorkDir"] != str(folder):
            continue
        gpu = fields.get("TresPerJob", "").removeprefix("gres:")
        rule = comment.removeprefix("rule_").partition("_wildcards_")[0]
        found.append(Job(int(number), rule, state, partition, mem, gpu))
    return sorted(found, key=lambda job: job.id)
