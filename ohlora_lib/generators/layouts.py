"""Which network published weights are of: recognised by names and shapes of tensors."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Shapes = Mapping[str, tuple[int, ...]]  # state-dict key -> shape
Config = dict[str, Any]


@dataclass(frozen=True)
class Layout:
    """How one kind of published weights becomes one of our networks."""

    kind: str  # see `networks.files.NETWORKS`
    recognise: Callable[[Shapes, Config], Config]  # to constructor arguments, from what is known
    mark: str  # a key by which weights are taken for this layout
    rename: Callable[[str], str] = str  # published key -> ours
    restore: Callable[[str], str] = str  # ours -> published, for messages


def count_keys(shapes: Shapes, pattern: str) -> int:
    """Return how many keys match; KeyError where none does."""
    found = [name for name in shapes if re.fullmatch(pattern, name)]
    if not found:
        raise KeyError(pattern)
    return len(found)
