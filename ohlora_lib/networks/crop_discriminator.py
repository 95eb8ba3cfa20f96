"""The discriminator of FineTune-v5: three branches of the property CNN and two dense layers."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from ohlora_lib.networks.property_cnn import Crops, PropertyBranch

BRANCHES = ("eyes", "mouth", "pose")


class CropDiscriminator(nn.Module):
    """Compares the scores it reads from three crops with the label.

    It never sees the rest of the picture.

    Args:
        resolution: image side in pixels.
        conv_dropout: as in the branches.
        dropout: as in the branches.
        crops: as in the branches.
    """

    kind: ClassVar[str] = "crop_discriminator"

    def __init__(
        self,
        resolution: int,
        conv_dropout: float = 0.05,
        dropout: float = 0.45,
        crops: Crops | None = None,
    ) -> None:
        super().__init__()
        self._config = {
            "resolution": resolution,
            "conv_dropout": conv_dropout,
            "dropout": dropout,
        }
        if crops:
            self._config["crops"] = dict(crops)
        for name in BRANCHES:
            branch = PropertyBranch(name, resolution, conv_dropout, dropout, crops)
            self.add_module(f"{name}_score_cnn", branch)
        self.fc1 = nn.Sequential(nn.Linear(2 * len(BRANCHES), 64), nn.Tanh())
        self.fc_final = nn.Linear(64, 1)

    def config(self) -> dict:
        """Return the constructor arguments."""
        return dict(self._config)

    def forward(self, image: Tensor, label: Tensor) -> Tensor:
        """Return logits [N, 1] of pictures [N, 3, R, R] in [-1, 1] with labels [N, 3]."""
        scores = [self.get_submodule(f"{name}_score_cnn")(image) for name in BRANCHES]
        return self.fc_final(self.fc1(torch.cat([*scores, label], dim=1)))
