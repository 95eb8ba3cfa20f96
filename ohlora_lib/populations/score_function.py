"""One property by one algorithm as a function of all that a segmenter finds."""

from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import numpy as np

from ohlora_lib.scores import ON_LANDMARKS


@dataclass(frozen=True)
class ScoreFunction:
    """A score, with its options; whatever it is measured on, it is called alike.

    Args:
        module: of the property, `ohlora_lib.scores.eyes` for instance.
        algorithm: one of `scores.ALGORITHMS`.
        options: keyword arguments of the score.
    """

    module: ModuleType
    algorithm: str
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def on_landmarks(self) -> bool:
        """Whether it is measured on landmarks."""
        name = self.module.__name__.rpartition(".")[2]
        return (self.algorithm, name) in ON_LANDMARKS

    def __call__(
        self,
        class_maps: np.ndarray,
        pictures: np.ndarray | None = None,
        landmarks: np.ndarray | None = None,
    ) -> np.ndarray:
        """Measure faces.

        Args:
            class_maps: uint8 [N, 224, 224].
            pictures: uint8 [N, 224, 224, 3] that colours are read from; None for a score that
                reads none.
            landmarks: float [N, 478, 3]; None for a score that needs none.

        Returns:
            float64 [N]; NaN where there is no score.

        Raises:
            ValueError: no landmarks for a score that is measured on them.
        """
        function = getattr(self.module, self.algorithm)
        if not self.on_landmarks:
            return function(class_maps, pictures, **self.options)
        if landmarks is None:
            raise ValueError(f"{self.module.__name__}.{self.algorithm} needs landmarks")
        return function(landmarks, **self.options)
