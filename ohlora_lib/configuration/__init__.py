"""The configuration of a run: checked, with defaults, and one sentence for every mistake."""

import copy
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from ohlora_lib.configuration.checks import cross_checks, without_disabled
from ohlora_lib.configuration.messages import problems
from ohlora_lib.configuration.models import Configuration
from ohlora_lib.configuration.places import where
from ohlora_lib.configuration.words import Place
from ohlora_lib.errors import InputError

Check = Callable[[dict[str, Any]], Iterable[tuple[Place, str]]]  # yields mistakes, as sentences


def validate_config(
    config: dict[str, Any],
    files: Sequence[str | Path] = (),
    root: str | Path = ".",
    checks: Sequence[Check] = (),
) -> dict[str, Any]:
    """Return a checked copy of a configuration, with all defaults filled in.

    Entries that are switched off by `enabled: false` are left out.

    Args:
        config: the configuration, merged from all files.
        files: the files it was merged from, later ones first to be blamed; used in messages only.
        root: the folder that relative paths in the configuration start from.
        checks: what else may be wrong with the filled configuration, known to other modules.

    Raises:
        InputError: one sentence that names the file, the line, the key and the remedy.
    """
    try:
        filled = _filled(config, Configuration.model_validate(config))
    except ValidationError as error:
        place, text = next(problems(error))
        raise InputError(f"{where(place, files, config)}: {text}") from None
    enabled = without_disabled(filled)
    for check in (lambda found: cross_checks(found, Path(root)), *checks):
        for place, text in check(enabled):
            raise InputError(f"{where(place, files, config)}: {text}")
    return enabled


def _filled(given: Any, checked: Any) -> Any:
    """Return what was given, with the defaults of what was not: keys in their order, values as is.

    A key of a section whose default is no value of its type (None where null is not allowed) has no
    default: it stays away.
    """
    if isinstance(checked, BaseModel):
        own = {key: _filled(value, getattr(checked, key)) for key, value in given.items()}
        for name, field in type(checked).model_fields.items():
            if name not in given and not _absent(field):
                own[name] = _plain(getattr(checked, name))
        return own
    if isinstance(checked, dict):
        return {key: _filled(value, checked[key]) for key, value in given.items()}
    return copy.deepcopy(given)


def _absent(field: Any) -> bool:
    return field.default is None and type(None) not in getattr(field.annotation, "__args__", ())


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return {name: _plain(getattr(value, name)) for name in type(value).model_fields}
    return copy.deepcopy(value)
