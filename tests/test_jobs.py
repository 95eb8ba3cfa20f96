"""Workflow scripts in a real Snakemake run: the log, the threads, one sentence for bad input."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ohlora_lib import jobs

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
from ohlora_lib.jobs import start_job

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


@pytest.mark.parametrize(("cards", "processes"), [(4, 3), (0, 2)])
def test_a_training_shares_its_cards_or_where_there_are_none_cores(monkeypatch, cards, processes):
    started = []
    monkeypatch.setattr(jobs, "count_gpus", lambda: cards)
    monkeypatch.setattr(os, "execv", lambda program, command: started.append(command))
    monkeypatch.delenv(jobs.RANK, raising=False)
    for name in jobs.THREAD_VARIABLES:
        monkeypatch.setenv(name, "1")
    jobs.share_training(gpus=3, cores=2)
    assert f"--nproc-per-node={processes}" in started[0]
    jobs.share_training(gpus=1, cores=1)
    monkeypatch.setenv(jobs.RANK, "0")
    jobs.share_training(gpus=3, cores=2)
    assert len(started) == 1  # neither alone, nor when torchrun runs already


KEPT = """
import ctypes, resource, sys
from ohlora_lib.jobs import keep_memory

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
    assert int(taken[1]) < int(taken[0]) / 4  # pages asked for again
