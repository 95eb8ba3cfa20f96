"""Galleries: round trips, chosen rows, damage."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ohlora_lib.errors import InputError
from ohlora_lib.store.gallery import gallery, iter_gallery, read_gallery


def pictures(count: int, seed: int = 0, side: int = 6) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, side, side + 1, 3), np.uint8)


def written(path: Path, images: np.ndarray, batch: int) -> Path:
    with gallery(path) as album:
        for start in range(0, len(images), batch):
            part = images[start : start + batch]
            album.append(start + np.arange(len(part)), part)
    return path


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(count=st.integers(1, 20), batch=st.integers(1, 7), data=st.data())
def test_pictures_come_back_as_they_were(tmp_path, count, batch, data):
    images = pictures(count, seed=count)
    path = written(tmp_path / "pictures.parquet", images, batch)
    rows, found = zip(*iter_gallery(path), strict=True)
    assert all(len(part) <= batch for part in rows)
    assert np.concatenate(rows).tolist() == list(range(count))
    assert np.array_equal(np.concatenate(found), images)
    wanted = data.draw(st.lists(st.integers(0, count - 1), min_size=1, max_size=9))
    assert np.array_equal(read_gallery(path, wanted), images[wanted])


def test_columns_are_a_row_and_png_bytes(tmp_path):
    path = written(tmp_path / "pictures.parquet", pictures(3), 2)
    table = pq.read_table(path)
    assert table.column_names == ["row", "image"]
    assert table["image"][0].as_py().startswith(b"\x89PNG")
    assert b"huggingface" in table.schema.metadata


def test_the_same_pictures_give_the_same_bytes(tmp_path):
    first, second = (written(tmp_path / f"{n}.parquet", pictures(9), 4) for n in "ab")
    assert first.read_bytes() == second.read_bytes()


def test_an_unfinished_gallery_does_not_appear(tmp_path):
    with pytest.raises(KeyboardInterrupt), gallery(tmp_path / "pictures.parquet") as album:
        album.append(np.arange(2), pictures(2))
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())


def test_damage_is_named_in_one_sentence(tmp_path):
    path = written(tmp_path / "pictures.parquet", pictures(30), 10)

    def refused(action) -> str:
        with pytest.raises(InputError) as info:
            action()
        assert "\n" not in str(info.value) and str(path) in str(info.value)
        return str(info.value)

    assert "lacks 2 pictures (row 30, 99)" in refused(lambda: read_gallery(path, [3, 30, 99]))
    raw = bytearray(path.read_bytes())
    raw[300:400] = bytes(100)
    path.write_bytes(raw)
    assert "snakemake again" in refused(lambda: list(iter_gallery(path)))
    path.write_bytes(b"no parquet")
    assert "is damaged or not a gallery" in refused(lambda: list(iter_gallery(path)))
    path.unlink()
    assert "does not exist" in refused(lambda: read_gallery(path, [0]))


def test_another_table_is_not_a_gallery(tmp_path):
    path = tmp_path / "pictures.parquet"
    pq.write_table(
        pq.read_table(written(path, pictures(3), 3)).rename_columns(["id", "image"]), path
    )
    with pytest.raises(InputError, match="not a gallery .it has the columns id, image"):
        read_gallery(path, [0])
