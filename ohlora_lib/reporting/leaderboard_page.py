"""The leaderboard as a page that opens without a network: table, thumbnails, links to pictures."""

import base64
import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby
from pathlib import Path

import cv2
import pandas as pd

from ohlora_lib.reporting.leaderboard_columns import COLUMNS, Column
from ohlora_lib.reporting.theme import BLUE, FAINT, INK, MUTED, QUALITY, RED, number, percent

SHOWN = tuple(column for column in COLUMNS if column.shown)
_LINKS = {
    "grid_best.jpg": "best",
    "grid_median.jpg": "median",
    "grid_worst.jpg": "worst",
    "levels.jpg": "one property at a time",
    "leakage.png": "leakage",
}

STYLE = f"""
body {{ font: 15px/1.5 "DejaVu Sans", Verdana, sans-serif; color: {INK}; margin: 22px; }}
h1 {{ font-size: 26px; margin: 0 0 6px; }}
h2 {{ font-size: 20px; margin: 38px 0 4px; }}
p {{ max-width: 100ch; margin: 6px 0; }}
a {{ color: {BLUE}; }}
.scroll {{ overflow-x: auto; margin: 18px 0; }}
table {{ border-collapse: collapse; font-size: 12.5px; font-variant-numeric: tabular-nums; }}
th, td {{ padding: 3px 4px; text-align: right; vertical-align: top; white-space: nowrap; }}
th {{ font-weight: normal; vertical-align: bottom; }}
th.group {{ text-align: left; font-weight: bold; border-bottom: 1px solid {MUTED}; }}
th button {{ all: unset; cursor: pointer; white-space: normal; max-width: 9ch; }}
th button:hover, th button:focus-visible {{ text-decoration: underline; }}
th[aria-sort] button {{ font-weight: bold; }}
th[aria-sort=descending] button::after {{ content: " ▾"; }}
th[aria-sort=ascending] button::after {{ content: " ▴"; }}
tbody {{ border-top: 1px solid {FAINT}; }}
tbody:hover {{ background: #f5f8fa; }}
tbody.broken td.name a::after {{ content: " ✗"; color: {RED}; font-weight: bold; }}
td.first, th.first {{ padding-left: 14px; }}
.name, .judge {{ text-align: left; }}
td.name {{ position: sticky; left: 0; background: white; font-weight: bold; }}
td.name a {{ text-decoration: none; }}
small, .muted {{ color: {MUTED}; font-weight: normal; }}
td small {{ display: block; font-size: 11px; }}
td b {{ color: {BLUE}; }}
.warn {{ color: {RED}; }}
.card {{ display: flex; flex-wrap: wrap; gap: 22px; align-items: flex-start; margin-top: 10px; }}
.card div {{ display: flex; flex-direction: column; gap: 16px; }}
figure {{ margin: 0; }}
figcaption {{ font-size: 13px; color: {MUTED}; }}
img {{ display: block; border: 1px solid {FAINT}; max-width: 100%; }}
"""

# A click sorts by a column, best first; the next click turns it round. Values come as "the larger,
# the better"; what is missing stays at the end.
_SCRIPT = """
const table = document.querySelector("table");
table.querySelectorAll("th button").forEach((button, index) => button.onclick = () => {
  const head = button.closest("th");
  const up = head.getAttribute("aria-sort") === "descending" ? 1 : -1;
  table.querySelectorAll("th").forEach(other => other.removeAttribute("aria-sort"));
  head.setAttribute("aria-sort", up > 0 ? "ascending" : "descending");
  const key = body => JSON.parse(body.dataset.keys)[index];
  [...table.tBodies].sort((a, b) => {
    const [x, y] = [key(a), key(b)];
    if (x === null || y === null) return (x === null) - (y === null);
    return up * (typeof x === "string" ? y.localeCompare(x) : x - y);
  }).forEach(body => table.append(body));
});
"""


@dataclass(frozen=True)
class Judge:
    """What the page says of a judge that ranks.

    Attributes:
        looks_through: what it looks through, in words.
        standing: how it stands to the methods, in words that follow "which".
        as_published: whether the reference study judged with it: its figures then stand beside.
    """

    looks_through: str
    standing: str
    as_published: bool = False


def render(
    table: pd.DataFrame,
    judges: Mapping[str, Judge],
    intervals: Mapping[tuple[str, str], dict[str, tuple[float, float]]],
    evaluation: Path,
    curves: Mapping[str, str | Path],
    tables: Sequence[str],
    notes: Mapping[str, str],
    folder: Path,
    note: str = "",
) -> str:
    """Return the page.

    Args:
        table: see `leaderboard.leaderboard`.
        judges: those that rank, by name.
        intervals: 95 % intervals of columns, by (method, judge).
        evaluation: folder with {method}/{judge}/ and the pictures in it; missing ones are left out.
        curves: picture of the training, by method.
        tables: HTML of the judges that inform.
        notes: sentences about a method, by method; may be empty.
        folder: where the page will lie; links are relative to it.
        note: a sentence that stands above the table.
    """
    best = best_values(table)
    methods = [frame for _, frame in table.groupby("method", sort=False)]
    bodies = "".join(_body(frame, intervals, best) for frame in methods)
    cards = "".join(_card(frame, evaluation, curves, notes, folder) for frame in methods)
    count, latents = len(methods), table["latents"].max() if len(table) else 0
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Leaderboard</title>
<style>{STYLE}</style>
</head>
<body>
<h1>Which method makes the generator obey?</h1>
{_introduction(count, latents, judges)}{f'<p class="warn">{escape(note)}</p>' if note else ""}
<div class="scroll"><table>
<thead>{_head()}</thead>
{bodies}
</table></div>
{_legend(table)}
{"".join(tables)}
{cards}
<script>{_SCRIPT}</script>
</body>
</html>
"""


def best_values(table: pd.DataFrame) -> dict[tuple[str, str], str]:
    """Return the best value of every column by (column, judge), as it is printed.

    Methods whose pictures are broken do not compete.
    """
    found = {}
    for judge, rows in table[~table["broken"].astype(bool)].groupby("judge", sort=False):
        for column in SHOWN:
            values = rows[column.name].dropna()
            if len(values):
                place = values.map(lambda value, c=column: goodness(value, c.better)).idxmax()
                found[column.name, judge] = show(values[place], column)
    return found


def goodness(value: float, better: str) -> float:
    """Return a number that is the larger, the better the value."""
    return {"high": value, "low": -value, "one": -abs(value - 1)}[better]


def show(value: float, column: Column) -> str:
    """Return a value as the page prints it."""
    if column.unit == "share":
        return percent(value, column.decimals) if math.isfinite(value) else "–"
    return number(value, column.decimals)


def _introduction(count: int, latents: int, judges: Mapping[str, Judge]) -> str:
    listed = "; ".join(
        f"<i>{escape(name)}</i> is {escape(judge.looks_through)}, which {escape(judge.standing)}"
        for name, judge in judges.items()
    )
    return f"""<p>{count} method{"s" * (count != 1)}, each asked to draw faces with given eyes,
mouth and pose, over {number(latents)} latents. {len(judges)} judges measure every picture:
{listed}. A method is good when all of them say so.</p>
<p class="muted">Ranked by the <b>score</b>: the smallest of the three correlations of requested and
measured on the grid of 50, averaged over the judges. A method whose share of good pictures falls
below 90 % of the filtered set’s, or whose recall of that set is below 1 %, is marked
<span class="warn">✗</span> and comes last, whatever its correlations. Bold: best of the column and
judge, among methods without that mark. Small and grey: published by the reference study. Click a
heading to sort; point at a number for its 95 % interval.
</p>"""


def _head() -> str:
    first = '<th colspan="2"></th><th></th><th></th>'
    groups = []
    for name, columns in groupby(SHOWN, key=lambda column: column.group):
        span = len(list(columns))
        groups.append(f'<th class="group first" colspan="{span}">{escape(name)}</th>')
    labels = ["<th><button>rank</button></th>", '<th class="name"><button>method</button></th>']
    labels += ["<th><button>score</button></th>", '<th class="judge">judge</th>']
    labels += [f"<th{first_class(c)}><button>{escape(c.label)}</button></th>" for c in SHOWN]
    return f"<tr>{first}{''.join(groups)}</tr>\n<tr>{''.join(labels)}</tr>"


def first_class(column: Column) -> str:
    """Return the class of the first column of a group."""
    same = [each for each in SHOWN if each.group == column.group]
    return ' class="first"' if same[0] is column else ""


def _body(
    frame: pd.DataFrame,
    intervals: Mapping[tuple[str, str], dict[str, tuple[float, float]]],
    best: dict[tuple[str, str], str],
) -> str:
    """Return the rows of one method, one per judge."""
    top = frame.iloc[0]
    keys = [-float(top["rank"]), top["method"], _key(top["score"], "high")]
    keys += [_key(frame[column.name].mean(), column.better) for column in SHOWN]
    span = f' rowspan="{len(frame)}"'
    lines = []
    for index, (_, row) in enumerate(frame.iterrows()):
        cells = []
        if index == 0:
            recipe = f"<small>{escape(row['recipe'])}</small>" if row["recipe"] else ""
            name = escape(row["method"])
            cells += [
                f"<td{span}>{row['rank']}</td>",
                f'<td{span} class="name"><a href="#{name}">{name}</a>{recipe}</td>',
                f"<td{span}>{number(row['score'], 3)}</td>",
            ]
        cells.append(f'<td class="judge">{escape(row["judge"])}</td>')
        for column in SHOWN:
            if index == 0 or not column.shared:
                cells.append(_cell(row, column, intervals, best, span if column.shared else ""))
        lines.append(f"<tr>{''.join(cells)}</tr>")
    marked = ' class="broken"' if top["broken"] else ""
    rows = "\n".join(lines)
    return f"<tbody{marked} data-keys='{escape(json.dumps(keys))}'>\n{rows}\n</tbody>\n"


def _cell(
    row: pd.Series,
    column: Column,
    intervals: Mapping[tuple[str, str], dict[str, tuple[float, float]]],
    best: dict[tuple[str, str], str],
    span: str,
) -> str:
    text = show(row[column.name], column)
    if not row["broken"] and text == best.get((column.name, row["judge"])):
        text = f"<b>{text}</b>"
    theirs = row.get(f"published_{column.name}", math.nan)
    if math.isfinite(theirs):
        text += f"<small>{show(theirs, column)}</small>"
    ends = intervals.get((row["method"], row["judge"]), {}).get(column.name)
    title = ""
    if ends:
        low, high = (show(end, column) for end in ends)
        title = f' title="95 % interval: {low} to {high}"'
    return f"<td{first_class(column)}{span}{title}>{text}</td>"


def _key(value: float, better: str) -> float | None:
    return goodness(value, better) if math.isfinite(value) else None


def _legend(table: pd.DataFrame) -> str:
    protocols = table.drop_duplicates("method").groupby("published_protocol", sort=False)["method"]
    notes = [
        f"<li>{escape(', '.join(names))}: {escape(text)}</li>" for text, names in protocols if text
    ]
    published = (
        f"<p>Protocols of the published figures:</p><ul>{''.join(notes)}</ul>" if notes else ""
    )
    return f"""<div class="muted"><p>
<b>Correlation</b> and <b>mean error</b> (in standard deviations of the population’s scores) are of
requested and measured values. <b>Latents that pass</b>: v3 gates are correlations of at least 0.77,
0.85, 0.82 and mean errors of at most 1.0, 0.6, 1.4 for eyes, mouth, pose; v8 gates are correlations
of at least 0.92, 0.88, 0.88. <b>Five levels of all</b>: every combination of five levels of the
three, asked of the first few latents. <b>Slope</b>: measured change per unit requested, one
property at a time; 1 is right; <b>within ±1.5</b>: mean error of the levels from −1.5 to 1.5.
<b>Leakage</b>: how far the other properties move per unit requested; <b>at slope 1</b>: per unit
reached. <b>Flips</b>: how often gender, age or glasses change at −2 or 2. <b>Identity drift</b>: 1
− cosine of a face embedding there. <b>Change elsewhere</b>: mean change of the pixels outside the
part that shows the property, in grey levels of 255, there. <b>Distance, of floor</b>: kernel
distance of random pictures from the filtered set, divided by that of the filtered set from itself.
<b>Precision</b>: how many random pictures lie where the filtered set’s embeddings are;
<b>recall</b>: the converse. <b>Diversity</b>: mean distance of two random pictures’ embeddings.
Leakage, flips and drift are also small where a method hardly obeys: read them beside the slope.
</p>{published}</div>"""


def _card(
    frame: pd.DataFrame,
    evaluation: Path,
    curves: Mapping[str, str | Path],
    notes: Mapping[str, str],
    folder: Path,
) -> str:
    """Return the thumbnails and links of one method."""
    top = frame.iloc[0]
    name = top["method"]
    tall, wide, links = [], [], []
    for judge in frame["judge"]:
        place = evaluation / name / judge
        found = {key: place / key for key in _LINKS if (place / key).is_file()}
        if found:
            items = [f'<a href="{_link(p, folder)}">{_LINKS[key]}</a>' for key, p in found.items()]
            links.append(f"judge {escape(judge)}: {' · '.join(items)}")
        if "grid_median.jpg" in found:
            tall.append(_figure(found["grid_median.jpg"], folder, 300, f"median latent, {judge}"))
        if "leakage.png" in found:
            wide.append(_figure(found["leakage.png"], folder, 620, f"leakage, {judge}"))
    if name in curves and Path(curves[name]).is_file():
        wide.append(_figure(Path(curves[name]), folder, 620, "training"))
    warning = (
        ' <span class="warn">✗ does not compete:'
        f" good pictures are {percent(frame['good_relative'].min(), 0)} of the filtered set’s,"
        f" recall is {percent(frame['recall'].min(), 1)}</span>"
        if top["broken"]
        else ""
    )
    tag = f", {escape(top['recipe'])} recipe" if top["recipe"] else ""
    note = f'<p class="muted">{escape(notes[name])}</p>' if notes.get(name) else ""
    right = f"<div>{''.join(wide)}</div>" if wide else ""
    strips = evaluation / name / frame["judge"].iloc[-1] / "levels.jpg"
    if strips.is_file():
        right += _figure(strips, folder, 460, f"one property at a time, {frame['judge'].iloc[-1]}")
    return f"""<section id="{escape(name)}">
<h2>{top["rank"]}. {escape(name)}<span class="muted">{tag}</span>{warning}</h2>
{note}<p>{"<br>".join(links)}</p>
<div class="card">{"".join(tall)}{right}</div>
</section>
"""


def _figure(path: Path, folder: Path, width: int, text: str) -> str:
    image = f'<img src="{_thumbnail(path, width)}" width="{width}" alt="{escape(text)}">'
    link = f'<a href="{_link(path, folder)}">{image}</a>'
    return f"<figure><figcaption>{escape(text)}</figcaption>{link}</figure>"


def _thumbnail(path: Path, width: int) -> str:
    """Return a small copy of a picture as a data URI."""
    picture = cv2.imread(str(path))
    height = round(picture.shape[0] * width / picture.shape[1])
    small = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    data = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1]
    return "data:image/jpeg;base64," + base64.b64encode(data).decode()


def _link(path: Path, folder: Path) -> str:
    return escape(Path(os.path.relpath(path, folder)).as_posix())
