"""The registry of judges: what rules and pages read of them, without torch."""

import importlib
import inspect
import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from ohlora_lib.configuration import validate_config
from ohlora_lib.judging.judges.registry import (
    JUDGES,
    RANKING,
    judge_names,
    judge_table,
    judge_words,
)
from ohlora_lib.methods.registry import configured_methods
from ohlora_lib.runtime.digest import import_closure
from ohlora_lib.store.results import Results
from tests.project import merged

ROOT = Path(__file__).parents[1]
REAL = {"domain": {"segmenter": {"kind": "facexformer", "batch": 8, "detector": "mtcnn"}}}
RESULTS = Results("results")


@pytest.fixture(scope="module")
def config() -> dict:
    return validate_config(yaml.safe_load((ROOT / "config.yaml").read_text()))


def test_the_segmenter_decides_which_judges_there_are(config):
    assert judge_names(config) == ["cnn", "segment"] == list(RANKING)
    assert judge_names(merged(config, REAL)) == ["cnn", "segment", "facexformer"]


def test_every_judge_gets_what_its_module_takes(config):
    config = merged(config, REAL)
    method = configured_methods(config, RESULTS)["finetune_v3"]
    for name, judge in JUDGES.items():
        load = importlib.import_module(f"ohlora_lib.judging.judges.{name}").load
        given = {**judge.inputs(config, RESULTS), **judge.options(config, method)}
        inspect.signature(load).bind(**given, device="cpu")
        assert json.loads(json.dumps(given)) == given  # plain values, which Snakemake compares
        summarise = importlib.import_module(judge.summary).judge_method
        assert "measured_path" in inspect.signature(summarise).parameters


def test_dropout_is_a_choice_of_methods_made_elsewhere(config):
    made = {"kind": "finetune", "version": "v3", "generator": "g.safetensors"}
    changes = {"references": {"mine": {**made, "as_published": {"dropout": True}}}}
    given = yaml.safe_load((ROOT / "config.yaml").read_text())
    methods = configured_methods(validate_config(merged(given, changes)), RESULTS)
    options = {name: JUDGES["cnn"].options(config, method) for name, method in methods.items()}
    assert options["reference_mine"] == {"dropout_seed": config["seed"]}
    assert options["finetune_v3"] == {}


def test_judges_that_rank_have_words_and_those_that_inform_a_table():
    assert [name for name in RANKING if judge_words(name)["as_published"]] == ["cnn"]
    for name, judge in JUDGES.items():
        assert bool(judge.standing) == judge.ranks and (judge.table is None) == judge.ranks
        if not judge.ranks:
            table = judge_table(name)
            assert set(table) == {"heading", "legend", "columns"} and table["columns"]


def test_rules_read_the_registry_without_torch_and_jobs_do_not_depend_on_it():
    code = "import sys, ohlora_lib.judging.judges.registry; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
    for module in ("measure", "protocol", *(f"judges.{name}" for name in JUDGES)):
        closure = import_closure(f"ohlora_lib.judging.{module}")
        assert "ohlora_lib.judging.judges.registry" not in closure
