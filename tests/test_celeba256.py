"""The celeba256 domain: planned without weights, stopped without them (run: tests/robust)."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from project import ROOT, copy_project, environment
from test_environments import gpu_rules, rules

pytestmark = pytest.mark.slow

CONFIGS = [f"config/{name}.yaml" for name in ("celeba256", "celeba256_handful")]


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    return copy_project(tmp_path_factory.mktemp("celeba256") / "project")


def snakemake(folder: Path, *arguments: str, configs: list[str] = CONFIGS) -> tuple[int, str]:
    run = subprocess.run(
        [sys.executable, "-m", "snakemake", "--configfile", *configs, *arguments],
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
        check=False,
    )
    return run.returncode, run.stdout + run.stderr


def overlay(folder: Path, **values) -> str:
    """Write an overlay and return its path."""
    (folder / "config/change.yaml").write_text(yaml.safe_dump(values))
    return "config/change.yaml"


def jobs(folder: Path, *arguments: str, configs: list[str]) -> dict[str, dict[str, str]]:
    """Return the jobs of a dry run by each of their outputs: rule, input, output."""
    code, text = snakemake(folder, "--dry-run", *arguments, configs=configs)
    assert code == 0, text[-4000:]
    found = {}
    for block in re.findall(r"^rule .*?(?=^\[|\Z)", text, re.M | re.S):
        entry = {"rule": re.match(r"rule (\w+)", block)[1]}
        entry |= dict(re.findall(r"^    (input|output): (.*)$", block, re.M))
        found |= dict.fromkeys(entry.get("output", "").split(", "), entry)
    return found


def test_the_profile_names_rules_and_says_what_the_default_one_says():
    default, gpu = (
        yaml.safe_load((ROOT / f"profiles/{name}/config.yaml").read_text())
        for name in ("default", "gpu")
    )
    assert set(gpu["set-resources"]) <= set(rules())
    cards = gpu_rules() - {
        "annotate_images",
        "pretrain_paired",
        "pretrain_adversarial",
    }  # embedded's
    assert cards <= set(gpu["set-resources"])
    given = {**gpu, "printshellcmds": False}
    assert {key: given[key] for key in default} == default


def test_a_dry_run_needs_neither_weights_nor_labels(project):
    code, text = snakemake(project, "--dry-run", configs=CONFIGS[:1])
    assert code == 0, text
    for rule in ("fetch_weights", "import_weights", "generate_images", "take_labels"):
        assert f"rule {rule}:" in text
    assert "rule annotate_images" not in text


def missing(text: str) -> list[str]:
    """Return the entries whose files a start says are missing, each with its remedy."""
    lines = [line for line in text.splitlines() if line.startswith("error:")]
    assert "Traceback" not in text
    for line in lines:
        assert "put it at weights/downloads/" in line
    return [re.match(r"error: weights/downloads/(\w+)/", line)[1] for line in lines]


def test_all_missing_weights_are_named_before_any_job_starts(project):
    code, text = snakemake(project, "--cores", "1", configs=CONFIGS[:1])
    assert code != 0 and missing(text) == ["facexformer", "genforce_celeba256"]
    for name in missing(text):
        assert f"`ohlora weights fetch {name}`" in text
    assert not (project / "results").exists() and not (project / "weights").exists()


def test_what_is_drawn_or_trained_as_published_starts_from_the_published_generator(project):
    change = overlay(project, populations={"original": {"as_published": True}})
    weights = "weights/genforce_celeba256"
    results = "results/celeba256"
    wanted = [f"{results}/finetune/{name}/generator.safetensors" for name in ("v1", "v1_published")]
    for configs, drawn_by in (
        (CONFIGS[:1], "generator"),
        ([CONFIGS[0], change], "generator_as_published"),
    ):
        found = jobs(project, *wanted, configs=configs)
        image = found[f"{results}/original/images/shard-00000.parquet"]
        assert image["input"] == f"{weights}/{drawn_by}.safetensors"
        corrected, published = (found[path]["input"].split(", ") for path in wanted)
        assert f"{weights}/generator.safetensors" in corrected
        assert f"{weights}/generator_as_published.safetensors" in published
        assert f"{weights}/generator.safetensors" not in published
        assert f"{weights}/discriminator.safetensors" in published


def test_published_classifiers_take_the_place_of_folds(project):
    files = [f"weights/reference_attribute_cnns/gender-{k}.safetensors" for k in range(5)]
    change = overlay(project, populations={"original": {"classifiers": {"gender": files}}})
    folder = "results/celeba256/original"
    found = jobs(project, f"{folder}/attributes.parquet", configs=[CONFIGS[0], change])
    for fold, file in enumerate(files):
        job = found[f"{folder}/classifiers/gender/fold-{fold}.safetensors"]
        assert file in job["input"].split(", ") and found[file]["rule"] == "import_weights"
        assert (
            "weights/reference"
            not in found[f"{folder}/classifiers/quality/fold-{fold}.safetensors"]["input"]
        )


REFERENCES = {
    *(f"reference_{name}" for name in ("v1", "v3", "v4", "v8", "property_cnn")),
    *(
        f"reference_{kind}_{name}"
        for kind in ("vectorfind", "vectors")
        for name in ("v6", "v7", "v8")
    ),
}


def test_all_published_models_are_planned_and_their_files_asked_for(project):
    every = overlay(project, references={name: {"enabled": True} for name in ("v6", "v8")})
    configs = [CONFIGS[0], "config/references.yaml", every]
    names = ("v1", "v3", "v4", "v8", "v6", "v7", "vectors_v8")
    found = jobs(project, "results/celeba256/leaderboard.csv", configs=configs)
    for name in names:
        assert found[f"results/celeba256/evaluation/reference_{name}/requests.parquet"]
        assert found[f"results/celeba256/evaluation/reference_{name}/facexformer/per_latent.csv"]
    code, text = snakemake(project, "--cores", "1", configs=configs)
    assert code != 0
    assert missing(text) == sorted({"facexformer", "genforce_celeba256", *REFERENCES})
    code, text = snakemake(project, "--cores", "1", configs=configs[:2])
    offered = REFERENCES - {"reference_v8", "reference_vectorfind_v6", "reference_vectors_v6"}
    assert missing(text) == sorted({"facexformer", "genforce_celeba256", *offered})
    assert not (project / "results").exists() and not (project / "weights").exists()
