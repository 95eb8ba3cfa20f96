"""One sentence for each mistake that the types of a configuration find."""

from collections.abc import Iterator
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from ohlora_lib.configuration.models import Configuration
from ohlora_lib.configuration.words import Place, dotted, show, suggest, type_remedy

# what pydantic calls a wrong type -> a kind, and how a sentence calls it
TYPES = {
    "model_type": ("object", "a mapping of keys to values"),
    "dict_type": ("object", "a mapping of keys to values"),
    "list_type": ("array", "a list"),
    "string_type": ("string", "text"),
    "int_type": ("integer", "a whole number"),
    "float_type": ("number", "a number"),
    "bool_type": ("boolean", "true or false"),
}
SIDES = {
    "greater_than_equal": ("at least", "ge"),
    "less_than_equal": ("at most", "le"),
    "greater_than": ("above", "gt"),
    "less_than": ("below", "lt"),
}
KEY = "[key]"  # ends the place of a mistake in a key


def problems(error: ValidationError) -> Iterator[tuple[Place, str]]:
    """Yield place and sentence of every mistake, the likeliest cause first."""
    found = error.errors(include_url=False)
    # a misspelt key explains the required one that is missing
    found.sort(key=lambda each: each["type"] != "extra_forbidden")
    for each in found:
        yield _describe(each)


def _describe(mistake: dict[str, Any]) -> tuple[Place, str]:
    place, kind, value = tuple(mistake["loc"]), mistake["type"], mistake["input"]
    context = mistake.get("ctx", {})
    if place[-1:] == (KEY,):
        place = place[:-1]
        reason = (
            "is a reserved name"
            if kind == "reserved"
            else "must be lower-case letters, digits and _"
        )
        return place, f"the name {value!r} in {dotted(place[:-1])} {reason}; rename it"
    name = dotted(place)
    if kind == "extra_forbidden":
        *above, key = place
        known = _known_keys(tuple(above))
        return place, f"unknown key {key!r} in {dotted(tuple(above))}; {suggest(key, known)}"
    if kind == "missing":
        above = place[:-1]
        return above, f"the key {place[-1]!r} is missing in {dotted(above)}; add it"
    if kind in TYPES:
        wanted, words = TYPES[kind]
        remedy = type_remedy(value, [wanted])
        return place, f"{name} must be {words}{_or_null(place)}, not {show(value)}; {remedy}"
    if kind in ("literal_error", "one_of"):
        allowed = context.get("allowed") or context["expected"].replace(" or ", ", ")
        return place, f"{name} is {show(value)}; allowed are {allowed.replace(chr(39), '')}"
    if kind in SIDES:
        side, key = SIDES[kind]
        limit = context[key]
        limit = int(limit) if limit == int(limit) else limit
        return place, f"{name} must be {side} {limit}, not {value}; correct the value"
    if kind in ("too_short", "too_long"):
        if isinstance(value, dict):
            return place, f"{name} must not be empty; add an entry"
        side, key = ("at least", "min_length") if kind == "too_short" else ("at most", "max_length")
        limit = context[key]
        noun = "entry" if limit == 1 else "entries"
        text = f"{name} must have {side} {limit} {noun}, not {len(value)}"
        return place, f"{text}; correct the list"
    if kind == "twice":
        return place, f"{name} names an entry twice; remove one"
    if kind == "string_too_short":
        return place, f"{name} must not be empty; give a value"
    if kind == "string_pattern_mismatch":
        text = f"{name} is {show(value)}, which does not match {context['pattern']}"
        return place, f"{text}; correct the value"
    if kind == "reserved":
        return place, f"{name} is {show(value)}, a reserved name; choose another"
    return place, f"{name} is not allowed ({mistake['msg']}); correct the value"


def _known_keys(place: Place) -> list[str]:
    """Return the keys that the section at a place may have."""
    kind = _annotation(place)
    return list(kind.model_fields) if isinstance(kind, type) and _is_section(kind) else []


def _or_null(place: Place) -> str:
    return " or null" if NoneType in get_args(_bare(_annotation(place, whole=True))) else ""


def _annotation(place: Place, whole: bool = False) -> Any:
    """Return the type of the value at a place; with `whole` also that it may be null."""
    kind: Any = Configuration
    for index, key in enumerate(place):
        kind = _not_null(kind)
        if isinstance(kind, type) and _is_section(kind):
            field = kind.model_fields[str(key)]
            kind = field.annotation
        else:
            arguments = get_args(_bare(kind))
            kind = arguments[-1] if arguments else Any
        last = index == len(place) - 1
        kind = kind if whole and last else _not_null(kind)
    return kind


def _bare(kind: Any) -> Any:
    """Return a type without what is annotated."""
    return _bare(get_args(kind)[0]) if get_origin(kind) is Annotated else kind


def _not_null(kind: Any) -> Any:
    kind = _bare(kind)
    if get_origin(kind) in (Union, UnionType):
        (kind,) = (each for each in get_args(kind) if each is not NoneType)
    return _bare(kind)


def _is_section(kind: type) -> bool:
    return issubclass(kind, BaseModel)
