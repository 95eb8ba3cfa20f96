"""How many samples a search needs: the same test with directions from ever more of them."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from ohlora_lib.generators.synthesis import Synthesizer
from ohlora_lib.methods.directions.calibration import PROBED, measured_slopes, rescaled
from ohlora_lib.methods.directions.closed_form import fit_linear
from ohlora_lib.methods.directions.model import DirectionModel
from ohlora_lib.methods.directions.reader import Reader
from ohlora_lib.methods.directions.ways.linear import linear_directions
from ohlora_lib.methods.moments import moments
from ohlora_lib.methods.sampling import random_latents
from ohlora_lib.methods.vectorfind.groups import VERSIONS, group_codes
from ohlora_lib.methods.vectorfind.model import VectorModel
from ohlora_lib.methods.vectorfind.published_test import correlations, step_lengths
from ohlora_lib.methods.vectorfind.search import find_vectors
from ohlora_lib.methods.vectorfind.steps import measure_slopes
from ohlora_lib.networks.files import load_generator
from ohlora_lib.networks.property_cnn import predict
from ohlora_lib.scores import CONTROLLED
from ohlora_lib.seeds import derive_seed, rng
from ohlora_lib.store.samples import read_samples
from ohlora_lib.store.tables import write_table

DRAWS = 1000  # bootstrap samples of the intervals
AT_ONCE = 8  # latents whose pictures are held at once
Draw = Callable[[np.ndarray, np.ndarray], np.ndarray]  # latents, requests -> pictures


def measure_saturation(
    *,
    samples: str | Path,
    generator: str | Path,
    property_cnn: str | Path,
    classifiers: Sequence[str | Path],
    path: str | Path,
    sizes: Sequence[int],
    latents: int,
    seed: int,
    batch_size: int = 16,
    device: str = "cpu",
) -> None:
    """Fit directions on the first samples, more each time, and test them by VectorFind-v8's grid.

    Args:
        samples: see `methods.sampling.draw_samples`.
        generator: checkpoint that they were drawn with.
        property_cnn: the merged one that read them, which is also the judge here.
        classifiers: attribute CNNs that read them.
        path: table to write, a row per size and way: `samples`, `way` (`svm` in 16 groups, `pooled`
            without groups, `linear` in closed form), `pooled_groups` (of the 16, those too small
            for directions of their own, which take the pooled ones), mean `corr_<property>`,
            `weakest` (the least of these three) and `passed` (share of latents whose signed
            correlations reach the v8 gates), both also with `_low` and `_high`, the bootstrap 95 %
            interval over latents.
        sizes: numbers of samples; those beyond what there is are left out.
        latents: random ones, none of the samples.
        seed: the run's seed.
        batch_size: pictures per forward pass.
        device: torch device name.

    Raises:
        InputError: a file is missing, damaged, lacks a column, or a size is too small to search.
    """
    network = load_generator(generator)
    synthesizer = Synthesizer(network, batch_size, device)
    reader = Reader(property_cnn, classifiers, device)
    options = VERSIONS["v8"]
    found = read_samples(samples, ["w", *CONTROLLED, *options.groups])
    scores = np.stack([found[name] for name in CONTROLLED], axis=1)
    grouping = np.stack([found[name] for name in options.groups], axis=1)
    dim = network.z_dim + network.label_dim
    tested = random_latents(latents, dim, derive_seed(seed, "saturation", "test"))
    probes = random_latents(PROBED, dim, derive_seed(seed, "saturation", "probes"))
    rows = []
    for size in sorted(set(sizes)):
        if size > len(scores):
            continue
        for way in ("svm", "pooled", "linear"):
            pooled_groups = 0
            if way == "linear":
                known = moments(samples, reader.names, size)
                fit = fit_linear(known, reader.own)
                plain = linear_directions(known, fit, reader, network.num_layers)
                slopes = measured_slopes(synthesizer, plain, found["w"][:PROBED], reader)
                directions = rescaled(plain, slopes)
                draw: Draw = DirectionModel(network, directions, None, batch_size, device).draw
            else:
                names = options.groups if way == "svm" else ()
                chosen = grouping[:size, : len(names)]
                medians = np.median(chosen, axis=0)
                vectors = find_vectors(
                    found["w"][:size],
                    scores[:size],
                    group_codes(chosen, medians),
                    medians,
                    options.share,
                    derive_seed(seed, "saturation", way),
                )
                pooled_groups = int(vectors.pooled.sum())
                build = partial(
                    VectorModel,
                    network,
                    partial(predict, reader.network),
                    reader.network.outputs,
                    vectors,
                    replace(options, groups=tuple(names)),
                    batch_size=batch_size,
                    device=device,
                )
                draw = build(slopes=measure_slopes(build(), probes)).draw
            corr = _tested(draw, tested, reader)
            row = {"samples": size, "way": way, "pooled_groups": pooled_groups}
            rows.append({**row, **summary(corr, options.gates, seed)})
            print(rows[-1], flush=True)
    write_table(path, pd.DataFrame(rows).round(4))


def summary(corr: np.ndarray, gates: Sequence[float], seed: int) -> dict[str, float]:
    """Return the means of correlations [L, 3], what passes, and intervals; see the columns above.

    The same latents are drawn again for every row, so rows differ by their directions alone.
    """
    passes = (corr >= gates).all(axis=1)
    again = rng(seed, "saturation", "bootstrap").integers(len(corr), size=(DRAWS, len(corr)))
    drawn = {
        "weakest": corr[again].mean(axis=1).min(axis=1),
        "passed": passes[again].mean(axis=1),
    }
    found = {f"corr_{name}": corr[:, i].mean() for i, name in enumerate(CONTROLLED)}
    found |= {"weakest": corr.mean(axis=0).min(), "passed": passes.mean()}
    for name, values in drawn.items():
        found[f"{name}_low"], found[f"{name}_high"] = np.percentile(values, (2.5, 97.5))
    return {name: float(value) for name, value in found.items()}


def _tested(draw: Draw, latents: np.ndarray, reader: Reader) -> np.ndarray:
    """Return the correlation [L, 3] of requests and scores over v8's 50 steps, in score units."""
    requests = step_lengths(VERSIONS["v8"])
    found = []
    for start in range(0, len(latents), AT_ONCE):
        part = latents[start : start + AT_ONCE]
        images = draw(part.repeat(len(requests), axis=0), np.tile(requests, (len(part), 1)))
        scores = predict(reader.network, images, CONTROLLED)
        found.append(scores.reshape(len(part), len(requests), -1))
    return correlations(requests, np.concatenate(found))
