"""Segmentation behind one interface: pictures in, class maps at 224 px and the face cut out."""

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ohlora_lib.errors import InputError
from ohlora_lib.networks.segmenters import SEGMENTERS


@dataclass(frozen=True)
class Segmentation:
    """What a segmenter says of N pictures.

    Attributes:
        class_maps: uint8 [N, 224, 224], the 11 classes 0..10, in the coordinates of the cut.
        cuts: float32 [N, 4], the face cut x0, y0, x1, y1 in px of the picture.
        found: bool [N], whether there is a face; without one the class map is all background.
        landmarks: float16 [N, 478, 3] of the face mesh, x and y as fractions of the picture, z in
            the unit of x, NaN without a face; None where the segmenter has none.
    """

    class_maps: np.ndarray
    cuts: np.ndarray
    found: np.ndarray
    landmarks: np.ndarray | None = None


class Segmenter(Protocol):
    """Anything that segments faces."""

    def segment(self, images: np.ndarray) -> Segmentation:
        """Segment uint8 RGB pictures [N, H, W, 3]."""
        ...


def load_segmenter(
    kind: str,
    weights: str | Path,
    detector: str | Path | None = None,
    batch_size: int | None = None,
    device: str = "cpu",
    **others: Any,
) -> Segmenter:
    """Build the segmenter that the configuration names.

    Its module is loaded by name, so that jobs with one segmenter do not depend on another's code.

    Args:
        kind: one of `segmenters.SEGMENTERS`.
        weights: its checkpoint.
        detector: checkpoint of the face detector, for a segmenter that needs one.
        batch_size: pictures parsed at once; None for the segmenter's own choice.
        device: torch device name.
        others: other checkpoints and options that its `load` takes.

    Raises:
        InputError: an unknown kind, or weights that are not that segmenter's.
    """
    if kind not in SEGMENTERS:
        raise InputError(f"domain.segmenter.kind is {kind!r}; known are {', '.join(SEGMENTERS)}")
    beside = {} if detector is None else {"detector": detector}
    module = importlib.import_module(SEGMENTERS[kind].module)
    return module.load(weights, batch_size=batch_size, device=device, **beside, **others)
