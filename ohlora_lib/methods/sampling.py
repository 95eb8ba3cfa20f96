"""Samples of a generator: random latents, their w, and what networks read from their pictures."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from ohlora_lib.generators.base import Generator
from ohlora_lib.generators.synthesis import Synthesizer
from ohlora_lib.networks.answers import log_odds
from ohlora_lib.networks.attribute_cnn import AttributeCNN
from ohlora_lib.networks.attribute_cnn import predict as predict_attribute
from ohlora_lib.networks.files import load_generator, load_network
from ohlora_lib.networks.property_cnn import PropertyCNN, predict
from ohlora_lib.seeds import rng
from ohlora_lib.store.layout import CHUNK, part_bounds
from ohlora_lib.store.samples import samples_writer

PUBLISHED_Z = 512  # numbers of z, beside which a random label embedding is N(0, 1)
EDGE = 1e-4  # probabilities are kept this far from 0 and 1: a linear fit would follow outliers


def random_label_generator(base: Generator, numbers: int, seed: int) -> Generator:
    """Give a generator a label that means nothing, drawn once, as VectorFind-v6 and v7 have it.

    All weights are kept but the label embedding, which is N(0, 1) beside a z of
    512 numbers; beside fewer it is smaller in proportion, so that z still decides whose face it is.
    The numbers of that label are then part of the latent.

    Args:
        base: with an embedded label.
        numbers: width of the new label.
        seed: of the embedding.
    """
    width = base.label_embed_dim
    drawn = rng(seed, "label embedding").standard_normal((numbers, width), np.float32)
    drawn *= (base.z_dim / PUBLISHED_Z) ** 0.5
    return base.with_random_label(torch.from_numpy(drawn))


def random_latents(count: int, dim: int, seed: int, start: int = 0) -> np.ndarray:
    """Draw the latents start..start+count-1 of a stream; float32 [count, dim], N(0, 1).

    A latent depends on its number alone, in chunks, so that more samples begin with the same ones.
    """
    first, last = start // CHUNK, -(-(start + count) // CHUNK)
    chunks = [
        rng(seed, "sample", i).standard_normal((CHUNK, dim), np.float32) for i in range(first, last)
    ]
    return np.concatenate(chunks)[start - first * CHUNK :][:count]


def read_attribute(classifier: AttributeCNN, images: np.ndarray) -> np.ndarray:
    """Return the log odds of a classifier's attribute, float32 [N], of uint8 images [N, R, R, 3].

    Probabilities are kept within 0.0001 to 0.9999.
    """
    return log_odds(predict_attribute(classifier, images), EDGE).astype(np.float32)


def draw_samples(
    generator_path: str | Path,
    property_cnn_path: str | Path,
    classifier_paths: Sequence[str | Path],
    path: str | Path,
    count: int,
    seed: int,
    batch_size: int = 16,
    part: tuple[int, int] = (0, 1),
    device: str = "cpu",
) -> None:
    """Draw pictures of random latents, without style mixing or truncation, and read them.

    Pictures are quantised to 8 bit and not kept; memory does not grow with their number.

    Args:
        generator_path: checkpoint of the generator; its label, if any, is part of the latent.
        property_cnn_path: checkpoint of the property CNN, with seven or eight outputs.
        classifier_paths: checkpoints of attribute CNNs.
        path: samples to write (`store.samples`): `latent` [L], `w` [D], every output of the
            property CNN under its name, and the log odds of every attribute under its name.
        count: number of samples, of all parts together.
        seed: of the latents.
        batch_size: pictures per forward pass.
        part: which part to draw, from 0, and of how many; `join_samples` puts them together.
        device: torch device name.

    Raises:
        InputError: a checkpoint is missing, damaged or of another kind.
    """
    generator = load_generator(generator_path)
    synthesizer = Synthesizer(generator, batch_size, device)
    reader = load_network(property_cnn_path, PropertyCNN.kind).to(device)
    classifiers = [load_network(each, AttributeCNN.kind).to(device) for each in classifier_paths]
    dim = generator.z_dim + generator.label_dim
    first, stop = part_bounds(count, *part)
    progress = tqdm(total=stop - first, unit="img", mininterval=5)
    with samples_writer(path) as append, progress:
        for start in range(first, stop, CHUNK):
            latents = random_latents(min(CHUNK, stop - start), dim, seed, start)
            w = map_latents(synthesizer, latents)
            images = synthesizer.from_w(w)
            scores = predict(reader, images)
            columns = {name: scores[:, i] for i, name in enumerate(reader.outputs)}
            for classifier in classifiers:
                columns[classifier.attribute] = read_attribute(classifier, images)
            append({"latent": latents, "w": w, **columns})
            progress.update(len(latents))


def map_latents(synthesizer: Synthesizer, latents: np.ndarray) -> np.ndarray:
    """Return w, float32 [N, w_dim], of latents [N, z_dim + label_dim]: z with the label behind."""
    width = synthesizer.generator.z_dim
    label = latents[:, width:] if synthesizer.generator.label_dim else None
    return synthesizer.map(latents[:, :width], label)
