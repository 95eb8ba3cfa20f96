"""Locks on files, which go with the process that holds them, however it ends."""

import contextlib
import errno
import fcntl
import os
import time
from pathlib import Path

POLL = 0.2  # seconds between looks at a lock that another process holds

# what flock says on a file system that has no locks, as some of networks and clusters
WITHOUT = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}


def take_lock(path: str | Path, wait: float = 0, mode: int = 0o644) -> int | None:
    """Lock a file, which is made if it is missing.

    On a file system without locks it counts as free; a line says so.

    Args:
        path: the file; what is in it does not matter.
        wait: seconds to wait for another process that holds the lock; `math.inf` for as long as
            that takes.
        mode: of a new file.

    Returns:
        The open file, whose closing gives the lock back; None if another process holds it.

    Raises:
        OSError: the file can be neither opened nor made.
    """
    file = _open(path, mode)
    end = time.monotonic() + wait
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return file
        except BlockingIOError:
            if time.monotonic() >= end:
                os.close(file)
                return None
            time.sleep(POLL)
        except OSError as error:
            if error.errno not in WITHOUT:
                os.close(file)
                raise
            print(f"{path} is on a file system without locks: start nothing twice there")
            return file


def _open(path: str | Path, mode: int) -> int:
    """Open a file for writing, as locks on network file systems need, or else for reading."""
    if not os.path.exists(path):
        # O_CREAT alone is refused for another user's file in a folder like /tmp
        # (fs.protected_regular), so not without O_EXCL
        with contextlib.suppress(FileExistsError):  # made in between, or a link that leads nowhere
            return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, mode)
    try:
        return os.open(path, os.O_RDWR)
    except PermissionError:
        return os.open(path, os.O_RDONLY)  # another user's
