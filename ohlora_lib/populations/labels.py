"""The hand labels of a population: a person's CSV, or answers simulated by the annotator."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ohlora_lib.errors import InputError
from ohlora_lib.seeds import rng
from ohlora_lib.store.tables import read_table, write_table

SHOWN = 3  # examples named in a message
# What the reference's tables call the columns.
ALIASES = {"id": ("img_name", "idx"), "glass": ("glasses",)}


def take_labels(
    path: str | Path,
    attributes: Sequence[str],
    count: int,
    images: int,
    error_rate: float,
    seed: int,
    csv_path: str | Path | None = None,
    annotator_path: str | Path | None = None,
    command: str | None = None,
) -> None:
    """Write the labels of the images 0..count-1, from a person's CSV or simulated.

    Args:
        path: table to write: `id` and a uint8 column of 0/1 per attribute.
        attributes: which are needed.
        count: number of labelled images.
        images: number of images of the population.
        error_rate: of the simulated person, see `simulate_labels`.
        seed: the run's seed.
        csv_path: a person's labels; may cover more images than the first `count`.
        annotator_path: the annotator's probabilities, used where there is no CSV.
        command: makes a CSV that is not there; named in messages only.

    Raises:
        InputError: the CSV is not there, is wrong somewhere, or does not cover the first `count`
            images.
    """
    if csv_path is not None and not Path(csv_path).exists():
        raise InputError(
            f"{csv_path} does not exist; make it with `{command or 'ohlora label'}`, or correct "
            "labels.csv in the configuration"
        )
    if csv_path is None:
        labels = simulate_labels(read_table(annotator_path), attributes, count, error_rate, seed)
    else:
        labels = read_labels(csv_path, attributes, images)
        check_label_count(labels, csv_path, count)
    write_table(path, labels)


def simulate_labels(
    annotator: pd.DataFrame, attributes: Sequence[str], count: int, error_rate: float, seed: int
) -> pd.DataFrame:
    """Answer for images 0..count-1 as a person with a share of mistakes would.

    Of each attribute's rarer answer, `error_rate` are missed, and as many of the other are taken
    for it: a person who errs keeps the prevalence. (Were each answer wrong with the same
    probability, 2 % mistakes would swamp an attribute as rare as low quality, 5 %: no classifier
    could then reach an AUROC above about 0.86 on the labels, while the published one has 0.954 on
    a person's.)

    Args:
        annotator: `id` and a probability per attribute, every image.
        attributes: which to answer.
        count: number of labelled images.
        error_rate: share 0..1 of the rarer answer that is wrong, each way.
        seed: of the mistakes.

    Returns:
        `id` and a uint8 column of 0/1 per attribute.
    """
    known = annotator[annotator["id"] < count].sort_values("id")
    labels = pd.DataFrame({"id": known["id"].to_numpy(np.int64)})
    for attribute in attributes:
        answers = (known[attribute].to_numpy() >= 0.5).astype(np.uint8)
        sides = [np.flatnonzero(answers == value) for value in (0, 1)]
        mistakes = round(error_rate * min(map(len, sides)))
        draw = rng(seed, "labels", attribute)
        wrong = np.concatenate([draw.choice(side, mistakes, replace=False) for side in sides])
        answers[wrong] = 1 - answers[wrong]
        labels[attribute] = answers
    return labels


def read_labels(path: str | Path, attributes: Sequence[str], images: int) -> pd.DataFrame:
    """Read and check a person's labels.

    Args:
        path: CSV with a header: `id`, a column of 0/1 per attribute, or the names that `ALIASES`
            lists; other columns are ignored.
        attributes: the columns needed.
        images: how many images there are; ids run from 0.

    Returns:
        `id` (int64, ascending) and a uint8 column per attribute.

    Raises:
        InputError: the first thing that is wrong, with the line it is in.
    """
    raw, lines = _read_text(Path(path))
    for name in ("id", *attributes):
        alias = next((each for each in ALIASES.get(name, ()) if each in raw.columns), None)
        if name not in raw.columns and alias is not None:
            raw = raw.rename(columns={alias: name})
    missing = [name for name in ("id", *attributes) if name not in raw.columns]
    if missing:
        raise InputError(
            f"{path}, line 1: no column {missing[0]!r} (found {', '.join(raw.columns)}); add it"
        )
    if raw.empty:
        raise InputError(f"{path} has a header but no labels; label some images first")

    def refuse(bad: np.ndarray, values: pd.Series, what: str, remedy: str) -> None:
        """Name the first lines that are bad; `*` in `what` is the first bad value."""
        if bad.any():
            named = ", ".join(map(str, lines[bad][:SHOWN]))
            more = f" and {bad.sum() - SHOWN} more" if bad.sum() > SHOWN else ""
            value = values.to_numpy()[bad][0]
            shown = what.replace("*", repr(value) if isinstance(value, str) else str(value))
            raise InputError(f"{path}, line {named}{more}: {shown}; {remedy}")

    text = raw["id"].str.strip()
    whole = text.str.fullmatch(r"[0-9]{1,12}").to_numpy()
    refuse(~whole, text, "id * is not a whole number", "correct it")
    ids = text.astype(np.int64)
    known = f"they run from 0 to {images - 1}"
    refuse((ids >= images).to_numpy(), ids, f"there is no image * ({known})", "remove the line")
    refuse(ids.duplicated().to_numpy(), ids, "image * is labelled twice", "keep one of the lines")
    labels = pd.DataFrame({"id": ids})
    for attribute in attributes:
        values = raw[attribute].str.strip()
        wrong = ~values.isin(["0", "1"]).to_numpy()
        refuse(wrong, values, f"{attribute} is *, not 0 or 1", "correct it")
        labels[attribute] = values.astype(np.uint8)
    return labels.sort_values("id", ignore_index=True)


def _read_text(path: Path) -> tuple[pd.DataFrame, np.ndarray]:
    """Return a CSV's fields as text, and the line of the file in which each row ends.

    Blank lines do not count as rows. (`pandas.read_csv` would lose the line numbers, and takes the
    first field of rows that are longer than the header for an index.)
    """
    rows: list[list[str]] = []
    lines: list[int] = []
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"{path} cannot be read ({error.strerror}); correct labels.csv in the configuration"
        ) from error
    try:
        reader = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
        for row in reader:
            if any(field.strip() for field in row):
                rows.append(row)
                lines.append(reader.line_num)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise InputError(f"{path}, line {line}: not UTF-8 text; export it again as such") from error
    except csv.Error as error:
        raise InputError(
            f"{path}, line {reader.line_num}: not CSV ({error}); correct the line"
        ) from error
    if not rows:
        raise InputError(f"{path} is empty; export it again")
    header = [name.strip() for name in rows.pop(0)]
    twice = next((name for name in header if header.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"{path}, line {lines[0]}: two columns are named {twice!r}; remove one")
    for row, line in zip(rows, lines[1:], strict=True):
        if len(row) != len(header):
            raise InputError(
                f"{path}, line {line}: {len(row)} fields where the header has {len(header)}; "
                "correct the line"
            )
    return pd.DataFrame(rows, columns=header, dtype=str), np.array(lines[1:], int)


def check_label_count(labels: pd.DataFrame, path: str | Path, count: int) -> None:
    """Refuse labels that do not cover the images 0..count-1.

    Raises:
        InputError: it names the first missing ids.
    """
    missing = np.setdiff1d(np.arange(count), labels["id"].to_numpy())
    if len(missing):
        named = ", ".join(map(str, missing[:SHOWN]))
        more = f" and {len(missing) - SHOWN} more" if len(missing) > SHOWN else ""
        raise InputError(
            f"{path} has no label for image {named}{more} of the first {count}; label them or "
            "lower labels.count in the configuration"
        )
