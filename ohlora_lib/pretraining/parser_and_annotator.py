"""Trains the two networks that look at portraits or faces: the face parser and the annotator.

Both see pictures with known answers, blurred, noised and re-coloured at random, so that they also
read what a generator draws, which is never as crisp as a render.
"""

import math
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

from ohlora_lib.networks.annotator import ATTRIBUTES, Annotator
from ohlora_lib.networks.face_parser import CLASSES, FaceParser
from ohlora_lib.pretraining.options import ReaderOptions
from ohlora_lib.pretraining.portrait_pool import PortraitPool
from ohlora_lib.seeds import derive_seed, rng
from ohlora_lib.store.picture_tensors import to_float
from ohlora_lib.training.log import CsvLog
from ohlora_lib.training.state import TrainingState, locked

# Small parts count more in the parser's loss: background, skin, brows, eyes, nose, lips, hair.
UNKNOWN = 255  # class of pixels that nobody knows: nothing is learnt from them
CLASS_WEIGHTS = (1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 1.5, 3.0, 4.0, 3.0, 1.0)
STEPS_PER_STATE = 200


def augment(images: Tensor, generator: torch.Generator) -> Tensor:
    """Blur, noise and re-colour pictures [N, 3, H, W] in [-1, 1], each by its own draw."""
    n = len(images)

    def draw(low: float, high: float, channels: int = 1) -> Tensor:
        shape = (n, channels, 1, 1)
        return low + (high - low) * torch.rand(shape, generator=generator)

    blurred = F.avg_pool2d(F.pad(images, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    images = torch.lerp(images, blurred, draw(-0.3, 1.0).clamp(min=0))
    images = images * draw(0.85, 1.15, 3) + draw(-0.12, 0.12, 3)
    noise = torch.randn(images.shape, generator=generator)
    return (images + noise * draw(-0.03, 0.08).clamp(min=0)).clamp(-1, 1)


def train_parser(
    pool: PortraitPool, options: ReaderOptions, state_directory: str | Path, code: str = ""
) -> FaceParser:
    """Train a face parser on a pool with class maps at twice the image side; resumable.

    A state made by code with another digest is not resumed.
    """
    weights = torch.tensor(CLASS_WEIGHTS)

    def loss(network: nn.Module, images: Tensor, rows: np.ndarray) -> Tensor:
        maps = torch.from_numpy(pool.class_maps[rows]).long()
        return F.cross_entropy(network(images), maps, weights, ignore_index=UNKNOWN)

    with torch.random.fork_rng():
        torch.manual_seed(derive_seed(options.seed, "parser"))
        network = FaceParser()
        return _fit(network, loss, pool, options, state_directory, code)


def train_annotator(
    pool: PortraitPool,
    options: ReaderOptions,
    state_directory: str | Path,
    code: str = "",
    width: int = 24,
) -> Annotator:
    """Train an annotator of a width on a balanced pool; resumable, see `train_parser`."""

    def loss(network: nn.Module, images: Tensor, rows: np.ndarray) -> Tensor:
        answers = torch.from_numpy(pool.attributes[rows]).float()
        mirrored = torch.rand(len(images)) < 0.5  # no attribute has a side
        images = torch.where(mirrored[:, None, None, None], images.flip(3), images)
        known = answers.isfinite()
        return F.binary_cross_entropy_with_logits(network(images)[known], answers[known])

    with torch.random.fork_rng():
        torch.manual_seed(derive_seed(options.seed, "annotator"))
        network = Annotator(width)
        return _fit(network, loss, pool, options, state_directory, code)


@torch.inference_mode()
def parser_iou(network: FaceParser, pool: PortraitPool, batch: int = 50) -> dict[str, float]:
    """Return intersection over union per class (`class_0` … `class_10`) and their `mean`."""
    network.eval()
    counts = np.zeros((CLASSES, CLASSES), dtype=np.int64)
    side = pool.class_maps.shape[1]
    for start in range(0, len(pool), batch):
        rows = np.arange(start, min(start + batch, len(pool)))
        found = network.class_maps(_images(pool, rows), side).numpy()
        maps = pool.class_maps[rows]
        pairs = (CLASSES * maps.astype(np.int64) + found)[maps != UNKNOWN]
        counts += np.bincount(pairs, minlength=CLASSES**2).reshape(CLASSES, CLASSES)
    both = np.diag(counts)
    iou = both / np.maximum(counts.sum(0) + counts.sum(1) - both, 1)
    return {f"class_{i}": float(value) for i, value in enumerate(iou)} | {"mean": float(iou.mean())}


@torch.inference_mode()
def annotator_accuracy(network: Annotator, pool: PortraitPool) -> dict[str, float]:
    """Return the share of right answers per attribute, among those that are known and sure."""
    network.eval()
    rows = np.arange(len(pool))
    answers = torch.cat([network(_images(pool, part)) > 0 for part in np.array_split(rows, 50)])
    found = answers.numpy()
    shares = {}
    for column, name in enumerate(ATTRIBUTES):
        wanted = pool.attributes[:, column].astype(np.float32)
        sure = np.isfinite(wanted) & (np.abs(wanted - 0.5) > 0.3)
        if sure.any():
            shares[name] = float((found[sure, column] == (wanted[sure] > 0.5)).mean())
    return shares


def _fit(
    network: nn.Module,
    loss: Callable[[nn.Module, Tensor, np.ndarray], Tensor],
    pool: PortraitPool,
    options: ReaderOptions,
    state_directory: str | Path,
    code: str,
) -> nn.Module:
    steps = int(options.kimg * 1000 / options.batch)
    optimizer = torch.optim.AdamW(network.parameters(), lr=options.lr, fused=True)
    network.train()
    with locked(state_directory):
        config = {**asdict(options), "network": network.config(), "pool": pool.digest()}
        config["code"] = code
        state = TrainingState(
            state_directory, config, {"network": network}, {"optimizer": optimizer}
        )
        first, _ = state.restore()
        log = CsvLog(Path(state_directory) / "log.csv", first)
        for step in tqdm(range(first, steps), initial=first, total=steps, mininterval=10):
            seed = derive_seed(options.seed, network.kind, step)
            rows = np.sort(rng(seed).integers(len(pool), size=options.batch))
            torch.manual_seed(seed)  # dropout
            images = augment(_images(pool, rows), torch.Generator().manual_seed(seed))
            for group in optimizer.param_groups:
                group["lr"] = options.lr * 0.5 * (1 + math.cos(math.pi * step / steps))
            value = loss(network, images, rows)
            optimizer.zero_grad(set_to_none=True)
            value.backward()
            optimizer.step()
            done = step + 1
            if done % 50 == 0:
                log.add(step=done, loss=value.item())
            if done % STEPS_PER_STATE == 0:
                state.save(done)
    return network.eval()


def _images(pool: PortraitPool, rows: np.ndarray) -> Tensor:
    """Pictures of a pool as float [n, 3, side, side] in [-1, 1]."""
    return to_float(pool.images[rows]).contiguous(memory_format=torch.channels_last)
