"""Synthesis, segmentation and classifier inference beside the plain module, image by image."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.common import WEIGHTS, Row, best_of
from ohlora_lib.generators.synthesis import Synthesizer
from ohlora_lib.networks.attribute_cnn import AttributeCNN, predict
from ohlora_lib.networks.files import load_network
from ohlora_lib.networks.parser_segmenter import ParserSegmenter
from ohlora_lib.portraits.parameters import sample_parameters
from ohlora_lib.portraits.renderer import render
from ohlora_lib.store.layout import MAP_SIDE
from ohlora_lib.store.picture_tensors import to_float, to_unit

ONE_BY_ONE = "module one by one"
BATCHES = {"cpu": (16,), "cuda": (1, 4, 16, 64, 256, 1024)}  # swept on a GPU
COUNTS = {"cpu": (16, 64, 256, 1024), "cuda": (8192,)}  # images; swept on the CPU
FEW = 16  # images of the references, which are slow
OFTEN = 64  # images that are done several times; more of them once


def rendering(device: str) -> Iterator[Row]:
    """Yield the time of our renderer; it runs on the CPU only."""
    parameters = sample_parameters(max(COUNTS["cpu"]), torch.Generator().manual_seed(0))
    slow = best_of(lambda: [render(row[None], 64) for row in parameters[:FEW]]) / FEW
    for count in COUNTS["cpu"]:
        batches = parameters[:count].split(64)
        fast = best_of(lambda b=batches: [render(rows, 64) for rows in b], repeats=_repeats(count))
        yield Row("rendering", count, fast, "one by one", slow * count, batch=64)


def synthesis(device: str) -> Iterator[Row]:
    """Yield the time of `Synthesizer`."""
    generator = load_network(WEIGHTS / "generator.safetensors").eval().to(device)
    shape = (max(COUNTS[device]), generator.z_dim)
    z = np.random.default_rng(0).standard_normal(shape, np.float32)
    latents = torch.from_numpy(z[:FEW]).to(device)

    def fast(count: int, batch: int) -> Callable[[], object]:
        drawer = Synthesizer(generator, batch, device)
        return lambda: drawer.from_z(z[:count])

    yield from _rows("synthesis", device, fast, lambda i: generator(latents[i : i + 1]))


def segmentation(device: str) -> Iterator[Row]:
    """Yield the time of `ParserSegmenter`."""
    parser = load_network(WEIGHTS / "parser.safetensors").eval().to(device)
    images = _pictures(max(COUNTS[device]))

    def fast(count: int, batch: int) -> Callable[[], object]:
        segmenter = ParserSegmenter(parser, batch, device)
        return lambda: segmenter.segment(images[:count])

    def plain(i: int) -> object:
        return parser.class_maps(to_float(images[i : i + 1], device), MAP_SIDE)

    yield from _rows("segmentation", device, fast, plain)


def classifier(device: str) -> Iterator[Row]:
    """Yield the time of `attribute_cnn.predict`; the weights do not matter."""
    network = AttributeCNN("gender", 64).eval().to(device)
    images = _pictures(max(COUNTS[device]))

    def fast(count: int, batch: int) -> Callable[[], object]:
        return lambda: predict(network, images[:count], batch)

    yield from _rows(
        "classifier", device, fast, lambda i: network(to_unit(images[i : i + 1], device))
    )


def _rows(
    name: str,
    device: str,
    fast: Callable[[int, int], Callable[[], object]],
    plain: Callable[[int], object],
) -> Iterator[Row]:
    """Yield a row per number of images and batch size, beside a few images one by one."""
    settle = torch.cuda.synchronize if device == "cuda" else lambda: None
    with FlopCounterMode(display=False) as counter:  # its hooks need gradients
        plain(0)
    with torch.inference_mode():
        slow = best_of(lambda: [plain(i) for i in range(FEW)], settle=settle) / FEW
        peak = _peak(device, settle)
        for count in COUNTS[device]:
            repeats = 3 if device == "cuda" else _repeats(count)
            for batch in BATCHES[device]:
                seconds = best_of(fast(count, batch), repeats, settle)
                share = counter.get_total_flops() * count / seconds / peak
                named = _named(device)
                yield Row(name, count, seconds, ONE_BY_ONE, slow * count, batch, share, named)


def _repeats(count: int) -> int:
    return 3 if count <= OFTEN else 1


def _peak(device: str, settle: Callable[[], object]) -> float:
    """Return the operations per second of a large product of float32 matrices."""
    side = 8192 if device == "cuda" else 1024
    matrix = torch.randn(side, side, device=device)
    return 2 * side**3 / best_of(lambda: matrix @ matrix, settle=settle)


def _named(device: str) -> str:
    return torch.cuda.get_device_name() if device == "cuda" else device


def _pictures(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 64, 64, 3), dtype=np.uint8)
