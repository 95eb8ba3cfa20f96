"""Moving average of a network's weights, the one that is used and shipped."""

import copy

import torch
from torch import nn


class MovingAverage:
    """Keeps `module`, a copy whose weights follow those of another network.

    Args:
        module: the network in training.
        half_life: number of images after which a weight's old value counts half; 0: the weights
            are those of the network.
    """

    def __init__(self, module: nn.Module, half_life: float) -> None:
        self.module = copy.deepcopy(module).eval().requires_grad_(False)
        self.half_life = half_life

    @torch.no_grad()
    def update(self, module: nn.Module, images: int) -> None:
        """Follow `module` after a step on `images` images; buffers are copied."""
        keep = 0.5 ** (images / self.half_life) if self.half_life else 0.0
        for average, current in zip(self.module.parameters(), module.parameters(), strict=True):
            average.lerp_(current, 1 - keep)
        for average, current in zip(self.module.buffers(), module.buffers(), strict=True):
            average.copy_(current)
