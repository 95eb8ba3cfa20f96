"""Which questions are asked, and in which order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ohlora_lib.errors import InputError, rebuild
from ohlora_lib.seeds import rng
from ohlora_lib.store.tables import read_table

REPEATS = 0.05  # share of the images that are asked twice
GAP = (20, 60)  # images between the two times

Scores = Mapping[str, Mapping[int, float]]  # by attribute and image: 0-1, the classifier's answer


@dataclass(frozen=True)
class Step:
    """One question on one image."""

    id: int
    attribute: str
    repeat: bool = False  # asked before; the page does not say so


def make_queue(
    ids: Sequence[int], attributes: Sequence[str], scores: Scores, order: str, seed: int
) -> list[Step]:
    """Return all questions, those on one image one after another.

    Args:
        ids: the images.
        attributes: asked in this order.
        scores: what a classifier says; may lack attributes and images.
        order: "uncertain": images that a classifier is least sure of first (by id where there is
            none); "id".
        seed: of the choice of the 5 % that are asked again, later.
    """
    ids = sorted(ids)
    if order == "uncertain":
        ids.sort(key=lambda image: (_certainty(image, scores), image))
    later: dict[int, list[int]] = {}  # place -> images that are asked again after it
    for image, place in _repeats(ids, seed).items():
        later.setdefault(place, []).append(image)
    steps = []
    for place, image in enumerate(ids):
        steps += [Step(image, name) for name in attributes]
        for again in later.get(place, ()):
            steps += [Step(again, name, repeat=True) for name in attributes]
    return steps


def _certainty(image: int, scores: Scores) -> float:
    """Return 0 (a classifier is undecided) to 1 (all are sure, or there are none)."""
    return min(
        (abs(2 * known[image] - 1) for known in scores.values() if image in known), default=1
    )


def _repeats(ids: list[int], seed: int) -> dict[int, int]:
    """Return the place in `ids` after which an image is asked again, per chosen image.

    Whether an image is chosen hardly depends on the order, which changes with the first classifier.
    """
    count = max(round(REPEATS * len(ids)), min(1, len(ids) - 1))
    least = min(GAP[0], len(ids) // 2)
    draw = rng(seed, "labelling", "repeats")
    places = {image: place for place, image in enumerate(ids)}
    last = len(ids) - 1
    chosen = {}
    for image in draw.permutation(sorted(ids)).tolist():
        gap = int(draw.integers(least, GAP[1] + 1))
        if places[image] + least <= last and len(chosen) < count:
            chosen[image] = min(places[image] + gap, last)
    return chosen


def read_scores(folder: str | Path, attributes: Sequence[str]) -> dict[str, dict[int, float]]:
    """Return what the classifiers of a population say, of the attributes that have one.

    Args:
        folder: the population's, with `classifiers/{attribute}/predictions.parquet`.
        attributes: which.

    Raises:
        InputError: a table is damaged.
    """
    scores = {}
    for attribute in attributes:
        path = Path(folder) / "classifiers" / attribute / "predictions.parquet"
        if path.is_file():
            table = read_table(path, ["id", "mean"])
            if not np.all((table["mean"] >= 0) & (table["mean"] <= 1)):
                raise InputError(f"{path} has a mean outside 0-1; {rebuild(path)}")
            scores[attribute] = dict(zip(table["id"].tolist(), table["mean"].tolist(), strict=True))
    return scores
