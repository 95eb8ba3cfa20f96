"""The PNG files of single images of a population, as they lie in its shards."""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ohlora_lib.errors import InputError, rebuild
from ohlora_lib.store.shards import read_ids

CACHED = 4  # row groups


class EncodedImages:
    """Reads pictures when they are needed; the last few row groups stay in memory.

    Attributes:
        ids: of all images, in the order of the files.
    """

    def __init__(self, paths: Sequence[str | Path]):
        """Look up which image lies where.

        Raises:
            InputError: a file is missing, damaged or not a shard.
        """
        self._place: dict[int, tuple[Path, int]] = {}  # id -> shard, row group
        for path in map(Path, paths):
            ids = read_ids([path]).tolist()  # checks the file too
            with pq.ParquetFile(path) as file:
                start = 0
                for group in range(file.num_row_groups):
                    stop = start + file.metadata.row_group(group).num_rows
                    self._place |= dict.fromkeys(ids[start:stop], (path, group))
                    start = stop
        self.ids = list(self._place)
        self._groups: OrderedDict[tuple[Path, int], dict[int, bytes]] = OrderedDict()
        self._lock = threading.Lock()

    def __getitem__(self, number: int) -> bytes:
        """Return the PNG file of one image.

        Raises:
            KeyError: there is no such image.
            InputError: its shard is damaged.
        """
        place = self._place[number]
        with self._lock:
            if place not in self._groups:
                self._groups[place] = _read_group(*place)
            self._groups.move_to_end(place)
            while len(self._groups) > CACHED:
                self._groups.popitem(last=False)
            return self._groups[place][number]


def _read_group(path: Path, group: int) -> dict[int, bytes]:
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            table = file.read_row_group(group, ["id", "image"])
        pictures = [cell["bytes"].as_py() for cell in table.column("image")]
        return dict(zip(table.column("id").to_pylist(), pictures, strict=True))
    except (pa.ArrowException, OSError, KeyError, TypeError) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise InputError(f"{path} is damaged or not a shard ({reason}); {rebuild(path)}") from error
