"""The fast path from latents to 8-bit pictures; every job that only wants pictures uses it."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from ohlora_lib.generators.base import Generator
from ohlora_lib.store.picture_tensors import to_uint8


class Synthesizer:
    """Draws pictures with a finished generator: stored noise, full resolution, no style mixing.

    Weights are copied when it is made, so later training does not change it. Pictures are drawn in
    full batches (the last one is padded), so that a picture depends on its latent alone and not on
    how many others are drawn with it or how they are split into shards.

    Args:
        generator: the network; its mode does not matter and is left as it is.
        batch_size: pictures drawn at once; small batches stay in the processor's cache. Another
            size can change a few pixels by one level; the number of threads does not.
        device: where to draw.
    """

    def __init__(
        self,
        generator: Generator,
        batch_size: int = 16,
        device: str | torch.device = "cpu",
    ) -> None:
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, got {batch_size}")
        self.batch_size = batch_size
        self.device = torch.device(device)
        copy = type(generator)(**generator.config())
        copy.load_state_dict(generator.state_dict())
        self.generator = copy.eval().requires_grad_(False).to(self.device)
        self.draw = self.generator.drawing()

    def _batches(
        self, *arrays: np.ndarray | Tensor | None
    ) -> Iterator[tuple[int, list[Tensor | None]]]:
        """Yield the number of valid rows and, per array, one full batch on the device."""
        n = len(arrays[0])
        tensors = [None if a is None else torch.as_tensor(a, dtype=torch.float32) for a in arrays]
        for start in range(0, n, self.batch_size):
            count = min(self.batch_size, n - start)
            batch = []
            for tensor in tensors:
                if tensor is None:
                    batch.append(None)
                    continue
                part = tensor[start : start + count]
                padding = part[-1:].expand(self.batch_size - count, *part.shape[1:])
                batch.append(torch.cat([part, padding]).to(self.device))
            yield count, batch

    @torch.inference_mode()
    def map(self, z: np.ndarray | Tensor, label: np.ndarray | Tensor | None = None) -> np.ndarray:
        """Return w, [N, w_dim] float32, of latents.

        Args:
            z: [N, z_dim].
            label: [N, label_dim], if the generator has a label.
        """
        rows = [
            self.generator.mapping(*batch)[:count].cpu() for count, batch in self._batches(z, label)
        ]
        return torch.cat(rows).numpy() if rows else np.empty((0, self.generator.w_dim), np.float32)

    def from_z(
        self,
        z: np.ndarray | Tensor,
        label: np.ndarray | Tensor | None = None,
        trunc_psi: float = 1.0,
        trunc_layers: int = 0,
    ) -> np.ndarray:
        """Draw the pictures of latents.

        Args:
            z: [N, z_dim], N(0, 1).
            label: [N, label_dim], if the generator has a label.
            trunc_psi: truncation; 1 for none.
            trunc_layers: how many of the first layers are truncated; 0 for none.

        Returns:
            [N, R, R, 3] uint8 RGB.

        Raises:
            ValueError: if an argument does not fit the generator.
        """
        return self.from_w(self.map(z, label), trunc_psi, trunc_layers)

    @torch.inference_mode()
    def from_w(
        self, w: np.ndarray | Tensor, trunc_psi: float = 1.0, trunc_layers: int = 0
    ) -> np.ndarray:
        """Draw the pictures of mapped latents.

        Args:
            w: [N, w_dim], or [N, num_layers, w_dim] for a different w per layer.
            trunc_psi: truncation; 1 for none.
            trunc_layers: how many of the first layers are truncated; 0 for none.

        Returns:
            [N, R, R, 3] uint8 RGB.
        """
        side = self.generator.resolution
        images = np.empty((len(w), side, side, 3), np.uint8)
        start = 0
        for count, (batch,) in self._batches(w):
            wp = self.generator.truncate(batch, trunc_psi, trunc_layers)
            images[start : start + count] = to_uint8(self.draw(wp)[:count])
            start += count
        return images


def mixing_cut(draw: np.random.Generator, probability: float, layers: int) -> int:
    """Draw the layer from 1 on at which a second style begins; `layers` where there is none."""
    return int(draw.integers(1, layers)) if draw.random() < probability else layers


def mixed_styles(own: np.ndarray, other: np.ndarray, cuts: np.ndarray, layers: int) -> np.ndarray:
    """Mix styles: layers below a row's cut get its own w, the others that of another latent.

    Args:
        own: [N, w_dim].
        other: [N, w_dim].
        cuts: integers [N], the first layer that gets `other`; `layers` for none.
        layers: number of layers.

    Returns:
        [N, layers, w_dim].
    """
    later = np.arange(layers) >= np.asarray(cuts)[:, None]
    return np.where(later[:, :, None], other[:, None], own[:, None])
