"""Reads PyTorch's pickled weights without running any code that they may carry."""

import pickle
import re
import warnings
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ohlora_lib.errors import InputError
from ohlora_lib.weights.signatures import refuse_disguised

ZIP, PICKLE = b"PK\x03\x04", b"\x80"
FORBIDDEN = re.compile(r"GLOBAL ([\w.]+)|(?:global|class) ([\w.]+)")
RIGHT_FILE = "supply the right file"


def read_state_dict(path: str | Path, key: str | None = None) -> dict[str, Tensor]:
    """Read the weights of one network.

    Args:
        path: a file written by `torch.save`.
        key: where the weights are in the file's dictionary; None if they are all it holds.

    Returns:
        Tensors on the CPU, where possible not read before they are used.

    Raises:
        InputError: the file is something else, truncated, carries code or lacks the key.
    """
    found = read_pickle(path)
    if key is not None:
        if not isinstance(found, dict) or key not in found:
            raise InputError(f"{path} has no {key!r}, it holds {_describe(found)}; {RIGHT_FILE}")
        found = found[key]
    where = path if key is None else f"{path}, {key!r}"
    tensors = isinstance(found, dict) and all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in found.items()
    )
    if not tensors or not found:
        raise InputError(f"{where} is no state dict, it holds {_describe(found)}; {RIGHT_FILE}")
    return dict(found)


def read_pickle(path: str | Path) -> Any:
    """Read what a PyTorch file holds, by `torch.load` with `weights_only`.

    Raises:
        InputError: see `read_state_dict`.
    """
    path = Path(path)
    start = refuse_disguised(path)
    archive = start.startswith(ZIP)
    if archive and not zipfile.is_zipfile(path):
        raise InputError(f"{path} is truncated (its end is missing); download it again")
    if not archive and not start.startswith(PICKLE):
        raise InputError(f"{path} is no PyTorch file (it begins with {start[:8]!r}); {RIGHT_FILE}")
    try:
        with warnings.catch_warnings():  # of pickle protocols that torch does not write
            warnings.simplefilter("ignore")
            # only archives can be mapped into memory
            return torch.load(path, map_location="cpu", weights_only=True, mmap=archive)
    except pickle.UnpicklingError as error:
        forbidden = FORBIDDEN.search(str(error))
        if forbidden is None:
            raise InputError(_damaged(path, error)) from error
        name = forbidden[1] or forbidden[2]
        raise InputError(
            f"{path} would run code when read ({name}), so it is not opened; {RIGHT_FILE}, one "
            "that holds a state dict only"
        ) from error
    except Exception as error:  # what a damaged pickle raises can be anything
        raise InputError(_damaged(path, error)) from error


def _damaged(path: Path, error: Exception) -> str:
    reason = (str(error) or type(error).__name__).splitlines()[0].split(". ")[0]
    return f"{path} is truncated or damaged ({reason}); download it again"


def _describe(found: Any) -> str:
    if isinstance(found, dict):
        names = [str(name) for name in found]
        more = ", …" if len(names) > 5 else ""
        return f"{', '.join(names[:5])}{more}" if names else "nothing"
    return f"a {type(found).__name__}"
