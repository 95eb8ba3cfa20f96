"""The map of a run's files, and what the data half depends on, as pure functions."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from project import ROOT, merged

from ohlora_lib.configuration import validate_config
from ohlora_lib.methods.registry import configured_methods
from ohlora_lib.populations import recipes
from ohlora_lib.reporting.targets import run_targets
from ohlora_lib.store.layout import shard_name
from ohlora_lib.store.results import FILES, WILDCARD, Results, run_folder

DEFAULT = yaml.safe_load((ROOT / "config.yaml").read_text())
RESULTS = Results("results")


def config(**overlay) -> dict:
    return validate_config(merged(DEFAULT, overlay))


def test_a_path_keeps_the_wildcards_that_are_not_given():
    assert RESULTS("labels") == "results/{population}/labels.parquet"
    assert RESULTS("labels", population="v1") == "results/v1/labels.parquet"
    assert RESULTS("fold_metrics", population="v1", fold=3).endswith("{attribute}/fold-3.json")
    assert RESULTS.path("record") == Path("results/run.json")
    assert Results("")("record") == "run.json"


@given(st.sampled_from(sorted(FILES)), st.text("abc", min_size=1))
def test_given_wildcards_are_gone_from_the_path(name, value):
    wildcards = WILDCARD.findall(FILES[name])
    assert "{" not in RESULTS(name, **dict.fromkeys(wildcards, value))


def test_no_two_files_have_one_path():
    assert len(set(FILES.values())) == len(FILES)


def test_unknown_names_and_wildcards_are_refused():
    with pytest.raises(KeyError, match="lables.*labels"):
        RESULTS("lables")
    with pytest.raises(KeyError, match="labels has no wildcard attribute"):
        RESULTS("labels", attribute="age")


def test_shards_are_named_as_the_writers_name_them():
    found = RESULTS.shards("v1", "image_shard", 3)
    assert found == [f"results/v1/images/{shard_name(index)}" for index in range(3)]


def test_a_named_experiment_has_a_folder_of_its_own():
    assert run_folder("results", None) == "results"
    assert run_folder("results", "longer") == "results/longer"


# ---- what the data half depends on


def test_a_population_is_drawn_by_its_own_generator_a_fine_tune_or_the_domains():
    own = {"populations": {"original": {"generator": "mine.safetensors"}}}
    assert recipes.generator(config(**own), RESULTS, "original") == "mine.safetensors"
    assert recipes.generator(config(), RESULTS, "v1") == RESULTS("generator", version="v1")
    domain = config()["domain"]
    assert recipes.generator(config(), RESULTS, "original") == domain["generator"]


def test_labels_come_from_a_table_that_is_there_else_from_the_annotator(tmp_path):
    answers = {"annotator": "results/original/annotator.parquet"}
    assert recipes.label_source(config(), RESULTS, "original") == answers
    table = tmp_path / "labels.csv"
    table.write_text("id,gender,quality\n")
    mine = {"populations": {"original": {"labels": {"csv": str(table)}}}}
    assert recipes.label_source(config(**mine), RESULTS, "original") == {"csv": str(table)}
    assert recipes.label_command(config(**mine), "original", "results", []) is None
    by_hand = config(**mine)
    by_hand["populations"]["original"]["labels"]["csv"] = str(tmp_path / "missing.csv")
    assert list(recipes.label_source(by_hand, RESULTS, "original")) == ["images"]
    command = recipes.label_command(by_hand, "original", "results/x", ["config/mine.yaml"])
    assert command == (
        "ohlora label --population original --attributes gender quality "
        "--configfile config/mine.yaml --results results/x"
    )


def test_an_attribute_is_trained_as_the_population_says():
    overlay = {"populations": {"original": {"training": {"gender": {"cut": 0.3, "start": "v1"}}}}}
    changed = config(**overlay)
    found = recipes.classifier_options(changed, "original", "gender")
    assert found == {**changed["attributes"]["gender"], "cut": 0.3}
    start = recipes.classifier_start(changed, RESULTS, "original", "gender", 2)
    assert start == {"start": "results/v1/classifiers/gender/fold-0.safetensors"}
    assert recipes.classifier_start(config(), RESULTS, "original", "gender", 2) == {}


def test_the_scores_of_networks_are_in_one_unit():
    assert recipes.learnt_scores(config(), RESULTS, "original") == RESULTS("property_cnn_scores")
    assert recipes.learnt_scores(config(), RESULTS, "v1") == "results/v1/all_scores_cnn.csv"
    assert recipes.score_statistics(config(), RESULTS) == "results/original/all_scores_v2.json"


# ---- what a run makes


def targets(**overlay) -> list[str]:
    chosen = config(**overlay)
    return run_targets(chosen, RESULTS, configured_methods(chosen, RESULTS))


def test_a_run_makes_scores_leaderboard_and_model_once_each():
    found = targets()
    assert len(found) == len(set(found))
    for name in ("leaderboard.csv", "model/README.md", "report/concept_v8.png", "run.json"):
        assert f"results/{name}" in found
    assert not [path for path in found if "{" in path]


def test_a_run_without_methods_ends_with_its_populations():
    off = {"finetune": {name: {"enabled": False} for name in DEFAULT["finetune"]}}
    off |= {"vectorfind": {name: {"enabled": False} for name in DEFAULT["vectorfind"]}}
    off |= {"directions": {"enabled": False}, "selection": {"method": None}}
    off["populations"] = {"v1": {"enabled": False}}
    found = targets(**off)
    assert "results/original/all_scores_v2.csv" in found
    assert not [path for path in found if "leaderboard" in path or "/v1/" in path]


def test_what_rules_import_loads_no_torch():
    modules = (
        "ohlora_lib.configuration",
        "ohlora_lib.judging.judges.registry",
        "ohlora_lib.methods.registry",
        *(f"ohlora_lib.methods.{family}.method" for family in ("finetune", "vectorfind")),
        *(f"ohlora_lib.methods.{family}.method" for family in ("directions", "reference")),
        "ohlora_lib.networks.segmenters",
        "ohlora_lib.pretraining.pools",
        "ohlora_lib.reporting.targets",
        "ohlora_lib.weights.registry",
    )
    code = (
        f"import importlib, sys\nfor name in {modules!r}: importlib.import_module(name)\n"
        "sys.exit('torch' in sys.modules or 'pandas' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
