"""Reads all scores and attributes of pictures: what directions change, and what they leave."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ohlora_lib.methods.sampling import read_attribute
from ohlora_lib.networks.attribute_cnn import AttributeCNN
from ohlora_lib.networks.files import load_network
from ohlora_lib.networks.property_cnn import PropertyCNN, predict
from ohlora_lib.scores import CONTROLLED


class Reader:
    """Reads everything that is known from pictures: scores, then log odds of attributes.

    Args:
        property_cnn: its checkpoint.
        classifiers: checkpoints of attribute CNNs.
        device: torch device name.
    """

    def __init__(
        self, property_cnn: str | Path, classifiers: Sequence[str | Path], device: str = "cpu"
    ) -> None:
        self.network = load_network(property_cnn, PropertyCNN.kind).to(device)
        self.classifiers = [
            load_network(each, AttributeCNN.kind).to(device) for each in classifiers
        ]
        self.names = (*self.network.outputs, *(each.attribute for each in self.classifiers))
        self.own = [self.names.index(name) for name in CONTROLLED]

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Read uint8 pictures [N, R, R, 3]: float32 [N, names]."""
        parts = [predict(self.network, images)]
        parts += [read_attribute(each, images)[:, None] for each in self.classifiers]
        return np.concatenate(parts, axis=1)
