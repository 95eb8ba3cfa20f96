"""Kept images beside their class maps, so that the eye can check the face parser."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ohlora_lib.reporting.contact_sheets import GAP, MARGIN, Sheet, heading_height
from ohlora_lib.reporting.population_images import draw, fetch_images, fetch_segments, ids_with_face
from ohlora_lib.reporting.theme import MUTED, number
from ohlora_lib.seeds import rng
from ohlora_lib.store.face_cuts import face_cut
from ohlora_lib.store.layout import MAP_SIDE

# Class names and their colours, 0-255 RGB; left and right are those of the picture.
CLASSES = (
    ("background", (232, 236, 239)),
    ("skin", (241, 200, 160)),
    ("left brow", (134, 96, 52)),
    ("right brow", (196, 150, 84)),
    ("left eye", (31, 84, 160)),
    ("right eye", (58, 168, 205)),
    ("nose", (233, 138, 74)),
    ("upper lip", (190, 40, 56)),
    ("inner mouth", (70, 16, 40)),
    ("lower lip", (238, 118, 140)),
    ("hair", (104, 84, 148)),
)
_COLORS = np.array([color for _, color in CLASSES], np.uint8)
_COLUMNS = 2  # triplets per row
_LEGEND = 34  # px


def colorize(class_maps: np.ndarray) -> np.ndarray:
    """Return class maps (uint8 [N, h, w], 0-10) as colours (uint8 [N, h, w, 3])."""
    return _COLORS[class_maps]


def blend(faces: np.ndarray, colors: np.ndarray) -> np.ndarray:
    """Return the mean of two batches of pictures, uint8 [N, h, w, 3] each."""
    return ((faces.astype(np.uint16) + colors) // 2).astype(np.uint8)


def plot_overlays(
    path: str | Path,
    images: Sequence[str | Path],
    segments: Sequence[str | Path],
    seed: int,
    count: int = 16,
) -> None:
    """Write a page of triplets: face cut, class map, and the mean of both.

    Args:
        path: the page to write.
        images: all image shards.
        segments: all segment shards; only images with a face are shown.
        seed: of the drawing.
        count: triplets.
    """
    faces_found = ids_with_face(segments)
    ids = draw(faces_found, count, rng(seed, "overlays"))
    note = (
        "Drawn at random. Each triplet: the face cut, its classes, and both laid over each other."
    )
    top = heading_height(note) + _LEGEND
    side, between = MAP_SIDE, 26
    triplet = 3 * (side + GAP) - GAP
    width = 2 * MARGIN + _COLUMNS * (triplet + between) - between
    rows = -(-len(ids) // _COLUMNS)
    sheet = Sheet(width, top + rows * (side + 10) + MARGIN)
    sheet.heading(
        f"What the face parser sees in {len(ids)} of {number(len(faces_found))} faces", note
    )
    step = (width - 2 * MARGIN) / len(CLASSES)
    for index, (name, color) in enumerate(CLASSES):
        x = int(MARGIN + index * step)
        sheet.picture(np.full((16, 16, 3), color, np.uint8), x, top - _LEGEND + 3)
        sheet.text(x + 22, top - _LEGEND + 3, name, size=13)
    if not len(ids):
        sheet.text(MARGIN, top, "no face was found", color=MUTED)
        sheet.save(path)
        return
    parsed = fetch_segments(segments, ids)
    faces = face_cut(fetch_images(images, ids), parsed.cuts)
    colors = colorize(parsed.class_maps)
    for index, panels in enumerate(zip(faces, colors, blend(faces, colors), strict=True)):
        row, column = divmod(index, _COLUMNS)
        for place, panel in enumerate(panels):
            x = MARGIN + column * (triplet + between) + place * (side + GAP)
            sheet.picture(panel, x, top + row * (side + 10))
    sheet.save(path)
