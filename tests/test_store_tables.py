"""Atomic files, tables and JSON documents."""

import hashlib

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ohlora_lib.errors import InputError
from ohlora_lib.store.atomic import atomic_path
from ohlora_lib.store.tables import (
    read_json,
    read_table,
    write_json,
    write_table,
)


def test_atomic_path_replaces_on_success_only(tmp_path):
    path = tmp_path / "new" / "a.txt"
    with atomic_path(path) as part:
        part.write_text("old")
        assert part.suffix == ".txt" and part.parent == path.parent and not path.exists()
    with pytest.raises(RuntimeError), atomic_path(path) as part:
        part.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    with pytest.raises(FileNotFoundError), atomic_path(path):
        pass
    assert [file.name for file in path.parent.iterdir()] == ["a.txt"]


frames = st.integers(0, 20).flatmap(
    lambda n: st.fixed_dictionaries(
        {
            "id": st.lists(st.integers(-(2**62), 2**62), min_size=n, max_size=n),
            "score": st.lists(st.floats(allow_infinity=False), min_size=n, max_size=n),
            "name": st.lists(
                st.text("abc é,\"'", min_size=1).map(lambda t: "x" + t), min_size=n, max_size=n
            ),
        }
    )
)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
@given(columns=frames)
def test_tables_round_trip(tmp_path_factory, suffix, columns):
    path = tmp_path_factory.mktemp("tables") / f"t.{suffix}"
    frame = pd.DataFrame(columns).astype({"id": "int64", "score": "float64", "name": "str"})
    write_table(path, frame)
    first = path.read_bytes()
    again = read_table(path)
    if len(frame):
        pd.testing.assert_frame_equal(again, frame, check_exact=True)
    assert list(again) == list(frame) and len(again) == len(frame)
    write_table(path, again if len(frame) else frame)
    assert path.read_bytes() == first


def test_table_columns_and_errors(tmp_path):
    path = tmp_path / "t.parquet"
    write_table(path, pd.DataFrame({"id": [1, 2], "a": [0.5, 1.5]}))
    assert list(read_table(path, ["a", "id"])) == ["a", "id"]
    with pytest.raises(InputError, match=r"t\.parquet lacks the columns b, c \(it has id, a\)"):
        read_table(path, ["b", "id", "c"])
    with pytest.raises(InputError, match="does not exist"):
        read_table(tmp_path / "no.csv")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(
        InputError, match=r"t\.parquet is not a readable Parquet table .* delete it"
    ):
        read_table(path)
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(InputError, match="is empty"):
        read_table(tmp_path / "empty.csv")
    (tmp_path / "ragged.csv").write_text("a,b\n1,2\n1,2,3\n")
    with pytest.raises(InputError, match="line 3"):
        read_table(tmp_path / "ragged.csv")
    with pytest.raises(ValueError, match=r"\.parquet or \.csv"):
        read_table(tmp_path / "t.xlsx")


def test_a_csv_that_was_cut_is_an_input_error(tmp_path):
    path = tmp_path / "scores.csv"
    write_table(path, pd.DataFrame({"id": [1, 2, 3], "eyes_score": [0.25, -1.5, 2.75]}))
    raw = path.read_bytes()
    path.write_bytes(raw[:-2])  # inside the last number
    with pytest.raises(
        InputError, match=r"scores\.csv is not what was written.* \(rm \S+/scores\.csv\)"
    ):
        read_table(path)
    for damaged in (raw[: raw[:-1].rindex(b"\n") + 1], raw.replace(b"2.75", b"2.15")):
        path.write_bytes(damaged)  # without its last row; with another digit
        with pytest.raises(InputError, match=r"scores\.csv is not what was written"):
            read_table(path)
    path.write_bytes(raw)
    assert len(read_table(path)) == 3
    path.write_bytes(raw[:-2])
    (tmp_path / "scores.csv.sha256").unlink()  # as of a table that no run wrote
    with pytest.raises(InputError, match=r"scores\.csv is cut off"):
        read_table(path)


def test_checksums_are_written_as_sha256sum_writes_them(tmp_path):
    write_table(tmp_path / "a.csv", pd.DataFrame({"id": [1]}))
    digest = hashlib.sha256(b"id\n1\n").hexdigest()
    assert (tmp_path / "a.csv.sha256").read_text() == f"{digest}  a.csv\n"


def test_a_changed_byte_of_a_parquet_table_is_an_input_error(tmp_path):
    path = tmp_path / "t.parquet"
    write_table(path, pd.DataFrame({"id": [1, 2], "a": [0.5, 1.5]}))
    raw = path.read_bytes()
    place = raw.index(np.float64(1.5).tobytes())
    path.write_bytes(raw[:place] + b"\x01" + raw[place + 1 :])
    with pytest.raises(InputError, match=r"t\.parquet is not a readable Parquet table"):
        read_table(path)


def test_json(tmp_path):
    path = tmp_path / "a.json"
    write_json(
        path,
        {
            "b": np.float32(0.5),
            "a": np.arange(2),
            "c": float("nan"),
            "d": (True, None, "é"),
            "e": tmp_path,
        },
    )
    assert read_json(path) == {
        "a": [0, 1],
        "b": 0.5,
        "c": None,
        "d": [True, None, "é"],
        "e": str(tmp_path),
    }
    text = path.read_text()
    assert text.endswith("}\n") and text.index('"a"') < text.index('"b"')
    with pytest.raises(TypeError):
        write_json(path, {"x": object()})
    assert path.read_text() == text
    path.write_text('{"a": 1,\n "b": }\n')
    with pytest.raises(InputError, match=r"a\.json is not JSON \(line 2"):
        read_json(path)
    with pytest.raises(InputError, match="does not exist"):
        read_json(tmp_path / "no.json")
