"""The embedded domain's face parser: a small U-Net from a 64 px picture to 11 classes at 128 px."""

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CLASSES = 11


class FaceParser(nn.Module):
    """U-Net whose last layer doubles the resolution, so that class borders are finer than pixels.

    Args:
        widths: channels at full, half, quarter and eighth resolution.
    """

    kind: ClassVar[str] = "face_parser"

    def __init__(self, widths: tuple[int, ...] = (16, 32, 64, 96)) -> None:
        super().__init__()
        self.widths = tuple(widths)
        pairs = list(zip(self.widths[:-1], self.widths[1:], strict=True))
        self.stem = _block(3, self.widths[0])
        self.down = nn.ModuleList(
            nn.Sequential(_unit(fine, coarse, stride=2), _unit(coarse, coarse))
            for fine, coarse in pairs
        )
        self.lateral = nn.ModuleList(nn.Conv2d(coarse, fine, 1) for fine, coarse in pairs)
        self.up = nn.ModuleList(_unit(fine, fine) for fine, _ in pairs)
        self.head = nn.Conv2d(self.widths[0], 4 * CLASSES, 3, padding=1)

    def config(self) -> dict:
        """Return the constructor arguments."""
        return {"widths": list(self.widths)}

    def forward(self, images: Tensor) -> Tensor:
        """Parse pictures.

        Args:
            images: float [N, 3, side, side], [-1, 1]; side a multiple of 8 (trained at 64).

        Returns:
            Logits [N, 11, 2 * side, 2 * side].
        """
        x = u_net(images, self.stem, self.down, self.lateral, self.up)
        return F.pixel_shuffle(self.head(x), 2)

    @torch.inference_mode()
    def class_maps(self, images: Tensor, side: int) -> Tensor:
        """Return uint8 [N, side, side]: the likeliest class, logits interpolated bilinearly."""
        logits = F.interpolate(self(images), (side, side), mode="bilinear", align_corners=False)
        return logits.argmax(dim=1).byte()


def u_net(
    x: Tensor, stem: nn.Module, down: nn.ModuleList, lateral: nn.ModuleList, up: nn.ModuleList
) -> Tensor:
    """Go down the scales and up again, each scale joined to what came down through it.

    Args:
        x: [N, 3, H, W]; H and W multiples of 2 to the number of scales below the first.
        stem: keeps the size.
        down: per scale below the first, from fine to coarse, halves it.
        lateral: per scale, brings its channels to those of the finer one.
        up: per scale, refines the finer one.

    Returns:
        [N, channels of the stem, H, W].
    """
    x = stem(x)
    skips = []
    for layer in down:
        skips.append(x)
        x = layer(x)
    for join, layer, skip in zip(reversed(lateral), reversed(up), reversed(skips), strict=True):
        x = layer(F.interpolate(join(x), scale_factor=2, mode="nearest") + skip)
    return x


def _unit(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


def _block(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(_unit(inputs, outputs), _unit(outputs, outputs))
