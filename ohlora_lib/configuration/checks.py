"""What the types of a configuration cannot say: contradictions between values, missing files."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ohlora_lib.configuration.words import Place, dotted, suggest

WINDOWS = ("rows", "left_columns", "right_columns")  # keys that hold [start, stop]


def without_disabled(config: dict) -> dict:
    """Return the configuration without what is switched off: by `enabled`, conditions by null."""
    kept = {
        kind: {name: item for name, item in config[kind].items() if item["enabled"]}
        for kind in ("populations", "finetune", "vectorfind", "references")
    }
    for name, population in kept["populations"].items():
        conditions = {key: item for key, item in population["filter"].items() if item is not None}
        kept["populations"][name] = {**population, "filter": conditions}
    hairstyle = dict(config["hairstyle_cnn"])
    if hairstyle["population"] in config["populations"].keys() - kept["populations"].keys():
        hairstyle["population"] = None
    return {**config, **kept, "hairstyle_cnn": hairstyle}


def cross_checks(config: dict, root: Path) -> Iterator[tuple[Place, str]]:
    """Yield what a schema cannot say: values that contradict each other, missing files."""
    if config["run"] in config["populations"]:
        text = f"run is {config['run']!r}, the name of a population, which has that folder already"
        yield ("run",), f"{text}; choose another"
    yield from _windows(config, ())
    for name, (top, bottom, left, right) in config["domain"]["crops"].items():
        if top >= bottom or left >= right:
            here = ("domain", "crops", name)
            text = f"{dotted(here)} is {[top, bottom, left, right]}, which is empty"
            yield here, f"{text}; give top, bottom, left, right, each first one smaller"
    segmenter = config["domain"]["segmenter"]
    if segmenter["kind"] == "facexformer" and segmenter["detector"] is None:
        here = ("domain", "segmenter", "detector")
        text = f"{dotted(here)} is null, but facexformer parses faces that a detector has found"
        yield here, f"{text}; leave the key out for the shipped one"
    if segmenter["kind"] == "mesh" and segmenter["parser"] is None:
        here = ("domain", "segmenter", "parser")
        text = f"{dotted(here)} is null, but mesh finds hair with a parser"
        yield here, f"{text}; name resources/faces64/parser.safetensors"
    if config["domain"]["identity"] is not None and segmenter["kind"] != "mesh":
        here = ("domain", "identity")
        text = f"{dotted(here)} is given, but needs landmarks, which only the segmenter mesh finds"
        yield here, f"{text}; set it to null, or domain.segmenter.kind to mesh"
    yield from _unknown_names(config)
    yield from _imports(config, root)
    for stage in ("generate", "segment"):
        if config["scatter"][stage] > config["shards"]:
            yield _order(
                ("scatter", stage), config["scatter"][stage], ("shards",), config["shards"]
            )
    for name, population in config.get("populations", {}).items():
        place = ("populations", name)
        images, labels, attributes = (population[key] for key in ("images", "labels", "attributes"))
        if config["shards"] > images:
            yield _order(("shards",), config["shards"], (*place, "images"), images)
        if labels["count"] > images:
            yield _order((*place, "labels", "count"), labels["count"], (*place, "images"), images)
        for index, attribute in enumerate(attributes):
            known = config["attributes"]
            if attribute not in known:
                text = f"{dotted((*place, 'attributes'))} has the unknown attribute {attribute!r}"
                yield (*place, "attributes", index), f"{text}; {suggest(attribute, list(known))}"
                continue
            folds = known[attribute]["folds"]
            if folds > labels["count"]:
                yield _order(
                    ("attributes", attribute, "folds"),
                    folds,
                    (*place, "labels", "count"),
                    labels["count"],
                )
        for attribute in population["training"]:
            if attribute not in attributes:
                here = (*place, "training", attribute)
                text = f"{dotted(here)} trains an attribute that the population does not have"
                yield here, f"{text}; {suggest(attribute, attributes)}"
        for attribute, files in population["classifiers"].items():
            here = (*place, "classifiers", attribute)
            if attribute not in attributes:
                text = f"{dotted(here)} predicts an attribute that the population does not have"
                yield here, f"{text}; {suggest(attribute, attributes)}"
            elif len(files) != config["attributes"][attribute]["folds"]:
                folds = config["attributes"][attribute]["folds"]
                text = f"{dotted(here)} has {len(files)} files where attributes.{attribute}.folds"
                yield here, f"{text} is {folds}; give one per fold"
        for attribute, limits in population["filter"].items():
            here = (*place, "filter", attribute)
            if population["filter_by"] == "shares" and "share" not in limits:
                text = f"{dotted(here)} has no share, by which the population is filtered"
                yield here, f"{text}; add it"
            if "share" in limits and ("min" in limits) == ("max" in limits):
                text = f"{dotted(here)} has a share, so it must have either min or max"
                yield here, f"{text}: on which side the share passes; correct it"
            if attribute not in attributes:
                text = f"{dotted(here)} filters by an attribute that the population does not have"
                yield here, f"{text}; {suggest(attribute, attributes)}"
            if limits.get("min", 0) > limits.get("max", 1):
                yield (
                    here,
                    f"{dotted(here)} lets nothing pass, as its min is above its max; correct one",
                )
        table = labels["csv"]
        here = (*place, "labels", "csv")
        by_hand = config["domain"]["annotator"] is None  # a table that a person is still to make
        if table is not None and not by_hand and not (root / table).is_file():
            yield here, f"{dotted(here)} is {table}, which does not exist; correct the path"
        if table is None and config["domain"]["annotator"] is None:
            yield (
                here,
                f"{dotted(here)} and domain.annotator are both null; give one, for labels",
            )


def _imports(config: dict, root: Path) -> Iterator[tuple[Place, str]]:
    """Yield what is wrong with populations that are folders of pictures."""
    for name, population in config["populations"].items():
        source = population["images_from"]
        if source is None:
            continue
        here = ("populations", name, "images_from")
        for key, unset in (("generator", "null"), ("finetune", "null"), ("as_published", "false")):
            if population[key]:
                text = f"{dotted(here)} takes finished pictures, so populations.{name}.{key}"
                yield (*here[:2], key), f"{text} must be {unset}; correct one of the two"
        folder = source["folder"]
        if not (root / folder).is_dir():
            text = f"{dotted((*here, 'folder'))} is {folder}, which is no folder"
            yield (*here, "folder"), f"{text}; correct the path"


def _unknown_names(config: dict) -> Iterator[tuple[Place, str]]:
    """Yield every population or fine-tune that is named but not configured, or switched off."""
    named: dict[Place, tuple[str, str | None]] = {
        (network, "population"): ("populations", config[network]["population"])
        for network in ("property_cnn", "hairstyle_cnn")
    }
    for name, item in config["finetune"].items():
        named["finetune", name, "population"] = ("populations", item["population"])
    for name, item in config["references"].items():
        named["references", name, "population"] = ("populations", item["population"])
    for name, item in config["vectorfind"].items():
        named["vectorfind", name, "finetune"] = ("finetune", item["finetune"])
    if config["directions"]["enabled"]:
        named["directions", "finetune"] = ("finetune", config["directions"]["finetune"])
    for name, population in config["populations"].items():
        named["populations", name, "finetune"] = ("finetune", population["finetune"])
        for attribute, changes in population["training"].items():
            here = ("populations", name, "training", attribute, "start")
            named[here] = ("populations", changes.get("start"))
    for place, (kind, name) in named.items():
        known = list(config[kind])
        if name is not None and name not in known:
            noun = {"populations": "population", "finetune": "fine-tune"}[kind]
            text = f"{dotted(place)} is the unknown {noun} {name!r}"
            yield place, f"{text}; {suggest(name, known)}"


def _windows(value: Any, place: Place) -> Iterator[tuple[Place, str]]:
    """Yield every [start, stop] that is empty."""
    if not isinstance(value, dict):
        return
    for key, item in value.items():
        here = (*place, key)
        if key in WINDOWS and isinstance(item, list) and len(item) == 2 and item[0] >= item[1]:
            yield (
                here,
                f"{dotted(here)} is [{item[0]}, {item[1]}], which is empty; correct it",
            )
        yield from _windows(item, here)


def _order(small: Place, low: int, large: Place, high: int) -> tuple[Place, str]:
    return (
        small,
        f"{dotted(small)} is {low}, more than {dotted(large)} ({high});"
        " lower the one or raise the other",
    )
