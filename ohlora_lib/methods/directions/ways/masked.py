"""The same steps, weighted per layer so that the target changes and little else does.

After HiGAN's re-scoring (Yang et al. 2021, "Semantic Hierarchy Emerges in Deep Generative
Representations for Scene Synthesis"), extended to leakage: instead of picking layers by the change
of the target alone, strengths are fitted to the changes of everything that is read.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.optimize import nnls

from ohlora_lib.generators.synthesis import Synthesizer
from ohlora_lib.methods.directions.given import Given
from ohlora_lib.methods.directions.stored import Directions
from ohlora_lib.scores import CONTROLLED

ROUNDS = 1
RESCALED = True
PROBE = 1.0  # score units that a layer is stepped by


def fit(given: Given) -> tuple[Directions, dict[str, Any], dict[str, Any]]:
    """Weight the steps that it starts with; see `given.Way.fit`."""
    start = given.start
    effects = layer_effects(given.synthesizer, start.steps[0], given.probes, given.reader)
    strengths = layer_strengths(effects, given.reader.own, given.spread)
    masks = strengths.T.astype(np.float32)
    directions = replace(start, steps=start.steps * masks[:, :, None], masks=masks)
    return directions, {"strengths": dict(zip(CONTROLLED, strengths.tolist(), strict=True))}, {}


def layer_effects(
    synthesizer: Synthesizer,
    steps: np.ndarray,
    w: np.ndarray,
    read: Callable[[np.ndarray], np.ndarray],
) -> np.ndarray:
    """Measure what a step in a single layer changes.

    Args:
        synthesizer: of the generator.
        steps: [3, D], per score unit.
        w: float32 [N, D], faces to try it on.
        read: uint8 pictures to [N, k], what they score.

    Returns:
        float64 [3, L, k]: mean change per unit, from -1 to +1 units.
    """
    layers = synthesizer.generator.num_layers
    base = np.repeat(w[:, None], layers, axis=1)
    effects = []
    for step in steps:
        rows = []
        for layer in range(layers):
            ends = []
            for sign in (1, -1):
                moved = base.copy()
                moved[:, layer] += sign * PROBE * step.astype(np.float32)
                ends.append(read(synthesizer.from_w(moved)).astype(np.float64))
            rows.append((ends[0] - ends[1]).mean(axis=0) / (2 * PROBE))
        effects.append(rows)
    return np.array(effects)


def layer_strengths(
    effects: np.ndarray, own: list[int], spread: np.ndarray, ridge: float = 0.02
) -> np.ndarray:
    """Fit strengths per layer, 0 or more: the target changes by one unit, and nothing else.

    Args:
        effects: [3, L, k], see `layer_effects`.
        own: for each of the three properties its place among the k.
        spread: [k], standard deviation of each; changes are compared in these.
        ridge: what strong layers cost, relative to the target's change.

    Returns:
        float64 [3, L].
    """
    found = []
    for changes, target in zip(effects, own, strict=True):
        matrix = (changes / spread).T  # [k, L]
        wanted = np.zeros(len(matrix))
        wanted[target] = 1.0 / spread[target]
        scale = np.abs(matrix[target]).max() or 1.0
        penalty = np.sqrt(ridge) * scale * np.eye(matrix.shape[1])
        strengths, _ = nnls(np.vstack([matrix, penalty]), np.r_[wanted, np.zeros(len(penalty))])
        reached = float(changes[:, target] @ strengths)
        found.append(strengths / reached if reached > 1e-6 else np.ones(len(changes)))
    return np.array(found)
