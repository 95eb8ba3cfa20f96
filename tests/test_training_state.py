"""What survives a kill: states and logs of trainings, and the moving average."""

import os
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from kills import Killed, rows_of, same_weights
from torch import nn

from ohlora_lib.errors import InputError
from ohlora_lib.store import lock
from ohlora_lib.store.lock import take_lock
from ohlora_lib.store.tables import read_json
from ohlora_lib.training import state as training_state
from ohlora_lib.training.average import MovingAverage
from ohlora_lib.training.log import CsvLog
from ohlora_lib.training.state import EARLIER, TrainingState, fingerprint, locked

SIDE, Z_DIM = 16, 52
GENERATOR = {
    "resolution": SIDE,
    "z_dim": Z_DIM,
    "w_dim": 64,
    "hidden_dim": 52,
    "mapping_layers": 2,
    "fmaps_base": 128,
    "fmaps_max": 16,
}


# ---- state


def build(seed: int = 0) -> tuple[nn.Module, torch.optim.Optimizer]:
    torch.manual_seed(seed)
    module = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
    groups = [
        {"params": module[0].parameters(), "lr": 0.1},
        {"params": module[1:].parameters(), "lr": 0.01, "eps": 1e-10},
    ]
    return module, torch.optim.AdamW(groups, betas=(0.5, 0.9))


def step(module: nn.Module, optimizer: torch.optim.Optimizer, seed: int) -> None:
    x = torch.randn(8, 3, generator=torch.Generator().manual_seed(seed))
    optimizer.zero_grad()
    module(x).square().mean().backward()
    optimizer.step()


def state_of(folder: Path, module, optimizer, options: dict) -> TrainingState:
    return TrainingState(folder, options, {"net": module}, {"adam": optimizer})


def test_a_restored_state_goes_on_exactly(tmp_path):
    straight = build()
    for seed in range(6):
        step(*straight, seed)
    begun = build()
    for seed in range(3):
        step(*begun, seed)
    state_of(tmp_path, *begun, {"lr": 1}).save(3, {"seen": 24, "name": "a"})
    resumed = build(seed=9)  # other weights, to be overwritten
    assert state_of(tmp_path, *resumed, {"lr": 1}).restore() == (3, {"seen": 24, "name": "a"})
    for group in resumed[1].param_groups:
        assert tuple(group["betas"]) == (0.5, 0.9)
    assert [group["lr"] for group in resumed[1].param_groups] == [0.1, 0.01]
    for seed in range(3, 6):
        step(*resumed, seed)
    assert same_weights(straight[0], resumed[0])


def test_the_newest_two_states_are_kept(tmp_path):
    module, optimizer = build()
    state = state_of(tmp_path, module, optimizer, {})
    assert state.restore() == (0, {})
    for number in (5, 50, 1000, 12_000):
        state.save(number)
    names = sorted(path.name for path in tmp_path.glob("state-*"))
    assert names == ["state-000001000.safetensors", "state-000012000.safetensors"]
    assert state.restore() == (12_000, {})


def test_other_options_do_not_resume(tmp_path):
    module, optimizer = build()
    state_of(tmp_path, module, optimizer, {"lr": 1}).save(7)
    other = build(seed=1)
    untouched = build(seed=1)
    assert state_of(tmp_path, *other, {"lr": 2}).restore() == (0, {})
    assert same_weights(other[0], untouched[0])
    # coming back to the first options finds their state again
    assert state_of(tmp_path, *other, {"lr": 1}).restore()[0] == 7


def test_a_training_with_other_options_keeps_its_states_among_older_ones(tmp_path):
    module, optimizer = build()
    for number in (500, 600):
        state_of(tmp_path, module, optimizer, {"lr": 1}).save(number)
    state = state_of(tmp_path, module, optimizer, {"lr": 2})
    for number in (100, 200, 300):
        state.save(number)
        assert state.restore()[0] == number
    names = sorted(path.name for path in tmp_path.glob("state-*"))
    assert names == ["state-000000200.safetensors", "state-000000300.safetensors"]
    state.clear()
    assert state.restore() == (0, {}) and not list(tmp_path.glob("state-*"))


def test_the_seconds_of_earlier_jobs_are_added_up(tmp_path, monkeypatch):
    clock = iter([100.0, 107.0, 500.0, 503.0, 900.0])
    watch = SimpleNamespace(monotonic=lambda: next(clock))
    monkeypatch.setattr("ohlora_lib.training.state.time", watch)
    module, optimizer = build()

    def earlier(restored: TrainingState) -> tuple[int, float]:
        step = restored.restore()[0]
        return step, read_json(tmp_path / EARLIER)["seconds"]

    state = state_of(tmp_path, module, optimizer, {})
    assert earlier(state) == (0, 0.0)
    state.save(5)  # after 7 seconds; killed later
    state = state_of(tmp_path, module, optimizer, {})
    assert earlier(state) == (5, 7.0)
    state.save(9)  # after 3 more
    assert earlier(state_of(tmp_path, module, optimizer, {})) == (9, 10.0)


@pytest.mark.parametrize("damage", ["empty", "cut", "text", "zeros"])
def test_a_damaged_newest_state_falls_back_on_the_one_before(tmp_path, damage):
    module, optimizer = build()
    state = state_of(tmp_path, module, optimizer, {})
    step(module, optimizer, 0)
    state.save(1)
    saved = {name: value.clone() for name, value in module.state_dict().items()}
    step(module, optimizer, 1)
    state.save(2)
    newest = tmp_path / "state-000000002.safetensors"
    raw = newest.read_bytes()
    newest.write_bytes(
        {"empty": b"", "cut": raw[: len(raw) // 2], "text": b"no state", "zeros": bytes(len(raw))}[
            damage
        ]
    )
    assert state.restore()[0] == 1
    assert all(torch.equal(module.state_dict()[name], value) for name, value in saved.items())
    newest.unlink()
    (tmp_path / "state-000000001.safetensors").write_bytes(b"")
    assert state.restore() == (0, {})


@settings(max_examples=50, deadline=None)
@given(
    st.dictionaries(
        st.text(max_size=5), st.integers() | st.floats(allow_nan=False) | st.booleans(), max_size=5
    )
)
def test_fingerprints_follow_the_options(options):
    mark = fingerprint(options)
    assert len(mark) == 12 and set(mark) <= set("0123456789abcdef")
    assert fingerprint(dict(reversed(list(options.items())))) == mark
    assert fingerprint({**options, "one more": 1}) != mark


def test_a_directory_in_use_is_refused(tmp_path, monkeypatch):
    folder = tmp_path / "state"
    folder.mkdir()
    monkeypatch.setattr(training_state, "PATIENCE", 0)
    other = take_lock(folder / "lock")
    with pytest.raises(InputError, match="in use by another training process") as info:
        with locked(folder):
            raise AssertionError
    assert str(folder) in str(info.value)
    os.close(other)
    with pytest.raises(Killed), locked(folder):  # a lock that a crash leaves is no lock
        raise Killed
    with locked(folder):
        pass


def test_a_process_that_is_about_to_end_is_waited_for(tmp_path, monkeypatch):
    folder = tmp_path / "state"
    folder.mkdir()
    other = take_lock(folder / "lock")
    monkeypatch.setattr(lock.time, "sleep", lambda seconds: os.close(other))
    with locked(folder):
        assert take_lock(folder / "lock") is None


def test_who_holds_a_directory_can_train_in_it_and_write(tmp_path):
    folder = tmp_path / "state"
    with locked(folder):
        with locked(str(folder)):
            assert take_lock(folder / "lock") is None
        assert take_lock(folder / "lock") is None
    os.close(take_lock(folder / "lock"))


# ---- log and average


def test_a_resumed_log_drops_the_rows_after_the_restored_step(tmp_path):
    path = tmp_path / "log.csv"
    log = CsvLog(path, 0)
    assert not path.exists()
    for number in (10, 20, 30, 40):
        log.add(step=number, loss=number / 7)
    CsvLog(path, 20).add(step=30, loss=0.5)
    assert [(row["step"], row["loss"]) for row in rows_of(path)] == [
        ("10", str(10 / 7)),
        ("20", str(20 / 7)),
        ("30", "0.5"),
    ]
    CsvLog(path, 0).add(step=1, other="x")  # from the start: old columns go, too
    assert rows_of(path) == [{"step": "1", "other": "x"}]


@pytest.mark.parametrize(
    "torn", ["2,30", "2", "2,300,0.1", "2,", ",,", "2,3e2,0.5\r\n", "2,300\r\n"]
)
def test_a_row_that_a_full_disk_cut_short_is_dropped(tmp_path, torn):
    path = tmp_path / "log.csv"
    log = CsvLog(path, 0)
    log.add(epoch=0, step=100, loss=0.25)
    log.add(epoch=1, step=200, loss=0.125)
    whole = path.read_bytes()
    with path.open("a", newline="") as file:
        file.write(torn)
    CsvLog(path, 300)
    assert path.read_bytes() == whole


@pytest.mark.parametrize("torn", ["", "epoch,st", "epoch,step,loss", "epoch,step,loss\r\n0,1"])
def test_a_log_that_a_full_disk_cut_short_at_once_begins_anew(tmp_path, torn):
    path = tmp_path / "log.csv"
    path.write_text(torn, newline="")
    CsvLog(path, 100).add(epoch=1, step=200, loss=0.5)
    assert rows_of(path) == [{"epoch": "1", "step": "200", "loss": "0.5"}]


def test_the_moving_average_halves_in_its_half_life():
    module = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    average = MovingAverage(module, half_life=100)
    assert not average.module.training and same_weights(average.module, module)
    assert not any(parameter.requires_grad for parameter in average.module.parameters())
    with torch.no_grad():
        module[0].weight.fill_(1.0)
        average.module[0].weight.zero_()
        module[1].running_mean.fill_(3.0)
    average.update(module, 100)
    assert average.module[0].weight.flatten().tolist() == pytest.approx([0.5] * 4)
    for _ in range(10):
        average.update(module, 10)
    assert average.module[0].weight.flatten().tolist() == pytest.approx([0.75] * 4)
    assert average.module[1].running_mean.tolist() == [3.0, 3.0]  # a buffer is copied
    assert module[0].weight.flatten().tolist() == [1.0] * 4
