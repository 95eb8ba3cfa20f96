"""Tables of the leaderboard's page for judges that inform and rank nothing."""

from collections.abc import Mapping, Sequence
from html import escape
from itertools import groupby
from typing import Any

from ohlora_lib.reporting.leaderboard_columns import entry, mean_of
from ohlora_lib.reporting.theme import number

NONE = "–"


def render_table(judge: str, table: Mapping[str, Any], summaries: Mapping[str, dict]) -> str:
    """Return the HTML of a table and its legend.

    Args:
        judge: its name.
        table: what it shows: `heading`, `legend` and `columns`, each with `group`, `label`, `place`
            (keys that lead to a number, a number with an interval or a list of words in
            summary.json) and `decimals`; see `judging.judges.registry.Table`.
        summaries: its summary.json by method, in the order of the rows.
    """
    columns = table["columns"]
    groups, heads = "", ""
    for name, found in groupby(columns, key=lambda column: column["group"]):
        labels = [escape(column["label"]) for column in found]
        groups += f'<th class="group first" colspan="{len(labels)}">{escape(name)}</th>'
        heads += f'<th class="first">{labels[0]}</th>' + "".join(
            f"<th>{label}</th>" for label in labels[1:]
        )
    rows = "\n".join(_row(name, columns, summary) for name, summary in summaries.items())
    return f"""<h2 id="judge-{escape(judge)}">{escape(table["heading"])}</h2>
<div class="scroll"><table>
<thead><tr><th></th>{groups}</tr><tr><th class="name">method</th>{heads}</tr></thead>
{rows}
</table></div>
<p class="muted">By the judge <i>{escape(judge)}</i>, which ranks nothing. {escape(table["legend"])}
Point at a number for its 95 % interval.</p>
"""


def _row(method: str, columns: Sequence[Mapping[str, Any]], summary: dict) -> str:
    name = escape(method)
    cells = "".join(_cell(entry(summary, *each["place"]), each["decimals"]) for each in columns)
    return f'<tr><td class="name"><a href="#{name}">{name}</a></td>{cells}</tr>'


def _cell(value: Any, decimals: int) -> str:
    if isinstance(value, list):
        return f'<td class="judge">{escape(value[0] if value else NONE)}</td>'
    ends = [entry(value, side) for side in ("low", "high")]
    title = ""
    if None not in ends:
        low, high = (number(end, decimals) for end in ends)
        title = f' title="95 % interval: {low} to {high}"'
    return f"<td{title}>{number(mean_of(value), decimals)}</td>"
