"""Steps along VectorFind's directions, and by how much one changes a score.

The search measures its steps with this; what draws requests is in `vectorfind.model`.
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np

from ohlora_lib.generators.base import Generator
from ohlora_lib.generators.synthesis import Synthesizer
from ohlora_lib.methods.network_digests import check_origin
from ohlora_lib.methods.vectorfind.groups import VectorOptions, group_codes
from ohlora_lib.methods.vectorfind.vectors import Vectors, load_vectors
from ohlora_lib.networks.files import load_generator, load_network
from ohlora_lib.networks.property_cnn import PropertyCNN, predict
from ohlora_lib.scores import CONTROLLED
from ohlora_lib.seeds import rng

CHUNK = 256  # pictures held at once
PROBED = 48  # latents that the length of a step is measured on
LEAST_SLOPE = 0.02  # score units per unit step: a direction without effect is not stretched further

# uint8 [N, side, side, 3] and names of scores -> float32 [N, names]
Scorer = Callable[[np.ndarray, Sequence[str]], np.ndarray]


class Stepper:
    """A generator that steps along the directions of its latent's group.

    The group follows from the picture of the latent alone, which published code writes as JPEG
    first and we do not. With space w, w + sum of length * direction goes to all layers; with space
    z the same is done to the latent before it is mapped. No truncation.

    Args:
        generator: what the directions were searched with; a latent is z with its label behind it.
        scorer: gives the named scores of pictures, as `property_cnn.predict` of a network.
        outputs: names that it knows.
        vectors: the directions.
        options: the version's.
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
        batch_size: int = 16,
        device: str = "cpu",
    ) -> None:
        missing = [name for name in (*options.groups, *CONTROLLED) if name not in outputs]
        if missing:
            raise ValueError(f"the scorer does not predict {', '.join(missing)}")
        self.latent_dim = generator.z_dim + generator.label_dim
        width = generator.w_dim if options.space == "w" else self.latent_dim
        expected = (2 ** len(options.groups), len(CONTROLLED), width)
        if vectors.directions.shape != expected:
            raise ValueError(
                f"directions must be {list(expected)}, got {list(vectors.directions.shape)}"
            )
        self.synthesizer = Synthesizer(generator, batch_size, device)
        self.resolution = generator.resolution
        self.z_dim = generator.z_dim
        self.scorer = scorer
        self.vectors = vectors
        self.options = options
        self._codes: dict[bytes, int] = {}  # of latents met before

    @classmethod
    def open(
        cls,
        path: str | Path,
        generator: str | Path,
        property_cnn: str | Path,
        batch_size: int = 16,
        device: str = "cpu",
        **own: Any,
    ) -> Self:
        """Open directions and the networks that they need.

        Args:
            path: see `vectors.load_vectors`.
            generator: checkpoint that they move in.
            property_cnn: checkpoint that predicts a face's group.
            batch_size: pictures drawn at once.
            device: torch device name.
            own: what a subclass takes besides.

        Raises:
            InputError: a file is missing, damaged, or not what the directions were found with.
            ValueError: parts do not belong together.
        """
        found = load_vectors(path)
        network = load_generator(generator)
        check_origin(path, "generator", network, generator)
        reader = load_network(property_cnn, PropertyCNN.kind).to(device)
        return cls(
            network,
            partial(predict, reader),
            reader.outputs,
            found.vectors,
            found.options,
            batch_size=batch_size,
            device=device,
            **own,
        )

    def step(self, latents: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        """Draw pictures some steps away from those of the latents.

        Args:
            latents: float32 [N, latent_dim].
            lengths: [N, 3] along the unit vectors of eyes, mouth and pose.

        Returns:
            uint8 [N, resolution, resolution, 3], RGB.
        """
        latents = np.asarray(latents, np.float32)
        directions = self.vectors.directions[self.codes(latents)]
        moves = np.einsum("np,npd->nd", np.asarray(lengths, np.float32), directions)
        if self.options.space == "w":
            return self.synthesizer.from_w(self._map(latents) + moves)
        return self.synthesizer.from_w(self._map(latents + moves))

    def codes(self, latents: np.ndarray) -> np.ndarray:
        """Return the group of each latent's picture, int64 [N]; kept, so that it is drawn once."""
        if not self.options.groups:
            return np.zeros(len(latents), np.int64)
        latents = np.ascontiguousarray(latents, np.float32)
        keys = [row.tobytes() for row in latents]
        new = {key: i for i, key in enumerate(keys) if key not in self._codes}
        rows = list(new.values())
        found: list[int] = []
        for start in range(0, len(rows), CHUNK):
            part = latents[rows[start : start + CHUNK]]
            scores = self.scorer(self.synthesizer.from_w(self._map(part)), self.options.groups)
            codes = group_codes(scores, self.vectors.medians)
            found.extend(codes.tolist())
        self._codes |= zip(new, found, strict=True)
        return np.array([self._codes[key] for key in keys], np.int64)

    def scores(self, latents: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        """Return what the pictures of `step` score on eyes, mouth and pose, float32 [N, 3]."""
        found = np.empty((len(latents), len(CONTROLLED)), np.float32)
        for start in range(0, len(latents), CHUNK):
            part = slice(start, start + CHUNK)
            images = self.step(latents[part], lengths[part])
            found[part] = self.scorer(images, CONTROLLED)
        return found

    def _map(self, latents: np.ndarray) -> np.ndarray:
        label = latents[:, self.z_dim :] if self.latent_dim > self.z_dim else None
        return self.synthesizer.map(latents[:, : self.z_dim], label)


def calibrate(model: Stepper, seed: int) -> np.ndarray:
    """Return `measure_slopes` of a model on latents of its own."""
    probes = rng(seed, "slopes").standard_normal((PROBED, model.latent_dim), np.float32)
    return measure_slopes(model, probes)


def measure_slopes(model: Stepper, latents: np.ndarray, step: float = 1.0) -> np.ndarray:
    """Measure by how much a property's score rises per unit step along its direction.

    Args:
        model: steps are along unit vectors.
        latents: float32 [N, latent_dim]; the mean over them all is taken, as groups have too few.
        step: pictures are drawn this far to either side.

    Returns:
        float32 [groups, 3], the same in each group: the mean change of the scorer's score from
        -step to +step, per unit. Negative where the direction fails.
    """
    rises = []
    for i in range(len(CONTROLLED)):
        lengths = np.zeros((len(latents), len(CONTROLLED)), np.float32)
        lengths[:, i] = step
        change = model.scores(latents, lengths)[:, i] - model.scores(latents, -lengths)[:, i]
        rises.append(change.mean(dtype=np.float64) / (2 * step))
    return np.tile(np.array(rises, np.float32), (len(model.vectors.directions), 1))
