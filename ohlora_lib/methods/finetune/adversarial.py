"""FineTune-v1, v4, v5-1, v5-3, v8: generator against discriminator."""

import math
from dataclasses import replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ohlora_lib.methods.finetune.drawing import (
    attribute_loss,
    content_loss,
    draw_faces,
    freeze,
    precision,
    requested_labels,
)
from ohlora_lib.methods.finetune.objective import (
    Given,
    descend,
    generator_optimizer,
    other_optimizer,
)
from ohlora_lib.methods.finetune.options import FinetuneOptions
from ohlora_lib.methods.finetune.training_faces import batch_rows, jittered
from ohlora_lib.networks.crop_discriminator import BRANCHES, CropDiscriminator
from ohlora_lib.networks.files import save_network
from ohlora_lib.store.picture_tensors import to_float


class AdversarialObjective:
    """Non-saturating logistic loss with R1, the discriminator seeing the label one way or another.

    Of several processes each draws the whole batch's random numbers and learns from its own rows.

    Args:
        given: with a discriminator, unless that of three crops is used.
        options: see `FinetuneOptions`.
        seed: of the order of the faces, where `whole_epochs` is set.
    """

    def __init__(self, given: Given, options: FinetuneOptions, seed: int) -> None:
        self.given, self.options, self.seed = given, options, seed
        self.generator = given.generator
        self.discriminator = _discriminator(given, options).to(given.device).train()
        self.learning = _trainable(self.discriminator, options.discriminator_trainable)
        if isinstance(self.discriminator, CropDiscriminator):
            self.discriminator.train(options.judge_dropout)
        self.trained = {"generator": self.generator}
        self.unaveraged = {"discriminator": self.discriminator}
        self.memory = nn.Module()  # what a resumed training must know besides the weights
        self.memory.register_buffer("last_g", torch.tensor(math.nan, dtype=torch.float64))
        self.modules = {
            "generator": self.generator,
            "discriminator": self.discriminator,
            "memory": self.memory,
        }
        # no momentum, as in StyleGAN: with it in both, the two chase each other
        self.g_optimizer = generator_optimizer(self.generator, options, beta=0.0)
        self.d_optimizer = other_optimizer(self.learning, options, options.critic_beta)
        self.optimizers = {"generator": self.g_optimizer, "discriminator": self.d_optimizer}
        self.ranks = given.ranks
        self.ranks.spread(self.discriminator, *self.optimizers.values())
        self.log_columns = ("loss_d", "loss_g", "real_above_fake", "d_steps", "g_steps")
        if options.auxiliary:
            self.log_columns += ("loss_told", "loss_obeyed")
        if options.content:
            self.log_columns += ("loss_content",)
        self.readers = [freeze(cnn, options.judge_dropout) for cnn in given.attribute_cnns]
        if self.readers:
            self.log_columns += ("loss_attributes",)

    def learn(self, step: int) -> dict[str, float]:
        """One batch: discriminator steps, then generator steps; see `Objective`."""
        options, faces = self.options, self.given.faces
        device = self.given.device
        rows = batch_rows(len(faces.images), step, options, self.seed)
        real = to_float(faces.images[rows], device)
        if options.color_jitter:
            real = jittered(real, options.color_jitter)
        own = torch.from_numpy(faces.labels[rows]).to(device)
        losses: dict[str, float] = {}
        d_steps = g_steps = 0
        for _ in range(options.max_d_steps):
            losses |= self._discriminator_step(real, own, step)
            d_steps += 1
            last_g = self.memory.last_g.item()  # NaN before the first
            if math.isnan(last_g) or losses["loss_d"] < 1.5 * last_g:
                break
        if step >= options.warmup:
            for _ in range(options.max_g_steps):
                losses |= self._generator_step(own)
                g_steps += 1
                if losses["loss_g"] < 2 * losses["loss_d"]:
                    break
            self.memory.last_g.fill_(losses["loss_g"])
        return {**losses, "g_steps": g_steps, "d_steps": d_steps}

    def write(self, folder: Path, networks: dict[str, nn.Module], provenance: dict) -> None:
        """Write the discriminator; see `Objective`."""
        save_network(folder / "discriminator.safetensors", networks["discriminator"], provenance)

    def _discriminator_step(self, real: Tensor, own: Tensor, step: int) -> dict[str, float]:
        options = self.options
        wanted, z = requested_labels(own, options), self._latents(len(own))
        rows = self.ranks.rows(len(own))
        real, own, wanted = real[rows], own[rows], wanted[rows]
        with torch.no_grad():
            fake, _ = draw_faces(self.generator, z[rows], wanted, options)
        penalised = step % options.r1_every == 0
        real = real.detach().requires_grad_(penalised)
        logit, scores = self._judge(real, own, exact=penalised)
        fake_logit, _ = self._judge(fake, wanted)
        loss = F.softplus(fake_logit).mean() + F.softplus(-logit).mean()
        losses = {"real_above_fake": (logit > fake_logit).float().mean().item()}
        if penalised:
            (gradient,) = torch.autograd.grad(logit.sum(), real, create_graph=True)
            penalty = gradient.square().sum(dim=(1, 2, 3)).mean()
            loss = loss + 0.5 * options.r1_gamma * options.r1_every * penalty
        losses["loss_d"] = loss.item()
        if options.auxiliary:
            error = F.mse_loss(scores, own)
            losses["loss_told"] = error.item()
            loss = loss + options.auxiliary * error
        descend(loss, options, self.d_optimizer)
        return self.ranks.mean(losses)

    def _generator_step(self, own: Tensor) -> dict[str, float]:
        options = self.options
        wanted, z = requested_labels(own, options), self._latents(len(own))
        rows = self.ranks.rows(len(own))
        fake, w = draw_faces(self.generator, z[rows], wanted[rows], options)
        for parameter in self.learning:
            parameter.requires_grad_(False)
        logit, scores = self._judge(fake, wanted[rows])
        for parameter in self.learning:
            parameter.requires_grad_(True)
        loss = F.softplus(-logit).mean()
        losses = {"loss_g": loss.item()}
        if options.auxiliary:
            obeyed = F.mse_loss(scores, wanted[rows])
            losses["loss_obeyed"] = obeyed.item()
            loss = loss + options.auxiliary * obeyed
        if self.readers:
            attributes = attribute_loss(self.readers, self.given.wanted, fake, options)
            losses["loss_attributes"] = attributes.item()
            loss = loss + options.attribute_weight * attributes
        if options.content:
            same = wanted if options.content_label else None
            content = content_loss(w, z, self.given.base, same, rows)
            losses["loss_content"] = content.item()
            loss = loss + options.content * content
        descend(loss, options, self.g_optimizer)
        return self.ranks.mean(losses)

    def _judge(
        self, images: Tensor, label: Tensor, exact: bool = False
    ) -> tuple[Tensor, Tensor | None]:
        """Return logits [N, 1] and, with a second head, the scores it predicts [N, K].

        `exact`: in float32, as what is differentiated twice must be.
        """
        options = replace(self.options, precision="float32") if exact else self.options
        with precision(options, images.device):
            if not options.auxiliary:
                return self.discriminator(images, label).float(), None
            outputs = self.discriminator.logits(images).float()
        return outputs[:, :1], outputs[:, 1:]

    def _latents(self, count: int) -> Tensor:
        return torch.randn(count, self.generator.z_dim).to(self.given.device)


OBJECTIVE = AdversarialObjective


def _discriminator(given: Given, options: FinetuneOptions) -> nn.Module:
    """Return the discriminator to train: the given one with a label, or three crops' branches."""
    if options.discriminator == "stylegan":
        return given.discriminator.with_labels(len(options.labels), bool(options.auxiliary))
    discriminator = CropDiscriminator(given.generator.resolution, crops=given.property_cnn.crops)
    for name in BRANCHES:
        branch = f"{name}_score_cnn"
        weights = given.property_cnn.get_submodule(branch).state_dict()
        discriminator.get_submodule(branch).load_state_dict(weights)
    return discriminator


def _trainable(discriminator: nn.Module, part: str) -> list[nn.Parameter]:
    """Freeze all but a part of a discriminator and return that part's parameters.

    Args:
        discriminator: of either kind.
        part: `all`; `last`, its block at the lowest resolution; `head`, the two dense layers of a
            crop discriminator.
    """
    discriminator.requires_grad_(False)
    if part == "all":
        chosen = list(discriminator.parameters())
    elif part == "last":
        layers = discriminator.last_block()
        chosen = [parameter for layer in layers for parameter in layer.parameters()]
    else:
        chosen = [*discriminator.fc1.parameters(), *discriminator.fc_final.parameters()]
    for parameter in chosen:
        parameter.requires_grad_(True)
    return chosen
