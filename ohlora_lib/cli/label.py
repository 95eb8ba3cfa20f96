"""`ohlora label`: the labelling page, and what goes into and out of its log."""

import contextlib
import getpass
import os
import shlex
import signal
import sys
import webbrowser
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
import yaml

from ohlora_lib.errors import InputError
from ohlora_lib.labelling.answers import AnswerLog, Answers, read_log
from ohlora_lib.labelling.label_studio import FORMATS, export_tasks, import_tasks, read_export
from ohlora_lib.labelling.population_mark import check_origin, keep_origin
from ohlora_lib.labelling.queue import make_queue, read_scores
from ohlora_lib.labelling.server import LabelServer
from ohlora_lib.labelling.server_lock import locked
from ohlora_lib.labelling.session import Session, Task, status
from ohlora_lib.populations.labels import read_labels
from ohlora_lib.store.png_images import EncodedImages

EPILOG = """\b
Examples:
  ohlora label --population original --attributes gender quality
  ohlora label --population v1 --count 500 --status
  ohlora label --population original --import project-1.json
"""


@click.command("label", epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--population", default="original", show_default=True, help="Whose images.")
@click.option(
    "--attributes",
    multiple=True,
    metavar="NAME [NAME ...]",
    help="What to ask, in this order.  [default: the population's, in the configuration]",
)
@click.argument("more", nargs=-1, metavar="")
@click.option(
    "--configfile",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Overlay of config.yaml, as for snakemake.",
)
@click.option(
    "--results",
    type=click.Path(path_type=Path),
    help="Folder of the run.  [default: results, and run, in the configuration]",
)
@click.option(
    "--count",
    type=click.IntRange(min=1),
    help="Images to label, the first by id.  [default: labels.count in the configuration]",
)
@click.option(
    "--order",
    type=click.Choice(["uncertain", "id"]),
    default="uncertain",
    show_default=True,
    help="uncertain: first those that a classifier is least sure of, once there is one.",
)
@click.option(
    "--labels",
    type=click.Path(path_type=Path),
    help="The CSV to write; the log lies beside it.  [default: labels.csv in the configuration, "
    "else labels/POPULATION.csv]",
)
@click.option("--annotator", help="Who answers, for the log.  [default: the login name]")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    help="On this machine.  [default: the last one, else any]",
)
@click.option("--no-browser", is_flag=True, help="Only print the address.")
@click.option("--status", "show", is_flag=True, help="Print progress and self-agreement; no page.")
@click.option(
    "--import", "source", type=click.Path(path_type=Path), help="Add answers of Label Studio."
)
@click.option(
    "--export", "target", type=click.Path(path_type=Path), help="Write answers for others."
)
@click.option(
    "--format",
    "kind",
    type=click.Choice(FORMATS),
    default=FORMATS[0],
    show_default=True,
    help="Of --export.",
)
def command(
    population: str,
    attributes: Sequence[str],
    more: Sequence[str],
    configfile: Sequence[Path],
    results: Path | None,
    count: int | None,
    order: str,
    labels: Path | None,
    annotator: str | None,
    port: int,
    no_browser: bool,
    show: bool,
    source: Path | None,
    target: Path | None,
    kind: str,
) -> None:
    """Answer questions on the images of a population, on a page in the browser.

    Every answer is saved at once; stop with Ctrl+C and start again whenever you like.
    """
    if more and not attributes:
        raise click.UsageError(f"got an unexpected argument {more[0]!r}")
    config = _read_config(configfile)
    place = ("populations", population)
    folder = results or Path(_take(config, str, "results") or "results")
    if results is None:
        folder /= _take(config, str, "run") or ""
    known = _take(config, list, *place, "attributes")
    names = _attributes([*attributes, *more], known, population)
    shards = _find_shards(folder, population, configfile)
    images = EncodedImages(shards)
    wanted = count or _take(config, int, *place, "labels", "count") or len(images.ids)
    if wanted > len(images.ids):
        raise InputError(
            f"{folder / population} has {len(images.ids)} images, not {wanted}; lower --count"
        )
    scores = read_scores(folder / population, names)
    ids = sorted(images.ids)[:wanted]
    seed = _take(config, int, "seed")
    steps = make_queue(ids, names, scores, order, 2025 if seed is None else seed)
    task = Task(population, names, steps, scores, annotator or getpass.getuser())
    configured = _take(config, str, *place, "labels", "csv")
    csv_path = labels or Path(configured or f"labels/{population}.csv")
    log_path = _log_path(csv_path)
    check_origin(log_path, shards)
    if source:
        read_export(source, task)  # what is wrong should be known before a log is begun
    if show or target:
        answers = read_log(log_path)
        if target:
            exported = export_tasks(target, kind, answers, task)
            click.echo(f"{target}: {exported} tasks")
        if show:
            _print_status(answers, task)
        return
    with (
        _writable(csv_path.parent),
        locked(csv_path.with_suffix(".lock")) as lock,
        contextlib.closing(AnswerLog(log_path)) as log,
    ):
        keep_origin(log_path, shards)
        session = Session(task, log, csv_path, _columns(names, known, log.answers))
        if source:
            added = import_tasks(source, log, task)
            session.export()
            click.echo(f"{source}: {added}")
            return
        server = _open_server(session, images, lock.address.token, port, lock.address.port)
        lock.address.port = server.port
        lock.save()
        _serve(server, no_browser)
        rows = session.export()["rows"]
        if rows:
            read_labels(
                csv_path, session.columns, len(images.ids)
            )  # refuses what the workflow would
        _print_status(log.answers, task)
        click.echo(f"{csv_path}: {rows} images; in the workflow: labels.csv of {population}")


def _log_path(csv_path: Path) -> Path:
    """Return where the log of a label CSV is; refuses a CSV that was not made from it."""
    if csv_path.suffix != ".csv":
        raise InputError(f"{csv_path} does not end in .csv; choose another --labels")
    log_path = csv_path.with_suffix(".jsonl")
    if csv_path.exists() and not log_path.exists():
        raise InputError(
            f"{csv_path} exists without its log {log_path} and would be overwritten; "
            "move it away, or choose another --labels"
        )
    return log_path


@contextlib.contextmanager
def _writable(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(
            f"{folder} cannot be written ({error.strerror}); make room or correct --labels, "
            "and run this again: no answer that was saved is lost"
        ) from error


def _read_config(overlays: Sequence[Path]) -> dict[str, Any]:
    """Return config.yaml of this folder, if any, and overlays merged into it, unchecked."""
    config: dict[str, Any] = {}
    paths = [Path("config.yaml")] if Path("config.yaml").is_file() else []
    for path in (*paths, *overlays):
        try:
            document = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        except OSError as error:
            raise InputError(f"{path} cannot be read ({error.strerror}); correct it") from error
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise InputError(
                f"{path} is not YAML ({str(error).splitlines()[0]}); correct it"
            ) from (error)
        if not isinstance(document, dict):
            raise InputError(f"{path} is not a mapping of keys to values; correct it")
        _merge(config, document)
    return config


def _take(config: dict[str, Any], kind: type, *keys: str) -> Any:
    """Return what the configuration says at a place; None where it says nothing.

    Raises:
        InputError: it is of another kind.
    """
    value: Any = config
    for depth, key in enumerate(keys):
        if not isinstance(value, dict):
            raise InputError(
                f"{'.'.join(keys[:depth])} in the configuration is {value!r}, not a mapping of "
                "keys to values; correct it"
            )
        value = value.get(key)
        if value is None:
            return None
    texts = not isinstance(value, list) or all(isinstance(item, str) for item in value)
    if not (isinstance(value, kind) and texts) or isinstance(value, bool):
        wanted = {int: "a whole number", str: "text", list: "a list of names"}[kind]
        raise InputError(
            f"{'.'.join(keys)} in the configuration is {value!r}, not {wanted}; correct it"
        )
    return value


def _attributes(given: Sequence[str], known: Sequence[str] | None, population: str) -> list[str]:
    """Return what to ask: what is given, by commas or one by one, else all that is known.

    Raises:
        InputError: there is nothing to ask, or the population has no such attribute.
    """
    names = list(dict.fromkeys(part for text in given for part in text.split(",") if part))
    if not (names or known):
        raise InputError("--attributes is missing; say what to ask, for instance gender quality")
    for name in names or known:
        if name == "id":
            raise InputError("--attributes: id is the name of a column already; choose another")
        if known and name not in known:
            raise InputError(
                f"--attributes: {name} is no attribute of {population}, which has "
                f"{', '.join(known)}; correct it, or add it to the configuration"
            )
    return names or list(known)


def _columns(asked: Sequence[str], known: Sequence[str] | None, answers: Answers) -> list[str]:
    """Return the CSV's columns: what is asked and what earlier passes asked, in known order."""
    earlier = [line.attribute for line in answers.history]
    columns = dict.fromkeys([*asked, *earlier])
    return [name for name in known or columns if name in columns]


def _merge(config: dict[str, Any], overlay: dict[str, Any]) -> None:
    for key, value in overlay.items():
        if isinstance(value, dict) and isinstance(config.get(key), dict):
            _merge(config[key], value)
        else:
            config[key] = value


def _find_shards(folder: Path, population: str, configfile: Sequence[Path]) -> list[Path]:
    place = folder / population / "images"
    shards = sorted(place.glob("shard-*.parquet"))
    if not shards:
        options = f" --configfile {shlex.join(map(str, configfile))}" if configfile else ""
        raise InputError(
            f"{place} has no images yet; make them with: "
            f"snakemake --cores 2 {shlex.quote(f'{place}/shard-00000.parquet')}{options}"
        )
    return shards


def _open_server(
    session: Session, images: EncodedImages, token: str, port: int, last: int
) -> LabelServer:
    """Listen on the wanted port, else where the page was last time, else anywhere."""
    if port:
        try:
            return LabelServer(session, images, token, port)
        except OSError as error:
            raise InputError(
                f"port {port} cannot be used ({error.strerror}); choose another --port"
            ) from error
    try:
        return LabelServer(session, images, token, last)
    except OSError:
        click.echo(
            f"Port {last}, where the page was last time, is taken now: a page that is still open "
            f"there does not come back. If it kept answers, stop this, free the port, and start "
            f"again with --port {last}."
        )
        return LabelServer(session, images, token)


def _serve(server: LabelServer, no_browser: bool) -> None:
    """Serve until Ctrl+C, or until the process is asked to end."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    click.echo(f"Labelling page: {server.address}")
    click.echo("Every answer is saved at once. Stop with Ctrl+C.")
    # without a desktop it would be a text browser, in this terminal
    desktop = {"DISPLAY", "WAYLAND_DISPLAY"} & os.environ.keys() or sys.platform != "linux"
    if desktop and not no_browser:
        webbrowser.open(server.address)
    try:
        server.serve_forever()
    except (KeyboardInterrupt, SystemExit):
        click.echo()
    finally:
        server.server_close()


def _print_status(answers: Answers, task: Task) -> None:
    numbers = status(answers, task)
    click.echo(f"{task.population}: {numbers['done']} of {numbers['images']} images done")
    for name, counts in numbers["attributes"].items():
        again = numbers["agreement"][name]
        text = f"{counts['answered']} answered, {counts['skipped']} skipped, {counts['open']} open"
        if again["pairs"]:
            text += f"; {again['share']:.0%} of {again['pairs']} answered alike when asked again"
        if again["kappa"] is not None:
            text += f" (Cohen's kappa {again['kappa']:.2f})"
        click.echo(f"  {name}: {text}")
