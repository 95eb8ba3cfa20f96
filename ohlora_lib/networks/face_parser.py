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

    def __init__(self, widths: tuple[int, ...] = (16, 24, 48, 64)) -> None:
        super().__init__()
        self.widths = tuple(widths)
        pairs = list(zip(self.widths[:-1], self.widths[1:], strict=True))
        self.stem = _unit(3, self.widths[0])
        self.down = nn.ModuleList(
            nn.Sequential(_unit(fine, coarse, stride=2), _unit(coarse, coarse))
            for fine, coarse in pairs
        )
        self.lateral = nn.ModuleList(nn.Conv2d(coarse, fine, 1) for fine, coarse in pairs)
        self.up = nn.ModuleList(_unit(fine, fine) for fine, _ in pairs)
        self.head = nn.Conv2d(self.widths[0], 4 * CLASSES, 1)

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
        # F.pixel_shuffle of the head, but a pixel's classes lie together: fewer cache misses
        weight, bias = self._classes_last(self.head.weight), self._classes_last(self.head.bias)
        x = F.conv2d(x, weight, bias).unflatten(1, (2, 2, CLASSES))
        x = x.permute(0, 4, 1, 5, 2, 3)  # N, H, 2, W, 2, classes
        return x.flatten(3, 4).flatten(1, 2).permute(0, 3, 1, 2)

    @staticmethod
    def _classes_last(parameter: Tensor) -> Tensor:
        """Reorder the head's output channels from (class, row, column) to (row, column, class)."""
        return parameter.unflatten(0, (CLASSES, 4)).transpose(0, 1).flatten(0, 1)

    @torch.inference_mode()
    def class_maps(self, images: Tensor, side: int) -> Tensor:
        """Return uint8 [N, side, side]: the likeliest class, logits interpolated bilinearly."""
        return likeliest_classes(self(images), side)


def likeliest_classes(logits: Tensor, side: int) -> Tensor:
    """Interpolate logits and return the likeliest class, as `F.interpolate` and `argmax` would.

    Between four pixels of one class there is nothing but that class; so that only the borders, a
    few pixels in a hundred, have to be interpolated.

    Args:
        logits: float [N, K, H, W], K up to 256, best in the memory format channels_last.
        side: of the result, px; pixel centres as with `align_corners=False`.

    Returns:
        uint8 [N, side, side].
    """
    height, width = logits.shape[2:]
    top, bottom, down = _neighbours(height, side, logits)
    left, right, across = _neighbours(width, side, logits)
    classes = logits.argmax(dim=1).byte()
    next_row = torch.cat([classes[:, 1:], classes[:, -1:]], dim=1)
    border = _differs_to_the_right(classes) | _differs_to_the_right(next_row)
    border |= classes != next_row
    # columns first: what is then copied for every row are whole rows
    found, at = (part.index_select(2, left).index_select(1, top) for part in (classes, border))
    found, at = found.flatten(), at.flatten().nonzero()[:, 0]
    row, column = at % side**2 // side, at % side
    image = at // side**2 * height * width
    table = logits.permute(0, 2, 3, 1).flatten(0, 2)

    def between_columns(line: Tensor) -> Tensor:
        start = image + line[row] * width
        ends = (table.index_select(0, start + end[column]) for end in (left, right))
        return torch.lerp(*ends, across[column, None])

    mixed = torch.lerp(between_columns(top), between_columns(bottom), down[row, None])
    found[at] = mixed.argmax(dim=1).byte()
    return found.view(-1, side, side)


def _neighbours(count: int, side: int, like: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return, per pixel of the result, the two it lies between and how far it is to the second."""
    place = (torch.arange(side, device=like.device, dtype=like.dtype) + 0.5) * (count / side) - 0.5
    place = place.clamp(min=0)
    first = place.long()
    return first, (first + 1).clamp(max=count - 1), place - first


def _differs_to_the_right(classes: Tensor) -> Tensor:
    return classes != torch.cat([classes[:, :, 1:], classes[:, :, -1:]], dim=2)


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
