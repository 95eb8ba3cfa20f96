"""Files appear whole or not at all; the order of system calls makes them survive a power cut."""

import os
from pathlib import Path

import pytest
import torch
from torch import nn

from ohlora_lib.store import atomic
from ohlora_lib.store.atomic import atomic_path
from ohlora_lib.training.state import TrainingState


@pytest.fixture
def calls(monkeypatch) -> list[tuple[str, str]]:
    """Record fsync (of a file's name), replace and unlink, in their order."""
    found: list[tuple[str, str]] = []
    fsync, replace, unlink = os.fsync, os.replace, Path.unlink

    def recorded_fsync(handle):
        found.append(("fsync", Path(os.readlink(f"/proc/self/fd/{handle}")).name))
        fsync(handle)

    def recorded_replace(part, path):
        found.append(("replace", Path(path).name))
        replace(part, path)

    def recorded_unlink(path, missing_ok=False):
        if path.exists():
            found.append(("unlink", path.name))
        unlink(path, missing_ok)

    monkeypatch.setattr(os, "fsync", recorded_fsync)
    monkeypatch.setattr(os, "replace", recorded_replace)
    monkeypatch.setattr(Path, "unlink", recorded_unlink)
    return found


def test_a_file_is_on_disk_before_its_name_and_its_name_before_the_writer_returns(tmp_path, calls):
    with atomic_path(tmp_path / "folder" / "a.txt") as part:
        part.write_text("whole")
    first, *rest = calls
    assert first[0] == "fsync" and first[1].startswith(".part-")
    assert rest == [("replace", "a.txt"), ("fsync", "folder")]


def test_a_failed_sync_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def full(handle):
        raise OSError(28, "no space left on device")

    monkeypatch.setattr(atomic.os, "fsync", full)
    with pytest.raises(OSError), atomic_path(path) as part:
        part.write_text("new")
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_old_training_states_go_only_after_the_new_one_is_durable(tmp_path, calls):
    network = nn.Linear(2, 1)
    state = TrainingState(tmp_path / "state", {}, {"network": network}, {})
    for step in (1, 2):
        state.save(step)
    calls.clear()
    state.save(3)
    assert [call for call in calls if call[0] != "fsync"] == [
        ("replace", "state-000000003.safetensors"),
        ("unlink", "state-000000001.safetensors"),
    ]
    assert calls[-2] == ("fsync", "state")  # the folder, before the old state goes


def test_a_damaged_state_is_passed_over_and_named(tmp_path, capsys):
    network = nn.Linear(2, 1)
    state = TrainingState(tmp_path, {}, {"network": network}, {})
    for step in (1, 2):
        with torch.no_grad():
            network.weight.fill_(step)
        state.save(step)
    newest = tmp_path / "state-000000002.safetensors"
    newest.write_bytes(newest.read_bytes()[:100])
    assert state.restore()[0] == 1
    assert network.weight[0, 0] == 1
    assert newest.name in capsys.readouterr().out
