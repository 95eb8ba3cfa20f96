"""The segmenter of pictures framed like face cuts: the face parser, on the whole picture."""

from pathlib import Path

import numpy as np
import torch

from ohlora_lib.networks.batch_norm import fold_batch_norms
from ohlora_lib.networks.face_parser import FaceParser
from ohlora_lib.networks.files import load_network
from ohlora_lib.networks.segmentation import Segmentation
from ohlora_lib.store.layout import MAP_SIDE
from ohlora_lib.store.picture_tensors import full_batches, to_float


class ParserSegmenter:
    """Parses whole pictures; nothing is cut off.

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


def load(
    weights: str | Path, batch_size: int | None = None, device: str = "cpu"
) -> ParserSegmenter:
    """Build the segmenter from the checkpoint of a face parser.

    Raises:
        InputError: the file holds another network.
    """
    return ParserSegmenter(load_network(weights, FaceParser.kind), batch_size, device)
