"""Two runs side by side: what each was made with, what differs, and how well its methods do."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from ohlora_lib.errors import InputError, rebuild
from ohlora_lib.reporting.compare_page import render
from ohlora_lib.reporting.leaderboard_columns import COLUMNS
from ohlora_lib.store.atomic import atomic_path
from ohlora_lib.store.tables import read_json, read_table

PLACES = ("run", "results")  # keys that name a run rather than change it
UNSET = "–"
LOGS = ("finetune/*/train_log.csv", "*_cnn/train_log.csv")  # in a run's folder
SECONDS = "train_seconds"  # differ between runs that are the same otherwise


@dataclass(frozen=True)
class Run:
    """What a finished run left in its folder.

    Attributes:
        name: of the run, and of its folder.
        leaderboard: see `leaderboard.leaderboard`.
        config: the resolved configuration.
        commit: see `provenance.commit`.
        environment: version by package.
        logs: training log by fine-tune, and by network that reads scores.
    """

    name: str
    leaderboard: pd.DataFrame
    config: dict[str, Any]
    commit: dict[str, Any]
    environment: dict[str, str]
    logs: dict[str, Path]


def compare_runs(page: str | Path, results: str | Path, runs: str | None) -> None:
    """Write a page that compares two runs; it opens without a network.

    Args:
        page: HTML to write.
        results: the folder that holds the folders of both runs.
        runs: their names, "a,b"; None where they were not given.

    Raises:
        InputError: `runs` does not name two runs, or one of them is missing, unfinished or damaged.
    """
    names = runs.split(",") if runs else []
    if len(names) != 2 or names[0] == names[1]:
        raise InputError(
            f"runs is {runs or 'not given'}; name two different ones:"
            " snakemake compare --config runs=a,b"
        )
    a, b = (read_run(Path(results), name) for name in names)
    text = render(a, b, differences(a.config, b.config))
    with atomic_path(page) as part:
        part.write_text(text, encoding="utf-8")


def read_run(results: Path, name: str) -> Run:
    """Read what a run left.

    Raises:
        InputError: the run is missing, unfinished or damaged.
    """
    folder = results / name
    if not (folder / "run.json").is_file():
        finished = sorted(path.parent.name for path in results.glob("*/run.json"))
        known = f"finished are {', '.join(finished)}" if finished else "none is finished"
        raise InputError(
            f"{folder} holds no finished run ({known}); make it with snakemake --config run={name}"
        )
    record = read_json(folder / "run.json")
    wanted = {"commit", "environment"}
    if not isinstance(record, dict) or not wanted <= record.keys():
        raise InputError(
            f"{folder / 'run.json'} lacks commit or environment; {rebuild(folder / 'run.json')}"
        )
    logs = sorted(path for pattern in LOGS for path in folder.glob(pattern))
    return Run(
        name=name,
        leaderboard=_read_leaderboard(folder),
        config=_read_config(folder / "config.yaml"),
        commit=record["commit"],
        environment=record["environment"],
        logs={path.parent.name: path for path in logs},
    )


def _read_leaderboard(folder: Path) -> pd.DataFrame:
    """Return a run's leaderboard with its seconds, which stand in a table of their own.

    Columns that a run of older code lacks are NaN.
    """
    path = folder / "leaderboard.csv"
    table = read_table(path)
    read_table(path, ["rank", "method", "judge", "score", "broken"])  # names what is missing
    costs = folder / "costs.csv"
    if SECONDS not in table and costs.is_file():
        table = table.merge(read_table(costs, ["method", SECONDS]), on="method", how="left")
    missing = [column.name for column in COLUMNS if column.name not in table]
    return table.assign(**dict.fromkeys(missing, float("nan")))


def differences(a: dict, b: dict) -> list[tuple[str, str, str]]:
    """Return where two configurations differ, but for what names the run.

    Returns:
        (dotted key, value in a, value in b), sorted by key; a dash where a key is not set. A key
        that only one has is followed down to its values.
    """
    left, right = dict(_leaves(a)), dict(_leaves(b))
    keys = sorted((left.keys() | right.keys()) - set(PLACES))
    pairs = [(key, left.get(key, UNSET), right.get(key, UNSET)) for key in keys]
    return [pair for pair in pairs if pair[1] != pair[2]]


def _leaves(value: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """Yield the dotted key and the YAML text of every value that holds no further keys."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(item, f"{place}.{key}".lstrip("."))
    else:
        text = yaml.safe_dump(value, default_flow_style=True, width=10**6, allow_unicode=True)
        yield place, text.removesuffix("...\n").strip()


def _read_config(path: Path) -> dict[str, Any]:
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path} does not exist; run snakemake to make it") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path} is not YAML ({reason}); {rebuild(path)}") from error
    if not isinstance(config, dict):
        raise InputError(f"{path} holds no configuration; {rebuild(path)}")
    return config
