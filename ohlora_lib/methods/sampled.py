"""Generators that are sampled, for methods that find directions in what the pictures show."""

from dataclasses import dataclass
from typing import Any

from ohlora_lib.populations.recipes import classifiers
from ohlora_lib.store.layout import CHUNK
from ohlora_lib.store.results import Results

RANDOM_LABELS = {"v6": 3, "v7": 3}  # VectorFind versions whose label means nothing, and its width
RANDOM = "_random"  # ends the name of a generator with such a label


@dataclass(frozen=True)
class Sampled:
    """One sampled generator.

    A generator is sampled once, as often as the greediest search needs.

    Args:
        name: of the fine-tune, with `RANDOM` behind it where its label means nothing.
        finetune: the fine-tune.
        samples: how many.
        config: the whole configuration, with defaults.
        results: the map of the run's files.
    """

    name: str
    finetune: str
    samples: int
    config: dict[str, Any]
    results: Results

    @property
    def generator(self) -> str:
        """Its checkpoint."""
        if self.name.endswith(RANDOM):
            return self.results("random_label_generator", finetune=self.finetune)
        return self.results("generator", version=self.finetune)

    @property
    def property_cnn(self) -> str:
        """The network that reads its pictures; the merged one knows all eight scores."""
        return self.results("property_cnn" if self.name.endswith(RANDOM) else "merged_cnn")

    @property
    def population(self) -> str:
        """The population whose faces it draws."""
        return self.config["finetune"][self.finetune]["population"]

    @property
    def classifiers(self) -> list[str]:
        """The attribute CNNs that read its pictures."""
        attributes = self.config["populations"][self.population]["attributes"]
        return classifiers(self.results, self.population, attributes)

    @property
    def parts(self) -> list[str]:
        """What distinguishes the files that several jobs write: [""] where one job writes all."""
        jobs = self.config["scatter"]["sample"]
        if jobs == 1:
            return [""]
        parts = min(jobs, -(-self.samples // CHUNK))
        return [f"_{part}_of_{parts}" for part in range(1, parts + 1)]

    @property
    def readers(self) -> dict[str, Any]:
        """The generator and what reads its pictures."""
        return {"generator": self.generator, "property_cnn": self.property_cnn}

    @property
    def table(self) -> str:
        """All its samples."""
        return self.results("samples", source=self.name)

    @property
    def part_tables(self) -> list[str]:
        """The files that its samples are joined from."""
        return [self.results("sample_part", source=self.name, slice=part) for part in self.parts]

    def benchmarks(self, samples: int) -> dict[str, float]:
        """Return the benchmark files of the sampling jobs, with the share that `samples` are."""
        share = samples / self.samples
        jobs = [f"draw_samples/{self.name}{part}" for part in self.parts]
        return {self.results("benchmark", job=job): share for job in jobs}


def sampled_name(settings: dict[str, Any]) -> str:
    """Return the name of the generator that a search, given its settings, moves in."""
    random = settings.get("version") in RANDOM_LABELS
    return settings["finetune"] + (RANDOM if random else "")


def sampled_generators(config: dict[str, Any], results: Results) -> dict[str, Sampled]:
    """Return all sampled generators of a configuration, by name."""
    searches = list(config["vectorfind"].values())
    if config["directions"]["enabled"] and config["directions"]["ways"]:
        searches.append(config["directions"])
    most: dict[str, int] = {}
    for settings in searches:
        name = sampled_name(settings)
        most[name] = max(most.get(name, 0), settings["samples"])
    return {
        name: Sampled(name, name.removesuffix(RANDOM), samples, config, results)
        for name, samples in most.items()
    }


def search_memory(samples: int) -> int:
    """Return the MB of a job that holds so many samples, with the copies that a search makes."""
    return 3000 + samples // 100
