"""What a file is, by its first bytes and its checksum, before anything opens it."""

import hashlib
from pathlib import Path

from ohlora_lib.errors import InputError

CHUNK = 1 << 20  # bytes read at once


def sha256_of(path: str | Path) -> str:
    """Return the checksum of a file; of a folder, that of its files' names and checksums."""
    path = Path(path)
    if path.is_dir():
        lines = [f"{item.name} {sha256_of(item)}\n" for item in sorted(path.iterdir())]
        return hashlib.sha256("".join(lines).encode()).hexdigest()
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def refuse_disguised(path: str | Path) -> bytes:
    """Refuse what share pages and Git give out instead of weights.

    Returns:
        The first bytes of the file.

    Raises:
        InputError: the file is missing, empty, a web page or a Git LFS pointer.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            start = file.read(64)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); put the file there") from error
    if not start:
        raise InputError(f"{path} is empty; download it again")
    if start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        raise InputError(
            f"{path} is a web page (HTML), not weights; open the address in a browser and download "
            "the file itself"
        )
    if start.startswith(b"version https://git-lfs"):
        raise InputError(
            f"{path} is a Git LFS pointer, not the weights; fetch them with git lfs pull"
        )
    return start
