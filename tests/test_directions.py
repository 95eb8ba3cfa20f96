"""Directions: samples, the linear fit, layers, training, the closed loop, from files to a model."""

import importlib
import shutil
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.covariance import ledoit_wolf

from ohlora_lib.errors import InputError
from ohlora_lib.generators.stylegan1.generator import StyleGANGenerator
from ohlora_lib.generators.synthesis import Synthesizer
from ohlora_lib.methods.directions import given as directions_given
from ohlora_lib.methods.directions.calibration import measured_slopes
from ohlora_lib.methods.directions.closed_form import Moments, fit_linear, moments
from ohlora_lib.methods.directions.fit import fit_directions
from ohlora_lib.methods.directions.method import WAYS
from ohlora_lib.methods.directions.model import (
    FREE,
    SHARE,
    DirectionModel,
    Directions,
    load_directions,
    save_directions,
)
from ohlora_lib.methods.directions.options import TrainingOptions
from ohlora_lib.methods.directions.reader import Reader
from ohlora_lib.methods.directions.ways import trained
from ohlora_lib.methods.directions.ways.masked import layer_effects, layer_strengths
from ohlora_lib.methods.directions.ways.trained import train_directions
from ohlora_lib.methods.finetune.conditional import ConditionalModel
from ohlora_lib.methods.models import PARTS, open_model
from ohlora_lib.methods.sampling import (
    draw_samples,
    log_odds,
    map_latents,
    random_label_generator,
    random_latents,
)
from ohlora_lib.networks.attribute_cnn import AttributeCNN
from ohlora_lib.networks.attribute_cnn import predict as predict_attribute
from ohlora_lib.networks.files import load_network, save_network
from ohlora_lib.networks.property_cnn import OUTPUTS, PropertyCNN, predict
from ohlora_lib.scores import CONTROLLED
from ohlora_lib.store import samples
from ohlora_lib.store.checkpoints import read_checkpoint, save_checkpoint
from ohlora_lib.store.layout import CHUNK
from ohlora_lib.store.picture_tensors import to_float
from ohlora_lib.store.samples import iter_samples, join_samples, read_samples, samples_writer
from ohlora_lib.store.tables import read_json, write_json
from ohlora_lib.training.state import tensors_digest

SIDE, Z, LABEL, W, LAYERS = 32, 10, 2, 16, 8
SAMPLES = 300


class Killed(BaseException):
    """Stands for a kill in the middle of a training."""


# ---- samples


def some_rows(count: int, seed: int = 0) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(seed)
    return {
        "w": draw.standard_normal((count, 5)).astype(np.float32),
        "eyes": draw.standard_normal(count).astype(np.float32),
    }


def write_rows(path: Path, columns: dict[str, np.ndarray], sizes: list[int]) -> None:
    """Write columns in groups of these sizes."""
    edges = np.cumsum([0, *sizes])
    with samples_writer(path) as append:
        for start, end in zip(edges, edges[1:], strict=False):
            append({name: values[start:end] for name, values in columns.items()})


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=5), st.data())
def test_samples_come_back_as_they_were_written(tmp_path_factory, sizes, data):
    path = tmp_path_factory.mktemp("samples") / "samples.parquet"
    rows = some_rows(sum(sizes))
    write_rows(path, rows, sizes)
    for limit in (None, data.draw(st.integers(1, sum(sizes)))):
        found = read_samples(path, ["eyes", "w"], limit)
        assert list(found) == ["eyes", "w"]
        for name, values in found.items():
            assert values.dtype == np.float32 and np.array_equal(values, rows[name][:limit])
    parts = list(iter_samples(path, ["w"]))
    assert [part["w"].shape for part in parts] == [(size, 5) for size in sizes]
    assert all(list(part) == ["w"] for part in parts)


def test_only_the_rows_asked_for_are_read(tmp_path):
    path = tmp_path / "samples.parquet"
    rows = some_rows(300)
    write_rows(path, rows, [100, 100, 100])
    content = bytearray(path.read_bytes())
    place = content.find(rows["w"][250].tobytes())
    content[place] ^= 0xFF
    path.write_bytes(content)
    assert np.array_equal(read_samples(path, ["w"], 200)["w"], rows["w"][:200])
    assert np.array_equal(read_samples(path, ["eyes"])["eyes"], rows["eyes"])
    with pytest.raises(InputError, match=r"samples\.parquet is not a table of samples"):
        read_samples(path, ["w"], 201)


@pytest.mark.parametrize("whole", [True, False])
def test_memory_holds_the_rows_asked_for_once(tmp_path, monkeypatch, whole):
    """Arrow's memory holds one group, numpy's the result, however many groups there are."""
    path, genuine = tmp_path / "samples.parquet", samples._group
    arrow, held = {}, {}
    for groups in (20, 160):
        write_rows(path, some_rows(100 * groups), [100] * groups)
        seen, before = [], pa.total_allocated_bytes()

        def watched(file, index, columns, seen=seen, before=before):
            found = genuine(file, index, columns)
            seen.append(pa.total_allocated_bytes() - before)
            return found

        monkeypatch.setattr(samples, "_group", watched)
        tracemalloc.start()
        if whole:
            size = sum(each.nbytes for each in read_samples(path, ["w", "eyes"]).values())
        else:
            size = 100 * sum(len(part["w"]) >= 0 for part in iter_samples(path, ["w", "eyes"]))
        held[groups] = tracemalloc.get_traced_memory()[1] - size * whole
        tracemalloc.stop()
        assert len(seen) == groups and size == 100 * groups * (24 if whole else 1)
        arrow[groups] = max(seen)
    assert arrow[160] <= 2 * arrow[20] and held[160] <= 2 * held[20] + 50_000


def test_a_pass_opens_the_file_once(tmp_path, monkeypatch):
    path, genuine, opened = tmp_path / "samples.parquet", samples.pq.ParquetFile, []

    def counted(*arguments, **options):
        opened.append(arguments)
        return genuine(*arguments, **options)

    write_rows(path, some_rows(60), [10] * 6)
    monkeypatch.setattr(samples.pq, "ParquetFile", counted)
    assert len(list(iter_samples(path, ["w"]))) == 6 and len(opened) == 1
    assert len(read_samples(path, ["w"])["w"]) == 60 and len(opened) == 2


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda path: path.unlink(), "does not exist"),
        (lambda path: path.write_bytes(path.read_bytes()[:-200]), "is not a table of samples"),
        (lambda path: path.write_bytes(b""), "is not a table of samples"),
        (lambda path: path.write_text("id,eyes\n0,1\n"), "is not a table of samples"),
        (lambda path: write_rows(path, {"w": np.ones((9, 5))}, [9]), "lacks the column eyes"),
        (lambda path: write_rows(path, some_rows(7), [3, 4]), "has 7 samples where 8 are needed"),
    ],
)
def test_samples_that_cannot_be_read_are_refused_in_a_sentence(tmp_path, damage, sentence):
    path = tmp_path / "samples.parquet"
    write_rows(path, some_rows(9), [9])
    damage(path)
    with pytest.raises(InputError) as info:
        read_samples(path, ["w", "eyes"], 8)
    text = str(info.value)
    assert sentence in text and str(path) in text and "\n" not in text


def test_a_draw_that_is_stopped_leaves_nothing_behind(tmp_path):
    path = tmp_path / "samples.parquet"
    for before in ([], [path]):
        with pytest.raises(Killed), samples_writer(path) as append:
            append(some_rows(4))
            raise Killed
        assert list(tmp_path.iterdir()) == before
        write_rows(path, some_rows(3), [3])
    assert len(read_samples(path, ["w"])["w"]) == 3


# ---- latents


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 3 * CHUNK), st.integers(1, 2 * CHUNK))
def test_a_latent_depends_on_its_number_alone(start, count):
    whole = random_latents(5 * CHUNK, 3, 7)
    found = random_latents(count, 3, 7, start)
    assert found.dtype == np.float32 and np.array_equal(found, whole[start : start + count])


def test_latents_are_normal_and_follow_the_seed():
    latents = random_latents(4000, 4, 1)
    assert np.allclose(latents.mean(axis=0), 0, atol=0.1)
    assert np.allclose(latents.std(axis=0), 1, atol=0.1)
    assert len(np.unique(latents)) > 0.99 * latents.size
    assert not np.intersect1d(latents, random_latents(4000, 4, 2)).size > 10


@given(st.lists(st.floats(0, 1, width=32), min_size=1, max_size=20))
def test_log_odds_are_finite_and_in_order(values):
    probability = np.sort(np.array(values, np.float32))
    found = log_odds(probability)
    assert found.dtype == np.float32 and np.isfinite(found).all()
    assert (np.diff(found) >= 0).all() and np.abs(found).max() < 9.3
    inner = (probability > 1e-4) & (probability < 1 - 1e-4)
    p = probability[inner].astype(np.float64)
    assert np.allclose(found[inner], np.log(p / (1 - p)), atol=1e-5)


# ---- networks and their samples


def tiny_generator() -> StyleGANGenerator:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        network = StyleGANGenerator(
            SIDE, Z, W, 16, 3, 128, 16, label_dim=LABEL, label_embed_dim=4, mapping_lr_mul=1.0
        )
        with torch.no_grad():
            network.synthesis.get_submodule("output3").weight.mul_(0.2)
    return network.eval()


def tiny_reader(generator: StyleGANGenerator) -> PropertyCNN:
    """Return random weights but the last layers, which tell seven unrelated numbers of w."""
    with torch.random.fork_rng():
        torch.manual_seed(4)
        reader = PropertyCNN(SIDE).eval()
    synthesizer = Synthesizer(generator)
    w = map_latents(synthesizer, random_latents(500, Z + LABEL, 99))
    images = to_float(synthesizer.from_w(w), "cpu")
    axes = np.linalg.svd(w - w.mean(axis=0), full_matrices=False)[0][:, : len(OUTPUTS)]
    wanted = torch.from_numpy(3 * axes / axes.std(axis=0))  # one unit is a small move
    ranks = sorted(OUTPUTS, key=lambda name: name not in CONTROLLED)
    with torch.no_grad():
        for branch in reader.branches():
            features = branch.fc1(branch.convolved(images))
            mean = features.mean(dim=0)
            gram = (features - mean).T @ (features - mean) + 0.3 * torch.eye(features.shape[1])
            for row, name in enumerate(branch.outputs):
                target = (features - mean).T @ wanted[:, ranks.index(name)]
                weight = torch.linalg.solve(gram, target)
                branch.fc_final.weight[row] = weight
                branch.fc_final.bias[row] = -(mean @ weight)
    return reader


@pytest.fixture(scope="module")
def generator() -> StyleGANGenerator:
    return tiny_generator()


@pytest.fixture(scope="module", autouse=True)
def fewer_probes() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(directions_given, "PROBED", 12)
        yield


@pytest.fixture(scope="module")
def files(generator, tmp_path_factory) -> dict:
    """Checkpoints, statistics of raw scores and 300 samples."""
    folder = tmp_path_factory.mktemp("files")
    with torch.random.fork_rng():
        torch.manual_seed(5)
        classifier = AttributeCNN("gender", SIDE).eval()
    networks = {
        "generator": generator,
        "property_cnn": tiny_reader(generator),
        "gender": classifier,
    }
    for name, network in networks.items():
        save_network(folder / f"{name}.safetensors", network)
    paths = {name: folder / f"{name}.safetensors" for name in networks}
    units = {name: {"mean": 3.0, "std": 2.0, "count": 9} for name in OUTPUTS}
    write_json(folder / "statistics.json", units)
    draw_samples(
        paths["generator"], paths["property_cnn"], [paths["gender"]],
        folder / "samples.parquet", SAMPLES, seed=1,
    )  # fmt: skip
    return {
        "samples": folder / "samples.parquet",
        "generator": paths["generator"],
        "property_cnn": paths["property_cnn"],
        "classifiers": [paths["gender"]],
        "statistics": folder / "statistics.json",
    }


def test_samples_hold_what_the_networks_say(files, generator):
    names = ["latent", "w", *OUTPUTS, "gender"]
    found = read_samples(files["samples"], names)
    assert found["latent"].shape == (SAMPLES, Z + LABEL) and found["w"].shape == (SAMPLES, W)
    latents = random_latents(SAMPLES, Z + LABEL, 1)
    assert np.array_equal(found["latent"], latents)
    z, label = torch.from_numpy(latents).split([Z, LABEL], dim=1)
    with torch.inference_mode():
        assert np.allclose(found["w"], generator.mapping(z, label).numpy(), atol=1e-5)
    images = Synthesizer(generator).from_w(found["w"])
    scores = predict(load_network(files["property_cnn"]), images)
    for column, name in enumerate(OUTPUTS):
        assert np.array_equal(found[name], scores[:, column]), name
    odds = log_odds(predict_attribute(load_network(files["classifiers"][0]), images))
    assert np.allclose(found["gender"], odds, atol=1e-5)
    assert [len(part["w"]) for part in iter_samples(files["samples"], ["w"])] == [CHUNK, 44]


def test_more_samples_begin_with_the_same_ones(files, tmp_path):
    path = tmp_path / "few.parquet"
    arguments = (files["generator"], files["property_cnn"], files["classifiers"], path)
    draw_samples(*arguments, 21, seed=1)
    names = ["latent", "w", *OUTPUTS, "gender"]
    few, many = read_samples(path, names), read_samples(files["samples"], names, 21)
    for name in names:
        assert np.array_equal(few[name], many[name]), name
    first = path.read_bytes()
    draw_samples(*arguments, 21, seed=1)
    assert path.read_bytes() == first
    draw_samples(*arguments, 21, seed=2)
    assert not np.array_equal(read_samples(path, ["w"])["w"], few["w"])


@pytest.mark.parametrize("jobs", [1, 2, 3])
def test_parts_of_several_jobs_join_to_the_same_samples(files, tmp_path, jobs):
    count = 2 * CHUNK + 5
    arguments = (files["generator"], files["property_cnn"], files["classifiers"])
    draw_samples(*arguments, tmp_path / "whole.parquet", count, seed=1)
    parts = [tmp_path / f"{part}.parquet" for part in range(jobs)]
    for part, path in enumerate(parts):
        draw_samples(*arguments, path, count, seed=1, part=(part, jobs))
    join_samples(parts, tmp_path / "joined.parquet")
    assert (tmp_path / "joined.parquet").read_bytes() == (tmp_path / "whole.parquet").read_bytes()
    parts[-1].write_bytes(b"cut off")
    with pytest.raises(InputError, match=f"{jobs - 1}.parquet is not a table of samples"):
        join_samples(parts, tmp_path / "again.parquet")
    assert not (tmp_path / "again.parquet").exists()


def test_samples_of_the_wrong_networks_are_refused(files, tmp_path):
    path = tmp_path / "samples.parquet"
    with pytest.raises(InputError, match="holds a property_cnn network where a stylegan_generator"):
        draw_samples(files["property_cnn"], files["property_cnn"], [], path, 3, seed=1)
    assert not list(tmp_path.iterdir())


def test_a_random_label_keeps_all_weights_but_the_embedding(generator, tmp_path):
    first, again, other = (random_label_generator(generator, 5, seed) for seed in (1, 1, 2))
    assert first.label_dim == 5 and not first.training
    kept, found = generator.state_dict(), first.state_dict()
    assert found.keys() == kept.keys()
    for name, value in kept.items():
        if name != "mapping.label_weight":
            assert torch.equal(found[name], value), name
    assert found["mapping.label_weight"].shape == (5, 4)
    assert not torch.equal(
        found["mapping.label_weight"], other.state_dict()["mapping.label_weight"]
    )
    for name, network in (("first", first), ("again", again)):
        save_network(tmp_path / name, network)
    assert (tmp_path / "first").read_bytes() == (tmp_path / "again").read_bytes()
    latents = random_latents(2, Z + 5, 1)
    latents[1, :Z] = latents[0, :Z]
    w = map_latents(Synthesizer(first), latents)
    assert np.abs(w[0] - w[1]).max() > 1e-3  # the label is part of the latent
    wide = random_label_generator(generator, 500, 1).state_dict()["mapping.label_weight"]
    assert wide.std().item() == pytest.approx((Z / 512) ** 0.5, rel=0.1)  # N(0, 1) beside 512


# ---- linear fit


def planted(count: int, dim: int, names: tuple[str, ...], noise: float = 0.1, seed: int = 0):
    """Return w with unequal variances, scores linear in it, and the truth [k, dim]."""
    draw = np.random.default_rng(seed)
    mix = np.linalg.qr(draw.standard_normal((dim, dim)))[0] * np.linspace(0.6, 1.4, dim)
    w = draw.standard_normal((count, dim)) @ mix + 3
    truth = draw.standard_normal((len(names), dim)) / np.sqrt(dim)
    scores = w @ truth.T + noise * draw.standard_normal((count, len(names))) + 2
    columns = {name: scores[:, i].astype(np.float32) for i, name in enumerate(names)}
    return {"w": w.astype(np.float32), **columns}, truth


@pytest.mark.parametrize(("count", "dim"), [(60, 4), (500, 12), (15, 30)])
def test_moments_are_those_of_numpy_and_of_ledoit_and_wolf(tmp_path, count, dim):
    path = tmp_path / "samples.parquet"
    rows, _ = planted(count + 9, dim, ("eyes", "mouth"))
    write_rows(path, rows, [count // 3, count - count // 3 + 9])
    found = moments(path, ["eyes", "mouth"], count)
    w = rows["w"][:count].astype(np.float64)
    y = np.stack([rows[name][:count] for name in ("eyes", "mouth")], axis=1).astype(np.float64)
    assert found.count == count
    assert np.allclose(found.mean_w, w.mean(axis=0)) and np.allclose(found.mean_y, y.mean(axis=0))
    assert np.allclose(found.std_y, y.std(axis=0))
    centred = y - y.mean(axis=0), w - w.mean(axis=0)
    assert np.allclose(found.cross, centred[0].T @ centred[1] / count)
    assert np.allclose(found.covariance, ledoit_wolf(w)[0], atol=1e-6, rtol=0)
    assert moments(path, ["eyes"]).count == count + 9


def test_w_that_never_varies_has_a_covariance_of_nothing(tmp_path):
    rows = {"w": np.ones((20, 3), np.float32), "eyes": np.arange(20, dtype=np.float32)}
    write_rows(tmp_path / "samples.parquet", rows, [20])
    assert not moments(tmp_path / "samples.parquet", ["eyes"]).covariance.any()


def random_moments(seed: int, scores: int = 6, dim: int = 10) -> Moments:
    draw = np.random.default_rng(seed)
    root = draw.standard_normal((dim, dim + 5))
    covariance = root @ root.T / dim
    readout = draw.standard_normal((scores, dim))
    cross = readout @ covariance
    spread = np.sqrt(np.diag(cross @ readout.T) + 0.5)
    return Moments(
        99, draw.standard_normal(dim), covariance, draw.standard_normal(scores), cross, spread
    )


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.permutations(range(6)).map(lambda order: order[:3]))
def test_a_step_moves_its_own_score_alone_with_the_least_norm(seed, controlled):
    found = random_moments(seed)
    linear = fit_linear(found, controlled, ridge=1e-12)
    effect = linear.readout @ linear.steps.T
    assert np.allclose(effect, np.eye(6)[:, controlled], atol=1e-6)
    assert np.allclose(linear.offset + linear.readout @ found.mean_w, found.mean_y)
    inverse = np.linalg.inv(found.covariance)
    null = np.linalg.svd(linear.readout)[2][6:]  # moves that change no score
    others = np.random.default_rng(seed).standard_normal((20, 3, len(null))) @ null
    for other in linear.steps + others:
        assert np.allclose(linear.readout @ other.T, effect, atol=1e-6)
        norms = np.einsum("nd,de,ne->n", np.stack([linear.steps, other]).reshape(6, -1), inverse,
                          np.stack([linear.steps, other]).reshape(6, -1))  # fmt: skip
        assert (norms[:3] <= norms[3:]).all()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32), st.floats(1e-6, 1.0))
def test_any_ridge_leaves_a_step_of_one_a_step_of_one(seed, ridge):
    linear = fit_linear(random_moments(seed), [4, 0, 2], ridge)
    effect = linear.readout @ linear.steps.T
    assert np.allclose([effect[4, 0], effect[0, 1], effect[2, 2]], 1)


def test_scores_that_w_hardly_tells_apart_need_no_wild_steps():
    found = random_moments(1)
    found.cross[1] = found.cross[0] + 1e-4 * found.cross[1]
    lengths = [np.linalg.norm(fit_linear(found, [0], ridge).steps) for ridge in (1e-12, 1e-3)]
    assert lengths[1] < 100 < lengths[0]


def test_planted_scores_are_recovered(tmp_path):
    names = ("eyes", "mouth", "pose", "hair_color")
    rows, truth = planted(3000, 8, names)
    write_rows(tmp_path / "samples.parquet", rows, [1000, 2000])
    linear = fit_linear(moments(tmp_path / "samples.parquet", names), [0, 1, 2])
    assert np.allclose(linear.readout, truth, atol=0.05)
    assert np.allclose(linear.offset, 2, atol=0.2)
    assert np.allclose(truth @ linear.steps.T, np.eye(4)[:, :3], atol=0.1)
    assert (linear.explained > 0.9).all() and (linear.explained < 1.001).all()


# ---- files of directions


def random_directions(seed: int = 7, size: float = 0.3, measured: int = 0) -> Directions:
    draw = np.random.default_rng(seed)
    root = draw.standard_normal((W, 2 * W))
    names = ("hair_color", *CONTROLLED)
    arrays = {
        "steps": size * draw.standard_normal((LAYERS, 3, W)),
        "masks": np.ones((LAYERS, 3)),
        "readout": 0.3 * draw.standard_normal((len(names), W)),
        "offset": draw.standard_normal(len(names)),
        "mean": draw.standard_normal(W),
        "covariance": root @ root.T / (2 * W),
    }
    arrays = {name: array.astype(np.float32) for name, array in arrays.items()}
    return Directions(**arrays, names=names, measured=measured)


def test_directions_survive_their_file(tmp_path):
    path = tmp_path / "directions.safetensors"
    written = random_directions(measured=4)
    save_directions(path, written, {"method": "linear"})
    found = load_directions(path)
    assert found.measured == 4 and read_checkpoint(path).provenance == {"method": "linear"}
    for name, value in vars(written).items():
        assert np.array_equal(getattr(found, name), value), name
    before = path.read_bytes()
    save_directions(path, written, {"method": "linear"})
    assert path.read_bytes() == before
    save_directions(path, written.rounds(0))
    assert load_directions(path).measured == 0


def test_a_file_of_something_else_is_refused(tmp_path):
    path = tmp_path / "directions.safetensors"
    config = {"properties": ["eyes", "pose", "mouth"], "measured": 0}
    save_checkpoint(path, {}, "directions", config)
    with pytest.raises(InputError, match=r"directions\.safetensors holds directions of .*not of"):
        load_directions(path)
    config = {"properties": list(CONTROLLED), "names": list(CONTROLLED), "measured": 0}
    save_checkpoint(path, {"steps": torch.zeros(1, 3, 2)}, "directions", config)
    with pytest.raises(InputError, match="holds no complete set of directions .*masks"):
        load_directions(path)
    save_directions(path, random_directions())
    whole = read_checkpoint(path)
    more = {**whole.tensors, "comment": torch.zeros(1)}  # what a later version may add
    save_checkpoint(path, more, "directions", whole.config)
    assert load_directions(path).names == random_directions().names
    save_checkpoint(path, {**whole.tensors, "offset": torch.zeros(3)}, "directions", whole.config)
    with pytest.raises(InputError, match=r"offset must be \[4\], got \[3\]"):
        load_directions(path)
    others = {**whole.config, "names": ["hair_color", "eyes", "mouth", "age"]}
    save_checkpoint(path, whole.tensors, "directions", others)
    with pytest.raises(InputError, match="the readout does not predict pose"):
        load_directions(path)
    save_checkpoint(path, {}, "vectorfind", {})
    with pytest.raises(InputError, match="vectorfind"):
        load_directions(path)
    with pytest.raises(InputError, match="does not exist"):
        load_directions(tmp_path / "none.safetensors")


def test_lengths_are_mahalanobis_norms_of_one_unit():
    directions = random_directions()
    inverse = np.linalg.inv(directions.covariance.astype(np.float64))
    for i, length in enumerate(directions.lengths()):
        squares = [step[i] @ inverse @ step[i] for step in directions.steps.astype(np.float64)]
        assert length == pytest.approx(np.sqrt(np.mean(squares)))


# ---- the model that follows them


class ColourScorer:
    """Scores that rise with the mean colours, ever faster; remembers how much it has seen."""

    def __init__(self, images: np.ndarray) -> None:
        colours = images.mean(axis=(1, 2))
        self.mean, self.std = colours.mean(axis=0), colours.std(axis=0)
        self.seen: list[int] = []

    def __call__(self, images: np.ndarray) -> np.ndarray:
        self.seen.append(len(images))
        found = (images.mean(axis=(1, 2)) - self.mean) / self.std
        return found + 0.15 * found**3


@pytest.fixture(scope="module")
def colours(generator, tmp_path_factory) -> tuple[Directions, np.ndarray]:
    """Directions of the mean colours, fitted to samples, and the pictures that define a unit."""
    path = tmp_path_factory.mktemp("colours") / "samples.parquet"
    synthesizer = Synthesizer(generator)
    w = map_latents(synthesizer, random_latents(600, Z + LABEL, 3))
    images = synthesizer.from_w(w)
    scores = ColourScorer(images)(images).astype(np.float32)
    write_rows(path, {"w": w, **dict(zip(CONTROLLED, scores.T, strict=True))}, [600])
    found = moments(path, CONTROLLED)
    linear = fit_linear(found, [0, 1, 2])
    parts = {
        "steps": np.repeat(linear.steps[None], LAYERS, axis=0),
        "masks": np.ones((LAYERS, 3)),
        "readout": linear.readout,
        "offset": linear.offset,
        "mean": found.mean_w,
        "covariance": found.covariance,
    }
    parts = {name: array.astype(np.float32) for name, array in parts.items()}
    return Directions(**parts, names=CONTROLLED), images


LATENTS = random_latents(40, Z + LABEL, 11)
REQUESTS = np.random.default_rng(2).uniform(-1, 1, (40, 3)).astype(np.float32)


def model_of(generator, colours, measured: int) -> DirectionModel:
    directions, images = colours
    scorer = ColourScorer(images) if measured else None
    return DirectionModel(generator, directions.rounds(measured), scorer)


def base_w(model: DirectionModel, latents: np.ndarray = LATENTS) -> np.ndarray:
    w = map_latents(model.synthesizer, latents)
    return np.repeat(w[:, None], LAYERS, axis=1)


@pytest.mark.parametrize("measured", [0, 1, 3])
def test_a_request_for_where_the_face_stands_leaves_it_as_it_is(generator, colours, measured):
    model = model_of(generator, colours, measured)
    base = base_w(model)
    if measured:
        stands = model.scorer(model.synthesizer.from_w(base))
    else:
        stands = colours[0].offset + base[:, 0] @ colours[0].readout.T
    assert np.allclose(model.steer(LATENTS, stands), base, atol=1e-6)
    pictures = model.draw(LATENTS, stands)
    assert abs(pictures.astype(int) - model.synthesizer.from_w(base)).max() <= 1
    assert model.latent_dim == Z + LABEL and model.resolution == SIDE


def test_an_open_loop_measures_nothing_and_a_closed_one_must(generator, colours):
    model = model_of(generator, colours, 0)
    assert model.scorer is None and model.draw(LATENTS, REQUESTS).shape == (40, SIDE, SIDE, 3)
    for measured in (1, 3):
        with pytest.raises(ValueError, match="need a scorer"):
            DirectionModel(generator, colours[0].rounds(measured))
    with pytest.raises(ValueError, match=r"steps must be \[8, 3, 16\], got \[7, 3, 16\]"):
        cut = replace(colours[0], steps=colours[0].steps[:7], masks=colours[0].masks[:7])
        DirectionModel(generator, cut)


def test_an_open_loop_steps_by_what_is_missing_along_each_layers_direction(generator):
    directions = random_directions(size=0.02)
    model = DirectionModel(generator, directions)
    base = base_w(model)
    own = [directions.names.index(name) for name in CONTROLLED]
    missing = REQUESTS - (directions.offset + base[:, 0] @ directions.readout.T)[:, own]
    expected = base + np.einsum("np,lpd->nld", missing, directions.steps)
    assert np.allclose(model.steer(LATENTS, REQUESTS), expected, atol=1e-5)


def test_measuring_more_often_comes_closer(generator, colours):
    errors = {}
    for measured in (1, 3, 8):
        model = model_of(generator, colours, measured)
        images = model.draw(LATENTS, REQUESTS)
        errors[measured] = np.abs(REQUESTS - ColourScorer(colours[1])(images)).mean()
    assert errors[8] <= errors[3] < errors[1]


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32), st.floats(0.2, 2.0))
def test_a_closed_loop_is_never_worse_on_average(generator, colours, seed, reach):
    requests = np.random.default_rng(seed).uniform(-reach, reach, (24, 3)).astype(np.float32)
    latents = random_latents(24, Z + LABEL, seed)
    errors = []
    for measured in (1, 4):
        images = model_of(generator, colours, measured).draw(latents, requests)
        errors.append(np.abs(requests - ColourScorer(colours[1])(images)).mean())
    assert errors[1] <= errors[0] + 1e-6


def test_what_was_measured_is_remembered_and_what_is_close_is_left(generator, colours):
    model = model_of(generator, colours, 1)
    first = model.draw(LATENTS, REQUESTS)
    assert model.scorer.seen == [40]
    again = model.draw(np.repeat(LATENTS, 2, axis=0), np.repeat(REQUESTS, 2, axis=0))
    assert model.scorer.seen == [40] and np.array_equal(again[::2], first)
    model = model_of(generator, colours, 9)
    model.draw(LATENTS, REQUESTS)
    rounds = len(model.scorer.seen)
    assert rounds <= 9
    model.draw(LATENTS[:1], model.scorer(model.synthesizer.from_w(base_w(model, LATENTS[:1]))))
    assert len(model.scorer.seen) == rounds + 2  # ours, and one that finds nothing to correct


@pytest.mark.parametrize("measured", [1, 2, 4])
def test_the_pictures_drawn_are_those_of_the_w_steered_to(generator, colours, measured):
    model = model_of(generator, colours, measured)
    w = model.steer(LATENTS, REQUESTS)
    assert np.array_equal(model.draw(LATENTS, REQUESTS), model.synthesizer.from_w(w))


def mahalanobis(moves: np.ndarray, directions: Directions) -> np.ndarray:
    inverse = np.linalg.inv(directions.covariance.astype(np.float64))
    return np.sqrt(np.einsum("nld,de,nle->nl", moves, inverse, moves).mean(axis=1))


@pytest.mark.parametrize("factor", [1, 100])
def test_corrections_stay_within_the_trust_region(generator, colours, factor):
    first = model_of(generator, colours, 1)
    once = first.steer(LATENTS, factor * REQUESTS)
    often = model_of(generator, colours, 6).steer(LATENTS, factor * REQUESTS)
    radius = FREE + SHARE * mahalanobis(once - base_w(first), colours[0])
    distance = mahalanobis(often - once, colours[0])
    assert (distance <= radius * (1 + 1e-3)).all() and distance.max() > 0


@pytest.mark.parametrize("measured", [0, 1, 3])
def test_a_picture_does_not_depend_on_its_company(generator, colours, measured):
    together = model_of(generator, colours, measured).draw(LATENTS, REQUESTS)
    order = np.random.default_rng(0).permutation(40)
    mixed = model_of(generator, colours, measured).draw(LATENTS[order], REQUESTS[order])
    assert np.array_equal(mixed, together[order])
    model = model_of(generator, colours, measured)
    alone = [model.draw(LATENTS[i : i + 1], REQUESTS[i : i + 1])[0] for i in range(12)]
    assert np.array_equal(np.stack(alone), together[:12])


# ---- layers


def test_a_layer_that_changes_nothing_else_is_preferred():
    effects = np.zeros((3, 4, 5))
    own = [0, 3, 4]
    for i, target in enumerate(own):
        effects[i, :, target] = 0.5
        effects[i, :, 1] = [0.6, 0.0, 0.6, 0.6]  # only layer 1 leaves hair colour as it is
    strengths = layer_strengths(effects, own, np.ones(5))
    assert (strengths.argmax(axis=1) == 1).all()
    assert (strengths[:, 1] > 10 * strengths[:, [0, 2, 3]].max(axis=1)).all()


def test_leaks_that_cancel_may_both_be_used():
    effects = np.zeros((3, 2, 4))
    effects[:, :, :3] = 0.5 * np.eye(3)[:, None]
    effects[:, 0, 3], effects[:, 1, 3] = 1.0, -1.0
    assert np.allclose(layer_strengths(effects, [0, 1, 2], np.ones(4)), 1)


def test_changes_are_compared_in_standard_deviations():
    effects = np.zeros((3, 2, 5))
    effects[:, :, :3] = np.eye(3)[:, None]
    effects[:, 0, 3], effects[:, 1, 4] = 10.0, 0.1  # grey levels beside a share
    spread = np.array([1, 1, 1, 100.0, 0.01])
    strengths = layer_strengths(effects, [0, 1, 2], spread)
    assert (strengths[:, 0] > 5 * strengths[:, 1]).all()


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 10), st.integers(3, 8))
def test_strengths_are_nonnegative_and_add_up_to_one_unit(seed, layers, scores):
    draw = np.random.default_rng(seed)
    effects = draw.normal(0.2, 0.5, (3, layers, scores))
    own = draw.permutation(scores)[:3].tolist()
    targets = effects[range(3), :, own]
    assume((targets.max(axis=1) > 0.05).all())
    strengths = layer_strengths(effects, own, draw.uniform(0.5, 2, scores))
    assert strengths.shape == (3, layers) and (strengths >= 0).all()
    assert np.allclose((strengths * targets).sum(axis=1), 1)


def test_a_direction_without_effect_keeps_all_its_layers():
    assert (layer_strengths(np.zeros((3, 4, 5)), [0, 1, 2], np.ones(5)) == 1).all()


def test_effects_of_layers_are_changes_per_unit(generator, colours):
    synthesizer = Synthesizer(generator)
    w = map_latents(synthesizer, LATENTS[:8])
    images = colours[1]

    def read(pictures: np.ndarray) -> np.ndarray:
        return (pictures.mean(axis=(1, 2)) - images.mean(axis=(0, 1, 2))).astype(np.float32)

    steps = colours[0].steps[0]
    found = layer_effects(synthesizer, steps, w, read)
    assert found.shape == (3, LAYERS, 3) and found.dtype == np.float64
    base = np.repeat(w[:, None], LAYERS, axis=1)
    up, down = base.copy(), base.copy()
    up[:, 7] += steps[1]
    down[:, 7] -= steps[1]
    expected = (read(synthesizer.from_w(up)) - read(synthesizer.from_w(down))).mean(axis=0) / 2
    assert np.allclose(found[1, 7], expected, atol=1e-5)
    assert np.abs(found[:, 7]).max() > 3 * np.abs(found[:, :6]).max()  # colour is made at the end


# ---- training


def training(files: dict, colours, folder: Path, **changes) -> tuple[Directions, Directions]:
    """Train on a few faces; return where it began and what came out."""
    network, reader = load_network(files["generator"]), load_network(files["property_cnn"])
    classifiers = [load_network(path) for path in files["classifiers"]]
    names = [*OUTPUTS, "gender"]
    rows = read_samples(files["samples"], ["w", *names])
    spread = np.array([rows[name].std() for name in names])
    linear = fit_linear(moments(files["samples"], names), [0, 3, 4])
    steps = np.repeat(linear.steps[None], LAYERS, axis=0).astype(np.float32)
    start = replace(colours[0], steps=0.5 * steps, measured=2)
    options = TrainingOptions(**{"batch": 4, "lr": 0.05, **changes})
    result = train_directions(
        network, reader, classifiers, start, rows["w"], spread, options, 5, folder
    )
    return start, result


def loss_of(files: dict, directions: Directions, options: TrainingOptions) -> float:
    """Return the loss on faces and requests that the training did not draw."""
    reader = Reader(files["property_cnn"], files["classifiers"])
    synthesizer = Synthesizer(load_network(files["generator"]))
    names = reader.names
    spread = [read_samples(files["samples"], names)[name].std() for name in names]
    w = read_samples(files["samples"], ["w"], 48)["w"]
    base = np.repeat(w[:, None], LAYERS, axis=1)
    wanted = np.random.default_rng(8).uniform(-options.reach, options.reach, (48, 3))
    before = reader(synthesizer.from_w(base))
    units = (wanted - before[:, reader.own]).astype(np.float32)
    after = reader(synthesizer.from_w(base + np.einsum("np,lpd->nld", units, directions.steps)))
    others = [i for i in range(len(names)) if i not in reader.own]
    error = ((after[:, reader.own] - wanted) ** 2).mean()
    change = (((after - before) / spread)[:, others] ** 2).mean()
    norm = (directions.lengths() ** 2).mean()
    return error + options.others * change + options.content * norm


LONG = {"steps": 51, "batch": 2}  # one step more than the first state that is saved


@pytest.fixture(scope="module")
def straight(files, colours, tmp_path_factory) -> tuple[Directions, Directions]:
    return training(files, colours, tmp_path_factory.mktemp("straight"), **LONG)


def test_training_lowers_the_loss_and_changes_the_steps_alone(files, straight):
    start, result = straight
    options = TrainingOptions()
    assert loss_of(files, result, options) < 0.95 * loss_of(files, start, options)
    for name in ("masks", "names", "readout", "offset", "mean", "covariance", "measured"):
        assert np.array_equal(getattr(result, name), getattr(start, name)), name
    assert result.steps.shape == start.steps.shape and result.steps.dtype == np.float32
    assert not np.allclose(result.steps[0], result.steps[-1])  # layers go their own ways


def test_a_killed_training_ends_with_the_same_steps(
    files, colours, straight, tmp_path, monkeypatch
):
    genuine, calls = trained.rng, []

    def until_killed(*names):
        calls.append(None)
        if len(calls) == 51:
            raise Killed
        return genuine(*names)

    monkeypatch.setattr(trained, "rng", until_killed)
    with pytest.raises(Killed):
        training(files, colours, tmp_path, **LONG)
    _, resumed = training(files, colours, tmp_path, **LONG)
    assert len(calls) == 52  # 50 steps were not repeated
    assert np.array_equal(resumed.steps, straight[1].steps)
    _, again = training(files, colours, tmp_path, **LONG)  # finished before
    assert len(calls) == 52 and np.array_equal(again.steps, straight[1].steps)


def test_a_loss_that_is_not_finite_stops_the_training(files, colours, tmp_path, monkeypatch):
    monkeypatch.setattr(trained, "_falling", lambda done: float("nan"))
    with pytest.raises(FloatingPointError, match="not finite at step 1"):
        training(files, colours, tmp_path, steps=3, batch=2)


@pytest.mark.parametrize(("done", "factor"), [(0, 1), (0.5, 1), (0.75, 0.525), (1, 0.05)])
def test_the_step_size_falls_in_the_second_half(done, factor):
    assert trained._falling(done) == pytest.approx(factor)


# ---- from files to a model


@pytest.fixture(scope="module")
def fitted(files, tmp_path_factory) -> Path:
    """All four ways, each from its start."""
    folder = tmp_path_factory.mktemp("fitted")
    options = {"steps": 3, "batch": 4}
    for method, start in WAYS.items():
        fit_directions(
            method, **files, path=folder / f"{method}.safetensors",
            metrics_path=folder / f"{method}.json", state=folder / "state" / method, seed=3,
            start=folder / f"{start}.safetensors" if start else None,
            options=options if method == "trained" else None,
        )  # fmt: skip
    return folder


@pytest.mark.parametrize("method", WAYS)
def test_every_way_gives_a_model_that_draws(files, fitted, method):
    path = fitted / f"{method}.safetensors"
    model = open_model(path, files["generator"], files["property_cnn"])
    way = importlib.import_module(f"ohlora_lib.methods.directions.ways.{method}")
    assert model.directions.measured == way.ROUNDS
    assert model.latent_dim == Z + LABEL and model.resolution == SIDE
    requested = np.float32([[1, 0, 0], [0, -1, 0], [0, 0, 2]])
    pictures = model.draw(LATENTS[:3], requested)
    assert pictures.shape == (3, SIDE, SIDE, 3) and pictures.dtype == np.uint8
    assert np.array_equal(model.draw(LATENTS[1:2], requested[1:2])[0], pictures[1])
    provenance = read_checkpoint(path).provenance
    assert provenance["method"] == method and provenance["seed"] == 3
    assert provenance["units"] == {name: {"mean": 3.0, "std": 2.0, "count": 9} for name in OUTPUTS}
    assert provenance["samples"] == SAMPLES
    assert ("training" in provenance) == (method == "trained")
    for name in ("generator", "property_cnn"):
        assert provenance[name] == tensors_digest(load_network(files[name]).state_dict())
    assert list(provenance["classifiers"]) == ["gender"]
    metrics = read_json(fitted / f"{method}.json")
    assert metrics["method"] == method and metrics["names"] == [*OUTPUTS, "gender"]
    own = {"linear": "explained", "masked": "strengths", "trained": "training"}
    for way, key in own.items():
        assert (key in metrics) == (way == method)
    for key in ("slopes_before", "mahalanobis"):
        assert set(metrics[key]) == set(CONTROLLED)
        assert np.isfinite(list(metrics[key].values())).all()


@pytest.mark.parametrize("method", ["linear", "masked", "trained"])
def test_a_step_of_one_moves_the_property_by_one_unit(files, fitted, method):
    """As the property CNN sees it, on the faces that it was measured on."""
    directions = load_directions(fitted / f"{method}.safetensors")
    before = read_json(fitted / f"{method}.json")["slopes_before"]
    assert min(before.values()) > 0.1
    reader = Reader(files["property_cnn"], files["classifiers"])
    synthesizer = Synthesizer(load_network(files["generator"]))
    probes = read_samples(files["samples"], ["w"], 12)["w"]
    slopes = measured_slopes(synthesizer, directions.steps, probes, reader)
    assert np.allclose(slopes, 1, atol=0.25)


def test_the_ways_build_on_each_other(files, fitted):
    steps = {name: load_directions(fitted / f"{name}.safetensors").steps for name in WAYS}
    assert np.array_equal(steps["closed_loop"], steps["linear"])
    assert np.allclose(steps["linear"], steps["linear"][:1])  # the same in all layers
    flat = steps["masked"].transpose(1, 0, 2)
    found = {name: load_directions(fitted / f"{name}.safetensors") for name in WAYS}
    assert (found["linear"].masks == 1).all()
    assert (found["masked"].masks >= 0).all() and not (found["masked"].masks == 1).all()
    strengths = read_json(fitted / "masked.json")["strengths"]
    for i, name in enumerate(CONTROLLED):
        assert np.allclose(found["masked"].masks[:, i], strengths[name])
    assert np.array_equal(found["trained"].masks, found["masked"].masks)
    for directions in found.values():  # all that was read, not the three alone
        assert directions.names == (*OUTPUTS, "gender") and directions.readout.shape == (8, W)
    ranks = [np.linalg.matrix_rank(one, tol=1e-4) for one in flat]
    assert ranks == [1, 1, 1]  # the same direction in all layers, of different strengths
    metrics = read_json(fitted / "linear.json")
    assert metrics["samples"] == SAMPLES
    assert min(metrics["explained"].values()) > 0 and max(metrics["explained"].values()) < 1.01


def test_fewer_samples_are_used_where_fewer_are_asked_for(files, tmp_path):
    contents = []
    for rows in (80, 80, SAMPLES, None):
        out = {"path": tmp_path / "d.safetensors", "metrics_path": tmp_path / "metrics.json"}
        fit_directions("linear", **files, **out, state=tmp_path / "state", seed=3, rows=rows)
        assert read_json(tmp_path / "metrics.json")["samples"] == (rows or SAMPLES)
        contents.append(out["path"].read_bytes())
    assert contents[0] == contents[1] != contents[2] == contents[3]


def test_a_start_that_is_missing_is_refused(files, tmp_path):
    out = {"path": tmp_path / "d.safetensors", "metrics_path": tmp_path / "metrics.json"}
    start = tmp_path / "linear.safetensors"
    with pytest.raises(InputError, match=r"linear\.safetensors does not exist"):
        fit_directions("masked", **files, **out, state=tmp_path / "state", seed=3, start=start)
    assert not out["path"].exists() and not out["metrics_path"].exists()


@pytest.mark.parametrize("missing", ["generator", "property_cnn"])
def test_directions_without_what_they_move_in_are_refused(files, fitted, missing):
    beside = {name: files[name] for name in ("generator", "property_cnn") if name != missing}
    with pytest.raises(InputError) as info:
        open_model(fitted / "linear.safetensors", **beside)
    text = str(info.value)
    assert "linear.safetensors" in text and missing in text and "\n" not in text
    with pytest.raises(InputError, match="none.safetensors does not exist"):
        open_model(fitted / "linear.safetensors", **beside, **{missing: Path("none.safetensors")})


def test_directions_of_another_generator_are_refused(files, tmp_path):
    path = tmp_path / "directions.safetensors"
    directions = random_directions()
    cut = replace(directions, steps=directions.steps[:6], masks=directions.masks[:6])
    save_directions(path, cut)
    with pytest.raises(InputError, match=r"directions\.safetensors does not fit .*steps must be"):
        open_model(path, files["generator"], files["property_cnn"])


@pytest.mark.parametrize("name", ["generator", "property_cnn"])
def test_directions_of_other_weights_of_the_same_shape_are_refused(
    files, fitted, generator, tmp_path, name
):
    """As FineTune-v1's generator under directions of FineTune-v8's."""
    network = load_network(files[name])
    with torch.no_grad():
        next(network.parameters()).mul_(1.01)
    beside = {key: files[key] for key in ("generator", "property_cnn")}
    beside[name] = tmp_path / "other.safetensors"
    save_network(beside[name], network)
    start = fitted / "linear.safetensors"
    with pytest.raises(InputError) as info:
        open_model(start, **beside)
    text = str(info.value)
    assert f"linear.safetensors was made with another {name} than" in text and "\n" not in text
    assert "other.safetensors; supply the one" in text
    with pytest.raises(InputError, match=f"was made with another {name}"):
        fit_directions(
            "masked", **{**files, **beside}, path=tmp_path / "d.safetensors",
            metrics_path=tmp_path / "m.json", state=tmp_path / "state", seed=3, start=start,
        )  # fmt: skip
    assert not (tmp_path / "d.safetensors").exists()
    save_directions(tmp_path / "anonymous.safetensors", load_directions(start))
    open_model(tmp_path / "anonymous.safetensors", **beside)  # it names no networks


def test_a_folder_that_holds_all_parts_is_a_model(files, fitted, tmp_path):
    beside = {name: files[name] for name in ("generator", "property_cnn")}
    given = {"model": fitted / "closed_loop.safetensors", **beside}
    for name, path in given.items():
        shutil.copyfile(path, tmp_path / PARTS[name])
    expected = open_model(given["model"], **beside).draw(LATENTS[:3], REQUESTS[:3])
    assert np.array_equal(open_model(tmp_path).draw(LATENTS[:3], REQUESTS[:3]), expected)
    (tmp_path / PARTS["generator"]).unlink()
    with pytest.raises(InputError, match="needs the generator checkpoint beside it"):
        open_model(tmp_path)
    (tmp_path / PARTS["model"]).unlink()
    with pytest.raises(InputError, match=r"model\.safetensors does not exist"):
        open_model(tmp_path)


def test_only_a_methods_checkpoint_is_a_model(files):
    with pytest.raises(InputError, match="holds a property_cnn, which is no method's model"):
        open_model(files["property_cnn"], files["generator"], files["property_cnn"])
    with pytest.raises(InputError, match="without the labels eyes, mouth, pose"):
        open_model(files["generator"])


def test_every_kind_of_model_has_an_opener():
    from ohlora_lib.methods.models import OPENERS

    for module in OPENERS.values():
        assert callable(importlib.import_module(f"ohlora_lib.methods.{module}").open_model)


# ---- fine-tuned generators, truncated


def test_truncation_to_nothing_draws_the_mean_of_each_label():
    with torch.random.fork_rng():
        torch.manual_seed(6)
        network = StyleGANGenerator(
            SIDE, Z, W, 16, 3, 128, 16, label_dim=3, label_embed_dim=4, mapping_lr_mul=1.0
        ).eval()
    requested = REQUESTS[[0, 0, 1, 1]]
    whole = ConditionalModel(network, list(CONTROLLED), {"psi": 0.0, "samples": 50})
    drawn = whole.draw(LATENTS[:4, :Z], requested)
    assert np.array_equal(drawn[0], drawn[1]) and np.array_equal(drawn[2], drawn[3])
    assert not np.array_equal(drawn[0], drawn[2])
    half = ConditionalModel(network, list(CONTROLLED), {"psi": 0.5, "samples": 50})
    pictures = half.draw(LATENTS[:4, :Z], requested)
    alone = half.draw(LATENTS[2:3, :Z], requested[2:3])
    assert np.array_equal(alone[0], pictures[2])
    plain = ConditionalModel(network, list(CONTROLLED)).draw(LATENTS[:4, :Z], requested)
    spread = [
        part.astype(float).std(axis=0).mean() for part in (drawn[:2], pictures[:2], plain[:2])
    ]
    assert spread[0] == 0 < spread[1] < spread[2]
