"""Generates a population of images into shards; any image can be made again from its row."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from ohlora_lib.errors import InputError
from ohlora_lib.networks import load_network
from ohlora_lib.networks.inference import Synthesizer, mixed_styles, mixing_cut
from ohlora_lib.networks.pixels import to_uint8
from ohlora_lib.networks.stylegan_generator import StyleGANGenerator
from ohlora_lib.seeds import derive_seed, rng
from ohlora_lib.store.shards import image_shard, shard_bounds, shard_index

ROWS = 256  # images per append; what is held in memory
PUBLISHED_BATCH = 4  # of the published generation
PUBLISHED_MIXING = 0.9  # probability of style mixing per batch, left on there by oversight


def image_seed(seed: int, population: str, index: int) -> int:
    """Return the seed of image `index`, from which its latent is drawn."""
    return derive_seed(seed, "generate", population, index)


def latents(seeds: Sequence[int], dim: int) -> np.ndarray:
    """Draw one latent per seed; float32 [len(seeds), dim], N(0, 1)."""
    rows = [np.random.Generator(np.random.Philox(seed)).standard_normal(dim) for seed in seeds]
    return np.asarray(rows, np.float32).reshape(len(rows), dim)


def generate(
    weights: str | Path,
    paths: Sequence[str | Path],
    population: str,
    count: int,
    seed: int,
    truncation_psi: float = 1.0,
    as_published: bool = False,
    batch_size: int = 16,
    shards: int | None = None,
    resolution: int | None = None,
    device: str = "cpu",
) -> None:
    """Write images 0..count-1 into the shards `paths`, or those of them that belong there.

    An image depends on (seed, population, its number) alone: not on the shards, nor on how many are
    made. With `as_published` images come in batches of four that share style mixing (spec section
    1), and a batch depends on the numbers of its images.

    Args:
        weights: checkpoint of a StyleGAN generator.
        paths: shards to write, in the order of their ids.
        population: its name.
        count: number of images.
        seed: the run's seed.
        truncation_psi: 1 for none; else it applies to all layers.
        as_published: style mixing with probability 0.9 per batch of four.
        batch_size: images per forward pass (ignored with `as_published`).
        shards: how many the population has, where `paths` are some of them and named as
            `shard_name` says; None where they are all.
        resolution: side that the images must have, pixels; any when None.
        device: torch device name.

    Raises:
        InputError: `weights` is not a generator's checkpoint, or draws another resolution.
    """
    network = load_network(weights, StyleGANGenerator.kind)
    if resolution not in (None, network.resolution):
        raise InputError(
            f"{weights} draws {network.resolution} pixels a side where the domain has "
            f"{resolution}; correct the generator or domain.resolution in the configuration"
        )
    synthesizer = Synthesizer(network, PUBLISHED_BATCH if as_published else batch_size, device)
    bounds = shard_bounds(count, shards or len(paths))
    if shards is not None:
        bounds = [bounds[shard_index(path)] for path in paths]
    total = sum(stop - first for first, stop in bounds)
    with tqdm(total=total, desc="images", unit="img", mininterval=5) as progress:
        for path, (first, stop) in zip(paths, bounds, strict=True):
            with image_shard(path) as shard:
                for start in range(first, stop, ROWS):
                    ids = range(start, min(start + ROWS, stop))
                    seeds = [image_seed(seed, population, index) for index in ids]
                    z = latents(seeds, network.z_dim)
                    labels = _labels(seeds, network.label_dim)
                    layers = network.num_layers
                    if as_published:
                        w = _mixed(synthesizer, seed, population, ids, z, labels)
                        images = synthesizer.from_w(w, truncation_psi, layers)
                    else:
                        images = synthesizer.from_z(z, labels, truncation_psi, layers)
                    shard.append(np.array(ids), np.array(seeds), z, images, labels)
                    progress.update(len(ids))


def regenerate(
    network: StyleGANGenerator, z: np.ndarray, labels: np.ndarray | None = None
) -> np.ndarray:
    """Draw images again from the latents of their rows; uint8 [N, R, R, 3].

    Reference path for tests and tools, without the fast path's folding. Not for populations that
    were made `as_published`, whose style mixing is not in the row.
    """
    with torch.inference_mode():
        label = None if labels is None else torch.from_numpy(labels)
        return to_uint8(network.eval()(torch.from_numpy(z), label))


def _labels(seeds: Sequence[int], dim: int) -> np.ndarray | None:
    """Labels N(0, 1) of a conditional generator, one draw per image."""
    return latents([derive_seed(seed, "label") for seed in seeds], dim) if dim else None


def _mixed(
    synthesizer: Synthesizer,
    seed: int,
    population: str,
    ids: range,
    z: np.ndarray,
    labels: np.ndarray | None,
) -> np.ndarray:
    """Return w per layer [N, layers, w_dim], mixed per published batch of four image numbers."""
    network = synthesizer.generator
    seeds = [derive_seed(seed, "mix", population, index) for index in ids]
    own, other = synthesizer.map(z, labels), synthesizer.map(latents(seeds, network.z_dim), labels)
    cuts = []
    for index in ids:
        draw = rng(seed, "mixing", population, index // PUBLISHED_BATCH)
        cuts.append(mixing_cut(draw, PUBLISHED_MIXING, network.num_layers))
    return mixed_styles(own, other, np.array(cuts), network.num_layers)
