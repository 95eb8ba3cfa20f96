"""`ohlora weights`: list, fetch, verify and import weights made by others."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import click

from ohlora_lib.errors import InputError
from ohlora_lib.weights.entries import FOLDER, Entry
from ohlora_lib.weights.fetch import check, fetch_file
from ohlora_lib.weights.presence import state_of
from ohlora_lib.weights.registry import REGISTRY, find_entry, load_registry
from ohlora_lib.weights.signatures import sha256_of


@dataclass(frozen=True)
class Place:
    """What all commands work on."""

    entries: dict[str, Entry]
    folder: Path

    def chosen(self, names: Iterable[str]) -> list[Entry]:
        """Return the named entries; all where none is named."""
        return [find_entry(self.entries, name) for name in names] or list(self.entries.values())


@click.group()
@click.option("--folder", default=FOLDER, type=Path, show_default=True, help="Where weights are.")
@click.option("--registry", default=REGISTRY, type=Path, help="Another resources/weights.yaml.")
@click.pass_context
def command(context: click.Context, folder: Path, registry: Path) -> None:
    r"""List, fetch, verify and import weights made by others.

    \b
    ohlora weights list
    ohlora weights fetch facexformer && ohlora weights import facexformer
    """
    context.obj = Place(load_registry(registry), folder)


@command.command("list")
@click.pass_obj
def list_weights(place: Place) -> None:
    """Say of every entry whether it is here, what it holds, its size, licence and source."""
    for entry in place.entries.values():
        click.echo(f"{entry.name:28} {state_of(entry, place.folder)}")
        sizes = [file.bytes for file in entry.files]
        size = f"{sum(sizes) / 1e6:.1f} MB" if all(sizes) else "size not known"
        files = "1 file" if len(sizes) == 1 else f"{len(sizes)} files"
        click.echo(f"    {entry.title}; {files}, {size}; licence: {entry.licence}")
        layouts = sorted({part.layout for file in entry.files for part in file.parts})
        known = "known" if all(file.sha256 for file in entry.files) else "not known"
        click.echo(f"    holds {', '.join(layouts)}; SHA-256 {known}")
        click.echo(f"    from {entry.page}, to {place.folder / 'downloads' / entry.name}")


@command.command("fetch")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.pass_obj
def fetch_weights(place: Place, names: tuple[str, ...]) -> None:
    """Download the files of NAME...; a broken download goes on where it stopped."""
    problems = []
    for entry in place.chosen(names):
        for file in entry.files:
            try:
                click.echo(f"{fetch_file(entry, file, place.folder)}: here")
            except InputError as error:
                problems.append(str(error))
    _end_with(problems)


@command.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.pass_obj
def verify(place: Place, names: tuple[str, ...]) -> None:
    """Check the files of NAME..., of all entries where none is named: sizes, checksums, imports."""
    from ohlora_lib.store.checkpoints import read_checkpoint  # imports torch

    problems, seen = [], False
    for entry in place.chosen(names):
        for file in entry.files:
            path = entry.download(file, place.folder)
            found = None
            try:
                if path.exists():
                    seen = True
                    check(path, file.bytes, file.sha256)
                    found = sha256_of(path)
                    known = "as published" if file.sha256 else "not known to be right"
                    click.echo(f"{path}: SHA-256 {found}, {known}")
                elif names:
                    raise InputError(f"{path} is missing; {entry.remedy(file, place.folder)}")
                for part in file.parts:
                    product = entry.product(part, place.folder)
                    if product.exists():
                        seen = True
                        _check_import(read_checkpoint(product).provenance, product, found)
                        click.echo(f"{product}: good")
            except InputError as error:
                problems.append(str(error))
    if not (seen or problems):
        click.echo(f"none of these files is here, in {place.folder}; see `ohlora weights list`")
    _end_with(problems)


@command.command("import")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.pass_obj
def import_weights(place: Place, names: tuple[str, ...]) -> None:
    """Convert the files of NAME... into checkpoints of this project."""
    from ohlora_lib.weights.convert import convert  # imports torch

    wanted = [
        (entry, file, entry.download(file, place.folder))
        for entry in place.chosen(names)
        for file in entry.files
    ]
    _end_with(
        f"{path} is missing; {entry.remedy(file, place.folder)}"
        for entry, file, path in wanted
        if not path.exists()
    )
    for entry, file, path in wanted:
        check(path, file.bytes, file.sha256)
        for part in file.parts:
            product = entry.product(part, place.folder)
            convert(path, part, product)
            click.echo(f"{product}: imported")


def _end_with(problems: Iterable[str]) -> None:
    """Print a line for each problem and end the command; go on where there is none."""
    problems = list(problems)
    for problem in problems:
        click.echo(f"error: {problem}", err=True)
    if problems:
        raise click.exceptions.Exit(1)


def _check_import(provenance: dict, product: Path, sha256: str | None) -> None:
    if sha256 is not None and provenance.get("sha256") != sha256:
        raise InputError(f"{product} was made from another file; import it again")
