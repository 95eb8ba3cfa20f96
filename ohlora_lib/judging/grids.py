"""The requests that every method is judged by: the published grids, the fair ones, random ones.

A request is what a picture shall score for (eyes, mouth, pose), in standard deviations of the
population. All methods get the same requests.
"""

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ohlora_lib.errors import InputError
from ohlora_lib.scores import CONTROLLED
from ohlora_lib.seeds import rng

REBUILD = "delete the evaluation's folder and run snakemake again"

# nine levels, one property at a time
LEVELS = (-2.0, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0)
JOINT_LEVELS = (-2.0, -1.0, 0.0, 1.0, 2.0)
GRID8_LATENTS = 10  # published: ten latents a test

_STEPS = tuple(level for level in LEVELS if level)

# Where in `levels()` property i stands at level k: the picture of level 0 is shared by all three.
LEVEL_ROWS = np.array(
    [
        [0 if level == 0 else 1 + i * len(_STEPS) + _STEPS.index(level) for level in LEVELS]
        for i in range(len(CONTROLLED))
    ]
)


def grid50() -> np.ndarray:
    """FineTune-v3's test: mouth, within it eyes, within it pose; float64 [50, 3]."""
    return _product(
        {"mouth": (-1.2, -0.6, 0, 0.8, 1.6), "eyes": (-1.8, 1.8), "pose": (-1.2, 0, 1.2, 2.4, 3.6)}
    )


def grid8() -> np.ndarray:
    """FineTune-v5's test: eyes, within it mouth, within it pose; float64 [8, 3]."""
    return _product({"eyes": (-1.6, 1.6), "mouth": (-1.2, 1.6), "pose": (-1.2, 2.4)})


def levels() -> np.ndarray:
    """All zero, then eyes, mouth and pose alone at every other level; float64 [25, 3]."""
    requests = np.zeros((1 + len(CONTROLLED) * len(_STEPS), len(CONTROLLED)))
    for i, rows in enumerate(LEVEL_ROWS):
        requests[rows, i] = LEVELS
    return requests


def joint() -> np.ndarray:
    """Every combination of five levels, pose fastest; float64 [125, 3]."""
    return _product(dict.fromkeys(CONTROLLED, JOINT_LEVELS))


# grid -> its requests, which every latent that it is drawn for gets; `random` has no fixed ones
FIXED = {"grid50": grid50, "grid8": grid8, "levels": levels, "joint": joint}


def build_requests(latents: int, joint_latents: int, random_images: int, seed: int) -> pd.DataFrame:
    """List every picture that one method is judged by.

    Latents 0..latents-1 get `grid50` and `levels`; the first ten of them `grid8`, the first
    `joint_latents` `joint`. Each picture of `random` has a latent of its own, numbered after
    those, and a request from N(0, I).

    Args:
        latents: at least 1.
        joint_latents: at most `latents`.
        random_images: at least 2.
        seed: the run's seed.

    Returns:
        `row` (0..n-1), `latent`, `grid`, and the requested `eyes`, `mouth`, `pose`; grid by grid,
        latent by latent.
    """
    counts = {
        "grid50": latents,
        "grid8": min(GRID8_LATENTS, latents),
        "levels": latents,
        "joint": min(joint_latents, latents),
    }
    parts = []
    for name, count in counts.items():
        requests = FIXED[name]()
        owners = np.arange(count).repeat(len(requests))
        parts.append(_part(name, owners, np.tile(requests, (count, 1))))
    draws = rng(seed, "judging", "requests").standard_normal((random_images, len(CONTROLLED)))
    parts.append(_part("random", latents + np.arange(random_images), draws))
    table = pd.concat(parts, ignore_index=True)
    table.insert(0, "row", np.arange(len(table)))
    return table


def zero_rows(requests: pd.DataFrame) -> pd.Series:
    """Return the row of each latent's picture of the all-zero request, indexed by latent."""
    part = requests[requests["grid"] == "levels"]
    part = part[(part[list(CONTROLLED)] == 0).all(axis=1)]
    return part.set_index("latent")["row"]


def check_rows(requests: pd.DataFrame, source: str | Path) -> None:
    """Refuse requests whose `row` is not their place; `source` is the file, for messages.

    Raises:
        InputError: see above.
    """
    if not np.array_equal(requests["row"], np.arange(len(requests))):
        raise InputError(f"the rows of {source} are not 0, 1, 2, …; {REBUILD}")


def grid_rows(
    requests: pd.DataFrame, name: str, source: str | Path
) -> tuple[np.ndarray, np.ndarray]:
    """Return the latents [L] of a grid in order, and the rows of their pictures [L, n].

    Args:
        requests: see `build_requests`.
        name: a key of `FIXED`.
        source: the file they are from, for messages.

    Raises:
        InputError: a latent lacks a request of the grid, or has another.
    """
    part = requests[requests["grid"] == name].sort_values(["latent", "row"], kind="stable")
    expected = FIXED[name]()
    whole, rest = divmod(len(part), len(expected))
    if rest == 0 and whole > 0:
        owners = part["latent"].to_numpy().reshape(whole, -1)
        found = part[list(CONTROLLED)].to_numpy().reshape(whole, *expected.shape)
        if (owners == owners[:, :1]).all() and np.allclose(found, expected, atol=1e-6):
            return owners[:, 0], part["row"].to_numpy().reshape(whole, -1)
    raise InputError(f"{source} does not hold every request of {name} for each latent; {REBUILD}")


def _product(values: dict[str, Sequence[float]]) -> np.ndarray:
    """Combine values, the last name fastest; columns in the order of CONTROLLED."""
    rows = np.array(list(itertools.product(*values.values())), np.float64)
    names = list(values)
    return rows[:, [names.index(name) for name in CONTROLLED]]


def _part(grid: str, owners: np.ndarray, requests: np.ndarray) -> pd.DataFrame:
    named = dict(zip(CONTROLLED, requests.T, strict=True))
    return pd.DataFrame({"latent": owners, "grid": grid, **named})
