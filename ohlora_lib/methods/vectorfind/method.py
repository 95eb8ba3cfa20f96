"""VectorFind-v6 to v8, as the workflow sees them: what each samples, needs and makes."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from ohlora_lib.methods.base import Method
from ohlora_lib.methods.sampled import Sampled, sampled_generators, sampled_name
from ohlora_lib.store.results import Results


@dataclass(frozen=True)
class VectorFind(Method):
    """Directions per group of faces, found in samples of a fine-tuned generator."""

    family: ClassVar[str] = "vectorfind"
    drawn_by: ClassVar[str] = "ohlora_lib.methods.vectorfind.model"

    @property
    def source(self) -> Sampled:
        """The generator that it moves in."""
        return sampled_generators(self.config, self.results)[sampled_name(self.settings)]

    @property
    def population(self) -> str:
        return self.source.population

    @property
    def model(self) -> dict[str, str]:
        return {"model": self.results("vectors", vectors=self.name), **self.source.readers}

    @property
    def benchmarks(self) -> dict[str, float]:
        own = self.results("benchmark", job=f"find_vectors/{self.name}")
        return {**self.source.benchmarks(self.settings["samples"]), own: 1.0}

    @property
    def recipe(self) -> str:
        changed = [self.settings.get(key) is not None for key in ("groups", "share")]
        return "changed" if any(changed) else self.settings.get("recipe", "published")

    @property
    def published_as(self) -> str:
        return f"{self.family}_{self.settings['version']}"

    @property
    def shown(self) -> list[str]:
        return [self.results(each, vectors=self.name) for each in ("vector_test_summary", "tsne")]

    @property
    def facts(self) -> dict[str, Any]:
        return {"samples": self.settings["samples"]}


def configured(config: dict[str, Any], results: Results) -> list[VectorFind]:
    """Return the configured searches."""
    chosen = config["vectorfind"]
    return [VectorFind(name, settings, config, results) for name, settings in chosen.items()]


def problems(config: dict[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield nothing: the schema says all."""
    yield from ()
