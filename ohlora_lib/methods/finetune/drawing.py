"""How a fine-tune draws faces, which scores it requests, and what frozen networks predict."""

import contextlib
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from ohlora_lib.generators.base import Generator
from ohlora_lib.methods.finetune.options import FinetuneOptions
from ohlora_lib.methods.finetune.training_faces import quantised
from ohlora_lib.networks.attribute_cnn import AttributeCNN
from ohlora_lib.networks.property_cnn import LAYOUTS, PropertyCNN


def precision(options: FinetuneOptions, device: torch.device) -> contextlib.AbstractContextManager:
    """Return the context in which networks draw and judge; weights and losses stay float32.

    Cards multiply bfloat16 several times faster than float32; processors without instructions of
    their own for it do not. R1 is no part of this: it differentiates twice.
    """
    chosen = options.precision
    if chosen == "bfloat16" or (chosen == "auto" and device.type == "cuda"):
        return torch.autocast(device.type, torch.bfloat16)
    return contextlib.nullcontext()


def draw_faces(
    generator: Generator, z: Tensor, label: Tensor, options: FinetuneOptions
) -> tuple[Tensor, Tensor]:
    """Draw faces as the version's recipe says.

    Args:
        generator: with a label.
        z: [N, z_dim].
        label: [N, K].
        options: `style_mixing`, `fresh_noise`, `truncation_psi`, `truncation_samples`, `quantise`,
            `precision`.

    Returns:
        Pictures [N, 3, R, R] and their w [N, w_dim] before mixing and truncation.
    """
    w = generator.mapping(z, label)
    used = w
    if options.truncation_psi != 1:
        mean = conditional_mean(generator, label, options.truncation_samples)
        used = mean + options.truncation_psi * (w - mean)
    wp = generator.truncate(used)
    if options.style_mixing and torch.rand(()).item() < options.style_mixing:
        other = generator.mapping(torch.randn_like(z), label)
        cut = int(torch.randint(1, generator.num_layers, ()))
        wp = torch.cat([wp[:, :cut], generator.truncate(other)[:, cut:]], dim=1)
    with precision(options, z.device):
        images = generator.synthesis(wp, randomize_noise=options.fresh_noise).float()
    return quantised(images) if options.quantise else images, w


def conditional_mean(generator: Generator, label: Tensor, samples: int) -> Tensor:
    """Return the mean w of random latents under each label: [N, K] to [N, w_dim] (FineTune-v5)."""
    z = torch.randn(samples, generator.z_dim, device=label.device)
    pairs = z.repeat(len(label), 1), label.repeat_interleave(samples, dim=0)
    return generator.mapping(*pairs).unflatten(0, (len(label), samples)).mean(dim=1)


@torch.no_grad()
def set_mean_w(generator: Generator, seed: int, samples: int = 4096) -> None:
    """Set the mean towards which truncation draws to that of random latents under random labels.

    A generator follows the mean itself only where it draws whole; here mapping and synthesis are
    called apart, and it would keep the mean of the one it began with.

    Args:
        generator: with a label; its `w_avg` [w_dim] is replaced.
        seed: of the latents and labels, both N(0, 1).
        samples: how many of them.
    """
    device = generator.w_avg.device
    stream = torch.Generator().manual_seed(seed)
    z = torch.randn(samples, generator.z_dim, generator=stream).to(device)
    label = torch.randn(samples, generator.label_dim, generator=stream).to(device)
    generator.w_avg.copy_(generator.mapping(z, label).mean(dim=0))


def requested_labels(own: Tensor, options: FinetuneOptions) -> Tensor:
    """Return the scores to request: `own` [N, K] or zeros as published, else random, spread wider.

    The protocols request up to 3.6 standard deviations, and for one property whatever the others
    are; real faces hardly show that.
    """
    if options.zero_labels:
        return torch.zeros_like(own)
    if options.label_scale == 0:
        return own
    return options.label_scale * torch.randn_like(own)


def read_scores(
    judge: PropertyCNN, images: Tensor, names: tuple[str, ...], options: FinetuneOptions
) -> Tensor:
    """Return the named scores [N, len(names)] of pictures; only the branches needed run."""
    found: dict[str, Tensor] = {}
    with precision(options, images.device):
        for branch, layout in LAYOUTS.items():
            if set(layout.outputs) & set(names):
                scores = judge.get_submodule(f"{branch}_score_cnn")(images).float()
                found |= zip(layout.outputs, scores.split(1, dim=1), strict=True)
    return torch.cat([found[name] for name in names], dim=1)


def content_loss(
    w: Tensor,
    z: Tensor,
    base: Generator,
    label: Tensor | None = None,
    rows: slice = slice(None),
) -> Tensor:
    """How far w is from that of the starting generator, in units of that one's variance.

    The variance is that of all z; w may be of some rows of z only.

    The starting generator is given `label` if it takes labels of that width; else average scores
    (zeros), or none.
    """
    with torch.no_grad():
        if label is None or label.shape[1] != base.label_dim:
            label = torch.zeros(len(z), base.label_dim, device=z.device)
        start = base.mapping(z, label if base.label_dim else None)
    return (w - start[rows]).square().mean() / start.var(dim=0).mean()


def attribute_loss(
    judges: Sequence[AttributeCNN],
    wanted: Mapping[str, bool],
    images: Tensor,
    options: FinetuneOptions,
) -> Tensor:
    """Mean squared distance to the wanted answers, summed over attributes; pictures in [-1, 1]."""
    pixels = (images + 1) / 2 if options.judge_range else images
    with precision(options, images.device):
        answers = [judge(pixels).float() for judge in judges]
    errors = [
        (float(wanted[judge.attribute]) - answer).square().mean()
        for judge, answer in zip(judges, answers, strict=True)
    ]
    return torch.stack(errors).sum()


def freeze(module: nn.Module, dropout: bool) -> nn.Module:
    """Make a judge frozen; with its dropout on, as published, if `dropout`."""
    return module.requires_grad_(False).train(dropout)
