"""Experiments: the record of a run, its folder, and the page that compares two."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from ohlora_lib.errors import InputError
from ohlora_lib.reporting.compare import compare_runs, differences
from ohlora_lib.reporting.leaderboard_columns import COLUMNS
from ohlora_lib.reporting.run_record import write_run_record
from ohlora_lib.runtime.provenance import commit, environment
from ohlora_lib.store.tables import read_json, read_table, write_table

ROOT = Path(__file__).parents[1]


def make_run(results: Path, name: str, gain: float = 0.0, **config) -> Path:
    """Write what a run leaves and a comparison reads, made up."""
    folder = results / name
    rows = []
    for rank, method in enumerate(("finetune_v2", "finetune_v1"), start=1):
        for judge in ("cnn", "segment"):
            values = {column.name: 0.5 + gain for column in COLUMNS}
            row = {"rank": rank, "method": method, "judge": judge, "broken": rank == 2}
            rows.append({**row, "score": 0.9 - 0.1 * rank + gain, **values})
    write_table(folder / "leaderboard.csv", pd.DataFrame(rows))
    step = 100.0 * np.arange(1, 6)
    log = pd.DataFrame({"step": step, "loss_g": 1 / step, "corr_eyes": step / 600 + gain})
    write_table(folder / "finetune/v2/train_log.csv", log)
    write_run_record(
        folder / "config.yaml",
        folder / "run.json",
        {"run": name, "results": "results", **config},
        {"id": "a" * 40, "dirty": bool(gain)},
        {"python": "3.11.2", "torch": "2.9.0" if gain else "2.9.1"},
    )
    return folder


def page_of(results: Path, runs: str = "plain,longer") -> str:
    compare_runs(results / "page.html", results, runs)
    return (results / "page.html").read_text()


@pytest.fixture
def results(tmp_path):
    make_run(tmp_path, "plain", seed=1, finetune={"v2": {"steps": 300}})
    make_run(tmp_path, "longer", 0.05, seed=1, finetune={"v2": {"steps": 900, "recipe": "b"}})
    return tmp_path


def test_the_page_shows_both_runs_and_what_differs(results):
    page = page_of(results)
    assert "2 methods in both runs: 2 with a better score" in " ".join(page.split())
    assert "<td>0.800</td>" in page and "<td><b>0.850</b></td>" in page
    assert '<span class="better">+0.050</span>' in page and '<span class="worse">' in page
    assert "finetune.v2.steps" in page and "finetune.v2.recipe" in page and ">seed<" not in page
    assert "with uncommitted changes" in page and "2.9.1" in page and "✗" in page
    assert page.count("data:image/png;base64,") == 1
    assert "http" not in page


def test_the_same_runs_give_the_same_page(results):
    assert page_of(results) == page_of(results)


def test_the_networks_that_read_scores_have_curves_too(results):
    for gain, name in enumerate(("plain", "longer")):
        losses = {"epoch": [1, 2], "loss": [1.0, 0.5 + gain], "corr_eyes": [0.1, 0.2]}
        write_table(results / name / "property_cnn/train_log.csv", pd.DataFrame(losses))
    page = page_of(results)
    assert page.count("data:image/png;base64,") == 2
    assert 'alt="Training of property_cnn in both runs"' in page


def test_runs_that_agree_are_said_to(tmp_path):
    make_run(tmp_path, "a")
    make_run(tmp_path, "b")
    page = page_of(tmp_path, "a,b")
    assert "Nothing." in page and '<span class="better">+' not in page


def test_a_method_of_one_run_is_shown_beside_a_dash(results):
    table = pd.read_csv(results / "plain/leaderboard.csv")
    write_table(results / "plain/leaderboard.csv", table[table["method"] == "finetune_v2"])
    row = page_of(results).split('<td class="text">finetune_v1</td>')[1].split("</tr>")[0]
    assert row.startswith("<td>–</td><td>–</td>")


def test_a_run_of_older_code_lacks_some_columns(results):
    path = results / "plain/leaderboard.csv"
    write_table(path, read_table(path).drop(columns=["joint_corr_eyes", "slope_eyes"]))
    assert "five levels of all" in page_of(results)


@pytest.mark.parametrize(
    ("runs", "said"),
    [
        ("", "snakemake compare --config runs=a,b"),
        ("plain,plain", "different ones"),
        ("plain,other", "finished are longer, plain); make it with snakemake --config run=other"),
    ],
)
def test_a_run_that_is_missing_is_named(results, runs, said):
    with pytest.raises(InputError) as info:
        page_of(results, runs)
    assert said in str(info.value) and "\n" not in str(info.value)
    assert not (results / "page.html").exists()


@pytest.mark.parametrize("file", ["config.yaml", "run.json", "leaderboard.csv"])
def test_a_damaged_file_is_named(results, file):
    (results / "plain" / file).write_text("[")
    with pytest.raises(InputError, match=file):
        page_of(results)


def test_differences_reach_down_to_values():
    a = {"x": {"y": 1, "z": [1, 2]}, "only": {"deep": True}, "run": "a"}
    b = {"x": {"y": 1.0, "z": [1]}, "run": "b", "none": None}
    assert differences(a, b) == [
        ("none", "–", "null"),
        ("only.deep", "true", "–"),
        ("x.y", "1", "1.0"),
        ("x.z", "[1, 2]", "[1]"),
    ]


# ---- the record


def test_the_record_is_sorted_and_has_neither_time_nor_place(tmp_path):
    folder = make_run(tmp_path, "plain", seed=1, domain={"b": 1, "a": 2})
    config = (folder / "config.yaml").read_text()
    assert config.index("a: 2") < config.index("b: 1") < config.index("seed")
    assert read_json(folder / "run.json").keys() == {"run", "commit", "environment"}


def git(folder: Path, *arguments: str) -> None:
    who = ("-c", "user.name=x", "-c", "user.email=x@example.org")
    subprocess.run(["git", "-C", folder, *who, *arguments], check=True, capture_output=True)


def test_the_commit_is_known_in_a_checkout_and_nowhere_else(tmp_path):
    assert commit(tmp_path) == {"id": "unknown", "dirty": None}
    git(tmp_path, "init")
    (tmp_path / "file").write_text("1")
    git(tmp_path, "add", "file")
    git(tmp_path, "commit", "-m", "first")
    clean = commit(tmp_path)
    assert len(clean["id"]) == 40 and clean["dirty"] is False
    (tmp_path / "file").write_text("2")
    assert commit(tmp_path) == {**clean, "dirty": True}
    (tmp_path / "copy").mkdir()
    assert commit(tmp_path / "copy")["id"] == "unknown"


def test_the_environment_names_versions_only():
    versions = environment()
    assert versions["python"].startswith("3.") and versions["torch"][0].isdigit()


# ---- the workflow


def snakemake(*arguments: str) -> subprocess.CompletedProcess:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "1000"}
    command = [sys.executable, "-m", "snakemake", *arguments, "--snakefile", ROOT / "Snakefile"]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)


@pytest.mark.slow
def test_a_run_keeps_everything_in_its_folder(tmp_path):
    overlay = tmp_path / "where.yaml"
    overlay.write_text(yaml.safe_dump({"results": str(tmp_path / "results")}))
    common = ("--dry-run", "--configfile", str(ROOT / "config/smoke.yaml"), str(overlay))
    done = snakemake(*common, "--config", "run=first-try")
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [line.strip() for line in done.stdout.splitlines()]
    outputs = " ".join(line for line in lines if line.startswith("output: ")).split()
    written = [path.strip(",") for path in outputs if path != "output:"]
    assert len(written) > 100
    assert all(path.startswith(f"{tmp_path}/results/first-try/") for path in written)
    assert f"{tmp_path}/results/first-try/run.json" in written


@pytest.mark.slow
def test_compare_makes_one_page(tmp_path):
    for name, gain in (("a", 0.0), ("b", 0.1)):
        make_run(tmp_path, name, gain)
    options = ("--cores", "1", "--config", f"results={tmp_path}")
    done = snakemake("compare", *options, "runs=a,b")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "compare/a-vs-b.html").is_file()
    done = snakemake("compare", *options, "runs=a,c")
    assert done.returncode == 1
    assert "c holds no finished run (finished are a, b)" in done.stdout + done.stderr
