"""The segmenters, an entry each; torch-free, as rules read it."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class SegmenterEntry:
    """What the workflow knows of a segmenter.

    Attributes:
        module: with a function `load(weights, …, batch_size, device)`, see `segmentation`.
        needs: the keys of domain.segmenter that name its checkpoints.
        landmarks: whether it finds landmarks, which algorithm v3 measures.
    """

    module: str
    needs: tuple[str, ...] = ("weights",)
    landmarks: bool = False


SEGMENTERS = {
    "parser": SegmenterEntry("ohlora_lib.networks.parser_segmenter"),
    "facexformer": SegmenterEntry(
        "ohlora_lib.networks.facexformer_segmenter", needs=("weights", "detector")
    ),
}


def segmenter_files(config: dict[str, Any]) -> dict[str, str]:
    """Return the checkpoints of the segmenter that a configuration has, by key."""
    settings = config["domain"]["segmenter"]
    return {key: settings[key] for key in SEGMENTERS[settings["kind"]].needs}
