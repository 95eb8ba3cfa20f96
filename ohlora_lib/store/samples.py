"""Samples of a generator: latents, their w and what was measured of their pictures, as float32.

One Parquet file, written and read some hundred rows at a time, so that memory does not grow with
the number of samples. Vectors are fixed-size lists, numbers plain columns.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ohlora_lib.errors import InputError, rebuild
from ohlora_lib.store.atomic import atomic_path

Columns = dict[str, np.ndarray]  # float32, [N] or [N, D]


@contextlib.contextmanager
def samples_writer(path: str | Path) -> Iterator[Callable[[Columns], None]]:
    """Yield a function that appends rows; the file appears when the block succeeds.

    Every call has the same columns, and its rows become one row group.
    """
    with atomic_path(path) as part, contextlib.ExitStack() as stack:
        parquet: pq.ParquetWriter | None = None

        def append(columns: Columns) -> None:
            nonlocal parquet
            table = pa.table({name: _column(values) for name, values in columns.items()})
            if parquet is None:
                parquet = stack.enter_context(
                    pq.ParquetWriter(
                        part,
                        table.schema,
                        compression="none",  # random numbers do not shrink
                        use_dictionary=False,
                        write_page_checksum=True,
                    )
                )
            parquet.write_table(table)

        yield append


def iter_samples(path: str | Path, columns: Sequence[str]) -> Iterator[Columns]:
    """Yield the rows as they were appended, only these columns.

    Raises:
        InputError: the file is missing, damaged, or lacks a column.
    """
    path = Path(path)
    for index in range(_read(path, columns, lambda file: file.num_row_groups)):
        table = _read(
            path, columns, lambda file, index=index: file.read_row_group(index, list(columns))
        )
        yield {name: _values(table.column(name)) for name in columns}


def join_samples(paths: Sequence[str | Path], path: str | Path) -> None:
    """Write the rows of several files into one: the same bytes as if drawn by one job.

    Raises:
        InputError: a file is missing or damaged.
    """
    names = _read(Path(paths[0]), [], lambda file: file.schema_arrow.names)
    with samples_writer(path) as append:
        for part in paths:
            for columns in iter_samples(part, names):
                append(columns)


def read_samples(path: str | Path, columns: Sequence[str], rows: int | None = None) -> Columns:
    """Return the first `rows` rows, all when None; see `iter_samples`.

    Raises:
        InputError: also where there are fewer than `rows`.
    """
    parts: list[Columns] = []
    count = 0
    for part in iter_samples(path, columns):
        parts.append(part)
        count += len(part[columns[0]])
        if rows is not None and count >= rows:
            break
    if rows is not None and count < rows:
        raise InputError(f"{path} has {count} samples where {rows} are needed; {rebuild(path)}")
    return {name: np.concatenate([part[name] for part in parts])[:rows] for name in columns}


def _column(values: np.ndarray) -> pa.Array:
    flat = pa.array(np.ascontiguousarray(values, np.float32).reshape(-1))
    return flat if values.ndim == 1 else pa.FixedSizeListArray.from_arrays(flat, values.shape[1])


def _values(column: pa.ChunkedArray) -> np.ndarray:
    array = column.combine_chunks()
    if isinstance(array, pa.ChunkedArray):  # an empty one
        array = pa.concat_arrays(array.chunks)
    if pa.types.is_fixed_size_list(array.type):
        return array.flatten().to_numpy().reshape(len(array), array.type.list_size)
    return array.to_numpy()


def _read(path: Path, columns: Sequence[str], action: Callable[[pq.ParquetFile], Any]) -> Any:
    """Open the file, apply `action`, and turn what goes wrong into one sentence."""
    if not path.is_file():
        raise InputError(f"{path} does not exist; run snakemake to make it or correct the path")
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            missing = [name for name in columns if name not in file.schema_arrow.names]
            if missing:
                raise KeyError(f"it lacks the column {missing[0]}")
            return action(file)
    except (pa.ArrowException, OSError, KeyError) as error:
        reason = " ".join(str(error).strip("'\"").split())
        raise InputError(f"{path} is not a table of samples ({reason}); {rebuild(path)}") from error
