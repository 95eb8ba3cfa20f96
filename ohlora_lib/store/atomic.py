"""Files that appear whole or not at all, also after a power cut."""

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path` that takes its place when the block succeeds.

    When the block raises, the temporary file is removed and an older file at `path` stays.
    The temporary name keeps the suffix, since many writers choose their format by it.

    Args:
        path: where the finished file belongs; missing folders are created.

    Yields:
        The path to write to, in the same folder (a rename across file systems is not atomic).

    Raises:
        FileNotFoundError: the block wrote nothing.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".part-{secrets.token_hex(4)}-{path.name}")
    try:
        yield part
        replace_durably(part, path)
    finally:
        part.unlink(missing_ok=True)


def replace_durably(part: str | Path, path: str | Path) -> None:
    """Give a finished file its final name, so that a power cut leaves the old file or the new one.

    Without the first call of fsync the new name could stand over an empty file, without the second
    one the name could be lost.

    Args:
        part: the file, in the folder of `path`.
        path: its final name; a file that is there is replaced.

    Raises:
        FileNotFoundError: there is no file `part`.
        OSError: the disk is full or broken; `path` is as it was.
    """
    _fsync(part)
    os.replace(part, path)
    _fsync(Path(path).parent)


def _fsync(path: str | Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
