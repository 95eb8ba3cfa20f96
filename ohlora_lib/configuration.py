"""Checks the configuration against its schema, fills in defaults, names mistakes in a sentence."""

import copy
import difflib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from ohlora_lib.errors import InputError
from ohlora_lib.runtime.documents import load_yaml

Place = tuple[str | int, ...]  # the keys that lead to a value
Check = Callable[[dict[str, Any]], Iterable[tuple[Place, str]]]  # yields mistakes, as sentences

TYPES = {
    "object": "a mapping of keys to values",
    "array": "a list",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
}
REFERENCES = {  # kind -> its versions, and the keys that have no meaning for it
    "finetune": (
        ("v1", "v2", "v3", "v4", "v5_1", "v5_2", "v5_3", "v8"),
        (("vectors",), ("property_cnn",), ("as_published", "unit_steps")),
    ),
    "vectorfind": (("v6", "v7", "v8"), (("encoder",), ("as_published", "style_mixing"))),
}
WINDOWS = ("rows", "left_columns", "right_columns")  # keys that hold [start, stop]


def load_schema(path: str | Path) -> dict[str, Any]:
    """Read a JSON schema written as YAML.

    Raises:
        InputError: the file is missing, not YAML or not a schema.
    """
    try:
        schema = load_yaml(Path(path).read_text(encoding="utf-8"))
        jsonschema.Draft202012Validator.check_schema(schema)
    except FileNotFoundError:
        raise InputError(f"{path} does not exist; restore it from the repository") from None
    except (yaml.YAMLError, jsonschema.SchemaError) as error:
        raise InputError(
            f"{path} is not a valid schema ({str(error).splitlines()[0]}); correct it"
        ) from error
    return schema


def validate_config(
    config: dict[str, Any],
    schema_path: str | Path,
    files: Sequence[str | Path] = (),
    root: str | Path = ".",
    checks: Sequence[Check] = (),
) -> dict[str, Any]:
    """Return a checked copy of a configuration, with the defaults of its schema filled in.

    Entries that are switched off by `enabled: false` are left out.

    Args:
        config: the configuration, merged from all files.
        schema_path: the schema.
        files: the files it was merged from, later ones first to be blamed; used in messages only.
        root: the folder that relative paths in the configuration start from.
        checks: what else may be wrong with the filled configuration, known to other modules.

    Raises:
        InputError: one sentence that names the file, the line, the key and the remedy.
    """
    schema = load_schema(schema_path)
    filled = _fill(copy.deepcopy(config), schema, schema)
    problem = next(iter(_problems(filled, schema, Path(root), checks)), None)
    if problem is not None:
        place, text = problem
        raise InputError(f"{_where(place, files, config)}: {text}")
    return _without_disabled(filled)


# ---- defaults


def _fill(value: Any, schema: dict, whole: dict) -> Any:
    schema = _resolve(schema, whole)
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        for key, child in properties.items():
            child = _resolve(child, whole)
            if key not in value and "default" in child:
                value[key] = copy.deepcopy(child["default"])
        others = schema.get("additionalProperties")
        for key in value:
            child = properties.get(key, others)
            if isinstance(child, dict):
                value[key] = _fill(value[key], child, whole)
    return value


def _resolve(schema: dict, whole: dict) -> dict:
    """Follow a `$ref` to `#/$defs/...`; keys beside it, such as a default, win."""
    if "$ref" not in schema:
        return schema
    target = whole
    for key in schema["$ref"].removeprefix("#/").split("/"):
        target = target[key]
    return {
        **_resolve(target, whole),
        **{key: item for key, item in schema.items() if key != "$ref"},
    }


def _without_disabled(config: dict) -> dict:
    """Return the configuration without what is switched off: by `enabled`, conditions by null."""
    kept = {
        kind: {name: item for name, item in config[kind].items() if item["enabled"]}
        for kind in ("populations", "finetune", "vectorfind", "references")
    }
    for name, population in kept["populations"].items():
        conditions = {key: item for key, item in population["filter"].items() if item is not None}
        kept["populations"][name] = {**population, "filter": conditions}
    hairstyle = dict(config["hairstyle_cnn"])
    if hairstyle["population"] in config["populations"].keys() - kept["populations"].keys():
        hairstyle["population"] = None
    return {**config, **kept, "hairstyle_cnn": hairstyle}


# ---- problems


def _problems(
    config: dict, schema: dict, root: Path, checks: Sequence[Check]
) -> Iterator[tuple[Place, str]]:
    """Yield what is wrong, the likeliest cause first."""
    # jsonschema takes 10.0 for an integer, but a count of images must be one
    checker = jsonschema.Draft202012Validator.TYPE_CHECKER.redefine(
        "integer", lambda _, value: isinstance(value, int) and not isinstance(value, bool)
    )
    validator = jsonschema.validators.extend(jsonschema.Draft202012Validator, type_checker=checker)(
        schema
    )
    errors = list(validator.iter_errors(config))
    # a misspelt key explains the required one that is missing
    errors.sort(key=lambda error: error.validator != "additionalProperties")
    for error in errors:
        yield _describe(error)
    if not errors:
        enabled = _without_disabled(config)
        yield from _cross_checks(enabled, root)
        for check in checks:
            yield from check(enabled)


def _describe(error: jsonschema.ValidationError) -> tuple[Place, str]:
    place, value, rule = tuple(error.absolute_path), error.instance, error.validator_value
    name = _dotted(place)
    if "propertyNames" in error.absolute_schema_path:
        reason = (
            "is a reserved name"
            if error.validator == "not"
            else "must be lower-case letters, digits and _"
        )
        return (*place, value), f"the name {value!r} in {name} {reason}; rename it"
    match error.validator:
        case "additionalProperties":
            known = list(error.schema.get("properties", {}))
            key = next(key for key in value if key not in known)
            return (*place, key), f"unknown key {key!r} in {name}; {_suggest(key, known)}"
        case "required":
            key = next(key for key in rule if key not in value)
            return place, f"the key {key!r} is missing in {name}; add it"
        case "type":
            wanted = [rule] if isinstance(rule, str) else rule
            words = " or ".join(TYPES[kind] for kind in wanted)
            return (
                place,
                f"{name} must be {words}, not {_show(value)}; {_type_remedy(value, wanted)}",
            )
        case "enum":
            return place, f"{name} is {_show(value)}; allowed are {', '.join(map(str, rule))}"
        case "minimum" | "exclusiveMinimum" | "maximum" | "exclusiveMaximum":
            sides = {
                "minimum": "at least",
                "maximum": "at most",
                "exclusiveMinimum": "above",
                "exclusiveMaximum": "below",
            }
            return (
                place,
                f"{name} must be {sides[error.validator]} {rule}, not {value}; correct the value",
            )
        case "minItems" | "maxItems":
            side = "at least" if error.validator == "minItems" else "at most"
            noun = "entry" if rule == 1 else "entries"
            return (
                place,
                f"{name} must have {side} {rule} {noun}, not {len(value)}; correct the list",
            )
        case "minProperties":
            return place, f"{name} must not be empty; add an entry"
        case "uniqueItems":
            return place, f"{name} names an entry twice; remove one"
        case "minLength":
            return place, f"{name} must not be empty; give a value"
        case "pattern":
            return (
                place,
                f"{name} is {_show(value)}, which does not match {rule}; correct the value",
            )
        case "not":
            return place, f"{name} is {_show(value)}, a reserved name; choose another"
    return place, f"{name} is not allowed ({error.message}); correct the value"


def _cross_checks(config: dict, root: Path) -> Iterator[tuple[Place, str]]:
    """Yield what a schema cannot say: values that contradict each other, missing files."""
    if config["run"] in config["populations"]:
        text = f"run is {config['run']!r}, the name of a population, which has that folder already"
        yield ("run",), f"{text}; choose another"
    yield from _windows(config, ())
    segmenter = config["domain"]["segmenter"]
    if segmenter["kind"] == "facexformer" and segmenter["detector"] is None:
        here = ("domain", "segmenter", "detector")
        text = f"{_dotted(here)} is null, but facexformer parses faces that a detector has found"
        yield here, f"{text}; leave the key out for the shipped one"
    yield from _unknown_names(config)
    yield from _imports(config, root)
    yield from _references(config)
    for stage in ("generate", "segment"):
        if config["scatter"][stage] > config["shards"]:
            yield _order(
                ("scatter", stage), config["scatter"][stage], ("shards",), config["shards"]
            )
    for name, population in config.get("populations", {}).items():
        place = ("populations", name)
        images, labels, attributes = (population[key] for key in ("images", "labels", "attributes"))
        if config["shards"] > images:
            yield _order(("shards",), config["shards"], (*place, "images"), images)
        if labels["count"] > images:
            yield _order((*place, "labels", "count"), labels["count"], (*place, "images"), images)
        for index, attribute in enumerate(attributes):
            known = config["attributes"]
            if attribute not in known:
                text = f"{_dotted((*place, 'attributes'))} has the unknown attribute {attribute!r}"
                yield (*place, "attributes", index), f"{text}; {_suggest(attribute, list(known))}"
                continue
            folds = known[attribute]["folds"]
            if folds > labels["count"]:
                yield _order(
                    ("attributes", attribute, "folds"),
                    folds,
                    (*place, "labels", "count"),
                    labels["count"],
                )
        for attribute in population["training"]:
            if attribute not in attributes:
                here = (*place, "training", attribute)
                text = f"{_dotted(here)} trains an attribute that the population does not have"
                yield here, f"{text}; {_suggest(attribute, attributes)}"
        for attribute, files in population["classifiers"].items():
            here = (*place, "classifiers", attribute)
            if attribute not in attributes:
                text = f"{_dotted(here)} tells an attribute that the population does not have"
                yield here, f"{text}; {_suggest(attribute, attributes)}"
            elif len(files) != config["attributes"][attribute]["folds"]:
                folds = config["attributes"][attribute]["folds"]
                text = f"{_dotted(here)} has {len(files)} files where attributes.{attribute}.folds"
                yield here, f"{text} is {folds}; give one per fold"
        for attribute, limits in population["filter"].items():
            here = (*place, "filter", attribute)
            if population["filter_by"] == "shares" and "share" not in limits:
                text = f"{_dotted(here)} has no share, by which the population is filtered"
                yield here, f"{text}; add it"
            if "share" in limits and ("min" in limits) == ("max" in limits):
                text = f"{_dotted(here)} has a share, so it must have either min or max"
                yield here, f"{text}: on which side the share passes; correct it"
            if attribute not in attributes:
                text = f"{_dotted(here)} filters by an attribute that the population does not have"
                yield here, f"{text}; {_suggest(attribute, attributes)}"
            if limits.get("min", 0) > limits.get("max", 1):
                yield (
                    here,
                    f"{_dotted(here)} lets nothing pass, as its min is above its max; correct one",
                )
        table = labels["csv"]
        here = (*place, "labels", "csv")
        by_hand = config["domain"]["annotator"] is None  # a table that a person is still to make
        if table is not None and not by_hand and not (root / table).is_file():
            yield here, f"{_dotted(here)} is {table}, which does not exist; correct the path"
        if table is None and config["domain"]["annotator"] is None:
            yield (
                here,
                f"{_dotted(here)} and domain.annotator are both null; give one, for labels",
            )


def _imports(config: dict, root: Path) -> Iterator[tuple[Place, str]]:
    """Yield what is wrong with populations that are folders of pictures."""
    for name, population in config["populations"].items():
        source = population["images_from"]
        if source is None:
            continue
        here = ("populations", name, "images_from")
        for key, unset in (("generator", "null"), ("finetune", "null"), ("as_published", "false")):
            if population[key]:
                text = f"{_dotted(here)} takes finished pictures, so populations.{name}.{key}"
                yield (*here[:2], key), f"{text} must be {unset}; correct one of the two"
        folder = source["folder"]
        if not (root / folder).is_dir():
            text = f"{_dotted((*here, 'folder'))} is {folder}, which is no folder"
            yield (*here, "folder"), f"{text}; correct the path"


def _references(config: dict) -> Iterator[tuple[Place, str]]:
    """Yield what is wrong with models made elsewhere."""
    for name, item in config["references"].items():
        here, kind, version = ("references", name), item["kind"], item["version"]
        versions, meaningless = REFERENCES[kind]
        if version not in versions:
            text = f"{_dotted((*here, 'version'))} is {version}, which is no {kind}"
            yield (*here, "version"), f"{text}; allowed are {', '.join(versions)}"
        if version != "v3":
            meaningless = (*meaningless, ("encoder",))
        for keys in meaningless:
            value = item
            for key in keys:
                value = value[key]
            if value:
                text = f"{_dotted((*here, *keys))} has no meaning for a {kind} of version {version}"
                yield (*here, *keys), f"{text}; remove it"
        if kind == "vectorfind" and item["vectors"] is None:
            yield here, f"{_dotted((*here, 'vectors'))} is missing, the directions; add it"
        eighth = kind == "vectorfind" and version == "v8" and item["property_cnn"] is None
        if eighth and config["hairstyle_cnn"]["population"] is None:
            text = f"{_dotted((*here, 'property_cnn'))} is null, and no hairstyle_cnn is configured"
            yield here, f"{text} that tells the eighth score; give one of the two"


def _unknown_names(config: dict) -> Iterator[tuple[Place, str]]:
    """Yield every population or fine-tune that is named but not configured, or switched off."""
    named: dict[Place, tuple[str, str | None]] = {
        (network, "population"): ("populations", config[network]["population"])
        for network in ("property_cnn", "hairstyle_cnn")
    }
    for name, item in config["finetune"].items():
        named["finetune", name, "population"] = ("populations", item["population"])
    for name, item in config["references"].items():
        named["references", name, "population"] = ("populations", item["population"])
    for name, item in config["vectorfind"].items():
        named["vectorfind", name, "finetune"] = ("finetune", item["finetune"])
    if config["directions"]["enabled"]:
        named["directions", "finetune"] = ("finetune", config["directions"]["finetune"])
    for name, population in config["populations"].items():
        named["populations", name, "finetune"] = ("finetune", population["finetune"])
        for attribute, changes in population["training"].items():
            here = ("populations", name, "training", attribute, "start")
            named[here] = ("populations", changes.get("start"))
    for place, (kind, name) in named.items():
        known = list(config[kind])
        if name is not None and name not in known:
            noun = {"populations": "population", "finetune": "fine-tune"}[kind]
            text = f"{_dotted(place)} is the unknown {noun} {name!r}"
            yield place, f"{text}; {_suggest(name, known)}"


def _windows(value: Any, place: Place) -> Iterator[tuple[Place, str]]:
    """Yield every [start, stop] that is empty."""
    if not isinstance(value, dict):
        return
    for key, item in value.items():
        here = (*place, key)
        if key in WINDOWS and isinstance(item, list) and len(item) == 2 and item[0] >= item[1]:
            yield (
                here,
                f"{_dotted(here)} is [{item[0]}, {item[1]}], which is empty; correct it",
            )
        yield from _windows(item, here)


def _order(small: Place, low: int, large: Place, high: int) -> tuple[Place, str]:
    return (
        small,
        f"{_dotted(small)} is {low}, more than {_dotted(large)} ({high});"
        " lower the one or raise the other",
    )


# ---- words


def _dotted(place: Place) -> str:
    text = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in place).lstrip(".")
    return text or "the configuration"


def _show(value: Any) -> str:
    if isinstance(value, str):
        return f"the text {value!r}"
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    return (
        {None: "null", True: "true", False: "false"}[value]
        if value is None or isinstance(value, bool)
        else str(value)
    )


def _type_remedy(value: Any, wanted: Sequence[str]) -> str:
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


def _suggest(name: str, known: Iterable[str]) -> str:
    known = [str(item) for item in known]
    close = difflib.get_close_matches(str(name), known, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"allowed are {', '.join(known)}" if known else "remove it"


def _where(place: Place, files: Sequence[str | Path], config: Any) -> str:
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
