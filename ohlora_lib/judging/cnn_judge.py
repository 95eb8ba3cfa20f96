"""The judge `cnn`: the property network, which methods are trained against."""

from pathlib import Path

import numpy as np
import torch

from ohlora_lib.networks import load_network
from ohlora_lib.networks.property_cnn import OUTPUTS, PropertyCNN, predict


class CnnJudge:
    """The property CNN in eval mode.

    Args:
        network: the trained network.
        device: torch device name.
    """

    def __init__(self, network: PropertyCNN, device: str = "cpu") -> None:
        self.network = network.to(device, memory_format=torch.channels_last)

    def score(self, images: np.ndarray) -> np.ndarray:
        """See `judges.Judge`; never NaN."""
        return predict(self.network, images)[:, : len(OUTPUTS)].astype(np.float64)


def load(weights: str | Path, device: str = "cpu") -> CnnJudge:
    """Build the judge from the checkpoint of a property CNN."""
    return CnnJudge(load_network(weights, PropertyCNN.kind), device)
