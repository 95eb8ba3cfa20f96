"""What the objectives have in common: what they are given, what they offer, and optimisers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import nn

from ohlora_lib.generators.base import Discriminator, Generator, Labelling
from ohlora_lib.methods.finetune.options import FinetuneOptions
from ohlora_lib.methods.finetune.training_faces import Faces
from ohlora_lib.networks.attribute_cnn import AttributeCNN
from ohlora_lib.networks.property_cnn import PropertyCNN
from ohlora_lib.training.distributed import Ranks
from ohlora_lib.training.state import tensors_digest


@dataclass
class Given:
    """What a fine-tune is given; all on one device."""

    faces: Faces
    generator: Generator  # to be trained, with its label already
    base: Generator  # the one it started from, frozen
    property_cnn: PropertyCNN
    discriminator: Discriminator | None = None  # to start from; adversarial objectives only
    attribute_cnns: Sequence[AttributeCNN] = ()  # of options.attributes
    wanted: Mapping[str, bool] = field(default_factory=dict)  # the answers to train for
    device: str = "cpu"
    ranks: Ranks = field(default_factory=Ranks)  # the processes that train together

    def digests(self) -> dict[str, Any]:
        """Return digests of all that is learnt from, for the options of a resumable state."""
        faces = (self.faces.ids, self.faces.images, self.faces.labels)
        networks = {"start": self.generator, "base": self.base, "judge": self.property_cnn}
        networks |= {f"attribute_{cnn.attribute}": cnn for cnn in self.attribute_cnns}
        if self.discriminator is not None:
            networks["discriminator"] = self.discriminator
        return {
            "wanted": dict(self.wanted),
            "faces": tensors_digest({str(i): torch.tensor(x) for i, x in enumerate(faces)}),
            **{name: tensors_digest(each.state_dict()) for name, each in networks.items()},
        }


class Objective(Protocol):
    """A loss and what it trains."""

    trained: dict[str, nn.Module]  # averaged over the training and kept at their best
    unaveraged: dict[str, nn.Module]  # kept as they are when those are at their best
    modules: dict[str, nn.Module]  # all that the resumable state must hold
    optimizers: dict[str, torch.optim.Optimizer]
    log_columns: tuple[str, ...]  # names of what `learn` may return: the columns of the log

    def learn(self, step: int) -> dict[str, float]:
        """Do one step; return its losses, in score units squared or nats.

        Torch's global stream is seeded for the step.
        """
        ...

    def write(self, folder: Path, networks: dict[str, nn.Module], provenance: dict) -> None:
        """Write what the training made besides the generator, given the networks at their best."""
        ...


def generator_optimizer(
    generator: Generator, options: FinetuneOptions, beta: float = 0.9
) -> torch.optim.Optimizer:
    """Freeze what is not trained and return the optimiser of the rest."""
    groups = generator_groups(generator, options)
    if options.optimizer == "adamw":
        return torch.optim.AdamW(groups, fused=True)
    # Gradients of weights stored at 1 / lr_mul are small: a usual epsilon would swallow them.
    return torch.optim.Adam(groups, betas=(beta, 0.99), eps=1e-10, fused=True)


def labelling(options: FinetuneOptions, known: Sequence[str] = ()) -> Labelling:
    """Return how a generator is to take a fine-tune's label.

    Args:
        options: see `FinetuneOptions`.
        known: what the numbers of its present label mean; () where it has none.
    """
    return Labelling(
        labels=options.labels,
        known=known,
        embedding=options.embedding,
        embedding_std=options.embedding_std,
        keep_weights=options.keep_weights,
    )


def generator_groups(generator: Generator, options: FinetuneOptions) -> list[dict]:
    """Return the optimiser's groups of trained parameters, and freeze the others.

    Where the mapping network stores its weights divided by a multiplier (StyleGAN: 0.01), a step of
    the size that fits the other layers would be that share of what it needs.
    """
    generator.requires_grad_(False)
    parts = generator.trainable()
    multiplier = parts.mapping_multiplier if options.lr_by_multiplier else 1.0
    groups = [{"params": parts.mapping, "lr": options.lr / multiplier}]
    others = list(parts.label)
    if options.trainable == "all":
        others += parts.synthesis
    elif options.trainable == "first":
        others += parts.first
    if others:
        groups.append({"params": others, "lr": options.lr})
    for group in groups:
        for parameter in group["params"]:
            parameter.requires_grad_(True)
    return groups


def other_optimizer(
    parameters: list[nn.Parameter], options: FinetuneOptions, beta: float = 0.9
) -> torch.optim.Optimizer:
    """Return the optimiser of a discriminator, encoder or judge."""
    if options.optimizer == "adamw":
        return torch.optim.AdamW(parameters, lr=options.critic_lr, fused=True)
    return torch.optim.Adam(parameters, lr=options.critic_lr, betas=(beta, 0.99), fused=True)


def descend(
    loss: torch.Tensor, options: FinetuneOptions, *optimizers: torch.optim.Optimizer
) -> None:
    """One step down a loss of all that these optimisers train; see `options.clip`."""
    for optimizer in optimizers:
        optimizer.zero_grad(set_to_none=True)
    loss.backward()
    for optimizer in optimizers:
        if options.clip:
            parameters = [p for group in optimizer.param_groups for p in group["params"]]
            nn.utils.clip_grad_norm_(parameters, options.clip)
        optimizer.step()
