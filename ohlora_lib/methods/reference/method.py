"""Finished models that somebody else trained, as the workflow sees them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from ohlora_lib.methods.base import Method
from ohlora_lib.methods.finetune.method import Finetune
from ohlora_lib.methods.vectorfind.method import VectorFind
from ohlora_lib.store.results import Results


@dataclass(frozen=True)
class Kind:
    """What references of one kind are."""

    model: str  # the adopted checkpoint, in the map of a run's files
    drawn_by: str  # the module that draws with it
    drawing: str  # the switch of `as_published` that says how it is drawn


KINDS = {
    "finetune": Kind("reference_generator", Finetune.drawn_by, "style_mixing"),
    "vectorfind": Kind("reference_vectors", VectorFind.drawn_by, "unit_steps"),
}


@dataclass(frozen=True)
class Reference(Method):
    """A generator with scores as its label, or directions in a generator."""

    family: ClassVar[str] = "reference"

    @property
    def kind(self) -> Kind:
        """What it is."""
        return KINDS[self.settings["kind"]]

    @property
    def drawn_by(self) -> str:
        return self.kind.drawn_by

    @property
    def population(self) -> str:
        return self.settings["population"]

    @property
    def beside(self) -> dict[str, str]:
        """The generator that directions move in, and what predicts a face's group."""
        own = "merged_cnn" if self.settings["version"] == "v8" else "property_cnn"
        property_cnn = self.settings["property_cnn"] or self.results(own)
        return {"generator": self.settings["generator"], "property_cnn": property_cnn}

    @property
    def model(self) -> dict[str, str]:
        model = {"model": self.results(self.kind.model, reference=self.name)}
        return model if self.settings["kind"] == "finetune" else {**model, **self.beside}

    @property
    def latents(self) -> dict[str, str]:
        if not self.settings["encoder"]:
            return {}
        return {"posterior": self.results("reference_posterior", reference=self.name)}

    @property
    def adoption(self) -> dict[str, Any]:
        """How its checkpoint is read: what it is, and how it is drawn."""
        drawing = self.kind.drawing
        return {
            "version": self.settings["version"],
            "resolution": self.config["domain"]["resolution"],
            drawing: self.settings["as_published"][drawing],
        }

    @property
    def dropout_seed(self) -> int | None:
        return self.config["seed"] if self.settings["as_published"]["dropout"] else None

    @property
    def recipe(self) -> str:
        switched = any(self.settings["as_published"].values())
        return "reference, as published" if switched else "reference"

    @property
    def published_as(self) -> str:
        return f"{self.settings['kind']}_{self.settings['version']}"


def configured(config: dict[str, Any], results: Results) -> list[Reference]:
    """Return the configured references."""
    chosen = config["references"]
    return [Reference(name, settings, config, results) for name, settings in chosen.items()]


def problems(config: dict[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield nothing: `configuration` checks references."""
    yield from ()
