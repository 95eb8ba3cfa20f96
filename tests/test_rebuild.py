"""The table in docs/rebuild.md: each change, made to a finished run, plans exactly its rules."""

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from project import RESULTS, ROOT, UNNEEDED, edit, said, snakemake

pytestmark = pytest.mark.slow

Change = Callable[[Path], dict | None]  # changes a finished run; returns an overlay, if any
SECOND = "v1"  # the population whose images a fine-tune draws: it follows from the first
RULE = re.compile(r"`(\w+)`")


def table() -> dict[str, tuple[str, str]]:
    """Return, by the words of a change, what docs/rebuild.md says of the run and of v1."""
    text = (ROOT / "docs/rebuild.md").read_text().split("\n## ")[1]
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return {change: (first, second) for change, first, second in rows[1:]}


def edited(file: str, change: Callable[[str], str]) -> Change:
    return lambda folder: edit(folder / file, change)


def more_code(file: str) -> Change:
    return edited(file, lambda text: text + "\nANOTHER_CONSTANT = 1\n")


def replaced(file: str, old: str, new: str) -> Change:
    return edited(file, lambda text: text.replace(old, new))


def configured(overlay: dict) -> Change:
    return lambda folder: overlay


def in_original(settings: dict) -> Change:
    return configured({"populations": {"original": settings}})


def with_labels(folder: Path) -> dict:
    lines = ["id,gender,quality", *(f"{index},1,{index % 2}" for index in range(240))]
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    return {"populations": {"original": {"labels": {"csv": "labels.csv"}}}}


def without(file: str) -> Change:
    return lambda folder: (folder / RESULTS / file).unlink()


def copied(folder: Path) -> None:
    """Give all files the times of a copy: new ones, in no order that means anything."""
    for number, path in enumerate(sorted(folder.rglob("*"), reverse=True)):
        if ".snakemake" not in path.parts:
            os.utime(path, (path.stat().st_atime, 2e9 + number))


def commented(folder: Path) -> None:
    for file in ("ohlora_lib/scores/eyes.py", "ohlora_lib/populations/score_property.py"):
        edit(
            folder / file,
            lambda text: "# a comment\n" + text.replace('"""', '"""Indeed: ', 1) + "\n# another\n",
        )
    edit(folder / "workflow_scripts/plot_funnel.py", lambda text: text + "\n# a comment\n")


FINETUNING = "ohlora_lib/methods/finetune"
CHANGES: dict[str, Change] = {
    "nothing": lambda folder: None,
    "code of one score, `scores/eyes.py`": more_code("ohlora_lib/scores/eyes.py"),
    "one parameter of one score, `scores.v2.hair_length.row_pixels`": configured(
        {"scores": {"v2": {"hair_length": {"row_pixels": 21}}}}
    ),
    "the same of algorithm v1, `scores.v1.eyes.rows`": configured(
        {"scores": {"v1": {"eyes": {"rows": [50, 140]}}}}
    ),
    "a filter threshold, `populations.original.filter.gender.min`": in_original(
        {"filter": {"gender": {"min": 0.39}}}
    ),
    "the same of the second population, `populations.v1.filter.quality.share`": configured(
        {"populations": {"v1": {"filter": {"quality": {"share": 0.9}}}}}
    ),
    "the label CSV, `populations.original.labels.csv`": with_labels,
    "`populations.original.labels.error_rate`": in_original({"labels": {"error_rate": 0.4}}),
    "how an attribute is trained, `attributes.quality.learning_rate`": configured(
        {"attributes": {"quality": {"learning_rate": 1.0e-4}}}
    ),
    "an option of the property CNN, `property_cnn.learning_rate`": configured(
        {"property_cnn": {"learning_rate": 1.0e-4}}
    ),
    "a training hyperparameter of v3, `finetune.v3.options.lr`": configured(
        {"finetune": {"v3": {"options": {"lr": 1.0e-3}}}}
    ),
    "the steps of v1, from which others start, `finetune.v1.steps`": configured(
        {"finetune": {"v1": {"steps": 6}}}
    ),
    "code of one objective, `methods/finetune/autoencoder.py`": more_code(
        f"{FINETUNING}/autoencoder.py"
    ),
    "code of one way to fit directions, `methods/directions/ways/linear.py`": more_code(
        "ohlora_lib/methods/directions/ways/linear.py"
    ),
    "`judging.bootstrap`": configured({"judging": {"bootstrap": 50}}),
    "code of one figure, `reporting/funnel.py`": more_code("ohlora_lib/reporting/funnel.py"),
    "code of all figures, `reporting/theme.py`": more_code("ohlora_lib/reporting/theme.py"),
    "a workflow script, `workflow_scripts/plot_funnel.py`": more_code(
        "workflow_scripts/plot_funnel.py"
    ),
    "the seed": configured({"seed": 1}),
    "`shards`": configured({"shards": 3}),
    "`scatter.generate`": configured({"scatter": {"generate": 2}}),
    "`scatter.segment`, as many jobs as shards": configured({"scatter": {"segment": 2}}),
    "`scatter.sample`": configured({"scatter": {"sample": 2}}),
    "`gpus` or `cores` of a training, `property_cnn.cores`": configured(
        {"property_cnn": {"cores": 2}}
    ),
    "memory, time and threads of a rule": replaced("rules/generate.smk", "mem_mb=2500", "mem_mb=9"),
    "a caption of the report, `rules/captions/funnel.rst`": edited(
        "rules/captions/funnel.rst", lambda text: text + "\nMore words.\n"
    ),
    "comments and docstrings of library and scripts": commented,
    "the times of all files, as a copy changes them": copied,
    "one shard of images deleted": without("original/images/shard-00001.parquet"),
    "one shard of segments deleted": without("original/segments/shard-00001.parquet"),
}


@pytest.fixture
def project(finished, tmp_path) -> Path:
    """Return a copy of the finished run, to be changed."""
    folder = tmp_path / "project"
    shutil.copytree(finished, folder, ignore=UNNEEDED)
    return folder


def jobs_of(log: str) -> set[tuple[str, str]]:
    """Return the jobs of a dry run, told apart by rule and by whether they are of population v1."""
    found = set()
    for block in re.split(r"\n(?=(?:local)?rule \w+:\n)", log)[1:]:
        rule = re.match(r"(?:local)?rule (\w+):", block)[1]
        population = re.search(rf"^    wildcards: .*population={SECOND}\b", block, re.MULTILINE)
        found.add((SECOND if population else "", rule))
    return found


def planned(folder: Path, *arguments: str, overlay: dict | None = None) -> set[tuple[str, str]]:
    """Return what a run would start, without the target rule."""
    run = snakemake(folder, "--dry-run", *arguments, overlay=overlay)
    assert run.returncode == 0, said(run)
    found = jobs_of(said(run))
    assert found or "Nothing to be done" in said(run), said(run)
    return found - {("", "all")}


def test_the_table_has_these_rows():
    assert list(table()) == list(CHANGES)


@pytest.fixture(scope="module")
def everything(finished) -> set[tuple[str, str]]:
    """Return all that the smoke run has jobs of."""
    return planned(finished, "--forceall")


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_runs_exactly_the_rules_of_the_table(project, everything, change):
    overlay = CHANGES[change](project)
    expected = set()
    for population, cell in zip(("", SECOND), table()[change], strict=True):
        named = {(population, rule) for rule in RULE.findall(cell)}
        if cell.startswith("all"):  # "all", or "all but ..."
            those = {job for job in everything if job[0] == population}
            assert named <= those
            named = those - named
        expected |= named
    assert planned(project, overlay=overlay) == expected


@pytest.mark.parametrize(
    ("kind", "rule"), [("images", "generate_images"), ("segments", "segment_images")]
)
def test_a_deleted_shard_is_made_again_when_something_needs_it(project, kind, rule):
    shard = f"{RESULTS}/original/{kind}/shard-00001.parquet"
    (project / shard).unlink()
    assert planned(project, shard) == {("", rule)}


def test_with_a_shard_made_again_first_only_what_is_missing_follows(project):
    shard = f"{RESULTS}/original/images/shard-00001.parquet"
    missing = project / RESULTS / "report/original/generated.jpg"
    (project / shard).unlink()
    missing.unlink()
    assert len(planned(project)) > 20  # what all messages about damaged files warn of
    run = snakemake(project, "--cores", "1", shard)
    assert run.returncode == 0, said(run)
    assert planned(project) == {("", "plot_samples")}


def test_the_content_of_the_label_csv_is_compared(project):
    overlay, target = with_labels(project), f"{RESULTS}/original/labels.parquet"
    run = snakemake(project, "--cores", "1", target, overlay=overlay)
    assert run.returncode == 0, said(run)
    assert planned(project, target, overlay=overlay) == set()
    os.utime(project / "labels.csv")
    assert planned(project, target, overlay=overlay) == set()
    edit(project / "labels.csv", lambda text: text.replace("0,1,0", "0,0,0", 1))
    assert planned(project, target, overlay=overlay) == {("", "take_labels")}
