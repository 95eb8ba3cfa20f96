"""Grids of a method's pictures: does it draw the eyes, mouth and pose that were requested?"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ohlora_lib.reporting.contact_sheets import GAP, MARGIN, Sheet, fit
from ohlora_lib.reporting.evaluations import Evaluation, read_evaluation
from ohlora_lib.reporting.theme import BLUE, MUTED, ORANGE, RED, number
from ohlora_lib.scores import CONTROLLED
from ohlora_lib.scores.words import ends, meaning

CLOSE, NEAR = 0.5, 1.0  # score units; how far a measured value may be off to be blue, or orange
_HEAD = 116  # px of title, notes and legend
_LABELS = 200  # px left of the pictures
_CELL = 144  # px of a picture of the grid
_LINE = 15  # px of a line of values
_STRIP = 112  # px of a picture of the strips


def draw_control_grids(
    folder: str | Path,
    method: str,
    judge: str,
    best: str | Path,
    median: str | Path,
    worst: str | Path,
    levels: str | Path,
    looks_through: str,
) -> None:
    """Write the grid of 50 pictures of three latents, and strips of one property at a time.

    Args:
        folder: evaluation/{method}.
        method: its name, for the titles.
        judge: whose measurements are printed.
        best: picture to write, of the latent that obeys best.
        median: picture to write, of the latent in the middle.
        worst: picture to write, of the latent that obeys worst.
        levels: picture to write, strips of these three latents.
        looks_through: what the judge looks through, in words.

    Raises:
        InputError: an artefact is missing or damaged.
    """
    evaluation = read_evaluation(folder, judge)
    for which, path in (("best", best), ("median", median), ("worst", worst)):
        plot_grid50(path, evaluation, method, which, looks_through)
    plot_levels(levels, evaluation, method, looks_through)


def plot_grid50(
    path: str | Path, evaluation: Evaluation, method: str, which: str, looks_through: str
) -> None:
    """Draw the grid of 50 of one latent: rows are mouth and eyes, columns pose.

    Args:
        path: the picture to write.
        evaluation: the method, seen by one judge.
        method: its name.
        which: "best", "median" or "worst".
        looks_through: see `draw_control_grids`.
    """
    chosen = evaluation.chosen(which)
    rows = evaluation.requested("grid50", chosen["latent"])
    mouths, eyes, poses = (sorted(rows[name].unique()) for name in ("mouth", "eyes", "pose"))
    height = _CELL + len(CONTROLLED) * _LINE + 14
    top = _HEAD + 50
    sheet = Sheet(
        2 * MARGIN + _LABELS + len(poses) * (_CELL + GAP) - GAP,
        top + len(mouths) * (len(eyes) * height + 10) + MARGIN,
    )
    reached = ", ".join(f"{name} {number(chosen['correlation'][name], 2)}" for name in CONTROLLED)
    _heading(
        sheet,
        f"{method}, judge “{evaluation.judge}”: {_latent(evaluation, which)}",
        f"Correlation of requested and measured: {reached}",
        f"One latent, drawn for {len(rows)} combinations. Under each picture: requested → measured"
        f" by {looks_through}.",
    )
    columns = {pose: MARGIN + _LABELS + i * (_CELL + GAP) for i, pose in enumerate(poses)}
    for pose, x in columns.items():
        _label(sheet, x + _CELL / 2, _HEAD + 8, "pose", pose, poses, align="center")
    places, y = {}, top
    for mouth in mouths:
        _rule(sheet, y - 8)
        _label(sheet, MARGIN, y + _CELL / 2 - 20, "mouth", mouth, mouths)
        for eye in eyes:
            _label(sheet, MARGIN + 106, y + _CELL / 2 - 20, "eyes", eye, eyes)
            places |= {(mouth, eye, pose): (x, y) for pose, x in columns.items()}
            y += height
        y += 10
    pictures = _enlarged(evaluation.pictures(rows), _CELL)
    for picture, row in zip(pictures, rows.itertuples(), strict=True):
        x, y = places[row.mouth, row.eyes, row.pose]
        sheet.picture(picture, x, y)
        for index, name in enumerate(CONTROLLED):
            line = y + _CELL + 5 + index * _LINE
            asked = getattr(row, name)
            sheet.text(x + 4, line, name, size=12, color=MUTED)
            sheet.text(x + 98, line, f"{number(asked, 1)} →", size=12, align="right")
            _measured(sheet, x + 138, line, asked, getattr(row, f"measured_{name}"), "right")
    sheet.save(path)


def plot_levels(path: str | Path, evaluation: Evaluation, method: str, looks_through: str) -> None:
    """Draw strips that move one property at a time, the others at 0, of three latents.

    Args:
        path: the picture to write.
        evaluation: the method, seen by one judge.
        method: its name.
        looks_through: see `draw_control_grids`.
    """
    latents: dict[int, str] = {}
    for which in ("median", "best", "worst"):
        latents.setdefault(evaluation.chosen(which)["latent"], _latent(evaluation, which))
    tables = {latent: evaluation.requested("levels", latent) for latent in latents}
    levels = sorted({value for t in tables.values() for name in CONTROLLED for value in t[name]})
    line, group = _STRIP + 24, 38
    width = 2 * MARGIN + _LABELS + len(levels) * (_STRIP + GAP) - GAP
    height = _HEAD + 26 + len(latents) * (group + len(CONTROLLED) * line + 10) + MARGIN
    sheet = Sheet(width, height)
    _heading(
        sheet,
        f"{method}, judge “{evaluation.judge}”: one property at a time",
        "From left to right only the named property should change, and the person should stay.",
        "The other two are requested at 0. Under each picture: the named property as measured by"
        f" {looks_through}.",
    )
    columns = {level: MARGIN + _LABELS + i * (_STRIP + GAP) for i, level in enumerate(levels)}
    sheet.text(MARGIN, _HEAD + 8, "requested", size=15, weight="bold")
    for level, x in columns.items():
        text = number(level, 1)
        sheet.text(x + _STRIP / 2, _HEAD + 8, text, size=15, weight="bold", align="center")
    y = _HEAD + 26
    for latent, title in latents.items():
        _rule(sheet, y + 6)
        sheet.text(MARGIN, y + 15, title[0].upper() + title[1:], size=16, weight="bold")
        y += group
        table = tables[latent]
        pictures = _enlarged(evaluation.pictures(table), _STRIP)
        for name in CONTROLLED:
            sheet.text(MARGIN, y + _STRIP / 2 - 20, name, size=15, weight="bold")
            sheet.text(MARGIN, y + _STRIP / 2, meaning(name), size=13, color=MUTED)
            others = [other for other in CONTROLLED if other != name]
            alone = (table[others] == 0).all(axis=1).to_numpy()
            for index in np.flatnonzero(alone):
                asked, got = table[[name, f"measured_{name}"]].to_numpy(float)[index]
                sheet.picture(pictures[index], columns[asked], y)
                place = columns[asked] + _STRIP / 2, y + _STRIP + 5
                _measured(sheet, *place, asked, got, "center")
            y += line
        y += 10
    sheet.save(path)


def _latent(evaluation: Evaluation, which: str) -> str:
    count = evaluation.summary["latents"]
    return f"the {which} of {count} latents (no. {evaluation.chosen(which)['latent']})"


def _enlarged(images: np.ndarray, side: int) -> np.ndarray:
    """Return pictures of this side, without the two lowest bits: a third less PNG, unseen."""
    return fit(images, side) & 0b11111100


def _heading(sheet: Sheet, title: str, result: str, note: str) -> None:
    """Write what the page shows, and what the colours of the values mean."""
    sheet.text(MARGIN, MARGIN - 4, title, size=21, weight="bold")
    sheet.text(MARGIN, MARGIN + 27, result, size=16)
    sheet.text(MARGIN, MARGIN + 52, note, size=13, color=MUTED)
    x = MARGIN
    for text, color in (
        (f"within {CLOSE:g} standard deviations of the request", BLUE),
        (f"within {NEAR:g}", ORANGE),
        ("further off, or not measured", RED),
    ):
        sheet.picture(np.full((11, 11, 3), _rgb(color), np.uint8), x, MARGIN + 74)
        sheet.text(x + 17, MARGIN + 74, text, size=13, color=color)
        x += 44 + 7 * len(text)


def _label(
    sheet: Sheet,
    x: float,
    y: float,
    name: str,
    value: float,
    values: Sequence[float],
    align: str = "left",
) -> None:
    """Write the request of a row or column; at both ends also what it means."""
    sheet.text(x, y, f"{name} {number(value, 1)}", size=15, weight="bold", align=align)
    place = {values[0]: 0, values[-1]: 1}.get(value)
    if place is not None:
        sheet.text(x, y + 20, ends(name)[place], size=13, color=MUTED, align=align)


def _measured(sheet: Sheet, x: float, y: float, asked: float, got: float, align: str) -> None:
    error = abs(got - asked)
    color = BLUE if error <= CLOSE else ORANGE if error <= NEAR else RED
    sheet.text(x, y, number(got, 1), size=12, color=color, weight="bold", align=align)


def _rule(sheet: Sheet, y: int) -> None:
    width = sheet.pixels.shape[1]
    sheet.picture(np.full((1, width - 2 * MARGIN, 3), 223, np.uint8), MARGIN, y)


def _rgb(color: str) -> tuple[int, ...]:
    return tuple(int(color[i : i + 2], 16) for i in (1, 3, 5))
