"""How populations and samples are split over files: arithmetic and names, without their formats.

The workflow needs these whenever it starts, so nothing here loads pyarrow or OpenCV.
"""

from pathlib import Path

CHUNK = 256  # samples drawn, written and held at once
MAP_SIDE = 224  # px, of class maps and face cuts; all published geometry is in these pixels


def shard_bounds(count: int, shards: int) -> list[tuple[int, int]]:
    """Split the ids 0..count-1 into runs (start, stop) whose lengths differ by one at most.

    Raises:
        ValueError: a shard would be empty, or there is none.
    """
    if not 1 <= shards <= count:
        raise ValueError(f"{count} images do not fill {shards} shards")
    edges = [count * index // shards for index in range(shards + 1)]
    return list(zip(edges[:-1], edges[1:], strict=True))


def shard_name(index: int) -> str:
    """Return the file name of a population's shard `index`, from 0."""
    return f"shard-{index:05d}.parquet"


def shard_index(path: str | Path) -> int:
    """Return which shard a file is, by its name; the inverse of `shard_name`."""
    return int(Path(path).stem.removeprefix("shard-"))


def part_bounds(count: int, part: int, parts: int) -> tuple[int, int]:
    """Return the first sample of a part and the one behind it; parts meet where chunks do.

    Raises:
        ValueError: there are fewer chunks than parts.
    """
    edges = shard_bounds(-(-count // CHUNK), parts)[part]
    return edges[0] * CHUNK, min(edges[1] * CHUNK, count)
