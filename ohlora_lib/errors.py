"""The one exception for bad input: configuration, tables, shards, checkpoints, labels."""

import shlex
from pathlib import Path


class InputError(Exception):
    """Something a user supplied is wrong.

    The message is one sentence that names the file, the place in it, and what to do about it.
    Command lines and workflow scripts print it without a traceback and exit with a non-zero status.
    """


def rebuild(path: str | Path) -> str:
    """Return, for a message, how a damaged file of a run is made again.

    The run's own command makes it: another one would lack its overlays. With the file as its only
    target first, since what needs a file that a run makes is planned to be made, too, whatever the
    file then holds.
    """
    name = shlex.quote(str(path))
    return (
        f"delete it (rm {name}) and run snakemake again, as before, but first with {name} as its "
        f"only target, so that nothing else is redone"
    )
