"""Grids, plots and leaderboard of methods, from a small made-up evaluation."""

import itertools
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from ohlora_lib.errors import InputError
from ohlora_lib.judging.judges.registry import judge_table
from ohlora_lib.reporting import published
from ohlora_lib.reporting.control_grids import draw_control_grids, plot_levels
from ohlora_lib.reporting.evaluations import read_evaluation
from ohlora_lib.reporting.leaderboard import Method, leaderboard, training_end, write_leaderboard
from ohlora_lib.reporting.leaderboard_columns import COLUMNS, read_figures
from ohlora_lib.reporting.leaderboard_page import SHOWN, Judge, best_values, goodness, show
from ohlora_lib.reporting.leakage import plot_leakage
from ohlora_lib.reporting.training_curves import _best, plot_training_curves
from ohlora_lib.runtime.digest import import_closure
from ohlora_lib.scores import CONTROLLED
from ohlora_lib.store.gallery import gallery, read_gallery
from ohlora_lib.store.tables import read_json, read_table, write_json, write_table

LATENTS, SIDE = 3, 16
JUDGES = {
    "cnn": Judge("the property CNN", "methods are trained against", as_published=True),
    "segment": Judge("segmentation", "none of them has seen"),
}
CNN = {"cnn": JUDGES["cnn"]}
SEVEN = ("eyes", "hair_color", "hair_length", "mouth", "pose", "background_mean", "background_std")
GRIDS = ("grid_best", "grid_median", "grid_worst", "levels")
# (correlation of the weakest property, share of good pictures), in no order
METHODS = {"finetune_v1": (0.6, 0.95), "finetune_v3": (0.9, 0.96), "finetune_v4": (0.99, 0.5)}


def requests() -> pd.DataFrame:
    """List the grid of 50 and the nine levels of every latent, and two random pictures."""
    mouths, eyes, poses = (-1.2, -0.6, 0, 0.8, 1.6), (-1.8, 1.8), (-1.2, 0, 1.2, 2.4, 3.6)
    fifty = [(e, m, p) for m, e, p in itertools.product(mouths, eyes, poses)]
    steps = [value for value in np.arange(-2, 2.5, 0.5) if value]
    alone = [tuple(np.eye(3)[i] * value) for i in range(3) for value in steps]
    rows = [(k, "grid50", *each) for k in range(LATENTS) for each in fifty]
    rows += [(k, "levels", *each) for k in range(LATENTS) for each in [(0, 0, 0), *alone]]
    rows += [(LATENTS + k, "random", 0.1, 0.2, 0.3) for k in range(2)]
    table = pd.DataFrame(rows, columns=["latent", "grid", *CONTROLLED])
    table.insert(0, "row", np.arange(len(table)))
    return table


def stat(value: float) -> dict:
    return {"mean": value, "low": value - 0.02, "high": value + 0.02}


def summary(method: str, judge: str, corr: float, good: float) -> dict:
    def three(value):
        return {name: value for name in CONTROLLED}

    latents = {
        which: {"latent": k, "correlation": three(corr), "mae": three(0.5)}
        for k, which in enumerate(("best", "median", "worst"))
    }
    leakage = {p: {q: stat(float(p == q)) for q in (*SEVEN, "gender")} for p in CONTROLLED}
    return {
        "method": method,
        "judge": judge,
        "latents": LATENTS,
        "grid50": {
            "correlation": {**three(stat(0.995)), "mouth": stat(corr)},
            "mae": three(stat(1 - corr)),
            "gates_v3": stat(corr),
            "gates_v8": stat(corr / 2),
            **latents,
        },
        "grid8": {"correlation": three(stat(corr)), "mae": three(stat(0.5))},
        "levels": {
            "mae": three(stat(0.4)),
            "slope": {**three(stat(1.2)), "eyes": stat(corr)},
            "leakage": leakage,
            "leakage_mean": stat(0.1),
            "leakage_matched_mean": dict.fromkeys(("mean", "low", "high")),
            "flips": {"gender": stat(0.1), "any": stat(0.1)},
            "identity_drift": three({"-2": 0.2, "-1": 0.1, "0": 0.0, "1": 0.1, "2": 0.4}),
            "identity_drift_ends": stat(0.3),
        },
        "random": {
            "women": stat(0.9),
            "good": stat(good),
            "filtered": {"women": 0.99, "good": 0.96},
            "kernel_distance": 0.03,
            "kernel_distance_floor": 0.01,
            "diversity": 1.2,
            "filtered_diversity": 1.5,
        },
    }


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Path:
    """Write the evaluation of three methods; one has pictures and measurements, too."""
    folder = tmp_path_factory.mktemp("results")
    rng = np.random.default_rng(0)
    table = requests()
    for method, (corr, good) in METHODS.items():
        for judge in JUDGES:
            path = folder / "evaluation" / method / judge / "summary.json"
            write_json(path, summary(method, judge, corr - 0.02 * (judge == "segment"), good))
    place = folder / "evaluation/finetune_v3"
    write_table(place / "requests.parquet", table)
    with gallery(place / "pictures.parquet") as album:
        pictures = rng.integers(0, 256, (len(table), 4, 4, 3), np.uint8)
        album.append(table["row"].to_numpy(), pictures.repeat(SIDE // 4, 1).repeat(SIDE // 4, 2))
    for judge in JUDGES:
        measured = pd.DataFrame(rng.normal(size=(len(table), 7)), columns=list(SEVEN))
        measured[list(CONTROLLED)] = table[list(CONTROLLED)] + rng.normal(0, 0.5, (len(table), 3))
        measured.loc[7, "mouth"] = np.nan
        measured.insert(0, "row", table["row"])
        write_table(place / judge / "measured.parquet", measured)
    log = pd.DataFrame({"epoch": range(5), "loss_g": [3.0, 2, 1, 0.9, 0.8], "loss_d": 0.01})
    for index, name in enumerate(CONTROLLED):
        log[f"corr_{name}"] = [0, np.nan, 0.4, np.nan, 0.8 + index / 20]
    write_table(folder / "finetune/v3/train_log.csv", log)
    return folder


def picture(path: Path, least: tuple[int, int]) -> np.ndarray:
    """Read a figure and check that it is large, neither blank nor cut."""
    image = cv2.imread(str(path))
    assert image is not None, f"{path} is no picture"
    assert image.shape[0] >= least[0] and image.shape[1] >= least[1], image.shape
    assert image.std() > 5, "the picture is blank"
    assert min(image[0].min(), image[:, -1].min()) > 240, "the margin is cut"
    return image


def draw(results: Path, folder: Path, judge: str = "cnn") -> dict[str, Path]:
    paths = {name: folder / f"{name}.jpg" for name in GRIDS}
    place = results / "evaluation/finetune_v3"
    draw_control_grids(place, "finetune_v3", judge, *paths.values(), looks_through="a lens")
    return paths


@pytest.fixture(scope="module")
def drawn(results) -> Path:
    """Draw all figures of the one method, beside its summaries; return the results."""
    for judge in JUDGES:
        place = results / "evaluation/finetune_v3" / judge
        draw(results, place, judge)
        paths = place / "leakage.png", place / "summary.json"
        plot_leakage(*paths, "finetune_v3", judge, "a lens")
    curves = results / "finetune/v3/training_curves.png"
    plot_training_curves(curves, results / "finetune/v3/train_log.csv", "v3")
    return results


def sources(**changes: Method) -> dict[str, Method]:
    return {name: Method("corrected", published_as=name) for name in METHODS} | changes


def test_control_grids(drawn, tmp_path):
    again = draw(drawn, tmp_path)
    for name, path in again.items():
        image = picture(path, (1400, 900))
        assert image.shape[0] < 2600 and path.stat().st_size < 3e6
        first = drawn / "evaluation/finetune_v3/cnn" / path.name
        assert path.read_bytes() == first.read_bytes(), f"{name} differs from run to run"
    paths = [drawn / f"evaluation/finetune_v3/{j}/{n}.jpg" for j in JUDGES for n in GRIDS]
    assert len({path.read_bytes() for path in paths}) == len(paths)


def test_control_grids_show_the_pictures_of_their_latent_enlarged(drawn):
    folder = drawn / "evaluation/finetune_v3"
    page = cv2.imread(str(folder / "cnn/grid_median.jpg"))[..., ::-1][::3, ::3].astype(int)
    for image in read_gallery(folder / "pictures.parquet", np.arange(50, 100)):  # latent 1
        corner = image[1, 1].astype(int) & 0b11111100  # inside a block of one colour
        assert (np.abs(page - corner).max(axis=2) <= 16).sum() > 20


def test_strips_show_a_latent_once_where_ranks_coincide(drawn, tmp_path):
    place = tmp_path / "evaluation"
    source = drawn / "evaluation/finetune_v3"
    for name in ("requests.parquet", "pictures.parquet", "cnn/measured.parquet"):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes((source / name).read_bytes())
    document = read_json(source / "cnn/summary.json")
    document["grid50"]["worst"] = document["grid50"]["best"] = document["grid50"]["median"]
    write_json(place / "cnn/summary.json", document)
    plot_levels(tmp_path / "levels.jpg", read_evaluation(place, "cnn"), "m", "a lens")
    whole = cv2.imread(str(source / "cnn/levels.jpg"))
    assert picture(tmp_path / "levels.jpg", (400, 900)).shape[0] < 0.6 * whole.shape[0]


def test_control_grids_refuse_an_incomplete_evaluation(results, tmp_path):
    place = tmp_path / "evaluation"
    (place / "cnn").mkdir(parents=True)
    source = results / "evaluation/finetune_v3"
    paths = [tmp_path / f"{name}.jpg" for name in GRIDS]
    with pytest.raises(InputError, match=r"requests\.parquet does not exist"):
        draw_control_grids(place, "m", "cnn", *paths, "a lens")
    table = read_table(source / "requests.parquet")
    write_table(place / "requests.parquet", table)
    measured = read_table(source / "cnn/measured.parquet")
    write_table(place / "cnn/measured.parquet", measured[1:])
    with pytest.raises(InputError, match=r"measured\.parquet holds other rows"):
        draw_control_grids(place, "m", "cnn", *paths, "a lens")
    write_table(place / "cnn/measured.parquet", measured)
    write_json(place / "cnn/summary.json", {"latents": 3, "grid50": {}})
    with pytest.raises(InputError, match=r"summary\.json lacks the best latent"):
        draw_control_grids(place, "m", "cnn", *paths, "a lens")
    document = read_json(source / "cnn/summary.json")
    document["grid50"]["best"]["latent"] = 99
    write_json(place / "cnn/summary.json", document)
    with pytest.raises(InputError, match=r"has no grid50 of latent 99"):
        draw_control_grids(place, "m", "cnn", *paths, "a lens")
    assert not any(path.exists() for path in paths)


def test_leakage(results, tmp_path):
    source = results / "evaluation/finetune_v3/cnn/summary.json"
    plot_leakage(tmp_path / "l.png", source, "finetune_v3", "cnn", "a lens")
    picture(tmp_path / "l.png", (400, 900))
    document = read_json(source)
    document["levels"]["leakage"] = {p: {"eyes": None, "pose": 3.0} for p in CONTROLLED}
    document["levels"].pop("leakage_mean")
    write_json(tmp_path / "odd.json", document)
    plot_leakage(tmp_path / "odd.png", tmp_path / "odd.json", "m", "cnn", "a lens")
    picture(tmp_path / "odd.png", (300, 300))
    write_json(tmp_path / "odd.json", {"levels": {}})
    with pytest.raises(InputError, match=r"odd\.json lacks levels\.leakage"):
        plot_leakage(tmp_path / "odd.png", tmp_path / "odd.json", "m", "cnn", "a lens")


def test_training_curves(results, tmp_path):
    log = results / "finetune/v3/train_log.csv"
    plot_training_curves(tmp_path / "c.png", log, "v3")
    picture(tmp_path / "c.png", (400, 1200))
    table = pd.DataFrame({f"corr_{name}": [0.9, 0.9, 0.6, 0.7] for name in CONTROLLED})
    assert _best(table, list(CONTROLLED)) == 0
    table["g_steps"] = ["", 0.0, 0.5, 1.0]  # warm-up: the generator is still its parent
    assert _best(table, list(CONTROLLED)) == 3
    assert _best(table[:2], list(CONTROLLED)) is None


@pytest.mark.parametrize(
    "columns",
    [
        {"step": [1], "loss_g": [2.0]},
        {"loss": [2.0, np.nan], "loss_mu": [-1.0, 0.5]},
        {"epoch": [0, 1], "corr_mouth": [-0.3, 0.2]},
        {"epoch": [0, 1], "loss_g": [np.nan, np.nan], "corr_eyes": [np.nan, np.nan]},
        {"epoch": [], "loss_g": []},
    ],
)
def test_training_curves_draw_what_there_is(tmp_path, columns):
    write_table(tmp_path / "log.csv", pd.DataFrame(columns))
    plot_training_curves(tmp_path / "c.png", tmp_path / "log.csv", "v9")
    picture(tmp_path / "c.png", (400, 1200))


def test_training_curves_refuse_a_foreign_table(tmp_path):
    write_table(tmp_path / "log.csv", pd.DataFrame({"epoch": [1], "lr": [0.1]}))
    with pytest.raises(InputError, match=r"log\.csv has no column loss_… or corr_…"):
        plot_training_curves(tmp_path / "c.png", tmp_path / "log.csv", "v9")


def test_leaderboard_ranks_by_the_weakest_property_and_broken_pictures_last(results, tmp_path):
    csv, html = tmp_path / "leaderboard.csv", tmp_path / "leaderboard.html"
    fit, shared = tmp_path / "v3.tsv", tmp_path / "samples.tsv"
    fit.write_text("s\th:m:s\tmax_rss\n12.5\t0:00:12\t100\n")
    shared.write_text("s\th:m:s\tmax_rss\n80.0\t0:01:20\t100\n")
    earlier = tmp_path / "earlier.json"  # the job was killed once, and went on
    write_json(earlier, {"seconds": 30.0})
    costs = {fit: 1.0, shared: 0.25}
    methods = sources(finetune_v3=Method("corrected", costs, [earlier, tmp_path / "none.json"]))
    write_leaderboard(csv, tmp_path / "costs.csv", html, results / "evaluation", methods, JUDGES)
    table = read_table(csv)
    assert "train_seconds" not in table
    costs = read_table(tmp_path / "costs.csv").set_index("method")["train_seconds"]
    assert costs["finetune_v3"] == 62.5 and costs.isna().sum() == 2
    assert table["method"].drop_duplicates().tolist() == [
        *("finetune_v3", "finetune_v1", "finetune_v4")
    ]
    assert table["judge"].tolist() == list(JUDGES) * 3
    assert table["rank"].tolist() == [1, 1, 2, 2, 3, 3]
    assert table["broken"].tolist() == [False] * 4 + [True] * 2
    assert table["score"][::2].tolist() == pytest.approx([0.89, 0.59, 0.98])
    row = table.iloc[0]
    assert row["corr_eyes"] == 0.995 and row["good_relative"] == 1
    assert (row["drift_2"], row["kernel_ratio"]) == (0.3, 3)
    assert (row["diversity"], row["diversity_relative"]) == (1.2, 0.8)
    assert np.isnan(row["precision"])  # a summary that does not say
    assert np.isnan(row["leakage_matched_mean"])


def test_a_better_method_than_the_selected_one_is_named(results, tmp_path, capsys):
    paths = tmp_path / "leaderboard.csv", tmp_path / "costs.csv", tmp_path / "leaderboard.html"
    for selected, said in (("finetune_v3", False), (None, False), ("finetune_v1", True)):
        write_leaderboard(*paths, results / "evaluation", sources(), JUDGES, selected=selected)
        sentence = "are of finetune_v1, rank 2 of 3; the first is finetune_v3"
        assert (sentence in capsys.readouterr().out) == said
        assert (sentence in paths[2].read_text()) == said


def test_the_page_says_what_ended_a_training(results, tmp_path):
    log = results / "finetune/v3/train_log.csv"
    table = read_table(log)
    write_table(tmp_path / "log.csv", table.assign(step=range(100, 600, 100)))

    def end(**facts) -> str:
        return training_end(Method(log=tmp_path / "log.csv", **facts))

    assert end(steps=3000, patience=4) == (
        "Training stopped itself after 500 of 3,000 steps: 4 checks in a row were not better."
    )
    assert "all of its 500 steps and did not stop itself" in end(steps=500, patience=4)
    assert end(steps=500) == "Training took all of its 500 steps."
    assert training_end(Method()) == ""
    paths = [tmp_path / name for name in ("l.csv", "costs.csv", "l.html")]
    method = Method(log=tmp_path / "log.csv", steps=500, note="It <b> is odd.")
    write_leaderboard(*paths, results / "evaluation", sources(finetune_v3=method), JUDGES)
    assert "took all of its 500 steps. It &lt;b&gt; is odd." in paths[2].read_text()


def test_published_figures_stand_beside_ours(results, tmp_path):
    csv, html = tmp_path / "leaderboard.csv", tmp_path / "leaderboard.html"
    write_leaderboard(csv, tmp_path / "costs.csv", html, results / "evaluation", sources(), JUDGES)
    table = read_table(csv).set_index(["method", "judge"])
    columns = list(table)
    assert columns.index("published_corr_eyes") == columns.index("corr_eyes") + 1
    v3 = table.loc[("finetune_v3", "cnn")]
    assert v3["published_best_corr_pose"] == 0.9318
    assert v3["published_gates_v3"] == pytest.approx(0.09, abs=0.001)
    assert "1,050" in v3["published_protocol"]
    assert np.isnan(table.loc[("finetune_v3", "segment"), "published_best_corr_pose"])
    assert table.loc["finetune_v1", "published_women"].tolist() == [0.937, 0.937]
    assert table.loc[("finetune_v4", "cnn"), "published_mae_pose"] == 1.956
    assert "<small>0.358</small>" in html.read_text()


def test_published_figures_are_those_of_the_version():
    assert published.control("finetune_v5_3")["grid8_corr_mouth"] == 0.520
    assert published.control("directions_linear") == {} == published.control("finetune_v30")
    names = {column.name for column in COLUMNS}
    for figures in published.CONTROL.values():
        assert figures["protocol"] and set(figures) <= {*names, "protocol"}


def test_leaderboard_csv_round_trip(results, tmp_path):
    csv = tmp_path / "leaderboard.csv"
    paths = csv, tmp_path / "costs.csv", tmp_path / "l.html"
    write_leaderboard(*paths, results / "evaluation", sources(), JUDGES)
    keys = [(method, judge) for method in METHODS for judge in JUDGES]
    folder = results / "evaluation"
    summaries = {(m, j): read_json(folder / m / j / "summary.json") for m, j in keys}
    made = leaderboard(summaries, sources(), JUDGES).drop(columns="train_seconds")
    read = read_table(csv)
    read["published_protocol"] = read["published_protocol"].fillna("")
    pd.testing.assert_frame_equal(read, made, check_dtype=False)


def test_a_method_without_measurable_correlation_comes_last_of_the_whole_ones():
    summaries = {}
    for method, corr in (("a", 0.5), ("b", None), ("c", -0.9)):
        document = summary(method, "cnn", 0.5, 0.96)
        document["grid50"]["correlation"]["mouth"] = stat(corr) if corr else {"mean": None}
        summaries[method, "cnn"] = document
    table = leaderboard(summaries, {name: Method() for name in "abc"}, JUDGES)
    assert table["method"].tolist() == ["a", "c", "b"] and np.isnan(table["score"].iloc[2])


def test_figures_survive_a_bare_summary():
    figures = read_figures({"grid50": {"correlation": {"eyes": stat(0.5)}}})
    assert figures["corr_eyes"] == 0.5
    assert np.isnan([value for name, value in figures.items() if name != "corr_eyes"]).all()


class Page(HTMLParser):
    """Collects links, pictures, and the cells of each table row of a page."""

    def __init__(self, text: str):
        super().__init__()
        self.links, self.images, self.rows, self.keys, self.bold = [], [], [], [], []
        self._open = []
        self.feed(text)
        assert not self._open, f"not closed: {self._open}"

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag not in ("meta", "img", "br", "!doctype"):
            self._open.append(tag)
        if tag == "a":
            self.links.append(attrs["href"])
        if tag == "img":
            self.images.append(attrs["src"])
        if tag == "tbody":
            self.keys.append(json.loads(attrs["data-keys"]))
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self._open.pop() == tag, tag

    def handle_data(self, data):
        if self._open and {"td", "th"} & set(self._open):
            self.rows[-1][-1] += data
            if self._open[-1] == "b":
                self.bold.append(data)


@pytest.fixture(scope="module")
def page(drawn) -> tuple[str, Page]:
    """Write the page of all methods, with thumbnails of the one that has pictures."""
    curves = drawn / "finetune/v3/training_curves.png"
    methods = sources(finetune_v3=Method("corrected", curves=curves))
    html = drawn / "leaderboard.html"
    write_leaderboard(
        drawn / "l.csv", drawn / "costs.csv", html, drawn / "evaluation", methods, JUDGES
    )
    text = html.read_text()
    return text, Page(text)


def test_page_is_self_contained_and_its_links_lead_to_files(drawn, page):
    text, page = page
    assert not re.search(r"https?:|//|@import|<link|url\(", re.sub(r"base64,[^\"]+", "", text))
    assert len(page.images) == 6  # two grids, two leakages, curves, strips
    assert all(source.startswith("data:image/jpeg;base64,") for source in page.images)
    files = [link for link in page.links if not link.startswith("#")]
    assert len(files) == 2 * 5 + 6
    for link in files:
        assert not link.startswith("/") and (drawn / link).is_file(), link
    anchors = {link[1:] for link in page.links if link.startswith("#")}
    assert anchors == set(METHODS) and all(f'id="{name}"' in text for name in anchors)
    assert len(text) < 1_000_000


def test_a_method_that_draws_the_same_few_faces_comes_last():
    summaries = {
        (name, judge): summary(name, judge, corr, 0.96)
        for name, corr in (("finetune_v1", 0.6), ("finetune_v3", 0.9))
        for judge in JUDGES
    }
    for (name, _), found in summaries.items():
        found["random"]["recall"] = 0.002 if name == "finetune_v3" else 0.02
    methods = {"finetune_v1": Method(), "finetune_v3": Method()}
    table = leaderboard(summaries, methods, JUDGES)
    assert table["method"].tolist() == ["finetune_v1"] * 2 + ["finetune_v3"] * 2
    assert table["broken"].tolist() == [False, False, True, True]


def test_page_lists_every_method_and_marks_broken_ones(page):
    text, page = page
    assert len(page.rows) == 2 + 2 * len(METHODS)
    shared = sum(column.shared for column in SHOWN)
    assert {len(row) for row in page.rows[2::2]} == {4 + len(SHOWN)}
    assert {len(row) for row in page.rows[3::2]} == {1 + len(SHOWN) - shared}
    assert [row[1] for row in page.rows[2::2]] == [
        *("finetune_v3corrected", "finetune_v1corrected", "finetune_v4corrected")
    ]
    assert text.count('<tbody class="broken"') == 1
    assert "does not compete: good pictures are 52 %" in text
    assert all(len(keys) == len(page.rows[1]) - 1 for keys in page.keys)  # judge has no button
    assert text.count("<button>") == len(page.keys[0])


def test_page_prints_the_best_whole_method_in_bold(drawn, page):
    text, page = page
    table = read_table(drawn / "l.csv").assign(train_seconds=np.nan)
    best = best_values(table)
    assert best["corr_mouth", "cnn"] == "0.900" and best["corr_mouth", "segment"] == "0.880"
    assert best["mae_eyes", "cnn"] == "0.10" and best["good", "cnn"] == "96.0 %"
    assert best["slope_eyes", "cnn"] == "0.90"  # nearer to 1 than 0.6, and 0.99 is broken's
    assert "<b>0.900</b>" in text and "<b>0.880</b>" in text and "<b>0.990</b>" not in text
    assert not any(name == "leakage_matched_mean" for name, _ in best)


def test_goodness_and_print():
    assert goodness(2, "high") > goodness(1, "high") and goodness(1, "low") > goodness(2, "low")
    assert goodness(0.9, "one") > goodness(1.2, "one") > goodness(0.5, "one")
    columns = {column.name: column for column in COLUMNS}
    assert show(0.9371, columns["women"]) == "93.7 %" and show(np.nan, columns["women"]) == "–"
    assert show(-0.0551, columns["grid8_corr_eyes"]) == "−0.055"
    assert show(1234.4, columns["train_seconds"]) == "1,234"


def test_names_are_escaped(tmp_path):
    name = "a<b>&'c"
    document = summary(name, "cnn", 0.5, 0.96)
    write_json(tmp_path / name / "cnn/summary.json", document)
    paths = [tmp_path / file for file in ("l.csv", "costs.csv", "l.html")]
    write_leaderboard(*paths, tmp_path, {name: Method()}, CNN)
    page = Page((tmp_path / "l.html").read_text())
    assert page.rows[2][1] == name and page.keys[0][1] == name


def test_faces_have_a_table_of_their_own(results, tmp_path):
    document = {
        "angles": {"yaw": {"slope": stat(7.5), "correlation": stat(0.9)}},
        "leakage_mean": dict.fromkeys(CONTROLLED, stat(0.031)),
        "movers": {"eyes": ["Narrow_Eyes", "Young"], "mouth": ["Smiling"], "pose": []},
        "groups": {"age": dict.fromkeys(CONTROLLED, {"change": [0.1], "moved": stat(0.25)})},
    }
    evaluation = tmp_path / "evaluation"
    shutil.copytree(results / "evaluation", evaluation)
    for name in METHODS:
        found = document if name == "finetune_v3" else {}
        write_json(evaluation / name / "facexformer/summary.json", found)
    paths = [tmp_path / file for file in ("l.csv", "costs.csv", "l.html")]
    informing = {"facexformer": judge_table("facexformer")}
    write_leaderboard(*paths, evaluation, sources(), JUDGES, informing)
    row, other = Page(paths[2].read_text()).rows[-3:-1]
    assert row[:3] == ["finetune_v3", "7.50", "0.900"] and row[3:6] == ["0.031"] * 3
    assert row[6:] == ["Narrow_Eyes", "Smiling", "–", *["0.250"] * 3, *["–"] * 3]
    assert other == ["finetune_v1", *["–"] * 14]
    assert "95 % interval: 7.48 to 7.52" in paths[2].read_text()
    plain = tmp_path / "plain.csv"
    write_leaderboard(plain, *paths[1:], evaluation, sources(), JUDGES)
    assert plain.read_bytes() == paths[0].read_bytes()  # ranks nothing
    assert "facexformer" not in paths[2].read_text()


def test_leaderboard_refuses_a_missing_or_foreign_summary(results, tmp_path):
    methods = sources(finetune_v2=Method())
    paths = tmp_path / "l.csv", tmp_path / "costs.csv", tmp_path / "l.html"
    with pytest.raises(InputError) as caught:
        write_leaderboard(*paths, results / "evaluation", methods, JUDGES)
    sentence = str(caught.value)
    assert "finetune_v2/cnn/summary.json does not exist" in sentence and "\n" not in sentence
    write_json(tmp_path / "m/cnn/summary.json", {"grid50": {"correlation": {"eyes": 0.5}}})
    with pytest.raises(InputError, match=r"m/cnn/summary\.json lacks the correlations of grid50"):
        write_leaderboard(*paths, tmp_path, {"m": Method()}, CNN)
    bench = tmp_path / "b.tsv"
    bench.write_text("a\tb\n1\t2\n")
    with pytest.raises(InputError, match=r"b\.tsv is not a benchmark file"):
        write_leaderboard(
            *paths,
            results / "evaluation",
            {"finetune_v1": Method(benchmarks={bench: 1.0})},
            JUDGES,
        )
    assert not any(path.exists() for path in paths)


@pytest.mark.parametrize(
    "module", ["control_grids", "leaderboard", "leakage", "training_curves", "evaluations"]
)
def test_figures_of_methods_run_no_network_and_no_code_of_other_figures(module):
    closure = import_closure(f"ohlora_lib.reporting.{module}")
    others = {"control_grids", "leaderboard", "leakage", "training_curves"} - {module}
    others |= {"grids", "strips", "summary", "runtimes"}
    assert not {f"ohlora_lib.reporting.{name}" for name in others} & set(closure)
    for layer in ("networks", "training", "judging", "control"):
        # the package of judges itself holds their names only
        assert not [name for name in closure if name.startswith(f"ohlora_lib.{layer}.")]
