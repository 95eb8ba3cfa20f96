"""Reads and checks resources/weights.yaml: every file of weights that is not shipped."""

import difflib
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from ohlora_lib.errors import InputError
from ohlora_lib.runtime.documents import load_yaml
from ohlora_lib.weights.entries import Entry, File, Part

ROOT = Path(__file__).parents[2]
REGISTRY = ROOT / "resources" / "weights.yaml"
SCHEMA = ROOT / "rules" / "schemas" / "weights.schema.yaml"


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
    schema = load_yaml(SCHEMA.read_text(encoding="utf-8"))
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
