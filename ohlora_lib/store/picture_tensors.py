"""From 8-bit pictures to what the networks take, and back."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor


def to_float(images: np.ndarray, device: str | torch.device = "cpu") -> Tensor:
    """Bring pictures into the range of StyleGAN and of all networks but the attribute CNNs.

    Args:
        images: [N, H, W, 3] uint8 RGB.
        device: where to put them.

    Returns:
        [N, 3, H, W] float in [-1, 1], channels last in memory.
    """
    return torch.from_numpy(images).to(device).permute(0, 3, 1, 2).float() / 127.5 - 1


def to_unit(images: np.ndarray, device: str | torch.device = "cpu") -> Tensor:
    """As `to_float`, but in [0, 1], the range of the attribute CNNs."""
    return torch.from_numpy(images).to(device).permute(0, 3, 1, 2).float() / 255


def to_uint8(image: Tensor) -> np.ndarray:
    """Quantise pictures: clip((x + 1) * 127.5 + 0.5, 0, 255), truncated.

    Args:
        image: [N, 3, H, W] float, nominally in [-1, 1].

    Returns:
        [N, H, W, 3] uint8.
    """
    levels = ((image + 1) * 127.5 + 0.5).clamp(0, 255).to(torch.uint8)
    return levels.permute(0, 2, 3, 1).contiguous().cpu().numpy()


def full_batches(images: np.ndarray, batch_size: int) -> Iterator[tuple[slice, np.ndarray]]:
    """Cut pictures into batches of one size, so that no answer depends on how many come with it.

    Args:
        images: [N, …].
        batch_size: pictures per batch; the last one is filled up with repetitions.

    Yields:
        Which pictures the batch begins with, and the batch [batch_size, …].
    """
    for start in range(0, len(images), batch_size):
        part = images[start : start + batch_size]
        yield slice(start, start + len(part)), np.resize(part, (batch_size, *part.shape[1:]))
