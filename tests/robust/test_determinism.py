"""The same seed makes the same bytes: on any number of cores, with any number of shards."""

from project import copy_project, digests, said, snakemake


def test_one_core_and_more_shards_make_the_same_tables_and_weights(finished, tmp_path):
    folder = copy_project(tmp_path / "project")
    run = snakemake(folder, "--cores", "1", overlay={"shards": 3})
    assert run.returncode == 0, said(run)[-4000:]
    expected, found = digests(finished), digests(folder)
    comparable = {name for name in expected if "shard-" not in name}
    assert comparable <= set(found)
    assert len([name for name in comparable if name.endswith((".csv", ".safetensors"))]) > 40
    assert [name for name in sorted(comparable) if found[name] != expected[name]] == []
