"""What the jobs of the data half depend on, read from the configuration; nothing here loads torch.

`config` is the whole configuration, with defaults; `results` is the map of the run's files.
"""

import hashlib
import os
import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ohlora_lib.networks.segmenters import SEGMENTERS
from ohlora_lib.scores import ALGORITHMS, ON_LANDMARKS
from ohlora_lib.store.results import Results

Config = dict[str, Any]


# ---- images


def original_generator(config: Config, as_published: bool) -> str:
    """Return the domain's generator, or the one that the reference used where that is another."""
    domain = config["domain"]
    return (as_published and domain["generator_as_published"]) or domain["generator"]


def generator(config: Config, results: Results, population: str) -> str:
    """Return the checkpoint of the generator that a population's images come from."""
    recipe = config["populations"][population]
    if recipe["finetune"]:
        return results("generator", version=recipe["finetune"])
    return recipe["generator"] or original_generator(config, recipe["as_published"])


def generation(config: Config, population: str) -> dict[str, Any]:
    """Return what generated images depend on, besides weights."""
    recipe = config["populations"][population]
    chosen = {key: recipe[key] for key in ("truncation_psi", "as_published")}
    return {**chosen, **_counts(config, population), "seed": config["seed"]}


def imported(config: Config) -> list[str]:
    """Return the populations whose images are a folder of pictures."""
    return [name for name, recipe in config["populations"].items() if recipe["images_from"]]


def generated(config: Config) -> list[str]:
    """Return the populations whose images a generator draws."""
    return [name for name in config["populations"] if name not in imported(config)]


def importing(config: Config, population: str) -> dict[str, Any]:
    """Return which pictures a population takes from its folder."""
    return {**config["populations"][population]["images_from"], **_counts(config, population)}


def picture_listing(config: Config, population: str) -> str:
    """Return a hash of names, sizes and times of the files in a population's folder."""
    folder = Path(config["populations"][population]["images_from"]["folder"])
    found = [(file.name, file.stat()) for file in sorted(folder.iterdir())]
    listing = [(name, state.st_size, state.st_mtime_ns) for name, state in found]
    return hashlib.sha256(repr(listing).encode()).hexdigest()[:12]


def _counts(config: Config, population: str) -> dict[str, int]:
    images = config["populations"][population]["images"]
    return {"count": images, "resolution": config["domain"]["resolution"]}


# ---- labels and classifiers


def labelling(config: Config, population: str) -> dict[str, Any]:
    """Return what the labels of a population depend on."""
    recipe = config["populations"][population]
    labels = recipe["labels"]
    return {
        "attributes": recipe["attributes"],
        "images": recipe["images"],
        "count": labels["count"],
        "error_rate": labels["error_rate"],
        "seed": config["seed"],
    }


def label_table(config: Config, population: str) -> str | None:
    """Return a person's table of labels, or None."""
    return config["populations"][population]["labels"]["csv"]


def label_source(config: Config, results: Results, population: str) -> dict[str, Any]:
    """Return what labels are taken from: a person's table, else the annotator's answers.

    A table that is still to be made is no input but the job's own complaint, once there are images.
    """
    table = label_table(config, population)
    if table is None:
        return annotator_answers(config, results, population)
    if Path(table).exists():
        return {"csv": table}
    return {"images": results.shards(population, "image_shard", config["shards"])}


def label_command(
    config: Config, population: str, folder: str, overlays: Iterable[str | Path]
) -> str | None:
    """Return the command that makes a person's table; None where it is there, or not needed.

    Args:
        config: with defaults.
        population: its name.
        folder: of the run.
        overlays: the configuration files of the run besides config.yaml; `ohlora label` sees no
            command line of Snakemake.
    """
    table = label_table(config, population)
    if table is None or Path(table).exists():
        return None
    attributes = config["populations"][population]["attributes"]
    options = ["--population", population, "--attributes", *attributes]
    for overlay in overlays:
        options += ["--configfile", os.path.relpath(overlay)]
    return shlex.join(["ohlora", "label", *options, "--results", folder])


def annotator_answers(config: Config, results: Results, population: str) -> dict[str, str]:
    """Return the annotator's answers without mistakes, in domains that have one."""
    if config["domain"]["annotator"] is None:
        return {}
    return {"annotator": results("annotator", population=population)}


def folds(config: Config, attribute: str) -> range:
    """Return the fold numbers of an attribute."""
    return range(config["attributes"][attribute]["folds"])


def classifiers(results: Results, population: str, attributes: Sequence[str]) -> list[str]:
    """Return the first fold of each attribute's classifier, as the networks that methods use."""
    return [
        results("classifier", population=population, attribute=name, fold=0) for name in attributes
    ]


def classifier_options(config: Config, population: str, attribute: str) -> dict[str, Any]:
    """Return how an attribute is trained in a population."""
    own = dict(config["populations"][population]["training"].get(attribute, {}))
    own.pop("start", None)
    return {**config["attributes"][attribute], **own}


def finished_classifiers(config: Config, population: str, attribute: str) -> list[str]:
    """Return the finished networks that predict an attribute, one per fold; none: []."""
    return config["populations"][population]["classifiers"].get(attribute, [])


def classifier_start(
    config: Config, results: Results, population: str, attribute: str, fold: int
) -> dict[str, str]:
    """Return what a fold's training starts from, or the finished network that is judged instead."""
    finished = finished_classifiers(config, population, attribute)
    if finished:
        return {"start": finished[fold]}
    start = config["populations"][population]["training"].get(attribute, {}).get("start")
    if start is None:
        return {}
    return {"start": results("classifier", population=start, attribute=attribute, fold=0)}


def filtering(config: Config, population: str) -> dict[str, Any]:
    """Return which images of a population are kept."""
    recipe = config["populations"][population]
    return {
        "conditions": recipe["filter"],
        "filter_by": recipe["filter_by"],
        "exclude_labelled": recipe["exclude_labelled"],
    }


# ---- scores and the networks that learn them


def score_algorithms(config: Config) -> list[str]:
    """Return the score algorithms of a run: those that its segmenter can feed."""
    landmarks = SEGMENTERS[config["domain"]["segmenter"]["kind"]].landmarks
    measured = {algorithm for algorithm, _ in ON_LANDMARKS}
    return [name for name in ALGORITHMS if landmarks or name not in measured]


def score_algorithm(config: Config) -> str:
    """Return the algorithm that networks learn and judges measure: the last that there is."""
    return score_algorithms(config)[-1]


def taught_scores(config: Config, results: Results, network: str) -> str:
    """Return the table that `property_cnn` or `hairstyle_cnn` learns from."""
    population = config[network]["population"]
    return results("scores", population=population, algorithm=score_algorithm(config))


def score_statistics(config: Config, results: Results) -> str:
    """Return the file whose means and deviations define a score unit, for networks and judges."""
    population = config["property_cnn"]["population"]
    return results("score_statistics", population=population, algorithm=score_algorithm(config))


def learnt_scores(config: Config, results: Results, population: str) -> str:
    """Return the table of a population's scores by networks, all in the same units."""
    if population == config["property_cnn"]["population"]:
        return results("property_cnn_scores")
    return results("scores", population=population, algorithm="cnn")


def reader_options(config: Config, network: str) -> dict[str, Any]:
    """Return how `property_cnn` or `hairstyle_cnn` is trained."""
    other = ("population", "gpus", "cores")
    return {key: value for key, value in config[network].items() if key not in other}


def property_network(config: Config) -> dict[str, Any]:
    """Return the constructor arguments of the property CNN, besides its resolution."""
    crops = config["domain"]["crops"]
    return {"crops": crops} if crops else {}


def reader_threads(config: Config, network: str) -> int:
    """Return the cores of its job: one for each process, wherever it runs."""
    return max(config[network]["gpus"], config[network]["cores"])
