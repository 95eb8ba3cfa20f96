"""Opens a controllable model, whatever method made it, behind one small interface."""

import importlib
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd

from ohlora_lib.errors import InputError
from ohlora_lib.generators.registry import generator_networks
from ohlora_lib.seeds import rng
from ohlora_lib.store.checkpoints import read_checkpoint

# Kind of a method's checkpoint -> the module that opens it. Imported only when needed, so that a
# job's code digest covers its own kind of method and no other.
OPENERS = {
    "vectorfind": "vectorfind.model",
    "directions": "directions.model",
}
CONDITIONAL = "finetune.conditional"  # of a generator of any family
# In a folder that holds a whole model: the method's checkpoint, and what that may need beside it.
PARTS = {name: f"{name}.safetensors" for name in ("model", "generator", "property_cnn")}


class ControlledModel(Protocol):
    """What judging, grids and the demo page need of a method."""

    latent_dim: int
    resolution: int

    def draw(self, latents: np.ndarray, requested: np.ndarray) -> np.ndarray:
        """Draw one picture per row.

        Args:
            latents: float32 [N, latent_dim]; a latent is an identity.
            requested: float32 [N, 3], the requested scores, in the order of `CONTROLLED`, in units
                of the population's standard deviation.

        Returns:
            uint8 [N, resolution, resolution, 3], RGB.
        """
        ...


def open_model(
    path: str | Path,
    generator: str | Path | None = None,
    property_cnn: str | Path | None = None,
    batch_size: int = 16,
    device: str = "cpu",
) -> ControlledModel:
    """Open the model that a method's checkpoint holds.

    Args:
        path: a fine-tuned generator (`methods.finetune`), vectors (`methods.vectorfind`) or
            directions (`methods.directions`); or a folder that holds `PARTS`, as
            results/model does, which needs nothing more.
        generator: checkpoint that vectors or directions move in.
        property_cnn: checkpoint that predicts a face's group, or measures.
        batch_size: pictures drawn at once.
        device: torch device name.

    Raises:
        InputError: the file is no method's checkpoint, or lacks what it needs beside it.
    """
    path = Path(path)
    if path.is_dir():
        beside = {name: path / file for name, file in PARTS.items() if (path / file).is_file()}
        generator = generator or beside.get("generator")
        property_cnn = property_cnn or beside.get("property_cnn")
        path = path / PARTS["model"]
    kind = read_checkpoint(path).kind
    openers = {**OPENERS, **dict.fromkeys(generator_networks(), CONDITIONAL)}
    if kind not in openers:
        raise InputError(
            f"{path} holds a {kind}, which is no method's model; supply a fine-tuned generator, "
            "vectors or directions"
        )
    beside = {"generator": generator, "property_cnn": property_cnn}
    missing = [name for name, each in beside.items() if each is None]
    if missing and openers[kind] != CONDITIONAL:
        raise InputError(
            f"{path} holds {kind}, which needs the {missing[0]} checkpoint beside it; supply it"
        )
    module = importlib.import_module(f"ohlora_lib.methods.{openers[kind]}")
    try:
        return module.open_model(path, generator, property_cnn, batch_size, device)
    except ValueError as error:
        raise InputError(
            f"{path} does not fit {generator} ({error}); supply files that belong together"
        ) from error


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
