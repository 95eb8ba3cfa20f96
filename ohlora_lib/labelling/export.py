"""The label CSV that the workflow takes as `labels.csv`, and what it is made of."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from ohlora_lib.labelling.answers import SKIP, Answers
from ohlora_lib.populations.labels import read_labels
from ohlora_lib.store.tables import write_table


def label_table(answers: Answers, ids: Sequence[int], attributes: Sequence[str]) -> pd.DataFrame:
    """Return `id` and a 0/1 column per attribute, of images with all answers."""
    rows = []
    for image in sorted(ids):
        values = [answers.value((image, name)) for name in attributes]
        if None not in values and SKIP not in values:
            rows.append([image, *values])
    return pd.DataFrame(rows, columns=["id", *attributes], dtype="int64")


def write_labels(
    path: str | Path, answers: Answers, ids: Sequence[int], attributes: Sequence[str]
) -> int:
    """Write the label CSV and return the number of its rows.

    Raises:
        OSError: it cannot be written; an older one stays.
    """
    table = label_table(answers, ids, attributes)
    write_table(path, table)
    return len(table)


def check_labels(path: str | Path, attributes: Sequence[str], images: int) -> None:
    """Read a label CSV as the workflow will.

    Raises:
        InputError: the workflow would refuse it.
    """
    read_labels(path, attributes, images)
