"""The filtered faces and their scores, in memory: what fine-tunes learn from."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ohlora_lib.errors import InputError
from ohlora_lib.methods.finetune.options import FinetuneOptions
from ohlora_lib.seeds import rng
from ohlora_lib.store.shards import iter_images
from ohlora_lib.store.tables import read_table


@dataclass(frozen=True)
class Faces:
    """Faces with all wanted scores."""

    ids: np.ndarray  # int64 [N]
    images: np.ndarray  # uint8 [N, R, R, 3]
    labels: np.ndarray  # float32 [N, K], z-scores


def read_faces(
    image_paths: Sequence[str | Path], scores_path: str | Path, names: Sequence[str]
) -> Faces:
    """Read the faces that a table of scores lists; those that lack a score are left out.

    Args:
        image_paths: image shards.
        scores_path: `id` and a column `<name>_score` per name.
        names: the properties wanted, in this order.

    Raises:
        InputError: a column is missing, or no face has all scores.
    """
    columns = ["id", *[f"{name}_score" for name in names]]
    table = read_table(scores_path, columns).dropna()
    if table.empty:
        raise InputError(f"{scores_path} has no face with all of {', '.join(names)}; rerun scoring")
    ids = table["id"].to_numpy()
    images = np.concatenate([rows.images for rows in iter_images(image_paths, ids=ids)])
    return Faces(ids, images, table.iloc[:, 1:].to_numpy(np.float32))


def batch_rows(count: int, step: int, options: FinetuneOptions, seed: int) -> np.ndarray:
    """Return which faces of `count` a step learns from: int64 [batch].

    With `options.whole_epochs` every face comes once before any comes again, in an order that
    follows from the seed; else they are drawn from torch's global stream.
    """
    if not options.whole_epochs:
        return torch.randint(count, (options.batch,)).numpy()
    places = step * options.batch + np.arange(options.batch)
    passes = places // count
    orders = {index: rng(seed, "pass", int(index)).permutation(count) for index in set(passes)}
    return np.array(
        [orders[index][place % count] for index, place in zip(passes, places, strict=True)]
    )


def quantised(images: Tensor) -> Tensor:
    """Round pictures [N, 3, R, R] to the 255 levels of 8 bit in [-1, 1]; the gradient passes."""
    levels = ((images.detach().clamp(-1, 1) + 1) * 127.5).round() / 127.5 - 1
    return images + (levels - images.detach())


def jittered(images: Tensor, share: float) -> Tensor:
    """Change each picture's brightness and contrast by up to +-`share`; [N, 3, R, R] in [-1, 1]."""
    count = len(images)
    shape = (count, 1, 1, 1)
    x = (images + 1) / 2
    brightness = 1 + share * (2 * torch.rand(shape, device=x.device) - 1)
    contrast = 1 + share * (2 * torch.rand(shape, device=x.device) - 1)
    x = (x * brightness).clamp(0, 1)
    mean = x.mean(dim=(1, 2, 3), keepdim=True)
    return ((x - mean) * contrast + mean).clamp(0, 1) * 2 - 1


def correlations(found: Tensor, wanted: Tensor) -> Tensor:
    """Pearson correlation along the last but one dimension: [..., N, K] twice to [..., K]."""
    found = found - found.mean(dim=-2, keepdim=True)
    wanted = wanted - wanted.mean(dim=-2, keepdim=True)
    return F.cosine_similarity(found, wanted, dim=-2)
