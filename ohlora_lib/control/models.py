"""Opens a controllable model, whatever method made it, behind one small interface."""

from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd

from ohlora_lib.errors import InputError
from ohlora_lib.networks import load_network
from ohlora_lib.networks.inference import Synthesizer
from ohlora_lib.networks.stylegan_generator import StyleGANGenerator
from ohlora_lib.scores import CONTROLLED
from ohlora_lib.seeds import rng
from ohlora_lib.store.checkpoints import read_checkpoint


class ControlledModel(Protocol):
    """What judging, grids and the demo page need of a method."""

    latent_dim: int
    resolution: int

    def draw(self, latents: np.ndarray, requested: np.ndarray) -> np.ndarray:
        """Draw one picture per row.

        Args:
            latents: float32 [N, latent_dim]; a latent is an identity.
            requested: float32 [N, 3], the scores asked for, in the order of `CONTROLLED`, in units
                of the population's standard deviation.

        Returns:
            uint8 [N, resolution, resolution, 3], RGB.
        """
        ...


class ConditionalModel:
    """A fine-tuned generator that takes the requested scores as its label.

    Args:
        generator: with a label.
        labels: what each label number means; those that are not controlled stay 0.
        truncation: None, or how `conditional_mean` truncates: {"psi": factor, "samples": count}.
        batch_size: pictures drawn at once.
        device: torch device name.
    """

    def __init__(
        self,
        generator: StyleGANGenerator,
        labels: list[str],
        truncation: dict | None = None,
        batch_size: int = 16,
        device: str = "cpu",
    ) -> None:
        self.synthesizer = Synthesizer(generator, batch_size, device)
        self.latent_dim = generator.z_dim
        self.resolution = generator.resolution
        self.label_dim = len(labels)
        self.columns = [labels.index(name) for name in CONTROLLED]
        self.truncation = truncation
        self.means: dict[bytes, np.ndarray] = {}  # of labels asked for before

    def draw(self, latents: np.ndarray, requested: np.ndarray) -> np.ndarray:
        """Draw one picture per row; see `ControlledModel`."""
        label = np.zeros((len(latents), self.label_dim), np.float32)
        label[:, self.columns] = requested
        w = self.synthesizer.map(latents, label)
        if self.truncation:
            means, index = self._label_means(label)
            w = means[index] + self.truncation["psi"] * (w - means[index])
        return self.synthesizer.from_w(w)

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
                w = self.synthesizer.map(z, np.tile(row, (count, 1)))
                self.means[row.tobytes()] = w.mean(axis=0)
        return np.stack([self.means[row.tobytes()] for row in different]), index.reshape(-1)


def open_model(path: str | Path, batch_size: int = 16, device: str = "cpu") -> ControlledModel:
    """Open the model that a method's checkpoint holds.

    Args:
        path: a fine-tuned generator, see `training.finetune`.
        batch_size: pictures drawn at once.
        device: torch device name.

    Raises:
        InputError: the file is no checkpoint, or its generator takes no eyes, mouth and pose.
    """
    checkpoint = read_checkpoint(path, StyleGANGenerator.kind)
    labels = checkpoint.provenance.get("labels", [])
    if not set(CONTROLLED) <= set(labels):
        raise InputError(
            f"{path} holds a generator without the labels {', '.join(CONTROLLED)} "
            f"(its provenance names {labels or 'none'}); supply a fine-tuned generator"
        )
    generator = load_network(path, StyleGANGenerator.kind)
    truncation = checkpoint.provenance.get("conditional_truncation")
    return ConditionalModel(generator, labels, truncation, batch_size, device)


def sample_latents(
    count: int, dim: int, seed: int, posterior: pd.DataFrame | None = None
) -> np.ndarray:
    """Draw the latents a method is judged on.

    Args:
        count: how many.
        dim: width of a latent.
        seed: of the draw; the same for every method, so that methods meet the same latents.
        posterior: columns `mu` and `log_variance` (lists) of encoded pictures: latents are then
            drawn around those of random pictures, as FineTune-v3 is meant to be used.

    Returns:
        float32 [count, dim].
    """
    draw = rng(seed, "latents")
    noise = draw.standard_normal((count, dim), dtype=np.float32)
    if posterior is None:
        return noise
    rows = draw.integers(len(posterior), size=count)
    mu = np.stack(posterior["mu"].to_numpy()[rows]).astype(np.float32)
    log_variance = np.stack(posterior["log_variance"].to_numpy()[rows]).astype(np.float32)
    return mu + noise * np.exp(0.5 * log_variance)
