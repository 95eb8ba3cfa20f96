"""Pictures controlled by VectorFind's directions, how far one step goes, and the published test."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ohlora_lib.generators.base import Generator
from ohlora_lib.generators.synthesis import Synthesizer
from ohlora_lib.methods.network_digests import check_origin
from ohlora_lib.methods.vectorfind.groups import VERSIONS, VectorOptions, group_codes, group_name
from ohlora_lib.methods.vectorfind.vectors import Vectors, load_vectors
from ohlora_lib.networks.files import load_generator, load_network
from ohlora_lib.networks.property_cnn import PropertyCNN, predict
from ohlora_lib.scores import CONTROLLED
from ohlora_lib.seeds import rng
from ohlora_lib.store.tables import write_json, write_table

CHUNK = 256  # pictures held at once
PROBED = 48  # latents that the length of a step is measured on
LEAST_SLOPE = 0.02  # score units per unit step: a direction without effect is not stretched further

# uint8 [N, side, side, 3] and names of scores -> float32 [N, names]
Scorer = Callable[[np.ndarray, Sequence[str]], np.ndarray]


class VectorModel:
    """A generator moved along the directions of its latent's group; a `ControlledModel`.

    The group follows from the picture of the latent alone, which published code writes as JPEG
    first and we do not. With space w, w + sum of length * direction goes to all layers; with space
    z the same is done to the latent before it is mapped. No truncation.

    Args:
        generator: what the directions were searched with; a latent is z with its label behind it.
        scorer: gives the named scores of pictures, as `property_cnn.predict` of a network.
        outputs: names that it knows.
        vectors: the directions.
        options: the version's.
        slopes: [groups, 3], score units per unit step, see `measure_slopes`; None for all 1.
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
        self.matched = matched
        slopes = np.ones(expected[:2]) if slopes is None else np.asarray(slopes)
        self.slopes = np.maximum(slopes, LEAST_SLOPE).astype(np.float32)
        self._codes: dict[bytes, int] = {}  # of latents met before

    def draw(self, latents: np.ndarray, requested: np.ndarray) -> np.ndarray:
        """Draw one picture per row; see `ControlledModel`."""
        lengths = np.asarray(requested, np.float32)
        if self.matched:
            lengths = lengths / self.slopes[self.codes(latents)]
        return self.step(latents, lengths)

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


def open_model(
    path: str | Path,
    generator: str | Path,
    property_cnn: str | Path,
    batch_size: int = 16,
    device: str = "cpu",
) -> VectorModel:
    """See `models.open_model`; a step of one is one score unit."""
    found = load_vectors(path)
    network = load_generator(generator)
    check_origin(path, "generator", network, generator)
    reader = load_network(property_cnn, PropertyCNN.kind).to(device)
    return VectorModel(
        network,
        partial(predict, reader),
        reader.outputs,
        found.vectors,
        found.options,
        found.slopes,
        batch_size=batch_size,
        device=device,
    )


def run_published_test(
    path: str | Path,
    generator: str | Path,
    property_cnn: str | Path,
    table_path: str | Path,
    summary_path: str | Path,
    latents: int,
    seed: int,
    batch_size: int = 16,
    device: str = "cpu",
) -> None:
    """Run the published test on random latents and write its table and summary.

    Args:
        path: see `vectors.load_vectors`.
        generator: checkpoint that they move in.
        property_cnn: checkpoint that scores, as published.
        table_path: table to write, a row per latent.
        summary_path: JSON to write; see `published_test` for both.
        latents: how many; none that a method was fitted on.
        seed: the run's seed.
        batch_size: pictures per forward pass.
        device: torch device name.
    """
    model = open_model(path, generator, property_cnn, batch_size, device)
    draw = rng(seed, "vectorfind", "published test")
    table, summary = published_test(
        model, draw.standard_normal((latents, model.latent_dim), np.float32)
    )
    write_table(table_path, table.round(4))
    write_json(summary_path, summary)


def calibrate(model: VectorModel, seed: int) -> np.ndarray:
    """Return `measure_slopes` of a model on latents of its own."""
    probes = rng(seed, "slopes").standard_normal((PROBED, model.latent_dim), np.float32)
    return measure_slopes(model, probes)


def measure_slopes(model: VectorModel, latents: np.ndarray, step: float = 1.0) -> np.ndarray:
    """Measure by how much a property's score rises per unit step along its direction.

    Args:
        model: whether it is matched does not matter.
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


def step_lengths(options: VectorOptions) -> np.ndarray:
    """Return the steps of the published test: mouth, within it eyes, within it pose.

    Their signs are the opposite of the published ones, as are our directions, so that the pictures
    are those that the published test draws, in the same order.

    Returns:
        float32 [50, 3], columns in the order of `CONTROLLED`.
    """
    steps = product(options.test_mouth, options.test_eyes, options.test_pose)
    return -np.array([(eyes, mouth, pose) for mouth, eyes, pose in steps], np.float32)


def published_test(model: VectorModel, latents: np.ndarray) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Test a model as published: the correlation of step lengths and scores over 50 pictures.

    Pictures are scored as drawn, not as JPEG. All latents are tested; published tests stop after
    some number of passes.

    Args:
        model: whether it is matched does not matter, steps are along unit vectors.
        latents: float32 [L, latent_dim].

    Returns:
        A table with a row per latent: `latent` (0..L-1), `group` (its name), `corr_eyes`,
        `corr_mouth`, `corr_pose` (signed; positive is right, published ones are negative), `passed`
        (|corr| reaches all three gates of the model's version). And a summary as JSON types:
        `latents`, the means `correlation` and `absolute_correlation` per property, `passed` (share
        of latents), `passed_by_gates` (the same by the gates of every version), `groups` (per group
        `latents` and `passed`, both counts). A score that does not vary has correlation 0.
    """
    lengths = step_lengths(model.options)
    codes = model.codes(latents)
    rows = np.repeat(np.arange(len(latents)), len(lengths))
    scores = model.scores(latents[rows], np.tile(lengths, (len(latents), 1)))
    found = correlations(lengths, scores.reshape(len(latents), *lengths.shape))
    size = np.abs(found)
    passed = (size >= model.options.gates).all(axis=1)
    count = len(model.options.groups)
    table = pd.DataFrame(
        {
            "latent": np.arange(len(latents)),
            "group": [group_name(code, count) for code in codes.tolist()],
            **{f"corr_{name}": found[:, i] for i, name in enumerate(CONTROLLED)},
            "passed": passed,
        }
    )
    groups = table.groupby("group")["passed"].agg(["size", "sum"])
    return table, {
        "latents": len(table),
        "correlation": _means(found),
        "absolute_correlation": _means(size),
        "passed": float(passed.mean()),
        "passed_by_gates": {
            name: float((size >= version.gates).all(axis=1).mean())
            for name, version in VERSIONS.items()
        },
        "groups": {
            name: {"latents": int(row["size"]), "passed": int(row["sum"])}
            for name, row in groups.iterrows()
        },
    }


def correlations(lengths: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Return Pearson's r [L, 3] of steps [n, 3] and scores [L, n, 3]; 0 where one is constant."""
    x = lengths - lengths.mean(axis=0, dtype=np.float64)
    y = scores - scores.mean(axis=1, keepdims=True, dtype=np.float64)
    scale = np.sqrt((x**2).sum(axis=0) * (y**2).sum(axis=1))
    varies = scale > 1e-9
    return np.where(varies, (x * y).sum(axis=1) / np.where(varies, scale, 1.0), 0.0)


def _means(values: np.ndarray) -> dict[str, float]:
    return dict(zip(CONTROLLED, values.mean(axis=0).tolist(), strict=True))
