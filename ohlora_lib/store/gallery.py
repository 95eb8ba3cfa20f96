"""Numbered pictures in one Parquet file, written and read some hundred at a time.

Unlike the shards of a population (`store.shards`) a gallery knows nothing about its pictures but
their row: requests, latents and measurements lie in tables beside it. Columns: `row` (int64),
`image` (PNG bytes, which the Hugging Face `datasets` library shows as pictures).
"""

import contextlib
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ohlora_lib.errors import InputError, rebuild
from ohlora_lib.store.atomic import atomic_path
from ohlora_lib.store.png import PARQUET_COMPRESSION, encode_png

_FEATURES = {"row": {"dtype": "int64", "_type": "Value"}, "image": {"_type": "Image"}}
_SCHEMA = pa.schema(
    [("row", pa.int64()), ("image", pa.binary())],
    metadata={"huggingface": json.dumps({"info": {"features": _FEATURES}})},
)


class GalleryWriter:
    """Appends pictures to a gallery; use through `gallery`."""

    def __init__(self, parquet: pq.ParquetWriter):
        """Write to an open Parquet file."""
        self._parquet = parquet

    def append(self, rows: np.ndarray, images: np.ndarray) -> None:
        """Append N pictures, which readers then hold in memory at once.

        Args:
            rows: integers [N].
            images: uint8 [N, H, W, 3], RGB.
        """
        assert images.dtype == np.uint8 and images.ndim == 4 and images.shape[3] == 3, (
            f"pictures are {images.dtype} {images.shape}"
        )
        assert len(rows) == len(images), f"{len(rows)} rows for {len(images)} pictures"
        encoded = [encode_png(image) for image in images]
        columns = [pa.array(np.asarray(rows, np.int64)), pa.array(encoded, pa.binary())]
        self._parquet.write_table(pa.Table.from_arrays(columns, schema=_SCHEMA))


@contextlib.contextmanager
def gallery(path: str | Path) -> Iterator[GalleryWriter]:
    """Yield a writer whose `append` adds pictures; the file appears when the block succeeds."""
    with (
        atomic_path(path) as part,
        pq.ParquetWriter(
            part,
            _SCHEMA,
            **PARQUET_COMPRESSION,
            use_dictionary=False,
            write_statistics=["row"],
            write_page_checksum=True,
        ) as parquet,
    ):
        yield GalleryWriter(parquet)


def iter_gallery(path: str | Path) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield (rows int64 [N], pictures uint8 [N, H, W, 3]) as they were appended.

    Raises:
        InputError: the file is missing, damaged or not a gallery.
    """
    path = Path(path)
    for index in range(_read(path, lambda file: file.num_row_groups)):
        table = _read(path, lambda file, index=index: file.read_row_group(index, _SCHEMA.names))
        yield _decode(table, path)


def read_rows(path: str | Path) -> np.ndarray:
    """Return the rows of a gallery, int64 [N], in the order they were appended; no pictures."""
    return _read(Path(path), lambda file: file.read(["row"])).column("row").to_numpy()


def read_gallery(path: str | Path, rows: Sequence[int] | np.ndarray) -> np.ndarray:
    """Return chosen pictures, uint8 [len(rows), H, W, 3], in the order of `rows`.

    Raises:
        InputError: the file is missing, damaged, not a gallery, or lacks a row.
    """
    path, rows = Path(path), np.asarray(rows, np.int64)
    images: dict[int, np.ndarray] = {}
    for index in range(_read(path, lambda file: file.num_row_groups)):
        found = _read(path, lambda file, index=index: file.read_row_group(index, ["row"]))
        wanted = np.isin(found.column("row").to_numpy(), rows)
        if wanted.any():
            table = _read(path, lambda file, index=index: file.read_row_group(index, _SCHEMA.names))
            images |= dict(zip(*_decode(table.filter(pa.array(wanted)), path), strict=True))
    missing = [int(row) for row in rows if row not in images]
    if missing:
        shown = ", ".join(map(str, missing[:5])) + (" …" if len(missing) > 5 else "")
        raise InputError(f"{path} lacks {len(missing)} pictures (row {shown}); {rebuild(path)}")
    return np.stack([images[row] for row in rows.tolist()])


def _read(path: Path, action: Callable[[pq.ParquetFile], Any]) -> Any:
    """Open the file, apply `action`, and turn what goes wrong into one sentence."""
    if not path.is_file():
        raise InputError(f"{path} does not exist; run snakemake to make it or correct the path")
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            if file.schema_arrow.names != _SCHEMA.names:
                raise KeyError(f"it has the columns {', '.join(file.schema_arrow.names)}")
            return action(file)
    except (pa.ArrowException, OSError, KeyError) as error:
        reason = " ".join(str(error.args[0] if error.args else error).split()).rstrip(".")
        raise InputError(
            f"{path} is damaged or not a gallery ({reason}); {rebuild(path)}"
        ) from error


def _decode(table: pa.Table, path: Path) -> tuple[np.ndarray, np.ndarray]:
    rows = table.column("row").to_numpy()
    images = []
    for row, data in zip(rows, table.column("image").to_pylist(), strict=True):
        image = cv2.imdecode(np.frombuffer(data or b"\0", np.uint8), cv2.IMREAD_COLOR)
        if image is None or image.shape != (images[0].shape if images else image.shape):
            raise InputError(f"{path}: the picture of row {row} cannot be decoded; {rebuild(path)}")
        images.append(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
    return rows, np.stack(images)
