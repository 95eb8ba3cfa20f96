"""VectorFind's directions: versions, groups of faces, and the file that holds them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ohlora_lib.errors import InputError
from ohlora_lib.scores import CONTROLLED
from ohlora_lib.store.checkpoints import read_checkpoint, save_checkpoint

KIND = "vectorfind"  # of checkpoints
SPACES = ("z", "w")
PAIRS = tuple(combinations(range(len(CONTROLLED)), 2))  # eyes-mouth, eyes-pose, mouth-pose


@dataclass(frozen=True)
class VectorOptions:
    """One version of VectorFind.

    The step lengths of the test are kept as published. Published vectors lower their property, ours
    raise it, so the test takes these lengths with the opposite sign (`vector_model.step_lengths`).
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


@dataclass(frozen=True)
class Vectors:
    """The directions of every group, and how they were found; G grouping properties, 2^G groups."""

    directions: np.ndarray  # float32 [groups, 3, D], unit vectors that raise eyes, mouth, pose
    medians: np.ndarray  # float32 [G], that part the groups
    accuracy: np.ndarray  # float32 [groups, 3], of the SVM on its validation samples
    counts: np.ndarray  # int64 [groups], samples
    k: np.ndarray  # int64 [groups], samples in each class of the SVM
    pooled: np.ndarray  # bool [groups], fitted on all samples as the group has too few
    converged: np.ndarray  # bool [groups, 3], whether the SVM's solver did

    def names(self) -> list[str]:
        """Return the name of every group, in order."""
        return [group_name(code, len(self.medians)) for code in range(len(self.directions))]

    def metrics(self) -> dict[str, Any]:
        """Return what is known of the search, as JSON types.

        `accuracy` is the mean over groups, as published; `first_last` is the cosine of a property's
        directions in the first and the last group (hhh and lll).
        """
        groups = {}
        for code, name in enumerate(self.names()):
            own = self.directions[code]
            groups[name] = {
                "count": int(self.counts[code]),
                "k": int(self.k[code]),
                "pooled": bool(self.pooled[code]),
                "accuracy": _by_name(self.accuracy[code]),
                "converged": dict(zip(CONTROLLED, self.converged[code].tolist(), strict=True)),
                "cosines": {
                    f"{CONTROLLED[a]}_{CONTROLLED[b]}": float(own[a] @ own[b]) for a, b in PAIRS
                },
            }
        return {
            "accuracy": _by_name(self.accuracy.mean(axis=0)),
            "accuracy_mean": float(self.accuracy.mean()),
            "first_last": _by_name((self.directions[0] * self.directions[-1]).sum(axis=-1)),
            "pooled_groups": int(self.pooled.sum()),
            "not_converged": int((~self.converged).sum()),
            "groups": groups,
        }


@dataclass(frozen=True)
class StoredVectors:
    """What a checkpoint of `save_vectors` holds."""

    vectors: Vectors
    options: VectorOptions
    slopes: np.ndarray  # float32 [groups, 3], score units per unit step
    provenance: dict[str, Any]


# ---- groups


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


# ---- files


def save_vectors(
    path: str | Path,
    vectors: Vectors,
    options: VectorOptions,
    slopes: np.ndarray,
    provenance: dict[str, Any] | None = None,
) -> None:
    """Write directions and all that is needed to use them, as a checkpoint of kind `vectorfind`.

    Args:
        path: a .safetensors file.
        vectors: see `vectorfind.find_vectors`.
        options: the version's.
        slopes: [groups, 3], see `vector_model.measure_slopes`.
        provenance: where they come from, as JSON types.
    """
    arrays = {field.name: getattr(vectors, field.name) for field in fields(Vectors)}
    arrays["slopes"] = np.asarray(slopes, np.float32)
    tensors = {name: torch.from_numpy(np.ascontiguousarray(a)) for name, a in arrays.items()}
    save_checkpoint(path, tensors, KIND, asdict(options), provenance)


def load_vectors(path: str | Path) -> StoredVectors:
    """Read a file written by `save_vectors`.

    Raises:
        InputError: the file is missing, damaged, or of another kind.
    """
    checkpoint = read_checkpoint(path, KIND)
    arrays = {name: tensor.numpy() for name, tensor in checkpoint.tensors.items()}
    try:
        slopes = arrays.pop("slopes")
        vectors = Vectors(**arrays)
        config = {
            key: tuple(value) if isinstance(value, list) else value
            for key, value in checkpoint.config.items()
        }
        options = VectorOptions(**config)
        expected = (2 ** len(options.groups), len(CONTROLLED))
        if not vectors.directions.shape[:2] == slopes.shape == expected:
            raise ValueError(f"slopes or directions are not {list(expected)}")
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path} holds no complete set of directions ({error}); delete it and run snakemake "
            "again"
        ) from error
    return StoredVectors(vectors, options, slopes, checkpoint.provenance)


def _by_name(values: Sequence[float]) -> dict[str, float]:
    return {name: float(value) for name, value in zip(CONTROLLED, values, strict=True)}
