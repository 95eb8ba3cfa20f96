"""The protocol as a whole, on a model whose pictures say what was requested of it."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ohlora_lib.errors import InputError
from ohlora_lib.judging.draw import write_gallery
from ohlora_lib.judging.grids import LEVELS, build_requests
from ohlora_lib.judging.measure import score_pictures
from ohlora_lib.judging.picture_attributes import read_attributes
from ohlora_lib.judging.protocol import MEASURED, evaluate, judge_method
from ohlora_lib.store.shards import write_image_shard
from ohlora_lib.store.tables import read_json, read_table, write_json, write_table

LATENTS, JOINT, IMAGES = 6, 2, 40
DIM, SIDE = 5, 12
STEP = 25  # grey levels per unit of a score
OWN = [MEASURED.index(name) for name in ("eyes", "mouth", "pose")]
LEVEL_NAMES = {f"{level:g}" for level in LEVELS}


class FakeModel:
    """Writes the three scores it gives into the left half of a picture, its latent into the right.

    Args:
        answer: what it makes of requests [N, 3].
    """

    latent_dim, resolution = DIM, SIDE

    def __init__(self, answer=lambda wanted: wanted):
        self.answer = answer

    def draw(self, latents: np.ndarray, requested: np.ndarray) -> np.ndarray:
        assert latents.dtype == requested.dtype == np.float32
        images = np.empty((len(latents), SIDE, SIDE, 3), np.uint8)
        told = 128 + STEP * self.answer(requested)
        images[:, :, :6] = np.clip(told.round(), 0, 255)[:, None, None]
        images[:, :, 6:] = np.clip(128 + 30 * latents[:, None, :1, None], 0, 255)
        return images


class FakeJudge:
    """Reads them off again; without a face (a white picture) nothing."""

    columns, grid, decimals = MEASURED, None, 4

    def score(self, images: np.ndarray) -> np.ndarray:
        scores = np.zeros((len(images), 7))
        scores[:, OWN] = (images[:, 0, 0].astype(float) - 128) / STEP
        scores[:, 5] = (images[:, 0, -1, 0].astype(float) - 128) / STEP  # follows the latent only
        scores[(images == 255).all(axis=(1, 2, 3))] = np.nan
        return scores


class FakeReader:
    """A bright right half is a woman, a bright red left half is old; features are the pixels."""

    names = ("gender", "age")

    def __init__(self, embeds: bool = True):
        self.embeds = embeds

    def read(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        shown = images.astype(np.float32)
        odds = np.stack([shown[:, 0, -1, 0] - 128, shown[:, 0, 0, 0] - 128 - STEP * 1.75], axis=1)
        features = shown[:, :2, ::3].reshape(len(images), -1)
        return 1 / (1 + np.exp(-odds.astype(np.float64) / 20)), features if self.embeds else None


@pytest.fixture(scope="module")
def filtered(tmp_path_factory) -> dict[str, Path]:
    """A population of perfect pictures, most of which passed the filter."""
    folder = tmp_path_factory.mktemp("population")
    random = np.random.default_rng(1)
    z = random.standard_normal((120, DIM)).astype(np.float32)
    images = FakeModel().draw(z, random.standard_normal((120, 3)).astype(np.float32))
    write_image_shard(folder / "images.parquet", np.arange(120), np.arange(120), z, images)
    write_table(folder / "filtered.parquet", pd.DataFrame({"id": np.arange(10, 110)}))
    return {
        "image_paths": [folder / "images.parquet"],
        "filtered_path": folder / "filtered.parquet",
    }


def run(
    folder: Path,
    filtered: dict[str, Path],
    model: FakeModel,
    judge: FakeJudge | None = None,
    reader: FakeReader | None = None,
    method: str = "finetune_v1",
) -> tuple[dict, pd.DataFrame]:
    """Draw, read, score and judge; return the summary and the table of latents."""
    requests = build_requests(LATENTS, JOINT, IMAGES, 3)
    count = requests["latent"].max() + 1
    latents = np.random.default_rng(2).standard_normal((count, DIM)).astype(np.float32)
    paths = {name: folder / f"{name}.parquet" for name in ("requests", "pictures", "attributes")}
    write_table(paths["requests"], requests)
    write_gallery(model, latents, requests, paths["pictures"])
    read_attributes(
        reader or FakeReader(),
        paths["requests"],
        paths["pictures"],
        **filtered,
        table_path=paths["attributes"],
        quality_path=folder / "quality.json",
        seed=3,
    )
    measured = folder / "measured.parquet"
    score_pictures(judge or FakeJudge(), paths["requests"], paths["pictures"], measured)
    judge_again(folder, method)
    return read_json(folder / "summary.json"), read_table(folder / "per_latent.csv")


def judge_again(folder: Path, method: str = "finetune_v1") -> None:
    judge_method(
        folder / "requests.parquet",
        folder / "measured.parquet",
        folder / "attributes.parquet",
        folder / "quality.json",
        folder / "per_latent.csv",
        folder / "summary.json",
        method=method,
        judge="segment",
        bootstrap=200,
        seed=3,
    )


@pytest.fixture(scope="module")
def perfect(tmp_path_factory, filtered) -> tuple[Path, dict, pd.DataFrame]:
    folder = tmp_path_factory.mktemp("perfect")
    return folder, *run(folder, filtered, FakeModel())


def means(stats: dict) -> list[float]:
    assert set(stats) == {"eyes", "mouth", "pose"}
    for stat in stats.values():
        assert set(stat) == {"mean", "low", "high"} and stat["low"] <= stat["mean"] <= stat["high"]
    return [stats[name]["mean"] for name in ("eyes", "mouth", "pose")]


def keys(document: dict) -> dict:
    """Return the tree of keys of a document, properties and levels written as * where complete."""
    tree = {}
    for key, value in document.items():
        tree[key] = keys(value) if isinstance(value, dict) else None
    for names, mark in (({"eyes", "mouth", "pose"}, "p"), (LEVEL_NAMES, "level")):
        if set(tree) == names:
            first, *rest = tree.values()
            assert all(item == first for item in rest)
            return {mark: first}
    return tree


STAT = {"mean": None, "low": None, "high": None}
CHOSEN = {"latent": None, "correlation": {"p": None}, "mae": {"p": None}}
COLUMNS = dict.fromkeys([*MEASURED, "gender", "age"], STAT)


def test_the_summary_has_the_agreed_form(perfect):
    _, summary, _ = perfect
    random = summary.pop("random")
    assert keys(summary) == {
        **dict.fromkeys(("method", "judge", "latents", "pictures", "missing")),
        "grid50": {
            "correlation": {"p": STAT},
            "mae": {"p": STAT},
            "gates_v3": STAT,
            "gates_v8": STAT,
            **dict.fromkeys(("best", "median", "worst"), CHOSEN),
        },
        "grid8": {"correlation": {"p": STAT}, "mae": {"p": STAT}},
        "levels": {
            **dict.fromkeys(("correlation", "mae", "slope", "bias", "r2"), {"p": STAT}),
            "saturation": {"p": STAT},
            "leakage": {"p": COLUMNS},
            **dict.fromkeys(("leakage_mean", "leakage_matched_mean"), STAT),
            "flips": dict.fromkeys(("gender", "age", "any"), STAT),
            "identity_drift": {"p": {"level": STAT}},
            "identity_drift_ends": STAT,
            "elsewhere": {"p": STAT},
        },
        "joint": dict.fromkeys(("correlation", "mae", "slope"), {"p": STAT}),
    }
    assert keys(random) == {
        **dict.fromkeys(("women", "old"), STAT),
        **dict.fromkeys(("good", "glass", "images", "compared")),
        "correlation": {"p": STAT},
        "mae": {"p": STAT},
        "filtered": dict.fromkeys(("women", "good", "old", "glass")),
        **dict.fromkeys(("kernel_distance", "kernel_distance_floor")),
        **dict.fromkeys(("sliced_wasserstein", "sliced_wasserstein_floor")),
        **dict.fromkeys(("diversity", "filtered_diversity")),
        **dict.fromkeys(("precision", "recall", "filtered_precision", "filtered_recall")),
    }
    summary["random"] = random
    assert (summary["method"], summary["judge"]) == ("finetune_v1", "segment")
    assert (summary["latents"], summary["missing"]) == (LATENTS, 0)
    assert random["images"] == random["compared"] == IMAGES


def test_perfect_control_is_seen_as_such(perfect):
    _, summary, table = perfect
    close = {"abs": 0.02}  # the pictures have 25 grey levels per unit
    for grid in ("grid50", "grid8", "levels", "joint", "random"):
        assert means(summary[grid]["correlation"]) == pytest.approx([1, 1, 1], abs=1e-3)
        assert means(summary[grid]["mae"]) == pytest.approx([0, 0, 0], **close)
    single = summary["levels"]
    assert means(single["slope"]) == pytest.approx([1, 1, 1], **close)
    assert means(summary["joint"]["slope"]) == pytest.approx([1, 1, 1], **close)
    assert means(single["bias"]) == pytest.approx([0, 0, 0], **close)
    assert means(single["r2"]) == pytest.approx([1, 1, 1], abs=1e-2)
    assert means(single["saturation"]) == pytest.approx([1, 1, 1], **close)
    for name, row in single["leakage"].items():
        seven = {column: float(column == name) for column in MEASURED}
        assert {c: row[c]["mean"] for c in MEASURED} == pytest.approx(seven, **close)
    assert single["leakage_mean"]["mean"] == pytest.approx(0, abs=1e-9)
    for gate in ("gates_v3", "gates_v8"):
        assert summary["grid50"][gate] == {"mean": 1, "low": 1, "high": 1}
    assert table["gates_v3"].all() and table["latent"].tolist() == list(range(LATENTS))
    assert not table["missing"].any()


def test_attributes_that_move_are_seen_as_leakage_and_flips(perfect):
    _, summary, _ = perfect
    single = summary["levels"]
    # "age" follows the red channel, as eyes do, and flips above 1.75; "gender" the latent alone
    assert single["leakage"]["eyes"]["age"]["low"] > 0.5
    nothing = {"mean": 0, "low": 0, "high": 0}
    assert single["leakage"]["mouth"]["age"] == single["leakage"]["eyes"]["gender"] == nothing
    flips = {name: stat["mean"] for name, stat in single["flips"].items()}
    assert flips == pytest.approx({"age": 1 / 6, "gender": 0, "any": 1 / 6})


def test_a_bad_picture_is_still_the_same_person(tmp_path, filtered):
    reader = FakeReader()
    reader.names = ("gender", "quality")
    summary, _ = run(tmp_path, filtered, FakeModel(), reader=reader)
    flips = {name: stat["mean"] for name, stat in summary["levels"]["flips"].items()}
    assert flips == pytest.approx({"quality": 1 / 6, "gender": 0, "any": 0})


def test_identity_drift_is_zero_at_zero_and_grows(perfect):
    _, summary, _ = perfect
    ends = []
    for stats in summary["levels"]["identity_drift"].values():
        levels = {level: stat["mean"] for level, stat in stats.items()}
        ends += [levels["-2"], levels["2"]]
        assert levels["0"] == pytest.approx(0, abs=1e-6)
        assert 0 < levels["0.5"] < levels["1"] < levels["2"]
        assert 0 < levels["-0.5"] < levels["-1"] < levels["-2"]
    assert summary["levels"]["identity_drift_ends"]["mean"] == pytest.approx(np.mean(ends))


def test_a_set_like_the_filtered_one_is_as_good_and_as_varied(perfect):
    _, summary, _ = perfect
    random = summary["random"]
    assert random["diversity"] == pytest.approx(random["filtered_diversity"], rel=0.2)
    assert random["sliced_wasserstein"] < 3 * random["sliced_wasserstein_floor"]
    for name in ("precision", "recall"):
        assert random[name] == pytest.approx(random[f"filtered_{name}"], abs=0.25)
    assert random["women"]["mean"] == pytest.approx(random["filtered"]["women"], abs=0.25)
    assert random["good"] is None and random["filtered"]["good"] is None  # nobody can tell


def test_flipped_control_has_negative_correlation_and_passes_no_gate(tmp_path, filtered):
    summary, _ = run(tmp_path, filtered, FakeModel(lambda wanted: -wanted))
    for grid in ("grid50", "levels", "joint"):
        assert means(summary[grid]["correlation"]) == pytest.approx([-1] * 3, abs=1e-3)
    assert means(summary["levels"]["slope"]) == pytest.approx([-1] * 3, abs=0.02)
    assert summary["grid50"]["gates_v8"]["mean"] == 0


def test_weak_saturated_and_leaking_control(tmp_path, filtered):
    def answer(wanted):
        eyes, mouth, pose = wanted.T
        return np.stack([0.4 * eyes, np.clip(mouth, -1, 1), pose + 0.5 * eyes], axis=1)

    summary, _ = run(tmp_path, filtered, FakeModel(answer))
    single = summary["levels"]
    assert single["slope"]["eyes"]["mean"] == pytest.approx(0.4, abs=0.02)
    assert single["saturation"]["eyes"]["mean"] == pytest.approx(1, abs=0.1)
    assert single["saturation"]["mouth"]["mean"] == pytest.approx(0, abs=0.05)
    assert single["leakage"]["eyes"]["pose"]["mean"] == pytest.approx(0.5, abs=0.02)
    assert single["leakage"]["pose"]["eyes"]["mean"] == pytest.approx(0, abs=1e-9)
    assert single["leakage_mean"]["mean"] == pytest.approx(0.5 / 18, abs=0.002)
    assert single["leakage_matched_mean"]["mean"] == pytest.approx(0.5 / 0.4 / 18, abs=0.004)


def test_a_model_that_does_not_listen(tmp_path, filtered):
    summary, _ = run(tmp_path, filtered, FakeModel(lambda wanted: 0 * wanted))
    assert means(summary["grid50"]["correlation"]) == [0, 0, 0]
    assert means(summary["levels"]["slope"]) == [0, 0, 0]
    assert summary["levels"]["saturation"]["eyes"]["mean"] is None
    assert summary["levels"]["leakage_matched_mean"]["mean"] is None
    assert summary["random"]["diversity"] < 0.7 * summary["random"]["filtered_diversity"]


def test_best_median_and_worst_latent(perfect):
    folder, summary, _ = perfect
    requests = read_table(folder / "requests.parquet")
    measured = read_table(folder / "measured.parquet")[list(MEASURED)].to_numpy(copy=True)
    random = np.random.default_rng(0)
    strength = 0.2 * 2.0 ** requests["latent"].to_numpy()
    # the higher its number, the worse a latent's pose
    measured[:, OWN[2]] += strength * random.standard_normal(len(requests))
    found = judged(folder, requests, measured)
    grid50 = found.summary["grid50"]
    chosen = [grid50[name]["latent"] for name in ("best", "median", "worst")]
    assert chosen == [0, 3, 5]  # the lower of the two in the middle
    row = found.per_latent.set_index("latent").loc[5]
    assert grid50["worst"]["correlation"]["pose"] == row["grid50_correlation_pose"]
    assert grid50["worst"]["mae"]["pose"] == row["grid50_mae_pose"]
    assert summary["grid50"]["best"]["correlation"]["eyes"] > 0.999


def judged(folder: Path, requests: pd.DataFrame, measured: np.ndarray, **changes):
    attributes = changes.get("attributes", read_table(folder / "attributes.parquet"))
    return evaluate(requests, measured, attributes, read_json(folder / "quality.json"), 200, 3)


def test_a_missing_face_fails_its_latent_and_is_left_out_elsewhere(perfect):
    folder, before, _ = perfect
    requests = read_table(folder / "requests.parquet")
    measured = read_table(folder / "measured.parquet")[list(MEASURED)].to_numpy(copy=True)
    lost = requests.index[(requests["grid"] == "grid50") & (requests["latent"] == 1)][:2]
    measured[lost] = np.nan
    measured[requests.index[(requests["grid"] == "levels") & (requests["latent"] == 4)][3], 1] = (
        np.nan
    )
    found = judged(folder, requests, measured)
    assert found.summary["missing"] == 3
    assert found.per_latent["missing"].tolist() == [0, 2, 0, 0, 1, 0]
    assert found.per_latent["gates_v3"].tolist() == [True, False, True, True, True, True]
    assert found.summary["grid50"]["gates_v8"]["mean"] == pytest.approx(5 / 6)
    for metric in ("correlation", "mae"):
        expected = means(before["grid50"][metric])
        assert means(found.summary["grid50"][metric]) == pytest.approx(expected, abs=2e-3)


def test_no_face_at_all(tmp_path, filtered):
    class Blind(FakeJudge):
        def score(self, images):
            return np.full((len(images), 7), np.nan)

    summary, _ = run(tmp_path, filtered, FakeModel(), Blind())
    assert summary["missing"] == summary["pictures"]
    assert summary["grid50"]["correlation"]["eyes"] == {"mean": None, "low": None, "high": None}
    assert summary["grid50"]["gates_v3"]["mean"] == 0
    assert summary["random"]["women"]["mean"] > 0  # attributes do not need the judge


def test_the_order_of_latents_does_not_change_the_summary(perfect):
    folder, _, _ = perfect
    requests = read_table(folder / "requests.parquet")
    measured = read_table(folder / "measured.parquet")[list(MEASURED)].to_numpy(copy=True)
    random = np.random.default_rng(0)
    measured += random.standard_normal(measured.shape)
    first = judged(folder, requests, measured)
    order = random.permutation(LATENTS)
    fixed = requests["latent"] < LATENTS
    joint = requests["grid"] == "joint"
    moved = requests.copy()
    moved.loc[fixed & ~joint, "latent"] = order[requests.loc[fixed & ~joint, "latent"]]
    moved.loc[joint, "latent"] = order[:JOINT][requests.loc[joint, "latent"]]
    second = judged(folder, moved, measured)
    for grid in ("grid50", "levels"):
        for metric in ("correlation", "mae"):
            a, b = (means(e.summary[grid][metric]) for e in (first, second))
            assert a == pytest.approx(b)
    a, b = (
        {name: stat["mean"] for name, stat in e.summary["levels"]["leakage"]["eyes"].items()}
        for e in (first, second)
    )
    assert a == pytest.approx(b)
    best = [e.summary["grid50"]["best"]["latent"] for e in (first, second)]
    assert order[best[0]] == best[1]


def test_the_same_input_gives_the_same_files(perfect, tmp_path):
    folder, _, _ = perfect
    names = ("summary.json", "per_latent.csv")
    before = [(folder / name).read_bytes() for name in names]
    judge_again(folder)
    assert [(folder / name).read_bytes() for name in names] == before


def test_without_an_embedding_what_needs_one_is_null(tmp_path, filtered):
    summary, _ = run(tmp_path, filtered, FakeModel(), reader=FakeReader(embeds=False))
    drift = summary["levels"]["identity_drift"]
    drift = [*(stat for levels in drift.values() for stat in levels.values())]
    drift.append(summary["levels"]["identity_drift_ends"])
    assert {value for stat in drift for value in stat.values()} == {None}
    random = summary["random"]
    assert random["kernel_distance"] is None and random["diversity"] is None
    assert random["precision"] is None and random["recall"] is None
    assert random["sliced_wasserstein"] > 0 and random["women"]["mean"] > 0


# ---- refusals


def refused(folder: Path, *words: str) -> None:
    with pytest.raises(InputError) as info:
        judge_again(folder)
    text = str(info.value)
    assert "\n" not in text and all(word in text for word in (*words, "snakemake again")), text


@pytest.fixture
def copy(perfect, tmp_path) -> Path:
    for path in perfect[0].iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


def test_tables_of_different_evaluations_are_refused(copy):
    table = read_table(copy / "measured.parquet")
    write_table(copy / "measured.parquet", table[:-1])
    refused(copy, "measured.parquet", "requests.parquet", "other pictures")
    write_table(copy / "measured.parquet", table)
    table = read_table(copy / "attributes.parquet")
    write_table(copy / "attributes.parquet", table[1:])
    refused(copy, "requests.parquet", "other pictures")


@pytest.mark.parametrize("grid", ["grid50", "levels", "joint"])
def test_a_grid_that_is_not_whole_is_refused(copy, grid):
    table = read_table(copy / "requests.parquet")
    row = table.index[table["grid"] == grid][7]
    whole = table.copy()
    table.loc[row, "eyes"] += 0.3
    write_table(copy / "requests.parquet", table)
    refused(copy, "requests.parquet", grid)
    whole.loc[row, "latent"] = 99
    write_table(copy / "requests.parquet", whole)
    refused(copy, "requests.parquet", grid)


def test_missing_columns_and_files_are_refused(copy):
    table = read_table(copy / "requests.parquet")
    write_table(copy / "requests.parquet", table.drop(columns="grid"))
    refused(copy, "requests.parquet lacks the column grid")
    (copy / "requests.parquet").unlink()
    with pytest.raises(InputError, match="requests.parquet does not exist"):
        judge_again(copy)
    write_table(copy / "requests.parquet", table)
    write_table(
        copy / "measured.parquet", read_table(copy / "measured.parquet").drop(columns="pose")
    )
    refused(copy, "measured.parquet lacks the column pose")


def test_another_evaluations_quality_is_refused(copy):
    write_json(copy / "quality.json", {"random": {}})
    refused(copy, "quality.json")
