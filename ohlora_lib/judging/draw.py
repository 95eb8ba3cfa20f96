"""Draws every picture that a method is judged by, once; both judges read them."""

from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from ohlora_lib.judging.grids import build_requests
from ohlora_lib.methods.models import ControlledModel, open_model, sample_latents
from ohlora_lib.scores import CONTROLLED
from ohlora_lib.seeds import derive_seed
from ohlora_lib.store.gallery import gallery
from ohlora_lib.store.tables import read_table, write_table

CHUNK = 256  # pictures held at once


def draw_pictures(
    model_path: str | Path,
    posterior_path: str | Path | None,
    requests_path: str | Path,
    latents_path: str | Path,
    pictures_path: str | Path,
    latents: int,
    joint_latents: int,
    random_images: int,
    seed: int,
    generator: str | Path | None = None,
    property_cnn: str | Path | None = None,
    batch_size: int = 16,
    device: str = "cpu",
) -> None:
    """Write the requests of all grids, the latents, and the picture of each request.

    All methods get the same requests, and those with latents of one width the same latents, so that
    a difference between two of them is no luck of the draw.

    Args:
        model_path: checkpoint of a method.
        posterior_path: where its latents are drawn from; None for N(0, I).
        requests_path: table to write, see `grids.build_requests`.
        latents_path: table to write: `latent`, `z` (float32).
        pictures_path: gallery to write, a picture per row of the requests.
        latents: of grid50 and levels.
        joint_latents: of joint.
        random_images: each with a latent of its own.
        seed: the run's seed.
        generator: checkpoint that vectors or directions move in; see `models.open_model`.
        property_cnn: checkpoint that they measure with.
        batch_size: pictures per forward pass.
        device: torch device name.

    Raises:
        InputError: the checkpoint is no method's.
    """
    model = open_model(model_path, generator, property_cnn, batch_size, device)
    posterior = None if posterior_path is None else read_table(posterior_path)
    requests = build_requests(latents, joint_latents, random_images, seed)
    drawn = sample_latents(
        int(requests["latent"].max()) + 1,
        model.latent_dim,
        derive_seed(seed, "judging", "latents"),
        posterior,
    )
    write_gallery(model, drawn, requests, pictures_path)
    write_table(latents_path, pd.DataFrame({"latent": np.arange(len(drawn)), "z": list(drawn)}))
    write_table(requests_path, requests)


def write_gallery(
    model: ControlledModel, latents: np.ndarray, requests: pd.DataFrame, path: str | Path
) -> None:
    """Draw and write the picture of every request.

    Args:
        model: the method.
        latents: float32 [N, D], by number.
        requests: see `grids.build_requests`.
        path: gallery to write.
    """
    owners = requests["latent"].to_numpy()
    wanted = requests[list(CONTROLLED)].to_numpy(np.float32)
    with gallery(path) as album, tqdm(total=len(requests), unit="img", mininterval=5) as progress:
        for start in range(0, len(requests), CHUNK):
            part = slice(start, start + CHUNK)
            images = model.draw(latents[owners[part]], wanted[part])
            album.append(requests["row"].to_numpy()[part], images)
            progress.update(len(images))
