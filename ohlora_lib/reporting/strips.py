"""Images with low, median and high scores of each property: the eye checks what they mean."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ohlora_lib.reporting.contact_sheets import GAP, MARGIN, Sheet, fit, heading_height
from ohlora_lib.reporting.population_images import fetch_images, fetch_segments
from ohlora_lib.reporting.theme import MUTED, number
from ohlora_lib.scores import ALGORITHMS
from ohlora_lib.scores.words import meaning
from ohlora_lib.seeds import rng
from ohlora_lib.store.face_cuts import face_cut, whole_picture
from ohlora_lib.store.tables import read_table

LEVELS = (("low", 0.02), ("median", 0.5), ("high", 0.98))  # quantiles; the extremes may be outliers
_COLUMNS, _ROWS = 4, 2  # pictures of one level
_CELL = 112  # px
_CAPTION = 18  # px under a picture
_BETWEEN = 22  # px between levels
_BLOCK = 66 + _ROWS * (_CELL + _CAPTION)  # px of one property


def level_rows(
    scores: np.ndarray, quantile: float, count: int, generator: np.random.Generator
) -> np.ndarray:
    """Return the rows whose scores lie closest to a quantile.

    Args:
        scores: float [N]; NaN is missing.
        quantile: 0-1.
        count: rows wanted; all that have a score, if there are fewer.
        generator: decides between equal scores.

    Returns:
        int64 [count], by rising score.
    """
    rows = generator.permutation(np.flatnonzero(np.isfinite(scores)))
    if not len(rows):
        return rows
    goal = np.quantile(scores[rows], quantile, method="nearest")
    nearest = rows[np.argsort(np.abs(scores[rows] - goal), kind="stable")[:count]]
    return nearest[np.argsort(scores[nearest], kind="stable")]


def plot_strips(
    path: str | Path,
    images: Sequence[str | Path],
    segments: Sequence[str | Path],
    scores: str | Path,
    algorithm: str,
    seed: int,
) -> None:
    """Write a page with eight images of each level of each property, scores under the pictures.

    Args:
        path: the page to write.
        images: all image shards.
        segments: all segment shards.
        scores: the normalised scores of this algorithm.
        algorithm: one of `scores.ALGORITHMS`; pictures are those that its colours are read from.
        seed: decides between images with equal scores.
    """
    names = ALGORITHMS[algorithm]
    table = read_table(scores, ["id", *(f"{name}_score" for name in names)])
    picture = "whole picture" if algorithm == "v1" else "face cut"
    note = (
        "Eight images near the 2 %, the 50 % and the 98 % quantile of each normalised score.\n"
        f"Under each picture: its score in standard deviations. Shown is the {picture},"
        f" where {algorithm} reads colours."
    )
    level_width = _COLUMNS * (_CELL + GAP) - GAP
    top, width = heading_height(note), 2 * MARGIN + 3 * (level_width + _BETWEEN) - _BETWEEN
    sheet = Sheet(width, top + len(names) * _BLOCK + MARGIN)
    sheet.heading(f"Do the scores of algorithm {algorithm} mean what they say?", note)
    chosen = {}
    for name in names:
        values = table[f"{name}_score"].to_numpy(float)
        for level, quantile in LEVELS:
            stream = rng(seed, "strips", algorithm, name, level)
            chosen[name, level] = level_rows(values, quantile, _COLUMNS * _ROWS, stream)
    rows = np.unique(np.concatenate(list(chosen.values())))
    pictures = dict(
        zip(
            rows.tolist(),
            _pictures(images, segments, table["id"].to_numpy()[rows], algorithm),
            strict=True,
        )
    )
    for index, name in enumerate(names):
        y = top + index * _BLOCK
        values = table[f"{name}_score"].to_numpy(float)
        sheet.picture(np.full((1, width - 2 * MARGIN, 3), 223, np.uint8), MARGIN, y + 4)
        sheet.text(MARGIN, y + 13, f"{name}: {meaning(name)}", size=16, weight="bold")
        missing = int(np.count_nonzero(~np.isfinite(values)))
        if missing:
            sheet.text(
                width - MARGIN, y + 15, f"{number(missing)} missing", color=MUTED, align="right"
            )
        for place, (level, _) in enumerate(LEVELS):
            x = MARGIN + place * (level_width + _BETWEEN)
            shown = chosen[name, level]
            middle = number(float(np.median(values[shown])), 1) if len(shown) else "no scores"
            sheet.text(x, y + 39, f"{name}: {level} {middle}", size=13, color=MUTED)
            for place_in_level, row in enumerate(shown.tolist()):
                line, column = divmod(place_in_level, _COLUMNS)
                left, corner = x + column * (_CELL + GAP), y + 60 + line * (_CELL + _CAPTION)
                sheet.picture(pictures[row], left, corner)
                sheet.text(
                    left + _CELL / 2,
                    corner + _CELL + 1,
                    number(values[row], 2),
                    size=12,
                    align="center",
                )
    sheet.save(path)


def _pictures(
    images: Sequence[str | Path], segments: Sequence[str | Path], ids: np.ndarray, algorithm: str
) -> np.ndarray:
    """Return what the algorithm reads colours from, uint8 [N, _CELL, _CELL, 3]."""
    if not len(ids):
        return np.empty((0, _CELL, _CELL, 3), np.uint8)
    originals = fetch_images(images, ids)
    if algorithm == "v1":
        return fit(whole_picture(originals), _CELL)
    return fit(face_cut(originals, fetch_segments(segments, ids).cuts), _CELL)
