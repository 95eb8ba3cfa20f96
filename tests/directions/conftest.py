"""Fixtures of the tests of directions; what is slow to make is made once."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from small_directions import (
    LABEL,
    LAYERS,
    SAMPLES,
    SIDE,
    ColourScorer,
    Z,
    tiny_generator,
    tiny_reader,
    write_rows,
)

from ohlora_lib.generators.stylegan1.generator import StyleGANGenerator
from ohlora_lib.generators.synthesis import Synthesizer
from ohlora_lib.methods.directions import given as directions_given
from ohlora_lib.methods.directions.closed_form import fit_linear
from ohlora_lib.methods.directions.fit import fit_directions
from ohlora_lib.methods.directions.method import OPTIONS, WAYS
from ohlora_lib.methods.directions.stored import Directions
from ohlora_lib.methods.moments import moments
from ohlora_lib.methods.sampling import (
    draw_samples,
    map_latents,
    random_latents,
)
from ohlora_lib.networks.attribute_cnn import AttributeCNN
from ohlora_lib.networks.files import save_network
from ohlora_lib.networks.property_cnn import OUTPUTS
from ohlora_lib.scores import CONTROLLED
from ohlora_lib.store.tables import write_json

PROBED = 12  # faces that layers and slopes are measured on, instead of 48


@pytest.fixture(scope="session")
def generator() -> StyleGANGenerator:
    return tiny_generator()


@pytest.fixture(scope="module", autouse=True)
def fewer_probes() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(directions_given, "PROBED", PROBED)
        yield


@pytest.fixture(scope="session")
def files(generator, tmp_path_factory) -> dict:
    """Checkpoints, statistics of raw scores and 300 samples."""
    folder = tmp_path_factory.mktemp("files")
    with torch.random.fork_rng():
        torch.manual_seed(5)
        classifier = AttributeCNN("gender", SIDE).eval()
    networks = {
        "generator": generator,
        "property_cnn": tiny_reader(generator),
        "gender": classifier,
    }
    for name, network in networks.items():
        save_network(folder / f"{name}.safetensors", network)
    paths = {name: folder / f"{name}.safetensors" for name in networks}
    units = {name: {"mean": 3.0, "std": 2.0, "count": 9} for name in OUTPUTS}
    write_json(folder / "statistics.json", units)
    draw_samples(
        paths["generator"], paths["property_cnn"], [paths["gender"]],
        folder / "samples.parquet", SAMPLES, seed=1,
    )  # fmt: skip
    return {
        "samples": folder / "samples.parquet",
        "generator": paths["generator"],
        "property_cnn": paths["property_cnn"],
        "classifiers": [paths["gender"]],
        "statistics": folder / "statistics.json",
    }


@pytest.fixture(scope="session")
def colours(generator, tmp_path_factory) -> tuple[Directions, np.ndarray]:
    """Directions of the mean colours, fitted to samples, and the pictures that define a unit."""
    path = tmp_path_factory.mktemp("colours") / "samples.parquet"
    synthesizer = Synthesizer(generator)
    w = map_latents(synthesizer, random_latents(600, Z + LABEL, 3))
    images = synthesizer.from_w(w)
    scores = ColourScorer(images)(images).astype(np.float32)
    write_rows(path, {"w": w, **dict(zip(CONTROLLED, scores.T, strict=True))}, [600])
    found = moments(path, CONTROLLED)
    linear = fit_linear(found, [0, 1, 2])
    parts = {
        "steps": np.repeat(linear.steps[None], LAYERS, axis=0),
        "masks": np.ones((LAYERS, 3)),
        "readout": linear.readout,
        "offset": linear.offset,
        "mean": found.mean_w,
        "covariance": found.covariance,
    }
    parts = {name: array.astype(np.float32) for name, array in parts.items()}
    return Directions(**parts, names=CONTROLLED), images


@pytest.fixture(scope="session")
def fitted(files, tmp_path_factory) -> Path:
    """All ways, each from its start."""
    folder = tmp_path_factory.mktemp("fitted")
    options = {"steps": 3, "batch": 4}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(directions_given, "PROBED", PROBED)
        for way, start in WAYS.items():
            fit_directions(
                way, **files, path=folder / f"{way}.safetensors",
                metrics_path=folder / f"{way}.json", state=folder / "state" / way, seed=3,
                start=folder / f"{start}.safetensors" if start else None,
                options=options if way in OPTIONS else None,
            )  # fmt: skip
    return folder
