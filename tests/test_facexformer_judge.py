"""The judge `facexformer`: yaw against requested pose, and which attributes an edit changes."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from ohlora_lib.errors import InputError
from ohlora_lib.judging.grids import build_requests, grid_rows
from ohlora_lib.judging.judges.facexformer import FaceXFormerJudge
from ohlora_lib.judging.judges.facexformer_summary import judge_method
from ohlora_lib.judging.measure import score_pictures
from ohlora_lib.networks.facexformer import FaceXFormer
from ohlora_lib.networks.facexformer_heads import ATTRIBUTES
from ohlora_lib.networks.facexformer_segmenter import FaceReading, FaceXFormerSegmenter
from ohlora_lib.store.gallery import gallery
from ohlora_lib.store.tables import read_json, read_table, write_table

LATENTS = 3
SMILING, YOUNG = ATTRIBUTES.index("Smiling"), ATTRIBUTES.index("Young")


class Reader:
    """Knows the row of a picture from its pixels, and answers what the tests prescribe."""

    def __init__(self, requests: pd.DataFrame, faceless: tuple[int, ...] = ()) -> None:
        self.requests, self.faceless, self.seen = requests, faceless, []

    def read(self, images: np.ndarray) -> FaceReading:
        rows = images[:, 0, 0, :2].astype(int) @ (1, 256)
        self.seen += rows.tolist()
        asked = self.requests.iloc[rows]
        pose, mouth = asked["pose"].to_numpy(), asked["mouth"].to_numpy()
        angles = np.stack([np.full(len(rows), 5.0), 10 * pose + 1, -2 * pose], axis=1)
        attributes = np.full((len(rows), 40), 0.5)
        attributes[:, SMILING] += 0.1 * mouth
        attributes[:, YOUNG] -= 0.05 * mouth
        age, gender = np.zeros((len(rows), 8)), np.full((len(rows), 2), 0.5)
        age[:, 3], age[:, 5] = 0.5 + 0.1 * mouth, 0.5 - 0.1 * mouth
        gender += np.outer(0.05 * pose, [1, -1])
        lost = np.isin(rows, self.faceless)
        for values in (angles, attributes, age, gender):
            values[lost] = np.nan
        return FaceReading(angles, attributes, age, gender)


@pytest.fixture
def evaluation(tmp_path) -> tuple[Path, pd.DataFrame]:
    requests = build_requests(LATENTS, 1, 4, 3)
    write_table(tmp_path / "requests.parquet", requests)
    rows = requests["row"].to_numpy()
    images = np.zeros((len(rows), 8, 8, 3), np.uint8)
    images[..., 0], images[..., 1] = (part[:, None, None] for part in (rows % 256, rows // 256))
    with gallery(tmp_path / "pictures.parquet") as album:
        for start in range(0, len(rows), 100):
            album.append(rows[start : start + 100], images[start : start + 100])
    return tmp_path, requests


def judged(folder: Path, reader) -> tuple[pd.DataFrame, dict]:
    requests, pictures = (folder / name for name in ("requests.parquet", "pictures.parquet"))
    measured = folder / "facexformer" / "measured.parquet"
    outputs = [folder / "facexformer" / name for name in ("per_latent.csv", "summary.json")]
    score_pictures(FaceXFormerJudge(reader), requests, pictures, measured)
    unread = folder / "attributes.parquet", folder / "quality.json"
    options = {"method": "finetune_v3", "judge": "facexformer", "bootstrap": 50, "seed": 7}
    judge_method(requests, measured, *unread, *outputs, **options)
    return read_table(outputs[0]), read_json(outputs[1])


def test_angles_and_attributes_are_told_with_their_sign(evaluation):
    folder, requests = evaluation
    reader = Reader(requests)
    table, summary = judged(folder, reader)
    assert sorted(reader.seen) == requests["row"][requests["grid"] == "levels"].tolist()
    assert summary["judge"] == "facexformer" and summary["method"] == "finetune_v3"
    assert (summary["latents"], summary["pictures"], summary["missing"]) == (3, 75, 0)
    angles = summary["angles"]
    assert angles["yaw"]["slope"]["mean"] == pytest.approx(10)
    assert angles["yaw"]["correlation"]["mean"] == pytest.approx(1)
    assert angles["roll"]["slope"]["mean"] == pytest.approx(-2)
    assert angles["roll"]["correlation"]["mean"] == pytest.approx(-1)
    assert angles["pitch"]["correlation"]["mean"] == 0
    assert summary["change"]["mouth"]["Smiling"] == pytest.approx(0.4)
    assert summary["change"]["mouth"]["Young"] == pytest.approx(-0.2)
    assert set(summary["change"]["pose"].values()) == {0.0}
    assert summary["movers"]["mouth"][:2] == ["Smiling", "Young"]
    assert summary["leakage_mean"]["mouth"]["mean"] == pytest.approx(0.6 / 40)
    age, gender = summary["groups"]["age"], summary["groups"]["gender"]
    assert age["mouth"]["change"] == pytest.approx([0, 0, 0, 0.4, 0, -0.4, 0, 0])
    assert age["mouth"]["moved"]["mean"] == pytest.approx(0.4) and age["eyes"]["moved"]["mean"] == 0
    assert gender["pose"]["change"] == pytest.approx([0.2, -0.2])
    assert gender["pose"]["moved"]["mean"] == pytest.approx(0.2)
    assert table["latent"].tolist() == [0, 1, 2] and table["yaw_slope"].tolist() == [10, 10, 10]
    assert list(table) == [
        *("latent", "missing", "pitch_correlation", "pitch_slope", "yaw_correlation", "yaw_slope"),
        *("roll_correlation", "roll_slope", "eyes_leakage", "mouth_leakage", "pose_leakage"),
    ]


def test_pictures_without_a_face_are_left_out_and_counted(evaluation):
    folder, requests = evaluation
    latents, places = grid_rows(requests, "levels", "requests")
    lost = (*places[1], places[0, 3])  # all of latent 1
    table, summary = judged(folder, Reader(requests, lost))
    assert summary["missing"] == 26 and table["missing"].tolist() == [1, 25, 0]
    assert np.isnan(table["yaw_slope"]).tolist() == [False, True, False]
    assert summary["angles"]["yaw"]["slope"]["mean"] == pytest.approx(10)
    table, summary = judged(folder, Reader(requests, tuple(places.ravel())))
    assert summary["missing"] == 75 and summary["movers"]["eyes"] == []
    assert summary["angles"]["yaw"]["slope"]["mean"] is None
    assert summary["groups"]["age"]["eyes"]["moved"]["mean"] is None


def test_the_real_reader_is_taken_and_noise_has_no_face(evaluation):
    folder, _ = evaluation
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = FaceXFormer(16, (1, 1, 1, 1), (1, 2, 4, 8))

    class Blind:
        def detect(self, images):
            return [type("Faces", (), {"boxes": np.empty((0, 4))})] * len(images)

    assert judged(folder, FaceXFormerSegmenter(network, Blind()))[1]["missing"] == 75


def test_a_gallery_of_another_evaluation_is_refused(evaluation):
    folder, requests = evaluation
    with gallery(folder / "pictures.parquet") as album:
        album.append(np.arange(5), np.zeros((5, 8, 8, 3), np.uint8))
    with pytest.raises(InputError, match=r"pictures\.parquet holds other pictures than"):
        judged(folder, Reader(requests))
    assert not (folder / "facexformer").exists()
