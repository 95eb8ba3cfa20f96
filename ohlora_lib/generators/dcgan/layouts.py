"""Published DCGAN weights (a `Sequential` of PyTorch's DCGAN tutorial) become this generator."""

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from ohlora_lib.errors import InputError
from ohlora_lib.generators.dcgan.generator import DCGANGenerator

EPSILON = 1e-5  # of the published batch norms
KEY = re.compile(r"main\.(\d+)\.(weight|bias|running_mean|running_var|num_batches_tracked)")


@torch.no_grad()
def from_published(tensors: Mapping[str, Tensor]) -> DCGANGenerator:
    """Build the generator that draws what published weights draw from a normalised z.

    Every convolution but the last is followed by a batch norm, which is folded into it.

    Args:
        tensors: the state dict of the published generator: `main.0.weight` [z_dim, C, 4, 4],
            `main.1.*` its batch norm, and so on in steps of three; the last one has none.

    Raises:
        InputError: the tensors are not those of such a generator.
    """
    numbers = set()
    for key in tensors:
        match = KEY.fullmatch(key)
        if match is None:
            raise InputError(f"{key} is no tensor of a DCGAN generator; supply another file")
        numbers.add(int(match[1]))
    convolutions = sorted(number for number in numbers if number % 3 == 0)
    kernels = [tensors[f"main.{number}.weight"] for number in convolutions]
    widths = [kernel.shape[1] for kernel in kernels]
    if widths[-1] != 3 or any(kernel.shape[2:] != (4, 4) for kernel in kernels):
        raise InputError(
            f"transposed convolutions of 4x4 that end in 3 channels are needed, found "
            f"{[tuple(kernel.shape) for kernel in kernels]}; supply another file"
        )
    generator = DCGANGenerator(z_dim=kernels[0].shape[0], channels=widths[:-1])
    for i, (number, kernel) in enumerate(zip(convolutions, kernels, strict=True)):
        layer = generator.synthesis.get_submodule(f"layer{i}")
        if i == len(kernels) - 1:
            layer.weight.copy_(kernel)
            continue
        norm = {part: tensors[f"main.{number + 1}.{part}"] for part in
                ("weight", "bias", "running_mean", "running_var")}  # fmt: skip
        # in float64, so that folding costs no digits
        scale = norm["weight"].double() / (norm["running_var"].double() + EPSILON).sqrt()
        layer.weight.copy_(kernel.double() * scale[:, None, None])
        layer.bias.copy_(norm["bias"].double() - norm["running_mean"].double() * scale)
    return generator.eval()
