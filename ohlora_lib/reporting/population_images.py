"""Fetching the few images and segments of a population that a figure shows."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ohlora_lib.store.shards import SegmentRows, iter_images, iter_segments
from ohlora_lib.store.tables import read_table


def fetch_images(paths: Sequence[str | Path], ids: np.ndarray) -> np.ndarray:
    """Return images in the order of `ids`, which may repeat.

    Args:
        paths: all image shards of the population.
        ids: integers [N].

    Returns:
        uint8 [N, H, W, 3], RGB; [0, 1, 1, 3] without ids.

    Raises:
        InputError: a shard is missing or damaged, or has no such id.
    """
    if not len(ids):
        return np.empty((0, 1, 1, 3), np.uint8)
    found = {}
    for rows in iter_images(paths, ids=np.unique(ids)):
        found.update(zip(rows.ids.tolist(), rows.images, strict=True))
    return np.stack([found[int(number)] for number in ids])


def fetch_segments(paths: Sequence[str | Path], ids: np.ndarray) -> SegmentRows:
    """Return segments in the order of `ids`, which may repeat and must not be empty.

    Raises:
        InputError: a shard is missing or damaged, or has no such id.
    """
    found = {}
    for rows in iter_segments(paths, ids=np.unique(ids)):
        for index, number in enumerate(rows.ids.tolist()):
            points = None if rows.landmarks is None else rows.landmarks[index]
            found[number] = (rows.class_maps[index], rows.cuts[index], rows.found[index], points)
    maps, cuts, flags, points = zip(*(found[int(number)] for number in ids), strict=True)
    landmarks = None if points[0] is None else np.stack(points)
    numbers = np.asarray(ids, np.int64)
    return SegmentRows(numbers, np.stack(maps), np.stack(cuts), np.array(flags), landmarks)


def ids_with_face(segments: Sequence[str | Path]) -> np.ndarray:
    """Return the ids (int64 [N], ascending) of segmented images in which a face was found."""
    tables = [read_table(path, ["id", "found"]) for path in segments]
    ids = [table.loc[table["found"], "id"].to_numpy(np.int64) for table in tables]
    return np.sort(np.concatenate(ids))


def draw(ids: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Return `count` of `ids` (all, if there are fewer) drawn without repetition, ascending."""
    ids = np.asarray(ids, np.int64)
    return np.sort(rng.choice(ids, size=min(count, len(ids)), replace=False))
