"""Which GPU a job may use: one lock per card, so that two jobs never take the same one.

Snakemake counts GPUs (`resources: gpu=1`) but does not say which one a job has.
"""

import contextlib
import fcntl
import os
import subprocess
import tempfile
import time
from pathlib import Path

VISIBLE = "CUDA_VISIBLE_DEVICES"
LOCKS = Path(tempfile.gettempdir()) / "ohlora-gpus"  # one folder per machine, for all its users
POLL = 0.5  # seconds between looks for a free card

_held: list[int] = []  # file descriptors; the locks go when the process ends, however it ends


def count_gpus() -> int:
    """Return the number of NVIDIA cards, without waking CUDA; 0 without a driver."""
    try:
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return 0
    return sum(line.startswith("GPU ") for line in listed.stdout.splitlines())


def take_gpus(number: int, folder: Path = LOCKS) -> None:
    """Take cards for as long as this process lives and show CUDA no others; waits for free ones.

    Call it before torch asks for a GPU. Nothing is taken where a scheduler has chosen already (it
    sets CUDA_VISIBLE_DEVICES), nor where there is no card. Fewer than `number` are taken where the
    machine has no more.

    Args:
        number: cards wanted; 0 for none.
        folder: of the lock files.
    """
    if number < 1 or VISIBLE in os.environ:
        return
    cards = count_gpus()
    number = min(number, cards)
    if not number:
        return
    with contextlib.suppress(FileExistsError):
        folder.mkdir(parents=True)
        folder.chmod(0o777)  # another user's jobs wait for the same cards
    # one job at a time chooses, or two that want two cards each could hold one each for ever
    choosing = _open(folder / "choosing.lock")
    fcntl.flock(choosing, fcntl.LOCK_EX)
    chosen: list[int] = []
    while len(chosen) < number:
        for card in set(range(cards)) - set(chosen):
            if len(chosen) < number and _lock(folder / f"{card}.lock"):
                chosen.append(card)
        if len(chosen) < number:
            time.sleep(POLL)
    os.close(choosing)
    os.environ[VISIBLE] = ",".join(map(str, sorted(chosen)))


def _lock(path: Path) -> bool:
    handle = _open(path)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return False
    os.set_inheritable(handle, True)  # torchrun replaces this process and keeps the card
    _held.append(handle)
    return True


def _open(path: Path) -> int:
    # for reading only, which suffices for a lock and is allowed on another user's file
    return os.open(path, os.O_RDONLY | os.O_CREAT, 0o644)
