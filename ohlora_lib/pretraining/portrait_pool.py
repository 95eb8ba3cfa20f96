"""A pool of drawn portraits on disk, memory-mapped: what the embedded networks are trained on."""

import functools
import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from ohlora_lib.errors import InputError, rebuild
from ohlora_lib.networks.annotator import ATTRIBUTES
from ohlora_lib.portraits.parameters import (
    AGE_CUT,
    GLASS_CUT,
    PARAMETERS,
    QUALITY_CUT,
    parameters_from_latent,
)
from ohlora_lib.portraits.renderer import render
from ohlora_lib.seeds import derive_seed
from ohlora_lib.store.atomic import atomic_path

CHUNK = 64  # portraits drawn at once


@dataclass(frozen=True)
class PortraitPool:
    """Drawn portraits or faces, and the latents they belong to.

    Attributes:
        z: float32 [N, z_dim].
        images: uint8 [N, side, side, 3], RGB.
        class_maps: uint8 [N, map_side, map_side].
        attributes: uint8 [N, 4] in the order of ATTRIBUTES; of faces float32, probabilities, NaN
            where nothing is known.
        landmarks: float16 [N, 478, 3], of faces.
    """

    z: np.ndarray
    images: np.ndarray
    class_maps: np.ndarray
    attributes: np.ndarray
    landmarks: np.ndarray | None = None

    @functools.cached_property
    def rare_rows(self) -> list[np.ndarray]:
        """Rows of the low-quality portraits, of the old and of those with glasses."""
        gender, quality, age, glass = (np.asarray(column) for column in self.attributes.T)
        found = [np.flatnonzero(rare) for rare in (quality == 0, age == 1, glass == 1)]
        return [rows for rows in found if len(rows)]

    def sample(self, count: int, rare_share: float, stream: np.random.Generator) -> np.ndarray:
        """Draw rows with replacement; a share of them among the rare kinds, evenly.

        Args:
            count: number of rows.
            rare_share: chance 0..1 that a row is drawn among the rare kinds.
            stream: where randomness comes from.

        Returns:
            int64 [count], ascending (the arrays are memory-mapped).
        """
        rows = stream.integers(len(self), size=count)
        rare = np.flatnonzero(stream.random(count) < rare_share)
        for place, kind in zip(rare, stream.integers(3, size=len(rare)), strict=True):
            if self.rare_rows:
                rows[place] = stream.choice(self.rare_rows[kind % len(self.rare_rows)])
        return np.sort(rows)

    def digest(self) -> str:
        """Return 12 hex digits of the pool's size, latents, and some of its pictures."""
        digest = hashlib.sha256(str(self.images.shape).encode())
        digest.update(np.ascontiguousarray(self.z).tobytes())
        digest.update(np.ascontiguousarray(self.images[:: max(1, len(self) // 64)]).tobytes())
        return digest.hexdigest()[:12]

    def __len__(self) -> int:
        return len(self.z)


def draw_pool(
    directory: str | Path,
    count: int,
    z_dim: int,
    side: int,
    map_side: int,
    seed: int,
    balanced: bool = False,
) -> None:
    """Draw a pool and write it as four .npy files.

    Args:
        directory: the folder they go to.
        count: how many portraits.
        z_dim: width of the latents; portrait i is drawn from the parameters of latent i.
        side: of the images, px.
        map_side: of the class maps, px; when it differs from `side` they are drawn separately.
        seed: of the latents.
        balanced: draw every second portrait with a rare attribute (low quality, old, glasses)
            instead of by chance; for training classifiers, not generators.
    """
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    generator = torch.Generator().manual_seed(derive_seed(seed, "portraits"))
    z = torch.randn(count, z_dim, generator=generator)
    names = ("z", "images", "class_maps", "attributes")
    shapes = ((count, z_dim), (count, side, side, 3), (count, map_side, map_side), (count, 4))
    with (
        atomic_path(directory / "z.npy") as p0,
        atomic_path(directory / "images.npy") as p1,
        atomic_path(directory / "class_maps.npy") as p2,
        atomic_path(directory / "attributes.npy") as p3,
    ):
        arrays = {
            name: np.lib.format.open_memmap(path, "w+", dtype, shape)
            for name, path, dtype, shape in zip(
                names, (p0, p1, p2, p3), ("f4", "u1", "u1", "u1"), shapes, strict=True
            )
        }
        arrays["z"][:] = z.numpy()
        for start in tqdm(range(0, count, CHUNK), desc="portraits", mininterval=5):
            rows = slice(start, min(start + CHUNK, count))
            parameters = parameters_from_latent(z[rows])
            if balanced:
                parameters = _with_rare_attributes(parameters, generator)
            drawn = render(parameters, side)
            maps = drawn if map_side == side else render(parameters, map_side)
            pixels = (drawn.images * 255).round().byte()
            arrays["images"][rows] = pixels.permute(0, 2, 3, 1).numpy()
            arrays["class_maps"][rows] = maps.class_maps.numpy()
            columns = [drawn.attributes[name] for name in ATTRIBUTES]
            arrays["attributes"][rows] = torch.stack(columns, dim=1).byte().numpy()
        for array in arrays.values():
            array.flush()


def open_pool(directory: str | Path) -> PortraitPool:
    """Memory-map a pool written by `draw_pool`.

    Raises:
        InputError: a file of it is missing or cut off.
    """
    arrays = []
    for name in ("z", "images", "class_maps", "attributes"):
        path = Path(directory) / f"{name}.npy"
        try:
            arrays.append(np.load(path, mmap_mode="r"))
        except (OSError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise InputError(f"{path} is no array ({reason}); {rebuild(path)}") from error
    return PortraitPool(*arrays)


def _with_rare_attributes(parameters: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Push one rare coordinate of every second portrait past its cut."""
    rare = ((QUALITY_CUT, "quality", -1), (AGE_CUT, "age", 1), (GLASS_CUT, "glass", 1))
    parameters = parameters.clone()
    for row in range(0, len(parameters), 2):
        cut, name, sign = rare[int(torch.randint(3, (), generator=generator))]
        beyond = 0.5 * torch.rand((), generator=generator)
        parameters[row, PARAMETERS.index(name)] = cut + sign * beyond
    return parameters
