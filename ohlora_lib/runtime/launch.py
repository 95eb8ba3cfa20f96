"""Starts the processes that train together: python -m ohlora_lib.runtime.launch PROCESSES SCRIPT.

They find each other through a file in a private folder and talk over the loopback interface only.
(torchrun's store listens on all interfaces, and unpickles what anybody sends to it.)
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import FrameType

RENDEZVOUS = "OHLORA_RENDEZVOUS"  # in each process: the file through which they find each other
LAUNCHER = "OHLORA_LAUNCHER"  # in each process: the number of the one that started it
RANK = "RANK"  # in each process: its number, from 0
LOOPBACK = "lo" if sys.platform.startswith("linux") else "lo0"
POLL_SEC = 0.1  # between looks at whether a process has ended
GRACE_SEC = 30  # after SIGTERM


def launch(processes: int, command: list[str]) -> int:
    """Run a command in several processes at once, until all have ended or one has failed.

    Where one fails, the others are ended. What a process prints goes where this one's output goes.

    Args:
        processes: how many.
        command: the program and its arguments, the same for all; `RANK`, `LOCAL_RANK` and
            `WORLD_SIZE` in the environment say which of how many a process is.

    Returns:
        0 where all succeeded, else 1.
    """
    with tempfile.TemporaryDirectory(prefix="ohlora-") as folder:  # mode 0700
        shared = {
            "WORLD_SIZE": str(processes),
            "GLOO_SOCKET_IFNAME": LOOPBACK,
            "NCCL_SOCKET_IFNAME": LOOPBACK,
            LAUNCHER: str(os.getpid()),
            RENDEZVOUS: str(Path(folder, "rendezvous")),
        }
        running = [
            subprocess.Popen(
                command,
                env={**os.environ, **shared, RANK: str(rank), "LOCAL_RANK": str(rank)},
                start_new_session=True,  # a Ctrl-C reaches them through this process, once
            )
            for rank in range(processes)
        ]
        try:
            failed = _first_failure(running)
        finally:
            _end(running)
    if failed is None:
        return 0
    if running[failed].returncode < 0:  # by a signal, so that it could say nothing
        name = signal.Signals(-running[failed].returncode).name
        print(
            f"error: process {failed} of this training was ended by {name}, "
            "perhaps for lack of memory; run snakemake again to go on",
            flush=True,
        )
    return 1


def _first_failure(running: list[subprocess.Popen]) -> int | None:
    """Wait; return the number of the first process that failed, or None when all succeeded."""
    while True:
        codes = [process.poll() for process in running]
        failed = [rank for rank, code in enumerate(codes) if code]
        if failed:
            # one that was killed is the cause of what the others complain of
            return min(failed, key=lambda rank: (codes[rank] > 0, rank))
        if None not in codes:
            return None
        time.sleep(POLL_SEC)


def _end(running: list[subprocess.Popen]) -> None:
    """End the processes that still run, politely at first."""
    for process in running:
        if process.poll() is None:
            process.terminate()
    for process in running:
        try:
            process.wait(GRACE_SEC)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _stop(number: int, frame: FrameType | None) -> None:
    sys.exit(128 + number)  # through `finally`


if __name__ == "__main__":
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, _stop)
    sys.exit(launch(int(sys.argv[1]), [sys.executable, *sys.argv[2:]]))
