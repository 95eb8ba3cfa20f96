"""A full disk and a read-only folder end a run in one sentence; what is there stays whole."""

import os
import subprocess
from pathlib import Path

import pytest
from project import RESULTS, copy_project, said, snakemake

TARGETS = [f"{RESULTS}/original/images/shard-00000.parquet", f"{RESULTS}/original/labels.parquet"]


@pytest.fixture
def small_disk(tmp_path):
    """Return a project whose results lie on a file system of 1.5 MB; its images need more."""
    folder = copy_project(tmp_path / "project")
    disk = folder / "results"
    disk.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=1500k", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(words, capture_output=True).returncode:
        pytest.skip("mounting a small file system needs root")
    yield folder
    subprocess.run(["umount", str(disk)], check=True)


def remount(folder: Path, options: str) -> None:
    words = ["mount", "-o", f"remount,{options}", str(folder / "results")]
    subprocess.run(words, check=True)


def test_a_full_disk_is_named_and_the_run_goes_on_when_there_is_room(small_disk):
    run = snakemake(small_disk, "--cores", "1", *TARGETS)
    assert run.returncode != 0
    assert "error: no space left on device" in said(run) and "Traceback" not in said(run)
    assert not (small_disk / TARGETS[0]).exists()
    assert not list((small_disk / RESULTS).rglob(".part-*"))
    remount(small_disk, "size=100m")
    run = snakemake(small_disk, "--cores", "1", *TARGETS)
    assert run.returncode == 0, said(run)


def test_a_read_only_folder_is_named_before_any_job(small_disk):
    remount(small_disk, "ro")
    run = snakemake(small_disk, "--cores", "1", *TARGETS)
    assert run.returncode != 0
    assert f"error: {RESULTS} cannot be written to" in said(run) and "Traceback" not in said(run)
