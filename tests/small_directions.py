"""Tiny networks, samples and directions: what tests of directions and samples share."""

from pathlib import Path

import numpy as np
import torch

from ohlora_lib.generators.stylegan1.generator import StyleGANGenerator
from ohlora_lib.generators.synthesis import Synthesizer
from ohlora_lib.methods.directions.stored import Directions
from ohlora_lib.methods.sampling import (
    map_latents,
    random_latents,
)
from ohlora_lib.networks.property_cnn import OUTPUTS, PropertyCNN
from ohlora_lib.scores import CONTROLLED
from ohlora_lib.store.picture_tensors import to_float
from ohlora_lib.store.samples import samples_writer

SIDE, Z, LABEL, W, LAYERS = 32, 10, 2, 16, 8
SAMPLES = 300
LATENTS = random_latents(40, Z + LABEL, 11)
REQUESTS = np.random.default_rng(2).uniform(-1, 1, (40, 3)).astype(np.float32)


class Killed(BaseException):
    """Stands for a kill in the middle of a training."""


def some_rows(count: int, seed: int = 0) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(seed)
    return {
        "w": draw.standard_normal((count, 5)).astype(np.float32),
        "eyes": draw.standard_normal(count).astype(np.float32),
    }


def write_rows(path: Path, columns: dict[str, np.ndarray], sizes: list[int]) -> None:
    """Write columns in groups of these sizes."""
    edges = np.cumsum([0, *sizes])
    with samples_writer(path) as append:
        for start, end in zip(edges, edges[1:], strict=False):
            append({name: values[start:end] for name, values in columns.items()})


def tiny_generator() -> StyleGANGenerator:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        network = StyleGANGenerator(
            SIDE, Z, W, 16, 3, 128, 16, label_dim=LABEL, label_embed_dim=4, mapping_lr_mul=1.0
        )
        with torch.no_grad():
            network.synthesis.get_submodule("output3").weight.mul_(0.2)
    return network.eval()


def tiny_reader(generator: StyleGANGenerator) -> PropertyCNN:
    """Return random weights but the last layers, which predict seven unrelated numbers of w."""
    with torch.random.fork_rng():
        torch.manual_seed(4)
        reader = PropertyCNN(SIDE).eval()
    synthesizer = Synthesizer(generator)
    w = map_latents(synthesizer, random_latents(500, Z + LABEL, 99))
    images = to_float(synthesizer.from_w(w), "cpu")
    axes = np.linalg.svd(w - w.mean(axis=0), full_matrices=False)[0][:, : len(OUTPUTS)]
    wanted = torch.from_numpy(3 * axes / axes.std(axis=0))  # one unit is a small move
    ranks = sorted(OUTPUTS, key=lambda name: name not in CONTROLLED)
    with torch.no_grad():
        for branch in reader.branches():
            features = branch.fc1(branch.convolved(images))
            mean = features.mean(dim=0)
            gram = (features - mean).T @ (features - mean) + 0.3 * torch.eye(features.shape[1])
            for row, name in enumerate(branch.outputs):
                target = (features - mean).T @ wanted[:, ranks.index(name)]
                weight = torch.linalg.solve(gram, target)
                branch.fc_final.weight[row] = weight
                branch.fc_final.bias[row] = -(mean @ weight)
    return reader


def random_directions(seed: int = 7, size: float = 0.3, measured: int = 0) -> Directions:
    draw = np.random.default_rng(seed)
    root = draw.standard_normal((W, 2 * W))
    names = ("hair_color", *CONTROLLED)
    arrays = {
        "steps": size * draw.standard_normal((LAYERS, 3, W)),
        "masks": np.ones((LAYERS, 3)),
        "readout": 0.3 * draw.standard_normal((len(names), W)),
        "offset": draw.standard_normal(len(names)),
        "mean": draw.standard_normal(W),
        "covariance": root @ root.T / (2 * W),
    }
    arrays = {name: array.astype(np.float32) for name, array in arrays.items()}
    return Directions(**arrays, names=names, measured=measured)


class ColourScorer:
    """Scores that rise with the mean colours, ever faster; remembers how much it has seen."""

    def __init__(self, images: np.ndarray) -> None:
        colours = images.mean(axis=(1, 2))
        self.mean, self.std = colours.mean(axis=0), colours.std(axis=0)
        self.seen: list[int] = []

    def __call__(self, images: np.ndarray) -> np.ndarray:
        self.seen.append(len(images))
        found = (images.mean(axis=(1, 2)) - self.mean) / self.std
        return found + 0.15 * found**3
