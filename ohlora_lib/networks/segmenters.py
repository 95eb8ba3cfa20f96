"""The segmenters, an entry each; torch-free, as rules read it."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class SegmenterEntry:
    """What the workflow knows of a segmenter.

    Attributes:
        module: with a function `load(weights, …, batch_size, device)`, see `segmentation`; the
            other checkpoints and options are keywords of it.
        needs: the keys of domain.segmenter that name its checkpoints.
        options: the other keys of domain.segmenter that it reads.
        landmarks: whether it finds landmarks, which algorithm v3 measures.
    """

    module: str
    needs: tuple[str, ...] = ("weights",)
    options: tuple[str, ...] = ()
    landmarks: bool = False


SEGMENTERS = {
    "mesh": SegmenterEntry(
        "ohlora_lib.networks.mesh_segmenter",
        needs=("weights", "parser"),
        options=("box",),
        landmarks=True,
    ),
    "parser": SegmenterEntry("ohlora_lib.networks.parser_segmenter"),
    "facexformer": SegmenterEntry(
        "ohlora_lib.networks.facexformer_segmenter", needs=("weights", "detector")
    ),
}


def segmenter_files(config: dict[str, Any]) -> dict[str, str]:
    """Return the checkpoints of the segmenter that a configuration has, by key."""
    settings = config["domain"]["segmenter"]
    return {key: settings[key] for key in SEGMENTERS[settings["kind"]].needs}


def segmenter_options(config: dict[str, Any]) -> dict[str, Any]:
    """Return the options of the segmenter that a configuration has, besides checkpoints."""
    settings = config["domain"]["segmenter"]
    return {key: settings[key] for key in SEGMENTERS[settings["kind"]].options}
