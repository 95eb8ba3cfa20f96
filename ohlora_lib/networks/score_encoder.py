"""The encoder of FineTune-v3: picture and scores to the distribution of a latent."""

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

WIDTHS = (32, 64, 128, 128, 256)  # output channels of the convolutions at 256 pixels
LAST_SIDE = 8  # px; the convolutions halve down to this
HIDDEN = 512


class ScoreEncoder(nn.Module):
    """The encoder half of a conditional VAE.

    4x4 convolutions with stride 2 and reflected borders, as many as bring the picture to 8 pixels
    (five at 256), each followed by leaky ReLU (slope 0.01); then two dense layers, the scores put
    before either.

    Args:
        resolution: image side in pixels, 16 to 256, a power of two.
        z_dim: width of the latent.
        label_dim: number of scores.
    """

    kind: ClassVar[str] = "score_encoder"

    def __init__(self, resolution: int, z_dim: int, label_dim: int) -> None:
        super().__init__()
        count = (resolution // LAST_SIDE).bit_length() - 1
        if resolution != LAST_SIDE << count or not 1 <= count <= len(WIDTHS):
            raise ValueError(f"resolution must be a power of two, 16 to 256, got {resolution}")
        self._config = {"resolution": resolution, "z_dim": z_dim, "label_dim": label_dim}
        channels = [3, *WIDTHS[:count]]
        self.convolutions = nn.ModuleList(
            nn.Conv2d(a, b, 4, stride=2, padding=1, padding_mode="reflect")
            for a, b in zip(channels, channels[1:], strict=False)
        )
        features = channels[-1] * LAST_SIDE**2
        self.fc1 = nn.Linear(features + label_dim, HIDDEN)
        self.fc2_mu = nn.Linear(HIDDEN + label_dim, z_dim)
        self.fc2_var = nn.Linear(HIDDEN + label_dim, z_dim)

    def config(self) -> dict:
        """Return the constructor arguments."""
        return dict(self._config)

    def forward(self, image: Tensor, label: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log variance of the latent, [N, z_dim] each.

        Args:
            image: [N, 3, resolution, resolution] in [-1, 1].
            label: [N, label_dim], z-scores.
        """
        x = image
        for convolution in self.convolutions:
            x = F.leaky_relu(convolution(x), 0.01)
        x = F.elu(self.fc1(torch.cat([x.flatten(1), label], dim=1)))
        x = torch.cat([x, label], dim=1)
        return self.fc2_mu(x), self.fc2_var(x)
