"""Runs that are killed, again and again or where it hurts, make what undisturbed runs make."""

import os
import random
import re
import shutil
import signal
import time
from pathlib import Path

from project import RESULTS, copy_project, digests, edit, said, snakemake, started

from ohlora_lib.store.lock import take_lock

KILLS = int(os.environ.get("OHLORA_KILLS", 20))
FINETUNE = f"{RESULTS}/finetune/v1"
STATE = f"{RESULTS}/state/finetune/v1"
LATEST = 6.0  # s; from the end of one job to a kill, at most
JOB = re.compile(r"^(?:local)?rule (\w+):$")


def jobs_of(log: str) -> tuple[list[str], list[str]]:
    """Return the jobs that a log of Snakemake says were started, and those that were finished."""
    names: dict[str, str] = {}
    finished = []
    for block in re.split(r"\n(?=(?:local)?rule \w+:|Finished jobid)", log):
        number = re.search(r"^(?:    jobid: |Finished jobid: )(\d+)", block, re.MULTILINE)
        if number is None:
            continue
        if block.startswith("Finished"):
            finished.append(names[number[1]])
        else:
            places = re.search(r"^    wildcards: (.*)$", block, re.MULTILINE)
            rule = re.search(JOB.pattern, block, re.MULTILINE)[1]
            names[number[1]] = f"{rule} {places[1] if places else ''}".strip()
    return list(names.values()), finished


def run(folder: Path, log: Path, kill_after: int | None, delay: float) -> tuple[str, int | None]:
    """Run Snakemake; SIGKILL its process group `delay` seconds after so many finished jobs."""
    process = started(folder, log, "--cores", "2")
    while process.poll() is None:
        if kill_after is not None and log.read_text().count("\nFinished jobid") >= kill_after:
            time.sleep(delay)
            os.killpg(process.pid, signal.SIGKILL)
            break
        time.sleep(0.2)
    process.wait()
    return log.read_text(), process.returncode


def test_killed_runs_lose_nothing(finished, tmp_path):
    total = sum(1 for path in (finished / RESULTS / "benchmarks").rglob("*.tsv"))
    folder = copy_project(tmp_path / "project")
    draw = random.Random(2025)
    moments = [int(total * (k + draw.random()) / KILLS) for k in range(KILLS)]
    done: list[str] = []
    killed = 0
    for number, moment in enumerate(moments):
        log = tmp_path / f"killed-{number}.log"
        text, code = run(folder, log, max(0, moment - len(done)), LATEST * draw.random())
        started, ended = jobs_of(text)
        assert not set(done) & set(started), f"redone after kill {number}"
        assert code in (-signal.SIGKILL, 0), text[-4000:]
        killed += code == -signal.SIGKILL
        done += [job for job in ended if job != "all"]
        print(f"kill {number}: {len(ended)} jobs ended, {len(done)} of {total} so far", flush=True)
    text, code = run(folder, tmp_path / "last.log", None, 0.0)
    assert code == 0, text[-4000:]
    started, ended = jobs_of(text)
    assert not set(done) & set(started)
    assert killed >= KILLS - 1, "runs ended before they could be killed"
    assert not list((folder / "results").rglob(".part-*"))
    expected, found = digests(finished), digests(folder)
    assert sorted(found) == sorted(expected)
    assert [name for name in expected if found[name] != expected[name]] == []


def test_a_kill_of_a_shared_fine_tune_leaves_nothing_that_stops_the_next_run(finished, tmp_path):
    """Two processes train together; both end with the run, and the next one goes on at once."""
    folders = [tmp_path / name for name in ("undisturbed", "killed")]
    for folder in folders:
        shutil.copytree(finished, folder)
        edit(
            folder / "config/smoke.yaml",
            lambda text: text.replace(
                "v1: {steps: 4, epoch: 2, cores: 1}", "v1: {steps: 12, epoch: 1, cores: 2}"
            ),
        )
        for made in (FINETUNE, STATE):
            shutil.rmtree(folder / made, ignore_errors=True)
    command = ("--cores", "2", f"{FINETUNE}/generator.safetensors")
    undisturbed = snakemake(folders[0], *command)
    assert undisturbed.returncode == 0, said(undisturbed)[-4000:]

    killed = folders[1]
    process = started(killed, tmp_path / "killed.log", *command)
    while len(list((killed / STATE).glob("state-*.safetensors"))) < 2:
        assert process.poll() is None, (tmp_path / "killed.log").read_text()[-4000:]
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    lock = take_lock(killed / STATE / "lock", wait=5)
    assert lock is not None, "a process still trains"
    os.close(lock)
    assert not (killed / FINETUNE / "generator.safetensors").exists(), "the kill came too late"
    again = snakemake(killed, *command)
    assert again.returncode == 0, said(again)[-4000:]
    for name in ("generator.safetensors", "discriminator.safetensors", "train_log.csv"):
        files = [folder / FINETUNE / name for folder in folders]
        assert files[0].read_bytes() == files[1].read_bytes(), name
