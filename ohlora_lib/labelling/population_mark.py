"""Which images the answers of a log are about: a mark beside it names the population."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from ohlora_lib.errors import InputError
from ohlora_lib.store.atomic import atomic_path
from ohlora_lib.store.shards import iter_images

FIRST = 4  # images that are looked at; a population that grows keeps its first ones


def image_mark(shards: Sequence[str | Path]) -> str:
    """Return a hash of the numbers and pixels of a population's first images.

    Raises:
        InputError: a shard is missing or damaged.
    """
    rows = next(iter_images(shards, batch=FIRST))
    return hashlib.sha256(rows.ids.tobytes() + rows.images.tobytes()).hexdigest()[:16]


def check_origin(log: str | Path, shards: Sequence[str | Path]) -> None:
    """Refuse a log that was begun on other images; one without a mark is taken as it is.

    Raises:
        InputError: it was.
    """
    path = _mark_path(log)
    if not (_has_answers(log) and path.is_file()):
        return
    if path.read_text(encoding="utf-8").strip() != image_mark(shards):
        raise InputError(
            f"{log} holds answers on other images than those in {Path(shards[0]).parent}; choose "
            f"another --labels, or, if they show the same faces, delete {path}"
        )


def keep_origin(log: str | Path, shards: Sequence[str | Path]) -> None:
    """Write the mark of a log that has none, or no answers yet; call it after `check_origin`."""
    path = _mark_path(log)
    if not (_has_answers(log) and path.is_file()):
        with atomic_path(path) as part:
            part.write_text(f"{image_mark(shards)}\n", encoding="utf-8")


def _mark_path(log: str | Path) -> Path:
    return Path(log).with_suffix(".images")


def _has_answers(log: str | Path) -> bool:
    return Path(log).is_file() and Path(log).stat().st_size > 0
