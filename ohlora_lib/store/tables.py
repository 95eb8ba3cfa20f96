"""Tables (Parquet or CSV by suffix) and JSON documents: atomic writes, the same bytes each time.

Parquet holds checksums of its pages. A CSV has one in a file beside it (`scores.csv.sha256`, as
`sha256sum` writes them), since it looks whole without its last rows, or with another digit.
"""

import json
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from ohlora_lib.errors import InputError, rebuild
from ohlora_lib.store.atomic import atomic_path
from ohlora_lib.store.checksum import file_sha256


def read_table(path: str | Path, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Read a table written by `write_table`.

    Args:
        path: a .parquet or .csv file.
        columns: the columns wanted, in this order; all when None.

    Returns:
        The rows in file order, with a fresh 0..n-1 index.

    Raises:
        InputError: the file is missing, damaged, cut off, or lacks a column; a CSV without a
            checksum beside it may have lost whole rows.
    """
    path = Path(path)
    parquet = _is_parquet(path)
    if not path.is_file():
        raise InputError(f"{path} does not exist; run snakemake to make it or correct the path")
    if not parquet:
        _compare_checksum(path)
    try:
        if parquet:
            frame = pd.read_parquet(path, page_checksum_verification=True)
        else:
            frame = pd.read_csv(path)
    except (pa.ArrowException, pd.errors.ParserError, UnicodeDecodeError, OSError) as error:
        reason = " ".join(str(error).split())
        kind = "Parquet" if parquet else "CSV"
        raise InputError(
            f"{path} is not a readable {kind} table ({reason}); {rebuild(path)}"
        ) from error
    except pd.errors.EmptyDataError as error:
        raise InputError(f"{path} is empty; {rebuild(path)}") from error
    if not parquet and not _ends_a_line(path):
        raise InputError(f"{path} is cut off: its last line has no end; {rebuild(path)}")
    if columns is None:
        return frame
    missing = [name for name in columns if name not in frame.columns]
    if missing:
        raise InputError(
            f"{path} lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}"
            f" (it has {', '.join(map(str, frame.columns)) or 'none'}); {rebuild(path)}"
        )
    return frame[list(columns)]


def write_table(path: str | Path, frame: pd.DataFrame) -> None:
    """Write the columns of `frame`, without its index, to a .parquet or .csv file.

    The same frame gives the same bytes. CSV keeps every digit of a float and writes missing values
    as nothing.
    """
    path = Path(path)
    parquet = _is_parquet(path)
    with atomic_path(path) as part:
        if parquet:
            frame.to_parquet(part, index=False, write_page_checksum=True)
        else:
            frame.to_csv(part, index=False, lineterminator="\n")
    if not parquet:
        write_checksum(path)


def write_checksum(path: str | Path) -> None:
    """Write the SHA-256 of a CSV beside it; whoever reads it with `read_table` compares."""
    path = Path(path)
    with atomic_path(_checksum_file(path)) as part:
        part.write_text(f"{file_sha256(path)}  {path.name}\n", encoding="utf-8")


def read_json(path: str | Path) -> Any:
    """Read a JSON document.

    Raises:
        InputError: the file is missing or not JSON; the message names the line.
    """
    path = Path(path)
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(
            f"{path} does not exist; run snakemake to make it or correct the path"
        ) from None
    except json.JSONDecodeError as error:
        raise InputError(
            f"{path} is not JSON (line {error.lineno}: {error.msg}); {rebuild(path)}"
        ) from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not JSON (not UTF-8 text); {rebuild(path)}") from error


def write_json(path: str | Path, document: Any) -> None:
    """Write a JSON document with sorted keys, indented, with a newline at the end.

    Numpy scalars and arrays become plain numbers and lists; NaN and infinities, which JSON does not
    know, become null.
    """
    text = json.dumps(
        _plain(document), sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False
    )
    with atomic_path(path) as part:
        part.write_text(text + "\n", encoding="utf-8")


def _compare_checksum(path: Path) -> None:
    beside = _checksum_file(path)
    if beside.is_file() and beside.read_text(errors="replace").split()[:1] != [file_sha256(path)]:
        raise InputError(
            f"{path} is not what was written: {beside.name} beside it has another checksum; "
            f"{rebuild(path)}"
        )


def _checksum_file(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


def _ends_a_line(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read() == b"\n"


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Path):
        return str(value)
    return value


def _is_parquet(path: Path) -> bool:
    if path.suffix not in (".parquet", ".csv"):
        raise ValueError(f"{path}: a table is a .parquet or .csv file")
    return path.suffix == ".parquet"
