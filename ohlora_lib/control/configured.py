"""Which methods a configuration asks for, and what its schema cannot say of them."""

from collections.abc import Iterator
from typing import Any

from ohlora_lib.training.finetune.options import FinetuneOptions, check_processes
from ohlora_lib.training.finetune.versions import version_options


def method_names(config: dict[str, Any]) -> list[str]:
    """Return the names of the configured methods, without the published recipes."""
    directions = config["directions"]
    return [
        *[f"finetune_{name}" for name in config["finetune"]],
        *[f"vectorfind_{name}" for name in config["vectorfind"]],
        *[f"directions_{name}" for name in directions["ways"] if directions["enabled"]],
        *[f"reference_{name}" for name in config["references"]],
    ]


def finetune_options(settings: dict[str, Any]) -> FinetuneOptions:
    """Return all options of a fine-tune: its recipe's, with what the configuration changes.

    Args:
        settings: a fine-tune's entry in the configuration.

    Raises:
        ValueError: there is no such option.
    """
    changes = {key: settings[key] for key in ("steps", "epoch", "patience")}
    return version_options(
        settings["version"], settings["recipe"], {**changes, **settings["options"]}
    )


def method_problems(config: dict[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield what is wrong with the methods: the keys that lead to it, and a sentence."""
    for name, settings in config["finetune"].items():
        try:
            options = finetune_options(settings)
        except ValueError as error:
            known = FinetuneOptions.__dataclass_fields__
            key = next(key for key in settings["options"] if key not in known)
            place = ("finetune", name, "options", key)
            yield place, f"finetune.{name}.options: {error}; correct or remove it"
            continue
        for key in ("gpus", "cores"):
            count = settings[key]
            try:
                check_processes(options, count)
            except ValueError as error:
                text = f"finetune.{name}.{key} is {count}: {error}; set it to 1, or change that"
                yield ("finetune", name, key), text
    method = config["selection"]["method"]
    known = method_names(config)
    if method is not None and method not in known:
        text = f"selection.method is {method!r}, which no method is called"
        yield ("selection", "method"), f"{text}; configured are {', '.join(known) or 'none'}"
