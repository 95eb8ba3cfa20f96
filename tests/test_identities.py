"""Ranking the latents of a method, and the page to pick among them, on a made-up evaluation."""

import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from ohlora_lib.attributes import ATTRIBUTES, WANTED
from ohlora_lib.errors import InputError
from ohlora_lib.judging.grids import build_requests
from ohlora_lib.judging.identities import rank_identities
from ohlora_lib.judging.protocol import MEASURED, judge_method
from ohlora_lib.reporting.identities_page import draw_identities, read_ranking
from ohlora_lib.runtime.digest import import_closure
from ohlora_lib.scores import CONTROLLED
from ohlora_lib.store.gallery import gallery
from ohlora_lib.store.tables import read_json, read_table, write_json, write_table

LATENTS, SIDE = 6, 16
JUDGES = ("cnn", "segment")
NOISE = {"cnn": (0.1, 0.1, 0.1, 0.1, 2.0, 0.1), "segment": (0.1, 0.1, 0.1, 2.0, 0.1, 0.1)}


def pick(requests: pd.DataFrame, latent: int, grid: str = "levels") -> np.ndarray:
    return ((requests["latent"] == latent) & (requests["grid"] == grid)).to_numpy()


def write_evaluation(folder: Path, method: str = "finetune_v3") -> None:
    """Write what both judges say of six latents: 4 fails at the first judge, 3 at the second."""
    requests = build_requests(LATENTS, 1, 4, 3)
    rng = np.random.default_rng(0)
    count = len(requests)
    write_table(folder / "requests.parquet", requests)
    attributes = pd.DataFrame({"row": requests["row"]})
    for name in ATTRIBUTES:
        attributes[name] = np.where(WANTED[name], 0.9, 0.1) + rng.uniform(-0.05, 0.05, count)
    attributes["drift"] = rng.uniform(0.1, 0.3, count)
    attributes["elsewhere"] = rng.uniform(1.0, 3.0, count)
    write_table(folder / "attributes.parquet", attributes)
    quality = {"log_odds_std": dict.fromkeys(ATTRIBUTES, 1.0), "random": {}}
    write_json(folder / "quality.json", quality)
    for judge in JUDGES:
        table = pd.DataFrame(rng.normal(size=(count, 7)), columns=list(MEASURED))
        scale = np.array([*NOISE[judge], 1.0])[requests["latent"].clip(upper=LATENTS)]
        error = rng.normal(size=(count, 3)) * scale[:, None]
        table[list(CONTROLLED)] = requests[list(CONTROLLED)] + error
        table.insert(0, "row", requests["row"])
        write_table(folder / judge / "measured.parquet", table)
        judge_again(folder, judge, method)


def judge_again(folder: Path, judge: str, method: str = "finetune_v3") -> None:
    judge_method(
        folder / "requests.parquet",
        folder / judge / "measured.parquet",
        folder / "attributes.parquet",
        folder / "quality.json",
        folder / judge / "per_latent.csv",
        folder / judge / "summary.json",
        method,
        judge,
        bootstrap=2,
        seed=3,
    )


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory) -> Path:
    """Write an evaluation with pictures; every latent has a colour of its own."""
    folder = tmp_path_factory.mktemp("evaluation") / "finetune_v3"
    write_evaluation(folder)
    requests = read_table(folder / "requests.parquet")
    with gallery(folder / "pictures.parquet") as album:
        colours = 20 * requests["latent"].to_numpy(np.uint8)[:, None, None, None] + 40
        pictures = np.broadcast_to(colours, (len(requests), SIDE, SIDE, 3)).copy()
        pictures[..., 0] = 200
        album.append(requests["row"].to_numpy(), pictures)
    return folder


@pytest.fixture
def copied(evaluation, tmp_path) -> Path:
    """Return a copy without pictures that a test may change."""
    ignored = shutil.ignore_patterns("pictures.parquet")
    return Path(shutil.copytree(evaluation, tmp_path / "copy", ignore=ignored))


def rank(folder: Path, target: Path, **options) -> tuple[pd.DataFrame, dict]:
    paths = target / "identities.csv", target / "summary.json"
    rank_identities(folder, JUDGES, *paths, **options)
    return read_table(paths[0]), read_json(paths[1])


def change(path: Path, edit) -> None:
    """Read a table, let a function change it or return another one, and write that back."""
    table = read_table(path)
    found = edit(table)
    write_table(path, found if isinstance(found, pd.DataFrame) else table)


def ranks(table: pd.DataFrame) -> dict[int, int]:
    return dict(zip(table["latent"], table["rank"], strict=True))


def test_passing_latents_come_first_and_each_part_by_score(evaluation, tmp_path):
    table, summary = rank(evaluation, tmp_path)
    assert table["rank"].tolist() == list(range(1, LATENTS + 1))
    assert sorted(table["latent"]) == list(range(LATENTS))
    assert table["passes"].tolist() == [True] * 4 + [False] * 2
    assert set(table["latent"][4:]) == {3, 4}
    for part in (table[:4], table[4:]):
        assert (np.diff(part["score"]) <= 0).all()
    by_latent = table.set_index("latent")
    assert not by_latent.loc[4, "passes_cnn"] and by_latent.loc[4, "passes_segment"]
    assert by_latent.loc[3, "passes_cnn"] and not by_latent.loc[3, "passes_segment"]
    assert summary["passed"] == {"cnn": 5, "segment": 5, "all": 4}
    assert (summary["judged"], summary["method"], summary["judges"]) == (
        6,
        "finetune_v3",
        [*JUDGES],
    )
    assert summary["gates"] == {"eyes": 0.92, "mouth": 0.88, "pose": 0.88}
    assert [item["latent"] for item in summary["top"]] == table["latent"][:4].tolist()
    assert "\n" not in summary["score"]


def test_numbers_are_those_of_the_files(evaluation, tmp_path):
    table = rank(evaluation, tmp_path)[0].set_index("latent").sort_index()
    requests = read_table(evaluation / "requests.parquet")
    attributes = read_table(evaluation / "attributes.parquet")
    judged = [read_table(evaluation / judge / "per_latent.csv") for judge in JUDGES]
    names = [f"grid50_correlation_{name}" for name in CONTROLLED]
    for judge, found in zip(JUDGES, judged, strict=True):
        np.testing.assert_allclose(table[f"weakest_{judge}"], found[names].min(axis=1))
        assert table[f"passes_{judge}"].tolist() == found["gates_v8"].tolist()
    weakest = table[["weakest_cnn", "weakest_segment"]].min(axis=1)
    np.testing.assert_allclose(table["control"], weakest.clip(0, 1))
    maes = [found[f"grid50_mae_{name}"] for found in judged for name in CONTROLLED]
    np.testing.assert_allclose(table["mae"], np.mean(maes, axis=0))
    own = attributes[pick(requests, 2)]
    likely = own["gender"] * own["quality"] * (1 - own["age"]) * (1 - own["glass"])
    assert table.loc[2, "looks"] == pytest.approx(likely.mean())
    for name in ATTRIBUTES:
        assert table.loc[2, name] == pytest.approx(own[name].mean())
    ends = (requests.loc[own.index, list(CONTROLLED)].abs() == 2).any(axis=1)
    assert ends.sum() == 6
    assert table.loc[2, "drift"] == pytest.approx(own.loc[ends, "drift"].mean())
    np.testing.assert_allclose(table["sameness"], 1 - table["drift"])
    np.testing.assert_allclose(
        table["score"], table["control"] * table["looks"] * table["sameness"]
    )
    assert table["score"].between(0, 1).all() and (table["flips"] == 0).all()


@pytest.mark.parametrize("latent", [0, 3, 5])
@pytest.mark.parametrize(
    ("column", "value"), [("gender", 1), ("quality", 1), ("age", 0), ("glass", 0), ("drift", 0)]
)
def test_a_better_picture_never_ranks_lower(copied, tmp_path, latent, column, value):
    requests = read_table(copied / "requests.parquet")
    before, _ = rank(copied, tmp_path)

    def improve(table):
        table.loc[pick(requests, latent), column] = float(value)

    change(copied / "attributes.parquet", improve)
    after, _ = rank(copied, tmp_path)
    assert ranks(after)[latent] <= ranks(before)[latent]
    own = [table.set_index("latent")["score"] for table in (before, after)]
    assert own[1][latent] > own[0][latent]
    others = own[0].index != latent
    assert own[0][others].sort_index().equals(own[1][own[1].index != latent].sort_index())


@pytest.mark.parametrize("judge", JUDGES)
def test_the_weakest_correlation_of_any_judge_decides(copied, tmp_path, judge):
    def weaken(table):
        table.loc[1, "grid50_correlation_pose"] = 0.879

    change(copied / judge / "per_latent.csv", weaken)
    table, summary = rank(copied, tmp_path)
    row = table.set_index("latent").loc[1]
    assert row["control"] == row[f"weakest_{judge}"] == 0.879 and not row["passes"]
    assert summary["passed"]["all"] == 3
    again, summary = rank(copied, tmp_path, gates=(0.92, 0.88, 0.87))
    assert again.set_index("latent").loc[1, "passes"] and summary["gates"]["pose"] == 0.87


def test_equal_latents_keep_the_order_of_their_numbers(copied, tmp_path):
    names = [f"grid50_{kind}_{name}" for kind in ("correlation", "mae") for name in CONTROLLED]

    def level(table):
        for name in (*names, *ATTRIBUTES, "drift"):
            if name in table:
                table[name] = 0.95

    for path in ("cnn/per_latent.csv", "segment/per_latent.csv", "attributes.parquet"):
        change(copied / path, level)
    assert rank(copied, tmp_path)[0]["latent"].tolist() == list(range(LATENTS))


def test_a_missing_measurement_fails_the_gates(copied, tmp_path):
    requests = read_table(copied / "requests.parquet")
    lost = np.flatnonzero(pick(requests, 0, "grid50"))[7]

    def lose(table):
        table.loc[lost, "mouth"] = np.nan

    change(copied / "segment/measured.parquet", lose)
    judge_again(copied, "segment")
    row = rank(copied, tmp_path)[0].set_index("latent").loc[0]
    assert row["passes_cnn"] and not row["passes_segment"] and row["weakest_segment"] > 0.95


def test_no_control_is_worth_nothing(copied, tmp_path):
    def spoil(table):
        table.loc[0, "grid50_correlation_eyes"] = -0.9
        table.loc[1, "grid50_correlation_eyes"] = np.nan

    change(copied / "cnn/per_latent.csv", spoil)
    table, _ = rank(copied, tmp_path)
    assert table["latent"].tolist()[-2:] == [0, 1] and table["score"].tolist()[-2:] == [0, 0]


def test_flips_count_pictures_whose_answers_change(copied, tmp_path):
    requests = read_table(copied / "requests.parquet")
    own = requests[pick(requests, 2)]

    def flip(table):
        table.loc[own.index[own["mouth"] == 2], ["gender", "age"]] = 0.5, 0.6  # 0.5 is a woman
        table.loc[own.index[own["pose"] == -2], "glass"] = 0.7
        table.loc[own.index[own["pose"] == -1], "age"] = 0.7  # no end
        table.loc[own.index[own["eyes"] == 2], "quality"] = 0.1  # bad, but the same person

    change(copied / "attributes.parquet", flip)
    table = rank(copied, tmp_path)[0].set_index("latent")
    assert table.loc[2, "flips"] == pytest.approx(2 / 6)


def test_what_a_domain_cannot_tell_does_not_count(copied, tmp_path):
    table = read_table(copied / "attributes.parquet").drop(columns=["age", "glass"])
    write_table(copied / "attributes.parquet", table.assign(drift=np.nan))
    found, _ = rank(copied, tmp_path)
    assert (found["sameness"] == 1).all() and found[["age", "glass", "drift"]].isna().all(axis=None)
    assert found["looks"].between(0.75, 0.88).all()
    drift = np.where(pick(read_table(copied / "requests.parquet"), 2), np.nan, 0.2)
    write_table(copied / "attributes.parquet", table.assign(drift=drift))  # no face of latent 2
    found = rank(copied, tmp_path)[0].set_index("latent")["sameness"]
    assert found[2] == 0 and found.drop(2).to_numpy() == pytest.approx(0.8)
    write_table(copied / "attributes.parquet", table[["row"]].assign(drift=np.nan))
    found, _ = rank(copied, tmp_path)
    assert (found["looks"] == 1).all() and found["flips"].isna().all()
    np.testing.assert_allclose(found["score"], found["control"])


def test_the_same_files_give_the_same_bytes(evaluation, tmp_path):
    for name in "ab":
        rank(evaluation, tmp_path / name)
        draw(evaluation, tmp_path / name)
    for name in ("identities.csv", "summary.json", "identities.png", "identities.html"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name


def without_a_row(table):
    return table[:-1]


def other_latent(table):
    table.loc[table.index[table["latent"] == 0][0], "latent"] = 5


@pytest.mark.parametrize(
    ("name", "edit", "message"),
    [
        ("requests.parquet", without_a_row, r"measured\.parquet holds other pictures"),
        ("requests.parquet", lambda t: t.__setitem__("row", t["row"] + 1), "are not 0, 1, 2"),
        (
            "requests.parquet",
            lambda t: t.__setitem__("grid", t["grid"].replace("levels", "joint")),
            r"requests\.parquet does not hold every request of levels",
        ),
        ("requests.parquet", lambda t: t.__setitem__("eyes", t["eyes"] + 1), "every request of"),
        ("attributes.parquet", without_a_row, r"attributes\.parquet holds other pictures"),
        ("attributes.parquet", lambda t: t.pop("drift"), r"attributes\.parquet holds other"),
        ("segment/measured.parquet", without_a_row, r"segment/measured\.parquet holds other"),
        ("cnn/per_latent.csv", without_a_row, r"cnn/per_latent\.csv lists other latents"),
        ("cnn/per_latent.csv", other_latent, r"cnn/per_latent\.csv lists other latents"),
        ("cnn/per_latent.csv", lambda t: t.pop("grid50_mae_eyes"), "lacks the column grid50_mae"),
    ],
)
def test_files_of_different_evaluations_are_refused(copied, tmp_path, name, edit, message):
    change(copied / name, edit)
    refuse(copied, tmp_path, message)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        (
            "method",
            "finetune_v1",
            r"segment/summary\.json is of finetune_v1 and not of finetune_v3",
        ),
        ("judge", "cnn", r"segment/summary\.json is not the summary of judge segment"),
    ],
)
def test_summaries_of_something_else_are_refused(copied, tmp_path, key, value, message):
    path = copied / "segment/summary.json"
    write_json(path, read_json(path) | {key: value})
    refuse(copied, tmp_path, message)
    path.unlink()
    refuse(copied, tmp_path, r"segment/summary\.json does not exist")


def refuse(folder: Path, target: Path, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        rank(folder, target)
    assert "\n" not in str(caught.value)
    assert not (target / "identities.csv").exists() and not (target / "summary.json").exists()


# ---- picture and page


def draw(folder: Path, target: Path, **options) -> tuple[Path, Path]:
    """Draw a ranking that lies in `target`."""
    paths = target / "identities.png", target / "identities.html"
    table, summary = target / "identities.csv", target / "summary.json"
    draw_identities(folder, table, summary, *paths, **options)
    return paths


class Page(HTMLParser):
    """Collects cards, pictures and form elements, and checks that every tag is closed."""

    def __init__(self, text: str):
        super().__init__()
        self.cards, self.images, self.boxes, self.names = [], [], [], []
        self._open = []
        self.feed(text)
        assert not self._open, f"not closed: {self._open}"

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag not in ("meta", "img", "input"):
            self._open.append(tag)
        if tag == "article":
            self.cards.append(attrs)
        if tag == "img":
            self.images.append(attrs)
        if attrs.get("type") == "checkbox":
            assert "label" in self._open
            self.boxes.append(attrs)
        if "name" in attrs:
            self.names.append(attrs["name"])

    def handle_endtag(self, tag):
        assert self._open.pop() == tag, tag


@pytest.fixture(scope="module")
def drawn(evaluation, tmp_path_factory) -> tuple[pd.DataFrame, Path, Path]:
    folder = tmp_path_factory.mktemp("identities")
    table, _ = rank(evaluation, folder)
    return table, *draw(evaluation, folder)


def test_picture_shows_every_identity(drawn):
    table, picture, _ = drawn
    image = cv2.imread(str(picture))[..., ::-1]
    assert image.shape[0] > 800 and image.shape[1] > 1200
    assert min(image[0].min(), image[:, -1].min(), image[-1].min()) > 240, "the margin is cut"
    for latent in table["latent"]:
        colour = np.array([200, 20 * latent + 40, 20 * latent + 40]) & 0b11111100
        assert (image == colour).all(axis=2).sum() >= 208**2 + 15 * 66**2


def test_picture_and_page_show_the_first_ones_only(evaluation, drawn, tmp_path):
    for name in ("identities.csv", "summary.json"):
        shutil.copy(drawn[1].with_name(name), tmp_path)
    picture, page = draw(evaluation, tmp_path, top=1, listed=3)
    assert cv2.imread(str(picture)).shape[0] < 0.6 * cv2.imread(str(drawn[1])).shape[0]
    latents = [int(card["data-latent"]) for card in Page(page.read_text()).cards]
    assert latents == drawn[0]["latent"][:3].tolist()


def test_page_lists_every_identity_once_in_order(drawn):
    table, _, path = drawn
    page = Page(path.read_text())
    assert [int(card["data-latent"]) for card in page.cards] == table["latent"].tolist()
    assert [int(card["data-rank"]) for card in page.cards] == table["rank"].tolist()
    drift = [float(card["data-drift"]) for card in page.cards]
    np.testing.assert_allclose(drift, table["drift"], atol=1e-6)
    assert len(page.boxes) == LATENTS and len(page.images) == 4 * LATENTS
    assert len({image["alt"] for image in page.images}) == len(page.images)
    assert {"save", "copy", "list", "sort"} <= set(page.names)
    assert path.read_text().count("fails a gate</dt>") == 2
    assert "4 of 6 pass the gates of all judges (5 by cnn, 5 by segment)" in path.read_text()


def test_page_is_self_contained(drawn):
    page = Page(drawn[2].read_text())
    assert all(image["src"].startswith("data:image/jpeg;base64,") for image in page.images)
    text = re.sub(r"base64,[^\"]+", "", drawn[2].read_text())
    assert not re.search(r"http|//|@import|<link|url\(|fetch|src=\"(?!data:)", text)


def test_page_of_a_domain_without_embedding_has_dashes(evaluation, tmp_path):
    rank(evaluation, tmp_path)
    change(tmp_path / "identities.csv", lambda table: table.__setitem__("drift", np.nan))
    document = read_json(tmp_path / "summary.json") | {"method": "a<b>&c"}
    write_json(tmp_path / "summary.json", document)
    _, path = draw(evaluation, tmp_path)
    text = path.read_text()
    assert {card["data-drift"] for card in Page(text).cards} == {""}
    assert "<dd>–</dd>" in text and "nan" not in re.sub(r"base64,[^\"]+", "", text).lower()
    assert "a&lt;b&gt;&amp;c" in text and "a<b>" not in text


def test_files_that_do_not_belong_together_are_not_drawn(evaluation, drawn, tmp_path):
    source = drawn[1].parent
    table, summary = tmp_path / "identities.csv", tmp_path / "summary.json"
    write_json(summary, read_json(source / "summary.json"))
    write_table(table, drawn[0][1:])
    with pytest.raises(InputError, match=r"summary\.json is not the summary of .*identities\.csv"):
        read_ranking(evaluation, table, summary, 5)
    write_table(table, drawn[0].drop(columns="score"))
    with pytest.raises(InputError, match=r"identities\.csv lacks score"):
        read_ranking(evaluation, table, summary, 5)
    write_table(table, drawn[0][:0])
    with pytest.raises(InputError, match=r"identities\.csv lacks every row"):
        read_ranking(evaluation, table, summary, 5)
    write_table(table, drawn[0].assign(latent=drawn[0]["latent"] + 90))
    with pytest.raises(InputError, match=r"lacks requests of one property .* of latent 9\d"):
        read_ranking(evaluation, table, summary, 5)


def test_neither_runs_a_network():
    for module in ("judging.identities", "reporting.identities_page"):
        closure = import_closure(f"ohlora_lib.{module}")
        for layer in ("networks", "training", "methods"):
            assert not [name for name in closure if name.startswith(f"ohlora_lib.{layer}")]
