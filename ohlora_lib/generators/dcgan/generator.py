"""A DCGAN generator with StyleGAN's mapping network in front and a style in every later layer.

Radford, Metz and Chintala, "Unsupervised Representation Learning with Deep Convolutional Generative
Adversarial Networks" (2016): transposed convolutions with 4x4 kernels from the latent to the
picture. At the start the mapping network hands z on as it is (normalised) and all styles are zero,
so that exactly the published pictures are drawn; fine-tunes may change both.
"""

from collections.abc import Callable, Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ohlora_lib.generators.base import Generator, Labelling, Trainable
from ohlora_lib.generators.dcgan.fast import FastSynthesis
from ohlora_lib.generators.stylegan1.generator import Mapping, Truncation
from ohlora_lib.generators.stylegan1.layers import SLOPE, Dense, channels_last_on_cpu


class PairedMapping(Mapping):
    """StyleGAN's mapping network, started as the identity.

    Its layers hold x as the pair x, -x: after a leaky ReLU the difference of the two is x times
    1 + slope, exactly, whatever the sign of x. The last layer's pair becomes w by that difference,
    so that w is as wide as z, and linear in it at the start. The units beyond the pair are free:
    they see random features of the latent, which nothing uses until training finds a use for them.

    Args:
        z_dim: width of z and of w.
        hidden_dim: width of the layers between; at least 2 z_dim.
        layers: number of dense layers, at least 2.
        lr_mul: learning-rate multiplier of all of them.
        label_dim: width of the label; 0 for none.
        label_embed_dim: width of the embedded label; 0 puts the label itself behind z.
    """

    def __init__(
        self,
        z_dim: int,
        hidden_dim: int,
        layers: int,
        lr_mul: float,
        label_dim: int,
        label_embed_dim: int,
    ) -> None:
        if layers < 2 or hidden_dim < 2 * z_dim:
            raise ValueError(
                f"the identity needs 2 layers or more, {2 * z_dim} wide or more; "
                f"got {layers}, {hidden_dim}"
            )
        super().__init__(z_dim, 2 * z_dim, hidden_dim, layers, lr_mul, label_dim, label_embed_dim)
        self.start_as_identity()

    @torch.no_grad()
    def start_as_identity(self) -> None:
        """Set the weights so that w is the normalised z, whatever the label."""
        z_dim, pair = self.z_dim, 2 * self.z_dim
        keep = torch.eye(z_dim)
        for i in range(self.layers):
            dense = self.get_submodule(f"dense{i}")
            kept = dense.weight[:pair]
            kept.zero_()
            if i == 0:
                kept[:z_dim, :z_dim], kept[z_dim:, :z_dim] = keep, -keep
            else:
                block = torch.cat([keep, -keep], dim=1) / (1 + SLOPE)
                kept[:z_dim, :pair], kept[z_dim:, :pair] = block, -block
            kept.div_(dense.weight_scale)

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        """Map latents [N, z_dim] (and labels [N, label_dim]) to w [N, z_dim]; see `Mapping`."""
        positive, negative = super().forward(z, label).chunk(2, dim=1)
        return (positive - negative) / (1 + SLOPE)


class FirstLayer(nn.Module):
    """w to the first feature map, 4x4; the batch norm of the published layer is folded in."""

    def __init__(self, w_dim: int, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(w_dim, channels, 4, 4) * (2 / w_dim) ** 0.5)
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, w: Tensor) -> Tensor:
        """Map [N, w_dim] to [N, channels, 4, 4]."""
        x = (w @ self.weight.flatten(1)).unflatten(1, self.weight.shape[1:])
        return F.relu(channels_last_on_cpu(x + self.bias[:, None, None]))


class StyledLayer(nn.Module):
    """Transposed convolution to twice the size, and a scale and shift per channel from w.

    Args:
        in_channels: input channels.
        out_channels: output channels.
        w_dim: width of w.
    """

    def __init__(self, in_channels: int, out_channels: int, w_dim: int) -> None:
        super().__init__()
        # every output pixel is a sum over 4 of the 16 weights of each input channel
        std = (2 / (4 * in_channels)) ** 0.5
        self.weight = nn.Parameter(torch.randn(in_channels, out_channels, 4, 4) * std)
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.style = Dense(w_dim, 2 * out_channels, gain=1.0, activation=False)
        with torch.no_grad():
            self.style.weight.zero_()

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """Map [N, in, h, w] under w [N, w_dim] to [N, out, 2h, 2w], before its activation."""
        x = F.conv_transpose2d(x, self.weight, self.bias, stride=2, padding=1)
        scale, shift = self.style(w)[:, :, None, None].chunk(2, dim=1)
        return x * (scale + 1) + shift


class Synthesis(nn.Module):
    """Per-layer w to picture; see `DCGANGenerator` for the arguments."""

    def __init__(self, w_dim: int, channels: Sequence[int]) -> None:
        super().__init__()
        self.num_layers = len(channels) + 1
        self.layer0 = FirstLayer(w_dim, channels[0])
        for i, width in enumerate(channels):
            out = channels[i + 1] if i + 1 < len(channels) else 3
            self.add_module(f"layer{i + 1}", StyledLayer(width, out, w_dim))

    def forward(self, wp: Tensor, randomize_noise: bool = False) -> Tensor:
        """Draw pictures.

        Args:
            wp: [N, num_layers, w_dim].
            randomize_noise: changes nothing, as this family has no noise.

        Returns:
            [N, 3, R, R] in (-1, 1).

        Raises:
            ValueError: if `wp` does not fit the network.
        """
        w_dim = len(self.layer0.weight)
        if wp.ndim != 3 or wp.shape[1:] != (self.num_layers, w_dim):
            raise ValueError(f"wp must be [N, {self.num_layers}, {w_dim}], got {list(wp.shape)}")
        x = self.layer0(wp[:, 0])
        for i in range(1, self.num_layers):
            x = self.get_submodule(f"layer{i}")(x, wp[:, i])
            x = torch.tanh(x) if i == self.num_layers - 1 else F.relu(x)
        return x


class DCGANGenerator(Generator):
    """The generator.

    Args:
        z_dim: width of z and of w.
        channels: of the feature maps at 4, 8, 16 … pixels; the picture is twice the last.
        hidden_dim: width of the mapping network, at least 2 z_dim.
        mapping_layers: number of its dense layers, at least 2.
        mapping_lr_mul: learning-rate multiplier of the mapping network.
        label_dim: width of the label; 0 for none.
        label_embed_dim: width of the embedded label; 0 puts the label itself behind z.
    """

    kind: ClassVar[str] = "dcgan_generator"

    def __init__(
        self,
        z_dim: int = 100,
        channels: Sequence[int] = (512, 256, 128, 64),
        hidden_dim: int = 384,
        mapping_layers: int = 4,
        mapping_lr_mul: float = 0.01,
        label_dim: int = 0,
        label_embed_dim: int = 0,
    ) -> None:
        super().__init__()
        self._config = {
            "z_dim": z_dim,
            "channels": list(channels),
            "hidden_dim": hidden_dim,
            "mapping_layers": mapping_layers,
            "mapping_lr_mul": mapping_lr_mul,
            "label_dim": label_dim,
            "label_embed_dim": label_embed_dim,
        }
        self.resolution = 4 << len(channels)
        self.z_dim = self.w_dim = z_dim
        self.label_dim = label_dim
        self.label_embed_dim = label_embed_dim if label_dim else 0
        self.mapping = PairedMapping(
            z_dim, hidden_dim, mapping_layers, mapping_lr_mul, label_dim, label_embed_dim
        )
        self.synthesis = Synthesis(z_dim, channels)
        self.num_layers = self.synthesis.num_layers
        self.truncation = Truncation(z_dim)

    def config(self) -> dict:
        """Return the constructor arguments."""
        return dict(self._config)

    @property
    def w_avg(self) -> Tensor:
        """See `Generator`; zero at the start, as w is z."""
        return self.truncation.w_avg

    @property
    def label_embedding(self) -> Tensor | None:
        """See `Generator`."""
        return self.mapping.label_weight

    def drawing(self) -> Callable[[Tensor], Tensor]:
        """See `Generator`."""
        return FastSynthesis(self.synthesis)

    def with_labels(self, labelling: Labelling) -> "DCGANGenerator":
        """See `Generator` and `stylegan1.conditioning`, whose mapping network this has."""
        from ohlora_lib.generators.stylegan1.conditioning import conditional_generator

        return conditional_generator(self, labelling)

    def with_random_label(self, embedding: Tensor) -> "DCGANGenerator":
        """See `Generator`."""
        generator = DCGANGenerator(**{**self.config(), "label_dim": len(embedding)})
        generator.load_state_dict({**self.state_dict(), "mapping.label_weight": embedding})
        return generator.eval()

    def trainable(self) -> Trainable:
        """See `Generator`."""
        label = self.mapping.label_weight
        return Trainable(
            mapping=[value for name, value in self.mapping.named_parameters() if "dense" in name],
            mapping_multiplier=self._config["mapping_lr_mul"],
            label=[] if label is None else [label],
            first=list(self.synthesis.layer0.parameters()),
            synthesis=list(self.synthesis.parameters()),
        )
