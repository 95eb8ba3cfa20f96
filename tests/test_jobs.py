"""Workflow scripts in a real Snakemake run: the log, the threads, one sentence for bad input."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ohlora_lib.runtime import jobs
from ohlora_lib.store.lock import take_lock

ROOT = Path(__file__).parents[1]
SNAKEFILE = """
rule all:
    input:
        "{case}.txt",


rule one:
    output:
        "{{case}}.txt",
    log:
        "{{case}}.log",
    threads: 2
    script:
        "{{wildcards.case}}.py"
"""
START = """
import sys

sys.path.insert(0, {root!r})
from ohlora_lib.runtime.jobs import start_job

start_job(snakemake.log[0], snakemake.threads)
print("started")
"""
BODIES = {
    "good": """
import os

os.system("echo from a child")
with open(snakemake.output[0], "w") as file:
    file.write(os.environ["OMP_NUM_THREADS"])
""",
    "refused": """
from ohlora_lib.errors import InputError

raise InputError("labels.csv, line 3: id 7 occurs twice; delete one")
""",
    "full": """
import errno

raise OSError(errno.ENOSPC, "No space left on device", "results/a.csv")
""",
    "broken": """
def deep():
    raise RuntimeError("a defect of ours")

deep()
""",
}


def run(folder: Path, case: str) -> tuple[subprocess.CompletedProcess, list[str]]:
    (folder / "Snakefile").write_text(SNAKEFILE.format(case=case))
    (folder / f"{case}.py").write_text(START.format(root=str(ROOT)) + BODIES[case])
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "--show-failed-logs"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    return done, (folder / f"{case}.log").read_text().splitlines()


def test_a_good_job_logs_everything_and_gets_its_threads(tmp_path):
    done, log = run(tmp_path, "good")
    assert done.returncode == 0, done.stderr
    assert log == ["started", "from a child"]
    assert (tmp_path / "good.txt").read_text() == "2"


@pytest.mark.parametrize("case", ["refused", "full", "broken"])
def test_a_failing_job_says_why(tmp_path, case):
    done, log = run(tmp_path, case)
    assert done.returncode == 1 and not (tmp_path / f"{case}.txt").exists()
    if case == "refused":
        assert log == ["started", "error: labels.csv, line 3: id 7 occurs twice; delete one"]
        assert log[1] in done.stdout + done.stderr
    elif case == "full":
        sentence = (
            "error: no space left on device; free some (results/a.csv) and run snakemake again"
        )
        assert log == ["started", sentence]
    else:
        assert log[-1] == "RuntimeError: a defect of ours" and any(
            "in deep" in line for line in log
        )


@pytest.mark.parametrize(
    ("cards", "processes", "says"),
    [(9, 6, ""), (6, 6, ""), (4, 3, "3 instead of 6"), (1, None, "1 instead of 6"), (0, 2, "")],
)
def test_a_training_shares_its_cards_or_where_there_are_none_cores(
    monkeypatch, capsys, cards, processes, says
):
    started = []
    monkeypatch.setattr(jobs, "count_gpus", lambda: cards)
    monkeypatch.setattr(os, "execv", lambda program, command: started.append(command))
    monkeypatch.delenv(jobs.RANK, raising=False)
    for name in (*jobs.THREAD_VARIABLES, jobs.LAUNCHER, "PYTHONPATH"):
        monkeypatch.setenv(name, "1")
    jobs.share_training(gpus=6, cores=2)
    assert [command[3] for command in started] == ([str(processes)] if processes else [])
    said = capsys.readouterr().out
    assert said.startswith(says) and bool(said) == bool(says)
    started.clear()
    jobs.share_training(gpus=1, cores=1)
    monkeypatch.setenv(jobs.RANK, "0")
    jobs.share_training(gpus=6, cores=2)
    assert not started  # neither alone, nor when it is one of several already


SHARED = """
import os, sys, time
from pathlib import Path

from ohlora_lib.runtime.jobs import share_training, start_job

start_job("job.log")
share_training(gpus=1, cores=2)
from ohlora_lib.errors import InputError
from ohlora_lib.store.lock import take_lock

first = os.environ["RANK"] == "0"
"""
CASES = {
    "sleep": """
take_lock("held-" + os.environ["RANK"])
Path("ready-" + os.environ["RANK"]).touch()
time.sleep(100)
""",
    "all": """
from ohlora_lib.store.tables import read_json
from ohlora_lib.training.distributed import Ranks

Ranks()
read_json("damaged.json")
""",
    "second": """
from ohlora_lib.training.distributed import Ranks

ranks = Ranks()
if not first:
    raise InputError("damaged.json: no JSON; delete it")
ranks.agree(1)
ranks.mean({"a": 1.0})  # the first waits here for the other
""",
    "broken": """
raise RuntimeError("a defect of ours")
""",
    "killed": """
if not first:
    os.kill(os.getpid(), 9)
time.sleep(100)
""",
}


def shared(folder: Path, case: str) -> subprocess.Popen:
    """Start a script that shares its work with a second process, both on the CPU."""
    (folder / "job.py").write_text(SHARED + CASES[case])
    (folder / "damaged.json").write_text('{"a": ')
    own = {"PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""}
    environment = {name: value for name, value in os.environ.items() if name != jobs.RANK} | own
    return subprocess.Popen(
        [sys.executable, "job.py"], cwd=folder, env=environment, start_new_session=True
    )


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other kernels tell no child")
def test_a_kill_of_a_shared_training_leaves_no_process_behind(tmp_path):
    process = shared(tmp_path, "sleep")
    while len(list(tmp_path.glob("ready-*"))) < 2:
        assert process.poll() is None, (tmp_path / "job.log").read_text()
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGKILL)  # which does not reach the sessions of the two
    process.wait()
    for rank in "01":
        assert take_lock(tmp_path / f"held-{rank}", wait=60) is not None


def test_a_process_whose_launcher_died_before_it_could_ask_ends_itself(tmp_path):
    code = "from ohlora_lib.runtime.jobs import start_job; start_job('job.log')"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), jobs.RANK: "0", jobs.LAUNCHER: "1"}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, env=environment)
    assert done.returncode == -signal.SIGKILL


@pytest.mark.parametrize("case", ["all", "second", "broken", "killed"])
def test_what_ends_a_shared_training_is_said_once(tmp_path, case):
    assert shared(tmp_path, case).wait() == 1
    log = (tmp_path / "job.log").read_text()
    lines = log.splitlines()
    if case == "broken":
        assert log.count("Traceback") == 1 and lines[-1] == "RuntimeError: a defect of ours"
    else:
        assert len(lines) == 1 and lines[0].startswith("error: "), log
        assert ("SIGKILL" if case == "killed" else "damaged.json") in lines[0]


KEPT = """
import ctypes, resource, sys
from ohlora_lib.runtime.jobs import keep_memory

if "keep" in sys.argv:
    keep_memory()
faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt
first = bytes(b"x") * 2**26
del first
before = faults()
again = bytes(b"x") * 2**26
print(faults() - before if hasattr(ctypes.CDLL(None), "mallopt") else "no mallopt")
"""


def test_freed_memory_is_kept_for_what_comes_next():
    taken = [
        subprocess.run(
            [sys.executable, "-c", KEPT, *arguments],
            cwd=ROOT, capture_output=True, text=True, check=True,
        ).stdout.strip()
        for arguments in ([], ["keep"])
    ]  # fmt: skip
    if taken[0] == "no mallopt":
        pytest.skip("this C library has no mallopt")
    assert int(taken[1]) < int(taken[0]) / 4  # pages requested again


LISTENING = """
import time
from ohlora_lib.training.distributed import Ranks

ranks = Ranks()
ranks.mean({"a": 1.0})
Path("ready-" + os.environ["RANK"]).touch()
time.sleep(100)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_processes_that_train_together_listen_on_the_loopback_interface_only(tmp_path):
    CASES["listening"] = LISTENING
    process = shared(tmp_path, "listening")
    try:
        while len(list(tmp_path.glob("ready-*"))) < 2:
            assert process.poll() is None, (tmp_path / "job.log").read_text()
            time.sleep(0.1)
        family = {process.pid, *children(process.pid)}
        addresses = listening(family)
    finally:
        process.terminate()
        process.wait()
    assert len(family) == 3
    assert addresses, "gloo listens, on an address of its own"
    assert {address for address in addresses if not address.startswith("127.")} == set()


def children(parent: int) -> list[int]:
    """Return the processes that a process started, from /proc."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has ended
        if int(fields[1]) == parent:
            found.append(int(stat.parent.name))
    return found


def listening(processes: set[int]) -> set[str]:
    """Return the IPv4 (and IPv6, as hexadecimal) addresses that processes listen on."""
    sockets = set()
    for process in processes:
        for handle in Path(f"/proc/{process}/fd").iterdir():
            try:
                target = os.readlink(handle)
            except OSError:
                continue
            if target.startswith("socket:["):
                sockets.add(target[8:-1])
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/self/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in sockets:
                raw = fields[1].partition(":")[0]
                octets = bytes.fromhex(raw)[::-1]
                found.add(".".join(map(str, octets)) if table == "tcp" else raw)
    return found
