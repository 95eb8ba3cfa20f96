"""Drawing, the two judges and the attribute readers, with real if tiny networks."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from ohlora_lib.attributes import ATTRIBUTES
from ohlora_lib.errors import InputError
from ohlora_lib.generators.stylegan1.generator import StyleGANGenerator
from ohlora_lib.judging.draw import draw_pictures
from ohlora_lib.judging.grids import build_requests
from ohlora_lib.judging.judges.segment import SegmentJudge
from ohlora_lib.judging.locality import ChangeElsewhere
from ohlora_lib.judging.measure import load_judge
from ohlora_lib.judging.picture_attributes import (
    AnnotatorReader,
    ClassifierReader,
    load_reader,
    read_attributes,
)
from ohlora_lib.judging.protocol import MEASURED
from ohlora_lib.networks.annotator import Annotator
from ohlora_lib.networks.attribute_cnn import AttributeCNN
from ohlora_lib.networks.files import load_network, save_network
from ohlora_lib.networks.parser_segmenter import ParserSegmenter
from ohlora_lib.networks.property_cnn import OUTPUTS, PropertyCNN
from ohlora_lib.populations.normalise import normalise
from ohlora_lib.populations.score_property import measure
from ohlora_lib.populations.segment_images import segment
from ohlora_lib.portraits.parameters import sample_parameters
from ohlora_lib.portraits.renderer import render
from ohlora_lib.scores import CONTROLLED
from ohlora_lib.store.gallery import gallery, iter_gallery, read_gallery
from ohlora_lib.store.shards import write_image_shard
from ohlora_lib.store.tables import read_json, read_table, write_json, write_table

PARSER = Path(__file__).parents[1] / "resources/embedded/parser.safetensors"
COUNT = 20


@pytest.fixture(scope="module")
def portraits() -> np.ndarray:
    parameters = sample_parameters(COUNT, torch.Generator().manual_seed(5))
    pixels = (render(parameters, 64).images * 255).round().byte()
    return pixels.permute(0, 2, 3, 1).numpy()


# ---- drawing


def checkpoint(folder: Path, seed: int = 3, z_dim: int = 16) -> Path:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = StyleGANGenerator(32, z_dim, 16, 16, 3, 512, 16, label_dim=3)
        with torch.no_grad():
            network.synthesis.get_submodule("output3").weight.mul_(0.2)
    path = folder / f"generator-{seed}-{z_dim}.safetensors"
    save_network(path, network, {"labels": ["eyes", "mouth", "pose"]})
    return path


def drawn(folder: Path, model: Path, posterior: Path | None = None, **changes) -> dict:
    options = {"latents": 2, "joint_latents": 1, "random_images": 5, "seed": 7, **changes}
    paths = [folder / f"{name}.parquet" for name in ("requests", "latents", "pictures")]
    draw_pictures(model, posterior, *paths, **options)
    requests, latents = (read_table(path) for path in paths[:2])
    rows, images = (np.concatenate(part) for part in zip(*iter_gallery(paths[2]), strict=True))
    assert rows.tolist() == requests["row"].tolist()
    return {"requests": requests, "z": np.stack(latents["z"]), "images": images}


def test_every_request_is_drawn_from_its_latent(tmp_path):
    found = drawn(tmp_path, checkpoint(tmp_path))
    assert found["images"].shape == (2 * 75 + 16 + 125 + 5, 32, 32, 3)
    assert found["z"].shape == (7, 16) and found["z"].dtype == np.float32
    requests, images = found["requests"], found["images"]
    # the same request of the same latent occurs in two grids: once as zero, once in the joint grid
    asked = requests[["latent", "eyes", "mouth", "pose"]].round(6)
    twice = asked.duplicated(keep=False)
    assert twice.sum() >= 20
    for _, rows in asked[twice].groupby(list(asked.columns)).groups.items():
        assert all(np.array_equal(images[rows[0]], images[row]) for row in rows)
    assert len(np.unique(images.reshape(len(images), -1), axis=0)) > 200


def test_methods_of_one_width_meet_the_same_latents_and_requests(tmp_path):
    first = drawn(tmp_path / "a", checkpoint(tmp_path))
    second = drawn(tmp_path / "b", checkpoint(tmp_path, seed=4))
    assert np.array_equal(first["z"], second["z"])
    assert first["requests"].equals(second["requests"])
    assert not np.array_equal(first["images"], second["images"])
    other = drawn(tmp_path / "c", checkpoint(tmp_path), seed=8)
    assert not np.array_equal(first["z"], other["z"])
    more = drawn(tmp_path / "d", checkpoint(tmp_path), latents=3)
    assert np.array_equal(first["z"][:2], more["z"][:2])


def test_latents_come_from_a_posterior_where_there_is_one(tmp_path):
    mu = [np.full(16, value, np.float32) for value in (-3.0, 5.0)]
    table = pd.DataFrame({"id": [0, 1], "mu": mu, "log_variance": [np.full(16, -20.0)] * 2})
    write_table(tmp_path / "posterior.parquet", table)
    z = drawn(tmp_path, checkpoint(tmp_path), tmp_path / "posterior.parquet")["z"]
    assert (np.isclose(z, -3, atol=0.01) | np.isclose(z, 5, atol=0.01)).all()
    assert len(np.unique(z.round())) == 2


def test_a_checkpoint_that_cannot_be_driven_is_refused(tmp_path):
    save_network(tmp_path / "generator.safetensors", StyleGANGenerator(32, 16, 16, 16, 3, 512, 16))
    with pytest.raises(InputError, match=r"generator\.safetensors"):
        drawn(tmp_path, tmp_path / "generator.safetensors")
    assert not list(tmp_path.glob("*.parquet"))


# ---- judges


@pytest.fixture(scope="module")
def cnn(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("cnn") / "property_cnn.safetensors"
    with torch.random.fork_rng():
        torch.manual_seed(1)
        save_network(path, PropertyCNN(64))
    return path


def test_the_cnn_judge_answers_like_its_network_without_dropout(cnn, portraits):
    judge = load_judge("cnn", cnn)
    scores = judge.score(portraits)
    assert MEASURED == OUTPUTS and scores.shape == (COUNT, 7) and scores.dtype == np.float64
    pixels = torch.from_numpy(portraits).permute(0, 3, 1, 2).float() / 127.5 - 1
    with torch.no_grad():
        expected = judge.network.eval()(pixels).numpy()
    assert scores == pytest.approx(expected, abs=1e-4)
    assert np.array_equal(judge.score(portraits[3:8]), scores[3:8])


def test_the_segment_judge_measures_as_a_population_is_measured(tmp_path, portraits):
    ids = np.arange(COUNT)
    images, segments = tmp_path / "images.parquet", tmp_path / "segments.parquet"
    write_image_shard(images, ids, ids, np.zeros((COUNT, 2)), portraits)
    write_table(tmp_path / "filtered.parquet", pd.DataFrame({"id": ids}))
    segment([images], tmp_path / "filtered.parquet", [segments], "parser", PARSER)
    paths = {name: tmp_path / f"{name}.parquet" for name in MEASURED}
    options = {"hair_length": {"row_pixels": 30}, "eyes": {"rows": [50, 170]}, "hairstyle": {}}
    for name, path in paths.items():
        measure([segments], [images], path, "v2", name, options.get(name, {}))
    normalise(paths, tmp_path / "all.csv", tmp_path / "all.json")

    measuring = {
        "statistics": tmp_path / "all.json",
        "segmenter": "parser",
        "options": options,
    }
    judge = load_judge("segment", PARSER, measuring=measuring)
    table = read_table(tmp_path / "all.csv")
    expected = table[[f"{name}_score" for name in MEASURED]].to_numpy()
    assert judge.score(portraits) == pytest.approx(expected, abs=1e-9)
    assert np.array_equal(judge.score(portraits[:7]), judge.score(portraits)[:7])


def test_a_picture_without_a_face_has_no_score(portraits):
    class Picky(ParserSegmenter):
        """Sees no face in dark pictures."""

        def segment(self, images):
            found = images.mean(axis=(1, 2, 3)) > 20
            return replace(super().segment(images), found=found)

    statistics = {name: {"mean": 1.0, "std": 2.0} for name in MEASURED}
    judge = SegmentJudge(Picky(load_network(PARSER)), statistics)
    images = portraits[:4].copy()
    images[1] = 0
    missing = np.isnan(judge.score(images))
    assert missing[1].all() and not missing[[0, 2, 3]].any()
    assert np.isnan(judge.score(images[1:2])).all()


def test_judges_refuse_what_is_not_theirs(tmp_path, cnn):
    with pytest.raises(ModuleNotFoundError, match=r"judges\.person"):
        load_judge("person", cnn)
    with pytest.raises(InputError, match="parser.safetensors"):
        load_judge("cnn", PARSER)
    measuring = {"statistics": tmp_path / "all.json", "segmenter": "parser", "options": {}}
    statistics = {name: {"mean": 1.0, "std": 2.0} for name in MEASURED}
    write_json(tmp_path / "all.json", {name: statistics[name] for name in MEASURED[1:]})
    with pytest.raises(InputError, match="all.json lacks eyes; delete it"):
        load_judge("segment", PARSER, measuring=measuring)
    write_json(tmp_path / "all.json", statistics | {"pose": {"mean": 1.0, "std": 0.0}})
    with pytest.raises(InputError, match="pose of .*all.json"):
        load_judge("segment", PARSER, measuring=measuring).score(np.zeros((2, 64, 64, 3), np.uint8))


# ---- attributes


def saved(path: Path, network: torch.nn.Module) -> Path:
    save_network(path, network)
    return path


def test_the_annotator_reads_attributes_and_features(tmp_path, portraits):
    reader = load_reader(saved(tmp_path / "annotator.safetensors", Annotator(4)))
    assert isinstance(reader, AnnotatorReader) and reader.names == tuple(ATTRIBUTES)
    answers, features = reader.read(portraits)
    assert answers.shape == (COUNT, 4) and answers.dtype == np.float64
    assert features.shape == (COUNT, 16 * 16)
    with torch.no_grad():
        pixels = torch.from_numpy(portraits).permute(0, 3, 1, 2).float() / 127.5 - 1
        expected = torch.sigmoid(reader.network(pixels)).numpy()
    assert answers == pytest.approx(expected, abs=1e-5)


def test_without_an_annotator_the_first_folds_read(tmp_path, portraits):
    paths = [
        saved(tmp_path / f"{name}.safetensors", AttributeCNN(name, 64))
        for name in ("gender", "quality")
    ]
    reader = load_reader(None, paths)
    assert isinstance(reader, ClassifierReader) and reader.names == ("gender", "quality")
    answers, features = reader.read(portraits)
    assert answers.shape == (COUNT, 2) and features is None
    assert ((answers > 0) & (answers < 1)).all()


def to_read(folder: Path) -> tuple[AnnotatorReader, dict]:
    """Draw a method's pictures and nine filtered images; return a reader and paths for it."""
    drawn(folder, checkpoint(folder))
    images = np.random.default_rng(0).integers(0, 256, (9, 32, 32, 3), np.uint8)
    ids = np.arange(9)
    write_image_shard(folder / "images.parquet", ids, ids, np.zeros((9, 2)), images)
    write_table(folder / "filtered.parquet", pd.DataFrame({"id": ids}))
    reader = load_reader(saved(folder / "annotator.safetensors", Annotator(4)))
    return reader, {
        "requests_path": folder / "requests.parquet",
        "pictures_path": folder / "pictures.parquet",
        "image_paths": [folder / "images.parquet"],
        "filtered_path": folder / "filtered.parquet",
        "table_path": folder / "attributes.parquet",
        "quality_path": folder / "quality.json",
        "seed": 1,
    }


def test_attributes_of_a_method_and_the_quality_of_its_random_pictures(tmp_path):
    reader, arguments = to_read(tmp_path)
    ids = np.arange(9)
    read_attributes(reader, **arguments)
    requests, table = (read_table(tmp_path / f"{n}.parquet") for n in ("requests", "attributes"))
    assert list(table.columns) == ["row", *ATTRIBUTES, "drift", "elsewhere"]
    assert table["row"].tolist() == requests["row"].tolist()
    fixed = requests["latent"] < 2
    assert table["drift"].notna().tolist() == fixed.tolist()
    zero = fixed & (requests[["eyes", "mouth", "pose"]] == 0).all(axis=1)
    assert table.loc[zero, "drift"].to_numpy() == pytest.approx(np.zeros(zero.sum()), abs=1e-6)
    assert (table.loc[fixed & ~zero, "drift"] > 0).all()
    shown = read_gallery(tmp_path / "pictures.parquet", range(10))
    told = reader.read(shown)[0]
    assert table.loc[:9, list(ATTRIBUTES)].to_numpy() == pytest.approx(told, abs=1e-5)

    quality = read_json(tmp_path / "quality.json")
    assert set(quality["log_odds_std"]) == set(ATTRIBUTES)
    random = quality["random"]
    assert random["compared"] == 4  # of nine filtered pictures, twice
    assert random["kernel_distance"] > random["kernel_distance_floor"] >= 0
    assert random["sliced_wasserstein"] > random["sliced_wasserstein_floor"] > 0
    assert min(random["diversity"], random["filtered_diversity"]) > 0

    write_table(tmp_path / "requests.parquet", requests[:-1])
    with pytest.raises(InputError, match="pictures.parquet holds other pictures than"):
        read_attributes(reader, **arguments)
    write_table(tmp_path / "requests.parquet", requests)
    write_table(tmp_path / "filtered.parquet", pd.DataFrame({"id": ids[:3]}))
    with pytest.raises(InputError, match="filtered.parquet keeps 3 images"):
        read_attributes(reader, **arguments)


class Faces:
    """An identity reader that sees a face where the mean of red is above a threshold.

    Args:
        threshold: of levels.
        noise: whether it also sees one in the filtered images, which are noise.
    """

    def __init__(self, threshold: float, noise: bool = True) -> None:
        self.threshold, self.noise, self.seen = threshold, noise, 0

    def read(self, images: np.ndarray) -> np.ndarray:
        self.seen += len(images)
        colours = images.mean(axis=(1, 2)).astype(np.float32)
        noise = images.std(axis=(1, 2, 3)) > 70
        colours[(colours[:, 0] <= self.threshold) & ~(noise & self.noise)] = np.nan
        return colours / np.linalg.norm(colours, axis=1, keepdims=True)


def test_drift_is_measured_by_the_identity_embedding_where_there_is_one(tmp_path):
    reader, arguments = to_read(tmp_path)
    read_attributes(reader, **arguments)
    plain, quality = (
        read_table(tmp_path / "attributes.parquet"), read_json(tmp_path / "quality.json"),
    )  # fmt: skip
    requests = read_table(tmp_path / "requests.parquet")
    shown = read_gallery(tmp_path / "pictures.parquet", range(len(requests)))
    fixed = (requests["latent"] < 2).to_numpy()
    zero = fixed & (requests[["eyes", "mouth", "pose"]] == 0).all(axis=1).to_numpy()
    red = shown.mean(axis=(1, 2))[:, 0]

    every = Faces(0)
    read_attributes(reader, **arguments, identity=every)
    table = read_table(tmp_path / "attributes.parquet")
    assert table["drift"].notna().tolist() == fixed.tolist()
    assert table.loc[zero, "drift"].to_numpy() == pytest.approx(np.zeros(zero.sum()), abs=1e-5)
    assert (table["drift"] - plain["drift"]).abs().max() > 0.01
    assert every.seen == fixed.sum() + 2 + 4  # no random picture; zero requests, filtered images
    assert table.drop(columns="drift").equals(plain.drop(columns="drift"))
    assert read_json(tmp_path / "quality.json") == quality

    # without a face there is no drift, and none at all where the all-zero picture shows no face
    anchors = [red[zero & (requests["latent"] == latent)][0] for latent in range(2)]
    threshold = float(np.mean(anchors))
    some = Faces(threshold)
    read_attributes(reader, **arguments, identity=some)
    drift = read_table(tmp_path / "attributes.parquet")["drift"]
    expected = (red > threshold) & (requests["latent"] == np.argmax(anchors)).to_numpy()
    assert 0 < expected.sum() < fixed.sum()
    assert drift.notna().tolist() == expected.tolist()

    with pytest.raises(InputError, match=r"no face in 4 images of .*filtered.parquet"):
        read_attributes(reader, **arguments, identity=Faces(255, noise=False))


def test_change_elsewhere_leaves_out_the_part_that_shows_the_property(tmp_path):
    requests = build_requests(2, 1, 2, seed=1)
    images = np.full((len(requests), 32, 32, 3), 100, np.uint8)
    images[requests["eyes"] != 0, 12:18, 8:24] = 200  # the eyes' part, as in the property CNN
    images[requests["mouth"] == 2, 0, :16] = 116  # the upper edge: 16 pixels
    with gallery(tmp_path / "pictures.parquet") as album:
        album.append(requests["row"].to_numpy(), images)
    compare = ChangeElsewhere(requests, tmp_path / "pictures.parquet")
    found = compare(requests["row"].to_numpy(), images)
    zero = (requests[list(CONTROLLED)] == 0).all(axis=1)
    single = (requests["grid"] == "levels") & ~zero
    assert np.isfinite(found).tolist() == single.tolist()
    assert not found[single & (requests["mouth"] != 2)].any()
    outside = 32 * 32 - 6 * 8  # all but the mouth's part
    assert found[single & (requests["mouth"] == 2)] == pytest.approx([16 * 16 / outside] * 2)
