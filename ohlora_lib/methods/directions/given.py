"""What a way to fit directions is given, and what it returns."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ohlora_lib.generators.base import Generator
from ohlora_lib.generators.synthesis import Synthesizer
from ohlora_lib.methods.directions.calibration import PROBED
from ohlora_lib.methods.directions.reader import Reader
from ohlora_lib.methods.directions.stored import Directions
from ohlora_lib.store.samples import iter_samples, read_samples

LEARNT = 2048  # faces that directions are trained on


@dataclass
class Given:
    """Networks, samples and settings; all networks are on one device."""

    network: Generator  # that the samples were drawn with
    synthesizer: Synthesizer  # of it
    reader: Reader  # what read the samples
    samples: str | Path  # see `methods.sampling.draw_samples`
    rows: int | None  # of them that may be used; all when None
    seed: int  # the run's
    state: str | Path  # folder for the state of a training
    start: Directions | None = None  # of the way that this one begins with
    options: dict[str, Any] = field(default_factory=dict)  # that differ, see `directions.options`
    device: str = "cpu"
    code: str = ""  # digest of the code that fits

    @cached_property
    def faces(self) -> np.ndarray:
        """W of the first samples, float32 [N, D], `LEARNT` at most."""
        return _first_w(self.samples, min(LEARNT, self.rows or LEARNT))

    @property
    def probes(self) -> np.ndarray:
        """Those of `faces` that steps are measured on, float32 [N, D]."""
        return self.faces[:PROBED]

    @cached_property
    def spread(self) -> np.ndarray:
        """Standard deviation of everything that was read, float64 [k]."""
        return _spread(self.samples, self.reader.names, self.rows)


class Way(Protocol):
    """A module of `directions.ways`."""

    ROUNDS: int  # in which a picture is measured and the request corrected, before it is drawn
    RESCALED: bool  # whether steps are rescaled, so that one moves a property by one unit

    def fit(self, given: Given) -> tuple[Directions, dict[str, Any], dict[str, Any]]:
        """Return the directions, facts for the metrics, and facts for the provenance."""
        ...


def _first_w(samples: str | Path, most: int) -> np.ndarray:
    """Return w of the first samples, float32 [N, D], at most so many."""
    parts: list[np.ndarray] = []
    for part in iter_samples(samples, ["w"]):
        parts.append(part["w"])
        if sum(map(len, parts)) >= most:
            break
    return np.concatenate(parts)[:most]


def _spread(samples: str | Path, names: Sequence[str], rows: int | None) -> np.ndarray:
    """Return the standard deviation of everything that was read, float64 [k]."""
    found = read_samples(samples, names, rows)
    return np.array([max(float(found[name].std(dtype=float)), 1e-6) for name in names])
