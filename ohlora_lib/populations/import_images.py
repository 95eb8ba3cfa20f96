"""Imports a folder of finished pictures as a population, so that nothing need be generated."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError
from tqdm import tqdm

from ohlora_lib.errors import InputError
from ohlora_lib.store.layout import shard_bounds
from ohlora_lib.store.shards import image_shard

ROWS = 256  # pictures held at once
FORMATS = ("PNG", "JPEG")
SUFFIXES = (".png", ".jpg", ".jpeg")  # of the files that are taken, in either case
KINDS = {"1": "black and white", "L": "grey", "I;16": "grey", "P": "of a palette"}
SHOWN = 3  # examples named in a message


def import_images(
    folder: str | Path, paths: Sequence[str | Path], count: int, resolution: int, numbers: str
) -> None:
    """Write the pictures 0..count-1 of a folder into the shards `paths`, without latents.

    Args:
        folder: see `numbered_pictures`.
        paths: the shards, in the order of their ids.
        count: number of pictures.
        resolution: the side that every picture must have, pixels.
        numbers: see `numbered_pictures`.

    Raises:
        InputError: see `numbered_pictures`; or a picture is damaged, not PNG or JPEG, not RGB of
            8 bits, not square, or of another size.
    """
    files = numbered_pictures(folder, count, numbers)
    with tqdm(total=count, desc="pictures", unit="img", mininterval=5) as progress:
        for file in files:  # headers first: what is wrong should be known before a shard is written
            _open(file, resolution).close()
        for path, (first, stop) in zip(paths, shard_bounds(count, len(paths)), strict=True):
            with image_shard(path) as shard:
                for start in range(first, stop, ROWS):
                    ids = range(start, min(start + ROWS, stop))
                    images = [read_picture(files[index], resolution) for index in ids]
                    shard.append(np.array(ids), None, None, np.stack(images))
                    progress.update(len(ids))


def numbered_pictures(folder: str | Path, count: int, numbers: str) -> list[Path]:
    """Return the files of the pictures 0..count-1; files beyond and of other kinds are passed over.

    Args:
        folder: its .png, .jpg and .jpeg files; folders in it are not looked into.
        count: number of pictures.
        numbers: "names": a file's name is its number, 000000.jpg the first, as published;
            "order": files are numbered from 0 on in the order of their names.

    Raises:
        InputError: the folder has no pictures or too few, a name is no number, a number is missing
            or there twice.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder; correct images_from.folder in the configuration")
    found = [file for file in folder.iterdir() if file.suffix.lower() in SUFFIXES]
    files = sorted(file for file in found if not file.name.startswith("."))
    if not files:
        raise InputError(
            f"{folder} has no file ending in {', '.join(SUFFIXES)}; correct images_from.folder in "
            "the configuration"
        )
    if numbers == "order":
        if len(files) < count:
            raise InputError(
                f"{folder} has {len(files)} pictures where {count} are wanted; lower images in the "
                "configuration or add pictures"
            )
        return files[:count]
    by_number: dict[int, Path] = {}
    for file in files:
        if not (file.stem.isascii() and file.stem.isdigit()):
            raise InputError(
                f"{file} is not named by a number, as 000000.jpg is; rename it, or number files by "
                "their order: images_from.numbers: order"
            )
        other = by_number.setdefault(int(file.stem), file)
        if other is not file:
            raise InputError(f"{file} and {other.name} are the same number; remove one of them")
    missing = [number for number in range(count) if number not in by_number]
    if missing:
        named = ", ".join(map(str, missing[:SHOWN]))
        more = f" and {len(missing) - SHOWN} more" if len(missing) > SHOWN else ""
        raise InputError(
            f"{folder} has no picture {named}{more} of the {count} wanted; add them, lower images "
            "in the configuration, or number files by their order: images_from.numbers: order"
        )
    return [by_number[number] for number in range(count)]


def read_picture(file: Path, resolution: int) -> np.ndarray:
    """Return the pixels of a picture as stored, uint8 [resolution, resolution, 3] RGB.

    Raises:
        InputError: see `import_images`.
    """
    with _open(file, resolution) as picture:
        try:
            picture.load()
        except (OSError, SyntaxError, ValueError) as error:  # SyntaxError: a broken PNG chunk
            raise InputError(f"{file} is damaged ({_line(error)}); copy it again") from error
        return np.asarray(picture)


def _open(file: Path, resolution: int) -> Image.Image:
    """Open a picture and check what its header says."""
    try:
        picture = Image.open(file, formats=FORMATS)
    except UnidentifiedImageError:
        raise InputError(
            f"{file} is damaged, or neither PNG nor JPEG; copy or convert it again"
        ) from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise InputError(f"{file} cannot be read ({_line(error)}); copy it again") from error
    width, height = picture.size
    problem = None
    if picture.mode != "RGB":
        kind = KINDS.get(picture.mode, f"of the kind {picture.mode}")
        problem = f"is {kind}, not RGB of 8 bits; convert it"
    elif width != height:
        problem = f"is {width}×{height} pixels, not square; cut it to {resolution}×{resolution}"
    elif width != resolution:
        problem = (
            f"is {width}×{height} pixels where the domain has {resolution}×{resolution}; scale "
            "it or correct domain.resolution"
        )
    if problem is not None:
        picture.close()
        raise InputError(f"{file} {problem}")
    return picture


def _line(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")
