"""Generates a population of images into shards; any image can be made again from its row."""

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from ohlora_lib.errors import InputError
from ohlora_lib.generators.base import Generator
from ohlora_lib.generators.synthesis import Synthesizer, mixed_styles, mixing_cut
from ohlora_lib.networks.files import load_generator
from ohlora_lib.seeds import derive_seed, rng
from ohlora_lib.store.checksum import file_sha256
from ohlora_lib.store.layout import shard_bounds, shard_index
from ohlora_lib.store.picture_tensors import to_uint8
from ohlora_lib.store.shards import image_shard, read_image_shard, read_recipe

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
    made. With `as_published` images come in batches of four that share style mixing, and a batch
    depends on the numbers of its images. Every shard says in its metadata what its rows do not, so
    that `regenerate` can draw any of its images again.

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
    network = load_generator(weights)
    if resolution not in (None, network.resolution):
        raise InputError(
            f"{weights} draws {network.resolution} pixels a side where the domain has "
            f"{resolution}; correct the generator or domain.resolution in the configuration"
        )
    recipe = {
        "generator_sha256": file_sha256(weights),
        "population": population,
        "seed": seed,
        "truncation_psi": float(truncation_psi),
        "as_published": as_published,
    }
    synthesizer = Synthesizer(network, PUBLISHED_BATCH if as_published else batch_size, device)
    bounds = shard_bounds(count, shards or len(paths))
    if shards is not None:
        bounds = [bounds[shard_index(path)] for path in paths]
    total = sum(stop - first for first, stop in bounds)
    with tqdm(total=total, desc="images", unit="img", mininterval=5) as progress:
        for path, (first, stop) in zip(paths, bounds, strict=True):
            with image_shard(path, recipe) as shard:
                for start in range(first, stop, ROWS):
                    ids = range(start, min(start + ROWS, stop))
                    seeds = [image_seed(seed, population, index) for index in ids]
                    z = latents(seeds, network.z_dim)
                    labels = _labels(seeds, network.label_dim)
                    layers = network.num_layers
                    if as_published:
                        w = _mixed(synthesizer.map, network, recipe, np.array(ids), z, labels)
                        images = synthesizer.from_w(w, truncation_psi, layers)
                    else:
                        images = synthesizer.from_z(z, labels, truncation_psi, layers)
                    shard.append(np.array(ids), np.array(seeds), z, images, labels)
                    progress.update(len(ids))


def regenerate(
    weights: str | Path, path: str | Path, ids: Collection[int] | None = None
) -> np.ndarray:
    """Draw images of a shard again, from their rows and the shard's recipe; uint8 [N, R, R, 3].

    Reference path for tests and tools, without the fast path's folding: a level can differ by one.

    Args:
        weights: checkpoint of the generator that drew them.
        path: the shard.
        ids: only these images; all when None.

    Raises:
        InputError: the shard does not say how it was drawn, or by another generator.
    """
    recipe = read_recipe(path)
    if recipe is None:
        raise InputError(
            f"{path} does not say how its images were drawn; delete it and run snakemake again, or "
            "leave imported images as they are"
        )
    if recipe["generator_sha256"] != file_sha256(weights):
        raise InputError(
            f"{weights} did not draw the images of {path} (their generator has the checksum "
            f"{recipe['generator_sha256'][:12]}); give the right checkpoint"
        )
    network = load_generator(weights)
    rows = read_image_shard(path, None, ids)

    @torch.inference_mode()
    def mapped(z: np.ndarray, labels: np.ndarray | None) -> np.ndarray:
        label = None if labels is None else torch.from_numpy(labels)
        return network.mapping(torch.from_numpy(z), label).numpy()

    if recipe["as_published"]:
        w = _mixed(mapped, network, recipe, rows.ids, rows.z, rows.labels)
    else:
        w = mapped(rows.z, rows.labels)
    with torch.inference_mode():
        layers = network.truncate(torch.from_numpy(w), recipe["truncation_psi"], network.num_layers)
        return to_uint8(network.synthesis(layers))


def _labels(seeds: Sequence[int], dim: int) -> np.ndarray | None:
    """Labels N(0, 1) of a conditional generator, one draw per image."""
    return latents([derive_seed(seed, "label") for seed in seeds], dim) if dim else None


def _mixed(
    mapped: Callable[[np.ndarray, np.ndarray | None], np.ndarray],
    network: Generator,
    recipe: dict[str, Any],
    ids: np.ndarray,
    z: np.ndarray,
    labels: np.ndarray | None,
) -> np.ndarray:
    """Return w per layer [N, layers, w_dim], mixed per published batch of four image numbers.

    Args:
        mapped: latents and labels to w.
        network: the generator.
        recipe: see `generate`.
        ids: integers [N].
        z: [N, z_dim].
        labels: [N, label_dim] or None.
    """
    seed, population = recipe["seed"], recipe["population"]
    seeds = [derive_seed(seed, "mix", population, int(index)) for index in ids]
    own, other = mapped(z, labels), mapped(latents(seeds, network.z_dim), labels)
    cuts = []
    for index in ids:
        draw = rng(seed, "mixing", population, int(index) // PUBLISHED_BATCH)
        cuts.append(mixing_cut(draw, PUBLISHED_MIXING, network.num_layers))
    return mixed_styles(own, other, np.array(cuts), network.num_layers)
