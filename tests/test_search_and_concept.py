"""How many samples suffice, what obedience costs, and how many faces fit the concept."""

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import torch

from ohlora_lib.control.sampling import draw_samples
from ohlora_lib.control.saturation import measure_saturation
from ohlora_lib.judging.concept import judge_concept
from ohlora_lib.networks import save_network
from ohlora_lib.networks.annotator import Annotator
from ohlora_lib.networks.attribute_cnn import ATTRIBUTES, AttributeCNN
from ohlora_lib.networks.property_cnn import PropertyCNN
from ohlora_lib.networks.stylegan_generator import StyleGANGenerator
from ohlora_lib.reporting.concept import plot_concept
from ohlora_lib.reporting.search_cost import plot_search_cost
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
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


@pytest.mark.parametrize("with_curves", [True, False])
def test_yield_and_cost_are_drawn(tmp_path, with_curves):
    names = ["finetune_v1", "vectorfind_v8", "directions_linear"]
    rows = [
        {"method": n, "judge": j, "gates_v8": 0.1 * i, "samples": 0}
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
        table = [
            {"samples": size, "way": way, **three, "passed": 0.5}
            for size in (250, 1000)
            for way in ways
        ]
        write_table(curves, pd.DataFrame(table))
    plot_search_cost(tmp_path / "a.png", *tables, curves)
    plot_search_cost(tmp_path / "b.png", *tables, curves)
    picture(tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


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
