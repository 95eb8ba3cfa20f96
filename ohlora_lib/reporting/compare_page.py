"""The page that sets two runs side by side: scores, figures, configuration, curves, origin."""

import base64
import math
import tempfile
from collections.abc import Sequence
from html import escape
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ohlora_lib.reporting.compare_curves import COLORS, plot_both
from ohlora_lib.reporting.leaderboard_columns import Column
from ohlora_lib.reporting.leaderboard_page import SHOWN, STYLE, first_class, goodness, show
from ohlora_lib.reporting.theme import FAINT, GREEN, RED, number

if TYPE_CHECKING:
    from ohlora_lib.reporting.compare import Run

_SCORE = Column("score", (), "", "score", "high", decimals=3)

_STYLE = f"""{STYLE}
table.plain {{ font-size: 14px; margin: 12px 0; }}
table.plain th, table.plain td {{ padding: 4px 16px 4px 0; border-bottom: 1px solid {FAINT}; }}
table.plain .text {{ text-align: left; white-space: normal; overflow-wrap: anywhere; }}
table.plain th {{ font-weight: bold; }}
.a, .b {{ font-weight: bold; }}
.a {{ color: {COLORS[0]}; }}
.b {{ color: {COLORS[1]}; }}
td b {{ color: inherit; }}
.better {{ color: {GREEN}; }}
.worse {{ color: {RED}; }}
td i {{ font-size: 11px; font-style: normal; display: block; }}
tr.second td {{ padding-bottom: 8px; }}
img {{ border: 0; margin: 10px 0; }}
code {{ font-size: 13px; }}
"""


def render(a: "Run", b: "Run", changes: Sequence[tuple[str, str, str]]) -> str:
    """Return the page.

    Args:
        a: the first run.
        b: the second run, whose gains and losses are marked.
        changes: see `compare.differences`.
    """
    title = f"{a.name} and {b.name}"
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{escape(title)}</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>Two runs: {_name(a, "a")} and {_name(b, "b")}</h1>
{_summary(a, b, changes)}
<h2>Scores</h2>
{_scores(a, b)}
<h2>What was configured differently</h2>
{_changes(a, b, changes)}
<h2>All figures</h2>
{_figures(a, b)}
<h2>Training</h2>
{_curves(a, b)}
<h2>What they were made with</h2>
{_origin(a, b)}
</body>
</html>
"""


def _name(run: "Run", kind: str) -> str:
    return f'<span class="{kind}">{escape(run.name)}</span>'


def _summary(a: "Run", b: "Run", changes: Sequence[tuple[str, str, str]]) -> str:
    left, right = _methods(a), _methods(b)
    both = [name for name in left.index if name in right.index]
    gains = [_sides(left["score"][name], right["score"][name], _SCORE) for name in both]
    leaders = "; ".join(
        f"the best of {_name(run, kind)} is {escape(methods.index[0])}"
        f" ({number(methods['score'].iloc[0], 3)})"
        for run, kind, methods in ((a, "a", left), (b, "b", right))
        if len(methods)
    )
    better, worse = gains.count(1), gains.count(-1)
    return f"""<p>{_plural(len(both), "method")} in both runs: {better} with a better score in
{_name(b, "b")}, {worse} with a worse one, {len(both) - better - worse} with the same.
{leaders[:1].upper()}{leaders[1:]}. {_plural(len(changes), "value")} of the configuration
{"differs" if len(changes) == 1 else "differ"}.</p>
<p class="muted">A method draws faces with requested eyes, mouth and pose, and two judges measure
what came out. Its <b>score</b> is the smallest of the three correlations of requested and measured,
averaged over the judges: 1 is full obedience, 0 none. <span class="warn">✗</span>: its pictures are
broken or all alike, whatever its score. Nothing here says whether a difference is more than chance;
the 95 % intervals are on the leaderboards, and a second seed says more.</p>"""


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' * (count != 1)}"


def _methods(run: "Run") -> pd.DataFrame:
    """Return rank, score and mark of every method, best first."""
    rows = run.leaderboard.drop_duplicates("method").sort_values("rank")
    return rows.set_index("method")[["rank", "score", "broken"]]


def _order(a: "Run", b: "Run") -> list[str]:
    """Return all methods: those of both in the order of the second, then those that one has."""
    left, right = list(_methods(a).index), list(_methods(b).index)
    common = [name for name in right if name in left]
    return common + [name for name in [*right, *left] if (name in left) != (name in right)]


def _sides(first: float, second: float, column: Column) -> int:
    """Return 1 where the second value is better, -1 where worse, 0 where they print alike."""
    if not (math.isfinite(first) and math.isfinite(second)):
        return 0
    if show(first, column) == show(second, column):
        return 0
    gain = goodness(second, column.better) - goodness(first, column.better)
    return int(np.sign(gain))


def _pair(first: float, second: float, column: Column) -> tuple[str, str, str]:
    """Return both values as printed, the better one in bold, and the marked difference."""
    side = _sides(first, second, column)
    texts = [show(first, column), show(second, column)]
    if not side:
        return *texts, ""
    texts[side > 0] = f"<b>{texts[side > 0]}</b>"
    difference = second - first
    sign = "+" if difference > 0 else ""
    kind = "better" if side > 0 else "worse"
    return *texts, f'<span class="{kind}">{sign}{show(difference, column)}</span>'


def _scores(a: "Run", b: "Run") -> str:
    left, right = _methods(a), _methods(b)
    rows = []
    for name in _order(a, b):
        ranks, scores = [], []
        for methods in (left, right):
            known = name in methods.index
            mark = ' <span class="warn">✗</span>' if known and methods["broken"][name] else ""
            ranks.append(f"{methods['rank'][name]}{mark}" if known else "–")
            scores.append(methods["score"][name] if known else math.nan)
        first, second, difference = _pair(*scores, _SCORE)
        cells = (ranks[0], first, ranks[1], second, difference)
        rows.append(
            f'<tr><td class="text">{escape(name)}</td>'
            + "".join(f"<td>{cell}</td>" for cell in cells)
            + "</tr>"
        )
    return f"""<table class="plain">
<tr><th class="text">method</th><th>rank in {_name(a, "a")}</th><th>score</th>
<th>rank in {_name(b, "b")}</th><th>score</th><th>difference</th></tr>
{"".join(rows)}
</table>
<p class="muted">Bold: the better of two. Differences are {escape(b.name)} minus {escape(a.name)}:
<span class="better">green</span> is better, <span class="worse">red</span> worse; none is shown
where both print alike. A dash: the run has no such method.</p>"""


def _figures(a: "Run", b: "Run") -> str:
    tables = [run.leaderboard.set_index(["method", "judge"]) for run in (a, b)]
    groups = "".join(
        f'<th class="group first" colspan="{len(list(columns))}">{escape(name)}</th>'
        for name, columns in groupby(SHOWN, key=lambda column: column.group)
    )
    labels = "".join(f"<th{first_class(c)}>{_label(c)}</th>" for c in SHOWN)
    bodies = []
    for method in _order(a, b):
        keys = {key for table in tables for key in table.index if key[0] == method}
        lines = []
        for key in sorted(keys):
            cells: tuple[list[str], list[str]] = ([], [])
            for column in SHOWN:
                values = [t[column.name].get(key, math.nan) for t in tables]
                first, second, difference = _pair(*values, column)
                cells[0].append(f"<td{first_class(column)}>{first}</td>")
                cells[1].append(f"<td{first_class(column)}>{second}<i>{difference}</i></td>")
            head = f'<td class="name" rowspan="{2 * len(keys)}">{escape(method)}</td>'
            judge = f'<td class="judge" rowspan="2">{escape(key[1])}</td>'
            top = f'{"" if lines else head}{judge}<td class="judge">{_name(a, "a")}</td>'
            lines.append(f"<tr>{top}{''.join(cells[0])}</tr>")
            bottom = f'<td class="judge">{_name(b, "b")}</td>{"".join(cells[1])}'
            lines.append(f'<tr class="second">{bottom}</tr>')
        bodies.append(f"<tbody>{''.join(lines)}</tbody>")
    return f"""<p class="muted">Two lines per method and judge: {_name(a, "a")} above
{_name(b, "b")}. Under a heading: which way is better. What the figures mean is said on either
leaderboard.</p>
<div class="scroll"><table>
<thead><tr><th colspan="3"></th>{groups}</tr>
<tr><th class="name">method</th><th class="judge">judge</th><th class="judge">run</th>{labels}</tr>
</thead>
{"".join(bodies)}
</table></div>"""


def _label(column: Column) -> str:
    better = {"high": "higher", "low": "lower", "one": "nearer 1"}[column.better]
    return f"{escape(column.label)}<br><small>{better}</small>"


def _changes(a: "Run", b: "Run", changes: Sequence[tuple[str, str, str]]) -> str:
    if not changes:
        return "<p>Nothing.</p>"
    rows = "".join(
        f'<tr><td class="text"><code>{escape(key)}</code></td>'
        f'<td class="text">{escape(first)}</td><td class="text">{escape(second)}</td></tr>'
        for key, first, second in changes
    )
    return f"""<table class="plain"><tr><th class="text">key</th>
<th class="text">{_name(a, "a")}</th><th class="text">{_name(b, "b")}</th></tr>{rows}</table>
<p class="muted">A dash: not set, or part of something that is switched off.</p>"""


def _curves(a: "Run", b: "Run") -> str:
    common = [name for name in a.logs if name in b.logs]
    if not common:
        return "<p>No network was trained in both runs.</p>"
    figures = []
    with tempfile.TemporaryDirectory() as folder:
        for name in common:
            path = Path(folder, f"{name}.png")
            plot_both(path, name, {run.name: run.logs[name] for run in (a, b)})
            data = base64.b64encode(path.read_bytes()).decode()
            text = f"Training of {name} in both runs"
            figures.append(f'<img src="data:image/png;base64,{data}" alt="{escape(text)}">')
    lone = sorted(set(a.logs) ^ set(b.logs))
    rest = f'<p class="muted">In one run only: {escape(", ".join(lone))}.</p>' if lone else ""
    return (
        "<p>Every fine-tune, and every network that reads scores, of both runs: "
        f"{_name(a, 'a')} and {_name(b, 'b')}.</p>"
        f"{''.join(figures)}{rest}"
    )


def _origin(a: "Run", b: "Run") -> str:
    facts = [("commit", _commit(a), _commit(b))]
    for name in sorted(a.environment.keys() | b.environment.keys()):
        facts.append((name, *(run.environment.get(name, "unknown") for run in (a, b))))
    rows = "".join(
        f'<tr><td class="text">{escape(name)}</td>'
        + "".join(f'<td class="text">{_marked(value, first != second)}</td>' for value in pair)
        + "</tr>"
        for name, first, second in facts
        for pair in [(first, second)]
        if first != second or name in ("commit", "python")
    )
    same = [f"{name} {first}" for name, first, second in facts[1:] if first == second]
    rest = f'<p class="muted">The same in both: {escape(", ".join(same))}.</p>' if same else ""
    return f"""<table class="plain"><tr><th></th><th class="text">{_name(a, "a")}</th>
<th class="text">{_name(b, "b")}</th></tr>{rows}</table>{rest}"""


def _marked(value: str, differs: bool) -> str:
    return f"<b>{escape(value)}</b>" if differs else escape(value)


def _commit(run: "Run") -> str:
    return run.commit["id"][:12] + (" with uncommitted changes" if run.commit["dirty"] else "")
