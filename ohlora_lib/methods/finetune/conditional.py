"""Fine-tuned generators that take the requested scores as their label."""

from pathlib import Path

import numpy as np
import torch

from ohlora_lib.errors import InputError
from ohlora_lib.generators.base import Generator
from ohlora_lib.generators.synthesis import Synthesizer, mixed_styles, mixing_cut
from ohlora_lib.networks.files import load_generator
from ohlora_lib.scores import CONTROLLED
from ohlora_lib.seeds import rng
from ohlora_lib.store.checkpoints import read_checkpoint


class ConditionalModel:
    """A fine-tuned generator that takes the requested scores as its label.

    Args:
        generator: with a label.
        labels: what each label number means; those that are not controlled stay 0.
        truncation: None, or how `conditional_mean` truncates: {"psi": factor, "samples": count}.
        style_mixing: probability that a picture mixes in the style of a second latent with the same
            label, from a random layer on: a published oversight. Published code draws once per
            batch; here every picture is a batch of its own, whose draw follows from its latent and
            request, so that the same request always gives the same picture.
        batch_size: pictures drawn at once.
        device: torch device name.
    """

    def __init__(
        self,
        generator: Generator,
        labels: list[str],
        truncation: dict | None = None,
        style_mixing: float = 0.0,
        batch_size: int = 16,
        device: str = "cpu",
    ) -> None:
        self.synthesizer = Synthesizer(generator, batch_size, device)
        self.latent_dim = generator.z_dim
        self.resolution = generator.resolution
        self.label_dim = len(labels)
        self.columns = [labels.index(name) for name in CONTROLLED]
        self.truncation = truncation
        self.style_mixing = style_mixing
        self.means: dict[bytes, np.ndarray] = {}  # of labels requested before

    def draw(self, latents: np.ndarray, requested: np.ndarray) -> np.ndarray:
        """Draw one picture per row; see `ControlledModel`."""
        label = np.zeros((len(latents), self.label_dim), np.float32)
        label[:, self.columns] = requested
        w = self._map(latents, label)
        if self.style_mixing:
            w = self._mixed(w, latents, label)
        return self.synthesizer.from_w(w)

    def _map(self, latents: np.ndarray, label: np.ndarray) -> np.ndarray:
        """Return w [N, w_dim], truncated where the model is."""
        w = self.synthesizer.map(latents, label)
        if self.truncation:
            means, index = self._label_means(label)
            w = means[index] + self.truncation["psi"] * (w - means[index])
        return w

    def _mixed(self, w: np.ndarray, latents: np.ndarray, label: np.ndarray) -> np.ndarray:
        """Return w per layer [N, layers, w_dim], with the second latents' styles mixed in."""
        layers = self.synthesizer.generator.num_layers
        cuts, others = [], []
        for row in np.concatenate([latents, label], axis=1).astype(np.float32):
            draw = rng(0, "style mixing", row.tobytes().hex())
            cuts.append(mixing_cut(draw, self.style_mixing, layers))
            others.append(draw.standard_normal(self.latent_dim, np.float32))
        return mixed_styles(w, self._map(np.stack(others), label), np.array(cuts), layers)

    def _label_means(self, label: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the mean w of every different label, and each row's place among them.

        The same latents serve every label and every call, so that a picture depends on its own
        row alone.
        """
        different, index = np.unique(label, axis=0, return_inverse=True)
        count = self.truncation["samples"]
        z = rng(0, "conditional truncation").standard_normal((count, self.latent_dim), np.float32)
        for row in different:
            if row.tobytes() not in self.means:
                self.means[row.tobytes()] = self._mean(z, row)
        return np.stack([self.means[row.tobytes()] for row in different]), index.reshape(-1)

    @torch.inference_mode()
    def _mean(self, z: np.ndarray, row: np.ndarray) -> np.ndarray:
        """Return the mean w [w_dim] of latents [N, z_dim] under one label, all mapped at once."""
        device = self.synthesizer.device
        label = torch.from_numpy(row).to(device).expand(len(z), -1)
        w = self.synthesizer.generator.mapping(torch.from_numpy(z).to(device), label)
        return w.mean(dim=0).cpu().numpy()


def open_model(
    path: str | Path,
    generator: None = None,
    property_cnn: None = None,
    batch_size: int = 16,
    device: str = "cpu",
) -> ConditionalModel:
    """See `models.open_model`; the checkpoint is all that is needed."""
    provenance = read_checkpoint(path).provenance
    known = provenance.get("labels", [])
    if not set(CONTROLLED) <= set(known):
        raise InputError(
            f"{path} holds a generator without the labels {', '.join(CONTROLLED)} "
            f"(its provenance names {known or 'none'}); supply a fine-tuned generator"
        )
    network = load_generator(path)
    truncation = provenance.get("conditional_truncation")
    mixing = provenance.get("style_mixing", 0.0)
    return ConditionalModel(network, known, truncation, mixing, batch_size, device)
