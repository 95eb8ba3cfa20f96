"""The judge `cnn`: the property network, which methods are trained against."""

from pathlib import Path

import numpy as np
import torch
from torch import nn

from ohlora_lib.networks import load_network
from ohlora_lib.networks.property_cnn import OUTPUTS, PropertyCNN


class CnnJudge:
    """The property CNN in eval mode, on pictures in [-1, 1].

    Args:
        network: the trained network.
        batch_size: pictures scored at once; the last batch is padded, so that a picture's scores do
            not depend on how many others are scored with it.
        device: torch device name.
    """

    def __init__(self, network: nn.Module, batch_size: int = 64, device: str = "cpu") -> None:
        self.network = network.eval().to(device, memory_format=torch.channels_last)
        self.batch_size = batch_size
        self.device = device

    @torch.inference_mode()
    def score(self, images: np.ndarray) -> np.ndarray:
        """See `judges.Judge`; never NaN."""
        scores = np.empty((len(images), len(OUTPUTS)))
        for start in range(0, len(images), self.batch_size):
            part = images[start : start + self.batch_size]
            filled = np.resize(part, (self.batch_size, *part.shape[1:]))
            pixels = torch.from_numpy(filled).to(self.device).permute(0, 3, 1, 2)
            found = self.network(pixels.float() / 127.5 - 1)[: len(part), : len(OUTPUTS)]
            scores[start : start + len(part)] = found.cpu().numpy()
        return scores


def load(weights: str | Path, device: str = "cpu") -> CnnJudge:
    """Build the judge from the checkpoint of a property CNN."""
    return CnnJudge(load_network(weights, PropertyCNN.kind), device=device)
