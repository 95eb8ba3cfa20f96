"""A dry run of the whole workflow with ever more shards, beside the start of Snakemake."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator

from benchmarks.common import ROOT, Row, best_of

SHARDS = (10, 100, 1000)


def dag(device: str) -> Iterator[Row]:
    """Yield the time of a dry run from nothing, once per number of shards (of each population)."""
    with tempfile.TemporaryDirectory() as folder:
        start = best_of(lambda: _snakemake("--version"))
        for count in SHARDS:
            config = ("--config", f"shards={count}", f"results={folder}")
            seconds = best_of(
                lambda c=config: _snakemake("--dry-run", "--quiet", "all", "--nolock", *c),
                repeats=1,
            )
            yield Row("dag", count, seconds, "snakemake --version", start)


def _snakemake(*arguments: str) -> None:
    command = [sys.executable, "-m", "snakemake", *arguments]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
