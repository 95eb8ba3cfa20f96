"""One run per results folder, and none disturbs another: locks and unfinished files."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from project import RESULTS, copy_project, said, snakemake, started

pytestmark = pytest.mark.slow

TARGET = f"{RESULTS}/original/images/shard-00000.parquet"


def start(folder: Path, *arguments: str) -> subprocess.Popen:
    """Start Snakemake in the background and return when its first job runs."""
    log = folder / "snakemake.log"
    run = started(folder, log, *arguments)
    while "rule generate_images:" not in log.read_text():
        assert run.poll() is None, log.read_text()
        time.sleep(0.1)
    return run


def test_a_second_run_waits_for_the_first_and_a_killed_one_leaves_no_lock(tmp_path):
    folder = copy_project(tmp_path / "project")
    first = start(folder, "--cores", "1", TARGET)
    os.killpg(first.pid, signal.SIGSTOP)  # it lives, and gets no further
    second = snakemake(folder, "--cores", "1", TARGET)
    assert second.returncode != 0 and "Traceback" not in said(second)
    assert f"error: another run of snakemake works in {RESULTS}" in said(second)
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    again = snakemake(folder, "--cores", "1", TARGET)
    assert again.returncode == 0, said(again)


def test_a_run_deletes_unfinished_files_of_its_own_only(tmp_path):
    folder = copy_project(tmp_path / "project")
    results = folder / RESULTS
    own = [results / "original/images/.part-a-shard-00000.parquet", results / "state/x/.part-b-y"]
    others = [results / "longer/original/images/.part-c-shard-00000.parquet"]
    others += [folder / "results/.part-d-leaderboard.csv", folder / "weights/z/.part-e-net.pth"]
    for file in [*own, *others]:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    run = snakemake(folder, "--cores", "1", TARGET)
    assert run.returncode == 0, said(run)
    assert not any(file.exists() for file in own) and all(file.exists() for file in others)
