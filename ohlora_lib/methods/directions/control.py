"""A small network that bends a face's step by where it starts and by what is requested of it.

A direction is right on average; the network knows the face that it moves. `ways.control` trains it
and says after whom; here is all that drawing needs.
"""

import numpy as np
import torch
from torch import Tensor, nn

from ohlora_lib.scores import CONTROLLED
from ohlora_lib.store.picture_tensors import full_batches

AT_ONCE = 64  # faces per forward pass; always as many, so that none depends on its company
GIVEN = 2 * len(CONTROLLED)  # numbers beside w: requested scores, and those of the face as it is


class ControlNetwork(nn.Module):
    """The part of a move that depends on the face: f(w, t, s), zero as long as it is untrained.

    Args:
        w_dim: width D of w.
        width: units of each of the three hidden layers.
    """

    def __init__(self, w_dim: int, width: int = 384) -> None:
        super().__init__()
        self.width = width
        self.hidden = nn.Sequential(
            nn.Linear(w_dim + GIVEN, width),
            nn.SiLU(),
            nn.Linear(width, width),
            nn.SiLU(),
            nn.Linear(width, width),
            nn.SiLU(),
        )
        self.last = nn.Linear(width, w_dim)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)
        self.register_buffer("mean", torch.zeros(w_dim))
        self.register_buffer("std", torch.ones(w_dim))
        self.register_buffer("lowest", torch.full((len(CONTROLLED),), -torch.inf))
        self.register_buffer("highest", torch.full((len(CONTROLLED),), torch.inf))

    @torch.no_grad()
    def fit_to(self, mean: np.ndarray, std: np.ndarray, bounds: np.ndarray) -> None:
        """Say what faces and requests are like.

        Args:
            mean: of w, [D].
            std: of w, [D], above 0; w is normalised by them, and moves are in these units.
            bounds: lowest and highest score that a request may have, [2, 3].
        """
        self.mean.copy_(torch.from_numpy(mean))
        self.std.copy_(torch.from_numpy(std))
        self.lowest.copy_(torch.from_numpy(bounds[0]))
        self.highest.copy_(torch.from_numpy(bounds[1]))

    def forward(self, w: Tensor, requested: Tensor, stands: Tensor) -> Tensor:
        """Return what is added to w beside the linear step.

        Args:
            w: [N, D].
            requested: [N, 3] scores.
            stands: [N, 3], the scores that are read in the pictures of w.

        Returns:
            [N, D].
        """
        known = torch.cat([(w - self.mean) / self.std, requested, stands], dim=1)
        return self.last(self.hidden(known)) * self.std

    @torch.inference_mode()
    def bend(self, w: np.ndarray, requested: np.ndarray, stands: np.ndarray) -> np.ndarray:
        """As `forward`, of arrays: float32 [N, D]. A row depends on nothing but itself."""
        rows = np.concatenate([w, requested, stands], axis=1).astype(np.float32)
        moves = np.empty_like(w, np.float32)
        sizes = [w.shape[1], len(CONTROLLED), len(CONTROLLED)]
        for part, batch in full_batches(rows, AT_ONCE):
            found = self(*torch.from_numpy(batch).split(sizes, dim=1))
            moves[part] = found[: part.stop - part.start].numpy()
        return moves

    def shown(self, requested: np.ndarray) -> np.ndarray:
        """Return the nearest requests that it has learnt, [N, 3]: those a face can show."""
        return np.clip(requested, self.lowest.numpy(), self.highest.numpy())
