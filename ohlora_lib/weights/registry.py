"""What is known of every file of weights that is not shipped: source, licence, place, contents."""

import difflib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from ohlora_lib.errors import InputError

ROOT = Path(__file__).parents[2]
REGISTRY = ROOT / "resources" / "weights.yaml"
SCHEMA = ROOT / "rules" / "schemas" / "weights.schema.yaml"
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


def load_registry(path: str | Path = REGISTRY) -> dict[str, Entry]:
    """Read and check the registry.

    Returns:
        Entries by name, in the order of the file.

    Raises:
        InputError: the file is missing or something in it is wrong.
    """
    try:
        document = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{path} is no readable YAML ({reason}); restore or correct it") from error
    schema = yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))
    problem = next(jsonschema.Draft202012Validator(schema).iter_errors(document), None)
    if problem is not None:
        place = ".".join(map(str, problem.absolute_path)) or "the top"
        raise InputError(f"{path}, {place}: {problem.message}; correct the entry")
    entries = {name: _entry(name, item) for name, item in document.items()}
    for entry in entries.values():
        names = [part.name for file in entry.files for part in file.parts]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise InputError(f"{path}, {entry.name}: two files make {twice}; rename one")
    return entries


def find_entry(entries: dict[str, Entry], name: str) -> Entry:
    """Return an entry.

    Raises:
        InputError: there is none of this name.
    """
    if name not in entries:
        close = difflib.get_close_matches(name, entries, n=1)
        hint = f"did you mean {close[0]!r}?" if close else "see `ohlora weights list`"
        raise InputError(f"there are no weights named {name!r}; {hint}")
    return entries[name]


def find_part(entry: Entry, name: str) -> tuple[File, Part]:
    """Return a part of an entry, and the file that holds it.

    Raises:
        InputError: there is none of this name.
    """
    known = {part.name: (file, part) for file in entry.files for part in file.parts}
    if name not in known:
        raise InputError(f"{entry.name} has no part {name!r}; it has {', '.join(known)}")
    return known[name]


def _entry(name: str, item: dict[str, Any]) -> Entry:
    files = []
    for file, about in item["files"].items():
        url = about.get("url", item.get("url"))
        files.append(
            File(
                name=file,
                parts=tuple(Part(key, **part) for key, part in about["makes"].items()),
                url=url and url.replace("{file}", file),
                bytes=about.get("bytes"),
                sha256=about.get("sha256"),
            )
        )
    texts = {key: item[key] for key in ("title", "page", "licence", "manual")}
    return Entry(name, files=tuple(files), **texts)
