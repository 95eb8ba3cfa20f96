"""How many samples suffice, what obedience costs, and how many faces fit the concept."""

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.figure import Figure

from ohlora_lib.generators.stylegan1.generator import StyleGANGenerator
from ohlora_lib.judging.concept import judge_concept
from ohlora_lib.methods.directions.saturation import measure_saturation, summary
from ohlora_lib.methods.sampling import draw_samples
from ohlora_lib.networks.annotator import Annotator
from ohlora_lib.networks.attribute_cnn import ATTRIBUTES, AttributeCNN
from ohlora_lib.networks.files import save_network
from ohlora_lib.networks.property_cnn import PropertyCNN
from ohlora_lib.reporting import published
from ohlora_lib.reporting.concept_figure import plot_concept
from ohlora_lib.reporting.search_cost import STEP, plot_curves, plot_search_cost, plot_yields
from ohlora_lib.store.tables import read_json, read_table, write_json, write_table

SIDE = 32


def tiny_generator(seed: int) -> StyleGANGenerator:
    torch.manual_seed(seed)
    shape = {"fmaps_base": 64, "fmaps_max": 8, "z_dim": 8, "w_dim": 8, "hidden_dim": 8}
    return StyleGANGenerator(SIDE, **shape, mapping_layers=2, label_dim=2, label_embed_dim=4)


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("networks")
    torch.manual_seed(0)
    networks = {
        "before": tiny_generator(1),
        "after": tiny_generator(2),
        "merged": PropertyCNN(SIDE, hairstyle=True),
        "annotator": Annotator(),
        **{name: AttributeCNN(name, SIDE) for name in ATTRIBUTES},
    }
    for name, network in networks.items():
        save_network(folder / f"{name}.safetensors", network)
    return {name: folder / f"{name}.safetensors" for name in networks}


def picture(path: Path) -> np.ndarray:
    image = cv2.imread(str(path))
    assert image is not None and min(image.shape[:2]) > 300 and image.std() > 5
    return image


# ---- samples


def test_a_table_of_ever_more_samples(files, tmp_path):
    given = {"generator": files["after"], "property_cnn": files["merged"]}
    classifiers = [files["gender"]]
    samples = tmp_path / "samples.parquet"
    draw_samples(files["after"], files["merged"], classifiers, samples, 260, seed=3)
    for name in ("a.csv", "b.csv"):
        measure_saturation(
            samples=samples,
            **given,
            classifiers=classifiers,
            path=tmp_path / name,
            sizes=[250, 120, 9999],
            latents=2,
            seed=1,
        )
    table = read_table(tmp_path / "a.csv")
    assert table["samples"].tolist() == [120] * 3 + [250] * 3  # more than there are: left out
    assert table["way"].tolist() == 2 * ["svm", "pooled", "linear"]
    figures = table[["corr_eyes", "corr_mouth", "corr_pose"]].to_numpy()
    assert (np.abs(figures) <= 1).all() and table["passed"].between(0, 1).all()
    # 120 or 250 samples leave none of 16 groups the 50 that an SVM of its own needs
    pooled = table["pooled_groups"].to_numpy().reshape(2, 3)
    assert (pooled[:, 0] > 8).all() and not pooled[:, 1:].any()
    assert np.allclose(table["weakest"], figures.min(axis=1))
    for name in ("weakest", "passed"):
        assert (table[f"{name}_low"] <= table[name] + 1e-4).all()
        assert (table[f"{name}_high"] >= table[name] - 1e-4).all()
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


def test_a_correlation_of_the_wrong_sign_passes_no_gate():
    right = np.full((40, 3), 0.95)
    wrong = right * [1, -1, 1]
    assert summary(right, (0.9, 0.9, 0.9), 1)["passed"] == 1
    assert summary(wrong, (0.9, 0.9, 0.9), 1)["passed"] == 0
    mixed = np.concatenate([right, wrong])
    found = summary(mixed, (0.9, 0.9, 0.9), 1)
    assert found["passed"] == 0.5 and found["weakest"] == pytest.approx(0)
    assert 0.3 < found["passed_low"] < 0.45 and 0.55 < found["passed_high"] < 0.7
    assert found["weakest_low"] < -0.1 and found["weakest_high"] > 0.1


@pytest.mark.parametrize("with_curves", [True, False])
def test_yield_and_cost_are_drawn(tmp_path, with_curves):
    names = ["finetune_v1", "vectorfind_v8", "directions_linear"]
    rows = [
        {"method": n, "judge": j, "gates_v8": 0.1 * i, "samples": 3000 * (i - 1)}
        for i, n in enumerate(names, 1)
        for j in ("cnn", "segment")
    ]
    rows.append({**rows[0], "method": "unknown_cost"})
    tables = tmp_path / "leaderboard.csv", tmp_path / "costs.csv"
    write_table(tables[0], pd.DataFrame(rows))
    seconds = {"method": [*names, "unknown_cost"], "train_seconds": [10, 100, 1000, np.nan]}
    write_table(tables[1], pd.DataFrame(seconds))
    curves = None
    if with_curves:
        curves = tmp_path / "saturation.csv"
        three = {f"corr_{name}": 0.9 for name in ("eyes", "mouth", "pose")}
        ways = ("svm", "pooled", "linear")
        three |= {"weakest": 0.9, "weakest_low": 0.8, "weakest_high": 0.95}
        table = [
            {"samples": size, "way": way, "pooled_groups": 16 * few, **three, "passed": 0.5}
            for size, few in ((250, True), (1000, False))
            for way in ways
        ]
        write_table(curves, pd.DataFrame(table))
    plot_search_cost(tmp_path / "a.png", *tables, curves)
    plot_search_cost(tmp_path / "b.png", *tables, curves)
    picture(tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_points_stand_where_yield_and_cost_are():
    rows = [
        ("vectorfind_v8", "cnn", 0.6, 6000),
        ("vectorfind_v8", "segment", 0.7, 6000),
        ("directions_linear", "cnn", 0.98, 3000),
        ("directions_linear", "segment", 0.69, 3000),
    ]
    table = pd.DataFrame(rows, columns=["method", "judge", "gates_v8", "samples"])
    axes = Figure().subplots()
    plot_yields(axes, table, "samples")
    found = {each.get_label(): each.get_offsets().tolist() for each in axes.collections}
    assert found == {
        "judge cnn": [[3000, 98], [6000, 60]],
        "judge segment": [[3000, pytest.approx(69)], [6000, 70]],
    }
    assert axes.get_xscale() == "log"


def test_a_label_that_makes_way_keeps_a_line_to_its_point():
    names = [f"directions_{way}" for way in ("linear", "masked", "trained")]
    table = pd.DataFrame({"method": names, "judge": "cnn", "gates_v8": [1.0, 0.99, 0.5]})
    axes = Figure().subplots()
    plot_yields(axes, table.assign(samples=6000), "samples")
    found = {text.get_text(): text for text in axes.texts}
    assert [found[name].xy for name in names] == [(6000, 100), (6000, 99), (6000, 50)]
    heights = [found[name].xyann[1] for name in names]
    assert heights[0] == 100 and heights[1] <= 100 - STEP and heights[2] == 50
    assert [found[name].arrow_patch is not None for name in names] == [False, True, False]


def test_searches_in_groups_that_were_too_small_are_hollow():
    sizes = [250, 750, 6000]
    parts = [
        pd.DataFrame({"samples": sizes, "way": way, "pooled_groups": pooled})
        for way, pooled in (("svm", [16, 9, 0]), ("pooled", 0), ("linear", 0))
    ]
    figures = {"weakest": 0.9, "weakest_low": 0.8, "weakest_high": 0.95, "passed": 0.5}
    axes = Figure().subplots()
    plot_curves(axes, pd.concat(parts).assign(**figures))
    points = [each for each in axes.collections if len(each.get_offsets()) == len(sizes)]
    white = [[tuple(c[:3]) == (1, 1, 1) for c in each.get_facecolor()] for each in points]
    assert white == [[True, True, False], [False] * 3, [False] * 3]
    assert points[0].get_offsets().tolist() == [[size, 0.9] for size in sizes]


# ---- concept


@pytest.mark.parametrize("annotated", [True, False])
def test_what_readers_say_before_and_after(files, tmp_path, annotated):
    path = tmp_path / "concept.json"
    judge_concept(
        {"before": files["before"], "after": files["after"]},
        files["annotator"] if annotated else None,
        {name: [files[name]] for name in ("gender", "age")},
        path,
        count=20,
        seed=1,
        published=published.CONCEPT,
    )
    found = read_json(path)
    assert found["images"] == 20 and found["published"]["after"]["gender"] > 0.9
    for stage in ("before", "after"):
        assert set(found[stage]) == {"classifiers", *(["annotator"] if annotated else [])}
        assert set(found[stage]["classifiers"]) == {"gender", "age"}
        for reader in found[stage].values():
            for figures in reader.values():
                assert 0 <= figures["mean"] <= 1 and (20 * figures["share"]) % 1 < 1e-6
    assert found["before"] != found["after"]
    plot_concept(tmp_path / "concept.png", path)
    picture(tmp_path / "concept.png")


def test_the_mean_of_the_folds_is_what_classifiers_say(files, tmp_path):
    def mean(folds: list[str]) -> float:
        path = tmp_path / "concept.json"
        classifiers = {"gender": [files[name] for name in folds]}
        judge_concept({"after": files["after"]}, None, classifiers, path, count=8, seed=1)
        return read_json(path)["after"]["classifiers"]["gender"]["mean"]

    assert mean(["gender", "age"]) == pytest.approx(
        (mean(["gender"]) + mean(["age"])) / 2, abs=1e-3
    )


def test_a_figure_without_anyone_who_fits(tmp_path):
    nobody = {name: {"mean": 0.0, "share": 0.0} for name in ATTRIBUTES}
    published = {stage: dict.fromkeys(ATTRIBUTES, 0.5) for stage in ("before", "after")}
    document = {"images": 4, "published": published}
    document |= {stage: {"classifiers": nobody} for stage in ("before", "after")}
    write_json(tmp_path / "concept.json", document)
    plot_concept(tmp_path / "concept.png", tmp_path / "concept.json")
    picture(tmp_path / "concept.png")
