"""The `ohlora` command: what a person does beside the workflow. One module per subcommand."""

import errno
import importlib

import click

from ohlora_lib.errors import InputError

# Subcommand -> what it is for. The module of the same name has it as a function `command`.
COMMANDS = {
    "label": "Answer questions on pictures, on a page in the browser.",
    "weights": "List, fetch, verify and import weights made by others.",
}


class _Commands(click.Group):
    """Imports a subcommand only when it is called: torch takes seconds."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        return importlib.import_module(f"{__name__}.{name}").command

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, context: click.Context) -> object:
        try:
            return super().invoke(context)
        except InputError as error:
            raise click.ClickException(str(error)) from None
        except OSError as error:
            if error.errno == errno.EPIPE:
                raise  # whoever read what is printed has gone; click ends quietly
            reason = error.strerror or " ".join(str(error).split())
            raise click.ClickException(
                f"{error.filename or 'a file'} cannot be read or written ({reason}); make room, or "
                "correct the path or its permissions, and run this again"
            ) from None


@click.command(cls=_Commands)
def main() -> None:
    """Oh-LoRA Lab, beside the workflow (which runs by `snakemake --cores`)."""
