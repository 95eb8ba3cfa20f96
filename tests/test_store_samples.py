"""Files of samples: what is written comes back, memory, damage, stopped draws."""

import tracemalloc

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_directions import (
    Killed,
    some_rows,
    write_rows,
)

from ohlora_lib.errors import InputError
from ohlora_lib.store import samples
from ohlora_lib.store.samples import iter_samples, read_samples, samples_writer


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=5), st.data())
def test_samples_come_back_as_they_were_written(tmp_path_factory, sizes, data):
    path = tmp_path_factory.mktemp("samples") / "samples.parquet"
    rows = some_rows(sum(sizes))
    write_rows(path, rows, sizes)
    for limit in (None, data.draw(st.integers(1, sum(sizes)))):
        found = read_samples(path, ["eyes", "w"], limit)
        assert list(found) == ["eyes", "w"]
        for name, values in found.items():
            assert values.dtype == np.float32 and np.array_equal(values, rows[name][:limit])
    parts = list(iter_samples(path, ["w"]))
    assert [part["w"].shape for part in parts] == [(size, 5) for size in sizes]
    assert all(list(part) == ["w"] for part in parts)


def test_only_the_rows_asked_for_are_read(tmp_path):
    path = tmp_path / "samples.parquet"
    rows = some_rows(300)
    write_rows(path, rows, [100, 100, 100])
    content = bytearray(path.read_bytes())
    place = content.find(rows["w"][250].tobytes())
    content[place] ^= 0xFF
    path.write_bytes(content)
    assert np.array_equal(read_samples(path, ["w"], 200)["w"], rows["w"][:200])
    assert np.array_equal(read_samples(path, ["eyes"])["eyes"], rows["eyes"])
    with pytest.raises(InputError, match=r"samples\.parquet is not a table of samples"):
        read_samples(path, ["w"], 201)


@pytest.mark.parametrize("whole", [True, False])
def test_memory_holds_the_rows_asked_for_once(tmp_path, monkeypatch, whole):
    """Arrow's memory holds one group, numpy's the result, however many groups there are."""
    path, genuine = tmp_path / "samples.parquet", samples._group
    arrow, held = {}, {}
    for groups in (20, 160):
        write_rows(path, some_rows(100 * groups), [100] * groups)
        seen, before = [], pa.total_allocated_bytes()

        def watched(file, index, columns, seen=seen, before=before):
            found = genuine(file, index, columns)
            seen.append(pa.total_allocated_bytes() - before)
            return found

        monkeypatch.setattr(samples, "_group", watched)
        tracemalloc.start()
        if whole:
            size = sum(each.nbytes for each in read_samples(path, ["w", "eyes"]).values())
        else:
            size = 100 * sum(len(part["w"]) >= 0 for part in iter_samples(path, ["w", "eyes"]))
        held[groups] = tracemalloc.get_traced_memory()[1] - size * whole
        tracemalloc.stop()
        assert len(seen) == groups and size == 100 * groups * (24 if whole else 1)
        arrow[groups] = max(seen)
    assert arrow[160] <= 2 * arrow[20] and held[160] <= 2 * held[20] + 50_000


def test_a_pass_opens_the_file_once(tmp_path, monkeypatch):
    path, genuine, opened = tmp_path / "samples.parquet", samples.pq.ParquetFile, []

    def counted(*arguments, **options):
        opened.append(arguments)
        return genuine(*arguments, **options)

    write_rows(path, some_rows(60), [10] * 6)
    monkeypatch.setattr(samples.pq, "ParquetFile", counted)
    assert len(list(iter_samples(path, ["w"]))) == 6 and len(opened) == 1
    assert len(read_samples(path, ["w"])["w"]) == 60 and len(opened) == 2


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda path: path.unlink(), "does not exist"),
        (lambda path: path.write_bytes(path.read_bytes()[:-200]), "is not a table of samples"),
        (lambda path: path.write_bytes(b""), "is not a table of samples"),
        (lambda path: path.write_text("id,eyes\n0,1\n"), "is not a table of samples"),
        (lambda path: write_rows(path, {"w": np.ones((9, 5))}, [9]), "lacks the column eyes"),
        (lambda path: write_rows(path, some_rows(7), [3, 4]), "has 7 samples where 8 are needed"),
    ],
)
def test_samples_that_cannot_be_read_are_refused_in_a_sentence(tmp_path, damage, sentence):
    path = tmp_path / "samples.parquet"
    write_rows(path, some_rows(9), [9])
    damage(path)
    with pytest.raises(InputError) as info:
        read_samples(path, ["w", "eyes"], 8)
    text = str(info.value)
    assert sentence in text and str(path) in text and "\n" not in text


def test_a_draw_that_is_stopped_leaves_nothing_behind(tmp_path):
    path = tmp_path / "samples.parquet"
    for before in ([], [path]):
        with pytest.raises(Killed), samples_writer(path) as append:
            append(some_rows(4))
            raise Killed
        assert list(tmp_path.iterdir()) == before
        write_rows(path, some_rows(3), [3])
    assert len(read_samples(path, ["w"])["w"]) == 3
