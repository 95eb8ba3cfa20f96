"""The stages of a population: images, labels, attributes, filter, segments, scores."""

import hashlib
import importlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from factories import MAP_PAIRS, write_segment_shard
from hypothesis import given, settings
from hypothesis import strategies as st

from ohlora_lib.errors import InputError
from ohlora_lib.generators.stylegan1.generator import StyleGANGenerator
from ohlora_lib.generators.synthesis import Synthesizer
from ohlora_lib.networks.annotator import Annotator
from ohlora_lib.networks.face_parser import FaceParser
from ohlora_lib.networks.files import save_network
from ohlora_lib.networks.parser_segmenter import ParserSegmenter
from ohlora_lib.populations.annotate import annotate
from ohlora_lib.populations.classifier_metrics import METRICS, collect_metrics, count_mistakes
from ohlora_lib.populations.filter import filter_images, join_attributes
from ohlora_lib.populations.generate import generate, image_seed, latents, regenerate
from ohlora_lib.populations.labels import read_labels, simulate_labels, take_labels
from ohlora_lib.populations.normalise import normalise
from ohlora_lib.populations.score_property import measure
from ohlora_lib.populations.segment_images import segment
from ohlora_lib.portraits.parameters import sample_parameters
from ohlora_lib.portraits.renderer import render
from ohlora_lib.reporting import published
from ohlora_lib.seeds import derive_seed
from ohlora_lib.store.face_cuts import face_cut, whole_picture
from ohlora_lib.store.layout import shard_bounds
from ohlora_lib.store.picture_tensors import to_uint8
from ohlora_lib.store.shards import (
    ImageRows,
    iter_images,
    iter_segments,
    read_ids,
    read_image_shard,
    read_recipe,
    write_image_shard,
)
from ohlora_lib.store.tables import read_json, read_table, write_json, write_table

COUNT = 22  # no multiple of a batch, nor of four
COLORED = ("hair_color", "background_mean", "background_std", "hairstyle")


# ---- images


def random_generator(label_dim: int = 0) -> StyleGANGenerator:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        network = StyleGANGenerator(32, 16, 16, 16, 3, 512, 16, label_dim=label_dim).eval()
        with torch.no_grad():
            network.synthesis.get_submodule("output3").weight.mul_(0.2)
    return network


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("generator") / "generator.safetensors"
    save_network(path, random_generator())
    return path


def made(folder: Path, weights: Path, shards: int = 1, **options) -> tuple[list[Path], ImageRows]:
    """Generate a population and return its shards and all rows."""
    paths = [folder / f"shard-{index:05d}.parquet" for index in range(shards)]
    arguments = {"population": "original", "count": COUNT, "seed": 7, **options}
    generate(weights, paths, **arguments)
    rows = next(iter_images(paths, batch=1000, columns=("image", "seed", "z", "label")[:3]))
    return paths, rows


def same(first: ImageRows, second: ImageRows) -> bool:
    fields = ("ids", "seeds", "z", "images")
    return all(np.array_equal(getattr(first, name), getattr(second, name)) for name in fields)


@pytest.mark.parametrize("as_published", [False, True])
def test_every_row_is_the_same_in_any_number_of_shards(weights, tmp_path, as_published):
    _, whole = made(tmp_path / "1", weights, 1, as_published=as_published)
    paths, split = made(tmp_path / "3", weights, 3, as_published=as_published)
    assert whole.ids.tolist() == list(range(COUNT)) and same(whole, split)
    assert [len(read_image_shard(path)) for path in paths] == [7, 7, 8]


def digests(paths: list[Path]) -> list[str]:
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]


@pytest.mark.parametrize("as_published", [False, True])
def test_any_split_over_jobs_writes_the_same_shards(weights, tmp_path, as_published):
    shards = 5
    options = {"as_published": as_published, "batch_size": 3}
    paths, _ = made(tmp_path / "1", weights, shards, **options)
    expected = digests(paths)
    for jobs in (2, 3, 5):
        folder = tmp_path / str(jobs)
        split = [folder / path.name for path in paths]
        for start, stop in reversed(shard_bounds(shards, jobs)):
            job = {"population": "original", "count": COUNT, "seed": 7, "shards": shards}
            generate(weights, split[start:stop], **job, **options)
        assert digests(split) == expected, jobs


def test_an_image_depends_on_its_number_not_on_how_many_are_made(weights, tmp_path):
    _, few = made(tmp_path / "few", weights, count=9)
    _, many = made(tmp_path / "many", weights)
    assert np.array_equal(few.images, many.images[:9]) and np.array_equal(few.z, many.z[:9])
    assert len(np.unique(many.images.reshape(COUNT, -1), axis=0)) == COUNT


def labelled_weights(folder: Path) -> Path:
    path = folder / "labelled.safetensors"
    save_network(path, random_generator(label_dim=2))
    return path


@pytest.mark.parametrize("labelled", [False, True])
@pytest.mark.parametrize("truncation_psi", [1.0, 0.5])
@pytest.mark.parametrize("as_published", [False, True])
def test_images_can_be_made_again_from_their_rows(
    weights, tmp_path, as_published, truncation_psi, labelled
):
    """From nothing but the shard and its generator, one by one and with others."""
    if labelled:
        weights = labelled_weights(tmp_path)
    options = {"as_published": as_published, "truncation_psi": truncation_psi}
    paths, rows = made(tmp_path, weights, 2, **options)
    again = np.concatenate([regenerate(weights, path) for path in paths])
    assert np.abs(again.astype(int) - rows.images).max() <= 1
    alone = regenerate(weights, paths[1], [15])
    assert len(alone) == 1 and np.abs(alone[0].astype(int) - rows.images[15]).max() <= 1


def test_a_shard_says_how_its_images_were_drawn(weights, tmp_path):
    paths, _ = made(tmp_path, weights, 2, truncation_psi=0.5)
    recipe = {
        "generator_sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
        "population": "original",
        "seed": 7,
        "truncation_psi": 0.5,
        "as_published": False,
    }
    assert [read_recipe(path) for path in paths] == [recipe, recipe]


def test_images_are_not_made_again_by_another_generator_or_without_a_recipe(weights, tmp_path):
    (path,), rows = made(tmp_path, weights)
    other = labelled_weights(tmp_path)
    with pytest.raises(InputError, match=r"labelled\.safetensors did not draw the images of"):
        regenerate(other, path)
    write_image_shard(path, rows.ids, rows.seeds, rows.z, rows.images)
    with pytest.raises(InputError, match="does not say how its images were drawn"):
        regenerate(weights, path)


def test_seed_and_latent_of_a_row_belong_together(weights, tmp_path):
    _, rows = made(tmp_path, weights, 2)
    assert rows.images.shape == (COUNT, 32, 32, 3) and rows.images.std() > 10
    assert rows.seeds.tolist() == [image_seed(7, "original", index) for index in range(COUNT)]
    assert np.array_equal(latents(rows.seeds, 16), rows.z)


def test_seed_population_and_truncation_change_the_images(weights, tmp_path):
    _, rows = made(tmp_path / "a", weights)
    assert same(rows, made(tmp_path / "b", weights)[1])
    for index, options in enumerate(({"seed": 8}, {"population": "v1"})):
        _, other = made(tmp_path / f"c{index}", weights, **options)
        assert not np.intersect1d(other.seeds, rows.seeds).size
        assert not np.array_equal(other.images, rows.images)
    _, pulled = made(tmp_path / "d", weights, truncation_psi=0.5)
    assert np.array_equal(pulled.z, rows.z)
    assert pulled.images.std(axis=0).mean() < 0.9 * rows.images.std(axis=0).mean()


def test_labels_of_a_conditional_generator_are_stored(tmp_path):
    network = random_generator(label_dim=2)
    save_network(tmp_path / "generator.safetensors", network)
    path = tmp_path / "shard.parquet"
    generate(tmp_path / "generator.safetensors", [path], "v1", 8, 7)
    rows = read_image_shard(path)
    assert rows.labels.shape == (8, 2) and len(np.unique(rows.labels)) == 16
    with torch.inference_mode():
        again = to_uint8(network(torch.from_numpy(rows.z), torch.from_numpy(rows.labels)))
    assert np.abs(again.astype(int) - rows.images).max() <= 1


def test_as_published_mixes_styles_of_whole_batches_of_four(weights, tmp_path):
    """Find the layer at which each image's second style begins, from the images alone."""
    count, seed = 80, 5
    _, plain = made(tmp_path / "plain", weights, count=count, seed=seed)
    _, mixed = made(tmp_path / "mixed", weights, count=count, seed=seed, as_published=True)
    assert np.array_equal(plain.z, mixed.z) and np.array_equal(plain.seeds, mixed.seeds)
    difference = np.abs(plain.images.astype(int) - mixed.images).max(axis=(1, 2, 3))
    changed = (difference > 1).reshape(-1, 4)
    assert (changed.all(axis=1) | ~changed.any(axis=1)).all()
    assert changed.mean() == 0.8  # nine batches in ten on average; with this seed 16 of 20

    network = random_generator()
    drawer = Synthesizer(network)
    seeds = [derive_seed(seed, "mix", "original", index) for index in range(count)]
    own, other = (drawer.map(z) for z in (plain.z, latents(seeds, network.z_dim)))
    cuts = np.full(count, -1)
    for cut in range(1, network.num_layers + 1):
        w = np.repeat(own[:, None], network.num_layers, axis=1)
        w[:, cut:] = other[:, None]
        close = np.abs(drawer.from_w(w).astype(int) - mixed.images).max(axis=(1, 2, 3)) <= 1
        cuts[close] = cut
    batches = cuts.reshape(-1, 4)
    assert (cuts > 0).all() and (batches == batches[:, :1]).all()
    assert len(np.unique(batches)) > 3
    assert (batches[~changed.any(axis=1)] == network.num_layers).all()


def test_a_failed_generation_leaves_no_shard(weights, tmp_path, monkeypatch):
    paths = [tmp_path / "a.parquet", tmp_path / "b.parquet"]
    module = importlib.import_module("ohlora_lib.populations.generate")
    genuine = module.latents
    calls = []

    def failing(*arguments):
        calls.append(None)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return genuine(*arguments)

    monkeypatch.setattr(module, "latents", failing)
    with pytest.raises(KeyboardInterrupt):
        generate(weights, paths, "original", 8, 7)
    assert [path.name for path in tmp_path.iterdir()] == ["a.parquet"]


def test_weights_of_another_kind_are_refused(tmp_path):
    save_network(tmp_path / "parser.safetensors", FaceParser((4, 4)))
    with pytest.raises(InputError, match=r"parser\.safetensors"):
        generate(tmp_path / "parser.safetensors", [tmp_path / "a.parquet"], "original", 4, 7)
    assert not (tmp_path / "a.parquet").exists()


def test_a_generator_of_another_resolution_is_refused(weights, tmp_path):
    out = tmp_path / "a.parquet"
    with pytest.raises(InputError, match="draws 32 pixels a side where the domain has 64; correct"):
        generate(weights, [out], "original", 4, 7, resolution=64)
    assert not out.exists()
    generate(weights, [out], "original", 4, 7, resolution=32)
    assert out.exists()


# ---- labels of a person


def csv_of(folder: Path, content: str | bytes) -> Path:
    path = folder / "labels.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


GOOD = "id,gender,quality\n0,1,1\n1,0,1\n2,1,0\n"


@pytest.mark.parametrize(
    "content",
    [
        GOOD,
        GOOD.replace("\n", "\r\n"),
        b"\xef\xbb\xbf" + GOOD.encode(),  # as spreadsheets save it
        GOOD.rstrip("\n"),
        GOOD + "\n\n",
        " id , gender,quality\n 0 ,1 , 1\n\n1,0,1\n,,\n2,1,0\n",
        'note,quality,id,gender\n"two\nlines",1,0,1\n,1,1,0\n"a ""b""",0,2,1\n',
        "id,gender,quality\n2,1,0\n0000,1,1\n1,0,1\n",  # six-digit names, any order
    ],
)
def test_good_labels_in_every_dress(tmp_path, content):
    labels = read_labels(csv_of(tmp_path, content), ["gender", "quality"], 3)
    assert labels.to_dict("list") == {"id": [0, 1, 2], "gender": [1, 0, 1], "quality": [1, 1, 0]}
    assert [str(kind) for kind in labels.dtypes] == ["int64", "uint8", "uint8"]


@pytest.mark.parametrize(
    ("content", "place", "what"),
    [
        ("id,gender\n0,1\n1,1\n2,1\n", ", line 1", "no column 'quality' (found id, gender)"),
        ("id;gender;quality\n0;1;1\n", ", line 1", "no column 'id' (found id;gender;quality)"),
        ("id,gender,quality,gender\n0,1,1,1\n", ", line 1", "two columns are named 'gender'"),
        (GOOD + "1,1,1\n", ", line 5", "image 1 is labelled twice"),
        (GOOD + "1,1,1\n2,1,1\n0,1,1\n1,1,1\n", ", line 5, 6, 7 and 1 more", "labelled twice"),
        (GOOD + "3,1,1\n", ", line 5", "no image 3 (they run from 0 to 2)"),
        (GOOD + "-1,1,1\n", ", line 5", "id '-1' is not a whole number"),
        (GOOD + "1.0,1,1\n", ", line 5", "id '1.0' is not a whole number"),
        (GOOD + "٣,1,1\n", ", line 5", "id '٣' is not a whole number"),
        (GOOD + ",1,1\n", ", line 5", "id '' is not a whole number"),
        (GOOD + "99999999999999999999,1,1\n", ", line 5", "is not a whole number"),
        ("id,gender,quality\n0,1,1\n1,2,1\n2,1,1\n", ", line 3", "gender is '2', not 0 or 1"),
        ("id,gender,quality\n0,1,\n1,1,1\n2,1,1\n", ", line 2", "quality is '', not 0 or 1"),
        ("id,gender,quality\n0,1,{x}*\n1,1,1\n", ", line 2", "quality is '{x}*', not 0 or 1"),
        ("id,gender,quality\n\n0,1,1\n\n1,f,1\n", ", line 5", "gender is 'f'"),
        ('id,gender,quality\n0,1,1\n1,1,"\n1"\n2,x,1\n', ", line 5", "gender is 'x'"),
        ('note,id,gender,quality\n"a\nb",0,1,1\nc,1,7,1\n', ", line 4", "gender is '7'"),
        ("id,gender,quality\n0,1,1\n1,1\n", ", line 3", "2 fields where the header has 3"),
        ("id,gender,quality\n0,1,1,0\n1,1,1,0\n", ", line 2", "4 fields where the header has 3"),
        ('id,gender,quality\n0,1,"1\n1,1,1\n', ", line 3", "not CSV"),
        ("id,gender,quality\n0,1,1\n1,é,1\n".encode("latin-1"), ", line 3", "not UTF-8"),
        ("id,gender,quality\n0,1,1\n".encode("utf-16"), ", line 1", "not UTF-8"),
        ("", "", "is empty"),
        ("\n \n", "", "is empty"),
        ("id,gender,quality\n", "", "has a header but no labels"),
    ],
)  # fmt: skip
def test_wrong_labels_are_named_by_line(tmp_path, content, place, what):
    path = csv_of(tmp_path, content)
    with pytest.raises(InputError) as info:
        read_labels(path, ["gender", "quality"], 3)
    text = str(info.value)
    assert text.startswith(f"{path}{place}") and what in text, text
    assert "\n" not in text
    assert "; " in text  # and a remedy


def test_a_table_that_cannot_be_opened_is_refused(tmp_path):
    for path in (tmp_path / "no.csv", tmp_path):
        with pytest.raises(InputError, match=f"^{path} cannot be read .*correct labels.csv"):
            read_labels(path, ["gender"], 3)


def test_missing_labels_are_named(tmp_path):
    options = {"attributes": ["gender"], "images": 90, "error_rate": 0.02, "seed": 1}
    path = csv_of(tmp_path, "id,gender\n" + "".join(f"{i},1\n" for i in (0, 3, 5, 80)))
    out = tmp_path / "labels.parquet"
    with pytest.raises(InputError) as info:
        take_labels(out, count=10, csv_path=path, **options)
    assert str(info.value).startswith(f"{path} has no label for image 1, 2, 4 and 4 more")
    assert not out.exists()
    path = csv_of(tmp_path, "id,gender\n" + "".join(f"{i},{i % 2}\n" for i in (80, 2, 1, 0)))
    take_labels(out, count=3, csv_path=path, **options)
    # more than the first images may be labelled: all are used
    assert read_table(out).to_dict("list") == {"id": [0, 1, 2, 80], "gender": [0, 1, 0, 0]}


def test_labels_that_nobody_has_made_yet_are_asked_for(tmp_path):
    path, out = tmp_path / "labels/v1.csv", tmp_path / "labels.parquet"
    options = {"attributes": ["gender", "age"], "images": 9, "error_rate": 0.02, "seed": 1}
    command = "ohlora label --population v1 --attributes gender age --results results/x"
    with pytest.raises(InputError) as info:
        take_labels(out, count=3, csv_path=path, command=command, **options)
    assert str(info.value).startswith(f"{path} does not exist; make it with `{command}`")
    assert not out.exists()


# ---- labels of the simulated annotator


def answers_of(images: int, share: float, seed: int = 0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    sure = np.where(random.random(images) < share, 0.9, 0.1)
    table = pd.DataFrame({"id": np.arange(images), "gender": sure, "quality": sure[::-1]})
    return table.sample(frac=1, random_state=seed)  # in any order


def test_mistakes_are_counted_by_their_kind():
    labels = pd.Series([True, True, False, False, True])
    truth = pd.Series([True, False, True, False, False])
    expected = {"images": 5, "yes": 2, "missed": 1, "mistaken": 2}
    assert count_mistakes(labels, truth) == expected


@settings(max_examples=40, deadline=None)
@given(
    count=st.integers(1, 300),
    share=st.floats(0, 1),
    error_rate=st.floats(0, 0.5),
    seed=st.integers(0, 2**32),
)
def test_simulated_mistakes_keep_the_prevalence(count, share, error_rate, seed):
    table = answers_of(300, share, seed % 1000)
    labels = simulate_labels(table, ["gender", "quality"], count, error_rate, seed)
    assert labels["id"].tolist() == list(range(count))
    truth = table.sort_values("id").head(count)
    for attribute in ("gender", "quality"):
        right = (truth[attribute].to_numpy() >= 0.5).astype(int)
        found = labels[attribute].to_numpy()
        assert labels[attribute].dtype == np.uint8 and set(found) <= {0, 1}
        assert found.sum() == right.sum()
        rarer = min(right.sum(), count - right.sum())
        assert (found != right).sum() == 2 * round(error_rate * rarer)


def test_mistakes_follow_the_seed_and_differ_between_attributes():
    table = answers_of(1000, 0.5)
    table["quality"] = table["gender"]
    first, again, other = (
        simulate_labels(table, ["gender", "quality"], 1000, 0.1, seed) for seed in (1, 1, 2)
    )
    assert first.equals(again)
    assert not first["gender"].equals(other["gender"])
    assert not first["gender"].equals(first["quality"])
    assert simulate_labels(table, ["quality"], 1000, 0.1, 1)["quality"].equals(first["quality"])


def test_labels_are_written_as_a_table(tmp_path):
    write_table(tmp_path / "annotator.parquet", answers_of(50, 0.5))
    take_labels(
        tmp_path / "labels.parquet",
        ["quality"],
        count=20,
        images=50,
        error_rate=0.0,
        seed=1,
        annotator_path=tmp_path / "annotator.parquet",
    )
    found = read_table(tmp_path / "labels.parquet")
    truth = answers_of(50, 0.5).sort_values("id").head(20)["quality"] >= 0.5
    assert list(found.columns) == ["id", "quality"]
    assert found["quality"].tolist() == truth.astype(int).tolist()


def test_the_annotator_answers_for_every_image(tmp_path):
    torch.manual_seed(0)
    network = Annotator(width=4).eval()
    save_network(tmp_path / "annotator.safetensors", network)
    shards, images = portraits(tmp_path)
    annotate(tmp_path / "annotator.safetensors", shards, tmp_path / "table.parquet", batch_size=7)
    found = read_table(tmp_path / "table.parquet")
    assert list(found.columns) == ["id", "gender", "quality", "age", "glass"]
    assert found["id"].tolist() == list(range(len(images)))
    pixels = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 127.5 - 1
    with torch.inference_mode():
        expected = torch.sigmoid(network(pixels)).numpy()
    assert np.allclose(found.drop(columns="id").to_numpy(), expected, atol=1e-5)


# ---- attributes and filter


@pytest.fixture
def attributes(tmp_path) -> Path:
    """Six images, the first two and the fourth labelled."""
    labels = pd.DataFrame({"id": [3, 0, 1], "gender": [0, 1, 0], "quality": [1, 0, 1]})
    write_table(tmp_path / "labels.parquet", labels)
    paths = {}
    for name, start in (("gender", 0.1), ("quality", 0.3)):
        mean = np.round(start + 0.1 * np.arange(6), 4)
        table = {"id": np.arange(6), "fold_0": mean - 0.05, "fold_1": mean + 0.05, "mean": mean}
        paths[name] = tmp_path / f"{name}.parquet"
        write_table(paths[name], pd.DataFrame(table).iloc[::-1])
    join_attributes(tmp_path / "labels.parquet", paths, tmp_path / "attributes.parquet")
    return tmp_path / "attributes.parquet"


def test_a_hand_label_wins_over_the_mean_of_the_folds(attributes):
    table = read_table(attributes).sort_values("id")
    assert set(table.columns) == {
        *("id", "labelled", "gender", "gender_fold_0", "gender_fold_1"),
        *("quality", "quality_fold_0", "quality_fold_1"),
    }
    assert table["labelled"].tolist() == [True, True, False, True, False, False]
    assert table["gender"].tolist() == pytest.approx([1, 0, 0.3, 0, 0.5, 0.6])
    assert table["quality"].tolist() == pytest.approx([0, 1, 0.5, 1, 0.7, 0.8])
    assert table["quality_fold_1"].tolist() == pytest.approx(np.arange(6) * 0.1 + 0.35)


@pytest.mark.parametrize(
    ("conditions", "kept", "passes"),
    [
        ({}, [0, 1, 2, 3, 4, 5], []),
        ({"gender": {"min": 0.5}}, [0, 4, 5], [3]),  # inclusive
        ({"gender": {"max": 0.5}}, [1, 2, 3, 4], [4]),
        ({"gender": {"min": 0.3, "max": 0.5}}, [2, 4], [2]),
        ({"gender": {"max": 0.5}, "quality": {"min": 0.7}}, [1, 3, 4], [4, 4]),
    ],
)
def test_the_filter_keeps_and_counts(attributes, tmp_path, conditions, kept, passes):
    filter_images(attributes, conditions, tmp_path / "kept.parquet", tmp_path / "filter.json")
    assert read_table(tmp_path / "kept.parquet")["id"].tolist() == kept
    found = read_json(tmp_path / "filter.json")
    assert (found["total"], found["kept"]) == (6, len(kept))
    assert [row["pass"] for row in found["conditions"]] == passes
    for row in found["conditions"]:
        limits = conditions[row["attribute"]]
        assert (row["min"], row["max"]) == (limits.get("min"), limits.get("max"))


def test_a_filter_that_keeps_nothing_is_refused(attributes, tmp_path):
    conditions = {"gender": {"min": 0.9}, "quality": {"min": 0.9}}
    with pytest.raises(InputError, match=r"gender: 1, quality: 2 of 6 pass") as info:
        filter_images(attributes, conditions, tmp_path / "kept.parquet", tmp_path / "f.json")
    assert str(attributes) in str(info.value) and "filter" in str(info.value)
    assert not (tmp_path / "kept.parquet").exists() and not (tmp_path / "f.json").exists()


BY_SHARES = {
    "gender": {"min": 0.99, "share": 0.5},
    "quality": {"max": 0.4, "share": 5 / 6},
}


def test_a_share_passes_on_the_side_that_its_limit_names(attributes, tmp_path):
    """Values of gender are [1, 0, 0.3, 0, 0.5, 0.6], of quality [0, 1, 0.5, 1, 0.7, 0.8]."""
    filter_images(
        attributes, BY_SHARES, tmp_path / "kept.parquet", tmp_path / "filter.json", "shares"
    )
    assert read_table(tmp_path / "kept.parquet")["id"].tolist() == [0, 4, 5]
    found = read_json(tmp_path / "filter.json")
    high, low = found["conditions"]
    assert (high["min"], high["max"], high["pass"]) == (pytest.approx(0.5), None, 3)
    # two have the highest quality, so all six pass where five would
    assert (low["min"], low["max"], low["pass"]) == (None, pytest.approx(1), 6)


@pytest.mark.parametrize(("way", "kept"), [("limits", 1), ("shares", 3)])
def test_both_ways_to_filter_are_counted_whichever_is_used(attributes, tmp_path, way, kept):
    filter_images(attributes, BY_SHARES, tmp_path / "kept.parquet", tmp_path / "filter.json", way)
    assert len(read_table(tmp_path / "kept.parquet")) == kept
    found = read_json(tmp_path / "filter.json")
    assert (found["filter_by"], found["kept"]) == (way, kept)
    assert found["conditions"] == found[way]["conditions"]
    assert (found["limits"]["kept"], found["shares"]["kept"]) == (1, 3)
    assert [row["pass"] for row in found["limits"]["conditions"]] == [1, 1]
    assert [row["pass"] for row in found["shares"]["conditions"]] == [3, 6]


def test_shares_are_not_counted_where_a_condition_has_none(attributes, tmp_path):
    conditions = {"gender": {"min": 0.5, "share": 0.5}, "quality": {"min": 0.1}}
    filter_images(attributes, conditions, tmp_path / "kept.parquet", tmp_path / "filter.json")
    found = read_json(tmp_path / "filter.json")
    assert "shares" not in found and found["limits"]["kept"] == found["kept"] == 2


@settings(max_examples=60, deadline=None)
@given(
    values=st.lists(st.integers(0, 20), min_size=1, max_size=40),
    share=st.floats(0.01, 1),
    side=st.sampled_from(["min", "max"]),
)
def test_a_share_lets_so_many_pass_and_equals_together(tmp_path_factory, values, share, side):
    folder = tmp_path_factory.mktemp("filter")
    scores = np.array(values) / 20
    table = {"id": np.arange(len(scores)), "labelled": False, "gender": scores}
    write_table(folder / "attributes.parquet", pd.DataFrame(table))
    conditions = {"gender": {side: 0.5, "share": share}}
    filter_images(
        folder / "attributes.parquet",
        conditions,
        folder / "kept.parquet",
        folder / "f.json",
        "shares",
    )
    kept = np.isin(np.arange(len(scores)), read_table(folder / "kept.parquet")["id"])
    count = max(round(share * len(scores)), 1)
    sign = 1 if side == "min" else -1
    weakest = (sign * scores[kept]).min()
    assert kept.sum() >= count and (sign * scores[~kept] < weakest).all()
    assert (sign * scores > weakest).sum() < count  # no more than its equals needed


def test_labelled_images_can_be_left_out(attributes, tmp_path):
    """Of ids 2, 4 and 5; shares are of these."""
    conditions = {"gender": {"min": 0.5, "share": 1 / 3}}
    for way, kept in (("limits", [4, 5]), ("shares", [5])):
        filter_images(
            attributes, conditions, tmp_path / "kept.parquet", tmp_path / "filter.json", way, True
        )
        assert read_table(tmp_path / "kept.parquet")["id"].tolist() == kept
        found = read_json(tmp_path / "filter.json")
        assert (found["total"], found["candidates"]) == (6, 3)
        assert (found["limits"]["kept"], found["shares"]["kept"]) == (2, 1)
    filter_images(attributes, {}, tmp_path / "kept.parquet", tmp_path / "filter.json")
    assert read_json(tmp_path / "filter.json")["candidates"] == 6
    for condition, sentence in (
        ({"min": 0.9}, r"by limits \(gender: 0 of 3 pass\); widen"),
        ({"min": 0.9, "share": 0.3}, r"3 pass\); by shares 1 would be kept \(filter_by: shares\)"),
    ):
        with pytest.raises(InputError, match=sentence):
            filter_images(
                attributes, {"gender": condition}, tmp_path / "k.parquet", tmp_path / "f.json",
                exclude_labelled=True,
            )  # fmt: skip
    assert not (tmp_path / "k.parquet").exists() and not (tmp_path / "f.json").exists()


# ---- metrics


def fold_files(folder: Path, aurocs: list[float]) -> list[Path]:
    paths = []
    for fold, auroc in enumerate(aurocs):
        values = dict.fromkeys(METRICS, 0.1 * (fold + 1)) | {"auroc": auroc}
        document = {"fold": fold, "epochs": 5, "best_epoch": 3, "attempts": [{}] * (fold + 1)}
        paths.append(folder / f"fold-{fold}.json")
        write_json(paths[-1], document | values)
    return paths


def test_metrics_of_all_folds_and_the_agreement_on_unlabelled_images(tmp_path):
    paths = fold_files(tmp_path, [0.9, 0.8])
    predictions = {"id": np.arange(6), "mean": [0.9, 0.1, 0.5, 0.49, 0.2, 0.7]}
    write_table(tmp_path / "predictions.parquet", pd.DataFrame(predictions))
    write_table(tmp_path / "labels.parquet", pd.DataFrame({"id": [0, 1], "gender": [0, 1]}))
    truth = {"id": np.arange(6)[::-1], "gender": [0.3, 0.3, 0.5, 0.9, 0.0, 0.0]}
    write_table(tmp_path / "annotator.parquet", pd.DataFrame(truth))
    arguments = [tmp_path / "predictions.parquet", tmp_path / "labels.parquet"]
    out = tmp_path / "metrics.json"
    theirs = published.classifier("original", "gender")
    collect_metrics(paths, *arguments, tmp_path / "annotator.parquet", out, "gender", theirs)
    found = read_json(out)
    # unlabelled: 2 both yes, 3 no against yes, 4 both no, 5 yes against no
    assert found["agreement"] == {"images": 4, "share": 0.5}
    assert found["label_mistakes"] == {"images": 2, "yes": 0, "missed": 0, "mistaken": 1}
    assert found["mean"] == pytest.approx(dict.fromkeys(METRICS, 0.15) | {"auroc": 0.85})
    assert [(fold["fold"], fold["attempts"]) for fold in found["folds"]] == [(0, 1), (1, 2)]
    assert found["published"] == theirs and tuple(theirs) == METRICS

    collect_metrics(paths, *arguments, None, out, "age")
    for name in ("agreement", "label_mistakes", "published"):
        assert read_json(out)[name] is None


@pytest.mark.parametrize(("aurocs", "mean"), [([0.9, None], 0.9), ([None, None], None)])
def test_a_fold_without_auroc_does_not_count(tmp_path, aurocs, mean):
    paths = fold_files(tmp_path, aurocs)
    for name in ("predictions", "labels"):
        table = pd.DataFrame({"id": [0], "mean": [0.5], "gender": [1]})
        write_table(tmp_path / f"{name}.parquet", table)
    arguments = [tmp_path / "predictions.parquet", tmp_path / "labels.parquet"]
    collect_metrics(paths, *arguments, None, tmp_path / "metrics.json", "gender")
    assert read_json(tmp_path / "metrics.json")["mean"]["auroc"] == mean


def test_no_unlabelled_images_give_no_agreement(tmp_path):
    paths = fold_files(tmp_path, [0.9])
    table = pd.DataFrame({"id": [0, 1], "mean": [0.5, 0.2], "gender": [1, 0]})
    write_table(tmp_path / "all.parquet", table)
    everything = [tmp_path / "all.parquet"] * 3
    collect_metrics(paths, *everything, tmp_path / "metrics.json", "gender")
    assert read_json(tmp_path / "metrics.json")["agreement"] is None


# ---- segments


def portraits(folder: Path, count: int = 20, shards: int = 2) -> tuple[list[Path], np.ndarray]:
    """Write renders of 32 pixels as image shards."""
    parameters = sample_parameters(count, torch.Generator().manual_seed(2))
    pixels = (render(parameters, 32).images * 255).round().byte()
    images = pixels.permute(0, 2, 3, 1).contiguous().numpy()
    paths = [folder / f"shard-{index:05d}.parquet" for index in range(shards)]
    for path, ids in zip(paths, np.array_split(np.arange(count), shards), strict=True):
        write_image_shard(path, ids, ids, np.zeros((len(ids), 4)), images[ids])
    return paths, images


@pytest.fixture(scope="module")
def parser(tmp_path_factory) -> tuple[Path, FaceParser]:
    torch.manual_seed(0)
    network = FaceParser((8, 8)).eval()
    path = tmp_path_factory.mktemp("parser") / "parser.safetensors"
    save_network(path, network)
    return path, network


def test_the_kept_images_are_segmented_and_no_others(parser, tmp_path):
    shards, images = portraits(tmp_path)
    kept = np.array([0, 3, 9, 10, 19])
    write_table(tmp_path / "kept.parquet", pd.DataFrame({"id": kept}))
    outputs = [tmp_path / f"segments-{index}.parquet" for index in range(2)]
    segment(shards, tmp_path / "kept.parquet", outputs, "parser", parser[0], batch_size=2)
    found = list(iter_segments(outputs, batch=100))[0]
    assert found.ids.tolist() == kept.tolist()
    assert next(iter_segments(outputs[:1], batch=100)).ids.tolist() == [0, 3, 9]
    expected = ParserSegmenter(parser[1]).segment(images[kept])
    assert np.array_equal(found.class_maps, expected.class_maps)
    assert np.array_equal(found.found, expected.found)
    assert found.class_maps.shape == (5, 224, 224) and len(np.unique(found.class_maps)) > 1
    assert (found.cuts == [0, 0, 32, 32]).all()  # portraits are framed as cuts already


def test_any_split_writes_the_same_maps(parser, tmp_path):
    """Over jobs the same shards; in any number of shards the same rows."""
    write_table(tmp_path / "kept.parquet", pd.DataFrame({"id": np.arange(0, 20, 3)}))
    rows = {}
    for count in (1, 3):
        images, _ = portraits(tmp_path / f"images{count}", shards=count)
        together = [tmp_path / f"one{count}" / path.name for path in images]
        segment(images, tmp_path / "kept.parquet", together, "parser", parser[0])
        alone = [tmp_path / f"many{count}" / path.name for path in images]
        for image, path in zip(images, alone, strict=True):
            segment([image], tmp_path / "kept.parquet", [path], "parser", parser[0])
        assert digests(together) == digests(alone)
        rows[count] = next(iter_segments(together, batch=100))
    assert np.array_equal(rows[1].ids, rows[3].ids)
    assert np.array_equal(rows[1].class_maps, rows[3].class_maps)


def test_a_face_needs_some_skin(parser, monkeypatch):
    segmenter = ParserSegmenter(parser[1], batch_size=2)
    maps = torch.zeros(2, 224, 224, dtype=torch.uint8)
    maps[0].view(-1)[: int(0.021 * 224 * 224)] = 1
    maps[1].view(-1)[: int(0.019 * 224 * 224)] = 1
    monkeypatch.setattr(segmenter.parser, "class_maps", lambda pixels, side: maps)
    assert segmenter.segment(np.zeros((2, 32, 32, 3), np.uint8)).found.tolist() == [True, False]


def test_a_map_does_not_depend_on_its_company(parser, tmp_path):
    _, images = portraits(tmp_path)
    segmenter = ParserSegmenter(parser[1], batch_size=8)
    whole = segmenter.segment(images)
    parts = [segmenter.segment(part).class_maps for part in (images[:3], images[3:4], images[4:])]
    assert np.array_equal(np.concatenate(parts), whole.class_maps)


def test_a_shard_of_which_nothing_was_kept_has_no_rows(parser, tmp_path):
    shards, _ = portraits(tmp_path)
    outputs = [tmp_path / "s0.parquet", tmp_path / "s1.parquet"]
    write_table(tmp_path / "kept.parquet", pd.DataFrame({"id": [12, 13]}))
    segment(shards, tmp_path / "kept.parquet", outputs, "parser", parser[0])
    assert read_ids(outputs[:1]).tolist() == [] and read_ids(outputs).tolist() == [12, 13]
    for name in ("eyes", "hair_color"):  # with and without the picture
        measure(outputs, shards, tmp_path / "score.parquet", "v2", name, options={})
        faces = next(iter_segments(outputs)).found.sum()
        assert len(read_table(tmp_path / "score.parquet")) == faces


def test_segmentation_refuses_what_it_cannot_do(parser, tmp_path):
    shards, _ = portraits(tmp_path)
    outputs = [tmp_path / "s0.parquet", tmp_path / "s1.parquet"]
    kept = tmp_path / "kept.parquet"
    write_table(kept, pd.DataFrame({"id": [0, 1]}))
    with pytest.raises(InputError, match="segmenter.kind is 'other'"):
        segment(shards, kept, outputs, "other", parser[0])
    shards[1].write_bytes(b"no shard")
    with pytest.raises(InputError, match=r"shard-00001\.parquet is damaged"):
        segment(shards, kept, outputs, "parser", parser[0])
    assert not outputs[1].exists()


# ---- the pictures that scores look at


def test_a_face_cut_is_the_box_at_224_pixels():
    images = np.zeros((3, 40, 60, 3), np.uint8)
    images[:, 10:20, 30:50] = (200, 100, 50)
    cuts = np.array([[30, 10, 50, 20], [30.9, 10.9, 50.9, 20.9], [0, 0, 60, 40]])
    found = face_cut(images, cuts)
    assert found.shape == (3, 224, 224, 3) and found.dtype == np.uint8
    assert (found[:2] == (200, 100, 50)).all()  # borders are truncated, not rounded
    assert not found[2, :40].any() and (found[2, 70:98, 122:176] == (200, 100, 50)).all()
    whole = whole_picture(images)
    assert whole.shape == (3, 224, 224, 3) and (whole[0, 70:98, 122:176] == (200, 100, 50)).all()
    assert face_cut(images[:0], cuts[:0]).shape == (0, 224, 224, 3)


# ---- scores


@pytest.fixture(scope="module")
def segmented(tmp_path_factory) -> dict:
    """20 portraits with their true maps as segments of a cut, two of them without a face."""
    folder = tmp_path_factory.mktemp("segmented")
    shards, images = portraits(folder)
    parameters = sample_parameters(20, torch.Generator().manual_seed(2))
    maps = render(parameters, 32).class_maps.numpy().repeat(7, 1).repeat(7, 2)
    maps[5][maps[5] == 10] = 0  # without hair v1 gives no colour and no length
    maps[6] = 0
    kept = np.array([1, 2, 5, 6, 8, 12, 15, 19])
    cuts = np.tile([1.0, 2.0, 31.0, 30.0], (len(kept), 1))
    found = kept != 8
    outputs = [folder / "segments-0.parquet", folder / "segments-1.parquet"]
    for path, rows in zip(outputs, (slice(0, 5), slice(5, 8)), strict=True):
        write_segment_shard(path, kept[rows], maps[kept][rows], cuts[rows], found[rows])
    ids = kept[found]
    return {
        "segments": outputs,
        "images": shards,
        "ids": ids,
        "maps": maps[ids],
        "v1": whole_picture(images[ids]),
        "v2": face_cut(images[ids], cuts[found]),
    }


@pytest.mark.parametrize(("algorithm", "name"), MAP_PAIRS)
def test_a_measured_score_is_that_of_the_algorithm(segmented, tmp_path, algorithm, name):
    arguments = (segmented["segments"], segmented["images"])
    for batch in (1, 3, 100):  # one by one: a batch may hold no face
        out = tmp_path / f"{batch}.parquet"
        measure(*arguments, out, algorithm, name, options={}, batch_size=batch)
        found = read_table(out)
        assert found["id"].tolist() == segmented["ids"].tolist()
        assert found["score"].dtype == np.float64
        score = getattr(importlib.import_module(f"ohlora_lib.scores.{name}"), algorithm)
        expected = score(segmented["maps"], segmented[algorithm] if name in COLORED else None)
        assert np.array_equal(found["score"].to_numpy(), expected, equal_nan=True)
    missing = found.loc[found["score"].isna(), "id"].tolist()
    assert set(missing) <= {5, 6}
    if algorithm == "v1" and name in ("hair_color", "hair_length"):
        assert missing == [5, 6]


def test_options_reach_the_score(segmented, tmp_path):
    paths = [tmp_path / "a.parquet", tmp_path / "b.parquet"]
    for path, options in zip(paths, ({}, {"first_row": 120}), strict=True):
        measure(
            segmented["segments"], segmented["images"], path, "v2", "hair_length", options=options
        )
    usual, fewer = (read_table(path)["score"] for path in paths)
    assert (fewer <= usual).all() and (fewer < usual).any()


def test_segments_whose_images_are_gone_are_refused(segmented, tmp_path):
    with pytest.raises(InputError, match="lacks 3 of the wanted images"):
        measure(
            segmented["segments"],
            segmented["images"][:1],
            tmp_path / "out.parquet",
            "v2",
            "hair_color",
            options={},
        )
    assert not (tmp_path / "out.parquet").exists()


# ---- normalised scores


def raw_scores(folder: Path, **columns) -> dict[str, Path]:
    paths = {}
    for name, values in columns.items():
        paths[name] = folder / f"{name}.parquet"
        write_table(paths[name], pd.DataFrame({"id": np.arange(len(values)), "score": values}))
    return paths


def test_scores_are_joined_as_z_scores(tmp_path):
    eyes = np.random.default_rng(0).normal(30, 4, 500)
    color = np.random.default_rng(1).uniform(0, 255, 500)
    color[[3, 77]] = np.nan
    out, summary = tmp_path / "all.csv", tmp_path / "all.json"
    normalise(raw_scores(tmp_path, mouth=eyes, hair_color=color), out, summary)
    found = read_table(out)
    assert list(found.columns) == ["id", "mouth_score", "hair_color_score"]
    assert found["mouth_score"].mean() == pytest.approx(0, abs=1e-4)
    assert found["mouth_score"].std(ddof=1) == pytest.approx(1, abs=1e-4)
    assert found.loc[found["hair_color_score"].isna(), "id"].tolist() == [3, 77]
    assert out.read_text().splitlines()[4].endswith(",")  # missing is an empty cell
    statistics = read_json(summary)
    assert statistics["mouth"] == pytest.approx(
        {"mean": eyes.mean(), "std": eyes.std(ddof=1), "count": 500, "missing": 0}
    )
    assert statistics["hair_color"]["missing"] == 2
    assert statistics["hair_color"]["mean"] == pytest.approx(np.nanmean(color))
    decimals = [cell.partition(".")[2] for cell in out.read_text().replace("\n", ",").split(",")]
    assert max(map(len, decimals)) == 4


def test_scores_that_cannot_be_normalised_are_refused(tmp_path):
    out, summary = tmp_path / "all.csv", tmp_path / "all.json"
    with pytest.raises(InputError, match=r"eyes in .*eyes\.parquet"):
        normalise(raw_scores(tmp_path, eyes=[2.0, 2.0, np.nan]), out, summary)
    paths = raw_scores(tmp_path, eyes=[2.0, 3.0], pose=[1.0, 2.0, 3.0])
    with pytest.raises(InputError, match=r"pose\.parquet covers other images"):
        normalise(paths, out, summary)
    assert not out.exists() and not summary.exists()
