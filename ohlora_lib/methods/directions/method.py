"""Calibrated directions, as the workflow sees them: the ways, what each starts from and needs."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from ohlora_lib.methods.base import Method
from ohlora_lib.methods.sampled import Sampled, sampled_generators, sampled_name
from ohlora_lib.store.results import Results

# Way to fit directions, a module of `directions.ways` -> the way whose steps it begins with.
WAYS: dict[str, str | None] = {
    "linear": None,
    "masked": "linear",
    "trained": "masked",
    "closed_loop": "linear",
    "control": "linear",
}
# Ways that are trained -> the section of the configuration's `directions` that says how.
OPTIONS = {"trained": "training", "control": "control"}


@dataclass(frozen=True)
class DirectionsMethod(Method):
    """Directions in w of a fine-tuned generator, fitted one way."""

    family: ClassVar[str] = "directions"
    drawn_by: ClassVar[str] = "ohlora_lib.methods.directions.model"

    @property
    def modules(self) -> list[str]:
        """The module that fits it, which the job loads by name."""
        return [f"ohlora_lib.methods.directions.ways.{self.name}"]

    @property
    def source(self) -> Sampled:
        """The generator that it moves in."""
        return source(self.config, self.results)

    @property
    def lineage(self) -> list[str]:
        """This way and those that it begins with, the latest first."""
        found, way = [], self.name
        while way is not None:
            found.append(way)
            way = WAYS[way]
        return found

    @property
    def start(self) -> str | list[str]:
        """The directions that it begins with; [] if with none."""
        start = WAYS[self.name]
        return [] if start is None else self.results("directions", directions=start)

    @property
    def options(self) -> dict[str, Any]:
        """How it is trained; {} if it is not."""
        return self.settings[OPTIONS[self.name]] if self.name in OPTIONS else {}

    @property
    def population(self) -> str:
        return self.source.population

    @property
    def model(self) -> dict[str, str]:
        model = self.results("directions", directions=self.name)
        return {"model": model, **self.source.readers}

    @property
    def benchmarks(self) -> dict[str, float]:
        fits = [self.results("benchmark", job=f"fit_directions/{way}") for way in self.lineage]
        return {**self.source.benchmarks(self.settings["samples"]), **dict.fromkeys(fits, 1.0)}

    @property
    def trainings(self) -> list[str]:
        return [f"directions/{way}" for way in self.lineage]

    @property
    def recipe(self) -> str:
        return "ours"

    @property
    def shown(self) -> list[str]:
        return [self.results("saturation")]  # one table for all ways

    @property
    def facts(self) -> dict[str, Any]:
        return {"samples": self.settings["samples"]}


def configured(config: dict[str, Any], results: Results) -> list[DirectionsMethod]:
    """Return the configured ways."""
    settings = config["directions"]
    ways = settings["ways"] if settings["enabled"] else []
    return [DirectionsMethod(way, settings, config, results) for way in ways]


def fitted(config: dict[str, Any], results: Results) -> dict[str, DirectionsMethod]:
    """Return all ways that can be fitted, also those that others only begin with, by name."""
    if not configured(config, results):
        return {}
    settings = config["directions"]
    return {way: DirectionsMethod(way, settings, config, results) for way in WAYS}


def source(config: dict[str, Any], results: Results) -> Sampled:
    """Return the generator that directions move in."""
    return sampled_generators(config, results)[sampled_name(config["directions"])]


def problems(config: dict[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield nothing: the schema says all."""
    yield from ()
