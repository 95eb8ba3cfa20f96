"""One server per log: a lock that ends with its process, and the address of the page.

The address is kept, so that a page which is still open goes on when the server is started again.
"""

import contextlib
import json
import os
import secrets
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from ohlora_lib.errors import InputError
from ohlora_lib.store.lock import take_lock


@dataclass
class Address:
    """Where the page is; nobody without the token can open it."""

    port: int
    token: str


class LockFile:
    """The lock while it is held."""

    def __init__(self, file: int, address: Address | None):
        """Wrap an open file that is locked already."""
        self._file = file
        self.address = address or Address(0, secrets.token_urlsafe(24))

    def save(self) -> None:
        """Keep `address` for the next server."""
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, json.dumps(asdict(self.address)).encode(), 0)


@contextlib.contextmanager
def locked(path: str | Path) -> Iterator[LockFile]:
    """Hold the lock file at `path`, readable by its owner only.

    Raises:
        InputError: another process holds it.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    file = take_lock(path, mode=0o600)
    last = _address(path.read_bytes())
    if file is None:
        page = f" at http://127.0.0.1:{last.port}/{last.token}/" if last else ""
        raise InputError(
            f"{path} is held by another ohlora label{page}; use that one, or stop it first"
        )
    try:
        yield LockFile(file, last)
    finally:
        os.close(file)


def _address(content: bytes) -> Address | None:
    try:
        address = Address(**json.loads(content))
        valid = isinstance(address.port, int) and len(address.token) >= 32
        return address if valid else None
    except (ValueError, TypeError):
        return None  # a new file, or one cut short: a new address does no harm
