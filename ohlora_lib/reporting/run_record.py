"""The record of a run: its configuration as used, its commit and its environment."""

from pathlib import Path
from typing import Any

import yaml

from ohlora_lib.store.atomic import atomic_path
from ohlora_lib.store.tables import write_json


def write_run_record(
    configuration: str | Path,
    record: str | Path,
    config: dict[str, Any],
    commit: dict[str, Any],
    environment: dict[str, str],
) -> None:
    """Write config.yaml and run.json; the same arguments give the same bytes.

    Args:
        configuration: the YAML file to write: `config` with sorted keys.
        record: the JSON file to write: run, commit, environment.
        config: the resolved configuration.
        commit: see `provenance.commit`.
        environment: see `provenance.environment`.
    """
    with atomic_path(configuration) as part:
        part.write_text(yaml.safe_dump(config, sort_keys=True, allow_unicode=True), "utf-8")
    write_json(record, {"run": config["run"], "commit": commit, "environment": environment})
