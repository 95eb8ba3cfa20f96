"""The best identities of a method: one picture of the top, and a page to pick from by hand."""

import base64
import math
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from ohlora_lib.attributes import ATTRIBUTES
from ohlora_lib.errors import InputError, rebuild
from ohlora_lib.reporting.contact_sheets import GAP, MARGIN, Sheet, fit
from ohlora_lib.reporting.theme import BLUE, FAINT, INK, MUTED, QUALITY, RED, number, percent
from ohlora_lib.scores import CONTROLLED
from ohlora_lib.scores.words import ends, meaning
from ohlora_lib.store.atomic import atomic_path
from ohlora_lib.store.gallery import read_gallery
from ohlora_lib.store.tables import read_json, read_table

COLUMNS = ("rank", "latent", "score", "passes", "control", "mae", "drift", "flips")

_HEAD = 144  # px of title, notes and levels
_FACE = 208  # px of the all-zero picture
_STRIP = 66  # px of a picture of the strips
_WORDS = 78  # px left of the strips
_CARD = _FACE + 46  # px of an identity, with the line above it
_PAGE_FACE, _PAGE_STRIP = 224, 72  # px of the same on the page

_STYLE = f"""
body {{ font: 15px/1.5 "DejaVu Sans", Verdana, sans-serif; color: {INK}; margin: 22px; }}
h1 {{ font-size: 26px; margin: 0 0 6px; }}
p {{ max-width: 100ch; margin: 6px 0; }}
small, .muted {{ color: {MUTED}; }}
form {{ position: sticky; top: 0; z-index: 1; display: flex; flex-wrap: wrap; gap: 8px 14px;
  align-items: center; background: white; border-bottom: 1px solid {MUTED}; padding: 10px 0; }}
form input {{ flex: 1; min-width: 12em; max-width: 34em; }}
button, select, form input {{ font: inherit; font-size: 14px; color: {INK}; padding: 3px 9px;
  background: white; border: 1px solid {MUTED}; border-radius: 4px; }}
button:enabled {{ cursor: pointer; color: white; background: {BLUE}; border-color: {BLUE}; }}
button:disabled {{ color: {MUTED}; border-color: {FAINT}; }}
:focus-visible {{ outline: 3px solid {BLUE}; outline-offset: 2px; }}
article {{ display: flex; flex-wrap: wrap; gap: 6px 20px; padding: 16px 12px;
  border-bottom: 1px solid {FAINT}; }}
article:has(:checked) {{ background: #e9f1f7; }}
img {{ display: block; max-width: 100%; height: auto; }}
html {{ scroll-padding-top: 70px; }}
label {{ cursor: pointer; }}
label img {{ border: 1px solid {FAINT}; }}
label span {{ display: flex; gap: 8px; align-items: center; font-weight: bold; }}
input[type=checkbox] {{ width: 19px; height: 19px; margin: 0; accent-color: {BLUE}; }}
.strips {{ display: grid; grid-template-columns: 88px minmax(0, auto); gap: 6px 8px;
  align-content: start; }}
.strips b {{ align-self: center; line-height: 1.3; }}
.strips small {{ display: block; font-weight: normal; font-size: 12px; }}
.levels {{ display: flex; font-size: 12px; color: {MUTED}; }}
.levels i {{ flex: 1; text-align: center; font-style: normal; }}
dl {{ display: grid; grid-template-columns: auto auto; gap: 0 12px; margin: 0;
  align-content: start; font-size: 13px; font-variant-numeric: tabular-nums; }}
dt {{ color: {MUTED}; }}
dd {{ margin: 0; text-align: right; }}
.warn {{ color: {RED}; font-weight: bold; }}
"""

# Cards carry their numbers as data; what is not known sorts last. Picked latents are listed by
# rank, in a field that can be copied from by hand, too.
_SCRIPT = """
const form = document.querySelector("form"), main = document.querySelector("main");
const cards = [...main.children], field = form.elements.list;
const picked = () => cards.filter(card => card.querySelector("input").checked);
const show = () => {
  const found = picked();
  form.querySelector("output").textContent = found.length + " picked";
  field.value = found.map(card => card.dataset.latent).join(", ");
  form.querySelectorAll("button").forEach(button => button.disabled = !found.length);
};
main.onchange = show;
form.onsubmit = event => event.preventDefault();
form.elements.sort.onchange = event => {
  const [key, sign] = event.target.value.split(" ");
  const value = card => card.dataset[key] === "" ? Infinity : sign * card.dataset[key];
  [...cards].sort((a, b) => value(a) - value(b) || a.dataset.rank - b.dataset.rank)
    .forEach(card => main.append(card));
};
form.elements.copy.onclick = () => {
  field.select();
  const done = document.execCommand("copy");
  form.elements.copy.textContent = done ? "Copied" : "Press Ctrl+C";
  setTimeout(() => form.elements.copy.textContent = "Copy list", 1500);
};
form.elements.save.onclick = () => {
  const lines = picked().map(card => card.dataset.latent + "," + card.dataset.rank);
  const text = ["latent,rank", ...lines].join("\\n") + "\\n";
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], {type: "text/csv"}));
  link.download = "picked.csv";
  link.click();
};
show();
"""


@dataclass(frozen=True)
class Identity:
    """One ranked latent with its pictures.

    Attributes:
        numbers: its row of identities.csv.
        face: the all-zero request, uint8 [H, W, 3].
        strips: by property, its pictures at every level, uint8 [levels, H, W, 3].
    """

    numbers: dict
    face: np.ndarray
    strips: dict[str, np.ndarray]


@dataclass(frozen=True)
class Ranking:
    """The best identities of a method.

    Attributes:
        summary: the ranking's summary.json.
        levels: what one property at a time was requested at, ascending.
        identities: by rank.
    """

    summary: dict
    levels: tuple[float, ...]
    identities: tuple[Identity, ...]


def draw_identities(
    folder: str | Path,
    identities_path: str | Path,
    summary_path: str | Path,
    picture: str | Path,
    page: str | Path,
    top: int = 20,
    listed: int = 50,
) -> None:
    """Write one picture of the best identities, and a page on which a person picks some.

    Args:
        folder: see `read_ranking`.
        identities_path: the same.
        summary_path: the same.
        picture: .png to write.
        page: .html to write.
        top: identities in the picture.
        listed: identities on the page.

    Raises:
        InputError: see `read_ranking`.
    """
    ranking = read_ranking(folder, identities_path, summary_path, max(top, listed))
    plot_identities(picture, replace(ranking, identities=ranking.identities[:top]))
    write_identities_page(page, replace(ranking, identities=ranking.identities[:listed]))


def read_ranking(
    folder: str | Path, identities_path: str | Path, summary_path: str | Path, count: int
) -> Ranking:
    """Read the first identities of a ranking with the pictures of one property at a time.

    Args:
        folder: evaluation/{method}, which holds requests.parquet and pictures.parquet.
        identities_path: see `judging.identities.rank_identities`.
        summary_path: the same.
        count: how many; all if there are fewer.

    Raises:
        InputError: a file is missing or damaged, or they do not belong together.
    """
    folder = Path(folder)
    table, summary = read_table(identities_path), read_json(summary_path)
    wanted = {*COLUMNS, *ATTRIBUTES}
    if not len(table) or not wanted <= set(table.columns):
        missing = ", ".join(sorted(wanted - set(table.columns))) or "every row"
        raise InputError(f"{identities_path} lacks {missing}; {rebuild(identities_path)}")
    if not isinstance(summary, dict) or summary.get("judged") != len(table):
        raise InputError(
            f"{summary_path} is not the summary of {identities_path}; {rebuild(summary_path)}"
        )
    requests = read_table(folder / "requests.parquet", ["row", "latent", "grid", *CONTROLLED])
    requests = requests[requests["grid"] == "levels"]
    levels = tuple(sorted(set(requests[list(CONTROLLED)].to_numpy().ravel().tolist())))
    chosen = table[:count].to_dict("records")
    rows = [_rows(requests, row["latent"], levels, folder) for row in chosen]
    images = read_gallery(folder / "pictures.parquet", np.concatenate(rows).ravel())
    images = images.reshape(len(rows), len(CONTROLLED), len(levels), *images.shape[1:])
    identities = tuple(
        Identity(row, seen[0, levels.index(0.0)], dict(zip(CONTROLLED, seen, strict=True)))
        for row, seen in zip(chosen, images, strict=True)
    )
    return Ranking(summary, levels, identities)


def plot_identities(path: str | Path, ranking: Ranking) -> None:
    """Draw identities in two columns: a face, and what eyes, mouth and pose alone do to it.

    Args:
        path: the .png to write.
        ranking: those to draw.
    """
    levels = ranking.levels[::2]
    across = len(levels) * (_STRIP + GAP) - GAP
    width = _FACE + 12 + _WORDS + across
    columns = [MARGIN, MARGIN + width + 44]
    lines = math.ceil(len(ranking.identities) / 2)
    sheet = Sheet(columns[1] + width + MARGIN, _HEAD + lines * _CARD + MARGIN)
    summary = ranking.summary
    sheet.text(MARGIN, MARGIN - 4, f"{summary['method']}: {_title(ranking)}", 21, weight="bold")
    sheet.text(MARGIN, MARGIN + 27, _counts(summary), size=16)
    for line, note in enumerate(
        (
            "Large: all three requests at 0. Right of it one request at a time: only the named"
            " property should change, and the person should stay.",
            "Score, 0 to 1: weakest correlation of requested and measured × looks (good picture"
            " of a young woman without glasses) × sameness of the person.",
        )
    ):
        sheet.text(MARGIN, MARGIN + 54 + 18 * line, note, size=13, color=MUTED)
    for x in columns[: len(ranking.identities)]:
        left, y = x + _FACE + 12, _HEAD - 25
        sheet.text(left, y, "requested", size=13, color=MUTED)
        for across, level in enumerate(levels):
            place = left + _WORDS + across * (_STRIP + GAP) + _STRIP / 2
            sheet.text(place, y, number(level), size=13, weight="bold", align="center")
    for index, identity in enumerate(ranking.identities):
        down, right = divmod(index, 2)
        _card(sheet, columns[right], _HEAD + down * _CARD, width, identity)
    sheet.save(path)


def write_identities_page(path: str | Path, ranking: Ranking) -> None:
    """Write a page that needs no other file or network, on which a person picks identities.

    Args:
        path: the .html to write.
        ranking: those to list.
    """
    summary = ranking.summary
    method = escape(str(summary["method"]))
    cards = "".join(_article(identity, ranking.levels) for identity in ranking.identities)
    text = f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Identities of {method}</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>{method}: {_title(ranking)}</h1>
<p>{escape(_counts(summary))} Tick those that you like, and download the numbers of their latents,
which stand in <i>evaluation/{method}/latents.parquet</i>.</p>
<p class="muted">The large picture has all three requests at 0. Beside it one request at a time goes
from {number(ranking.levels[0])} to {number(ranking.levels[-1])} standard deviations: only the named
property should change, and the person should stay. <b>Score</b>, from 0 to 1: the
<b>weakest correlation</b> of requested and measured, of any property by any judge, × <b>looks</b>,
the mean probability of a good picture of a young woman without glasses, × <b>sameness</b>, 1 −
<b>identity drift</b> at {number(ranking.levels[0])} and {number(ranking.levels[-1])}.
<b>Flips</b>: share of the pictures there in which gender, age or glasses change.
Those that fail a gate come last.</p>
<form>
<output aria-live="polite">0 picked</output>
<button type="button" name="save" disabled>Download picked.csv</button>
<button type="button" name="copy" disabled>Copy list</button>
<input name="list" readonly aria-label="picked latents" placeholder="picked latents">
<label>Sort by <select name="sort" autocomplete="off">
<option value="rank 1">score, those that pass first</option>
<option value="control -1">weakest correlation</option>
<option value="drift 1">identity drift</option>
</select></label>
</form>
<main>
{cards}</main>
<script>{_SCRIPT}</script>
</body>
</html>
"""
    with atomic_path(path) as part:
        part.write_text(text, encoding="utf-8")


def _rows(
    requests: pd.DataFrame, latent: int, levels: tuple[float, ...], folder: Path
) -> np.ndarray:
    """Return the rows of one latent's pictures, [property, level]."""
    own = requests[requests["latent"] == latent]
    places = {tuple(row[:-1]): row[-1] for row in own[[*CONTROLLED, "row"]].to_numpy().tolist()}
    try:
        return np.array(
            [
                [places[tuple(level * (name == n) for n in CONTROLLED)] for level in levels]
                for name in CONTROLLED
            ],
            np.int64,
        )
    except KeyError:
        path = folder / "requests.parquet"
        raise InputError(
            f"{path} lacks requests of one property at a time of latent {latent}; {rebuild(path)}"
        ) from None


def _title(ranking: Ranking) -> str:
    shown, judged = len(ranking.identities), ranking.summary["judged"]
    return f"the best {shown} of {number(judged)} identities"


def _counts(summary: dict) -> str:
    """Return who passes which gates as a sentence."""
    passed = summary["passed"]
    by = ", ".join(f"{number(passed[judge])} by {judge}" for judge in summary["judges"])
    gates = ", ".join(f"{name} {number(gate, 2)}" for name, gate in summary["gates"].items())
    return (
        f"{number(passed['all'])} of {number(summary['judged'])} pass the gates of all judges"
        f" ({by}): correlations of at least {gates}."
    )


def _card(sheet: Sheet, x: int, y: int, width: int, identity: Identity) -> None:
    """Draw one identity with its top left corner at (x, y)."""
    found = identity.numbers
    sheet.picture(np.full((1, width, 3), 223, np.uint8), x, y - 6)
    sheet.text(x, y + 3, f"{found['rank']}", size=18, weight="bold")
    sheet.text(x + 36, y + 6, f"latent {found['latent']}", size=14)
    score = f"score {number(found['score'], 3)}"
    sheet.text(x + _FACE, y + 6, score, size=14, weight="bold", color=BLUE, align="right")
    y += 26
    sheet.picture(_enlarged(identity.face[None], _FACE)[0], x, y)
    left = x + _FACE + 12
    color = INK if found["passes"] else RED
    note = f"drift {number(found['drift'], 2)}" if found["passes"] else "fails a gate"
    facts = f"weakest correlation {number(found['control'], 3)}"
    sheet.text(left, y - 21, facts, size=12, color=color)
    sheet.text(x + width, y - 21, note, size=12, color=color, align="right")
    for down, name in enumerate(CONTROLLED):
        top = y + down * (_STRIP + 5)
        low, high = ends(name)
        sheet.text(left, top + 12, name, size=13, weight="bold")
        sheet.text(left, top + 29, f"{low} to", size=12, color=MUTED)
        sheet.text(left, top + 44, high, size=12, color=MUTED)
        for across, picture in enumerate(_enlarged(identity.strips[name][::2], _STRIP)):
            sheet.picture(picture, left + _WORDS + across * (_STRIP + GAP), top)


def _enlarged(images: np.ndarray, side: int) -> np.ndarray:
    """Return pictures of this side, without the two lowest bits: a third less PNG, unseen."""
    return fit(images, side) & 0b11111100


def _article(identity: Identity, levels: tuple[float, ...]) -> str:
    """Return the card of one identity."""
    found = identity.numbers
    latent, rank = found["latent"], found["rank"]
    strips = "".join(
        f"<b>{name}<small>{escape(' to '.join(ends(name)))}</small></b>"
        + _image(fit(identity.strips[name], _PAGE_STRIP), f"latent {latent}, {meaning(name)}")
        for name in CONTROLLED
    )
    scale = "".join(f"<i>{number(level, 1)}</i>" for level in levels)
    face = _image(fit(identity.face[None], _PAGE_FACE), f"latent {latent}, all requests at 0")
    facts = {
        "score": number(found["score"], 3),
        "weakest correlation": number(found["control"], 3),
        "mean error": number(found["mae"], 2),
        "identity drift": number(found["drift"], 3),
        "flips": percent(found["flips"], 0),
        **{words.yes: percent(found[name]) for name, words in ATTRIBUTES.items()},
    }
    listed = "".join(f"<dt>{name}</dt><dd>{text}</dd>" for name, text in facts.items())
    warning = "" if found["passes"] else '<dt class="warn">fails a gate</dt><dd></dd>'
    keys = " ".join(f'data-{key}="{_plain(found[key])}"' for key in ("control", "drift"))
    return f"""<article data-latent="{latent}" data-rank="{rank}" {keys}>
<label>{face}<span><input type="checkbox" autocomplete="off">{rank}. latent {latent}</span></label>
<div class="strips"><span></span><div class="levels">{scale}</div>{strips}</div>
<dl>{warning}{listed}</dl>
</article>
"""


def _image(images: np.ndarray, text: str) -> str:
    """Return pictures [n, H, W, 3] side by side as one small JPEG in a data URI."""
    row = cv2.cvtColor(np.concatenate(list(images), axis=1), cv2.COLOR_RGB2BGR)
    data = cv2.imencode(".jpg", row, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1]
    source = "data:image/jpeg;base64," + base64.b64encode(data).decode()
    return f'<img src="{source}" width="{row.shape[1]}" height="{row.shape[0]}" alt="{text}">'


def _plain(value: float) -> str:
    return f"{value:.6f}" if math.isfinite(value) else ""
