"""One training step of every network, beside the same pictures without learning."""

import tempfile
from collections.abc import Callable, Iterator

import numpy as np
import torch

from benchmarks.common import WEIGHTS, Row, best_of
from ohlora_lib.attributes import ATTRIBUTES
from ohlora_lib.generators.stylegan1.conditioning import conditional_generator
from ohlora_lib.methods.directions.options import TrainingOptions
from ohlora_lib.methods.directions.stored import Directions
from ohlora_lib.methods.directions.ways.trained import train_directions
from ohlora_lib.methods.finetune.drawing import draw_faces
from ohlora_lib.methods.finetune.job import make_objective
from ohlora_lib.methods.finetune.objective import Given
from ohlora_lib.methods.finetune.options import FinetuneOptions
from ohlora_lib.methods.finetune.training_faces import Faces
from ohlora_lib.methods.finetune.versions import VERSIONS, version_options
from ohlora_lib.networks.attribute_cnn import AttributeCNN
from ohlora_lib.networks.files import load_network
from ohlora_lib.networks.property_cnn import HairstyleCNN, PropertyCNN
from ohlora_lib.scores import CONTROLLED
from ohlora_lib.store.picture_tensors import to_unit
from ohlora_lib.training.classifier import ClassifierOptions, FoldData, train_fold
from ohlora_lib.training.score_regression import PropertyOptions, ScoredFaces, train_property_cnn

BATCHES = 16  # an epoch, of the networks that are timed by epochs
HELD_OUT = 8  # pictures


def training(device: str) -> Iterator[Row]:
    """Yield the time of a step per network; n is its batch."""
    yield from _finetunes(device)
    yield _property_cnn(PropertyCNN, device)
    yield _property_cnn(HairstyleCNN, device)
    yield _attribute_cnn(device)
    yield _directions(device)


def _property_cnn(kind: type[PropertyCNN] | type[HairstyleCNN], device: str) -> Row:
    batch = PropertyOptions().batch
    network = kind(64).eval().to(device)
    images, rows = _pictures(batch)
    draw = np.random.default_rng(0)
    scores = draw.standard_normal((len(images), len(network.outputs)))
    hair = None
    if kind is HairstyleCNN:
        hair = draw.integers(0, 256, (len(images), 224, 28), dtype=np.uint8)
    data = ScoredFaces(images, scores, *rows, hair)

    def train(epochs: int) -> None:
        options = PropertyOptions(epochs=epochs, patience=epochs)
        with tempfile.TemporaryDirectory() as state:
            train_property_cnn(data, options, 0, state, kind, device)

    def forward() -> None:
        network(2 * to_unit(images[:batch], device) - 1)

    return _marginal(kind.kind, batch, train, 1, BATCHES, forward, device)


def _attribute_cnn(device: str) -> Row:
    batch = ClassifierOptions().batch
    network = AttributeCNN("gender", 64).eval().to(device)
    images, rows = _pictures(batch)
    data = FoldData(images, np.arange(len(images)) % 2, *rows)

    def train(epochs: int) -> None:
        options = ClassifierOptions(max_epochs=epochs, patience=epochs, max_loss=np.inf)
        with tempfile.TemporaryDirectory() as state:
            train_fold("gender", data, options, 0, state, device=device)

    def forward() -> None:
        network(to_unit(images[:batch], device))

    return _marginal("attribute_cnn", batch, train, 1, BATCHES, forward, device)


def _directions(device: str) -> Row:
    """Return the time of a step; the weights of the readers do not matter."""
    batch, draw = TrainingOptions().batch, np.random.default_rng(0)
    generator = load_network(WEIGHTS / "generator.safetensors").to(device)
    reader = PropertyCNN(generator.resolution).to(device)
    layers, width = generator.num_layers, generator.w_dim
    few = len(CONTROLLED)
    steps = draw.standard_normal((layers, few, width)).astype(np.float32)
    parts = {
        "masks": np.ones((layers, few)),
        "readout": np.zeros((few, width)),
        "offset": np.zeros(few),
        "mean": np.zeros(width),
        "covariance": np.eye(width),
    }
    parts = {name: part.astype(np.float32) for name, part in parts.items()}
    start = Directions(steps, names=CONTROLLED, **parts)
    w = draw.standard_normal((64, width)).astype(np.float32)
    spread = np.ones(len(reader.outputs))
    faces = torch.from_numpy(w[:batch]).to(device)

    def train(steps: int) -> None:
        options = TrainingOptions(steps=steps)
        with tempfile.TemporaryDirectory() as state:
            train_directions(generator, reader, [], start, w, spread, options, 0, state, device)

    def forward() -> None:
        reader(generator.synthesis(faces[:, None].expand(-1, layers, -1)))

    return _marginal("directions_trained", batch, train, 4, 1, forward, device)


def _marginal(
    name: str,
    batch: int,
    train: Callable[[int], None],
    few: int,
    steps_each: int,
    forward: Callable[[], None],
    device: str,
) -> Row:
    """Return the time of a step of a training: what one three times as long takes longer.

    Args:
        name: of what is trained.
        batch: pictures a step.
        train: trains for so many epochs (or steps).
        few: epochs (or steps) of the shorter training.
        steps_each: steps of an epoch.
        forward: one pass without learning, the reference.
        device: torch device name.
    """
    settle = torch.cuda.synchronize if device == "cuda" else lambda: None
    short, long = (best_of(lambda n=n: train(n), settle=settle) for n in (few, 3 * few))
    seconds = (long - short) / (2 * few * steps_each)
    with torch.no_grad():
        plain = best_of(forward, settle=settle)
    return Row(f"step_{name}", batch, seconds, "forward pass", plain, batch, device=_named(device))


def _pictures(batch: int) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """Return noise, and its rows to learn from and to judge by."""
    count = BATCHES * batch
    images = np.random.default_rng(0).integers(
        0, 256, (count + HELD_OUT, 64, 64, 3), dtype=np.uint8
    )
    return images, (np.arange(count), np.arange(count, count + HELD_OUT))


def _named(device: str) -> str:
    return torch.cuda.get_device_name() if device == "cuda" else device


def _finetunes(device: str) -> Iterator[Row]:
    """Yield the time of a step per version."""
    settle = torch.cuda.synchronize if device == "cuda" else lambda: None
    for version in VERSIONS:
        # without the warm-up, in which the generator rests
        options = version_options(version, "corrected", {"warmup": 0})
        given = _given(options, device)
        objective = make_objective(given, options, seed=0)
        z = torch.randn(options.batch, given.base.z_dim, device=device)
        label = torch.zeros(options.batch, len(options.labels), device=device)

        def forward(given=given, options=options, z=z, label=label) -> None:
            with torch.no_grad():
                draw_faces(given.generator, z, label, options)

        # step 1: the penalty of the discriminator comes every few steps, and not at this one
        seconds = best_of(lambda learn=objective.learn: learn(1), settle=settle)
        yield Row(
            f"step_{version}",
            options.batch,
            seconds,
            "forward pass",
            best_of(forward, settle=settle),
            batch=options.batch,
            device=_named(device),
        )


def _given(options: FinetuneOptions, device: str) -> Given:
    """Return shipped networks, new readers, and noise in place of faces."""
    torch.manual_seed(0)
    draw = np.random.default_rng(0)
    base = load_network(WEIGHTS / "generator.safetensors").to(device)
    side = base.resolution
    images = draw.integers(0, 256, (64, side, side, 3), dtype=np.uint8)
    labels = draw.standard_normal((64, len(options.labels)), np.float32)
    return Given(
        faces=Faces(np.arange(64), images, labels),
        generator=conditional_generator(base, options).to(device).train(),
        base=base.requires_grad_(False),
        property_cnn=PropertyCNN(side).eval().to(device),
        discriminator=load_network(WEIGHTS / "discriminator.safetensors"),
        attribute_cnns=[AttributeCNN(name, side).to(device) for name in options.attributes],
        wanted={name: ATTRIBUTES[name].wanted for name in options.attributes},
        device=device,
    )
