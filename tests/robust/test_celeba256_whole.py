"""The celeba256 domain on random weights of the real shapes, the whole way (over half an hour)."""

import shutil

import full_size
from test_celeba256 import ATTRIBUTES, LABELLED, project, snakemake

from ohlora_lib.store.checkpoints import read_checkpoint
from ohlora_lib.store.shards import iter_images
from ohlora_lib.store.tables import read_table

__all__ = ["project"]  # a fixture
RESULTS = "results/celeba256"


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
