"""The one exception for bad input: configuration, tables, shards, checkpoints, labels."""


class InputError(Exception):
    """Something a user supplied is wrong.

    The message is one sentence that names the file, the place in it, and what to do about it.
    Command lines and workflow scripts print it without a traceback and exit with a non-zero status.
    """
