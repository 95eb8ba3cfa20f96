"""A training that is killed in the middle, and the weights that it must end with all the same."""

import csv
from pathlib import Path

import pytest
import torch
from torch import nn


class Killed(BaseException):
    """Stands for a kill in the middle of a training."""


def same_weights(first: nn.Module, second: nn.Module) -> bool:
    states = first.state_dict(), second.state_dict()
    assert states[0].keys() == states[1].keys()
    return all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def kill_at(monkeypatch: pytest.MonkeyPatch, module, name: str, call: int) -> None:
    """Make the function `name` of a module raise `Killed` when it is called for that time."""
    function, calls = getattr(module, name), []

    def counted(*arguments):
        calls.append(None)
        if len(calls) == call:
            raise Killed
        return function(*arguments)

    monkeypatch.setattr(module, name, counted)


def rows_of(path: Path) -> list[dict]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))
