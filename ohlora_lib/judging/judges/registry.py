"""The judges, an entry each; torch-free, as rules and pages read it.

`cnn` is the network that methods are trained against; `segment` has seen none of them: it measures
the segmented picture as the population was measured. A method is good when both say so. Other
judges inform: they measure something else, and change no rank.

A judge is a module of this folder with a function `load`, see `judging.measure`, and an entry here.
The module is imported only when it is needed: a job's code digest covers the judge that it runs, so
that an edited score does not ask the network again. The words reach pages and plots as params of
their rules, so that an edited word measures nothing again.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from ohlora_lib.methods.base import Method
from ohlora_lib.networks.segmenters import segmenter_files, segmenter_options
from ohlora_lib.populations.recipes import score_algorithm, score_statistics
from ohlora_lib.scores import ALGORITHMS, CONTROLLED
from ohlora_lib.store.results import Results

Config = dict[str, Any]


@dataclass(frozen=True)
class Column:
    """A figure of an informing judge's table, by method.

    Attributes:
        group: heading over neighbouring columns.
        label: heading of the column.
        place: keys that lead to it in the judge's summary: to a number, to one with an interval
            (`mean`, `low`, `high`), or to a list of words, of which the first is shown.
        decimals: of a number.
    """

    group: str
    label: str
    place: tuple[str, ...]
    decimals: int = 3


@dataclass(frozen=True)
class Table:
    """What an informing judge shows on the leaderboard's page.

    Attributes:
        heading: over the table.
        legend: sentences below it.
        columns: from left to right.
    """

    heading: str
    legend: str
    columns: tuple[Column, ...]


@dataclass(frozen=True)
class JudgeEntry:
    """What the workflow and the pages know of a judge.

    Attributes:
        looks_through: what it looks through, in words.
        standing: how it stands to the methods, in words that follow "which"; of ranking judges.
        inputs: the files that it looks through, from the configuration and the map of files.
        options: how it measures a method, besides its inputs: arguments of `load`.
        ranks: whether its figures decide the order of the leaderboard.
        as_published: whether the reference study judged with it, so that its figures compare.
        summary: module whose `judge_method` makes the summary of its measurements.
        table: its table on the leaderboard's page; of informing judges.
        exists: whether a configuration has it.
    """

    looks_through: str
    inputs: Callable[[Config, Results], dict[str, Any]]
    options: Callable[[Config, Method], dict[str, Any]]
    standing: str = ""
    ranks: bool = True
    as_published: bool = False
    summary: str = "ohlora_lib.judging.protocol"
    table: Table | None = None
    exists: Callable[[Config], bool] = lambda config: True


def _dropout(config: Config, method: Method) -> dict[str, Any]:
    return {} if method.dropout_seed is None else {"dropout_seed": method.dropout_seed}


def _segment_inputs(config: Config, results: Results) -> dict[str, Any]:
    return {**segmenter_files(config), "statistics": score_statistics(config, results)}


def _segment_options(config: Config, method: Method) -> dict[str, Any]:
    segmenter, algorithm = config["domain"]["segmenter"], score_algorithm(config)
    return {
        **segmenter_options(config),
        "segmenter": segmenter["kind"],
        "batch_size": segmenter["batch"],
        "algorithm": algorithm,
        "options": {name: config["scores"][algorithm][name] for name in ALGORITHMS["v1"]},
    }


def _by_property(group: str, *place: str, last: tuple[str, ...] = ()) -> tuple[Column, ...]:
    return tuple(Column(group, name, (*place, name, *last)) for name in CONTROLLED)


FACES = Table(
    heading="Head pose, attributes, age and gender",
    legend=(
        "Yaw: degrees that the head turns per unit of requested pose, and their correlation. The "
        "rest is how much changes when a property is requested at 2 instead of −2: the mean over "
        "the 40 attributes of the change of their probability, the attribute that changes most, "
        "and the share of probability that moves between the eight groups of age and the two of "
        "gender."
    ),
    columns=(
        Column("head pose", "yaw, ° per unit", ("angles", "yaw", "slope"), 2),
        Column("head pose", "correlation", ("angles", "yaw", "correlation")),
        *_by_property("attributes, by property", "leakage_mean"),
        *_by_property("most changed attribute", "movers"),
        *_by_property("age, by property", "groups", "age", last=("moved",)),
        *_by_property("gender, by property", "groups", "gender", last=("moved",)),
    ),
)

JUDGES = {
    "cnn": JudgeEntry(
        looks_through="the property CNN",
        standing="methods are trained against",
        inputs=lambda config, results: {"weights": results("property_cnn")},
        options=_dropout,
        as_published=True,
    ),
    "segment": JudgeEntry(
        looks_through="segmentation",  # class maps, landmarks where there are some, scores
        standing="none of them has seen",
        inputs=_segment_inputs,
        options=_segment_options,
    ),
    "facexformer": JudgeEntry(
        looks_through="FaceXFormer",
        inputs=lambda config, results: segmenter_files(config),
        options=lambda config, method: {"batch_size": config["domain"]["segmenter"]["batch"]},
        ranks=False,
        summary="ohlora_lib.judging.judges.facexformer_summary",
        table=FACES,
        exists=lambda config: config["domain"]["segmenter"]["kind"] == "facexformer",
    ),
}
RANKING = tuple(name for name, entry in JUDGES.items() if entry.ranks)


def judge_names(config: Config) -> list[str]:
    """Return the judges that a configuration has, those that rank first."""
    found = [name for name, entry in JUDGES.items() if entry.exists(config)]
    return sorted(found, key=lambda name: not JUDGES[name].ranks)


def judge_words(name: str) -> dict[str, Any]:
    """Return what the leaderboard's page says of a ranking judge: fields of its `Judge`."""
    entry = JUDGES[name]
    return {
        "looks_through": entry.looks_through,
        "standing": entry.standing,
        "as_published": entry.as_published,
    }


def judge_table(name: str) -> dict[str, Any]:
    """Return the table of an informing judge: the fields of `Table`, as plain values."""
    return asdict(JUDGES[name].table)
