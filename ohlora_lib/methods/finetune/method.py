"""FineTune-v1 to v5 and v8, as the workflow sees them: what each starts from, needs and makes."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, ClassVar

from ohlora_lib import attributes
from ohlora_lib.methods.base import Method
from ohlora_lib.methods.finetune.objectives import OBJECTIVES, ObjectiveEntry
from ohlora_lib.methods.finetune.options import FinetuneOptions, check_processes
from ohlora_lib.methods.finetune.versions import version_options
from ohlora_lib.populations.recipes import (
    classifiers,
    folds,
    learnt_scores,
    original_generator,
)
from ohlora_lib.store.results import Results

PUBLISHED = "_published"  # ends the name of a published recipe
# of the published recipes: one process, and all the steps of the configuration
AS_PUBLISHED = {"recipe": "published", "options": {}, "gpus": 1, "patience": 0}
CONCEPT = "v8"  # the version that goes on with faces chosen by attributes


@dataclass(frozen=True)
class Finetune(Method):
    """A generator that is trained to obey its label."""

    family: ClassVar[str] = "finetune"
    drawn_by: ClassVar[str] = "ohlora_lib.methods.finetune.conditional"

    @cached_property
    def options(self) -> FinetuneOptions:
        """All options: the recipe's, with what the configuration changes."""
        return finetune_options(self.settings)

    @property
    def objective(self) -> ObjectiveEntry:
        """What it is trained for."""
        return OBJECTIVES[self.options.objective]

    @property
    def repeats_published(self) -> bool:
        return self.name.endswith(PUBLISHED)

    @property
    def population(self) -> str:
        return self.settings["population"]

    @property
    def gpus(self) -> int:
        """The processes that train it together, each on a GPU of its own."""
        return self.settings["gpus"]

    @property
    def cores(self) -> int:
        """The same for a machine without GPUs, each on a core of its own."""
        return training_cores(self.settings)

    @property
    def threads(self) -> int:
        """The cores of its job: one for each process, wherever it runs."""
        return max(self.gpus, self.cores)

    @property
    def title(self) -> str:
        """Version and recipe that the options are a choice of."""
        return f"{self.settings['version']} {self.settings['recipe']}"

    @property
    def plain_options(self) -> dict[str, Any]:
        """The options as plain Python types."""
        return asdict(self.options)

    @property
    def wanted(self) -> dict[str, bool]:
        """The answers that it is trained for, by attribute."""
        return {name: attributes.attribute(name).wanted for name in self.options.attributes}

    @property
    def attributes(self) -> list[str]:
        """The attributes of its population, which chose its faces."""
        return self.config["populations"][self.population]["attributes"]

    @property
    def parent(self) -> str | None:
        """The name of the fine-tune whose networks it goes on with; None: the domain's."""
        if self.options.start == "original":
            return None
        return self.options.start + (PUBLISHED if self.repeats_published else "")

    @property
    def images(self) -> list[str]:
        """The image shards of its population."""
        return self.results.shards(self.population, "image_shard", self.config["shards"])

    @property
    def scores(self) -> str:
        """The table of the scores that its faces are labelled with."""
        if self.options.scores == "cnn":
            return learnt_scores(self.config, self.results, self.population)
        return self.results("scores", population=self.population, algorithm=self.options.scores)

    @property
    def generator(self) -> str:
        """The generator that it starts from."""
        if self.parent is None:
            return original_generator(self.config, self.settings["recipe"] == "published")
        return self.results("generator", version=self.parent)

    @property
    def discriminator(self) -> str | list[str]:
        """The discriminator that it starts from; [] where it needs none."""
        if not self.objective.discriminator or self.options.discriminator != "stylegan":
            return []
        if self.parent is None:
            return self.config["domain"]["discriminator"]
        return self.results("discriminator", version=self.parent)

    @property
    def attribute_cnns(self) -> list[str]:
        """The networks that predict the attributes it is trained for."""
        return classifiers(self.results, self.population, self.options.attributes)

    @property
    def model(self) -> dict[str, str]:
        return {"model": self.results("generator", version=self.name)}

    @property
    def latents(self) -> dict[str, str]:
        if "posterior" not in self.objective.outputs:
            return {}
        return {"posterior": self.results("posterior", version=self.name)}

    @property
    def narrows(self) -> bool:
        """Whether it goes on with another one's faces, chosen by attributes: the concept."""
        return self.settings["version"] == CONCEPT

    @property
    def shown(self) -> list[str]:
        if not self.narrows:
            return []
        return [self.results("figure", figure=f"concept_{self.name}.png")]

    @property
    def concept(self) -> dict[str, Any]:
        """The generators before and after, and what predicts which faces fit the concept."""
        found = {"before": self.generator, "after": self.model["model"]}
        for attribute in self.attributes:
            names = {"population": self.population, "attribute": attribute}
            found[attribute] = [
                self.results("classifier", **names, fold=fold)
                for fold in folds(self.config, attribute)
            ]
        if self.config["domain"]["annotator"] is not None:
            found["annotator"] = self.config["domain"]["annotator"]
        return found

    @property
    def benchmarks(self) -> dict[str, float]:
        return {self.results("benchmark", job=f"finetune/{self.name}"): 1.0}

    @property
    def trainings(self) -> list[str]:
        return [f"finetune/{self.name}"]

    @property
    def recipe(self) -> str:
        return self.settings["recipe"]

    @property
    def published_as(self) -> str:
        return f"{self.family}_{self.settings['version']}"

    @property
    def figures(self) -> dict[str, str]:
        return {
            "curves": self.results("training_curves", version=self.name),
            "log": self.results("training_log", version=self.name),
        }

    @property
    def facts(self) -> dict[str, Any]:
        found = {"steps": self.options.steps, "patience": self.options.patience}
        if self.objective.note:
            found["note"] = self.objective.note
        return found


def configured(config: dict[str, Any], results: Results) -> list[Finetune]:
    """Return the configured fine-tunes, then their published recipes."""
    chosen = config["finetune"]
    repeated = {f"{name}{PUBLISHED}": {**each, **AS_PUBLISHED} for name, each in chosen.items()}
    return [
        Finetune(name, settings, config, results)
        for name, settings in {**chosen, **repeated}.items()
    ]


def finetune_options(settings: dict[str, Any]) -> FinetuneOptions:
    """Return all options of a fine-tune: its recipe's, with what the configuration changes.

    Args:
        settings: a fine-tune's entry in the configuration.

    Raises:
        ValueError: there is no such option.
    """
    changes = {key: settings[key] for key in ("steps", "epoch", "patience")}
    return version_options(
        settings["version"], settings["recipe"], {**changes, **settings["options"]}
    )


def training_cores(settings: dict[str, Any]) -> int:
    """Return the processes that train a fine-tune on a machine without GPUs.

    As many as `cores` says, or one where the recipe cannot share a batch: unlike cards, cores that
    are not needed cost nothing, so that this is no mistake to refuse.

    Args:
        settings: of one fine-tune.
    """
    try:
        check_processes(finetune_options(settings), settings["cores"])
    except ValueError:
        return 1
    return settings["cores"]


def problems(config: dict[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield what is wrong with the fine-tunes: the keys that lead to it, and a sentence."""
    for name, settings in config["finetune"].items():
        try:
            options = finetune_options(settings)
        except ValueError as error:
            known = FinetuneOptions.__dataclass_fields__
            key = next(key for key in settings["options"] if key not in known)
            place = ("finetune", name, "options", key)
            yield place, f"finetune.{name}.options: {error}; correct or remove it"
            continue
        gpus = settings["gpus"]
        try:
            check_processes(options, gpus)
        except ValueError as error:
            place = ("finetune", name, "gpus")
            yield place, f"finetune.{name}.gpus is {gpus}: {error}; set it to 1, or change that"
