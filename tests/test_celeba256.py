"""The celeba256 domain: planned without weights, stopped without them, run with random ones."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import full_size
import pytest
import yaml

from ohlora_lib.networks import NETWORKS
from ohlora_lib.store.checkpoints import read_checkpoint
from ohlora_lib.store.shards import iter_images
from ohlora_lib.store.tables import read_table

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
PARTS = ("config", "envs", "ohlora_lib", "profiles", "resources", "rules", "workflow_scripts")
RESULTS = "results/celeba256"
ATTRIBUTES = ("gender", "quality", "age", "glass")
LABELLED = {"original": 16, "v1": 12}
TRAINING = {"folds": 2, "max_loss": 100, "patience": 1, "max_epochs": 1}
OFF = {"enabled": False}
SIZES = {  # every stage on a handful of images; two methods, as judging takes hundreds
    "shards": 2,
    "populations": {
        "original": {
            "images": 20,
            "labels": {"count": LABELLED["original"]},
            "filter": {"gender": {"min": 0}, "quality": {"min": 0}},
        },
        "v1": {
            "images": 16,
            "labels": {"count": LABELLED["v1"]},
            "training": {"gender": {"max_epochs": 1}, "quality": {"max_epochs": 1}},
            "filter": {
                "gender": {"min": 0},
                "quality": {"min": 0},
                "age": {"max": 1},
                "glass": {"max": 1},
            },
            "exclude_labelled": False,
        },
    },
    "attributes": dict.fromkeys(ATTRIBUTES, TRAINING),
    "property_cnn": {"epochs": 1},
    "hairstyle_cnn": {"epochs": 1},
    "finetune": {
        **dict.fromkeys(("v2", "v3", "v4", "v5_1", "v5_2", "v5_3", "v8"), OFF),
        "v1": {"steps": 1, "epoch": 1, "options": {"batch": 2}},
    },
    "vectorfind": dict.fromkeys(("v6", "v7", "v8"), OFF),
    "directions": {
        "finetune": "v1",
        "samples": 300,
        "ways": ["linear"],
        "saturation": {"sizes": [200], "latents": 1},
    },
    "selection": {"method": "directions_linear"},
    "judging": {
        "latents": 1,
        "joint_latents": 1,
        "random_images": 4,
        "bootstrap": 10,
        "tsne_points": 8,
    },
    "inference": {"batch": 4},
}
if "facexformer" not in NETWORKS:  # any segmenter will do for the rest of the way
    SIZES["domain"] = {
        "segmenter": {"kind": "parser", "weights": "resources/embedded/parser.safetensors"}
    }


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("celeba256") / "project"
    folder.mkdir()
    for name in PARTS:
        ignored = shutil.ignore_patterns("__pycache__", ".*")
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    for name in ("Snakefile", "config.yaml"):
        shutil.copy2(ROOT / name, folder / name)
    (folder / "config/sizes.yaml").write_text(yaml.safe_dump(SIZES))
    return folder


def snakemake(folder: Path, *arguments: str, sizes: bool = True) -> tuple[int, str]:
    configs = ["config/celeba256.yaml", *(["config/sizes.yaml"] if sizes else [])]
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    run = subprocess.run(
        [sys.executable, "-m", "snakemake", "--configfile", *configs, *arguments],
        cwd=folder,
        env=environment | {"COLUMNS": "1000"},
        capture_output=True,
        text=True,
        check=False,
    )
    return run.returncode, run.stdout + run.stderr


def test_the_profile_names_rules_and_says_what_the_default_one_says():
    default, gpu = (
        yaml.safe_load((ROOT / f"profiles/{name}/config.yaml").read_text())
        for name in ("default", "gpu")
    )
    rules = "".join(path.read_text() for path in (ROOT / "rules").glob("*.smk"))
    assert set(gpu["set-resources"]) <= set(
        re.findall(r"^(?:use )?rule .*?(\w+)(?: with)?:", rules, re.M)
    )
    given = {**gpu, "printshellcmds": False}
    assert {key: given[key] for key in default} == default


def test_a_dry_run_needs_neither_weights_nor_labels(project):
    code, text = snakemake(project, "--dry-run", sizes=False)
    assert code == 0, text
    for rule in ("fetch_weights", "import_weights", "generate_images", "take_labels"):
        assert f"rule {rule}:" in text
    assert "rule annotate_images" not in text


def test_all_missing_weights_are_named_before_any_job_starts(project):
    code, text = snakemake(project, "--cores", "1", sizes=False)
    assert code != 0
    errors = [line for line in text.splitlines() if line.startswith("error:")]
    assert len(errors) == 2
    for line, name in zip(errors, ("facexformer", "genforce_celeba256"), strict=True):
        assert line.startswith(f"error: weights/downloads/{name}/")
        assert f"`ohlora weights fetch {name}`" in line and "put it at weights/downloads" in line
    assert "Traceback" not in text
    assert not (project / "results").exists() and not (project / "weights").exists()


def test_random_weights_of_the_real_shapes_run_the_whole_way(project):
    downloads = project / "weights/downloads"
    for name, file, write in (
        ("genforce_celeba256", "celeba_partial-256x256.pth", full_size.write_genforce),
        ("facexformer", "model.pt", full_size.write_facexformer),
    ):
        if name in (*NETWORKS, "genforce_celeba256"):
            (downloads / name).mkdir(parents=True)
            write(downloads / name / file)

    # as far as a person is needed: images are there, and a sentence says how to label them
    code, text = snakemake(project, "--cores", "1", f"{RESULTS}/original/labels.parquet")
    assert code != 0
    assert "error: labels/original.csv does not exist; make it with `ohlora label " in text
    shards = sorted((project / RESULTS / "original/images").glob("*.parquet"))
    images = [image for rows in iter_images(shards) for image in rows.images]
    assert len(images) == 20 and images[0].shape == (256, 256, 3)
    assert 20 < images[0].std() < 120 and (images[0] != images[1]).mean() > 0.5
    generator = read_checkpoint(project / "weights/genforce_celeba256/generator.safetensors")
    assert generator.provenance["key"] == "generator_smooth"

    (project / "labels").mkdir()
    for name, count in LABELLED.items():
        lines = [f"{i},{i % 2},{i // 2 % 2},{i // 3 % 2},{(i + 1) // 2 % 2}" for i in range(count)]
        content = "\n".join([f"id,{','.join(ATTRIBUTES)}", *lines])
        (project / f"labels/{name}.csv").write_text(content)
    code, text = snakemake(project, "--cores", "1")
    assert code == 0, text[-6000:]
    table = read_table(project / RESULTS / "leaderboard.csv")
    assert {"finetune_v1", "directions_linear"} <= set(table["method"])
    assert (project / RESULTS / "identities/directions_linear/identities.html").is_file()

    # downloads that are here are never a job's output
    code, text = snakemake(project, "--dry-run")
    assert code == 0 and "Nothing to be done" in text, text[-3000:]
    shutil.rmtree(downloads)
    code, text = snakemake(project, "--dry-run")
    assert code == 0 and "Nothing to be done" in text, text[-3000:]
