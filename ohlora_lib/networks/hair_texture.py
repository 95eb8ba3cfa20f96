"""Finds hair in a picture and compares its brightness downwards with sideways: how curly it is.

What the hairstyle network does below 256 pixels, where a strand is a pixel or two wide and a score
hangs on where exactly hair begins: a small U-Net learns where that is, and the comparison of
`scores.hairstyle` follows as it is, but with shares instead of yes and no, so that gradients pass.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ohlora_lib.networks.face_parser import u_net
from ohlora_lib.store.layout import MAP_SIDE

FIRST_ROW = 112  # of that grid: the lower half
ROWS, COLUMNS = 101, 205  # anchors, from column LEFT on
LEFT, STEP, BLOCK, DAMPING = 8, 8, 4, 5.0  # see `scores.hairstyle`
EMPTY = 0.45  # its score where no anchor counts
MOST = 2.0  # a larger ratio is the edge of hair, not a curl; one that slips in spoils a thin strand
# What must be hair for an anchor to count, rows and columns from it; see `scores.hairstyle`.
TESTED = ((0, 0), (3, 3), (8, 0), (11, 3), (0, -8), (3, -11), (0, 8), (3, 11))


class HairTexture(nn.Module):
    """See the head of this module.

    Args:
        resolution: side of the whole picture in pixels, a multiple of 32.
        widths: channels of the U-Net at full, half, quarter and eighth resolution.
    """

    def __init__(self, resolution: int, widths: tuple[int, ...] = (16, 24, 32, 48)) -> None:
        super().__init__()
        self.resolution = resolution
        pairs = list(zip(widths[:-1], widths[1:], strict=True))
        self.stem = _unit(3, widths[0])
        self.down = nn.ModuleList(_unit(fine, coarse, stride=2) for fine, coarse in pairs)
        self.lateral = nn.ModuleList(nn.Conv2d(coarse, fine, 1) for fine, coarse in pairs)
        self.up = nn.ModuleList(_unit(fine, fine) for fine, _ in pairs)
        self.head = nn.Conv2d(widths[0], 4, 3, padding=1)  # twice the resolution, as the parser
        self.log_sharpness = nn.Parameter(torch.tensor(0.7))
        self.log_weight_of_none = nn.Parameter(torch.tensor(0.0))

    def forward(self, image: Tensor, separate: bool = False) -> tuple[Tensor, Tensor]:
        """Measure hair.

        Args:
            image: [N, 3, resolution, resolution] RGB in [-1, 1], the whole picture.
            separate: no gradient passes from the score to where hair is, which is learnt from maps:
                with it, hair was found less sharply, as that pleases squared errors.

        Returns:
            The score [N, 1], in its own unit (about 0.2 to 2), and log odds of hair
            [N, 1, resolution, 2 * resolution] in the lower half of the picture.

        Raises:
            ValueError: if the image does not fit the network.
        """
        side = self.resolution
        if image.ndim != 4 or image.shape[1:] != (3, side, side):
            raise ValueError(f"image must be [N, 3, {side}, {side}], got {list(image.shape)}")
        hair = self._find(image[:, :, side // 2 :])
        ratio = _ratio(image)
        seen = hair.detach() if separate else hair
        finer = F.interpolate(seen, (FIRST_ROW, MAP_SIDE), mode="bilinear", align_corners=False)
        log_share = F.logsigmoid(self.log_sharpness.exp() * finer)
        # the score reads three columns beyond the left edge, from the right one: hardly ever hair
        log_share = F.pad(log_share, (3, 0, 0, 0), value=-10.0)
        counted = torch.zeros_like(ratio)
        for down, right in TESTED:
            column = 3 + LEFT + right
            counted = counted + log_share[:, :, down : down + ROWS, column : column + COLUMNS]
        counted = counted.exp()
        none = self.log_weight_of_none.exp()
        weighted = (counted * ratio).sum(dim=(2, 3)) + none * EMPTY
        return weighted / (counted.sum(dim=(2, 3)) + none), hair

    def _find(self, lower: Tensor) -> Tensor:
        x = lower.contiguous(memory_format=torch.channels_last)
        x = self.head(u_net(x, self.stem, self.down, self.lateral, self.up))
        if not len(x):  # of a process without pictures: torch cannot differentiate their shuffle
            return x.reshape(0, 1, 2 * x.shape[2], 2 * x.shape[3])
        return F.pixel_shuffle(x, 2)


def hair_shares(hair: Tensor, resolution: int) -> Tensor:
    """Bring maps of hair to the grid that `HairTexture` answers on.

    Args:
        hair: bool [N, 224, 224].
        resolution: side of the pictures in pixels.

    Returns:
        float [N, 1, resolution, 2 * resolution] in [0, 1], of the lower half.
    """
    lower = hair[:, None, FIRST_ROW:].float()
    return F.interpolate(lower, (resolution, 2 * resolution), mode="area")


def _ratio(image: Tensor) -> Tensor:
    """Return each anchor's change downwards relative to sideways, 0 to MOST: [N, 1, 101, 205]."""
    brightness = 127.5 * (image.mean(dim=1, keepdim=True) + 1)
    # with antialiasing, torch's bicubic curve is Pillow's, as in the face cut
    size = (MAP_SIDE, MAP_SIDE)
    finer = F.interpolate(brightness, size, mode="bicubic", antialias=True)[:, :, FIRST_ROW:]
    blocks = _sums_of(_sums_of(finer, 2), 3) / BLOCK**2  # F.avg_pool2d, in a third of the time

    def at(down: int, right: int) -> Tensor:
        column = LEFT + right
        return blocks[:, :, down : down + ROWS, column : column + COLUMNS]

    here = at(0, 0)
    sideways = torch.maximum((here - at(0, -STEP)).abs(), (here - at(0, STEP)).abs())
    return ((here - at(STEP, 0)).abs() / (sideways + DAMPING)).clamp(max=MOST)


def _sums_of(values: Tensor, dim: int) -> Tensor:
    """Return the sums of `BLOCK` neighbours along a dimension."""
    count = values.shape[dim] - BLOCK + 1
    return sum(values.narrow(dim, i, count) for i in range(BLOCK))


def _unit(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """A convolution without normalisation: with it, learning was slower here and less certain."""
    convolution = nn.Conv2d(inputs, outputs, 3, stride, padding=1)
    nn.init.kaiming_normal_(convolution.weight, a=0.01)
    nn.init.zeros_(convolution.bias)
    return nn.Sequential(convolution, nn.LeakyReLU(0.01, inplace=True))
