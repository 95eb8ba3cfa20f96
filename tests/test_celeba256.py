"""The celeba256 domain: planned without weights, stopped without them (run: tests/robust)."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from project import ROOT, copy_project, environment

pytestmark = pytest.mark.slow

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


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    folder = copy_project(tmp_path_factory.mktemp("celeba256") / "project")
    (folder / "config/sizes.yaml").write_text(yaml.safe_dump(SIZES))
    return folder


def snakemake(folder: Path, *arguments: str, sizes: bool = True) -> tuple[int, str]:
    configs = ["config/celeba256.yaml", *(["config/sizes.yaml"] if sizes else [])]
    run = subprocess.run(
        [sys.executable, "-m", "snakemake", "--configfile", *configs, *arguments],
        cwd=folder,
        env=environment(folder),
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
    named = re.findall(r"^(?:use )?rule .*?(\w+)(?: with)?:|f\"(\w+)\{part\}\"", rules, re.M)
    assert set(gpu["set-resources"]) <= {name for pair in named for name in pair}
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
