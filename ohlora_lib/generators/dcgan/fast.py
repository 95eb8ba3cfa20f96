"""Fast synthesis: styles that are zero are not computed, and activations happen in place."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from ohlora_lib.generators.stylegan1.layers import channels_last_on_cpu

if TYPE_CHECKING:
    from ohlora_lib.generators.dcgan.generator import StyledLayer, Synthesis


class _FoldedLayer:
    """One layer after the first, with all that does not depend on w computed beforehand."""

    def __init__(self, layer: "StyledLayer") -> None:
        self.weight = layer.weight.detach().clone()
        self.bias = layer.bias.detach().clone()
        self.style_weight = layer.style.weight * layer.style.weight_scale
        self.style_bias = layer.style.bias.detach().clone()
        self.styled = bool(self.style_weight.any() or self.style_bias.any())

    def __call__(self, x: Tensor, w: Tensor) -> Tensor:
        """Map [N, in, h, w] under w [N, w_dim] to [N, out, 2h, 2w], before its activation."""
        x = F.conv_transpose2d(x, self.weight, self.bias, stride=2, padding=1)
        if not self.styled:
            return x
        style = F.linear(w, self.style_weight, self.style_bias)
        scale, shift = style[:, :, None, None].chunk(2, dim=1)
        return torch.addcmul(shift, x, scale + 1)


class FastSynthesis:
    """wp [N, num_layers, w_dim] to pictures [N, 3, R, R], without gradients.

    Args:
        synthesis: the network; later changes of its weights are not seen.
    """

    def __init__(self, synthesis: "Synthesis") -> None:
        first = synthesis.layer0
        with torch.inference_mode():
            # columns in the memory order of a channels-last feature map
            self.first = first.weight.permute(0, 2, 3, 1).flatten(1).contiguous()
            self.first_bias = first.bias.repeat(16)
            self.layers = [
                _FoldedLayer(synthesis.get_submodule(f"layer{i}"))
                for i in range(1, synthesis.num_layers)
            ]

    def __call__(self, wp: Tensor) -> Tensor:
        """Draw pictures."""
        x = F.relu_(torch.addmm(self.first_bias, wp[:, 0], self.first))
        x = channels_last_on_cpu(x.unflatten(1, (4, 4, -1)).permute(0, 3, 1, 2))
        for i, layer in enumerate(self.layers, 1):
            x = layer(x, wp[:, i])
            x = torch.tanh_(x) if i == len(self.layers) else F.relu_(x)
        return x
