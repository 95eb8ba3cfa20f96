"""The same seed makes the same bytes: on any number of cores, in any number of jobs and shards."""

import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from project import RESULTS, copy_project, digests, said, snakemake

CONFIGURATION = "config.yaml"  # the run's record of it says how the work was split


def run(folder: Path, overlay: dict) -> tuple[dict[str, str], str]:
    """Make a whole run on one core; return the hashes of its files and what Snakemake said."""
    copy_project(folder)
    done = snakemake(folder, "--cores", "1", overlay=overlay)
    assert done.returncode == 0, said(done)[-4000:]
    return digests(folder), said(done)


def different(expected: dict[str, str], found: dict[str, str], apart: str = "") -> list[str]:
    """Return the files of `expected` that are others, or none, in `found`."""
    return [
        name
        for name, digest in expected.items()
        if name != CONFIGURATION and found.get(name) != digest and not (apart and apart in name)
    ]


def test_one_core_and_more_jobs_make_the_same_bytes(finished, tmp_path):
    scatter = {"generate": 2, "segment": 2, "sample": 2}  # of two chunks of samples
    found, log = run(tmp_path / "project", {"scatter": scatter})
    assert "rule join_samples:" in log
    assert len(re.findall(r"^(?:local)?rule generate_images:$", log, re.MULTILINE)) == 4
    expected = digests(finished)
    assert len([name for name in expected if name.endswith((".csv", ".safetensors"))]) > 40
    assert sorted(found) == sorted(expected)
    assert different(expected, found) == []


def test_more_shards_make_the_same_rows_tables_and_weights(finished, tmp_path):
    found, log = run(tmp_path / "project", {"shards": 3, "scatter": {"generate": 2}})
    assert "rule generate_images_2_of_2:" in log
    assert different(digests(finished), found, apart="shard-") == []
    for kind in ("images", "segments"):
        for population in ("original", "v1"):
            place = f"{RESULTS}/{population}/{kind}"
            assert len(list((tmp_path / "project" / place).iterdir())) == 3
            assert rows(tmp_path / "project" / place).equals(rows(finished / place))


def rows(folder: Path) -> pa.Table:
    """Return the rows of all shards of a population, in their order."""
    tables = [pq.read_table(path) for path in sorted(folder.iterdir())]
    return pa.concat_tables(tables).combine_chunks()
