"""The v2 property scores beside plain Python loops."""

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
    """Yield the time of every score, then that of all, by number of pictures."""
    with np.load(CASES) as cases:
        maps, pictures = cases["parsing"][:FACES], cases["images"][:FACES]
    lists = list(zip(maps.tolist(), pictures.tolist(), strict=True))
    slow = {}
    for name in ALGORITHMS["v2"]:
        reference = SCORES[name]
        seconds = best_of(lambda score=reference: [score(*one) for one in lists], repeats=1)
        slow[name] = seconds / FACES
    for count in COUNTS:
        chosen = np.arange(count) % FACES
        many = maps[chosen], pictures[chosen]
        total = 0.0
        for name in ALGORITHMS["v2"]:
            ours = importlib.import_module(f"ohlora_lib.scores.{name}").v2
            fast = best_of(lambda score=ours, given=many: score(*given))
            yield Row(f"score_{name}", count, fast, REFERENCE, slow[name] * count)
            total += fast
        yield Row("score_all", count, total, REFERENCE, sum(slow.values()) * count)
