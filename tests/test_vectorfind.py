"""VectorFind: groups, search, the model that uses directions, its test, and the t-SNE figure."""

import warnings
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ohlora_lib.errors import InputError
from ohlora_lib.generators.stylegan1.generator import StyleGANGenerator
from ohlora_lib.methods.vectorfind import search as vectorfind
from ohlora_lib.methods.vectorfind.groups import (
    VERSIONS,
    extremes,
    group_codes,
    group_name,
    version_options,
)
from ohlora_lib.methods.vectorfind.model import VectorModel
from ohlora_lib.methods.vectorfind.published_test import published_test, step_lengths
from ohlora_lib.methods.vectorfind.search import find_vectors, split_half, unit_lengths
from ohlora_lib.methods.vectorfind.steps import LEAST_SLOPE, measure_slopes
from ohlora_lib.methods.vectorfind.vectors import Vectors, load_vectors, save_vectors
from ohlora_lib.reporting.tsne import plot_tsne
from ohlora_lib.store.checkpoints import save_checkpoint
from ohlora_lib.store.tables import write_json

OUTPUTS = ("eyes", "hair_color", "hair_length", "mouth", "pose", "background_mean")
WIDTH = 12

# ---- groups


@given(st.integers(0, 4).flatmap(lambda count: st.tuples(st.just(count), st.integers(0, 15))))
def test_codes_and_names_of_groups_agree(drawn):
    count, number = drawn
    code = number % 2**count
    name = group_name(code, count)
    scores = np.array([[1.0 if letter == "h" else -1.0 for letter in name]], np.float32)
    assert len(name) == count
    assert group_codes(scores.reshape(1, count), np.zeros(count)).tolist() == [code]


def test_names_of_groups_are_the_published_ones():
    names = [group_name(code, 3) for code in range(8)]
    assert names == ["hhh", "hhl", "hlh", "hll", "lhh", "lhl", "llh", "lll"]
    assert group_name(0, 0) == ""


def test_the_median_itself_is_high():
    medians = np.array([-0.2709, 0.3052])
    assert group_codes(medians.astype(np.float32)[None], medians).tolist() == [0]


@given(
    st.lists(st.integers(-50, 50), max_size=60),
    st.floats(0.01, 0.5),
)
def test_extremes_are_the_highest_and_the_lowest(values, share):
    scores = np.array(values, np.float32)
    highest, lowest = extremes(scores, share)
    k = min(max(int(share * len(scores)), 1), len(scores))
    assert len(highest) == len(lowest) == k
    assert sorted(scores[highest]) == sorted(scores)[len(scores) - k :]
    assert sorted(scores[lowest]) == sorted(scores)[:k]
    assert len(scores) < 2 or not set(highest) & set(lowest)


def test_versions_are_the_published_ones():
    assert [len(VERSIONS[name].groups) for name in ("v6", "v7", "v8")] == [3, 3, 4]
    assert [VERSIONS[name].space for name in ("v6", "v7", "v8")] == ["z", "w", "w"]
    assert [VERSIONS[name].share for name in ("v6", "v7", "v8")] == [0.15, 0.15, 0.20]
    gates = {"v6": (0.75, 0.77, 0.80), "v7": (0.92, 0.88, 0.92), "v8": (0.92, 0.88, 0.88)}
    assert {name: VERSIONS[name].gates for name in gates} == gates
    with pytest.raises(ValueError, match="space"):
        replace(VERSIONS["v6"], space="x")
    with pytest.raises(ValueError, match="share"):
        replace(VERSIONS["v6"], share=0.6)


def test_groups_and_share_can_differ_from_the_version():
    assert version_options("v8") == VERSIONS["v8"]
    changed = version_options("v8", [], 0.3)
    assert changed == replace(VERSIONS["v8"], groups=(), share=0.3)
    assert version_options("v7", ["hair_color"]).share == 0.15
    with pytest.raises(ValueError, match="share"):
        version_options("v7", share=0.7)


# ---- search


def planted(count: int, groups: int = 2, turned: bool = False, seed: int = 0) -> dict:
    """Make samples whose scores are linear in the latent; `turned`: another way in odd groups."""
    draw = np.random.default_rng(seed)
    latents = draw.standard_normal((count, WIDTH)).astype(np.float32)
    codes = np.arange(count) % groups
    truth = np.linalg.qr(draw.standard_normal((WIDTH, 6)))[0].T.reshape(2, 3, WIDTH)
    if not turned:
        truth[1] = truth[0]
    noise = 0.3 * draw.standard_normal((count, 3))
    scores = np.einsum("nd,npd->np", latents, truth[codes % 2]) + noise
    return {
        "latents": latents,
        "scores": scores.astype(np.float32),
        "codes": codes,
        "truth": truth,
    }


def search(data: dict, medians: int = 1, share: float = 0.2, seed: int = 2025) -> Vectors:
    return find_vectors(
        data["latents"], data["scores"], data["codes"], np.zeros(medians), share, seed
    )


def test_a_planted_direction_is_found_and_raises_its_property():
    data = planted(1500, turned=True)
    found = search(data)
    cosines = (found.directions * data["truth"]).sum(axis=-1)
    assert cosines.min() > 0.9
    assert found.directions.dtype == np.float32
    assert np.allclose(np.linalg.norm(found.directions, axis=-1), 1, atol=1e-5)
    assert found.accuracy.min() > 0.9 and found.converged.all() and not found.pooled.any()
    assert found.counts.tolist() == [750, 750] and found.k.tolist() == [150, 150]
    assert np.array_equal(found.directions, search(data).directions)
    assert not np.array_equal(found.directions, search(data, seed=1).directions)


def test_a_small_or_empty_group_takes_the_pooled_directions():
    data = planted(400)
    data["codes"] = np.where(np.arange(400) < 30, 1, 0)  # of 4 groups; 30 samples leave k = 6
    found = search(data, medians=2)
    assert found.pooled.tolist() == [False, True, True, True]
    assert found.counts.tolist() == [370, 30, 0, 0]
    assert found.k.tolist() == [74, 80, 80, 80]
    assert np.array_equal(found.directions[1], found.directions[3])
    assert not np.array_equal(found.directions[0], found.directions[1])
    cosines = (found.directions[3] * data["truth"][0]).sum(axis=-1)
    assert cosines.min() > 0.9


def test_too_few_samples_are_refused():
    with pytest.raises(InputError, match="5 samples are too few"):
        search(planted(5))


def test_a_solver_that_gives_up_is_counted_and_not_printed(monkeypatch):
    real = vectorfind.LinearSVC
    monkeypatch.setattr(vectorfind, "LinearSVC", lambda **options: real(**options, max_iter=1))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = search(planted(200))
    assert not found.converged.any() and found.metrics()["not_converged"] == 6


def test_metrics_name_every_group(tmp_path):
    found = search(planted(400, groups=4), medians=2)
    metrics = found.metrics()
    assert list(metrics["groups"]) == ["hh", "hl", "lh", "ll"]
    assert metrics["accuracy_mean"] == pytest.approx(np.mean(list(metrics["accuracy"].values())))
    first, last = found.directions[0], found.directions[3]
    assert metrics["first_last"]["pose"] == pytest.approx(float(first[2] @ last[2]), abs=1e-6)
    cosines = metrics["groups"]["hh"]["cosines"]
    assert list(cosines) == ["eyes_mouth", "eyes_pose", "mouth_pose"]
    assert cosines["eyes_pose"] == pytest.approx(float(first[0] @ first[2]), abs=1e-6)
    write_json(tmp_path / "metrics.json", metrics)


def test_a_step_of_one_score_is_measured_in_deviations_of_the_space():
    found = search(planted(600, groups=4), medians=2)
    slopes = np.full((4, 3), 0.5) * [1, 2, 0]  # the last does not move its property
    plain = unit_lengths(found, slopes, np.eye(WIDTH))
    assert [plain[name] for name in ("eyes", "mouth")] == pytest.approx([2, 1], rel=1e-5)
    assert plain["pose"] == pytest.approx(1 / LEAST_SLOPE, rel=1e-5)
    wide = unit_lengths(found, slopes, 4 * np.eye(WIDTH))
    assert wide["eyes"] == pytest.approx(1, rel=1e-5)


def test_halves_of_groups_tell_a_difference_from_noise():
    args = {"group_count": 2, "share": 0.2, "seed": 3}
    for turned in (False, True):
        data = planted(1200, turned=turned)
        found = split_half(data["latents"], data["scores"], data["codes"], **args)
        for one in found.values():
            assert one["groups"] == 2 and one["within"] > 0.8
            expected = 0 if turned else 1
            assert one["corrected"] == pytest.approx(expected, abs=0.15)
    few = planted(100)
    found = split_half(few["latents"], few["scores"], few["codes"], **args)
    assert found["eyes"]["groups"] == 0 and np.isnan(found["eyes"]["between"])


# ---- files


def random_vectors(width: int, count: int = 3) -> Vectors:
    draw = np.random.default_rng(7)
    groups = 2**count
    directions = draw.standard_normal((groups, 3, width))
    directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
    return Vectors(
        directions=directions.astype(np.float32),
        medians=np.zeros(count, np.float32),
        accuracy=draw.random((groups, 3)).astype(np.float32),
        counts=np.arange(groups),
        k=np.full(groups, 12),
        pooled=np.arange(groups) == 1,
        converged=np.ones((groups, 3), bool),
    )


def test_directions_survive_their_file(tmp_path):
    path = tmp_path / "vectors.safetensors"
    vectors = random_vectors(WIDTH)
    slopes = np.arange(24, dtype=np.float32).reshape(8, 3)
    save_vectors(path, vectors, VERSIONS["v7"], slopes, {"seed": 3})
    found = load_vectors(path)
    assert found.options == VERSIONS["v7"] and found.provenance == {"seed": 3}
    assert np.array_equal(found.slopes, slopes)
    for name in vars(vectors):
        written, read = getattr(vectors, name), getattr(found.vectors, name)
        assert np.array_equal(written, read) and written.dtype == read.dtype


def test_one_direction_for_all_survives_its_file_and_moves(generator, tmp_path):
    path, options = tmp_path / "vectors.safetensors", version_options("v7", [])
    vectors = random_vectors(16, 0)
    save_vectors(path, vectors, options, np.ones((1, 3)))
    found = load_vectors(path)
    assert found.options == options and found.vectors.names() == [""]
    model = VectorModel(generator, Scorer(), OUTPUTS, found.vectors, found.options)
    assert model.codes(LATENTS).tolist() == [0] * len(LATENTS)
    w = model.synthesizer.map(LATENTS[:, :10], LATENTS[:, 10:])
    expected = model.synthesizer.from_w(w + vectors.directions[0, 1])
    drawn = model.draw(LATENTS, np.float32([[0, 1, 0]] * len(LATENTS)))
    assert abs(drawn.astype(int) - expected).max() <= 1


def test_a_file_of_something_else_is_refused(tmp_path):
    path = tmp_path / "vectors.safetensors"
    save_checkpoint(path, {"directions": torch.zeros(8, 3, 4)}, "vectorfind", {})
    with pytest.raises(InputError, match=r"vectors\.safetensors holds no complete set"):
        load_vectors(path)
    save_vectors(path, random_vectors(WIDTH, 2), VERSIONS["v7"], np.ones((4, 3)))
    with pytest.raises(InputError, match="complete"):
        load_vectors(path)
    save_checkpoint(path, {}, "property_cnn", {})
    with pytest.raises(InputError, match="property_cnn"):
        load_vectors(path)


# ---- model


@pytest.fixture(scope="module")
def generator() -> StyleGANGenerator:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        network = StyleGANGenerator(
            16, 10, 16, 16, 3, 256, 16, label_dim=2, label_embed_dim=4, mapping_lr_mul=1.0
        )
        with torch.no_grad():
            network.synthesis.get_submodule("output2").weight.mul_(0.2)
    return network.eval()


class Scorer:
    """Scores by fixed random weights, and remembers how many pictures it has seen."""

    def __init__(self) -> None:
        self.weights = np.random.default_rng(5).standard_normal((16 * 16 * 3, len(OUTPUTS)))
        self.seen = 0

    def __call__(self, images: np.ndarray, names: Sequence[str]) -> np.ndarray:
        self.seen += len(images)
        flat = images.reshape(len(images), -1) / 127.5 - 1
        chosen = [OUTPUTS.index(name) for name in names]
        return (flat @ self.weights[:, chosen] / 10).astype(np.float32)


def model_of(generator: StyleGANGenerator, version: str = "v7", **changes) -> VectorModel:
    vectors = random_vectors(16 if version == "v7" else 12)
    return VectorModel(generator, Scorer(), OUTPUTS, vectors, VERSIONS[version], **changes)


LATENTS = np.random.default_rng(1).standard_normal((6, 12)).astype(np.float32)


@pytest.mark.parametrize("version", ["v6", "v7"])
def test_a_request_of_nothing_gives_the_latents_own_picture(generator, version):
    model = model_of(generator, version)
    assert model.latent_dim == 12 and model.resolution == 16
    base = model.synthesizer.from_z(LATENTS[:, :10], LATENTS[:, 10:])
    assert np.array_equal(model.draw(LATENTS, np.zeros((6, 3))), base)
    assert len(np.unique(base.reshape(6, -1), axis=0)) == 6
    moved = model.draw(LATENTS, np.eye(3)[[0, 1, 2, 0, 1, 2]] * 2)
    assert (moved != base).any(axis=(1, 2, 3)).all()


def test_steps_go_along_the_directions_of_the_latents_group(generator):
    model = model_of(generator)
    codes = model.codes(LATENTS)
    assert len(set(codes.tolist())) > 1
    w = model.synthesizer.map(LATENTS[:, :10], LATENTS[:, 10:])
    lengths = np.array([0.5, -1.0, 2.0], np.float32)
    expected = w + np.einsum("p,npd->nd", lengths, model.vectors.directions[codes])
    drawn = model.step(LATENTS, np.tile(lengths, (6, 1))).astype(int)
    assert abs(drawn - model.synthesizer.from_w(expected)).max() <= 1


def test_remembered_groups_change_nothing_and_save_pictures(generator):
    model = model_of(generator)
    lengths = np.random.default_rng(2).standard_normal((6, 3))
    first = model.draw(LATENTS, lengths)
    assert model.scorer.seen == 6
    assert np.array_equal(model.draw(LATENTS, lengths), first)
    again = model.draw(np.repeat(LATENTS, 2, axis=0), np.repeat(lengths, 2, axis=0))
    assert np.array_equal(again[::2], first) and model.scorer.seen == 6
    fresh = model_of(generator)
    one_by_one = [fresh.draw(LATENTS[i : i + 1], lengths[i : i + 1])[0] for i in range(6)]
    assert np.array_equal(np.stack(one_by_one), first)


def test_a_matched_request_is_divided_by_the_slope(generator):
    slopes = np.tile(np.array([0.5, 2.0, -1.0], np.float32), (8, 1))
    matched = model_of(generator, slopes=slopes)
    plain = model_of(generator, slopes=slopes, matched=False)
    requested = np.array([[1.0, 1.0, 0.1]] * 6, np.float32)
    lengths = requested / np.array([0.5, 2.0, LEAST_SLOPE], np.float32)
    assert np.array_equal(matched.draw(LATENTS, requested), plain.draw(LATENTS, lengths))
    assert np.array_equal(plain.step(LATENTS, lengths), plain.draw(LATENTS, lengths))


def test_parts_that_do_not_fit_are_refused(generator):
    vectors = random_vectors(16)
    with pytest.raises(ValueError, match="does not predict hair_length"):
        VectorModel(generator, Scorer(), ("eyes", "hair_color"), vectors, VERSIONS["v7"])
    with pytest.raises(ValueError, match="directions"):
        VectorModel(generator, Scorer(), OUTPUTS, vectors, VERSIONS["v6"])
    with pytest.raises(ValueError, match="hairstyle"):
        VectorModel(generator, Scorer(), OUTPUTS, vectors, VERSIONS["v8"])


# ---- slopes and the published test


class LinearModel(VectorModel):
    """Scores that rise by known amounts per unit step, without pictures."""

    def __init__(self, generator: StyleGANGenerator, rises: tuple[float, float, float]) -> None:
        super().__init__(generator, Scorer(), OUTPUTS, random_vectors(16), VERSIONS["v7"])
        self.rises = np.array(rises)
        self.asked: list[np.ndarray] = []

    def scores(self, latents: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        self.asked.append(lengths)
        return (latents[:, :1] + lengths * self.rises).astype(np.float32)


def test_slopes_are_the_rise_per_unit_step(generator):
    model = LinearModel(generator, (0.5, 2.0, -1.0))
    for step in (1.0, 3.0):
        slopes = measure_slopes(model, LATENTS, step)
        assert slopes.shape == (8, 3) and slopes.dtype == np.float32
        assert np.allclose(slopes, [0.5, 2.0, -1.0], atol=1e-5)
    real = measure_slopes(model_of(generator), LATENTS)
    assert np.isfinite(real).all() and np.abs(real).max() > 0


def test_the_published_steps_come_mouth_first_and_pose_last():
    lengths = step_lengths(VERSIONS["v7"])
    assert lengths.shape == (50, 3)
    published = -lengths  # our directions are the opposite ones
    assert published[:6].tolist() == pytest.approx(
        np.float32([[-1.2, -1.8, p] for p in (-1.8, -1.2, -0.6, 0, 0.6)] + [[1.2, -1.8, -1.8]])
    )
    assert published[10].tolist() == pytest.approx(np.float32([-1.2, -0.9, -1.8]))
    assert np.unique(step_lengths(VERSIONS["v6"])[:, 0]).tolist() == pytest.approx([-1.8, 1.2])


def test_the_published_test_counts_passes(generator, tmp_path):
    model = LinearModel(generator, (0.5, 2.0, -1.0))
    table, summary = published_test(model, LATENTS)
    assert np.array_equal(model.asked[0][:50], step_lengths(VERSIONS["v7"]))
    columns = ["latent", "group", "corr_eyes", "corr_mouth", "corr_pose", "passed"]
    assert list(table.columns) == columns and len(table) == 6
    assert table["passed"].all()  # by its size: pose falls
    assert summary["correlation"] == pytest.approx({"eyes": 1, "mouth": 1, "pose": -1})
    assert summary["absolute_correlation"]["pose"] == pytest.approx(1)
    assert summary["passed_by_gates"] == {"v6": 1, "v7": 1, "v8": 1}
    assert sum(group["latents"] for group in summary["groups"].values()) == 6
    still = published_test(LinearModel(generator, (0.0, 2.0, 1.0)), LATENTS)[1]
    assert still["correlation"]["eyes"] == 0 and still["passed"] == 0
    write_json(tmp_path / "summary.json", summary)


def test_the_published_test_scores_the_pictures_it_says(generator):
    model = model_of(generator)
    table, _ = published_test(model, LATENTS[:2])
    lengths = step_lengths(VERSIONS["v7"])
    images = model.step(np.tile(LATENTS[1], (50, 1)), lengths)
    mouth = model.scorer(images, ["mouth"])[:, 0]
    expected = np.corrcoef(lengths[:, 1], mouth)[0, 1]
    assert table["corr_mouth"][1] == pytest.approx(expected, abs=1e-4)


# ---- figure


def test_tsne_has_a_panel_per_group_and_property(tmp_path):
    data = planted(120)
    path = tmp_path / "tsne.png"
    data["codes"][:4] = 2
    args = (data["latents"], data["scores"], data["codes"], ("hh", "hl", "lh", "ll"), 0.3, 2025)
    plot_tsne(path, *args, 16)
    first = path.read_bytes()
    plot_tsne(path, *args, 16)
    assert path.read_bytes() == first and len(first) > 20_000
