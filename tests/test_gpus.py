"""Locks on cards, with pretend ones: no two jobs at once on one, none left behind."""

import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

import pytest

from ohlora_lib import gpus

JOB = """
import os, sys, time
from pathlib import Path
from ohlora_lib import gpus

gpus.count_gpus, gpus.POLL = lambda: 2, 0.01
number, seconds, folder = int(sys.argv[1]), float(sys.argv[2]), Path(sys.argv[3])
gpus.take_gpus(number, folder)
start = time.monotonic()
print(os.environ["CUDA_VISIBLE_DEVICES"], flush=True)
time.sleep(seconds)
print(start, time.monotonic(), flush=True)
"""


SNAKEFILE = """
rule all:
    input:
        expand("{number}.txt", number=range(4)),


rule one:
    output:
        "{number}.txt",
    log:
        "{number}.log",
    resources:
        gpu=1,
    script:
        "job.py"
"""
SCRIPT = """
import os, sys, time

sys.path.insert(0, {root!r})
from ohlora_lib.jobs import start_job

start_job(snakemake.log[0], snakemake.threads, snakemake.resources.gpu)
start = time.monotonic()
time.sleep(2)  # longer than the starts of two jobs differ
card = os.environ["CUDA_VISIBLE_DEVICES"]
with open(snakemake.output[0], "w") as file:
    print(card, start, time.monotonic(), file=file)
"""


def pretend_two_cards(folder: Path) -> None:
    """Write a tool that lists cards as the driver's does."""
    tool = folder / "nvidia-smi"
    tool.write_text(
        "#!/bin/sh\necho 'GPU 0: H (UUID: a)'\necho '  MIG 1g'\necho 'GPU 1: H (UUID: b)'"
    )
    tool.chmod(0o755)


def check_spans(spans: dict[str, list[tuple[float, float]]]) -> None:
    """Check that both cards were used, and neither by two jobs at once."""
    assert set(spans) == {"0", "1"}
    for times in spans.values():
        times.sort()
        for (_, end), (start, _) in zip(times[:-1], times[1:], strict=True):
            assert start >= end


def job(folder: Path, number: int = 1, seconds: float = 0.2) -> subprocess.Popen:
    environment = {key: value for key, value in os.environ.items() if key != gpus.VISIBLE}
    command = [sys.executable, "-c", JOB, str(number), str(seconds), str(folder)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def test_jobs_on_one_card_never_overlap(tmp_path):
    jobs = [job(tmp_path / "locks", number) for number in (1, 2, 1, 1, 2, 1)]
    spans = defaultdict(list)
    for process in jobs:
        cards, times = process.communicate()[0].split("\n")[:2]
        for card in cards.split(","):
            spans[card].append(tuple(map(float, times.split())))
    assert sum(map(len, spans.values())) == 8
    check_spans(spans)


def test_jobs_of_a_run_share_the_cards_of_the_machine(tmp_path):
    pretend_two_cards(tmp_path)
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    (tmp_path / "job.py").write_text(SCRIPT.format(root=str(Path(__file__).parents[1])))
    environment = {key: value for key, value in os.environ.items() if key != gpus.VISIBLE}
    environment |= {"PATH": f"{tmp_path}:{os.environ['PATH']}", "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-m", "snakemake", "--cores", "4", "--resources", "gpu=2"]
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    spans = defaultdict(list)
    for path in tmp_path.glob("*.txt"):
        card, *times = path.read_text().split()
        spans[card].append(tuple(map(float, times)))
    assert sum(map(len, spans.values())) == 4
    check_spans(spans)


def test_a_killed_job_gives_its_cards_back(tmp_path):
    killed = job(tmp_path, number=2, seconds=60)
    assert killed.stdout.readline() == "0,1\n"
    waiting = job(tmp_path, number=1, seconds=0)
    time.sleep(0.3)
    assert waiting.poll() is None
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert waiting.communicate()[0].startswith("0\n")


@pytest.mark.parametrize(("chosen", "cards", "number"), [("3", 2, 1), (None, 0, 1), (None, 2, 0)])
def test_nothing_is_taken_where_a_scheduler_chose_or_nothing_is_to_be_had(
    tmp_path, monkeypatch, chosen, cards, number
):
    monkeypatch.setattr(gpus, "count_gpus", lambda: cards)
    monkeypatch.delenv(gpus.VISIBLE, raising=False)
    if chosen is not None:
        monkeypatch.setenv(gpus.VISIBLE, chosen)
    gpus.take_gpus(number, tmp_path / "locks")
    assert os.environ.get(gpus.VISIBLE) == chosen
    assert not (tmp_path / "locks").exists()


def test_cards_are_counted_as_the_driver_lists_them(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gpus.count_gpus() == 0
    pretend_two_cards(tmp_path)
    assert gpus.count_gpus() == 2
    (tmp_path / "nvidia-smi").write_text("#!/bin/sh\necho 'no driver'; exit 9")
    assert gpus.count_gpus() == 0
