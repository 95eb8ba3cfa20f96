"""What is known of weights made by others: source, licence, place, contents."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FOLDER = Path("weights")  # of downloads and converted weights; in the folder a run starts in


@dataclass(frozen=True)
class Part:
    """One network (or set of directions) that a file holds."""

    name: str
    layout: str  # see `layouts.LAYOUTS`
    key: str | None = None  # of the file's dictionary, where it holds several networks
    config: dict[str, Any] = field(default_factory=dict)  # what the network must be


@dataclass(frozen=True)
class File:
    """One file, or a folder of tables."""

    name: str
    parts: tuple[Part, ...]
    url: str | None = None  # direct; None where a person has to fetch it
    bytes: int | None = None  # size, where known
    sha256: str | None = None  # where known


@dataclass(frozen=True)
class Entry:
    """Files that belong together, from one source."""

    name: str
    title: str
    page: str  # web page that describes or offers them
    licence: str
    manual: str  # what a person does to get a file; {page} and {file} are filled in by `remedy`
    files: tuple[File, ...]

    def download(self, file: File, folder: str | Path = FOLDER) -> Path:
        """Return where a file belongs as it was published."""
        return Path(folder) / "downloads" / self.name / file.name

    def product(self, part: Part, folder: str | Path = FOLDER) -> Path:
        """Return where a part belongs once converted."""
        return Path(folder) / self.name / f"{part.name}.safetensors"

    def remedy(self, file: File, folder: str | Path = FOLDER) -> str:
        """Return what to do when a file is missing."""
        command = "" if file.url is None else f"run `ohlora weights fetch {self.name}`, or "
        return command + self.by_hand(file, folder)

    def by_hand(self, file: File, folder: str | Path = FOLDER) -> str:
        """Return what a person does to get a file."""
        text = self.manual.replace("{page}", self.page).replace("{file}", file.name)
        return f"{text} and put it at {self.download(file, folder)}"
