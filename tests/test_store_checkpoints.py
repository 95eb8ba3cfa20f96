"""Checkpoints: round trip, reproducible bytes, files that are something else."""

import pickle
import subprocess
import sys

import pytest
import torch
from safetensors.torch import save_file

from ohlora_lib.errors import InputError
from ohlora_lib.store.checkpoints import read_checkpoint, save_checkpoint

CONFIG = {"resolution": 64, "channels": [8, 4], "name": "é"}


def tensors():
    weight = torch.arange(6, dtype=torch.float32).reshape(2, 3)
    return {
        "layer.weight": weight.t(),  # not contiguous, shares storage
        "layer.tied": weight,
        "count": torch.tensor(3, dtype=torch.int64),
        "empty": torch.zeros(0, 2, dtype=torch.float16),
    }


def test_round_trip(tmp_path):
    path = tmp_path / "deep" / "m.safetensors"
    save_checkpoint(path, tensors(), "toy", CONFIG, {"seed": 1})
    got = read_checkpoint(path, kind="toy")
    assert (got.kind, got.config, got.provenance) == ("toy", CONFIG, {"seed": 1})
    assert set(got.tensors) == set(tensors())
    for name, tensor in tensors().items():
        assert got.tensors[name].dtype == tensor.dtype and torch.equal(got.tensors[name], tensor)
    save_checkpoint(path, tensors(), "toy", CONFIG)
    assert read_checkpoint(path).provenance == {}


def test_bytes_are_the_same_in_every_process(tmp_path):
    code = (
        "import torch; from ohlora_lib.store.checkpoints import save_checkpoint;"
        "tensors = {{'b': torch.ones(2), 'a': torch.zeros(3)}};"
        "save_checkpoint('{}', tensors, 'toy', {{'x': 1}}, {{'y': 2}})"
    )
    for name in ("1", "2"):
        subprocess.run([sys.executable, "-c", code.format(tmp_path / name)], check=True)
    save_checkpoint(
        tmp_path / "3", {"a": torch.zeros(3), "b": torch.ones(2)}, "toy", {"x": 1}, {"y": 2}
    )
    assert len({(tmp_path / name).read_bytes() for name in "123"}) == 1


def test_failure_keeps_the_old_file(tmp_path):
    path = tmp_path / "m.safetensors"
    save_checkpoint(path, tensors(), "toy", CONFIG)
    before = path.read_bytes()
    with pytest.raises(TypeError):
        save_checkpoint(path, tensors(), "toy", {"x": object()})
    assert path.read_bytes() == before and len(list(tmp_path.iterdir())) == 1


def test_every_truncation_is_an_input_error(tmp_path):
    path = tmp_path / "m.safetensors"
    save_checkpoint(path, tensors(), "toy", CONFIG)
    raw = path.read_bytes()
    for length in [0, 4, 8, 20, len(raw) // 2, len(raw) - 1]:
        path.write_bytes(raw[:length])
        with pytest.raises(
            InputError, match=r"m\.safetensors is truncated or not a safetensors file"
        ):
            read_checkpoint(path)


def test_a_changed_byte_is_an_input_error_wherever_it_matters(tmp_path):
    path = tmp_path / "m.safetensors"
    save_checkpoint(path, tensors(), "toy", CONFIG)
    raw, whole = path.read_bytes(), read_checkpoint(path)
    harmless = 0  # such as the name of the checksum: the contents are right then
    for place in range(len(raw)):
        path.write_bytes(raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :])
        try:
            found = read_checkpoint(path)
        except InputError:
            continue
        harmless += 1
        assert (found.kind, found.config) == (whole.kind, whole.config)
        assert all(torch.equal(found.tensors[name], whole.tensors[name]) for name in whole.tensors)
    assert harmless < 80
    path.write_bytes(raw[:-1] + bytes([raw[-1] ^ 1]))
    with pytest.raises(InputError, match=r"m\.safetensors is damaged: its checksum .* \(rm "):
        read_checkpoint(path)


def test_no_length_of_the_header_is_taken_for_a_pickle(tmp_path):
    path, starts = tmp_path / "m.safetensors", set()
    for length in range(0, 1400, 8):
        save_checkpoint(path, tensors(), "toy", {"note": "n" * length})
        assert read_checkpoint(path).config["note"] == "n" * length
        starts.add(path.read_bytes()[:2])
    assert {b"\x80\x04", b"\x80\x05"} <= starts  # of files, they would mean pickles


def test_a_checkpoint_without_a_checksum_is_read(tmp_path):
    path = tmp_path / "m.safetensors"
    save_file({"a": torch.ones(2)}, path, {"kind": "toy", "config": "{}"})
    assert read_checkpoint(path).tensors["a"].tolist() == [1.0, 1.0]


def test_files_that_are_something_else(tmp_path):
    path = tmp_path / "m.safetensors"
    with pytest.raises(InputError, match="does not exist"):
        read_checkpoint(path)
    torch.save({"a": torch.ones(2)}, path)
    with pytest.raises(InputError, match="PyTorch pickle"):
        read_checkpoint(path)
    path.write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(InputError, match="Python pickle"):
        read_checkpoint(path)
    path.write_text("\n<!DOCTYPE html><html>Sign in</html>")
    with pytest.raises(InputError, match="web page"):
        read_checkpoint(path)
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    with pytest.raises(InputError, match="Git LFS pointer"):
        read_checkpoint(path)
    save_file({"a": torch.ones(2)}, path)
    with pytest.raises(InputError, match="no kind and config"):
        read_checkpoint(path)
    save_checkpoint(path, tensors(), "toy", CONFIG)
    with pytest.raises(InputError, match="holds a toy network where a parser network is needed"):
        read_checkpoint(path, kind="parser")
