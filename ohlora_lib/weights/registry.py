"""Reads and checks resources/weights.yaml: every file of weights that is not shipped."""

import difflib
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from ohlora_lib.errors import InputError
from ohlora_lib.runtime.documents import load_yaml
from ohlora_lib.weights.entries import Entry, File, Part

ROOT = Path(__file__).parents[2]
REGISTRY = ROOT / "resources" / "weights.yaml"

Text = Annotated[str, Field(min_length=1)]
Url = Annotated[str, Field(pattern=r"^(https?|file)://")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Part(_Strict):
    """How a part is read; its place is weights/ENTRY/PART.safetensors."""

    layout: str  # see `layouts.LAYOUTS`
    key: Text | None = None  # of the file's dictionary, where it holds several networks
    config: dict[str, Any] = {}  # what the network must be


class _File(_Strict):
    """What a file holds; its place is weights/downloads/ENTRY/NAME."""

    url: Url | None = None  # where it differs from the entry's; null: a person fetches it
    bytes: Annotated[int, Field(ge=1)] | None = None  # size, where known
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None  # where known
    makes: Annotated[
        dict[Annotated[str, Field(pattern="^[a-z][a-z0-9_-]*$")], _Part], Field(min_length=1)
    ]


class _Entry(_Strict):
    """Files from one source."""

    title: Text  # what it is
    page: Annotated[str, Field(pattern="^https://")]  # web page that offers or describes the files
    licence: Text  # as stated there, or that none is stated
    manual: Text  # what a person does to get a file, beginning with a verb
    url: Url | None = None  # direct address of every file, {file} being its name
    files: Annotated[
        dict[Annotated[str, Field(pattern="^[A-Za-z0-9][A-Za-z0-9._-]*$")], _File],
        Field(min_length=1),
    ]


def _not_downloads(name: str) -> str:
    if name == "downloads":
        raise ValueError("downloads is the folder of all files")
    return name


_REGISTRY = TypeAdapter(
    dict[Annotated[str, Field(pattern="^[a-z][a-z0-9_]*$"), AfterValidator(_not_downloads)], _Entry]
)


def load_registry(path: str | Path = REGISTRY) -> dict[str, Entry]:
    """Read and check the registry.

    Returns:
        Entries by name, in the order of the file.

    Raises:
        InputError: the file is missing or something in it is wrong.
    """
    try:
        document = load_yaml(Path(path).read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{path} is no readable YAML ({reason}); restore or correct it") from error
    try:
        _REGISTRY.validate_python(document)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        place = ".".join(map(str, problem["loc"])) or "the top"
        reason = f"{repr(problem['input'])[:60]}: {problem['msg']}"
        if problem["type"] == "extra_forbidden":
            reason = "no entry has this key"
        raise InputError(f"{path}, {place}: {reason}; correct the entry") from None
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
