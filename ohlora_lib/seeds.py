"""Independent random streams derived from one seed and the name of the work."""

import hashlib

import numpy as np


def derive_seed(seed: int, *names: str | int) -> int:
    """Return a 63-bit seed that depends only on `seed` and `names`.

    Args:
        seed: the run's seed, from the configuration.
        names: what the stream is for, for instance the rule's name and its wildcards.

    Returns:
        An integer in [0, 2**63), the same on every machine.
    """
    text = "\x1f".join(str(part) for part in (seed, *names))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def rng(seed: int, *names: str | int) -> np.random.Generator:
    """Return a numpy generator for the stream `names` of `seed` (see `derive_seed`)."""
    return np.random.default_rng(derive_seed(seed, *names))
