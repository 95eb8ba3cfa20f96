"""Downloads that go on where they stopped, and appear only when they are whole and right."""

import errno
import http.client
import os
import time
import urllib.error
import urllib.request
from pathlib import Path

from tqdm import tqdm

from ohlora_lib.errors import InputError
from ohlora_lib.store.atomic import replace_durably
from ohlora_lib.weights.entries import FOLDER, Entry, File
from ohlora_lib.weights.signatures import CHUNK, refuse_disguised, sha256_of

TIMEOUT = 60  # seconds without a byte
DROPPED = (OSError, http.client.HTTPException)  # what a bad line raises; URLError is an OSError
BUSY = (408, 429)  # HTTP: too slow, too many requests; as errors of the server, worth another try
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS)


def fetch_file(entry: Entry, file: File, folder: str | Path = FOLDER) -> Path:
    """Download a file of the registry, unless it is there already; return where it is.

    Raises:
        InputError: see `fetch`; the message also says how a person gets the file.
    """
    path = entry.download(file, folder)
    try:
        fetch(file.url, path, file.bytes, file.sha256)
    except InputError as error:
        raise InputError(f"{error}; by hand: {entry.by_hand(file, folder)}") from error
    return path


def fetch(
    url: str | None,
    path: str | Path,
    size: int | None = None,
    sha256: str | None = None,
    attempts: int = 5,
    pause: float = 2.0,
) -> None:
    """Download a file, unless it is there already.

    What has arrived is kept in `{path}.part` and gone on with, also by a later call, if the server
    says that the file is still the same one.

    Args:
        url: http, https or file; None where only a person can fetch it.
        path: where it belongs; missing folders are made.
        size: bytes it must have.
        sha256: checksum it must have; a wrong file is set aside as `{path}.rejected`.
        attempts: connections tried in a row without a new byte.
        pause: seconds before the second of them, doubled each time.

    Raises:
        InputError: it cannot be had, or is not what it should be.
    """
    path = Path(path)
    if path.exists():
        check(path, size, sha256)
        return
    if url is None:
        raise InputError(f"{path} is missing and has no direct address")
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    failures = 0
    while True:
        before = _size(part)
        try:
            _receive(url, part, size)
            break
        except urllib.error.HTTPError as error:
            if error.code < 500 and error.code not in BUSY:
                raise InputError(
                    f"{url} cannot be downloaded (HTTP {error.code} {error.reason}); see the "
                    "source page for its present address"
                ) from error
            reason = f"HTTP {error.code}"
        except DROPPED as error:
            reason = str(getattr(error, "reason", error)) or type(error).__name__
            if getattr(error, "errno", None) in NO_ROOM:
                raise InputError(
                    f"{part} cannot be written ({error.strerror}); make room and run the command "
                    "again, which goes on from there"
                ) from error
        failures = 1 if _size(part) > before else failures + 1
        if failures >= attempts or url.startswith("file:"):
            raise InputError(
                f"{url} cannot be downloaded ({reason}); run the command again, which goes on "
                f"after the {_size(part)} bytes that are here"
            )
        time.sleep(pause * 2 ** (failures - 1))
    _validator(part).unlink(missing_ok=True)
    try:
        check(part, size, sha256)
    except InputError as error:
        rejected = path.with_name(f"{path.name}.rejected")
        os.replace(part, rejected)
        raise InputError(str(error).replace(str(part), str(rejected))) from None
    replace_durably(part, path)


def check(path: str | Path, size: int | None = None, sha256: str | None = None) -> None:
    """Refuse a file that is not the one known.

    Args:
        path: the file, or a folder, of which only the checksum counts.
        size: bytes; None if not known.
        sha256: checksum; None if not known.

    Raises:
        InputError: it is disguised (see `signatures.refuse_disguised`) or differs.
    """
    path = Path(path)
    if not path.is_dir():
        refuse_disguised(path)
        if size is not None and path.stat().st_size != size:
            raise InputError(
                f"{path} has {path.stat().st_size} bytes where the published file has {size}; "
                "delete it and fetch it again"
            )
    found = sha256_of(path) if sha256 is not None else None
    if found != sha256:
        raise InputError(
            f"{path} has the SHA-256 {found} where the published file has {sha256}; delete it and "
            "fetch it again"
        )


def _receive(url: str, part: Path, size: int | None) -> None:
    """Add what is missing to `part`, from one connection.

    Raises:
        OSError, HTTPException: the connection failed; what arrived is in `part`.
        InputError: the server has something else.
    """
    done = _size(part)
    request = urllib.request.Request(url, headers={"User-Agent": "ohlora-lab"})
    known = _validator(part).read_text() if _validator(part).exists() else None
    if done and known:
        request.add_header("Range", f"bytes={done}-")
        request.add_header("If-Range", known)  # the whole file, if it is another one by now
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code != 416:
            raise
        part.unlink(missing_ok=True)  # nothing lies behind what is here: start over
        raise ConnectionError("the server has fewer bytes than are here") from error
    with response:
        if response.headers.get_content_type() == "text/html":
            raise InputError(
                f"{url} leads to a web page (HTML), not to weights; open it in a browser and "
                "download the file itself"
            )
        resumed = getattr(response, "status", None) == 206
        if resumed and not response.headers.get("Content-Range", "").startswith(f"bytes {done}-"):
            part.unlink()
            raise ConnectionError("the server sent another part than the requested one")
        if not resumed:
            done = 0
        length = response.headers.get("Content-Length")
        total = None if length is None else done + int(length)
        if None not in (size, total) and size != total:
            raise InputError(
                f"{url} has {total} bytes where {size} are known; compare the source page with "
                "resources/weights.yaml"
            )
        tag = response.headers.get("ETag") or response.headers.get("Last-Modified")
        if tag and not tag.startswith("W/"):
            _validator(part).write_text(tag)
        bar = tqdm(total=total, initial=done, unit="B", unit_scale=True, desc=part.stem)
        with part.open("ab" if resumed else "wb") as file, bar:
            while block := response.read(CHUNK):
                file.write(block)
                bar.update(len(block))
    if total is not None and _size(part) < total:
        raise ConnectionError(f"the connection ended after {_size(part)} of {total} bytes")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _validator(part: Path) -> Path:
    """Return where the server's mark of the file's version is kept."""
    return part.with_name(f"{part.name}.version")
