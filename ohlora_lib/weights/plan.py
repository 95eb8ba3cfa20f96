"""Which files of weights made by others a run may have to fetch and convert; torch-free."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ohlora_lib.weights.entries import FOLDER, Entry, File, Part
from ohlora_lib.weights.registry import find_part

DOWNLOADS = f"{FOLDER}/downloads/"


class WeightFiles:
    """All files of the registry, by where they belong.

    Args:
        entries: see `registry.load_registry`.
    """

    def __init__(self, entries: Mapping[str, Entry]) -> None:
        self.entries = entries
        self.places = {
            str(entry.download(file)): (entry, file)
            for entry in entries.values()
            for file in entry.files
        }

    def missing(self) -> list[str]:
        """Return the files that are not here, without their common folder."""
        return [path.removeprefix(DOWNLOADS) for path in self.places if not Path(path).exists()]

    def source(self, download: str) -> dict[str, Any]:
        """Return address, size and checksum of a file, given without the common folder."""
        _, file = self.places[DOWNLOADS + download]
        return {"url": file.url, "size": file.bytes, "sha256": file.sha256}

    def part(self, name: str, part: str) -> tuple[File, Part]:
        """Return the published file that a part of an entry is in, and the part.

        Raises:
            InputError: the entry has no such part.
        """
        return find_part(self.entries[name], part)

    def download_of(self, name: str, part: str) -> str:
        """Return where the published file belongs that a part of an entry is in."""
        return str(self.entries[name].download(self.part(name, part)[0]))

    def complaint(self, path: str, download: bool) -> str | None:
        """Say what to do about a missing file; None where a run may download it.

        Args:
            path: where it belongs.
            download: whether the configuration lets a run download weights.
        """
        entry, file = self.places[path]
        if file.url is not None and download:
            return None
        return f"{path} is missing; {entry.remedy(file)}"
