"""Figures of the report: they show something, are the same twice, and survive odd results."""

import hashlib
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from factories import MAPPED, write_segment_shard

from ohlora_lib.errors import InputError
from ohlora_lib.populations.classifier_metrics import METRICS
from ohlora_lib.reporting.algorithm_agreement import plot_agreement
from ohlora_lib.reporting.correlation import BOTH, pearson
from ohlora_lib.reporting.funnel import funnel_stages, plot_funnel
from ohlora_lib.reporting.histograms import plot_histograms
from ohlora_lib.reporting.overlays import CLASSES, blend, colorize, plot_overlays
from ohlora_lib.reporting.population_images import draw, fetch_images, fetch_segments, ids_with_face
from ohlora_lib.reporting.roc import plot_roc, roc_curve
from ohlora_lib.reporting.runtimes import COLUMNS, duration, plot_runtimes, read_benchmarks
from ohlora_lib.reporting.sample_pages import plot_samples
from ohlora_lib.reporting.strips import level_rows, plot_strips
from ohlora_lib.reporting.summary import write_summary
from ohlora_lib.reporting.theme import number, percent
from ohlora_lib.reporting.wording import condition
from ohlora_lib.runtime.digest import import_closure
from ohlora_lib.scores import ALGORITHMS, PROPERTIES
from ohlora_lib.scores.words import meaning
from ohlora_lib.store.shards import write_image_shard
from ohlora_lib.store.tables import read_json, read_table, write_json, write_table

IMAGES, LABELLED = 60, 20


@pytest.fixture(scope="module")
def population(tmp_path_factory) -> Path:
    """Write the artefacts of a population of 60 images, 60 % of them kept, one without a face."""
    folder = tmp_path_factory.mktemp("results") / "original"
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (IMAGES, 8, 8, 3), np.uint8).repeat(2, 1).repeat(2, 2)
    ids = np.arange(IMAGES)
    for index, part in enumerate(np.array_split(ids, 2)):
        path = folder / f"images/shard-{index:05d}.parquet"
        write_image_shard(path, part, part, np.zeros((len(part), 4)), images[part])
    table = pd.DataFrame({"id": ids, "gender": rng.random(IMAGES), "labelled": ids < LABELLED})
    table.loc[table["labelled"], "gender"] = rng.integers(0, 2, LABELLED).astype(float)
    table["quality"] = 0.95
    write_table(folder / "attributes.parquet", table)
    labels = table.loc[table["labelled"], ["id", "gender"]].assign(quality=1).astype(int)
    write_table(folder / "labels.parquet", labels)
    kept = ids[table["gender"] >= 0.3]
    write_table(folder / "filtered.parquet", pd.DataFrame({"id": kept}))
    report = {
        "total": IMAGES,
        "candidates": IMAGES,
        "kept": len(kept),
        "conditions": [
            {"attribute": "gender", "min": 0.3, "max": None, "pass": len(kept)},
            {"attribute": "quality", "min": 0.9, "max": None, "pass": IMAGES},
        ],
    }
    write_json(folder / "filter.json", report)
    maps = rng.integers(0, 11, (len(kept), 7, 7), np.uint8).repeat(32, 1).repeat(32, 2)
    cuts = np.tile([1, 2, 15, 16], (len(kept), 1))
    found = np.arange(len(kept)) != 1
    for index, part in enumerate(np.array_split(np.arange(len(kept)), 2)):
        path = folder / f"segments/shard-{index:05d}.parquet"
        write_segment_shard(path, kept[part], maps[part], cuts[part], found[part])
    for algorithm in MAPPED:
        names = ALGORITHMS[algorithm]
        scores = pd.DataFrame({"id": kept})
        for name in names:
            scores[f"{name}_score"] = rng.normal(size=len(kept)).round(4)
        scores.loc[1, "hair_color_score"] = np.nan
        write_table(folder / f"all_scores_{algorithm}.csv", scores)
    for fold in range(3):
        write_json(folder / f"classifiers/gender/fold-{fold}.json", fold_report(fold, rng))
    metrics = {
        "folds": [],
        "mean": dict(zip(METRICS, (0.3, 0.85, 0.83, 0.86, 0.84, 0.91), strict=True)),
        "published": {"auroc": 0.9601, "loss": 0.2564},
        "agreement": {"images": 40, "share": 0.95},
        "label_mistakes": {"images": 30, "yes": 15, "missed": 2, "mistaken": 1},
    }
    write_json(folder / "classifiers/gender/metrics.json", metrics)
    bare = {"folds": [], "mean": {"auroc": None}, "published": None, "agreement": None}
    write_json(folder / "classifiers/quality/metrics.json", bare)
    return folder


def fold_report(fold: int, rng: np.random.Generator, label: np.ndarray | None = None) -> dict:
    label = rng.integers(0, 2, 30) if label is None else label
    score = np.clip(0.3 + 0.4 * label + rng.normal(0, 0.2, len(label)), 0, 1).round(2)
    loss = [0.7, 0.5, 0.4, 0.45]
    history = [
        {"epoch": i + 1, "train_loss": x, "loss": x, "auroc": 0.9} for i, x in enumerate(loss)
    ]
    return {
        "fold": fold,
        "attempts": [{}] * (1 + fold),
        "best_epoch": 3,
        "epochs": 4,
        "loss": 0.4,
        "auroc": 0.9,
        "history": history,
        "validation": {"id": list(range(len(label))), "label": label, "score": score},
    }


def shards(population: Path, kind: str) -> list[Path]:
    return sorted((population / kind).glob("*.parquet"))


def picture(path: Path, least: tuple[int, int] = (300, 300)) -> np.ndarray:
    """Read a figure and check that it is large and not blank."""
    image = cv2.imread(str(path))
    assert image is not None, f"{path} is no picture"
    assert image.shape[0] >= least[0] and image.shape[1] >= least[1], image.shape
    assert image.std() > 5, "the picture is blank"
    assert min(image[0].min(), image[:, -1].min()) > 240, "the margin is cut"  # JPEG is not exact
    return image


def drawn(tmp_path: Path, write) -> list[Path]:
    """Call `write(folder)` for two folders, check that both hold the same bytes, return one's.

    Without the checksums beside tables.
    """
    for name in ("a", "b"):
        write(tmp_path / name)
    files = sorted(path for path in (tmp_path / "a").rglob("*.*") if path.suffix != ".sha256")
    assert files
    for file in files:
        twin = tmp_path / "b" / file.name
        digests = {hashlib.sha256(each.read_bytes()).hexdigest() for each in (file, twin)}
        assert len(digests) == 1, f"{file.name} differs from run to run"
    return files


def summary_of(population: Path, folder: Path, name: str) -> None:
    write_summary(
        folder / "s.png",
        folder / "s.csv",
        folder / "s.json",
        name,
        population / "labels.parquet",
        population / "filter.json",
        shards(population, "segments"),
        {a: population / f"classifiers/{a}/metrics.json" for a in ("gender", "quality")},
        {name: population / f"all_scores_{name}.csv" for name in MAPPED},
    )


def samples_of(population: Path, folder: Path, filter_json: Path | None = None) -> None:
    plot_samples(
        shards(population, "images"),
        population / "labels.parquet",
        population / "attributes.parquet",
        filter_json or population / "filter.json",
        population / "filtered.parquet",
        ["gender", "quality"],
        1,
        *(folder / f"{name}.jpg" for name in ("generated", "labelled", "refused", "kept")),
    )


def test_funnel(population, tmp_path):
    segments = shards(population, "segments")

    def write(folder):
        plot_funnel(folder / "f.png", population / "filter.json", segments, "original")

    picture(*drawn(tmp_path, write))
    report = read_json(population / "filter.json")
    stages = funnel_stages(report, report["kept"] - 1, "original")
    assert [stage.count for stage in stages] == [
        60,
        report["kept"],
        60,
        report["kept"],
        report["kept"] - 1,
    ]
    assert stages[3].published == pytest.approx(0.4703)
    assert all(stage.published is None for stage in funnel_stages(report, 1, "mine"))
    no_filter = {"total": 5, "candidates": 5, "kept": 5, "conditions": []}
    assert [stage.name for stage in funnel_stages(no_filter, 5, "mine")][1] == "kept"


def test_samples(population, tmp_path):
    files = drawn(tmp_path, lambda folder: samples_of(population, folder))
    assert [file.stem for file in files] == ["generated", "kept", "labelled", "refused"]
    for file in files:
        picture(file)


def test_samples_without_any_refused(population, tmp_path):
    report = read_json(population / "filter.json")
    conditions = [{"attribute": "quality", "min": None, "max": 1.0, "pass": IMAGES}]
    nobody = tmp_path / "filter.json"
    for each in (conditions, []):
        write_json(nobody, {**report, "kept": IMAGES, "conditions": each})
        samples_of(population, tmp_path, nobody)
        assert cv2.imread(str(tmp_path / "refused.jpg")).min() < 100, "it says that there are none"


def test_overlays(population, tmp_path):
    paths = shards(population, "images"), shards(population, "segments")
    picture(*drawn(tmp_path, lambda folder: plot_overlays(folder / "o.jpg", *paths, seed=1)))


def test_overlays_show_every_class_in_a_colour_of_its_own():
    colors = colorize(np.arange(11, dtype=np.uint8).reshape(1, 1, 11))
    assert len(np.unique(colors.reshape(11, 3), axis=0)) == len(CLASSES) == 11
    assert (blend(np.full_like(colors, 255), colors) == (255 + colors.astype(int)) // 2).all()


@pytest.mark.parametrize("algorithm", MAPPED)
def test_strips(population, tmp_path, algorithm):
    paths = shards(population, "images"), shards(population, "segments")
    scores = population / f"all_scores_{algorithm}.csv"

    def write(folder):
        plot_strips(folder / "s.jpg", *paths, scores, algorithm, seed=1)

    picture(*drawn(tmp_path, write), least=(1500, 1000))


def test_strips_of_constant_and_missing_scores(population, tmp_path):
    scores = read_table(population / "all_scores_v2.csv")
    scores["eyes_score"] = 0.0
    scores["mouth_score"] = np.nan
    write_table(tmp_path / "scores.csv", scores)
    paths = shards(population, "images"), shards(population, "segments")
    plot_strips(tmp_path / "s.jpg", *paths, tmp_path / "scores.csv", "v2", seed=1)
    picture(tmp_path / "s.jpg")


def test_levels_take_the_scores_near_a_quantile():
    scores = np.append(np.arange(100.0), np.nan)
    rng = np.random.default_rng
    assert level_rows(scores, 0.5, 3, rng(0)).tolist() in ([49, 50, 51], [48, 49, 50])
    assert set(level_rows(scores, 0, 4, rng(0))) == {0, 1, 2, 3}
    assert len(level_rows(scores[:2], 1, 8, rng(0))) == 2
    assert not len(level_rows(scores[100:], 0.5, 8, rng(0)))
    ties = [tuple(sorted(level_rows(np.zeros(50), 0.5, 5, rng(seed)))) for seed in (1, 1, 2)]
    assert ties[0] == ties[1] != ties[2]


def test_histograms_and_agreement(population, tmp_path):
    tables = {name: population / f"all_scores_{name}.csv" for name in MAPPED}

    def write(folder):
        plot_histograms(folder / "h.png", tables)
        plot_agreement(folder / "a.png", *tables.values(), "original")

    for file in drawn(tmp_path, write):
        picture(file, least=(700, 1000))


def test_histograms_and_agreement_of_odd_scores(population, tmp_path):
    for algorithm in MAPPED:
        scores = read_table(population / f"all_scores_{algorithm}.csv")
        scores["eyes_score"] = 0.0
        scores["mouth_score"] = np.nan
        scores.loc[0, "pose_score"] = 40.0
        write_table(tmp_path / f"{algorithm}.csv", scores)
    tables = {name: tmp_path / f"{name}.csv" for name in MAPPED}
    plot_histograms(tmp_path / "h.png", tables)
    plot_agreement(tmp_path / "a.png", *tables.values(), "mine")
    picture(tmp_path / "h.png")
    picture(tmp_path / "a.png")


def test_pearson_skips_missing_pairs():
    x = np.array([0.0, 1, 2, 3, np.nan])
    y = np.array([1.0, 3, np.nan, 7, 9])
    assert pearson(x, y) == pytest.approx(1)
    assert np.isnan(pearson(x, np.zeros(5))) and np.isnan(pearson(x[:1], y[:1]))


def test_roc(population, tmp_path):
    folds = sorted((population / "classifiers/gender").glob("fold-*.json"))
    metrics = population / "classifiers/gender/metrics.json"
    picture(*drawn(tmp_path, lambda f: plot_roc(f / "r.png", folds, metrics, "gender", 0.35)))


def test_roc_of_one_fold_with_one_answer_and_one_epoch(population, tmp_path):
    report = fold_report(0, np.random.default_rng(0), np.ones(5, int))
    report["auroc"] = None
    report["history"], report["best_epoch"] = report["history"][:1], 1
    write_json(tmp_path / "fold-0.json", report)
    metrics = population / "classifiers/quality/metrics.json"
    plot_roc(tmp_path / "r.png", [tmp_path / "fold-0.json"], metrics, "beard", 10)
    picture(tmp_path / "r.png")


def test_roc_curve_against_its_definition():
    rng = np.random.default_rng(0)
    label, score = rng.integers(0, 2, 200), rng.integers(0, 9, 200) / 8
    false, true = roc_curve(label, score)
    area = np.sum(np.diff(false) * (true[1:] + true[:-1]) / 2)
    ones, zeros = score[label == 1][:, None], score[label == 0][None]
    assert area == pytest.approx(((ones > zeros) + 0.5 * (ones == zeros)).mean())
    assert (false[0], true[0], false[-1], true[-1]) == (0, 0, 1, 1) and len(false) == 10
    assert roc_curve(np.ones(3), np.ones(3)) is None


def test_runtimes(tmp_path):
    head = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n"
    for name, row in {
        "train/a-0.tsv": "60.5\t0:01:00\t400.5\t1\t1\t1\t0\t0\t99\t100",
        "train/a-1.tsv": "40.5\t0:00:40\t500\t1\t1\t1\t0\t0\t99\t80",
        "join/a.tsv": "0.4\t0:00:00\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA",
        "plot_join/a.tsv": "9\t0:00:09\t-\t-\t-\t-\t-\t-\t-\t-",
        "alone.tsv": "1\t0:00:01\t50\t1\t1\t1\t0\t0\t99\t1",
    }.items():
        path = tmp_path / "benchmarks" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(head + row + "\n")
    table = read_benchmarks(tmp_path / "benchmarks", ["plot_*"])
    assert tuple(table) == COLUMNS and list(table["rule"]) == ["train", "alone", "join"]
    assert table.loc[0, ["jobs", "total_s", "max_s", "cpu_s", "max_rss_mb"]].tolist() == [
        *(2, 101.0, 60.5, 180.0, 500.0)
    ]
    assert np.isnan(table.loc[2, "max_rss_mb"])
    files = drawn(
        tmp_path,
        lambda folder: plot_runtimes(folder / "r.png", folder / "r.csv", tmp_path / "benchmarks"),
    )
    picture(files[1])
    assert len(read_table(files[0])) == 4


def test_runtimes_without_files_and_with_a_foreign_one(tmp_path):
    plot_runtimes(tmp_path / "r.png", tmp_path / "r.csv", tmp_path / "nowhere")
    picture(tmp_path / "r.png", least=(200, 300))
    (tmp_path / "rule.tsv").write_text("a\tb\n1\t2\n")
    with pytest.raises(InputError, match=r"rule\.tsv is not a benchmark file"):
        read_benchmarks(tmp_path)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.84, "0.8 s"),
        (42, "42 s"),
        (59.7, "1 min 00 s"),
        (185, "3 min 05 s"),
        (3725, "1 h 02 min"),
    ],
)
def test_duration(seconds, text):
    assert duration(seconds) == text


def test_summary(population, tmp_path):
    files = drawn(tmp_path, lambda folder: summary_of(population, folder, "original"))
    assert [file.suffix for file in files] == [".csv", ".json", ".png"]
    picture(files[2])
    table = read_table(files[0]).set_index(["group", "name"])
    assert table.loc[("images", "kept"), "published"] == 4703
    assert table.loc[("gender networks", "AUROC, mean of the folds"), "ours"] == 0.91
    assert table.loc[("gender networks", "precision"), "ours"] == 0.83
    assert table.loc[("gender networks", "recall"), "ours"] == 0.86
    unlike = [name for group, name in table.index if "unlike the annotator" in name]
    assert unlike == ["gender: unlike the annotator's answer"]
    assert table.loc[("hand labels", unlike[0]), "ours"] == 3
    assert table.loc[("missing scores", "algorithm v2"), "ours"] == 1
    assert np.isnan(table.loc[("quality networks", "accuracy"), "ours"])
    figures = read_json(files[1])["figures"]
    names = [each["name"] for each in figures if each["group"] == "correlation of v1 and v2"]
    assert names == list(BOTH)


def test_summary_of_an_unpublished_population(population, tmp_path):
    summary_of(population, tmp_path, "mine")
    picture(tmp_path / "s.png")
    table = read_table(tmp_path / "s.csv").set_index("group")
    assert table.drop(index="gender networks")["published"].isna().all()


def test_material_comes_in_the_wanted_order(population):
    images, segments = shards(population, "images"), shards(population, "segments")
    ids = np.array([40, 3, 40])
    pictures = fetch_images(images, ids)
    assert (pictures[0] == pictures[2]).all() and (pictures[0] != pictures[1]).any()
    assert fetch_images(images, ids[:0]).shape == (0, 1, 1, 3)
    faces = ids_with_face(segments)
    assert len(faces) == read_json(population / "filter.json")["kept"] - 1
    assert fetch_segments(segments, faces[[2, 0]]).ids.tolist() == faces[[2, 0]].tolist()
    assert draw(faces, 1000, np.random.default_rng(0)).tolist() == faces.tolist()
    with pytest.raises(InputError):
        fetch_images(images, np.array([IMAGES]))


def test_words_and_numbers():
    assert condition("gender", 0.7, None) == "gender ≥ 0.7"
    assert condition("age", None, 0.3) == "age ≤ 0.3"
    assert condition("pose", 0.2, 0.5) == "0.2 ≤ pose ≤ 0.5"
    assert len({meaning(name) for name in PROPERTIES}) == len(PROPERTIES)
    assert (number(12345), number(-1.25, 1), number(-0.001, 2)) == ("12,345", "−1.2", "0.00")
    assert (number(float("nan")), percent(0.4703), percent(None)) == ("–", "47.0 %", "– %")


MODULES = (
    "algorithm_agreement",
    "control_grids",
    "funnel",
    "histograms",
    "overlays",
    "roc",
    "runtimes",
    "strips",
)


@pytest.mark.parametrize("module", (*MODULES, "summary"))
def test_a_figure_does_not_depend_on_the_code_of_another(module):
    closure = import_closure(f"ohlora_lib.reporting.{module}")
    others = {f"ohlora_lib.reporting.{name}" for name in (*MODULES, "summary") if name != module}
    assert not others & set(closure)
    scores = [name for name in closure if name.startswith("ohlora_lib.scores.")]
    assert not {*scores} - {"ohlora_lib.scores.words"}
    assert not [name for name in closure if name.startswith("ohlora_lib.networks")]
