"""FaceXFormer: agrees with the published code, and segments behind the common interface."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from factories import MAP_PAIRS, read_segment_shard
from PIL import Image
from torchvision.transforms import functional as TF

from ohlora_lib.errors import InputError
from ohlora_lib.networks.face_detection import FaceDetector
from ohlora_lib.networks.facexformer import FaceXFormer
from ohlora_lib.networks.facexformer_heads import ATTRIBUTES
from ohlora_lib.networks.facexformer_segmenter import MEAN, STD, FaceXFormerSegmenter
from ohlora_lib.networks.files import load_network, save_network
from ohlora_lib.networks.segmentation import load_segmenter
from ohlora_lib.populations.raw_scores import raw_scores
from ohlora_lib.populations.score_function import ScoreFunction
from ohlora_lib.populations.score_property import measure
from ohlora_lib.populations.segment_images import segment
from ohlora_lib.scores import eyes
from ohlora_lib.store.shards import write_image_shard
from ohlora_lib.store.tables import read_table, write_table

ROOT = Path(__file__).parents[1]
FIXTURES = Path(__file__).parent / "fixtures"
COMPOSITES = FIXTURES / "mtcnn/composites"
FACES = ROOT.parent / "shared/data/faces256"  # not part of the repository
DETECTOR = ROOT / "resources/mtcnn/mtcnn.safetensors"
PARSER = ROOT / "resources/embedded/parser.safetensors"
HEADS = ("landmarks", "headpose", "attributes", "visibility", "age", "gender", "race")


# ---- the network, filled as tests/fixtures/facexformer/README.md says


def entries() -> dict:
    return json.loads((FIXTURES / "facexformer/state_dict.json").read_text())["state_dict"]


def filled() -> dict[str, torch.Tensor]:
    """Return random weights, the same as those the published code was given."""
    layout, rng = entries(), np.random.default_rng(20240)
    tensors = {}
    for key in sorted(key for key in layout if layout[key]["kind"] == "parameter"):
        shape = layout[key]["shape"]
        values = rng.standard_normal(shape)
        if len(shape) == 1:
            values = 1 + 0.1 * values if key.endswith(".weight") else 0.1 * values
        elif key.endswith(("_token.weight", "mask_tokens.weight")):
            values = 3 * values
        elif key.endswith("relative_position_bias_table"):
            values = 0.5 * values
        else:
            values = values * np.sqrt(2 / np.prod(shape[1:]))
        tensors[key] = torch.from_numpy(values.astype(np.float32))
    places = rng.standard_normal((2, 128)).astype(np.float32)
    return tensors | {"pe_layer.positional_encoding_gaussian_matrix": torch.from_numpy(places)}


@pytest.fixture(scope="module")
def published() -> FaceXFormer:
    network = FaceXFormer().eval()
    network.load_state_dict(filled(), strict=False)  # all but the 24 index buffers
    return network


@pytest.mark.slow
def test_the_weights_are_filled_as_the_fixture_was(published):
    state = published.state_dict()
    table = pd.read_csv(FIXTURES / "facexformer/fill_check.csv")
    assert len(table) == 481
    for row in table.itertuples():
        values = state[row.key].double().flatten()
        ends = [float(values[0]), float(values[-1]), float(values.sum())]
        assert ends == pytest.approx([row.first, row.last, row.sum], rel=1e-6, abs=1e-6), row.key


@pytest.mark.slow
@torch.inference_mode()
def test_the_published_network_has_the_published_outputs(published):
    layout = entries()
    state = published.state_dict()
    assert {key: list(value.shape) for key, value in state.items()} == {
        key: entry["shape"] for key, entry in layout.items()
    }
    assert len(layout) == 505
    assert sum(value.numel() for value in published.parameters()) == 91_985_943

    expected = np.load(FIXTURES / "facexformer/parity.npz")
    pixels = np.random.default_rng(555).standard_normal((2, 3, 224, 224)).astype(np.float32)
    stages = published.stages(torch.from_numpy(pixels))
    fused = published.fuse(stages)
    for index, stage in enumerate((*(stage.permute(0, 3, 1, 2) for stage in stages), fused)):
        name = f"stage{index + 1}" if index < 4 else "fused"
        assert stage.shape == tuple(expected[f"{name}_shape"])
        values = stage.reshape(-1)[expected[f"{name}_index"]].numpy()
        assert values == pytest.approx(expected[f"{name}_value"], abs=1e-4), name
    output = published.face_decoder(fused, published.pe_layer(56, 56))
    logits = output.segmentation.numpy()
    image, y, x = expected["positions"].T
    assert logits[image, :, y, x] == pytest.approx(expected["logits"], abs=5e-4)
    clear = expected["margin"] >= 1e-3
    assert np.array_equal(logits.argmax(axis=1)[clear], expected["argmax"][clear])
    for name in HEADS:
        found = getattr(output, name).flatten(1).numpy()
        assert found == pytest.approx(expected[f"head_{name}"], abs=1e-4), name


@pytest.mark.slow
def test_the_published_size_runs_from_its_checkpoint(published, tmp_path):
    save_network(tmp_path / "facexformer.safetensors", published)
    segmenter = load_segmenter(
        "facexformer", tmp_path / "facexformer.safetensors", DETECTOR, batch_size=1
    )
    found = segmenter.segment(picture("large_and_small")[None])
    assert found.found.all() and len(np.unique(found.class_maps)) > 3


# ---- the segmenter, with a network of the same structure but small


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Path:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        network = FaceXFormer(16, (1, 1, 1, 1), (1, 2, 4, 8))
        for name in ("mask_tokens", "pose_token", "attribute_token"):
            network.face_decoder.get_submodule(name).weight.data.mul_(3)
    path = tmp_path_factory.mktemp("facexformer") / "small.safetensors"
    save_network(path, network)
    return path


@pytest.fixture(scope="module")
def segmenter(small) -> FaceXFormerSegmenter:
    return load_segmenter("facexformer", small, DETECTOR, batch_size=2)


def picture(name: str) -> np.ndarray:
    return np.array(Image.open(COMPOSITES / f"{name}.png"))


def square() -> np.ndarray:
    """Return three pictures 256 px a side: a face, noise, the face mirrored."""
    face = picture("large_and_small")[:, :256]
    return np.stack([face, picture("no_face_noise"), face[:, ::-1]])


def crops(table: str) -> pd.DataFrame:
    """Return the reference's face cut of every picture of a table."""
    rows = pd.read_csv(FIXTURES / "mtcnn" / table)
    rows = rows[rows["box_index"] == 0].set_index("file")
    return rows[[f"crop_{side}" for side in ("x_min", "y_min", "x_max", "y_max")]]


def test_the_largest_face_is_cut_out_as_in_the_reference(segmenter):
    for name, expected in crops("boxes_composites.csv").iterrows():
        cuts, found = segmenter.locate(picture(Path(name).stem)[None])
        assert found.all() and cuts[0] == pytest.approx(expected.to_numpy(), abs=1)


@pytest.mark.skipif(not FACES.is_dir(), reason="needs ../shared/data/faces256")
def test_generated_faces_are_cut_out_as_in_the_reference(segmenter):
    expected = crops("boxes.csv")
    images = np.stack([np.array(Image.open(FACES / name)) for name in expected.index])
    cuts, found = segmenter.locate(images)
    assert len(images) == 40 and found.all()
    assert cuts == pytest.approx(expected.to_numpy(), abs=1)


@torch.inference_mode()
def test_a_cut_is_parsed_as_the_published_script_prepares_it(segmenter, small):
    image = picture("two_faces_side_by_side")  # twice as wide as high
    found = segmenter.segment(image[None])
    face = Image.fromarray(image).crop(tuple(int(side) for side in found.cuts[0]))
    face = TF.resize(face, [224, 224], TF.InterpolationMode.BICUBIC)
    output = load_network(small)(TF.normalize(TF.to_tensor(face), MEAN, STD)[None])
    top = output.segmentation[0].topk(2, dim=0)
    clear = (top.values[0] - top.values[1] > 1e-4).numpy()
    assert clear.mean() > 0.99 and len(np.unique(found.class_maps)) > 1
    assert np.array_equal(found.class_maps[0][clear], top.indices[0].numpy()[clear])
    reading = segmenter.read(image[None])
    assert reading.angles == pytest.approx(np.rad2deg(output.headpose.numpy()), abs=1e-3)
    assert reading.attributes == pytest.approx(output.attributes.sigmoid().numpy(), abs=1e-5)
    assert reading.attributes.shape == (1, len(ATTRIBUTES)) and len(set(ATTRIBUTES)) == 40
    for name in ("age", "gender"):
        said = getattr(output, name).softmax(dim=1).numpy()
        assert getattr(reading, name) == pytest.approx(said, abs=1e-5)


def test_a_picture_without_a_face_is_background_and_marked(segmenter):
    found = segmenter.segment(square())
    assert found.found.tolist() == [True, False, True]
    assert not found.class_maps[1].any() and found.class_maps[[0, 2]].any(axis=(1, 2)).all()
    assert found.cuts[1].tolist() == [0, 0, 256, 256] and found.cuts.dtype == np.float32
    reading = segmenter.read(square())
    assert np.isnan(reading.angles).all(axis=1).tolist() == [False, True, False]
    for values in (reading.attributes, reading.age, reading.gender):
        assert np.isnan(values).any(axis=1).tolist() == [False, True, False]


def test_a_map_does_not_depend_on_its_company(segmenter):
    together = segmenter.segment(square())
    for index, image in enumerate(square()):
        alone = segmenter.segment(image[None])
        assert np.array_equal(alone.class_maps[0], together.class_maps[index])
        assert np.array_equal(alone.cuts[0], together.cuts[index])


@pytest.mark.parametrize("size", [(1, 1), (7, 300)])
def test_tiny_pictures_have_no_face(segmenter, size):
    found = segmenter.segment(np.full((2, *size, 3), 128, np.uint8))
    assert not found.found.any() and not found.class_maps.any()
    assert found.cuts.tolist() == [[0, 0, size[1], size[0]]] * 2
    assert segmenter.segment(np.empty((0, *size, 3), np.uint8)).class_maps.shape == (0, 224, 224)


def test_a_box_beside_the_picture_is_no_face(segmenter, monkeypatch):
    faces = segmenter.detector.detect(square()[:1])
    faces[0].boxes[0] = [300, 10, 310, 60]
    monkeypatch.setattr(FaceDetector, "detect", lambda self, images: faces)
    cuts, found = segmenter.locate(square()[:1])
    assert not found[0] and cuts[0].tolist() == [0, 0, 256, 256]


def test_images_without_a_face_are_counted_and_have_no_scores(small, tmp_path, capsys):
    images, ids = square(), np.array([4, 7, 9])
    shard, segments = tmp_path / "images.parquet", tmp_path / "segments.parquet"
    write_image_shard(shard, ids, ids, np.zeros((3, 2)), images)
    write_table(tmp_path / "kept.parquet", pd.DataFrame({"id": ids}))
    segment([shard], tmp_path / "kept.parquet", [segments], "facexformer", small, DETECTOR, 2)
    assert "1 of 3 images without a face" in capsys.readouterr().out
    rows = read_segment_shard(segments)
    assert rows.found.tolist() == [True, False, True] and (rows.cuts[1] == [0, 0, 256, 256]).all()
    for algorithm, name in MAP_PAIRS:
        measure([segments], [shard], tmp_path / "score.parquet", algorithm, name, {}, batch_size=1)
        assert read_table(tmp_path / "score.parquet")["id"].tolist() == [4, 9]


def test_scores_see_the_face_cut(segmenter):
    images = square()
    seen = []

    def brightness(maps, faces, landmarks):
        seen.append(faces)
        return faces.mean(axis=(1, 2, 3))

    scores = raw_scores(images, segmenter, [ScoreFunction(eyes, "v2"), brightness])
    assert np.isnan(scores).all(axis=1).tolist() == [False, True, False]
    face = Image.fromarray(images[0]).crop(tuple(segmenter.locate(images)[0][0].astype(int)))
    expected = face.resize((224, 224), Image.Resampling.BICUBIC)
    assert len(seen[0]) == 2 and np.array_equal(seen[0][0], np.asarray(expected))


def test_wrong_checkpoints_are_refused_in_a_sentence(small):
    with pytest.raises(InputError, match=r"parser\.safetensors .*facexformer"):
        load_segmenter("facexformer", PARSER, DETECTOR)
    with pytest.raises(InputError, match=r"parser\.safetensors .*mtcnn"):
        load_segmenter("facexformer", small, PARSER)
    with pytest.raises(InputError, match=r"small\.safetensors .*face_parser"):
        load_segmenter("parser", small)
    with pytest.raises(InputError, match=r"detector is null.*resources/mtcnn"):
        load_segmenter("facexformer", small)
