"""Faces that a person has looked at: what they saw, and which latents draw the faces.

    python -m ohlora_lib.pretraining.faces.labels_by_eye --rows 0-99 --output sheet.png

draws a contact sheet of some of them, each with its row number.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw

from ohlora_lib.errors import InputError
from ohlora_lib.generators.base import Generator
from ohlora_lib.generators.synthesis import Synthesizer
from ohlora_lib.networks.annotator import ATTRIBUTES
from ohlora_lib.networks.files import load_generator
from ohlora_lib.pretraining.portrait_pool import PortraitPool
from ohlora_lib.store.tables import read_table

TABLE = Path("resources/faces64/labels_by_eye.csv")
GENERATOR = Path("resources/faces64/generator.safetensors")
SEED, PSI = 64, 0.85  # the faces are rows of one stream of latents, shortened by psi
ANSWERS = ("quality", "glass", "hat", "beard")  # 1 or 0
GENDERS = {"woman": 1.0, "man": 0.0, "unsure": np.nan}
ACROSS, TILE = 10, 150  # faces in a row of a contact sheet; px of a face


def read_labels(path: str | Path = TABLE) -> pd.DataFrame:
    """Return the table: `row`, `quality`, `glass`, `hat`, `beard` (0 or 1), and `gender`.

    Raises:
        InputError: the file is missing, or an answer is none of those.
    """
    table = read_table(path, ["row", *ANSWERS, "gender"])
    for name in ANSWERS:
        if not table[name].isin([0, 1]).all():
            raise InputError(f"{path} has answers in {name} that are not 0 or 1; correct them")
    if not table["gender"].isin(GENDERS).all():
        raise InputError(f"{path} has a gender other than {', '.join(GENDERS)}; correct it")
    return table


def draw_rows(generator: Generator, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Draw the faces of some rows: w float32 [N, w_dim], and uint8 [N, R, R, 3]."""
    stream = np.random.default_rng(SEED)
    z = stream.standard_normal((int(rows.max()) + 1, generator.z_dim)).astype(np.float32)
    synthesizer = Synthesizer(generator)
    w = synthesizer.map(z)[rows] * np.float32(PSI)
    return w, synthesizer.from_w(w)


def labelled_faces(generator: Generator, path: str | Path = TABLE) -> PortraitPool:
    """Return all faces of the table; attributes are NaN where the person was not sure, or asked."""
    table = read_labels(path)
    w, images = draw_rows(generator, table["row"].to_numpy())
    attributes = np.full((len(table), len(ATTRIBUTES)), np.nan, np.float32)
    for name in ("quality", "glass"):
        attributes[:, ATTRIBUTES.index(name)] = table[name]
    attributes[:, ATTRIBUTES.index("gender")] = table["gender"].map(GENDERS)
    return PortraitPool(w, images, np.empty((len(table), 0, 0), np.uint8), attributes)


def contact_sheet(path: str | Path, rows: np.ndarray) -> None:
    """Draw a sheet of faces, enlarged smoothly, with their row numbers."""
    _, images = draw_rows(load_generator(GENERATOR), rows)
    lines = -(-len(rows) // ACROSS)
    sheet = Image.new("RGB", (ACROSS * TILE, lines * TILE))
    pen = ImageDraw.Draw(sheet)
    for place, (row, image) in enumerate(zip(rows.tolist(), images, strict=True)):
        left, top = place % ACROSS * TILE, place // ACROSS * TILE
        face = Image.fromarray(image).resize((TILE - 2, TILE - 2), Image.Resampling.BICUBIC)
        sheet.paste(face, (left, top))
        pen.rectangle((left, top, left + 8 * len(str(row)), top + 12), fill="black")
        pen.text((left + 2, top), str(row), fill="yellow")
    sheet.save(path)


def main() -> None:
    """Draw a contact sheet from the command line."""
    parser = argparse.ArgumentParser(description="contact sheet of faces that were labelled by eye")
    parser.add_argument("--rows", default="0-99", help="first and last row, for instance 0-99")
    parser.add_argument("--output", required=True, help="picture to write")
    options = parser.parse_args()
    first, _, last = options.rows.partition("-")
    contact_sheet(options.output, np.arange(int(first), int(last or first) + 1))


if __name__ == "__main__":
    main()
