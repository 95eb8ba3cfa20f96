"""Segmentation behind one interface: pictures in, class maps at 224 px and the face cut out."""

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch

from ohlora_lib.errors import InputError
from ohlora_lib.networks import load_network
from ohlora_lib.networks.batch_norm import fold_batch_norms
from ohlora_lib.networks.face_parser import FaceParser
from ohlora_lib.store.pixels import full_batches, to_float

MAP_SIDE = 224  # px, what the score algorithms expect


@dataclass(frozen=True)
class Segmentation:
    """What a segmenter says of N pictures.

    Attributes:
        class_maps: uint8 [N, 224, 224], the 11 classes 0..10, in the coordinates of the cut.
        cuts: float32 [N, 4], the face cut x0, y0, x1, y1 in px of the picture.
        found: bool [N], whether there is a face; without one the class map is all background.
    """

    class_maps: np.ndarray
    cuts: np.ndarray
    found: np.ndarray


class Segmenter(Protocol):
    """Anything that segments faces."""

    def segment(self, images: np.ndarray) -> Segmentation:
        """Segment uint8 RGB pictures [N, H, W, 3]."""
        ...


class ParserSegmenter:
    """The embedded domain's segmenter: portraits are framed like face cuts, so it cuts nothing off.

    A face counts as found when at least one pixel in fifty of the map is skin.

    Args:
        parser: the trained network.
        batch_size: pictures parsed at once; the last batch is padded, so that a picture's map does
            not depend on how many others are parsed with it. None: 32.
        device: torch device name.
    """

    def __init__(
        self, parser: FaceParser, batch_size: int | None = None, device: str = "cpu"
    ) -> None:
        self.parser = fold_batch_norms(parser).to(device, memory_format=torch.channels_last)
        self.batch_size = batch_size or 32
        self.device = device

    def segment(self, images: np.ndarray) -> Segmentation:
        """See `Segmenter`; images uint8 [N, side, side, 3]."""
        count, height, width, _ = images.shape
        maps = np.empty((count, MAP_SIDE, MAP_SIDE), np.uint8)
        for rows, batch in full_batches(images, self.batch_size):
            found = self.parser.class_maps(to_float(batch, self.device), MAP_SIDE)
            maps[rows] = found[: rows.stop - rows.start].cpu().numpy()
        cuts = np.tile(np.array([0, 0, width, height], np.float32), (count, 1))
        return Segmentation(maps, cuts, (maps == 1).mean(axis=(1, 2)) >= 0.02)


def load_segmenter(
    kind: str,
    weights: str | Path,
    detector: str | Path | None = None,
    batch_size: int | None = None,
    device: str = "cpu",
) -> Segmenter:
    """Build the segmenter that the configuration names.

    Args:
        kind: `parser` or `facexformer`.
        weights: its checkpoint.
        detector: checkpoint of the face detector that `facexformer` needs.
        batch_size: pictures parsed at once; None for the segmenter's own choice.
        device: torch device name.

    Raises:
        InputError: an unknown kind, or weights that are not that segmenter's.
    """
    if kind == "facexformer":
        # by name, so that it is no part of the code that jobs with the parser depend on
        module = importlib.import_module("ohlora_lib.networks.facexformer_segmenter")
        return module.load(weights, detector, batch_size, device)
    if kind != "parser":
        raise InputError(f"domain.segmenter.kind is {kind!r}; known are parser and facexformer")
    return ParserSegmenter(load_network(weights, FaceParser.kind), batch_size, device)
