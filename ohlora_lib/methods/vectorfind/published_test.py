"""The published test of VectorFind: steps along a face's directions, and what pictures score."""

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ohlora_lib.methods.vectorfind.groups import VERSIONS, VectorOptions, group_name
from ohlora_lib.methods.vectorfind.steps import Stepper
from ohlora_lib.scores import CONTROLLED
from ohlora_lib.seeds import rng
from ohlora_lib.store.tables import write_json, write_table


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
    model = Stepper.open(path, generator, property_cnn, batch_size, device)
    draw = rng(seed, "vectorfind", "published test")
    table, summary = published_test(
        model, draw.standard_normal((latents, model.latent_dim), np.float32)
    )
    write_table(table_path, table.round(4))
    write_json(summary_path, summary)


def step_lengths(options: VectorOptions) -> np.ndarray:
    """Return the steps of the published test: mouth, within it eyes, within it pose.

    Their signs are the opposite of the published ones, as are our directions, so that the pictures
    are those that the published test draws, in the same order.

    Returns:
        float32 [50, 3], columns in the order of `CONTROLLED`.
    """
    steps = product(options.test_mouth, options.test_eyes, options.test_pose)
    return -np.array([(eyes, mouth, pose) for mouth, eyes, pose in steps], np.float32)


def published_test(model: Stepper, latents: np.ndarray) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Test a model as published: the correlation of step lengths and scores over 50 pictures.

    Pictures are scored as drawn, not as JPEG. All latents are tested; published tests stop after
    some number of passes.

    Args:
        model: steps are along unit vectors.
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
