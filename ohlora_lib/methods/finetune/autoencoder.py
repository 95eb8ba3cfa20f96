"""FineTune-v3: a conditional VAE whose decoder is the generator."""

from pathlib import Path

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ohlora_lib.methods.finetune.drawing import (
    attribute_loss,
    content_loss,
    draw_faces,
    freeze,
    read_scores,
)
from ohlora_lib.methods.finetune.objective import (
    Given,
    descend,
    generator_optimizer,
    other_optimizer,
)
from ohlora_lib.methods.finetune.options import FinetuneOptions
from ohlora_lib.methods.finetune.training_faces import Faces, batch_rows
from ohlora_lib.networks.files import save_network
from ohlora_lib.networks.score_encoder import ScoreEncoder
from ohlora_lib.store.picture_tensors import to_float
from ohlora_lib.store.tables import write_table


class AutoencoderObjective:
    """Read the requested scores back, stay a woman, keep the latents near the average.

    There is no reconstruction term and no KL term: mean of mu squared and mean of log variance
    squared take its place, as published.

    Args:
        given: with attribute CNNs, one at least.
        options: see `FinetuneOptions`.
        seed: of the order of the faces, where `whole_epochs` is set.
    """

    def __init__(self, given: Given, options: FinetuneOptions, seed: int) -> None:
        self.given, self.options, self.seed = given, options, seed
        self.generator = given.generator
        label_dim = len(options.labels)
        resolution = self.generator.resolution
        self.encoder = ScoreEncoder(resolution, self.generator.z_dim, label_dim)
        self.encoder.to(given.device).train()
        self.judge = freeze(given.property_cnn, options.judge_dropout)
        self.readers = [freeze(cnn, options.judge_dropout) for cnn in given.attribute_cnns]
        self.targets = [options.labels.index(name) for name in options.targets]
        self.trained = {"generator": self.generator, "encoder": self.encoder}
        self.unaveraged: dict[str, nn.Module] = {}
        self.modules = dict(self.trained)
        self.log_columns = ("loss_scores", "loss_attributes", "loss_mean", "loss_variance")
        if options.content:
            self.log_columns += ("loss_content",)
        self.optimizers = {
            "generator": generator_optimizer(self.generator, options),
            "encoder": other_optimizer(list(self.encoder.parameters()), options),
        }

    def learn(self, step: int) -> dict[str, float]:
        """One step; see `Objective`."""
        options, faces, device = self.options, self.given.faces, self.given.device
        rows = batch_rows(len(faces.images), step, options, self.seed)
        own = torch.from_numpy(faces.labels[rows]).to(device)
        mu, log_variance = self.encoder(to_float(faces.images[rows], device), own)
        z = mu + torch.randn_like(mu) * torch.exp(0.5 * log_variance)
        wanted = self._wanted(own)
        images, w = draw_faces(self.generator, z, wanted, options)
        scores = read_scores(self.judge, images, options.targets, options)
        errors = F.mse_loss(scores, wanted[:, self.targets])
        attributes = attribute_loss(self.readers, self.given.wanted, images, options)
        mean, variance = mu.square().mean(), log_variance.square().mean()
        loss = (
            errors
            + options.attribute_weight * attributes
            + options.mean_weight * mean
            + options.variance_weight * variance
        )
        losses = {
            "loss_scores": errors.item(),
            "loss_attributes": attributes.item(),
            "loss_mean": mean.item(),
            "loss_variance": variance.item(),
        }
        if options.content:
            content = content_loss(w, z.detach(), self.given.base)
            losses["loss_content"] = content.item()
            loss = loss + options.content * content
        descend(loss, options, *self.optimizers.values())
        return losses

    def write(self, folder: Path, networks: dict[str, nn.Module], provenance: dict) -> None:
        """Write the encoder and the latent distribution of every face; see `Objective`."""
        encoder = networks["encoder"]
        save_network(folder / "encoder.safetensors", encoder, provenance)
        table = encode(encoder, self.given.faces, self.given.device)
        write_table(folder / "posterior.parquet", table)

    def _wanted(self, own: Tensor) -> Tensor:
        """Return the scores to request: the picture's own, or for some others, spread wider.

        With requests of what the encoder has seen alone, the decoder may read them off the latent.
        """
        if not self.options.swap_labels:
            return own
        swapped = torch.rand(len(own), 1, device=own.device) < self.options.swap_labels
        other = (self.options.label_scale or 1.0) * torch.randn_like(own)
        return torch.where(swapped, other, own)


@torch.inference_mode()
def encode(encoder: ScoreEncoder, faces: Faces, device: str, batch: int = 64) -> pd.DataFrame:
    """Return the latent distribution of every face: `id`, `mu`, `log_variance` (float32 lists)."""
    parts = []
    for start in range(0, len(faces.ids), batch):
        rows = slice(start, start + batch)
        labels = torch.from_numpy(faces.labels[rows]).to(device)
        found = encoder(to_float(faces.images[rows], device), labels)
        parts.append([x.cpu().numpy() for x in found])
    mu, log_variance = (np.concatenate(x) for x in zip(*parts, strict=True))
    return pd.DataFrame({"id": faces.ids, "mu": list(mu), "log_variance": list(log_variance)})


OBJECTIVE = AutoencoderObjective
