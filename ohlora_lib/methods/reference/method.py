"""Finished models that somebody else trained, as the workflow sees them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from ohlora_lib.methods.base import Method
from ohlora_lib.methods.finetune.method import Finetune
from ohlora_lib.methods.finetune.versions import VERSIONS as FINETUNES
from ohlora_lib.methods.vectorfind.groups import VERSIONS as VECTORFINDS
from ohlora_lib.methods.vectorfind.method import VectorFind
from ohlora_lib.store.results import Results


@dataclass(frozen=True)
class Kind:
    """What references of one kind are."""

    model: str  # the adopted checkpoint, in the map of a run's files
    drawn_by: str  # the module that draws with it
    drawing: str  # the switch of `as_published` that says how it is drawn
    versions: tuple[str, ...]  # which of the published models there are
    meaningless: tuple[tuple[str, ...], ...]  # keys of the configuration that mean nothing for it


KINDS = {
    "finetune": Kind(
        model="reference_generator",
        drawn_by=Finetune.drawn_by,
        drawing="style_mixing",
        versions=FINETUNES,
        meaningless=(("vectors",), ("property_cnn",), ("as_published", "unit_steps")),
    ),
    "vectorfind": Kind(
        model="reference_vectors",
        drawn_by=VectorFind.drawn_by,
        drawing="unit_steps",
        versions=tuple(VECTORFINDS),
        meaningless=(("encoder",), ("as_published", "style_mixing")),
    ),
}
ENCODED = "v3"  # the version whose latents come from an encoder
EIGHT_SCORES = "v8"  # the VectorFind that groups faces by the eighth score, too


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
    def property_cnn(self) -> str:
        """What predicts the group of a face, for directions."""
        own = "merged_cnn" if self.settings["version"] == EIGHT_SCORES else "property_cnn"
        return self.settings["property_cnn"] or self.results(own)

    @property
    def model(self) -> dict[str, str]:
        model = {"model": self.results(self.kind.model, reference=self.name)}
        if self.settings["kind"] == "finetune":
            return model
        moved_in = {"generator": self.settings["generator"], "property_cnn": self.property_cnn}
        return {**model, **moved_in}

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
    """Yield what is wrong with the references: the keys that lead to it, and a sentence."""
    for name, item in config["references"].items():
        here, kind, version = ("references", name), item["kind"], item["version"]
        if version not in KINDS[kind].versions:
            text = f"{'.'.join(here)}.version is {version}, which is no {kind}"
            yield (*here, "version"), f"{text}; allowed are {', '.join(KINDS[kind].versions)}"
        meaningless = KINDS[kind].meaningless
        if version != ENCODED:
            meaningless = (*meaningless, ("encoder",))
        for keys in meaningless:
            value = item
            for key in keys:
                value = value[key]
            if value:
                place = (*here, *keys)
                text = f"{'.'.join(place)} has no meaning for a {kind} of version {version}"
                yield place, f"{text}; remove it"
        if kind == "vectorfind" and item["vectors"] is None:
            yield here, f"{'.'.join(here)}.vectors is missing, the directions; add it"
        eighth = kind == "vectorfind" and version == EIGHT_SCORES and item["property_cnn"] is None
        if eighth and config["hairstyle_cnn"]["population"] is None:
            text = f"{'.'.join(here)}.property_cnn is null, and no hairstyle_cnn is configured"
            yield here, f"{text} that predicts the eighth score; give one of the two"
