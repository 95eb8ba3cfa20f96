"""How well a person agrees with herself on images that she was asked about twice."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Agreement:
    """Agreement of two answers to the same questions."""

    pairs: int  # images answered twice
    share: float | None  # 0-1, of the same answers
    kappa: float | None  # Cohen's, up to 1; None where chance alone would agree always


def agreement(pairs: Sequence[tuple[int, int]]) -> Agreement:
    """Return the share of equal answers and Cohen's kappa (1960) of pairs of 0/1 answers."""
    count = len(pairs)
    if not count:
        return Agreement(0, None, None)
    same = sum(first == again for first, again in pairs) / count
    first, again = (sum(side) / count for side in zip(*pairs, strict=True))
    chance = first * again + (1 - first) * (1 - again)
    kappa = None if chance == 1 else (same - chance) / (1 - chance)
    return Agreement(count, same, kappa)
