"""What share of a generator's faces fits the concept, before and after a fine-tune.

Told by the classifiers that chose the training images, as published, and by a
reader that had no part in that: a gain that only the filter's own networks see is none.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ohlora_lib.generators.synthesis import Synthesizer
from ohlora_lib.judging.picture_attributes import load_reader
from ohlora_lib.methods.sampling import map_latents, random_latents
from ohlora_lib.networks.attribute_cnn import AttributeCNN, predict
from ohlora_lib.networks.files import load_generator, load_network
from ohlora_lib.seeds import derive_seed
from ohlora_lib.store.layout import CHUNK
from ohlora_lib.store.tables import write_json


def judge_concept(
    generators: Mapping[str, str | Path],
    annotator: str | Path | None,
    classifiers: Mapping[str, Sequence[str | Path]],
    path: str | Path,
    count: int,
    seed: int,
    published: Mapping[str, Mapping[str, float]] | None = None,
    batch_size: int = 16,
    device: str = "cpu",
) -> None:
    """Write what readers say of random faces of several generators.

    Latents and labels are N(0, 1); generators of the same shape get the same ones.

    Args:
        generators: checkpoints by name, `before` and `after`.
        annotator: the independent reader's checkpoint; None where a domain has none.
        classifiers: checkpoints of all folds by attribute.
        path: JSON to write: `images`, and per generator and reader (`classifiers`, `annotator`) the
            `mean` probability and the `share` at 0.5 or above of every attribute.
        count: faces per generator.
        seed: the run's seed.
        published: what the reference published of the same, before and after; noted beside.
        batch_size: pictures per forward pass.
        device: torch device name.

    Raises:
        InputError: a checkpoint is missing, damaged or of another kind.
    """
    folds = {
        name: [load_network(each, AttributeCNN.kind).to(device) for each in paths]
        for name, paths in classifiers.items()
    }
    reader = None if annotator is None else load_reader(annotator, device=device)
    document: dict[str, Any] = {"images": count, "published": published}
    for name, checkpoint in generators.items():
        network = load_generator(checkpoint)
        synthesizer = Synthesizer(network, batch_size, device)
        dim = network.z_dim + network.label_dim
        found: dict[str, list[np.ndarray]] = {"classifiers": [], "annotator": []}
        for start in range(0, count, CHUNK):
            size = min(CHUNK, count - start)
            latents = random_latents(size, dim, derive_seed(seed, "concept"), start)
            images = synthesizer.from_w(map_latents(synthesizer, latents))
            means = [
                np.mean([predict(network, images) for network in networks], axis=0)
                for networks in folds.values()
            ]
            found["classifiers"].append(np.stack(means, axis=1))
            if reader is not None:
                found["annotator"].append(reader.read(images)[0])
        document[name] = {"classifiers": _figures(folds, found["classifiers"])}
        if reader is not None:
            document[name]["annotator"] = _figures(reader.names, found["annotator"])
    write_json(path, document)


def _figures(names: Sequence[str], parts: list[np.ndarray]) -> dict[str, dict[str, float]]:
    answers = np.concatenate(parts).astype(np.float64)
    return {
        name: {
            "mean": round(float(answers[:, i].mean()), 4),
            "share": round(float((answers[:, i] >= 0.5).mean()), 4),
        }
        for i, name in enumerate(names)
    }
