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
    assert set(spans) == {"0", "1"} and sum(map(len, spans.values())) == 8
    for times in spans.values():
        times.sort()
        for (_, end), (start, _) in zip(times[:-1], times[1:], strict=True):
            assert start >= end


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
    tool = tmp_path / "nvidia-smi"
    tool.write_text(
        "#!/bin/sh\necho 'GPU 0: H (UUID: a)'\necho '  MIG 1g'\necho 'GPU 1: H (UUID: b)'"
    )
    tool.chmod(0o755)
    assert gpus.count_gpus() == 2
    tool.write_text("#!/bin/sh\necho 'no driver'; exit 9")
    assert gpus.count_gpus() == 0
