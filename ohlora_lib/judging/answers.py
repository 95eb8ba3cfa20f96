"""The scale on which the attributes of pictures change."""

import numpy as np

EDGE = 1e-7  # probabilities are kept so far from 0 and 1, which have no log odds


def log_odds(probabilities: np.ndarray) -> np.ndarray:
    """Return log(p / (1 - p)) of probabilities, which are first kept 1e-7 away from 0 and 1."""
    kept = np.clip(np.asarray(probabilities, np.float64), EDGE, 1 - EDGE)
    return np.log(kept) - np.log1p(-kept)
