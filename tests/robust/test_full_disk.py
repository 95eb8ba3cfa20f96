"""A full disk and a read-only folder end a run in one sentence; what is there stays whole."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from project import RESULTS, UNNEEDED, copy_project, said, snakemake

TARGETS = [f"{RESULTS}/original/images/shard-00000.parquet", f"{RESULTS}/original/labels.parquet"]
CNN = f"{RESULTS}/property_cnn/property_cnn.safetensors"


@pytest.fixture
def small_disk(tmp_path):
    """Return a project whose results lie on a file system of 1.5 MB; its images need more."""
    folder = copy_project(tmp_path / "project")
    (folder / "results").mkdir()
    mount(folder, "size=1500k")
    yield folder
    subprocess.run(["umount", folder / "results"], check=True)


@pytest.fixture
def trained(finished, tmp_path):
    """Return a finished run without its property CNN, on a disk that holds half a state."""
    folder = tmp_path / "project"
    shutil.copytree(finished, folder, ignore=shutil.ignore_patterns("state", "results"))
    (folder / "results").mkdir()
    mount(folder, "size=500m")
    shutil.copytree(finished / RESULTS, folder / RESULTS, ignore=UNNEEDED)
    for path in (folder / RESULTS / "property_cnn").iterdir():
        path.unlink()
    used = shutil.disk_usage(folder / "results").used
    network = (finished / CNN).stat().st_size  # a state has two, and two moments of each weight
    remount(folder, f"size={used // 1024 + 2 * network // 1024}k")
    yield folder
    subprocess.run(["umount", folder / "results"], check=True)


def mount(folder: Path, options: str) -> None:
    words = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder / "results")]
    if os.geteuid() != 0 or subprocess.run(words, capture_output=True).returncode:
        pytest.skip("mounting a small file system needs root")


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


def test_a_training_without_room_for_its_state_is_told_so_and_goes_on(finished, trained):
    run = snakemake(trained, "--cores", "1", CNN)
    assert run.returncode != 0
    assert "error: no space left on device" in said(run) and "Traceback" not in said(run)
    assert not (trained / CNN).exists()
    assert not list((trained / RESULTS).rglob(".part-*"))
    remount(trained, "size=500m")
    run = snakemake(trained, "--cores", "1", CNN)
    assert run.returncode == 0, said(run)
    assert (trained / CNN).read_bytes() == (finished / CNN).read_bytes()


def test_a_read_only_folder_is_named_before_any_job(small_disk):
    remount(small_disk, "ro")
    run = snakemake(small_disk, "--cores", "1", *TARGETS)
    assert run.returncode != 0
    assert f"error: {RESULTS} cannot be written to" in said(run) and "Traceback" not in said(run)
