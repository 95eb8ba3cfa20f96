"""The scale on which answers of attribute networks are compared; numpy only."""

import numpy as np

EDGE = 1e-7  # probabilities are kept this far from 0 and 1, which have no log odds


def log_odds(probabilities: np.ndarray, edge: float = EDGE) -> np.ndarray:
    """Return log(p / (1 - p)); float64.

    Args:
        probabilities: of any shape.
        edge: how far they are kept from 0 and 1.
    """
    kept = np.clip(np.asarray(probabilities, np.float64), edge, 1 - edge)
    return np.log(kept) - np.log1p(-kept)
