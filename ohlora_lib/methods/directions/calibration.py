"""A step of one is one score unit: weak edits would else look better disentangled than they are."""

from dataclasses import replace

import numpy as np

from ohlora_lib.generators.synthesis import Synthesizer
from ohlora_lib.methods.directions.reader import Reader
from ohlora_lib.methods.directions.stored import Directions
from ohlora_lib.networks.property_cnn import predict
from ohlora_lib.scores import CONTROLLED

PROBED = 48  # faces that layers and slopes are measured on
REACH = 1.0  # score units to either side over which slopes are measured


def rescaled(directions: Directions, slopes: np.ndarray) -> Directions:
    """Return directions whose step of one moves a property by one, given its slopes [3].

    Slopes below 0.1 count as 0.1: a direction without effect is not stretched without end.
    """
    steps = directions.steps / np.maximum(slopes, 0.1)[None, :, None]
    return replace(directions, steps=steps.astype(np.float32))


def measured_slopes(
    synthesizer: Synthesizer, directions: Directions, w: np.ndarray, reader: Reader
) -> np.ndarray:
    """Measure the change of each property per unit of its own step.

    Args:
        synthesizer: of the generator.
        directions: to be measured.
        w: float32 [N, D], faces to try it on.
        reader: what measures.

    Returns:
        float64 [3], from -`REACH` to +`REACH`.
    """
    base = np.repeat(w[:, None], len(directions.steps), axis=1)
    stands = np.zeros((len(w), len(CONTROLLED)))  # do not matter where all faces step alike
    if directions.control is not None:
        stands = predict(reader.network, synthesizer.from_w(base), CONTROLLED)

    def moves(unit: np.ndarray) -> np.ndarray:
        return directions.moves(np.tile(unit, (len(w), 1)), w, stands)

    units = REACH * np.eye(len(CONTROLLED))
    slopes = []
    for i, name in enumerate(CONTROLLED):
        ends = [
            predict(reader.network, synthesizer.from_w(base + moves(sign * units[i])), [name]).mean(
                dtype=float
            )
            for sign in (1, -1)
        ]
        slopes.append((ends[0] - ends[1]) / (2 * REACH))
    return np.array(slopes)
