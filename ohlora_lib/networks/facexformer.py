"""FaceXFormer: class map, landmarks, head pose, attributes, age, gender and race of a face cut.

Narayan et al. 2024, arXiv:2403.12960. Parameters are named as in the published checkpoint, which
holds this state dict under the key `state_dict_backbone`.
"""

import math
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models.swin_transformer import SwinTransformer

from ohlora_lib.networks.facexformer_decoder import WIDTH, FaceDecoder, FaceOutput


class FaceXFormer(nn.Module):
    """Swin transformer, its four stages fused at 56 px, decoder.

    The defaults (Swin-B) are the published network, 91,985,943 parameters.

    Args:
        embed_dim: channels of the first stage; each next one has twice as many.
        depths: blocks per stage.
        num_heads: attention heads per stage.
    """

    kind: ClassVar[str] = "facexformer"

    def __init__(
        self,
        embed_dim: int = 128,
        depths: Sequence[int] = (2, 2, 18, 2),
        num_heads: Sequence[int] = (4, 8, 16, 32),
    ) -> None:
        super().__init__()
        self.embed_dim, self.depths, self.num_heads = embed_dim, tuple(depths), tuple(num_heads)
        swin = SwinTransformer(
            [4, 4], embed_dim, list(depths), list(num_heads), [7, 7], num_classes=1
        )
        # the norm is in the checkpoint, but the stages are taken before it
        self.backbone = nn.Sequential(swin.features, swin.norm)
        self.pe_layer = FourierPlaces()
        self.face_decoder = FaceDecoder()
        self.linear_c = nn.ModuleList(Projection(embed_dim * 2**stage) for stage in range(4))
        self.linear_fuse = nn.Conv2d(4 * WIDTH, WIDTH, 1, bias=False)

    def config(self) -> dict:
        """Return the constructor arguments."""
        return {
            "embed_dim": self.embed_dim,
            "depths": list(self.depths),
            "num_heads": list(self.num_heads),
        }

    def stages(self, pixels: Tensor) -> list[Tensor]:
        """Return the output of the four stages, [N, h, w, C], of pixels [N, 3, 224, 224]."""
        x, found = pixels, []
        for index, layer in enumerate(self.backbone[0]):
            x = layer(x)
            if index % 2:  # even ones embed and merge patches
                found.append(x)
        return found

    def fuse(self, stages: Sequence[Tensor]) -> Tensor:
        """Return [N, 256, 56, 56] of the four stages, the deepest first in the sum."""
        size = stages[0].shape[1:3]
        maps = []
        for stage, project in zip(stages, self.linear_c, strict=True):
            x = project(stage).permute(0, 3, 1, 2)
            maps.append(F.interpolate(x, size, mode="bilinear", align_corners=False))
        return self.linear_fuse(torch.cat(maps[::-1], dim=1))

    def forward(self, pixels: Tensor) -> FaceOutput:
        """Read face cuts.

        Args:
            pixels: float [N, 3, 224, 224], RGB less ImageNet's mean, by its standard deviation.
        """
        features = self.fuse(self.stages(pixels))
        return self.face_decoder(features, self.pe_layer(*features.shape[2:]))


class Projection(nn.Module):
    """Brings a stage to the decoder's width.

    Args:
        inputs: channels of the stage.
    """

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.proj = nn.Linear(inputs, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        return self.proj(x)


class FourierPlaces(nn.Module):
    """Codes a position by sines and cosines of random frequencies, which the checkpoint holds."""

    def __init__(self) -> None:
        super().__init__()
        frequencies = torch.randn(2, WIDTH // 2)
        self.register_buffer("positional_encoding_gaussian_matrix", frequencies)

    def forward(self, height: int, width: int) -> Tensor:
        """Return [256, height, width]."""
        frequencies = self.positional_encoding_gaussian_matrix
        y, x = (
            (torch.arange(n, device=frequencies.device) + 0.5) / n * 2 - 1 for n in (height, width)
        )
        places = torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1)  # [height, width, 2]
        phases = 2 * math.pi * (places @ frequencies)
        return torch.cat([phases.sin(), phases.cos()], dim=-1).permute(2, 0, 1)
