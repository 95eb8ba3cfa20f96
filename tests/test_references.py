"""Published models: adopted, drawn and judged as published, and rows of the leaderboard."""

# ruff: noqa: E501 (one mistake per line)

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from test_configuration import complaint
from test_reporting_control import summary
from test_workflow import copy_project, merged, said, snakemake

from ohlora_lib.errors import InputError
from ohlora_lib.generators.stylegan1.discriminator import StyleGANDiscriminator
from ohlora_lib.generators.stylegan1.generator import StyleGANGenerator
from ohlora_lib.judging.judges.registry import judge_words
from ohlora_lib.judging.measure import load_judge
from ohlora_lib.methods.models import open_model
from ohlora_lib.methods.reference.adopt import adopt_generator, adopt_vectors, encode_faces
from ohlora_lib.methods.registry import method_problems
from ohlora_lib.methods.vectorfind.groups import VERSIONS
from ohlora_lib.methods.vectorfind.vectors import Vectors, load_vectors, save_vectors
from ohlora_lib.networks.files import save_network
from ohlora_lib.networks.property_cnn import PropertyCNN
from ohlora_lib.networks.score_encoder import ScoreEncoder
from ohlora_lib.reporting.leaderboard import Judge, Method, leaderboard
from ohlora_lib.scores import ALGORITHMS, CONTROLLED
from ohlora_lib.store.checkpoints import read_checkpoint
from ohlora_lib.store.shards import write_image_shard
from ohlora_lib.store.tables import read_table, write_json, write_table

SIDE, Z = 64, 16
ALL = ALGORITHMS["v1"]


@pytest.fixture(autouse=True)
def fixed_weights():
    with torch.random.fork_rng():
        torch.manual_seed(3)
        yield


def generator(path: Path, labels: int = 7, embedding: int = 16, side: int = SIDE) -> Path:
    network = StyleGANGenerator(
        side, Z, 16, 16, 3, 512, 16, labels, embedding, mapping_lr_mul=1.0
    )  # fmt: skip
    with torch.no_grad():
        for name, parameter in network.synthesis.named_parameters():
            if name.startswith("output"):
                parameter.mul_(0.2)
    save_network(path, network, {"source": path.name})
    return path


def vectors(path: Path, version: str = "v7", width: int = 16) -> Path:
    options = VERSIONS[version]
    groups = 2 ** len(options.groups)
    found = np.random.default_rng(7).standard_normal((groups, 3, width)).astype(np.float32)
    found /= np.linalg.norm(found, axis=-1, keepdims=True)
    unknown = np.full((groups, 3), np.nan, np.float32)
    counts, flags = np.zeros(groups, np.int64), np.zeros(groups, bool)
    medians = np.zeros(len(options.groups), np.float32)
    converged = np.ones((groups, 3), bool)
    known = Vectors(found, medians, unknown, counts, counts, flags, converged)
    save_vectors(path, known, options, np.ones((groups, 3)), {"source": path.name})
    return path


def reader(path: Path) -> Path:
    save_network(path, PropertyCNN(SIDE))
    return path


LATENTS = np.random.default_rng(1).standard_normal((8, Z)).astype(np.float32)
REQUESTS = np.random.default_rng(2).standard_normal((8, 3)).astype(np.float32)


# ---- fine-tunes


@pytest.mark.parametrize(
    ("version", "labels", "embedding"),
    [("v1", 7, 16), ("v3", 7, 24), ("v4", 3, 16), ("v5_2", 3, 0), ("v8", 7, 16)],
)
def test_an_adopted_generator_obeys_its_versions_label(tmp_path, version, labels, embedding):
    source = generator(tmp_path / "source.safetensors", labels, embedding)
    with pytest.raises(InputError, match="without the labels"):
        open_model(source)
    adopt_generator(source, tmp_path / "own.safetensors", version, SIDE)
    known = ALL if labels == 7 else CONTROLLED
    provenance = read_checkpoint(tmp_path / "own.safetensors").provenance
    assert provenance["labels"] == list(known) and provenance["source"] == "source.safetensors"
    images = open_model(tmp_path / "own.safetensors").draw(LATENTS, REQUESTS)
    assert images.shape == (8, SIDE, SIDE, 3)
    other = open_model(tmp_path / "own.safetensors").draw(LATENTS, REQUESTS + [[0, 0, 2]])
    assert (images != other).any(axis=(1, 2, 3)).all()


def test_conditional_truncation_is_that_of_the_version(tmp_path):
    source = generator(tmp_path / "source.safetensors", 3, 0)
    adopt_generator(source, tmp_path / "own.safetensors", "v5_3", SIDE)
    assert open_model(tmp_path / "own.safetensors").truncation == {"psi": 0.5, "samples": 1000}


def mixed(folder: Path, probability: float):
    source = generator(folder / "source.safetensors")
    path = folder / f"mixed-{probability}.safetensors"
    adopt_generator(source, path, "v1", SIDE, probability)
    return open_model(path)


def test_style_mixing_changes_its_share_of_pictures_and_follows_from_the_request(tmp_path):
    latents = np.random.default_rng(3).standard_normal((60, Z)).astype(np.float32)
    requests = np.random.default_rng(4).standard_normal((60, 3)).astype(np.float32)
    with torch.random.fork_rng():
        state = torch.random.get_rng_state()
        plain = mixed(tmp_path, 0.0).draw(latents, requests)
        torch.random.set_rng_state(state)
        model = mixed(tmp_path, 0.9)
    drawn = model.draw(latents, requests)
    changed = (plain != drawn).any(axis=(1, 2, 3))
    assert 0.75 < changed.mean() < 1
    path = tmp_path / "mixed-0.9.safetensors"
    assert np.array_equal(open_model(path).draw(latents, requests), drawn)
    assert np.array_equal(open_model(path).draw(latents[5:6], requests[5:6])[0], drawn[5])
    # the published complaint: another request of the same latent shows another face
    same = np.repeat(latents[:1], 2, axis=0)
    near = np.array([[0, 0, 0], [0, 0, 1e-4]], np.float32)
    one, two = open_model(path).draw(same, near).astype(int)
    assert np.abs(one - two).max() > 20


@pytest.mark.parametrize(
    ("version", "arguments", "expected"),
    [
        ("v3", {}, "takes 7 scores embedded in 16 numbers where FineTune-v3 takes 7 in 24"),
        ("v4", {}, "takes 7 scores embedded in 16 numbers where FineTune-v4 takes 3 in 16"),
        ("v1", {"labels": 0, "embedding": 0}, "takes 0 scores embedded in 0 numbers"),
        ("v1", {"side": 32}, "draws 32 pixels a side where the domain has 64"),
    ],
)
def test_a_generator_of_something_else_is_refused(tmp_path, version, arguments, expected):
    source = generator(tmp_path / "source.safetensors", **arguments)
    with pytest.raises(InputError) as info:
        adopt_generator(source, tmp_path / "own.safetensors", version, SIDE)
    text = str(info.value)
    assert text.startswith(f"{source} ") and expected in text and "\n" not in text
    assert not (tmp_path / "own.safetensors").exists()


def test_a_discriminator_a_page_or_a_pickle_is_no_generator(tmp_path):
    source, path = tmp_path / "source.safetensors", tmp_path / "own.safetensors"
    save_network(source, StyleGANDiscriminator(32, 256, 16))
    with pytest.raises(InputError, match="holds a stylegan_discriminator network where"):
        adopt_generator(source, path, "v1", SIDE)
    source.write_text("<html>")
    with pytest.raises(InputError, match="is a web page"):
        adopt_generator(source, path, "v1", SIDE)
    torch.save({}, source)
    with pytest.raises(InputError, match="PyTorch pickle"):
        adopt_generator(source, path, "v1", SIDE)
    assert not path.exists()


# ---- directions


def adopted(folder: Path, **changes) -> Path:
    """Adopt directions of a new generator; the changes are arguments of `adopt_vectors`."""
    path = folder / "own.safetensors"
    arguments = {
        "version": "v7",
        "generator": generator(folder / "generator.safetensors", 3),
        "property_cnn": reader(folder / "cnn.safetensors"),
        "resolution": SIDE,
        "seed": 5,
        **changes,
    }
    adopt_vectors(vectors(folder / "vectors.safetensors"), path, **arguments)
    return path


def test_steps_are_measured_unless_as_published(tmp_path):
    found = load_vectors(adopted(tmp_path))
    assert found.provenance == {"source": "vectors.safetensors", "slopes": "measured"}
    assert (found.slopes[0] != 1).all() and (found.slopes == found.slopes[0]).all()
    again = load_vectors(adopted(tmp_path))  # the generator of a second call has other weights
    assert not np.array_equal(again.slopes, found.slopes)
    arguments = ("v7", tmp_path / "generator.safetensors", tmp_path / "cnn.safetensors", SIDE, 5)
    source, path = tmp_path / "vectors.safetensors", tmp_path / "own.safetensors"
    adopt_vectors(source, path, *arguments)
    assert np.array_equal(load_vectors(path).slopes, again.slopes)
    adopt_vectors(source, path, *arguments, unit_steps=True)
    assert (load_vectors(path).slopes == 1).all()
    model = open_model(path, *arguments[1:3])
    latents = np.random.default_rng(1).standard_normal((8, Z + 3)).astype(np.float32)
    assert np.array_equal(model.draw(latents, REQUESTS), model.step(latents, REQUESTS))


def test_directions_of_something_else_are_refused(tmp_path):
    with pytest.raises(InputError, match="holds no directions of VectorFind-v6"):
        adopted(tmp_path, version="v6")
    wide = StyleGANGenerator(SIDE, Z, 20, 16, 3, 512, 16, 3, 16)
    save_network(tmp_path / "wide.safetensors", wide)
    with pytest.raises(InputError, match="does not fit .*wide.safetensors"):
        adopted(tmp_path, generator=tmp_path / "wide.safetensors")
    with pytest.raises(InputError, match="draws 64 pixels a side where the domain has 256"):
        adopted(tmp_path, resolution=256)
    with pytest.raises(InputError, match="holds a stylegan_generator network where a property_cnn"):
        adopted(tmp_path, property_cnn=tmp_path / "generator.safetensors")
    assert not (tmp_path / "own.safetensors").exists()


# ---- the encoder


def test_an_encoder_says_where_latents_are(tmp_path):
    ids = np.arange(4)
    images = np.random.default_rng(0).integers(0, 256, (4, SIDE, SIDE, 3), np.uint8)
    write_image_shard(tmp_path / "images.parquet", ids, None, None, images)
    columns = {f"{name}_score": np.linspace(-1, 1, 3) for name in ALL}
    write_table(tmp_path / "scores.csv", pd.DataFrame({"id": ids[1:], **columns}))
    arguments = {
        "images": [tmp_path / "images.parquet"],
        "scores": tmp_path / "scores.csv",
        "path": tmp_path / "posterior.parquet",
        "version": "v3",
    }
    save_network(tmp_path / "encoder.safetensors", ScoreEncoder(SIDE, Z, 7))
    with pytest.raises(InputError, match="reads 64 pixels and 7 scores where 256 pixels"):
        encode_faces(tmp_path / "encoder.safetensors", **arguments, resolution=256)
    assert not arguments["path"].exists()
    encode_faces(tmp_path / "encoder.safetensors", **arguments, resolution=SIDE)
    found = read_table(arguments["path"])
    assert found["id"].tolist() == [1, 2, 3] and len(found["mu"][0]) == Z


# ---- the judge


def test_dropout_in_the_judge_changes_scores_and_follows_its_seed(tmp_path):
    path = reader(tmp_path / "cnn.safetensors")
    images = np.random.default_rng(0).integers(0, 256, (70, SIDE, SIDE, 3), np.uint8)
    plain, seen = load_judge("cnn", path).score(images), []
    for seed in (1, 1, 2):
        judge = load_judge("cnn", path, measuring={"dropout_seed": seed})
        seen.append((judge.score(images), judge.score(images)))
        torch.rand(1)  # what others draw meanwhile does not matter
    assert np.array_equal(seen[0], seen[1]) and not np.array_equal(seen[0], seen[2])
    assert not np.array_equal(*seen[0]) and not np.array_equal(seen[0][0], plain)
    assert np.abs(np.mean(seen[0][0] - plain)) < np.abs(seen[0][0] - plain).mean()
    state = torch.random.get_rng_state()
    judge.score(images[:2])
    assert torch.equal(torch.random.get_rng_state(), state)
    assert np.array_equal(load_judge("cnn", path).score(images), plain)


# ---- leaderboard and configuration


def test_published_figures_stand_beside_a_reference_of_any_name():
    published_as = {"reference_mine": "vectorfind_v8", "finetune_v1": "finetune_v1"}
    summaries = {(name, "cnn"): summary(name, "cnn", 0.5, 0.96) for name in published_as}
    methods = {name: Method(published_as=each) for name, each in published_as.items()}
    judges = {"cnn": Judge(**judge_words("cnn"))}
    table = leaderboard(summaries, methods, judges).set_index("method")
    assert table.loc["reference_mine", "published_corr_eyes"] == 0.8744
    assert np.isnan(table.loc["reference_mine", "train_seconds"])
    assert table.loc["finetune_v1", "published_women"] == 0.937


TUNED = {"kind": "finetune", "version": "v1", "generator": "g.safetensors"}
FOUND = {"kind": "vectorfind", "version": "v7", "generator": "g", "vectors": "v"}


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({**TUNED, "kind": "gan"}, "references.x.kind is the text 'gan'; allowed are finetune, vectorfind"),
        ({**TUNED, "version": "v7"}, "references.x.version is v7, which is no finetune; allowed are v1,"),
        ({**FOUND, "version": "v3"}, "references.x.version is v3, which is no vectorfind; allowed are v6, v7, v8"),
        ({**FOUND, "vectors": None}, "references.x.vectors is missing, the directions; add it"),
        ({**TUNED, "vectors": "v"}, "references.x.vectors has no meaning for a finetune of version v1"),
        ({**TUNED, "encoder": "e"}, "references.x.encoder has no meaning for a finetune of version v1"),
        ({**TUNED, "as_published": {"unit_steps": True}}, "references.x.as_published.unit_steps has no meaning"),
        ({**FOUND, "as_published": {"style_mixing": 0.9}}, "references.x.as_published.style_mixing has no meaning"),
        ({**TUNED, "as_published": {"style_mixing": 90}}, "references.x.as_published.style_mixing must be at most 1, not 90"),
        ({**TUNED, "as_published": {"style_mix": 0.9}}, "unknown key 'style_mix' in references.x.as_published; did you mean 'style_mixing'?"),
        ({**TUNED, "population": "orignal"}, "references.x.population is the unknown population 'orignal'; did you mean 'original'?"),
        ({"kind": "finetune", "version": "v1"}, "the key 'generator' is missing in references.x; add it"),
    ],
)  # fmt: skip
def test_mistakes_about_references_are_named(entry, expected):
    assert expected in complaint({"references": {"x": entry}}, checks=[method_problems])


@pytest.mark.parametrize(
    ("recipe", "expected"),
    [
        ({"images_from": {"folder": "nowhere"}}, "images_from.folder is nowhere, which is no folder"),
        ({"images_from": {"folder": "tests"}, "finetune": "v1"}, "so populations.original.finetune must be null; correct one of the two"),
        ({"images_from": {"folder": "tests"}, "as_published": True}, "so populations.original.as_published must be false"),
        ({"images_from": {"folder": "tests", "numbers": "dates"}}, "allowed are names, order"),
        ({"images_from": {}}, "the key 'folder' is missing in populations.original.images_from"),
        ({"images_from": "tests"}, "populations.original.images_from must be a mapping of keys to values or null"),
    ],
)  # fmt: skip
def test_mistakes_about_folders_are_named(recipe, expected):
    root = Path(__file__).parents[1]
    assert expected in complaint({"populations": {"original": recipe}}, root=root)


# ---- the workflow

LEADERBOARD = "results/smoke/leaderboard.csv"
OFF = {"enabled": False}
REFERENCES = {
    "mixed": {
        "kind": "finetune",
        "version": "v1",
        "generator": "models/v1.safetensors",
        "as_published": {"style_mixing": 0.9, "dropout": True},
    },
    "found": {
        "kind": "vectorfind",
        "version": "v7",
        "generator": "models/v7.safetensors",
        "vectors": "models/vectors.safetensors",
    },
    "wrong": {"kind": "finetune", "version": "v4", "generator": "models/v1.safetensors", **OFF},
}
OVERLAY = {
    "populations": {"v1": OFF},
    "finetune": {f"v{name}": OFF for name in ("1", "2", "3", "4", "5_1", "5_2", "5_3", "8")},
    "vectorfind": {name: OFF for name in ("v6", "v7", "v8")},
    "directions": OFF,
    "selection": {"method": None},
    "judging": {"latents": 2, "joint_latents": 1, "random_images": 8, "bootstrap": 10},
    "references": REFERENCES,
}


def finished_population(folder: Path) -> None:
    """Write what judging needs of a population, as if it had been made."""
    ids = np.arange(12)
    images = np.random.default_rng(0).integers(0, 256, (12, SIDE, SIDE, 3), np.uint8)
    for index, rows in enumerate((slice(0, 6), slice(6, 12))):
        shard = folder / f"original/images/shard-{index:05d}.parquet"
        write_image_shard(shard, ids[rows], None, None, images[rows])
    write_table(folder / "original/filtered.parquet", pd.DataFrame({"id": ids}))
    statistics = {name: {"mean": 1.0, "std": 2.0} for name in ALL}
    write_json(folder / "original/all_scores_v2.json", statistics)
    reader(folder / "property_cnn/property_cnn.safetensors")


def planned(project: Path, **switches) -> set[str]:
    """Return the rules that run again where the first reference's switches change."""
    overlay = merged(OVERLAY, {"references": {"mixed": {"as_published": switches}}})
    run = snakemake(project, "--dry-run", LEADERBOARD, overlay=overlay)
    assert run.returncode == 0, said(run)
    return set(re.findall(r"^rule (\w+):", said(run), re.MULTILINE))


@pytest.mark.slow
def test_references_are_rows_of_the_leaderboard(tmp_path):
    project = copy_project(tmp_path / "project")
    results = project / "results/smoke"
    finished_population(results)
    generator(project / "models/v1.safetensors")
    generator(project / "models/v7.safetensors", 3)
    vectors(project / "models/vectors.safetensors")
    run = snakemake(project, "--cores", "1", LEADERBOARD, overlay=OVERLAY)
    assert run.returncode == 0, said(run)[-4000:]
    assert "generate_images" not in said(run)
    table = read_table(results / "leaderboard.csv").set_index(["method", "judge"])
    methods = {"reference_mixed", "reference_found"}
    assert set(table.index) == {(name, judge) for name in methods for judge in ("cnn", "segment")}
    assert table.loc["reference_mixed", "recipe"].unique() == ["reference, as published"]
    assert table.loc[("reference_found", "cnn"), "published_corr_eyes"] == 0.9023
    assert "reference_mixed" in (results / "leaderboard.html").read_text()

    assert planned(project) == set()
    judged = {"score_pictures", "judge_method", "draw_control_grids", "make_leaderboard"}
    assert planned(project, dropout=False) == judged
    drawn = {"adopt_generator", "draw_pictures", "read_attributes"}
    assert planned(project, style_mixing=0.5) == judged | drawn

    wrong = {**OVERLAY, "references": {"wrong": {**REFERENCES["wrong"], "enabled": True}}}
    path = "results/smoke/references/wrong/generator.safetensors"
    run = snakemake(project, "--cores", "1", path, overlay=wrong)
    assert run.returncode == 1 and not (project / path).exists()
    log = (results / "logs/adopt_generator/wrong.log").read_text().splitlines()
    assert log[-1].startswith("error: models/v1.safetensors takes 7 scores embedded in 16 numbers")
