"""What several tests build: tiny networks, and shards from arrays."""

from collections.abc import Collection
from dataclasses import fields
from pathlib import Path

import numpy as np
import torch

from ohlora_lib.generators.stylegan1.discriminator import StyleGANDiscriminator
from ohlora_lib.generators.stylegan1.generator import StyleGANGenerator
from ohlora_lib.scores import PAIRS
from ohlora_lib.store.layout import MAP_SIDE
from ohlora_lib.store.shards import SegmentRows, iter_segments, segment_shard

MAPPED = ("v1", "v2")  # score algorithms that need no landmarks: those of the drawn domain
MAP_PAIRS = tuple(pair for pair in PAIRS if pair[0] in MAPPED)
CHANNELS = {"fmaps_base": 128, "fmaps_max": 16}


def tiny_generator(side: int = 16, seed: int = 0, **changes) -> StyleGANGenerator:
    """Return a StyleGAN generator of a few channels, in eval mode; torch's stream is left alone.

    Args:
        side: pixels.
        seed: of its weights.
        changes: constructor arguments that differ from z and w of 16 numbers and three layers.
    """
    shape = {"z_dim": 16, "w_dim": 16, "hidden_dim": 16, "mapping_layers": 3, **CHANNELS}
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return StyleGANGenerator(side, **{**shape, **changes}).eval()


def tiny_discriminator(side: int = 16, seed: int = 0, **changes) -> StyleGANDiscriminator:
    """Return a StyleGAN discriminator of a few channels."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return StyleGANDiscriminator(side, **{**CHANNELS, **changes})


def write_segment_shard(
    path: str | Path,
    ids: np.ndarray,
    class_maps: np.ndarray,
    cuts: np.ndarray,
    found: np.ndarray | None = None,
    landmarks: np.ndarray | None = None,
) -> None:
    """Write a segment shard from arrays (see `SegmentShardWriter.append` for their shapes)."""
    with segment_shard(path) as writer:
        writer.append(ids, class_maps, cuts, found, landmarks)


def read_segment_shard(path: str | Path, ids: Collection[int] | None = None) -> SegmentRows:
    """Read a segment shard into memory, or only some of its rows."""
    empty = SegmentRows(
        ids=np.empty(0, np.int64),
        class_maps=np.empty((0, MAP_SIDE, MAP_SIDE), np.uint8),
        cuts=np.empty((0, 4), np.float32),
        found=np.empty(0, bool),
    )
    parts = [*iter_segments([path], ids=ids)] or [empty]
    columns = {
        field.name: np.concatenate([getattr(part, field.name) for part in parts])
        for field in fields(SegmentRows)
        if getattr(parts[0], field.name) is not None
    }
    return SegmentRows(**columns)
