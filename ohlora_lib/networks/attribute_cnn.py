"""CNNs that predict one attribute, such as gender or glasses, from a picture.

The convolutional networks of Oh-LoRA, with its parameter names, so that its checkpoints load at 256
pixels; below 256 the same family with padded, narrower layers.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from ohlora_lib.store.picture_tensors import full_batches, to_unit

PUBLISHED_RESOLUTION = 256
HIDDEN = 512  # width of fc1


@dataclass(frozen=True)
class _Layout:
    """What one attribute's network looks at, and its convolutions at 256 pixels."""

    crop: tuple[float, float, float, float]  # top, bottom, left, right as fractions of the side
    widths: tuple[int, ...]  # output channels of conv1, conv2 …
    pooled: tuple[int, ...]  # numbers of the convolutions a 2x2 maximum follows


LAYOUTS: dict[str, _Layout] = {
    "gender": _Layout((0, 1, 0, 1), (32, 64, 128, 128, 256, 256), (2, 3, 4, 5, 6)),
    "quality": _Layout((0, 1 / 4, 1 / 4, 3 / 4), (32, 64, 128, 128, 256), (2, 3, 4)),
    "age": _Layout((0, 1 / 2, 0, 1), (32, 64, 128, 128, 256, 256), (2, 3, 4, 5)),
    "glass": _Layout((5 / 16, 1 / 2, 1 / 4, 3 / 4), (32, 64, 128, 128, 256), (2, 3, 4)),
}
ATTRIBUTES = tuple(LAYOUTS)  # those that the reference has networks for
OTHER = LAYOUTS["gender"]  # of all other attributes: the whole picture


class AttributeCNN(nn.Module):
    """One attribute's network: crop, convolutions, a tanh layer, one probability.

    At 256 pixels and above it is the published network: 3x3 convolutions without padding, each
    followed by leaky ReLU (slope 0.01) and channel dropout. Below, the same convolutions are padded
    and half as wide, and 2x2 maxima follow from the first one on, as long as the smaller side of
    the map stays at 3 or more; that is fast and keeps enough of a map from a small crop.

    Args:
        attribute: its name; see `LAYOUTS` and `OTHER`.
        resolution: image side in pixels, at least 32 and a multiple of 16.
        conv_dropout: probability that a channel is dropped after a convolution.
        dropout: probability that a feature is dropped after fc1.
    """

    kind: ClassVar[str] = "attribute_cnn"

    def __init__(
        self,
        attribute: str,
        resolution: int,
        conv_dropout: float = 0.05,
        dropout: float = 0.45,
    ) -> None:
        super().__init__()
        if resolution < 32 or resolution % 16:
            raise ValueError(f"resolution must be a multiple of 16 from 32 on, got {resolution}")
        self._config = {
            "attribute": attribute,
            "resolution": resolution,
            "conv_dropout": conv_dropout,
            "dropout": dropout,
        }
        self.attribute = attribute
        self.resolution = resolution
        layout = LAYOUTS.get(attribute, OTHER)
        self.top, self.bottom, self.left, self.right = (
            int(fraction * resolution) for fraction in layout.crop
        )
        height, width = self.bottom - self.top, self.right - self.left
        small = resolution < PUBLISHED_RESOLUTION
        in_channels = 3
        self.stages = len(layout.widths)
        self._pools: list[bool] = []
        for i, channels in enumerate(layout.widths, start=1):
            channels //= 2 if small else 1
            self.add_module(
                f"conv{i}",
                nn.Sequential(
                    nn.Conv2d(in_channels, channels, 3, padding=1 if small else 0),
                    nn.LeakyReLU(0.01),
                    nn.Dropout2d(conv_dropout),
                ),
            )
            if not small:
                height, width = height - 2, width - 2
            pool = min(height, width) >= 6 if small else i in layout.pooled
            if pool:
                height, width = height // 2, width // 2
            self._pools.append(pool)
            in_channels = channels
        self.pool = nn.MaxPool2d(2)
        self.fc1 = nn.Sequential(
            nn.Linear(in_channels * height * width, HIDDEN), nn.Tanh(), nn.Dropout(dropout)
        )
        self.fc_final = nn.Sequential(nn.Linear(HIDDEN, 1), nn.Sigmoid())
        if small:
            self._keep_variance()

    def _keep_variance(self) -> None:
        """Start the convolutions so that signals keep their size (He et al. 2015).

        PyTorch's default shrinks them at every layer, and learning then starts late or never.
        """
        for i in range(1, self.stages + 1):
            convolution = self.get_submodule(f"conv{i}")[0]
            nn.init.kaiming_normal_(convolution.weight, a=0.01)
            nn.init.zeros_(convolution.bias)

    def config(self) -> dict:
        """Return the constructor arguments."""
        return dict(self._config)

    def logit(self, image: Tensor) -> Tensor:
        """Return the log odds [N]; what a loss should use (arguments as `forward`)."""
        side = self.resolution
        if image.ndim != 4 or image.shape[1:] != (3, side, side):
            raise ValueError(f"image must be [N, 3, {side}, {side}], got {list(image.shape)}")
        x = image[:, :, self.top : self.bottom, self.left : self.right]
        x = x.contiguous(memory_format=torch.channels_last)
        for i, pool in enumerate(self._pools, start=1):
            convolution, activation, dropout = self.get_submodule(f"conv{i}")
            x = convolution(x)
            # first, as neither of the others changes which of four is the largest
            x = self.pool(x) if pool else x
            x = dropout(activation(x))
        x = self.fc1(x.flatten(1))
        return self.fc_final[0](x).squeeze(1)

    def forward(self, image: Tensor) -> Tensor:
        """Judge pictures.

        Args:
            image: [N, 3, resolution, resolution] RGB in [0, 1], the whole picture.

        Returns:
            The probability of the attribute (woman, good, old, glasses), [N].

        Raises:
            ValueError: if the image does not fit the network.
        """
        return self.fc_final[1](self.logit(image))


@torch.inference_mode()
def predict(network: AttributeCNN, images: np.ndarray, batch_size: int = 64) -> np.ndarray:
    """Return the probability of the attribute, float32 [N], for uint8 images [N, side, side, 3]."""
    network.eval()
    device = next(network.parameters()).device
    answers = np.empty(len(images), np.float32)
    for rows, batch in full_batches(images, batch_size):
        answers[rows] = network(to_unit(batch, device)).cpu()[: rows.stop - rows.start]
    return answers
