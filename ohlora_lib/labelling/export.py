"""The label CSV that the workflow takes as `labels.csv`."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from ohlora_lib.labelling.answers import SKIP, Answers
from ohlora_lib.store.tables import write_table


def label_table(answers: Answers, attributes: Sequence[str]) -> pd.DataFrame:
    """Return `id` and a 0/1 column per attribute, of all images with every answer."""
    columns = [answers.values(name) for name in attributes]
    rows = []
    for image in sorted(columns[0]):
        values = [column.get(image, SKIP) for column in columns]
        if SKIP not in values:
            rows.append([image, *values])
    return pd.DataFrame(rows, columns=["id", *attributes], dtype="int64")


def write_labels(path: str | Path, answers: Answers, attributes: Sequence[str]) -> int:
    """Write the label CSV and return the number of its rows.

    Raises:
        OSError: it cannot be written; an older one stays.
    """
    table = label_table(answers, attributes)
    write_table(path, table)
    return len(table)
