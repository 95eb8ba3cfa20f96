"""The shipped weights keep what their card and the configuration count on."""

from pathlib import Path

import cv2
import pytest

from ohlora_lib.networks.files import load_network
from ohlora_lib.pretraining.base_weights import judge_base_weights
from ohlora_lib.pretraining.parser_and_annotator import annotator_accuracy, parser_iou
from ohlora_lib.pretraining.portrait_pool import draw_pool, open_pool
from ohlora_lib.store.checkpoints import read_checkpoint
from ohlora_lib.store.tables import read_json

FOLDER = Path(__file__).parents[1] / "resources/embedded"
NAMES = ("generator", "discriminator", "parser", "annotator")
PATHS = {name: FOLDER / f"{name}.safetensors" for name in NAMES}
COUNT = 1000  # faces; the fewest that can be judged
PARTS = ("class_4", "class_5", "class_8")  # both eyes and the inner mouth
FAR = {"hair_length", "hairstyle"}  # scores that the card admits are unlike those of renders
WOMEN, LOW_QUALITY = (0.50, 0.61), (0.03, 0.08)  # shares of generated faces


@pytest.fixture(scope="module")
def judged(tmp_path_factory) -> tuple[dict, Path]:
    """Judge the shipped weights on few faces; their metrics and the grid."""
    folder = tmp_path_factory.mktemp("judged")
    metrics, grid = folder / "metrics.json", folder / "grid.png"
    judge_base_weights(
        PATHS["generator"], PATHS["parser"], PATHS["annotator"], metrics, grid, COUNT, seed=2025
    )
    return read_json(metrics), grid


def test_they_are_small():
    assert sum(path.stat().st_size for path in PATHS.values()) <= 16e6


def test_the_readers_are_as_good_as_they_say(tmp_path):
    draw_pool(tmp_path, 100, 64, 64, 128, seed=99)
    pool = open_pool(tmp_path)
    told = read_checkpoint(PATHS["parser"]).provenance["iou"]
    measured = parser_iou(load_network(PATHS["parser"]), pool)
    for found in (told, measured):
        assert found["mean"] >= 0.85
        assert all(found[part] >= 0.75 for part in PARTS)
    told = read_checkpoint(PATHS["annotator"]).provenance["accuracy"]
    measured = annotator_accuracy(load_network(PATHS["annotator"]), pool)
    assert min(told.values()) >= 0.95 and min(measured.values()) >= 0.9


@pytest.mark.slow
def test_generated_faces_are_those_that_the_filter_counts_on(judged):
    found, grid = judged
    assert found["count"] == COUNT
    assert WOMEN[0] <= found["generated"]["gender"] <= WOMEN[1]
    assert LOW_QUALITY[0] <= 1 - found["generated"]["quality"] <= LOW_QUALITY[1]
    picture = cv2.imread(str(grid))
    assert picture.shape[0] == picture.shape[1] >= 10 * 3 * 64


@pytest.mark.slow
def test_generated_faces_are_near_the_renders_and_none_is_repeated(judged):
    found, _ = judged
    assert found["sliced_wasserstein"]["ratio"] < 3
    apart = found["property_kernel_distance"]["by_property"]
    assert len(apart) == 8
    assert all(distance["generated"] < 1 for name, distance in apart.items() if name not in FAR)
    # root mean square of pixels 0..1: the same face again, with other last bits, is below 0.01
    assert found["nearest_other"]["generated"]["minimum"] > 0.02


def test_the_card_says_what_was_measured():
    card = (FOLDER / "README.md").read_text()
    found = read_json(FOLDER / "metrics.json")
    assert f"{found['count']:,} generated faces" in card
    shares = [found["generated"]["gender"], 1 - found["generated"]["quality"]]
    assert WOMEN[0] <= shares[0] <= WOMEN[1] and LOW_QUALITY[0] <= shares[1] <= LOW_QUALITY[1]
    texts = [f"{100 * share:.1f} %" for share in shares]
    distances = [value for value in found.values() if isinstance(value, dict) and "ratio" in value]
    texts += [f"{distance['ratio']:.1f} ×" for distance in distances]
    assert len(distances) >= 2
    apart = found["property_kernel_distance"]["by_property"]
    assert {name for name, distance in apart.items() if distance["ratio"] > 10} == FAR
    for text in texts:
        assert text in card, f"the card lacks {text}"
