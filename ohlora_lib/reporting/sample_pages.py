"""Pages of sample images: generated, kept, refused, and labelled by hand."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ohlora_lib.attributes import attribute
from ohlora_lib.reporting.contact_sheets import GAP, MARGIN, Sheet, fit, heading_height
from ohlora_lib.reporting.population_images import draw, fetch_images
from ohlora_lib.reporting.theme import MUTED, number, percent
from ohlora_lib.reporting.wording import condition
from ohlora_lib.seeds import rng
from ohlora_lib.store.tables import read_json, read_table

COLUMNS = 10  # pictures per row
_CAPTION = 19  # px under a picture
_TITLE = 30  # px above a group


@dataclass(frozen=True)
class Group:
    """Pictures that belong together, with one line above them and one under each."""

    title: str
    ids: np.ndarray  # int64 [N]
    captions: tuple[str, ...] = ()  # one per picture, or none at all


def plot_samples(
    images: Sequence[str | Path],
    labels: str | Path,
    attributes: str | Path,
    filter_json: str | Path,
    kept: str | Path,
    names: Sequence[str],
    seed: int,
    generated_page: str | Path,
    labelled_page: str | Path,
    refused_page: str | Path,
    kept_page: str | Path,
) -> None:
    """Write one page of pictures per stage, see the functions below.

    Args:
        images: all image shards.
        labels: the hand labels in use.
        attributes: the table of all images.
        filter_json: conditions and counts of the filter.
        kept: the table of kept ids.
        names: the attributes of the population.
        seed: of the drawing.
        generated_page: picture to write.
        labelled_page: picture to write.
        refused_page: picture to write.
        kept_page: picture to write.
    """
    plot_generated(generated_page, images, attributes, seed)
    plot_labelled(labelled_page, images, labels, names, seed)
    plot_refused(refused_page, images, attributes, filter_json)
    plot_kept(kept_page, images, kept, filter_json, seed)


def plot_grid(
    path: str | Path,
    images: Sequence[str | Path],
    ids: np.ndarray,
    title: str,
    note: str = "",
    cell: int = 128,
) -> None:
    """Write a page of pictures in rows of ten.

    Args:
        path: the page to write.
        images: all image shards.
        ids: which images, int64 [N].
        title: what the page shows.
        note: how they were chosen.
        cell: side of a picture on the page, px.
    """
    _page(path, images, title, note, [Group("", np.asarray(ids, np.int64))], cell)


def plot_generated(
    path: str | Path, images: Sequence[str | Path], attributes: str | Path, seed: int
) -> None:
    """Write a page of 100 images drawn from the whole population.

    Args:
        path: the page to write.
        images: all image shards.
        attributes: the table of all images.
        seed: of the drawing.
    """
    everything = read_table(attributes, ["id"])["id"].to_numpy()
    ids = draw(everything, 100, rng(seed, "grid", "generated"))
    title = f"{len(ids)} of {number(len(everything))} generated images"
    plot_grid(path, images, ids, title, "Drawn at random, before any filter.", cell=192)


def plot_kept(
    path: str | Path,
    images: Sequence[str | Path],
    kept: str | Path,
    filter_json: str | Path,
    seed: int,
) -> None:
    """Write a page of 50 images drawn from those that the filter keeps.

    Args:
        path: the page to write.
        images: all image shards.
        kept: the table of kept ids.
        filter_json: the filter's counts.
        seed: of the drawing.
    """
    passed = read_table(kept, ["id"])["id"].to_numpy()
    ids = draw(passed, 50, rng(seed, "grid", "kept"))
    rules = [
        condition(c["attribute"], c.get("min"), c.get("max"))
        for c in read_json(filter_json)["conditions"]
    ]
    note = (
        f"Drawn at random from all with {' and '.join(rules)}."
        if rules
        else "Drawn at random; there is no filter."
    )
    plot_grid(
        path,
        images,
        ids,
        f"{len(ids)} of {number(len(passed))} images that the filter keeps",
        note,
        cell=160,
    )


def plot_refused(
    path: str | Path, images: Sequence[str | Path], attributes: str | Path, filter_json: str | Path
) -> None:
    """Write a page of refused images by the condition they fail: clearest cases, closest calls.

    Images judged by the networks come before hand-labelled ones, whose answer is always 0 or 1.

    Args:
        path: the page to write.
        images: all image shards.
        attributes: the table of all images.
        filter_json: the filter's conditions and counts.
    """
    table = read_table(attributes)
    report = read_json(filter_json)
    total = report["candidates"]
    if total < report["total"]:
        table = table[~table["labelled"]]
    groups = []
    for each in report["conditions"]:
        groups += _refused(table, each, total)
    title = f"{number(total - report['kept'])} of {number(total)} images are refused"
    note = "Under each picture: its score, 0 to 1, the mean of the networks of all folds."
    if not groups:
        note = "Nothing to show."
    _page(path, images, title, note, groups, cell=120)


def _refused(table: pd.DataFrame, each: dict, total: int) -> list[Group]:
    low, high = each.get("min"), each.get("max")
    score = table[each["attribute"]].to_numpy(float)
    distance = np.maximum(
        -np.inf if low is None else low - score,
        -np.inf if high is None else score - high,
    )  # how far beyond the limit
    failed = np.flatnonzero(distance > 0)
    judged = failed[~table["labelled"].to_numpy(bool)[failed]]
    shown = judged if len(judged) else failed
    order = shown[np.argsort(-distance[shown], kind="stable")]
    half = min(COLUMNS, (len(order) + 1) // 2)
    fails = f"Fails {condition(each['attribute'], low, high)}"
    share = percent(len(failed) / max(1, total))
    count = f"{number(len(failed))} of {number(total)} images ({share})"
    rows = [(f"{fails}: {count}. The clearest cases:", order[:half])]
    rows.append((f"{fails}: the closest calls", order[half:][-COLUMNS:]))
    ids = table["id"].to_numpy(np.int64)
    return [
        Group(title, ids[index], tuple(number(score[row], 4) for row in index))
        for title, index in rows
        if len(index)
    ]


def plot_labelled(
    path: str | Path,
    images: Sequence[str | Path],
    labels: str | Path,
    attributes: Sequence[str],
    seed: int,
) -> None:
    """Write a page with ten examples of each answer to each attribute.

    Args:
        path: the page to write.
        images: all image shards.
        labels: the hand labels in use, 0 or 1.
        attributes: which columns.
        seed: of the drawing.
    """
    table = read_table(labels, ["id", *attributes])
    groups = []
    for name in attributes:
        for value in (1, 0):
            same = table.loc[table[name] == value, "id"].to_numpy()
            share = percent(len(same) / max(1, len(table)))
            title = (
                f"{name} = {value} ({attribute(name).word(value)}): {number(len(same))} ({share})"
            )
            groups.append(
                Group(title, draw(same, COLUMNS, rng(seed, "grid", "labelled", name, value)))
            )
    note = (
        "Ten random examples of each answer. A few may be wrong:"
        " people err, and so does the simulated annotator."
    )
    _page(
        path,
        images,
        f"{number(len(table))} labelled images teach the networks",
        note,
        groups,
        cell=120,
    )


def _page(
    path: str | Path,
    images: Sequence[str | Path],
    title: str,
    note: str,
    groups: list[Group],
    cell: int,
) -> None:
    """Lay out groups below each other, rows of ten pictures each."""

    def height(group: Group) -> int:
        rows = -(-len(group.ids) // COLUMNS)
        line = cell + GAP + (_CAPTION if group.captions else 0)
        return (_TITLE + 8 if group.title else 0) + max(rows * line, 24)

    width = 2 * MARGIN + COLUMNS * (cell + GAP) - GAP
    sheet = Sheet(width, heading_height(note) + sum(map(height, groups)) + MARGIN)
    sheet.heading(title, note)
    y = heading_height(note)
    pictures = fit(
        fetch_images(images, np.concatenate([np.empty(0, np.int64), *(g.ids for g in groups)])),
        cell,
    )
    start = 0
    for group in groups:
        top = y
        if group.title:
            sheet.text(MARGIN, top + 10, group.title, size=15, weight="bold")
            top += _TITLE + 8
        if not len(group.ids):
            sheet.text(MARGIN, top, "none", size=13, color=MUTED)
        for index in range(len(group.ids)):
            row, column = divmod(index, COLUMNS)
            x = MARGIN + column * (cell + GAP)
            corner = top + row * (cell + GAP + (_CAPTION if group.captions else 0))
            sheet.picture(pictures[start + index], x, corner)
            if group.captions:
                sheet.text(
                    x + cell / 2,
                    corner + cell + 2,
                    group.captions[index],
                    size=12.5,
                    align="center",
                )
        start += len(group.ids)
        y += height(group)
    sheet.save(path)
