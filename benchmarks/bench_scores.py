"""The property scores of both algorithms beside plain Python loops."""

import importlib
from collections.abc import Iterator

import numpy as np

from benchmarks.common import ROOT, Row, best_of
from benchmarks.score_reference import SCORES
from ohlora_lib.scores import ALGORITHMS

CASES = ROOT / "tests" / "fixtures" / "scores" / "cases.npz"
FACES = 4  # that the reference scores; of the cases, the first ones are varied faces
COUNTS = (16, 64, 256, 1024)  # pictures that ours scores at once: the same faces again and again
REFERENCE = "plain Python"


def scores(device: str) -> Iterator[Row]:
    """Yield the time of every score of an algorithm, then of all, by number of pictures."""
    with np.load(CASES) as cases:
        maps, pictures = cases["parsing"][:FACES], cases["images"][:FACES]
    lists = list(zip(maps.tolist(), pictures.tolist(), strict=True))
    for algorithm, prefix in (("v2", "score"), ("v1", "score_v1")):
        slow = {}
        for name in ALGORITHMS[algorithm]:
            reference = SCORES[algorithm][name]
            seconds = best_of(lambda score=reference: [score(*one) for one in lists], repeats=1)
            slow[name] = seconds / FACES
        for count in COUNTS:
            chosen = np.arange(count) % FACES
            many = maps[chosen], pictures[chosen]
            total = 0.0
            for name in ALGORITHMS[algorithm]:
                ours = getattr(importlib.import_module(f"ohlora_lib.scores.{name}"), algorithm)
                fast = best_of(lambda score=ours, given=many: score(*given))
                yield Row(f"{prefix}_{name}", count, fast, REFERENCE, slow[name] * count)
                total += fast
            yield Row(f"{prefix}_all", count, total, REFERENCE, sum(slow.values()) * count)
