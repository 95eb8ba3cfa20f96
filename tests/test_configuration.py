"""The configuration: defaults, and one sentence for every kind of mistake."""

# ruff: noqa: E501 (one mistake per line)

import copy
import importlib
import inspect
from pathlib import Path

import pytest
import yaml

from ohlora_lib.configuration import validate_config
from ohlora_lib.configuration.models import json_schema
from ohlora_lib.errors import InputError
from ohlora_lib.methods.finetune.method import training_cores
from ohlora_lib.methods.registry import configured_methods, method_names, method_problems
from ohlora_lib.methods.sampled import sampled_generators
from ohlora_lib.scores import ALGORITHMS
from ohlora_lib.store.results import Results

ROOT = Path(__file__).parents[1]
DEFAULT = yaml.safe_load((ROOT / "config.yaml").read_text())


def merged(overlay: dict, base: dict = DEFAULT) -> dict:
    """Return `base` updated the way Snakemake merges configuration files."""
    out = copy.deepcopy(base)
    for key, value in overlay.items():
        if isinstance(value, dict) and isinstance(out.get(key), dict):
            out[key] = merged(value, out[key])
        else:
            out[key] = value
    return out


def complaint(overlay: dict, **options) -> str:
    with pytest.raises(InputError) as info:
        validate_config(merged(overlay), **options)
    text = str(info.value)
    assert "\n" not in text
    return text


def population(**values) -> dict:
    return {"populations": {"original": values}}


@pytest.mark.parametrize(
    "overlay", [None, *sorted(path.name for path in (ROOT / "config").glob("*.yaml"))]
)
def test_shipped_configurations_are_valid(overlay):
    config = merged(yaml.safe_load((ROOT / "config" / overlay).read_text())) if overlay else DEFAULT
    found = validate_config(config, root=ROOT, checks=[method_problems])
    assert found["seed"] == 2025


def test_defaults_are_filled_in_and_the_argument_is_left_alone():
    config = copy.deepcopy(DEFAULT)
    del config["inference"], config["seed"]
    config["populations"]["more"] = {"images": 10, "attributes": ["gender"], "labels": {"count": 5}}
    before = copy.deepcopy(config)
    filled = validate_config(config)
    assert config == before
    assert filled["inference"]["batch"] >= 1 and filled["seed"] == 2025
    more = filled["populations"]["more"]
    assert (more["filter"], more["generator"], more["labels"]["csv"]) == ({}, None, None)
    assert filled["scores"]["v2"]["hair_length"] == {
        "first_row": 56,
        "row_pixels": 20,
        "edge_pixels": 10,
    }
    assert validate_config(filled) == filled


def test_score_parameters_are_those_of_the_functions():
    scores = validate_config(DEFAULT)["scores"]
    assert set(scores) == set(ALGORITHMS)
    for algorithm, names in ALGORITHMS.items():
        assert set(scores[algorithm]) == set(names)
        for name in names:
            function = getattr(importlib.import_module(f"ohlora_lib.scores.{name}"), algorithm)
            options = [
                p
                for p in inspect.signature(function).parameters.values()
                if p.kind is p.KEYWORD_ONLY
            ]
            expected = {
                p.name: list(p.default) if isinstance(p.default, tuple) else p.default
                for p in options
            }
            assert scores[algorithm][name] == expected, f"{algorithm} {name}"


def test_schema_is_strict_and_every_value_is_described():
    def visit(node, path):
        if isinstance(node, dict):
            if node.get("type") == "object":
                assert "additionalProperties" in node, f"{path} accepts unknown keys"
            for name, child in node.get("properties", {}).items():
                leaf = (
                    "properties" not in child
                    and child.get("type") != "object"
                    and "$ref" not in child
                )
                assert not leaf or child.get("description"), f"{path}/{name} has no description"
            for key, child in node.items():
                visit(child, f"{path}/{key}")
        elif isinstance(node, list):
            for child in node:
                visit(child, path)

    visit(json_schema(), "")


@pytest.mark.parametrize(
    ("overlay", "expected"),
    [
        (population(classifiers={"age": ["a"] * 5}), "populations.original.classifiers.age predicts an attribute that the population does not have"),
        (population(classifiers={"gender": ["a", "b"]}), "populations.original.classifiers.gender has 2 files where attributes.gender.folds is 5; give one per fold"),
        (population(imagse=3), "unknown key 'imagse' in populations.original; did you mean 'images'?"),
        ({"sede": 3}, "unknown key 'sede' in the configuration; did you mean 'seed'?"),
        ({"inference": {"zzz": 3}}, "unknown key 'zzz' in inference; allowed are batch"),
        ({"scores": {"v1": {"hairstyle": {}}}}, "unknown key 'hairstyle' in scores.v1"),
        ({"scores": {"v2": {"mouth": {"x": 1}}}}, "unknown key 'x' in scores.v2.mouth; remove it"),
        (population(images="100"), "populations.original.images must be a whole number, not the text '100'; write it without"),
        (population(images=100.0), "populations.original.images must be a whole number, not 100.0; write 100"),
        (population(images=True), "populations.original.images must be a whole number, not true"),
        (population(images=0), "populations.original.images must be at least 1, not 0"),
        (population(as_published=1), "populations.original.as_published must be true or false, not 1"),
        (population(attributes="gender"), "populations.original.attributes must be a list, not the text 'gender'"),
        (population(attributes=[]), "populations.original.attributes must have at least 1 entry, not 0"),
        (population(attributes=["gender", "gender"]), "populations.original.attributes names an entry twice"),
        (population(attributes=["gender", "qualty"], filter={}), "unknown attribute 'qualty'; did you mean 'quality'?"),
        (population(filter={"age": {"min": 0.5}}), "populations.original.filter.age filters by an attribute"),
        (population(filter={"gender": {"min": 0.7, "max": 0.2}}), "populations.original.filter.gender lets nothing pass"),
        (population(filter={"gender": {"least": 0.7}}), "unknown key 'least' in populations.original.filter.gender"),
        (population(truncation_psi=1.5), "populations.original.truncation_psi must be at most 1, not 1.5"),
        (population(images=100), "populations.original.labels.count is 2000, more than populations.original.images (100)"),
        (population(images=3, labels={"count": 2}), "shards is 4, more than"),
        ({"scatter": {"segment": 5}}, "scatter.segment is 5, more than shards (4)"),
        (population(labels={"count": 3}), "attributes.gender.folds is 5, more than populations.original.labels.count (3)"),
        (population(labels={"csv": "no.csv"}), "populations.original.labels.csv is no.csv, which does not exist"),
        ({"domain": {"annotator": None}}, "populations.original.labels.csv and domain.annotator are both null"),
        ({"domain": {"resolution": 65}}, "domain.resolution is 65; allowed are 8, 16, 32, 64"),
        ({"domain": {"segmenter": {"kind": "sam"}}}, "domain.segmenter.kind is the text 'sam'; allowed are mesh, parser, facexformer"),
        ({"domain": {"segmenter": {"kind": "facexformer", "detector": None}}}, "domain.segmenter.detector is null, but facexformer"),
        ({"domain": {"identity": "identity.safetensors"}}, "domain.identity is given, but needs landmarks, which only the segmenter mesh finds"),
        ({"domain": {"segmenter": {"batch": 0}}}, "domain.segmenter.batch must be at least 1, not 0"),
        ({"domain": None}, "domain must be a mapping of keys to values, not null"),
        ({"attributes": {"gender": {"learning_rate": "5e-5"}}}, "attributes.gender.learning_rate must be a number, not the text '5e-5'; write 5.0e-05"),
        ({"attributes": {"hat": {}}}, "the key 'max_loss' is missing in attributes.hat"),
        ({"attributes": {"hat": {"max_los": 1}}}, "unknown key 'max_los' in attributes.hat; did you mean 'max_loss'?"),
        ({"domain": {"crops": {"eyes": [0.6, 0.4, 0, 1]}}}, "domain.crops.eyes is [0.6, 0.4, 0, 1], which is empty"),
        ({"domain": {"crops": {"ears": [0, 1, 0, 1]}}}, "domain.crops"),
        ({"scores": {"v2": {"eyes": {"rows": [100, 50]}}}}, "scores.v2.eyes.rows is [100, 50], which is empty"),
        ({"property_cnn": {"population": "orignal"}}, "property_cnn.population is the unknown population 'orignal'; did you mean 'original'?"),
        ({"hairstyle_cnn": {"population": "v9"}}, "hairstyle_cnn.population is the unknown population 'v9'; allowed are original, v1"),
        ({"finetune": {"v2": {"population": "other"}}}, "finetune.v2.population is the unknown population 'other'; allowed are original, v1"),
        ({"finetune": {"v1": {"enabled": False}}, "vectorfind": {name: {"finetune": "v2"} for name in DEFAULT["vectorfind"]}, "directions": {"finetune": "v2"}}, "populations.v1.finetune is the unknown fine-tune 'v1'"),
        ({"finetune": {"v8": {"enabled": False}}, "vectorfind": {name: {"finetune": "v1"} for name in DEFAULT["vectorfind"]}}, "directions.finetune is the unknown fine-tune 'v8'"),
        ({"vectorfind": {"v7": {"finetune": "v12"}}}, "vectorfind.v7.finetune is the unknown fine-tune 'v12'; did you mean 'v2'?"),
        ({"vectorfind": {"v7": {"version": "v5"}}}, "vectorfind.v7.version is the text 'v5'; allowed are v6, v7, v8"),
        ({"vectorfind": {"v7": {"groups": ["hair"]}}}, "vectorfind.v7.groups[0] is the text 'hair'; allowed are hair_color, hair_length"),
        ({"vectorfind": {"v7": {"share": 0.6}}}, "vectorfind.v7.share must be at most 0.5, not 0.6"),
        ({"directions": {"control": {"rounds": 0}}}, "directions.control.rounds"),
        ({"directions": {"control": {"weight": 1}}}, "unknown key 'weight' in directions.control"),
        ({"directions": {"finetune": "best"}}, "directions.finetune is the unknown fine-tune 'best'; allowed are v1,"),
        (population(finetune="v0"), "populations.original.finetune is the unknown fine-tune 'v0'"),
        (population(training={"gender": {"start": "orignal"}}), "populations.original.training.gender.start is the unknown population 'orignal'; did you mean 'original'?"),
        (population(training={"age": {"cut": 0.2}}), "populations.original.training.age trains an attribute that the population does not have; allowed are gender, quality"),
        (population(training={"gender": {"folds": 3}}), "unknown key 'folds' in populations.original.training.gender"),
        (population(filter_by="shares"), "populations.original.filter.gender has no share, by which the population is filtered; add it"),
        (population(filter_by="share"), "populations.original.filter_by is the text 'share'; allowed are limits, shares"),
        (population(filter={"gender": {"share": 0.5, "max": 0.9}}), "populations.original.filter.gender has a share, so it must have either min or max: on which side the share passes"),
        ({"populations": {"v1": {"filter": {"age": {"min": 0.001}}}}}, "populations.v1.filter.age has a share, so it must have either min or max"),
        (population(filter={"gender": {"share": 0}}), "populations.original.filter.gender.share must be above 0, not 0"),
        ({"property_cnn": {"epochs": 0}}, "property_cnn.epochs must be at least 1, not 0"),
        ({"populations": {"Two Words": {"images": 9, "attributes": ["gender"], "labels": {"count": 5}}}}, "the name 'Two Words' in populations must be"),
        ({"populations": {"finetune": {"images": 9, "attributes": ["gender"], "labels": {"count": 5}}}}, "the name 'finetune' in populations is a reserved name"),
        ({"populations": {7: {"images": 9, "attributes": ["gender"], "labels": {"count": 5}}}}, "the name 7 in populations must be"),
        ({"populations": {"more": {"images": 9, "attributes": ["gender"]}}}, "the key 'labels' is missing in populations.more"),
    ],
)  # fmt: skip
def test_mistakes_are_named(overlay, expected):
    assert expected in complaint(overlay)


def test_a_share_needs_one_side_alone():
    alone = copy.deepcopy(DEFAULT)
    alone["populations"]["original"]["filter"] = {"gender": {"share": 0.5}}
    with pytest.raises(InputError, match="must have either min or max"):
        validate_config(alone)
    for side in ("min", "max"):
        alone["populations"]["original"]["filter"] = {"gender": {"share": 0.5, side: 0.5}}
        for way in ("limits", "shares"):
            alone["populations"]["original"]["filter_by"] = way
            assert validate_config(alone)


def test_what_is_switched_off_may_name_what_is_not_there():
    off = {"enabled": False}
    overlay = {
        "finetune": {"v2": {**off, "population": "nowhere"}},
        "vectorfind": {"v7": {**off, "finetune": "nothing"}},
        "directions": {**off, "finetune": "nothing"},
    }
    config = validate_config(merged(overlay))
    assert "v2" not in config["finetune"] and "v7" not in config["vectorfind"]
    assert {"v1", "v8"} <= set(config["finetune"])


def test_without_its_population_there_is_no_eighth_score():
    off = {"enabled": False}
    overlay = {
        "populations": {"v1": off},
        "finetune": {"v8": off},
        "vectorfind": {"v8": off},
        "directions": off,
    }
    config = validate_config(merged(overlay))
    assert list(config["populations"]) == ["original"]
    assert config["hairstyle_cnn"]["population"] is None
    assert "populations.v1" not in complaint({**overlay, "finetune": {}})


def test_the_file_and_line_are_named(tmp_path):
    base, overlay = tmp_path / "base.yaml", tmp_path / "overlay.yaml"
    base.write_text("seed: 1\npopulations:\n  original:\n    images: 0\n")
    overlay.write_text("# tiny\n\npopulations:\n  original: {truncation_psi: 2}\n")
    files = [base, overlay]
    assert complaint(population(images=0), files=files).startswith(f"{base}, line 4: ")
    assert complaint(population(truncation_psi=2), files=files).startswith(f"{overlay}, line 4: ")
    # a value that is in no file came from --config; a default is blamed on the nearest key above it
    assert complaint(population(images=-1), files=files).startswith("the command line (--config): ")
    assert complaint({"nonsense": 1}, files=files).startswith("the command line (--config): ")
    overlay.write_text("attributes:\n  hat: {folds: 3}\n")
    assert complaint({"attributes": {"hat": {"folds": 3}}}, files=files).startswith(
        f"{overlay}, line 2: "
    )
    assert complaint({"seed": -1}).startswith("configuration: ")


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (
            "finetune: {v1: {options: {batch: 8, learning_rate: 1}}}",
            "finetune.v1.options: a fine-tune has no option learning_rate",
        ),
        (
            "finetune: {v1: {gpus: 3}}",
            "finetune.v1.gpus is 3: a batch of 16 cannot be shared equally by 3",
        ),
        ("finetune: {v3: {gpus: 2}}", "finetune.v3.gpus is 2: only adversarial fine-tunes"),
        (
            "selection: {method: finetune_v9}",
            "selection.method is 'finetune_v9', which no method is called; configured are finetune_v1, ",
        ),
        (
            "directions: {enabled: false}",
            "selection.method is 'directions_closed_loop', which no method is called",
        ),
    ],
)
def test_what_is_wrong_with_a_method_is_found_in_the_file_that_says_it(tmp_path, line, sentence):
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text(f"# mine\n{line}\n")
    options = {"files": [ROOT / "config.yaml", overlay], "checks": [method_problems]}
    text = complaint(yaml.safe_load(line), **options)
    place = f"{overlay}, line 2" if "directions:" not in line else f"{ROOT / 'config.yaml'}, line "
    assert text.startswith(place) and sentence in text and ";" in text


def test_methods_are_named_after_their_families():
    config = validate_config(DEFAULT, checks=[method_problems])
    names = method_names(config)
    assert {"finetune_v1", "vectorfind_v8", "directions_closed_loop"} <= set(names)
    off = merged({"directions": {"enabled": False}, "selection": {"method": None}})
    off = validate_config(off, checks=[method_problems])
    assert method_names(off) == [name for name in names if not name.startswith("directions_")]


def test_a_csv_that_a_person_is_still_to_make_is_accepted():
    tables = {name: {"labels": {"csv": "no.csv"}} for name in DEFAULT["populations"]}
    validate_config(merged({"populations": tables, "domain": {"annotator": None}}))


def test_a_csv_that_exists_is_accepted(tmp_path):
    (tmp_path / "labels.csv").write_text("id,gender,quality\n")
    tables = {name: {"labels": {"csv": "labels.csv"}} for name in DEFAULT["populations"]}
    config = merged({"populations": tables, "domain": {"annotator": None}})
    assert validate_config(config, root=tmp_path)


# ---- what the rules ask of methods


@pytest.mark.parametrize("parts", [1, 2])
def test_searches_that_share_samples_are_charged_for_those_they_use(parts):
    overlay = {
        "scatter": {"sample": parts},
        "vectorfind": {"v6": {"samples": 1000}, "v7": {"samples": 4000}, "v8": {"samples": 3000}},
        "directions": {"samples": 6000},
    }
    config, results = validate_config(merged(overlay)), Results("")
    methods = configured_methods(config, results)
    assert sampled_generators(config, results)["v1_random"].samples == 4000
    expected = {"vectorfind_v6": 0.25, "vectorfind_v7": 1.0, "vectorfind_v8": 0.5}
    expected |= {"directions_linear": 1.0, "directions_closed_loop": 1.0}
    for method, share in expected.items():
        found = methods[method].benchmarks
        drawn = [value for path, value in found.items() if "draw_samples" in path]
        assert drawn == [share] * parts, method
        assert all(value == 1 for path, value in found.items() if "draw_samples" not in path)
    assert methods["finetune_v3"].benchmarks == {"benchmarks/finetune/v3.tsv": 1.0}
    assert len(methods["directions_closed_loop"].benchmarks) == parts + 2  # and the linear ones
    assert len(methods["directions_trained"].benchmarks) == parts + 3


@pytest.mark.parametrize(
    ("version", "recipe", "options", "processes"),
    [
        ("v1", "corrected", {}, 2),
        ("v1", "corrected", {"batch": 15}, 1),  # not to be halved
        ("v1", "published", {}, 1),  # mixes styles
        ("v2", "corrected", {}, 1),  # no adversarial training
    ],
)
def test_cores_share_a_training_where_its_recipe_can_be_shared(version, recipe, options, processes):
    settings = {"version": version, "recipe": recipe, "options": options, "cores": 2}
    settings |= {"steps": 4, "epoch": 2, "patience": 0}
    assert training_cores(settings) == processes
