"""Face detection: the shipped MTCNN finds the boxes that facenet-pytorch finds."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from ohlora_lib.networks.face_detection import FaceDetector
from ohlora_lib.networks.files import load_network
from ohlora_lib.networks.mtcnn import MTCNN

ROOT = Path(__file__).parents[1]
FIXTURES = Path(__file__).parent / "fixtures/mtcnn"
FACES = ROOT.parent / "shared/data/faces256"  # not part of the repository
SIDES = ["x_min", "y_min", "x_max", "y_max"]


@pytest.fixture(scope="module")
def detector() -> FaceDetector:
    network = load_network(ROOT / "resources/mtcnn/mtcnn.safetensors", MTCNN.kind)
    return FaceDetector(network, batch_size=4)


def picture(path: Path) -> np.ndarray:
    return np.array(Image.open(path).convert("RGB"))


def check(detector: FaceDetector, folder: Path, table: str, px: float, probability: float) -> int:
    """Compare with every row of a table of boxes; return the number of pictures."""
    expected = pd.read_csv(FIXTURES / table)
    for name, rows in expected.groupby("file", sort=False):
        (found,) = detector.detect(picture(folder / name)[None])
        rows = rows.dropna()
        assert found.boxes.shape == (len(rows), 4), name
        assert found.boxes == pytest.approx(rows[SIDES].to_numpy(), abs=px), name
        assert found.probabilities == pytest.approx(rows["prob"].to_numpy(), abs=probability), name
    return expected["file"].nunique()


def test_boxes_in_composites_are_those_of_the_reference(detector):
    assert check(detector, FIXTURES / "composites", "boxes_composites.csv", 0.05, 1e-4) == 4


@pytest.mark.skipif(not FACES.is_dir(), reason="needs ../shared/data/faces256")
def test_boxes_in_generated_faces_are_those_of_the_reference(detector):
    assert check(detector, FACES, "boxes.csv", 0.5, 0.01) == 40  # JPEG decoders differ


def test_boxes_do_not_depend_on_the_company(detector):
    noise = picture(FIXTURES / "composites/no_face_noise.png")
    face = picture(FIXTURES / "composites/large_and_small.png")[:, :256]
    images = np.stack([noise, face, face[:, ::-1], noise, face])
    together = detector.detect(images)
    assert [len(found.boxes) for found in together] == [0, 1, 1, 0, 1]
    for image, found in zip(images, together, strict=True):
        (alone,) = detector.detect(image[None])
        assert np.array_equal(alone.boxes, found.boxes)
        assert np.array_equal(alone.probabilities, found.probabilities)
    middles = [found.boxes[0, [0, 2]].mean() for found in together[1:3]]
    assert sum(middles) == pytest.approx(256, abs=8)  # the mirrored face is found where it is


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (19, 19), (20, 20), (33, 200), (64, 21)])
def test_small_and_narrow_pictures_hold_no_face(detector, size):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (3, *size, 3), dtype=np.uint8)
    for found in detector.detect(images):
        assert found.boxes.shape == (0, 4) and found.probabilities.shape == (0,)
    assert detector.detect(images[:0]) == []
