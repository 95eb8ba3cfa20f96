"""A copy of the project, and Snakemake run in it: what tests of the whole workflow share."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
PARTS = ("config", "envs", "ohlora_lib", "profiles", "resources", "rules", "workflow_scripts")
CONFIGS = ["config/smoke.yaml"]
RESULTS = "results/smoke"
UNNEEDED = shutil.ignore_patterns("state", "report.html")  # large, and no job's output


def copy_project(folder: Path) -> Path:
    """Copy what a run needs, with the times of the files, which Snakemake compares."""
    folder.mkdir()
    ignored = shutil.ignore_patterns("__pycache__", ".*")
    for name in PARTS:
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    for name in ("Snakefile", "config.yaml"):
        shutil.copy2(ROOT / name, folder / name)
    return folder


def merged(*overlays: dict) -> dict:
    """Merge overlays as Snakemake merges configuration files."""
    result: dict = {}
    for overlay in overlays:
        for key, value in overlay.items():
            inner = isinstance(value, dict) and isinstance(result.get(key), dict)
            result[key] = merged(result[key], value) if inner else value
    return result


def environment(folder: Path) -> dict[str, str]:
    """Return the variables of a run that imports the library of a copy of the project."""
    own = {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    return {**os.environ, **own, "COLUMNS": "1000", "OMP_NUM_THREADS": "1"}


def snakemake(
    folder: Path, *arguments: str, overlay: dict | None = None
) -> subprocess.CompletedProcess:
    """Run Snakemake in a copy of the project."""
    configs = list(CONFIGS)
    if overlay is not None:
        (folder / "config/change.yaml").write_text(yaml.safe_dump(overlay))
        configs.append("config/change.yaml")
    command = [sys.executable, "-m", "snakemake", "--configfile", *configs, *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment(folder), capture_output=True, text=True, check=False
    )


def started(folder: Path, log: Path, *arguments: str) -> subprocess.Popen:
    """Start Snakemake in a process group of its own; what it says goes to `log`."""
    command = [sys.executable, "-m", "snakemake", *arguments, "--configfile", *CONFIGS]
    with log.open("w") as stream:
        return subprocess.Popen(
            command,
            cwd=folder,
            env=environment(folder),
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def said(run: subprocess.CompletedProcess) -> str:
    return run.stdout + run.stderr


def edit(file: Path, change: Callable[[str], str]) -> None:
    text = file.read_text()
    changed = change(text)
    assert changed != text, f"{file} was not changed"
    file.write_text(changed)


def finished_project(folder: Path) -> Path:
    """Copy the project to `folder`, run the whole workflow in it, and return it.

    It goes on from what `make smoke` left, if anything: Snakemake tells what of it is out of date.
    """
    copy_project(folder)
    known = Path(".snakemake/metadata")
    if (ROOT / RESULTS).is_dir() and (ROOT / known).is_dir():
        shutil.copytree(ROOT / RESULTS, folder / RESULTS, ignore=UNNEEDED)
        shutil.copytree(ROOT / known, folder / known)
    run = snakemake(folder, "--cores", "2")
    assert run.returncode == 0, said(run)[-8000:]
    return folder


def digests(folder: Path) -> dict[str, str]:
    """Return a hash of every file of a finished run that must not depend on how it was run.

    Left out is what tells how long jobs took, and state of trainings, which no job reads once they
    are finished.
    """
    timed = {"benchmarks", "logs", "state", "runtimes.png", "runtimes.csv", "search_cost.png"}
    timed |= {"costs.csv", "leaderboard.html", "report.html"}
    timed |= {f"{name}.sha256" for name in timed if name.endswith(".csv")}
    found = {}
    for path in sorted((folder / RESULTS).rglob("*")):
        place = path.relative_to(folder / RESULTS)
        if path.is_file() and not timed & set(place.parts):
            found[str(place)] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found
