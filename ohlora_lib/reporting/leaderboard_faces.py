"""What the judge `facexformer` says of every method, as a table of the leaderboard's page."""

from collections.abc import Mapping
from html import escape

from ohlora_lib.reporting.leaderboard_columns import entry, mean_of
from ohlora_lib.reporting.theme import number
from ohlora_lib.scores import CONTROLLED

GROUPS = ("age", "gender")
NONE = "–"


def render(summaries: Mapping[str, dict]) -> str:
    """Return the table and its legend; nothing where no method was judged.

    Args:
        summaries: summary.json of the judge `facexformer` by method, in the order of the rows.
    """
    if not summaries:
        return ""
    first = [("head pose", 2), ("attributes, by property", len(CONTROLLED) + 1)]
    first += [(f"{head}, by property", len(CONTROLLED)) for head in GROUPS]
    groups = "".join(
        f'<th class="group first" colspan="{span}">{escape(text)}</th>' for text, span in first
    )
    labels = ["yaw, ° per unit", "correlation", *CONTROLLED, "most changed"]
    labels += CONTROLLED * len(GROUPS)
    heads = "".join(f"<th>{escape(label)}</th>" for label in labels)
    rows = "\n".join(_row(name, summary) for name, summary in summaries.items())
    return f"""<h2 id="faces">Head pose, attributes, age and gender</h2>
<div class="scroll"><table>
<thead><tr><th></th>{groups}</tr><tr><th class="name">method</th>{heads}</tr></thead>
{rows}
</table></div>
<p class="muted">By the judge <i>facexformer</i>, which ranks nothing. <b>Yaw</b>: degrees that the
head turns per unit of requested pose, and their correlation. The rest is how much changes when a
property is requested at 2 instead of −2: the mean over the 40 attributes of the change of their
probability, the attribute that changes most, and the share of probability that moves between the
eight groups of age and the two of gender. Point at a number for its 95 % interval.</p>
"""


def _row(name: str, summary: dict) -> str:
    movers = {
        property_: (entry(summary, "movers", property_) or [NONE])[0] for property_ in CONTROLLED
    }
    cells = [
        f'<td class="name"><a href="#{escape(name)}">{escape(name)}</a></td>',
        _cell(entry(summary, "angles", "yaw", "slope"), 2),
        _cell(entry(summary, "angles", "yaw", "correlation"), 3),
        *[_cell(entry(summary, "leakage_mean", each), 3) for each in CONTROLLED],
        f'<td class="judge">{escape(", ".join(movers.values()))}</td>',
    ]
    for head in GROUPS:
        cells += [_cell(entry(summary, "groups", head, each, "moved"), 3) for each in CONTROLLED]
    return f"<tr>{''.join(cells)}</tr>"


def _cell(stat: dict | None, decimals: int) -> str:
    ends = [entry(stat, side) for side in ("low", "high")]
    title = ""
    if None not in ends:
        low, high = (number(end, decimals) for end in ends)
        title = f' title="95 % interval: {low} to {high}"'
    return f"<td{title}>{number(mean_of(stat), decimals)}</td>"
