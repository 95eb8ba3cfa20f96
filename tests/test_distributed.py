"""Two processes that train one network end with what one process ends with."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from ohlora_lib.methods.finetune.options import check_processes
from ohlora_lib.methods.finetune.versions import version_options
from ohlora_lib.networks.files import load_network
from ohlora_lib.store.tables import read_json
from ohlora_lib.training.distributed import Ranks

TESTS = Path(__file__).parent
TRAIN = """
import sys
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, {tests!r})
from ohlora_lib.networks.files import save_network
from ohlora_lib.store.tables import write_json
from ohlora_lib.training.distributed import Ranks

kind, folder = sys.argv[1], Path(sys.argv[2])
if kind in ("property_cnn", "hairstyle_cnn"):
    from ohlora_lib.networks.files import network_class
    from ohlora_lib.training.score_regression import (
        PropertyOptions,
        ScoredFaces,
        train_property_cnn,
    )

    draw = np.random.default_rng(0)
    images = draw.integers(0, 256, (13, 64, 64, 3), dtype=np.uint8)
    scores = draw.standard_normal((13, 7))
    scores[2, 3] = np.nan
    scores[:6, 4] = [np.nan, 0, 0, 0, np.nan, 0]  # poses without eyes: missing, or a raw score of 0
    hair, tilt = None, 15
    if kind == "hairstyle_cnn":
        scores, tilt = scores[:, :1], 0
        hair = np.packbits(draw.random((13, 224, 224)) < draw.random((13, 1, 1)), axis=-1)
    options = PropertyOptions(batch=5, epochs=2, tilt=tilt)  # the last batch is a single picture
    rows = np.arange(11), np.arange(11, 13)
    state = folder / "state"
    data = ScoredFaces(images, scores, *rows, hair, pose_unit=(0.0, 0.1))
    found = train_property_cnn(data, options, 3, state, network_class(kind))
    networks, told = {{"network": found.network}}, found.history
else:
    from small_finetunes import make_objective, small_finetune
    from ohlora_lib.methods.finetune.loop import train_finetune

    given, options = small_finetune(kind, steps=4, epoch=2, r1_every=2)
    objective = make_objective(given, options, 1)
    found = train_finetune(objective, given, options, folder / "state", 1)
    networks = {{**found.networks, "discriminator": objective.modules["discriminator"]}}
    told = found.check
if Ranks().first:
    for name, network in networks.items():
        save_network(folder / f"{{name}}.safetensors", network)
    write_json(folder / "told.json", told)
"""


def train(kind: str, folder: Path, processes: int) -> dict[str, torch.Tensor]:
    """Train in fresh processes; return all weights."""
    folder.mkdir(exist_ok=True)
    (folder / "train.py").write_text(TRAIN.format(tests=str(TESTS)))
    command = [sys.executable]
    if processes > 1:
        command += ["-m", "ohlora_lib.runtime.launch", str(processes)]
    environment = {**os.environ, "PYTHONPATH": str(TESTS.parent)}
    done = subprocess.run(
        [*command, str(folder / "train.py"), kind, str(folder)],
        env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return {
        f"{path.stem}.{name}": value
        for path in sorted(folder.glob("*.safetensors"))
        for name, value in load_network(path).state_dict().items()
    }


def largest_difference(first: dict, second: dict) -> float:
    """Return the largest difference, in units of the weights' size where that is above one.

    (The mapping network stores weights a hundred times as large as it uses.)
    """
    assert first.keys() == second.keys()
    return max(
        float(
            (first[name] - second[name]).abs().max()
            / max(1.0, first[name].float().norm() / first[name].numel() ** 0.5)
        )
        for name in first
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "tolerance"),
    [
        ("property_cnn", 1e-4),
        ("hairstyle_cnn", 1e-4),
        ("v1", 1e-3),
        ("v8", 1e-3),
        ("v5_1", 1e-3),
    ],
)
def test_two_processes_end_with_the_weights_of_one(tmp_path, kind, tolerance):
    alone = train(kind, tmp_path / "1", 1)
    together = train(kind, tmp_path / "2", 2)
    assert largest_difference(alone, together) < tolerance
    logs = [sorted(path.name for path in (tmp_path / n / "state").iterdir()) for n in "12"]
    assert logs[0] == logs[1]
    # one of them is killed after its first epoch: going on gives the same, to the bit
    newest = max((tmp_path / "2" / "state").glob("state-*"))
    newest.unlink()
    assert largest_difference(together, train(kind, tmp_path / "2", 2)) == 0
    assert read_json(tmp_path / "2" / "told.json")


def test_a_process_alone_changes_nothing():
    network = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5))
    ranks = Ranks()
    ranks.spread(network, torch.optim.Adam(network.parameters()))
    assert not network[1]._forward_hooks and ranks.first
    assert ranks.rows(5) == slice(0, 5) and ranks.agree(3) == 3
    assert ranks.mean({"a": 2.0}) == {"a": 2.0}


@pytest.mark.parametrize("processes", [2, 3])
def test_every_row_belongs_to_one_process(monkeypatch, processes):
    taken = []
    for index in range(processes):
        ranks = Ranks()
        ranks.index, ranks.number = index, processes
        taken += np.arange(7)[ranks.rows(7)].tolist()
    assert taken == list(range(7))


@pytest.mark.parametrize(
    ("version", "recipe", "processes", "reason"),
    [
        ("v3", "corrected", 2, "only adversarial fine-tunes"),
        ("v1", "corrected", 3, "a batch of 16 cannot be shared equally by 3"),
        ("v1", "published", 2, "cannot have style_mixing, as published"),
    ],
)
def test_what_cannot_be_shared_is_refused(version, recipe, processes, reason):
    options = version_options(version, recipe, {})
    check_processes(options, 1)
    with pytest.raises(ValueError, match=reason):
        check_processes(options, processes)
    check_processes(version_options("v8", "corrected", {}), 4)
