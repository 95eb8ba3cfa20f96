"""Attributes of pictures as numbers: which ones are judged, and on which scale they change."""

import numpy as np

# attribute -> what the share of pictures that have it is called
SHARES = {"gender": "women", "quality": "good", "age": "old", "glass": "glass"}
ATTRIBUTES = tuple(SHARES)
PERSON = ("gender", "age", "glass")  # what makes another person where an edit flips it

EDGE = 1e-7  # probabilities are kept so far from 0 and 1, which have no log odds


def log_odds(probabilities: np.ndarray) -> np.ndarray:
    """Return log(p / (1 - p)) of probabilities, which are first kept 1e-7 away from 0 and 1."""
    kept = np.clip(np.asarray(probabilities, np.float64), EDGE, 1 - EDGE)
    return np.log(kept) - np.log1p(-kept)
