"""How a workflow script starts: output goes to the job's log, bad input ends in one sentence."""

import errno
import os
import sys
from pathlib import Path
from types import TracebackType

from ohlora_lib.errors import InputError

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")

DISK = {
    errno.ENOSPC: "no space left on device; free some",
    errno.EDQUOT: "the disk quota is used up; free some space",
    errno.EROFS: "the file system is read-only; make it writable",
}


def start_job(log: str | Path, threads: int = 1) -> None:
    """Send what this process prints to `log`, and limit the threads of numerical libraries.

    Call it before torch or numpy is imported, as they read the number of threads while loading. An
    `InputError` that nobody catches is then printed as one line, `error: ...`, without a traceback,
    and so is a full disk; the exit status is 1 as for any exception.

    Args:
        log: the log file; replaced.
        threads: cores this job may use.
    """
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
    sys.excepthook = _report


def _report(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if isinstance(error, InputError):
        print(f"error: {error}", file=sys.stderr)
    elif isinstance(error, OSError) and error.errno in DISK:
        place = f" ({error.filename})" if error.filename else ""
        print(f"error: {DISK[error.errno]}{place} and run snakemake again", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)
