"""The model that follows VectorFind's directions: what draws, and nothing that searches."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ohlora_lib.generators.base import Generator
from ohlora_lib.methods.vectorfind.groups import VectorOptions
from ohlora_lib.methods.vectorfind.steps import LEAST_SLOPE, Scorer, Stepper
from ohlora_lib.methods.vectorfind.vectors import Vectors, load_vectors


class VectorModel(Stepper):
    """A generator moved along the directions of its latent's group; a `ControlledModel`.

    Args:
        generator: see `Stepper`, and so are `scorer`, `outputs`, `vectors`, `options`.
        scorer: see there.
        outputs: see there.
        vectors: see there.
        options: see there.
        slopes: [groups, 3], score units per unit step, see `steps.measure_slopes`; None for all 1.
        matched: a request is in score units, by `slopes`; otherwise, as published, it is the length
            of the step along the unit vector.
        batch_size: pictures drawn at once.
        device: torch device name.

    Raises:
        ValueError: parts do not belong together.
    """

    def __init__(
        self,
        generator: Generator,
        scorer: Scorer,
        outputs: Sequence[str],
        vectors: Vectors,
        options: VectorOptions,
        slopes: np.ndarray | None = None,
        matched: bool = True,
        batch_size: int = 16,
        device: str = "cpu",
    ) -> None:
        super().__init__(generator, scorer, outputs, vectors, options, batch_size, device)
        self.matched = matched
        slopes = np.ones(vectors.directions.shape[:2]) if slopes is None else np.asarray(slopes)
        self.slopes = np.maximum(slopes, LEAST_SLOPE).astype(np.float32)

    def draw(self, latents: np.ndarray, requested: np.ndarray) -> np.ndarray:
        """Draw one picture per row; see `ControlledModel`."""
        lengths = np.asarray(requested, np.float32)
        if self.matched:
            lengths = lengths / self.slopes[self.codes(latents)]
        return self.step(latents, lengths)


def open_model(
    path: str | Path,
    generator: str | Path,
    property_cnn: str | Path,
    batch_size: int = 16,
    device: str = "cpu",
) -> VectorModel:
    """See `models.open_model`; a step of one is one score unit."""
    slopes = load_vectors(path).slopes
    return VectorModel.open(path, generator, property_cnn, batch_size, device, slopes=slopes)
