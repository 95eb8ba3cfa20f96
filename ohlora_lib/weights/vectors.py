"""The reference's VectorFind directions: a folder of CSV files, one per property and group."""

from pathlib import Path

import numpy as np
import pandas as pd

from ohlora_lib.errors import InputError
from ohlora_lib.methods.vectorfind.groups import VERSIONS, group_name
from ohlora_lib.methods.vectorfind.vectors import Vectors, save_vectors
from ohlora_lib.scores import CONTROLLED
from ohlora_lib.weights.signatures import sha256_of

LAYOUT = "vectorfind"
# Medians that part the groups, in the order of a version's grouping properties.
_V1_MEDIANS = (-0.2709, 0.3052, 0.0742)
MEDIANS = {"v6": _V1_MEDIANS, "v7": _V1_MEDIANS, "v8": (-0.4574, 0.5734, 0.7618, -0.0167)}
WIDTHS = {"v6": 515, "v7": 512, "v8": 512}  # z with three labels behind it; w


def convert_vectors(folder: str | Path, path: str | Path, version: str) -> None:
    """Convert published directions; their sign is turned, so that adding one raises its property.

    How far a property moves per unit was not published: slopes are 1, so that a request is a length
    of step. Nor are the groups' accuracies and sizes: they are NaN and 0.

    Args:
        folder: with `{property}_change_{space}_vector_{group}.csv` of every property and group.
        path: checkpoint to write, see `methods.vectorfind.vectors.save_vectors`.
        version: v6, v7 or v8.

    Raises:
        InputError: a file is missing or wrong.
    """
    options = VERSIONS[version]
    names = [group_name(code, len(options.groups)) for code in range(2 ** len(options.groups))]
    files = [
        [Path(folder) / f"{name}_change_{options.space}_vector_{group}.csv" for name in CONTROLLED]
        for group in names
    ]
    found = [[_read(file, WIDTHS[version]) for file in row] for row in files]
    directions = -np.array(found, np.float32)
    groups = len(directions)
    vectors = Vectors(
        directions=directions,
        medians=np.array(MEDIANS[version], np.float32),
        accuracy=np.full((groups, len(CONTROLLED)), np.nan, np.float32),
        counts=np.zeros(groups, np.int64),
        k=np.zeros(groups, np.int64),
        pooled=np.zeros(groups, bool),
        converged=np.ones((groups, len(CONTROLLED)), bool),
    )
    provenance = {
        "source": Path(folder).name,
        "sha256": sha256_of(folder),
        "layout": LAYOUT,
        "slopes": "not published, 1",
    }
    save_vectors(path, vectors, options, np.ones((groups, len(CONTROLLED))), provenance)


def _read(path: Path, width: int) -> np.ndarray:
    """Return the one direction of a file, float64 [width]: a header, an index, a row of numbers."""
    remedy = "copy the folder again"
    try:
        table = pd.read_csv(path, index_col=0).to_numpy(np.float64)
    except FileNotFoundError:
        raise InputError(f"{path} does not exist; {remedy}") from None
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path} is no table of numbers ({reason}); {remedy}") from error
    if table.shape != (1, width):
        raise InputError(
            f"{path} has {list(table.shape)} numbers where a direction has [1, {width}]; {remedy}"
        )
    length = np.linalg.norm(table[0])
    if not abs(length - 1) < 1e-3:  # NaN, too
        raise InputError(f"{path} has length {length:.4g} where a direction has 1; {remedy}")
    return table[0]
