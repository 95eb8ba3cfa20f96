"""The StyleGAN generator: latent (and label) to style vectors to picture.

Karras et al., "A Style-Based Generator Architecture for Generative Adversarial Networks" (2019),
with the parameter names and shapes of the GenForce checkpoints, so that those load as they are.
"""

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ohlora_lib.generators.base import Generator, Labelling, Trainable
from ohlora_lib.generators.stylegan1.fast import FastSynthesis
from ohlora_lib.generators.stylegan1.layers import (
    EPSILON,
    SLOPE,
    Blur,
    Dense,
    EqualizedConv,
    Noise,
    PixelNorm,
    PointwiseConv,
    channels_last_on_cpu,
    feature_maps,
    is_fused,
    log2_resolution,
    rescaling_kernel,
    upsample_nearest,
)


class Mapping(nn.Module):
    """Latent z and label to the intermediate latent w.

    The label times `label_weight` is put behind z, and both are normalised together.

    Args:
        z_dim: width of z.
        w_dim: width of w.
        hidden_dim: width of the layers between.
        layers: number of dense layers.
        lr_mul: learning-rate multiplier of all of them.
        label_dim: width of the label; 0 for none.
        label_embed_dim: width of the embedded label; 0 puts the label itself behind z.
    """

    def __init__(
        self,
        z_dim: int,
        w_dim: int,
        hidden_dim: int,
        layers: int,
        lr_mul: float,
        label_dim: int,
        label_embed_dim: int,
    ) -> None:
        super().__init__()
        self.z_dim = z_dim
        self.label_dim = label_dim
        self.layers = layers
        in_dim = z_dim
        self.label_weight: nn.Parameter | None = None
        if label_dim:
            in_dim += label_embed_dim or label_dim
            if label_embed_dim:
                self.label_weight = nn.Parameter(torch.randn(label_dim, label_embed_dim))
        self.norm = PixelNorm()
        widths = [in_dim, *[hidden_dim] * (layers - 1), w_dim]
        for i in range(layers):
            self.add_module(f"dense{i}", Dense(widths[i], widths[i + 1], lr_mul=lr_mul))

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        """Map latents to w.

        Args:
            z: [N, z_dim].
            label: [N, label_dim]; required if the network has a label, else not allowed.

        Returns:
            w, [N, w_dim].

        Raises:
            ValueError: if z or the label does not fit the network.
        """
        if z.ndim != 2 or z.shape[1] != self.z_dim:
            raise ValueError(f"z must be [N, {self.z_dim}], got {list(z.shape)}")
        x = z
        if self.label_dim:
            if label is None or label.shape != (len(z), self.label_dim):
                found = None if label is None else list(label.shape)
                raise ValueError(f"label must be [{len(z)}, {self.label_dim}], got {found}")
            embedded = label if self.label_weight is None else label @ self.label_weight
            x = torch.cat([z, embedded], dim=1)
        elif label is not None:
            raise ValueError("the generator has no label but one was given")
        x = self.norm(x)
        for i in range(self.layers):
            x = self.get_submodule(f"dense{i}")(x)
        return x


class Truncation(nn.Module):
    """The running average of w, which truncation pulls towards."""

    def __init__(self, w_dim: int) -> None:
        super().__init__()
        self.register_buffer("w_avg", torch.zeros(w_dim))

    @torch.no_grad()
    def update(self, w: Tensor, decay: float) -> None:
        """Move the average: w_avg <- decay * w_avg + (1 - decay) * mean of w [N, w_dim]."""
        self.w_avg.lerp_(w.detach().mean(dim=0), 1 - decay)


class StyledLayer(nn.Module):
    """Everything in a synthesis layer that follows its convolution.

    Noise, bias, leaky ReLU, instance norm, style.
    """

    def __init__(self, channels: int, resolution: int, w_dim: int) -> None:
        super().__init__()
        self.apply_noise = Noise(channels, resolution)
        self.style = Dense(w_dim, 2 * channels, gain=1.0, activation=False)

    def finish(self, x: Tensor, bias: Tensor, w: Tensor, randomize_noise: bool) -> Tensor:
        """Turn the convolution's output [N, C, H, W] into the layer's, under style w [N, w_dim]."""
        x = F.leaky_relu(self.apply_noise(x, bias, randomize_noise), SLOPE)
        pixels = x.shape[2] * x.shape[3]
        # Sums divided afterwards: the gradient of a mean would be divided at full size.
        x = x - x.sum(dim=(2, 3), keepdim=True) / pixels
        variance = x.square().sum(dim=(2, 3), keepdim=True) / pixels
        scale, shift = self.style(w)[:, :, None, None].chunk(2, dim=1)
        return x * (torch.rsqrt(variance + EPSILON) * (scale + 1)) + shift


class ConstLayer(StyledLayer):
    """The first synthesis layer: a learned 4x4 picture instead of a convolution."""

    def __init__(self, channels: int, w_dim: int) -> None:
        super().__init__(channels, 4, w_dim)
        self.const = nn.Parameter(torch.ones(1, channels, 4, 4))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, w: Tensor, randomize_noise: bool = False) -> Tensor:
        """Return [N, C, 4, 4] for w [N, w_dim]."""
        x = channels_last_on_cpu(self.const.expand(len(w), -1, -1, -1))
        return self.finish(x, self.bias, w, randomize_noise)


class SynthesisLayer(StyledLayer):
    """A 3x3 convolution, doubling the resolution first if `upsample`, and what follows it.

    Args:
        in_channels: input channels.
        out_channels: output channels.
        resolution: of the output.
        w_dim: width of w.
        upsample: whether the resolution doubles.
        fused: whether the doubling is trained as one transposed convolution.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        resolution: int,
        w_dim: int,
        upsample: bool,
        fused: bool,
    ) -> None:
        super().__init__(out_channels, resolution, w_dim)
        conv = EqualizedConv(in_channels, out_channels)
        self.weight, self.bias, self.weight_scale = conv.weight, conv.bias, conv.weight_scale
        self.upsample = upsample
        self.fused = fused
        self.blur = Blur(out_channels) if upsample else None

    def run_time_weight(self) -> Tensor:
        """Return the scaled kernel as `convolve` uses it: [out, in, 3, 3] or [in, out, 4, 4]."""
        weight = self.weight * self.weight_scale
        if not self.upsample:
            return weight
        # Nearest-neighbour doubling followed by a 3x3 convolution equals the transposed convolution
        # with the summed kernel, mirrored, at less than half the multiplications.
        return rescaling_kernel(weight if self.fused else weight.flip(2, 3)).transpose(0, 1)

    def convolve(self, x: Tensor) -> Tensor:
        """Return the (blurred) convolution of [N, in, h, w], without bias."""
        weight = self.run_time_weight()
        if not self.upsample:
            return F.conv2d(x, weight, padding=1)
        return self.blur(F.conv_transpose2d(x, weight, stride=2, padding=1))

    def forward(self, x: Tensor, w: Tensor, randomize_noise: bool = False) -> Tensor:
        """Map [N, in, h, w] to [N, out, H, W] under style w [N, w_dim]."""
        return self.finish(self.convolve(x), self.bias, w, randomize_noise)


class Synthesis(nn.Module):
    """Per-layer w to picture; see `StyleGANGenerator` for the arguments."""

    def __init__(
        self,
        resolution: int,
        w_dim: int,
        fmaps_base: int,
        fmaps_max: int,
        fused_scale: bool | str,
    ) -> None:
        super().__init__()
        self.log2 = log2_resolution(resolution)
        self.num_layers = (self.log2 - 1) * 2
        self.register_buffer("lod", torch.zeros(()))
        in_channels = feature_maps(4, fmaps_base, fmaps_max)
        for power in range(2, self.log2 + 1):
            side, block = 2**power, power - 2
            channels = feature_maps(side, fmaps_base, fmaps_max)
            fused = is_fused(fused_scale, side)
            if block == 0:
                first = ConstLayer(channels, w_dim)
            else:
                first = SynthesisLayer(in_channels, channels, side, w_dim, True, fused)
            second = SynthesisLayer(channels, channels, side, w_dim, False, fused)
            self.add_module(f"layer{2 * block}", first)
            self.add_module(f"layer{2 * block + 1}", second)
            self.add_module(f"output{block}", PointwiseConv(channels, 3, activation=False))
            in_channels = channels

    def forward(
        self, wp: Tensor, lod: float | None = None, randomize_noise: bool = False
    ) -> Tensor:
        """Draw the pictures.

        Args:
            wp: [N, num_layers, w_dim].
            lod: level of detail; 0 draws all layers, 1 stops one doubling earlier (the picture is
                enlarged by repeating pixels), fractions blend. None takes the buffer `lod`.
            randomize_noise: fresh noise per sample instead of the stored one.

        Returns:
            [N, 3, resolution, resolution], nominally in [-1, 1], not clipped.

        Raises:
            ValueError: if `wp` or `lod` does not fit the network.
        """
        if wp.ndim != 3 or wp.shape[1] != self.num_layers:
            raise ValueError(f"wp must be [N, {self.num_layers}, w_dim], got {list(wp.shape)}")
        lod = float(self.lod) if lod is None else lod
        if not 0 <= lod <= self.log2 - 2:
            raise ValueError(f"lod must be from 0 to {self.log2 - 2}, got {lod}")
        x = image = None
        for block in range(self.log2 - 1):
            level = self.log2 - 2 - block  # lod at which this block's picture is the result
            if lod < level + 1:
                for i in (2 * block, 2 * block + 1):
                    layer, w = self.get_submodule(f"layer{i}"), wp[:, i]
                    x = layer(w, randomize_noise) if x is None else layer(x, w, randomize_noise)
            if level - 1 < lod <= level:
                image = self.get_submodule(f"output{block}")(x)
            elif level < lod < level + 1:
                own = self.get_submodule(f"output{block}")(x)
                image = torch.lerp(own, upsample_nearest(image), lod - level)
            elif lod >= level + 1:
                image = upsample_nearest(image)
        return image


class StyleGANGenerator(Generator):
    """The generator: `mapping`, `truncation` and `synthesis`, callable one by one or together.

    Args:
        resolution: image side in pixels, a power of two from 8 to 1024.
        z_dim: width of the latent z.
        w_dim: width of the intermediate latent w.
        hidden_dim: width of the mapping network.
        mapping_layers: number of dense layers in the mapping network.
        fmaps_base: channels at resolution r are min(fmaps_base / r, fmaps_max).
        fmaps_max: see `fmaps_base`.
        label_dim: width of the label; 0 for none.
        label_embed_dim: width of the learned label embedding; None for z_dim, 0 for no embedding
            (the label itself goes behind z).
        mapping_lr_mul: learning-rate multiplier of the mapping network.
        fused_scale: whether doubling layers are trained as one transposed convolution; "auto" does
            so from 128 pixels on. It decides how stored weights are read, not how fast they run.
        w_avg_decay: of the running average of w, updated in training mode only.
    """

    kind: ClassVar[str] = "stylegan_generator"

    def __init__(
        self,
        resolution: int,
        z_dim: int = 512,
        w_dim: int = 512,
        hidden_dim: int = 512,
        mapping_layers: int = 8,
        fmaps_base: int = 16384,
        fmaps_max: int = 512,
        label_dim: int = 0,
        label_embed_dim: int | None = None,
        mapping_lr_mul: float = 0.01,
        fused_scale: bool | str = "auto",
        w_avg_decay: float = 0.995,
    ) -> None:
        super().__init__()
        label_embed_dim = z_dim if label_embed_dim is None else label_embed_dim
        self._config = {
            "resolution": resolution,
            "z_dim": z_dim,
            "w_dim": w_dim,
            "hidden_dim": hidden_dim,
            "mapping_layers": mapping_layers,
            "fmaps_base": fmaps_base,
            "fmaps_max": fmaps_max,
            "label_dim": label_dim,
            "label_embed_dim": label_embed_dim,
            "mapping_lr_mul": mapping_lr_mul,
            "fused_scale": fused_scale,
            "w_avg_decay": w_avg_decay,
        }
        self.resolution = resolution
        self.z_dim = z_dim
        self.w_dim = w_dim
        self.label_dim = label_dim
        self.label_embed_dim = label_embed_dim if label_dim else 0
        self.w_avg_decay = w_avg_decay
        self.mapping = Mapping(
            z_dim, w_dim, hidden_dim, mapping_layers, mapping_lr_mul, label_dim, label_embed_dim
        )
        self.synthesis = Synthesis(resolution, w_dim, fmaps_base, fmaps_max, fused_scale)
        self.num_layers = self.synthesis.num_layers
        self.truncation = Truncation(w_dim)

    def config(self) -> dict:
        """Return the constructor arguments."""
        return dict(self._config)

    @property
    def w_avg(self) -> Tensor:
        """See `Generator`."""
        return self.truncation.w_avg

    @property
    def label_embedding(self) -> Tensor | None:
        """See `Generator`."""
        return self.mapping.label_weight

    def drawing(self) -> FastSynthesis:
        """See `Generator`."""
        return FastSynthesis(self.synthesis)

    def with_labels(self, labelling: Labelling) -> "StyleGANGenerator":
        """See `Generator` and `conditioning.conditional_generator`."""
        from ohlora_lib.generators.stylegan1.conditioning import conditional_generator

        return conditional_generator(self, labelling)

    def with_random_label(self, embedding: Tensor) -> "StyleGANGenerator":
        """See `Generator`."""
        generator = StyleGANGenerator(**{**self.config(), "label_dim": len(embedding)})
        generator.load_state_dict({**self.state_dict(), "mapping.label_weight": embedding})
        return generator.eval()

    def trainable(self) -> Trainable:
        """See `Generator`."""
        dense = [value for name, value in self.mapping.named_parameters() if "dense" in name]
        first = [self.synthesis.get_submodule(name) for name in ("layer0", "layer1", "output0")]
        label = self.mapping.label_weight
        return Trainable(
            mapping=dense,
            mapping_multiplier=self._config["mapping_lr_mul"],
            label=[] if label is None else [label],
            first=[parameter for layer in first for parameter in layer.parameters()],
            synthesis=list(self.synthesis.parameters()),
        )

    def forward(
        self,
        z: Tensor,
        label: Tensor | None = None,
        trunc_psi: float = 1.0,
        trunc_layers: int = 0,
        lod: float | None = None,
        randomize_noise: bool = False,
        style_mixing_prob: float = 0.0,
    ) -> Tensor:
        """Draw the pictures of latents.

        In training mode the running average of w is updated; nothing else depends on the mode.

        Args:
            z: [N, z_dim], N(0, 1).
            label: [N, label_dim], if the network has a label.
            trunc_psi: truncation; 1 for none.
            trunc_layers: how many of the first layers are truncated; 0 for none.
            lod: level of detail, see `Synthesis.forward`.
            randomize_noise: fresh noise per sample instead of the stored one.
            style_mixing_prob: with this probability, drawn once for the whole batch, a second
                random latent with the same label takes over from a random layer on.

        Returns:
            [N, 3, resolution, resolution], nominally in [-1, 1], not clipped.

        Raises:
            ValueError: if an argument does not fit the network.
        """
        w = self.mapping(z, label)
        if self.training:
            self.truncation.update(w, self.w_avg_decay)
        if style_mixing_prob > 0 and torch.rand(()).item() < style_mixing_prob:
            other = self.mapping(torch.randn_like(z), label)
            cut = int(torch.randint(1, self.num_layers, ()))
            first = w[:, None].expand(-1, cut, -1)
            w = torch.cat([first, other[:, None].expand(-1, self.num_layers - cut, -1)], dim=1)
        return self.synthesis(self.truncate(w, trunc_psi, trunc_layers), lod, randomize_noise)
