"""Tables (Parquet or CSV by suffix) and JSON documents: atomic writes, the same bytes each time."""

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

REBUILD = "delete it and run snakemake again"


def read_table(
    path: str | Path, columns: Sequence[str] | None = None, rows: int | None = None
) -> pd.DataFrame:
    """Read a table written by `write_table`.

    Args:
        path: a .parquet or .csv file.
        columns: the columns wanted, in this order; all when None.
        rows: how many it must have; any number when None.

    Returns:
        The rows in file order, with a fresh 0..n-1 index.

    Raises:
        InputError: the file is missing, damaged, cut off, or lacks a column.
    """
    path = Path(path)
    parquet = _is_parquet(path)
    if not path.is_file():
        raise InputError(f"{path} does not exist; run snakemake to make it or correct the path")
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
    if rows is not None and len(frame) != rows:
        raise InputError(f"{path} has {len(frame)} rows where {rows} belong; {rebuild(path)}")
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


def counted_rows(path: str | Path) -> int | None:
    """Return the rows of a table of scores by the statistics beside it, None where there are none.

    A CSV that lost its last rows looks whole otherwise.

    Raises:
        InputError: the statistics are not those of scores.
    """
    statistics = Path(path).with_suffix(".json")
    if not statistics.is_file():
        return None
    try:
        return next(iter(read_json(statistics).values()))["count"]
    except (AttributeError, KeyError, StopIteration, TypeError) as error:
        raise InputError(f"{statistics} counts no scores; {rebuild(statistics)}") from error


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
