"""Image and segment shards: Parquet files of PNG pictures, one row per image, streamed in batches.

The layout is the one the Hugging Face `datasets` library opens as pictures: an image is a nullable
`struct<bytes: binary, path: string>`, and the schema metadata says so under the key `huggingface`.
Beside it, under `recipe`, image shards say how their pictures were drawn, as far as a row does not.
The same rows give the same bytes, however they were batched while writing.
"""

import contextlib
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ohlora_lib.errors import InputError, rebuild
from ohlora_lib.store.atomic import atomic_path
from ohlora_lib.store.png import PARQUET_COMPRESSION, encode_png

ROW_GROUP = 500  # rows; what a reader holds in memory at once, besides its batch
PICTURE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


@dataclass(frozen=True)
class ImageRows:
    """Some rows of an image population; a column that was not read is None."""

    ids: np.ndarray  # int64 [N], the running numbers
    images: np.ndarray | None = None  # uint8 [N, H, W, 3], RGB
    seeds: np.ndarray | None = None  # int64 [N], the seed z was drawn from; not of imported images
    z: np.ndarray | None = None  # float32 [N, D], the latent; not of imported images
    labels: np.ndarray | None = (
        None  # float32 [N, K], the generator's label input, where it has one
    )

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.ids)


@dataclass(frozen=True)
class SegmentRows:
    """Some rows of a segmented population."""

    ids: np.ndarray  # int64 [N], the running numbers
    class_maps: np.ndarray  # uint8 [N, 224, 224], classes 0-10
    cuts: np.ndarray  # float32 [N, 4], x0 y0 x1 y1 of the face cut in pixels of the image
    found: np.ndarray  # bool [N], whether a face was found
    landmarks: np.ndarray | None = None  # float16 [N, 478, 3], where the segmenter has them

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.ids)


class ShardWriter:
    """Appends batches of rows to one shard; use through `image_shard` or `segment_shard`."""

    def __init__(self, path: Path, recipe: dict[str, Any] | None = None):
        """Prepare a shard at `path`; the first batch opens it and fixes the columns."""
        self._path = path
        self._recipe = recipe
        self._parquet: pq.ParquetWriter | None = None
        self._pending: list[pa.Table] = []
        self._rows = 0

    def _append(self, table: pa.Table) -> None:
        if self._parquet is None:
            self._parquet = pq.ParquetWriter(
                self._path,
                table.schema,
                **PARQUET_COMPRESSION,
                use_dictionary=False,
                write_statistics=["id"],
                write_page_checksum=True,
            )
        elif table.schema != self._parquet.schema:
            raise ValueError(
                f"a batch has other columns or widths than the first: {table.schema.names}"
            )
        self._pending.append(table)
        self._rows += len(table)
        while self._rows >= ROW_GROUP:
            self._flush(ROW_GROUP)

    def _flush(self, rows: int) -> None:
        table = pa.concat_tables(self._pending)
        self._parquet.write_table(table.slice(0, rows).combine_chunks())
        self._pending = [table.slice(rows)]
        self._rows -= rows

    def close(self) -> None:
        """Write the last rows and the footer."""
        if self._parquet is None:
            raise ValueError("a shard needs at least one row")
        if self._rows:
            self._flush(self._rows)
        self._parquet.close()

    def discard(self) -> None:
        """Close the unfinished file without writing more."""
        if self._parquet is not None:
            self._parquet.close()


class ImageShardWriter(ShardWriter):
    """Appends generated or imported images to one shard."""

    def append(
        self,
        ids: np.ndarray,
        seeds: np.ndarray | None,
        z: np.ndarray | None,
        images: np.ndarray,
        labels: np.ndarray | None = None,
    ) -> None:
        """Append N rows.

        Args:
            ids: integers [N], the running numbers.
            seeds: integers [N]; None where there are none, as with imported images.
            z: float [N, D], stored as float32; None likewise.
            images: uint8 [N, H, W, 3], RGB.
            labels: float [N, K] or None, stored as float32.
        """
        rows = len(ids)
        assert images.shape[0] == rows and images.ndim == 4 and images.shape[3] == 3, (
            f"images are {images.shape}"
        )
        columns = {"id": (pa.array(np.asarray(ids, np.int64)), _value("int64"))}
        if seeds is not None:
            columns["seed"] = (pa.array(np.asarray(seeds, np.int64)), _value("int64"))
        if z is not None:
            columns["z"] = _vectors(z, rows)
        columns["image"] = (_pictures(ids, images), {"_type": "Image"})
        if labels is not None:
            columns["label"] = _vectors(labels, rows)
        self._append(_table(columns, self._recipe))


class SegmentShardWriter(ShardWriter):
    """Appends class maps to one shard."""

    def append(
        self,
        ids: np.ndarray,
        class_maps: np.ndarray,
        cuts: np.ndarray,
        found: np.ndarray | None = None,
        landmarks: np.ndarray | None = None,
    ) -> None:
        """Append N rows.

        Args:
            ids: integers [N], the running numbers.
            class_maps: uint8 [N, 224, 224].
            cuts: float [N, 4], x0 y0 x1 y1 in pixels of the image, stored as float32.
            found: bool [N], whether a face was found; all True when None.
            landmarks: float [N, points, 3] as fractions of the picture, stored as float16; None
                where the segmenter has none.
        """
        rows = len(ids)
        assert class_maps.shape[0] == rows and class_maps.ndim == 3, (
            f"class maps are {class_maps.shape}"
        )
        assert np.shape(cuts) == (rows, 4), f"cuts are {np.shape(cuts)}"
        found = np.ones(rows, bool) if found is None else np.asarray(found, bool)
        columns = {
            "id": (pa.array(np.asarray(ids, np.int64)), _value("int64")),
            "class_map": (_pictures(ids, class_maps), {"_type": "Image"}),
            "cut": _vectors(cuts, rows),
            "found": (pa.array(found), _value("bool")),
        }
        if landmarks is not None:
            columns["landmarks"] = _vectors(landmarks.reshape(rows, -1), rows, np.float16)
        self._append(_table(columns))

    def close(self) -> None:
        """Write the last rows and the footer; a shard of which nothing was kept has no rows."""
        if self._parquet is None:
            self.append(np.empty(0), np.empty((0, 1, 1), np.uint8), np.empty((0, 4)))
        super().close()


@contextlib.contextmanager
def image_shard(
    path: str | Path, recipe: dict[str, Any] | None = None
) -> Iterator[ImageShardWriter]:
    """Yield a writer whose `append` adds images; the file appears when the block succeeds.

    Args:
        path: the shard.
        recipe: what `read_recipe` returns, as JSON types; None where the images were not drawn.
    """
    with _open_shard(path, ImageShardWriter, recipe) as writer:
        yield writer


@contextlib.contextmanager
def segment_shard(path: str | Path) -> Iterator[SegmentShardWriter]:
    """Yield a writer whose `append` adds class maps; the file appears when the block succeeds."""
    with _open_shard(path, SegmentShardWriter) as writer:
        yield writer


def write_image_shard(
    path: str | Path,
    ids: np.ndarray,
    seeds: np.ndarray | None,
    z: np.ndarray | None,
    images: np.ndarray,
    labels: np.ndarray | None = None,
) -> None:
    """Write one image shard from arrays (see `ImageShardWriter.append` for their shapes)."""
    with image_shard(path) as writer:
        writer.append(ids, seeds, z, images, labels)


def read_image_shard(
    path: str | Path, columns: Sequence[str] | None = None, ids: Collection[int] | None = None
) -> ImageRows:
    """Read one image shard into memory.

    Args:
        path: the shard.
        columns: some of "image", "seed", "z", "label"; all that the shard has when None.
        ids: only these rows, which must all be there; every row when None.

    Returns:
        The rows in file order.

    Raises:
        InputError: the file is missing, damaged, not an image shard, or lacks a wanted id.
    """
    path = Path(path)
    if columns is None:
        present = _schema(path, "image").names
        columns = [name for name in _IMAGE_COLUMNS if name in present]
    return _image_rows(_whole([path], "image", columns, ids), columns)


def iter_images(
    paths: Iterable[str | Path],
    ids: Collection[int] | None = None,
    batch: int = 256,
    columns: Sequence[str] = ("image",),
) -> Iterator[ImageRows]:
    """Stream image shards in batches, with memory for one batch and one row group.

    Args:
        paths: the shards, read in this order.
        ids: only these rows, which must all be found; every row when None.
        batch: rows per batch; every batch but the last is full, across shard borders too, so that
            what is computed from it does not depend on the number of shards.
        columns: some of "image", "seed", "z", "label"; the others stay None.

    Yields:
        Rows in the order of the files.

    Raises:
        InputError: a file is missing, damaged or not an image shard, or lacks a wanted id.
    """
    for table, source in _batches([Path(path) for path in paths], "image", columns, ids, batch):
        yield _image_rows([(table, source)], columns)


def iter_segments(
    paths: Iterable[str | Path], batch: int = 256, ids: Collection[int] | None = None
) -> Iterator[SegmentRows]:
    """Stream segment shards in batches, as `iter_images` does with images.

    With the same batch size, `iter_images(..., ids=<ids of the segments>)` gives the same rows.
    """
    paths = [Path(path) for path in paths]
    columns = _SEGMENT_COLUMNS
    if any(LANDMARKS in _schema(path, "segment").names for path in paths):
        columns = (*columns, LANDMARKS)
    for table, source in _batches(paths, "segment", columns, ids, batch):
        yield _segment_rows([(table, source)])


def read_recipe(path: str | Path) -> dict[str, Any] | None:
    """Return how the images of a shard were drawn, as given to `image_shard`; None if it was not.

    Raises:
        InputError: the file is missing, damaged or not an image shard.
    """
    metadata = _schema(Path(path), "image").metadata or {}
    return json.loads(metadata[b"recipe"]) if b"recipe" in metadata else None


def read_ids(paths: Iterable[str | Path]) -> np.ndarray:
    """Return the ids (int64 [N]) of image or segment shards, in the order of the files.

    Raises:
        InputError: a file is missing, damaged or not a shard.
    """
    parts = [
        _read(Path(path), lambda file: file.read(["id"])).column("id").to_numpy() for path in paths
    ]
    return np.concatenate([np.empty(0, np.int64), *parts])


_IMAGE_COLUMNS = ("seed", "z", "image", "label")
_SEGMENT_COLUMNS = ("class_map", "cut", "found")
LANDMARKS = "landmarks"  # a column that segment shards may have
_REQUIRED = {"image": ("id", "image"), "segment": ("id", *_SEGMENT_COLUMNS)}
_IS_TYPE: dict[str, Callable[[pa.DataType], bool]] = {
    "id": pa.types.is_int64,
    "seed": pa.types.is_int64,
    "found": pa.types.is_boolean,
    "image": lambda kind: kind == PICTURE,
    "class_map": lambda kind: kind == PICTURE,
    "z": pa.types.is_fixed_size_list,
    "cut": pa.types.is_fixed_size_list,
    "label": pa.types.is_fixed_size_list,
    LANDMARKS: pa.types.is_fixed_size_list,
}


# ---- writing

Column = tuple[pa.Array, dict]  # values, and what Hugging Face calls their type


def _value(dtype: str) -> dict:
    return {"dtype": dtype, "_type": "Value"}


def _vectors(values: np.ndarray, rows: int, dtype: type[np.floating] = np.float32) -> Column:
    values = np.ascontiguousarray(values, dtype)
    assert values.ndim == 2 and len(values) == rows, f"vectors are {values.shape} for {rows} rows"
    width = values.shape[1]
    array = pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), width)
    return array, {"feature": _value(np.dtype(dtype).name), "length": width, "_type": "List"}


def _pictures(ids: np.ndarray, images: np.ndarray) -> pa.Array:
    encoded = [encode_png(image) for image in images]
    names = [f"{int(number):06d}.png" for number in ids]
    return pa.StructArray.from_arrays(
        [pa.array(encoded, pa.binary()), pa.array(names, pa.string())], fields=list(PICTURE)
    )


def _table(columns: dict[str, Column], recipe: dict[str, Any] | None = None) -> pa.Table:
    features = {name: feature for name, (_, feature) in columns.items()}
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    if recipe is not None:
        metadata["recipe"] = json.dumps(recipe, sort_keys=True)
    table = pa.table({name: array for name, (array, _) in columns.items()})
    return table.replace_schema_metadata(metadata)


@contextlib.contextmanager
def _open_shard(
    path: str | Path, writer_class: type[ShardWriter], recipe: dict[str, Any] | None = None
) -> Iterator[ShardWriter]:
    with atomic_path(path) as part:
        writer = writer_class(part, recipe)
        try:
            yield writer
            writer.close()
        except BaseException:
            writer.discard()
            raise


# ---- reading

Source = Path | str  # named in error messages


def _read(path: Path, action: Callable[[pq.ParquetFile], Any]) -> Any:
    """Open a Parquet file, apply `action`, and turn what goes wrong into one sentence."""
    if not path.is_file():
        raise InputError(f"{path} does not exist; run snakemake to make it or correct the path")
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            return action(file)
    except (pa.ArrowException, OSError, KeyError) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise InputError(f"{path} is damaged or not a shard ({reason}); {rebuild(path)}") from error


def _schema(path: Path, kind: str) -> pa.Schema:
    """Return the columns of a shard after checking that they are those of its kind."""
    schema = _read(path, lambda file: file.schema_arrow)
    for name in _REQUIRED[kind]:
        if name not in schema.names:
            raise InputError(
                f"{path} is not a shard of {kind}s (it has no column {name}); {rebuild(path)}"
            )
    for name in schema.names:
        if name in _IS_TYPE and not _IS_TYPE[name](schema.field(name).type):
            raise InputError(
                f"{path} has a column {name} of a wrong type ({schema.field(name).type}); "
                f"{rebuild(path)}"
            )
    return schema


def _batches(
    paths: list[Path], kind: str, columns: Sequence[str], ids: Collection[int] | None, batch: int
) -> Iterator[tuple[pa.Table, Source]]:
    """Yield tables of `batch` rows (the last may be shorter) and what to call their source."""
    unknown = set(columns) - set(_IS_TYPE)
    if unknown or batch < 1:
        raise ValueError(f"unknown columns {sorted(unknown)}" if unknown else f"batch is {batch}")
    wanted = None if ids is None else np.unique(np.fromiter(ids, np.int64))
    missing = wanted
    pending: list[pa.Table] = []
    sources: list[Path] = []
    rows = 0
    for path in paths:
        for table in _row_groups(path, kind, ["id", *columns]):
            if wanted is not None:
                present = table.column("id").to_numpy()
                table = table.filter(pa.array(np.isin(present, wanted)))
                missing = np.setdiff1d(missing, present, assume_unique=True)
            if not len(table):
                continue
            pending.append(table)
            sources.append(path)
            rows += len(table)
            while rows >= batch:
                whole = pa.concat_tables(pending)
                yield whole.slice(0, batch), _names(sources)
                rows -= batch
                pending, sources = ([whole.slice(batch)], [path]) if rows else ([], [])
    # before the last batch, which would be too short for whoever reads two kinds side by side
    if missing is not None and len(missing):
        shown = ", ".join(map(str, missing[:5])) + (" …" if len(missing) > 5 else "")
        raise InputError(
            f"{_names(paths)} lacks {len(missing)} of the wanted images (id {shown}); "
            f"delete the shards and run snakemake again"
        )
    if rows:
        yield pa.concat_tables(pending), _names(sources)


def _row_groups(path: Path, kind: str, columns: list[str]) -> Iterator[pa.Table]:
    present = _schema(path, kind).names
    if not _read(path, lambda file: file.metadata.num_rows):
        return  # of which nothing was kept; it may lack a column that others have
    absent = set(columns) - set(present)
    if absent:
        names = ", ".join(sorted(absent))
        raise InputError(
            f"{path} has no column {names} (imported images lack some); {rebuild(path)}"
        )
    groups = _read(path, lambda file: file.num_row_groups)
    for index in range(groups):
        table = _read(path, lambda file, index=index: file.read_row_group(index, columns))
        yield table.replace_schema_metadata(None)


def _whole(
    paths: list[Path], kind: str, columns: Sequence[str], ids: Collection[int] | None
) -> list[tuple[pa.Table, Source]]:
    tables = list(_batches(paths, kind, columns, ids, batch=ROW_GROUP))
    return tables or [(_schema(paths[0], kind).empty_table(), paths[0])]


def _names(paths: Sequence[Path]) -> str:
    unique = list(dict.fromkeys(paths))
    return str(unique[0]) if len(unique) == 1 else f"{unique[0]} … {unique[-1]}"


def _image_rows(parts: list[tuple[pa.Table, Source]], columns: Sequence[str]) -> ImageRows:
    pick = {name: None for name in _IMAGE_COLUMNS}
    if "image" in columns:
        pick["image"] = _decode(parts, "image", cv2.IMREAD_COLOR)
    tables = pa.concat_tables([table.drop_columns(_present(table, "image")) for table, _ in parts])
    if "seed" in columns:
        pick["seed"] = tables.column("seed").to_numpy()
    for name in ("z", "label"):
        if name in columns:
            pick[name] = _matrix(tables.column(name))
    return ImageRows(
        tables.column("id").to_numpy(), pick["image"], pick["seed"], pick["z"], pick["label"]
    )


def _segment_rows(parts: list[tuple[pa.Table, Source]]) -> SegmentRows:
    maps = _decode(parts, "class_map", cv2.IMREAD_GRAYSCALE)
    tables = pa.concat_tables(
        [table.drop_columns(_present(table, "class_map")) for table, _ in parts]
    )
    return SegmentRows(
        tables.column("id").to_numpy(),
        maps,
        _matrix(tables.column("cut")),
        tables.column("found").to_numpy(),
        _landmarks(tables),
    )


def _landmarks(table: pa.Table) -> np.ndarray | None:
    if LANDMARKS not in table.column_names:
        return None
    return _matrix(table.column(LANDMARKS), np.float16).reshape(len(table), -1, 3)


def _present(table: pa.Table, name: str) -> list[str]:
    return [name] if name in table.column_names else []


def _matrix(column: pa.ChunkedArray, dtype: type[np.floating] = np.float32) -> np.ndarray:
    width = column.type.list_size
    values = pc.list_flatten(column).to_numpy()
    return np.array(values, dtype).reshape(-1, width)


def _decode(parts: list[tuple[pa.Table, Source]], name: str, mode: int) -> np.ndarray:
    """Decode the PNGs of a column to uint8 [N, H, W] or [N, H, W, 3] RGB, all of one size."""
    out: np.ndarray | None = None
    row = 0
    total = sum(len(table) for table, _ in parts)
    for table, source in parts:
        numbers = table.column("id").to_pylist()
        # one cell at a time: the encoded bytes are not copied as a list
        for number, cell in zip(numbers, table.column(name), strict=True):
            data = cell["bytes"].as_buffer() if cell.is_valid and cell["bytes"].is_valid else None
            image = (
                cv2.imdecode(np.frombuffer(data, np.uint8), mode)
                if data is not None and data.size
                else None
            )
            if image is None:
                raise InputError(
                    f"{source}: the picture of id {number} cannot be decoded; {rebuild(source)}"
                )
            if out is None:
                out = np.empty((total, *image.shape), np.uint8)
            if image.shape != out.shape[1:]:
                raise InputError(
                    f"{source}: the picture of id {number} is {image.shape[1]}×{image.shape[0]}"
                    f" pixels, those before it {out.shape[2]}×{out.shape[1]}; {rebuild(source)}"
                )
            if image.ndim == 3:
                cv2.cvtColor(image, cv2.COLOR_BGR2RGB, dst=out[row])
            else:
                out[row] = image
            row += 1
    if out is None:
        out = np.empty((0, 0, 0, 3) if mode == cv2.IMREAD_COLOR else (0, 0, 0), np.uint8)
    return out
