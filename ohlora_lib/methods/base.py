"""What a method declares: where it comes from, what it makes, what draws with it, what it costs.

Nothing here loads torch: rules read all of it whenever the workflow starts.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

from ohlora_lib.store.results import Results


@dataclass(frozen=True)
class Method(ABC):
    """One configured method. Paths are those of the run.

    Args:
        name: under its family's key in the configuration, such as "v1".
        settings: its entry there.
        config: the whole configuration, with defaults.
        results: the map of the run's files.
    """

    name: str
    settings: dict[str, Any]
    config: dict[str, Any]
    results: Results

    family: ClassVar[str]

    @property
    def key(self) -> str:
        """Its name among all methods, such as "finetune_v1"."""
        return f"{self.family}_{self.name}"

    @property
    def repeats_published(self) -> bool:
        """Whether it is part of the target `published` only, not of every run."""
        return False

    @property
    @abstractmethod
    def population(self) -> str:
        """The population whose faces its pictures are compared with."""

    @property
    @abstractmethod
    def model(self) -> dict[str, str]:
        """The checkpoint, as `model`, and what it needs beside it: `generator`, `property_cnn`."""

    @property
    @abstractmethod
    def drawn_by(self) -> str:
        """The module that opens the checkpoint and draws, see `methods.models`.

        It is never the one that fits, so that an edited drawing retrains nothing.
        """

    @property
    def latents(self) -> dict[str, str]:
        """`posterior`: table of faces' latents to draw around; {} where latents are N(0, 1)."""
        return {}

    @property
    def dropout_seed(self) -> int | None:
        """Seed of the dropout that the judge `cnn` keeps on, as published; None for none."""
        return None

    @property
    def benchmarks(self) -> dict[str, float]:
        """Benchmark file of every job that made it, from its generator on, with its share of it."""
        return {}

    @property
    def trainings(self) -> list[str]:
        """Its resumable trainings, as wildcard of the file `earlier` (seconds of killed jobs)."""
        return []

    @property
    @abstractmethod
    def recipe(self) -> str:
        """How the leaderboard calls its recipe."""

    @property
    def published_as(self) -> str | None:
        """Under which name its published figures stand (`reporting.published`), if any do."""
        return None

    @property
    def figures(self) -> dict[str, str]:
        """Files that the leaderboard's page shows of it: `curves` and `log` of a training."""
        return {}

    @property
    def shown(self) -> list[str]:
        """What a run makes of it for its report, besides what every method gets."""
        return []

    @property
    def facts(self) -> dict[str, Any]:
        """What else the leaderboard says of it: `samples`, `steps`, `patience`, `note`."""
        return {}

    def leaderboard_entry(self) -> dict[str, Any]:
        """Return all that the leaderboard needs to know, as plain Python types."""
        entry = {
            "recipe": self.recipe,
            "benchmarks": self.benchmarks,
            "earlier": [self.results("earlier", training=each) for each in self.trainings],
            **self.figures,
            **self.facts,
        }
        if self.published_as is not None:
            entry["published_as"] = self.published_as
        return entry
