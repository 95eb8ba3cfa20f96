"""The StyleGAN discriminator: picture (and label) to one unbounded logit.

Karras et al., "A Style-Based Generator Architecture for Generative Adversarial Networks" (2019),
with the parameter names and shapes of the GenForce checkpoints, so that those load as they are.
"""

import math
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ohlora_lib.generators.base import Discriminator
from ohlora_lib.generators.stylegan1.layers import (
    EPSILON,
    SLOPE,
    Blur,
    Dense,
    EqualizedConv,
    PointwiseConv,
    channels_last_on_cpu,
    feature_maps,
    is_fused,
    log2_resolution,
    rescaling_kernel,
)

LABEL_MODES = ("product", "concat", "auxiliary")


def minibatch_group(batch: int, largest: int) -> int:
    """Return the largest group size that divides the batch and is at most `largest`."""
    return max(size for size in range(1, min(batch, largest) + 1) if batch % size == 0)


def append_minibatch_std(x: Tensor, largest_group: int) -> Tensor:
    """Append one channel: the mean standard deviation within groups of samples.

    Groups are strided (sample i and sample i + N / group belong together). A batch smaller than
    `largest_group` is one group; one that is not a multiple of it, which the GenForce code refuses,
    uses the largest group size that divides it.

    Args:
        x: [N, C, H, W].
        largest_group: samples per group.

    Returns:
        [N, C + 1, H, W].
    """
    n, _, h, w = x.shape
    group = minibatch_group(n, largest_group)
    y = x.reshape(group, n // group, *x.shape[1:])
    y = y - y.mean(dim=0, keepdim=True)
    y = torch.sqrt(y.square().mean(dim=0) + EPSILON)
    y = y.mean(dim=(1, 2, 3)).repeat(group)
    return torch.cat([x, y[:, None, None, None].expand(-1, 1, h, w)], dim=1)


class ConvLayer(EqualizedConv):
    """3x3 convolution, bias, leaky ReLU; with `downsample`, blurred before and halved after.

    Halving after a convolution equals one convolution with stride 2 and the summed 4x4 kernel at
    less than half the multiplications, so both forms of the checkpoints run as the latter.
    """

    def __init__(self, in_channels: int, out_channels: int, downsample: bool) -> None:
        super().__init__(in_channels, out_channels)
        self.blur = Blur(in_channels) if downsample else None

    def forward(self, x: Tensor) -> Tensor:
        """Map [N, in, H, W] to [N, out, H, W] or [N, out, H / 2, W / 2]."""
        weight = self.scaled_weight()
        if self.blur is None:
            x = F.conv2d(x, weight, self.bias, padding=1)
        else:
            kernel = rescaling_kernel(weight) * 0.25
            x = F.conv2d(self.blur(x), kernel, self.bias, stride=2, padding=1)
        return F.leaky_relu(x, SLOPE)


class MinibatchStdConvLayer(ConvLayer):
    """3x3 convolution that also sees the minibatch standard deviation."""

    def __init__(self, in_channels: int, out_channels: int, group: int) -> None:
        super().__init__(in_channels + 1, out_channels, downsample=False)
        self.group = group

    def forward(self, x: Tensor) -> Tensor:
        """Map [N, in, H, W] to [N, out, H, W]."""
        x = append_minibatch_std(x, self.group)
        return super().forward(channels_last_on_cpu(x))


class StyleGANDiscriminator(Discriminator):
    """The discriminator.

    Args:
        resolution: image side in pixels, a power of two from 8 to 1024.
        fmaps_base: channels at resolution r are min(fmaps_base / r, fmaps_max).
        fmaps_max: see `fmaps_base`.
        label_dim: width of the label; 0 for none.
        label_mode: "product": the last layer gives one logit per label number and the result is
            their sum weighted by the label (GenForce); "concat": the label joins the features
            before the last layer (the published fine-tunes); "auxiliary": the last layer predicts
            the label beside one logit (the corrected ones; Odena et al. 2017).
        minibatch_std_group: largest group of the minibatch standard deviation.
        fused_scale: accepted so that one set of arguments builds both networks; both values compute
            the same here.
    """

    kind: ClassVar[str] = "stylegan_discriminator"

    def __init__(
        self,
        resolution: int,
        fmaps_base: int = 16384,
        fmaps_max: int = 512,
        label_dim: int = 0,
        label_mode: str = "product",
        minibatch_std_group: int = 4,
        fused_scale: bool | str = "auto",
    ) -> None:
        super().__init__()
        if label_mode not in LABEL_MODES:
            raise ValueError(f"label_mode must be one of {LABEL_MODES}, got {label_mode!r}")
        if minibatch_std_group < 1:
            raise ValueError(f"minibatch_std_group must be at least 1, got {minibatch_std_group}")
        is_fused(fused_scale, resolution)  # refuses unknown values
        self._config = {
            "resolution": resolution,
            "fmaps_base": fmaps_base,
            "fmaps_max": fmaps_max,
            "label_dim": label_dim,
            "label_mode": label_mode,
            "minibatch_std_group": minibatch_std_group,
            "fused_scale": fused_scale,
        }
        self.resolution = resolution
        self.label_dim = label_dim
        self.label_mode = label_mode
        self.log2 = log2_resolution(resolution)
        self.register_buffer("lod", torch.zeros(()))
        for block in range(self.log2 - 1):
            side = resolution >> block
            channels = feature_maps(side, fmaps_base, fmaps_max)
            self.add_module(f"input{block}", PointwiseConv(3, channels, activation=True))
            if side > 4:
                smaller = feature_maps(side // 2, fmaps_base, fmaps_max)
                self.add_module(f"layer{2 * block}", ConvLayer(channels, channels, False))
                self.add_module(f"layer{2 * block + 1}", ConvLayer(channels, smaller, True))
            else:
                last = MinibatchStdConvLayer(channels, channels, minibatch_std_group)
                joined = label_dim if label_mode == "concat" else 0
                outputs = {"product": max(label_dim, 1), "concat": 1, "auxiliary": 1 + label_dim}
                self.add_module(f"layer{2 * block}", last)
                self.add_module(f"layer{2 * block + 1}", Dense(16 * channels, channels))
                self.add_module(
                    f"layer{2 * block + 2}",
                    Dense(channels + joined, outputs[label_mode], gain=1.0, activation=False),
                )

    def config(self) -> dict:
        """Return the constructor arguments."""
        return dict(self._config)

    def with_labels(self, count: int, auxiliary: bool) -> "StyleGANDiscriminator":
        """See `Discriminator` and `conditioning.conditional_discriminator`."""
        from ohlora_lib.generators.stylegan1.conditioning import conditional_discriminator

        return conditional_discriminator(self, count, auxiliary)

    def last_block(self) -> list[nn.Module]:
        """See `Discriminator`."""
        block = 2 * (self.log2 - 2)
        return [self.get_submodule(f"layer{block + i}") for i in range(3)]

    def whole_batch_layers(self) -> list[nn.Module]:
        """See `Discriminator`."""
        return [layer for layer in self.modules() if isinstance(layer, MinibatchStdConvLayer)]

    def features(self, image: Tensor, lod: float | None = None) -> Tensor:
        """Return what the last layer sees (without a label).

        Args:
            image: [N, 3, resolution, resolution], nominally in [-1, 1].
            lod: level of detail; 0 uses all layers, 1 skips the highest resolution (the picture is
                averaged down), fractions blend. None takes the buffer `lod`.

        Returns:
            [N, channels at 4 pixels].

        Raises:
            ValueError: if the image or `lod` does not fit the network.
        """
        side = self.resolution
        if image.ndim != 4 or image.shape[1:] != (3, side, side):
            raise ValueError(f"image must be [N, 3, {side}, {side}], got {list(image.shape)}")
        lod = float(self.lod) if lod is None else lod
        if not 0 <= lod <= self.log2 - 2:
            raise ValueError(f"lod must be from 0 to {self.log2 - 2}, got {lod}")
        image = channels_last_on_cpu(image)
        x = None
        for block in range(self.log2 - 1):  # block b works at lod b
            if block <= lod < block + 1:
                x = self.get_submodule(f"input{block}")(image)
            elif block - 1 < lod < block:
                own = self.get_submodule(f"input{block}")(image)
                x = torch.lerp(x, own, lod - math.floor(lod))
            if lod < block + 1:
                x = self.get_submodule(f"layer{2 * block}")(x)
                x = self.get_submodule(f"layer{2 * block + 1}")(x)
            if lod > block:
                image = F.avg_pool2d(image, 2)
        return x

    def logits(
        self, image: Tensor, label: Tensor | None = None, lod: float | None = None
    ) -> Tensor:
        """Return the last layer's output.

        Returns:
            [N, label_dim] in mode "product"; [N, 1 + label_dim] in mode "auxiliary", which takes no
            label: the logit, then the label it reads from the picture; else [N, 1].
        """
        if self.label_dim and self.label_mode != "auxiliary":
            if label is None or label.shape != (len(image), self.label_dim):
                found = None if label is None else list(label.shape)
                raise ValueError(f"label must be [{len(image)}, {self.label_dim}], got {found}")
        elif label is not None:
            raise ValueError("the discriminator has no label but one was given")
        x = self.features(image, lod)
        if self.label_dim and self.label_mode == "concat":
            x = torch.cat([x, label], dim=1)
        return self.get_submodule(f"layer{2 * self.log2 - 2}")(x)

    def forward(
        self, image: Tensor, label: Tensor | None = None, lod: float | None = None
    ) -> Tensor:
        """Score pictures.

        Args:
            image: [N, 3, resolution, resolution], nominally in [-1, 1].
            label: [N, label_dim], if the network has a label.
            lod: level of detail, see `features`.

        Returns:
            Logits [N, 1]; larger means more real.

        Raises:
            ValueError: if an argument does not fit the network.
        """
        logits = self.logits(image, label, lod)
        if self.label_dim and self.label_mode == "product":
            return (logits * label).sum(dim=1, keepdim=True)
        return logits[:, :1]
