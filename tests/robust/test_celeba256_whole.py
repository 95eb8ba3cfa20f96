"""The celeba256 domain on random weights of the real shapes, the whole way (over an hour)."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import full_size
import yaml
from project import environment
from test_celeba256 import CONFIGS, overlay, project, snakemake

from ohlora_lib.store.checkpoints import read_checkpoint
from ohlora_lib.store.shards import iter_images
from ohlora_lib.store.tables import read_table

__all__ = ["project"]  # a fixture
RESULTS = "results/celeba256_handful"
ATTRIBUTES = ("gender", "quality", "age", "glass")
FINETUNES = ("v2", "v3", "v4", "v5_1", "v5_2", "v5_3", "v8")
VECTORFINDS = ("v6", "v7", "v8")


def ohlora(folder: Path, command: str) -> str:
    """Run a command that the workflow printed, in the project."""
    name, *options = shlex.split(command)
    assert name == "ohlora"
    run = subprocess.run(
        [sys.executable, "-c", "from ohlora_lib.cli import main; main()", *options],
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_random_weights_of_the_real_shapes_run_the_whole_way(project):  # noqa: F811
    downloads = project / "weights/downloads"
    for name, file, write in (
        ("genforce_celeba256", "celeba_partial-256x256.pth", full_size.write_genforce),
        ("facexformer", "model.pt", full_size.write_facexformer),
    ):
        (downloads / name).mkdir(parents=True)
        write(downloads / name / file)

    # as far as a person is needed: images are there, and a sentence says how to label them
    code, text = snakemake(project, "--cores", "1", f"{RESULTS}/original/labels.parquet")
    assert code != 0
    shards = sorted((project / RESULTS / "original/images").glob("*.parquet"))
    images = [image for rows in iter_images(shards) for image in rows.images]
    assert len(images) == 20 and images[0].shape == (256, 256, 3)
    assert 20 < images[0].std() < 120 and (images[0] != images[1]).mean() > 0.5
    generator = read_checkpoint(project / "weights/genforce_celeba256/generator.safetensors")
    assert generator.provenance["key"] == "generator_smooth"

    handful = yaml.safe_load((project / CONFIGS[1]).read_text())["populations"]
    labelled = {name: handful[name]["labels"] for name in ("original", "v1")}
    asked = re.search(
        rf"error: {labelled['original']['csv']} does not exist; make it with `(.*)`,", text
    )
    # what is printed finds this run's images and labels
    assert "original: 0 of 16 images done" in ohlora(project, f"{asked[1]} --status")

    for labels in labelled.values():
        lines = [
            f"{i},{i % 2},{i // 2 % 2},{i // 3 % 2},{(i + 1) // 2 % 2}"
            for i in range(labels["count"])
        ]
        content = "\n".join([f"id,{','.join(ATTRIBUTES)}", *lines])
        path = project / labels["csv"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    code, text = snakemake(project, "--cores", "1")
    assert code == 0, text[-6000:]
    table = read_table(project / RESULTS / "leaderboard.csv")
    assert {"finetune_v1", "directions_linear"} <= set(table["method"])
    assert "judge <i>facexformer</i>" in (project / RESULTS / "leaderboard.html").read_text()
    assert (project / RESULTS / "identities/directions_linear/identities.html").is_file()

    # downloads that are here are never a job's output
    code, text = snakemake(project, "--dry-run")
    assert code == 0 and "Nothing to be done" in text, text[-3000:]
    shutil.rmtree(downloads)
    code, text = snakemake(project, "--dry-run")
    assert code == 0 and "Nothing to be done" in text, text[-3000:]

    # every other method: one step at this size, and not judged
    on = {"enabled": True}
    every = overlay(
        project,
        finetune=dict.fromkeys(FINETUNES, on),
        vectorfind=dict.fromkeys(VECTORFINDS, on),
    )
    wanted = [f"{RESULTS}/finetune/{name}/generator.safetensors" for name in FINETUNES]
    wanted += [f"{RESULTS}/vectorfind/{name}/vectors.safetensors" for name in VECTORFINDS]
    code, text = snakemake(project, "--cores", "1", *wanted, configs=[*CONFIGS, every])
    assert code == 0, text[-6000:]
    for name in FINETUNES:
        found = read_checkpoint(project / RESULTS / f"finetune/{name}/generator.safetensors")
        assert found.config["resolution"] == 256
