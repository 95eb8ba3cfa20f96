"""Layers shared by the StyleGAN generator and discriminator.

Karras et al., "A Style-Based Generator Architecture for Generative Adversarial Networks" (2019),
with the parameter names, shapes and scaling rules of the GenForce checkpoints.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SQRT2 = math.sqrt(2.0)
SLOPE = 0.2  # of every leaky ReLU
EPSILON = 1e-8  # of every normalisation
FUSED_FROM = 128  # "auto": layers at this resolution and above use the fused kernels
MAX_RESOLUTION = 1024


def log2_resolution(resolution: int) -> int:
    """Return log2 of an image side.

    Raises:
        ValueError: if `resolution` is not a power of two from 8 to 1024.
    """
    power = resolution.bit_length() - 1
    if resolution != 1 << power or not 8 <= resolution <= MAX_RESOLUTION:
        raise ValueError(
            f"resolution must be a power of two from 8 to {MAX_RESOLUTION}, got {resolution}"
        )
    return power


def feature_maps(resolution: int, fmaps_base: int, fmaps_max: int) -> int:
    """Return the number of channels at `resolution`: min(base / resolution, maximum)."""
    return min(fmaps_base // resolution, fmaps_max)


def is_fused(fused_scale: bool | str, resolution: int) -> bool:
    """Decide whether the rescaling layer at `resolution` uses the fused kernel.

    Args:
        fused_scale: True, False or "auto" (fused from 128 pixels on).
        resolution: the larger of the layer's two resolutions.

    Raises:
        ValueError: for any other `fused_scale`.
    """
    if fused_scale == "auto":
        return resolution >= FUSED_FROM
    if not isinstance(fused_scale, bool):
        raise ValueError(f"fused_scale must be true, false or 'auto', got {fused_scale!r}")
    return fused_scale


def channels_last_on_cpu(x: Tensor) -> Tensor:
    """Return `x` channels-last if it is on the CPU, where that is two to four times faster."""
    if x.device.type == "cpu":
        return x.contiguous(memory_format=torch.channels_last)
    return x


def rescaling_kernel(weight: Tensor) -> Tensor:
    """Return the 4x4 kernel that is the sum of the four one-pixel shifts of a 3x3 kernel.

    Args:
        weight: [out, in, 3, 3].

    Returns:
        [out, in, 4, 4].
    """
    padded = F.pad(weight, (1, 1, 1, 1))
    rows = padded[:, :, 1:] + padded[:, :, :-1]
    return rows[..., 1:] + rows[..., :-1]


def upsample_nearest(x: Tensor) -> Tensor:
    """Double height and width by repeating pixels."""
    return F.interpolate(x, scale_factor=2, mode="nearest")


class PixelNorm(nn.Module):
    """Divide every row by the root of its mean square."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalise [N, C] over C."""
        return x * torch.rsqrt(x.square().mean(dim=1, keepdim=True) + EPSILON)


class Dense(nn.Module):
    """Dense layer with equalised learning rate.

    Args:
        in_features: input width.
        out_features: output width.
        gain: standard deviation of the output at the start, relative to the input's.
        lr_mul: weights are stored divided by this and multiplied by it at run time.
        activation: whether a leaky ReLU follows.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        gain: float = SQRT2,
        lr_mul: float = 1.0,
        activation: bool = True,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_features, in_features) / lr_mul)
        self.bias = nn.Parameter(torch.zeros(out_features))
        self.weight_scale = gain * lr_mul / math.sqrt(in_features)
        self.bias_scale = lr_mul
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        """Map [N, in] (or [N, C, H, W], flattened) to [N, out]."""
        if x.ndim > 2:
            x = x.flatten(1)
        x = F.linear(x, self.weight * self.weight_scale, self.bias * self.bias_scale)
        return F.leaky_relu(x, SLOPE) if self.activation else x


class _SymmetricBlur(torch.autograd.Function):
    """Depthwise convolution with one symmetric kernel, which is its own gradient.

    Saying so makes the second derivative (needed by R1) a blur too; left to itself, PyTorch also
    computes the second derivative with respect to the constant kernel, sample by sample.
    """

    @staticmethod
    def forward(ctx, x: Tensor, kernel: Tensor) -> Tensor:
        ctx.save_for_backward(kernel)
        # outside autocast, going back, gradients may be bfloat16
        return F.conv2d(x, kernel.to(x.dtype), padding=1, groups=kernel.shape[0])

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor, None]:
        return _SymmetricBlur.apply(grad, *ctx.saved_tensors), None


class Blur(nn.Module):
    """The 3x3 blur [1, 2, 1] x [1, 2, 1] / 16, zero padded."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        line = torch.tensor([1.0, 2.0, 1.0])
        kernel = (line[:, None] * line[None, :] / 16).expand(channels, 1, 3, 3)
        self.register_buffer("kernel", kernel.clone())

    def forward(self, x: Tensor) -> Tensor:
        """Blur [N, C, H, W]."""
        return _SymmetricBlur.apply(x, self.kernel)


class Noise(nn.Module):
    """Adds one noise picture per layer, weighted per channel, and the layer's bias."""

    def __init__(self, channels: int, resolution: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(channels))
        self.register_buffer("noise", torch.randn(1, 1, resolution, resolution))

    def forward(self, x: Tensor, bias: Tensor, randomize_noise: bool = False) -> Tensor:
        """Add the stored noise, or fresh N(0, 1) per sample, and the bias [C] to [N, C, H, W]."""
        noise = self.noise
        if randomize_noise:
            noise = torch.randn(len(x), 1, *x.shape[2:], dtype=x.dtype, device=x.device)
        # Channels go last here so that both summands have the memory order of a channels-last x.
        summand = torch.addcmul(bias, noise.permute(0, 2, 3, 1), self.weight)  # [1 or N, H, W, C]
        return (x.permute(0, 2, 3, 1) + summand).permute(0, 3, 1, 2)


class EqualizedConv(nn.Module):
    """Convolution weights with equalised learning rate; the subclasses define `forward`.

    Args:
        in_channels: input channels.
        out_channels: output channels.
        kernel_size: 1 or 3.
        gain: standard deviation of the output at the start, relative to the input's.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int = 3, gain: float = SQRT2
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, kernel_size, kernel_size))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.weight_scale = gain / math.sqrt(in_channels * kernel_size**2)

    def scaled_weight(self) -> Tensor:
        """Return the weights as used at run time."""
        return self.weight * self.weight_scale


class PointwiseConv(EqualizedConv):
    """1x1 convolution to RGB (gain 1, linear) or from RGB (gain sqrt 2, leaky ReLU)."""

    def __init__(self, in_channels: int, out_channels: int, activation: bool) -> None:
        super().__init__(in_channels, out_channels, 1, gain=SQRT2 if activation else 1.0)
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        """Map [N, in, H, W] to [N, out, H, W]."""
        x = F.conv2d(x, self.scaled_weight(), self.bias)
        return F.leaky_relu(x, SLOPE) if self.activation else x
