"""The workflow on a real SLURM: what each job is given, and jobs that are killed or lack memory."""

import subprocess
import sys
import time
from pathlib import Path

import one_node
import pytest
from project import RESULTS, copy_project, edit, environment
from test_environments import gpu_rules, local_rules

pytestmark = pytest.mark.slow

SITE = {  # the lines of the profile that a site uncomments
    "# slurm_partition: cpu": "slurm_partition: cpu",
    "# slurm_partition: gpu": "slurm_partition: gpu",
    "# gpu_model: a100": "gpu_model: pretended",
}


def fill_in(text: str) -> str:
    """Edit the profile's block of a site's own values, as docs/cluster.md says."""
    for line, value in SITE.items():
        assert text.count(line) == 1, line
        text = text.replace(line, value)
    return text


def project(folder: Path) -> Path:
    """Return a copy of the project whose profile is filled in."""
    copy_project(folder)
    edit(folder / "profiles/slurm/config.yaml", fill_in)
    return folder


def submit(folder: Path, *arguments: str) -> subprocess.Popen:
    """Start Snakemake, which submits the smoke configuration's jobs."""
    options = ("--workflow-profile", "profiles/slurm", "--configfile", "config/smoke.yaml")
    with open(folder / "snakemake.log", "w") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "snakemake", *arguments, *options],
            cwd=folder,
            env=environment(folder),
            stdout=log,
            stderr=subprocess.STDOUT,
        )


def finish(run: subprocess.Popen, folder: Path) -> str:
    """Wait for a run that must succeed, and return what it said."""
    try:
        status = run.wait(timeout=2 * 3600)
    finally:
        run.kill()  # nothing, once it has ended
    said = (folder / "snakemake.log").read_text()
    assert status == 0, said[-8000:]
    return said


def jobs_of(rule: str, folder: Path) -> list[one_node.Job]:
    return [job for job in one_node.jobs(folder) if job.rule == rule]


@pytest.fixture(scope="module")
def first_images(tmp_path_factory) -> Path:
    """Return a project for the tests that need the first jobs only."""
    return project(tmp_path_factory.mktemp("first") / "project")


def test_a_cancelled_job_is_submitted_again(first_images):
    run = submit(first_images, f"{RESULTS}/original/images/shard-00000.parquet")
    while not [job for job in jobs_of("generate_images", first_images) if job.state == "RUNNING"]:
        assert run.poll() is None, finish(run, first_images)
        time.sleep(0.5)
    one_node.run("scancel", str(jobs_of("generate_images", first_images)[0].id))
    finish(run, first_images)
    assert [job.state for job in jobs_of("generate_images", first_images)] == [
        "CANCELLED",
        "COMPLETED",
    ]


def test_a_job_out_of_memory_is_given_more(first_images):
    edit(
        first_images / "profiles/slurm/config.yaml",
        lambda text: text.replace(
            "annotate_images: *gpu", "annotate_images: {<<: *gpu, mem_mb: 450 * attempt}"
        ),
    )
    finish(submit(first_images, f"{RESULTS}/original/labels.parquet"), first_images)
    *killed, finished = jobs_of("annotate_images", first_images)
    assert finished.state == "COMPLETED" and {job.state for job in killed} == {"FAILED"}
    asked = [job.mem for job in (*killed, finished)]
    assert asked == ["450M", "900M", "1350M"][: len(asked)] and len(asked) > 1


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory) -> tuple[Path, list[one_node.Job]]:
    """Run the whole smoke configuration, and return its folder and its jobs."""
    folder = project(tmp_path_factory.mktemp("whole") / "project")
    finish(submit(folder), folder)
    return folder, one_node.jobs(folder)


def test_the_whole_workflow_runs_to_its_end(whole_run):
    folder, jobs = whole_run
    assert {job.state for job in jobs} == {"COMPLETED"}
    assert (folder / RESULTS / "leaderboard.csv").is_file()
    assert "Nothing to be done" in finish(submit(folder, "--dry-run"), folder)
    finish(submit(folder, "--report", "report.html"), folder)
    assert (folder / "report.html").is_file()


def test_jobs_get_a_gpu_where_their_rule_asks_for_one(whole_run):
    _, jobs = whole_run
    given = {job.rule: (job.partition, job.gpu) for job in jobs}
    asked = {name for name, (_, gpu) in given.items() if gpu}
    assert asked == gpu_rules() & given.keys() and 10 < len(asked) < len(given)
    for name, values in given.items():
        assert values == (("gpu", "gpu:pretended:1") if name in asked else ("cpu", "")), name


def test_rules_of_seconds_are_not_submitted(whole_run):
    folder, jobs = whole_run
    done = {path.name for path in (folder / RESULTS / "benchmarks").iterdir()}
    assert "normalise_scores" in done
    assert not {job.rule for job in jobs} & local_rules()


def test_every_job_leaves_its_logs(whole_run):
    folder, jobs = whole_run
    for job in jobs:
        place = folder / "results/logs/slurm" / f"rule_{job.rule}"
        assert len(list(place.rglob(f"{job.id}.log"))) == 1, job
    assert (folder / RESULTS / "logs/generate_images/original.log").is_file()
