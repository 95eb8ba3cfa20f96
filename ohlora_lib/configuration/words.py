"""How messages about a configuration name places and values, and what they suggest."""

import difflib
from collections.abc import Iterable, Sequence
from typing import Any

Place = tuple[str | int, ...]  # the keys that lead to a value


def dotted(place: Place) -> str:
    """Return the keys that lead to a value as one name, such as populations.v1.images."""
    text = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in place).lstrip(".")
    return text or "the configuration"


def show(value: Any) -> str:
    """Return how a sentence calls a value."""
    if isinstance(value, str):
        return f"the text {value!r}"
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    return (
        {None: "null", True: "true", False: "false"}[value]
        if value is None or isinstance(value, bool)
        else str(value)
    )


def type_remedy(value: Any, wanted: Sequence[str]) -> str:
    """Return what to do about a value of a wrong type; `wanted`: integer, number and so on."""
    if isinstance(value, str) and {"integer", "number"} & set(wanted):
        try:
            number = float(value)
        except ValueError:
            return "correct the value"
        # YAML 1.1 reads 5e-5 as text: it wants a point and a signed exponent
        if "e" in value.lower():
            digits, exponent = f"{number:.9e}".split("e")
            return f"write {float(digits)}e{exponent}"
        return "write it without quotes"
    if isinstance(value, float) and "integer" in wanted and value == int(value):
        return f"write {int(value)}"
    return "correct the value"


def suggest(name: str, known: Iterable[str]) -> str:
    """Return what may have been meant, or what is allowed."""
    known = [str(item) for item in known]
    close = difflib.get_close_matches(str(name), known, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"allowed are {', '.join(known)}" if known else "remove it"
