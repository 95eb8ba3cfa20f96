"""Measures one property of a segmented population: raw scores."""

import importlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ohlora_lib.errors import InputError, rebuild
from ohlora_lib.populations.score_function import ScoreFunction
from ohlora_lib.store.face_cuts import face_cut, whole_picture
from ohlora_lib.store.shards import iter_images, iter_segments, read_ids
from ohlora_lib.store.tables import write_table

COLORED = ("hair_color", "background_mean", "background_std", "hairstyle")  # need the picture too


def measure(
    segment_paths: Sequence[str | Path],
    image_paths: Sequence[str | Path],
    path: str | Path,
    algorithm: str,
    property_name: str,
    options: dict,
    batch_size: int = 128,
) -> None:
    """Write the raw scores of one property by one algorithm.

    Images without a face are left out. A score that the algorithm cannot give is missing (NaN).

    Args:
        segment_paths: segment shards.
        image_paths: image shards.
        path: table to write: `id`, `score` (float64).
        algorithm: one of `scores.ALGORITHMS`.
        property_name: one of `scores.PROPERTIES`.
        options: keyword arguments of the score function.
        batch_size: images held at once.

    Raises:
        InputError: a shard is missing, damaged, or lacks the landmarks that the algorithm needs.
    """
    module = importlib.import_module(f"ohlora_lib.scores.{property_name}")
    score = ScoreFunction(module, algorithm, options)
    needs_picture = property_name in COLORED
    ids, values = [], []
    pictures = iter(())
    if needs_picture:
        wanted = read_ids(segment_paths)
        pictures = iter_images(image_paths, ids=wanted, batch=batch_size)
    for rows in iter_segments(segment_paths, batch=batch_size):
        if score.on_landmarks and rows.landmarks is None:
            raise InputError(
                f"{segment_paths[0]} has no landmarks, which algorithm {algorithm} needs; "
                f"{rebuild(segment_paths[0])}"
            )
        picture = None
        if needs_picture:
            images = next(pictures).images
            # Published: v1 reads colours off the whole picture, v2 (and v3) off the face cut.
            picture = whole_picture(images) if algorithm == "v1" else face_cut(images, rows.cuts)
            picture = picture[rows.found]
        ids.append(rows.ids[rows.found])
        landmarks = None if rows.landmarks is None else rows.landmarks[rows.found]
        values.append(score(rows.class_maps[rows.found], picture, landmarks))
    table = {"id": np.concatenate(ids), "score": np.concatenate(values)}
    write_table(path, pd.DataFrame(table))
