"""The model that follows directions: what draws with them, and nothing that fits them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from ohlora_lib.generators.base import Generator
from ohlora_lib.generators.synthesis import Synthesizer
from ohlora_lib.methods.directions.stored import Directions, load_directions
from ohlora_lib.methods.network_digests import check_origin
from ohlora_lib.methods.sampling import map_latents
from ohlora_lib.networks.files import load_generator, load_network
from ohlora_lib.networks.property_cnn import PropertyCNN, predict
from ohlora_lib.scores import CONTROLLED

CLOSE = 0.05  # score units; a picture whose errors are all smaller is not corrected further
FREE = 0.3  # Mahalanobis norm that corrections may always add up to
SHARE = 0.1  # and beyond that, this share of the first move's norm
CACHED = 4096  # latents whose measured scores are kept

Scorer = Callable[[np.ndarray], np.ndarray]  # uint8 [N, R, R, 3] -> [N, 3]: eyes, mouth, pose


class DirectionModel:
    """A generator that is steered along directions; a `ControlledModel`.

    w' = w + D (t - s): t is what is requested, s the face's own scores by the linear readout
    or measured by the scorer. Measured faces are then drawn, measured and corrected again, as often
    as the directions say ("closed loop"). The corrections stay within a trust region around the
    first move: what a face cannot show is not forced, since the scorer would then be deceived
    rather than obeyed. The scorer guides and must not be the only judge.

    Where the directions have a control network, it adds to D (t - s) what it has learnt for w, t
    and s; a correction asks it anew, for a request that is further off by what was missed.

    Args:
        generator: a latent is z with its label, if any, behind it.
        directions: see `Directions`.
        scorer: needed where something is measured.
        batch_size: pictures drawn at once.
        device: torch device name.
    """

    def __init__(
        self,
        generator: Generator,
        directions: Directions,
        scorer: Scorer | None = None,
        batch_size: int = 16,
        device: str = "cpu",
    ) -> None:
        expected = (generator.num_layers, len(CONTROLLED), generator.w_dim)
        if directions.steps.shape != expected:
            raise ValueError(f"steps must be {list(expected)}, got {list(directions.steps.shape)}")
        if directions.measured and scorer is None:
            raise ValueError("these directions need a scorer that measures")
        self.latent_dim = generator.z_dim + generator.label_dim
        self.resolution = generator.resolution
        self.synthesizer = Synthesizer(generator, batch_size, device)
        self.directions = directions
        self.scorer = scorer
        own = [directions.names.index(name) for name in CONTROLLED]
        self.readout, self.offset = directions.readout[own], directions.offset[own]
        inverse = np.linalg.inv(directions.covariance.astype(np.float64))
        steps = directions.steps.astype(np.float64)
        # [3, 3]: squared Mahalanobis norm of a move c is c M c
        self.metric = np.einsum("lpd,de,lqe->pq", steps, inverse, steps) / len(steps)
        self._stands: dict[bytes, np.ndarray] = {}

    def draw(self, latents: np.ndarray, requested: np.ndarray) -> np.ndarray:
        """Draw one picture per row; see `ControlledModel`."""
        w, images = self._follow(latents, requested)
        return self.synthesizer.from_w(w) if images is None else images

    def steer(self, latents: np.ndarray, requested: np.ndarray) -> np.ndarray:
        """Return the w of every layer of faces that show what is requested.

        Args:
            latents: float32 [N, latent_dim].
            requested: float32 [N, 3].

        Returns:
            float32 [N, L, D].
        """
        return self._follow(latents, requested)[0]

    def _follow(
        self, latents: np.ndarray, requested: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Return what `steer` does, and its pictures where moved faces were measured."""
        w = map_latents(self.synthesizer, np.asarray(latents, np.float32))
        base = np.repeat(w[:, None], len(self.directions.steps), axis=1)
        requested = self.directions.shown(np.asarray(requested))
        stands = self._standing(latents, w)
        first = requested - stands
        best, images = first.copy(), None
        least = np.full(len(w), np.inf)
        rows, tried = np.arange(len(w)), first  # those still being corrected
        for _ in range(self.directions.measured - 1):
            if not len(rows):
                break
            moves = self.directions.moves(tried, w[rows], stands[rows])
            drawn = self.synthesizer.from_w(base[rows] + moves)
            errors = requested[rows] - self.scorer(drawn)
            size = np.abs(errors).max(axis=1)
            better = size < least[rows]
            images = drawn.copy() if images is None else images
            kept = rows[better]
            best[kept], least[kept], images[kept] = tried[better], size[better], drawn[better]
            going_on = better & (size >= CLOSE)  # a correction that fails would fail again
            rows, begun = rows[going_on], first[rows[going_on]]
            tried = begun + self._limited((tried + errors)[going_on] - begun, begun)
        return base + self.directions.moves(best, w, stands), images

    def _limited(self, change: np.ndarray, first: np.ndarray) -> np.ndarray:
        """Shorten corrections [N, 3] that leave the trust region around the first moves [N, 3]."""
        radius = FREE + SHARE * self._norm(first)
        return change * np.minimum(1.0, radius / np.maximum(self._norm(change), 1e-9))[:, None]

    def _norm(self, units: np.ndarray) -> np.ndarray:
        """Return the Mahalanobis norm of moves [N, 3], mean over layers."""
        return np.sqrt(np.einsum("np,pq,nq->n", units, self.metric, units))

    def _standing(self, latents: np.ndarray, w: np.ndarray) -> np.ndarray:
        """Return what the unmoved faces score, [N, 3]; measured ones are kept for later calls."""
        if not self.directions.measured:
            # not w @ B^T, whose last bits depend on how many rows there are
            return self.offset + np.einsum("nd,pd->np", w, self.readout)
        keys = [row.tobytes() for row in np.ascontiguousarray(latents, np.float32)]
        if len(self._stands) > CACHED:
            self._stands.clear()
        new = {key: i for i, key in enumerate(keys) if key not in self._stands}
        if new:
            scores = self.scorer(self.synthesizer.from_w(w[list(new.values())]))
            self._stands |= zip(new, scores, strict=True)
        return np.stack([self._stands[key] for key in keys])


def open_model(
    path: str | Path,
    generator: str | Path,
    property_cnn: str | Path,
    batch_size: int = 16,
    device: str = "cpu",
) -> DirectionModel:
    """See `models.open_model`."""
    directions = load_directions(path)
    network = load_generator(generator)
    reader = load_network(property_cnn, PropertyCNN.kind)
    check_origin(path, "generator", network, generator)
    check_origin(path, "property_cnn", reader, property_cnn)
    reader = reader.to(device)

    def measure(images: np.ndarray) -> np.ndarray:
        return predict(reader, images, CONTROLLED).astype(np.float64)

    return DirectionModel(network, directions, measure, batch_size, device)
