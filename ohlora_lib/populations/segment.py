"""Segments the images of a population that passed the filter."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from ohlora_lib.networks.segmentation import load_segmenter
from ohlora_lib.store.shards import iter_images, read_ids, segment_shard
from ohlora_lib.store.tables import read_table


def segment(
    image_paths: Sequence[str | Path],
    filtered: str | Path,
    paths: Sequence[str | Path],
    kind: str,
    weights: str | Path,
    batch_size: int = 256,
    device: str = "cpu",
) -> None:
    """Write the class maps of the kept images, one segment shard per image shard.

    A map depends on its picture alone, not on the others or on the shards.

    Args:
        image_paths: image shards.
        filtered: table of the ids to segment.
        paths: the segment shards, in the order of `image_paths`.
        kind: which segmenter, see `networks.segmentation`.
        weights: its checkpoint.
        batch_size: images read at once.
        device: torch device name.

    Raises:
        InputError: damaged input.
    """
    segmenter = load_segmenter(kind, weights, device)
    kept = read_table(filtered)["id"].to_numpy()
    wanted = [np.intersect1d(kept, read_ids([source])) for source in image_paths]
    with tqdm(total=sum(map(len, wanted)), desc="segments", unit="img", mininterval=5) as progress:
        for source, ids, path in zip(image_paths, wanted, paths, strict=True):
            with segment_shard(path) as shard:
                for rows in iter_images([source], ids, batch_size):
                    found = segmenter.segment(rows.images)
                    shard.append(rows.ids, found.class_maps, found.cuts, found.found)
                    progress.update(len(rows))
