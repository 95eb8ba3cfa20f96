"""The networks that read property scores from a picture: judge, critic and label source.

The property score CNN of Oh-LoRA, with its parameter names, so that its checkpoint loads at 256
pixels; below 256 the same family with padded, narrower layers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ohlora_lib.networks.hair_texture import HairTexture
from ohlora_lib.store.picture_tensors import full_batches, to_float

PUBLISHED_RESOLUTION = 256
HIDDEN = 256  # width of fc1
SMALL_ROWS = 16  # shorter side that large crops are averaged to, below 256 pixels
# What the columns of the answer are.
OUTPUTS = (
    "eyes",
    "hair_color",
    "hair_length",
    "mouth",
    "pose",
    "background_mean",
    "background_std",
)


@dataclass(frozen=True)
class Layout:
    """What one sub-network looks at, and its convolutions at 256 pixels."""

    crop: tuple[float, float, float, float]  # top, bottom, left, right as fractions of the side
    widths: tuple[int, ...]  # output channels of conv1, conv2 …
    pooled: tuple[int, ...]  # numbers of the convolutions a 2x2 maximum follows
    small_pooled: tuple[int, ...]  # the same below 256 pixels
    outputs: tuple[str, ...]  # what it predicts


_SHORT, _LONG = (32, 64, 64, 128), (32, 64, 64, 128, 128, 128)
LAYOUTS: dict[str, Layout] = {
    "eyes": Layout((3 / 8, 9 / 16, 1 / 4, 3 / 4), _SHORT, (2, 3, 4), (2, 3), ("eyes",)),
    "mouth": Layout((5 / 8, 13 / 16, 3 / 8, 5 / 8), _SHORT, (2, 3, 4), (2, 3), ("mouth",)),
    "pose": Layout((7 / 16, 5 / 8, 11 / 32, 21 / 32), (*_SHORT, 128), (2, 3), (2, 3), ("pose",)),
    "hair_color": Layout((0, 1, 0, 1), _LONG, (2, 3, 4, 5, 6), (2, 3), ("hair_color",)),
    "hair_length": Layout((1 / 2, 1, 0, 1), _LONG, (2, 3, 4, 5), (1, 2, 4), ("hair_length",)),
    "background": Layout(
        (0, 1 / 2, 0, 1), _LONG, (2, 3, 4, 5), (1, 2, 4), ("background_mean", "background_std")
    ),
}
BRANCHES = tuple(LAYOUTS)
Crops = Mapping[str, Sequence[float]]  # what branches look at, as `Layout.crop`, by name


def crop(name: str, crops: Crops | None = None) -> tuple[float, float, float, float]:
    """Return what a branch looks at: of `crops`, or else as published for aligned CelebA."""
    return tuple((crops or {}).get(name, LAYOUTS[name].crop))


_CURLS = (32, 64, 64, 96, 128, 128)
HAIRSTYLE_LEFT, HAIRSTYLE_RIGHT = (
    Layout((1 / 2, 1, *columns), _CURLS, (2, 3, 4), (), ("hairstyle",))
    for columns in ((0, 3 / 8), (5 / 8, 1))
)


class ScoreConvolutions(nn.Module):
    """Crop of the whole picture and convolutions: what every sub-network begins with.

    At 256 pixels and above as published: 3x3 convolutions without padding, each followed by leaky
    ReLU (slope 0.01) and channel dropout. Below, the same convolutions are padded and have a
    quarter of the channels (16 at least), fewer maxima follow, and large crops can first be
    averaged over squares of pixels to 16 rows. That more than doubles the speed.

    Args:
        layout: what it looks at, and its convolutions.
        resolution: side of the whole picture in pixels, a multiple of 32.
        conv_dropout: probability that a channel is dropped after a convolution.
    """

    def __init__(self, layout: Layout, resolution: int, conv_dropout: float = 0.05) -> None:
        super().__init__()
        if resolution < 32 or resolution % 32:
            raise ValueError(f"resolution must be a multiple of 32, got {resolution}")
        self.resolution = resolution
        self.top, self.bottom, self.left, self.right = (
            int(fraction * resolution) for fraction in layout.crop
        )
        height, width = self.bottom - self.top, self.right - self.left
        small = resolution < PUBLISHED_RESOLUTION
        self.shrink = max(min(height, width) // SMALL_ROWS, 1) if small else 1
        height, width = height // self.shrink, width // self.shrink
        in_channels = 3
        self._pools: list[bool] = []
        for i, channels in enumerate(layout.widths, start=1):
            channels = max(channels // 4, 16) if small else channels
            convolution = nn.Conv2d(in_channels, channels, 3, padding=1 if small else 0)
            if small:
                # PyTorch's default shrinks signals at every layer, and learning starts late.
                nn.init.kaiming_normal_(convolution.weight, a=0.01)
                nn.init.zeros_(convolution.bias)
            else:
                height, width = height - 2, width - 2
            self.add_module(
                f"conv{i}",
                nn.Sequential(
                    convolution, nn.LeakyReLU(0.01, inplace=True), nn.Dropout2d(conv_dropout)
                ),
            )
            pool = i in (layout.small_pooled if small else layout.pooled)
            if pool:
                height, width = height // 2, width // 2
            self._pools.append(pool)
            in_channels = channels
        self.pool = nn.MaxPool2d(2)
        self.features = in_channels * height * width  # how many numbers come out

    def convolved(self, image: Tensor) -> Tensor:
        """Map [N, 3, resolution, resolution] RGB in [-1, 1], the whole picture, to [N, features].

        Raises:
            ValueError: if the image does not fit the network.
        """
        side = self.resolution
        if image.ndim != 4 or image.shape[1:] != (3, side, side):
            raise ValueError(f"image must be [N, 3, {side}, {side}], got {list(image.shape)}")
        x = image[:, :, self.top : self.bottom, self.left : self.right]
        x = x.contiguous(memory_format=torch.channels_last)
        if self.shrink > 1:
            x = F.avg_pool2d(x, self.shrink)
        for i, pool in enumerate(self._pools, start=1):
            convolution, activation, dropout = self.get_submodule(f"conv{i}")
            x = convolution(x)
            # The maximum before the activation gives the same and leaves it a quarter of the work.
            x = self.pool(x) if pool else x
            x = dropout(activation(x))
        return x.flatten(1)


class PropertyBranch(ScoreConvolutions):
    """One sub-network: crop, convolutions, a tanh layer, one or two scores.

    Args:
        name: one of `BRANCHES`.
        resolution: side of the whole picture in pixels, a multiple of 32.
        conv_dropout: probability that a channel is dropped after a convolution.
        dropout: probability that a feature is dropped after fc1.
        crops: see `crop`.
    """

    def __init__(
        self,
        name: str,
        resolution: int,
        conv_dropout: float = 0.05,
        dropout: float = 0.45,
        crops: Crops | None = None,
    ) -> None:
        if name not in LAYOUTS:
            raise ValueError(f"name must be one of {BRANCHES}, got {name!r}")
        super().__init__(replace(LAYOUTS[name], crop=crop(name, crops)), resolution, conv_dropout)
        self.name = name
        self.outputs = LAYOUTS[name].outputs
        self.fc1 = nn.Sequential(nn.Linear(self.features, HIDDEN), nn.Tanh(), nn.Dropout(dropout))
        self.fc_final = nn.Linear(HIDDEN, len(self.outputs))

    def forward(self, image: Tensor) -> Tensor:
        """Tell this branch's scores.

        Args:
            image: [N, 3, resolution, resolution] RGB in [-1, 1], the whole picture.

        Returns:
            [N, 1], for the background [N, 2] (mean, standard deviation); unbounded.

        Raises:
            ValueError: if the image does not fit the network.
        """
        return self.fc_final(self.fc1(self.convolved(image)))


class HairstyleCNN(nn.Module):
    """Tells how curly hair is from the lower half of a picture.

    At 256 pixels and above the hairstyle score CNN of the third project, with its parameter names:
    two sub-networks, left and right of the chin. Below, `HairTexture`, which
    also learns where hair is (`learns_hair`).

    Args:
        resolution: image side in pixels, a multiple of 32.
        conv_dropout: probability that a channel is dropped after a convolution; none below 256.
        dropout: probability that a feature is dropped after fc1; none below 256.
    """

    kind: ClassVar[str] = "hairstyle_cnn"
    outputs: ClassVar[tuple[str, ...]] = ("hairstyle",)

    def __init__(self, resolution: int, conv_dropout: float = 0.05, dropout: float = 0.25) -> None:
        super().__init__()
        self._config = {
            "resolution": resolution,
            "conv_dropout": conv_dropout,
            "dropout": dropout,
        }
        self.learns_hair = resolution < PUBLISHED_RESOLUTION
        if self.learns_hair:
            self.texture = HairTexture(resolution)
            self.fc_final = nn.Linear(1, 1)  # from the score's unit to standard deviations
            nn.init.constant_(self.fc_final.weight, 4.0)  # scores spread by about a quarter
            nn.init.constant_(self.fc_final.bias, -2.0)
            return
        self.bottom_left_cnn = ScoreConvolutions(HAIRSTYLE_LEFT, resolution, conv_dropout)
        self.bottom_right_cnn = ScoreConvolutions(HAIRSTYLE_RIGHT, resolution, conv_dropout)
        features = self.bottom_left_cnn.features + self.bottom_right_cnn.features
        self.fc1 = nn.Sequential(nn.Linear(features, 2 * HIDDEN), nn.Tanh(), nn.Dropout(dropout))
        self.fc_final = nn.Linear(2 * HIDDEN, 1)

    def config(self) -> dict:
        """Return the constructor arguments."""
        return dict(self._config)

    def branches(self) -> list[nn.Module]:
        """Return what has a last layer of its own: this network."""
        return [self]

    def forward(self, image: Tensor) -> Tensor:
        """Map [N, 3, resolution, resolution] RGB in [-1, 1] to z-scores [N, 1].

        Raises:
            ValueError: if the image does not fit the network.
        """
        if self.learns_hair:
            return self.fc_final(self.texture(image)[0])
        sides = [self.bottom_left_cnn.convolved(image), self.bottom_right_cnn.convolved(image)]
        return self.fc_final(self.fc1(torch.cat(sides, dim=1)))

    def score_and_hair(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return z-scores [N, 1] and log odds of hair to learn from; below 256 pixels only.

        The two are learnt apart, see `HairTexture.forward`.
        """
        score, hair = self.texture(image, separate=True)
        return self.fc_final(score), hair


class PropertyCNN(nn.Module):
    """Six independent sub-networks that give the seven property scores.

    Their modules are named `eyes_score_cnn`, `mouth_score_cnn`, `pose_score_cnn`,
    `hair_color_score_cnn`, `hair_length_score_cnn` and `background_score_cnn`; merged with
    `hairstyle_score_cnn` there are eight scores (section 5.4).

    Args:
        resolution: image side in pixels, a multiple of 32.
        conv_dropout: probability that a channel is dropped after a convolution.
        dropout: probability that a feature is dropped after fc1.
        hairstyle: whether it is merged with a `HairstyleCNN`.
        crops: where branches look in pictures that are framed otherwise than aligned CelebA.
    """

    kind: ClassVar[str] = "property_cnn"

    def __init__(
        self,
        resolution: int,
        conv_dropout: float = 0.05,
        dropout: float = 0.45,
        hairstyle: bool = False,
        crops: Crops | None = None,
    ) -> None:
        super().__init__()
        self._config = {
            "resolution": resolution,
            "conv_dropout": conv_dropout,
            "dropout": dropout,
            "hairstyle": hairstyle,
        }
        self.crops = {name: list(place) for name, place in (crops or {}).items()}
        if self.crops:
            self._config["crops"] = self.crops
        self.resolution = resolution
        for name in BRANCHES:
            branch = PropertyBranch(name, resolution, conv_dropout, dropout, crops)
            self.add_module(f"{name}_score_cnn", branch)
        self.outputs = OUTPUTS
        if hairstyle:
            self.hairstyle_score_cnn = HairstyleCNN(resolution, conv_dropout)
            self.outputs = (*OUTPUTS, *HairstyleCNN.outputs)

    def config(self) -> dict:
        """Return the constructor arguments."""
        return dict(self._config)

    def branches(self) -> list[nn.Module]:
        """Return the sub-networks in the order of `BRANCHES`, then that of the hairstyle."""
        own = [self.get_submodule(f"{name}_score_cnn") for name in BRANCHES]
        return own + ([self.hairstyle_score_cnn] if self._config["hairstyle"] else [])

    def forward(self, image: Tensor, outputs: Sequence[str] | None = None) -> Tensor:
        """Tell the scores of pictures.

        Args:
            image: [N, 3, resolution, resolution] RGB in [-1, 1], the whole picture.
            outputs: which; only their sub-networks run. None for all.

        Returns:
            [N, outputs], all are 7, merged 8; unbounded, z-scores in the order of `outputs`.

        Raises:
            ValueError: if the image does not fit the network.
        """
        outputs = self.outputs if outputs is None else outputs
        found: dict[str, Tensor] = {}
        for branch in self.branches():
            if not set(outputs).isdisjoint(branch.outputs):
                found |= zip(branch.outputs, branch(image).split(1, dim=1), strict=True)
        return torch.cat([found[name] for name in outputs], dim=1)


@torch.inference_mode()
def predict(
    network: PropertyCNN | HairstyleCNN,
    images: np.ndarray,
    outputs: Sequence[str] | None = None,
    batch_size: int = 64,
    dropout: bool = False,
) -> np.ndarray:
    """Score pictures, in eval mode unless `dropout` says otherwise.

    Args:
        network: on any device.
        images: uint8 [N, side, side, 3].
        outputs: which scores of a `PropertyCNN`; only their sub-networks run. None for all.
        batch_size: pictures scored at once.
        dropout: leave it on, a published oversight; it follows torch's global random state.

    Returns:
        float32 [N, outputs] z-scores in the order of `outputs`, or else of `network.outputs`.
    """
    network.train(dropout)
    device = next(network.parameters()).device
    names, chosen = (network.outputs, ()) if outputs is None else (outputs, (outputs,))
    scores = np.empty((len(images), len(names)), np.float32)
    for rows, batch in full_batches(images, batch_size):
        scores[rows] = network(to_float(batch, device), *chosen).cpu()[: rows.stop - rows.start]
    return scores
