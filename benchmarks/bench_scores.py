"""The property scores of both algorithms beside plain Python loops."""

import importlib
from collections.abc import Iterator

import numpy as np

from benchmarks.common import ROOT, Row, best_of
from benchmarks.score_reference import SCORES
from ohlora_lib.scores import ALGORITHMS

CASES = ROOT / "tests" / "fixtures" / "scores" / "cases.npz"
FACES = 4  # that the reference scores; of the cases, the first ones are varied faces
COUNT = 64  # pictures that ours scores at once: the same faces again and again


def scores(device: str) -> Iterator[Row]:
    """Yield the time of every score of an algorithm, then that of all; v2 first."""
    with np.load(CASES) as cases:
        maps, pictures = cases["parsing"][:FACES], cases["images"][:FACES]
    lists = list(zip(maps.tolist(), pictures.tolist(), strict=True))
    chosen = np.arange(COUNT) % FACES
    maps, pictures = maps[chosen], pictures[chosen]
    for algorithm, prefix in (("v2", "score"), ("v1", "score_v1")):
        times = []
        for name in ALGORITHMS[algorithm]:
            module = importlib.import_module(f"ohlora_lib.scores.{name}")
            reference, ours = SCORES[algorithm][name], getattr(module, algorithm)
            slow = best_of(lambda score=reference: [score(*one) for one in lists], repeats=1)
            fast = best_of(lambda score=ours: score(maps, pictures))
            times.append((fast, slow * COUNT / FACES))
            yield Row(f"{prefix}_{name}", COUNT, times[-1][0], "plain Python", times[-1][1])
        fast, slow = (sum(column) for column in zip(*times, strict=True))
        yield Row(f"{prefix}_all", COUNT, fast, "plain Python", slow)
