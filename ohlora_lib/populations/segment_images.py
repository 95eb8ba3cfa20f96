"""Segments the images of a population that passed the filter."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

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
    detector: str | Path | None = None,
    parsed_at_once: int | None = None,
    batch_size: int = 256,
    device: str = "cpu",
    options: Mapping[str, Any] | None = None,
) -> None:
    """Write the class maps of the kept images, one segment shard per image shard.

    Images without a face are marked as such, counted in the log, and left out of all scores.
    A map depends on its picture alone, not on the others or on the shards.

    Args:
        image_paths: image shards.
        filtered: table of the ids to segment.
        paths: the segment shards, in the order of `image_paths`.
        kind: which segmenter, see `networks.segmentation`.
        weights: its checkpoint.
        detector: checkpoint of its face detector, if it has one.
        parsed_at_once: pictures; None for the segmenter's own choice.
        batch_size: images read at once.
        device: torch device name.
        options: other checkpoints and options of the segmenter.

    Raises:
        InputError: damaged input.
    """
    segmenter = load_segmenter(kind, weights, detector, parsed_at_once, device, **options or {})
    kept = read_table(filtered)["id"].to_numpy()
    wanted = [np.intersect1d(kept, read_ids([source])) for source in image_paths]
    count, faceless = sum(map(len, wanted)), 0
    with tqdm(total=count, desc="segments", unit="img", mininterval=5) as progress:
        for source, ids, path in zip(image_paths, wanted, paths, strict=True):
            with segment_shard(path) as shard:
                for rows in iter_images([source], ids, batch_size):
                    found = segmenter.segment(rows.images)
                    shard.append(
                        rows.ids, found.class_maps, found.cuts, found.found, found.landmarks
                    )
                    faceless += int((~found.found).sum())
                    progress.update(len(rows))
    print(f"{faceless} of {count} images without a face")
