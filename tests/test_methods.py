"""What methods declare: what each starts from, needs, makes, costs and shows; without Snakemake."""

# ruff: noqa: E501 (one mistake per line)

import importlib
import json
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ohlora_lib.configuration import validate_config
from ohlora_lib.methods.base import Method
from ohlora_lib.methods.directions.method import OPTIONS, WAYS, fitted
from ohlora_lib.methods.finetune.objectives import OBJECTIVES
from ohlora_lib.methods.registry import (
    FAMILIES,
    configured_methods,
    method_names,
    method_problems,
)
from ohlora_lib.methods.sampled import sampled_generators
from ohlora_lib.runtime.digest import import_closure, script_closure
from ohlora_lib.store.layout import CHUNK
from ohlora_lib.store.results import FILES, Results
from tests.project import merged

ROOT = Path(__file__).parents[1]
METHODS = ROOT / "ohlora_lib/methods"
RESULTS = Results("results")
LIBRARY = "ohlora_lib.methods"


@cache
def read(*names: str) -> dict:
    return merged(*(yaml.safe_load((ROOT / name).read_text()) for name in names))


def config_of(*names: str, **changes) -> dict:
    """Return configuration files with changes, filled with defaults; the last wins."""
    return validate_config(merged(read("config.yaml", *names), changes), root=ROOT)


def methods_of(*names: str, **changes) -> dict[str, Method]:
    return configured_methods(config_of(*names, **changes), RESULTS)


@pytest.fixture(scope="module")
def default() -> dict[str, Method]:
    return methods_of()


@pytest.fixture(scope="module")
def everything() -> dict[str, Method]:
    """All methods, the published models among them."""
    changes = {"references": {name: {"enabled": True} for name in ("v6", "v8")}}
    return methods_of("config/celeba256.yaml", "config/references.yaml", **changes)


# ---- families


def test_every_folder_with_methods_is_a_family_and_has_all_that_the_registry_asks():
    assert sorted(FAMILIES) == sorted(path.parent.name for path in METHODS.glob("*/method.py"))
    for family in FAMILIES:
        module = importlib.import_module(f"{LIBRARY}.{family}.method")
        assert callable(module.configured) and callable(module.problems)


def test_methods_are_listed_family_by_family_under_names_of_their_own(everything):
    families = [method.family for method in everything.values()]
    assert families == sorted(families, key=FAMILIES.index) and set(families) == set(FAMILIES)
    assert all(key == f"{each.family}_{each.name}" for key, each in everything.items())


def test_the_registry_loads_neither_torch_nor_other_heavy_packages():
    code = (
        "import sys, ohlora_lib.methods.registry as registry\n"
        "for family in registry.FAMILIES: registry._module(family)\n"
        "sys.exit(bool({'torch', 'sklearn', 'scipy', 'pandas'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_every_declaration_is_plain_and_every_path_lies_in_the_run(everything):
    for key, method in everything.items():
        entry = method.leaderboard_entry()
        assert json.loads(json.dumps(entry)) == entry, key
        assert "model" in method.model and method.recipe
        assert method.population in method.config["populations"]
        made = [*method.latents.values(), *method.benchmarks, *method.figures.values()]
        made += [method.model["model"], *method.shown, *entry["earlier"]]
        assert all(path.startswith("results/") and "{" not in path for path in made), key
        assert all(0 < share <= 1 for share in method.benchmarks.values()), key


# ---- what fits and what draws


def fits(method: Method) -> list[tuple[str, list[str]]]:
    """Return the scripts that make a method's model, with the modules that these load by name."""
    if method.family == "finetune":
        return [("finetune", [f"{LIBRARY}.finetune.{method.options.objective}"])]
    if method.family == "vectorfind":
        return [("draw_samples", []), ("find_vectors", [])]
    if method.family == "directions":
        return [("draw_samples", []), ("fit_directions", method.modules)]
    return [("adopt_generator", []), ("adopt_vectors", []), ("encode_faces", [])]


def test_editing_what_draws_never_trains_again(everything):
    for key, method in everything.items():
        assert callable(importlib.import_module(method.drawn_by).open_model)
        for script, modules in fits(method):
            closure = script_closure(ROOT / f"workflow_scripts/{script}.py", modules)
            assert method.drawn_by not in closure, f"{key}: {script} depends on what draws"


def test_no_job_depends_on_what_rules_read():
    for script in (ROOT / "workflow_scripts").glob("*.py"):
        light = [name for name in script_closure(script) if name.endswith(".method")]
        assert not light, f"{script.name} depends on {light}"


def test_every_way_is_a_file_that_others_do_not_depend_on():
    modules = {path.stem for path in (METHODS / "directions/ways").glob("[!_]*.py")}
    assert modules == set(WAYS)
    for way, start in WAYS.items():
        assert start is None or start in WAYS
        module = importlib.import_module(f"{LIBRARY}.directions.ways.{way}")
        assert module.ROUNDS >= 0 and module.RESCALED in (True, False) and callable(module.fit)
        closure = script_closure(
            ROOT / "workflow_scripts/fit_directions.py", [f"{LIBRARY}.directions.ways.{way}"]
        )
        own = {name.rsplit(".", 1)[1] for name in closure if ".ways." in name}
        assert own == {way}


def test_every_objective_is_a_file_that_others_do_not_depend_on():
    for name, entry in OBJECTIVES.items():
        module = importlib.import_module(f"{LIBRARY}.finetune.{name}")
        for method in ("learn", "write"):
            assert callable(getattr(module.OBJECTIVE, method))
        assert all(FILES[each].startswith(FILES["finetune"]) for each in entry.outputs)
        closure = script_closure(ROOT / "workflow_scripts/finetune.py", [module.__name__])
        others = {f"{LIBRARY}.finetune.{other}" for other in OBJECTIVES if other != name}
        assert not others & set(closure)


def test_directions_and_searches_know_nothing_of_each_other():
    for here, there in (("directions", "vectorfind"), ("vectorfind", "directions")):
        for module in ("method", "model"):
            closure = import_closure(f"{LIBRARY}.{here}.{module}")
            assert not [name for name in closure if f".{there}." in name]


# ---- fine-tunes


def test_a_fine_tune_goes_on_with_its_parents_networks(default):
    v1, v3, v4, v8 = (default[f"finetune_{name}"] for name in ("v1", "v3", "v4", "v8"))
    domain = v1.config["domain"]
    assert v1.parent is None and v1.generator == domain["generator"]
    assert v1.discriminator == domain["discriminator"]
    for each in (v4, v8):
        assert each.parent == "v1"
        for name in ("generator", "discriminator"):
            assert getattr(each, name) == f"results/finetune/v1/{name}.safetensors"
    assert v3.parent == "v1" and v3.discriminator == []  # an encoder takes its place
    crops = default["finetune_v5_1"]
    assert crops.options.discriminator == "crops" and crops.discriminator == []


def test_a_published_recipe_goes_on_with_published_ones(default):
    published = default["finetune_v4_published"]
    assert published.repeats_published and published.parent == "v1_published"
    assert published.generator.startswith("results/finetune/v1_published/")
    assert published.gpus == published.settings["gpus"] == 1 and published.facts["patience"] == 0
    assert published.recipe == "published" and published.published_as == "finetune_v4"
    assert default["finetune_v4"].recipe == "corrected"
    names = method_names(default["finetune_v4"].config)
    assert names == [name for name, each in default.items() if not each.repeats_published]


def test_scores_and_images_are_those_of_the_population(default):
    v8 = default["finetune_v8"]
    assert v8.population == "v1" and len(v8.images) == v8.config["shards"]
    assert all(path.startswith("results/v1/images/") for path in v8.images)
    files = {
        "v1": "results/original/all_scores_v1.csv",
        "v2": "results/original/all_scores_v2.csv",
        "cnn": "results/property_cnn/all_scores_v2_cnn.csv",
    }
    found = [each for each in default.values() if each.family == "finetune"]
    for method in found:
        if method.population == "original":
            assert method.scores == files[method.options.scores], method.key
    assert {method.options.scores for method in found} == set(files)


def test_only_an_encoder_leaves_latents_of_faces(default):
    found = {name for name, each in default.items() if each.latents}
    assert found == {"finetune_v3", "finetune_v3_published"}
    assert default["finetune_v3"].latents == {"posterior": "results/finetune/v3/posterior.parquet"}
    assert "note" in default["finetune_v3"].facts and "note" not in default["finetune_v1"].facts


def test_the_concept_is_judged_before_and_after(default):
    narrowing = [each.name for each in default.values() if getattr(each, "narrows", False)]
    assert narrowing == ["v8", "v8_published"]
    v8 = default["finetune_v8"]
    assert v8.shown == ["results/report/concept_v8.png"] and default["finetune_v4"].shown == []
    assert v8.concept["before"] == v8.generator
    assert v8.concept["after"] == "results/finetune/v8/generator.safetensors"
    attributes = v8.config["populations"]["v1"]["attributes"]
    assert set(v8.concept) == {"before", "after", "annotator", *attributes}
    for name in attributes:
        assert len(v8.concept[name]) == v8.config["attributes"][name]["folds"]


def test_a_batch_is_shared_only_where_that_learns_the_same():
    changes = {"finetune": {name: {"cores": 2} for name in ("v1", "v3")}}
    methods = methods_of(**changes)
    assert methods["finetune_v1"].cores == methods["finetune_v1"].threads == 2
    assert methods["finetune_v3"].cores == methods["finetune_v3"].threads == 1


# ---- sampled generators, searches and directions


def test_a_search_moves_in_the_generator_that_it_names(default):
    plain = default["vectorfind_v8"]
    assert plain.model["generator"] == "results/finetune/v8/generator.safetensors"
    assert plain.population == "v1"
    random = default["vectorfind_v7"]  # its label means nothing
    assert random.model["generator"] == "results/samples/v1_random.safetensors"
    assert random.source.table == "results/samples/v1_random.parquet"
    assert random.model["property_cnn"] == "results/property_cnn/property_cnn.safetensors"
    assert plain.model["property_cnn"] == "results/hairstyle_cnn/merged.safetensors"
    assert default["directions_linear"].model["generator"] == plain.model["generator"]
    for method in (plain, random):
        assert len(method.shown) == 2 and all(method.name in path for path in method.shown)


def test_a_changed_search_is_called_so():
    changes = {"vectorfind": {"v7": {"groups": []}, "v8": {"share": 0.1}}}
    found = {name: each.recipe for name, each in methods_of(**changes).items()}
    assert found["vectorfind_v7"] == found["vectorfind_v8"] == "changed"
    assert found["vectorfind_v6"] == "published" and found["directions_linear"] == "ours"


@settings(max_examples=30, deadline=None)
@given(
    samples=st.lists(st.integers(300, 4000), min_size=3, max_size=3),
    fits=st.integers(300, 4000),
    jobs=st.integers(1, 6),
)
def test_a_generator_is_sampled_once_and_each_search_pays_its_share(samples, fits, jobs):
    config = config_of(
        vectorfind={f"v{i}": {"samples": count} for i, count in enumerate(samples, start=6)},
        directions={"samples": fits},
        scatter={"sample": jobs},
    )
    sources = sampled_generators(config, RESULTS)
    assert {name: each.samples for name, each in sources.items()} == {
        "v1_random": max(samples[:2]),
        "v8": max(samples[2], fits),
    }
    for each in sources.values():
        assert 1 <= len(each.parts) == len(each.part_tables) == len(set(each.part_tables)) <= jobs
        assert len(each.parts) <= -(-each.samples // CHUNK)  # none of them empty
        assert each.part_tables == [each.table] or jobs > 1
    for method in configured_methods(config, RESULTS).values():
        if method.family in ("vectorfind", "directions"):
            shares = {path: share for path, share in method.benchmarks.items() if "/draw_" in path}
            assert len(shares) == len(method.source.parts)
            assert set(shares.values()) == {method.settings["samples"] / method.source.samples}


def test_a_way_costs_what_it_begins_with_too(default):
    fits = {
        name: [path for path in default[f"directions_{name}"].benchmarks if "/fit_" in path]
        for name in WAYS
    }
    path = "results/benchmarks/fit_directions/{}.tsv".format
    assert fits["linear"] == [path("linear")]
    assert fits["trained"] == [path("trained"), path("masked"), path("linear")]
    assert fits["closed_loop"] == [path("closed_loop"), path("linear")]
    trained = default["directions_trained"]
    assert trained.trainings == ["directions/trained", "directions/masked", "directions/linear"]
    assert trained.start == "results/directions/masked/directions.safetensors"
    assert default["directions_linear"].start == []


def test_a_way_knows_its_own_options_alone():
    config = config_of(directions={"training": {"steps": 7}, "control": {"steps": 8}})
    ways = fitted(config, RESULTS)
    steps = {name: way.options.get("steps") for name, way in ways.items()}
    assert steps == {**dict.fromkeys(WAYS), "trained": 7, "control": 8}
    assert set(OPTIONS) <= set(WAYS) and set(OPTIONS.values()) <= set(config["directions"])


def test_ways_that_others_begin_with_are_fitted_but_not_judged():
    config = config_of(directions={"ways": ["trained"]}, selection={"method": None})
    judged = [name for name in method_names(config) if name.startswith("directions_")]
    assert judged == ["directions_trained"] and list(fitted(config, RESULTS)) == list(WAYS)
    off = config_of(directions={"enabled": False}, selection={"method": None})
    assert fitted(off, RESULTS) == {} and not [n for n in method_names(off) if "directions" in n]


def test_all_ways_share_one_table_of_saturation(default):
    shown = [default[f"directions_{way}"].shown for way in WAYS]
    assert shown == [["results/directions/saturation.csv"]] * len(WAYS)


# ---- references


def test_a_reference_is_what_its_kind_says(everything):
    tuned, found = everything["reference_v4"], everything["reference_v7"]
    assert tuned.model == {"model": "results/references/v4/generator.safetensors"}
    assert tuned.drawn_by == everything["finetune_v4"].drawn_by
    assert tuned.adoption["style_mixing"] == 0 and "unit_steps" not in tuned.adoption
    assert found.model == {
        "model": "results/references/v7/vectors.safetensors",
        "generator": found.settings["generator"],
        "property_cnn": found.settings["property_cnn"],
    }
    assert found.drawn_by == everything["vectorfind_v7"].drawn_by
    assert found.adoption["unit_steps"] is False and found.published_as == "vectorfind_v7"
    own = everything["reference_vectors_v8"].model["property_cnn"]
    assert own == "results/hairstyle_cnn/merged.safetensors"
    for each in (tuned, found):  # somebody else paid for them
        assert each.benchmarks == {} and each.trainings == [] and each.figures == {}


def test_defects_that_a_reference_repeats_are_its_recipe():
    entry = {"kind": "finetune", "version": "v3", "generator": "g", "encoder": "e"}
    switched = {**entry, "as_published": {"dropout": True, "style_mixing": 0.9}}
    methods = methods_of(references={"plain": entry, "switched": switched})
    plain, repeated = methods["reference_plain"], methods["reference_switched"]
    assert (plain.recipe, repeated.recipe) == ("reference", "reference, as published")
    assert plain.dropout_seed is None and repeated.dropout_seed == repeated.config["seed"]
    assert repeated.adoption["style_mixing"] == 0.9
    assert plain.latents == {"posterior": "results/references/plain/posterior.parquet"}


# ---- mistakes


@pytest.mark.parametrize(
    ("changes", "place", "text"),
    [
        ({"finetune": {"v1": {"options": {"lrr": 1}}}}, ("finetune", "v1", "options", "lrr"), "lrr"),
        ({"finetune": {"v3": {"gpus": 2}}}, ("finetune", "v3", "gpus"), "only adversarial fine-tunes"),
        ({"selection": {"method": "directions_best"}}, ("selection", "method"), "no method is called"),
        ({"references": {"x": {"kind": "vectorfind", "version": "v7", "generator": "g"}}}, ("references", "x"), "references.x.vectors is missing"),
        ({"references": {"x": {"kind": "vectorfind", "version": "v8", "generator": "g", "vectors": "v"}}, "hairstyle_cnn": {"population": None}}, ("references", "x"), "the eighth score"),
    ],
)  # fmt: skip
def test_mistakes_are_named_by_the_family_that_knows_them(changes, place, text):
    (found, sentence) = next(iter(method_problems(config_of(**changes))))
    assert found == place and text in sentence
