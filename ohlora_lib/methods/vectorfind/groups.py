"""VectorFind's versions, and the groups of faces that they search in; numpy only."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

SPACES = ("z", "w")
GROUPING = ("hair_color", "hair_length", "background_mean", "background_std")  # may group faces


@dataclass(frozen=True)
class VectorOptions:
    """One version of VectorFind.

    The step lengths of the test are kept as published. Published vectors lower their property, ours
    raise it, so the test takes these lengths with the opposite sign, see
    `published_test.step_lengths`.
    """

    space: str  # "z": the whole latent, with the label's numbers; "w": what mapping makes of it
    groups: tuple[str, ...]  # properties that group faces; the first is the first letter of a name
    share: float  # of a group, in each of the two classes
    gates: tuple[float, float, float]  # least |correlation| of eyes, mouth and pose
    test_eyes: tuple[float, ...]
    test_mouth: tuple[float, ...]
    test_pose: tuple[float, ...]

    def __post_init__(self) -> None:
        if self.space not in SPACES:
            raise ValueError(f"space must be one of {SPACES}, got {self.space!r}")
        if not 0 < self.share <= 0.5:
            raise ValueError(f"share must be above 0 and at most 0.5, got {self.share}")


_THREE = ("hair_color", "hair_length", "background_mean")
_POSES = (-1.8, -1.2, -0.6, 0.0, 0.6)
_W_TEST = {
    "test_eyes": (-1.2, 1.2),
    "test_mouth": (-1.8, -0.9, 0.0, 0.9, 1.8),
    "test_pose": _POSES,
}
VERSIONS: dict[str, VectorOptions] = {
    "v6": VectorOptions(
        space="z",
        groups=_THREE,
        share=0.15,
        gates=(0.75, 0.77, 0.80),
        test_eyes=(-1.2, 1.8),
        test_mouth=(-2.4, -1.2, 0.0, 1.2, 2.4),
        test_pose=_POSES,
    ),
    "v7": VectorOptions("w", _THREE, 0.15, (0.92, 0.88, 0.92), **_W_TEST),
    "v8": VectorOptions("w", (*_THREE, "hairstyle"), 0.2, (0.92, 0.88, 0.88), **_W_TEST),
}


def version_options(
    version: str, groups: Sequence[str] | None = None, share: float | None = None
) -> VectorOptions:
    """Return the options of one of `VERSIONS`, with other groups or another share if given."""
    found = VERSIONS[version]
    if groups is not None:
        found = replace(found, groups=tuple(groups))
    return found if share is None else replace(found, share=share)


def group_codes(scores: np.ndarray, medians: np.ndarray) -> np.ndarray:
    """Return the group of every sample.

    Args:
        scores: float32 [N, G] of the grouping properties.
        medians: [G].

    Returns:
        int64 [N] in 0..2^G - 1: the first property is the most significant bit, 0 for h (at least
        the median) and 1 for l.
    """
    low = np.asarray(scores, np.float32) < np.asarray(medians, np.float32)
    return low @ (1 << np.arange(low.shape[1])[::-1])


def group_name(code: int, count: int) -> str:
    """Return the letters of a group of `count` properties: 2 of 3 is hlh."""
    return "".join("hl"[code >> bit & 1] for bit in reversed(range(count)))


def extremes(scores: np.ndarray, share: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows of the highest and of the lowest scores.

    Args:
        scores: [n].
        share: of n that each of the two holds, one row at least.

    Returns:
        (highest, lowest), int64 [k], from the least to the most extreme and from the most to the
        least; both empty when there are no scores.
    """
    k = extreme_count(len(scores), share)
    order = np.argsort(scores, kind="stable")
    return order[len(order) - k :], order[:k]


def extreme_count(count: int, share: float) -> int:
    """Return how many of `count` samples are in each class; 0 of none."""
    return min(max(int(share * count), 1), count)
