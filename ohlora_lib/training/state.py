"""Resumable training state: survives a kill, is refused when the options have changed."""

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ohlora_lib.errors import InputError
from ohlora_lib.store.checkpoints import read_checkpoint, save_checkpoint
from ohlora_lib.store.lock import take_lock
from ohlora_lib.store.tables import write_json

KIND = "training_state"
EARLIER = "earlier.json"  # {"seconds": of the jobs whose training the present one goes on with}
KEPT = 2  # the newest states; an older one is the way back if the newest is damaged
PATIENCE = 10  # seconds that `locked` waits for another process

_held: set[Path] = set()  # directories, by this process


def fingerprint(options: dict[str, Any]) -> str:
    """Return 12 hex digits that change when any of the (JSON-able) training options changes."""
    return hashlib.sha256(json.dumps(options, sort_keys=True).encode()).hexdigest()[:12]


def tensors_digest(tensors: dict[str, torch.Tensor]) -> str:
    """Return 12 hex digits of the contents of tensors, for the options of what starts from them."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:12]


class TrainingState:
    """Saves and restores modules, optimisers and a few numbers in a directory of its own.

    Only one process at a time may train in a directory (see `locked`).

    Args:
        directory: created if missing; not a declared output, so that a failed job keeps it.
        options: what the training depends on; a state made with other options is ignored.
        modules: saved and restored by name.
        optimizers: saved and restored by name.
    """

    def __init__(
        self,
        directory: str | Path,
        options: dict[str, Any],
        modules: dict[str, nn.Module],
        optimizers: dict[str, torch.optim.Optimizer],
    ) -> None:
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.fingerprint = fingerprint(options)
        self.modules = modules
        self.optimizers = optimizers
        self.started = time.monotonic()
        self.earlier = 0.0  # seconds that earlier jobs spent on the restored state

    def save(self, step: int, info: dict[str, Any] | None = None) -> None:
        """Write the state after `step` steps with the numbers in `info`; keep the newest two.

        Older ones go once the new one would survive a power cut (`store.atomic`).

        States of more steps go, too: they are of other options, or damaged.
        """
        tensors, groups = {}, {}
        for name, module in self.modules.items():
            tensors |= {f"{name}/{key}": value for key, value in module.state_dict().items()}
        for name, optimizer in self.optimizers.items():
            state = optimizer.state_dict()
            for index, entries in state["state"].items():
                tensors |= {f"{name}/{index}/{key}": value for key, value in entries.items()}
            groups[name] = state["param_groups"]
        config = {"step": step, "info": info or {}, "groups": groups}
        config["fingerprint"] = self.fingerprint
        config["seconds"] = round(self.earlier + time.monotonic() - self.started, 1)
        save_checkpoint(self._file(step), tensors, KIND, config)
        files = self._files()
        later = [path for path in files if path > self._file(step)]
        for old in [*later, *files[: len(files) - len(later)][:-KEPT]]:
            old.unlink()

    def clear(self) -> None:
        """Remove all states, for a training that starts anew and overwrites what is beside them."""
        for old in self._files():
            old.unlink()

    def restore(self) -> tuple[int, dict[str, Any]]:
        """Load the newest state that fits the options.

        How long earlier jobs took to get there goes to `EARLIER`, for whoever adds up costs.

        Returns:
            The number of steps done and the saved numbers; (0, {}) if there is none.
        """
        step, info = 0, {}
        for path in reversed(self._files()):
            try:
                checkpoint = read_checkpoint(path, KIND)
            except FileNotFoundError:
                continue  # just removed by another process
            except InputError as error:
                print(f"a damaged training state is passed over: {error}")
                continue
            config = checkpoint.config
            if config["fingerprint"] != self.fingerprint:
                print(f"{path} is of a training with other options or code: it is passed over")
                continue
            self._load(checkpoint.tensors, config["groups"])
            step, info, self.earlier = config["step"], config["info"], config.get("seconds", 0.0)
            break
        write_json(self.directory / EARLIER, {"seconds": self.earlier})
        return step, info

    def _load(self, tensors: dict[str, torch.Tensor], groups: dict[str, list]) -> None:
        for name, module in self.modules.items():
            module.load_state_dict(_below(tensors, name))
        for name, optimizer in self.optimizers.items():
            entries: dict[int, dict[str, torch.Tensor]] = {}
            for key, value in _below(tensors, name).items():
                index, field = key.split("/")
                entries.setdefault(int(index), {})[field] = value
            optimizer.load_state_dict({"state": entries, "param_groups": groups[name]})

    def _file(self, step: int) -> Path:
        return self.directory / f"state-{step:09d}.safetensors"

    def _files(self) -> list[Path]:
        return sorted(self.directory.glob("state-*.safetensors"))


@contextlib.contextmanager
def locked(directory: str | Path) -> Iterator[None]:
    """Hold a training directory exclusively; again, within a block that holds it already.

    So whoever calls a training can hold its directory until what was made is written. A process
    that is about to end, with a run that was killed, is waited for.

    Raises:
        InputError: another process is training there (a killed workflow leaves its jobs running).
    """
    path = Path(directory)
    if path.resolve() in _held:
        yield
        return
    path.mkdir(parents=True, exist_ok=True)
    lock = take_lock(path / "lock", PATIENCE)
    if lock is None:
        raise InputError(f"{path} is in use by another training process; wait for it or end it")
    _held.add(path.resolve())
    try:
        yield
    finally:
        _held.remove(path.resolve())
        os.close(lock)


def _below(tensors: dict[str, torch.Tensor], name: str) -> dict[str, torch.Tensor]:
    prefix = f"{name}/"
    return {key[len(prefix) :]: value for key, value in tensors.items() if key.startswith(prefix)}
