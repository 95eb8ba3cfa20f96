"""Calibrated, decoupled directions in closed form: one step moves one property by one unit."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ohlora_lib.methods.moments import Moments


@dataclass(frozen=True)
class LinearFit:
    """What a linear model of the scores says.

    Attributes:
        readout: B, [k, D]: scores are about offset + B w.
        offset: [k].
        steps: columns of D for the controlled properties, [n, D]: B steps^T = 1 for the own
            property, 0 for all others.
        explained: [k], share of each score's variance that the model explains on the samples.
    """

    readout: np.ndarray
    offset: np.ndarray
    steps: np.ndarray
    explained: np.ndarray


def fit_linear(found: Moments, controlled: Sequence[int], ridge: float = 1e-3) -> LinearFit:
    """Fit decoupled directions: D = S B^T (B S B^T)^-1, S the covariance of w.

    B regresses everything that was read on w. Column i of D moves score i by one unit and, to
    first order, no other, with the smallest Mahalanobis norm.

    Args:
        found: see `moments`.
        controlled: which of the scores get a direction.
        ridge: added to the correlation matrix of the predicted scores, for scores that w
            hardly distinguishes.
    """
    readout = np.linalg.solve(found.covariance, found.cross.T).T
    predicted = readout @ found.covariance @ readout.T  # covariance of the predicted scores
    explained = np.diag(predicted) / np.maximum(found.std_y**2, 1e-12)
    scale = np.sqrt(np.maximum(np.diag(predicted), 1e-12))
    relation = predicted / np.outer(scale, scale) + ridge * np.eye(len(scale))
    inverse = np.linalg.inv(relation) / np.outer(scale, scale)
    steps = (found.covariance @ readout.T @ inverse).T[list(controlled)]
    own = np.einsum("nd,nd->n", readout[list(controlled)], steps)
    steps = steps / own[:, None]  # what the ridge took
    return LinearFit(readout, found.mean_y - readout @ found.mean_w, steps, explained)
