"""The judge `cnn`: the property network, which methods are trained against."""

from pathlib import Path

import numpy as np
import torch

from ohlora_lib.networks.files import load_network
from ohlora_lib.networks.property_cnn import OUTPUTS, PropertyCNN, predict
from ohlora_lib.scores.normalize import DECIMALS
from ohlora_lib.seeds import derive_seed


class CnnJudge:
    """The property CNN; see `judging.measure.Judge`.

    Args:
        network: the trained network.
        device: torch device name.
        dropout_seed: with it, dropout stays on, as in the published evaluations, and a
            score depends on the pictures scored before; None for eval mode.
    """

    columns = OUTPUTS
    grid = None
    decimals = DECIMALS

    def __init__(
        self, network: PropertyCNN, device: str = "cpu", dropout_seed: int | None = None
    ) -> None:
        self.network = network.to(device, memory_format=torch.channels_last)
        self.dropout_seed = dropout_seed
        self.calls = 0

    def score(self, images: np.ndarray) -> np.ndarray:
        """Measure pictures; never NaN."""
        with torch.random.fork_rng(enabled=self.dropout_seed is not None):
            if self.dropout_seed is not None:
                torch.manual_seed(derive_seed(self.dropout_seed, "dropout", self.calls))
            scores = predict(self.network, images, dropout=self.dropout_seed is not None)
        self.calls += 1
        return scores[:, : len(OUTPUTS)].astype(np.float64)


def load(weights: str | Path, device: str = "cpu", dropout_seed: int | None = None) -> CnnJudge:
    """Build the judge from the checkpoint of a property CNN."""
    return CnnJudge(load_network(weights, PropertyCNN.kind), device, dropout_seed)
