"""Which methods a configuration asks for, and what its schema cannot say of them."""

from collections.abc import Iterator
from typing import Any

from ohlora_lib.methods.finetune.options import FinetuneOptions, check_processes
from ohlora_lib.methods.finetune.versions import version_options

# Way to fit directions -> whose steps it begins with. From trained ones the closed loop came no
# closer to what is asked for than from linear ones, and flipped the gender of twice as many faces.
DIRECTION_STARTS = {
    "linear": None,
    "masked": "linear",
    "trained": "masked",
    "closed_loop": "linear",
}
DIRECTION_METHODS = tuple(DIRECTION_STARTS)
RANDOM_LABELS = {"v6": 3, "v7": 3}  # VectorFind versions whose label means nothing, and its width


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


def training_cores(settings: dict[str, Any]) -> int:
    """Return the processes that train a fine-tune on a machine without GPUs.

    As many as `cores` says, or one where the recipe cannot share a batch: unlike cards, cores that
    are not needed cost nothing, so that this is no mistake to refuse.

    Args:
        settings: of one fine-tune.
    """
    try:
        check_processes(finetune_options(settings), settings["cores"])
    except ValueError:
        return 1
    return settings["cores"]


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
        gpus = settings["gpus"]
        try:
            check_processes(options, gpus)
        except ValueError as error:
            place = ("finetune", name, "gpus")
            yield place, f"finetune.{name}.gpus is {gpus}: {error}; set it to 1, or change that"
    method = config["selection"]["method"]
    known = method_names(config)
    if method is not None and method not in known:
        text = f"selection.method is {method!r}, which no method is called"
        yield ("selection", "method"), f"{text}; configured are {', '.join(known) or 'none'}"
