"""Locks on cards, with pretend ones: no two jobs at once on one, none left behind."""

import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

import pytest
from project import copy_project, said, snakemake

from ohlora_lib.errors import InputError
from ohlora_lib.runtime import gpus
from ohlora_lib.store.lock import take_lock

JOB = """
import os, sys, time
from pathlib import Path
from ohlora_lib.runtime import gpus

gpus.visible_gpus, gpus.POLL = lambda: ["0", "1"], 0.01
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
from ohlora_lib.runtime.jobs import start_job

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
    environment |= {"PATH": f"{tmp_path}:{os.environ['PATH']}", gpus.PLACE: str(tmp_path / "locks")}
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


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Pretend a machine with two cards and no scheduler; return the folder of its locks."""
    pretend_two_cards(tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv(gpus.PLACE, str(tmp_path / "locks"))
    for name in (gpus.VISIBLE, *gpus.JOBS):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "locks"


def test_cards_are_counted_as_the_driver_lists_them(tmp_path, monkeypatch):
    monkeypatch.delenv(gpus.VISIBLE, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gpus.count_gpus() == 0
    pretend_two_cards(tmp_path)
    assert gpus.count_gpus() == 2
    (tmp_path / "nvidia-smi").write_text("#!/bin/sh\necho 'no driver'; exit 9")
    assert gpus.count_gpus() == 0


@pytest.mark.parametrize(
    ("listed", "cards"),
    [
        ("1", ["1"]),
        ("1, 0", ["1", "0"]),
        ("GPU-8932f937,MIG-41b3", ["GPU-8932f937", "MIG-41b3"]),
        ("", []),
        ("-1", []),
        ("NoDevFiles", []),
        ("1,2,0", ["1"]),  # there is no card 2, and CUDA looks no further
    ],
)
def test_the_variable_chooses_among_the_cards_as_cuda_reads_it(machine, monkeypatch, listed, cards):
    monkeypatch.setenv(gpus.VISIBLE, listed)
    assert gpus.visible_gpus() == cards and gpus.count_gpus() == len(cards)


def test_nothing_is_taken_where_nothing_is_wanted_or_there_is_nothing(machine, monkeypatch):
    gpus.take_gpus(0)
    assert gpus.VISIBLE not in os.environ
    monkeypatch.setenv(gpus.VISIBLE, "")
    gpus.take_gpus(1)
    assert os.environ[gpus.VISIBLE] == "" and not machine.exists()


def test_a_person_who_lists_cards_has_them_shared_out(machine, monkeypatch):
    for listed, card in [("1,0", "1"), ("1,0", "0"), ("GPU-8932f937/1/0,1", "GPU-8932f937/1/0")]:
        monkeypatch.setenv(gpus.VISIBLE, listed)
        gpus.take_gpus(1)
        assert os.environ[gpus.VISIBLE] == card
    names = {"0.lock", "1.lock", "GPU-8932f937-1-0.lock"}
    assert {path.name for path in machine.iterdir()} == names
    assert take_lock(machine / "0.lock") is take_lock(machine / "1.lock") is None


@pytest.mark.parametrize("scheduler", gpus.JOBS)
def test_what_a_scheduler_gave_to_a_job_is_its_own(machine, monkeypatch, scheduler):
    monkeypatch.setenv(scheduler, "17")
    monkeypatch.setenv(gpus.VISIBLE, "0")
    gpus.take_gpus(1)
    assert os.environ[gpus.VISIBLE] == "0" and not machine.exists()
    for card in "01":  # jobs of a run within one job of the scheduler share what that was given
        monkeypatch.setenv(gpus.VISIBLE, "0,1")
        gpus.take_gpus(1)
        assert os.environ[gpus.VISIBLE] == card
    monkeypatch.setenv(scheduler, "18")  # whose cards 0 and 1 may be others
    monkeypatch.setenv(gpus.VISIBLE, "0,1")
    gpus.take_gpus(1)
    assert os.environ[gpus.VISIBLE] == "0"


def test_fewer_are_taken_where_there_are_fewer(machine):
    gpus.take_gpus(3)
    assert os.environ[gpus.VISIBLE] == "0,1"


def test_the_folder_of_locks_is_everyones_whatever_the_mask(machine):
    mask = os.umask(0o077)
    try:
        gpus.take_gpus(1)
        assert os.umask(0o077) == 0o077
    finally:
        os.umask(mask)
    assert machine.stat().st_mode & 0o1777 == 0o1777
    assert {path.stat().st_mode & 0o777 for path in machine.iterdir()} == {0o644}
    assert not str(gpus.LOCKS).startswith(str(machine.parent))  # nor whatever TMPDIR


def test_a_folder_that_cannot_be_used_is_named(machine, monkeypatch):
    machine.write_text("a file")
    with pytest.raises(InputError, match=f"^{machine}, where jobs lock GPUs, .*{gpus.PLACE}"):
        gpus.take_gpus(1)

    def refuse(path, *_):
        raise PermissionError(13, "Permission denied", str(path))

    machine.unlink()
    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(InputError, match=r"\(Permission denied: .*/0.lock\)"):
        gpus.take_gpus(1)


@pytest.mark.slow
def test_a_run_starts_no_more_gpu_jobs_than_there_are_cards(machine, tmp_path, monkeypatch):
    folder = copy_project(tmp_path / "project")
    with (folder / "Snakefile").open("a") as file:
        file.write("\n\nprint('cards:', workflow.global_resources.args)\n")

    def cards(*arguments: str, overlay: dict | None = None) -> str:
        run = snakemake(folder, "--dry-run", *arguments, overlay=overlay)
        assert run.returncode == 0, said(run)
        return next(line for line in said(run).splitlines() if line.startswith("cards:"))

    assert "'gpu=2'" in cards()
    assert "'gpu=1'" in cards("--resources", "gpu=1")  # as the user says
    assert "'gpu=4'" in cards(overlay={"finetune": {"v1": {"gpus": 4}}})  # it takes both cards
    monkeypatch.setenv(gpus.VISIBLE, "")
    assert "gpu=" not in cards()
