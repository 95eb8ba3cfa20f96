"""Samples of a generator, as a search for directions draws them, beside the pictures alone."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch

from benchmarks.common import WEIGHTS, Row, best_of
from ohlora_lib.generators.synthesis import Synthesizer
from ohlora_lib.methods.sampling import draw_samples, map_latents, random_latents
from ohlora_lib.networks.attribute_cnn import ATTRIBUTES, AttributeCNN
from ohlora_lib.networks.files import load_network, save_network
from ohlora_lib.networks.property_cnn import PropertyCNN

BATCHES = {"cpu": 16, "cuda": 256}
SAMPLES = {"cpu": 512, "cuda": 8192}


def sampling(device: str) -> Iterator[Row]:
    """Yield the time of `draw_samples`: draw, map, read by the property CNN and four others, write.

    The reference draws the same pictures and reads nothing; our side opens the networks, too.
    """
    count, batch = SAMPLES[device], BATCHES[device]
    settle = torch.cuda.synchronize if device == "cuda" else lambda: None
    generator = load_network(WEIGHTS / "generator.safetensors")
    side = generator.resolution
    drawer = Synthesizer(generator, batch, device)
    latents = random_latents(count, generator.z_dim + generator.label_dim, 0)
    with tempfile.TemporaryDirectory() as folder:
        readers = {"property_cnn": PropertyCNN(side, hairstyle=True)}
        readers |= {name: AttributeCNN(name, side) for name in ATTRIBUTES}  # weights do not matter
        paths = {name: Path(folder, f"{name}.safetensors") for name in readers}
        for name, network in readers.items():
            save_network(paths[name], network)
        own = paths.pop("property_cnn")

        def sample() -> None:
            draw_samples(
                WEIGHTS / "generator.safetensors",
                own,
                list(paths.values()),
                Path(folder, "samples.parquet"),
                count,
                seed=0,
                batch_size=batch,
                device=device,
            )

        plain = best_of(lambda: drawer.from_w(map_latents(drawer, latents)), settle=settle)
        seconds = best_of(sample, settle=settle)
    named = torch.cuda.get_device_name() if device == "cuda" else device
    yield Row("sampling", count, seconds, "pictures alone", plain, batch, device=named)
