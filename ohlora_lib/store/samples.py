"""Samples of a generator: latents, their w and what was measured of their pictures, as float32.

One Parquet file, written and read some hundred rows at a time, so that memory does not grow with
the number of samples. Vectors are fixed-size lists, numbers plain columns.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

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
    """Yield the rows as they were appended, only these columns; one group at a time is held.

    Raises:
        InputError: the file is missing, damaged, or lacks a column.
    """
    with _opened(Path(path), columns) as file:
        for index in range(file.num_row_groups):
            yield _group(file, index, columns)


def join_samples(paths: Sequence[str | Path], path: str | Path) -> None:
    """Write the rows of several files into one: the same bytes as if drawn by one job.

    Raises:
        InputError: a file is missing or damaged.
    """
    with _opened(Path(paths[0]), []) as file:
        names = file.schema_arrow.names
    with samples_writer(path) as append:
        for part in paths:
            for columns in iter_samples(part, names):
                append(columns)


def read_samples(path: str | Path, columns: Sequence[str], rows: int | None = None) -> Columns:
    """Return the first `rows` rows, all when None; see `iter_samples`.

    Held in memory are the requested rows, once, and one group of the file.

    Raises:
        InputError: also where there are fewer than `rows`.
    """
    found: Columns = {}
    with _opened(Path(path), columns) as file:
        count = file.metadata.num_rows
        wanted = count if rows is None else rows
        if count < wanted:
            raise InputError(
                f"{path} has {count} samples where {wanted} are needed; {rebuild(path)}"
            )
        index = start = 0
        while start < wanted:
            part = _group(file, index, columns)
            stop = min(start + len(part[columns[0]]), wanted)
            for name, values in part.items():
                if name not in found:
                    found[name] = np.empty((wanted, *values.shape[1:]), values.dtype)
                found[name][start:stop] = values[: stop - start]
            index, start = index + 1, stop
    return found


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


def _group(file: pq.ParquetFile, index: int, columns: Sequence[str]) -> Columns:
    table = file.read_row_group(index, list(columns))
    return {name: _values(table.column(name)) for name in columns}


@contextlib.contextmanager
def _opened(path: Path, columns: Sequence[str]) -> Iterator[pq.ParquetFile]:
    """Yield the file, and turn what goes wrong with it into one sentence."""
    if not path.is_file():
        raise InputError(f"{path} does not exist; run snakemake to make it or correct the path")
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            missing = [name for name in columns if name not in file.schema_arrow.names]
            if missing:
                raise KeyError(f"it lacks the column {missing[0]}")
            yield file
    except (pa.ArrowException, OSError, KeyError) as error:
        reason = " ".join(str(error).strip("'\"").split())
        raise InputError(f"{path} is not a table of samples ({reason}); {rebuild(path)}") from error
