"""Fast synthesis: all that does not depend on w is computed once."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from ohlora_lib.generators.stylegan1.layers import EPSILON, SLOPE, channels_last_on_cpu

if TYPE_CHECKING:
    from ohlora_lib.generators.stylegan1.generator import Synthesis


class _FoldedLayer:
    """One synthesis layer with all that does not depend on w computed beforehand."""

    def __init__(self, layer: torch.nn.Module) -> None:
        self.upsample = getattr(layer, "upsample", False)
        self.blur = layer.blur if self.upsample else None
        self.const = getattr(layer, "const", None)
        self.weight = None
        if self.const is None:
            self.weight = layer.run_time_weight().contiguous()
        bias = layer.bias[:, None, None]
        noise = layer.apply_noise
        self.offset = channels_last_on_cpu(noise.noise * noise.weight[:, None, None] + bias)
        self.style_weight = layer.style.weight * layer.style.weight_scale
        self.style_bias = layer.style.bias

    def __call__(self, x: Tensor | None, w: Tensor) -> Tensor:
        """Map [N, in, h, w] (nothing for the first layer) to [N, out, H, W] under w [N, w_dim]."""
        if self.const is not None:
            x = channels_last_on_cpu(self.const.repeat(len(w), 1, 1, 1))
        elif self.upsample:
            x = self.blur(F.conv_transpose2d(x, self.weight, stride=2, padding=1))
        else:
            x = F.conv2d(x, self.weight, padding=1)
        x = F.leaky_relu_(x.add_(self.offset), SLOPE)
        pixels = x.shape[2] * x.shape[3]
        x = x.sub_(x.sum(dim=(2, 3), keepdim=True) / pixels)
        variance = x.square().sum(dim=(2, 3), keepdim=True) / pixels
        style = F.linear(w, self.style_weight, self.style_bias)
        scale, shift = style[:, :, None, None].chunk(2, dim=1)
        return torch.addcmul(shift, x, torch.rsqrt(variance + EPSILON) * (scale + 1))


class FastSynthesis:
    """wp [N, num_layers, w_dim] to pictures [N, 3, R, R], without gradients, with stored noise.

    Args:
        synthesis: the network; later changes of its weights are not seen.
    """

    def __init__(self, synthesis: "Synthesis") -> None:
        with torch.inference_mode():
            self.layers = [
                _FoldedLayer(synthesis.get_submodule(f"layer{i}"))
                for i in range(synthesis.num_layers)
            ]
        self.to_rgb = synthesis.get_submodule(f"output{synthesis.log2 - 2}")

    def __call__(self, wp: Tensor) -> Tensor:
        """Draw pictures."""
        x = None
        for i, layer in enumerate(self.layers):
            x = layer(x, wp[:, i])
        return self.to_rgb(x)
