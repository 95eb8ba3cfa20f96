"""Which GPU a job may use: one lock per card, so that two jobs never take the same one.

Snakemake counts GPUs (`resources: gpu=1`) but does not say which one a job has.
"""

import itertools
import math
import os
import subprocess
import time
from pathlib import Path

from ohlora_lib.errors import InputError
from ohlora_lib.store.lock import take_lock

VISIBLE = "CUDA_VISIBLE_DEVICES"
PLACE = "OHLORA_GPU_LOCKS"  # names another folder than LOCKS
LOCKS = Path("/tmp/ohlora-gpus")  # one folder per machine, for all its users, whatever their TMPDIR
POLL = 0.5  # seconds between looks for a free card

# what schedulers call the job: SLURM, PBS, LSF, Grid Engine, HTCondor, Flux
JOBS = ("SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID", "JOB_ID", "_CONDOR_SLOT", "FLUX_JOB_ID")


def visible_gpus() -> list[str]:
    """Return the NVIDIA cards that this process may use, without waking CUDA.

    They are named as in CUDA_VISIBLE_DEVICES, which chooses among them where it is set: by their
    numbers or by identifiers such as "GPU-8932f937", up to the first name of no card. Without a
    driver there are none.
    """
    try:
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return []
    count = sum(line.startswith("GPU ") for line in listed.stdout.splitlines())
    cards = [str(number) for number in range(count)]
    if VISIBLE not in os.environ:
        return cards
    names = [name.strip() for name in os.environ[VISIBLE].split(",")]
    known = itertools.takewhile(lambda name: name in cards or name[:4] in ("GPU-", "MIG-"), names)
    return list(dict.fromkeys(known)) if cards else []


def count_gpus() -> int:
    """Return the number of cards that this process may use."""
    return len(visible_gpus())


def take_gpus(number: int, folder: Path | None = None) -> None:
    """Take cards for as long as this process lives and show CUDA no others; waits for free ones.

    Call it before torch looks for a GPU. CUDA_VISIBLE_DEVICES lists those that may be taken.
    Nothing is taken where a scheduler has listed no more than `number`, nor where there is no card.
    Fewer than `number` are taken where there are no more.

    Args:
        number: cards wanted; 0 for none.
        folder: of the lock files; by default what OHLORA_GPU_LOCKS names, or `LOCKS`.

    Raises:
        InputError: the folder cannot be used.
    """
    cards = visible_gpus() if number > 0 else []
    # a scheduler's numbers may be a job's own: two jobs' card 0 are two cards
    job = next((f"{os.environ[name]}-" for name in JOBS if name in os.environ), "")
    job = job if VISIBLE in os.environ else ""
    if not cards or (job and len(cards) <= number):
        return
    folder = folder or Path(os.environ.get(PLACE) or LOCKS)
    files = {card: folder / f"{job}{card}.lock".replace("/", "-") for card in cards}
    mask = os.umask(0)  # another user's jobs wait for the same cards
    try:
        folder.mkdir(mode=0o1777, exist_ok=True)
        chosen = _choose(files, min(number, len(cards)), folder / "choosing.lock")
    except OSError as error:
        raise InputError(
            f"{folder}, where jobs lock GPUs, cannot be used ({error.strerror}: {error.filename}); "
            f"let all users of this machine write there (chmod 1777), or set {PLACE} to another "
            "folder, the same for all"
        ) from error
    finally:
        os.umask(mask)
    os.environ[VISIBLE] = ",".join(chosen)


def _choose(files: dict[str, Path], number: int, choosing: Path) -> list[str]:
    """Lock the files of so many cards, waiting for them, and return these cards.

    Of jobs that want several cards one at a time collects them, or two could hold one each for
    ever; it keeps what it has, so that jobs on one card do not get there first again and again.
    """
    turn = take_lock(choosing, wait=math.inf) if number > 1 else None
    locks: dict[str, int] = {}
    while True:
        for card, file in files.items():
            lock = take_lock(file) if card not in locks and len(locks) < number else None
            if lock is not None:
                locks[card] = lock
        if len(locks) == number:
            break
        time.sleep(POLL)
    if turn is not None:
        os.close(turn)
    for lock in locks.values():  # never closed
        os.set_inheritable(lock, True)  # for a launcher that replaces this process
    return [card for card in files if card in locks]
