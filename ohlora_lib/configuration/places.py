"""Which line of which file sets a value of a configuration."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from ohlora_lib.configuration.words import Place


def where(place: Place, files: Sequence[str | Path], config: Any) -> str:
    """Return "file, line N" of the last file that sets `place` or the nearest key above it."""
    if not files:
        return "configuration"
    if not place:
        return str(files[-1])
    value = config
    for key in place:
        value = (
            value[key]
            if isinstance(value, dict | list) and (isinstance(value, list) or key in value)
            else None
        )
    for depth in range(len(place), 0, -1):
        found = [(file, *spot) for file in files if (spot := _spot(Path(file), place[:depth]))]
        if depth == len(place) and found and not isinstance(value, dict):
            # a value that no file holds was given on the command line
            found = [entry for entry in found if entry[2] == value]
            if not found:
                break
        if found:
            return f"{found[-1][0]}, line {found[-1][1]}"
    return "the command line (--config)"


def _spot(file: Path, place: Place) -> tuple[int, Any] | None:
    """Return the line and the value of a key of a YAML file, or None where it has no such key."""
    try:
        text = file.read_text(encoding="utf-8")
        node, value = yaml.compose(text, Loader=yaml.SafeLoader), yaml.safe_load(text)
    except (OSError, yaml.YAMLError):
        return None
    line = 1
    for key in place:
        if isinstance(value, dict) and key in value:
            label, node = next(
                pair for pair in node.value if yaml.safe_load(yaml.serialize(pair[0])) == key
            )
            line, value = label.start_mark.line + 1, value[key]
        elif isinstance(value, list) and isinstance(key, int) and key < len(value):
            node, value = node.value[key], value[key]
            line = node.start_mark.line + 1
        else:
            return None
    return line, value
