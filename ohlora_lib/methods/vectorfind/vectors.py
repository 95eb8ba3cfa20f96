"""VectorFind's directions, and the file that holds them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ohlora_lib.errors import InputError, rebuild
from ohlora_lib.methods.vectorfind.groups import VectorOptions, group_name
from ohlora_lib.scores import CONTROLLED
from ohlora_lib.store.checkpoints import read_checkpoint, save_checkpoint

KIND = "vectorfind"  # of checkpoints
PAIRS = tuple(combinations(range(len(CONTROLLED)), 2))  # eyes-mouth, eyes-pose, mouth-pose


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
        vectors: see `search.find_vectors`.
        options: the version's.
        slopes: [groups, 3], see `steps.measure_slopes`.
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
            f"{path} holds no complete set of directions ({error}); {rebuild(path)}"
        ) from error
    return StoredVectors(vectors, options, slopes, checkpoint.provenance)


def _by_name(values: Sequence[float]) -> dict[str, float]:
    return {name: float(value) for name, value in zip(CONTROLLED, values, strict=True)}
