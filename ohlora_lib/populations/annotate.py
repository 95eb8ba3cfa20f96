"""Asks the embedded domain's annotator about every image of a population."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from ohlora_lib.networks.annotator import ATTRIBUTES, Annotator
from ohlora_lib.networks.files import load_network
from ohlora_lib.store.picture_tensors import to_float
from ohlora_lib.store.shards import iter_images
from ohlora_lib.store.tables import write_table


def annotate(
    weights: str | Path,
    image_paths: Sequence[str | Path],
    path: str | Path,
    batch_size: int = 256,
    device: str = "cpu",
) -> None:
    """Write what the embedded annotator thinks of every image.

    Args:
        weights: checkpoint of an `Annotator`.
        image_paths: image shards.
        path: table to write: `id` and a probability 0..1 per attribute.
        batch_size: images at once.
        device: torch device name.
    """
    network = load_network(weights, Annotator.kind).to(device)
    ids, answers = [], []
    with torch.inference_mode():
        for rows in iter_images(image_paths, batch=batch_size):
            ids.append(rows.ids)
            answers.append(torch.sigmoid(network(to_float(rows.images, device))).cpu().numpy())
    table = pd.DataFrame(np.concatenate(answers), columns=list(ATTRIBUTES))
    table.insert(0, "id", np.concatenate(ids))
    write_table(path, table)
