"""How a workflow script starts: output goes to the job's log, bad input ends in one sentence."""

import ctypes
import errno
import functools
import gc
import math
import os
import signal
import sys
import time
import traceback
from pathlib import Path
from types import TracebackType

from ohlora_lib.errors import InputError
from ohlora_lib.runtime.gpus import count_gpus, take_gpus
from ohlora_lib.runtime.launch import LAUNCHER, RANK
from ohlora_lib.store.lock import take_lock

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")

DISK = {
    errno.ENOSPC: "no space left on device; free some",
    errno.EDQUOT: "the disk quota is used up; free some space",
    errno.EROFS: "the file system is read-only; make it writable",
}


# glibc's mallopt(3): the parameter, and the bytes up to which memory is kept
KEPT = {-1: 2**31 - 1, -3: 2**30}  # M_TRIM_THRESHOLD, M_MMAP_THRESHOLD

# Objects made before garbage is looked for, 700 by default: modules are none, and while torch is
# imported the search takes a fifth of the time.
OBJECTS = 100_000

PR_SET_PDEATHSIG = 1  # prctl(2)
GRACE = 2  # seconds; the launcher looks ten times a second whether one of its processes has failed


def start_job(log: str | Path, threads: int = 1, gpus: int = 0) -> None:
    """Send what this process prints to `log`, limit numerical libraries' threads, take GPUs.

    Call it before torch or numpy is imported, as they read the number of threads while loading. An
    `InputError` that nobody catches is then printed as one line, `error: ...`, without a traceback,
    and so is a full disk; the exit status is 1 as for any exception. Freed memory is kept, and
    garbage looked for seldom (`KEPT`, `OBJECTS`). One of several processes that train
    together goes on in the log and with the cards of the one that started it (`share_training`).

    Args:
        log: the log file; replaced.
        threads: cores this job may use.
        gpus: cards that it requests; see `gpus.take_gpus`.
    """
    if RANK in os.environ:
        _end_with_launcher()
    sys.excepthook = functools.partial(_report, Path(log))
    keep_memory()
    gc.set_threshold(OBJECTS)
    if RANK in os.environ:
        return
    Path(log).parent.mkdir(parents=True, exist_ok=True)
    # no "with": a closed log would lose the traceback
    stream = open(log, "w", buffering=1, encoding="utf-8")  # noqa: SIM115
    os.dup2(stream.fileno(), 1)  # libraries written in C, and child processes
    os.dup2(stream.fileno(), 2)
    sys.stdout = sys.stderr = stream
    for name in THREAD_VARIABLES:
        os.environ[name] = str(threads)
    # Waiting threads sleep: where jobs share cores, spinning ones slow torch down tenfold.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    take_gpus(gpus)


def share_training(gpus: int, cores: int) -> None:
    """Run the calling script in several processes; returns in those, or where one is enough.

    This process becomes their launcher, so that whoever ends the job ends the training. Each
    process has one of the job's cores, and one of its cards where there are any. Where there are
    none, the number does not depend on the cores at hand: what is trained would depend on it, in
    its last bits.

    Args:
        gpus: processes that train one network together, see `training.distributed`; a divisor of it
            where the job has fewer cards, which the log then says.
        cores: the same, on a machine without cards.
    """
    if RANK in os.environ:
        return
    cards, processes = count_gpus(), cores
    if cards:
        processes = max(number for number in range(1, cards + 1) if gpus % number == 0)
        if processes < gpus:
            print(
                f"{processes} instead of {gpus} processes, as there are {cards} cards to use: "
                "the result differs in its last bits"
            )
    if processes == 1:
        return
    for name in THREAD_VARIABLES:
        os.environ[name] = "1"
    # the library of this checkout, also where it is not installed
    paths = [str(Path(__file__).parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])]
    os.environ["PYTHONPATH"] = os.pathsep.join(paths)
    launch = [sys.executable, "-m", "ohlora_lib.runtime.launch", str(processes), sys.argv[0]]
    os.execv(sys.executable, launch)


def keep_memory() -> None:
    """Keep what is freed for what is needed next.

    Pictures in work take megabytes: given back to the system and taken again, layer after
    layer, they cost a seventh of the time of drawing.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # not on macOS, nor with musl
    if mallopt is not None:
        for parameter, most in KEPT.items():
            mallopt(parameter, most)


def _end_with_launcher() -> None:
    """Have the kernel kill this process when its launcher dies, whatever kills that one (Linux).

    Processes that train together are in sessions of their own, which no signal to the job reaches.
    """
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is None or LAUNCHER not in os.environ:
        return
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(os.environ[LAUNCHER]):  # it has died already
        os.kill(os.getpid(), signal.SIGKILL)


def _report(
    log: Path, kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    if isinstance(error, InputError):
        text = f"error: {error}\n"
    elif isinstance(error, OSError) and error.errno in DISK:
        place = f" ({error.filename})" if error.filename else ""
        text = f"error: {DISK[error.errno]}{place} and run snakemake again\n"
    else:
        text = "".join(traceback.format_exception(kind, error, trace))
        if RANK in os.environ:
            # another process that failed may be the cause, and has said so: this one is ended then
            time.sleep(GRACE)
    if RANK not in os.environ:
        sys.stderr.write(text)
        return
    lock = take_lock(log, wait=math.inf)
    if text not in log.read_text(encoding="utf-8", errors="replace"):  # all may meet the same
        # torch's own hook, which calls this one, has sys.stderr wait
        print(text, end="", file=sys.__stderr__, flush=True)
    os.close(lock)
