"""The property CNN: published layout, crops, training, scoring, its figure."""

import json
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ohlora_lib.errors import InputError
from ohlora_lib.networks.files import load_network, save_network
from ohlora_lib.networks.hair_texture import HairTexture, hair_shares
from ohlora_lib.networks.property_cnn import (
    BRANCHES,
    OUTPUTS,
    HairstyleCNN,
    PropertyBranch,
    PropertyCNN,
    predict,
)
from ohlora_lib.populations.learn_scores import (
    merge_networks,
    read_scores,
    score_kept,
    score_property_cnn,
    train_property_cnn,
)
from ohlora_lib.reporting.published import SCORE_NETWORKS
from ohlora_lib.reporting.score_regression_figure import plot_property_cnn
from ohlora_lib.scores import ALGORITHMS, hairstyle, pose
from ohlora_lib.scores.regions import EYE_LEFT, EYE_RIGHT
from ohlora_lib.seeds import rng
from ohlora_lib.store.face_cuts import face_cut
from ohlora_lib.store.picture_tensors import to_float
from ohlora_lib.store.shards import write_image_shard
from ohlora_lib.store.tables import read_json, read_table, write_json, write_table
from ohlora_lib.training import score_regression as property_cnn
from ohlora_lib.training.score_regression import (
    PropertyOptions,
    ScoredFaces,
    agreement,
    calibrate,
    split,
)

LAYOUTS = Path(__file__).parent / "fixtures" / "published_layouts" / "state_dicts.json"
FILE = "stylegan_gen_fine_tuned_v2_cnn.pth (property score CNN, 7 scores)"
MERGED = "merged property CNN (v8, 8 scores)"
CROPS = {  # rows, columns seen at 256 pixels, and the outputs told from them
    "eyes": ((96, 144), (64, 192), (0,)),
    "mouth": ((160, 208), (96, 160), (3,)),
    "pose": ((112, 160), (88, 168), (4,)),
    "hair_color": ((0, 256), (0, 256), (1,)),
    "hair_length": ((128, 256), (0, 256), (2,)),
    "background": ((0, 128), (0, 256), (5, 6)),
}
PARAMETERS = {  # at 256 pixels
    "eyes": 1_965_697,
    "mouth": 917_121,
    "pose": 3_030_785,
    "hair_color": 1_605_505,
    "hair_length": 1_998_721,
    "background": 1_998_978,
}
FACES = 60


class Killed(BaseException):
    """Stands for a kill in the middle of a training."""


# ---- network


def test_is_the_published_network_at_256():
    layout = json.loads(LAYOUTS.read_text())[FILE]
    network = PropertyCNN(256).eval()
    assert {key: list(tensor.shape) for key, tensor in network.state_dict().items()} == layout
    assert list(network.state_dict()) == list(layout)
    assert sum(tensor.numel() for tensor in network.parameters()) == 11_516_807
    for name, branch in zip(BRANCHES, network.branches(), strict=True):
        assert sum(tensor.numel() for tensor in branch.parameters()) == PARAMETERS[name]
    network.load_state_dict({key: torch.zeros(shape) for key, shape in layout.items()})
    assert network(torch.rand(1, 3, 256, 256)).tolist() == [[0.0] * 7]


def test_outputs_are_the_seven_scores_in_their_order():
    assert OUTPUTS == ALGORITHMS["v1"]
    network = PropertyCNN(64).eval()
    with torch.no_grad():
        for branch in network.branches():
            branch.fc_final.weight.zero_()
            names = torch.tensor([float(OUTPUTS.index(name)) for name in branch.outputs])
            branch.fc_final.bias.copy_(names)
    assert network(torch.rand(2, 3, 64, 64)).tolist() == [[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0]] * 2


@pytest.mark.parametrize("resolution", [64, 256])
@pytest.mark.parametrize("name", BRANCHES)
def test_every_output_sees_its_crop_and_nothing_else(name, resolution):
    network = PropertyCNN(resolution).eval()
    rows, columns, outputs = CROPS[name]
    rows, columns = (
        slice(*(edge * resolution // 256 for edge in each)) for each in (rows, columns)
    )
    outside = torch.ones(resolution, resolution, dtype=torch.bool)
    outside[rows, columns] = False
    for output in outputs:
        image = torch.rand(1, 3, resolution, resolution, requires_grad=True)
        network(image)[:, output].sum().backward()
        seen = image.grad.abs().sum(dim=(0, 1)) > 0
        assert not seen[outside].any()
        assert seen[rows, columns].float().mean() > 0.8


def test_a_branch_alone_does_what_it_does_inside():
    network = PropertyCNN(64).eval()
    image = torch.rand(2, 3, 64, 64)
    found = network(image)
    for name, (_, _, outputs) in CROPS.items():
        branch = PropertyBranch(name, 64).eval()
        branch.load_state_dict(network.get_submodule(f"{name}_score_cnn").state_dict())
        assert torch.equal(branch(image), found[:, list(outputs)])


@pytest.mark.parametrize("resolution", [32, 64, 96, 128, 224])
def test_small_family_is_fast(resolution):
    network = PropertyCNN(resolution).eval()
    products = []
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d | torch.nn.Linear):
            module.register_forward_hook(
                lambda m, _i, out: products.append(out.numel() * m.weight[0].numel())
            )
    with torch.inference_mode():
        found = network(torch.rand(1, 3, resolution, resolution))
    assert found.shape == (1, 7) and found.isfinite().all()
    assert sum(products) < 8e6 * max(1, (resolution / 64) ** 2)


def test_dropout_only_in_training_mode():
    network = PropertyCNN(64)
    image = torch.rand(2, 3, 64, 64)
    assert not torch.equal(network.train()(image), network(image))
    assert torch.equal(network.eval()(image), network(image))


def test_checkpoint_round_trip(tmp_path):
    network = PropertyCNN(64, dropout=0.3).eval()
    save_network(tmp_path / "cnn.safetensors", network)
    loaded = load_network(tmp_path / "cnn.safetensors", "property_cnn")
    image = torch.rand(2, 3, 64, 64)
    assert loaded.config() == network.config() and torch.equal(loaded(image), network(image))


def test_refuses_wrong_arguments():
    with pytest.raises(ValueError, match="resolution"):
        PropertyCNN(72)
    with pytest.raises(ValueError, match="name must be one of"):
        PropertyBranch("nose", 64)
    with pytest.raises(ValueError, match="image must be"):
        PropertyCNN(64)(torch.rand(1, 3, 32, 32))


# ---- the eighth score


def test_is_the_published_hairstyle_network_at_256():
    layout = json.loads(LAYOUTS.read_text())[MERGED]
    prefix = "hairstyle_score_cnn."
    own = {key.removeprefix(prefix): shape for key, shape in layout.items() if prefix in key}
    network = HairstyleCNN(256)
    assert {key: list(tensor.shape) for key, tensor in network.state_dict().items()} == own
    assert list(network.state_dict()) == list(own)
    assert sum(tensor.numel() for tensor in network.parameters()) == 8_605_377


def test_merged_is_the_published_network_of_eight_scores_at_256():
    layout = json.loads(LAYOUTS.read_text())[MERGED]
    network = PropertyCNN(256, hairstyle=True).eval()
    assert {key: list(tensor.shape) for key, tensor in network.state_dict().items()} == layout
    assert list(network.state_dict()) == list(layout)
    assert sum(tensor.numel() for tensor in network.parameters()) == 11_516_807 + 8_605_377
    assert network.outputs == ALGORITHMS["v2"]
    network.load_state_dict({key: torch.zeros(shape) for key, shape in layout.items()})
    assert network(torch.rand(1, 3, 256, 256)).tolist() == [[0.0] * 8]


def test_the_hairstyle_is_seen_left_and_right_of_the_chin():
    network = HairstyleCNN(256).eval()
    image = torch.rand(1, 3, 256, 256, requires_grad=True)
    network(image).sum().backward()
    seen = image.grad.abs().sum(dim=(0, 1)) > 0
    looked = torch.zeros(256, 256, dtype=torch.bool)
    looked[128:, :96] = looked[128:, 160:] = True
    assert not seen[~looked].any() and seen[looked].float().mean() > 0.8


@pytest.mark.parametrize("resolution", [32, 64, 96])
def test_the_small_hairstyle_network_sees_the_lower_half(resolution):
    network = HairstyleCNN(resolution).eval()
    image = torch.rand(1, 3, resolution, resolution, requires_grad=True)
    network(image).sum().backward()
    seen = image.grad.abs().sum(dim=(0, 1)) > 0
    half = resolution // 2
    assert not seen[: half - 2].any()  # the bicubic curve reaches two pixels beyond
    assert seen[half:].float().mean() > 0.8


def test_the_small_hairstyle_network_compares_as_the_score_does():
    """Told exactly where hair is, it gives the score of the segmentation."""
    pictures = rng(1).integers(0, 256, (6, 64, 64, 3)).astype(np.uint8)
    pictures = np.stack([cv2.GaussianBlur(picture, (0, 0), 1.5) for picture in pictures])
    maps = np.zeros((6, 224, 224), np.uint8)
    for number, hair in enumerate(maps):
        hair[112:, 20 + 8 * number : 90] = hair[100 + 10 * number :, 140:200] = 10
    whole = np.tile(np.float32([0, 0, 64, 64]), (6, 1))
    wanted = hairstyle.v2(maps, face_cut(pictures, whole))
    texture = HairTexture(64)
    known = torch.from_numpy(maps[:, None, 112:] == 10).float() * 200 - 100
    texture._find = lambda x: known  # log odds, as fine as the score's own grid
    with torch.no_grad():
        texture.log_weight_of_none.fill_(-20.0)
        found, _ = texture(to_float(pictures))
    np.testing.assert_allclose(found[:, 0], wanted, rtol=0.01)


def test_one_edge_cannot_make_hair_curly():
    stripes = torch.ones(1, 3, 64, 64)
    stripes[:, :, ::4] = stripes[:, :, 1::4] = -1  # light and dark rows: nothing changes sideways
    texture = HairTexture(64)
    texture._find = lambda x: torch.full((1, 1, 64, 128), 100.0)
    with torch.no_grad():
        assert texture(stripes)[0].item() <= 2


def test_maps_of_hair_are_brought_to_the_networks_grid():
    hair = torch.zeros(1, 224, 224, dtype=torch.bool)
    hair[:, 168:, 112:] = True
    shares = hair_shares(hair, 64)
    assert shares.shape == (1, 1, 64, 128)
    assert shares[..., 32:, 64:].eq(1).all() and shares.sum() == 32 * 64


def test_a_hairstyle_network_survives_its_file(tmp_path):
    network = HairstyleCNN(64, dropout=0.1).eval()
    save_network(tmp_path / "cnn.safetensors", network)
    loaded = load_network(tmp_path / "cnn.safetensors", "hairstyle_cnn")
    image = torch.rand(2, 3, 64, 64)
    assert loaded.config() == network.config() and torch.equal(loaded(image), network(image))
    with pytest.raises(ValueError, match="image must be"):
        network(torch.rand(1, 3, 32, 32))


def merge(folder: Path, hairstyle_resolution: int = 64) -> list[torch.nn.Module]:
    """Write and merge two networks of random weights; return these."""
    parts = [PropertyCNN(64, dropout=0.3).eval(), HairstyleCNN(hairstyle_resolution).eval()]
    paths = [folder / "seven.safetensors", folder / "one.safetensors"]
    for path, part in zip(paths, parts, strict=True):
        save_network(path, part)
    merge_networks(*paths, folder / "merged.safetensors")
    return parts


def test_merging_changes_no_answer(tmp_path):
    parts = merge(tmp_path)
    merged = load_network(tmp_path / "merged.safetensors", "property_cnn")
    images, _ = toy(70)
    found = predict(merged, images)
    assert found.shape == (70, 8) and merged.outputs == (*OUTPUTS, "hairstyle")
    assert np.array_equal(found, np.hstack([predict(part, images) for part in parts]))
    some = ("hairstyle", "background_std", "eyes")
    columns = [merged.outputs.index(name) for name in some]
    assert np.array_equal(predict(merged, images, some), found[:, columns])
    before = (tmp_path / "merged.safetensors").read_bytes()
    arguments = [tmp_path / f"{name}.safetensors" for name in ("seven", "one", "merged")]
    merge_networks(*arguments)
    assert arguments[2].read_bytes() == before


def test_networks_that_cannot_be_merged_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"sees 64 pixels and .*one\.safetensors 32"):
        merge(tmp_path, 32)
    seven = tmp_path / "seven.safetensors"
    with pytest.raises(InputError, match="holds a property_cnn network where a hairstyle_cnn"):
        merge_networks(seven, seven, tmp_path / "merged.safetensors")
    assert not (tmp_path / "merged.safetensors").exists()


# ---- training


def toy(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return noisy pictures and scores: the brightness of each property's crop."""
    draw = np.random.default_rng(seed)
    scores = draw.normal(size=(count, 7)).clip(-2, 2)
    images = draw.integers(100, 156, (count, 64, 64, 3)).astype(float)
    images[:, 2:20] += 30 * scores[:, 5, None, None, None]  # background
    images[:, 24:36, 16:48, 0] += 40 * scores[:, 0, None, None]  # eyes
    images[:, 42:50, 26:38, 1] += 40 * scores[:, 3, None, None]  # mouth
    images[:, 52:] += 30 * scores[:, 2, None, None, None]  # hair length
    return images.clip(0, 255).astype(np.uint8), scores


def fit(folder, images, scores, pose_unit=None, seed=0, **options) -> property_cnn.Trained:
    train, validation = split(len(images), 0.1, seed)
    data = ScoredFaces(images, scores, train, validation, pose_unit=pose_unit)
    return property_cnn.train_property_cnn(data, PropertyOptions(**options), seed, folder)


def same_weights(first: torch.nn.Module, second: torch.nn.Module) -> bool:
    states = first.state_dict(), second.state_dict()
    return all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_split_is_seeded_and_complete():
    train, validation = split(100, 0.1, 7)
    assert len(validation) == 10 and sorted([*train, *validation]) == list(range(100))
    assert np.array_equal(validation, split(100, 0.1, 7)[1])
    assert not np.array_equal(validation, split(100, 0.1, 8)[1])
    with pytest.raises(InputError, match="only 3 images have property scores"):
        split(3, 0.1, 0)


def test_learns_what_is_visible(tmp_path):
    trained = fit(tmp_path, *toy(160), epochs=2, batch=8)
    assert not trained.network.training and len(trained.history) == 2
    found = trained.history[trained.best_epoch - 1]
    for name in ("eyes", "hair_length", "mouth", "background_mean"):
        assert found[f"corr_{name}"] > 0.85, found
    losses = [row["loss_without_background_std"] for row in trained.history]
    assert losses.index(min(losses)) == trained.best_epoch - 1
    images, scores = toy(100, seed=9)
    answers = predict(trained.network, images)
    assert np.corrcoef(answers[:, 0], scores[:, 0])[0, 1] > 0.85
    part = predict(trained.network, images[:10])
    assert np.array_equal(part, answers[:10])


def test_a_hairstyle_network_learns_where_hair_is_and_how_curly(tmp_path):
    draw = rng(0)
    count = 160
    images = draw.integers(190, 210, (count, 64, 64, 3)).astype(float)
    maps = np.zeros((count, 224, 224), np.uint8)
    for image, hair in zip(images, maps, strict=True):
        top, left, width = draw.integers(34, 44), draw.integers(4, 30), draw.integers(12, 24)
        here = slice(top, 62), slice(left, left + width)
        across, down = draw.uniform(0, 40, 2)  # strength of stripes either way
        rows, columns = np.mgrid[here]
        shade = 70 + across * np.sin(rows * 1.3) + down * np.sin(columns * 1.3)
        image[here] = shade[..., None]
        hair[top * 7 // 2 : 217, left * 7 // 2 : (left + width) * 7 // 2] = 10
    images = images.clip(0, 255).astype(np.uint8)
    whole = np.tile(np.float32([0, 0, 64, 64]), (count, 1))
    scores = hairstyle.v2(maps, face_cut(images, whole))[:, None]
    scores = (scores - scores.mean()) / scores.std()
    train, validation = split(count, 0.2, 0)
    data = ScoredFaces(images, scores, train, validation, np.packbits(maps == 10, axis=-1))
    options = PropertyOptions(learning_rate=5e-3, epochs=10, batch=8)
    trained = property_cnn.train_property_cnn(data, options, 0, tmp_path, HairstyleCNN)
    assert isinstance(trained.network, HairstyleCNN) and not trained.network.training
    found = trained.history[trained.best_epoch - 1]
    assert found["corr_hairstyle"] > 0.9
    _, hair = trained.network.score_and_hair(to_float(images[validation]))
    shares = hair_shares(torch.from_numpy(maps[validation] == 10), 64)
    assert ((hair > 0) == (shares > 0.5)).float().mean() > 0.95


def test_a_killed_training_goes_on_to_the_same_weights(tmp_path, monkeypatch):
    images, scores = toy(FACES)
    straight = fit(tmp_path / "a", images, scores, epochs=3)
    usual = property_cnn.validate
    calls = []

    def killed(*arguments):
        calls.append(None)
        if len(calls) == 2:
            raise Killed
        return usual(*arguments)

    monkeypatch.setattr(property_cnn, "validate", killed)
    with pytest.raises(Killed):
        fit(tmp_path / "b", images, scores, epochs=3)
    resumed = fit(tmp_path / "b", images, scores, epochs=3)
    assert len(calls) == 4  # the first epoch was not repeated
    assert resumed.history == straight.history and resumed.best_epoch == straight.best_epoch
    assert same_weights(resumed.network, straight.network)
    again = fit(tmp_path / "b", images, scores, epochs=3)  # finished before
    assert len(calls) == 4 and same_weights(again.network, straight.network)
    fit(tmp_path / "b", images, scores, seed=1, epochs=1)  # another seed starts anew
    assert len(calls) == 5


def test_stops_when_validation_does_not_improve(tmp_path, monkeypatch):
    losses = iter([3.0, 2.0, 2.5, 2.5, 2.5, 1.0])
    answer = {"loss": 9.0} | {f"corr_{name}": 0.0 for name in OUTPUTS}

    def validate(*_):
        return {**answer, "loss_without_background_std": next(losses)}

    monkeypatch.setattr(property_cnn, "validate", validate)
    trained = fit(tmp_path, *toy(20), epochs=6, patience=1)
    assert (trained.best_epoch, len(trained.history)) == (2, 4)


@settings(max_examples=20, deadline=None)
@given(st.floats(-0.25, 0.25), st.floats(-20, 20))
def test_a_rotated_face_has_the_pose_that_its_eyes_show(slope, degrees):
    mean, std = 0.01, 0.1
    y, x = np.mgrid[:224, :224]
    picture = np.zeros((224, 224, 3), np.uint8)
    for channel, side in enumerate((-1, 1)):
        away = (x - 112 - 45 * side) ** 2 + (y - 105 - 45 * side * slope) ** 2
        picture[away < 144, channel] = 255
    scores = np.array([(slope - mean) / std])
    if not len(property_cnn.eye_lines(scores, (mean, std))):  # the score stands for absent eyes
        assert abs(slope) < 2e-5
        return
    turned, wanted = property_cnn.tilt(
        to_float(picture[None]), scores, np.array([degrees]), (mean, std)
    )
    eyes = turned[0].numpy() > 0
    class_map = np.zeros((1, 224, 224), np.uint8)
    class_map[0, eyes[0]], class_map[0, eyes[1]] = EYE_LEFT, EYE_RIGHT
    assert pose.v2(class_map)[0] == pytest.approx(mean + std * float(wanted[0]), abs=0.01)


def test_pictures_without_eyes_are_not_rotated():
    scores = np.array([1.0, np.nan, -0.1, -1.0])  # the third's raw score is 0
    assert property_cnn.eye_lines(scores, (0.01, 0.1)).tolist() == [0, 3]


def test_pictures_rotated_by_nothing_stay_as_they_are():
    pictures = torch.arange(2.0).reshape(2, 1, 1, 1).expand(2, 3, 32, 32)
    turned, wanted = property_cnn.tilt(pictures, np.array([1.0, -1.0]), np.zeros(2), (0.01, 0.1))
    assert turned[:, 0, 0, 0].tolist() == [0, 1]
    assert wanted.tolist() == pytest.approx([1, -1])


def test_poses_without_a_line_teach_nothing_of_rotated_pictures(tmp_path, monkeypatch):
    """Of a batch without any, none is rotated; of another, those that have one."""
    images, scores = toy(20)
    scores[:, 4] = np.where(np.arange(20) % 3, scores[:, 4], -0.1)  # raw score 0
    turned: list[int] = []
    genuine = property_cnn.tilt

    def watched(pictures, *arguments):
        turned.append(len(pictures))
        return genuine(pictures, *arguments)

    monkeypatch.setattr(property_cnn, "tilt", watched)
    trained = fit(tmp_path, images, scores, (0.01, 0.1), epochs=1, batch=1, tilt=15)
    learnt = scores[split(20, 0.1, 0)[0], 4]
    assert turned == [1] * int((learnt != -0.1).sum()) and len(turned) < len(learnt)
    assert np.isfinite(trained.history[0]["train_loss"])


def test_rotated_pictures_need_the_pose_unit(tmp_path):
    with pytest.raises(ValueError, match="pose_unit"):
        fit(tmp_path, *toy(40), epochs=1, tilt=15)


def test_only_the_pose_learns_from_rotated_pictures(tmp_path):
    images, scores = toy(60)
    still, tilted = (
        fit(tmp_path / str(tilt), images, scores, (0.01, 0.1), epochs=1, batch=64, tilt=tilt)
        for tilt in (0, 15)
    )
    for name in BRANCHES:
        pair = [found.network.get_submodule(f"{name}_score_cnn") for found in (still, tilted)]
        assert same_weights(*pair) == (name != "pose"), name


def test_missing_scores_do_not_count(tmp_path):
    images, scores = toy(40)
    holes = np.random.default_rng(1).random(scores.shape) < 0.3
    holes[:, 4] = False
    first = fit(tmp_path / "a", images, np.where(holes, np.nan, scores), epochs=1)
    assert np.isfinite([first.history[0]["loss"], first.history[0]["train_loss"]]).all()
    scores[:, 0] = np.nan
    with pytest.raises(InputError, match="no image to learn from has a score of eyes"):
        fit(tmp_path / "b", images, scores, epochs=1)


def test_the_gradient_of_a_missing_score_is_none(tmp_path):
    images, scores = toy(40)
    scores[::2, 3] = np.nan
    trained = fit(tmp_path / "a", images, scores, epochs=1)
    images[::2, 40:52, 24:40] = 0  # the mouths of faces without a mouth score
    other = fit(tmp_path / "b", images, scores, epochs=1)
    states = (
        each.network.get_submodule("mouth_score_cnn").conv1[0].weight for each in (trained, other)
    )
    assert torch.equal(*states)


def test_calibration_scales_and_shifts_to_the_scores():
    network = PropertyCNN(64).eval()
    images, _ = toy(50)
    wanted = 3 * predict(network, images).astype(np.float64) - 1
    wanted[::3, 2] = np.nan
    calibrate(network, images, wanted)
    found = predict(network, images)
    assert np.allclose(found, np.where(np.isnan(wanted), found, wanted), atol=1e-3)


def test_agreement_of_scores():
    found = agreement(np.array([0.0, 1, 2, np.nan]), np.array([1.0, 2, 3, 4]))
    assert found == pytest.approx({"correlation": 1, "mae": 1, "rmse": 1})
    assert np.isnan(agreement(np.zeros(3), np.arange(3.0))["correlation"])
    assert np.isnan(agreement(np.array([np.nan]), np.ones(1))["mae"])


# ---- artefacts


@pytest.fixture(scope="module")
def population(tmp_path_factory) -> Path:
    """Write 60 faces in two shards, scores of all but two of the 50 kept ones."""
    folder = tmp_path_factory.mktemp("results") / "original"
    images, scores = toy(FACES)
    ids = np.arange(FACES)
    for index, part in enumerate(np.array_split(ids, 2)):
        path = folder / f"images/shard-{index:05d}.parquet"
        write_image_shard(path, part, part, np.zeros((len(part), 4)), images[part])
    kept = ids[ids % 6 != 5]
    write_table(folder / "filtered.parquet", pd.DataFrame({"id": kept}))
    table = pd.DataFrame(scores.round(4), columns=[f"{name}_score" for name in OUTPUTS])
    table["hairstyle_score"] = 0.0
    table.insert(0, "id", ids)
    table = table[table["id"].isin(kept[2:])]
    table.iloc[7, 4] = np.nan
    write_table(folder / "all_scores_v2.csv", table)
    write_json(folder / "statistics.json", {"pose": {"mean": 0.01, "std": 0.1}})
    return folder


def shards(population: Path) -> list[Path]:
    return sorted((population / "images").iterdir())


def train(population: Path, folder: Path, scores: Path | None = None, **changes) -> None:
    train_property_cnn(
        shards(population),
        scores or population / "all_scores_v2.csv",
        folder / "property_cnn.safetensors",
        folder / "train_log.csv",
        folder / "validation_ids.parquet",
        folder / "state",
        "original",
        {"epochs": 2, "validation_share": 0.2, "tilt": 15.0},
        seed=5,
        **{"statistics_path": population / "statistics.json", **changes},
    )


def score(population: Path, folder: Path) -> None:
    score_property_cnn(
        shards(population),
        population / "filtered.parquet",
        population / "all_scores_v2.csv",
        folder / "property_cnn.safetensors",
        folder / "train_log.csv",
        folder / "validation_ids.parquet",
        folder / "all_scores_v2_cnn.csv",
        folder / "metrics.json",
        published=SCORE_NETWORKS["property_cnn"],
    )


@pytest.fixture(scope="module")
def trained(population, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("cnn")
    train(population, folder)
    score(population, folder)
    return folder


def test_artefacts(population, trained):
    network = load_network(trained / "property_cnn.safetensors", "property_cnn")
    log = read_table(trained / "train_log.csv")
    assert log["epoch"].tolist() == [1, 2]
    correlations = [f"corr_{name}" for name in OUTPUTS]
    columns = ["epoch", "train_loss", "loss", "loss_without_background_std", *correlations]
    assert list(log) == columns
    table = read_table(trained / "all_scores_v2_cnn.csv")
    assert list(table) == ["id", *[f"{name}_score" for name in OUTPUTS]]
    kept = read_table(population / "filtered.parquet")["id"]
    assert table["id"].tolist() == kept.tolist()  # also those without a segmentation score
    images, _ = toy(FACES)
    assert np.allclose(table.iloc[:, 1:], predict(network, images[kept]), atol=1e-4)
    held_out = read_table(trained / "validation_ids.parquet")["id"]
    ids, scores = read_scores(population / "all_scores_v2.csv", OUTPUTS)
    assert len(held_out) == round(0.2 * len(ids)) and set(held_out) <= set(ids)
    metrics = read_json(trained / "metrics.json")
    assert metrics["images"] == {"train": len(ids) - len(held_out), "validation": len(held_out)}
    assert metrics["epochs"] == 2 and metrics["best_epoch"] in (1, 2)
    assert metrics["published"] == SCORE_NETWORKS["property_cnn"]
    answers = table.set_index("id").loc[held_out]
    wanted = scores[np.isin(ids, held_out), 0]
    expected = np.abs(answers["eyes_score"].to_numpy() - wanted).mean()
    assert metrics["validation"]["eyes"]["mae"] == pytest.approx(expected)


def test_all_kept_images_are_scored_by_a_network_of_any_outputs(population, tmp_path):
    parts = merge(tmp_path)
    kept = read_table(population / "filtered.parquet")["id"]
    arguments = (shards(population)[::-1], population / "filtered.parquet")
    images = toy(FACES)[0][kept]
    table = score_kept(*arguments, tmp_path / "merged.safetensors", batch_size=7)
    assert list(table) == ["id", *[f"{name}_score" for name in (*OUTPUTS, "hairstyle")]]
    assert table["id"].tolist() == kept.tolist()
    merged = load_network(tmp_path / "merged.safetensors")
    assert np.allclose(table.iloc[:, 1:], predict(merged, images), atol=1e-4)
    found = score_kept(*arguments, tmp_path / "one.safetensors", HairstyleCNN)
    assert list(found) == ["id", "hairstyle_score"]
    assert np.allclose(found["hairstyle_score"], predict(parts[1], images)[:, 0], atol=1e-4)
    with pytest.raises(InputError, match="hairstyle_cnn"):
        score_kept(*arguments, tmp_path / "one.safetensors")


def test_a_hairstyle_network_from_files_to_metrics(population, tmp_path):
    table = read_table(population / "all_scores_v2.csv")
    draw = np.random.default_rng(3).normal(size=len(table))
    write_table(tmp_path / "scores.csv", table.assign(hairstyle_score=draw.round(4)))
    files = [tmp_path / name for name in ("cnn.safetensors", "log.csv", "held_out.parquet")]
    train_property_cnn(
        shards(population), tmp_path / "scores.csv", *files, tmp_path / "state", "original",
        {"epochs": 1, "validation_share": 0.2}, 5, HairstyleCNN,
    )  # fmt: skip
    score_property_cnn(
        shards(population), population / "filtered.parquet", tmp_path / "scores.csv", *files,
        tmp_path / "out.csv", tmp_path / "metrics.json", HairstyleCNN,
        SCORE_NETWORKS["hairstyle_cnn"],
    )  # fmt: skip
    assert list(read_table(tmp_path / "out.csv")) == ["id", "hairstyle_score"]
    metrics = read_json(tmp_path / "metrics.json")
    assert list(metrics["validation"]) == list(metrics["all"]) == ["hairstyle"]
    assert metrics["published"] == SCORE_NETWORKS["hairstyle_cnn"]


def test_the_same_seed_gives_the_same_bytes(population, trained, tmp_path):
    train(population, tmp_path)
    score(population, tmp_path)
    for name in ("property_cnn.safetensors", "train_log.csv", "all_scores_v2_cnn.csv"):
        assert (tmp_path / name).read_bytes() == (trained / name).read_bytes(), name


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda table: table.drop(columns="mouth_score"), "lacks the column mouth_score"),
        (lambda table: table.assign(id=table["id"] + 40), "lacks"),
        (lambda table: pd.concat([table, table[3:4]]), "has the id 6 twice"),
        (lambda table: table.assign(eyes_score="high"), "has text in the column eyes_score"),
        (lambda table: table[:3], "only 3 images have property scores"),
    ],
)
def test_bad_scores_are_refused_in_a_sentence(population, tmp_path, change, sentence):
    write_table(tmp_path / "scores.csv", change(read_table(population / "all_scores_v2.csv")))
    with pytest.raises(InputError) as info:
        train(population, tmp_path, tmp_path / "scores.csv")
    assert sentence in str(info.value) and "\n" not in str(info.value)
    assert not (tmp_path / "property_cnn.safetensors").exists()


def test_statistics_without_pose_are_refused_in_a_sentence(population, tmp_path):
    write_json(tmp_path / "statistics.json", {"eyes": {"mean": 1, "std": 2}})
    with pytest.raises(InputError, match="statistics.json lacks pose"):
        train(population, tmp_path, statistics_path=tmp_path / "statistics.json")


def test_a_figure_is_drawn(population, trained, tmp_path):
    def draw(name: str, metrics: Path) -> bytes:
        plot_property_cnn(
            tmp_path / name,
            population / "all_scores_v2.csv",
            trained / "all_scores_v2_cnn.csv",
            trained / "validation_ids.parquet",
            trained / "train_log.csv",
            metrics,
        )
        return (tmp_path / name).read_bytes()

    assert draw("a.png", trained / "metrics.json") == draw("b.png", trained / "metrics.json")
    picture = cv2.imread(str(tmp_path / "a.png"))
    assert min(picture.shape[:2]) > 600 and picture.std() > 5
    text = (trained / "metrics.json").read_text()
    document = json.loads(text)
    document["validation"]["pose"]["correlation"] = None
    (tmp_path / "metrics.json").write_text(json.dumps(document))
    draw("c.png", tmp_path / "metrics.json")
