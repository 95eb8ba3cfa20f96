"""FineTune-v2 and v5-2: the property CNN must predict the label from the picture."""

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ohlora_lib.methods.finetune.drawing import (
    content_loss,
    draw_faces,
    freeze,
    read_scores,
    requested_labels,
)
from ohlora_lib.methods.finetune.objective import (
    Given,
    descend,
    generator_optimizer,
    other_optimizer,
)
from ohlora_lib.methods.finetune.options import FinetuneOptions
from ohlora_lib.seeds import derive_seed

GROUP = 50  # steps over which the published curriculum keeps its mixture


class ScoreObjective:
    """Mean squared error between requested and read scores.

    Args:
        given: what to train on.
        options: see `FinetuneOptions`.
        seed: of the published curriculum's fixed batch.
    """

    def __init__(self, given: Given, options: FinetuneOptions, seed: int) -> None:
        self.given, self.options = given, options
        self.generator = given.generator
        self.judge = freeze(given.property_cnn, options.judge_dropout)
        self.targets = [options.labels.index(name) for name in options.targets]
        self.trained = {"generator": self.generator}
        self.unaveraged: dict[str, nn.Module] = {}
        self.modules = {"generator": self.generator}
        self.optimizers = {"generator": generator_optimizer(self.generator, options)}
        if options.judge_trainable:
            parameters = list(self.judge.requires_grad_(True).parameters())
            self.modules["judge"] = self.judge
            self.optimizers["judge"] = other_optimizer(parameters, options)
        self.log_columns = ("loss_scores", *(["loss_content"] if options.content else []))
        stream = torch.Generator().manual_seed(derive_seed(seed, "curriculum"))
        shapes = (options.batch, self.generator.z_dim), (options.batch, len(options.labels))
        self.fixed = [torch.randn(shape, generator=stream) for shape in shapes]

    def learn(self, step: int) -> dict[str, float]:
        """One step; see `Objective`."""
        options, device = self.options, self.given.device
        z, own = self._curriculum(step)
        wanted = requested_labels(own, options)
        images, w = draw_faces(self.generator, z.to(device), wanted.to(device), options)
        scores = read_scores(self.judge, images, options.targets, options)
        loss = F.mse_loss(scores, wanted[:, self.targets].to(device))
        losses = {"loss_scores": loss.item()}
        if options.content:
            content = content_loss(w, z.to(device), self.given.base)
            losses["loss_content"] = content.item()
            loss = loss + options.content * content
        descend(loss, options, *self.optimizers.values())
        return losses

    def write(self, folder: Path, networks: dict[str, nn.Module], provenance: dict) -> None:
        """There is nothing but the generator; see `Objective`."""

    def _curriculum(self, step: int) -> tuple[Tensor, Tensor]:
        """Return latents and labels; as published, at first one fixed batch, with noise growing."""
        z, label = (torch.randn_like(fixed) for fixed in self.fixed)
        if not self.options.curriculum:
            return z, label
        share = self.options.curriculum ** (step // GROUP)
        return share * self.fixed[0] + (1 - share) * z, share * self.fixed[1] + (1 - share) * label


OBJECTIVE = ScoreObjective
