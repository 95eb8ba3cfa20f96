"""Writing and reading shards, beside a folder with a PNG file per image."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from benchmarks.common import Row, best_of
from ohlora_lib.store.shards import read_image_shard, write_image_shard

COUNTS = (100, 1000)


def shards(device: str) -> Iterator[Row]:
    """Yield the times of writing and of reading, for every count of images."""
    for count in COUNTS:
        # smooth pictures, as PNG coding of noise says little about faces
        coarse = np.random.default_rng(0).integers(0, 256, (count, 8, 8, 3), dtype=np.uint8)
        images = np.stack([cv2.resize(one, (64, 64)) for one in coarse])
        ids, z = np.arange(count), np.zeros((count, 64), np.float32)
        with tempfile.TemporaryDirectory() as name:
            shard = Path(name, "shard.parquet")
            paths = [str(Path(name, f"{i:05d}.png")) for i in range(count)]

            def write_files(paths=paths, images=images) -> None:
                for path, image in zip(paths, images, strict=True):
                    cv2.imwrite(path, image[:, :, ::-1])

            def read_files(paths=paths) -> np.ndarray:
                return np.stack([cv2.imread(path)[:, :, ::-1] for path in paths])

            reference = "folder of PNG files"
            writing = best_of(lambda p=shard, v=(ids, ids, z, images): write_image_shard(p, *v))
            yield Row("shard_write", count, writing, reference, best_of(write_files))
            reading = best_of(lambda p=shard: read_image_shard(p))
            yield Row("shard_read", count, reading, reference, best_of(read_files))
