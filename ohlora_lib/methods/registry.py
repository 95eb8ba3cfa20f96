"""The families of methods, a line each, and all methods of a configuration."""

import importlib
from collections.abc import Iterator
from typing import Any

from ohlora_lib.methods.base import Method
from ohlora_lib.store.results import Results

# In the order of the leaderboard. Each has a module `method` with `configured(config, results)`,
# its methods, and `problems(config)`, what the schema cannot say of them.
FAMILIES = ("finetune", "vectorfind", "directions", "reference")


def configured_methods(config: dict[str, Any], results: Results) -> dict[str, Method]:
    """Return all methods that can be judged, by their keys.

    Args:
        config: with defaults.
        results: the map of the run's files.
    """
    found = [each for family in FAMILIES for each in _module(family).configured(config, results)]
    return {method.key: method for method in found}


def method_names(config: dict[str, Any]) -> list[str]:
    """Return the keys of the methods that every run judges: not the published recipes."""
    methods = configured_methods(config, Results(""))
    return [key for key, method in methods.items() if not method.repeats_published]


def method_problems(config: dict[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield what is wrong with the methods: the keys that lead to it, and a sentence."""
    found = [problem for family in FAMILIES for problem in _module(family).problems(config)]
    if found:
        yield from found
        return
    method = config["selection"]["method"]
    known = method_names(config)
    if method is not None and method not in known:
        text = f"selection.method is {method!r}, which no method is called"
        yield ("selection", "method"), f"{text}; configured are {', '.join(known) or 'none'}"


def _module(family: str) -> Any:
    return importlib.import_module(f"ohlora_lib.methods.{family}.method")
