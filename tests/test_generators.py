"""The seam of generators: a second family runs what the first one runs, and nobody knows it."""

import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from tiny_family import SIDE, TinyGenerator, register

from ohlora_lib.errors import InputError
from ohlora_lib.generators.registry import FAMILIES, family_modules
from ohlora_lib.generators.synthesis import Synthesizer
from ohlora_lib.methods.directions.fit import fit_directions
from ohlora_lib.methods.finetune.job import finetune
from ohlora_lib.methods.finetune.options import ALL_LABELS
from ohlora_lib.methods.finetune.versions import version_options
from ohlora_lib.methods.models import open_model, sample_latents
from ohlora_lib.methods.sampling import draw_samples
from ohlora_lib.networks.attribute_cnn import AttributeCNN
from ohlora_lib.networks.files import load_generator, save_network
from ohlora_lib.networks.property_cnn import OUTPUTS, PropertyCNN
from ohlora_lib.populations.generate import generate, regenerate
from ohlora_lib.store.checkpoints import read_checkpoint
from ohlora_lib.store.shards import read_image_shard
from ohlora_lib.store.tables import write_json, write_table

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module", autouse=True)
def family():
    with pytest.MonkeyPatch.context() as patch:
        register(patch)
        yield


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, Path]:
    """Checkpoints of a tiny generator and of what reads its pictures, and 24 of its faces."""
    folder = tmp_path_factory.mktemp("tiny")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        networks = {
            "generator": TinyGenerator(),
            "property_cnn": PropertyCNN(SIDE).eval(),
            "gender": AttributeCNN("gender", SIDE).eval(),
        }
    paths = {name: folder / f"{name}.safetensors" for name in networks}
    for name, network in networks.items():
        save_network(paths[name], network)
    paths["images"] = folder / "shard-00000.parquet"
    generate(paths["generator"], [paths["images"]], population="original", count=24, seed=1)
    draw = np.random.default_rng(0)
    scores = {f"{name}_score": draw.standard_normal(24).round(4) for name in ALL_LABELS}
    paths["scores"] = folder / "scores.csv"
    write_table(paths["scores"], pd.DataFrame({"id": np.arange(24), **scores}))
    return paths


def test_its_population_is_drawn_and_drawn_again(files):
    images = read_image_shard(files["images"]).images
    assert images.shape == (24, SIDE, SIDE, 3)
    again = regenerate(files["generator"], files["images"], [3])
    assert np.abs(again[0].astype(int) - images[3]).max() <= 1


def test_truncation_to_nothing_draws_the_mean(files):
    generator = load_generator(files["generator"])
    with torch.no_grad():
        generator.w_avg.fill_(0.5)
    z = np.random.default_rng(1).standard_normal((3, generator.z_dim))
    synthesizer = Synthesizer(generator)
    drawn = synthesizer.from_z(z, trunc_psi=0.0, trunc_layers=generator.num_layers)
    assert np.array_equal(drawn[0], drawn[1]) and np.array_equal(drawn[0], drawn[2])
    mean = synthesizer.from_w(np.full((1, generator.w_dim), 0.5, np.float32))
    assert np.array_equal(drawn[0], mean[0])


def test_a_fine_tune_of_it_ends_as_a_model_that_draws(files, tmp_path):
    changes = {"steps": 2, "epoch": 1, "batch": 4}
    finetune(
        tmp_path / "v2",
        tmp_path / "state",
        images=[files["images"]],
        scores=files["scores"],
        generator=files["generator"],
        property_cnn=files["property_cnn"],
        name="v2",
        recipe="v2 corrected",
        options=version_options("v2", "corrected", changes),
        seed=1,
    )
    path = tmp_path / "v2/generator.safetensors"
    assert read_checkpoint(path).kind == "tiny_generator"
    model = open_model(path)
    latents = sample_latents(2, model.latent_dim, seed=1)
    requested = np.float32([[1, 0, 0], [0, 1, 0]])
    assert model.draw(latents, requested).shape == (2, SIDE, SIDE, 3)


def test_directions_in_it_end_as_models_that_draw(files, tmp_path):
    readers = (files["property_cnn"], [files["gender"]])
    draw_samples(files["generator"], *readers, tmp_path / "samples.parquet", 120, seed=1)
    units = {name: {"mean": 0.0, "std": 1.0, "count": 9} for name in OUTPUTS}
    write_json(tmp_path / "statistics.json", units)
    start, options = None, {}
    for way in ("linear", "control"):
        path = tmp_path / f"{way}.safetensors"
        fit_directions(
            way,
            samples=tmp_path / "samples.parquet",
            generator=files["generator"],
            property_cnn=files["property_cnn"],
            classifiers=[files["gender"]],
            statistics=tmp_path / "statistics.json",
            path=path,
            metrics_path=tmp_path / "metrics.json",
            state=tmp_path / "state",
            seed=1,
            start=start,
            options=options,
        )
        model = open_model(path, files["generator"], files["property_cnn"])
        drawn = model.draw(sample_latents(2, model.latent_dim, 1), np.zeros((2, 3), np.float32))
        assert drawn.shape == (2, SIDE, SIDE, 3)
        start, options = path, {"steps": 2, "batch": 4, "width": 8}


def test_what_is_no_generator_is_refused(files):
    with pytest.raises(InputError, match="a property_cnn network where a generator is needed"):
        load_generator(files["property_cnn"])


def test_families_name_modules_that_are_there():
    for name in FAMILIES.keys() - {"tiny"}:
        for module in family_modules(name):
            assert (ROOT / module.replace(".", "/")).with_suffix(".py").is_file()


def test_nobody_outside_the_generators_names_a_family():
    """But for what trains the drawn domain's StyleGAN, and the layouts of published weights."""
    found = subprocess.run(
        ["grep", "-rlE", "--exclude-dir=__pycache__", "StyleGAN(Generator|Discriminator)|stylegan1",
         "ohlora_lib", "rules"],
        cwd=ROOT, capture_output=True, text=True,
    ).stdout.split()  # fmt: skip
    rooms = ("ohlora_lib/generators/", "ohlora_lib/pretraining/")
    known = ("ohlora_lib/weights/layouts.py", "ohlora_lib/configuration/domain.py")  # the default
    assert [name for name in found if not name.startswith(rooms) and name not in known] == []
