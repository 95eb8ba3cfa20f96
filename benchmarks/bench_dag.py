"""Dry runs of the whole workflow with ever more shards, beside one with a single shard."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import yaml

from benchmarks.common import ROOT, Row, best_of

SHARDS = (10, 100, 1000)
SMOKE = ROOT / "results" / "smoke" / "leaderboard.csv"  # there after `make smoke`


def dag(device: str) -> Iterator[Row]:
    """Yield the times of dry runs from nothing, by shards of each population, and with one no-op.

    Shards are written by one job per population and stage, then by a job each.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        single = best_of(lambda: _dry_run(folder, 1), repeats=1)
        for kind, scattered in (("dag", False), ("dag_job_per_shard", True)):
            for count in SHARDS:
                seconds = best_of(
                    lambda n=count, s=scattered: _dry_run(folder, n, s),
                    repeats=1,
                )
                yield Row(kind, count, seconds, "1 shard", single)
        if SMOKE.is_file():
            smoke = ("--configfile", "config/smoke.yaml")
            nothing = best_of(lambda: _snakemake("--dry-run", *smoke))
            again = best_of(lambda: _snakemake("--dry-run", "--forceall", *smoke))
            yield Row("dag_nothing_to_do", 1, nothing, "all to do", again)


def _dry_run(folder: Path, count: int, scattered: bool = False) -> None:
    """Plan a run of the default configuration that has made nothing yet."""
    overlay: dict = {"shards": count, "results": str(folder / "results")}
    if scattered:
        overlay["scatter"] = {"generate": count, "segment": count}
    (folder / "overlay.yaml").write_text(yaml.safe_dump(overlay))
    _snakemake("--dry-run", "--quiet", "all", "--configfile", str(folder / "overlay.yaml"))


def _snakemake(*arguments: str) -> None:
    command = [sys.executable, "-m", "snakemake", *arguments]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
