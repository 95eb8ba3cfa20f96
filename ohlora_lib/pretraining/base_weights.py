"""Judges the embedded base weights: does the generator draw what the renderer draws?"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from ohlora_lib.errors import InputError
from ohlora_lib.generators.synthesis import Synthesizer
from ohlora_lib.judging.distribution import (
    kernel_distance,
    kernel_inception_distances,
    nearest_distances,
    sliced_wasserstein,
)
from ohlora_lib.networks.annotator import ATTRIBUTES, Annotator
from ohlora_lib.networks.files import load_generator, load_network
from ohlora_lib.networks.parser_segmenter import ParserSegmenter
from ohlora_lib.populations.raw_scores import raw_scores
from ohlora_lib.populations.score_function import ScoreFunction
from ohlora_lib.portraits.parameters import sample_parameters
from ohlora_lib.portraits.renderer import render
from ohlora_lib.scores import (
    background_mean,
    background_std,
    eyes,
    hair_color,
    hair_length,
    hairstyle,
    mouth,
    pose,
)
from ohlora_lib.seeds import derive_seed, rng
from ohlora_lib.store.picture_tensors import to_float
from ohlora_lib.store.pictures import tile, write_picture
from ohlora_lib.store.tables import write_json

CHUNK = 128  # pictures at once
BLOCK = 1000  # rows that kernel distances compare at once
LEAST = 100  # faces of a set that must be measured
# Standard deviations; what lies farther counts as this far: a few renders in 10,000 have hairstyles
# of 10 to 20, and a kernel of the third degree would see nothing else.
FARTHEST = 4
SCORES = (eyes, hair_color, hair_length, mouth, pose, background_mean, background_std, hairstyle)


def judge_base_weights(
    generator_path: str | Path,
    parser_path: str | Path,
    annotator_path: str | Path,
    metrics_path: str | Path,
    grid_path: str | Path,
    count: int,
    seed: int,
) -> None:
    """Compare `count` generated faces with as many renders, and those with as many others.

    Writes a 10 x 10 grid at three times the size, and in the JSON

    - `generated`, `renders`: shares by the annotator;
    - `sliced_wasserstein` of pixels (0..1), beside its floor: renders against other renders;
    - `property_kernel_distance` of the eight property scores (to `FARTHEST`), by the biased
      estimator, whose floor is mostly its bias (it falls with the size of a block, not with the
      number of pictures), and `by_property` of each score alone;
    - `property_kid` by the unbiased estimator, mean and `_std` over the blocks: of `generated`
      faces against renders, and of `renders` against other renders, which is about 0; its `floor`
      is the root mean square of the latter, the size that chance gives to the KID of two blocks;
    - `nearest_other`: how far the pixels (0..1) of each picture are from those of the most similar
      other one of its set, root mean square; a repeated face would be near 0.

    Args:
        generator_path: checkpoint.
        parser_path: checkpoint of the face parser.
        annotator_path: checkpoint of the annotator.
        metrics_path: JSON to write.
        grid_path: PNG to write.
        count: pictures per set, at least 1000.
        seed: of latents and renders.

    Raises:
        InputError: too few faces are found for distances to mean anything.
    """
    generator = load_generator(generator_path)
    segmenter = ParserSegmenter(load_network(parser_path))
    annotator = load_network(annotator_path, Annotator.kind)
    random = rng(seed, "judge", "latents")
    z = random.standard_normal((count, generator.z_dim)).astype(np.float32)
    images = Synthesizer(generator).from_z(z)
    renders = [_renders(count, generator.resolution, seed, part) for part in (0, 1)]
    features = [_features(part, segmenter) for part in (images, *renders)]
    # a face with a missing score is left out
    known = [part[np.isfinite(part).all(axis=1)] for part in features]
    fewest = min(map(len, known))
    if fewest < LEAST:
        raise InputError(
            f"{parser_path} finds a whole face in {fewest} of {count} pictures, fewer than "
            f"{LEAST}; train the parser or the generator longer (pretrain in the configuration)"
        )
    mean, std = known[1].mean(axis=0), known[1].std(axis=0)
    scale = np.where(std > 0, std, 1)
    kept = [((part - mean) / scale).clip(-FARTHEST, FARTHEST) for part in known]
    block = min(BLOCK, fewest)
    flat = [_unit(part) for part in (images, *renders)]
    swd = [
        sliced_wasserstein(flat[1], other, 256, rng(seed, "judge", "directions"))
        for other in (flat[0], flat[2])
    ]
    apart = {"generated": nearest_distances(flat[0]), "renders": nearest_distances(flat[1])}
    kernel = _property_distances(*kept, block)
    shares = [_shares(part, annotator) for part in (images, renders[0])]
    write_json(
        metrics_path,
        {
            "count": count,
            "generated": shares[0],
            "renders": shares[1],
            "sliced_wasserstein": _beside_floor(*swd),
            "property_kernel_distance": kernel,
            "property_kid": _kid(*kept, block),
            "nearest_other": {
                name: {"minimum": float(found.min()), "median": float(np.median(found))}
                for name, found in apart.items()
            },
        },
    )
    write_picture(grid_path, tile(images[:100], 10, zoom=3))


def _beside_floor(generated: float, floor: float) -> dict[str, float]:
    ratio = generated / floor if floor else float("nan")
    return {"generated": generated, "floor": floor, "ratio": ratio}


def _property_distances(
    generated: np.ndarray, renders: np.ndarray, others: np.ndarray, block: int
) -> dict[str, Any]:
    """See `judge_base_weights`; scores [N, 8] without missing ones."""

    def distances(columns: slice) -> dict[str, float]:
        parts = (part[:, columns] for part in (generated, others))
        return _beside_floor(*(kernel_distance(renders[:, columns], part, block) for part in parts))

    each = {
        score.__name__.rpartition(".")[2]: distances(slice(i, i + 1))
        for i, score in enumerate(SCORES)
    }
    return {**distances(slice(None)), "by_property": each}


def _kid(
    generated: np.ndarray, renders: np.ndarray, others: np.ndarray, block: int
) -> dict[str, float]:
    """See `judge_base_weights`; scores [N, 8] without missing ones."""
    found, floors = (
        kernel_inception_distances(renders, other, block) for other in (generated, others)
    )
    return {
        **_beside_floor(float(found.mean()), float(np.sqrt(np.mean(floors**2)))),
        "generated_std": float(found.std()),
        "renders": float(floors.mean()),
        "renders_std": float(floors.std()),
        "blocks": len(found),
    }


def _unit(images: np.ndarray) -> np.ndarray:
    """Pixels 0..1 as float32 rows, uint8 [N, H, W, 3] -> [N, D]."""
    return images.reshape(len(images), -1).astype(np.float32) / 255


def _renders(count: int, side: int, seed: int, part: int) -> np.ndarray:
    generator = torch.Generator().manual_seed(derive_seed(seed, "judge", "renders", part))
    parts = []
    for start in tqdm(range(0, count, CHUNK), desc="renders", mininterval=5):
        parameters = sample_parameters(min(CHUNK, count - start), generator)
        pixels = (render(parameters, side).images * 255).round().byte()
        parts.append(pixels.permute(0, 2, 3, 1).numpy())
    return np.concatenate(parts)


def _features(images: np.ndarray, segmenter: ParserSegmenter) -> np.ndarray:
    """The eight v2 scores of every picture, float64 [N, 8], NaN where there is none."""
    functions = [ScoreFunction(score, "v2") for score in SCORES]
    parts = [
        raw_scores(images[start : start + CHUNK], segmenter, functions)
        for start in tqdm(range(0, len(images), CHUNK), desc="scores", mininterval=5)
    ]
    return np.concatenate(parts)


@torch.inference_mode()
def _shares(images: np.ndarray, annotator: Annotator) -> dict[str, float]:
    """Share of pictures with each attribute, by the annotator."""
    answers = []
    for start in range(0, len(images), CHUNK):
        answers.append((annotator(to_float(images[start : start + CHUNK])) > 0).float())
    return dict(zip(ATTRIBUTES, torch.cat(answers).mean(dim=0).tolist(), strict=True))
